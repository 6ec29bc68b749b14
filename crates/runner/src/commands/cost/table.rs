//! The table of a priced network.

use std::fmt::Write;

use cost_models::{Bound, Counting, Latency};

use super::pricing::{Costs, Layer, Question};
use super::units::{count, share, time};
use super::{Measured, Priced};
use crate::cli::Charge;
use crate::commands::dry_run::aligned;

/// Totals, and the layers if there are any; sorted by what is asked for.
pub(super) fn table(priced: &Priced, question: &Question, by: Option<Charge>) -> String {
    let [channels, height, width] = priced.input;
    let mut text = format!(
        "{}, input {channels}x{height}x{width}, {} classes\n\n{}",
        priced.name,
        priced.classes,
        totals(priced, question)
    );
    if let Some(layers) = &priced.layers {
        text.push('\n');
        text.push_str(&listed(layers, &priced.total, by));
    }
    if let Some(kept) = &priced.kept {
        text.push_str("\nA search cannot prune:\n");
        for words in kept {
            let _ = writeln!(text, "  {words}");
        }
    }
    text
}

fn totals(priced: &Priced, question: &Question) -> String {
    let Costs { macs, flops, params, activations, macts, bytes, latency_ms } = priced.total;
    let Question { counting, batch, latency } = question;
    let row = |name: &str, number: u64, exact: String, note: String| {
        [name.to_owned(), count(number), exact, note]
    };
    let whole = |name: &str, number: u64, note: String| row(name, number, number.to_string(), note);
    let mut rows = vec![
        whole("MACs", macs, "multiply-adds of kernels for one image".to_owned()),
        whole("FLOPs", flops, format!("2 x MACs{}", extras(*counting, FLOP_OPTIONS))),
        whole("params", params, format!("kernel values{}", extras(*counting, PARAM_OPTIONS))),
        whole("activations", activations, "output channels of kernels".to_owned()),
        whole("macts", macts, "output values of kernels for one image".to_owned()),
        whole("bytes", bytes, format!("memory traffic of a batch of {batch}, 4 bytes a value")),
    ];
    if let (Some(latency), Some(milliseconds)) = (latency, latency_ms) {
        let note = format!("a batch of {batch} on {}{}", latency.device(), sides(priced, latency));
        rows.push([
            "latency".to_owned(),
            time(milliseconds),
            format!("{milliseconds:.6} ms"),
            note,
        ]);
    }
    if let Some(Measured { on, latency_ms: measured }) = &priced.measured {
        let compared = latency_ms.map(|predicted| {
            let percent = (predicted / measured - 1.0) * 100.0;
            format!("; predicted {percent:+.1} %")
        });
        let note = format!("a batch of {batch} on {on}{}", compared.unwrap_or_default());
        rows.push(["measured".to_owned(), time(*measured), format!("{measured:.6} ms"), note]);
    }
    aligned(&rows, &[0, 3])
}

/// An option of counting with its words.
type Options = &'static [(fn(Counting) -> bool, &'static str)];

const FLOP_OPTIONS: Options = &[
    (|counting| counting.bias, "biases"),
    (|counting| counting.batch_norm, "batch norms"),
    (|counting| counting.pooling, "pools"),
    (|counting| counting.activation, "functions"),
    (|counting| counting.join, "joins"),
];

const PARAM_OPTIONS: Options =
    &[(|counting| counting.bias, "biases"), (|counting| counting.batch_norm, "batch norms")];

/// What is counted besides kernels.
fn extras(counting: Counting, options: Options) -> String {
    let chosen = options.iter().filter(|(is_chosen, _)| is_chosen(counting));
    let words: Vec<&str> = [""].into_iter().chain(chosen.map(|(_, words)| *words)).collect();
    words.join(" + ")
}

/// Which share of the time each side of a roofline binds.
fn sides(priced: &Priced, latency: &Latency) -> String {
    let of = |side: Bound| {
        let bound = priced.all.iter().filter(|layer| layer.bound == Some(side));
        bound.filter_map(|layer| layer.costs.latency_ms).sum::<f64>()
    };
    match latency {
        Latency::Measured(_) => ", as measured".to_owned(),
        Latency::Roofline(_) => {
            let (compute, memory) = (of(Bound::Compute), of(Bound::Memory));
            let [compute, memory] = [compute, memory].map(|part| share(part, compute + memory));
            format!(": {compute} bound by compute, {memory} by memory")
        }
    }
}

/// A row of the list: a layer alone, or the sum of a block and its layers.
struct Entry<'a> {
    block: Option<&'a str>,
    layers: Vec<&'a Layer>,
    costs: Costs,
}

fn listed(layers: &[Layer], total: &Costs, by: Option<Charge>) -> String {
    let has_time = total.latency_ms.is_some();
    // Without a device, what only moves values has nothing to show.
    let shown = |layer: &&Layer| {
        let Costs { macs, flops, params, .. } = layer.costs;
        macs + flops + params > 0 || (has_time && layer.costs.latency_ms > Some(0.0))
    };
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for layer in layers.iter().filter(shown) {
        let block = layer.block.as_deref();
        match entries.iter_mut().find(|entry| block.is_some() && entry.block == block) {
            Some(entry) => entry.layers.push(layer),
            None => entries.push(Entry { block, layers: vec![layer], costs: Costs::default() }),
        }
    }
    for entry in &mut entries {
        entry.costs = Costs::sum(entry.layers.iter().map(|layer| &layer.costs));
    }
    if let Some(charge) = by {
        let falling = |a: &Costs, b: &Costs| b.of(charge).total_cmp(&a.of(charge));
        entries.sort_by(|a, b| falling(&a.costs, &b.costs));
        for entry in &mut entries {
            entry.layers.sort_by(|a, b| falling(&a.costs, &b.costs));
        }
    }
    let mut rows = vec![
        ["layer", "op", "output", "MACs", "FLOPs", "%", "params", "%", "time", "%", "bound"]
            .map(str::to_owned),
    ];
    for Entry { block, layers, costs } in &entries {
        let (true, Some(block)) = (layers.len() > 1, block) else {
            rows.extend(
                layers.iter().map(|layer| row(&layer.name, Some(layer), &layer.costs, total)),
            );
            continue;
        };
        rows.push(row(&format!("{block}/"), None, costs, total));
        for layer in layers {
            let name = layer.name.get(block.len() + 1..).unwrap_or(&layer.name);
            rows.push(row(&format!("  {name}"), Some(layer), &layer.costs, total));
        }
    }
    rows.push(row("whole network", None, total, total));
    if has_time {
        return aligned(&rows, &[0, 1, 10]);
    }
    let rows: Vec<[String; 8]> =
        rows.into_iter().map(|[a, b, c, d, e, f, g, h, ..]| [a, b, c, d, e, f, g, h]).collect();
    aligned(&rows, &[0, 1])
}

fn row(name: &str, layer: Option<&Layer>, costs: &Costs, total: &Costs) -> [String; 11] {
    let Costs { macs, flops, params, latency_ms, .. } = *costs;
    let sizes = |layer: &Layer| {
        let sizes: Vec<String> = layer.output.iter().map(ToString::to_string).collect();
        sizes.join("x")
    };
    let percent = |charge| match costs.of(charge) {
        0.0 => String::new(),
        part => share(part, total.of(charge)),
    };
    let number = |number: u64| if number == 0 { "-".to_owned() } else { count(number) };
    let bound = match layer.and_then(|layer| layer.bound) {
        Some(Bound::Compute) => "compute",
        Some(Bound::Memory) => "memory",
        None => "",
    };
    [
        name.to_owned(),
        layer.map_or_else(String::new, |layer| layer.op.to_owned()),
        layer.map_or_else(String::new, sizes),
        number(macs),
        number(flops),
        percent(Charge::Flops),
        number(params),
        percent(Charge::Params),
        latency_ms.map_or_else(String::new, time),
        percent(Charge::Latency),
        bound.to_owned(),
    ]
}
