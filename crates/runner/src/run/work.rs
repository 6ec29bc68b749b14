//! Sharing the work of a run among its workers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::bail;
use report::{Arm, Mode};
use tensor_ops::Cpu;

use super::point::ReadyPoint;
use super::queue::Queue;
use super::retrain::Retraining;
use super::{Outcome, Run, Settings, Task, Workers, collect, failure};
use crate::plan::{self, Cycles, Plan, PointPlan, Search, Study, reads_weights};
use crate::store::{Attempt, Lock, Presence};

/// A piece of work that one worker does.
#[derive(Clone, Debug)]
enum Piece {
    Search(Search),
    Retrain(Box<Retraining>),
}

/// What all workers share.
struct Shared<'a> {
    /// All variants.
    runs: &'a [Run<'a>],
    presence: &'a Presence,
    settings: &'a Settings,
    /// Pieces of the variants at these positions.
    queue: Queue<(usize, Piece)>,
    /// Pieces that other processes, or other variants, were found at.
    held: Mutex<BTreeSet<PathBuf>>,
    failures: Mutex<BTreeSet<String>>,
    stopped: Mutex<bool>,
    interim: collect::Interim,
}

/// The work of one variant.
struct OfVariant<'a> {
    shared: &'a Shared<'a>,
    /// Its position.
    at: usize,
    run: &'a Run<'a>,
    /// The points that are to be done.
    points: Vec<PointPlan>,
    /// Other work that is to be done.
    besides: Option<plan::Shared>,
    /// Work that is done, under way or waiting.
    known: Mutex<BTreeSet<Known>>,
}

/// What work is known by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// A search, in words.
    Search(String),
    /// A retraining, by its key.
    Retrain(String),
}

/// Does everything that is not done yet.
pub(super) fn carry_out(
    study: &Study,
    runs: &[Run<'_>],
    presence: &Presence,
    workers: &Workers,
    settings: &Settings,
) -> anyhow::Result<Outcome> {
    let shared = Shared {
        runs,
        presence,
        settings,
        queue: Queue::new(),
        held: Mutex::default(),
        failures: Mutex::default(),
        stopped: Mutex::default(),
        interim: collect::Interim::default(),
    };
    let besides = match settings.task {
        Task::Shared(index) => study.shared().get(index).copied(),
        Task::Points(_) | Task::Point(_) => None,
    };
    let variants: Vec<OfVariant<'_>> = runs
        .iter()
        .enumerate()
        .map(|(at, run)| OfVariant {
            shared: &shared,
            at,
            run,
            points: match &settings.task {
                Task::Points(only) => wanted(run, only),
                Task::Point(index) => wanted(run, &[*index]),
                Task::Shared(_) => Vec::new(),
            },
            besides: besides.filter(|it| it.variant == at).map(|it| it.work),
            known: Mutex::default(),
        })
        .collect();
    let devices =
        (0..workers.jobs).map(|_| workers.device()).collect::<anyhow::Result<Vec<Cpu>>>()?;
    for variant in &variants {
        variant.start(&devices[0])?;
    }
    std::thread::scope(|scope| {
        for device in &devices {
            scope.spawn(|| shared.work(&variants, device));
        }
    });
    drop(variants);
    let failures = shared.failures.into_inner().expect("no worker panicked while it held the lock");
    let stopped = shared.stopped.into_inner().expect("no worker panicked while it held the lock");
    for failure in &failures {
        runs[0].progress.say(failure);
    }
    Ok(match failures.len() {
        0 if stopped => Outcome::Stopped,
        0 => Outcome::Done,
        failed => Outcome::Failed(failed),
    })
}

/// The points asked for, all if none is named; and those by which it is decided whether there is a next cycle.
fn wanted(run: &Run<'_>, only: &[usize]) -> Vec<PointPlan> {
    let plan = run.plan;
    let points = plan.points();
    let asked =
        |point: &PointPlan| only.is_empty() || only.contains(&(run.first_point + point.index));
    let decides = |point: &PointPlan| {
        let earlier = |later: &PointPlan| {
            asked(later)
                && later.seed == point.seed
                && match point.search() {
                    None => point.width_multiplier == 1.0 && later.cycle > 1,
                    Some(_) => {
                        (later.strength, later.target) == (point.strength, point.target)
                            && later.cycle > point.cycle
                    }
                }
        };
        match plan.cycles {
            Cycles::Count(_) => false,
            Cycles::UntilNoGain { at_most: _ } => {
                let is_loop = matches!(point.arm, Arm::Uniform | Arm::Shrink | Arm::Expand)
                    && point.mode == Mode::Scratch;
                is_loop && point.width_multiplier == 1.0 && points.iter().any(earlier)
            }
        }
    };
    points.iter().filter(|point| asked(point) || decides(point)).copied().collect()
}

impl Shared<'_> {
    /// Takes note of a failure, which is told at the end.
    fn note(&self, failure: String) {
        self.failures.lock().expect("no worker panics while it holds the lock").insert(failure);
    }

    fn work(&self, variants: &[OfVariant<'_>], device: &Cpu) {
        while let Some((at, piece)) = self.queue.take() {
            let variant = &variants[at];
            match variant.attempt(device, &piece) {
                Ok(Done::Finished) => {}
                Ok(Done::Held) => {
                    self.queue.put_back((at, piece));
                    continue;
                }
                Ok(Done::Stopped) => {
                    *self.stopped.lock().expect("no worker panics while it holds the lock") = true;
                    self.queue.close();
                }
                Err(error) => {
                    self.note(format!("error: {}: {error:#}", variant.words(&piece)));
                    if !self.settings.keep_going {
                        self.queue.close();
                    }
                }
            }
            self.queue.done();
        }
    }
}

impl OfVariant<'_> {
    /// Queues what can be done at once.
    fn start(&self, device: &Cpu) -> anyhow::Result<()> {
        for seed in self.seeds_to_train() {
            self.add_job(self.run.seed_job(seed))?;
        }
        for search in self.run.plan.searches() {
            if search.before().is_none() {
                self.begin(device, search)?;
            } else if self.is_needed(search) && matches!(self.run.plan.cycles, Cycles::Count(_)) {
                self.expect(search)?;
            }
        }
        for point in self.points.iter().filter(|point| point.search().is_none()) {
            self.add_point(device, *point)?;
        }
        Ok(())
    }

    /// Seeds whose weights choose a point that was asked for, and one that was itself asked for.
    fn seeds_to_train(&self) -> BTreeSet<u64> {
        let chosen = self.points.iter().filter(|point| reads_weights(point.arm));
        let asked = match self.besides {
            Some(plan::Shared::TrainedSeed(seed)) => Some(seed),
            Some(plan::Shared::Searches(_)) | None => None,
        };
        chosen.map(|point| point.seed).chain(asked).collect()
    }

    /// Whether a point asked for comes of a search, or of a later cycle; or the search was itself asked for.
    fn is_needed(&self, search: Search) -> bool {
        if let Some(plan::Shared::Searches(first)) = self.besides {
            return (first.seed, first.pressure) == (search.seed, search.pressure);
        }
        let comes_of = |point: &PointPlan| {
            point.search().is_some_and(|of| {
                (of.seed, of.pressure) == (search.seed, search.pressure) && of.cycle >= search.cycle
            })
        };
        self.points.iter().any(comes_of)
    }

    /// Announces a search and its points, if it is not done.
    fn expect(&self, search: Search) -> anyhow::Result<()> {
        if self.run.found(search)?.is_none() {
            self.run.progress.expect(1, self.run.search_work());
            for point in self.points_of(search) {
                self.run.progress.expect(1, self.guess(point));
            }
        }
        Ok(())
    }

    /// Queues a search whose network is known; or, if it is done, what it leads to.
    fn begin(&self, device: &Cpu, search: Search) -> anyhow::Result<()> {
        if !self.is_needed(search) || !self.is_new(Known::Search(self.run.plan.search_file(search)))
        {
            return Ok(());
        }
        if self.run.found(search)?.is_some() {
            self.add_points_of(device, search)?;
            return self.follow(device, search);
        }
        if self.has_failed(&Piece::Search(search))? {
            return Ok(());
        }
        let was_announced =
            search.before().is_some() && matches!(self.run.plan.cycles, Cycles::Count(_));
        if !was_announced {
            self.expect(search)?;
        }
        self.shared.queue.add(u64::MAX, (self.at, Piece::Search(search)));
        Ok(())
    }

    /// Begins the next cycle after a search that is done, if there is one.
    fn follow(&self, device: &Cpu, search: Search) -> anyhow::Result<()> {
        match search.next(self.run.plan) {
            Some(next) if self.run.goes_on(next)? == Some(true) => self.begin(device, next),
            Some(_) | None => Ok(()),
        }
    }

    /// Begins every cycle that a retraining of this seed showed to be worth it.
    fn follow_all(&self, device: &Cpu, seed: u64) -> anyhow::Result<()> {
        match self.run.plan.cycles {
            Cycles::Count(_) => Ok(()),
            Cycles::UntilNoGain { at_most: _ } => {
                let searches = self.run.plan.searches();
                for search in searches.into_iter().filter(|search| search.seed == seed) {
                    if self.run.found(search)?.is_some() {
                        self.follow(device, search)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Takes note of work; false if it was known.
    fn is_new(&self, known: Known) -> bool {
        self.known.lock().expect("no worker panics while it holds the lock").insert(known)
    }

    fn points_of(&self, search: Search) -> impl Iterator<Item = &PointPlan> {
        self.points.iter().filter(move |point| point.search() == Some(search))
    }

    /// Operations of a learned point before its network is known: half the seed when shrunk, the budget when expanded.
    fn guess(&self, point: &PointPlan) -> f64 {
        let share = match point.arm {
            Arm::Uniform | Arm::Expand => point.width_multiplier.powi(2),
            Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => 0.5,
        };
        let flops = self.run.plan.seed_cost.flops as f64 * share;
        let recipe = self.run.plan.retraining(point.mode, flops as u64);
        self.run.retraining_work(&recipe, flops)
    }

    fn add_points_of(&self, device: &Cpu, search: Search) -> anyhow::Result<()> {
        self.points_of(search).try_for_each(|point| self.add_point(device, *point))
    }

    /// Queues the points that had to wait for a trained seed; the others wait for their searches.
    fn add_chosen_by_weights(&self, device: &Cpu, seed: u64) -> anyhow::Result<()> {
        let chosen = |point: &&PointPlan| point.seed == seed && reads_weights(point.arm);
        self.points.iter().filter(chosen).try_for_each(|point| self.add_point(device, *point))
    }

    /// Queues the retraining of a point, unless an equal one is known or its network is not.
    fn add_point(&self, device: &Cpu, point: PointPlan) -> anyhow::Result<()> {
        self.run.choose(device, point)?;
        match self.run.point(point)? {
            Some(ready) => self.add_job(retraining(self.run.plan, ready)),
            None => Ok(()),
        }
    }

    /// Queues a retraining, unless an equal one is known.
    fn add_job(&self, job: Retraining) -> anyhow::Result<()> {
        if !self.is_new(Known::Retrain(job.key.clone())) || self.run.retrained(&job.key)?.is_some()
        {
            return Ok(());
        }
        let (urgency, piece) = (job.flops, Piece::Retrain(Box::new(job)));
        if !self.has_failed(&piece)? {
            self.run.progress.expect(1, self.operations(&piece));
            self.shared.queue.add(urgency, (self.at, piece));
        }
        Ok(())
    }

    /// Whether a piece failed before and is not to be tried again; that counts as a failure of this run, too.
    fn has_failed(&self, piece: &Piece) -> anyhow::Result<bool> {
        let folder = self.folder(piece);
        let Some(failed) = failure::failed(&folder)? else { return Ok(false) };
        if self.shared.settings.retry_failed {
            failure::forget(&folder)?;
            return Ok(false);
        }
        self.shared.note(format!("error: {}: failed before: {}", self.words(piece), failed.error));
        Ok(true)
    }

    fn words(&self, piece: &Piece) -> String {
        match piece {
            Piece::Search(search) => {
                self.run.words(&format!("search {}", self.run.plan.search_words(*search)))
            }
            Piece::Retrain(job) => job.name.clone(),
        }
    }

    /// Where the state of a piece lies, with its lock.
    fn folder(&self, piece: &Piece) -> PathBuf {
        match piece {
            Piece::Search(search) => self.run.search_folder(*search),
            Piece::Retrain(job) => self.run.retraining_folder(&job.key),
        }
    }

    fn is_done(&self, piece: &Piece) -> anyhow::Result<bool> {
        Ok(match piece {
            Piece::Search(search) => self.run.found(*search)?.is_some(),
            Piece::Retrain(job) => self.run.retrained(&job.key)?.is_some(),
        })
    }

    /// Operations of a piece, for the estimate of time.
    fn operations(&self, piece: &Piece) -> f64 {
        match piece {
            Piece::Search(_) => self.run.search_work(),
            Piece::Retrain(job) => self.run.retraining_work(&job.recipe, job.flops as f64),
        }
    }

    /// Does a piece, unless another process is at it, and queues what it leads to.
    fn attempt(&self, device: &Cpu, piece: &Piece) -> anyhow::Result<Done> {
        if self.run.interrupt.is_asked() {
            return Ok(Done::Stopped);
        }
        if self.is_done(piece)? {
            self.run.progress.forget(1, self.operations(piece));
        } else {
            let lock = match self.shared.presence.try_lock(&self.folder(piece).join("lock"))? {
                Attempt::Locked(lock) => lock,
                Attempt::Held(holder) => {
                    self.say_held(piece, &holder);
                    return Ok(Done::Held);
                }
            };
            match self.carry_out(device, piece, &lock)? {
                Done::Finished => {}
                Done::Stopped | Done::Held => return Ok(Done::Stopped),
            }
        }
        self.lead_on(device, piece)?;
        Ok(Done::Finished)
    }

    /// Says once that another process is at a piece.
    fn say_held(&self, piece: &Piece, holder: &str) {
        let folder = self.folder(piece);
        if self.shared.held.lock().expect("no worker panics while it holds the lock").insert(folder)
        {
            let words = self.words(piece);
            self.run.progress.say(&format!("{words}: the process {holder} is at it"));
        }
    }

    /// Does a piece that is locked, unless another process did it before. What goes wrong is written down.
    fn carry_out(&self, device: &Cpu, piece: &Piece, lock: &Lock<'_>) -> anyhow::Result<Done> {
        if self.is_done(piece)? {
            self.run.progress.forget(1, self.operations(piece));
            return Ok(Done::Finished);
        }
        if let Some(failed) = failure::failed(&self.folder(piece))? {
            bail!("failed in another process: {}", failed.error);
        }
        let done = match piece {
            Piece::Search(search) => {
                self.run.search(device, *search, lock).map(|found| found.is_some())
            }
            Piece::Retrain(job) => {
                self.run.retrain(device, job, lock).map(|retrained| retrained.is_some())
            }
        };
        match done {
            Ok(true) => Ok(Done::Finished),
            Ok(false) => Ok(Done::Stopped),
            Err(error) => {
                lock.confirm()?;
                failure::record(&self.folder(piece), &error);
                Err(error)
            }
        }
    }

    /// Queues what a finished piece leads to.
    fn lead_on(&self, device: &Cpu, piece: &Piece) -> anyhow::Result<()> {
        match piece {
            Piece::Search(search) => {
                for point in self.points_of(*search) {
                    self.run.progress.forget(1, self.guess(point));
                }
                self.add_points_of(device, *search)?;
                self.follow(device, *search)
            }
            Piece::Retrain(job) => {
                match self.shared.settings.task {
                    Task::Points(_) => {
                        self.shared.interim.write(self.shared.runs, self.shared.presence)?;
                    }
                    Task::Point(_) | Task::Shared(_) => {}
                }
                if self.run.keeps_weights(job) {
                    self.add_chosen_by_weights(device, job.seed)?;
                }
                self.follow_all(device, job.seed)
            }
        }
    }
}

enum Done {
    Finished,
    Stopped,
    /// Another process is at it.
    Held,
}

fn retraining(plan: &Plan, ready: ReadyPoint) -> Retraining {
    let ReadyPoint { plan: point, name, graph, cost, key, .. } = ready;
    let carried = match point.mode {
        Mode::Scratch | Mode::ScratchB => None,
        Mode::FineTune | Mode::Grow => Some(point),
    };
    let recipe = plan.retraining(point.mode, cost.flops);
    Retraining { name, graph, key, seed: point.seed, flops: cost.flops, recipe, carried }
}
