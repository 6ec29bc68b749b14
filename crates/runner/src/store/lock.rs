//! Locks that processes of several hosts respect, also on a network file system.
//!
//! A lock is a file with the name of the process that holds it. It is written under another name and linked into place, which one
//! process alone can do; a lock whose holder is gone is renamed away first, which again one alone can do.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::presence::Presence;
use super::process::{Process, is_name};
use super::{read, unfinished};

/// Time between two looks at a lock that another process holds.
const LOOK: Duration = Duration::from_millis(50);

/// A lock that this process holds; released when dropped.
#[derive(Debug)]
pub(crate) struct Lock<'a> {
    presence: &'a Presence,
    path: PathBuf,
}

/// What came of trying to lock.
#[derive(Debug)]
pub(crate) enum Attempt<'a> {
    /// This process has it.
    Locked(Lock<'a>),
    /// The process of this name has it.
    Held(String),
}

impl Presence {
    /// Tries to take the lock at this path; its folder is made if it is not there.
    pub(crate) fn try_lock(&self, path: &Path) -> anyhow::Result<Attempt<'_>> {
        let this = Process::this().name();
        loop {
            let Some(content) = read(path)? else {
                let created = create(path, &this)
                    .with_context(|| format!("cannot write the lock `{}`", path.display()))?;
                if created {
                    return Ok(Attempt::Locked(Lock { presence: self, path: path.to_owned() }));
                }
                continue;
            };
            let holder = String::from_utf8_lossy(&content).trim_end().to_owned();
            let is_stale = if is_name(&holder) {
                holder != this && self.is_gone(&holder)?
            } else {
                // Damaged, or not written to its end yet.
                self.is_still(&path.to_string_lossy(), content.clone())
            };
            if !is_stale {
                return Ok(Attempt::Held(holder));
            }
            discard(path, &content)
                .with_context(|| format!("cannot take over the lock `{}`", path.display()))?;
        }
    }

    /// Takes the lock at this path; waits for as long as another process has it.
    pub(crate) fn lock(&self, path: &Path) -> anyhow::Result<Lock<'_>> {
        loop {
            match self.try_lock(path)? {
                Attempt::Locked(lock) => return Ok(lock),
                Attempt::Held(_) => std::thread::sleep(LOOK),
            }
        }
    }

    /// The lock that is held for as long as something concerns the whole folder.
    pub(crate) fn folder_lock(&self) -> PathBuf {
        self.folder().join(super::RUNNERS).join("lock")
    }
}

impl Lock<'_> {
    /// Errors if this process was taken for dead and somebody else may have the lock: nothing more must be written then.
    pub(crate) fn confirm(&self) -> anyhow::Result<()> {
        if !self.presence.is_lost() && self.is_ours()? {
            return Ok(());
        }
        bail!(
            "others took this process for dead, because it showed no sign of life for long, and do its work: run again to join them"
        )
    }

    fn is_ours(&self) -> anyhow::Result<bool> {
        let content = read(&self.path)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&content).trim_end() == Process::this().name())
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if self.is_ours().unwrap_or(false) {
            // What cannot be removed is taken over when this process has ended.
            let _ = super::remove_file(&self.path);
        }
    }
}

/// The process that holds the lock at this path, by name; none if it is free or damaged.
pub(crate) fn holder(path: &Path) -> anyhow::Result<Option<String>> {
    let content = read(path)?.unwrap_or_default();
    let holder = String::from_utf8_lossy(&content).trim_end().to_owned();
    Ok(Some(holder).filter(|holder| is_name(holder)))
}

/// Makes the file, unless it is there. Of several processes one alone is told that it did.
fn create(path: &Path, holder: &str) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = unfinished(folder)?;
    file.write_all(format!("{holder}\n").as_bytes())?;
    file.as_file().sync_all()?;
    match fs::hard_link(file.path(), path) {
        Ok(()) => Ok(true),
        // A network file system may lose the answer to a link that was made.
        Err(_) if links(file.as_file()) > 1 => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        // Some file systems have no links; there a process that is killed here leaves an empty lock behind.
        Err(_) => match File::options().write(true).create_new(true).open(path) {
            Ok(mut file) => {
                file.write_all(format!("{holder}\n").as_bytes())?;
                file.sync_all()?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        },
    }
}

#[cfg(unix)]
fn links(file: &File) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map_or(1, |metadata| metadata.nlink())
}

#[cfg(not(unix))]
fn links(_: &File) -> u64 {
    1
}

/// Removes a stale lock. If it is another's by now, that one gets it back.
fn discard(path: &Path, stale: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let aside = unfinished(folder)?.into_temp_path();
    match fs::rename(path, &aside) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    if read(&aside)?.is_none_or(|content| content != stale) {
        // If that fails, a third process has locked; the second finds out before it writes anything.
        let _ = fs::hard_link(&aside, path);
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests play other processes")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn is_locked(attempt: &Attempt<'_>) -> bool {
        matches!(attempt, Attempt::Locked(_))
    }

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let path = folder.path().join("state/a/lock");
        let first = presence.try_lock(&path).unwrap();
        assert!(is_locked(&first));
        assert!(matches!(presence.try_lock(&path).unwrap(), Attempt::Held(_)));
        assert_eq!(holder(&path).unwrap(), Some(Process::this().name()));
        drop(first);
        assert_eq!(holder(&path).unwrap(), None);
        assert!(is_locked(&presence.try_lock(&path).unwrap()));
    }

    #[test]
    fn of_many_who_try_at_once_one_alone_has_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for _ in 0..50 {
            let locked = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for name in ["a", "b", "c", "d"] {
                    let (path, locked) = (&path, &locked);
                    scope.spawn(move || {
                        if create(path, name).unwrap() {
                            locked.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(locked.into_inner(), 1);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_lock_whose_holder_is_gone_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "elsewhere-12-0\n").unwrap();
        assert!(is_locked(&presence.try_lock(&path).unwrap()));
    }

    #[test]
    fn a_lock_whose_holder_may_live_on_another_host_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "elsewhere-12-0\n").unwrap();
        let registration = folder.path().join(".runners/elsewhere-12-0.json");
        fs::write(registration, "{}\n").unwrap();
        assert!(!is_locked(&presence.try_lock(&path).unwrap()));
    }

    #[test]
    fn an_empty_lock_may_be_about_to_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "").unwrap();
        assert!(!is_locked(&presence.try_lock(&path).unwrap()));
    }

    #[test]
    fn a_stale_lock_that_was_taken_over_meanwhile_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "living-1-0\n").unwrap();
        discard(&path, b"dead-1-0\n").unwrap();
        assert_eq!(holder(&path).unwrap().as_deref(), Some("living-1-0"));
        discard(&path, b"living-1-0\n").unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn who_lost_a_lock_is_told_and_does_not_remove_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let path = folder.path().join("lock");
        let lock = presence.lock(&path).unwrap();
        lock.confirm().unwrap();
        fs::write(&path, "elsewhere-12-0\n").unwrap();
        assert!(lock.confirm().is_err());
        drop(lock);
        assert!(path.exists());
    }
}
