//! Where we charge otherwise than the original on purpose: its charge, computed from ours. One function each.

use cost_models::{Counting, Term};
use graph::{Graph, NodeId};

use crate::charge::{Charge, Target};
use crate::check::Check;
use crate::schema::Node;
use crate::seen::Mapped;
use crate::translate;

/// A golden node in one of our graphs.
pub(crate) struct Site<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) node: &'a Node,
    /// Its wire.
    pub(crate) wire: NodeId,
    /// The wires that it reads, in its own order.
    pub(crate) inputs: &'a [NodeId],
    pub(crate) target: &'a Target,
}

/// A difference between the original and us.
pub(crate) struct Deviation {
    pub(crate) name: &'static str,
    /// Its quirk code, if the golden files mark it.
    quirk: Option<&'static str>,
    /// Turns our charge into the original's; whether there was anything to do.
    apply: fn(&Site<'_>, &mut Charge) -> Result<bool, String>,
}

pub(crate) const DEVIATIONS: [Deviation; 7] = [
    Deviation { name: "depthwise_counted_once", quirk: None, apply: depthwise_term },
    Deviation {
        name: "depthwise_weight_bytes",
        quirk: Some("depthwise_weight_bytes"),
        apply: depthwise_weight_bytes,
    },
    Deviation {
        name: "conv3d_kernel_as_activation",
        quirk: Some("conv3d_kernel_as_activation"),
        apply: conv3d_kernel,
    },
    Deviation { name: "scalar_product", quirk: None, apply: scalar_product },
    Deviation { name: "global_sum", quirk: None, apply: global_sum },
    Deviation { name: "batch_axis", quirk: None, apply: batch_axis },
    Deviation {
        name: "broadcast_operand_width",
        quirk: Some("broadcast_operand_width"),
        apply: first_operand,
    },
];

/// The original's charge for a node.
pub(crate) fn as_original(site: &Site<'_>, check: &mut Check) -> Result<Charge, String> {
    let mut charge = Charge::ours(site.target, site.graph, site.wire, Counting::default());
    for deviation in &DEVIATIONS {
        if (deviation.apply)(site, &mut charge)? {
            check.deviations.insert(deviation.name);
            if let Some(quirk) = deviation.quirk {
                check.reproduced(quirk, &site.node.id);
            }
        }
    }
    Ok(charge)
}

/// What a gate that keeps its first channel alive is charged beside the product: a concatenation of a mask, written and read
/// (`gate_internal_ops`). None for other nodes.
pub(crate) fn internal(site: &Site<'_>, check: &mut Check) -> Option<Charge> {
    let Target::Latency(..) = site.target else { return None };
    if site.node.op != "gate" || site.node.keep_first_channel_alive != Some(true) {
        return None;
    }
    let mut charge = Charge::ours(site.target, site.graph, site.wire, Counting::default());
    let bytes = 2.0 * vector_bytes(site) * charge.memory.unit;
    let terms = vec![Term::Linear(bytes, site.inputs[0])];
    charge.compute.both(Vec::clear);
    charge.memory.both(|memory| memory.clone_from(&terms));
    check.deviations.insert("gate_internal_ops");
    check.reproduced("gate_internal_ops", &site.node.id);
    Some(charge)
}

/// Bytes per channel of a tensor with one value per channel, which the original takes for one of the batch.
fn vector_bytes(site: &Site<'_>) -> f64 {
    match site.target {
        Target::Latency(_, batch) | Target::Memory(batch) => 4.0 * *batch as f64,
        Target::Flops | Target::ModelSize | Target::Activation => 0.0,
    }
}

fn moves_bytes(target: &Target) -> bool {
    matches!(target, Target::Latency(..) | Target::Memory(_))
}

/// Takes the one term that passes out of a sum.
fn take(terms: &mut Vec<Term>, what: &str, is: impl Fn(&Term) -> bool) -> Result<Term, String> {
    let position = terms.iter().rposition(is);
    position.map(|position| terms.remove(position)).ok_or_else(|| format!("no term for {what}"))
}

/// The penalty of a depthwise convolution counts the strengths of its input and of its output, which is the same channel
/// twice. Ours counts the output.
fn depthwise_term(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if site.node.op != "depthwise_conv2d" || *site.target == Target::Activation {
        return Ok(false);
    }
    for term in charge.compute.cost.clone() {
        let Term::Linear(coefficient, wire) = term else {
            return Err(format!("`{}` is charged {term:?}", site.node.id));
        };
        if wire != site.wire {
            return Err(format!("`{}` is charged for its input", site.node.id));
        }
        charge.compute.term.push(Term::Linear(coefficient, site.inputs[0]));
    }
    Ok(!charge.compute.cost.is_empty())
}

/// A depthwise kernel is charged as that of a dense convolution: `taps * in * out` values and not `taps * out`.
fn depthwise_weight_bytes(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if site.node.op != "depthwise_conv2d" || !moves_bytes(site.target) {
        return Ok(false);
    }
    let taps: usize = site.node.kernel.iter().flatten().product();
    let kernel = 4.0 * taps as f64 * charge.memory.unit;
    let is_kernel = |term: &Term| matches!(term, Term::Linear(c, wire) if *wire == site.wire && (c / kernel - 1.0).abs() < 1e-12);
    for terms in [&mut charge.memory.cost, &mut charge.memory.term] {
        take(terms, "a depthwise kernel", is_kernel)?;
        terms.push(Term::Bilinear(kernel, site.inputs[0], site.wire));
    }
    Ok(true)
}

/// The kernel of a volume is charged as an activation of its input: its depth is ignored, its input channels count as they
/// were, and it is read once per image.
fn conv3d_kernel(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if site.node.op != "conv3d" || !moves_bytes(site.target) {
        return Ok(false);
    }
    let [_, height, width] = site.node.kernel.as_deref().unwrap_or_default() else {
        return Err(format!("the kernel of `{}` has no three sizes", site.node.id));
    };
    let input = site.graph.node(site.inputs[0]).shape.channels;
    let kernel = vector_bytes(site) * (height * width * input) as f64 * charge.memory.unit;
    for terms in [&mut charge.memory.cost, &mut charge.memory.term] {
        take(terms, "a kernel", |term| matches!(term, Term::Bilinear(..)))?;
        terms.push(Term::Linear(kernel, site.inputs[0]));
    }
    Ok(true)
}

/// The constant of a product is charged as often as there are channels, and for every image. It is free here.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a deviation")]
fn scalar_product(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if site.node.op != "mul_scalar" || !moves_bytes(site.target) {
        return Ok(false);
    }
    let constant = Term::Linear(vector_bytes(site) * charge.memory.unit, site.inputs[0]);
    charge.memory.both(|memory| memory.push(constant));
    Ok(true)
}

/// A sum over all positions is charged, a mean is free. Ours is a pool, which is free unless counted.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a deviation")]
fn global_sum(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if site.node.op != "global_sum_pool" || !moves_bytes(site.target) {
        return Ok(false);
    }
    let counting = Counting { pooling: true, ..Counting::default() };
    charge.memory = Charge::ours(site.target, site.graph, site.wire, counting).memory;
    Ok(true)
}

/// A concatenation along the batch stands in our graph as a sum; the original charges it like other concatenations, for one
/// image of the batch.
fn batch_axis(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    let along_batch = site.node.op == "concat" && translate::concat_axis(site.node)?.is_none();
    if !along_batch || !moves_bytes(site.target) {
        return Ok(false);
    }
    for terms in [&mut charge.memory.cost, &mut charge.memory.term] {
        let output = take(
            terms,
            "an output",
            |term| matches!(term, Term::Linear(_, wire) if *wire == site.wire),
        )?;
        *terms = vec![output, output];
    }
    Ok(true)
}

/// All operands of a join are charged with the channels of the first.
#[expect(clippy::unnecessary_wraps, reason = "the signature of a deviation")]
fn first_operand(site: &Site<'_>, charge: &mut Charge) -> Result<bool, String> {
    if !translate::is_join(site.node) || !moves_bytes(site.target) {
        return Ok(false);
    }
    let first = site.inputs[0];
    for term in charge.memory.cost.iter_mut().chain(&mut charge.memory.term) {
        if let Term::Linear(coefficient, wire) = *term
            && wire != site.wire
        {
            *term = Term::Linear(coefficient, first);
        }
    }
    let width = |wire: &NodeId| site.graph.node(*wire).shape.channels;
    Ok(!charge.memory.cost.is_empty()
        && site.inputs.iter().any(|other| width(other) != width(&first)))
}

/// What the original does not analyse has its static width and no strength.
pub(crate) fn fix_unseen(mapped: &Mapped, charge: &mut Charge) {
    let unseen = |wire: NodeId| {
        let width = mapped.graph.node(wire).shape.channels as f64;
        mapped.unseen.contains(&wire).then_some(width)
    };
    let fix = |term: &mut Term| {
        *term = match *term {
            Term::Linear(c, a) => unseen(a).map_or(*term, |width| Term::Constant(c * width)),
            Term::Bilinear(c, a, b) => match (unseen(a), unseen(b)) {
                (Some(a), Some(b)) => Term::Constant(c * a * b),
                (Some(a), None) => Term::Linear(c * a, b),
                (None, Some(b)) => Term::Linear(c * b, a),
                (None, None) => *term,
            },
            Term::Constant(_) | Term::SteppedLinear(..) | Term::SteppedBilinear(..) => *term,
        }
    };
    for side in [&mut charge.compute, &mut charge.memory] {
        side.both(|terms| terms.iter_mut().for_each(fix));
    }
}
