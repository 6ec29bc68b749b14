//! Files: how long they are, and that each belongs to a crate.

use std::collections::BTreeSet;

use super::code::{code, lines_without_tests, words};
use super::{crate_roots, hold, packages, rust_files, source};

/// Lines a file may have without its tests.
const MOST_LINES: usize = 500;

#[test]
fn a_source_file_is_short() {
    let problems: Vec<_> = rust_files()
        .iter()
        .filter(|file| file.contains("/src/"))
        .map(|file| (file, lines_without_tests(&source(file))))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{file} has {lines}"))
        .collect();
    hold(&format!("A file has at most {MOST_LINES} lines without its tests"), &problems);
}

#[test]
fn nothing_is_left_to_do() {
    let mut problems = Vec::new();
    for file in rust_files() {
        for (line, text) in code(&source(&file)).lines().enumerate() {
            if text.contains("todo!") || text.contains("unimplemented!") {
                problems.push(format!("{file}:{}", line + 1));
            }
        }
    }
    hold("No code stands for code that is missing", &problems);
}

/// Where the submodules of a file may lie: `a.rs` and `a/mod.rs` for every `mod a;` in it.
fn submodules(file: &str, is_root: bool) -> Vec<String> {
    let (folder, name) = file.rsplit_once('/').unwrap_or((".", file));
    let folder = match name.strip_suffix(".rs") {
        Some(stem) if !is_root && stem != "mod" => format!("{folder}/{stem}"),
        _ => folder.to_owned(),
    };
    code(&source(file))
        .lines()
        .filter(|line| line.trim_end().ends_with(';'))
        .filter_map(|line| {
            let mut words = words(line).skip_while(|word| *word != "mod").skip(1);
            words.next().filter(|_| words.next().is_none()).map(str::to_owned)
        })
        .flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")])
        .collect()
}

#[test]
fn every_file_belongs_to_a_crate() {
    let files: BTreeSet<String> = rust_files().into_iter().collect();
    let roots: BTreeSet<String> = packages().iter().flat_map(crate_roots).collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> =
        roots.iter().filter(|root| files.contains(*root)).cloned().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file.clone()) {
            let submodules = submodules(&file, roots.contains(&file));
            open.extend(submodules.into_iter().filter(|module| files.contains(module)));
        }
    }
    let problems: Vec<_> = files
        .difference(&reached)
        .map(|file| format!("{file} is in no crate: declare it with `mod`, or remove it"))
        .collect();
    hold("Every Rust file is reached from the root of a crate", &problems);
}
