//! Which work variants share: a search or a retraining is done once for all variants whose axes do not touch it.

use std::collections::{BTreeMap, BTreeSet};

use report::Mode;
use serde::Serialize;

use super::study::{Study, Variant};
use super::{Cycles, Plan, label};
use crate::store;

/// Names of the folders in which a variant's searches and retrainings lie; variants of equal names share them. Empty where all
/// variants do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Of searches, and of the structures that they find.
    pub search: String,
    /// Of retrainings.
    pub retrain: String,
}

/// The scopes of all variants, in their order.
pub(crate) fn of(study: &Study) -> Vec<Scope> {
    let variants = study.variants();
    let names = |decides: fn(&Plan) -> String| {
        let decided: Vec<String> = variants.iter().map(|it| decides(&it.plan)).collect();
        folders(variants, &decided)
    };
    let (searches, retrainings) = (names(search), names(retraining));
    let both = searches.into_iter().zip(retrainings);
    both.map(|(search, retrain)| Scope { search, retrain }).collect()
}

/// All that decides what a search with a given strength or target and seed finds.
fn search(plan: &Plan) -> String {
    let mut plan = plan.clone();
    let carries = plan.carries_weights();
    plan.name.clear();
    plan.seeds.clear();
    plan.modes = vec![if carries { Mode::FineTune } else { Mode::Scratch }];
    plan.sweep.strengths.clear();
    plan.sweep.width_multipliers.clear();
    plan.baselines.clear();
    plan.retrain = plan.search.clone();
    plan.cycles = Cycles::default();
    store::digest(plan.to_json().as_bytes())
}

/// All that decides what the retraining of a given network with a given seed reaches.
fn retraining(plan: &Plan) -> String {
    #[derive(Serialize)]
    struct Decides<'a> {
        dataset: super::Dataset,
        input: graph::Shape,
        classes: usize,
        labels: super::Labels,
        standards: Option<&'a super::Standards>,
        retrain: &'a training::Recipe,
        /// Decides the epochs of equal compute.
        seed_flops: Option<u64>,
    }
    let Plan { dataset, input, classes, labels, standards, retrain, .. } = plan;
    let for_equal_compute = plan.modes.contains(&Mode::ScratchB);
    let decides = Decides {
        dataset: *dataset,
        input: *input,
        classes: *classes,
        labels: *labels,
        standards: standards.as_ref(),
        retrain,
        seed_flops: for_equal_compute.then_some(plan.seed_cost.flops),
    };
    let text = serde_json::to_string(&decides).expect("a plan holds finite numbers and texts");
    store::digest(text.as_bytes())
}

/// A name for each variant that is the same exactly where what decides is the same: the settings of as few axes as tell them
/// apart, the first ones where there is a choice.
fn folders(variants: &[Variant], decided: &[String]) -> Vec<String> {
    let axes = variants[0].settings.len();
    let mut kept: Vec<usize> = (0..axes).collect();
    for axis in (0..axes).rev() {
        let fewer: Vec<usize> = kept.iter().copied().filter(|it| *it != axis).collect();
        if decides_alone(variants, decided, &fewer) {
            kept = fewer;
        }
    }
    let mut by_decision: BTreeMap<&str, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (variant, decision) in variants.iter().zip(decided) {
        by_decision.entry(decision).or_insert_with(|| {
            let words: Vec<&str> = kept.iter().map(|it| variant.settings[*it].as_str()).collect();
            let plain = label::file_name(&words.join(" "));
            // Different settings can have equal names once they are shortened.
            let is_new = taken.insert(plain.clone());
            if is_new { plain } else { format!("{plain}-{}", &decision[..8]) }
        });
    }
    decided.iter().map(|decision| by_decision[decision.as_str()].clone()).collect()
}

/// Whether variants that agree in these axes agree in what is decided.
fn decides_alone(variants: &[Variant], decided: &[String], axes: &[usize]) -> bool {
    let key = |index: usize| -> Vec<&str> {
        axes.iter().map(|axis| variants[index].settings[*axis].as_str()).collect()
    };
    let mut seen = BTreeMap::new();
    (0..variants.len()).all(|index| {
        let first = *seen.entry(key(index)).or_insert(index);
        decided[first] == decided[index]
    })
}
