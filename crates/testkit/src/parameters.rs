//! Random parameters and images in `f64`.

use std::collections::BTreeMap;

use graph::{Graph, NodeId, ParameterSpec, Role, Shape};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Values of every parameter tensor of a graph, in the layouts of [`Graph::parameters`].
pub type Parameters = BTreeMap<(NodeId, Role), Vec<f64>>;

/// Random values for all parameters of a graph, running statistics included.
///
/// Kernels keep the variance of their input. Gammas are away from zero and of either sign, running variances away from
/// zero; no two values are equal, so that a permuted tensor is a different one.
pub fn random_parameters(graph: &Graph, seed: u64) -> Parameters {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = Parameters::new();
    for spec in graph.parameters() {
        let fan_in = fan_in(&spec);
        let mut value = || match spec.role {
            Role::Weight => random.random_range(-1.0..1.0) * (3.0 / fan_in as f64).sqrt(),
            Role::Bias | Role::Beta | Role::RunningMean => random.random_range(-0.5..0.5),
            Role::Gamma | Role::Logit => {
                let sign = if random.random_bool(0.5) { 1.0 } else { -1.0 };
                sign * random.random_range(0.5..1.5)
            }
            Role::RunningVariance => random.random_range(0.5..2.0),
        };
        let values = (0..spec.len()).map(|_| value()).collect();
        parameters.insert((spec.node, spec.role), values);
    }
    parameters
}

/// Random images, `[batch, height, width, channels]`, uniform in `[-1, 1)`.
pub fn random_images(shape: Shape, batch: usize, seed: u64) -> Vec<f64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    (0..batch * shape.elements()).map(|_| random.random_range(-1.0..1.0)).collect()
}

/// Number of kernel values that feed one output channel.
fn fan_in(spec: &ParameterSpec) -> usize {
    let [taps @ .., _out] = spec.dimensions.as_slice() else {
        return 1;
    };
    taps.iter().product()
}
