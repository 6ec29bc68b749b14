//! From the resource that was named to its numbers.

use std::path::Path;

use cost_models::{Bytes, CostForm, Latency, Resource, Roofline, Smooth, Weighted, WeightedSum};
use graph::Graph;

use super::problem::Problems;
use crate::device;
use crate::spec::{Cost, Latency as Named, Weighted as Weights, WeightedLatency};

/// Where the resource stands in an experiment file.
const AT: &str = "regularizer.cost";

/// The resource with all its numbers; nothing if there is a problem. Device files are looked up in `folder`.
pub(super) fn cost(
    written: &Cost,
    seed: Option<&Graph>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Resource> {
    Some(match written {
        Cost::Flops => Resource::Flops,
        Cost::Macs => Resource::Macs,
        Cost::Params => Resource::Params,
        Cost::Activations => Resource::Activations,
        Cost::Macts => Resource::Macts,
        Cost::Bytes => Resource::Bytes(Bytes::of_batch(1)),
        Cost::Latency(named) => latency(named, &format!("{AT}.latency"), folder, problems)?,
        Cost::Weighted(weights) => weighted(weights, seed, folder, problems)?,
    })
}

fn latency(named: &Named, at: &str, folder: &Path, problems: &mut Problems) -> Option<Resource> {
    let found = device::find(&named.device, folder);
    let device = found.map_err(|fault| problems.push_fault(&format!("{at}.device"), fault)).ok()?;
    let mut latency = Latency::new(device, named.batch.size());
    if let Some(power) = named.smooth {
        let smooth = Smooth::new(power.get());
        let Latency::Roofline(roofline) = latency else {
            let what = format!("`{at}.smooth` does nothing: a measured device has no maximum");
            problems.push(&format!("{at}.smooth"), what, Some("leave it out".to_owned()));
            return None;
        };
        latency = Latency::Roofline(Roofline { smooth, ..roofline });
    }
    Some(Resource::Latency(latency))
}

fn weighted(
    weights: &Weights,
    seed: Option<&Graph>,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Resource> {
    let at = format!("{AT}.weighted");
    let Weights { flops, macs, params, activations, macts, bytes, latency: timed } = weights;
    let counts = [
        (flops, Resource::Flops),
        (macs, Resource::Macs),
        (params, Resource::Params),
        (activations, Resource::Activations),
        (macts, Resource::Macts),
        (bytes, Resource::Bytes(Bytes::of_batch(1))),
    ];
    let mut chosen: Vec<(f64, Resource)> = counts
        .into_iter()
        .filter_map(|(weight, resource)| weight.map(|weight| (weight.get(), resource)))
        .collect();
    if let Some(WeightedLatency { weight, device, batch, smooth }) = timed {
        let named = Named { device: device.clone(), batch: *batch, smooth: *smooth };
        let resource = latency(&named, &format!("{at}.latency"), folder, problems)?;
        chosen.push((weight.get(), resource));
    }
    if chosen.is_empty() {
        problems.add(
            &at,
            &format!("`{at}` names no resource"),
            "write `{ flops: 1.0, params: 0.5 }`",
        );
        return None;
    }
    let seed = seed?;
    let mut parts = Vec::new();
    for (weight, of) in chosen {
        let cost = CostForm::of(&of, seed).at(&seed.widths());
        if !(cost > 0.0 && cost.is_finite()) {
            problems.push(&at, format!("`{at}` weighs {of}, of which the seed needs {cost}"), None);
            return None;
        }
        parts.push(Weighted { coefficient: weight / cost, of });
    }
    Some(Resource::Weighted(WeightedSum { parts }))
}
