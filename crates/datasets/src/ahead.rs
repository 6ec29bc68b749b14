//! Batches of an epoch in order, each filled while the one before is used.

use std::mem;
use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread::Scope;

use crate::{DatasetError, Epoch};

/// The memory of a batch.
#[derive(Debug, Clone)]
struct Filled {
    images: Vec<f32>,
    labels: Vec<u32>,
}

/// Batches of an epoch in order ([`Epoch::ahead`]).
#[derive(Debug)]
pub struct Ahead<'scope> {
    source: Source<'scope>,
    /// The batch in use.
    held: Filled,
}

#[derive(Debug)]
enum Source<'scope> {
    /// Filled when it is asked for.
    Here { epoch: &'scope Epoch<'scope>, left: Range<usize> },
    /// Filled by a thread, which ends when either end of its channels is gone.
    Thread { ready: Receiver<Result<Filled, DatasetError>>, empty: Sender<Filled> },
}

impl<'a> Epoch<'a> {
    /// The batches of a range, in order. If samples lie in files, a thread of `scope` fills the next batch while one is used; it
    /// is one batch ahead at most. What the batches hold is what [`Epoch::fill`] writes, and an error is that of its batch.
    pub fn ahead<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        batches: Range<usize>,
    ) -> Ahead<'scope>
    where
        'a: 'scope,
    {
        let [count, height, width, channels] = self.shape();
        let held =
            Filled { images: vec![0.0; count * height * width * channels], labels: vec![0; count] };
        if !self.is_in_files() {
            return Ahead { source: Source::Here { epoch: self, left: batches }, held };
        }
        let (give, ready) = sync_channel(1);
        let (empty, take) = channel::<Filled>();
        let mut next = held.clone();
        scope.spawn(move || {
            for batch in batches {
                let result = self.fill(batch, &mut next.images, &mut next.labels);
                let is_end = result.is_err();
                if give.send(result.map(|()| next)).is_err() || is_end {
                    return;
                }
                let Ok(returned) = take.recv() else { return };
                next = returned;
            }
        });
        Ahead { source: Source::Thread { ready, empty }, held }
    }
}

impl Ahead<'_> {
    /// Images and labels of the next batch.
    ///
    /// # Errors
    ///
    /// As [`Epoch::fill`]; no batch follows an error.
    ///
    /// # Panics
    ///
    /// When no batch of the range is left.
    pub fn next_batch(&mut self) -> Result<(&[f32], &[u32]), DatasetError> {
        match &mut self.source {
            Source::Here { epoch, left } => {
                let batch = left.next().expect("a batch of the range is left");
                epoch.fill(batch, &mut self.held.images, &mut self.held.labels)?;
            }
            Source::Thread { ready, empty } => {
                let filled = ready.recv().expect("a batch of the range is left")?;
                let used = mem::replace(&mut self.held, filled);
                // After the last batch nobody takes it.
                let _ = empty.send(used);
            }
        }
        Ok((&self.held.images, &self.held.labels))
    }
}
