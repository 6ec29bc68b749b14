//! Pieces of work that failed, and what they said.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store;

/// What a failed piece of work leaves in its folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    /// What went wrong.
    pub(crate) error: String,
}

/// Why the work of this folder failed, if it did.
pub(crate) fn failed(folder: &Path) -> anyhow::Result<Option<Failed>> {
    store::read_json(&folder.join("failed.json"))
}

/// Writes down why work failed. A disk that takes nothing more does not take this either.
pub(crate) fn record(folder: &Path, error: &anyhow::Error) {
    let failed = Failed { error: format!("{error:#}") };
    let _ = store::write_json(&folder.join("failed.json"), &failed);
}

/// Forgets that work failed.
pub(crate) fn forget(folder: &Path) -> anyhow::Result<()> {
    store::remove_file(&folder.join("failed.json"))
}

/// Forgets all failures below a state folder.
pub(crate) fn forget_all(state: &Path) -> anyhow::Result<()> {
    for kind in ["searches", "retrainings"] {
        for folder in store::files(&state.join(kind))? {
            forget(&folder)?;
        }
    }
    Ok(())
}
