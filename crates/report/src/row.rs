//! One row of `points.csv`: what one point of a sweep cost and reached under one seed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, shortened};
use crate::metric::Metric;
use crate::mode::Mode;

/// How a point's widths came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// The seed's widths, all multiplied by one number: the baseline.
    Uniform,
    /// The widths left when dead channels are removed.
    Shrink,
    /// The widths left, multiplied until the budget is spent.
    Expand,
    /// The widths left, dealt to other layers, at the cost of the shrunk network.
    Shuffled,
    /// Random widths at the cost of the shrunk network.
    Random,
    /// The channels of a trained seed with the largest L1 norms, at the cost of the shrunk network.
    L1Norm,
    /// The channel groups of a trained seed with the largest norms, at the cost of the shrunk network.
    GroupNorm,
}

impl Arm {
    /// Every arm, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::Uniform,
        Self::Shrink,
        Self::Expand,
        Self::Shuffled,
        Self::Random,
        Self::L1Norm,
        Self::GroupNorm,
    ];

    /// The word in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Shrink => "shrink",
            Self::Expand => "expand",
            Self::Shuffled => "shuffled",
            Self::Random => "random",
            Self::L1Norm => "l1-norm",
            Self::GroupNorm => "group-norm",
        }
    }

    /// Whether the widths were learned.
    pub const fn is_learned(self) -> bool {
        match self {
            Self::Uniform | Self::Shuffled | Self::Random | Self::L1Norm | Self::GroupNorm => false,
            Self::Shrink | Self::Expand => true,
        }
    }

    /// Whether a search decided the cost: of learned widths, and of what is compared with them at equal cost.
    pub const fn has_search(self) -> bool {
        match self {
            Self::Uniform => false,
            Self::Shrink
            | Self::Expand
            | Self::Shuffled
            | Self::Random
            | Self::L1Norm
            | Self::GroupNorm => true,
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Arm {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|arm| arm.name() == word)
            .ok_or_else(|| Error::Arm { found: shortened(word) })
    }
}

/// One point under one seed; the fields but the last are the columns of `points.csv`, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointRow {
    /// How the widths came about.
    pub arm: Arm,
    /// Regularization strength of the search; `None` for [`Arm::Uniform`] and for searches that end at a target.
    pub regularization_strength: Option<f64>,
    /// The planned width multiplier of the seed whose cost is the budget of the expansion; `Some` exactly for
    /// [`Arm::Expand`].
    pub budget: Option<f64>,
    /// What the widths were multiplied with: planned for [`Arm::Uniform`], for [`Arm::Expand`] the multiplier that spends
    /// the budget, which differs between seeds as the learned widths do, and 1 for the others.
    pub width_multiplier: f64,
    /// Seed of every random stream of the point.
    pub seed: u64,
    /// Multiply-adds per image.
    pub macs: u64,
    /// Floating-point operations per image, two per multiply-add; positive.
    pub flops: u64,
    /// Trainable parameters.
    pub params: u64,
    /// Activations per image.
    pub activations: u64,
    /// What the metric is on the validation images, `0..=1`.
    #[serde(rename = "validation_accuracy", alias = "validation_mean_average_precision")]
    pub validation_score: f64,
    /// What it is on the test images, `0..=1`.
    #[serde(rename = "test_accuracy", alias = "test_mean_average_precision")]
    pub test_score: f64,
    /// Epochs of the retraining that gave the scores.
    pub epochs: u32,
    /// Channels of the seed that died.
    pub dead_channels: u64,
    /// Hash of the widths by node name.
    pub structure: String,
    /// The target of the search in words, such as `50% flops`, if it had one instead of a strength.
    #[serde(default)]
    pub target: Option<String>,
    /// Cycle of the search, from 1; 1 for [`Arm::Uniform`].
    #[serde(default = "first")]
    pub cycle: u32,
    /// How the network was trained before it was scored.
    #[serde(default)]
    pub mode: Mode,
    /// The variant of the experiment in words, such as `strength=gate epochs=6`, if it has several.
    #[serde(default)]
    pub variant: Option<String>,
    /// What the scores are; the columns of these have its name.
    #[serde(skip)]
    pub metric: Metric,
}

fn first() -> u32 {
    1
}

/// Columns that `points.csv` has after [`COLUMNS`] where they say something: the first two if a row has a target or a cycle
/// after the first, three if one was not trained from scratch, all if there are several variants.
pub const MORE_COLUMNS: [&str; 4] = ["target", "cycle", "mode", "variant"];

/// How many of [`MORE_COLUMNS`] a file may have.
const MORE: [usize; 4] = [0, 2, 3, 4];

/// Columns of every `points.csv`, in order, where the metric is accuracy; others are named by theirs.
pub const COLUMNS: [&str; 14] = [
    "arm",
    "regularization_strength",
    "budget",
    "width_multiplier",
    "seed",
    "macs",
    "flops",
    "params",
    "activations",
    "validation_accuracy",
    "test_accuracy",
    "epochs",
    "dead_channels",
    "structure",
];

impl PointRow {
    /// How many of [`MORE_COLUMNS`] this row needs.
    fn more(&self) -> usize {
        let has_target_or_cycle = self.target.is_some() || self.cycle != 1;
        more_columns(has_target_or_cycle, self.mode, self.variant.is_some())
    }

    /// The fields in the order of [`COLUMNS`] and [`MORE_COLUMNS`].
    fn record(&self) -> [String; COLUMNS.len() + MORE_COLUMNS.len()] {
        let float = |value: f64| format!("{value:?}");
        let optional = |value: Option<f64>| value.map_or_else(String::new, float);
        [
            self.arm.to_string(),
            optional(self.regularization_strength),
            optional(self.budget),
            float(self.width_multiplier),
            self.seed.to_string(),
            self.macs.to_string(),
            self.flops.to_string(),
            self.params.to_string(),
            self.activations.to_string(),
            float(self.validation_score),
            float(self.test_score),
            self.epochs.to_string(),
            self.dead_channels.to_string(),
            self.structure.clone(),
            self.target.clone().unwrap_or_default(),
            self.cycle.to_string(),
            self.mode.to_string(),
            self.variant.clone().unwrap_or_default(),
        ]
    }

    /// Refuses a row that cannot be placed on a curve; `at` says where it stands.
    pub(crate) fn check(&self, at: impl Fn() -> String) -> Result<(), Error> {
        let strength = self.regularization_strength;
        let strength_fits = match (strength, &self.target) {
            (None, None) => !self.arm.has_search(),
            (Some(strength), None) => {
                self.arm.has_search() && strength.is_finite() && strength >= 0.0
            }
            (None, Some(_)) => true,
            (Some(_), Some(_)) => false,
        };
        let is_line = |words: &String| !words.is_empty() && !words.contains(char::is_control);
        let target_fits =
            self.target.as_ref().is_none_or(|words| self.arm.has_search() && is_line(words));
        let cycle_fits = self.cycle == 1 || (self.cycle > 1 && self.arm.has_search());
        let budget_fits = match self.budget {
            None => self.arm != Arm::Expand,
            Some(budget) => self.arm == Arm::Expand && is_positive(budget),
        };
        let multiplier_fits = match self.arm {
            Arm::Uniform | Arm::Expand => is_positive(self.width_multiplier),
            Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
                self.width_multiplier == 1.0
            }
        };
        let optional = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
        let validation = self.metric.column("validation_accuracy");
        let test = self.metric.column("test_accuracy");
        let checks = [
            (strength_fits, "regularization_strength", optional(strength)),
            (budget_fits, "budget", optional(self.budget)),
            (multiplier_fits, "width_multiplier", self.width_multiplier.to_string()),
            (self.flops > 0, "flops", self.flops.to_string()),
            (is_fraction(self.validation_score), validation, self.validation_score.to_string()),
            (is_fraction(self.test_score), test, self.test_score.to_string()),
            (target_fits, "target", self.target.clone().unwrap_or_default()),
            (cycle_fits, "cycle", self.cycle.to_string()),
            (
                self.variant.as_ref().is_none_or(is_line),
                "variant",
                self.variant.clone().unwrap_or_default(),
            ),
        ];
        match checks.into_iter().find(|(holds, _, _)| !holds) {
            None => Ok(()),
            Some((_, column, found)) => Err(Error::Value {
                at: at(),
                column,
                found: shortened(&found),
                expected: expectation(column),
            }),
        }
    }
}

/// How many of [`MORE_COLUMNS`] a point needs.
pub(crate) fn more_columns(has_target_or_cycle: bool, mode: Mode, has_variant: bool) -> usize {
    match (mode, has_target_or_cycle, has_variant) {
        (_, _, true) => MORE[3],
        (Mode::ScratchB | Mode::FineTune | Mode::Grow, _, false) => MORE[2],
        (Mode::Scratch, true, false) => MORE[1],
        (Mode::Scratch, false, false) => MORE[0],
    }
}

pub(crate) fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

pub(crate) fn is_fraction(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

/// What a column of a points file allows.
pub(crate) fn expectation(column: &str) -> &'static str {
    match column {
        "arm" => "`uniform`, `shrink`, `expand`, `shuffled`, `random`, `l1-norm` or `group-norm`",
        "regularization_strength" => {
            "nothing for `uniform` and where there is a target, and a finite number of at least 0 otherwise"
        }
        "budget" => "a finite number above 0 for `expand`, and nothing for all others",
        "width_multiplier" => "a finite number above 0, and 1 unless `uniform` or `expand`",
        "target" => {
            "nothing for `uniform` and where there is a strength, and one line of text otherwise"
        }
        "cycle" => "a whole number above 0, and 1 for `uniform`",
        "mode" => "`scratch`, `scratch-b`, `fine-tune` or `grow`",
        "variant" => "one line of text, or nothing",
        "flops" => "a whole number above 0",
        "validation_accuracy"
        | "test_accuracy"
        | "validation_mean_average_precision"
        | "test_mean_average_precision" => "a fraction from 0 to 1",
        "epochs" => "a whole number up to 4294967295",
        "structure" => "a hash",
        _ => "a whole number of at least 0",
    }
}

/// The rows, all of one metric, as `points.csv`: a line of column names, then one line per row in the order given.
///
/// Floats are written in the shortest form that reads back as the same number, so [`from_csv`] returns equal rows.
pub fn to_csv(rows: &[PointRow]) -> String {
    const IN_MEMORY: &str = "a row has a fixed number of plain fields and a Vec takes every write";
    let columns = COLUMNS.len() + rows.iter().map(PointRow::more).max().unwrap_or(0);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let metric = rows.first().map_or(Metric::default(), |row| row.metric);
    writer.write_record(all_columns(metric).take(columns)).expect(IN_MEMORY);
    for row in rows {
        writer.write_record(&row.record()[..columns]).expect(IN_MEMORY);
    }
    into_text(writer)
}

fn all_columns(metric: Metric) -> impl Iterator<Item = &'static str> {
    COLUMNS.into_iter().chain(MORE_COLUMNS).map(move |column| metric.column(column))
}

/// What a writer over memory holds.
pub(crate) fn into_text(writer: csv::Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().expect("a Vec takes every write");
    String::from_utf8(bytes).expect("only UTF-8 strings were written")
}

/// Reads what [`to_csv`] wrote.
///
/// # Errors
///
/// [`Error::Header`] unless the first line is exactly [`COLUMNS`] as the metric names them, or these and the first two, three or all of
/// [`MORE_COLUMNS`]; [`Error::Csv`] for a row with a missing or
/// surplus field; [`Error::Value`] for a value its column does not allow, a NaN among them. Each names its line.
pub fn from_csv(text: &str) -> Result<Vec<PointRow>, Error> {
    // The reader would skip the mark too, but its byte positions would not.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| malformed(text, &error))?.clone();
    let names = |metric: &Metric| {
        MORE.iter().any(|more| header.iter().eq(all_columns(*metric).take(COLUMNS.len() + more)))
    };
    let Some(metric) = Metric::ALL.into_iter().find(names) else {
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(Error::Header { found: shortened(&found), expected: COLUMNS.join(",") });
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| malformed(text, &error))?;
        let line = line(text, record.position());
        let row: PointRow = record
            .deserialize(Some(&header))
            .map_err(|error| unreadable(line, metric, &record, &error))?;
        let row = PointRow { metric, ..row };
        row.check(|| format!("line {line}"))?;
        rows.push(row);
    }
    Ok(rows)
}

/// The line a record starts on; the reader's position is where the record before it ended.
fn line(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 1 };
    let start = usize::try_from(position.byte()).ok();
    let rest = start.and_then(|start| text.get(start..)).unwrap_or_default();
    let blank = rest.bytes().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + blank.filter(|&byte| byte == b'\n').count() as u64
}

fn malformed(text: &str, error: &csv::Error) -> Error {
    let message = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind() {
        format!("found {len} fields instead of {expected_len}")
    } else {
        error.to_string()
    };
    Error::Csv { line: line(text, error.position()), message }
}

fn unreadable(line: u64, metric: Metric, record: &csv::StringRecord, error: &csv::Error) -> Error {
    // The reader reports a word that names no arm or mode without its field.
    let names_none = |column: usize, is_one: &dyn Fn(&str) -> bool| {
        record.get(column).is_some_and(|word| !is_one(word))
    };
    let mode = COLUMNS.len() + 2;
    let column = if names_none(0, &|word| word.parse::<Arm>().is_ok()) {
        Some(0)
    } else if names_none(mode, &|word| Mode::ALL.iter().any(|mode| mode.name() == word)) {
        Some(mode)
    } else if let csv::ErrorKind::Deserialize { err, .. } = error.kind() {
        err.field().and_then(|field| usize::try_from(field).ok())
    } else {
        None
    };
    match column.and_then(|column| Some((all_columns(metric).nth(column)?, record.get(column)?))) {
        None => Error::Csv { line, message: error.to_string() },
        Some((column, found)) => Error::Value {
            at: format!("line {line}"),
            column,
            found: shortened(found),
            expected: expectation(column),
        },
    }
}
