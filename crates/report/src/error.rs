//! What can be wrong with rows of results.

/// Why rows were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not well-formed CSV.
    #[error("line {line}: {message}; expected comma-separated values with one row per line")]
    Csv {
        /// Line of the text, from 1.
        line: u64,
        /// What the reader said.
        message: String,
    },
    /// The first line does not name the columns of such a file.
    #[error(
        "line 1: found the columns `{found}`, expected `{expected}`; was the file written by another version?"
    )]
    Header {
        /// The columns in the text.
        found: String,
        /// The columns such a file has.
        expected: String,
    },
    /// A value that its column does not allow.
    #[error("{at}: `{column}` is `{found}`, expected {expected}")]
    Value {
        /// Where: a line of a file, a row, a summary or a point of a series.
        at: String,
        /// The column or coordinate.
        column: &'static str,
        /// The value, shortened.
        found: String,
        /// What the column allows.
        expected: &'static str,
    },
    /// A word that names no arm.
    #[error(
        "found the arm `{found}`, expected `uniform`, `shrink`, `expand`, `shuffled`, `random`, `l1-norm` or `group-norm`"
    )]
    Arm {
        /// The word, shortened.
        found: String,
    },
    /// Two rows of one point have the same seed.
    #[error(
        "{point}: found seed {seed} twice, expected one row per point and seed; remove one of them"
    )]
    RepeatedSeed {
        /// The point, as [`Summary::name`](crate::Summary::name) writes it.
        point: String,
        /// The seed.
        seed: u64,
    },
    /// Rows are scored by different metrics.
    #[error(
        "found rows scored by {first} and by {second}, expected one metric; keep them in separate files"
    )]
    MixedMetrics {
        /// Metric of one row, in words.
        first: &'static str,
        /// Metric of another row.
        second: &'static str,
    },
    /// Rows of one point were trained for different numbers of epochs, so their mean says nothing.
    #[error(
        "{point}: found rows of {first} and of {second} epochs, expected one number of epochs per point; \
         keep them in separate files"
    )]
    MixedEpochs {
        /// The point, as [`Summary::name`](crate::Summary::name) writes it.
        point: String,
        /// Epochs of one row.
        first: u32,
        /// Epochs of another row.
        second: u32,
    },
}

/// A value for an error message: at most 60 characters of it.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}
