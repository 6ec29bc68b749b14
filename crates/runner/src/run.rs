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
mod point;
mod progress;
mod proxy;
mod queue;
mod retrain;
mod search;
mod training;
mod work;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use graph::Graph;
use report::{Arm, Mode};
use tensor_ops::{Cpu, Level};

use crate::interrupt::Interrupt;
use crate::plan::{Cycles, Plan, PointPlan, Scope, Study, scope};
use crate::store::{self, Lock};
use data::{Images, Searched, Wanted};
use progress::Progress;

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

impl Outcome {
    /// That of two parts of a run together.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stopped, _) | (_, Self::Stopped) => Self::Stopped,
            (Self::Failed(one), Self::Failed(other)) => Self::Failed(one + other),
            (Self::Failed(count), Self::Done) | (Self::Done, Self::Failed(count)) => {
                Self::Failed(count)
            }
            (Self::Done, Self::Done) => Self::Done,
        }
    }
}

/// A variant being carried out.
struct Run<'a> {
    plan: &'a Plan,
    /// What distinguishes it, in words; empty if there is no other.
    label: &'a str,
    /// What it shares with others.
    scope: Scope,
    /// The position of its first point among those of all variants.
    first_point: usize,
    seed: Graph,
    images: Images,
    searched: Searched,
    /// The network that widths are learned on, if it is not the one that they are for.
    proxy: Option<Graph>,
    folder: PathBuf,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
}

impl Run<'_> {
    fn state_folder(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// What a point is, once it is known; its retraining has a name that no variant uses for another one.
    fn point(&self, point: PointPlan) -> anyhow::Result<Option<point::ReadyPoint>> {
        let mut ready = self.point_of_variant(point)?;
        if let Some(ready) = &mut ready
            && !self.scope.search.is_empty()
        {
            match point.mode {
                Mode::Scratch | Mode::ScratchB => {}
                Mode::FineTune | Mode::Grow => ready.key = format!("{}-{}", ready.key, self.scope.search),
            }
        }
        Ok(ready)
    }

    fn point_of_variant(&self, point: PointPlan) -> anyhow::Result<Option<point::ReadyPoint>> {
        let Some(search) = point.search() else {
            return point::uniform(self.plan, &self.seed, point).map(Some);
        };
        let Some(found) = self.search_done(search)? else { return Ok(None) };
        match point.arm {
            Arm::Uniform | Arm::Shrink | Arm::Expand => {
                point::learned(self.plan, &self.seed, &found, point)
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

/// Carries out an experiment. Progress goes to standard error; the closing table is returned with the outcome.
pub fn run(study: &Study, settings: &Settings) -> Result<(Outcome, String), Failure> {
    let folder = settings.results.join(study.name());
    let images = images_of(study, settings)?;
    let _lock = Lock::take(&folder)?;
    prepare(study, &folder, settings.fresh)?;
    store::remove_unfinished(&folder)?;
    let interrupt = Interrupt::listen().context("cannot listen to signals")?;
    let progress = Progress::new();
    let workers = Workers::choose(study, settings)?;
    let runs = runs(study, &workers, images, &folder, &interrupt, &progress)?;
    progress.say(&format!("{}: {} on {workers}", study.name(), describe(study)));
    let mut outcome = Outcome::Done;
    for run in &runs {
        outcome = outcome.and(work::carry_out(run, &runs, &workers, settings)?);
        let goes_on = match outcome {
            Outcome::Done => true,
            Outcome::Failed(_) => settings.keep_going,
            Outcome::Stopped => false,
        };
        if !goes_on {
            break;
        }
    }
    progress.close();
    report_corrupt(&runs, &progress);
    let table = collect::write(study, &runs)?;
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

/// Everything that carrying out each variant needs.
fn runs<'a>(
    study: &'a Study,
    workers: &Workers,
    images: Vec<Images>,
    folder: &Path,
    interrupt: &'a Interrupt,
    progress: &'a Progress,
) -> anyhow::Result<Vec<Run<'a>>> {
    let mut runs = Vec::new();
    let mut first_point = 0;
    for ((variant, scope), images) in study.variants().iter().zip(scope::of(study)).zip(images) {
        let plan = &variant.plan;
        let images = images.with_threads(workers.threads);
        let searched = images.searched(plan.proxy.as_ref())?;
        runs.push(Run {
            plan,
            label: &variant.label,
            scope,
            first_point,
            seed: plan.seed_graph(),
            images,
            searched,
            proxy: plan.proxy.map(|proxy| plan.proxy_graph(&proxy)),
            folder: folder.to_owned(),
            interrupt,
            progress,
        });
        first_point += plan.points().len();
    }
    Ok(runs)
}

fn report_corrupt(runs: &[Run<'_>], progress: &Progress) {
    let mut corrupt: Vec<String> = runs.iter().flat_map(|run| run.images.corrupt()).collect();
    corrupt.sort();
    corrupt.dedup();
    if !corrupt.is_empty() {
        progress.say(&format!(
            "{} corrupt files were passed over: {}",
            corrupt.len(),
            corrupt.join(", ")
        ));
    }
}

/// The plan is written before the first step; results of another plan are never mixed with it.
fn prepare(study: &Study, folder: &Path, fresh: bool) -> Result<(), Failure> {
    let path = folder.join("plan.json");
    let state = folder.join("state");
    if fresh {
        store::remove(&state)?;
    }
    let plan = study.to_json();
    let before: Option<serde_json::Value> = store::read_json(&path).unwrap_or(None);
    if state.exists() && before.as_ref() != Some(&plan) {
        return Err(bad_input(anyhow!(
            "`{}` holds results of another plan: start over with `--fresh`, or give `--results` another folder",
            folder.display()
        )));
    }
    Ok(match study.axes() {
        [] => store::write_json(&path, study.first())?,
        [..] => store::write_json(&path, study)?,
    })
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
    fn choose(study: &Study, settings: &Settings) -> anyhow::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut arena = 0;
        for variant in study.variants() {
            let plan = &variant.plan;
            let program = ::training::Program::training(&plan.seed_graph(), &plan.retrain)?;
            arena = arena.max(program.arena_bytes());
        }
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
