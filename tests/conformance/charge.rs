//! What a node is charged, as sums of terms: by our models, and then as the original does.

use cost_models::{
    Activations, Bytes, CostModel, Counting, Device, Flops, NodeCost, Params, Roofline, Term,
};
use graph::{Graph, NodeId};

/// A resource of the golden files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Flops,
    ModelSize,
    Activation,
    /// Bytes of a batch; of unit cases only.
    Memory(usize),
    Latency(Device, usize),
}

impl Target {
    pub(crate) fn named(
        target: &str,
        hardware: Option<&str>,
        batch: Option<usize>,
    ) -> Result<Self, String> {
        Ok(match (target, hardware, batch) {
            ("flops", None, None) => Self::Flops,
            ("model_size", None, None) => Self::ModelSize,
            ("activation", None, None) => Self::Activation,
            ("latency", Some(hardware), Some(batch)) => Self::Latency(device(hardware)?, batch),
            other => return Err(format!("an unknown target {other:?}")),
        })
    }
}

/// A device of the original in our table.
pub(crate) fn device(hardware: &str) -> Result<Device, String> {
    let name = match hardware {
        "TPUv2" => "tpu-v2".to_owned(),
        other => other.to_lowercase().replace('_', "-"),
    };
    Device::named(&name).map_err(|error| error.to_string())
}

/// One side of a roofline, or a count, which has no other side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Side {
    /// What is charged.
    pub(crate) cost: Vec<Term>,
    /// What the penalty is made of: the derivatives of these terms are the prices.
    pub(crate) term: Vec<Term>,
    /// The unit of the coefficients in FLOPs, bytes, weights or channels.
    pub(crate) unit: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Charge {
    pub(crate) compute: Side,
    pub(crate) memory: Side,
    /// Whether memory binds, where rounding decides it (`near_ties`).
    pub(crate) memory_binds: Option<bool>,
}

impl Side {
    fn new(terms: Vec<Term>, unit: f64) -> Self {
        Self { cost: terms.clone(), term: terms, unit }
    }

    /// Does the same to the cost and to the term.
    pub(crate) fn both(&mut self, change: impl Fn(&mut Vec<Term>)) {
        change(&mut self.cost);
        change(&mut self.term);
    }
}

impl Charge {
    /// What our model of the resource charges, with these options.
    pub(crate) fn ours(target: &Target, graph: &Graph, id: NodeId, counting: Counting) -> Self {
        let of = |model: &dyn CostModel| alternatives(&model.node(graph, id));
        let count = |model: &dyn CostModel| Self {
            compute: Side::new(of(model).swap_remove(0), 1.0),
            memory: Side::default(),
            ..Self::default()
        };
        match target {
            Target::Flops => count(&Flops),
            Target::ModelSize => count(&Params),
            Target::Activation => count(&Activations),
            Target::Memory(batch) => {
                let bytes = of(&Bytes { batch: *batch, counting }).swap_remove(0);
                let memory = Side::new(bytes, 1.0);
                Self { memory, memory_binds: Some(true), ..Self::default() }
            }
            Target::Latency(device, batch) => {
                let roofline = Roofline { counting, ..Roofline::new(device.clone(), *batch) };
                let [compute, memory] = <[_; 2]>::try_from(of(&roofline)).unwrap_or_default();
                Self {
                    compute: Side::new(compute, *batch as f64 / device.peak_gflops),
                    memory: Side::new(memory, 1.0 / device.bandwidth_gbs),
                    memory_binds: None,
                }
            }
        }
    }

    /// The side that binds: memory if its cost is strictly larger.
    pub(crate) fn binding(&self, width: &dyn Fn(NodeId) -> f64) -> &Side {
        let [compute, memory] = self.sides(width);
        if self.memory_binds.unwrap_or(memory > compute) { &self.memory } else { &self.compute }
    }

    /// Cost of computing and of moving.
    pub(crate) fn sides(&self, width: &dyn Fn(NodeId) -> f64) -> [f64; 2] {
        [&self.compute, &self.memory].map(|side| value(&side.cost, width))
    }

    /// Cost at these widths, and the term for these sums of strengths.
    pub(crate) fn at(
        &self,
        width: &dyn Fn(NodeId) -> f64,
        sum: &dyn Fn(NodeId) -> f64,
    ) -> [f64; 2] {
        let side = self.binding(width);
        [value(&side.cost, width), slope(&side.term, width, sum)]
    }

    /// The cost as a form.
    pub(crate) fn node_cost(&self) -> NodeCost {
        NodeCost::max(vec![self.compute.cost.clone(), self.memory.cost.clone()])
    }
}

/// The alternatives of a node's cost; two empty ones if it is free.
fn alternatives(cost: &NodeCost) -> Vec<Vec<Term>> {
    match cost.maxima() {
        [maximum] => maximum.alternatives().to_vec(),
        _ => vec![Vec::new(); 2],
    }
}

/// The number before the widths.
pub(crate) fn coefficient(term: &Term) -> f64 {
    value(&[*term], &|_| 1.0)
}

/// Sum of the terms.
pub(crate) fn value(terms: &[Term], width: &dyn Fn(NodeId) -> f64) -> f64 {
    let one = |term: &Term| match *term {
        Term::Constant(c) => c,
        Term::Linear(c, a) => c * width(a),
        Term::Bilinear(c, a, b) => c * width(a) * width(b),
        Term::SteppedLinear(..) | Term::SteppedBilinear(..) => f64::NAN,
    };
    terms.iter().map(one).sum()
}

/// The change of the terms if every width changes by `sum`, to first order.
fn slope(terms: &[Term], width: &dyn Fn(NodeId) -> f64, sum: &dyn Fn(NodeId) -> f64) -> f64 {
    let one = |term: &Term| match *term {
        Term::Constant(_) => 0.0,
        Term::Linear(c, a) => c * sum(a),
        Term::Bilinear(c, a, b) => c * (width(a) * sum(b) + width(b) * sum(a)),
        Term::SteppedLinear(..) | Term::SteppedBilinear(..) => f64::NAN,
    };
    terms.iter().map(one).sum()
}
