//! Devices by their peaks.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::devices::{DEVICES, KnownDevice};

/// A device as a roofline sees it. Both peaks are finite and above 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Device {
    /// Name, for people.
    pub name: String,
    /// What the peak is given for.
    pub precision: Precision,
    /// Bytes of a value in memory.
    pub bytes_per_value: usize,
    /// Peak arithmetic, in 10^9 floating point operations a second.
    pub peak_gflops: f64,
    /// Peak memory bandwidth, in 10^9 bytes a second.
    pub bandwidth_gbs: f64,
}

/// Arithmetic that a peak is given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// IEEE single precision.
    Fp32,
    /// Single precision rounded to 10 bits of mantissa before products, on tensor cores; values are 4 bytes.
    Tf32,
    /// Half precision, or bfloat16 of the same width, on tensor cores.
    Fp16,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fp32 => "fp32",
            Self::Tf32 => "tf32",
            Self::Fp16 => "fp16",
        })
    }
}

impl Device {
    /// A device of the table by its name, such as `v100` or `a100-tf32`.
    pub fn named(name: &str) -> Result<Self, UnknownDevice> {
        let known = DEVICES.iter().find(|device| device.name == name);
        known.map(Self::from).ok_or_else(|| UnknownDevice { name: name.to_owned() })
    }

    /// FLOP per byte above which a node is bound by arithmetic.
    pub fn ridge(&self) -> f64 {
        self.peak_gflops / self.bandwidth_gbs
    }
}

impl From<&KnownDevice> for Device {
    fn from(known: &KnownDevice) -> Self {
        Self {
            name: known.name.to_owned(),
            precision: known.precision,
            bytes_per_value: known.bytes_per_value,
            peak_gflops: known.peak_gflops,
            bandwidth_gbs: known.bandwidth_gbs,
        }
    }
}

/// A name that is not in the table; the message lists those that are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDevice {
    /// The name.
    pub name: String,
}

impl UnknownDevice {
    /// All names of the table, in its order.
    pub fn known() -> impl Iterator<Item = &'static str> {
        DEVICES.iter().map(|device| device.name)
    }
}

impl fmt::Display for UnknownDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Self::known().collect();
        write!(f, "there is no device `{}`, expected one of {}", self.name, known.join(", "))
    }
}

impl std::error::Error for UnknownDevice {}

/// A device as it stands in a file, before its numbers are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a device")]
struct Unchecked {
    name: String,
    precision: Precision,
    bytes_per_value: usize,
    peak_gflops: f64,
    bandwidth_gbs: f64,
}

impl TryFrom<Unchecked> for Device {
    type Error = String;

    fn try_from(read: Unchecked) -> Result<Self, String> {
        let Unchecked { name, precision, bytes_per_value, peak_gflops, bandwidth_gbs } = read;
        for (key, peak) in [("peak_gflops", peak_gflops), ("bandwidth_gbs", bandwidth_gbs)] {
            if !(peak.is_finite() && peak > 0.0) {
                return Err(format!("`{key}` must be a finite number above 0, is {peak}"));
            }
        }
        if !(1..=64).contains(&bytes_per_value) {
            return Err(format!("`bytes_per_value` must be 1 to 64, is {bytes_per_value}"));
        }
        Ok(Self { name, precision, bytes_per_value, peak_gflops, bandwidth_gbs })
    }
}
