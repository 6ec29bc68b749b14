//! Text: no paths of the machine it was written on.

use super::{files, hold, text};

/// Folders at the root of a file system that a user does not have, or that no text should need.
const FOLDERS: [&str; 4] = ["tmp", "root", "home", "Users"];

/// The path of such a folder in a line.
fn local_path(line: &str) -> Option<String> {
    let joins = |c: char| c.is_alphanumeric() || "_-./~".contains(c);
    FOLDERS
        .iter()
        .map(|folder| format!("/{folder}/"))
        .find(|path| line.match_indices(path.as_str()).any(|(at, _)| !line[..at].ends_with(joins)))
}

#[test]
fn no_text_names_a_path_of_one_machine() {
    let mut problems = Vec::new();
    for file in files() {
        for (line, words) in text(&file).unwrap_or_default().lines().enumerate() {
            if let Some(path) = local_path(words) {
                problems.push(format!("{file}:{} names {path}", line + 1));
            }
        }
    }
    hold(
        "The text of the project holds on every machine; temporary folders come from `tempfile`",
        &problems,
    );
}

#[test]
fn a_local_path_is_told_from_a_relative_one() {
    let absolute = |folder: &str| format!("cp \"/{folder}/x\" .");
    assert!(FOLDERS.iter().all(|folder| local_path(&absolute(folder)).is_some()));
    for harmless in ["target/tmp/x", "https://example.org/home/x", "../home/x", "~/root/"] {
        assert_eq!(local_path(harmless), None, "{harmless}");
    }
}
