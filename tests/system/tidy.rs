//! The rules of the repository that no compiler checks. Each test is one rule and lists every place that breaks it.

mod arrows;
mod code;
mod layout;
mod modules;
mod unsafety;
mod wording;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the repository")
}

/// What a command that runs in the root prints.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("`{program}` does not run: {error}"));
    assert!(
        output.status.success(),
        "`{program} {}` failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Every file of the repository, tracked or not yet so, as a path from the root with `/` between its parts.
fn files() -> Vec<String> {
    let listing = output("git", &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let mut files: Vec<String> = listing
        .split_terminator('\0')
        .filter(|file| root().join(file).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Every Rust file of the repository.
fn rust_files() -> Vec<String> {
    files().into_iter().filter(|file| extension(file) == Some("rs")).collect()
}

fn extension(file: &str) -> Option<&str> {
    Path::new(file).extension()?.to_str()
}

/// The text of a file; `None` if it is not text.
#[expect(clippy::disallowed_methods, reason = "these tests are about the files of the repository")]
fn text(file: &str) -> Option<String> {
    String::from_utf8(std::fs::read(root().join(file)).unwrap()).ok()
}

/// The text of a Rust file.
fn source(file: &str) -> String {
    text(file).unwrap_or_else(|| panic!("{file} is not UTF-8"))
}

/// The packages of the workspace, as `cargo metadata` describes them.
fn packages() -> Vec<Value> {
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let metadata: Value = serde_json::from_str(&output(env!("CARGO"), &arguments)).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn string<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("`cargo metadata` has no string `{key}`"))
}

/// Roots of the crates of a package: libraries, programs, tests, benches and build scripts.
fn crate_roots(package: &Value) -> Vec<String> {
    let of = |target: &Value| {
        let path = PathBuf::from(string(target, "src_path"));
        let path = path.strip_prefix(root()).expect("a target lies in the repository");
        path.to_str().unwrap().replace('\\', "/")
    };
    package["targets"].as_array().unwrap().iter().map(of).collect()
}

/// Fails with every problem, under the rule they break.
fn hold(rule: &str, problems: &[String]) {
    let mut message = format!("{rule}; {} to mend:\n", problems.len());
    for problem in problems {
        writeln!(message, "  {problem}").unwrap();
    }
    assert!(problems.is_empty(), "{message}");
}
