//! Rust text without what is not code.

/// The text with comments, strings and character literals blanked; every line keeps its place.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = blank(rest) {
            let (blanked, after) = rest.split_at(length);
            code.extend(blanked.chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = after;
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

/// Bytes of the comment or literal at the start of the text, if there is one.
fn blank(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [b'/', b'/', ..] => Some(text.find('\n').unwrap_or(text.len())),
        [b'/', b'*', ..] => Some(block_comment(text)),
        [b'"', ..] => Some(quoted(text, '"')),
        [b'\'', b'\\', ..] => Some(quoted(text, '\'')),
        [b'\'', ..] => {
            // Anything else after a quote is a lifetime.
            let (at, _) = text.char_indices().nth(2)?;
            text[at..].starts_with('\'').then_some(at + 1)
        }
        [b'r', ..] => raw_string(text),
        _ => None,
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(text.len())
}

/// A literal between two quotes, in which a backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|&byte| byte == b'#').count();
    let inside = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let before = text.len() - inside.len();
    Some(inside.find(&end).map_or(text.len(), |at| before + at + end.len()))
}

/// The words of a line of code: names, keywords and numbers.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// The lines that are not inside a `#[cfg(test)]` module.
pub(super) fn lines_without_tests(text: &str) -> usize {
    let code = code(text);
    let lines: Vec<&str> = code.lines().collect();
    let mut count = 0;
    let mut at = 0;
    while at < lines.len() {
        let module = lines.get(at + 1).is_some_and(|next| {
            words(next).next() == Some("mod") && next.trim_end().ends_with('{')
        });
        if lines[at].trim() == "#[cfg(test)]" && module {
            at += 1 + lines_to_closing_brace(&lines[at + 1..]);
        } else {
            count += 1;
            at += 1;
        }
    }
    count
}

fn lines_to_closing_brace(lines: &[&str]) -> usize {
    let mut depth = 0_i64;
    for (index, line) in lines.iter().enumerate() {
        depth += line.matches('{').count() as i64 - line.matches('}').count() as i64;
        if depth == 0 {
            return index + 1;
        }
    }
    lines.len()
}

#[test]
fn comments_and_literals_are_blanked_and_lines_kept() {
    let cases = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */\n d */ e", "a             \n      e"),
        (r#"f("a \" b", 'c', '\'', 'ä')"#, "f(        ,    ,     ,    )"),
        ("r#\"a\"b\"# c r\"\\\" d", "         c      d"),
        ("fn f<'a>(r#type: &'a str)", "fn f<'a>(r#type: &'a str)"),
        ("\"never closed", "             "),
    ];
    for (text, blanked) in cases {
        assert_eq!(code(text), blanked, "{text}");
    }
}

#[test]
fn lines_of_a_test_module_are_not_counted() {
    let text = "//! A file.\n\nfn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() { \"}\" }\n}\nfn h() {}\n";
    assert_eq!(lines_without_tests(text), 5);
    assert_eq!(lines_without_tests("#[cfg(test)]\nfn f() {}\n"), 2);
}
