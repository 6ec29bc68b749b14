//! Which program it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::store;

/// The versions of dependencies that this program was built with.
const LOCK: &[u8] = include_bytes!("../../../../Cargo.lock");

/// What is changed in these makes another program.
const SOURCES: [&str; 3] = ["Cargo.toml", "Cargo.lock", "crates"];

/// The program that a process ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// Version of the package.
    pub(super) version: String,
    /// Commit of its sources; nothing if they are not at hand.
    pub(super) commit: Option<String>,
    /// Whether the sources differ from the commit.
    pub(super) modified: Option<bool>,
    /// SHA-256 of `Cargo.lock`.
    pub(super) cargo_lock: String,
    /// The compiler.
    pub(super) rustc: String,
}

impl Program {
    /// This program.
    pub(super) fn this() -> Self {
        let lock = store::digest(LOCK);
        let checkout = checkout(&lock);
        let git = |arguments: &[&str]| git(checkout.as_deref()?, arguments);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: git(&["rev-parse", "HEAD"]),
            modified: git(&[&["status", "--porcelain", "--"], &SOURCES[..]].concat())
                .map(|changes| !changes.is_empty()),
            cargo_lock: lock,
            rustc: env!("COMPILER").to_owned(),
        }
    }
}

/// The checkout of the sources: the one that the program was built in, or the one that it was started in, if `Cargo.lock` is there
/// what the program was built with.
fn checkout(lock: &str) -> Option<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_owned);
    let here = std::env::current_dir().ok();
    let started = here.and_then(|here| git(&here, &["rev-parse", "--show-toplevel"]));
    built.into_iter().chain(started.map(PathBuf::from)).find(|folder| {
        let found = store::read(&folder.join("Cargo.lock")).ok().flatten();
        found.is_some_and(|found| store::digest(&found) == lock)
    })
}

/// What git says in a folder; nothing where it has nothing to say.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}
