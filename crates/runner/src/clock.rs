//! The only place that reads a clock. Time is shown and recorded; no result depends on it.

use std::time::{Duration, Instant};

/// A moment to measure from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    start: Instant,
}

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "the clock module")]
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// A duration in the largest sensible unit, such as `4 min 10 s`.
pub(crate) fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600.. => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// How long ago a moment was, by this machine's clock; no time at all if that says it has yet to come.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn since(moment: std::time::SystemTime) -> Duration {
    std::time::SystemTime::now().duration_since(moment).unwrap_or_default()
}

/// Today in universal time, as `2026-11-24`.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn today() -> String {
    let now = humantime::format_rfc3339(std::time::SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// This second in universal time, as `2026-11-24T09:30:00Z`.
#[expect(clippy::disallowed_methods, reason = "the clock module")]
pub(crate) fn now() -> String {
    humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string()
}
