//! The closed set of families.

use graph::{Graph, Shape};
use serde::{Deserialize, Serialize};

use crate::{ArchitectureError, InceptionV2};

/// A network family with its options; in an experiment file `{ inception-v2: { stem: small } }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// Batch-normalised Inception (Ioffe and Szegedy 2015).
    InceptionV2(InceptionV2),
}

impl Architecture {
    /// Names of all families, as they stand in experiment files.
    pub fn families() -> &'static [&'static str] {
        &[InceptionV2::FAMILY]
    }

    /// Name of the family.
    pub fn family(&self) -> &'static str {
        match self {
            Self::InceptionV2(_) => InceptionV2::FAMILY,
        }
    }

    /// Shape of the images that the family was made for.
    pub fn natural_input(&self) -> Shape {
        match self {
            Self::InceptionV2(inception) => inception.natural_input(),
        }
    }

    /// The network for images of shape `input` and this number of classes. Its only output, `Logits`, has shape
    /// `1 x 1 x classes`.
    ///
    /// Errors if an option is outside its range, if there are no classes, if the image is smaller than the overall stride
    /// of the network, or if a layer exceeds the limits of a graph ([`graph::MAX_WIDTH`], [`graph::MAX_ELEMENTS`]). Nothing
    /// is allocated in proportion to widths or images.
    pub fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError> {
        if classes == 0 {
            return Err(ArchitectureError::NoClasses { family: self.family() });
        }
        match self {
            Self::InceptionV2(inception) => inception.build(input, classes),
        }
    }
}
