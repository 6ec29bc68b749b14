//! Feeds a reader of files with damaged ones for some seconds: `fuzz TARGET SECONDS SEED FOLDER`, which `scripts/fuzz` calls.
//!
//! An input is interesting if what the reader says to it was never said before. Such inputs are changed further, and written to
//! `FOLDER/TARGET`, those that crash or take long to `FOLDER`. `FOLDER/TARGET.last` is the input under way, should the program
//! be ended by the system.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program that a person runs: it writes files, reads the clock and prints"
)]

mod mutate;
mod seeds;
mod target;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::target::Target;

/// An input that takes longer than that is a finding.
const SLOW: Duration = Duration::from_secs(2);
/// Interesting inputs that are kept for further changes.
const MOST_KEPT: usize = 3000;
/// Larger interesting inputs are not written down.
const MOST_BYTES: usize = 4096;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, seconds, seed, folder] = &arguments[..] else { return usage() };
    let target = Target::ALL.into_iter().find(|target| target.name() == name);
    let (Some(target), Ok(seconds), Ok(seed)) = (target, seconds.parse(), seed.parse()) else {
        return usage();
    };
    let folder = PathBuf::from(folder);
    let written = folder.join(target.name());
    fs::create_dir_all(&written).expect("the folder can be written to");
    let last = folder.join(format!("{}.last", target.name()));

    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut corpus = seeds::seeds(target);
    corpus.extend(seeds::kept(target).into_iter().map(|(_, bytes)| bytes));
    let known = corpus.len();
    let mut said = BTreeSet::new();
    let (mut tried, mut found) = (0_u64, 0);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        let bytes = if tried < known as u64 {
            corpus[tried as usize].clone()
        } else {
            let at = random.random_range(0..corpus.len());
            let other = random.random_range(0..corpus.len());
            mutate::mutated(&corpus[at], &corpus[other], &mut random)
        };
        tried += 1;
        fs::write(&last, &bytes).expect("the folder can be written to");
        let before = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| target.read(&bytes)));
        let finding = match &result {
            Err(_) => Some("crash"),
            Ok(_) if before.elapsed() > SLOW => Some("slow"),
            Ok(_) => None,
        };
        if let Some(kind) = finding {
            found += 1;
            let path = folder.join(format!("{}-{kind}-{seed}-{tried}", target.name()));
            fs::write(&path, &bytes).expect("the folder can be written to");
            println!("{}: {}", kind, path.display());
        }
        let Ok(result) = result else { continue };
        let kind = result.map_or_else(|error| shape_of(&error), |()| String::new());
        if said.insert(kind) && tried > known as u64 && corpus.len() < known + MOST_KEPT {
            if bytes.len() <= MOST_BYTES {
                let path = written.join(format!("{seed}-{tried}"));
                fs::write(path, &bytes).expect("the folder can be written to");
            }
            corpus.push(bytes);
        }
    }
    fs::remove_file(&last).expect("it was written");
    println!(
        "{}: {tried} inputs in {seconds} s, {} different outcomes, {found} findings{}",
        target.name(),
        said.len(),
        peak().map_or_else(String::new, |peak| format!(", at most {peak} in memory"))
    );
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    let names: Vec<&str> = Target::ALL.into_iter().map(Target::name).collect();
    println!("usage: fuzz TARGET SECONDS SEED FOLDER, with TARGET one of {}", names.join(", "));
    ExitCode::from(2)
}

/// A message without what it quotes, counts or spells in digits.
fn shape_of(message: &str) -> String {
    let own = message.split('`').step_by(2).flat_map(str::split_whitespace);
    let words = own.filter(|word| word.chars().all(|c| c.is_ascii_alphabetic() || c == ','));
    words.take(40).collect::<Vec<_>>().join(" ")
}

/// The most memory that this process had, where the system says so.
fn peak() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
