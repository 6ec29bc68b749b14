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

use super::arms::arm_file;
use super::networks::{Networks, Structures};
use super::point::ReadyPoint;
use crate::plan::{Plan, PointPlan, Search};
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

/// The results of a plan in a folder.
#[derive(Debug)]
pub(crate) struct Results {
    plan: Plan,
    folder: PathBuf,
}

impl Structures for Results {
    fn found(&self, search: Search) -> anyhow::Result<Option<Structure>> {
        self.structure(&format!("{}.json", self.plan.search_file(search)))
    }

    fn arm(&self, point: PointPlan, search: Search) -> anyhow::Result<Option<Structure>> {
        self.structure(&arm_file(&self.plan, point.arm, search))
    }
}

impl Results {
    /// Those of this plan.
    pub(super) fn of(plan: &Plan, folder: &Path) -> Self {
        Self { plan: plan.clone(), folder: folder.to_owned() }
    }

    /// Those in this folder.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let plan = store::read_json(&folder.join("plan.json"))?.with_context(|| {
            format!("`{}` holds no results: it has no `plan.json`", folder.display())
        })?;
        Ok(Self { plan, folder: folder.to_owned() })
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
        let title = format!("{}: accuracy against FLOPs", self.plan.name);
        let description = self.description();
        self.put("pareto.svg", &report::pareto_figure(&summaries, &title, &description)?)?;

        let page = self.page(rows, description)?;
        if let Some((name, widths)) = page.featured()? {
            let title = format!("{}: {name}", self.plan.name);
            let subtitle =
                "Channels of every layer: outlined in the seed \u{2192} filled in this network";
            self.put("widths.svg", &figure::widths_figure(&widths, &title, subtitle))?;
        }
        if !page.curves.is_empty() {
            let title = format!("{}: training loss", self.plan.name);
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

    /// What was trained on what, and how.
    fn description(&self) -> String {
        let plan = &self.plan;
        let seeds = plan.seeds.len();
        let modes: Vec<&str> = plan.modes.iter().map(|mode| mode.name()).collect();
        let how = match modes[..] {
            ["scratch"] => "every network trained from scratch".to_owned(),
            _ => format!("trained by {}", modes.join(", ")),
        };
        format!(
            "{} on {}; {how} for {} epochs{}; {seeds} seed{}",
            plan.architecture.family(),
            plan.dataset.name(),
            plan.retrain.epochs,
            if plan.modes.contains(&Mode::ScratchB) { " of the seed" } else { "" },
            if seeds == 1 { "" } else { "s" }
        )
    }

    fn page(&self, rows: Vec<PointRow>, description: String) -> anyhow::Result<Page> {
        let experiment = self.text(EXPERIMENT)?.unwrap_or_default();
        let curves = match self.text(CURVES)? {
            Some(text) => curve::from_csv(&text).with_context(|| format!("in `{CURVES}`"))?,
            None => Vec::new(),
        };
        let provenance = provenance::read(&self.folder)?;
        let seed = self.seed()?;
        let devices = self.latencies()?;
        let networks = self.networks(&seed, &devices, &rows)?;
        let layers = producers(&seed);
        Ok(Page {
            name: self.plan.name.clone(),
            description,
            statements: html::statements(&experiment),
            changes: provenance.as_ref().map(Provenance::changes).unwrap_or_default(),
            planned: self.plan.points().len(),
            rows,
            networks,
            layers: layers.map(|(name, width)| Layer { name: name.to_owned(), width }).collect(),
            devices: devices.iter().map(in_words).collect(),
            curves,
            provenance: provenance.as_ref().map(provenance::facts).unwrap_or_default(),
        })
    }

    fn seed(&self) -> anyhow::Result<Graph> {
        let Plan { architecture, input, classes, .. } = &self.plan;
        let built = architecture.build(*input, *classes);
        built.map_err(|error| anyhow!("the architecture in `plan.json` cannot be built: {error}"))
    }

    /// The network of every row, where the structures tell it and agree with the row.
    fn networks(
        &self,
        seed: &Graph,
        devices: &[Latency],
        rows: &[PointRow],
    ) -> anyhow::Result<Vec<Option<Network>>> {
        let known = Networks { plan: &self.plan, seed, structures: self };
        // Rows are in the order of the plan.
        let mut points = self.plan.points().into_iter();
        let mut networks = Vec::with_capacity(rows.len());
        for row in rows {
            let point = points.by_ref().find(|point| self.is_point(point, row));
            let ready = point.map(|point| known.point(point)).transpose()?.flatten();
            let ready = ready.filter(|ready| ready.structure == row.structure);
            networks.push(ready.map(|ready| self.network(seed, devices, &ready)));
        }
        Ok(networks)
    }

    fn is_point(&self, point: &PointPlan, row: &PointRow) -> bool {
        let target = point.target.map(|target| self.plan.sweep.targets[target].to_string());
        let scale = row.budget.unwrap_or(row.width_multiplier);
        (point.arm, point.strength, point.seed) == (row.arm, row.regularization_strength, row.seed)
            && (point.cycle, point.mode, target) == (row.cycle, row.mode, row.target.clone())
            && point.width_multiplier == scale
    }

    fn network(&self, seed: &Graph, devices: &[Latency], point: &ReadyPoint) -> Network {
        let left: BTreeMap<&str, usize> = producers(&point.graph).collect();
        let width = |name: &str| left.get(name).copied().unwrap_or(0);
        let widths = point.graph.widths();
        let latency = |device: &Latency| 1e-6 * CostForm::of(device, &point.graph).at(&widths);
        Network {
            widths: producers(seed).map(|(name, _)| width(name)).collect(),
            latencies: devices.iter().map(latency).collect(),
            search: point.plan.search().map(|search| self.plan.search_file(search)),
            retraining: point.key.clone(),
        }
    }

    /// The latencies that the plan charges or limits, after one of a common device; each device once.
    fn latencies(&self) -> anyhow::Result<Vec<Latency>> {
        let common = cost_models::Device::named(DEVICE).map_err(|error| anyhow!("{error}"))?;
        let mut found = vec![Latency::new(DeviceFile::Roofline(common), 1)];
        charged(&self.plan.regularizer.cost, &mut found);
        for limit in self.plan.sweep.targets.iter().flat_map(|target| &target.limits) {
            charged(&limit.resource, &mut found);
        }
        Ok(found)
    }

    fn structure(&self, file: &str) -> anyhow::Result<Option<Structure>> {
        store::read_json(&self.folder.join("structures").join(file))
    }

    fn text(&self, file: &str) -> anyhow::Result<Option<String>> {
        let bytes = store::read(&self.folder.join(file))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn put(&self, file: &str, text: &str) -> anyhow::Result<()> {
        store::write(&self.folder.join(file), text.as_bytes())
    }
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
