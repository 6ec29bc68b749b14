//! One search: train with the penalty, decide, write the structure down.

use std::cell::RefCell;
use std::path::PathBuf;

use anyhow::Context;
use cost_models::Summary;
use datasets::{Batches, Streams};
use graph::{ChannelMap, Channels, Graph};
use regularizers::{MorphNet, Warning};
use report::curve::{CurveRow, Phase};
use serde::{Deserialize, Serialize};
use surgery::{Costs, Structure, structure_hash};
use tensor_ops::Cpu;
use training::{Control, EpochRecord, Network, Trainer};

use super::Run;
use super::collect::curve_row;
use super::data::{Data, Searched};
use super::monitor::Monitor;
use super::scoring::Scorer;
use super::training::{Ending, resume, train};
use crate::plan::{Limit, Pressure, Search};
use crate::store::{self, Checkpoints, Lock};

/// What a search leaves beside its structure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    /// SHA-256 of the structure file.
    structure: String,
    /// Its epochs.
    epochs: Vec<EpochRecord>,
}

impl Run<'_> {
    /// Where the structure of a search lies.
    pub(crate) fn structure_path(&self, search: Search) -> PathBuf {
        self.folder.join(self.networks().structure_file(search))
    }

    /// The epochs of a finished search, each with the share of the cost that was alive.
    pub(crate) fn search_curve(&self, search: Search) -> anyhow::Result<Vec<CurveRow>> {
        let folder = self.search_folder(search);
        let record: Option<Record> = store::read_json(&folder.join("done.json"))?;
        let Some(Record { structure: _, epochs }) = record else { return Ok(Vec::new()) };
        let alive = Monitor::resume(&folder, epochs.len()).map(|monitor| monitor.alive_costs());
        let alive = alive.unwrap_or_default();
        let name = self.networks().search_name(search);
        let rows = epochs
            .iter()
            .enumerate()
            .map(|(at, epoch)| curve_row(Phase::Search, &name, *epoch, alive.get(at).copied()));
        Ok(rows.collect())
    }

    /// Where the state of a search lies.
    pub(crate) fn search_folder(&self, search: Search) -> PathBuf {
        let folder = self.state_folder().join("searches").join(&self.outline.scope.search);
        folder.join(self.plan.search_file(search))
    }

    /// The structure that a finished search found.
    pub(crate) fn found(&self, search: Search) -> anyhow::Result<Option<Structure>> {
        let record: Option<Record> =
            store::read_json(&self.search_folder(search).join("done.json"))?;
        let Some(record) = record else { return Ok(None) };
        store::read_recorded(&self.structure_path(search), &record.structure)
    }

    /// Floating-point operations of a search that begins with the seed, for the estimate of time.
    pub(crate) fn search_work(&self) -> f64 {
        let Data { images, searched } = self.data();
        let share = searched.train.count() as f64 / images.split.train.count() as f64;
        let flops = Summary::of(self.learner(&self.outline.seed)).flops as f64;
        share * self.training_work(&self.plan.search, flops)
    }

    /// Does a search on the network that it begins with, or on the proxy of it. None if it was stopped.
    pub(crate) fn search(
        &self,
        device: &Cpu,
        search: Search,
        lock: &Lock<'_>,
    ) -> anyhow::Result<Option<Structure>> {
        self.recorder()?.begin()?;
        let recipe = &self.plan.search;
        let start = self.start(search)?.context("the cycle before is not done")?;
        let learner = self.learner(&start);
        let streams = Streams::new(search.seed).derive(&stream(search));
        let network = Network::init(self.plan.regularizer.trained(learner).into_owned(), streams);
        let mut penalty = self.penalty(search, learner)?;
        self.warn(search, &penalty.warnings_before());
        let batches = Batches::new(
            &self.data().searched.train,
            &self.data().searched.normalization,
            recipe.batch_size,
            recipe.augmentation,
            streams,
        )?;
        let sets = self.data().images.label_sets();
        let mut trainer = Trainer::for_labels(&network, recipe, sets, streams, device)?;
        let Searched { validation, normalization, .. } = &self.data().searched;
        let mut scorer = match sets {
            None => None,
            Some(_) => {
                Some(Scorer::new(&network.graph, recipe.gates, sets, normalization, device)?)
            }
        };

        let folder = self.search_folder(search);
        let steps = batches.per_epoch() as u64 * u64::from(recipe.epochs);
        let mut task = self.progress.start(
            &format!("search {}", self.plan.search_words(search)),
            steps,
            self.search_work(),
        );
        let checkpoints = Checkpoints::new(&folder);
        resume(&mut trainer, &mut penalty, &checkpoints, &mut task, batches.per_epoch())?;
        let monitor = RefCell::new(Monitor::resume(&folder, trainer.history().len())?);
        if !self.is_settled(search, learner, &monitor.borrow()) {
            let ending = train(
                &mut trainer,
                &batches,
                &mut penalty,
                &checkpoints,
                lock,
                self.interrupt,
                &mut |step| {
                    let (epoch, loss, monitor) = (step.epoch, step.loss, monitor.borrow());
                    task.step(&format!("epoch {epoch} loss {loss:.3} {}", alive(&monitor)));
                },
                &mut |trainer, penalty| {
                    let precision = scorer.as_mut();
                    let precision =
                        precision.map(|scorer| scorer.score(&trainer.network(), validation));
                    let mut monitor = monitor.borrow_mut();
                    monitor.observe(&network.graph, penalty, trainer, precision.transpose()?)?;
                    let settled = self.is_settled(search, learner, &monitor);
                    Ok(if settled { Control::Stop } else { Control::Continue })
                },
            );
            if ending? == Ending::Stopped {
                task.abandon();
                return Ok(None);
            }
        }
        let decision = penalty.decide(&trainer.network().parameters)?;
        // Groups have the same numbers with gates and without.
        let learned = ChannelMap::of(learner, &self.channels(learner)?, &decision.keep)?;
        let survivors = self.transferred(search, learned, &start)?;
        let channels = self.channels(&start)?;
        let shrunk = start.with_channels(&survivors)?;
        let structure = Structure {
            schema: Structure::SCHEMA,
            hash: structure_hash(&shrunk),
            regularization_strength: penalty.driven_strengths()[0],
            cost: match search.pressure {
                Pressure::Strength(_) => self.plan.regularizer.cost.to_string(),
                Pressure::Target(target) => self.plan.sweep.targets[target].to_string(),
            },
            alive_threshold: self.plan.regularizer.alive_threshold,
            seed: search.seed,
            costs: Costs { before: Summary::of(&start), after: Summary::of(&shrunk) },
            layers: Structure::layers(&start, &channels, &survivors),
        };
        lock.confirm()?;
        if self.plan.carries_weights() {
            checkpoints.keep_last()?;
        }
        self.write_structure(search, &structure, trainer.history().to_vec())?;
        if !self.plan.carries_weights() {
            checkpoints.clear()?;
        }
        task.finish(&describe(&structure));
        self.warn(search, &penalty.warnings_after(&decision));
        Ok(Some(structure))
    }

    /// The network that a finished search trained, with the gates that it may have.
    pub(crate) fn searched(&self, device: &Cpu, search: Search) -> anyhow::Result<Network> {
        let start = self.start(search)?.context("the cycle before is not done")?;
        let streams = Streams::new(search.seed).derive(&stream(search));
        let network = Network::init(self.plan.regularizer.trained(&start).into_owned(), streams);
        let sets = self.data().images.label_sets();
        let mut trainer = Trainer::for_labels(&network, &self.plan.search, sets, streams, device)?;
        let folder = self.search_folder(search);
        let bytes = Checkpoints::new(&folder).latest()?.intact.with_context(|| {
            format!(
                "the weights in `{}` are gone; delete the folder and run again",
                folder.display()
            )
        })?;
        trainer.load(&bytes, &mut self.penalty(search, &start)?)?;
        Ok(trainer.network())
    }

    /// The channel groups of a network, with what the experiment ties.
    fn channels(&self, graph: &Graph) -> anyhow::Result<Channels> {
        Ok(Channels::tied(graph, &self.plan.regularizer.scope(graph)?.tied)?)
    }

    /// The penalty of a search on the network that it begins with, or on the proxy of it.
    pub(crate) fn penalty(&self, search: Search, start: &Graph) -> anyhow::Result<MorphNet> {
        let regularizer = &self.plan.regularizer;
        Ok(match search.pressure {
            Pressure::Strength(strength) => {
                let form = regularizer.form(&regularizer.cost, start);
                let trained = regularizer.trained(start);
                let scope = regularizer.scope(&trained)?;
                let settings = regularizer.settings(strength, search.seed);
                MorphNet::scoped(&trained, &scope, form, settings)?
            }
            Pressure::Target(target) => {
                self.target_on(target, start).penalty(regularizer, start, search.seed)?
            }
        })
    }

    /// Whether the same groups have been alive for as many epochs as `early_stop` asks for; never above a target.
    fn is_settled(&self, search: Search, start: &Graph, monitor: &Monitor) -> bool {
        let Some(epochs) = self.plan.early_stop else { return false };
        let limits = match search.pressure {
            Pressure::Strength(_) => Vec::new(),
            Pressure::Target(target) => self.target_on(target, start).into_owned().limits,
        };
        let is_reached =
            |(limit, share): (&Limit, &f64)| share * limit.cost_of(start) <= limit.cost;
        monitor.stable_epochs() >= epochs && limits.iter().zip(monitor.alive_cost()).all(is_reached)
    }

    fn write_structure(
        &self,
        search: Search,
        structure: &Structure,
        epochs: Vec<EpochRecord>,
    ) -> anyhow::Result<()> {
        let structure = store::write_recorded(&self.structure_path(search), structure)?;
        let record = Record { structure, epochs };
        store::write_json(&self.search_folder(search).join("done.json"), &record)
    }

    fn warn(&self, search: Search, warnings: &[Warning]) {
        let search = self.plan.search_words(search);
        for warning in warnings {
            self.progress.say(&format!("warning: search {search}: {warning}"));
        }
    }
}

/// The random streams of a search, below those of its seed.
pub(super) fn stream(search: Search) -> String {
    if search.cycle > 1 { format!("search-{}", search.cycle) } else { "search".to_owned() }
}

/// Shares of the cost that is alive, in words.
fn alive(monitor: &Monitor) -> String {
    let shares = monitor.alive_cost().iter().map(|share| format!("alive {:.1} %", 100.0 * share));
    shares.collect::<Vec<_>>().join(", ")
}

fn describe(structure: &Structure) -> String {
    let millions = |flops: u64| flops as f64 / 1e6;
    format!(
        "{:.2} of {:.2} MFLOPs left, {} channels dead",
        millions(structure.costs.after.flops),
        millions(structure.costs.before.flops),
        structure.dead_channels()
    )
}
