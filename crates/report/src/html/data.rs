//! What the script of a page reads.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Point, Shown};
use crate::curve::{CurveRow, Phase};
use crate::figure::{Line, Look, tooltip};
use crate::pareto::front;
use crate::summary::{Summary, series};

/// The whole data of a page.
#[derive(Serialize)]
pub(super) struct Data<'a> {
    metric: &'static str,
    resources: Vec<Resource>,
    series: Vec<Series>,
    points: Vec<PointData<'a>>,
    layers: Vec<LayerData<'a>>,
    curves: Vec<Curve<'a>>,
    /// Which point is selected at first.
    featured: Option<usize>,
}

/// A cost that points can be drawn against.
#[derive(Serialize)]
struct Resource {
    /// Its position among the costs of a point.
    cost: usize,
    /// In the words of an axis.
    title: String,
    /// In one or two words.
    name: String,
    unit: &'static str,
    /// Points of the front by this cost and validation accuracy, in order of cost.
    front: Vec<usize>,
}

/// Points that look alike.
#[derive(Serialize)]
struct Series {
    label: String,
    /// Corners of the marker in units of its reach; none of a circle.
    corners: &'static [[f64; 2]],
    color: &'static str,
    /// Whether its points are joined.
    joined: bool,
    /// 0 for the first cycle and mode; others are told from it without color.
    later: usize,
}

#[derive(Serialize)]
struct PointData<'a> {
    name: String,
    series: usize,
    /// One for each resource; null where it is not known.
    costs: Vec<Option<f64>>,
    /// Percent: mean and deviation, by validation and by test.
    validation: [Option<f64>; 2],
    test: [Option<f64>; 2],
    text: String,
    networks: Vec<NetworkData<'a>>,
}

/// The network of a point under one seed.
#[derive(Serialize)]
struct NetworkData<'a> {
    seed: u64,
    structure: &'a str,
    widths: Option<&'a [usize]>,
    /// Names of its trainings.
    search: Option<&'a str>,
    retrain: Option<&'a str>,
}

#[derive(Serialize)]
struct LayerData<'a> {
    name: &'a str,
    width: usize,
}

#[derive(Serialize)]
struct Curve<'a> {
    phase: Phase,
    name: &'a str,
    epoch: Vec<u32>,
    loss: Vec<f64>,
    accuracy: Vec<f64>,
    penalty: Vec<f64>,
    learning_rate: Vec<f64>,
    /// Null in retrainings.
    alive_cost: Option<Vec<f64>>,
}

impl<'a> Data<'a> {
    /// The data of a page.
    pub(super) fn of(shown: &Shown<'a>) -> Self {
        let page = shown.page;
        let mut looks: Vec<Series> = Vec::new();
        let mut points: Vec<PointData<'a>> =
            shown.points.iter().map(|it| point(shown, it)).collect();
        let variants: BTreeSet<Option<&str>> =
            shown.points.iter().map(|point| point.summary.variant.as_deref()).collect();
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_key(|&at| shown.points[at].index);
        for at in order {
            let look = look(&shown.points[at].summary, &variants);
            let known = looks.iter().position(|known| known.label == look.label);
            points[at].series = known.unwrap_or(looks.len());
            if known.is_none() {
                looks.push(look);
            }
        }
        Self {
            metric: page.metric(),
            resources: resources(shown, &points),
            series: looks,
            points,
            layers: page
                .layers
                .iter()
                .map(|layer| LayerData { name: &layer.name, width: layer.width })
                .collect(),
            curves: page
                .curves
                .chunk_by(|a, b| (a.phase, &a.name) == (b.phase, &b.name))
                .map(curve)
                .collect(),
            featured: shown.featured(),
        }
    }

    /// As JSON that can stand in a script element: no text in it can end the element or begin a comment.
    pub(super) fn to_json(&self) -> String {
        let json =
            serde_json::to_string(self).expect("keys are words and nothing fails to serialize");
        json.replace('<', "\\u003c")
    }
}

fn resources(shown: &Shown<'_>, points: &[PointData<'_>]) -> Vec<Resource> {
    let counts = [
        ("FLOPs per image", "FLOPs"),
        ("parameters", "parameters"),
        ("activations per image", "activations"),
    ];
    let counts = counts.map(|(title, name)| (title.to_owned(), name.to_owned(), ""));
    let devices = shown.page.devices.iter().map(|device| {
        (format!("latency in ms on {device}, computed"), format!("latency on {device}"), "ms")
    });
    let resource = |(index, (title, name, unit)): (usize, (String, String, &'static str))| {
        // A point without this cost is on no front.
        let places: Vec<(f64, f64)> = points
            .iter()
            .map(|point| {
                (point.costs[index].unwrap_or(f64::NAN), point.validation[0].unwrap_or(f64::NAN))
            })
            .collect();
        let is_known = points.iter().any(|point| point.costs[index].is_some());
        (is_known || index == 0).then(|| Resource {
            cost: index,
            title,
            name,
            unit,
            front: front(&places),
        })
    };
    counts.into_iter().chain(devices).enumerate().filter_map(resource).collect()
}

fn look(summary: &Summary, variants: &BTreeSet<Option<&str>>) -> Series {
    let Summary { arm, cycle, mode, .. } = *summary;
    let variant = summary.variant.as_deref();
    let at = variants.iter().position(|known| *known == variant).unwrap_or(0);
    let look = Look::of(arm, cycle, mode, at);
    Series {
        label: series(arm, cycle, mode, variant),
        corners: look.marker.corners(),
        color: look.color.hex(),
        joined: look.line == Line::Straight,
        later: look.later,
    }
}

fn point<'a>(shown: &Shown<'a>, point: &Point<'a>) -> PointData<'a> {
    let Point { summary, rows, .. } = point;
    let percent = |mean: f64, std: Option<f64>| [Some(100.0 * mean), std.map(|std| 100.0 * std)];
    let latency = |device: usize| {
        let of = |network: Option<&super::Network>| network?.latencies.get(device).copied();
        let known: Option<Vec<f64>> = rows.iter().map(|(_, network)| of(*network)).collect();
        known
            .filter(|known| !known.is_empty())
            .map(|known| known.iter().sum::<f64>() / known.len() as f64)
    };
    let counts = [summary.flops, summary.params, summary.activations];
    let counts = counts.map(|count| (count > 0.0).then_some(count));
    PointData {
        name: summary.name(),
        series: 0,
        costs: counts.into_iter().chain((0..shown.page.devices.len()).map(latency)).collect(),
        validation: percent(summary.validation_score, summary.validation_std),
        test: percent(summary.test_score, summary.test_std),
        text: tooltip(summary),
        networks: rows
            .iter()
            .map(|(row, network)| NetworkData {
                seed: row.seed,
                structure: &row.structure,
                widths: network.map(|network| &network.widths[..]),
                search: network.and_then(|network| network.search.as_deref()),
                retrain: network.map(|network| &network.retraining[..]),
            })
            .collect(),
    }
}

fn curve(rows: &[CurveRow]) -> Curve<'_> {
    let column = |field: fn(&CurveRow) -> f64| rows.iter().map(field).collect();
    Curve {
        phase: rows[0].phase,
        name: &rows[0].name,
        epoch: rows.iter().map(|row| row.epoch).collect(),
        loss: column(|row| row.loss),
        accuracy: column(|row| row.accuracy),
        penalty: column(|row| row.penalty),
        learning_rate: column(|row| row.learning_rate),
        alive_cost: rows.iter().map(|row| row.alive_cost).collect(),
    }
}
