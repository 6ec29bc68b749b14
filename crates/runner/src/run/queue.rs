//! Work shared among threads: the most urgent piece first, more pieces as they become known.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Pieces that are put back are given out again after so long.
const AGAIN: Duration = Duration::from_millis(500);

/// A queue that closes itself when nothing is waiting and nothing is under way.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// Waiting pieces by urgency; the first comes first.
    waiting: BTreeMap<(u64, u64), T>,
    /// Pieces that were put back.
    put_back: Vec<T>,
    added: u64,
    under_way: usize,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue.
    pub(crate) fn new() -> Self {
        let state = State {
            waiting: BTreeMap::new(),
            put_back: Vec::new(),
            added: 0,
            under_way: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds a piece; larger urgency first, equal ones in order of arrival.
    pub(crate) fn add(&self, urgency: u64, piece: T) {
        self.change(|state| state.add(urgency, piece));
    }

    /// A piece that was taken cannot be done yet: it is given out again when nothing else is there, and after some time.
    pub(crate) fn put_back(&self, piece: T) {
        self.change(|state| {
            state.put_back.push(piece);
            state.under_way -= 1;
        });
    }

    /// Takes the most urgent piece; waits while none is there but one may still come. None when all is done or closed.
    pub(crate) fn take(&self) -> Option<T> {
        let mut state = self.state.lock().expect("no thread panics while it holds the lock");
        loop {
            if state.closed {
                return None;
            }
            if let Some((_, piece)) = state.waiting.pop_first() {
                state.under_way += 1;
                return Some(piece);
            }
            if !state.put_back.is_empty() {
                let waited = self.changed.wait_timeout(state, AGAIN);
                let (after, timeout) = waited.expect("no thread panics while it holds the lock");
                state = after;
                if timeout.timed_out() {
                    for piece in std::mem::take(&mut state.put_back) {
                        state.add(0, piece);
                    }
                }
                continue;
            }
            if state.under_way == 0 {
                return None;
            }
            state = self.changed.wait(state).expect("no thread panics while it holds the lock");
        }
    }

    /// A piece that was taken is done, and what it led to has been added.
    pub(crate) fn done(&self) {
        self.change(|state| state.under_way -= 1);
    }

    /// Gives out nothing more.
    pub(crate) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State<T>)) {
        change(&mut self.state.lock().expect("no thread panics while it holds the lock"));
        self.changed.notify_all();
    }
}

impl<T> State<T> {
    fn add(&mut self, urgency: u64, piece: T) {
        self.added += 1;
        self.waiting.insert((u64::MAX - urgency, self.added), piece);
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}
