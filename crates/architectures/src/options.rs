//! Options that several families share, and how they are checked.

use serde::{Deserialize, Serialize};

/// Which images a network is made for. What that changes is in the documentation of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stem {
    /// The network of the paper, for images of about 224 pixels a side.
    Imagenet,
    /// Fewer steps of 2, for images of 28 to 64 pixels a side.
    Small,
}

impl Stem {
    /// What to do about an image that is too small.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::Imagenet => "use larger images or `stem: small`",
            Self::Small => "use larger images",
        }
    }

    /// One of two values.
    pub(crate) fn choose<T>(self, imagenet: T, small: T) -> T {
        match self {
            Self::Imagenet => imagenet,
            Self::Small => small,
        }
    }
}

/// Where batch norm and activation stand in a residual network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// After the convolution; the sum is activated (He et al. 2015, arXiv 1512.03385).
    V1,
    /// Before the convolution; the sum is left as it is (He et al. 2016, arXiv 1603.05027).
    V2,
}
