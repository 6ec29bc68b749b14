//! The folder of golden files.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::de::DeserializeOwned;

/// Files that describe no network.
pub(crate) const UNITS: &str = "unit_ops.json";
pub(crate) const VECTORS: &str = "unit_vectors.json";
pub(crate) const UNSUPPORTED: &str = "unsupported.json";
pub(crate) const INDEX: &str = "index.json";

/// A folder of golden files: the one that the environment variable `GOLDEN_DIR` names, or that of the repository.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn open() -> Self {
        let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/morphnet");
        Self { path: std::env::var_os("GOLDEN_DIR").map_or_else(own, PathBuf::from) }
    }

    /// Names of all data files, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(&self.path)
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        let mut names: Vec<String> = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<std::io::Result<_>>()
            .map_err(|error| format!("{}: {error}", self.path.display()))?;
        names.retain(|name| matches!(kind(name), Some("json" | "gz")));
        names.sort();
        if names.is_empty() {
            return Err(format!("{} holds no golden file", self.path.display()));
        }
        Ok(names)
    }

    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let mut bytes = fs::read(self.path.join(name)).map_err(|error| wrong(&error))?;
        if kind(name) == Some("gz") {
            let mut text = Vec::new();
            GzDecoder::new(&bytes[..]).read_to_end(&mut text).map_err(|error| wrong(&error))?;
            bytes = text;
        }
        serde_json::from_slice(&bytes).map_err(|error| wrong(&error))
    }
}

fn kind(name: &str) -> Option<&str> {
    Path::new(name).extension()?.to_str()
}
