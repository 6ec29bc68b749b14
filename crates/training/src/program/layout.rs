//! Where parameters, optimizer state and inputs lie in the arena, before the wires.

use std::collections::{BTreeMap, BTreeSet};

use graph::{Graph, NodeId, Op, ParameterSpec, Role};
use tensor_ops::{GateMask, GateSample, Span, UpdateRule};

use crate::{GateRecipe, Optimizer, Recipe};

/// The part of the arena that lives from step to step.
///
/// Trained parameters lie in one stretch, those with weight decay first, so that an optimizer step is one or two
/// instructions; gradients and optimizer state mirror that stretch.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    parameters: BTreeMap<(NodeId, Role), (ParameterSpec, Span)>,
    /// Trained parameters that decay.
    pub(crate) decayed: Span,
    /// Trained parameters that do not.
    pub(crate) exempt: Span,
    /// Gradients of all trained parameters.
    pub(crate) gradients: Span,
    /// Gradients of parameters that several nodes share, from one of these nodes.
    partials: BTreeMap<(NodeId, Role), Span>,
    /// Optimizer state, one stretch per kind.
    pub(crate) state: Vec<Span>,
    /// Running statistics of batch norm.
    pub(crate) statistics: Span,
    /// Mean and inverse deviation of a batch, per batch-norm node.
    batch_statistics: BTreeMap<NodeId, (Span, Span)>,
    /// One batch of images.
    pub(crate) images: Span,
    /// One label per image, or a value per class and image.
    pub(crate) labels: Span,
    /// One loss per image.
    pub(crate) losses: Span,
    /// One verdict per image, 0 or 1.
    pub(crate) correct: Span,
    /// Where the mask of every gate comes from.
    gates: BTreeMap<NodeId, GateMask>,
    /// Number of values up to here.
    pub(crate) len: usize,
}

/// Which of the optional parts are laid out.
pub(crate) enum Purpose<'a> {
    Training(&'a Recipe),
    Inference(GateRecipe),
}

impl Layout {
    /// For a batch of images with so many values, and so many labels, each.
    pub(crate) fn new(
        graph: &Graph,
        batch: usize,
        [image, labels]: [usize; 2],
        purpose: &Purpose<'_>,
    ) -> Self {
        let mut next = 0;
        let mut take = |len: usize| {
            next += len;
            Span::new(next - len, len)
        };
        let specs = graph.parameters();
        let decays = |spec: &ParameterSpec| match purpose {
            Purpose::Training(recipe) => {
                spec.role == Role::Weight || (recipe.decay_batch_norm && spec.role != Role::Logit)
            }
            Purpose::Inference(_) => true,
        };
        let mut parameters = BTreeMap::new();
        let mut stretch = |take: &mut dyn FnMut(usize) -> Span,
                           belongs: &dyn Fn(&ParameterSpec) -> bool| {
            let start = take(0).offset;
            for spec in specs.iter().filter(|spec| belongs(spec)) {
                parameters.insert((spec.node, spec.role), (spec.clone(), take(spec.len())));
            }
            Span::new(start, take(0).offset - start)
        };
        let decayed = stretch(&mut take, &|spec| spec.role.is_trained() && decays(spec));
        let exempt = stretch(&mut take, &|spec| spec.role.is_trained() && !decays(spec));
        let statistics = stretch(&mut take, &|spec| !spec.role.is_trained());
        let trained = decayed.len + exempt.len;
        let (gradients, state, batch_statistics, partials) = match purpose {
            Purpose::Inference(_) => (take(0), Vec::new(), BTreeMap::new(), BTreeMap::new()),
            Purpose::Training(recipe) => {
                let kinds = match recipe.optimizer {
                    Optimizer::Sgd { .. } => 1,
                    Optimizer::RmsProp { .. } | Optimizer::Adam { .. } => 2,
                };
                let gradients = take(trained);
                let state = (0..kinds).map(|_| take(trained)).collect();
                let beta = specs.iter().filter(|spec| spec.role == Role::Beta);
                let saved =
                    beta.map(|spec| (spec.node, (take(spec.len()), take(spec.len())))).collect();
                let owners: BTreeSet<NodeId> =
                    graph.nodes().filter_map(|(_, node)| node.shares).collect();
                let shared = specs.iter().filter(|spec| owners.contains(&spec.node));
                let partials =
                    shared.map(|spec| ((spec.node, spec.role), take(spec.len()))).collect();
                (gradients, state, saved, partials)
            }
        };
        let images = take(batch * image);
        let [labels, losses, correct] = [take(batch * labels), take(batch), take(batch)];
        let gates = gates(graph, purpose, &mut take);
        Self {
            parameters,
            decayed,
            exempt,
            gradients,
            partials,
            state,
            statistics,
            batch_statistics,
            images,
            labels,
            losses,
            correct,
            gates,
            len: next,
        }
    }

    /// All trained parameters.
    pub(crate) fn trained(&self) -> Span {
        Span::new(self.decayed.offset, self.decayed.len + self.exempt.len)
    }

    /// Every parameter tensor and where it lies, by node and role.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&ParameterSpec, Span)> {
        self.parameters.values().map(|(spec, span)| (spec, *span))
    }

    /// Where a parameter lies, if the node has it.
    pub(crate) fn find(&self, node: NodeId, role: Role) -> Option<Span> {
        self.parameters.get(&(node, role)).map(|(_, span)| *span)
    }

    /// Where a parameter lies that the node's operator has.
    pub(crate) fn span(&self, node: NodeId, role: Role) -> Span {
        self.find(node, role).expect("the operator has this parameter")
    }

    /// Where the mask of a gate comes from.
    pub(crate) fn gate(&self, node: NodeId) -> GateMask {
        self.gates[&node]
    }

    /// The gates whose masks are drawn.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (NodeId, GateSample)> {
        self.gates.iter().filter_map(|(node, mask)| match mask {
            GateMask::Sampled(sample) => Some((*node, *sample)),
            GateMask::Expected { .. } => None,
        })
    }

    /// Where the gradient of a trained parameter lies, if the node has it.
    pub(crate) fn gradient(&self, node: NodeId, role: Role) -> Option<Span> {
        let span = self.find(node, role)?;
        Some(Span::new(self.gradients.offset + span.offset - self.decayed.offset, span.len))
    }

    /// Where one use of a shared parameter puts its gradient before it is added to that of the others.
    pub(crate) fn partial(&self, owner: NodeId, role: Role) -> Option<Span> {
        self.partials.get(&(owner, role)).copied()
    }

    /// Size of the last dimension of a parameter.
    pub(crate) fn columns(&self, node: NodeId, role: Role) -> usize {
        let dimensions = self.parameters.get(&(node, role)).map(|(spec, _)| &spec.dimensions);
        dimensions.and_then(|dimensions| dimensions.last()).copied().unwrap_or(1)
    }

    /// Mean and inverse deviation of the batch at a batch-norm node.
    pub(crate) fn batch_statistics(&self, node: NodeId) -> (Span, Span) {
        self.batch_statistics[&node]
    }

    /// The optimizer's rule on the part of its state that mirrors `parameters`.
    pub(crate) fn rule(&self, optimizer: Optimizer, parameters: Span) -> UpdateRule {
        let state = |kind: usize| {
            Span::new(
                self.state[kind].offset + parameters.offset - self.decayed.offset,
                parameters.len,
            )
        };
        match optimizer {
            Optimizer::Sgd { momentum, nesterov } => {
                UpdateRule::Sgd { momentum: momentum as f32, nesterov, velocity: state(0) }
            }
            Optimizer::RmsProp { decay, momentum, epsilon } => UpdateRule::RmsProp {
                decay: decay as f32,
                momentum: momentum as f32,
                epsilon: epsilon as f32,
                mean_square: state(0),
                velocity: state(1),
            },
            Optimizer::Adam { beta1, beta2, epsilon } => UpdateRule::Adam {
                beta1: beta1 as f32,
                beta2: beta2 as f32,
                epsilon: epsilon as f32,
                first_moment: state(0),
                second_moment: state(1),
            },
        }
    }
}

/// In training, room for the noise of every gate and for their temperature.
fn gates(
    graph: &Graph,
    purpose: &Purpose<'_>,
    take: &mut dyn FnMut(usize) -> Span,
) -> BTreeMap<NodeId, GateMask> {
    let mut temperature = None;
    let nodes = graph.nodes().filter(|(_, node)| matches!(node.op, Op::Gate));
    let mask = |(id, node): (NodeId, &graph::Node)| {
        let mask = match purpose {
            Purpose::Training(recipe) => GateMask::Sampled(GateSample {
                temperature: *temperature.get_or_insert_with(|| take(1)),
                noise: take(node.shape.channels),
                straight_through: recipe.gates.straight_through,
            }),
            Purpose::Inference(gates) => GateMask::Expected { soft: gates.soft_inference },
        };
        (id, mask)
    };
    nodes.map(mask).collect()
}
