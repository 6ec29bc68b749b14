//! What came of it: costs, accuracies and times, before and after.

use std::fmt::Write;

use cost_models::Summary;
use report::Metric;
use serde::Serialize;
use training::Network;

use super::Morph;
use crate::measure;
use crate::plan::metric;
use crate::store;

/// `report.json`: the networks by what they cost and how well they do. Times are not in it, so that equal plans leave equal
/// files.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Report {
    before: Standing,
    /// After the search, before the retraining.
    shrunk: Standing,
    after: Standing,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Standing {
    cost: Summary,
    #[serde(flatten)]
    scores: Scores,
}

/// Validation score, and test score of what is compared in the end only, under the name of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Scores {
    Accuracy {
        validation_accuracy: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        test_accuracy: Option<f64>,
    },
    MeanAveragePrecision {
        validation_mean_average_precision: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        test_mean_average_precision: Option<f64>,
    },
}

impl Scores {
    fn of(metric: Metric, validation: f64, test: Option<f64>) -> Self {
        match metric {
            Metric::Accuracy => {
                Self::Accuracy { validation_accuracy: validation, test_accuracy: test }
            }
            Metric::MeanAveragePrecision => Self::MeanAveragePrecision {
                validation_mean_average_precision: validation,
                test_mean_average_precision: test,
            },
        }
    }

    fn metric(self) -> Metric {
        match self {
            Self::Accuracy { .. } => Metric::Accuracy,
            Self::MeanAveragePrecision { .. } => Metric::MeanAveragePrecision,
        }
    }

    fn validation(self) -> f64 {
        match self {
            Self::Accuracy { validation_accuracy: score, test_accuracy: _ }
            | Self::MeanAveragePrecision {
                validation_mean_average_precision: score,
                test_mean_average_precision: _,
            } => score,
        }
    }

    fn test(self) -> Option<f64> {
        match self {
            Self::Accuracy { test_accuracy: score, validation_accuracy: _ }
            | Self::MeanAveragePrecision {
                test_mean_average_precision: score,
                validation_mean_average_precision: _,
            } => score,
        }
    }
}

impl Morph<'_> {
    /// Writes `report.json` and `summary.txt`, which has times as well, and returns the latter.
    pub(super) fn close(
        &self,
        original: &Network,
        found: &Network,
        last: &Network,
    ) -> anyhow::Result<String> {
        let report = Report {
            before: self.standing(original, true)?,
            shrunk: self.standing(found, false)?,
            after: self.standing(last, true)?,
        };
        store::write_json(&self.settings.output.join("report.json"), &report)?;
        let mut rows = rows(&report);
        let threads = self.settings.threads;
        let plural = if threads == 1 { "" } else { "s" };
        let networks = [original, found, last];
        let times = measure::wholes(&networks, &self.device)?;
        rows.push((format!("time of an image, {threads} thread{plural}"), milliseconds(&times)));
        #[cfg(feature = "onnx-runtime")]
        if let Some(library) = &self.settings.onnx_runtime {
            let file = |network: &Network| crate::network::to_onnx(network, false);
            let files = networks.into_iter().map(file).collect::<Result<Vec<_>, _>>()?;
            let times = super::onnx_runtime::times(library, &files, self.plan.input, threads)?;
            rows.push(("the same in ONNX Runtime".to_owned(), milliseconds(&times)));
        }
        let table = format!("{}\n{}", self.heading(), table(&rows));
        store::write(&self.settings.output.join("summary.txt"), table.as_bytes())?;
        Ok(table)
    }

    fn heading(&self) -> String {
        let plan = self.plan;
        let last = match (plan.expand, plan.from_scratch) {
            (false, false) => "fine-tuned",
            (true, false) => "widened and fine-tuned",
            (false, true) => "trained from scratch",
            (true, true) => "widened and trained from scratch",
        };
        format!("at most {} on {}, then {last}", plan.target, plan.dataset.name())
    }

    fn standing(&self, network: &Network, is_tested: bool) -> anyhow::Result<Standing> {
        let mut scorer = self.scorer(&network.graph)?;
        let split = &self.images.split;
        let validation = scorer.score(network, &split.validation)?;
        let test = if is_tested { Some(scorer.score(network, &split.test)?) } else { None };
        Ok(Standing {
            cost: Summary::of(&network.graph),
            scores: Scores::of(metric(self.plan.labels), validation, test),
        })
    }
}

/// Times, with by what factor they are shorter than the first.
fn milliseconds(nanoseconds: &[f64]) -> Vec<String> {
    let faster_by = |time: &f64| nanoseconds[0] / time.max(1.0);
    let cell = |time: &f64| format!("{:.3} ms ({:.2} x)", time / 1e6, faster_by(time));
    nanoseconds.iter().map(cell).collect()
}

/// A row of the table: what it is, and its values before, shrunk and after.
type Row = (String, Vec<String>);

fn rows(report: &Report) -> Vec<Row> {
    let all = [report.before, report.shrunk, report.after];
    let count = |name: &str, of: fn(&Summary) -> u64| {
        let whole = of(&report.before.cost).max(1) as f64;
        let value = |standing: &Standing| {
            let count = of(&standing.cost);
            format!("{count} ({:.1} %)", 100.0 * count as f64 / whole)
        };
        (name.to_owned(), all.iter().map(value).collect())
    };
    let metric = report.before.scores.metric().name();
    let score = |part: &str, of: fn(Scores) -> Option<f64>| {
        let value = |standing: &Standing| {
            of(standing.scores).map_or("-".to_owned(), |value| format!("{:.2} %", 100.0 * value))
        };
        (format!("{part} {metric}"), all.iter().map(value).collect())
    };
    vec![
        count("MACs", |cost| cost.macs),
        count("FLOPs", |cost| cost.flops),
        count("parameters", |cost| cost.params),
        score("validation", |scores| Some(scores.validation())),
        score("test", Scores::test),
    ]
}

fn table(rows: &[Row]) -> String {
    let header = (String::new(), ["before", "shrunk", "after"].map(str::to_owned).to_vec());
    let all: Vec<&Row> = [&header].into_iter().chain(rows).collect();
    let name = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let cell = all.iter().flat_map(|(_, cells)| cells).map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for (row, cells) in all {
        write!(text, "{row:name$}").expect("a String takes every write");
        for value in cells {
            write!(text, "  {value:>cell$}").expect("a String takes every write");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_say_by_what_factor_they_are_shorter() {
        assert_eq!(milliseconds(&[2e6, 8e5]), ["2.000 ms (1.00 x)", "0.800 ms (2.50 x)"]);
    }

    #[test]
    fn the_table_has_shares_of_the_original_and_a_dash_for_what_was_not_read() {
        let standing = |macs, test| Standing {
            cost: Summary { macs, flops: 2 * macs, params: 10, activations: 1 },
            scores: Scores::of(Metric::Accuracy, 0.5, test),
        };
        let report = Report {
            before: standing(200, Some(0.25)),
            shrunk: standing(50, None),
            after: standing(100, Some(0.5)),
        };
        assert_eq!(
            table(&rows(&report)),
            "                            before         shrunk          after
MACs                 200 (100.0 %)    50 (25.0 %)   100 (50.0 %)
FLOPs                400 (100.0 %)   100 (25.0 %)   200 (50.0 %)
parameters            10 (100.0 %)   10 (100.0 %)   10 (100.0 %)
validation accuracy        50.00 %        50.00 %        50.00 %
test accuracy              25.00 %              -        50.00 %
"
        );
    }
}
