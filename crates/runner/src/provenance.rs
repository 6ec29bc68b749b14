//! How results came about: one record for each process that worked on them.
//!
//! Every process has a file of its own, so that any number of them can work on one run; `provenance.json` is all of them
//! together. It is the only result with times and names of machines in it, and so the only one that two runs of a plan do not
//! have in common.

mod facts;
mod machine;
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

pub(crate) use facts::facts;
use machine::Machine;
use program::Program;

use crate::clock;
use crate::store;

/// What `provenance.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Provenance {
    /// Version of this format.
    schema: u32,
    /// SHA-256 of the plan.
    plan: String,
    /// The random streams of the run, below which all others are.
    streams: Vec<Stream>,
    /// The processes that worked on the run, in the order in which they began.
    processes: Vec<Process>,
}

/// Random streams that a part of the run draws from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Name.
    pub(crate) name: String,
    /// Seed of the experiment that they are derived from.
    pub(crate) seed: u64,
    /// What they are derived with, in 16 hexadecimal digits.
    pub(crate) key: String,
}

/// One process that worked on a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Process {
    /// When it began, in universal time.
    begin: String,
    /// When it ended; nothing if it was killed or is at work.
    end: Option<String>,
    /// Number of the process on its machine.
    id: u32,
    /// Its arguments, after the name of the program.
    arguments: Vec<String>,
    program: Program,
    machine: Machine,
    circumstances: Circumstances,
    /// What Slurm says of its job; empty outside of one.
    slurm: BTreeMap<String, String>,
}

/// What a process was given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Circumstances {
    /// The device.
    pub(crate) device: String,
    /// Its vector instructions.
    pub(crate) instructions: String,
    /// Points that are worked on at the same time.
    pub(crate) jobs: usize,
    /// Threads of each.
    pub(crate) threads: usize,
    /// What was changed in the experiment file, in order.
    pub(crate) changes: Vec<String>,
    /// The data files that were read, in order.
    pub(crate) data: Vec<DataFile>,
}

/// A file that images were read from, or a folder of such files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataFile {
    /// Its name.
    pub(crate) name: String,
    /// SHA-256 of its content; of a folder, of the names of its files, one a line.
    pub(crate) sha256: String,
}

const SCHEMA: u32 = 1;
const FILE: &str = "provenance.json";

/// Writes the record of this process once it is at work.
#[derive(Debug)]
pub(crate) struct Recorder {
    folder: PathBuf,
    circumstances: Circumstances,
    begun: Mutex<Option<(PathBuf, Process)>>,
}

impl Recorder {
    /// For a process that may work on the run in this folder.
    pub(crate) fn new(folder: &Path, circumstances: Circumstances) -> Self {
        Self { folder: folder.to_owned(), circumstances, begun: Mutex::default() }
    }

    /// Records the process, if it is not recorded yet.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        let mut begun = self.begun.lock().expect("no thread panics while it holds the lock");
        if begun.is_some() {
            return Ok(());
        }
        let process = Process {
            begin: clock::now(),
            end: None,
            id: std::process::id(),
            arguments: std::env::args_os()
                .skip(1)
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            program: Program::this(),
            machine: Machine::this(),
            circumstances: self.circumstances.clone(),
            slurm: machine::slurm(),
        };
        let Process { begin, id, machine, .. } = &process;
        let host = machine.host.as_deref().unwrap_or("host");
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = format!("{begin}-{host}-{id}").chars().map(plain).collect();
        let path = processes(&self.folder).join(format!("{name}.json"));
        store::write_json(&path, &process)?;
        *begun = Some((path, process));
        Ok(())
    }

    /// Records the end of the process, if its beginning is recorded.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        let mut begun = self.begun.lock().expect("no thread panics while it holds the lock");
        let Some((path, process)) = begun.as_mut() else { return Ok(()) };
        process.end = Some(clock::now());
        store::write_json(path, process)
    }
}

fn processes(folder: &Path) -> PathBuf {
    folder.join("state").join("processes")
}

/// Writes the records of all processes together. Where there is none, what was written before is left.
pub(crate) fn write(folder: &Path, plan: &str, streams: Vec<Stream>) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let is_record = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    for path in store::files(&processes(folder))?.into_iter().filter(is_record) {
        found.extend(store::read_json::<Process>(&path)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    let provenance =
        Provenance { schema: SCHEMA, plan: plan.to_owned(), streams, processes: found };
    store::write_json(&folder.join(FILE), &provenance)
}

/// Reads what is known of how the results in a folder came about.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Option<Provenance>> {
    store::read_json(&folder.join(FILE))
}

impl Provenance {
    /// What was changed in the experiment file, by the last process.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.processes.last().map_or_else(Vec::new, |last| last.circumstances.changes.clone())
    }
}
