//! What a page says of how results came about: everything but times and names of machines.

use report::html::Fact;

use super::{DataFile, Process, Provenance, Stream};

/// Most values that are listed of one fact.
const MOST: usize = 8;

/// The facts, each with one value if all processes agree, or else with all of them.
pub(crate) fn facts(provenance: &Provenance) -> Vec<Fact> {
    let Provenance { schema: _, plan, streams, processes } = provenance;
    let fact = |name: &str, of: &dyn Fn(&Process) -> Vec<String>| Fact {
        name: name.to_owned(),
        values: distinct(processes, of),
    };
    let mut facts = vec![
        Fact { name: "plan".to_owned(), values: vec![format!("SHA-256 {plan}")] },
        fact("program", &|process| vec![program(process)]),
        fact("Cargo.lock", &|process| vec![format!("SHA-256 {}", process.program.cargo_lock)]),
        fact("compiler", &|process| vec![process.program.rustc.clone()]),
        fact("machine", &|process| vec![machine(process)]),
        fact("device", &|process| {
            let given = &process.circumstances;
            vec![format!("{} with {}", given.device, given.instructions)]
        }),
        fact("workers", &|process| {
            let given = &process.circumstances;
            vec![format!("jobs: {}, threads of each: {}", given.jobs, given.threads)]
        }),
        fact("arguments", &|process| vec![process.arguments.join(" ")]),
        fact("data", &|process| process.circumstances.data.iter().map(data_file).collect()),
        Fact { name: "random streams".to_owned(), values: listed(streams.iter().map(stream)) },
        fact("Slurm", &|process| {
            let set = process.slurm.iter().map(|(name, value)| format!("{name}={value}"));
            Some(set.collect::<Vec<_>>().join(" "))
                .filter(|it| !it.is_empty())
                .into_iter()
                .collect()
        }),
        Fact { name: "processes".to_owned(), values: vec![count(processes)] },
    ];
    facts.retain(|fact| !fact.values.is_empty());
    facts
}

fn program(process: &Process) -> String {
    let program = &process.program;
    let commit = program.commit.as_deref().unwrap_or("unknown");
    let modified = match program.modified {
        Some(true) => ", with changes that are not committed",
        Some(false) | None => "",
    };
    format!("runner {}, commit {commit}{modified}", program.version)
}

fn machine(process: &Process) -> String {
    let machine = &process.machine;
    let cpu = machine.cpu.as_deref().unwrap_or("unknown processor");
    format!("{cpu}, {} cores, {}", machine.cores, machine.platform)
}

fn data_file(file: &DataFile) -> String {
    format!("{}: SHA-256 {}", file.name, file.sha256)
}

fn stream(stream: &Stream) -> String {
    format!("{} of seed {}: {}", stream.name, stream.seed, stream.key)
}

fn count(processes: &[Process]) -> String {
    let unended = processes.iter().filter(|process| process.end.is_none()).count();
    let killed = match unended {
        0 => String::new(),
        unended => format!(", of which {unended} did not come to an end"),
    };
    format!("{}{killed}; times and machines are in provenance.json", processes.len())
}

/// What processes say, each value once, with how many say it unless all do.
fn distinct(processes: &[Process], of: &dyn Fn(&Process) -> Vec<String>) -> Vec<String> {
    let mut found: Vec<(String, usize)> = Vec::new();
    for value in processes.iter().flat_map(of) {
        match found.iter_mut().find(|(known, _)| *known == value) {
            Some((_, times)) => *times += 1,
            None => found.push((value, 1)),
        }
    }
    listed(found.into_iter().map(|(value, times)| {
        if times == processes.len() {
            value
        } else {
            format!("{value} ({times} of {})", processes.len())
        }
    }))
}

/// The first values, and how many more there are.
fn listed(values: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = values.len().saturating_sub(MOST);
    let more = (more > 0).then(|| format!("and {more} more in provenance.json"));
    values.take(MOST).chain(more).collect()
}
