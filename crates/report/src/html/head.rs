//! The comment that an experiment file begins with.

use super::Statement;

/// The parts of the comment at the beginning of an experiment file: lines such as `# Question   Does it?`, which are continued by
/// lines that are indented further; and paragraphs, which have no word.
pub fn statements(experiment: &str) -> Vec<Statement> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut is_open = false;
    for line in experiment.lines().map_while(|line| line.strip_prefix('#')) {
        let line = line.strip_prefix(' ').unwrap_or(line);
        let text = line.trim();
        if text.is_empty() {
            is_open = false;
            continue;
        }
        let begun = word(line);
        let last = statements.last_mut().filter(|last| {
            is_open && begun.is_none() && (line.starts_with(' ') || last.word.is_empty())
        });
        match (last, begun) {
            (Some(last), _) => {
                last.text.push(' ');
                last.text.push_str(text);
            }
            (None, Some((word, text))) => {
                statements.push(Statement { word: word.to_owned(), text: text.to_owned() });
            }
            (None, None) => {
                statements.push(Statement { word: String::new(), text: text.to_owned() });
            }
        }
        is_open = true;
    }
    statements
}

/// The word that a line begins with, and what follows: one of those that every experiment has, or one apart from the rest.
fn word(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(' ')?;
    let is_word = word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphabetic);
    let is_apart = rest.starts_with(' ') || matches!(word, "Question" | "Predict");
    (is_word && is_apart).then(|| (word, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_paragraphs_and_statements_with_words() {
        let text = "# A title\n# of two lines.\n#\n# Question   Does it\n#            work?\n# Predict Yes.\n#\n#\
                    # No word  here.\n\nschema: 1 # Run  not this\n";
        let found: Vec<(String, String)> =
            statements(text).into_iter().map(|it| (it.word, it.text)).collect();
        let expected = [
            ("", "A title of two lines."),
            ("Question", "Does it work?"),
            ("Predict", "Yes."),
            ("", "# No word  here."),
        ];
        assert_eq!(found, expected.map(|(word, text)| (word.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_file_without_a_head_says_nothing() {
        assert_eq!(statements("schema: 1\n# Question  none\n"), []);
    }
}
