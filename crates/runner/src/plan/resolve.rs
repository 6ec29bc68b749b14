//! From what was written to what it means, with every problem that can be found at once.

use std::path::Path;

use cost_models::Summary;
use graph::{Graph, Shape};
use report::{Arm, Mode};
use training::Recipe;

use super::baseline::{self, Baseline};
use super::cost::cost;
use super::cycles::{self, Cycles};
use super::images::images;
use super::modes;
use super::problem::{Problem, Problems, chain};
use super::proxy::{self, Proxy};
use super::regularizer::{self, Regularizer};
use super::target::{self, Target};
use super::{Images, Plan, Standards, Sweep};
use crate::spec::{self, Spec};

/// Fills in defaults, builds and prices the seed, and checks what only all keys together can show. Files that the experiment
/// names are looked up in `folder`.
///
/// # Errors
///
/// Every problem, at least one.
pub fn resolve(spec: &Spec, name: &str, folder: &Path) -> Result<Plan, Vec<Problem>> {
    let mut problems = Problems::default();
    let seeds: Vec<u64> = spec.seeds.iter().map(|seed| seed.get()).collect();
    let strengths: Vec<f64> =
        spec.sweep.regularization_strength.0.iter().map(|strength| strength.get()).collect();
    let width_multipliers: Vec<f64> =
        spec.sweep.width_multiplier.iter().map(|multiplier| multiplier.get()).collect();

    if seeds.is_empty() {
        problems.add("seeds", "`seeds` is empty, expected at least one", "write `seeds: [0]`");
    }
    problems.repeated("seeds", &seeds);
    problems.repeated("sweep.regularization_strength", &strengths);
    problems.repeated("sweep.width_multiplier", &width_multipliers);
    problems.repeated("baselines", &spec.baselines);
    contradictions_of_sweep(spec, &mut problems);
    let learns = !strengths.is_empty() || !spec.sweep.target.all.is_empty();
    cycles::contradictions(spec, learns, &mut problems);
    baseline::contradictions(spec, learns, &mut problems);
    modes::contradictions(spec, learns, &mut problems);
    proxy::contradictions(spec, learns, &mut problems);

    let (dataset, input, classes) = images(&spec.dataset, &mut problems);
    let images = dataset.images();
    let standards = spec.normalization.as_ref().map(|it| standards(it, input, &mut problems));
    let written = spec.search.proxy.as_ref();
    let proxy = written.map(|it| Proxy::of(it, dataset, input, &mut problems));
    let searched = proxy.map_or((images, input), |it| (it.images(images), it.input(input)));
    let recipe =
        |section: &str, written: &spec::Recipe, (images, input), problems: &mut Problems| {
            let recipe = Recipe::from(written.clone());
            contradictions_of_recipe(section, &recipe, images, input, problems);
            let is_sound = matches!(dataset, super::Dataset::WavFolder { .. });
            if is_sound && recipe.augmentation != datasets::Augmentation::default() {
                problems.add(
                    &format!("{section}.augmentation"),
                    "`augmentation` changes images, and a log-mel patch is none",
                    "leave it out: a patch starts at a random frame in training",
                );
            }
            recipe
        };
    if spec.retrain.early_stop.is_some() {
        problems.add(
            "retrain.early_stop",
            "`early_stop` ends searches, and a retraining has no channels to settle",
            "write it below `search`, or leave it out",
        );
    }
    let gates = regularizer::gates(&spec.regularizer);
    let search = Recipe { gates, ..recipe("search", &spec.search, searched, &mut problems) };
    let retrain = recipe("retrain", &spec.retrain, (images, input), &mut problems);

    let architecture = spec.architecture.clone();
    let path = format!("architecture.{}", architecture.family());
    let seed = match architecture.build(input, classes) {
        Ok(seed) => Some(seed),
        Err(error) => {
            match error.option() {
                Some(option) => {
                    let separator = if option.starts_with('[') { "" } else { "." };
                    problems.push(&format!("{path}{separator}{option}"), chain(&error), None);
                }
                None => problems.push_section(&path, chain(&error), None),
            }
            None
        }
    };
    let cost = cost(&spec.regularizer.cost, seed.as_ref(), folder, &mut problems);
    let targets = target::targets(&spec.sweep.target, seed.as_ref(), folder, &mut problems);
    if proxy.is_some() {
        proxy::absolute(&spec.sweep.target, &targets, &mut problems);
    }
    let names: Vec<String> = targets.iter().map(Target::file_name).collect();
    problems.repeated("sweep.target", &names);
    let sweep = Sweep {
        strengths,
        targets,
        width_multipliers,
        channel_divisor: spec.sweep.channel_divisor.size(),
    };
    if let Some(seed) = &seed {
        regularizer::check_scope(&spec.regularizer, seed, &mut problems);
    }
    let regularizer = cost.map(|cost| Regularizer::of(&spec.regularizer, cost));
    if let (Some(seed), Some(regularizer), true) = (&seed, &regularizer, problems.0.is_empty()) {
        widths_that_cannot_be(seed, &sweep, &mut problems);
        let written = &spec.sweep.target;
        target::unreachable(written, &sweep.targets, regularizer, seed, &mut problems);
    }
    let (Some(seed), Some(regularizer), true) = (seed, regularizer, problems.0.is_empty()) else {
        return Err(problems.0);
    };
    let plan = Plan {
        schema: spec::SCHEMA,
        name: name.to_owned(),
        seeds,
        dataset,
        architecture,
        input,
        classes,
        labels: spec.dataset.labels().into(),
        standards,
        regularizer,
        search,
        retrain,
        modes: modes(spec),
        sweep,
        baselines: spec.baselines.iter().copied().map(Into::into).collect(),
        cycles: spec.cycles.into(),
        early_stop: spec.search.early_stop.map(|it| it.stable_epochs.get() as u32),
        proxy,
        stop_after: spec.stop_after.map(Into::into),
        seed_cost: Summary::of(&seed),
    };
    proxy::impossible(&plan, &seed, &mut problems);
    if problems.0.is_empty() { Ok(plan) } else { Err(problems.0) }
}

/// As written; other than one of each per channel is a problem.
fn standards(written: &spec::Normalization, input: Shape, problems: &mut Problems) -> Standards {
    let spec::Normalization { mean, std } = written;
    for (key, found) in [("mean", mean.len()), ("std", std.len())] {
        if found != input.channels {
            let channels = match input.channels {
                1 => "1 channel".to_owned(),
                count => format!("{count} channels"),
            };
            problems.push(
                &format!("normalization.{key}"),
                format!("`normalization.{key}` has {found} values, but images have {channels}"),
                Some("write one number for each channel".to_owned()),
            );
        }
    }
    Standards {
        mean: mean.iter().map(|value| value.get()).collect(),
        deviation: std.iter().map(|value| value.get()).collect(),
    }
}

fn modes(spec: &Spec) -> Vec<Mode> {
    let written = spec.retrain.mode.clone().unwrap_or_default();
    written.0.into_iter().map(Into::into).collect()
}

fn contradictions_of_sweep(spec: &Spec, problems: &mut Problems) {
    let strengths = spec.sweep.regularization_strength.0.len() + spec.sweep.target.all.len();
    let multipliers = spec.sweep.width_multiplier.len();
    let uniform = spec.baselines.contains(&spec::Baseline::Uniform);
    if strengths == 0 && spec.baselines.is_empty() {
        problems.push_section(
            "sweep",
            "there is nothing to do: no `sweep.regularization_strength`, no `sweep.target` and no `baselines`"
                .to_owned(),
            Some(
                "add `regularization_strength: [4, 8, 16]` to `sweep`, or `baselines: [uniform]`"
                    .to_owned(),
            ),
        );
    } else if multipliers == 0 && (uniform || (strengths > 0 && spec.stop_after.is_none())) {
        let user = if strengths > 0 && spec.stop_after.is_none() {
            "`sweep` asks for learned networks, which are expanded to budgets"
        } else {
            "`baselines` asks for uniform networks"
        };
        problems.push(
            "sweep.width_multiplier",
            format!("`sweep.width_multiplier` is empty, but {user}"),
            Some("name at least one multiplier of the seed, such as `[1.0]`".to_owned()),
        );
    }
    let cycles = Cycles::from(spec.cycles).most() as usize;
    let budgets = if spec.stop_after.is_some() { 0 } else { multipliers };
    let listed = modes(spec);
    let each = |arm: Arm| modes::of_arm(&listed, arm).len();
    let beside =
        spec.baselines.iter().map(|it| Baseline::from(*it).arm()).filter(|it| it.has_search());
    let of_search = each(Arm::Shrink) + beside.map(each).sum::<usize>();
    let of_search = of_search.saturating_add(budgets.saturating_mul(each(Arm::Expand)));
    let learned = strengths.saturating_mul(of_search).saturating_mul(cycles);
    let of_seed = if uniform { multipliers.saturating_mul(each(Arm::Uniform)) } else { 0 };
    let arms = of_seed.saturating_add(learned);
    let points = arms.saturating_mul(spec.seeds.len());
    let most = spec.sweep.max_points.size();
    if points > most {
        problems.push_section(
            "sweep",
            format!("the experiment has {points} points, expected at most {most}"),
            Some("shorten `seeds` or the lists in `sweep`".to_owned()),
        );
    }
}

pub(super) fn contradictions_of_recipe(
    section: &str,
    recipe: &Recipe,
    images: Images,
    input: Shape,
    problems: &mut Problems,
) {
    let at = |key: &str| format!("{section}.{key}");
    let (batch, train) = (recipe.batch_size, images.train);
    if batch > train && train > 0 {
        problems.push(
            &at("batch_size"),
            format!("`{section}.batch_size` is {batch}, but there are {train} images to train on"),
            Some(format!("use batches of at most {train}")),
        );
    }
    let (warmup, epochs) = (recipe.learning_rate.warmup_epochs, recipe.epochs);
    if warmup > f64::from(epochs) {
        problems.push(
            &at("warmup_epochs"),
            format!(
                "`{section}.warmup_epochs` is {warmup}, longer than the training of {epochs} epochs"
            ),
            Some("warm up for a part of the epochs, or train longer".to_owned()),
        );
    }
    if let training::Curve::Cosine { peak, last } = recipe.learning_rate.curve
        && last > peak
    {
        problems.push(
            &at("learning_rate.cosine.last"),
            format!("the last rate of `{section}.learning_rate` is {last}, above its peak, {peak}"),
            Some("the rate falls from `peak` to `last`".to_owned()),
        );
    }
    let (crop, side) = (recipe.augmentation.crop, input.height.min(input.width));
    if crop >= side {
        problems.push(
            &at("augmentation.crop"),
            format!(
                "`{section}.augmentation.crop` is {crop}, but images have {side} pixels a side"
            ),
            Some("pad with fewer pixels than an image has, such as 2".to_owned()),
        );
    }
}

/// Every uniform network must be one that a graph can hold.
fn widths_that_cannot_be(seed: &Graph, sweep: &Sweep, problems: &mut Problems) {
    for (index, multiplier) in sweep.width_multipliers.iter().enumerate() {
        if let Err(error) = surgery::scale(seed, *multiplier, sweep.channel_divisor) {
            let at = format!("sweep.width_multiplier[{index}]");
            problems.push(
                &at,
                format!("the seed cannot be {multiplier} times as wide: {}", chain(&error)),
                Some("choose a smaller multiplier or a smaller `channel_divisor`".to_owned()),
            );
        }
    }
}
