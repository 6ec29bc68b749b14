//! Costs that searches end at.

use std::fmt;
use std::path::Path;

use cost_models::{Bytes, CostForm, CostModel, Latency, Resource};
use graph::Graph;
use regularizers::{MorphNet, PenaltyError};
use serde::{Deserialize, Serialize};

use super::problem::Problems;
use super::regularizer::Regularizer;
use crate::device;
use crate::spec::{Amount, CostTarget, LatencyTarget, Targets};

/// What a learned network may cost at most, of every resource named.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Target {
    /// At least one.
    pub limits: Vec<Limit>,
}

/// What it may cost of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The resource.
    pub resource: Resource,
    /// At most so much, in the resource's unit.
    pub cost: f64,
    /// What was written, if it was a share of the seed's cost in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
}

impl Limit {
    /// Cost of a graph.
    pub fn cost_of(&self, graph: &Graph) -> f64 {
        CostForm::of(&self.resource, graph).at(&graph.widths())
    }

    fn file_name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let resource: String = match &self.resource {
            Resource::Latency(latency) => {
                let name = format!("latency-{}-{}", latency.device(), latency.batch());
                name.chars().map(plain).collect()
            }
            Resource::Flops
            | Resource::Macs
            | Resource::Params
            | Resource::Activations
            | Resource::Macts
            | Resource::Bytes(_)
            | Resource::Weighted(_) => self.resource.name().to_owned(),
        };
        match self.percent {
            Some(percent) => format!("{resource}-{percent}-percent"),
            None => format!("{resource}-{}", self.cost),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent {
            Some(percent) => write!(f, "{percent}% {}", self.resource.name()),
            None => write!(f, "{} {}", self.cost, self.resource.name()),
        }
    }
}

/// Strength, in units of `1 / cost(seed)`, from which a search begins to look for the right one.
pub(super) const FIRST_STRENGTH: f64 = 1.0;

impl Target {
    /// For the names of files.
    pub fn file_name(&self) -> String {
        let limits: Vec<String> = self.limits.iter().map(Limit::file_name).collect();
        limits.join("-and-")
    }

    /// The penalty that leads a graph there, for the network that a search with this seed trains ([`Regularizer::trained`]).
    pub fn penalty(
        &self,
        regularizer: &Regularizer,
        graph: &Graph,
        seed: u64,
    ) -> Result<MorphNet, PenaltyError> {
        let target = |limit: &Limit| regularizers::Target {
            form: regularizer.form(&limit.resource, graph),
            cost: limit.cost,
        };
        let targets = self.limits.iter().map(target).collect();
        let trained = regularizer.trained(graph);
        let scope = regularizer.scope(&trained).unwrap_or_default();
        MorphNet::towards(&trained, &scope, targets, regularizer.settings(FIRST_STRENGTH, seed))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, limit) in self.limits.iter().enumerate() {
            write!(f, "{}{limit}", if position > 0 { " and " } else { "" })?;
        }
        Ok(())
    }
}

/// The targets in numbers. Device files are looked up in `folder`.
pub(super) fn targets(
    written: &Targets,
    seed: Option<&Graph>,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<Target> {
    let Some(seed) = seed else { return Vec::new() };
    let mut targets = Vec::new();
    for (index, costs) in written.all.iter().enumerate() {
        let at = written.at(index);
        if *costs == CostTarget::default() {
            let help = "write `{ flops: 50% }`".to_owned();
            problems.push(&at, format!("`{at}` names no resource"), Some(help));
        }
        let mut limits = Vec::new();
        for (key, amount, resource) in resources(costs, &at, folder, problems) {
            let cost = CostForm::of(&resource, seed).at(&seed.widths());
            let (most, percent) = match amount {
                Amount::Percent(percent) => (cost * percent / 100.0, Some(percent)),
                Amount::Absolute(most) => (most, None),
            };
            if most >= cost {
                problems.push(
                    &key,
                    format!("`{key}` is {most}, and the seed costs no more than {cost}"),
                    Some("ask for less, such as 50%".to_owned()),
                );
            }
            limits.push(Limit { resource, cost: most, percent });
        }
        targets.push(Target { limits });
    }
    targets
}

/// The resources of a target, with their keys and amounts.
fn resources(
    costs: &CostTarget,
    at: &str,
    folder: &Path,
    problems: &mut Problems,
) -> Vec<(String, Amount, Resource)> {
    let CostTarget { flops, macs, params, activations, macts, bytes, latency } = costs;
    let counts = [
        (*flops, Resource::Flops),
        (*macs, Resource::Macs),
        (*params, Resource::Params),
        (*activations, Resource::Activations),
        (*macts, Resource::Macts),
        (*bytes, Resource::Bytes(Bytes::of_batch(1))),
    ];
    let mut found: Vec<(String, Amount, Resource)> = counts
        .into_iter()
        .filter_map(|(amount, resource)| {
            Some((format!("{at}.{}", resource.name()), amount?, resource))
        })
        .collect();
    if let Some(LatencyTarget { device, at_most, batch }) = latency {
        match device::find(device, folder) {
            Ok(device) => found.push((
                format!("{at}.latency.at_most"),
                *at_most,
                Resource::Latency(Latency::new(device, batch.size())),
            )),
            Err(fault) => problems.push_fault(&format!("{at}.latency.device"), fault),
        }
    }
    found
}

/// Every target must be one that the graph allows.
pub(super) fn unreachable(
    written: &Targets,
    targets: &[Target],
    regularizer: &Regularizer,
    seed: &Graph,
    problems: &mut Problems,
) {
    for (index, target) in targets.iter().enumerate() {
        let at = written.at(index);
        match target.penalty(regularizer, seed, 0) {
            Ok(_) => {}
            Err(PenaltyError::Infeasible { number, target: most, lowest, seed: whole }) => {
                let key = format!("{at}.{}", target.limits[number - 1].resource.name());
                problems.push(
                    &key,
                    format!(
                        "`{key}` is at most {most} of {whole}, and a search can reach no less than {lowest}"
                    ),
                    Some("raise the target, ignore fewer layers, or lower `min_width`".to_owned()),
                );
            }
            Err(
                error @ (PenaltyError::Strength(_)
                | PenaltyError::Graph(_)
                | PenaltyError::NoTarget),
            ) => problems.push(&at, format!("`{at}` cannot be searched for: {error}"), None),
        }
    }
}
