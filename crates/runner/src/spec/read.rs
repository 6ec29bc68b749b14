//! From text to [`Spec`].

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::{Fault, explain};
use super::locate::{Path, Target};
use super::number::Whole;
use super::overrides::Override;
use super::source::Source;
use super::{SCHEMA, Spec, syntax};
use crate::diagnostic::Diagnostic;

/// Reads a file, and then what the command line changes in it.
pub fn parse(source: &Source) -> Result<Spec, Diagnostic> {
    syntax::check_file(source)?;
    check_schema(source)?;
    parse_whole(source)
}

/// Reads a text that was not written by a person, and then what the command line changes in it.
pub(super) fn parse_whole<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostic> {
    let spec = from_text(source.text()).map_err(|fault| in_file(source, *fault))?;
    if source.overrides().is_empty() { Ok(spec) } else { apply(source) }
}

fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, Box<Fault>> {
    serde_yaml::from_str(text).map_err(|error| Box::new(explain(&error, text)))
}

/// Reads a part of an experiment that stands alone, such as on the command line.
pub fn parse_part<T: DeserializeOwned>(text: &str) -> Result<T, Diagnostic> {
    syntax::check(text).map_err(|broken| Diagnostic {
        what: broken.what,
        place: None,
        expected: None,
        help: broken.help.map(str::to_owned),
    })?;
    serde_yaml::from_str(text).map_err(|error| {
        let Fault { what, expected, help, path: _, target: _, at: _ } = explain(&error, text);
        Diagnostic { what, place: None, expected, help }
    })
}

fn in_file(source: &Source, fault: Fault) -> Diagnostic {
    let Fault { path, target, at, what, expected, help } = fault;
    let place = match at {
        Some((line, column)) => source.line(line, column),
        None => source.place_in_file(&path, target),
    };
    Diagnostic { what, place: Some(Box::new(place)), expected, help }
}

/// Only the version of the format, so that a file of another version gets one error, and not one about its keys.
#[derive(Deserialize)]
#[serde(expecting = "a map of keys")]
struct Header {
    schema: Option<Whole<0, { u64::MAX }>>,
}

fn check_schema(source: &Source) -> Result<(), Diagnostic> {
    let example = "begin with `schema: 1`; the files in `experiments` are examples";
    let header: Header = match serde_yaml::from_str(source.text()) {
        Ok(header) => header,
        Err(error) => {
            let fault = explain(&error, source.text());
            if !fault.path.steps().is_empty() {
                return Err(in_file(source, fault));
            }
            let what = match error.to_string() {
                message if message.contains("invalid type: unit value") => {
                    "the experiment file is empty"
                }
                message if message.contains("invalid type") => {
                    "an experiment file must be a map of keys"
                }
                _ => return Err(Diagnostic::new(fault.what).at(source.whole())),
            };
            return Err(Diagnostic::new(what).at(source.whole()).help(example));
        }
    };
    let Some(found) = header.schema else {
        let empty = source.text().lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#') || line == "---"
        });
        let what =
            if empty { "the experiment file is empty" } else { "the key `schema` is missing" };
        return Err(Diagnostic::new(what).at(source.whole()).help(example));
    };
    if found.get() == SCHEMA {
        return Ok(());
    }
    Err(Diagnostic::new(format!("schema {} is not supported", found.get()))
        .at(source.place(&Path::parse("schema"), Target::Value))
        .expected(format!("`{SCHEMA}`, the version that this program reads"))
        .help("write the file anew after an example in `experiments`, or use the program it was written for"))
}

/// Applies the changes of the command line one after the other, and reads the whole again after each.
fn apply<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostic> {
    let unlikely = |error: serde_yaml::Error| {
        Diagnostic::new(format!("what is changed cannot be applied to this file: {error}"))
            .at(source.whole())
    };
    let mut value: serde_yaml::Value = serde_yaml::from_str(source.text()).map_err(unlikely)?;
    let mut spec = None;
    for change in source.overrides() {
        change.apply(&mut value)?;
        let text = serde_yaml::to_string(&value).map_err(unlikely)?;
        spec = Some(from_text(&text).map_err(|fault| in_argument(change, *fault))?);
    }
    spec.ok_or_else(|| Diagnostic::new("there is nothing to apply"))
}

fn in_argument(change: &Override, fault: Fault) -> Diagnostic {
    let Fault { path, target, what, expected, help, at: _ } = fault;
    let place = match target {
        Target::Key | Target::SecondKey => change.place_of_key(&path),
        Target::Value => change.place_of_value(),
    };
    Diagnostic { what, place: Some(Box::new(place)), expected, help }
}
