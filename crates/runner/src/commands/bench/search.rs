//! What learning widths costs: steps of a search against plain steps of training, in turns.

use std::fmt::Write;
use std::path::Path;

use anyhow::Context;
use cost_models::{CostForm, Flops};
use datasets::{Bars, Batches, Normalization, Streams};
use graph::{NodeId, Role};
use regularizers::{
    Grouping, MaskOrProbability, MorphNet, Scope, Settings, StrengthKind, Target, gated,
};
use tensor_ops::{Cpu, Device};
use training::{Control, Filters, Network, Parameters, Penalty, PenaltyStep, Recipe, Trainer};

use super::super::dry_run::aligned;
use super::cases::Case;
use super::{csv_cell, recipe};
use crate::clock::Stopwatch;
use crate::network::image_shape;
use crate::store;

/// Steps of a turn.
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

    /// The penalty, and the network that it is on if that has gates.
    fn begin(
        self,
        network: &Network,
        streams: Streams,
    ) -> anyhow::Result<(Option<Network>, MorphNet)> {
        let graph = &network.graph;
        let form = CostForm::of(&Flops, graph);
        let (scope, settings) = (Scope::default(), self.settings());
        Ok(match self {
            Self::Gamma | Self::GroupLasso => {
                (None, MorphNet::scoped(graph, &scope, form, settings)?)
            }
            Self::Target => {
                let cost = form.at(&graph.widths()) / 2.0;
                let targets = vec![Target { form, cost }];
                (None, MorphNet::towards(graph, &scope, targets, settings)?)
            }
            Self::Gate => {
                let with_gates = gated(graph);
                let form =
                    form.carried(graph, &with_gates).context("gates are all that is added")?;
                let penalty = MorphNet::scoped(&with_gates, &scope, form, settings)?;
                (Some(Network::init(with_gates, streams)), penalty)
            }
        })
    }
}

/// Median seconds of plain steps, of search steps and of the penalty in these, and median ratio of the steps.
struct Row<'a> {
    case: &'a Case,
    search: Search,
    plain: f64,
    searched: f64,
    penalty: f64,
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
    let mut text = "network,batch,search,plain_ms,search_ms,penalty_ms,ratio\n".to_owned();
    let mut lines = vec![
        ["network", "search", "plain ms", "search ms", "penalty ms", "ratio"].map(str::to_owned),
    ];
    for Row { case, search, plain, searched, penalty, ratio } in &rows {
        let (name, search) = (csv_cell(&case.name), search.name());
        let times = [plain, searched, penalty].map(|seconds| format!("{:.3}", 1e3 * seconds));
        let _ = writeln!(text, "{name},{},{search},{},{ratio:.4}", case.batch, times.join(","));
        let [plain, searched, penalty] = times;
        let ratio = format!("{ratio:.3}");
        lines.push([case.name.clone(), search.to_owned(), plain, searched, penalty, ratio]);
    }
    store::write(file, text.as_bytes())?;
    Ok(format!("{}\n\n{}", device.name(), aligned(&lines, &[0, 1])))
}

fn of_case<'a>(case: &'a Case, seconds: f64, device: &Cpu) -> anyhow::Result<Vec<Row<'a>>> {
    let streams = Streams::new(0);
    let recipe = Recipe { epochs: EPOCHS, ..recipe(case.batch as usize) };
    let batches = batches(case, streams)?;
    Search::ALL
        .into_iter()
        .map(|search| {
            let (gated, penalty) = search.begin(&case.network, streams)?;
            let mut penalty = Timed { penalty, times: Vec::new() };
            let mut trainer = Trainer::new(&case.network, &recipe, streams, device)?;
            let with_gates = gated.map(|network| Trainer::new(&network, &recipe, streams, device));
            let mut with_gates = with_gates.transpose()?;
            let mut turns = Vec::new();
            let mut whole = Stopwatch::start();
            while turns.len() <= FEWEST || whole.elapsed().as_secs_f64() < 2.0 * seconds {
                let plain = turn(&mut trainer, &batches, &mut ())?;
                // Without gates the programs are the same, and one in one place is compared with itself.
                let searched =
                    turn(with_gates.as_mut().unwrap_or(&mut trainer), &batches, &mut penalty)?;
                if turns.is_empty() {
                    whole = Stopwatch::start();
                }
                turns.push((plain, searched));
            }
            // The first made pages and warmed caches.
            let counted = || turns[1..].iter();
            Ok(Row {
                case,
                search,
                plain: median(counted().map(|(plain, _)| *plain)),
                searched: median(counted().map(|(_, searched)| *searched)),
                penalty: median(penalty.times.into_iter()),
                ratio: median(counted().map(|(plain, searched)| searched / plain)),
            })
        })
        .collect()
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

/// Median seconds of the steps of an epoch.
fn turn(
    trainer: &mut Trainer<'_, Cpu>,
    batches: &Batches,
    penalty: &mut dyn Penalty,
) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    let mut watch = Stopwatch::start();
    trainer.epoch(batches, penalty, &mut |_| {
        times.push(watch.elapsed().as_secs_f64());
        watch = Stopwatch::start();
        Control::Continue
    })?;
    Ok(median(times.into_iter()))
}

/// A penalty, and the seconds that it took in every step.
struct Timed {
    penalty: MorphNet,
    times: Vec<f64>,
}

impl Penalty for Timed {
    fn parameters(&self) -> Vec<(NodeId, Role)> {
        self.penalty.parameters()
    }

    fn filters(&self) -> Vec<NodeId> {
        self.penalty.filters()
    }

    fn apply(
        &mut self,
        parameters: &mut Parameters,
        filters: &mut Filters,
        step: PenaltyStep,
    ) -> f64 {
        let watch = Stopwatch::start();
        let value = self.penalty.apply(parameters, filters, step);
        self.times.push(watch.elapsed().as_secs_f64());
        value
    }

    fn state(&self) -> Vec<u8> {
        self.penalty.state()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        self.penalty.restore(state)
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
