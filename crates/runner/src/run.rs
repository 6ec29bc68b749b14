//! Running a plan: searches, then the retrainings that they lead to, then the results.
//!
//! All state lies in the results folder. Whatever is finished is there whole; whatever is not goes on from its checkpoint
//! or starts again, and gives the same bytes either way.

mod arms;
mod carry;
mod chain;
mod collect;
mod data;
mod monitor;
pub(crate) mod morph;
mod networks;
mod point;
mod progress;
mod proxy;
mod queue;
mod results;
mod retrain;
mod search;
mod training;
mod work;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use graph::Graph;
use tensor_ops::{Cpu, Level};

use crate::interrupt::Interrupt;
use crate::plan::{Cycles, Plan, PointPlan};
use crate::provenance::{Circumstances, Recorder};
use crate::spec::Source;
use crate::store::{self, Lock};
use data::{Images, Searched, Wanted};
use progress::Progress;
pub(crate) use results::Results;

/// How a run is carried out. None of it changes a result, but for rounding.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The experiment file.
    pub experiment: PathBuf,
    /// Folder of all results; the run has a folder of its own in it.
    pub results: PathBuf,
    /// Folder of data sets that do not come with the program.
    pub data: Option<PathBuf>,
    /// Points that are worked on at the same time; by default as many as there are cores, if memory allows.
    pub jobs: Option<usize>,
    /// Threads of each; by default the cores shared evenly.
    pub threads: Option<usize>,
    /// Vector instructions, if not the best; others round differently.
    pub level: Option<Level>,
    /// Discard what is there.
    pub fresh: bool,
    /// Go on with other points when one fails.
    pub keep_going: bool,
    /// Points to work on; all if empty.
    pub only: Vec<usize>,
    /// What was changed in the experiment file, in order.
    pub changes: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every point is done.
    Done,
    /// So many pieces of work failed.
    Failed(usize),
    /// Stopped on request after a checkpoint.
    Stopped,
}

/// A plan being carried out.
struct Run<'a> {
    plan: &'a Plan,
    seed: Graph,
    images: Images,
    searched: Searched,
    /// The network that widths are learned on, if it is not the one that they are for.
    proxy: Option<Graph>,
    folder: PathBuf,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    recorder: Recorder,
}

impl Run<'_> {
    fn state_folder(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn point(&self, point: PointPlan) -> anyhow::Result<Option<point::ReadyPoint>> {
        self.networks().point(point)
    }
}

/// A run that did not come about.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub error: anyhow::Error,
    /// Whether what was given to the program is wrong, rather than the machine that it runs on.
    pub bad_input: bool,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { error, bad_input: false }
    }
}

fn bad_input(error: anyhow::Error) -> Failure {
    Failure { error, bad_input: true }
}

/// Carries out a plan. Progress goes to standard error; the closing table is returned with the outcome.
pub fn run(plan: &Plan, settings: &Settings) -> Result<(Outcome, String), Failure> {
    let folder = settings.results.join(&plan.name);
    let wanted = Wanted::of(plan).map_err(bad_input)?;
    let images =
        data::load(&wanted, &settings.experiment, settings.data.as_deref()).map_err(bad_input)?;
    carry_out(plan, settings, images, folder)
}

fn carry_out(
    plan: &Plan,
    settings: &Settings,
    images: Images,
    folder: PathBuf,
) -> Result<(Outcome, String), Failure> {
    let _lock = Lock::take(&folder)?;
    prepare(plan, &folder, settings.fresh)?;
    keep_experiment(&settings.experiment, &folder)?;
    store::remove_unfinished(&folder)?;
    let interrupt = Interrupt::listen().context("cannot listen to signals")?;
    let progress = Progress::new();
    let seed = plan.seed_graph();
    let workers = Workers::choose(plan, &seed, settings)?;
    let images = images.with_threads(workers.threads);
    let searched = images.searched(plan.proxy.as_ref())?;
    let proxy = plan.proxy.map(|proxy| plan.proxy_graph(&proxy));
    let recorder = Recorder::new(&folder, workers.circumstances(settings, &images)?);
    let run = Run {
        plan,
        seed,
        images,
        searched,
        proxy,
        folder,
        interrupt: &interrupt,
        progress: &progress,
        recorder,
    };
    progress.say(&format!("{}: {} on {workers}", plan.name, describe(plan)));
    let outcome = work::carry_out(&run, &workers, settings);
    progress.close();
    let outcome = outcome?;
    let corrupt = run.images.corrupt();
    if !corrupt.is_empty() {
        progress.say(&format!(
            "{} corrupt files were passed over: {}",
            corrupt.len(),
            corrupt.join(", ")
        ));
    }
    run.recorder.end()?;
    let table = collect::write(&run)?;
    progress.say(&format!("{} after {}", plan.name, crate::clock::words(progress.elapsed())));
    Ok((outcome, table))
}

/// The plan is written before the first step; results of another plan are never mixed with it.
fn prepare(plan: &Plan, folder: &Path, fresh: bool) -> Result<(), Failure> {
    let path = folder.join("plan.json");
    let state = folder.join("state");
    if fresh {
        store::remove(&state)?;
    }
    let before: Option<Plan> = store::read_json(&path).unwrap_or(None);
    if state.exists() && before.as_ref() != Some(plan) {
        return Err(bad_input(anyhow!(
            "`{}` holds results of another plan: start over with `--fresh`, or give `--results` another folder",
            folder.display()
        )));
    }
    Ok(store::write_json(&path, plan)?)
}

/// A copy of the experiment file lies beside the results, for what it says in words.
fn keep_experiment(experiment: &Path, folder: &Path) -> anyhow::Result<()> {
    let source = Source::read(experiment).map_err(|fault| anyhow!("{fault}"))?;
    store::write(&folder.join(results::EXPERIMENT), source.text().as_bytes())
}

fn describe(plan: &Plan) -> String {
    let up_to = match plan.cycles {
        Cycles::Count(_) => "",
        Cycles::UntilNoGain { at_most: _ } => "up to ",
    };
    format!("{up_to}{} searches and up to {} points", plan.searches().len(), plan.points().len())
}

/// How many points are worked on at the same time, and with how many threads each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Workers {
    jobs: usize,
    threads: usize,
    level: Option<Level>,
}

/// What all jobs together may take by default.
const MEMORY: usize = 4 << 30;

impl Workers {
    fn choose(plan: &Plan, seed: &Graph, settings: &Settings) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let arena = ::training::Program::training(seed, &plan.retrain)?.arena_bytes();
        let by_default = cores.min(MEMORY / arena.max(1)).max(1);
        let jobs = settings.jobs.unwrap_or(by_default).max(1);
        let threads = settings.threads.unwrap_or(cores / jobs).max(1);
        Ok(Self { jobs, threads, level: settings.level })
    }

    /// What provenance says of them.
    fn circumstances(self, settings: &Settings, images: &Images) -> anyhow::Result<Circumstances> {
        Ok(Circumstances {
            device: "cpu".to_owned(),
            instructions: self.device()?.level().to_string(),
            jobs: self.jobs,
            threads: self.threads,
            changes: settings.changes.clone(),
            data: images.files.clone(),
        })
    }

    fn device(self) -> anyhow::Result<Cpu> {
        Cpu::at(self.threads, self.level).context("cannot start the device")
    }
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let Self { jobs, threads, level: _ } = *self;
        write!(f, "{jobs} job{} with {threads} thread{} each", plural(jobs), plural(threads))
    }
}
