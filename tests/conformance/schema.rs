//! What is in a network file; the README of the golden files is the documentation of every field.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    pub(crate) schema_version: u32,
    pub(crate) name: String,
    pub(crate) constructs: Vec<String>,
    pub(crate) family: Family,
    pub(crate) grouping: Combination,
    pub(crate) nodes: Vec<Node>,
    pub(crate) outputs: Vec<String>,
    #[serde(default)]
    pub(crate) input_boundary: Vec<String>,
    #[serde(default)]
    pub(crate) blacklist: Vec<String>,
    #[serde(default)]
    pub(crate) force_group: Vec<Vec<String>>,
    pub(crate) threshold: f32,
    pub(crate) l2_threshold: Option<f32>,
    pub(crate) l1_fraction: Option<f32>,
    #[serde(default)]
    pub(crate) gammas: BTreeMap<String, Vec<f32>>,
    #[serde(default)]
    pub(crate) weights: BTreeMap<String, Weights>,
    #[serde(default)]
    pub(crate) logits: BTreeMap<String, Vec<f32>>,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Family {
    Gamma,
    GroupLasso,
    LogisticSigmoid,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Combination {
    Max,
    L2,
    Probabilistic,
}

/// A node, or the single operator of a unit case.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Node {
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) op: String,
    #[serde(default)]
    pub(crate) inputs: Vec<String>,
    pub(crate) out_shape: Vec<usize>,
    pub(crate) shape: Option<Vec<usize>>,
    pub(crate) kind: Option<String>,
    pub(crate) out: Option<usize>,
    pub(crate) kernel: Option<Vec<usize>>,
    pub(crate) stride: Option<Vec<usize>>,
    pub(crate) padding: Option<String>,
    pub(crate) dilation: Option<[usize; 2]>,
    pub(crate) groups: Option<usize>,
    pub(crate) multiplier: Option<usize>,
    pub(crate) keep_first_channel_alive: Option<bool>,
    #[serde(rename = "keep_dims")]
    pub(crate) _keep_dims: Option<bool>,
    pub(crate) value: Option<f32>,
    pub(crate) axis: Option<isize>,
    pub(crate) paddings: Option<Vec<[usize; 2]>>,
    pub(crate) size: Option<[usize; 2]>,
    pub(crate) perm: Option<Vec<usize>>,
    pub(crate) block: Option<usize>,
    /// Attributes that this test does not know.
    #[serde(flatten)]
    pub(crate) unknown: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Option<Vec<f32>>,
    pub(crate) const_per_output: Option<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quirk {
    pub(crate) code: String,
    pub(crate) ops: Vec<String>,
    #[serde(rename = "fields")]
    pub(crate) _fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    pub(crate) nodes: BTreeMap<String, ExpectedNode>,
    pub(crate) not_analysed: Vec<String>,
    pub(crate) groups: Vec<Group>,
    pub(crate) export: BTreeMap<String, usize>,
    pub(crate) costs: Vec<Cost>,
    pub(crate) max_ties: bool,
    pub(crate) near_ties: Vec<(String, String, usize)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedNode {
    pub(crate) width: usize,
    pub(crate) n_alive: usize,
    pub(crate) alive: Option<String>,
    pub(crate) reg_sum: f64,
}

/// Node, first channel, number of channels.
pub(crate) type Slice = (String, usize, usize);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Group {
    pub(crate) members: Vec<Slice>,
    pub(crate) sources: Vec<Slice>,
    pub(crate) regularized: bool,
    pub(crate) alive: Option<String>,
    pub(crate) reg: Option<Vec<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the files")]
pub(crate) struct Cost {
    pub(crate) target: String,
    pub(crate) hardware: Option<String>,
    pub(crate) batch: Option<usize>,
    pub(crate) total_cost: f64,
    pub(crate) total_term: f64,
    pub(crate) internal: Option<[f64; 2]>,
    pub(crate) ops: Option<BTreeMap<String, [f64; 2]>>,
    pub(crate) seed_cost: Option<f64>,
    pub(crate) seed_term: Option<f64>,
    pub(crate) grad: Option<BTreeMap<String, Option<Vec<Option<f64>>>>>,
}
