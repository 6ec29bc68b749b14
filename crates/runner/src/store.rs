//! The only place that writes files. A file is there whole or not at all, a checkpoint is known to be intact, and what one process
//! works on is locked for all others.

mod checkpoints;
mod lock;
mod presence;
mod process;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

pub(crate) use checkpoints::{Checkpoints, Latest};
pub(crate) use lock::{Attempt, Lock, holder};
use presence::RUNNERS;
pub(crate) use presence::{Presence, Registration, registrations, since_beat};
use process::Process;

/// How the names of files begin that are being written; the name of the process that does follows.
const UNFINISHED: &str = ".writing-";

/// Writes a file under another name, syncs it, and renames it into place.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = unfinished(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        make_readable(file.as_file())?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    attempt().with_context(|| format!("cannot write `{}`", path.display()))
}

/// Temporary files are private; results are for everybody that the folder lets in.
#[cfg(unix)]
fn make_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &File) -> io::Result<()> {
    Ok(())
}

/// Writes a value as indented JSON with a final newline.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    write_recorded(path, value).map(|_| ())
}

/// [`write_json`], with the SHA-256 of what was written.
pub(crate) fn write_recorded(path: &Path, value: &impl Serialize) -> anyhow::Result<String> {
    let mut text =
        serde_json::to_string_pretty(value).context("results have no values that JSON lacks")?;
    text.push('\n');
    write(path, text.as_bytes())?;
    Ok(digest(text.as_bytes()))
}

/// Reads a JSON file; `None` if it is not there, or has another SHA-256 than was recorded.
pub(crate) fn read_recorded<T: DeserializeOwned>(
    path: &Path,
    recorded: &str,
) -> anyhow::Result<Option<T>> {
    match read(path)? {
        Some(bytes) if digest(&bytes) == recorded => parse(path, &bytes).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// Reads a file; `None` if it is not there.
#[expect(clippy::disallowed_methods, reason = "the store reads what it wrote")]
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
}

/// Reads a JSON file; `None` if it is not there.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    read(path)?.map(|bytes| parse(path, &bytes)).transpose()
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(bytes)
        .with_context(|| format!("`{}` is damaged; delete it and run again", path.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub(crate) fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// What lies in a folder, in the order of names; nothing if it is not there.
pub(crate) fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = match list() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        listed => listed.with_context(|| format!("cannot read `{}`", folder.display()))?,
    };
    paths.sort();
    Ok(paths)
}

/// A new file under a name that tells whose it is; removed when dropped.
fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    let prefix = format!("{UNFINISHED}{}-", Process::this().name());
    tempfile::Builder::new().prefix(&prefix).tempfile_in(folder)
}

/// SHA-256 in 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}
