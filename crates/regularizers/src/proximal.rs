//! The proximal operator of the largest absolute value.

/// Replaces `values` by `argmin over x of threshold * max |x| + |x - values|^2 / 2`.
///
/// The largest entries are cut to a common level `t` with `sum of (|v| - t)+ = threshold`; if all entries together are not
/// larger than the threshold, all become exactly zero. For one value this is soft thresholding. (Moreau: the operator is
/// `v` minus the projection of `v` on the L1 ball of radius `threshold`; Parikh & Boyd 2014, section 6.5.)
pub fn shrink_maximum(values: &mut [f32], threshold: f64) {
    if threshold <= 0.0 {
        return;
    }
    let total: f64 = values.iter().map(|value| f64::from(value.abs())).sum();
    if total <= threshold {
        values.fill(0.0);
        return;
    }
    let level = level(values, threshold) as f32;
    for value in values {
        *value = value.clamp(-level, level);
    }
}

/// The level `t` with `sum of (|v| - t)+ = threshold`, for `threshold` below the sum of all `|v|`.
fn level(values: &[f32], threshold: f64) -> f64 {
    if let [value] = values {
        return f64::from(value.abs()) - threshold;
    }
    let mut sorted: Vec<f64> = values.iter().map(|value| f64::from(value.abs())).collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    for (index, value) in sorted.iter().enumerate() {
        sum += value;
        let level = (sum - threshold) / (index + 1) as f64;
        if sorted.get(index + 1).is_none_or(|next| *next <= level) {
            return level.max(0.0);
        }
    }
    0.0
}
