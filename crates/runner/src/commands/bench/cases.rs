//! Which networks are measured.

use graph::Shape;
use serde::Deserialize;
use training::Network;

use crate::cli::{BenchOptions, parse_input};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::network::{Named, named};
use crate::store;

/// A network and its batch.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) network: Network,
    pub(super) batch: u32,
}

/// An entry of a list of networks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// As on the command line.
    network: String,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    classes: Option<u32>,
    batch: u32,
}

/// The networks that the options name.
pub(super) fn cases(options: &BenchOptions) -> Result<Vec<Case>, Diagnostics> {
    let Some(file) = &options.list else {
        let of = |text: &String| {
            let Named { name, network } = named(text, options.input, options.classes)?;
            Ok(Case { name, network, batch: options.batch })
        };
        return options.networks.iter().map(of).collect();
    };
    let shown = file.display();
    let fault =
        |problem: String| Diagnostics::from(Diagnostic::new(format!("`{shown}`: {problem}")));
    let bytes = store::read(file).map_err(|error| fault(format!("{error:#}")))?;
    let bytes = bytes.ok_or_else(|| fault("there is no such file".to_owned()))?;
    let entries: Vec<Entry> =
        serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    let of = |entry: Entry| {
        let about = |problem: String| fault(format!("`{}`: {problem}", entry.name));
        let input: Option<Shape> =
            entry.input.as_deref().map(parse_input).transpose().map_err(about)?;
        if !(1..=100_000).contains(&entry.batch) {
            return Err(about(format!("a batch of {}", entry.batch)));
        }
        let Named { name: _, network } = named(&entry.network, input, entry.classes)?;
        Ok(Case { name: entry.name, network, batch: entry.batch })
    };
    entries.into_iter().map(of).collect()
}
