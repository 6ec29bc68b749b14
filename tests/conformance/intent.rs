//! What a correct implementation gives where the original has a quirk: our numbers for the network as it is, against the
//! formulas of the README of the golden files.

use cost_models::{Bytes, CostForm, CostModel, Flops, Params};
use graph::{Channels, FreezeReason, NodeId, Widths};
use regularizers::{Gamma, Gate, GroupLasso, Grouping, Regularizer, Sources, Strength};

use crate::check::Check;
use crate::network::parameters;
use crate::schema::{Combination, Family, Network, Node};
use crate::seen::{Mapped, is_cut};

/// The network as it is, with its alive widths.
struct Truth<'a> {
    mapped: &'a Mapped,
    channels: Channels,
    widths: Widths,
}

pub(crate) fn verify(file: &Network, mapped: &Mapped, check: &mut Check) -> Result<(), String> {
    let lasso = GroupLasso::new(file.l1_fraction.unwrap_or_default());
    let lasso = lasso.map_err(|error| error.to_string())?;
    let strength: &dyn Strength = match file.family {
        Family::Gamma => &Gamma,
        Family::GroupLasso => &lasso,
        Family::LogisticSigmoid => &Gate,
    };
    let grouping = match file.grouping {
        Combination::Max => Grouping::Max,
        Combination::L2 => Grouping::L2 { threshold: file.l2_threshold.unwrap_or_default() },
        Combination::Probabilistic => Grouping::Probabilistic,
    };
    let channels = Channels::of(&mapped.graph);
    let sources = Sources::of(&mapped.graph, &channels, strength)
        .only(&channels, |group| !channels.is_frozen(group));
    let regularizer = Regularizer {
        graph: &mapped.graph,
        channels: &channels,
        strength,
        sources: &sources,
        grouping,
        threshold: file.threshold,
    };
    let strengths = regularizer
        .strengths(&parameters(file, mapped)?)
        .map_err(|error| format!("the network as it is: {error}"))?;
    let widths = channels.widths_where(|group| strengths.is_alive(group));
    let truth = Truth { mapped, channels, widths };
    for quirk in &file.quirks {
        for id in &quirk.ops {
            let node = file.nodes.iter().find(|node| node.id == *id);
            let node = node.ok_or_else(|| format!("a quirk of `{id}`, which is not there"))?;
            truth.verify(&quirk.code, node, check)?;
        }
    }
    Ok(())
}

impl Truth<'_> {
    fn cost(&self, model: &dyn CostModel, wire: NodeId) -> f64 {
        CostForm::of(model, &self.mapped.graph).node(wire).at(&self.widths)
    }

    fn area(&self, wire: NodeId) -> f64 {
        self.mapped.graph.node(wire).shape.area() as f64
    }

    fn width(&self, wire: NodeId) -> f64 {
        self.widths.on(wire) as f64
    }

    /// Values of a tensor for one image.
    fn values(&self, wire: NodeId) -> f64 {
        self.area(wire) * self.width(wire)
    }

    fn verify(&self, quirk: &str, node: &Node, check: &mut Check) -> Result<(), String> {
        let wire = self.mapped.wires[&node.id];
        let inputs = &self.mapped.inputs[&node.id][..];
        let taps: f64 = node.kernel.iter().flatten().map(|size| *size as f64).product();
        let what = format!("`{}` without {quirk}", node.id);
        let read: f64 = inputs.iter().map(|input| self.values(*input)).sum();
        match quirk {
            "depthwise_weight_bytes" => {
                let bytes = 4.0 * (read + self.values(wire) + taps * self.width(wire));
                check.close(&what, self.cost(&Bytes::of_batch(1), wire), bytes);
            }
            "conv3d_kernel_as_activation" => {
                let kernel = taps * self.width(inputs[0]) * self.width(wire);
                for batch in [1, 8] {
                    let tensors = batch as f64 * (read + self.values(wire));
                    let bytes = 4.0 * (tensors + kernel);
                    check.close(&what, self.cost(&Bytes::of_batch(batch), wire), bytes);
                }
            }
            "broadcast_operand_width" => {
                let bytes = 4.0 * (read + self.values(wire));
                check.close(&what, self.cost(&Bytes::of_batch(1), wire), bytes);
            }
            "grouped_conv_as_dense" => {
                let groups = node.groups.ok_or("a grouped convolution without groups")?;
                let kernel = taps * self.width(inputs[0]) * self.width(wire) / groups as f64;
                check.close(&what, self.cost(&Flops, wire), 2.0 * self.area(wire) * kernel);
                check.close(&what, self.cost(&Params, wire), kernel);
                for wire in [inputs[0], wire] {
                    let on = self.channels.on(wire);
                    let block = on.len() / groups;
                    let balanced = on.chunks(block).all(|other| other == &on[..block]);
                    check.that(balanced, || format!("{what}: its blocks are not tied"));
                }
            }
            "matmul_rows_ignored" => {
                let rows = node.out_shape[0] as f64;
                let kernel = self.width(inputs[0]) * self.width(wire);
                check.close(&what, self.cost(&Flops, wire), 2.0 * rows * kernel);
                let bytes = 4.0 * (read + self.values(wire) + kernel);
                check.close(&what, self.cost(&Bytes::of_batch(1), wire), bytes);
            }
            "channel_link_lost" if is_cut(node) => {
                let (before, after) = (self.channels.on(inputs[0]), self.channels.on(wire));
                let followed = after.iter().all(|group| before.contains(group));
                let mixed = |group: &graph::GroupId| {
                    let frozen = self.channels.frozen(*group);
                    frozen.is_some_and(|frozen| frozen.reason == FreezeReason::Mixed)
                };
                let refused = before.iter().chain(after).all(mixed);
                check.that(followed || refused, || format!("{what}: its channels are lost"));
            }
            // A reader behind such a node is charged for the channels that are alive before it.
            "channel_link_lost" => {
                let kernel = taps * self.width(inputs[0]) * self.width(wire);
                let groups = node.groups.unwrap_or(1) as f64;
                check.close(
                    &what,
                    self.cost(&Flops, wire),
                    2.0 * self.area(wire) * kernel / groups,
                );
            }
            "input_tied" => {
                let image = if node.op == "input" { wire } else { inputs[0] };
                let frozen = |group: &graph::GroupId| self.channels.is_frozen(*group);
                let frozen = self.channels.on(image).iter().all(frozen);
                check.that(frozen, || format!("{what}: the image could lose channels"));
                let whole = self.mapped.graph.node(image).shape.channels;
                check.equal(&what, self.widths.on(image), whole);
            }
            "not_analysed" => {
                let kernel = match node.op.as_str() {
                    "conv2d" => taps * self.width(inputs[0]) * self.width(wire),
                    "matmul" => self.width(inputs[0]) * self.width(wire),
                    _ => 0.0,
                };
                let macs = self.area(wire) * kernel;
                check.close(&what, self.cost(&Flops, wire), 2.0 * macs);
                check.close(&what, self.cost(&Params, wire), kernel);
            }
            "gate_internal_ops" => {
                // The input, the output, and one value per channel.
                let bytes = 4.0 * (read + self.values(wire) + self.width(wire));
                check.close(&what, self.cost(&Bytes::of_batch(1), wire), bytes);
            }
            // That the gradient is 0 is checked where gradients are.
            "lasso_zero_filter_gradient" => {}
            other => return Err(format!("an unknown quirk `{other}`")),
        }
        Ok(())
    }
}
