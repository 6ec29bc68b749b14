//! Fitting a table of measured latencies.

use std::collections::BTreeMap;

use graph::{Graph, NodeId, Widths};

use crate::{Class, MeasuredTerm, NodeCost, Quantity, Work};

/// The measured time of one node for a batch.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The network.
    pub graph: &'a Graph,
    /// The node.
    pub node: NodeId,
    /// Nanoseconds for a batch; a positive number.
    pub nanoseconds: f64,
}

/// Steps that are tried for the widths of kernels: lanes of vector registers, and tiles of a few of them.
const STEPS: [usize; 6] = [1, 4, 8, 12, 16, 32];

/// A coarser step must explain this share more of the squared error than the finest.
const STEP_GAIN: f64 = 0.02;

/// Terms of every class that explain the samples best, all for batches of `batch` images.
///
/// Every class is fitted for itself: coefficients that are not negative and minimise the sum of squared relative errors
/// weighted with the time, so that what takes long counts more. Steps are found by trying all. A class without samples
/// gets no terms.
pub fn fit_classes(samples: &[Sample<'_>], batch: usize) -> BTreeMap<Class, Vec<MeasuredTerm>> {
    let mut of_class: BTreeMap<Class, Vec<Sample<'_>>> =
        Class::ALL.map(|class| (class, Vec::new())).into();
    for sample in samples {
        if let Some(class) = Class::of(Work::of(sample.graph, sample.node)) {
            of_class.entry(class).or_default().push(*sample);
        }
    }
    of_class
        .into_iter()
        .map(|(class, samples)| (class, fit_class(class, &samples, batch)))
        .collect()
}

fn fit_class(class: Class, samples: &[Sample<'_>], batch: usize) -> Vec<MeasuredTerm> {
    if samples.is_empty() {
        return Vec::new();
    }
    let finest = Fit::of(class, samples, batch, 1, 1);
    let mut best = finest.clone();
    if class.has_kernel() {
        for (input_step, output_step) in
            STEPS.iter().flat_map(|input| STEPS.map(|output| (*input, output)))
        {
            let fit = Fit::of(class, samples, batch, input_step, output_step);
            if fit.error < best.error && fit.error < finest.error * (1.0 - STEP_GAIN) {
                best = fit;
            }
        }
    }
    best.terms.retain(|term| term.nanoseconds > 0.0);
    best.terms
}

#[derive(Clone)]
struct Fit {
    terms: Vec<MeasuredTerm>,
    error: f64,
}

impl Fit {
    /// The best coefficients for given steps.
    fn of(
        class: Class,
        samples: &[Sample<'_>],
        batch: usize,
        input_step: usize,
        output_step: usize,
    ) -> Self {
        let mut terms: Vec<MeasuredTerm> = quantities(class)
            .iter()
            .map(|per| {
                let kernel = matches!(per, Quantity::Mac | Quantity::Weight);
                let step = |step| if kernel { step } else { 1 };
                let (input_step, output_step) = (step(input_step), step(output_step));
                MeasuredTerm { per: *per, nanoseconds: 1.0, input_step, output_step }
            })
            .collect();
        let rows: Vec<Vec<f64>> = samples
            .iter()
            .map(|Sample { graph, node, nanoseconds }| {
                let work = Work::of(graph, *node);
                let widths: Widths = graph.widths();
                let value = |term: &MeasuredTerm| {
                    NodeCost::sum(term.of(work, graph, *node, batch)).at(&widths)
                };
                // Relative errors weighted with the time are absolute errors over its root.
                terms.iter().map(|term| value(term) / nanoseconds.sqrt()).collect()
            })
            .collect();
        let targets: Vec<f64> = samples.iter().map(|sample| sample.nanoseconds.sqrt()).collect();
        let (coefficients, error) = nonnegative_least_squares(&rows, &targets);
        for (term, coefficient) in terms.iter_mut().zip(coefficients) {
            term.nanoseconds = coefficient;
        }
        Self { terms, error }
    }
}

/// What the terms of a class may count.
fn quantities(class: Class) -> &'static [Quantity] {
    use Quantity::{Call, Input, Mac, Output, Weight, Window};
    if class.has_kernel() {
        &[Call, Input, Output, Window, Weight, Mac]
    } else if class == Class::Pool {
        &[Call, Input, Output, Window]
    } else {
        &[Call, Input, Output]
    }
}

/// `x >= 0` that minimises `|rows x - targets|^2`, and that minimum, by coordinate descent on the normal equations.
fn nonnegative_least_squares(rows: &[Vec<f64>], targets: &[f64]) -> (Vec<f64>, f64) {
    let columns = rows.first().map_or(0, Vec::len);
    let product = |i: usize, j: usize| rows.iter().map(|row| row[i] * row[j]).sum::<f64>();
    // Columns of unit length, so that one tolerance serves all.
    let scale: Vec<f64> = (0..columns)
        .map(|i| product(i, i).sqrt())
        .map(|length| if length > 0.0 { length } else { 1.0 })
        .collect();
    let gram: Vec<Vec<f64>> = (0..columns)
        .map(|i| (0..columns).map(|j| product(i, j) / (scale[i] * scale[j])).collect())
        .collect();
    let right: Vec<f64> = (0..columns)
        .map(|i| {
            rows.iter().zip(targets).map(|(row, target)| row[i] * target).sum::<f64>() / scale[i]
        })
        .collect();
    let mut x = vec![0.0; columns];
    for _ in 0..SWEEPS {
        let mut change = 0.0_f64;
        for i in 0..columns {
            if gram[i][i] <= 0.0 {
                continue;
            }
            let others: f64 = (0..columns).filter(|j| *j != i).map(|j| gram[i][j] * x[j]).sum();
            let next = ((right[i] - others) / gram[i][i]).max(0.0);
            change = change.max((next - x[i]).abs());
            x[i] = next;
        }
        let largest = x.iter().copied().fold(0.0, f64::max);
        if change <= 1e-12 * largest {
            break;
        }
    }
    let coefficients: Vec<f64> = x.iter().zip(&scale).map(|(x, scale)| x / scale).collect();
    let residual = |(row, target): (&Vec<f64>, &f64)| {
        let fitted: f64 = row.iter().zip(&coefficients).map(|(value, x)| value * x).sum();
        (fitted - target).powi(2)
    };
    let error = rows.iter().zip(targets).map(residual).sum();
    (coefficients, error)
}

/// Enough for columns that are nearly parallel; most fits need a few hundred.
const SWEEPS: usize = 20_000;
