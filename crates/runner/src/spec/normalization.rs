//! Key `normalization`: what pixel values are before a network sees them.

use serde::Deserialize;

use super::number::{Positive, Signed};

/// What is subtracted from every channel of an image, whose pixels are from 0 to 1, and what it is then divided by: one number
/// for each channel. Of log-mel patches they are of the values themselves.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `mean` | required | subtracted first |
/// | `std` | required | then divided by; above 0 |
///
/// Without the key they are mean and standard deviation of the training images, or of the first 2000 where samples are read from
/// files.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }`"
)]
pub struct Normalization {
    /// Subtracted first, channel by channel.
    pub mean: Vec<Signed>,
    /// Then divided by, channel by channel.
    pub std: Vec<Positive>,
}
