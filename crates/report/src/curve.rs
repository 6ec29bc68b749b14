//! Rows of `curves.csv`: the epochs of every search and every retraining.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, shortened};
use crate::row::into_text;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// A search for widths.
    Search,
    /// A network whose widths are settled.
    Retrain,
}

impl Phase {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Retrain => "retrain",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One epoch; the fields are the columns of `curves.csv`, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveRow {
    /// What is trained.
    pub phase: Phase,
    /// Which search or retraining, by the name of its folder.
    pub name: String,
    /// Epoch, from 1.
    pub epoch: u32,
    /// Mean training loss.
    pub loss: f64,
    /// Training accuracy on augmented images, a fraction.
    pub accuracy: f64,
    /// Penalty after the last step; 0 in retrainings.
    pub penalty: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// In a search, what is alive costs this share of the network that it began with; of several resources, the first.
    pub alive_cost: Option<f64>,
}

const COLUMNS: [&str; 8] =
    ["phase", "name", "epoch", "loss", "accuracy", "penalty", "learning_rate", "alive_cost"];

/// The rows as `curves.csv`, in the order given; floats read back as the same numbers.
pub fn to_csv(rows: &[CurveRow]) -> String {
    const IN_MEMORY: &str = "a row has a fixed number of plain fields and a Vec takes every write";
    let float = |value: f64| format!("{value:?}");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).expect(IN_MEMORY);
    for row in rows {
        let record = [
            row.phase.to_string(),
            row.name.clone(),
            row.epoch.to_string(),
            float(row.loss),
            float(row.accuracy),
            float(row.penalty),
            float(row.learning_rate),
            row.alive_cost.map_or_else(String::new, float),
        ];
        writer.write_record(record).expect(IN_MEMORY);
    }
    into_text(writer)
}

/// Reads what [`to_csv`] wrote.
///
/// # Errors
///
/// [`Error::Header`] for other columns, [`Error::Csv`] for a row that they do not fit, with its line.
pub fn from_csv(text: &str) -> Result<Vec<CurveRow>, Error> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let malformed = |error: csv::Error| Error::Csv {
        line: error.position().map_or(1, csv::Position::line),
        message: error.to_string(),
    };
    let header = reader.headers().map_err(malformed)?.clone();
    if header.iter().ne(COLUMNS) {
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(Error::Header { found: shortened(&found), expected: COLUMNS.join(",") });
    }
    reader.deserialize().map(|row| row.map_err(malformed)).collect()
}
