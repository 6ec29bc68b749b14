//! The results of an experiment as one HTML page that needs no network and no other file.
//!
//! The page is whole without its script: figures are inline SVG, numbers are in tables. With it, the chart shows and selects
//! points, and exchanges its axes. Equal input gives equal bytes.

mod answer;

mod data;

mod document;

mod head;

mod points;

pub use head::statements;

use crate::curve::CurveRow;
use crate::error::Error;
use crate::figure::LayerWidths;
use crate::metric::Metric;
use crate::pareto::{by_flops, summary_front};
use crate::row::PointRow;
use crate::summary::{Summary, position, summarize};

/// What a page shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// Name of the experiment.
    pub name: String,
    /// What was trained on what, and how, in one line.
    pub description: String,
    /// What the experiment asks and expects.
    pub statements: Vec<Statement>,
    /// What was changed in the experiment from the command line.
    pub changes: Vec<String>,
    /// The points that are finished, under each seed.
    pub rows: Vec<PointRow>,
    /// How many rows there can be at most.
    pub planned: usize,
    /// The network of every row, where it is known; as many as there are rows.
    pub networks: Vec<Option<Network>>,
    /// The layers of the seed that have widths, in order.
    pub layers: Vec<Layer>,
    /// Devices that networks have a latency on, each in words with its batch.
    pub devices: Vec<String>,
    /// The epochs of all trainings; those of one training in succession.
    pub curves: Vec<CurveRow>,
    /// How the results came about.
    pub provenance: Vec<Fact>,
}

/// A part of the head of an experiment file, such as its question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What it is; empty for what stands before the first such word.
    pub word: String,
    /// What it says.
    pub text: String,
}

/// A layer of the seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its channels.
    pub width: usize,
}

/// What is known of the network of a row besides its counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// Channels of each of [`Page::layers`]; 0 where a layer is gone.
    pub widths: Vec<usize>,
    /// Milliseconds per batch on each of [`Page::devices`].
    pub latencies: Vec<f64>,
    /// Name of the search that it comes of, among [`Page::curves`].
    pub search: Option<String>,
    /// Name of its training, among [`Page::curves`].
    pub retraining: String,
}

/// Something that is known of the processes that made the results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub name: String,
    /// One value if all processes agree, else all of them in words.
    pub values: Vec<String>,
}

impl Page {
    /// What networks are scored by, as text calls it.
    fn metric(&self) -> &'static str {
        self.rows.first().map_or_else(Metric::default, |row| row.metric).name()
    }

    /// The page as an HTML document.
    ///
    /// # Errors
    ///
    /// As [`summarize`], and [`Error::Value`] for curves that cannot be drawn.
    pub fn to_html(&self) -> Result<String, Error> {
        let shown = Shown::of(self)?;
        document::document(&shown)
    }

    /// The widths that stand for the experiment, with the name of their point: of the learned networks on the front, or of all
    /// if none is there, that of the greatest validation accuracy, under its first seed. None if no widths are known.
    pub fn featured(&self) -> Result<Option<(String, Vec<LayerWidths>)>, Error> {
        let shown = Shown::of(self)?;
        let featured = shown.featured();
        Ok(featured.map(|position| {
            let point = &shown.points[position];
            (point.summary.name(), shown.widths(point))
        }))
    }
}

/// A page with its points in order of FLOPs, as its tables and charts list them.
struct Shown<'a> {
    page: &'a Page,
    /// As [`summarize`] orders them.
    summaries: Vec<Summary>,
    points: Vec<Point<'a>>,
}

/// A point with its rows.
struct Point<'a> {
    summary: Summary,
    /// Position among [`Shown::summaries`].
    index: usize,
    on_front: bool,
    /// Its rows by seed, and their networks.
    rows: Vec<(&'a PointRow, Option<&'a Network>)>,
}

impl<'a> Shown<'a> {
    fn of(page: &'a Page) -> Result<Self, Error> {
        let summaries = summarize(&page.rows)?;
        let mut rows: Vec<Vec<(&PointRow, Option<&Network>)>> = vec![Vec::new(); summaries.len()];
        for (number, row) in page.rows.iter().enumerate() {
            let index = position(&summaries, row).expect("every row is a part of a summary");
            // What variants share has a row in each of them.
            if rows[index].iter().any(|(known, _)| known.seed == row.seed) {
                continue;
            }
            rows[index].push((row, page.networks.get(number).and_then(Option::as_ref)));
        }
        let front = summary_front(&summaries);
        let point = |index: usize| {
            let mut rows = rows[index].clone();
            rows.sort_by_key(|(row, _)| row.seed);
            let on_front = front.contains(&index);
            Point { summary: summaries[index].clone(), index, on_front, rows }
        };
        let points = by_flops(&summaries).into_iter().map(point).collect();
        Ok(Self { page, summaries, points })
    }

    /// Position of the point whose widths are shown first.
    fn featured(&self) -> Option<usize> {
        let best = |is_eligible: &dyn Fn(&Point<'_>) -> bool| {
            let known = |point: &Point<'_>| point.rows.iter().any(|(_, network)| network.is_some());
            let candidates =
                self.points.iter().enumerate().filter(|(_, it)| known(it) && is_eligible(it));
            let score = |point: &Point<'_>| point.summary.validation_score;
            candidates
                .max_by(|(_, a), (_, b)| score(a).total_cmp(&score(b)))
                .map(|(position, _)| position)
        };
        best(&|point| point.summary.arm.is_learned() && point.on_front)
            .or_else(|| best(&|point| point.summary.arm.is_learned()))
            .or_else(|| best(&|_| true))
    }

    /// The widths of a point under the first seed whose network is known.
    fn widths(&self, point: &Point<'_>) -> Vec<LayerWidths> {
        let Some(network) = point.rows.iter().find_map(|(_, network)| *network) else {
            return Vec::new();
        };
        let layers = self.page.layers.iter().zip(&network.widths);
        layers
            .map(|(layer, after)| LayerWidths {
                name: layer.name.clone(),
                before: layer.width,
                after: *after,
            })
            .collect()
    }
}
