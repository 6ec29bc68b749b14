//! From the files of results to what people look at: tables, figures and the page. No state is needed, so that they can be made
//! again wherever the results are.

#[cfg(feature = "png")]
mod png;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use cost_models::{CostForm, DeviceFile, Latency, Resource};
use graph::Graph;
use report::html::{self, Layer, Network, Page};
use report::{Mode, PointRow, curve, figure, row};
use surgery::Structure;

use super::networks::{Networks, Structures};
use super::outline::Outline;
use super::point::ReadyPoint;
use crate::plan::{Plan, PointPlan, Search, Study, metric};
use crate::provenance::{self, Provenance};
use crate::store;

/// The copy of the experiment file.
pub(super) const EXPERIMENT: &str = "experiment.yaml";
/// The epochs of all trainings.
pub(super) const CURVES: &str = "curves.csv";

/// The figures that lie beside the page.
#[cfg(feature = "png")]
const FIGURES: [&str; 3] = ["pareto", "widths", "curves"];

/// The device whose computed latency every page has, one image at a time.
const DEVICE: &str = "v100-fp32";

/// The results of an experiment in a folder.
#[derive(Debug)]
pub(crate) struct Results {
    study: Study,
    folder: PathBuf,
}

/// The structures in a folder with the results of a variant.
struct Files<'a> {
    outline: &'a Outline<'a>,
    folder: &'a Path,
}

impl Files<'_> {
    fn networks(&self) -> Networks<'_> {
        self.outline.networks(self)
    }
}

impl Structures for Files<'_> {
    fn found(&self, search: Search) -> anyhow::Result<Option<Structure>> {
        store::read_json(&self.folder.join(self.networks().structure_file(search)))
    }

    fn arm(&self, point: PointPlan, search: Search) -> anyhow::Result<Option<Structure>> {
        let file = self.networks().arm_file(point.arm, search);
        store::read_json(&self.folder.join("structures").join(file))
    }
}

impl Results {
    /// Those of this experiment.
    pub(super) fn of(study: &Study, folder: &Path) -> Self {
        Self { study: study.clone(), folder: folder.to_owned() }
    }

    /// Those in this folder.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("plan.json");
        let saved: serde_json::Value = store::read_json(&path)?.with_context(|| {
            format!("`{}` holds no results: it has no `plan.json`", folder.display())
        })?;
        let study = Study::from_json(saved)
            .map_err(|why| anyhow!("`{}` is no plan of this program: {why}", path.display()))?;
        Ok(Self { study, folder: folder.to_owned() })
    }

    /// Writes tables, figures and the page from the points and whatever else is there, and returns the closing table.
    pub(crate) fn write(&self) -> anyhow::Result<String> {
        let points = self.folder.join("points.csv");
        let text = self.text("points.csv")?.with_context(|| {
            format!("there is no `{}`: run the experiment first", points.display())
        })?;
        let rows = row::from_csv(&text).with_context(|| format!("in `{}`", points.display()))?;
        let summaries = report::summarize(&rows)?;
        self.put("pareto.csv", &report::pareto::to_csv(&summaries))?;
        let title = format!(
            "{}: {} against FLOPs",
            self.study.name(),
            metric(self.study.first().labels).name()
        );
        let description = description(&self.study);
        self.put("pareto.svg", &report::pareto_figure(&summaries, &title, &description)?)?;

        let page = self.page(rows, description)?;
        if let Some((name, widths)) = page.featured()? {
            let title = format!("{}: {name}", self.study.name());
            let subtitle =
                "Channels of every layer: outlined in the seed \u{2192} filled in this network";
            self.put("widths.svg", &figure::widths_figure(&widths, &title, subtitle))?;
        }
        if !page.curves.is_empty() {
            let title = format!("{}: training loss", self.study.name());
            self.put(
                "curves.svg",
                &figure::curves_figure(&page.curves, &title, &page.description)?,
            )?;
        }
        self.put("report.html", &page.to_html()?)?;
        let table = report::table(&summaries)?;
        self.put("summary.txt", &table)?;
        Ok(table)
    }

    /// Writes the figures that are there as PNG, beside their SVG.
    #[cfg(feature = "png")]
    pub(crate) fn write_png(&self) -> anyhow::Result<()> {
        for name in FIGURES {
            let Some(svg) = self.text(&format!("{name}.svg"))? else { continue };
            store::write(&self.folder.join(format!("{name}.png")), &png::of_svg(&svg)?)?;
        }
        Ok(())
    }

    fn page(&self, rows: Vec<PointRow>, description: String) -> anyhow::Result<Page> {
        let experiment = self.text(EXPERIMENT)?.unwrap_or_default();
        let curves = match self.text(CURVES)? {
            Some(text) => curve::from_csv(&text).with_context(|| format!("in `{CURVES}`"))?,
            None => Vec::new(),
        };
        let provenance = provenance::read(&self.folder)?;
        let outlines = Outline::all(&self.study);
        let folder = &self.folder;
        let variants: Vec<Files<'_>> =
            outlines.iter().map(|outline| Files { outline, folder }).collect();
        let devices = self.latencies()?;
        let networks = networks(&variants, &devices, &rows)?;
        let layers = producers(&outlines[0].seed);
        Ok(Page {
            name: self.study.name().to_owned(),
            description,
            statements: html::statements(&experiment),
            changes: provenance.as_ref().map(Provenance::changes).unwrap_or_default(),
            planned: self.study.points().len(),
            rows,
            networks,
            layers: layers.map(|(name, width)| Layer { name: name.to_owned(), width }).collect(),
            devices: devices.iter().map(in_words).collect(),
            curves,
            provenance: provenance.as_ref().map(provenance::facts).unwrap_or_default(),
        })
    }

    /// The latencies that the plan charges or limits, after one of a common device; each device once.
    fn latencies(&self) -> anyhow::Result<Vec<Latency>> {
        let common = cost_models::Device::named(DEVICE).map_err(|error| anyhow!("{error}"))?;
        let mut found = vec![Latency::new(DeviceFile::Roofline(common), 1)];
        for plan in self.study.variants().iter().map(|variant| &variant.plan) {
            charged(&plan.regularizer.cost, &mut found);
            for limit in plan.sweep.targets.iter().flat_map(|target| &target.limits) {
                charged(&limit.resource, &mut found);
            }
        }
        Ok(found)
    }

    fn text(&self, file: &str) -> anyhow::Result<Option<String>> {
        let bytes = store::read(&self.folder.join(file))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn put(&self, file: &str, text: &str) -> anyhow::Result<()> {
        store::write(&self.folder.join(file), text.as_bytes())
    }
}

/// The network of every row, where the structures tell it and agree with the row. Only those of the seed that the first variant
/// has can be shown beside each other.
fn networks(
    variants: &[Files<'_>],
    devices: &[Latency],
    rows: &[PointRow],
) -> anyhow::Result<Vec<Option<Network>>> {
    // Rows are in the order of the plan.
    let mut points = variants.iter().flat_map(|variant| {
        variant.outline.plan.points().into_iter().map(move |point| (variant, point))
    });
    let mut networks = Vec::with_capacity(rows.len());
    for row in rows {
        let found = points.by_ref().find(|(variant, point)| is_point(variant, point, row));
        let of_row = |(variant, point): (&Files<'_>, PointPlan)| {
            let ready = variant.networks().point(point)?;
            let ready = ready.filter(|ready| {
                ready.structure == row.structure && variant.outline.seed == variants[0].outline.seed
            });
            anyhow::Ok(ready.map(|ready| network(variant, devices, &ready)))
        };
        networks.push(found.map(of_row).transpose()?.flatten());
    }
    Ok(networks)
}

fn is_point(variant: &Files<'_>, point: &PointPlan, row: &PointRow) -> bool {
    let targets = &variant.outline.plan.sweep.targets;
    let target = point.target.map(|target| targets[target].to_string());
    let scale = row.budget.unwrap_or(row.width_multiplier);
    row.variant.as_deref().unwrap_or_default() == variant.outline.label
        && (point.arm, point.strength, point.seed)
            == (row.arm, row.regularization_strength, row.seed)
        && (point.cycle, point.mode, target) == (row.cycle, row.mode, row.target.clone())
        && point.width_multiplier == scale
}

fn network(variant: &Files<'_>, devices: &[Latency], point: &ReadyPoint) -> Network {
    let left: BTreeMap<&str, usize> = producers(&point.graph).collect();
    let width = |name: &str| left.get(name).copied().unwrap_or(0);
    let widths = point.graph.widths();
    let latency = |device: &Latency| 1e-6 * CostForm::of(device, &point.graph).at(&widths);
    let names = variant.networks();
    Network {
        widths: producers(&variant.outline.seed).map(|(name, _)| width(name)).collect(),
        latencies: devices.iter().map(latency).collect(),
        search: point.plan.search().map(|search| names.search_name(search)),
        retraining: names.retraining_name(&point.key),
    }
}

/// What was trained and how, as far as all variants agree in it.
fn description(study: &Study) -> String {
    let plans = || study.variants().iter().map(|variant| &variant.plan);
    let shared = |words: &dyn Fn(&Plan) -> String| {
        let first = words(study.first());
        plans().all(|plan| words(plan) == first).then_some(first)
    };
    let family = shared(&|plan| plan.architecture.family().to_string());
    let dataset = shared(&|plan| plan.dataset.name().to_owned());
    let how = shared(&|plan| {
        let modes: Vec<&str> = plan.modes.iter().map(|mode| mode.name()).collect();
        match modes[..] {
            ["scratch"] => "every network trained from scratch".to_owned(),
            _ => format!("trained by {}", modes.join(", ")),
        }
    });
    let epochs = shared(&|plan| {
        let of_seed = if plan.modes.contains(&Mode::ScratchB) { " of the seed" } else { "" };
        format!("for {} epochs{of_seed}", plan.retrain.epochs)
    });
    let seeds = shared(&|plan| match plan.seeds.len() {
        1 => "1 seed".to_owned(),
        count => format!("{count} seeds"),
    });
    let joined = |parts: [Option<String>; 2], between: &str| {
        let known: Vec<String> = parts.into_iter().flatten().collect();
        Some(known.join(between)).filter(|text| !text.is_empty())
    };
    let parts = [joined([family, dataset], " on "), joined([how, epochs], " "), seeds];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The layers that have widths, in order.
fn producers(graph: &Graph) -> impl Iterator<Item = (&str, usize)> {
    let producers = graph.nodes().filter(|(_, node)| node.op.is_producer());
    producers.map(|(_, node)| (&node.name[..], node.shape.channels))
}

/// Adds the latencies in a resource.
fn charged(resource: &Resource, found: &mut Vec<Latency>) {
    match resource {
        Resource::Latency(latency) => {
            if found.iter().all(|known| in_words(known) != in_words(latency)) {
                found.push(latency.clone());
            }
        }
        Resource::Weighted(sum) => sum.parts.iter().for_each(|part| charged(&part.of, found)),
        Resource::Flops
        | Resource::Macs
        | Resource::Params
        | Resource::Activations
        | Resource::Macts
        | Resource::Bytes(_) => {}
    }
}

fn in_words(latency: &Latency) -> String {
    format!("{}, batch {}", latency.device(), latency.batch())
}
