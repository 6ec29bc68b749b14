//! A measured table with the measurements that it was fitted to.

use serde::{Deserialize, Serialize};

use crate::MeasuredTable;

/// What a calibration leaves behind: a table, and everything needed to fit it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The fitted table.
    pub table: MeasuredTable,
    /// The networks that were measured.
    pub grid: Grid,
    /// Every node that took time, in order.
    pub data: Vec<Measurement>,
}

/// Which made-up networks were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Seed of their widths and operators.
    pub seed: u64,
    /// How many.
    pub networks: usize,
    /// Images in a batch.
    pub batch: usize,
}

/// The time of one node of one network of a grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measurement {
    /// Number of the network in its grid.
    pub network: usize,
    /// Name of the node.
    pub node: String,
    /// The operator with its attributes, for people.
    pub op: String,
    /// Shape of its first input, for people.
    pub input: String,
    /// Shape of its output, for people.
    pub output: String,
    /// Median time of a batch.
    pub nanoseconds: f64,
}
