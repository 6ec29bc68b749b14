//! Starting the program, and a small experiment for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_runner-under-test");

/// An experiment of seconds: generated images, one strength.
pub(crate) const SMALL: &str = "
schema: 1
dataset: { synthetic: { side: 12, train: 512, validation: 64, test: 64 } }
architecture: { inception-v2: { stem: small } }
search:  { epochs: 2, batch_size: 32, optimizer: { sgd: { momentum: 0.9 } }, learning_rate: { constant: 0.05 } }
retrain: { epochs: 3, batch_size: 32, optimizer: { adam: {} }, learning_rate: { cosine: { peak: 0.01 } }, augmentation: { crop: 1 } }
sweep:   { regularization_strength: [200], width_multiplier: [0.5, 1.0] }
";

/// A temporary folder with the small experiment in it.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.experiment(), SMALL).unwrap();
        folder
    }

    /// The small experiment with one epoch of everything and one width multiplier: `in_sweep` follows in its section `sweep`, and
    /// `below` at its end.
    pub(crate) fn short(in_sweep: &str, below: &str) -> Self {
        let folder = Self::new();
        let text = SMALL
            .replace("search:  { epochs: 2", "search:  { epochs: 1")
            .replace("retrain: { epochs: 3", "retrain: { epochs: 1")
            .replace("width_multiplier: [0.5, 1.0]", &format!("width_multiplier: [1.0]{in_sweep}"));
        fs::write(folder.experiment(), format!("{text}{below}\n")).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn experiment(&self) -> PathBuf {
        self.path("small.yaml")
    }

    /// The arguments that run the small experiment into the results folder `results`.
    pub(crate) fn arguments(&self, results: &str, more: &[&str]) -> Vec<String> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let mut arguments =
            vec![text(self.experiment()), "--results".to_owned(), text(self.path(results))];
        arguments.extend(more.iter().map(|word| (*word).to_owned()));
        arguments
    }

    /// The output of a whole run of the small experiment.
    pub(crate) fn run(&self, results: &str, more: &[&str]) -> Output {
        Command::new(PROGRAM).args(self.arguments(results, more)).output().unwrap()
    }

    /// A run of the small experiment under way.
    pub(crate) fn start(&self, results: &str, more: &[&str]) -> Child {
        let mut command = Command::new(PROGRAM);
        command.args(self.arguments(results, more)).stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs the small experiment with one job until it ends well, killing it whenever `progress` is further than when that
    /// start of it began. How often it was killed.
    pub(crate) fn run_killed(
        &self,
        results: &str,
        more: &[&str],
        progress: impl Fn() -> usize,
    ) -> usize {
        let mut killed = 0;
        loop {
            let before = progress();
            let mut child = self.start(results, &[&["--jobs", "1"], more].concat());
            let ended = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                if progress() > before {
                    child.kill().unwrap();
                    killed += 1;
                    break child.wait().unwrap();
                }
            };
            if ended.success() {
                return killed;
            }
            assert!(killed < 100, "does not get anywhere");
        }
    }

    /// The text with this folder's path replaced.
    pub(crate) fn anonymous(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(text).replace(self.0.path().to_str().unwrap(), "FOLDER")
    }
}

/// Waits until something has come about, while the program is at work.
pub(crate) fn wait_until(child: &mut Child, what: &str, mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the program ended before {what}: {ended:?}");
        std::thread::yield_now();
    }
}

/// The results of a run that must be reproducible, by path; state, locks and provenance left out.
pub(crate) fn results(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let names = [
        "plan.json",
        "experiment.yaml",
        "points.csv",
        "curves.csv",
        "pareto.csv",
        "pareto.svg",
        "widths.svg",
        "curves.svg",
        "summary.txt",
    ];
    for name in names {
        found.insert(name.to_owned(), fs::read(folder.join(name)).unwrap());
    }
    let html = fs::read_to_string(folder.join("report.html")).unwrap();
    found.insert("report.html".to_owned(), without_provenance(&html).into_bytes());
    for entry in fs::read_dir(folder.join("structures")).into_iter().flatten() {
        let path = entry.unwrap().path();
        found.insert(
            path.file_name().unwrap().to_str().unwrap().to_owned(),
            fs::read(&path).unwrap(),
        );
    }
    found
}

/// A page without what it says of the processes that made it.
pub(crate) fn without_provenance(html: &str) -> String {
    let (before, rest) = html.split_once("<section id=\"provenance\"").unwrap();
    let (_, after) = rest.split_once("</section>").unwrap();
    before.to_owned() + after
}

/// Fails with the name of a result that is not the same in both folders.
#[track_caller]
pub(crate) fn expect_same(folder: &Path, expected: &Path) {
    let (found, expected) = (results(folder), results(expected));
    let names = |results: &BTreeMap<String, Vec<u8>>| results.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&expected));
    for (name, bytes) in &found {
        let (found, expected) =
            (String::from_utf8_lossy(bytes), String::from_utf8_lossy(&expected[name]));
        assert_eq!(found, expected, "{name}");
    }
}

/// Fails with everything that the program said unless it ended with this code.
pub(crate) fn expect_code(output: &Output, code: i32) {
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
}
