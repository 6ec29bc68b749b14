//! Running a plan: searches, then the retrainings that they lead to, then the results.
//!
//! All state lies in the results folder. Whatever is finished is there whole; whatever is not goes on from its checkpoint
//! or starts again, and gives the same bytes either way. Any number of processes, on any number of hosts that see the folder, share
//! the work: each locks the piece that it is at.

mod arms;
mod carry;
mod chain;
mod collect;
mod data;
mod failure;
mod monitor;
pub(crate) mod morph;
mod point;
mod prepare;
mod progress;
mod proxy;
mod queue;
mod retrain;
mod search;
pub mod survey;
mod training;
mod uniform;
mod work;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use graph::Graph;
use report::Arm;
use tensor_ops::{Cpu, Level};

use crate::interrupt::Interrupt;
use crate::plan::{Cycles, Plan, PointPlan};
use crate::store::Presence;
use data::{Data, Wanted};
use prepare::prepare;
use progress::Progress;

/// How a run is carried out. None of it changes a result, but for rounding.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The experiment file.
    pub experiment: PathBuf,
    /// Folder for the results of this experiment.
    pub folder: PathBuf,
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
    /// Try again what failed before.
    pub retry_failed: bool,
    /// What to do.
    pub task: Task,
}

/// What a process does of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// These points, or all if none is named, and then the results.
    Points(Vec<usize>),
    /// One point, with all that it needs. Results are collected by somebody else.
    Point(usize),
    /// The work at this position of [`Plan::shared`]. Results are collected by somebody else.
    Shared(usize),
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

/// A plan, with what has been done of it.
struct Run<'a> {
    plan: &'a Plan,
    seed: Graph,
    uniform: Vec<uniform::Uniform>,
    /// What it trains on; none where nothing is trained.
    data: Option<Data>,
    /// The network that widths are learned on, if it is not the one that they are for.
    proxy: Option<Graph>,
    folder: PathBuf,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

impl<'a> Run<'a> {
    fn new(
        plan: &'a Plan,
        folder: PathBuf,
        interrupt: &'a Interrupt,
        progress: &'a Progress,
    ) -> Self {
        let proxy = plan.proxy.map(|proxy| plan.proxy_graph(&proxy));
        let seed = plan.seed_graph();
        let uniform = uniform::all(plan, &seed);
        Self { plan, seed, uniform, data: None, proxy, folder, interrupt, progress }
    }

    fn data(&self) -> &Data {
        self.data.as_ref().expect("whatever trains has loaded its images")
    }

    fn state_folder(&self) -> PathBuf {
        self.folder.join("state")
    }

    fn point(&self, point: PointPlan) -> anyhow::Result<Option<point::ReadyPoint>> {
        let Some(search) = point.search() else {
            let uniform = self.uniform(point.width_multiplier)?;
            return Ok(Some(point::uniform(self.plan, uniform, point)));
        };
        let Some(found) = self.search_done(search)? else { return Ok(None) };
        match point.arm {
            Arm::Uniform | Arm::Shrink | Arm::Expand => {
                point::learned(self.plan, self.uniform(point.width_multiplier)?, &found, point)
            }
            Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
                let Some(structure) = self.arm(point, search)? else { return Ok(None) };
                let whole = self.arm_whole(point.arm, &found);
                point::of_structure(self.plan, whole, &structure, point).map(Some)
            }
        }
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

/// Carries out a plan. Progress goes to standard error; the closing table is returned with the outcome, if the task has results.
pub fn run(plan: &Plan, settings: &Settings) -> Result<(Outcome, String), Failure> {
    let folder = settings.folder.clone();
    let wanted = Wanted::of(plan).map_err(bad_input)?;
    let images =
        data::load(&wanted, &settings.experiment, settings.data.as_deref()).map_err(bad_input)?;
    let presence = Presence::enter(&folder)?;
    prepare(plan, &folder, &presence, settings.fresh)?;
    match settings.task {
        Task::Points(_) => presence.remove_unfinished()?,
        // There may be thousands of such processes.
        Task::Point(_) | Task::Shared(_) => {}
    }
    let interrupt = Interrupt::listen().context("cannot listen to signals")?;
    let progress = Progress::new();
    let mut run = Run::new(plan, folder, &interrupt, &progress);
    let workers = Workers::choose(plan, &run.seed, settings)?;
    let images = images.with_threads(workers.threads);
    let searched = images.searched(plan.proxy.as_ref())?;
    run.data = Some(Data { images, searched });
    progress.say(&format!("{}: {} on {workers}", plan.name, describe(plan)));
    let outcome = work::carry_out(&run, &presence, &workers, settings);
    progress.close();
    let outcome = outcome?;
    let corrupt = run.data().images.corrupt();
    if !corrupt.is_empty() {
        progress.say(&format!(
            "{} corrupt files were passed over: {}",
            corrupt.len(),
            corrupt.join(", ")
        ));
    }
    let table = match settings.task {
        Task::Points(_) => collect::write(&run, &presence)?,
        Task::Point(_) | Task::Shared(_) => String::new(),
    };
    progress.say(&format!("{} after {}", plan.name, crate::clock::words(progress.elapsed())));
    Ok((outcome, table))
}

/// Makes a results folder ready for processes that are started elsewhere, and tells the dead ones that left something there from
/// the living.
pub fn make_ready(
    plan: &Plan,
    folder: &Path,
    fresh: bool,
    retry_failed: bool,
) -> Result<(), Failure> {
    let presence = Presence::enter(folder)?;
    prepare(plan, folder, &presence, fresh)?;
    presence.others()?;
    presence.remove_unfinished()?;
    if retry_failed {
        failure::forget_all(&folder.join("state"))?;
    }
    Ok(())
}

/// Writes the results of what is done so far. Returns the closing table.
pub fn collect(plan: &Plan, folder: &Path) -> Result<String, Failure> {
    let presence = Presence::enter(folder)?;
    prepare(plan, folder, &presence, false)?;
    let (interrupt, progress) = (Interrupt::default(), Progress::new());
    let run = Run::new(plan, folder.to_owned(), &interrupt, &progress);
    Ok(collect::write(&run, &presence)?)
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
