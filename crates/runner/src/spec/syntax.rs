//! Texts that are not YAML at all.

use serde::de::IgnoredAny;

use super::source::Source;
use crate::diagnostic::{Diagnostic, Place};

/// A part of the parser's message, and what to do about it.
const REMEDIES: [(&str, &str); 11] = [
    ("a tab character", "indent with spaces, not tabs"),
    (
        "cannot start any token",
        "indent with spaces, and quote texts that begin with a special sign",
    ),
    ("mapping values are not allowed", "check the indentation, and write a space after each colon"),
    (
        "did not find expected key",
        "check the indentation: keys of one section stand below each other",
    ),
    ("did not find expected ',' or '}'", "close the brace, and put commas between keys"),
    ("did not find expected ',' or ']'", "close the bracket, and put commas between values"),
    ("did not find expected node content", "close what was opened, and give every key a value"),
    ("unexpected end of stream", "close the quote"),
    ("control characters", "remove signs that are not text"),
    ("unknown anchor", "define the anchor with `&` before using it with `*`"),
    ("recursion limit", "nest less deeply"),
];

/// Deepest nesting of braces and brackets: the parser's time grows with its square.
const DEEPEST: usize = 100;

/// Why a text is not one YAML document.
#[derive(Debug)]
pub(super) struct Broken {
    /// In the words of this program.
    pub(super) what: String,
    /// What to do.
    pub(super) help: Option<&'static str>,
    /// Line and column of every place that the parser's message names, the first being where it stumbled.
    places: Vec<(usize, usize)>,
}

/// Anything that is one YAML document passes.
pub(super) fn check(text: &str) -> Result<(), Broken> {
    if let Some(place) = too_deep(text) {
        let what = "braces and brackets are nested too deeply".to_owned();
        return Err(Broken { what, help: Some("close what was opened"), places: vec![place] });
    }
    let Err(error) = serde_yaml::from_str::<IgnoredAny>(text) else {
        return Ok(());
    };
    let full = error.to_string();
    let message = full.split(" at line ").next().unwrap_or(&full);
    let message = message.split(" at position ").next().unwrap_or(message);
    let remedy = REMEDIES.iter().find(|(sign, _)| message.contains(sign));
    let what = format!("this is not YAML: {message}");
    let at = error.location().map(|location| (location.line(), location.column()));
    let mut places: Vec<(usize, usize)> =
        full.split(" at line ").skip(1).filter_map(line_and_column).collect();
    if let (true, Some(at)) = (places.is_empty(), at) {
        places.push(at);
    }
    if let (Some(stumbled), Some(opened)) = (places.first(), places.last()) {
        let crosses_lines = stumbled.0 > opened.0;
        if full.contains("quoted scalar") || (full.contains("flow") && crosses_lines) {
            places = vec![*opened];
        }
    }
    Err(Broken { what, help: remedy.map(|(_, help)| *help), places })
}

/// Reads `3 column 5, while ...`.
fn line_and_column(text: &str) -> Option<(usize, usize)> {
    let (line, rest) = text.split_once(" column ")?;
    let column = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Where braces and brackets outside comments are open [`DEEPEST`] times.
fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    for (line, text) in text.lines().enumerate() {
        let end = if text.starts_with('#') { 0 } else { text.find(" #").unwrap_or(text.len()) };
        for (column, c) in text[..end].chars().enumerate() {
            match c {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Some((line + 1, column + 1));
            }
        }
    }
    None
}

/// As [`check`], with the place in the file: where the parser stumbled; or, when a quote or brace is not closed, where
/// it was opened.
pub(super) fn check_file(source: &Source) -> Result<(), Diagnostic> {
    let Err(Broken { what, help, places }) = check(source.text()) else {
        return Ok(());
    };
    if what.contains("more than one document") {
        return Err(Diagnostic::new("the file holds more than one YAML document")
            .at(separator(source))
            .help("remove this line and what does not belong to the experiment"));
    }
    let place = match places.first() {
        _ if what.contains("control characters") => control_character(source),
        Some((line, column)) => source.line((*line).min(source.text().lines().count()), *column),
        None => source.whole(),
    };
    let fault = Diagnostic::new(what).at(place);
    Err(match help {
        Some(help) => fault.help(help),
        None => fault,
    })
}

fn control_character(source: &Source) -> Place {
    let is_bad = |c: char| c.is_control() && !matches!(c, '\t' | '\u{85}');
    source
        .text()
        .lines()
        .enumerate()
        .find_map(|(line, text)| {
            text.chars().position(is_bad).map(|column| source.line(line + 1, column + 1))
        })
        .unwrap_or_else(|| source.whole())
}

fn separator(source: &Source) -> Place {
    let lines: Vec<&str> = source.text().lines().collect();
    match lines.iter().rposition(|line| line.starts_with("---") || line.starts_with("...")) {
        Some(line) => source.line(line + 1, 1),
        None => source.whole(),
    }
}
