//! Which vector instructions the machine has, and entry into code compiled for them.

use std::fmt;
use std::str::FromStr;

use super::context::Context;
#[cfg(target_arch = "x86_64")]
use super::simd::{Avx2, Avx512};
use super::simd::{Lanes, Simd};

/// A set of vector instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every machine of the architecture has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F.
    Avx512,
    /// 64-bit Arm.
    Neon,
}

impl Level {
    /// The levels of this machine, fastest last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
                if is_x86_feature_detected!("avx512f") {
                    levels.push(Self::Avx512);
                }
            }
        }
        if cfg!(target_arch = "aarch64") {
            levels.push(Self::Neon);
        }
        levels
    }

    /// Values per vector.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Portable | Self::Avx2 | Self::Neon => 8,
            Self::Avx512 => 16,
        }
    }

    /// The level to use for vectors along `channels`: half-empty wide vectors gain nothing over full narrow ones.
    pub(super) fn for_channels(self, channels: usize) -> Self {
        match self {
            Self::Avx512 if channels <= 8 => Self::Avx2,
            Self::Portable | Self::Avx2 | Self::Avx512 | Self::Neon => self,
        }
    }
}

impl FromStr for Level {
    type Err = String;

    /// Reads what is displayed; an error that lists the levels of this machine if it is none of them.
    fn from_str(text: &str) -> Result<Self, String> {
        let levels = Self::available();
        levels.iter().copied().find(|level| level.to_string() == text).ok_or_else(|| {
            let names: Vec<String> = levels.iter().map(Self::to_string).collect();
            format!("this machine has {}", names.join(", "))
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        })
    }
}

/// Work that is cut into chunks which may run in any order at the same time.
///
/// `run` and everything it calls on vectors is `#[inline(always)]`, because only code inlined into the entry functions
/// below is compiled for their instruction set.
pub(super) trait Task: Sync {
    /// Does one chunk. No two calls with the same `worker` run at the same time.
    fn run<S: Simd>(&self, simd: S, context: &Context<'_>, chunk: usize, worker: usize);
}

/// Does one chunk with the instructions of a level.
///
/// # Safety
///
/// The machine has the level.
pub(super) unsafe fn run_chunk<T: Task>(
    level: Level,
    task: &T,
    context: &Context<'_>,
    chunk: usize,
    worker: usize,
) {
    match level {
        // SAFETY: the caller vouches for the level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { run_avx2(task, context, chunk, worker) },
        // SAFETY: the caller vouches for the level.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { run_avx512(task, context, chunk, worker) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 => task.run(Lanes::<false>, context, chunk, worker),
        #[cfg(target_arch = "aarch64")]
        Level::Neon => task.run(Lanes::<true>, context, chunk, worker),
        #[cfg(not(target_arch = "aarch64"))]
        Level::Neon => task.run(Lanes::<false>, context, chunk, worker),
        Level::Portable => task.run(Lanes::<false>, context, chunk, worker),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<T: Task>(task: &T, context: &Context<'_>, chunk: usize, worker: usize) {
    // SAFETY: this function is compiled for AVX2 and FMA.
    task.run(unsafe { Avx2::assume() }, context, chunk, worker);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
fn run_avx512<T: Task>(task: &T, context: &Context<'_>, chunk: usize, worker: usize) {
    // SAFETY: this function is compiled for AVX-512F.
    task.run(unsafe { Avx512::assume() }, context, chunk, worker);
}
