//! What channels are charged, by which strength, and where.

use cost_models::Resource;
use graph::Graph;
use regularizers::{Grouping, Scope, ScopeError, ScopePatterns, Settings, StrengthKind};
use serde::{Deserialize, Serialize};

use super::problem::Problems;
use crate::spec;

/// What channels are charged, and when one is dead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularizer {
    /// How alive a channel is.
    pub strength: Strength,
    /// What a channel is charged for.
    pub cost: Resource,
    /// A channel whose strength is below it is dead.
    pub alive_threshold: f64,
    /// How the strengths of tied channels combine.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grouping: Grouping,
    /// Which layers are charged, and how much more than others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub scope: ScopePatterns,
    /// Fewest channels of a layer that is there at all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub min_width: usize,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How alive a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// The absolute value of its scale in batch norm.
    Gamma,
    /// The norm of its filter.
    GroupLasso {
        /// Share of the mean absolute value.
        l1_fraction: f32,
    },
    /// Scales where they can silence it, else norms.
    Mixed,
}

impl Strength {
    fn kind(self) -> StrengthKind {
        match self {
            Self::Gamma => StrengthKind::Gamma,
            Self::GroupLasso { l1_fraction } => StrengthKind::GroupLasso { l1_fraction },
            Self::Mixed => StrengthKind::Mixed,
        }
    }
}

impl Regularizer {
    /// As written, with defaults filled in.
    pub(super) fn of(written: &spec::Regularizer, cost: Resource) -> Self {
        let strength = match written.strength {
            spec::Strength::Gamma => Strength::Gamma,
            spec::Strength::GroupLasso(spec::GroupLasso { l1_fraction }) => {
                Strength::GroupLasso { l1_fraction: l1_fraction.get() as f32 }
            }
            spec::Strength::Mixed => Strength::Mixed,
        };
        let usual = strength.kind().usual_threshold();
        Self {
            strength,
            cost,
            alive_threshold: written.alive_threshold.map_or(usual, spec::Threshold::get),
            grouping: match written.grouping {
                spec::Grouping::Max => Grouping::Max,
                spec::Grouping::L2(spec::L2 { threshold }) => {
                    Grouping::L2 { threshold: threshold.get() as f32 }
                }
            },
            scope: patterns(written),
            min_width: written.min_width.size(),
        }
    }

    /// The settings of a penalty at a strength; where there are targets, the strength that it begins with.
    pub fn settings(&self, strength: f64) -> Settings {
        Settings {
            strength,
            alive_threshold: self.alive_threshold,
            grouping: self.grouping,
            kind: self.strength.kind(),
            min_width: self.min_width,
        }
    }

    /// The layers that are meant, of a graph that may lack some of the seed's.
    pub fn scope(&self, graph: &Graph) -> Result<Scope, ScopeError> {
        let mut patterns = self.scope.clone();
        loop {
            let gone = match Scope::resolve(graph, &patterns) {
                Err(ScopeError::NoMatch { pattern, nearest: _ }) => pattern,
                Err(ScopeError::OneTied { patterns: _, node }) => {
                    patterns.tied.retain(|list| !means_only(graph, list, &node));
                    continue;
                }
                resolved @ (Ok(_) | Err(ScopeError::Weight { .. } | ScopeError::Tie(_))) => {
                    return resolved;
                }
            };
            let stays = |pattern: &String| *pattern != gone;
            patterns.ignored.retain(stays);
            if let Some(only) = &mut patterns.only {
                only.retain(stays);
            }
            patterns.weights.retain(|(pattern, _)| *pattern != gone);
            for list in &mut patterns.tied {
                list.retain(stays);
            }
            patterns.tied.retain(|list| !list.is_empty());
        }
    }
}

/// Whether a list of patterns means this layer alone.
fn means_only(graph: &Graph, list: &[String], node: &str) -> bool {
    let patterns = ScopePatterns { ignored: list.to_vec(), ..ScopePatterns::default() };
    Scope::resolve(graph, &patterns)
        .is_ok_and(|scope| scope.ignored.iter().all(|id| graph.node(*id).name == node))
}

fn patterns(written: &spec::Regularizer) -> ScopePatterns {
    ScopePatterns {
        ignored: written.ignored_layers.clone(),
        only: written.only_layers.clone(),
        weights: written
            .layer_weights
            .iter()
            .map(|(pattern, weight)| (pattern.clone(), weight.get()))
            .collect(),
        tied: written.tied.clone(),
    }
}

/// Every pattern must mean a layer of the seed.
pub(super) fn check_scope(written: &spec::Regularizer, seed: &Graph, problems: &mut Problems) {
    let before = problems.0.len();
    let mut check = |at: &str, patterns: ScopePatterns| {
        if let Err(error) = Scope::resolve(seed, &patterns) {
            let help =
                "`runner cost FILE --per-layer` lists the layers; `*` stands for any characters";
            problems.push(at, format!("`{at}`: {error}"), Some(help.to_owned()));
        }
    };
    let none = ScopePatterns::default;
    let only: Vec<&String> = written.only_layers.iter().flatten().collect();
    let ignored: Vec<&String> = written.ignored_layers.iter().collect();
    for (key, list) in [("ignored_layers", ignored), ("only_layers", only)] {
        for (index, pattern) in list.into_iter().enumerate() {
            let at = format!("regularizer.{key}[{index}]");
            check(&at, ScopePatterns { ignored: vec![pattern.clone()], ..none() });
        }
    }
    for (pattern, weight) in &written.layer_weights {
        let weights = vec![(pattern.clone(), weight.get())];
        check("regularizer.layer_weights", ScopePatterns { weights, ..none() });
    }
    for (index, list) in written.tied.iter().enumerate() {
        let at = format!("regularizer.tied[{index}]");
        check(&at, ScopePatterns { tied: vec![list.clone()], ..none() });
    }
    if problems.0.len() == before
        && let Err(error) = Scope::resolve(seed, &patterns(written))
    {
        problems.push("regularizer.tied", format!("`regularizer.tied`: {error}"), None);
    }
}
