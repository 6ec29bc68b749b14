//! The words of the YAML library, made the words of this program.
//!
//! The library gives its errors as text: the path, what serde says in its standard wording, line and column. The wording
//! is stable (it is serde's documented default), and what is not recognised is passed on as it is.

use super::locate::{Path, Target};
use super::nearest::nearest;
use super::source::token;

/// What is wrong with a value or a key, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The value or key that is wrong.
    pub(super) path: Path,
    /// Whether it is the key or the value.
    pub(super) target: Target,
    /// Line and column of the value, both from 1, in the text that was read.
    pub(super) at: Option<(usize, usize)>,
    /// What was found wrong.
    pub(super) what: String,
    /// What would have been right.
    pub(super) expected: Option<String>,
    /// What to do.
    pub(super) help: Option<String>,
}

/// What an error of the typed reader means; `text` is what was read.
pub(super) fn explain(error: &serde_yaml::Error, text: &str) -> Fault {
    let location = error.location();
    let written = location
        .as_ref()
        .and_then(|at| Some(token(text.lines().nth(at.line() - 1)?, at.column() - 1)))
        .unwrap_or_default();
    let full = error.to_string();
    let message = location
        .as_ref()
        .and_then(|at| full.strip_suffix(&format!(" at line {} column {}", at.line(), at.column())))
        .unwrap_or(&full);
    let (path, message) = match message.split_once(": ") {
        Some((path, rest)) if !path.contains([' ', '`', '"']) => (Path::parse(path), rest),
        Some(_) | None => (Path::default(), message),
    };
    let fault = |target: Target, what: String| Fault {
        path: path.clone(),
        target,
        at: location
            .as_ref()
            .filter(|_| target == Target::Value)
            .map(|at| (at.line(), at.column())),
        what,
        expected: None,
        help: None,
    };
    if let Some((word, known)) = word_and_known(message, "unknown field `") {
        return Fault {
            path: path.key(word),
            expected: Some(listed(&known)),
            help: meant(word, &known),
            ..fault(Target::Key, format!("unknown key `{word}`{}", inside(&path)))
        };
    }
    if let Some((word, known)) = word_and_known(message, "unknown variant `") {
        return Fault {
            expected: Some(listed(&known)),
            help: meant(word, &known),
            ..fault(Target::Value, format!("`{path}` cannot be `{word}`"))
        };
    }
    if let Some(key) = quoted(message, "missing field `") {
        return Fault {
            help: Some(format!("add `{}`", example(key))),
            ..fault(Target::Key, format!("the key `{key}` is missing{}", inside(&path)))
        };
    }
    if let Some(key) = quoted(message, "duplicate field `") {
        return Fault {
            path: path.key(key),
            help: Some("keep one of the two".to_owned()),
            ..fault(Target::SecondKey, format!("the key `{key}` is given twice{}", inside(&path)))
        };
    }
    if message.ends_with("expected map with a single key") {
        return Fault {
            help: Some("keep one key, and its settings below it".to_owned()),
            ..fault(Target::Value, format!("`{path}` must be a map with exactly one key"))
        };
    }
    if message == "invalid type: unit variant, expected newtype variant" {
        return Fault {
            help: Some(format!("write `{{ {written}: {{}} }}`, with settings between the braces")),
            ..fault(Target::Value, format!("`{path}` needs settings after `{written}`"))
        };
    }
    if let Some(must) = message.strip_prefix("must ") {
        return fault(Target::Value, format!("`{path}` must {must}"));
    }
    let invalid =
        message.strip_prefix("invalid type: ").or(message.strip_prefix("invalid value: "));
    if let Some((found, expected)) = invalid.and_then(|rest| rest.rsplit_once(", expected ")) {
        return Fault {
            help: remedy(found),
            ..fault(
                Target::Value,
                format!("`{path}` must be {}, is {}", plain_expected(expected), plain_found(found)),
            )
        };
    }
    if let Some((length, expected)) =
        message.strip_prefix("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        let number: String = expected.chars().filter(char::is_ascii_digit).collect();
        return fault(Target::Value, format!("`{path}` has {length} values, expected {number}"));
    }
    fault(
        Target::Value,
        if path.steps().is_empty() { message.to_owned() } else { format!("`{path}`: {message}") },
    )
}

/// The words in backticks after `prefix`: the first, and those that would have been right.
fn word_and_known<'m>(message: &'m str, prefix: &str) -> Option<(&'m str, Vec<&'m str>)> {
    let rest = message.strip_prefix(prefix)?;
    let separators = ["`, expected ", "`, there are no "];
    let end = separators.iter().find_map(|separator| rest.rfind(separator))?;
    Some((&rest[..end], rest[end + 1..].split('`').skip(1).step_by(2).collect()))
}

fn quoted<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    message.strip_prefix(prefix)?.strip_suffix('`')
}

fn listed(known: &[&str]) -> String {
    let words: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => "no key at all".to_owned(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}

fn meant(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

fn inside(path: &Path) -> String {
    if path.steps().is_empty() { String::new() } else { format!(" in `{path}`") }
}

/// How a required key is written.
fn example(key: &str) -> String {
    let value = match key {
        "schema" => "1",
        "dataset" => "{ fashion-mnist: { validation: 5000 } }",
        "architecture" => "{ inception-v2: { stem: small } }",
        "search" | "retrain" => {
            "{ epochs: 3, batch_size: 128, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }"
        }
        "sweep" => "{ regularization_strength: [4, 8, 16], width_multiplier: [0.5, 1.0] }",
        "epochs" => "3",
        "batch_size" => "128",
        "optimizer" => "{ sgd: { momentum: 0.9 } }",
        "learning_rate" => "{ constant: 0.05 }",
        "rate" | "peak" => "0.1",
        "factor" => "0.94",
        "every" | "stable_epochs" => "2",
        "log" => "[2.0, 20.0]",
        "num" => "5",
        "device" => "v100",
        "height" | "width" | "side" => "32",
        "channels" => "16",
        "classes" => "10",
        "train" => "5000",
        "validation" | "test" => "1000",
        "weight" => "1.0",
        "until" => "no-gain",
        "at_most" => "50%",
        "threshold" => "0.01",
        _ => "...",
    };
    format!("{key}: {value}")
}

fn plain_expected(expected: &str) -> &str {
    match expected {
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a YAML tag starting with '!'" | "null" | "unit variant" => "a name alone",
        "an array of length 2" => "a list of two numbers",
        "f32" | "f64" => "a number",
        "usize" => "a whole number",
        other => other,
    }
}

fn plain_found(found: &str) -> String {
    match found {
        "unit value" => "empty".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        "enum" => "a value with a tag".to_owned(),
        other => match (string(other), other.find('`'), other.rfind('`')) {
            (Some(text), _, _) => {
                let shown: String = text.chars().take(40).collect();
                let more = if shown.len() < text.len() { "..." } else { "" };
                format!("the text \"{shown}{more}\"")
            }
            (None, Some(first), Some(last)) if first < last => other[first + 1..last].to_owned(),
            (None, _, _) => other.to_owned(),
        },
    }
}

fn string(found: &str) -> Option<&str> {
    found.strip_prefix("string \"")?.strip_suffix('"')
}

fn remedy(found: &str) -> Option<String> {
    let text = string(found)?;
    if text.parse::<f64>().is_ok() {
        return Some("write the number without quotes".to_owned());
    }
    let (first, _) = text.split_once(' ')?;
    first
        .parse::<f64>()
        .is_ok()
        .then(|| "check the indentation: the value goes on in the next line".to_owned())
}
