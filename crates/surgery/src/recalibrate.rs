//! Running statistics measured anew.

use std::collections::BTreeMap;

use datasets::{Augmentation, Batches, Streams};
use graph::{NodeId, Role};
use tensor_ops::Device;
use training::{
    Control, Curve, GateRecipe, Network, Optimizer, Recipe, Schedule, TrainError, Trainer,
};

/// Sums over batches of what one channel had.
#[derive(Clone, Copy, Default)]
struct Moments {
    mean: f64,
    squared_mean: f64,
    variance: f64,
}

/// Replaces the running statistics of all batch norms by those of one epoch of `batches`, in the mode of training: mean and
/// variance of everything that a norm received, with every norm before it using the statistics of its batch.
///
/// After surgery that is not exact, or with new channels, running statistics are those of another network. Nothing else
/// changes. The variance is that over all images of the epoch: the mean of the (biased) variances of batches plus the
/// variance of their means. Dropout and gates draw from the streams of seed 0.
pub fn recalibrate<D: Device>(
    network: &mut Network,
    batches: &Batches,
    device: &D,
) -> Result<(), TrainError> {
    let norms: Vec<NodeId> = network
        .graph
        .parameters()
        .into_iter()
        .filter(|spec| spec.role == Role::RunningMean)
        .map(|spec| spec.node)
        .collect();
    if norms.is_empty() {
        return Ok(());
    }
    let recipe = Recipe {
        epochs: 1,
        batch_size: batches.shape()[0],
        optimizer: Optimizer::Sgd { momentum: 0.0, nesterov: false },
        learning_rate: Schedule { warmup_epochs: 0.0, curve: Curve::Constant { rate: 0.0 } },
        weight_decay: 0.0,
        decay_batch_norm: false,
        label_smoothing: 0.0,
        // After every step the running statistics are those of its batch.
        batch_norm_momentum: 1.0,
        augmentation: Augmentation::default(),
        gates: GateRecipe::default(),
    };
    let sets = batches.label_sets();
    let mut trainer = Trainer::for_labels(network, &recipe, sets, Streams::new(0), device)?;
    let mut moments: BTreeMap<NodeId, Vec<Moments>> = BTreeMap::new();
    let mut count = 0.0;
    while !trainer.is_finished() {
        trainer.epoch(batches, &mut (), &mut |_| Control::Stop)?;
        let parameters = trainer.network().parameters;
        for node in &norms {
            let read = |role| parameters.values(*node, role).unwrap_or_default();
            let (means, variances) = (read(Role::RunningMean), read(Role::RunningVariance));
            // The running variance is unbiased, that which a batch is divided by is not.
            let values = (recipe.batch_size * network.graph.node(*node).shape.area()) as f64;
            let biased = (values - 1.0) / values;
            let sums =
                moments.entry(*node).or_insert_with(|| vec![Moments::default(); means.len()]);
            for (sum, (mean, variance)) in sums.iter_mut().zip(means.iter().zip(variances)) {
                let mean = f64::from(*mean);
                sum.mean += mean;
                sum.squared_mean += mean * mean;
                sum.variance += biased * f64::from(*variance);
            }
        }
        count += 1.0;
    }
    for (node, sums) in moments {
        let mean = |sum: &Moments| sum.mean / count;
        let variance = |sum: &Moments| {
            let between = (sum.squared_mean / count - mean(sum) * mean(sum)).max(0.0);
            sum.variance / count + between
        };
        let mut write = |role, value: &dyn Fn(&Moments) -> f64| {
            let slots = network.parameters.values_mut(node, role).unwrap_or_default();
            for (slot, sum) in slots.iter_mut().zip(&sums) {
                *slot = value(sum) as f32;
            }
        };
        write(Role::RunningMean, &mean);
        write(Role::RunningVariance, &variance);
    }
    Ok(())
}
