//! A graph compiled once, for a batch size and a device, to the instructions of a whole step.

mod backward;
mod buffers;
mod convert;
mod emit;
mod epilogues;
mod forward;
mod gates;
mod joins;
mod kernels;
mod layout;
mod loans;
mod maps;
mod rearrange;
mod wires;

use datasets::Labels;
use graph::{Graph, NodeId, Op, Shape};
use tensor_ops::{Instruction, Tensor};

use crate::{GateRecipe, Recipe, TrainError};
use buffers::Buffers;
use emit::Emitter;
pub(crate) use layout::Layout;
use layout::Purpose;
use wires::{Mode, Wires};

/// The instructions of one step and the arena that they work on.
///
/// Planned once: order, fusions, the life of every buffer. A step then only executes.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) batch: usize,
    pub(crate) layout: Layout,
    pub(crate) input: Shape,
    /// Number of values in the arena.
    pub(crate) arena: usize,
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) nodes: Vec<Option<NodeId>>,
    /// The logits of a batch; what they hold after inference lasts until the next one.
    pub(crate) logits: Tensor,
}

impl Program {
    /// Forward pass, loss, backward pass and optimizer step.
    pub fn training(graph: &Graph, recipe: &Recipe) -> Result<Self, TrainError> {
        recipe.gates.check()?;
        Self::plan(graph, recipe.batch_size, &Purpose::Training(recipe), Labels::One)
    }

    /// As [`Program::training`], with the loss of images that have several labels.
    pub fn multi_label_training(graph: &Graph, recipe: &Recipe) -> Result<Self, TrainError> {
        recipe.gates.check()?;
        Self::plan(graph, recipe.batch_size, &Purpose::Training(recipe), Labels::Several)
    }

    /// Forward pass with running statistics, and the loss. Gates are as the default recipe has them.
    pub fn inference(graph: &Graph, batch: usize) -> Result<Self, TrainError> {
        Self::gated_inference(graph, batch, GateRecipe::default())
    }

    /// As [`Program::inference`], with gates as another recipe has them.
    pub fn gated_inference(
        graph: &Graph,
        batch: usize,
        gates: GateRecipe,
    ) -> Result<Self, TrainError> {
        Self::plan(graph, batch, &Purpose::Inference(gates), Labels::One)
    }

    /// As [`Program::gated_inference`], with the loss of images that have several labels.
    pub fn multi_label_inference(
        graph: &Graph,
        batch: usize,
        gates: GateRecipe,
    ) -> Result<Self, TrainError> {
        Self::plan(graph, batch, &Purpose::Inference(gates), Labels::Several)
    }

    /// The instructions, in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// For every instruction the node that it works for; none for the loss and the optimizer. A node without instructions is
    /// done by another one, or only looks at its input in another way.
    pub fn nodes(&self) -> &[Option<NodeId>] {
        &self.nodes
    }

    /// Bytes of device memory that the program works on.
    pub fn arena_bytes(&self) -> usize {
        self.arena * size_of::<f32>()
    }

    fn plan(
        graph: &Graph,
        batch: usize,
        purpose: &Purpose<'_>,
        labels: Labels,
    ) -> Result<Self, TrainError> {
        executable(graph)?;
        let (input, logits) = ends(graph)?;
        let per_image = match labels {
            Labels::One => 1,
            Labels::Several => graph.node(logits).shape.channels,
        };
        let layout = Layout::new(graph, batch, [input.elements(), per_image], purpose);
        let mode = match purpose {
            Purpose::Training(_) => Mode::Train,
            Purpose::Inference(_) => Mode::Infer,
        };
        let mut buffers = Buffers::default();
        let wires = Wires::new(graph, batch, mode, layout.images.offset, &mut buffers);
        let ends = (logits, labels);
        emit(graph, batch, purpose, &layout, &wires, &mut buffers, ends);
        let arena = buffers.place(layout.len);
        let (logits, instructions, nodes) =
            emit(graph, batch, purpose, &layout, &wires, &mut buffers, ends);
        Ok(Self { batch, layout, input, arena, instructions, nodes, logits })
    }
}

/// Errors with the first node that cannot be executed. Only images and 3-d convolutions make wires with depth, so behind
/// this check there are none.
fn executable(graph: &Graph) -> Result<(), TrainError> {
    let refused = graph.nodes().find(|(_, node)| match &node.op {
        Op::Conv3d(_) => true,
        Op::Input(shape) => shape.depth > 1,
        Op::Conv2d(_)
        | Op::ConvTranspose(_)
        | Op::Depthwise(_)
        | Op::Linear(_)
        | Op::BatchNorm(_)
        | Op::Bias
        | Op::Gate
        | Op::Activation(_)
        | Op::Softmax
        | Op::LocalResponseNorm(_)
        | Op::Add
        | Op::Sub
        | Op::Mul
        | Op::Maximum
        | Op::Minimum
        | Op::Concat(_)
        | Op::MaxPool(_)
        | Op::AvgPool(_)
        | Op::GlobalAvgPool
        | Op::GlobalMaxPool
        | Op::Flatten
        | Op::Gather(_)
        | Op::DepthToSpace { .. }
        | Op::SpaceToDepth { .. }
        | Op::Resize(_)
        | Op::Pad(_)
        | Op::Reshape { .. }
        | Op::Permute(_)
        | Op::Dropout { .. } => false,
    });
    match refused {
        Some((_, node)) => {
            Err(TrainError::Unsupported { node: node.name.clone(), op: node.op.kind() })
        }
        None => Ok(()),
    }
}

/// Shape of the image and the node of the logits.
fn ends(graph: &Graph) -> Result<(Shape, NodeId), TrainError> {
    let images: Vec<Shape> = graph
        .nodes()
        .filter(|(_, node)| matches!(node.op, Op::Input(_)))
        .map(|(_, node)| node.shape)
        .collect();
    let [image] = images.as_slice() else { return Err(TrainError::Inputs(images.len())) };
    match graph.outputs() {
        [logits] if graph.node(*logits).shape.area() == 1 => Ok((*image, *logits)),
        [logits] => Err(TrainError::Output(format!(
            "`{}` of {}",
            graph.node(*logits).name,
            graph.node(*logits).shape
        ))),
        outputs => Err(TrainError::Output(format!("{} outputs", outputs.len()))),
    }
}

fn emit(
    graph: &Graph,
    batch: usize,
    purpose: &Purpose<'_>,
    layout: &Layout,
    wires: &Wires,
    buffers: &mut Buffers,
    (logits, of_image): (NodeId, Labels),
) -> (Tensor, Vec<Instruction>, Vec<Option<NodeId>>) {
    let (mode, momentum, smoothing) = match purpose {
        Purpose::Training(recipe) => {
            (Mode::Train, recipe.batch_norm_momentum as f32, recipe.label_smoothing as f32)
        }
        Purpose::Inference(_) => (Mode::Infer, 0.0, 0.0),
    };
    let mut emitter = Emitter::new(graph, batch, mode, layout, wires, momentum, buffers);
    for (id, _) in graph.nodes() {
        emitter.begin(Some(id));
        emitter.forward(id);
    }
    emitter.begin(None);
    let value = emitter.value(logits);
    let grad_logits: Option<Tensor> = match mode {
        Mode::Train => emitter.gradient_to_write(logits).map(|(tensor, _)| tensor),
        Mode::Infer => None,
    };
    let Layout { labels, losses, correct, .. } = *layout;
    emitter.push(match of_image {
        Labels::One => Instruction::SoftmaxCrossEntropy {
            logits: value,
            labels,
            smoothing,
            losses,
            correct,
            grad_logits,
        },
        Labels::Several => Instruction::SigmoidCrossEntropy {
            logits: value,
            targets: Tensor::dense(labels.offset, batch, value.channels),
            smoothing,
            losses,
            correct,
            grad_logits,
        },
    });
    if let Purpose::Training(recipe) = purpose {
        for (id, _) in graph.nodes().rev() {
            emitter.begin(Some(id));
            emitter.backward(id);
        }
        emitter.begin(None);
        for (parameters, decay) in
            [(layout.decayed, recipe.weight_decay as f32), (layout.exempt, 0.0)]
        {
            if parameters.len > 0 {
                let rule = layout.rule(recipe.optimizer, parameters);
                let gradients = tensor_ops::Span::new(
                    layout.gradients.offset + parameters.offset - layout.decayed.offset,
                    parameters.len,
                );
                emitter.push(Instruction::Update { parameters, gradients, decay, rule });
            }
        }
    }
    let (instructions, nodes) = emitter.finish();
    (value, instructions, nodes)
}
