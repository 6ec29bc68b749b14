//! What channels are charged, by which strength, and where.

use std::borrow::Cow;

use cost_models::{CostForm, CostModel, Resource};
use graph::Graph;
use regularizers::{
    Grouping, MaskOrProbability, Scope, ScopeError, ScopePatterns, Settings, StrengthKind,
};
use serde::{Deserialize, Serialize};
use training::GateRecipe;

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
    /// The probability that its gate is open; how gates are drawn is in the recipe of the search.
    Gate {
        /// What is charged.
        on: Charged,
    },
}

/// What the penalty on a gate charges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Charged {
    /// The probability of being open.
    Probability,
    /// A mask drawn in every step.
    Mask {
        /// Its temperature.
        temperature: f32,
    },
}

impl Strength {
    fn of(written: spec::Strength) -> Self {
        match written {
            spec::Strength::Gamma => Self::Gamma,
            spec::Strength::GroupLasso(spec::GroupLasso { l1_fraction }) => {
                Self::GroupLasso { l1_fraction: l1_fraction.get() as f32 }
            }
            spec::Strength::Mixed => Self::Mixed,
            spec::Strength::Gate(gate) => Self::Gate {
                on: match gate.on {
                    spec::Charged::Probability => Charged::Probability,
                    spec::Charged::Mask => {
                        Charged::Mask { temperature: gate.temperature.get() as f32 }
                    }
                },
            },
        }
    }

    /// The strength in a search with this seed, which draws the masks that are charged.
    fn kind(self, seed: u64) -> StrengthKind {
        match self {
            Self::Gamma => StrengthKind::Gamma,
            Self::GroupLasso { l1_fraction } => StrengthKind::GroupLasso { l1_fraction },
            Self::Mixed => StrengthKind::Mixed,
            Self::Gate { on: Charged::Probability } => {
                StrengthKind::Gate { on: MaskOrProbability::Probability }
            }
            Self::Gate { on: Charged::Mask { temperature } } => {
                StrengthKind::Gate { on: MaskOrProbability::Mask { temperature, seed } }
            }
        }
    }

    fn has_gates(self) -> bool {
        match self {
            Self::Gamma | Self::GroupLasso { .. } | Self::Mixed => false,
            Self::Gate { .. } => true,
        }
    }
}

/// How the gates of a search are drawn; the default if it has none.
pub(super) fn gates(written: &spec::Regularizer) -> GateRecipe {
    let spec::Strength::Gate(gate) = written.strength else { return GateRecipe::default() };
    GateRecipe {
        temperature: gate.temperature.get(),
        straight_through: gate.straight_through,
        annealing_epochs: gate.annealing_epochs.map(spec::Positive::get),
        soft_inference: gate.soft_inference,
    }
}

impl Regularizer {
    /// As written, with defaults filled in.
    pub(super) fn of(written: &spec::Regularizer, cost: Resource) -> Self {
        let strength = Strength::of(written.strength);
        let usual = strength.kind(0).usual_threshold();
        Self {
            strength,
            cost,
            alive_threshold: written.alive_threshold.map_or(usual, spec::Threshold::get),
            grouping: match written.grouping {
                None if strength.has_gates() => Grouping::Probabilistic,
                None | Some(spec::Grouping::Max) => Grouping::Max,
                Some(spec::Grouping::L2(spec::L2 { threshold })) => {
                    Grouping::L2 { threshold: threshold.get() as f32 }
                }
                Some(spec::Grouping::Probabilistic) => Grouping::Probabilistic,
            },
            scope: patterns(written),
            min_width: written.min_width.size(),
        }
    }

    /// The network that a search trains to learn widths of a graph: the graph, with gates if they are the strength.
    pub fn trained<'a>(&self, graph: &'a Graph) -> Cow<'a, Graph> {
        if self.strength.has_gates() {
            Cow::Owned(regularizers::gated(graph))
        } else {
            Cow::Borrowed(graph)
        }
    }

    /// Cost of a graph as an expression in the widths of the network that a search trains; gates are free, since they are not
    /// there in the end.
    pub fn form(&self, model: &dyn CostModel, graph: &Graph) -> CostForm {
        let form = CostForm::of(model, graph);
        if !self.strength.has_gates() {
            return form;
        }
        form.carried(graph, &self.trained(graph)).expect("gates are all that is added")
    }

    /// The settings of a penalty at a strength; where there are targets, the strength that it begins with. `seed` is that of
    /// the search.
    pub fn settings(&self, strength: f64, seed: u64) -> Settings {
        Settings {
            strength,
            alive_threshold: self.alive_threshold,
            grouping: self.grouping,
            kind: self.strength.kind(seed),
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
    if written.grouping == Some(spec::Grouping::Probabilistic)
        && !matches!(written.strength, spec::Strength::Gate(_))
    {
        problems.add(
            "regularizer.grouping",
            "`regularizer.grouping: probabilistic` combines probabilities, and only those of `gate` are any",
            "write `strength: { gate: {} }`, or leave `grouping` out",
        );
    }
    if problems.0.len() == before
        && let Err(error) = Scope::resolve(seed, &patterns(written))
    {
        problems.push("regularizer.tied", format!("`regularizer.tied`: {error}"), None);
    }
}
