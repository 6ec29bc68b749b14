//! Text in a figure: its estimated width, and what XML wants escaped.

/// Estimated width in pixels of a text in a sans-serif font.
///
/// The viewer chooses the font; the classes lie between Helvetica and the wider `DejaVu Sans`, so leave a gap beside
/// what is laid out by this width.
pub(super) fn width(text: &str, size: f64) -> f64 {
    size * text.chars().map(ems).sum::<f64>()
}

fn ems(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | 'I' => 0.3,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '+' | '=' | '±' => 0.95,
        'A'..='Z' => 0.74,
        c if c.is_ascii() => 0.58,
        _ => 1.0,
    }
}

/// A text broken at spaces into lines of at most `widest` pixels, two at most; what is left over becomes an ellipsis.
pub(super) fn wrap(text: &str, size: f64, widest: f64) -> Vec<String> {
    const MOST_LINES: usize = 2;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| width(line, size) <= widest) {
            Some(longer) => {
                lines.pop();
                lines.push(longer);
            }
            None if lines.len() == MOST_LINES => {
                let last = lines.pop().unwrap_or_default();
                lines.push(fit(&format!("{last} \u{2026}"), size, widest));
                break;
            }
            None => lines.push(fit(word, size, widest)),
        }
    }
    lines
}

/// The text if it is at most `widest` pixels wide, or else its beginning and an ellipsis.
pub(super) fn fit(text: &str, size: f64, widest: f64) -> String {
    if width(text, size) <= widest {
        return text.to_owned();
    }
    let mut left = widest - width("\u{2026}", size);
    let kept = text.chars().take_while(|&c| {
        left -= size * ems(c);
        left >= 0.0
    });
    kept.chain(['\u{2026}']).collect()
}

/// The text as XML content or attribute value; characters that XML does not allow become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_leaves_no_markup_and_no_forbidden_character() {
        assert_eq!(escape("a<b> & \"c\"\u{1}'"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}&apos;");
    }

    #[test]
    fn a_long_title_becomes_two_lines_within_the_width() {
        let lines = wrap(&"some words of a title ".repeat(20), 12.0, 300.0);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| width(line, 12.0) <= 300.0));
        assert!(lines[1].ends_with('\u{2026}'));
    }

    #[test]
    fn a_word_wider_than_the_line_is_cut() {
        let lines = wrap(&"x".repeat(1000), 12.0, 300.0);
        assert_eq!(lines.len(), 1);
        assert!(width(&lines[0], 12.0) <= 300.0 && lines[0].ends_with('\u{2026}'));
    }
}
