//! The only place that writes files. A file is there whole or not at all, and a checkpoint is known to be intact.

use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".writing-";

/// Writes a file under another name, syncs it, and renames it into place.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
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

/// Removes what killed processes were writing, in and below a folder that nobody else writes in.
pub(crate) fn remove_unfinished(folder: &Path) -> anyhow::Result<()> {
    let attempt = || -> io::Result<Vec<PathBuf>> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(folders)
    };
    let folders = attempt()
        .with_context(|| format!("cannot remove unfinished files in `{}`", folder.display()))?;
    folders.iter().try_for_each(|folder| remove_unfinished(folder))
}

/// Holds a results folder for one process; released when dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the folder, which is made if it is not there.
    pub(crate) fn take(folder: &Path) -> anyhow::Result<Self> {
        let open = || {
            fs::create_dir_all(folder)?;
            File::options().create(true).append(true).open(folder.join(".lock"))
        };
        let file = open().with_context(|| {
            format!("cannot write in the results folder `{}`", folder.display())
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another runner is at work in `{}`; wait for it, or give `--results` another folder",
                    folder.display()
                )
            }
            Err(TryLockError::Error(error)) => {
                Err(anyhow!(error).context(format!("cannot lock `{}`", folder.display())))
            }
        }
    }
}

/// The checkpoints of one training run. A checkpoint's name holds the hash of its content, so that a damaged one is known.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

impl Checkpoints {
    /// Checkpoints kept in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Saves a checkpoint, then removes older ones.
    pub(crate) fn save(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.folder.join(format!("checkpoint-{}.safetensors", digest(bytes)));
        let older = self.list()?;
        write(&path, bytes)?;
        Self::delete(older.into_iter().filter(|other| *other != path))
    }

    /// An intact checkpoint, if there is one.
    pub(crate) fn load(&self) -> anyhow::Result<Option<Vec<u8>>> {
        for path in self.list()? {
            let Some(bytes) = read(&path)? else { continue };
            let expected = format!("checkpoint-{}", digest(&bytes));
            if path.file_stem().is_some_and(|stem| stem == expected.as_str()) {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Removes all checkpoints.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        Self::delete(self.list()?.into_iter())
    }

    fn delete(paths: impl Iterator<Item = PathBuf>) -> anyhow::Result<()> {
        for path in paths {
            fs::remove_file(&path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
        Ok(())
    }

    fn list(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = list(&self.folder, "safetensors")?;
        paths.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
            name.starts_with("checkpoint-")
        });
        Ok(paths)
    }
}

/// The files of a folder whose names end in `.` and `extension`, sorted; none if there is no such folder.
pub(crate) fn list(folder: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let attempt = || -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    attempt().with_context(|| format!("cannot read `{}`", folder.display()))
}

/// SHA-256 in 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}
