//! `runner cost`: what a network costs, whole and by layer.

use cost_models::{CostForm, CostModel, Resource, Summary};
use graph::{Graph, Shape};
use serde::Serialize;

use super::Outcome;
use super::check::is_yaml;
use super::dry_run::aligned;
use crate::cli::CostOptions;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::spec;

#[derive(Debug, Serialize)]
struct Priced {
    name: String,
    /// Channels, height, width.
    input: [usize; 3],
    classes: usize,
    #[serde(flatten)]
    total: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<Vec<Layer>>,
}

#[derive(Debug, Serialize)]
struct Layer {
    name: String,
    op: &'static str,
    /// Channels, height, width of its output.
    output: [usize; 3],
    #[serde(flatten)]
    cost: Summary,
}

/// Prices what the options name.
pub fn cost(options: &CostOptions) -> Outcome {
    match price(options) {
        Err(faults) => Outcome::bad_input(&faults),
        Ok(priced) if options.json => Outcome::success(format!(
            "{}\n",
            serde_json::to_string_pretty(&priced).expect("costs are numbers and texts")
        )),
        Ok(priced) => Outcome::success(table(&priced)),
    }
}

fn price(options: &CostOptions) -> Result<Priced, Diagnostics> {
    let network = &options.network;
    let (name, architecture, input, classes) = if is_yaml(std::path::Path::new(network)) {
        let plan = Plan::load(std::path::Path::new(network), &[])?;
        (plan.name, plan.architecture, plan.input, plan.classes)
    } else {
        let architecture = spec::named(network)?;
        let input = architecture.natural_input();
        let classes = architecture.natural_classes();
        (architecture.family().to_owned(), architecture, input, classes)
    };
    let input = options.input.unwrap_or(input);
    let classes = options.classes.map_or(classes, |classes| classes as usize);
    let graph = architecture.build(input, classes).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let fault = Diagnostic::new(format!("{error}{}", cause.unwrap_or_default()));
        match error.option() {
            Some(_) => fault,
            None => fault.help("choose another `--input CxHxW`, `--classes N` or another network"),
        }
    })?;
    Ok(Priced {
        name,
        input: channels_first(input),
        classes,
        total: Summary::of(&graph),
        layers: options.per_layer.then(|| layers(&graph)),
    })
}

fn layers(graph: &Graph) -> Vec<Layer> {
    let widths = graph.widths();
    let per_node = |model: &dyn CostModel| CostForm::of(model, graph).per_node(&widths);
    let [macs, params, activations] =
        [Resource::Macs, Resource::Params, Resource::Activations].map(|r| per_node(&r));
    graph
        .nodes()
        .map(|(id, node)| {
            let at = |costs: &[f64]| costs[id.index()] as u64;
            let macs = at(&macs);
            Layer {
                name: node.name.clone(),
                op: node.op.kind(),
                output: channels_first(node.shape),
                cost: Summary {
                    macs,
                    flops: 2 * macs,
                    params: at(&params),
                    activations: at(&activations),
                },
            }
        })
        .filter(|layer| layer.cost.macs + layer.cost.params + layer.cost.activations > 0)
        .collect()
}

fn channels_first(shape: Shape) -> [usize; 3] {
    [shape.channels, shape.height, shape.width]
}

fn table(priced: &Priced) -> String {
    let image = |[channels, height, width]: [usize; 3]| format!("{channels}x{height}x{width}");
    let row = |name: &str, op: &str, output: String, cost: &Summary| {
        let Summary { macs, flops, params, activations } = *cost;
        let [macs, flops, params, activations] =
            [macs, flops, params, activations].map(|cost| cost.to_string());
        [name.to_owned(), op.to_owned(), output, macs, flops, params, activations]
    };
    let mut lines = vec![
        ["layer", "op", "output", "MACs", "FLOPs", "params", "activations"].map(str::to_owned),
    ];
    for layer in priced.layers.iter().flatten() {
        lines.push(row(&layer.name, layer.op, image(layer.output), &layer.cost));
    }
    lines.push(row("whole network", "", String::new(), &priced.total));
    format!(
        "{}, input {}, {} classes\n\n{}",
        priced.name,
        image(priced.input),
        priced.classes,
        aligned(&lines, &[0, 1])
    )
}
