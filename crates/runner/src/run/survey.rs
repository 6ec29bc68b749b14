//! How far an experiment is: the state of every point, from the results folder alone.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use report::Arm;
use serde::Serialize;

use super::progress::Progress;
use super::{Run, failure};
use crate::interrupt::Interrupt;
use crate::plan::{PointPlan, Search, Shared, Study};
use crate::store::{self, Checkpoints, Registration};

/// How far a point or a piece of shared work is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Done.
    Done,
    /// A process is at it.
    Running {
        /// Its host.
        host: String,
        /// Its number there.
        process: u32,
        /// Beats of its heart so far.
        beat: u64,
        /// Seconds since the last beat, as far as the clocks of two hosts can tell.
        seconds_since_beat: u64,
    },
    /// Begun, and left with a checkpoint.
    Interrupted {
        /// Training steps before the checkpoint.
        steps: u64,
    },
    /// It failed, or what it needs did.
    Failed {
        /// What went wrong.
        error: String,
    },
    /// Not begun.
    Missing {
        /// What it waits for, if it could not begin at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// There is nothing to do.
    LeftOut {
        /// Why.
        reason: String,
    },
    /// Its files cannot be read.
    Unreadable {
        /// Why.
        error: String,
    },
}

impl State {
    /// The state in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Running { .. } => "running",
            Self::Interrupted { .. } => "interrupted",
            Self::Failed { .. } => "failed",
            Self::Missing { .. } => "missing",
            Self::LeftOut { .. } => "left out",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether somebody has to do it who does not yet: it is neither done, nor failed, nor left out, nor is anybody at it.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Interrupted { .. } | Self::Unreadable { .. } => true,
            Self::Done | Self::Running { .. } | Self::Failed { .. } | Self::LeftOut { .. } => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Done | Self::Missing { reason: None } => Ok(()),
            Self::Running { host, process, beat: _, seconds_since_beat } => {
                write!(f, ": process {process} of {host}, last heard of {seconds_since_beat} s ago")
            }
            Self::Interrupted { steps } => write!(f, " after {steps} steps"),
            Self::Failed { error: reason }
            | Self::Missing { reason: Some(reason) }
            | Self::LeftOut { reason }
            | Self::Unreadable { error: reason } => {
                write!(f, ": {}", reason.lines().next().unwrap_or_default())
            }
        }
    }
}

/// How far an experiment is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Survey {
    /// The state of every point, in their order.
    pub points: Vec<State>,
    /// The state of all shared work, in the order of [`Study::shared`].
    pub shared: Vec<State>,
}

/// Looks at all points and all shared work of an experiment. Writes nothing.
pub fn survey(study: &Study, folder: &Path) -> Survey {
    let (interrupt, progress) = (Interrupt::default(), Progress::new());
    let runs = Run::all(study, folder, &interrupt, &progress);
    let registrations = store::registrations(folder).unwrap_or_default();
    let looks: Vec<Look<'_>> =
        runs.iter().map(|run| Look { run, registrations: &registrations }).collect();
    let readable = |state: anyhow::Result<State>| {
        state.unwrap_or_else(|error| State::Unreadable { error: format!("{error:#}") })
    };
    let points = study.points().into_iter();
    let shared = study.shared().into_iter();
    Survey {
        points: points.map(|it| readable(looks[it.variant].point(it.point))).collect(),
        shared: shared.map(|it| readable(looks[it.variant].shared(it.work))).collect(),
    }
}

struct Look<'a> {
    run: &'a Run<'a>,
    registrations: &'a BTreeMap<String, Registration>,
}

impl Look<'_> {
    fn point(&self, point: PointPlan) -> anyhow::Result<State> {
        if let Some(ready) = self.run.point(point)? {
            let is_done = self.run.retrained(&ready.key)?.is_some();
            return self.piece(&self.run.retraining_folder(&ready.key), is_done);
        }
        let Some(search) = point.search() else { return Ok(State::Missing { reason: None }) };
        if let Some(state) = self.before(search)? {
            return Ok(state);
        }
        let left_out = |reason: &str| State::LeftOut { reason: reason.to_owned() };
        Ok(match point.arm {
            Arm::Expand => left_out("the learned network costs as much as the budget already"),
            Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm
                if self.run.has_no_arm(point.arm, search)? =>
            {
                left_out("no network costs as little as the shrunk one")
            }
            Arm::L1Norm | Arm::GroupNorm => {
                let seed = self.shared(Shared::TrainedSeed(point.seed))?;
                needing(seed, "the training of its seed").unwrap_or(State::Missing { reason: None })
            }
            Arm::Uniform | Arm::Shrink | Arm::Shuffled | Arm::Random => {
                State::Missing { reason: None }
            }
        })
    }

    /// What keeps a point from beginning: the first search that it needs and that is not done. None if all are.
    fn before(&self, search: Search) -> anyhow::Result<Option<State>> {
        let mut chain: Vec<Search> =
            std::iter::successors(Some(search), |search| search.before()).collect();
        chain.reverse();
        for needed in chain {
            match self.run.goes_on(needed)? {
                Some(true) => {}
                Some(false) => {
                    let reason = "the cycles ended before it".to_owned();
                    return Ok(Some(State::LeftOut { reason }));
                }
                None => {
                    let reason = "the cycle before it is not scored".to_owned();
                    return Ok(Some(State::Missing { reason: Some(reason) }));
                }
            }
            let words = if needed == search {
                "its search".to_owned()
            } else {
                format!("the search of cycle {}", needed.cycle)
            };
            if let Some(state) = needing(self.search(needed)?, &words) {
                return Ok(Some(state));
            }
        }
        Ok(None)
    }

    fn shared(&self, shared: Shared) -> anyhow::Result<State> {
        match shared {
            Shared::TrainedSeed(seed) => {
                let key = self.run.seed_job(seed).key;
                let is_done = self.run.retrained(&key)?.is_some();
                self.piece(&self.run.retraining_folder(&key), is_done)
            }
            Shared::Searches(first) => {
                let mut search = first;
                loop {
                    let state = self.search(search)?;
                    let next = search.next(self.run.plan).filter(|_| state == State::Done);
                    match next {
                        Some(next) if self.run.goes_on(next)? == Some(true) => search = next,
                        Some(_) | None => return Ok(state),
                    }
                }
            }
        }
    }

    fn search(&self, search: Search) -> anyhow::Result<State> {
        let is_done = self.run.found(search)?.is_some();
        self.piece(&self.run.search_folder(search), is_done)
    }

    /// The state of the work in one folder.
    fn piece(&self, folder: &Path, is_done: bool) -> anyhow::Result<State> {
        if is_done {
            return Ok(State::Done);
        }
        let holder = store::holder(&folder.join("lock"))?;
        let registration = holder.and_then(|name| {
            let registration = self.registrations.get(&name)?;
            (!registration.process.has_ended()).then_some((name, registration))
        });
        if let Some((name, Registration { process, beat })) = registration {
            let since = store::since_beat(&self.run.folder, &name).unwrap_or_default();
            return Ok(State::Running {
                host: process.host.clone(),
                process: process.id,
                beat: *beat,
                seconds_since_beat: since.as_secs(),
            });
        }
        if let Some(failed) = failure::failed(folder)? {
            return Ok(State::Failed { error: failed.error });
        }
        Ok(match Checkpoints::new(folder).steps()? {
            Some(steps) => State::Interrupted { steps },
            None => State::Missing { reason: None },
        })
    }
}

/// The state of what needs something in this state; none if that is done.
fn needing(needed: State, words: &str) -> Option<State> {
    Some(match needed {
        State::Done => return None,
        State::Failed { error } => State::Failed { error: format!("{words}: {error}") },
        State::LeftOut { .. } | State::Unreadable { .. } => needed,
        State::Running { .. } | State::Interrupted { .. } | State::Missing { .. } => {
            State::Missing { reason: Some(format!("{words} is {}", needed.name())) }
        }
    })
}
