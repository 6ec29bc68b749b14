//! What a person sees while a run is at work: bars on a terminal, a line per finished piece of work elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::{Stopwatch, words};

/// Progress of a run on standard error. Work is measured in operations, so that narrow networks count for less.
#[derive(Debug)]
pub(crate) struct Progress {
    bars: MultiProgress,
    terminal: bool,
    total: ProgressBar,
    watch: Stopwatch,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Pieces of work finished and known.
    finished: usize,
    known: usize,
    /// Operations done since the start and still to do.
    done: f64,
    left: f64,
}

/// Progress of one training run.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    progress: &'a Progress,
    name: String,
    bar: ProgressBar,
    watch: Stopwatch,
    /// Operations per training step.
    step: f64,
    work: f64,
    counted: f64,
}

impl Progress {
    /// Progress that shows itself on standard error.
    pub(crate) fn new() -> Self {
        let terminal = io::stderr().is_terminal();
        let target =
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let total = bars.add(ProgressBar::new(1000));
        total.set_style(style("{wide_bar} {msg}"));
        Self { bars, terminal, total, watch: Stopwatch::start(), state: Mutex::default() }
    }

    /// Announces work: so many pieces with so many operations in all.
    pub(crate) fn expect(&self, pieces: usize, operations: f64) {
        self.change(|state| {
            state.known += pieces;
            state.left += operations;
        });
    }

    /// Takes announced work back.
    pub(crate) fn forget(&self, pieces: usize, operations: f64) {
        self.change(|state| {
            state.known = state.known.saturating_sub(pieces);
            state.left = (state.left - operations).max(0.0);
        });
    }

    /// Starts to show a training run of `steps` steps with `operations` in all, announced before.
    pub(crate) fn start(&self, name: &str, steps: u64, operations: f64) -> Task<'_> {
        let bar = self.bars.insert_from_back(1, ProgressBar::new(steps));
        bar.set_style(style("{prefix:34} {bar:24} {msg}"));
        bar.set_prefix(name.to_owned());
        let step = operations / steps.max(1) as f64;
        let watch = Stopwatch::start();
        Task {
            progress: self,
            name: name.to_owned(),
            bar,
            watch,
            step,
            work: operations,
            counted: 0.0,
        }
    }

    /// Prints a line.
    pub(crate) fn say(&self, line: &str) {
        if self.terminal {
            // A terminal that is gone loses its lines, not the run.
            let _ = self.bars.println(line);
        } else {
            let _ = writeln!(io::stderr(), "{line}");
        }
    }

    /// Removes the bars.
    pub(crate) fn close(&self) {
        self.total.finish_and_clear();
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.watch.elapsed()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().expect("no thread panics while it holds the lock");
        change(&mut state);
        let share = state.done / (state.done + state.left).max(1.0);
        self.total.set_position((share * 1000.0) as u64);
        self.total.set_message(self.remaining(&state));
    }

    fn remaining(&self, state: &State) -> String {
        let pieces = format!("{}/{} done", state.finished, state.known);
        let elapsed = self.watch.elapsed().as_secs_f64();
        if state.done <= 0.0 || elapsed < 1.0 {
            return pieces;
        }
        let left = Duration::from_secs_f64(elapsed * state.left / state.done);
        format!("{pieces}, about {} left", words(left))
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Task<'_> {
    /// Skips steps that an earlier process did.
    pub(crate) fn skip(&mut self, steps: u64) {
        self.bar.set_position(steps);
        let skipped = (self.step * steps as f64).min(self.work);
        self.work -= skipped;
        self.progress.change(|state| state.left = (state.left - skipped).max(0.0));
    }

    /// Prints a line.
    pub(crate) fn say(&self, line: &str) {
        self.progress.say(line);
    }

    /// One more step is done.
    pub(crate) fn step(&mut self, message: &str) {
        let step = self.step.min(self.work - self.counted).max(0.0);
        self.counted += step;
        self.progress.change(|state| {
            state.done += step;
            state.left = (state.left - step).max(0.0);
        });
        self.bar.inc(1);
        if self.progress.terminal {
            self.bar.set_message(message.to_owned());
        }
    }

    /// The run is finished, with this result.
    pub(crate) fn finish(self, result: &str) {
        let rest = self.work - self.counted;
        self.bar.finish_and_clear();
        let mut line = String::new();
        self.progress.change(|state| {
            state.finished += 1;
            state.done += rest;
            state.left = (state.left - rest).max(0.0);
            line = self.progress.remaining(state);
        });
        let Self { progress, name, watch, .. } = self;
        progress.say(&format!("{name}: {result} ({}; {line})", words(watch.elapsed())));
    }

    /// The run ends without a result.
    pub(crate) fn abandon(self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a fixed template").progress_chars("=> ")
}
