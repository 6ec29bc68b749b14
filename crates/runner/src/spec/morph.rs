//! What `runner morph` is told: parts of an experiment, with defaults for all of them.

use serde::Deserialize;

use super::read::{parse_part, parse_whole};
use super::{CostTarget, Dataset, Override, Recipe, Regularizer, Source, Targets};
use crate::diagnostic::Diagnostic;

/// The parts of an experiment that a morphing has: all but `dataset` have defaults ([`defaults`]), and `--set` changes them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map of keys")]
pub struct MorphSpec {
    /// The images.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub dataset: Dataset,
    /// What channels are charged, and when one is dead.
    pub regularizer: Regularizer,
    /// How widths are learned.
    pub search: Recipe,
    /// How the network is trained afterwards; and before, if it comes without weights.
    pub retrain: Recipe,
}

/// A data set that stands alone.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a data set, such as `fashion-mnist`")]
pub struct DatasetSection {
    /// The images.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub dataset: Dataset,
}

impl DatasetSection {
    /// A data set by what a command line calls it: `cifar-10`, `cifar-10: { validation: 1000 }`, or as it stands in an
    /// experiment file, `{ cifar-10: { validation: 1000 } }`.
    pub fn named(text: &str) -> Result<Self, Diagnostic> {
        parse_part(&section(text))
    }
}

fn section(dataset: &str) -> String {
    let dataset = dataset.trim();
    match dataset.split_once(':') {
        _ if dataset.starts_with('{') => format!("dataset: {dataset}\n"),
        Some(_) => format!("dataset: {{ {dataset} }}\n"),
        None => format!("dataset: {{ {dataset}: {{}} }}\n"),
    }
}

/// The parts as they are unless the command line changes them. `strength` is as in an experiment file; what has learned
/// weights is trained gently.
pub fn defaults(
    dataset: &str,
    strength: &str,
    has_weights: bool,
    changes: &[String],
) -> Result<(Source, MorphSpec), Diagnostic> {
    let rate = if has_weights { "0.01" } else { "0.05" };
    let text = format!(
        "{}regularizer: {{ strength: {strength} }}
search: {{ epochs: 10, batch_size: 64, optimizer: {{ sgd: {{ momentum: 0.9 }} }}, learning_rate: {{ constant: {rate} }}, weight_decay: 1.0e-4 }}
retrain: {{ epochs: 10, batch_size: 64, optimizer: {{ sgd: {{ momentum: 0.9 }} }}, learning_rate: {{ cosine: {{ peak: {rate} }} }}, weight_decay: 1.0e-4 }}
",
        section(dataset)
    );
    let changes = changes.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
    let source = Source::from_bytes("morph.yaml", text.into_bytes())?.with_overrides(changes);
    let spec = parse_whole(&source)?;
    Ok((source, spec))
}

/// A target by what a command line calls it: `flops=50%`, one word for every resource.
pub fn target(words: &[String]) -> Result<Targets, Diagnostic> {
    let mut costs = Vec::new();
    for word in words {
        let Some((resource, amount)) = word.split_once('=') else {
            return Err(Diagnostic::new(format!("the target `{word}` lacks its `=`"))
                .help("write a resource, `=` and how much of it, as in `--target flops=50%`"));
        };
        costs.push(format!("{resource}: {amount}"));
    }
    let target: CostTarget = parse_part(&format!("{{ {} }}", costs.join(", ")))?;
    Ok(Targets { all: vec![target], listed: false, key: "target" })
}
