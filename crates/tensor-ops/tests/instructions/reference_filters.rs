//! Plain loops in `f64` for filters.

use tensor_ops::FilterStep;

use crate::reference::{Values, at, span_at};

pub(crate) fn execute(step: FilterStep, values: &mut Values) {
    match step {
        FilterStep::RootMeanSquares { kernel, strengths } => {
            for channel in 0..kernel.channels {
                let squares = (0..kernel.rows).map(|row| values[at(kernel, row, channel)].powi(2));
                let sum: f64 = squares.sum();
                values[span_at(strengths, channel)] = (sum / kernel.rows as f64).sqrt();
            }
        }
        FilterStep::Shrink { kernel, shares } => {
            for channel in 0..kernel.channels {
                let share = values[span_at(shares, channel)];
                for row in 0..kernel.rows {
                    let value = &mut values[at(kernel, row, channel)];
                    *value = if share == 1.0 { 0.0 } else { *value - share * *value };
                }
            }
        }
    }
}
