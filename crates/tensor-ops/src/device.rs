//! The trait of everything that can execute instructions.

use thiserror::Error;

use crate::{Instruction, Scalars, Span};

/// A device with memory for `f32` values that executes lists of [`Instruction`]s.
///
/// The same instructions on the same memory give the same bytes on the same device, for any number of threads.
pub trait Device {
    /// An arena of values.
    type Memory;
    /// Instructions made ready: checked against an arena's length, scratch reserved.
    type Executable;

    /// Name for logs and results, such as `cpu (2 threads, avx2)`.
    fn name(&self) -> String;

    /// An arena of `len` zeros.
    fn allocate(&self, len: usize) -> Result<Self::Memory, DeviceError>;

    /// Checks every instruction against an arena of `len` values and reserves what executing them needs.
    fn prepare(
        &self,
        instructions: Vec<Instruction>,
        len: usize,
    ) -> Result<Self::Executable, DeviceError>;

    /// Executes all instructions in order. Allocates nothing.
    fn execute(
        &self,
        memory: &mut Self::Memory,
        executable: &mut Self::Executable,
        scalars: Scalars,
    );

    /// Copies values into the arena; `values` has the span's length.
    fn upload(&self, memory: &mut Self::Memory, span: Span, values: &[f32]);

    /// Copies values out of the arena; `values` has the span's length.
    fn download(&self, memory: &Self::Memory, span: Span, values: &mut [f32]);
}

/// A device that cannot do what is asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not enough memory.
    #[error(
        "cannot reserve {bytes} bytes on `{device}`: use a smaller batch or a narrower network"
    )]
    OutOfMemory {
        /// The device.
        device: String,
        /// Bytes asked for.
        bytes: usize,
    },
    /// An instruction whose operands do not fit each other or the arena.
    #[error("instruction {index} ({instruction}): {problem}")]
    Malformed {
        /// Position in the list.
        index: usize,
        /// Name of the instruction.
        instruction: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// Threads cannot be started.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// Number asked for.
        threads: usize,
        /// The system's reason.
        reason: String,
    },
    /// Instructions that the machine does not have.
    #[error("this machine has no `{level}` instructions: use one of `Level::available`")]
    Unsupported {
        /// What was asked for.
        level: crate::Level,
    },
}
