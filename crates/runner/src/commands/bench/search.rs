//! What learning widths costs: steps of a search against plain steps of training, in turns.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use cost_models::{CostForm, Flops};
use datasets::{Bars, Batches, Normalization, Streams};
use regularizers::{
    Grouping, MaskOrProbability, MorphNet, Scope, Settings, StrengthKind, Target, gated,
};
use tensor_ops::{Cpu, Device};
use training::{Control, Network, Penalty, Recipe, Trainer};

use super::super::dry_run::aligned;
use super::cases::Case;
use super::{csv_cell, recipe};
use crate::clock::Stopwatch;
use crate::network::image_shape;
use crate::store;

/// Steps of a turn, of which the median counts.
const STEPS: usize = 6;

/// Fewest turns of each, after one that is not counted.
const FEWEST: usize = 3;

/// Epochs of the run that the steps are the beginning of.
const EPOCHS: u32 = 1000;

/// What is searched with.
#[derive(Clone, Copy, PartialEq)]
enum Search {
    Gamma,
    Target,
    GroupLasso,
    Gate,
}

impl Search {
    const ALL: [Self; 4] = [Self::Gamma, Self::Target, Self::GroupLasso, Self::Gate];

    fn name(self) -> &'static str {
        match self {
            Self::Gamma => "gamma",
            Self::Target => "gamma to a target",
            Self::GroupLasso => "group lasso",
            Self::Gate => "gate",
        }
    }

    fn settings(self) -> Settings {
        let (kind, grouping) = match self {
            Self::Gamma | Self::Target => (StrengthKind::Gamma, Grouping::Max),
            Self::GroupLasso => (StrengthKind::GroupLasso { l1_fraction: 0.0 }, Grouping::Max),
            Self::Gate => {
                let on = MaskOrProbability::Probability;
                (StrengthKind::Gate { on }, Grouping::Probabilistic)
            }
        };
        Settings { kind, grouping, alive_threshold: kind.usual_threshold(), ..Settings::default() }
    }

    /// The network that is trained, and the penalty on it.
    fn begin(self, network: &Network, streams: Streams) -> anyhow::Result<(Network, MorphNet)> {
        let graph = &network.graph;
        let form = CostForm::of(&Flops, graph);
        let (scope, settings) = (Scope::default(), self.settings());
        Ok(match self {
            Self::Gamma | Self::GroupLasso => {
                (network.clone(), MorphNet::scoped(graph, &scope, form, settings)?)
            }
            Self::Target => {
                let cost = form.at(&graph.widths()) / 2.0;
                let targets = vec![Target { form, cost }];
                (network.clone(), MorphNet::towards(graph, &scope, targets, settings)?)
            }
            Self::Gate => {
                let with_gates = gated(graph);
                let form =
                    form.carried(graph, &with_gates).context("gates are all that is added")?;
                let penalty = MorphNet::scoped(&with_gates, &scope, form, settings)?;
                (Network::init(with_gates, streams), penalty)
            }
        })
    }
}

/// Median seconds of plain and of search steps, and of their ratios.
struct Row<'a> {
    case: &'a Case,
    search: Search,
    plain: f64,
    searched: f64,
    ratio: f64,
}

/// Measures, writes the table, and gives it.
pub(super) fn measure(
    cases: &[Case],
    seconds: f64,
    device: &Cpu,
    file: &Path,
) -> anyhow::Result<String> {
    let mut rows = Vec::new();
    for case in cases {
        rows.extend(of_case(case, seconds, device).with_context(|| case.name.clone())?);
    }
    let mut text = "network,batch,search,plain_ms,search_ms,ratio\n".to_owned();
    let mut lines =
        vec![["network", "search", "plain ms", "search ms", "ratio"].map(str::to_owned)];
    for Row { case, search, plain, searched, ratio } in &rows {
        let (name, search) = (csv_cell(&case.name), search.name());
        let [plain, searched] = [plain, searched].map(|it| format!("{:.3}", 1e3 * it));
        let _ = writeln!(text, "{name},{},{search},{plain},{searched},{ratio:.4}", case.batch);
        lines.push([case.name.clone(), search.to_owned(), plain, searched, format!("{ratio:.3}")]);
    }
    store::write(file, text.as_bytes())?;
    Ok(format!("{}\n\n{}", device.name(), aligned(&lines, &[0, 1])))
}

fn of_case<'a>(case: &'a Case, seconds: f64, device: &Cpu) -> anyhow::Result<Vec<Row<'a>>> {
    let streams = Streams::new(0);
    let recipe = Recipe { epochs: EPOCHS, ..recipe(case.batch as usize) };
    let batches = batches(case, streams)?;
    let plain = Trainer::new(&case.network, &recipe, streams, device)?;
    let mut plain = Side { trainer: plain, penalty: Box::new(()) };
    let mut sides = Vec::new();
    for search in Search::ALL {
        let (network, penalty) = search.begin(&case.network, streams)?;
        let trainer = Trainer::new(&network, &recipe, streams, device)?;
        sides.push((search, Side { trainer, penalty: Box::new(penalty) }, Vec::new()));
    }
    plain.turn(&batches)?;
    for (_, side, _) in &mut sides {
        side.turn(&batches)?;
    }
    let (whole, mut turns) = (Stopwatch::start(), 0);
    let enough = seconds * (sides.len() + 1) as f64;
    while turns < FEWEST || whole.elapsed().as_secs_f64() < enough {
        for (_, side, times) in &mut sides {
            // Next to each other, and either first as often.
            let (first, second);
            if turns % 2 == 0 {
                first = plain.turn(&batches)?;
                second = side.turn(&batches)?;
            } else {
                second = side.turn(&batches)?;
                first = plain.turn(&batches)?;
            }
            times.push((first, second));
        }
        turns += 1;
    }
    let row = |(search, _, times): (Search, Side<'_>, Vec<(f64, f64)>)| Row {
        case,
        search,
        plain: median(times.iter().map(|(plain, _)| *plain)),
        searched: median(times.iter().map(|(_, searched)| *searched)),
        ratio: median(times.iter().map(|(plain, searched)| searched / plain)),
    };
    Ok(sides.into_iter().map(row).collect())
}

/// Made-up images for one turn.
fn batches(case: &Case, streams: Streams) -> anyhow::Result<Batches> {
    let shape = image_shape(&case.network.graph).context("the network reads no image")?;
    anyhow::ensure!(shape.height == shape.width, "searches are timed on square images");
    let images = Bars {
        training: STEPS * case.batch as usize,
        test: 1,
        side: shape.height,
        channels: shape.channels,
    };
    let (train, _) = images.generate(streams)?;
    let recipe = recipe(case.batch as usize);
    let normalization = Normalization::of(&train);
    Ok(Batches::new(&train, &normalization, recipe.batch_size, recipe.augmentation, streams)?)
}

struct Side<'d> {
    trainer: Trainer<'d, Cpu>,
    penalty: Box<dyn Penalty>,
}

impl Side<'_> {
    /// Median seconds of the steps of an epoch.
    fn turn(&mut self, batches: &Batches) -> anyhow::Result<f64> {
        let mut times = Vec::new();
        let mut watch = Stopwatch::start();
        self.trainer.epoch(batches, self.penalty.as_mut(), &mut |_| {
            times.push(watch.elapsed().as_secs_f64());
            watch = Stopwatch::start();
            Control::Continue
        })?;
        Ok(median(times.into_iter()))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
