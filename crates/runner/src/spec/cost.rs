//! Key `regularizer.cost`: what a channel is charged for.

use serde::Deserialize;

use super::number::{Count, Positive, Power};

/// What a channel is charged for.
///
/// | resource | what is counted |
/// |---|---|
/// | `flops`, `macs` | operations of kernels for one image; FLOPs are 2 x MACs |
/// | `params` | kernel values |
/// | `activations` | output channels of kernels |
/// | `macts` | output values of kernels for one image |
/// | `bytes` | memory traffic for one image, 4 bytes a value |
/// | `latency` | time on a device: [`Latency`] |
/// | `weighted` | several at once: [`Weighted`] |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    expecting = "a resource, such as `flops` or `{ latency: { device: v100 } }`"
)]
pub enum Cost {
    /// Operations of kernels.
    Flops,
    /// Multiply-adds of kernels.
    Macs,
    /// Kernel values.
    Params,
    /// Output channels of kernels.
    Activations,
    /// Output values of kernels.
    Macts,
    /// Memory traffic.
    Bytes,
    /// Time on a device.
    Latency(Latency),
    /// Several resources at once.
    Weighted(Box<Weighted>),
}

/// Time of a batch on a device: `{ device: v100 }`.
///
/// | key | default | purpose |
/// |---|---|---|
/// | `device` | required | name of a known device, or a device file that ends in `.json`, beside the experiment |
/// | `batch` | 1 | images in a batch |
/// | `smooth` | exact | power of the norm that stands for the larger of computing and moving, 1 to 1000 |
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of settings, such as `{ device: v100 }`")]
pub struct Latency {
    /// Name of a device, or a file.
    pub device: String,
    /// Images in a batch.
    #[serde(default = "one_image")]
    pub batch: Count,
    /// Power of a smooth maximum.
    #[serde(default)]
    pub smooth: Option<Power>,
}

/// Weights of resources, each relative to what the seed costs: `{ flops: 1.0, params: 0.5 }`. What is not named is not
/// counted.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a map of weights, such as `{ flops: 1.0, params: 0.5 }`"
)]
pub struct Weighted {
    /// Of FLOPs.
    pub flops: Option<Positive>,
    /// Of MACs.
    pub macs: Option<Positive>,
    /// Of parameters.
    pub params: Option<Positive>,
    /// Of output channels.
    pub activations: Option<Positive>,
    /// Of output values.
    pub macts: Option<Positive>,
    /// Of memory traffic.
    pub bytes: Option<Positive>,
    /// Of time on a device.
    pub latency: Option<WeightedLatency>,
}

/// [`Latency`] with its weight: `{ device: v100, weight: 0.5 }`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a map of settings, such as `{ device: v100, weight: 0.5 }`"
)]
pub struct WeightedLatency {
    /// Weight, relative to what the seed costs.
    pub weight: Positive,
    /// Name of a device, or a file.
    pub device: String,
    /// Images in a batch.
    #[serde(default = "one_image")]
    pub batch: Count,
    /// Power of a smooth maximum.
    #[serde(default)]
    pub smooth: Option<Power>,
}

fn one_image() -> Count {
    Count::known(1)
}
