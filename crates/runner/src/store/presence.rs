//! Who is at work in a results folder: every process that is has a file there, and a heart that beats in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::process::{Process, is_name};
use super::{UNFINISHED, read};
use crate::clock::Stopwatch;

/// Time between two beats.
const BEAT: Duration = Duration::from_secs(2);

/// A process whose heart has not beaten for so long is taken for dead.
const GRACE: Duration = Duration::from_secs(30);

/// The folder of such files, in a results folder.
pub(crate) const RUNNERS: &str = ".runners";

/// A process at work, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// The process.
    #[serde(flatten)]
    pub(crate) process: Process,
    /// Beats of its heart so far.
    pub(crate) beat: u64,
}

/// This process at work in a results folder, until it is dropped.
///
/// Whether another process is still there is told by what this one sees of it, never by clocks of two hosts: on this host it is
/// asked for; on others its beats must go on while this process watches.
#[derive(Debug)]
pub(crate) struct Presence {
    folder: PathBuf,
    heart: Arc<Heart>,
    thread: Option<JoinHandle<()>>,
    watch: Watch,
}

#[derive(Debug)]
struct Heart {
    path: PathBuf,
    stopped: Mutex<bool>,
    changed: Condvar,
    lost: AtomicBool,
}

impl Presence {
    /// Says that this process is at work in a folder, which is made if it is not there.
    pub(crate) fn enter(folder: &Path) -> anyhow::Result<Self> {
        let path = registration_path(folder, &Process::this().name());
        let attempt = || {
            fs::create_dir_all(folder.join(RUNNERS))?;
            let mut file = File::options().create(true).truncate(true).write(true).open(&path)?;
            file.write_all(&line(0))
        };
        attempt().with_context(|| {
            format!("cannot write in the results folder `{}`", folder.display())
        })?;
        let heart = Arc::new(Heart {
            path,
            stopped: Mutex::default(),
            changed: Condvar::new(),
            lost: AtomicBool::new(false),
        });
        let beating = Arc::clone(&heart);
        let thread = std::thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || beating.beat())
            .context("cannot start the heartbeat")?;
        let watch = Watch::new(GRACE);
        Ok(Self { folder: folder.to_owned(), heart, thread: Some(thread), watch })
    }

    /// The results folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether others took this process for dead, because its heart did not beat for long: somebody else may do its work.
    pub(crate) fn is_lost(&self) -> bool {
        self.heart.lost.load(Ordering::Relaxed) || !self.heart.path.exists()
    }

    /// Whether a process is no longer at work in this folder. Processes of other hosts have to be asked for repeatedly.
    pub(super) fn is_gone(&self, name: &str) -> anyhow::Result<bool> {
        let path = registration_path(&self.folder, name);
        let Some(bytes) = read(&path)? else { return Ok(true) };
        let ended = serde_json::from_slice::<Registration>(&bytes)
            .is_ok_and(|registration| registration.process.has_ended());
        let is_gone = ended || self.watch.is_still(name, bytes);
        if is_gone {
            // If it only slept, it finds out by this.
            super::remove_file(&path)?;
        }
        Ok(is_gone)
    }

    /// Whether the content of a file has not changed for as long as makes a process dead.
    pub(super) fn is_still(&self, name: &str, content: Vec<u8>) -> bool {
        self.watch.is_still(name, content)
    }

    /// The other processes that are at work here. Those of other hosts, and of this one before it was booted, are watched until
    /// they have shown that they live, or have been still for long enough.
    pub(crate) fn others(&self) -> anyhow::Result<Vec<Registration>> {
        let this = Process::this().name();
        let first = registrations(&self.folder)?;
        loop {
            let mut alive = Vec::new();
            let mut is_known = true;
            for (name, registration) in registrations(&self.folder)? {
                if name == this || self.is_gone(&name)? {
                    continue;
                }
                let has_beaten = first.get(&name).is_none_or(|was| was.beat < registration.beat);
                is_known &= registration.process.is_here() || has_beaten;
                alive.push(registration);
            }
            if is_known {
                return Ok(alive);
            }
            std::thread::sleep(BEAT / 4);
        }
    }

    /// Removes what ended processes were writing in the folder and below it.
    pub(crate) fn remove_unfinished(&self) -> anyhow::Result<()> {
        let this = Process::this().name();
        let mut gone = BTreeMap::from([(this, false)]);
        self.remove_unfinished_of(&self.folder, &mut gone)
    }

    fn remove_unfinished_of(
        &self,
        folder: &Path,
        gone: &mut BTreeMap<String, bool>,
    ) -> anyhow::Result<()> {
        let list = || -> io::Result<Vec<(PathBuf, String, bool)>> {
            fs::read_dir(folder)?
                .map(|entry| {
                    let entry = entry?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    Ok((entry.path(), name, entry.file_type()?.is_dir()))
                })
                .collect()
        };
        let entries = list().with_context(|| {
            format!("cannot look for unfinished files in `{}`", folder.display())
        })?;
        for (path, name, is_folder) in entries {
            if is_folder {
                self.remove_unfinished_of(&path, gone)?;
            } else if let Some(rest) = name.strip_prefix(UNFINISHED) {
                let writer = rest.rsplit_once('-').map_or("", |(writer, _)| writer);
                let is_gone = match gone.get(writer) {
                    Some(known) => *known,
                    None => !is_name(writer) || self.is_gone(writer)?,
                };
                gone.insert(writer.to_owned(), is_gone);
                if is_gone {
                    super::remove_file(&path)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        *self.heart.stopped.lock().expect("no thread panics while it holds the lock") = true;
        self.heart.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A heart that panicked has stopped as well.
            let _ = thread.join();
        }
        // What cannot be removed is taken for dead later.
        let _ = super::remove_file(&self.heart.path);
    }
}

impl Heart {
    fn beat(&self) {
        let mut stopped = self.stopped.lock().expect("no thread panics while it holds the lock");
        for beat in 1.. {
            let woken = self.changed.wait_timeout(stopped, BEAT);
            stopped = woken.expect("no thread panics while it holds the lock").0;
            if *stopped {
                return;
            }
            match self.write(beat) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.lost.store(true, Ordering::Relaxed);
                    return;
                }
                // A disk that fails for a while is survived; one that fails for long makes this process dead for others.
                Ok(()) | Err(_) => {}
            }
        }
    }

    /// Written in place: renamed into place, it would undo that others took this process for dead.
    fn write(&self, beat: u64) -> io::Result<()> {
        let mut file = File::options().write(true).open(&self.path)?;
        file.write_all(&line(beat))
    }
}

/// The registration of this process. All have the same length, so that one can be written over another.
fn line(beat: u64) -> Vec<u8> {
    let registration = Registration { process: Process::this().clone(), beat };
    let text = serde_json::to_string(&registration).expect("texts and numbers are JSON");
    let spaces = 20 - beat.to_string().len();
    format!("{text}{:spaces$}\n", "").into_bytes()
}

fn registration_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(RUNNERS).join(format!("{name}.json"))
}

/// Time since the heart of a process last beat, as far as clocks can tell; for people to see.
pub(crate) fn since_beat(folder: &Path, name: &str) -> Option<Duration> {
    let modified = registration_path(folder, name).metadata().and_then(|file| file.modified());
    modified.ok().map(crate::clock::since)
}

/// The processes that have said they are at work in a folder, by name.
pub(crate) fn registrations(folder: &Path) -> anyhow::Result<BTreeMap<String, Registration>> {
    let folder = folder.join(RUNNERS);
    let mut found = BTreeMap::new();
    for path in super::files(&folder)? {
        let is_registration = path.extension().is_some_and(|ending| ending == "json");
        let name = path.file_stem().and_then(|name| name.to_str()).filter(|name| is_name(name));
        if let (true, Some(name), Some(bytes)) = (is_registration, name, read(&path)?)
            && let Ok(registration) = serde_json::from_slice(&bytes)
        {
            found.insert(name.to_owned(), registration);
        }
    }
    Ok(found)
}

/// What was seen of files that change for as long as somebody lives.
#[derive(Debug)]
struct Watch {
    grace: Duration,
    clock: Stopwatch,
    seen: Mutex<BTreeMap<String, Sighting>>,
}

#[derive(Debug)]
struct Sighting {
    content: Vec<u8>,
    last: Duration,
    still: Duration,
}

impl Watch {
    fn new(grace: Duration) -> Self {
        Self { grace, clock: Stopwatch::start(), seen: Mutex::default() }
    }

    /// Whether a content has been the same in all looks at it for longer than the time of grace.
    fn is_still(&self, name: &str, content: Vec<u8>) -> bool {
        self.is_still_at(name, content, self.clock.elapsed())
    }

    /// A look long after the last one counts for little: the file system, or this process, may have slept as well.
    fn is_still_at(&self, name: &str, content: Vec<u8>, now: Duration) -> bool {
        let mut seen = self.seen.lock().expect("no thread panics while it holds the lock");
        if let Some(sighting) = seen.get_mut(name).filter(|sighting| sighting.content == content) {
            sighting.still += now.saturating_sub(sighting.last).min(BEAT);
            sighting.last = now;
            return sighting.still > self.grace;
        }
        let sighting = Sighting { content, last: now, still: Duration::ZERO };
        seen.insert(name.to_owned(), sighting);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(watch: &Watch, content: &str, seconds: impl IntoIterator<Item = u64>) -> Vec<bool> {
        let look = |at| watch.is_still_at("a", content.into(), Duration::from_secs(at));
        seconds.into_iter().map(look).collect()
    }

    #[test]
    fn a_content_is_still_after_the_time_of_grace_and_not_while_it_changes() {
        let watch = Watch::new(Duration::from_secs(5));
        assert_eq!(looks(&watch, "1", 0..=5), [false; 6]);
        assert_eq!(looks(&watch, "2", 6..=11), [false; 6]);
        assert_eq!(looks(&watch, "2", 12..=13), [true, true]);
    }

    #[test]
    fn a_long_time_between_two_looks_proves_nothing() {
        let watch = Watch::new(Duration::from_secs(5));
        assert_eq!(looks(&watch, "1", [0, 1_000_000]), [false, false]);
        assert_eq!(looks(&watch, "1", [1_000_002, 1_000_004]), [false, true]);
    }

    #[test]
    fn registrations_have_one_length_and_can_be_read_back() {
        let lines = [line(0), line(7), line(u64::MAX)];
        assert!(lines.iter().all(|it| it.len() == lines[0].len()));
        let back: Registration = serde_json::from_slice(&lines[1]).unwrap();
        assert_eq!((back.process, back.beat), (Process::this().clone(), 7));
    }

    #[test]
    fn a_process_that_was_taken_for_dead_finds_out() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        assert!(!presence.is_lost() && registrations(folder.path()).unwrap().len() == 1);
        fs::remove_file(&presence.heart.path).unwrap();
        assert!(presence.is_lost());
    }

    /// What a process of another host leaves that is killed.
    fn leave_registration(folder: &Path, name: &str) {
        let process = serde_json::json!({
            "host": "elsewhere", "id": 1, "nonce": "0", "machine": "another boot", "started": "1", "beat": 7
        });
        let mut file = File::create(registration_path(folder, name)).unwrap();
        file.write_all(process.to_string().as_bytes()).unwrap();
    }

    #[test]
    fn a_dead_process_of_another_host_is_told_from_a_living_one_by_its_beats() {
        let folder = tempfile::tempdir().unwrap();
        let mut presence = Presence::enter(folder.path()).unwrap();
        presence.watch = Watch::new(Duration::ZERO);
        leave_registration(folder.path(), "elsewhere-1-0");
        assert_eq!(presence.others().unwrap(), []);
        assert!(!registration_path(folder.path(), "elsewhere-1-0").exists());
    }

    #[test]
    fn what_is_being_written_by_ended_processes_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::enter(folder.path()).unwrap();
        let this = Process::this().name();
        let path = |name: &str| folder.path().join("state").join(name);
        fs::create_dir_all(path("")).unwrap();
        let kept = [format!("{UNFINISHED}{this}-abcdef"), "done.json".to_owned()];
        let gone = [format!("{UNFINISHED}elsewhere-1-0-abcdef"), format!("{UNFINISHED}abcdef")];
        for name in kept.iter().chain(&gone) {
            File::create(path(name)).unwrap();
        }
        presence.remove_unfinished().unwrap();
        assert!(kept.iter().all(|name| path(name).exists()));
        assert!(!gone.iter().any(|name| path(name).exists()));
    }
}
