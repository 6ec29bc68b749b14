//! An experiment with all its variants: one plan for every combination of the values of its axes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Plan, PointPlan, Scope, Search, Shared, label, scope};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::spec::{self, Axis, Combine, Exclusion, Override, Path, Source, Spec, Step, Target};
use crate::store;

/// Most variants of one experiment.
const MOST_VARIANTS: usize = 10_000;

/// A whole experiment: every variant of it, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Version of this format.
    schema: u64,
    /// Name of the experiment.
    name: String,
    /// Keys with several values.
    axes: Vec<Varied>,
    /// Not empty; one without a label if there is no axis.
    variants: Vec<Variant>,
}

/// A key with several values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Varied {
    /// The dotted path of the key.
    pub key: String,
    /// Its values.
    pub values: Vec<serde_json::Value>,
}

/// One combination of the values of all axes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What distinguishes it, in words: `strength=gate epochs=6`; unique, empty if there is no axis.
    pub label: String,
    /// A setting of each axis in words, in their order.
    pub settings: Vec<String>,
    /// What it means.
    pub plan: Plan,
}

/// A point of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StudyPoint {
    /// Position of the variant.
    #[serde(skip)]
    pub variant: usize,
    /// The point; its index counts through all variants.
    #[serde(flatten)]
    pub point: PointPlan,
}

/// Work of a variant that several points need; of what several variants need alike, that of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SharedWork {
    /// Position of the variant.
    pub variant: usize,
    /// The work.
    pub work: Shared,
}

impl Study {
    /// Reads, checks and prices an experiment file; `changes` are the `--set` arguments, in order.
    pub fn load(path: &std::path::Path, changes: &[String]) -> Result<Self, Diagnostics> {
        let changes = changes.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
        Self::of(&Source::read(path)?.with_overrides(changes))
    }

    /// The variants of a file that has been read. What the command line sets is no axis.
    pub fn of(source: &Source) -> Result<Self, Diagnostics> {
        let spec = spec::parse(source)?;
        let is_set = |axis: &Axis| {
            let path = axis.path();
            source
                .overrides()
                .iter()
                .any(|change| change.path().leads_to(&path) || path.leads_to(change.path()))
        };
        let axes: Vec<&Axis> = spec.sweep.axes.0.iter().filter(|axis| !is_set(axis)).collect();
        if axes.is_empty() {
            return Plan::of(source).map(Self::without_axes);
        }
        let chosen = combinations(source, &spec, &axes)?;
        let keys: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
        let words: Vec<Vec<String>> =
            axes.iter().map(|axis| label::values(axis.values.iter())).collect();
        let names = label::keys(&keys);
        let mut variants = Vec::with_capacity(chosen.len());
        let mut points = 0_usize;
        for combination in chosen {
            let plan = Plan::of(&varied(source, &axes, &combination))?;
            points = points.saturating_add(plan.points().len());
            let settings: Vec<String> = combination
                .iter()
                .enumerate()
                .map(|(axis, value)| format!("{}={}", names[axis], words[axis][*value]))
                .collect();
            variants.push(Variant { label: settings.join(" "), settings, plan });
        }
        let labels = |variant: &Variant| variant.plan.labels;
        if variants.iter().any(|variant| labels(variant) != labels(&variants[0])) {
            return Err(Diagnostic::new(
                "variants with one and with several labels per example cannot be compared",
            )
            .at(source.place(&Path::parse("sweep.axes"), Target::Key))
            .help("they are scored by different metrics: make them experiments of their own")
            .into());
        }
        let most = spec.sweep.max_points.size();
        if points > most {
            return Err(Diagnostic::new(format!(
                "the {} variants of the experiment have {points} points, expected at most {most}",
                variants.len()
            ))
            .at(source.place(&Path::parse("sweep.axes"), Target::Key))
            .help("shorten the lists, leave combinations out with `exclude`, or raise `max_points`")
            .into());
        }
        let axes = axes.iter().map(|axis| Varied {
            key: axis.key.clone(),
            values: axis.values.iter().map(label::json).collect(),
        });
        Ok(Self {
            schema: spec::SCHEMA,
            name: source.name().to_owned(),
            axes: axes.collect(),
            variants,
        })
    }

    /// Name of the experiment: that of its file, without the ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keys with several values.
    pub fn axes(&self) -> &[Varied] {
        &self.axes
    }

    /// Every variant; at least one.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The plan of the first variant.
    pub fn first(&self) -> &Plan {
        &self.variants[0].plan
    }

    /// The points of all variants, numbered through.
    pub fn points(&self) -> Vec<StudyPoint> {
        let mut points = Vec::new();
        for (variant, Variant { plan, .. }) in self.variants.iter().enumerate() {
            let before = points.len();
            points.extend(plan.points().into_iter().map(|point| StudyPoint {
                variant,
                point: PointPlan { index: before + point.index, ..point },
            }));
        }
        points
    }

    /// A point in words.
    pub fn point_words(&self, point: &StudyPoint) -> String {
        let Variant { label, plan, .. } = &self.variants[point.variant];
        with_label(plan.point_words(&point.point), label)
    }

    /// All work that several points need, each once.
    pub fn shared(&self) -> Vec<SharedWork> {
        let mut known = BTreeSet::new();
        let mut all = Vec::new();
        let scopes = scope::of(self);
        for (variant, (Variant { plan, .. }, scope)) in self.variants.iter().zip(scopes).enumerate()
        {
            let Scope { search, retrain } = scope;
            let of_plan = plan.shared().into_iter().filter(|work| {
                known.insert(match work {
                    Shared::Searches(first) => (search.clone(), plan.search_file(*first)),
                    Shared::TrainedSeed(seed) => (
                        retrain.clone(),
                        format!("{} {seed}", surgery::structure_hash(&plan.seed_graph())),
                    ),
                })
            });
            all.extend(of_plan.map(|work| SharedWork { variant, work }));
        }
        all
    }

    /// Shared work in words.
    pub fn shared_words(&self, shared: &SharedWork) -> String {
        let Variant { label, plan, .. } = &self.variants[shared.variant];
        with_label(plan.shared_words(shared.work), label)
    }

    /// Number of searches that are different: variants share those that their axes do not touch.
    pub fn searches(&self) -> usize {
        let scopes = scope::of(self);
        let of_variants =
            self.variants.iter().zip(&scopes).flat_map(|(Variant { plan, .. }, scope)| {
                let file = |search: Search| (scope.search.as_str(), plan.search_file(search));
                plan.searches().into_iter().map(file).collect::<Vec<_>>()
            });
        of_variants.collect::<BTreeSet<_>>().len()
    }

    /// Reads back what is saved before the first step.
    ///
    /// # Errors
    ///
    /// In words, what is wrong with a value that is neither a plan nor a study, or whose networks cannot be built.
    pub fn from_json(value: serde_json::Value) -> Result<Self, String> {
        let read = if value.get("variants").is_some() {
            serde_json::from_value(value)
        } else {
            serde_json::from_value(value).map(Self::without_axes)
        };
        let study = read.map_err(|error| error.to_string())?;
        if study.variants.is_empty() {
            return Err("it has no variant".to_owned());
        }
        for Variant { plan, .. } in &study.variants {
            let built = plan.architecture.build(plan.input, plan.classes);
            built.map_err(|error| format!("its architecture cannot be built: {error}"))?;
        }
        Ok(study)
    }

    fn without_axes(plan: Plan) -> Self {
        let (schema, name) = (plan.schema, plan.name.clone());
        let variant = Variant { label: String::new(), settings: Vec::new(), plan };
        Self { schema, name, axes: Vec::new(), variants: vec![variant] }
    }

    /// SHA-256 of what the experiment means in 64 hex digits: [`Plan::hash`] without axes.
    pub fn hash(&self) -> String {
        if self.axes.is_empty() {
            return self.first().hash();
        }
        let text = serde_json::to_string(self).expect("a plan holds finite numbers and texts");
        store::digest(text.as_bytes())
    }

    /// The first 16 digits of [`Study::hash`]: what names a run.
    pub fn id(&self) -> String {
        self.hash()[..16].to_owned()
    }
}

fn with_label(words: String, label: &str) -> String {
    if label.is_empty() { words } else { format!("{words}, {label}") }
}

/// A file with the values of one combination in their places.
fn varied(source: &Source, axes: &[&Axis], combination: &[usize]) -> Source {
    let of_axes = axes.iter().zip(combination).map(|(axis, value)| {
        let at = Path::parse("sweep.axes").key(&axis.key);
        let key = source.place(&at, Target::Key);
        let place = source.place(&at.step(&Step::Index(*value)), Target::Value);
        Override::of_axis(axis.path(), axis.values[*value].clone(), key, place)
    });
    let changes = source.overrides().iter().cloned().chain(of_axes).collect();
    source.clone().with_overrides(changes)
}

/// Positions of values by axis, of every variant.
fn combinations(
    source: &Source,
    spec: &Spec,
    axes: &[&Axis],
) -> Result<Vec<Vec<usize>>, Diagnostic> {
    let at = |path: &str, target| source.place(&Path::parse(path), target);
    let too_many = |count: usize| {
        Diagnostic::new(format!(
            "the axes have {count} combinations, expected at most {MOST_VARIANTS}"
        ))
        .at(at("sweep.axes", Target::Key))
        .help("shorten the lists, or put them together with `combine: zip`")
    };
    let all = match spec.sweep.combine {
        Combine::Grid => {
            let count = axes.iter().fold(1_usize, |all, it| all.saturating_mul(it.values.len()));
            if count > MOST_VARIANTS {
                return Err(too_many(count));
            }
            grid(axes)
        }
        Combine::Zip => {
            let count = axes[0].values.len();
            if let Some(other) = axes.iter().find(|axis| axis.values.len() != count) {
                let what = format!(
                    "`combine: zip` needs equally many values on every axis, but `{}` has {count} and `{}` has {}",
                    axes[0].key,
                    other.key,
                    other.values.len()
                );
                return Err(Diagnostic::new(what).at(at("sweep.combine", Target::Value)));
            }
            (0..count).map(|value| vec![value; axes.len()]).collect()
        }
    };
    for (position, Exclusion(excluded)) in spec.sweep.exclude.iter().enumerate() {
        for key in excluded.keys() {
            let path = key.as_str().map(Path::parse);
            if spec.sweep.axes.0.iter().all(|axis| Some(axis.path()) != path) {
                let known: Vec<&str> = axes.iter().map(|axis| axis.key.as_str()).collect();
                let name = key.as_str().unwrap_or("this key");
                return Err(Diagnostic::new(format!("`{name}` is no axis"))
                    .at(at(&format!("sweep.exclude[{position}]"), Target::Value))
                    .expected(format!("one of `{}`", known.join("`, `"))));
            }
        }
    }
    let is_excluded = |combination: &Vec<usize>| {
        spec.sweep.exclude.iter().any(|Exclusion(excluded)| {
            excluded.iter().all(|(key, value)| {
                let path = key.as_str().map(Path::parse);
                let axis = axes.iter().position(|axis| Some(axis.path()) == path);
                axis.is_some_and(|axis| spec::same(&axes[axis].values[combination[axis]], value))
            })
        })
    };
    let left: Vec<Vec<usize>> = all.into_iter().filter(|it| !is_excluded(it)).collect();
    if left.is_empty() {
        return Err(Diagnostic::new("`sweep.exclude` leaves no combination of the axes")
            .at(at("sweep.exclude", Target::Key)));
    }
    Ok(left)
}

/// The last axis varies fastest.
fn grid(axes: &[&Axis]) -> Vec<Vec<usize>> {
    axes.iter().fold(vec![Vec::new()], |before, axis| {
        let longer = |start: &Vec<usize>| {
            let start = start.clone();
            (0..axis.values.len()).map(move |value| [&start[..], &[value]].concat())
        };
        before.iter().flat_map(longer).collect()
    })
}
