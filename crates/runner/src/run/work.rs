//! Sharing the work of a run among its workers.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tensor_ops::Cpu;

use super::point::ReadyPoint;
use super::queue::Queue;
use super::retrain::Retraining;
use super::{Outcome, Run, Settings, Workers, collect};
use crate::plan::{PointPlan, Search};

/// A piece of work that one worker does.
#[derive(Clone, Debug)]
enum Piece {
    Search(Search),
    Retrain(Retraining),
}

/// What all workers share.
struct Shared<'a> {
    run: &'a Run<'a>,
    points: Vec<PointPlan>,
    queue: Queue<Piece>,
    /// Retrainings that are done, under way or waiting, by structure and seed.
    known: Mutex<BTreeSet<(String, u64)>>,
    failures: Mutex<Vec<String>>,
    stopped: Mutex<bool>,
    keep_going: bool,
}

/// Does everything that is not done yet.
pub(super) fn carry_out(
    run: &Run<'_>,
    workers: &Workers,
    settings: &Settings,
) -> anyhow::Result<Outcome> {
    let wanted =
        |point: &PointPlan| settings.only.is_empty() || settings.only.contains(&point.index);
    let shared = Shared {
        run,
        points: run.plan.points().into_iter().filter(wanted).collect(),
        queue: Queue::new(),
        known: Mutex::default(),
        failures: Mutex::default(),
        stopped: Mutex::default(),
        keep_going: settings.keep_going,
    };
    shared.start()?;
    let devices =
        (0..workers.jobs).map(|_| workers.device()).collect::<anyhow::Result<Vec<Cpu>>>()?;
    std::thread::scope(|scope| {
        for device in &devices {
            scope.spawn(|| shared.work(device));
        }
    });
    let failures = shared.failures.into_inner().expect("no worker panicked while it held the lock");
    let stopped = shared.stopped.into_inner().expect("no worker panicked while it held the lock");
    for failure in &failures {
        run.progress.say(failure);
    }
    Ok(match failures.len() {
        0 if stopped => Outcome::Stopped,
        0 => Outcome::Done,
        failed => Outcome::Failed(failed),
    })
}

impl Shared<'_> {
    /// Queues what can be done at once.
    fn start(&self) -> anyhow::Result<()> {
        for search in self.run.plan.searches() {
            if !self.points.iter().any(|point| belongs(point, search)) {
                continue;
            }
            if self.run.found(search)?.is_some() {
                self.add_points_of(search)?;
            } else {
                self.run.progress.expect(1, self.run.search_work());
                for point in self.points.iter().filter(|point| belongs(point, search)) {
                    self.run.progress.expect(1, self.guess(point));
                }
                self.queue.add(u64::MAX, Piece::Search(search));
            }
        }
        for point in self.points.iter().filter(|point| point.strength.is_none()) {
            self.add_point(*point)?;
        }
        Ok(())
    }

    /// Operations of a learned point before its network is known: half the seed when shrunk, the budget when expanded.
    fn guess(&self, point: &PointPlan) -> f64 {
        let share = match point.arm {
            report::Arm::Uniform | report::Arm::Expand => point.width_multiplier.powi(2),
            report::Arm::Shrink => 0.5,
        };
        self.run.retraining_work(self.run.plan.seed_cost.flops as f64 * share)
    }

    fn add_points_of(&self, search: Search) -> anyhow::Result<()> {
        for point in self.points.iter().filter(|point| belongs(point, search)) {
            self.add_point(*point)?;
        }
        Ok(())
    }

    /// Queues the retraining of a point, unless an equal one is known.
    fn add_point(&self, point: PointPlan) -> anyhow::Result<()> {
        let Some(ready) = self.run.point(point)? else { return Ok(()) };
        let key = (ready.structure.clone(), point.seed);
        if !self.known.lock().expect("no worker panics while it holds the lock").insert(key) {
            return Ok(());
        }
        if self.run.retrained(&ready.structure, point.seed)?.is_some() {
            return Ok(());
        }
        self.run.progress.expect(1, self.run.retraining_work(ready.cost.flops as f64));
        self.queue.add(ready.cost.flops, Piece::Retrain(retraining(ready)));
        Ok(())
    }

    fn work(&self, device: &Cpu) {
        while let Some(piece) = self.queue.take() {
            match self.attempt(device, &piece) {
                Ok(Done::Finished) => {}
                Ok(Done::Stopped) => {
                    *self.stopped.lock().expect("no worker panics while it holds the lock") = true;
                    self.queue.close();
                }
                Err(error) => {
                    let failure = format!("error: {piece}: {error:#}");
                    self.failures
                        .lock()
                        .expect("no worker panics while it holds the lock")
                        .push(failure);
                    if !self.keep_going {
                        self.queue.close();
                    }
                }
            }
            self.queue.done();
        }
    }

    fn attempt(&self, device: &Cpu, piece: &Piece) -> anyhow::Result<Done> {
        match piece {
            Piece::Search(search) => {
                if self.run.search(device, *search)?.is_none() {
                    return Ok(Done::Stopped);
                }
                for point in self.points.iter().filter(|point| belongs(point, *search)) {
                    self.run.progress.forget(1, self.guess(point));
                }
                self.add_points_of(*search)?;
            }
            Piece::Retrain(job) => {
                if self.run.retrain(device, job)?.is_none() {
                    return Ok(Done::Stopped);
                }
                collect::write_points(self.run)?;
            }
        }
        Ok(Done::Finished)
    }
}

enum Done {
    Finished,
    Stopped,
}

fn belongs(point: &PointPlan, search: Search) -> bool {
    point.strength == Some(search.strength) && point.seed == search.seed
}

fn retraining(ready: ReadyPoint) -> Retraining {
    let (name, seed, flops) = (ready.to_string(), ready.plan.seed, ready.cost.flops);
    Retraining { name, graph: ready.graph, structure: ready.structure, seed, flops }
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Search(search) => write!(f, "search {search}"),
            Self::Retrain(job) => write!(f, "{}", job.name),
        }
    }
}
