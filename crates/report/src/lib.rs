//! Rows of results to CSV, Pareto fronts, SVG figures, terminal tables and an HTML page.
//!
//! A run leaves one [`PointRow`] per point and seed. Rows of the same point are averaged over seeds into a
//! [`Summary`]; the validation score decides which summaries are on the front, and the test score is reported
//! beside it: accuracy, or another [`Metric`]. Learned widths are compared with the uniform curve at equal FLOPs. The crate writes no files and
//! prints nothing: every function returns its text.
//!
//! ```
//! use report::{Arm, Metric, Mode, PointRow, row, summary};
//!
//! let point = |arm, regularization_strength, flops: u64, validation_score| PointRow {
//!     arm,
//!     regularization_strength,
//!     budget: None,
//!     width_multiplier: 1.0,
//!     seed: 0,
//!     macs: flops / 2,
//!     flops,
//!     params: 25_586,
//!     activations: 9_000,
//!     validation_score,
//!     test_score: validation_score - 0.01,
//!     epochs: 5,
//!     dead_channels: 0,
//!     structure: "5f3a".to_owned(),
//!     target: None,
//!     cycle: 1,
//!     mode: Mode::Scratch,
//!     variant: None,
//!     metric: Metric::Accuracy,
//! };
//! let rows = [
//!     point(Arm::Uniform, None, 4_090_000, 0.9036),
//!     point(Arm::Shrink, Some(4.0), 3_290_000, 0.9074),
//! ];
//! assert_eq!(row::from_csv(&row::to_csv(&rows))?, rows);
//!
//! let summaries = summary::summarize(&rows)?;
//! let front = report::summary_front(&summaries);
//! assert_eq!(front.iter().map(|&i| summaries[i].arm).collect::<Vec<_>>(), [Arm::Shrink]);
//!
//! let svg = report::pareto_figure(&summaries, "Inception", "Fashion-MNIST, 5 epochs")?;
//! assert!(svg.starts_with("<svg"));
//! assert!(report::table(&summaries)?.contains("Front by validation accuracy"));
//! # Ok::<(), report::Error>(())
//! ```
#![forbid(unsafe_code)]

pub mod row;

pub mod summary;

pub mod pareto;

pub mod compare;

pub mod figure;

pub mod events;

pub mod curve;

pub mod hypervolume;

pub mod html;

mod estimate;

mod paired;

mod metric;

mod mode;

mod number;

mod table;

mod error;

pub use compare::{Comparison, Difference, UniformCurve, compare};
pub use error::Error;
pub use estimate::Estimate;
pub use figure::pareto_figure;
pub use metric::Metric;
pub use mode::Mode;
pub use paired::{PairedComparison, PairedDifference, paired};
pub use pareto::{front, summary_front};
pub use row::{Arm, PointRow};
pub use summary::{Summary, summarize};
pub use table::table;
