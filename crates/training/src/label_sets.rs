//! Images that have several labels at once, or none.

use crate::TrainError;

/// The sets of classes that images have, when each may have several.
///
/// The label that a batch gives an image is then the number of its set. Sets are few where combinations repeat; where they do
/// not, every image has a set of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSets {
    classes: usize,
    sets: Vec<Vec<u32>>,
}

impl LabelSets {
    /// Sets of classes, each below `classes`; a set may be empty.
    ///
    /// # Errors
    ///
    /// A class that is too large, or that a set has twice.
    pub fn new(classes: usize, sets: Vec<Vec<u32>>) -> Result<Self, TrainError> {
        for (set, members) in sets.iter().enumerate() {
            for (position, &class) in members.iter().enumerate() {
                if class as usize >= classes || members[..position].contains(&class) {
                    return Err(TrainError::LabelSet { set, class, classes });
                }
            }
        }
        Ok(Self { classes, sets })
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The classes of a set; None if there is no such set.
    pub fn set(&self, number: u32) -> Option<&[u32]> {
        self.sets.get(number as usize).map(Vec::as_slice)
    }

    /// Writes the targets of images with these labels, `[image, class]`: 1 for the classes of its set, 0 for others, and no
    /// numbers for an image whose set does not exist, so that its loss is none either.
    pub(crate) fn write(&self, labels: &[u32], targets: &mut [f32]) {
        for (label, row) in labels.iter().zip(targets.chunks_exact_mut(self.classes)) {
            let Some(members) = self.set(*label) else {
                row.fill(f32::NAN);
                continue;
            };
            row.fill(0.0);
            for class in members {
                row[*class as usize] = 1.0;
            }
        }
    }
}
