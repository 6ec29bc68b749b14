//! The batch scripts.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cli::RunOptions;
use crate::plan::Study;

/// A task that stops after a checkpoint is queued again, so often at most.
const RESTARTS: u32 = 100;

/// Seconds between the signal to stop and the end of the time.
const NOTICE: u32 = 60;

/// What the tasks of a job do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Work that points share.
    Shared,
    /// Points.
    Point,
    /// The results.
    Collect,
}

impl Kind {
    /// So many of it, in words.
    pub(super) fn words(self, count: usize) -> String {
        let what = match (self, count) {
            (Self::Shared, 1) => "search or trained seed",
            (Self::Shared, _) => "searches and trained seeds",
            (Self::Point, 1) => "point",
            (Self::Point, _) => "points",
            (Self::Collect, _) => "collector",
        };
        format!("{count} {what}")
    }

    fn name(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Point => "points",
            Self::Collect => "collect",
        }
    }
}

/// One batch script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script<'a> {
    /// What its tasks do.
    pub(super) kind: Kind,
    /// What is added to the number of a task.
    pub(super) offset: usize,
    /// The experiment.
    pub(super) study: &'a Study,
    /// The results folder, as an absolute path.
    pub(super) folder: &'a Path,
    /// The options of `run`.
    pub(super) options: &'a RunOptions,
}

impl Script<'_> {
    /// Where it is kept.
    pub(super) fn path(&self) -> PathBuf {
        let name = self.kind.name();
        let number = if self.offset > 0 { format!("-{}", self.offset) } else { String::new() };
        self.folder.join("slurm").join(format!("{name}{number}.sh"))
    }

    /// Its text; `program` is this program.
    pub(super) fn text(&self, program: &Path) -> anyhow::Result<String> {
        let Self { kind, study, folder, options, .. } = *self;
        let log = match kind {
            Kind::Shared | Kind::Point => "%x-%A_%a.out",
            Kind::Collect => "%x-%j.out",
        };
        let (name, log) = (kind.name(), folder.join("slurm").join(log));
        let head = format!(
            "\
#!/bin/bash
# Written by `runner run --executor slurm`, and submitted by it with an array, dependencies and the flags that were given.
#SBATCH --job-name={}-{name}
#SBATCH --output={}
#SBATCH --open-mode=append
#SBATCH --chdir={}
",
            quoted(study.name()),
            quoted(&log.display().to_string()),
            quoted(&beside(&options.file)?.display().to_string()),
        );
        let call = self.call(program)?;
        Ok(match kind {
            Kind::Collect => format!("{head}\nexec {call}\n"),
            Kind::Shared | Kind::Point => format!("{head}{}", task(&call)),
        })
    }

    /// The command of a task.
    fn call(&self, program: &Path) -> anyhow::Result<String> {
        let Self { kind, offset, folder, options, study: _ } = *self;
        let text = |path: &Path| quoted(&path.display().to_string());
        let index = format!("\"$(({offset} + SLURM_ARRAY_TASK_ID))\"");
        let mut words = vec![text(program)];
        match kind {
            Kind::Collect => {
                words.extend(["collect".to_owned(), text(folder)]);
                return Ok(words.join(" "));
            }
            Kind::Shared => {
                words.extend(["point".to_owned(), text(folder), "--shared".to_owned(), index]);
            }
            Kind::Point => {
                words.extend(["point".to_owned(), text(folder), "--index".to_owned(), index]);
            }
        }
        words.push("--threads".to_owned());
        words.push(match options.threads {
            Some(threads) => threads.to_string(),
            None => "\"${SLURM_CPUS_ON_NODE:-1}\"".to_owned(),
        });
        if let Some(level) = options.simd {
            words.extend(["--simd".to_owned(), level.to_string()]);
        }
        if let Some(data) = &options.data_dir {
            let data = std::path::absolute(data).context("the data folder has no absolute path")?;
            words.extend(["--data-dir".to_owned(), text(&data)]);
        }
        Ok(words.join(" "))
    }
}

/// The end of a script whose task can be stopped and queued again.
///
/// Bash passes signals on, because some are sent to it alone; as SIGUSR1, because the others reach the runner by themselves, which
/// ends at once if it is interrupted or terminated twice. A job that somebody cancelled is completing by then, not running.
fn task(call: &str) -> String {
    format!(
        "\
#SBATCH --requeue
#SBATCH --signal=B:USR1@{NOTICE}

{call} &
runner=$!
trap 'kill -USR1 $runner 2>/dev/null' USR1 TERM
while true; do
    wait $runner
    code=$?
    kill -0 $runner 2>/dev/null || break
done

# 85: stopped after a checkpoint. Whoever cancelled the job does not want it back.
task=${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}
if [[ $code == 85 && ${{SLURM_RESTART_COUNT:-0}} -lt {RESTARTS} ]] &&
    scontrol --oneliner show job \"$task\" | grep --quiet JobState=RUNNING; then
    scontrol requeue \"$task\"
fi
exit $code
"
    )
}

/// The folder from which data sets that come with the program are looked for.
fn beside(experiment: &Path) -> anyhow::Result<PathBuf> {
    let path = std::path::absolute(experiment).context("the experiment has no absolute path")?;
    Ok(if path.is_dir() {
        std::env::current_dir().context("there is no current folder")?
    } else {
        path.parent().map(Path::to_owned).unwrap_or(path)
    })
}

/// A word as the shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_the_shell_would_read_them_otherwise() {
        assert_eq!(quoted("a/b-1.sh"), "a/b-1.sh");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
    }
}
