//! Measured times of networks on the engine.

use std::path::Path;

use graph::NodeId;
use tensor_ops::Device;
use training::{ForwardPass, Network, TrainError};

use crate::clock::Stopwatch;
use crate::store;

/// Passes that are not counted: memory is touched, caches and branch predictors are warm afterwards.
const WARM_UP: usize = 2;

/// Fewest and most passes whose median is taken.
const PASSES: std::ops::RangeInclusive<usize> = 7..=40;

/// Passes go on for about this many nanoseconds, within their number.
const ENOUGH: f64 = 2e8;

/// Nanoseconds of a forward pass on a batch, as a whole: the median of some passes.
pub(crate) fn whole<D: Device>(
    network: &Network,
    batch: usize,
    device: &D,
) -> Result<f64, TrainError> {
    let mut pass = ForwardPass::new(network, batch, device)?;
    repeated(&mut || {
        pass.run();
        Ok(())
    })
}

/// Nanoseconds of something that is done again and again: the median of some times. The first error ends it.
pub(crate) fn repeated<E>(work: &mut dyn FnMut() -> Result<(), E>) -> Result<f64, E> {
    in_turns(&mut [work]).map(|times| times[0])
}

/// Turns of each of what is compared.
const TURNS: usize = 5;

/// As [`repeated`], for what is compared: in turns, so that what else the machine does meets all of them alike.
pub(crate) fn in_turns<E>(works: &mut [Work<'_, E>]) -> Result<Vec<f64>, E> {
    let once = |work: &mut Work<'_, E>| {
        let start = Stopwatch::start();
        work().map(|()| nanoseconds(start))
    };
    let mut first = vec![0.0; works.len()];
    for (work, first) in works.iter_mut().zip(&mut first) {
        for _ in 0..WARM_UP {
            *first = once(work)?;
        }
    }
    let mut times = vec![Vec::new(); works.len()];
    for _ in 0..TURNS {
        for ((work, times), first) in works.iter_mut().zip(&mut times).zip(&first) {
            for _ in 0..passes(*first).div_ceil(TURNS) {
                times.push(once(work)?);
            }
        }
    }
    Ok(times.iter_mut().map(|times| median(times)).collect())
}

/// What is timed.
pub(crate) type Work<'w, E> = &'w mut dyn FnMut() -> Result<(), E>;

/// As [`whole`], for one image and several networks, in turns.
pub(crate) fn wholes<D: Device>(networks: &[&Network], device: &D) -> Result<Vec<f64>, TrainError> {
    let passes = networks.iter().map(|network| ForwardPass::new(network, 1, device));
    let mut passes = passes.collect::<Result<Vec<_>, TrainError>>()?;
    let mut works: Vec<_> = passes
        .iter_mut()
        .map(|pass| {
            || {
                pass.run();
                Ok(())
            }
        })
        .collect();
    let mut works: Vec<Work<'_, TrainError>> =
        works.iter_mut().map(|work| work as Work<'_, TrainError>).collect();
    in_turns(&mut works)
}

/// Nanoseconds of every node that takes time: the sum of the medians of its steps, which run in their order.
pub(crate) fn by_node<D: Device>(
    network: &Network,
    batch: usize,
    device: &D,
) -> Result<Vec<(NodeId, f64)>, TrainError> {
    let mut pass = ForwardPass::new(network, batch, device)?;
    let nodes = pass.nodes().to_vec();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); nodes.len()];
    let mut total = 0.0;
    for _ in 0..WARM_UP {
        let start = Stopwatch::start();
        (0..nodes.len()).for_each(|step| pass.run_step(step));
        total = nanoseconds(start);
    }
    for _ in 0..passes(total) {
        for (step, times) in times.iter_mut().enumerate() {
            let start = Stopwatch::start();
            pass.run_step(step);
            times.push(nanoseconds(start));
        }
    }
    let mut sums: Vec<(NodeId, f64)> = Vec::new();
    for (node, times) in nodes.iter().zip(&mut times) {
        let Some(node) = node else { continue };
        match sums.last_mut() {
            Some((last, sum)) if last == node => *sum += median(times),
            Some(_) | None => sums.push((*node, median(times))),
        }
    }
    Ok(sums)
}

fn passes(first: f64) -> usize {
    ((ENOUGH / first.max(1.0)) as usize).clamp(*PASSES.start(), *PASSES.end())
}

fn nanoseconds(start: Stopwatch) -> f64 {
    start.elapsed().as_secs_f64() * 1e9
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(0.0)
}

/// Resident memory of this process in bytes, where the system tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    /// Now.
    pub(crate) now: u64,
    /// At most so far.
    pub(crate) most: u64,
}

impl Resident {
    pub(crate) fn read() -> Option<Self> {
        let bytes = store::read(Path::new("/proc/self/status")).ok()??;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let of = |key: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
        };
        Some(Self { now: of("VmRSS:")?, most: of("VmHWM:")? })
    }
}
