//! The training loss, and its derivative without calculus.

use graph::{Graph, NodeId, Role};

use crate::{GateDraws, Mode, Parameters, interpret_gated};

/// Mean over the batch of the cross entropy of softmax(logits) against
/// `(1 - smoothing) * onehot(label) + smoothing / classes`.
pub fn cross_entropy(logits: &[f64], labels: &[usize], classes: usize, smoothing: f64) -> f64 {
    assert_eq!(logits.len(), labels.len() * classes, "one row of logits per label");
    let rows = logits.chunks(classes).zip(labels);
    let total: f64 = rows
        .map(|(row, label)| {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|logit| (logit - largest).exp()).sum();
            let target = |class: usize| {
                let hit = if class == *label { 1.0 - smoothing } else { 0.0 };
                hit + smoothing / classes as f64
            };
            let log_probability = |logit: f64| logit - largest - sum.ln();
            let terms = row.iter().enumerate();
            -terms.map(|(class, logit)| target(class) * log_probability(*logit)).sum::<f64>()
        })
        .sum();
    total / labels.len() as f64
}

/// Training loss of a graph: [`cross_entropy`] of its first output, batch normalisation in [`Mode::Train`], gates as at
/// inference.
pub fn loss(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    labels: &[usize],
    smoothing: f64,
) -> f64 {
    gated_loss(graph, parameters, images, labels, smoothing, None)
}

/// As [`loss`], with masks of gates that were drawn.
pub fn gated_loss(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    labels: &[usize],
    smoothing: f64,
    draws: Option<&GateDraws>,
) -> f64 {
    let batch = labels.len();
    let evaluation = interpret_gated(graph, parameters, images, batch, Mode::Train, draws);
    let output = graph.outputs()[0];
    cross_entropy(evaluation.on(output), labels, graph.node(output).shape.elements(), smoothing)
}

/// Derivative of [`loss`] with respect to one parameter value by a central difference; the error is about 1e-9 where
/// the loss is smooth, and anything within a step of a kink.
pub fn finite_difference(
    graph: &Graph,
    parameters: &Parameters,
    images: &[f64],
    labels: &[usize],
    smoothing: f64,
    (node, role, index): (NodeId, Role, usize),
) -> f64 {
    const STEP: f64 = 1e-5;
    let moved = |step: f64| {
        let mut parameters = parameters.clone();
        let values = parameters.get_mut(&(node, role)).expect("a parameter of this graph");
        values[index] += step;
        loss(graph, &parameters, images, labels, smoothing)
    };
    (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
}
