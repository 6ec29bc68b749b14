//! Values changed after the file was read: by `--set retrain.epochs=10`, or by an axis of the sweep.

use serde_yaml::{Mapping, Value};

use super::locate::{Path, Step};
use super::syntax;
use crate::diagnostic::{Diagnostic, Excerpt, Place};

/// Longest argument that is read.
const LONGEST: usize = 4096;

/// A dotted path, and the YAML value that it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    origin: Origin,
    path: Path,
    value: Value,
}

/// Where a change was written.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// An argument of the command line, `retrain.epochs=10`.
    Argument(String),
    /// An axis in the experiment file: its key, and one of its values.
    Axis { key: Place, value: Place },
}

impl Override {
    /// Reads `retrain.epochs=10`.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let whole = |start, length| argument(text, start, length);
        let advice = "write a path, `=` and a value, as in `--set retrain.epochs=10`";
        let length = text.chars().count();
        if length > LONGEST {
            let what =
                format!("a `--set` argument has {length} characters, at most {LONGEST} are read");
            return Err(Diagnostic::new(what).at(whole(0, 1)));
        }
        let Some((key, value)) = text.split_once('=') else {
            return Err(Diagnostic::new("a `--set` argument lacks its `=`")
                .at(whole(0, length))
                .help(advice));
        };
        let path = Path::parse(key);
        if path.steps().is_empty() || key.contains(char::is_whitespace) {
            return Err(Diagnostic::new("a `--set` argument lacks its path before `=`")
                .at(whole(0, key.chars().count()))
                .help(advice));
        }
        let start = key.chars().count() + 1;
        let at_value = whole(start, length - start);
        syntax::check(value).map_err(|broken| Diagnostic {
            what: broken.what,
            place: Some(Box::new(at_value.clone())),
            expected: None,
            help: broken.help.map(str::to_owned),
        })?;
        let value = serde_yaml::from_str(value)
            .map_err(|error| Diagnostic::new(error.to_string()).at(at_value))?;
        Ok(Self { origin: Origin::Argument(text.to_owned()), path, value })
    }

    /// A value of an axis, with the places of both in the file.
    pub(crate) fn of_axis(path: Path, value: Value, key: Place, place: Place) -> Self {
        Self { origin: Origin::Axis { key, value: place }, path, value }
    }

    /// What is changed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the value was written.
    pub fn place_of_value(&self) -> Place {
        match &self.origin {
            Origin::Argument(text) => {
                let start = text.find('=').map_or(0, |equals| text[..equals].chars().count() + 1);
                argument(text, start, text.chars().count() - start)
            }
            Origin::Axis { key: _, value } => value.clone(),
        }
    }

    /// The key that `path` ends in, if it was written as a part of this change, or else the value.
    pub fn place_of_key(&self, path: &Path) -> Place {
        let depth = path.steps().len();
        if depth == 0 || !path.leads_to(&self.path) {
            return self.place_of_value();
        }
        match &self.origin {
            Origin::Argument(text) => {
                let key = text.split('=').next().unwrap_or_default();
                let words: Vec<&str> = key.split(['.', '[']).collect();
                let before = words.iter().take(depth - 1);
                let start: usize = before.map(|word| word.chars().count() + 1).sum();
                let length = words.get(depth - 1).map_or(1, |word| word.chars().count());
                argument(text, start, length)
            }
            Origin::Axis { key, value: _ } => key.clone(),
        }
    }

    /// Puts the value in its place in `root`, making the sections on the way to it.
    pub fn apply(&self, root: &mut Value) -> Result<(), Diagnostic> {
        let mut here = root;
        let mut so_far = Path::default();
        for step in self.path.steps() {
            if here.is_null() {
                *here = Value::Mapping(Mapping::new());
            }
            let (map, list) = (here.is_mapping(), here.is_sequence());
            here = match (step, here) {
                (Step::Index(index), Value::Sequence(list)) => {
                    let length = list.len();
                    list.get_mut(*index).ok_or_else(|| {
                        self.fault(format!("`{so_far}` has {length} values, so none at [{index}]"))
                            .help(
                                "positions count from 0; to change the length, set the whole list",
                            )
                    })?
                }
                (Step::Key(key), Value::Mapping(map)) => {
                    map.entry(Value::String(key.clone())).or_insert(Value::Null)
                }
                (Step::Key(_) | Step::Index(_), _) => {
                    let found = match (map, list) {
                        (true, _) => "a map of keys, not a list",
                        (_, true) => "a list, not a map of keys",
                        _ => "a value, nothing stands below it",
                    };
                    return Err(self.fault(format!("`{so_far}` is {found}")));
                }
            };
            so_far = so_far.step(step);
        }
        *here = self.value.clone();
        Ok(())
    }

    fn fault(&self, what: String) -> Diagnostic {
        Diagnostic::new(what).at(match &self.origin {
            Origin::Argument(text) => {
                let key = text.split('=').next().unwrap_or_default();
                argument(text, 0, key.chars().count())
            }
            Origin::Axis { key, value: _ } => key.clone(),
        })
    }
}

/// A part of an argument as a place.
fn argument(text: &str, start: usize, length: usize) -> Place {
    const FLAG: &str = "--set ";
    Place::Argument(Excerpt {
        text: format!("{FLAG}{text}"),
        start: FLAG.len() + start,
        length: length.max(1),
    })
}
