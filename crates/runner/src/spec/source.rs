//! The text of an experiment file, and where things stand in it.

use std::fs::File;
use std::io::{ErrorKind, Read};

use super::locate::{Path, Target, locate};
use super::overrides::Override;
use crate::diagnostic::{Diagnostic, Excerpt, Place};

/// Largest experiment file that is read.
pub const MOST_BYTES: u64 = 1 << 20;

/// The text of an experiment file, with what the command line changes in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    file: String,
    name: String,
    text: String,
    overrides: Vec<Override>,
}

impl Source {
    /// Reads a file.
    pub fn read(path: &std::path::Path) -> Result<Self, Diagnostic> {
        let file = path.display().to_string();
        let at = Place::File(file.clone());
        let fault = |what: String| Diagnostic::new(what).at(at.clone());
        let unreadable = |error: std::io::Error| {
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
                fault("there is no such experiment file".to_owned())
                    .help("name a file, as in `runner experiments/inception.yaml`")
            } else {
                fault(format!("the experiment file cannot be read: {error}"))
            }
        };
        let kind = std::fs::metadata(path).map_err(unreadable)?;
        if kind.is_dir() {
            return Err(fault("this is a folder, expected an experiment file".to_owned())
                .help("name a file in it, or price all of them with `runner check FOLDER`"));
        }
        if !kind.is_file() {
            return Err(fault(
                "this is not a regular file, expected an experiment file".to_owned(),
            ));
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        Self::from_bytes(&file, bytes)
    }

    /// Takes the content of a file of this name.
    pub fn from_bytes(file: &str, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        let fault = |what: String| Diagnostic::new(what).at(Place::File(file.to_owned()));
        if bytes.len() as u64 > MOST_BYTES {
            return Err(fault(format!(
                "the file is larger than {MOST_BYTES} bytes, so it cannot be an experiment file"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..good].split(|byte| *byte == b'\n').count();
            fault(format!("the file is not text: line {line} is not UTF-8"))
                .help("save it as UTF-8, or name an experiment file")
        })?;
        let name = std::path::Path::new(file)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(plain)
            && name.len() <= 100;
        if !is_name {
            return Err(fault(format!("`{name}` cannot be the name of an experiment"))
                .expected("letters, digits, `-`, `_` and `.`, at most 100, beginning with a letter or digit")
                .help("rename the file: results are kept in a folder of the same name"));
        }
        Ok(Self { file: file.to_owned(), name, text, overrides: Vec::new() })
    }

    /// The same file with values changed by the command line; later ones win.
    pub fn with_overrides(self, overrides: Vec<Override>) -> Self {
        Self { overrides, ..self }
    }

    /// Name of the experiment: that of the file, without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder of the file.
    pub fn folder(&self) -> &std::path::Path {
        std::path::Path::new(&self.file).parent().unwrap_or(std::path::Path::new(""))
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the command line changes, in order.
    pub fn overrides(&self) -> &[Override] {
        &self.overrides
    }

    /// The file as a place.
    pub fn whole(&self) -> Place {
        Place::File(self.file.clone())
    }

    /// The place of what a path leads to, or of the nearest section above it that is there.
    pub fn place(&self, path: &Path, target: Target) -> Place {
        let set = |change: &&Override| change.path().leads_to(path) || path.leads_to(change.path());
        if let Some(change) = self.overrides.iter().rev().find(set) {
            return change.place_of_value();
        }
        self.place_in_file(path, target)
    }

    /// As [`Source::place`], whatever the command line changes.
    pub(super) fn place_in_file(&self, path: &Path, target: Target) -> Place {
        let mut path = path.clone();
        let mut target = target;
        while !path.steps().is_empty() {
            if let Some((line, column)) = locate(&self.text, &path, target) {
                return self.line(line, column);
            }
            (path, target) = (path.parent(), Target::Key);
        }
        self.whole()
    }

    /// A place by line and column, both from 1.
    pub fn line(&self, line: usize, column: usize) -> Place {
        match self.text.lines().nth(line.saturating_sub(1)) {
            None => self.whole(),
            Some(text) => {
                let start = column.saturating_sub(1);
                let length = token(text, start).chars().count();
                let excerpt = Excerpt { text: text.to_owned(), start, length };
                Place::Line { file: self.file.clone(), line, excerpt }
            }
        }
    }
}

/// The word, number, quoted text or bracket that begins at a character of a line.
pub(super) fn token(line: &str, start: usize) -> &str {
    let rest = line.char_indices().nth(start).map_or("", |(offset, _)| &line[offset..]);
    let end = match rest.chars().next() {
        None => 0,
        Some(quote @ ('"' | '\'')) => rest[1..].find(quote).map_or(rest.len(), |end| end + 2),
        Some('{' | '[') => closing(rest),
        Some(_) => ["#", ",", "}", "]", ": "]
            .iter()
            .filter_map(|stop| rest.find(stop))
            .min()
            .unwrap_or(rest.len()),
    };
    rest[..end].trim_end().trim_end_matches(':')
}

/// Length of a bracketed text, up to its closing bracket or the end of the line.
fn closing(text: &str) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return offset + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_where_values_end() {
        for (line, start, expected) in [
            ("a: 0.5 # half", 3, "0.5"),
            ("a: { b: [1, 2], c: 3 } # x", 3, "{ b: [1, 2], c: 3 }"),
            ("a: { b: [1, 2], c: 3 }", 5, "b"),
            ("a: { b: [1, 2], c: 3 }", 9, "1"),
            ("a: { b: [1, 2], c: 3 }", 19, "3"),
            ("a: { b: [1,", 3, "{ b: [1,"),
            ("a: 'it # is', b", 3, "'it # is'"),
            ("search:", 0, "search"),
            ("größe: 3", 0, "größe"),
            ("a", 5, ""),
        ] {
            assert_eq!(token(line, start), expected, "{line} at {start}");
        }
    }
}
