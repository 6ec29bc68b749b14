//! Training to the end with checkpoints, for searches and retrainings alike.

use std::time::Duration;

use anyhow::Context;
use datasets::Batches;
use tensor_ops::Cpu;
use training::{Control, EpochEnd, Penalty, Step, Trainer};

use super::progress::Task;
use crate::clock::Stopwatch;
use crate::interrupt::Interrupt;
use crate::store::{Checkpoints, Latest, Lock};

/// A checkpoint is written at least this often.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All epochs are done.
    Finished,
    /// Stopped on request after a checkpoint.
    Stopped,
}

/// Goes on from an intact checkpoint, if there is one; `steps` is the number of an epoch.
pub(crate) fn resume(
    trainer: &mut Trainer<'_, Cpu>,
    penalty: &mut dyn Penalty,
    checkpoints: &Checkpoints,
    task: &mut Task<'_>,
    steps: usize,
) -> anyhow::Result<()> {
    let Latest { intact, damaged } = checkpoints.latest()?;
    for path in damaged {
        let what = if intact.is_some() { "the one before it is used" } else { "it is not used" };
        task.say(&format!("warning: the checkpoint `{}` is damaged; {what}", path.display()));
    }
    if let Some(bytes) = intact {
        trainer.load(&bytes, penalty).context("start over with `--fresh`")?;
        task.skip(trainer.steps_done(steps));
    }
    Ok(())
}

/// Trains to the end.
///
/// A checkpoint is saved after every epoch, every minute, and when the run is interrupted, for as long as this process has the lock.
/// `on_epoch` sees trainer and penalty after every epoch, before its checkpoint, and can end the training; `on_step` sees every
/// step.
#[expect(clippy::too_many_arguments, reason = "what trains, what it saves to, and who looks on")]
pub(crate) fn train<P: Penalty>(
    trainer: &mut Trainer<'_, Cpu>,
    batches: &Batches,
    penalty: &mut P,
    checkpoints: &Checkpoints,
    lock: &Lock<'_>,
    interrupt: &Interrupt,
    on_step: &mut dyn FnMut(Step),
    on_epoch: &mut dyn FnMut(&Trainer<'_, Cpu>, &P) -> anyhow::Result<Control>,
) -> anyhow::Result<Ending> {
    let mut since_checkpoint = Stopwatch::start();
    while !trainer.is_finished() {
        let end = trainer.epoch(batches, penalty, &mut |step| {
            on_step(step);
            if interrupt.is_asked() || since_checkpoint.elapsed() > CHECKPOINT_EVERY {
                Control::Stop
            } else {
                Control::Continue
            }
        })?;
        lock.confirm()?;
        let control = match end {
            EpochEnd::Completed(_) => on_epoch(trainer, penalty)?,
            EpochEnd::Stopped => Control::Continue,
        };
        checkpoints.save(trainer.steps_done(batches.per_epoch()), &trainer.save(penalty))?;
        since_checkpoint = Stopwatch::start();
        if control == Control::Stop {
            return Ok(Ending::Finished);
        }
        if interrupt.is_asked() && !trainer.is_finished() {
            return Ok(Ending::Stopped);
        }
    }
    Ok(Ending::Finished)
}
