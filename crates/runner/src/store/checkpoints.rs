//! The checkpoints of one training run.

use std::path::{Path, PathBuf};

use super::{digest, files, read, remove_file, write};

/// How many are kept: the last, and the one before it in case the last is damaged.
const KEPT: usize = 2;

/// The checkpoints of one training run. The name of each holds the steps that it comes after, and the hash of its content, so that a
/// damaged one is known.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
}

/// What there is to go on from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    /// The content of the last intact checkpoint, if there is one.
    pub(crate) intact: Option<Vec<u8>>,
    /// Later ones that are damaged.
    pub(crate) damaged: Vec<PathBuf>,
}

impl Checkpoints {
    /// Checkpoints kept in a folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Saves the checkpoint after so many steps, then removes all but the last before it.
    pub(crate) fn save(&self, steps: u64, bytes: &[u8]) -> anyhow::Result<()> {
        let name = format!("checkpoint-{steps:012}-{}.safetensors", digest(bytes));
        let path = self.folder.join(name);
        write(&path, bytes)?;
        let others: Vec<_> = self.list()?.into_iter().filter(|(_, other)| *other != path).collect();
        let earlier = others.iter().filter(|(at, _)| *at < steps).count();
        for (index, (_, other)) in others.iter().enumerate() {
            if index >= earlier || index + KEPT - 1 < earlier {
                remove_file(other)?;
            }
        }
        Ok(())
    }

    /// The last intact checkpoint.
    pub(crate) fn latest(&self) -> anyhow::Result<Latest> {
        let mut latest = Latest::default();
        for (_, path) in self.list()?.into_iter().rev() {
            let Some(bytes) = read(&path)? else { continue };
            let hash = format!("-{}", digest(&bytes));
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if stem.is_some_and(|stem| stem.ends_with(&hash)) {
                latest.intact = Some(bytes);
                break;
            }
            latest.damaged.push(path);
        }
        Ok(latest)
    }

    /// Steps that the last checkpoint comes after, intact or not; none if there is none.
    pub(crate) fn steps(&self) -> anyhow::Result<Option<u64>> {
        Ok(self.list()?.last().map(|(steps, _)| *steps))
    }

    /// Removes all checkpoints but the last.
    pub(crate) fn keep_last(&self) -> anyhow::Result<()> {
        let found = self.list()?;
        found.iter().rev().skip(1).try_for_each(|(_, path)| remove_file(path))
    }

    /// Removes all checkpoints.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        self.list()?.iter().try_for_each(|(_, path)| remove_file(path))
    }

    /// All checkpoints with their steps, the earliest first.
    fn list(&self) -> anyhow::Result<Vec<(u64, PathBuf)>> {
        let steps = |path: &PathBuf| {
            let name = path.file_name()?.to_str()?;
            let name = name.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?;
            name.split_once('-')?.0.parse().ok()
        };
        let paths = files(&self.folder)?.into_iter();
        let mut found: Vec<_> =
            paths.filter_map(|path| steps(&path).map(|steps| (steps, path))).collect();
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests damage files")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_last_and_the_one_before_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        assert_eq!(checkpoints.latest().unwrap(), Latest::default());
        for steps in [5, 90, 100, 1000] {
            checkpoints.save(steps, &steps.to_le_bytes()).unwrap();
        }
        let steps: Vec<u64> = checkpoints.list().unwrap().iter().map(|(steps, _)| *steps).collect();
        assert_eq!(steps, [100, 1000]);
        assert_eq!(checkpoints.latest().unwrap().intact, Some(1000_u64.to_le_bytes().to_vec()));
        checkpoints.keep_last().unwrap();
        assert_eq!(checkpoints.steps().unwrap(), Some(1000));
        assert_eq!(checkpoints.list().unwrap().len(), 1);
        checkpoints.clear().unwrap();
        assert_eq!(checkpoints.steps().unwrap(), None);
    }

    #[test]
    fn of_a_damaged_checkpoint_the_one_before_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::new(folder.path());
        checkpoints.save(1, b"first").unwrap();
        checkpoints.save(2, b"second").unwrap();
        let (_, last) = checkpoints.list().unwrap().pop().unwrap();
        for damage in [&b"secon"[..], b"", b"secomd"] {
            fs::write(&last, damage).unwrap();
            let latest = checkpoints.latest().unwrap();
            assert_eq!(latest.intact.as_deref(), Some(&b"first"[..]));
            assert_eq!(latest.damaged, std::slice::from_ref(&last));
        }
        // What is saved on the way there takes the place of what is damaged.
        checkpoints.save(2, b"second").unwrap();
        assert_eq!(checkpoints.latest().unwrap().intact.as_deref(), Some(&b"second"[..]));
        assert_eq!(checkpoints.list().unwrap().len(), 2);
    }
}
