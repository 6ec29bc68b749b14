//! Which points no other point beats.

use crate::row::into_text;
use crate::summary::{Summary, columns, record};

/// Indices of the points on the front, in order of rising cost (and so of rising quality).
///
/// A point is `(cost, quality)`. It is dominated by a point of no greater cost and no less quality, one of them
/// strictly; the front is what nothing dominates. Of equal points the first is kept. A point with a NaN is on no
/// front.
pub fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..points.len()).filter(|&i| !points[i].0.is_nan() && !points[i].1.is_nan()).collect();
    // Adding zero makes -0.0 and 0.0 equal; the sort is stable, so equal points stay in row order.
    order.sort_by(|&i, &j| {
        let ((cost_i, quality_i), (cost_j, quality_j)) = (points[i], points[j]);
        (cost_i + 0.0)
            .total_cmp(&(cost_j + 0.0))
            .then((quality_j + 0.0).total_cmp(&(quality_i + 0.0)))
    });
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        if front.last().is_none_or(|&best| points[index].1 > points[best].1) {
            front.push(index);
        }
    }
    front
}

/// The front of summaries by mean FLOPs and mean **validation** score.
///
/// The test score chooses nothing: a front picked by it would report the luck of its own picking.
pub fn summary_front(summaries: &[Summary]) -> Vec<usize> {
    let points: Vec<_> =
        summaries.iter().map(|summary| (summary.flops, summary.validation_score)).collect();
    front(&points)
}

/// Indices of the summaries in order of FLOPs; of equal FLOPs the earlier first.
pub(crate) fn by_flops(summaries: &[Summary]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..summaries.len()).collect();
    order.sort_by(|&i, &j| summaries[i].flops.total_cmp(&summaries[j].flops));
    order
}

/// Every summary as CSV, in order of FLOPs: `on_front`, which is `true` for the front of [`summary_front`] and `false`
/// for the rest, then the columns of [`summary::to_csv`](crate::summary::to_csv).
///
/// With the dominated points in it, the uniform and the learned curve can be drawn from this file alone.
pub fn to_csv(summaries: &[Summary]) -> String {
    const IN_MEMORY: &str =
        "every record has the same number of fields and a Vec takes every write";
    let front = summary_front(summaries);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = columns(summaries);
    let header = ["on_front"].into_iter().chain(columns.iter().copied());
    writer.write_record(header).expect(IN_MEMORY);
    for index in by_flops(summaries) {
        let on_front = front.contains(&index).to_string();
        let fields =
            [on_front].into_iter().chain(record(&summaries[index])).take(1 + columns.len());
        writer.write_record(fields).expect(IN_MEMORY);
    }
    into_text(writer)
}
