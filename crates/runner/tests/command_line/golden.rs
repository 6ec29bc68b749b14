//! Expected texts in files, and the experiment that most tests change.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Parser;
use runner::cli::{Cli, RunOptions};
use runner::commands::study_to_run;
use tempfile::TempDir;

/// A valid experiment that uses every section.
pub(crate) const VALID: &str = "\
# Question  Does it work?
schema: 1
seeds: [0, 1]
dataset: { fashion-mnist: { validation: 5000 } }
architecture: { inception-v2: { stem: small } }
regularizer:
  strength: gamma
  cost: flops
  alive_threshold: 0.01
search: { epochs: 3, batch_size: 128, optimizer: { sgd: { momentum: 0.9 } }, learning_rate: { constant: 0.05 } }
retrain:
  epochs: 5
  batch_size: 128
  optimizer: { sgd: { momentum: 0.9, nesterov: true } }
  learning_rate: { cosine: { peak: 0.1 } }
  weight_decay: 5.0e-4
  warmup_epochs: 0.5
  augmentation: { flip: true, crop: 2 }
sweep:
  regularization_strength: { log: [2.0, 20.0], num: 5 }
  width_multiplier: [0.5, 0.75, 1.0]
baselines: [uniform]
";

/// A folder with files, which their tests see without its path.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(content.as_ref()).unwrap();
        path
    }

    /// The text without the path of the folder.
    pub(crate) fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.path().display()), "experiments/")
            .replace(&self.path().display().to_string(), "experiments")
    }
}

/// The options of `run` for a file and further arguments.
pub(crate) fn run_options(file: &Path, more: &[&str]) -> RunOptions {
    let args =
        ["runner".as_ref(), file.as_os_str()].into_iter().chain(more.iter().map(AsRef::as_ref));
    Cli::try_parse_from(args).unwrap().run.unwrap()
}

/// What `runner FILE ARGUMENTS` says of a file with this content.
pub(crate) fn fault_of(content: impl AsRef<[u8]>, more: &[&str]) -> String {
    let folder = Folder::new();
    let file = folder.write("x.yaml", content);
    match study_to_run(&run_options(&file, more)) {
        Ok(_) => "no fault\n".to_owned(),
        Err(faults) => folder.relative(&faults.to_string()),
    }
}

/// [`VALID`] with one text replaced.
pub(crate) fn changed(old: &str, new: &str) -> String {
    assert_eq!(VALID.matches(old).count(), 1, "`{old}` stands once in the valid file");
    VALID.replace(old, new)
}

/// Texts under headings, to be compared with a golden file.
#[derive(Default)]
pub(crate) struct Sheet(String);

impl Sheet {
    /// One case; its text must fit one screen.
    pub(crate) fn case(&mut self, title: &str, text: &str) {
        assert_ne!(text, "no fault\n", "{title}");
        assert!(text.lines().count() <= 30, "{title} does not fit one screen:\n{text}");
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= 160, "{title} has a line of {widest} characters:\n{text}");
        let gap = if self.0.is_empty() { "" } else { "\n" };
        write!(self.0, "{gap}## {title}\n\n{text}").unwrap();
    }

    /// Faults of the valid file with one text replaced.
    pub(crate) fn changes(&mut self, cases: &[(&str, &str, &str)]) {
        for (title, old, new) in cases {
            self.case(title, &fault_of(changed(old, new), &[]));
        }
    }

    /// Compares with a golden file, or writes it when `UPDATE_GOLDEN` is set.
    pub(crate) fn check(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::File::create(&path).unwrap().write_all(self.0.as_bytes()).unwrap();
        }
        let mut expected = String::new();
        std::fs::File::open(&path).unwrap().read_to_string(&mut expected).unwrap();
        let lines = self.0.lines().zip(expected.lines()).enumerate();
        for (number, (found, expected)) in lines {
            assert_eq!(found, expected, "line {} of {name}", number + 1);
        }
        assert_eq!(self.0.lines().count(), expected.lines().count(), "lines of {name}");
    }
}
