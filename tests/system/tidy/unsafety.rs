//! Unsafe code: where it may stand, and that it is explained.

use super::code::{code, words};
use super::{crate_roots, hold, packages, rust_files, source, string};

/// The one package with unsafe code.
const UNSAFE: &str = "tensor-ops";
/// The line in the roots of all others.
const FORBID: &str = "#![forbid(unsafe_code)]";
/// How far above unsafe code its explanation may end.
const NEAR: usize = 3;

#[test]
fn unsafe_code_is_forbidden_outside_of_the_kernels() {
    let mut problems = Vec::new();
    for package in packages().iter().filter(|package| string(package, "name") != UNSAFE) {
        for root in crate_roots(package).iter().filter(|root| root.contains("/src/")) {
            if !code(&source(root)).lines().any(|line| line == FORBID) {
                problems.push(format!("{root} lacks `{FORBID}`"));
            }
        }
    }
    for file in rust_files() {
        if !file.starts_with(&format!("crates/{UNSAFE}/")) {
            for (at, line) in code(&source(&file)).lines().enumerate() {
                if words(line).any(|word| word == "unsafe") {
                    problems.push(format!("{file}:{}", at + 1));
                }
            }
        }
    }
    hold(&format!("Unsafe code stands in {UNSAFE} alone"), &problems);
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut problems = Vec::new();
    for file in rust_files() {
        let text = source(&file);
        let lines: Vec<&str> = text.lines().collect();
        for at in unsafe_lines(&text) {
            if !explained(&lines, at) {
                problems.push(format!("{file}:{}: {}", at + 1, lines[at].trim()));
            }
        }
    }
    hold("A `SAFETY:` comment or a `# Safety` section stands above unsafe code", &problems);
}

/// Indices of lines with an unsafe block, function or implementation.
///
/// Types of unsafe functions are harmless, and a function that implements a trait has its contract there.
fn unsafe_lines(text: &str) -> Vec<usize> {
    let code = code(text);
    let lines: Vec<&str> = code.lines().collect();
    let is_unsafe = |at: &usize| {
        let line = lines[*at].replace("unsafe fn(", "fn(");
        let mut words = words(&line).skip_while(|word| *word != "unsafe");
        let (found, next) = (words.next(), words.next());
        found.is_some() && !(next == Some("fn") && implements_a_trait(&lines[..=*at]))
    };
    (0..lines.len()).filter(is_unsafe).collect()
}

/// Whether the last line stands in an `impl Trait for Type`: the next line above that is indented less says so.
fn implements_a_trait(lines: &[&str]) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let Some((last, above)) = lines.split_last() else { return false };
    let holds_it = |line: &&&str| !line.trim().is_empty() && indent(line) < indent(last);
    above.iter().rev().find(holds_it).is_some_and(|line| {
        let words: Vec<&str> = words(line).collect();
        words.contains(&"impl") && words.contains(&"for")
    })
}

/// Whether the explanation is on the line, close above it, or in the comments and attributes that belong to it.
fn explained(lines: &[&str], at: usize) -> bool {
    let says = |line: &&str| line.contains("SAFETY:") || line.contains("# Safety");
    let belongs = |line: &&&str| ["//", "#["].iter().any(|start| line.trim().starts_with(start));
    lines[at.saturating_sub(NEAR)..=at].iter().any(says)
        || lines[..at].iter().rev().take_while(belongs).any(says)
}

#[test]
fn an_explanation_belongs_to_what_it_stands_above() {
    let long = "/// # Safety\n///\n/// a\n/// b\n/// c\n#[inline]\nunsafe fn f() {}";
    let far = "/// # Safety\n\n\n\nunsafe fn f() {}";
    let near = "// SAFETY: a\nlet x = f(\n    1,\n    unsafe { g() });";
    for (text, is_explained) in [(long, true), (far, false), (near, true)] {
        let lines: Vec<&str> = text.lines().collect();
        let found = unsafe_lines(text);
        assert_eq!(found, [lines.len() - 1]);
        assert_eq!(explained(&lines, found[0]), is_explained, "{text}");
    }
}

#[test]
fn a_type_a_comment_and_an_inherited_contract_are_not_unsafe() {
    for harmless in [
        "type F = unsafe fn(u8);",
        "// unsafe",
        "let unsafety = \"unsafe\";",
        "impl Load for Lanes {\n\n    unsafe fn load(self) {}\n}",
    ] {
        assert_eq!(unsafe_lines(harmless), [0; 0], "{harmless}");
    }
    assert_eq!(unsafe_lines("impl Lanes {\n    unsafe fn load(self) {}\n}"), [1]);
    assert_eq!(unsafe_lines("unsafe impl Sync for Lanes {}"), [0]);
}
