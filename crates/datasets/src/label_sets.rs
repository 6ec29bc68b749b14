//! Samples that have several labels at once, or none.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::DatasetError;

/// How many labels a sample has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// One: its class.
    #[default]
    One,
    /// Any number of classes, or none; which, [`LabelSets`] says.
    Several,
}

/// The sets of classes that samples have, when each may have several.
///
/// The label that a batch gives a sample is then the number of its set. Clones share the sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSets {
    classes: usize,
    sets: Arc<Vec<Vec<u32>>>,
}

impl LabelSets {
    /// Sets of classes, each below `classes`; a set may be empty.
    ///
    /// # Errors
    ///
    /// A class that is too large, or that a set has twice.
    pub fn new(classes: usize, sets: Vec<Vec<u32>>) -> Result<Self, DatasetError> {
        for (set, members) in sets.iter().enumerate() {
            for (position, &class) in members.iter().enumerate() {
                if class as usize >= classes || members[..position].contains(&class) {
                    return Err(DatasetError::LabelSet { set, class, classes });
                }
            }
        }
        Ok(Self { classes, sets: Arc::new(sets) })
    }

    /// The sets of some samples without repetition, in the order in which they first occur, and the number of every sample's
    /// set. The order within a set says nothing.
    ///
    /// # Errors
    ///
    /// As [`LabelSets::new`].
    pub fn of_samples(
        classes: usize,
        samples: impl IntoIterator<Item = Vec<u32>>,
    ) -> Result<(Self, Vec<u32>), DatasetError> {
        let (mut known, mut sets) = (BTreeMap::new(), Vec::new());
        let mut number = |mut members: Vec<u32>| {
            members.sort_unstable();
            *known.entry(members).or_insert_with_key(|members| {
                sets.push(members.clone());
                sets.len() as u32 - 1
            })
        };
        let numbers = samples.into_iter().map(&mut number).collect();
        Ok((Self::new(classes, sets)?, numbers))
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of sets.
    pub fn count(&self) -> usize {
        self.sets.len()
    }

    /// The classes of a set; None if there is no such set.
    pub fn set(&self, number: u32) -> Option<&[u32]> {
        self.sets.get(number as usize).map(Vec::as_slice)
    }

    /// Writes the targets of samples with these labels, `[sample, class]`: 1 for the classes of its set, 0 for others, and no
    /// numbers for a sample whose set does not exist, so that its loss is none either.
    pub fn write_targets(&self, labels: &[u32], targets: &mut [f32]) {
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

/// How many samples with these labels each class has.
pub(crate) fn class_counts(
    classes: usize,
    sets: Option<&LabelSets>,
    labels: impl Iterator<Item = u32>,
) -> Vec<usize> {
    let mut counts = vec![0; classes];
    for label in labels {
        match sets {
            None => counts[label as usize] += 1,
            Some(sets) => {
                for &class in sets.set(label).unwrap_or_default() {
                    counts[class as usize] += 1;
                }
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_samples_are_numbered_as_they_first_occur() {
        let samples = [vec![2, 0], vec![], vec![0, 2], vec![1], vec![]];
        let (sets, numbers) = LabelSets::of_samples(3, samples).unwrap();
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!(sets, LabelSets::new(3, vec![vec![0, 2], vec![], vec![1]]).unwrap());
        assert_eq!((sets.count(), sets.set(2), sets.set(3)), (3, Some(&[1][..]), None));
    }

    #[test]
    fn bad_sets_are_refused() {
        let message = |sets| LabelSets::new(3, sets).unwrap_err().to_string();
        assert_eq!(
            message(vec![vec![0], vec![2, 3]]),
            "label set 1 has class 3 twice, or it is not below 3, the number of classes"
        );
        assert_eq!(
            message(vec![vec![1, 1]]),
            "label set 0 has class 1 twice, or it is not below 3, the number of classes"
        );
    }
}
