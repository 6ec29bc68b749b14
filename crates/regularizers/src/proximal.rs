//! The proximal operators of strengths.

use crate::Grouping;

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

/// A member of a group: `count` parameters whose strength is their root mean square, mixed with their mean absolute value. If
/// the strength is `unit` times that, the count is to be divided by `unit^2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Filter {
    /// Its strength.
    pub strength: f64,
    /// Number of its parameters.
    pub count: f64,
}

/// How a proximal step of size `threshold` on the combined strength of a group is shared among its members: each takes the
/// step of size `shares[m]` on its own strength ([`shrink_filter`]). Nothing if the whole group becomes zero.
///
/// With `n` parameters `w` and strength `|w| / sqrt(n)` a step of size `s` takes `s / n` off the strength.
///
/// * `Max`: those above a common level `t` are cut to it, `sum of n (s - t)+ = threshold`; all die if `sum of n s` is not
///   above the threshold.
/// * `L2`: `s = sqrt(sum of s'^2)` of the result with `s' = s n sigma / (n sigma + threshold)`; all die if
///   `sum of (n s)^2` is not above the threshold's square.
/// * `Probabilistic` has no such step.
///
/// These are the exact proximal operators of the root mean square. With a share of the mean absolute value they are for one
/// member, and to first order in the threshold for several.
pub fn shares(members: &[Filter], threshold: f64, grouping: Grouping) -> Option<Vec<f64>> {
    if let [_] = members {
        return Some(vec![threshold]);
    }
    match grouping {
        Grouping::L2 { .. } => l2_shares(members, threshold),
        Grouping::Max | Grouping::Probabilistic => maximum_shares(members, threshold),
    }
}

fn maximum_shares(members: &[Filter], threshold: f64) -> Option<Vec<f64>> {
    let total: f64 = members.iter().map(|member| member.count * member.strength).sum();
    if total <= threshold {
        return None;
    }
    let mut sorted = members.to_vec();
    sorted.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    let (mut sum, mut count, mut level) = (0.0, 0.0, 0.0);
    for (index, member) in sorted.iter().enumerate() {
        sum += member.count * member.strength;
        count += member.count;
        level = f64::max(0.0, (sum - threshold) / count);
        if sorted.get(index + 1).is_none_or(|next| next.strength <= level) {
            break;
        }
    }
    Some(members.iter().map(|member| member.count * (member.strength - level).max(0.0)).collect())
}

fn l2_shares(members: &[Filter], threshold: f64) -> Option<Vec<f64>> {
    let dual: f64 = members.iter().map(|member| (member.count * member.strength).powi(2)).sum();
    if dual <= threshold * threshold {
        return None;
    }
    let norm = members.iter().map(|member| member.strength.powi(2)).sum::<f64>().sqrt();
    // The sum falls in sigma from above 1 at 0 to at most 1 at the norm.
    let sum = |sigma: f64| -> f64 {
        let term = |member: &Filter| {
            let Filter { strength, count } = *member;
            (count * strength / (count * sigma + threshold)).powi(2)
        };
        members.iter().map(term).sum()
    };
    let (mut low, mut high) = (0.0, norm);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if sum(middle) > 1.0 { low = middle } else { high = middle }
    }
    let share = |member: &Filter| {
        let Filter { strength, count } = *member;
        count * strength * threshold / (count * high + threshold)
    };
    Some(members.iter().map(share).collect())
}

/// Replaces the values of one filter by `argmin over x of threshold * s(x) + |x - values|^2 / 2` with
/// `s = (1 - l1) * sqrt(mean x^2) + l1 * mean |x|`: soft thresholding, then the norm is shrunk.
pub fn shrink_filter(values: &mut [f32], threshold: f64, l1_fraction: f64) {
    if threshold <= 0.0 {
        return;
    }
    let count = values.len() as f64;
    let (soft, norm_step) =
        (threshold * l1_fraction / count, threshold * (1.0 - l1_fraction) / count.sqrt());
    let softened = |value: f32| {
        let left = (f64::from(value.abs()) - soft).max(0.0);
        left * f64::from(value.signum())
    };
    let norm = values.iter().map(|value| softened(*value).powi(2)).sum::<f64>().sqrt();
    let factor = if norm > norm_step { 1.0 - norm_step / norm } else { 0.0 };
    for value in values {
        *value = if factor == 0.0 { 0.0 } else { (factor * softened(*value)) as f32 };
    }
}
