//! Small networks, and what must hold of each.

use datasets::Streams;
use graph::{
    BatchNorm, Builder, ChannelMap, Channels, Conv2d, FreezeReason, Graph, GroupId, Linear, NodeId,
    Op, Shape,
};
use regularizers::{Gamma, Prunable, Sources};
use surgery::{mask, shrink};
use testkit::{Mode, interpret, random_images, random_parameters};
use training::Network;

use crate::check::Check;

/// A network drawn node by node.
#[derive(Default)]
pub(super) struct Sketch {
    build: Builder,
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that `map_err` asks for")]
fn text(error: impl ToString) -> String {
    error.to_string()
}

impl Sketch {
    pub(super) fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, String> {
        self.build.add(name, op, inputs).map_err(text)
    }

    /// An image of 4x4 positions and 3 channels.
    pub(super) fn image(&mut self, name: &str) -> Result<NodeId, String> {
        self.add(name, Op::Input(Shape::new(4, 4, 3)), &[])
    }

    /// A 3x3 convolution without bias.
    pub(super) fn conv(&mut self, name: &str, out: usize, input: NodeId) -> Result<NodeId, String> {
        self.add(name, Op::Conv2d(Conv2d::square(out, 3)), &[input])
    }

    /// The same with batch norm; the wire is that of the norm.
    pub(super) fn normed(
        &mut self,
        name: &str,
        out: usize,
        input: NodeId,
    ) -> Result<NodeId, String> {
        let conv = self.conv(name, out, input)?;
        self.add(&format!("{name}/norm"), Op::BatchNorm(BatchNorm::scaled()), &[conv])
    }

    /// A node with the kernel of another.
    pub(super) fn share(
        &mut self,
        name: &str,
        owner: NodeId,
        input: NodeId,
    ) -> Result<NodeId, String> {
        self.build.share(name, owner, &[input]).map_err(text)
    }

    /// The network with a global mean and two logits on a wire.
    pub(super) fn classify(mut self, wire: NodeId) -> Result<Drawn, String> {
        let pool = self.add("pool", Op::GlobalAvgPool, &[wire])?;
        let logits = self.add("logits", Op::Linear(Linear::new(2)), &[pool])?;
        self.finish(&[logits])
    }

    pub(super) fn finish(self, outputs: &[NodeId]) -> Result<Drawn, String> {
        let graph = self.build.finish(outputs).map_err(text)?;
        Ok(Drawn { channels: Channels::of(&graph), graph })
    }
}

/// A finished network with its channel groups.
pub(super) struct Drawn {
    pub(super) graph: Graph,
    channels: Channels,
}

impl Drawn {
    pub(super) fn find(&self, name: &str) -> Result<NodeId, String> {
        self.graph.find(name).ok_or_else(|| format!("there is no node `{name}`"))
    }

    pub(super) fn on(&self, name: &str) -> Result<&[GroupId], String> {
        Ok(self.channels.on(self.find(name)?))
    }

    /// The wire's channels are those of other wires, in this order.
    pub(super) fn tied(
        &self,
        wire: &str,
        others: impl IntoIterator<Item = (&'static str, usize)>,
        check: &mut Check,
    ) -> Result<(), String> {
        let mut expected = Vec::new();
        for (other, channel) in others {
            let group = self.on(other)?.get(channel).copied();
            expected.push(group.ok_or_else(|| format!("`{other}` has no channel {channel}"))?);
        }
        check.equal(format_args!("groups of `{wire}`"), self.on(wire)?.to_vec(), expected);
        Ok(())
    }

    /// Every channel of the wire may die.
    pub(super) fn free(&self, wire: &str, check: &mut Check) -> Result<(), String> {
        let frozen = self.on(wire)?.iter().any(|group| self.channels.is_frozen(*group));
        check.that(!frozen, || format!("`{wire}` is frozen"));
        Ok(())
    }

    /// No channel of the wire may die, for this reason, because of this node.
    pub(super) fn frozen(
        &self,
        wire: &str,
        reason: FreezeReason,
        node: &str,
        check: &mut Check,
    ) -> Result<(), String> {
        for group in self.on(wire)? {
            let frozen = self.channels.frozen(*group);
            let found =
                frozen.map(|frozen| (frozen.reason, self.graph.node(frozen.node).name.as_str()));
            check.equal(format_args!("freeze of `{wire}`"), found, Some((reason, node)));
        }
        Ok(())
    }

    /// Which groups batch-norm scales can silence.
    pub(super) fn prunable(&self) -> Prunable {
        let sources = Sources::of(&self.graph, &self.channels, &Gamma);
        Prunable::of(&self.graph, &self.channels, &sources)
    }

    /// The masked and the compact network give the same outputs, for several choices of groups that die.
    pub(super) fn compacts(&self, check: &mut Check) -> Result<(), String> {
        self.compacts_where(|_| true, check)
    }

    /// The same, where only groups that pass may die.
    pub(super) fn compacts_where(
        &self,
        may_die: impl Fn(GroupId) -> bool,
        check: &mut Check,
    ) -> Result<(), String> {
        let mut network = Network::init(self.graph.clone(), Streams::new(0));
        for ((node, role), values) in random_parameters(&self.graph, 0) {
            let slots =
                network.parameters.values_mut(node, role).ok_or("a parameter is missing")?;
            for (slot, value) in slots.iter_mut().zip(values) {
                *slot = value as f32;
            }
        }
        let mut compared = 0;
        for pattern in 0..8 {
            let chosen = |group: GroupId| (group.index() * 5 + pattern * 3) % 7 <= 2;
            let alive = |group: GroupId| !(chosen(group) && may_die(group));
            let keep = self.channels.keep_where(alive);
            let Ok(map) = ChannelMap::of(&self.graph, &self.channels, &keep) else { continue };
            let compact = shrink(&network, &map).map_err(text)?;
            if compact.graph.widths() == self.graph.widths() {
                continue;
            }
            compared += 1;
            let masked = outputs(&mask(&network, &map))?;
            for (masked, compact) in masked.iter().zip(&outputs(&compact)?) {
                check.equal("number of outputs", compact.len(), masked.len());
                for (masked, compact) in masked.iter().zip(compact) {
                    let near = (masked - compact).abs() <= 1e-9 * (1.0 + masked.abs());
                    check.that(near, || format!("masked {masked}, compact {compact}"));
                }
            }
        }
        check.that(compared >= 2, || format!("only {compared} choices could be compared"));
        Ok(())
    }
}

fn outputs(network: &Network) -> Result<Vec<Vec<f64>>, String> {
    let graph = &network.graph;
    let mut parameters = testkit::Parameters::new();
    for (node, role, tensor) in network.parameters.iter() {
        parameters.insert((node, role), tensor.iter().map(|value| f64::from(*value)).collect());
    }
    let image = graph.nodes().find(|(_, node)| matches!(node.op, Op::Input(_)));
    let image = image.ok_or("a network without an image")?.1.shape;
    let evaluation = interpret(graph, &parameters, &random_images(image, 2, 7), 2, Mode::Infer);
    Ok(graph.outputs().iter().map(|output| evaluation.on(*output).to_vec()).collect())
}
