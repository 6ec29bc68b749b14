//! What a network that is retrained begins with, and for how long.

use report::{Arm, Mode};
use training::{Curve, Recipe};

use super::Plan;
use super::problem::Problems;
use crate::spec::{self, Spec};

/// The modes in which the networks of an arm are retrained: those listed that are about them, or else from scratch.
pub(super) fn of_arm(listed: &[Mode], arm: Arm) -> Vec<Mode> {
    let found: Vec<Mode> = listed.iter().copied().filter(|mode| is_about(*mode, arm)).collect();
    if found.is_empty() { vec![Mode::Scratch] } else { found }
}

fn is_about(mode: Mode, arm: Arm) -> bool {
    match mode {
        Mode::Scratch | Mode::ScratchB => true,
        Mode::FineTune => matches!(arm, Arm::Shrink | Arm::L1Norm | Arm::GroupNorm),
        Mode::Grow => arm == Arm::Expand,
    }
}

/// Whether every network is trained from scratch for the same number of epochs.
#[expect(clippy::ptr_arg, reason = "serde passes a reference to the field")]
pub(super) fn is_scratch(modes: &Vec<Mode>) -> bool {
    modes[..] == [Mode::Scratch]
}

/// What a plan that does not say it means.
pub(super) fn scratch() -> Vec<Mode> {
    vec![Mode::Scratch]
}

impl Plan {
    /// How a network with so many FLOPs is retrained.
    pub fn retraining(&self, mode: Mode, flops: u64) -> Recipe {
        match mode {
            Mode::Scratch | Mode::FineTune | Mode::Grow => self.retrain.clone(),
            Mode::ScratchB => for_equal_compute(&self.retrain, self.seed_cost.flops, flops),
        }
    }

    /// Whether retrainings begin with the weights that searches learned.
    pub fn carries_weights(&self) -> bool {
        self.modes.iter().any(|mode| match mode {
            Mode::Scratch | Mode::ScratchB => false,
            Mode::FineTune | Mode::Grow => true,
        })
    }
}

/// A recipe with as many epochs as cost a network what the recipe costs the seed; at least one. The schedule is stretched alike.
fn for_equal_compute(recipe: &Recipe, seed: u64, flops: u64) -> Recipe {
    let epochs = u128::from(recipe.epochs) * u128::from(seed) / u128::from(flops.max(1));
    let epochs = u32::try_from(epochs).unwrap_or(u32::MAX).max(1);
    let stretch = f64::from(epochs) / f64::from(recipe.epochs);
    let mut scaled = recipe.clone();
    scaled.epochs = epochs;
    scaled.learning_rate.warmup_epochs *= stretch;
    match &mut scaled.learning_rate.curve {
        Curve::Constant { rate: _ } | Curve::Cosine { peak: _, last: _ } => {}
        Curve::Step { rate: _, factor: _, every }
        | Curve::Exponential { rate: _, factor: _, every } => *every *= stretch,
    }
    scaled
}

/// What modes need of the rest of the experiment.
pub(super) fn contradictions(spec: &Spec, learns: bool, problems: &mut Problems) {
    if spec.search.mode.is_some() {
        problems.add(
            "search.mode",
            "`mode` says how networks are retrained, and a search always begins with fresh weights",
            "write it below `retrain`, or leave it out",
        );
    }
    let Some(spec::Modes(listed)) = &spec.retrain.mode else { return };
    let words: Vec<Mode> = listed.iter().copied().map(Into::into).collect();
    if words.is_empty() {
        let what = "`retrain.mode` is empty, expected at least one";
        problems.add("retrain.mode", what, "write `mode: scratch`, or leave it out");
    }
    problems.repeated("retrain.mode", &words);
    let expands = learns && spec.stop_after.is_none() && !spec.sweep.width_multiplier.is_empty();
    for (index, mode) in words.iter().enumerate() {
        let at = if words.len() > 1 {
            format!("retrain.mode[{index}]")
        } else {
            "retrain.mode".to_owned()
        };
        match mode {
            Mode::FineTune if !learns => problems.add(
                &at,
                "`fine-tune` goes on from what a search learned, and nothing is learned",
                "add `regularization_strength: [4, 8, 16]` to `sweep`",
            ),
            Mode::Grow if !expands => problems.add(
                &at,
                "`grow` is about expanded networks, and nothing is expanded",
                "leave it out",
            ),
            Mode::Grow if spec.sweep.channel_divisor.get() > 1 => problems.add(
                "sweep.channel_divisor",
                "`retrain.mode` has `grow`, which narrows no layer, and rounding to multiples of `channel_divisor` can",
                "leave `channel_divisor` out, or `grow`",
            ),
            Mode::Scratch | Mode::ScratchB | Mode::FineTune | Mode::Grow => {}
        }
    }
    if matches!(spec.cycles, spec::Cycles::Until(_)) && !words.contains(&Mode::Scratch) {
        problems.add(
            "retrain.mode",
            "`cycles` end when networks trained from scratch gain nothing, and `retrain.mode` has no `scratch`",
            "add `scratch` to `mode`",
        );
    }
}
