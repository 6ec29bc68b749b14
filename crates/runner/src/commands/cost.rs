//! `runner cost`: what a network costs, whole and by layer.

mod pricing;
mod table;
mod units;

use std::path::Path;

use cost_models::{Counting, Latency};
use regularizers::Kept;
use serde::Serialize;
use tensor_ops::{Cpu, Device};
use training::{Network, TrainError};

use self::pricing::{Costs, Layer, Question, layers};
use super::Outcome;
use crate::cli::{Charge, CostOptions, Counted};
use crate::device;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::measure;
use crate::network::{Named, image_shape, named};

#[derive(Debug, Serialize)]
struct Priced {
    name: String,
    /// Channels, height, width.
    input: [usize; 3],
    classes: usize,
    batch: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Measured>,
    #[serde(flatten)]
    total: Costs,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
    /// Channels that a search cannot prune, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<Vec<String>>,
    #[serde(skip)]
    all: Vec<Layer>,
}

/// The whole network on this machine.
#[derive(Debug, Serialize)]
struct Measured {
    /// Where it ran.
    on: String,
    /// Median time of a batch.
    latency_ms: f64,
}

/// Prices what the options name.
pub fn cost(options: &CostOptions) -> Outcome {
    match price(options) {
        Err(faults) => Outcome::bad_input(&faults),
        Ok((priced, _)) if options.json => Outcome::success(format!(
            "{}\n",
            serde_json::to_string_pretty(&priced).expect("costs are numbers and texts")
        )),
        Ok((priced, question)) => Outcome::success(table::table(&priced, &question, options.by)),
    }
}

fn price(options: &CostOptions) -> Result<(Priced, Question), Diagnostics> {
    let question = question(options)?;
    let Named { name, network } = named(&options.network, options.input, options.classes)?;
    let graph = &network.graph;
    let input = image_shape(graph);
    let classes = graph.outputs().first().map_or(0, |logits| graph.node(*logits).shape.channels);
    let measured = if options.measure { Some(measure(options, &network)?) } else { None };
    let mut all = layers(graph, &question);
    let total = Costs::sum(all.iter().map(|layer| &layer.costs));
    if let Some(charge) = options.by {
        all.sort_by(|a, b| b.costs.of(charge).total_cmp(&a.costs.of(charge)));
    }
    let is_listed = options.per_layer || options.by.is_some();
    let priced = Priced {
        name,
        input: input.map_or([0; 3], |input| [input.channels, input.height, input.width]),
        classes,
        batch: question.batch,
        device: question.latency.as_ref().map(|latency| latency.device().to_owned()),
        measured,
        total,
        layers: is_listed.then(|| all.clone()),
        kept: options
            .kept
            .then(|| Kept::by_scales(graph).iter().map(|kept| kept.words(graph)).collect()),
        all,
    };
    Ok((priced, question))
}

/// Times the network.
fn measure(options: &CostOptions, network: &Network) -> Result<Measured, Diagnostic> {
    let attempt = || -> Result<Measured, TrainError> {
        let device = Cpu::new(usize::from(options.threads))?;
        let nanoseconds = measure::whole(network, options.batch as usize, &device)?;
        Ok(Measured { on: device.name(), latency_ms: nanoseconds / 1e6 })
    };
    attempt().map_err(|error| Diagnostic::new(format!("cannot measure: {error}")))
}

fn question(options: &CostOptions) -> Result<Question, Diagnostic> {
    let counting = counting(&options.count);
    let batch = options.batch as usize;
    let latency = match &options.device {
        None => None,
        Some(name) => Some(match Latency::new(device::find(name, Path::new(""))?, batch) {
            Latency::Roofline(mut roofline) => {
                roofline.counting = counting;
                Latency::Roofline(roofline)
            }
            measured @ Latency::Measured(_) => measured,
        }),
    };
    if options.by == Some(Charge::Latency) && latency.is_none() {
        return Err(Diagnostic::new("`--by latency` needs a device")
            .help("add `--device v100`, or another device"));
    }
    Ok(Question { counting, batch, latency })
}

fn counting(counted: &[Counted]) -> Counting {
    let mut counting = Counting::default();
    for one in counted {
        match one {
            Counted::Bias => counting.bias = true,
            Counted::BatchNorm => counting.batch_norm = true,
            Counted::Pooling => counting.pooling = true,
            Counted::Activation => counting.activation = true,
            Counted::Join => counting.join = true,
            Counted::Movement => counting.movement = true,
            Counted::All => counting = Counting::ALL,
        }
    }
    counting
}
