//! Every rule of counting against networks in which values, kernel values and multiplications are counted one by one.

use cost_models::{
    Activations, Bytes, CostForm, CostModel, Counting, Flops, FlopsWith, Macs, Macts, Params,
    ParamsWith, Summary, table,
};
use graph::{Graph, NodeId, Op, Role};
use proptest::prelude::*;
use testkit::{
    Evaluation, Mode, Parameters, interpret, random_images, random_parameters, strategies,
};

use crate::support::assert_close;

/// A network that was evaluated on a batch.
#[derive(Debug)]
struct Evaluated {
    graph: Graph,
    parameters: Parameters,
    evaluation: Evaluation,
    batch: usize,
}

impl Evaluated {
    fn new(graph: Graph, batch: usize, seed: u64) -> Self {
        let image = graph.nodes().next().unwrap().1.shape;
        let images = random_images(image, batch, seed);
        let parameters = random_parameters(&graph, seed);
        let evaluation = interpret(&graph, &parameters, &images, batch, Mode::Infer);
        Self { graph, parameters, evaluation, batch }
    }

    /// Values of a wire for the whole batch.
    fn values(&self, wire: NodeId) -> usize {
        self.evaluation.on(wire).len()
    }

    /// Values of a wire for one image.
    fn values_of_image(&self, wire: NodeId) -> usize {
        self.values(wire) / self.batch
    }

    /// Values of all inputs, for the whole batch.
    fn input_values(&self, id: NodeId) -> usize {
        self.graph.node(id).inputs.iter().map(|input| self.values(*input)).sum()
    }

    /// Trained values that a node owns, in these roles.
    fn stored(&self, id: NodeId, roles: &[Role]) -> usize {
        let of_node =
            self.parameters.iter().filter(|((node, role), _)| *node == id && roles.contains(role));
        of_node.map(|(_, values)| values.len()).sum()
    }

    /// Trained values that a node uses, in these roles.
    fn used(&self, id: NodeId, roles: &[Role]) -> usize {
        self.stored(self.graph.owner(id), roles)
    }

    fn has_kernel(&self, id: NodeId) -> bool {
        self.used(id, &[Role::Weight]) > 0
    }

    /// Holds a model against a count of every node, and of the whole network.
    fn holds(
        &self,
        model: &dyn CostModel,
        count: impl Fn(NodeId, &Op) -> usize,
    ) -> Result<(), TestCaseError> {
        let (form, widths) = (CostForm::of(model, &self.graph), self.graph.widths());
        let mut whole = 0;
        for ((id, node), cost) in self.graph.nodes().zip(form.per_node(&widths)) {
            let counted = count(id, &node.op);
            prop_assert_eq!(
                cost,
                counted as f64,
                "{} of `{}` in\n{}",
                model.name(),
                &node.name,
                &self.graph
            );
            whole += counted;
        }
        assert_close(form.at(&widths), whole as f64)
    }
}

fn evaluated() -> impl Strategy<Value = Evaluated> {
    let parts = (strategies::any_graph(), 1_usize..3, any::<u64>());
    parts.prop_map(|(graph, batch, seed)| Evaluated::new(graph, batch, seed))
}

/// Options, each on or off.
fn countings() -> impl Strategy<Value = Counting> {
    let options = any::<[bool; 6]>();
    options.prop_map(|[bias, batch_norm, pooling, activation, join, movement]| Counting {
        bias,
        batch_norm,
        pooling,
        activation,
        join,
        movement,
    })
}

/// Values that a pool reads for one output value.
fn window(graph: &Graph, id: NodeId) -> usize {
    let node = graph.node(id);
    if let Op::MaxPool(pool) | Op::AvgPool(pool) = &node.op {
        pool.window.kernel[0] * pool.window.kernel[1]
    } else {
        let input = graph.node(node.inputs[0]).shape;
        input.depth * input.height * input.width
    }
}

fn is_pool(op: &Op) -> bool {
    ["max-pool", "avg-pool", "global-avg-pool", "global-max-pool"].contains(&op.kind())
}

fn is_function(op: &Op) -> bool {
    ["activation", "softmax", "local-response-norm"].contains(&op.kind())
}

/// Functions whose traffic the original charges.
fn is_charged(op: &Op) -> bool {
    let text = op.to_string();
    ["activation relu", "activation relu6"].contains(&text.as_str())
        || text.starts_with("activation scale")
}

const CONVOLUTIONS: [&str; 4] = ["conv2d", "conv3d", "conv-transpose", "depthwise"];
const JOINS: [&str; 5] = ["add", "mul", "sub", "maximum", "minimum"];
const COPIES: [&str; 6] =
    ["gather", "depth-to-space", "space-to-depth", "resize", "pad", "permute"];

proptest! {
    #![proptest_config(strategies::cases(320))]

    #[test]
    fn macs_are_the_multiplications_performed(network in evaluated()) {
        let performed = &network.evaluation.multiplications;
        network.holds(&Macs, |id, _| performed[id.index()] as usize)?;
        network.holds(&Flops, |id, _| 2 * performed[id.index()] as usize)?;
        for (row, count) in table(&network.graph).iter().zip(performed) {
            prop_assert_eq!((row.macs, row.flops), (*count, 2 * count));
        }
        let summary = Summary::of(&network.graph);
        prop_assert_eq!(summary.macs, performed.iter().sum::<u64>());
        prop_assert_eq!(summary.flops, 2 * summary.macs);
    }

    #[test]
    fn flops_with_options_count_every_value(network in evaluated(), counting in countings()) {
        let performed = &network.evaluation.multiplications;
        network.holds(&FlopsWith(counting), |id, op| {
            let values = network.values_of_image(id);
            let mut flops = 2 * performed[id.index()] as usize;
            if counting.bias && network.used(id, &[Role::Bias]) > 0 {
                flops += values;
            }
            if counting.batch_norm && op.kind() == "batch-norm" {
                flops += 2 * values;
            }
            if counting.pooling && is_pool(op) {
                flops += window(&network.graph, id) * values;
            }
            if counting.activation && (is_function(op) || op.kind() == "gate") {
                flops += values;
            }
            if counting.join && JOINS.contains(&op.kind()) {
                flops += (network.graph.node(id).inputs.len() - 1) * values;
            }
            flops
        })?;
    }

    #[test]
    fn params_are_the_values_stored(network in evaluated(), counting in countings()) {
        network.holds(&Params, |id, _| network.stored(id, &[Role::Weight]))?;
        let total = |row: fn(&cost_models::NodeTable) -> u64| table(&network.graph).iter().map(row).sum::<u64>();
        prop_assert_eq!(Summary::of(&network.graph).params, total(|row| row.params));
        let mut roles = vec![Role::Weight];
        roles.extend(counting.bias.then_some(Role::Bias));
        if counting.batch_norm {
            roles.extend([Role::Gamma, Role::Beta]);
        }
        network.holds(&ParamsWith(counting), |id, _| network.stored(id, &roles))?;
    }

    #[test]
    fn activations_are_the_channels_and_macts_the_values_that_kernels_make(network in evaluated()) {
        let made = |id, values: usize| if network.has_kernel(id) { values } else { 0 };
        network.holds(&Macts, |id, _| made(id, network.values_of_image(id)))?;
        network.holds(&Activations, |id, _| {
            let shape = network.graph.node(id).shape;
            made(id, network.values_of_image(id) / (shape.depth * shape.height * shape.width))
        })?;
        let channels: f64 = CostForm::of(&Activations, &network.graph).at(&network.graph.widths());
        prop_assert_eq!(Summary::of(&network.graph).activations as f64, channels);
    }

    #[test]
    fn bytes_are_the_values_read_and_written(network in evaluated(), counting in countings()) {
        let model = Bytes { batch: network.batch, counting };
        network.holds(&model, |id, op| {
            let through = network.input_values(id) + network.values(id);
            let bias = if counting.bias { network.used(id, &[Role::Bias]) } else { 0 };
            let read_and_written = match op.kind() {
                kind if CONVOLUTIONS.contains(&kind) || kind == "linear" => {
                    through + network.used(id, &[Role::Weight])
                }
                "batch-norm" | "add" | "mul" => through,
                "gate" => through + network.batch * network.stored(id, &[Role::Logit]),
                "bias" if counting.bias => through,
                "concat" => 2 * network.values(id),
                _ if is_function(op) && (counting.activation || is_charged(op)) => through,
                kind if counting.join && JOINS.contains(&kind) => through,
                _ if counting.pooling && is_pool(op) => through,
                kind if counting.movement && COPIES.contains(&kind) => through,
                _ => 0,
            };
            let affine = network.stored(id, &[Role::Gamma, Role::Beta]);
            let affine = if counting.batch_norm { affine } else { 0 };
            4 * (read_and_written + bias + affine)
        })?;
    }
}
