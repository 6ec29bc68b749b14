//! Models to hold the properties of all models against, and comparisons.

use cost_models::{
    Activations, Bytes, CostForm, CostModel, Counting, Device, Flops, FlopsWith, Latency, Macs,
    Macts, Params, ParamsWith, Resource, Roofline, Smooth, Weighted, WeightedSum,
};
use graph::Graph;
use proptest::prelude::*;

use crate::measured;

/// Counts of the original, which rebuilding a network does not change.
pub(crate) fn counts() -> Vec<Box<dyn CostModel>> {
    vec![Box::new(Flops), Box::new(Macs), Box::new(Params), Box::new(Activations), Box::new(Macts)]
}

/// Every model without steps, in several settings.
pub(crate) fn models() -> Vec<Box<dyn CostModel>> {
    let mut models = counts();
    models.push(Box::new(FlopsWith(Counting::ALL)));
    models.push(Box::new(ParamsWith(Counting::ALL)));
    models.push(Box::new(Bytes::of_batch(1)));
    models.push(Box::new(Bytes { batch: 3, counting: Counting::ALL }));
    models.push(Box::new(roofline(None)));
    models.push(Box::new(roofline(Smooth::new(4.0))));
    models.push(Box::new(weighted()));
    models
}

/// Models whose cost in every width is a polynomial: no maximum, no step.
pub(crate) fn polynomials() -> Vec<Box<dyn CostModel>> {
    let mut models = counts();
    models.push(Box::new(FlopsWith(Counting::ALL)));
    models.push(Box::new(ParamsWith(Counting::ALL)));
    models.push(Box::new(Bytes { batch: 3, counting: Counting::ALL }));
    models
}

/// Every model, those with steps as well.
pub(crate) fn models_and_steps() -> Vec<Box<dyn CostModel>> {
    let mut models = models();
    models.push(Box::new(Latency::Measured(measured::example(2))));
    models
}

/// A device on which the nodes of small networks lie on both sides of the ridge.
pub(crate) fn roofline(smooth: Option<Smooth>) -> Roofline {
    let device = Device { peak_gflops: 5.0, bandwidth_gbs: 2.0, ..Device::named("t4").unwrap() };
    Roofline { smooth, ..Roofline::new(device, 2) }
}

/// Several resources at once, two of them with a maximum.
pub(crate) fn weighted() -> WeightedSum<Resource> {
    let latency = |smooth| Resource::Latency(Latency::Roofline(roofline(smooth)));
    let parts = [
        (0.5, Resource::Flops),
        (3.0, Resource::Params),
        (2.0, latency(None)),
        (1.0, latency(Smooth::new(2.0))),
    ];
    let part = |(coefficient, of)| Weighted { coefficient, of };
    WeightedSum { parts: parts.map(part).into() }
}

pub(crate) fn forms(models: &[Box<dyn CostModel>], graph: &Graph) -> Vec<CostForm> {
    models.iter().map(|model| CostForm::of(model.as_ref(), graph)).collect()
}

pub(crate) fn assert_close(found: f64, expected: f64) -> Result<(), TestCaseError> {
    let tolerance = 1e-9 * (1.0 + expected.abs());
    prop_assert!((found - expected).abs() <= tolerance, "{} for {}", found, expected);
    Ok(())
}
