//! Contradictions, collected.

use crate::diagnostic::Diagnostic;
use crate::spec::{Path, Target};

/// Most values in one list of an experiment file.
const MOST_VALUES: usize = 1000;

/// Keys that are right one by one, and wrong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key to change.
    pub path: Path,
    /// Whether the key shows it best, or its value.
    pub target: Target,
    /// What is wrong.
    pub what: String,
    /// What would have been right, if `what` does not say it.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// All problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn push(&mut self, path: &str, what: String, help: Option<String>) {
        let (path, target) = (Path::parse(path), Target::Value);
        self.0.push(Problem { path, target, what, expected: None, help });
    }

    /// A fault that was found elsewhere, of the value at a path.
    pub(super) fn push_fault(&mut self, path: &str, fault: Diagnostic) {
        let Diagnostic { what, place: _, expected, help } = fault;
        self.0.push(Problem {
            path: Path::parse(path),
            target: Target::Value,
            what,
            expected,
            help,
        });
    }

    /// A problem of a whole section.
    pub(super) fn push_section(&mut self, path: &str, what: String, help: Option<String>) {
        let (path, target) = (Path::parse(path), Target::Key);
        self.0.push(Problem { path, target, what, expected: None, help });
    }

    pub(super) fn add(&mut self, path: &str, what: &str, help: &str) {
        self.push(path, what.to_owned(), Some(help.to_owned()));
    }

    /// A list that is too long, or that names a value twice.
    pub(super) fn repeated<T: PartialEq + std::fmt::Display>(&mut self, path: &str, values: &[T]) {
        if values.len() > MOST_VALUES {
            let what =
                format!("`{path}` has {} values, expected at most {MOST_VALUES}", values.len());
            return self.push(path, what, None);
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(first) = values[..index].iter().position(|earlier| earlier == value) {
                let at = format!("{path}[{index}]");
                let what = format!("`{at}` is {value}, which `{path}[{first}]` is already");
                return self.push(&at, what, Some("name each value once".to_owned()));
            }
        }
    }
}

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
