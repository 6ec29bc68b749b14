//! Which process this is, and whether another one is still at work.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A process, as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Name of its host.
    pub(crate) host: String,
    /// Number on that host.
    pub(crate) id: u32,
    /// What tells it from other processes that had the number: random digits.
    nonce: String,
    /// The boot and the namespace in which the number is valid; empty where that cannot be known.
    machine: String,
    /// When it was started, in ticks since that boot; empty where that cannot be known.
    started: String,
}

impl Process {
    /// This process.
    pub(crate) fn this() -> &'static Self {
        static THIS: OnceLock<Process> = OnceLock::new();
        THIS.get_or_init(|| {
            let id = std::process::id();
            let nonce = RandomState::new().hash_one(id);
            let boot = system("/proc/sys/kernel/random/boot_id");
            let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            Self {
                host: host(),
                id,
                nonce: format!("{:08x}", nonce >> 32),
                machine: if boot.is_empty() {
                    String::new()
                } else {
                    format!("{boot} {}", namespace.display())
                },
                started: started(id).unwrap_or_default(),
            }
        })
    }

    /// What files of this process are named by: letters, digits, dots and hyphens. No two processes share it.
    pub(crate) fn name(&self) -> String {
        format!("{}-{}-{}", self.host, self.id, self.nonce)
    }

    /// Whether it is or was on this machine since its boot, where every process can be asked for.
    pub(crate) fn is_here(&self) -> bool {
        let here = Self::this();
        !here.machine.is_empty() && (&self.host, &self.machine) == (&here.host, &here.machine)
    }

    /// Whether this is known to have ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_here() && started(self.id).is_none_or(|started| started != self.started)
    }
}

/// Whether a text could be the name of a process.
pub(super) fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    !text.is_empty() && !text.starts_with('.') && text.chars().all(fits)
}

/// Name of this host, of letters, digits, dots and hyphens.
fn host() -> String {
    let name = system("/proc/sys/kernel/hostname");
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let name: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "host".to_owned() } else { name.to_owned() }
}

/// When a process was started, in ticks; none if it has ended, or that cannot be known.
fn started(id: u32) -> Option<String> {
    let status = system(format!("/proc/{id}/stat"));
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = status.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    // A process that nobody has waited for has ended all the same.
    let has_ended = matches!(state, "Z" | "X" | "x");
    fields.nth(18).filter(|_| !has_ended).map(str::to_owned)
}

/// What the system says in a file of its own, without the final newline; nothing if there is no such file.
#[expect(clippy::disallowed_methods, reason = "not a file, but the system's answer")]
fn system(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_has_not_ended_and_its_name_can_name_a_file() {
        let this = Process::this();
        assert!(!this.has_ended());
        assert!(is_name(&this.name()), "{}", this.name());
        for text in ["", ".hidden", "a/b", "a b", "ä"] {
            assert!(!is_name(text), "{text}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_killed_child_has_ended_before_anybody_waits_for_it() {
        let mut child = Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        let started_at = started(child.id()).unwrap();
        let other = Process { id: child.id(), started: started_at, ..Process::this().clone() };
        assert!(!other.has_ended());
        child.kill().unwrap();
        while !other.has_ended() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(other.has_ended());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_number_that_another_process_has_now_and_a_process_of_another_host_are_told_apart() {
        let this = Process::this().clone();
        assert!(Process { started: "1".to_owned(), ..this.clone() }.has_ended());
        let elsewhere = Process { host: "elsewhere".to_owned(), started: "1".to_owned(), ..this };
        assert!(!elsewhere.has_ended(), "nothing is known of other hosts");
    }
}
