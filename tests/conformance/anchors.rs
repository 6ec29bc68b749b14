//! The original's published numbers of Inception V2, from our own description of the network.

use architectures::{Architecture, InceptionV2};
use cost_models::{CostForm, Flops, Params};
use graph::Shape;

use crate::check::Check;
use crate::schema::{Cost, Network};

/// The golden file of that network.
pub(crate) const NETWORK: &str = "inception_v2_ones.json.gz";

/// FLOPs and weights of the slim Inception V2 at 224x224 with 1001 classes, which the original's test asserts to six digits.
/// Its FLOPs are a sum in single precision.
const FLOPS: f64 = 3_869_716_500.0;
const WEIGHTS: f64 = 11_168_408.0;

pub(crate) fn inception(check: &mut Check) -> Result<(), String> {
    let network = Architecture::InceptionV2(InceptionV2::default());
    let graph = network.build(Shape::new(224, 224, 3), 1001).map_err(|error| error.to_string())?;
    let widths = graph.widths();
    check.equal("weights", CostForm::of(&Params, &graph).at(&widths), WEIGHTS);
    let flops = CostForm::of(&Flops, &graph);
    let single = flops.per_node(&widths).iter().fold(0.0_f32, |sum, cost| sum + *cost as f32);
    check.equal("FLOPs, summed in single precision", single, FLOPS as f32);
    check.close("FLOPs", flops.at(&widths), FLOPS);
    Ok(())
}

/// The numbers for the slim network in the original's conventions, which `NETWORK` must hold, so that a folder of other
/// numbers is no proof: FLOPs, weights, and nanoseconds on two devices.
pub(crate) fn published(file: &Network, check: &mut Check) {
    let expected = [
        ("flops", None, FLOPS),
        ("model_size", None, WEIGHTS),
        ("latency", Some("P100"), 517_535.7),
        ("latency", Some("V100"), 173_330.5),
    ];
    for (target, hardware, value) in expected {
        let is = |cost: &&Cost| {
            cost.target == target
                && cost.hardware.as_deref() == hardware
                && cost.batch.is_none_or(|batch| batch == 1)
        };
        let found = file.expected.costs.iter().find(is).map_or(f64::NAN, |cost| cost.total_cost);
        // To the digits that are published.
        let digits = if value.fract() == 0.0 { 0.5 } else { 0.05 };
        let what = format!("{target} {}", hardware.unwrap_or_default());
        check.near(what, found, value, (0.0, digits));
    }
}
