//! What widths are learned on in place of the seed and all its images.

use cost_models::{CostModel, Resource};
use graph::{ChannelMap, Channels, Graph, Shape};
use report::Mode;
use serde::{Deserialize, Serialize};

use super::problem::{Problems, chain};
use super::{Cycles, Dataset, Images, Plan, Target};
use crate::spec::{self, Spec};

/// What widths are learned on; what it does not name is that of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// What the widths of the seed are multiplied with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_multiplier: Option<f64>,
    /// What height and width of an image are divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<usize>,
    /// First training images that are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
}

impl Proxy {
    /// As written; a side that images cannot be averaged to is a problem.
    pub(super) fn of(
        written: &spec::Proxy,
        dataset: Dataset,
        input: Shape,
        problems: &mut Problems,
    ) -> Self {
        let spec::Proxy { width_multiplier, side, train } = written;
        let train = train.map(spec::Whole::size);
        let most = dataset.images().train;
        if train.is_some_and(|train| train >= most) {
            problems.push(
                "search.proxy.train",
                format!(
                    "`search.proxy.train` is a part of the images to train on, and there are {most}"
                ),
                Some("use fewer, or leave it out".to_owned()),
            );
        }
        Self {
            width_multiplier: width_multiplier.map(spec::Real::get),
            factor: side.and_then(|side| factor(side.size(), dataset, input, problems)),
            train,
        }
    }

    /// Shape of the images that widths are learned on.
    pub(super) fn input(&self, input: Shape) -> Shape {
        let factor = self.factor.unwrap_or(1);
        Shape::new(input.height / factor, input.width / factor, input.channels)
    }

    /// How many images they are learned on.
    pub(super) fn images(&self, images: Images) -> Images {
        Images { train: self.train.map_or(images.train, |train| train.min(images.train)), ..images }
    }
}

/// The whole number that the sides of images are divided by.
fn factor(side: usize, dataset: Dataset, input: Shape, problems: &mut Problems) -> Option<usize> {
    let at = "search.proxy.side";
    if dataset.is_in_files() {
        let name = dataset.name();
        problems.push(
            at,
            format!("`{at}` is about images in memory, and those of `{name}` are read from files"),
            Some("leave it out".to_owned()),
        );
        return None;
    }
    let Shape { height, width, .. } = input;
    let shorter = height.min(width);
    let factor = shorter / side;
    if factor < 2 || factor * side != shorter || height % factor != 0 || width % factor != 0 {
        let sides: Vec<String> = (2..=shorter)
            .filter(|factor| height % factor == 0 && width % factor == 0)
            .map(|factor| (shorter / factor).to_string())
            .collect();
        problems.push(
            at,
            format!(
                "images of {height}x{width} pixels cannot be averaged down to a side of {side}"
            ),
            Some(match sides[..] {
                [] => "leave it out: no whole number divides both sides".to_owned(),
                _ => format!("possible are {}", sides.join(", ")),
            }),
        );
        return None;
    }
    Some(factor)
}

impl Plan {
    /// The network that widths are learned on.
    ///
    /// # Panics
    ///
    /// If the plan was not made by [`resolve`](super::resolve), which has built the same graph.
    pub fn proxy_graph(&self, proxy: &Proxy) -> Graph {
        let graph = self.architecture.build(proxy.input(self.input), self.classes);
        let graph = graph.expect("resolving built the same graph");
        let narrowed =
            proxy.width_multiplier.map(|multiplier| self.uniform_graph(&graph, multiplier));
        narrowed.map_or(graph, |narrowed| narrowed.expect("resolving built the same graph"))
    }
}

impl Target {
    /// The same percentages of what another graph costs.
    #[must_use]
    pub fn in_proportion(&self, graph: &Graph) -> Self {
        let mut target = self.clone();
        for limit in &mut target.limits {
            if let Some(percent) = limit.percent {
                limit.cost = limit.cost_of(graph) * percent / 100.0;
            }
        }
        target
    }
}

/// Every proxy must be one that widths can be learned on, and transferred from.
pub(super) fn impossible(plan: &Plan, seed: &Graph, problems: &mut Problems) {
    let Some(proxy) = &plan.proxy else { return };
    let at = |key: &str| format!("search.proxy.{key}");
    let graph = match plan.architecture.build(proxy.input(plan.input), plan.classes) {
        Ok(graph) => graph,
        Err(error) => return problems.push(&at("side"), chain(&error), None),
    };
    let graph = match proxy.width_multiplier.map(|it| plan.uniform_graph(&graph, it)).transpose() {
        Ok(narrowed) => narrowed.unwrap_or(graph),
        Err(error) => return problems.push(&at("width_multiplier"), chain(&error), None),
    };
    let channels = Channels::of(&graph);
    let transferred = ChannelMap::of(&graph, &channels, &channels.keep_all())
        .map_err(surgery::SurgeryError::from)
        .and_then(|whole| surgery::transfer(&graph, &whole, seed));
    if let Err(error) = transferred {
        return problems.push_section("search.proxy", chain(&error), None);
    }
    for target in &plan.sweep.targets {
        let on_proxy = target.in_proportion(&graph);
        if let Err(error) = on_proxy.penalty(&plan.regularizer, &graph, 0) {
            let what = format!("the proxy cannot be searched for {target}: {error}");
            let help = "raise the target, or take a larger proxy".to_owned();
            problems.push_section("search.proxy", what, Some(help));
        }
    }
}

/// Targets must be percentages: the proxy is held to the same ones of its own cost.
pub(super) fn absolute(written: &spec::Targets, targets: &[Target], problems: &mut Problems) {
    for (index, target) in targets.iter().enumerate() {
        for limit in target.limits.iter().filter(|limit| limit.percent.is_none()) {
            let more = if matches!(limit.resource, Resource::Latency(_)) { ".at_most" } else { "" };
            let key = format!("{}.{}{more}", written.at(index), limit.resource.name());
            problems.push(
                &key,
                format!(
                    "`{key}` is {}, and the proxy of `search.proxy` costs less than the seed",
                    limit.cost
                ),
                Some("write what is to be left of either in percent, such as 50%".to_owned()),
            );
        }
    }
}

/// What a proxy needs of the rest of the experiment.
pub(super) fn contradictions(spec: &Spec, learns: bool, problems: &mut Problems) {
    if spec.retrain.proxy.is_some() {
        problems.add(
            "retrain.proxy",
            "`proxy` is what widths are learned on, and a retraining learns none",
            "write it below `search`, or leave it out",
        );
    }
    let Some(proxy) = &spec.search.proxy else { return };
    if *proxy == (spec::Proxy { width_multiplier: None, side: None, train: None }) {
        problems.add(
            "search.proxy",
            "`search.proxy` is empty, and the seed on all its images is no proxy",
            "write `{ width_multiplier: 0.5 }`, or leave it out",
        );
    }
    if !learns {
        problems.add(
            "search.proxy",
            "`search.proxy` is what widths are learned on, and nothing is learned",
            "add `regularization_strength: [4, 8, 16]` to `sweep`",
        );
    }
    if Cycles::from(spec.cycles).most() > 1 {
        problems.add(
            "cycles",
            "a cycle goes on from the network that the one before learned, and widths are learned on a proxy of the seed",
            "leave `cycles` out, or `search.proxy`",
        );
    }
    let listed = spec.retrain.mode.clone().unwrap_or_default().0;
    for (index, mode) in listed.iter().copied().map(Mode::from).enumerate() {
        match mode {
            Mode::Scratch | Mode::ScratchB => {}
            Mode::FineTune | Mode::Grow => {
                let at = if listed.len() > 1 {
                    format!("retrain.mode[{index}]")
                } else {
                    "retrain.mode".to_owned()
                };
                problems.push(
                    &at,
                    format!("`{mode}` goes on from the weights of a search, and those of a proxy are not the seed's"),
                    Some("write `scratch`, or leave `search.proxy` out".to_owned()),
                );
            }
        }
    }
    if spec.regularizer.min_width.get() > 1 {
        problems.add(
            "regularizer.min_width",
            "`min_width` counts channels, and layers of a proxy and of the seed keep equal fractions of theirs",
            "leave it out, or `search.proxy`",
        );
    }
    if !spec.regularizer.tied.is_empty() {
        problems.add(
            "regularizer.tied",
            "`tied` layers live and die channel by channel, and a proxy tells no more than how many",
            "leave it out, or `search.proxy`",
        );
    }
}
