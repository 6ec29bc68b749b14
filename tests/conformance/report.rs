//! Which checks there are, and the report on them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;

use crate::check::Check;
use crate::deviations::DEVIATIONS;
use crate::golden::{Folder, INDEX, UNITS, UNSUPPORTED, VECTORS};
use crate::schema::Network;
use crate::singles::Singles;
use crate::unsupported::Unsupported;
use crate::vectors::{Part, Vectors};
use crate::{anchors, network};

/// The quirks of the original that the README of the golden files lists.
const QUIRKS: [&str; 10] = [
    "depthwise_weight_bytes",
    "conv3d_kernel_as_activation",
    "broadcast_operand_width",
    "channel_link_lost",
    "grouped_conv_as_dense",
    "matmul_rows_ignored",
    "input_tied",
    "not_analysed",
    "gate_internal_ops",
    "lasso_zero_filter_gradient",
];

type Verify = Box<dyn Fn(&mut Check) -> Result<(), String> + Sync>;

/// One line of the report.
struct Line {
    constructs: Vec<String>,
    name: String,
    verify: Verify,
}

impl Line {
    fn new(construct: &str, name: &str, verify: Verify) -> Self {
        Self { constructs: vec![construct.to_owned()], name: name.to_owned(), verify }
    }

    fn construct(&self) -> &str {
        self.constructs.first().map_or("", String::as_str)
    }

    fn matches(&self, filter: &str) -> bool {
        self.constructs.iter().chain([&self.name]).any(|word| word.contains(filter))
    }
}

/// A row of `index.json`.
#[derive(Deserialize)]
struct Row {
    file: String,
    constructs: Vec<String>,
    quirks: Vec<String>,
}

/// Runs the checks that match and prints the report.
pub(crate) fn run(filter: &str, only_list: bool) -> Result<ExitCode, String> {
    let folder = Folder::open();
    let names = folder.names()?;
    let mut lines = lines(&folder, &names)?;
    lines.sort_by(|a, b| (a.construct(), &a.name).cmp(&(b.construct(), &b.name)));
    let all = lines.len();
    lines.retain(|line| line.matches(filter));
    if only_list {
        for line in &lines {
            println!("{}: test", line.name);
        }
        return Ok(ExitCode::SUCCESS);
    }

    println!("\nrunning {} tests", lines.len());
    let checks = carry_out(&lines);
    let (mut failed, mut values) = (Vec::new(), 0);
    let mut quirks: BTreeMap<&str, usize> = BTreeMap::new();
    let mut deviations: BTreeSet<&str> = BTreeSet::new();
    let mut section = "";
    for (line, check) in lines.iter().zip(&checks) {
        if line.construct() != section {
            section = line.construct();
            println!("\n{section}");
        }
        let verdict = if check.failures.is_empty() { "ok" } else { "FAILED" };
        let others = line.constructs.iter().skip(1).map(String::as_str).collect::<Vec<_>>();
        let others =
            if others.is_empty() { String::new() } else { format!(" ({})", others.join(", ")) };
        let met: Vec<&str> = check.quirks.keys().map(String::as_str).collect();
        let met =
            if met.is_empty() { String::new() } else { format!("; quirks {}", met.join(", ")) };
        println!("test {}{others} ... {verdict}, {} values{met}", line.name, check.values);
        values += check.values;
        for (quirk, nodes) in &check.quirks {
            *quirks.entry(quirk).or_default() += nodes.len();
        }
        deviations.extend(&check.deviations);
        if !check.failures.is_empty() {
            failed.push((line, check));
        }
    }

    let mut problems = Vec::new();
    for (line, check) in &failed {
        println!("\n---- {} ----", line.name);
        for failure in check.failures.iter().take(12) {
            println!("{failure}");
        }
        if check.failures.len() > 12 {
            println!("and {} more", check.failures.len() - 12);
        }
    }
    if filter.is_empty() {
        println!(
            "\nquirks of the original, and the nodes at which each was computed from our numbers:"
        );
        for (quirk, nodes) in &quirks {
            println!("  {quirk}: {nodes}");
        }
        println!(
            "deviations computed: {}",
            deviations.iter().copied().collect::<Vec<_>>().join(", ")
        );
        problems = unmet(&folder, &names, &quirks, &deviations)?;
        for problem in &problems {
            println!("{problem}");
        }
    }
    let good = failed.is_empty() && problems.is_empty() && !lines.is_empty();
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; {} filtered out; {values} values compared",
        if good { "ok" } else { "FAILED" },
        lines.len() - failed.len(),
        failed.len(),
        all - lines.len(),
    );
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// All lines: one per network file, and the parts of the unit files that the folder has.
fn lines(folder: &Folder, names: &[String]) -> Result<Vec<Line>, String> {
    let mut lines = vec![Line::new(
        "anchors",
        "inception_v2 at 224x224 with 1001 classes",
        Box::new(anchors::inception),
    )];
    for name in names {
        match name.as_str() {
            INDEX => {}
            UNITS => {
                let singles = std::sync::Arc::new(folder.read::<Singles>(name)?);
                for operator in singles.operators() {
                    let (singles, line) = (singles.clone(), format!("{name} {operator}"));
                    let verify: Verify = Box::new(move |check| singles.verify(&operator, check));
                    lines.push(Line::new("single operators", &line, verify));
                }
            }
            VECTORS => {
                let vectors = std::sync::Arc::new(folder.read::<Vectors>(name)?);
                for part in Part::ALL {
                    let (vectors, line) = (vectors.clone(), format!("{name} {}", part.name()));
                    let verify: Verify =
                        Box::new(move |check| crate::vectors::verify(&vectors, part, check));
                    lines.push(Line::new("vectors", &line, verify));
                }
            }
            UNSUPPORTED => {
                for case in folder.read::<Vec<Unsupported>>(name)? {
                    let line = format!("{name} {}", case.construct);
                    let verify: Verify = Box::new(move |check| case.verify(check));
                    lines.push(Line::new("what the original does not support", &line, verify));
                }
            }
            name => {
                let file: Network = folder.read(name)?;
                let (constructs, line) = (file.constructs.clone(), name.to_owned());
                let verify: Verify = Box::new(move |check| {
                    if line == anchors::NETWORK {
                        anchors::published(&file, check);
                    }
                    network::verify(&line, &file, check)
                });
                lines.push(Line { constructs, name: name.to_owned(), verify });
            }
        }
    }
    Ok(lines)
}

/// Carries out every line on as many threads as there are cores; the results are in the order of the lines.
fn carry_out(lines: &[Line]) -> Vec<Check> {
    let results: Vec<Mutex<Check>> = lines.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((line, result)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            lines.get(at).zip(results.get(at))
        } {
            let mut check = Check::default();
            let verify = std::panic::AssertUnwindSafe(|| (line.verify)(&mut check));
            let verdict = std::panic::catch_unwind(verify);
            match verdict {
                Ok(Ok(())) => {}
                Ok(Err(error)) => check.failures.push(error),
                Err(_) => check.failures.push("it panicked; see above".to_owned()),
            }
            *result.lock().expect("a check does not panic") = check;
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    results.into_iter().map(|result| result.into_inner().expect("a check does not panic")).collect()
}

/// What the whole folder leaves open: quirks that were not met, deviations that were not needed, files that are missing or not
/// listed.
fn unmet(
    folder: &Folder,
    names: &[String],
    quirks: &BTreeMap<&str, usize>,
    deviations: &BTreeSet<&str>,
) -> Result<Vec<String>, String> {
    if !names.iter().any(|name| name == INDEX) {
        return Ok(Vec::new());
    }
    let mut problems = Vec::new();
    let units = [UNITS, VECTORS, UNSUPPORTED, INDEX];
    let found: BTreeSet<&str> =
        names.iter().map(String::as_str).filter(|name| !units.contains(name)).collect();
    let rows: Vec<Row> = folder.read(INDEX)?;
    let listed: BTreeSet<&str> = rows.iter().map(|row| row.file.as_str()).collect();
    for name in found.symmetric_difference(&listed) {
        problems.push(format!("{name} is in the folder or in {INDEX}, not in both"));
    }
    let marked: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.quirks.iter().map(String::as_str)).collect();
    for quirk in marked.iter().chain(&QUIRKS).filter(|quirk| !quirks.contains_key(*quirk)) {
        problems.push(format!("quirk {quirk} was never met"));
    }
    for quirk in marked.iter().filter(|quirk| !QUIRKS.contains(quirk)) {
        problems.push(format!("quirk {quirk} is not one of the README"));
    }
    for deviation in DEVIATIONS.iter().filter(|deviation| !deviations.contains(deviation.name)) {
        problems.push(format!("deviation {} was never needed", deviation.name));
    }
    if rows.iter().any(|row| row.constructs.is_empty()) {
        problems.push("a file without constructs".to_owned());
    }
    Ok(problems)
}
