//! What has to hold before anything is done in a results folder: the plan is written, and everything there belongs to it.

use std::path::Path;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use super::{Failure, bad_input};
use crate::plan::Study;
use crate::store::{self, Presence};

/// Version of what lies in `state`.
const SCHEMA: u64 = 2;

/// Commits that read the earlier versions.
const READERS: [(u64, &str); 1] = [(1, "74c6c32")];

/// The file in `state` that says its version; version 1 had none.
const FORMAT: &str = "format.json";

#[derive(Serialize, Deserialize)]
struct Format {
    schema: u64,
}

/// The plan is written before the first step; results of another plan are never mixed with it.
pub(super) fn prepare(
    study: &Study,
    folder: &Path,
    presence: &Presence,
    fresh: bool,
) -> Result<(), Failure> {
    let _lock = presence.lock(&presence.folder_lock())?;
    let (path, state) = (folder.join("plan.json"), folder.join("state"));
    if fresh {
        refuse_company(folder, presence)?;
        store::remove(&state)?;
    }
    let saved: Option<serde_json::Value> = store::read_json(&path).unwrap_or(None);
    let before = saved.and_then(|saved| Study::from_json(saved).ok());
    if is_begun(&state)? {
        check_format(folder, &state)?;
        if before.as_ref() != Some(study) {
            return Err(bad_input(anyhow!(
                "`{}` holds results of another plan: start over with `--fresh`, or give `--results` another folder",
                folder.display()
            )));
        }
    } else {
        match study.axes() {
            [] => store::write_json(&path, study.first())?,
            [..] => store::write_json(&path, study)?,
        }
        store::write_json(&state.join(FORMAT), &Format { schema: SCHEMA })?;
    }
    Ok(())
}

/// What others are at work on cannot be discarded.
fn refuse_company(folder: &Path, presence: &Presence) -> Result<(), Failure> {
    match presence.others()?.first() {
        None => Ok(()),
        Some(other) => Err(Failure::from(anyhow!(
            "another runner is at work in `{}`, process {} of {}: wait for it, or give `--results` another folder",
            folder.display(),
            other.process.id,
            other.process.host
        ))),
    }
}

/// Whether anything was done here: a folder that was made and no more is as good as none.
fn is_begun(state: &Path) -> anyhow::Result<bool> {
    let found = store::files(state)?;
    Ok(found.iter().any(|path| path.is_dir() || path.ends_with(FORMAT)))
}

fn check_format(folder: &Path, state: &Path) -> Result<(), Failure> {
    let format: Option<Format> = store::read_json(&state.join(FORMAT))?;
    let found = format.map_or(1, |format| format.schema);
    if found == SCHEMA {
        return Ok(());
    }
    let reader = READERS.iter().find(|(schema, _)| *schema == found);
    let way_out = reader.map_or_else(
        || "go on with the program that wrote it".to_owned(),
        |(_, commit)| format!("go on with the program of commit {commit}, which reads it"),
    );
    Err(bad_input(anyhow!(
        "the state in `{}` has schema {found}, and this program reads {SCHEMA}: {way_out}, start over with `--fresh`, or give `--results` another folder",
        folder.display()
    )))
}
