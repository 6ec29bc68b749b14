//! Running an experiment: searches, then the retrainings that they lead to, then the results.
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
mod networks;
mod outline;
mod point;
mod prepare;
mod progress;
mod proxy;
mod queue;
mod results;
mod retrain;
mod scoring;
mod search;
pub mod survey;
mod training;
mod uniform;
mod work;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use graph::Graph;
use tensor_ops::{Cpu, Level};

use crate::interrupt::Interrupt;
use crate::plan::{Cycles, Plan, PointPlan, Study};
use crate::provenance::{Circumstances, DataFile, Recorder};
use crate::spec::Source;
use crate::store::{self, Presence};
use data::{Data, Images, Wanted};
use outline::Outline;
use prepare::prepare;
use progress::Progress;
pub(crate) use results::Results;

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
    /// What was changed in the experiment file, in order.
    pub changes: Vec<String>,
}

/// What a process does of an experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// These points, or all if none is named, and then the results.
    Points(Vec<usize>),
    /// One point, with all that it needs. Results are collected by somebody else.
    Point(usize),
    /// The work at this position of [`Study::shared`]. Results are collected by somebody else.
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

/// A variant, with what has been done of it.
struct Run<'a> {
    plan: &'a Plan,
    outline: Outline<'a>,
    /// The position of its first point among those of all variants.
    first_point: usize,
    /// What it trains on; none where nothing is trained.
    data: Option<Data>,
    /// The network that widths are learned on, if it is not the one that they are for.
    proxy: Option<Graph>,
    folder: PathBuf,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
    /// Notes what this process did; none where nothing is trained.
    recorder: Option<&'a Recorder>,
}

impl<'a> Run<'a> {
    /// Every variant of a study.
    fn all(
        study: &'a Study,
        folder: &Path,
        interrupt: &'a Interrupt,
        progress: &'a Progress,
    ) -> Vec<Self> {
        let mut first_point = 0;
        let mut runs = Vec::new();
        for outline in Outline::all(study) {
            let plan = outline.plan;
            runs.push(Self {
                plan,
                outline,
                first_point,
                data: None,
                proxy: plan.proxy.map(|proxy| plan.proxy_graph(&proxy)),
                folder: folder.to_owned(),
                interrupt,
                progress,
                recorder: None,
            });
            first_point += plan.points().len();
        }
        runs
    }

    fn data(&self) -> &Data {
        self.data.as_ref().expect("whatever trains has loaded its images")
    }

    fn state_folder(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What a point is, once it is known; its retraining has a name that no variant uses for another one.
    fn point(&self, point: PointPlan) -> anyhow::Result<Option<point::ReadyPoint>> {
        self.networks().point(point)
    }

    /// Words, with what distinguishes the variant.
    fn words(&self, words: &str) -> String {
        self.networks().words(words)
    }

    fn recorder(&self) -> anyhow::Result<&Recorder> {
        self.recorder.context("whatever trains is recorded")
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

/// Carries out an experiment. Progress goes to standard error; the closing table is returned with the outcome, if the task has
/// results.
pub fn run(study: &Study, settings: &Settings) -> Result<(Outcome, String), Failure> {
    let folder = &settings.folder;
    let images = images_of(study, settings)?;
    let presence = Presence::enter(folder)?;
    prepare(study, folder, &presence, settings.fresh)?;
    keep_experiment(&settings.experiment, folder)?;
    match settings.task {
        Task::Points(_) => presence.remove_unfinished()?,
        // There may be thousands of such processes.
        Task::Point(_) | Task::Shared(_) => {}
    }
    let interrupt = Interrupt::listen().context("cannot listen to signals")?;
    let progress = Progress::new();
    let mut runs = Run::all(study, folder, &interrupt, &progress);
    let workers = Workers::choose(&runs, settings)?;
    let recorder = Recorder::new(folder, workers.circumstances(settings, &images)?);
    for (run, images) in runs.iter_mut().zip(images) {
        let images = images.with_threads(workers.threads);
        let searched = images.searched(run.plan.proxy.as_ref())?;
        run.data = Some(Data { images, searched });
        run.recorder = Some(&recorder);
    }
    progress.say(&format!("{}: {} on {workers}", study.name(), describe(study)));
    let outcome = work::carry_out(study, &runs, &presence, &workers, settings);
    progress.close();
    let outcome = outcome?;
    say_corrupt(&runs, &progress);
    recorder.end()?;
    let table = match settings.task {
        Task::Points(_) => collect::write(study, &runs, &presence)?,
        Task::Point(_) | Task::Shared(_) => String::new(),
    };
    progress.say(&format!("{} after {}", study.name(), crate::clock::words(progress.elapsed())));
    Ok((outcome, table))
}

/// The images of every variant; those that are the same are read once.
fn images_of(study: &Study, settings: &Settings) -> Result<Vec<Images>, Failure> {
    let mut read: Vec<(Wanted, Images)> = Vec::new();
    let mut all = Vec::new();
    for variant in study.variants() {
        let wanted = Wanted::of(&variant.plan).map_err(bad_input)?;
        if let Some((_, images)) = read.iter().find(|(known, _)| *known == wanted) {
            all.push(images.clone());
            continue;
        }
        let images = data::load(&wanted, &settings.experiment, settings.data.as_deref());
        let images = images.map_err(bad_input)?;
        all.push(images.clone());
        read.push((wanted, images));
    }
    Ok(all)
}

/// Files that were passed over.
fn say_corrupt(runs: &[Run<'_>], progress: &Progress) {
    let found: BTreeSet<String> = runs.iter().flat_map(|run| run.data().images.corrupt()).collect();
    if !found.is_empty() {
        let names = found.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        progress.say(&format!("{} corrupt files were passed over: {names}", found.len()));
    }
}

/// Makes a results folder ready for processes that are started elsewhere, and tells the dead ones that left something there from
/// the living.
pub fn make_ready(
    study: &Study,
    experiment: &Path,
    folder: &Path,
    fresh: bool,
    retry_failed: bool,
) -> Result<(), Failure> {
    let presence = Presence::enter(folder)?;
    prepare(study, folder, &presence, fresh)?;
    keep_experiment(experiment, folder)?;
    presence.others()?;
    presence.remove_unfinished()?;
    if retry_failed {
        failure::forget_all(&folder.join("state"))?;
    }
    Ok(())
}

/// Writes the results of what is done so far. Returns the closing table.
pub fn collect(study: &Study, folder: &Path) -> Result<String, Failure> {
    let presence = Presence::enter(folder)?;
    prepare(study, folder, &presence, false)?;
    let (interrupt, progress) = (Interrupt::default(), Progress::new());
    let runs = Run::all(study, folder, &interrupt, &progress);
    Ok(collect::write(study, &runs, &presence)?)
}

/// A copy of the experiment file lies beside the results, for what it says in words. Results in a folder keep the copy that they have.
fn keep_experiment(experiment: &Path, folder: &Path) -> anyhow::Result<()> {
    if experiment.is_dir() {
        return Ok(());
    }
    let source = Source::read(experiment).map_err(|fault| anyhow!("{fault}"))?;
    store::write(&folder.join(results::EXPERIMENT), source.text().as_bytes())
}

fn describe(study: &Study) -> String {
    let is_open = |plan: &Plan| match plan.cycles {
        Cycles::Count(_) => false,
        Cycles::UntilNoGain { at_most: _ } => true,
    };
    let up_to = if study.variants().iter().any(|it| is_open(&it.plan)) { "up to " } else { "" };
    let variants = match study.variants().len() {
        1 => String::new(),
        count => format!("{count} variants with "),
    };
    let (searches, points) = (study.searches(), study.points().len());
    format!("{variants}{up_to}{searches} searches and up to {points} points")
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
    fn choose(runs: &[Run<'_>], settings: &Settings) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut arena = 0;
        for run in runs {
            let program = ::training::Program::training(&run.outline.seed, &run.plan.retrain)?;
            arena = arena.max(program.arena_bytes());
        }
        let by_default = cores.min(MEMORY / arena.max(1)).max(1);
        let jobs = settings.jobs.unwrap_or(by_default).max(1);
        let threads = settings.threads.unwrap_or(cores / jobs).max(1);
        Ok(Self { jobs, threads, level: settings.level })
    }

    /// What provenance says of them.
    fn circumstances(
        self,
        settings: &Settings,
        images: &[Images],
    ) -> anyhow::Result<Circumstances> {
        let mut data: Vec<DataFile> = Vec::new();
        for file in images.iter().flat_map(|images| &images.files) {
            if !data.contains(file) {
                data.push(file.clone());
            }
        }
        Ok(Circumstances {
            device: "cpu".to_owned(),
            instructions: self.device()?.level().to_string(),
            jobs: self.jobs,
            threads: self.threads,
            changes: settings.changes.clone(),
            data,
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
