//! Which machine it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The machine that a process ran on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// Its name.
    pub(super) host: Option<String>,
    /// Architecture and operating system.
    pub(super) platform: String,
    /// Version of the kernel.
    pub(super) kernel: Option<String>,
    /// Its processor.
    pub(super) cpu: Option<String>,
    /// Cores that the process may use.
    pub(super) cores: usize,
}

impl Machine {
    /// This machine.
    pub(super) fn this() -> Self {
        let cpu = told("/proc/cpuinfo").and_then(|text| {
            let mut fields = text.lines().filter_map(|line| line.split_once(':'));
            let (_, name) = fields.find(|(key, _)| key.trim() == "model name")?;
            Some(name.trim().to_owned())
        });
        Self {
            host: told("/proc/sys/kernel/hostname"),
            platform: format!("{} {}", std::env::consts::ARCH, std::env::consts::OS),
            kernel: told("/proc/sys/kernel/osrelease"),
            cpu,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// What the kernel says under a name; nothing where there is no such file.
#[expect(clippy::disallowed_methods, reason = "the kernel is asked for the name of the processor")]
fn told(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What Slurm tells a job that is of use later.
const SLURM: [&str; 8] = [
    "SLURM_CLUSTER_NAME",
    "SLURM_JOB_ID",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_JOB_PARTITION",
    "SLURM_JOB_NODELIST",
    "SLURM_CPUS_PER_TASK",
    "SLURM_RESTART_COUNT",
];

/// The variables that Slurm has set.
#[expect(clippy::disallowed_methods, reason = "they are recorded, and decide nothing")]
pub(super) fn slurm() -> BTreeMap<String, String> {
    let set = |name: &str| std::env::var(name).ok().map(|value| (name.to_owned(), value));
    SLURM.into_iter().filter_map(set).collect()
}
