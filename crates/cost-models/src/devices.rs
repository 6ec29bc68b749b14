//! The table of known devices.

use crate::Precision::{self, Fp16, Fp32, Tf32};

/// A row of [`DEVICES`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnownDevice {
    /// Name, in kebab case.
    pub name: &'static str,
    /// What the peak is given for.
    pub precision: Precision,
    /// Bytes of a value in memory.
    pub bytes_per_value: usize,
    /// Peak arithmetic, in 10^9 floating point operations a second, without structured sparsity.
    pub peak_gflops: f64,
    /// Peak memory bandwidth, in 10^9 bytes a second.
    pub bandwidth_gbs: f64,
    /// Where the peaks are from.
    pub source: &'static str,
    /// When that was published.
    pub date: &'static str,
}

/// The devices known by name.
///
/// The first eight are those of the original with its figures, so that its latencies can be reproduced: all tensors are 4
/// bytes a value, and the peak of `v100` is nevertheless that of half precision. `flop-latency` and `memory-latency` have
/// one side only. In all others a value has the width of the precision.
pub const DEVICES: &[KnownDevice] = &[
    original("k80", Fp32, 8_740.0, 480.0),
    original("p4", Fp32, 5_500.0, 192.0),
    original("t4", Fp32, 8_100.0, 300.0),
    original("p100", Fp32, 9_300.0, 732.0),
    original("v100", Fp16, 125_000.0, 900.0),
    original("tpu-v2", Fp16, 22_500.0, 300.0),
    original("flop-latency", Fp32, 1.0, 1e20),
    original("memory-latency", Fp32, 1e20, 1.0),
    device("t4-fp32", Fp32, 8_100.0, 300.0, T4, "2019"),
    device("t4-fp16", Fp16, 65_000.0, 300.0, T4, "2019"),
    device("v100-fp32", Fp32, 15_700.0, 900.0, V100, "2020"),
    device("v100-fp16", Fp16, 125_000.0, 900.0, V100, "2020"),
    device("a100-fp32", Fp32, 19_500.0, 2_039.0, A100, "2021"),
    device("a100-tf32", Tf32, 156_000.0, 2_039.0, A100, "2021"),
    device("a100-fp16", Fp16, 312_000.0, 2_039.0, A100, "2021"),
    device("l4-fp32", Fp32, 30_300.0, 300.0, L4, "2023"),
    device("l4-tf32", Tf32, 60_000.0, 300.0, L4, "2023"),
    device("l4-fp16", Fp16, 121_000.0, 300.0, L4, "2023"),
    device("h100-fp32", Fp32, 67_000.0, 3_350.0, H100, "2023"),
    device("h100-tf32", Tf32, 494_500.0, 3_350.0, H100, "2023"),
    device("h100-fp16", Fp16, 989_500.0, 3_350.0, H100, "2023"),
    device("m1-gpu", Fp32, 2_600.0, 66.7, M1, "2022"),
    device("m1-pro-gpu", Fp32, 5_200.0, 200.0, M1_PRO_AND_MAX, "2021"),
    device("m1-max-gpu", Fp32, 10_400.0, 400.0, M1_PRO_AND_MAX, "2021"),
    device("m2-gpu", Fp32, 3_600.0, 100.0, M2, "2022"),
    device("raspberry-pi-5", Fp32, 153.6, 17.0, RASPBERRY_PI_5, "2023"),
    device("x86-avx512-core", Fp32, 117.0, 9.0, X86_CORE, "2026"),
];

const ORIGINAL: &str = "resource_function.py of google-research/morph-net, revision d9286a1";
const T4: &str = "NVIDIA T4 Tensor Core GPU data sheet";
const V100: &str = "NVIDIA V100 Tensor Core GPU data sheet, SXM2";
const A100: &str = "NVIDIA A100 Tensor Core GPU data sheet, SXM 80 GB";
const L4: &str =
    "NVIDIA L4 Tensor Core GPU data sheet; its tensor core figures are with sparsity, halved here";
const H100: &str = "NVIDIA H100 Tensor Core GPU data sheet, SXM; its tensor core figures are with sparsity, halved here";
const M1: &str =
    "Apple, presentations of M1 (2.6 teraflops) and M2 (100 GB/s, 50 percent more than M1)";
const M1_PRO_AND_MAX: &str = "Apple, presentation of M1 Pro and M1 Max";
const M2: &str = "Apple, presentation of M2, 10-core GPU";
const RASPBERRY_PI_5: &str = "Raspberry Pi documentation of BCM2712 (4 cores of 2.4 GHz, 17 GB/s); Arm Cortex-A76 software \
     optimization guide (two vector multiply-adds of 4 values a cycle)";
const X86_CORE: &str =
    "measured on one core of a server with AVX-512: multiply-adds in registers, and a copy";

/// A device with the figures and the convention of the original.
const fn original(
    name: &'static str,
    precision: Precision,
    peak_gflops: f64,
    bandwidth_gbs: f64,
) -> KnownDevice {
    let (source, date) = (ORIGINAL, "2026");
    KnownDevice { name, precision, bytes_per_value: 4, peak_gflops, bandwidth_gbs, source, date }
}

/// A device whose values have the width of its precision.
const fn device(
    name: &'static str,
    precision: Precision,
    peak_gflops: f64,
    bandwidth_gbs: f64,
    source: &'static str,
    date: &'static str,
) -> KnownDevice {
    let bytes_per_value = match precision {
        Fp32 | Tf32 => 4,
        Fp16 => 2,
    };
    KnownDevice { name, precision, bytes_per_value, peak_gflops, bandwidth_gbs, source, date }
}
