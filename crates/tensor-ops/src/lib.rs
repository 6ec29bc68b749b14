//! Instructions on dense tensors and the devices that execute them.
#![expect(unsafe_code, reason = "kernels work on raw rows of one arena, checked once by `prepare`")]
mod cpu;
mod device;
mod instruction;
mod tensor;

pub use cpu::{Cpu, Level};
pub use device::{Device, DeviceError};
pub use instruction::{Activation, Broadcast, Geometry, Instruction, Scalars, UpdateRule};
pub use tensor::{Span, Tensor};
