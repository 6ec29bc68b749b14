//! A fault of something a person wrote, shown with the place where it was written.

use std::fmt;

/// Widest part of a line that is shown; a longer one is cut around the fault.
const WIDEST: usize = 96;

/// Most faults that are shown in full, so that all of them fit one screen.
const MOST_SHOWN: usize = 4;

/// What is wrong, where, what was expected, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What was found wrong, without a final period.
    pub what: String,
    /// Where it was written.
    pub place: Option<Box<Place>>,
    /// What would have been right, if `what` does not say it.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

/// Where a fault was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Somewhere in a file, or the file itself.
    File(String),
    /// A part of a line of a file.
    Line {
        /// Name of the file as the person gave it.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// The line and the part of it.
        excerpt: Excerpt,
    },
    /// A part of an argument of the command line.
    Argument(Excerpt),
}

/// A line with a marked part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line without its end.
    pub text: String,
    /// First marked character, from 0.
    pub start: usize,
    /// Number of marked characters, at least 1.
    pub length: usize,
}

impl Diagnostic {
    /// A fault with no place yet.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, expected: None, help: None }
    }

    /// The same fault at a place.
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(Box::new(place)), ..self }
    }

    /// The same fault with what was expected.
    pub fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    /// The same fault with advice.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", wrapped(&self.what, "       "))?;
        let number = match self.place.as_deref() {
            Some(Place::Line { line, .. }) => line.to_string(),
            Some(Place::File(_) | Place::Argument(_)) | None => String::new(),
        };
        let margin = " ".repeat(number.len());
        match self.place.as_deref() {
            None => {}
            Some(Place::File(file)) => writeln!(f, "{margin} --> {file}")?,
            Some(Place::Line { file, line, excerpt }) => {
                writeln!(f, "{margin}--> {file}:{line}:{}", excerpt.start + 1)?;
                writeln!(f, "{margin} |")?;
                let (text, mark) = excerpt.rows();
                writeln!(f, "{number} | {text}")?;
                writeln!(f, "{margin} | {mark}")?;
            }
            Some(Place::Argument(excerpt)) => {
                let (text, mark) = excerpt.rows();
                writeln!(f, " --> {text}")?;
                writeln!(f, "     {mark}")?;
            }
        }
        if let Some(expected) = &self.expected {
            let indent = format!("{margin}             ");
            writeln!(f, "{margin} = expected: {}", wrapped(expected, &indent))?;
        }
        if let Some(help) = &self.help {
            let indent = format!("{margin}         ");
            writeln!(f, "{margin} = help: {}", wrapped(help, &indent))?;
        }
        Ok(())
    }
}

/// A text on lines of about [`WIDEST`] characters, all but the first indented. What stands between backticks stays on one
/// line, so that it can be copied.
fn wrapped(text: &str, indent: &str) -> String {
    let mut units: Vec<String> = Vec::new();
    let mut is_code = false;
    for word in text.split(' ') {
        match units.last_mut() {
            Some(unit) if is_code => {
                unit.push(' ');
                unit.push_str(word);
            }
            Some(_) | None => units.push(word.to_owned()),
        }
        is_code ^= word.matches('`').count() % 2 == 1;
    }
    let mut shown = String::new();
    let mut width = 0;
    for (position, unit) in units.iter().enumerate() {
        let length = unit.chars().count();
        if position > 0 && indent.len() + width + 1 + length > WIDEST {
            shown.push('\n');
            shown.push_str(indent);
            width = 0;
        } else if position > 0 {
            shown.push(' ');
            width += 1;
        }
        shown.extend(unit.chars().map(|c| if c.is_control() { ' ' } else { c }));
        width += length;
    }
    shown
}

impl Excerpt {
    /// The line, cut to a width that fits, and the row of marks below it.
    fn rows(&self) -> (String, String) {
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let all: Vec<char> = self.text.chars().map(printable).collect();
        let start = self.start.min(all.len());
        let first = if all.len() <= WIDEST { 0 } else { start.saturating_sub(WIDEST / 3) };
        let last = all.len().min(first + WIDEST);
        let before = if first > 0 { "..." } else { "" };
        let after = if last < all.len() { "..." } else { "" };
        let shown: String = all[first..last].iter().collect();
        let marked = self.length.clamp(1, (last - start).max(1));
        let mark = " ".repeat(before.len() + start - first) + &"^".repeat(marked);
        (format!("{before}{shown}{after}").trim_end().to_owned(), mark)
    }
}

/// One or more faults, found together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// All faults; `None` if there is none.
    pub fn of(faults: Vec<Diagnostic>) -> Option<Self> {
        if faults.is_empty() { None } else { Some(Self(faults)) }
    }

    /// The faults, in the order in which they were found.
    pub fn faults(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(fault: Diagnostic) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().take(MOST_SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "\nerror: {more} more of these"),
        }
    }
}

impl std::error::Error for Diagnostic {}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(text: &str, start: usize, length: usize) -> Excerpt {
        Excerpt { text: text.to_owned(), start, length }
    }

    #[test]
    fn marks_stand_below_what_they_mark() {
        let (text, mark) = excerpt("a: {größe: 3}", 4, 5).rows();
        assert_eq!(text, "a: {größe: 3}");
        assert_eq!(mark, "    ^^^^^");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let line = format!("{}wrong{}", "x".repeat(5000), "y".repeat(5000));
        let (text, mark) = excerpt(&line, 5000, 5).rows();
        assert!(text.len() <= WIDEST + 6, "{}", text.len());
        let column = mark.find('^').unwrap();
        assert_eq!(&text[column..column + mark.trim().len()], "wrong");
    }

    #[test]
    fn texts_break_between_words_and_never_in_code() {
        let text =
            format!("{} `{}` end", "word ".repeat(15).trim_end(), "code ".repeat(10).trim_end());
        let wrapped = wrapped(&text, "    ");
        let lines: Vec<&str> = wrapped.lines().collect();
        assert_eq!(lines[1], format!("    `{}` end", "code ".repeat(10).trim_end()));
        assert_eq!(lines.len(), 2);
        assert_eq!(super::wrapped("a  b", ""), "a  b");
    }

    #[test]
    fn marks_beyond_the_line_stand_at_its_end() {
        let (text, mark) = excerpt("ab", 7, 9).rows();
        assert_eq!((text.as_str(), mark.as_str()), ("ab", "  ^"));
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let (text, _) = excerpt("a\u{1b}[31m\tb", 0, 1).rows();
        assert_eq!(text, "a [31m b");
    }
}
