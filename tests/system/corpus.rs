//! Files from elsewhere that are damaged: those that `scripts/fuzz` found, and those that it starts from.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::seeds;
use crate::target::Target;

/// Reads an input; what is wrong with how it was refused.
fn problem(target: Target, name: &str, bytes: &[u8]) -> Option<String> {
    let said = catch_unwind(AssertUnwindSafe(|| target.read(bytes)));
    let wrong = match said {
        Err(_) => "panics".to_owned(),
        Ok(Err(error)) if error.trim().is_empty() => "is refused without a word".to_owned(),
        Ok(Err(error)) if error.len() > 10_000 => format!("is refused with {} bytes", error.len()),
        Ok(Ok(()) | Err(_)) => return None,
    };
    Some(format!("{} {name} {wrong}", target.name()))
}

#[test]
fn every_input_that_was_found_is_read_or_refused_with_a_message() {
    let mut problems = Vec::new();
    for target in Target::ALL {
        let kept = seeds::kept(target);
        assert!(!kept.is_empty(), "no inputs are kept for {}", target.name());
        problems.extend(kept.iter().filter_map(|(name, bytes)| problem(target, name, bytes)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_seed_is_read_or_refused_with_a_message_and_some_are_read() {
    for target in Target::ALL {
        let seeds = seeds::seeds(target);
        let problems: Vec<String> =
            seeds.iter().filter_map(|bytes| problem(target, "seed", bytes)).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        assert!(seeds.iter().any(|bytes| target.read(bytes).is_ok()), "{}", target.name());
    }
}

#[test]
fn every_kept_input_has_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for entry in fs::read_dir(corpus).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        assert!(Target::ALL.iter().any(|target| target.name() == name), "{name} is no target");
    }
}
