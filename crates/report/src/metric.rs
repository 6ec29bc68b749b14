//! What networks are scored by.

/// What validation and test scores are: both are fractions, and more is better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metric {
    /// The share of images that are classified correctly.
    #[default]
    Accuracy,
    /// The mean over classes of average precision, where images have several labels.
    MeanAveragePrecision,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 2] = [Self::Accuracy, Self::MeanAveragePrecision];

    /// The words for it in figures and sentences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MeanAveragePrecision => "mean average precision",
        }
    }

    /// What follows `val` and `test` where there is little room, with the unit.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Accuracy => "%",
            Self::MeanAveragePrecision => "mAP %",
        }
    }

    /// The name of a column that is called so where the metric is accuracy.
    pub(crate) fn column(self, of_accuracy: &'static str) -> &'static str {
        match (self, of_accuracy) {
            (Self::MeanAveragePrecision, "validation_accuracy") => {
                "validation_mean_average_precision"
            }
            (Self::MeanAveragePrecision, "test_accuracy") => "test_mean_average_precision",
            (Self::MeanAveragePrecision, "validation_accuracy_std") => {
                "validation_mean_average_precision_std"
            }
            (Self::MeanAveragePrecision, "test_accuracy_std") => "test_mean_average_precision_std",
            (Self::Accuracy | Self::MeanAveragePrecision, column) => column,
        }
    }
}
