//! Instructions on dense tensors and the devices that execute them.
//!
//! A program is a list of [`Instruction`]s on one arena of `f32`. A [`Device`] checks it once, then executes it any number of
//! times without allocating. This crate knows no graph and no training: who lays out the arena decides what it means.
//!
//! ```
//! use tensor_ops::{Activation, Cpu, Device, DeviceError, Instruction, Scalars, Span, Tensor};
//!
//! # fn main() -> Result<(), DeviceError> {
//! let cpu = Cpu::new(1)?;
//! let (input, output) = (Tensor::dense(0, 2, 3), Tensor::dense(6, 2, 3));
//! let relu = Instruction::Activate { activation: Activation::Relu, input, output };
//! let mut memory = cpu.allocate(12)?;
//! let mut program = cpu.prepare(vec![relu], 12)?;
//!
//! cpu.upload(&mut memory, Span::new(0, 6), &[-1.0, 2.0, -3.0, 4.0, -5.0, 6.0]);
//! cpu.execute(&mut memory, &mut program, Scalars { rate: 0.0, step: 1, seed: 0 });
//! let mut rectified = [0.0; 6];
//! cpu.download(&memory, Span::new(6, 6), &mut rectified);
//! assert_eq!(rectified, [0.0, 2.0, 0.0, 4.0, 0.0, 6.0]);
//! # Ok(())
//! # }
//! ```
#![expect(unsafe_code, reason = "kernels work on raw rows of one arena, checked once by `prepare`")]

mod cpu;
mod device;
mod instruction;
mod taps;
mod tensor;

pub use cpu::{Cpu, Level};
pub use device::{Device, DeviceError};
pub use instruction::{
    Activation, BinaryFunction, Broadcast, Clamp, Epilogue, FilterStep, GateMask, GateSample,
    Geometry, Instruction, Norm, NormGate, ResponseNorm, Scalars, UpdateRule, Work,
};
pub use taps::{Tap, Taps};
pub use tensor::{Span, Tensor};
