//! What a morphing means: every default filled in, every number absolute.

use architectures::Architecture;
use cost_models::Summary;
use datasets::{DatasetError, Labels, Normalization};
use graph::{Graph, Shape};
use serde::{Deserialize, Serialize};
use training::Recipe;

use super::cost::cost;
use super::images::images;
use super::problem::{Problem, Problems};
use super::regularizer::{self, Regularizer};
use super::resolve::contradictions_of_recipe;
use super::target::{self, Target};
use super::{Dataset, Images};
use crate::spec::{self, MorphSpec, Targets};

/// A network, its images, and what it shall cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MorphPlan {
    /// Version of this format.
    pub schema: u64,
    /// The network to begin with.
    pub model: Model,
    /// Whether its convolutions get batch norms where they have none.
    pub add_batch_norm: bool,
    /// The images.
    pub dataset: Dataset,
    /// Shape of an image.
    pub input: Shape,
    /// Number of classes.
    pub classes: usize,
    /// How many of them are labels of an image.
    #[serde(default, skip_serializing_if = "super::is_one_label")]
    pub labels: Labels,
    /// What the network was trained to see; that of the training images if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standards: Option<Standards>,
    /// What channels are charged, and when one is dead.
    pub regularizer: Regularizer,
    /// What the network may cost at most once channels are gone.
    pub target: Target,
    /// How widths are learned.
    pub search: Recipe,
    /// Whether what is left is widened to what the original costs.
    pub expand: bool,
    /// How the network is trained afterwards; and before, if it comes without weights.
    pub retrain: Recipe,
    /// Whether it then begins with fresh weights.
    pub from_scratch: bool,
    /// Seed of the random streams.
    pub seed: u64,
    /// Costs of the original.
    pub original_cost: Summary,
}

/// Where a network comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// A file with weights: SHA-256 of its content.
    File(String),
    /// A family, without weights.
    Architecture(Architecture),
}

/// Mean and standard deviation of every channel of an image, whose values are from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standards {
    /// Subtracted first.
    pub mean: Vec<f64>,
    /// Then divided by.
    pub deviation: Vec<f64>,
}

impl Standards {
    /// What normalises images so.
    pub(crate) fn normalization(&self) -> Result<Normalization, DatasetError> {
        Normalization::new(self.mean.clone(), self.deviation.clone())
    }
}

/// What the command line says besides [`MorphSpec`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) model: Model,
    pub(crate) target: Targets,
    pub(crate) standards: Option<Standards>,
    pub(crate) add_batch_norm: bool,
    pub(crate) expand: bool,
    pub(crate) from_scratch: bool,
    pub(crate) seed: u64,
}

/// The images of a data set, shape of each and number of classes.
pub(crate) fn images_of(written: &spec::Dataset) -> Result<(Dataset, Shape, usize), Vec<Problem>> {
    let mut problems = Problems::default();
    let found = images(written, &mut problems);
    if problems.0.is_empty() { Ok(found) } else { Err(problems.0) }
}

/// Fills in defaults and checks what only all keys together can show. `seed` is the network that the search trains.
pub(crate) fn resolve(
    spec: &MorphSpec,
    wish: Wish,
    original: &Graph,
    seed: &Graph,
) -> Result<MorphPlan, Vec<Problem>> {
    let mut problems = Problems::default();
    let (dataset, input, classes) = images(&spec.dataset, &mut problems);
    let recipe = |section: &str, written: spec::Recipe, problems: &mut Problems| {
        checked_recipe(section, written, dataset.images(), input, problems)
    };
    let search = recipe("search", spec.search.clone(), &mut problems);
    let retrain = recipe("retrain", spec.retrain.clone(), &mut problems);
    for (key, written) in [("search.mode", &spec.search), ("retrain.mode", &spec.retrain)] {
        if written.mode.is_some() {
            let what = format!("`{key}` is for experiments, not for `morph`");
            problems.add(key, &what, "leave it out; `--from-scratch` retrains with fresh weights");
        }
    }
    if matches!(spec.regularizer.strength, spec::Strength::Gate(_)) {
        problems.add(
            "regularizer.strength",
            "`regularizer.strength: gate` trains another network, whose weights are not those of the one to morph",
            "write `gamma`, `mixed` or `{ group-lasso: {} }`, or leave it out",
        );
    }
    let here = std::path::Path::new("");
    let cost = cost(&spec.regularizer.cost, Some(seed), here, &mut problems);
    let targets = target::targets(&wish.target, Some(seed), here, &mut problems);
    regularizer::check_scope(&spec.regularizer, seed, &mut problems);
    let regularizer = cost.map(|cost| Regularizer::of(&spec.regularizer, cost));
    if let (Some(regularizer), true) = (&regularizer, problems.0.is_empty()) {
        target::unreachable(&wish.target, &targets, regularizer, seed, &mut problems);
    }
    let target = targets.into_iter().next();
    let (Some(regularizer), Some(target), true) = (regularizer, target, problems.0.is_empty())
    else {
        return Err(problems.0);
    };
    let Wish { model, standards, add_batch_norm, expand, from_scratch, seed, target: _ } = wish;
    Ok(MorphPlan {
        schema: spec::SCHEMA,
        model,
        add_batch_norm,
        dataset,
        input,
        classes,
        labels: spec.dataset.labels().into(),
        standards,
        regularizer,
        target,
        search,
        expand,
        retrain,
        from_scratch,
        seed,
        original_cost: Summary::of(original),
    })
}

fn checked_recipe(
    section: &str,
    written: spec::Recipe,
    images: Images,
    input: Shape,
    problems: &mut Problems,
) -> Recipe {
    if written.early_stop.is_some() {
        problems.add(
            &format!("{section}.early_stop"),
            "`early_stop` is for experiments: a morphing trains all its epochs",
            "leave it out",
        );
    }
    if written.proxy.is_some() {
        problems.add(
            &format!("{section}.proxy"),
            "`proxy` is for experiments: a morphing learns widths on the network that it is given",
            "leave it out",
        );
    }
    let recipe = Recipe::from(written);
    contradictions_of_recipe(section, &recipe, images, input, problems);
    recipe
}
