//! Morphing one network: score, learn widths, shrink, expand, retrain, export.
//!
//! As in a run, all state lies in the output folder: a phase that is done is there whole, one that is not goes on from its
//! checkpoint, and the files that are left are the same either way.

#[cfg(feature = "onnx-runtime")]
mod onnx_runtime;
mod outcome;
mod phases;

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use graph::Graph;
use tensor_ops::{Cpu, Level};
use training::Network;

use super::data::{self, Images, Wanted};
use super::progress::Progress;
use super::{Failure, Outcome, bad_input};
use crate::interrupt::Interrupt;
use crate::network::to_onnx;
use crate::plan::{MorphPlan, Standards};
use crate::store::{self, Attempt, Lock, Presence};

/// How a morphing is carried out. None of it changes what is left, but for rounding.
#[derive(Clone, Debug)]
pub(crate) struct MorphSettings {
    /// The folder for everything that is left.
    pub(crate) output: PathBuf,
    /// Folder of data sets that do not come with the program.
    pub(crate) data: Option<PathBuf>,
    /// Threads.
    pub(crate) threads: usize,
    /// Vector instructions, if not the best; others round differently.
    pub(crate) level: Option<Level>,
    /// Discard what is there.
    pub(crate) fresh: bool,
    /// Whether batch norms become part of convolutions in the ONNX file.
    pub(crate) fold_batch_norm: bool,
    /// The shared library of ONNX Runtime, if networks are to be timed in it.
    #[cfg(feature = "onnx-runtime")]
    pub(crate) onnx_runtime: Option<PathBuf>,
}

/// The network to begin with.
#[derive(Clone, Debug)]
pub(crate) enum Original {
    /// With what it has learned.
    Trained(Network),
    /// Without weights.
    Untrained(Graph),
}

impl Original {
    /// Its graph.
    pub(crate) fn graph(&self) -> &Graph {
        match self {
            Self::Trained(network) => &network.graph,
            Self::Untrained(graph) => graph,
        }
    }
}

/// A morphing being carried out.
struct Morph<'a> {
    plan: &'a MorphPlan,
    settings: &'a MorphSettings,
    images: Images,
    device: Cpu,
    lock: Lock<'a>,
    interrupt: Interrupt,
    progress: Progress,
}

/// Carries out a plan. Progress goes to standard error; the table of before and after is returned with the outcome.
pub(crate) fn run(
    plan: &MorphPlan,
    original: &Original,
    settings: &MorphSettings,
) -> Result<(Outcome, String), Failure> {
    let given = plan.standards.as_ref().map(Standards::normalization).transpose();
    let wanted = Wanted {
        dataset: plan.dataset,
        input: plan.input,
        classes: plan.classes,
        labels: plan.labels,
        normalization: given.context("`--mean` and `--deviation`").map_err(bad_input)?,
    };
    let here = Path::new("");
    let images = data::load(&wanted, here, settings.data.as_deref()).map_err(bad_input)?;
    let presence = Presence::enter(&settings.output)?;
    let Attempt::Locked(lock) = presence.try_lock(&presence.folder_lock())? else {
        return Err(Failure::from(anyhow!(
            "another runner is at work in `{}`; wait for it, or give `--output` another folder",
            settings.output.display()
        )));
    };
    prepare(plan, settings)?;
    presence.remove_unfinished()?;
    let morph = Morph {
        plan,
        settings,
        images,
        device: Cpu::at(settings.threads, settings.level).context("cannot start the device")?,
        lock,
        interrupt: Interrupt::listen().context("cannot listen to signals")?,
        progress: Progress::new(),
    };
    let outcome = morph.carry_out(original);
    morph.progress.close();
    Ok(match outcome? {
        Some(table) => (Outcome::Done, table),
        None => (Outcome::Stopped, String::new()),
    })
}

/// The plan is written before the first step; what another plan left is never mixed with it.
fn prepare(plan: &MorphPlan, settings: &MorphSettings) -> Result<(), Failure> {
    let (path, state) = (settings.output.join("plan.json"), settings.output.join("state"));
    if settings.fresh {
        store::remove(&state)?;
    }
    let before: Option<MorphPlan> = store::read_json(&path).unwrap_or(None);
    if state.exists() && before.as_ref() != Some(plan) {
        return Err(bad_input(anyhow!(
            "`{}` holds what another plan left: start over with `--fresh`, or give `--output` another folder",
            settings.output.display()
        )));
    }
    Ok(store::write_json(&path, plan)?)
}

impl Morph<'_> {
    /// All phases. None if it was stopped.
    fn carry_out(&self, original: &Original) -> anyhow::Result<Option<String>> {
        self.expect_work(original)?;
        let Some(original) = self.original(original)? else { return Ok(None) };
        let Some(found) = self.search(&original)? else { return Ok(None) };
        let Some(last) = self.retrain(&original, &found)? else { return Ok(None) };
        self.export(&last)?;
        self.close(&original, &found, &last).map(Some)
    }

    /// Writes `network.onnx` and `network.safetensors`.
    fn export(&self, network: &Network) -> anyhow::Result<()> {
        let output = &self.settings.output;
        let bytes = to_onnx(network, self.settings.fold_batch_norm)
            .context("the network cannot be written as ONNX")?;
        store::write(&output.join("network.onnx"), &bytes)?;
        store::write(&output.join("network.safetensors"), &network.to_bytes()?)
    }
}
