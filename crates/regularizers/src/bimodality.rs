//! Where strengths part into two heaps.

use serde::{Deserialize, Serialize};

/// The widest gap between strengths.
///
/// Strengths of a search that worked lie in two heaps, those that the penalty won and those that the data won. Any threshold in
/// the gap between them decides alike; a gap that is no wider than its neighbours says that the search was too short, or its
/// strength of no effect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bimodality {
    /// The largest strength below the gap.
    pub low: f32,
    /// The smallest strength above it.
    pub high: f32,
    /// Strengths below the gap.
    pub below: usize,
    /// Strengths above the gap.
    pub above: usize,
    /// Width of the gap: natural logarithm of the ratio of its ends, in which values under a thousandth of the largest strength
    /// count as that.
    pub gap: f64,
    /// The middle of the gap on that scale.
    pub suggested_threshold: f64,
}

/// Strengths under this share of the largest are all alike.
const NOTHING: f64 = 1e-3;
/// A gap is clear if its ends differ by this factor.
const CLEAR: f64 = 10.0;

impl Bimodality {
    /// Whether there are two heaps at all: the ends of the gap differ by more than a factor of ten.
    pub fn is_clear(&self) -> bool {
        self.gap > CLEAR.ln()
    }

    /// Whether the strengths above a threshold are those above the gap.
    pub fn contains(&self, threshold: f64) -> bool {
        f64::from(self.low) <= threshold && threshold < f64::from(self.high)
    }
}

/// The widest gap of the finite strengths, the lowest of equals; nothing if all of them are alike. Negative strengths count as
/// zero.
pub fn bimodality(strengths: &[f32]) -> Option<Bimodality> {
    let finite = strengths.iter().copied().filter(|strength| strength.is_finite());
    let mut sorted: Vec<f32> = finite.map(|strength| strength.max(0.0)).collect();
    sorted.sort_by(f32::total_cmp);
    let least = NOTHING * f64::from(*sorted.last()?);
    let log = |strength: f32| f64::from(strength).max(least).ln();
    let mut widest: Option<Bimodality> = None;
    for (below, pair) in sorted.windows(2).enumerate().map(|(at, pair)| (at + 1, pair)) {
        let (low, high) = (pair[0], pair[1]);
        if low == high {
            continue;
        }
        let gap = log(high) - log(low);
        if gap > widest.map_or(0.0, |widest| widest.gap) {
            let suggested_threshold = f64::midpoint(log(low), log(high)).exp();
            let above = sorted.len() - below;
            widest = Some(Bimodality { low, high, below, above, gap, suggested_threshold });
        }
    }
    widest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_gap_lies_between_the_dead_and_the_living() {
        let found = bimodality(&[0.5, 0.0, 1.0, 0.002, f32::INFINITY, 0.7, 0.001]).unwrap();
        assert_eq!((found.low, found.high), (0.002, 0.5));
        assert_eq!((found.below, found.above), (3, 3));
        assert!((found.gap - 250.0_f64.ln()).abs() < 1e-6);
        assert!((found.suggested_threshold - 0.001_f64.sqrt()).abs() < 1e-6);
        assert!(found.is_clear() && found.contains(0.01) && !found.contains(0.001));
        assert!(found.contains(f64::from(found.low)) && !found.contains(f64::from(found.high)));
    }

    #[test]
    fn strengths_that_are_all_alike_have_no_gap() {
        for strengths in [&[][..], &[0.3], &[0.3, 0.3], &[0.0, 0.0], &[f32::INFINITY]] {
            assert_eq!(bimodality(strengths), None, "{strengths:?}");
        }
        let even: Vec<f32> = (0..20).map(|power| 1.2_f32.powi(power)).collect();
        assert!(!bimodality(&even).unwrap().is_clear());
    }

    /// A dead strength is any up to a thousandth of the largest: how dead it is does not matter.
    #[test]
    fn the_depth_of_the_dead_does_not_move_the_threshold() {
        let with = |dead: f32| bimodality(&[dead, 0.005, 0.4, 2.0]).unwrap();
        assert_eq!(with(0.0).suggested_threshold, with(1e-5).suggested_threshold);
        assert_eq!((with(0.0).low, with(0.0).high), (0.005, 0.4));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn the_suggested_threshold_parts_the_two_heaps(
            strengths in prop::collection::vec(0.0_f32..2.0, 2..40),
        ) {
            let Some(found) = bimodality(&strengths) else { return Ok(()) };
            let threshold = found.suggested_threshold;
            let below = strengths.iter().filter(|it| f64::from(**it) <= threshold).count();
            prop_assert_eq!((below, strengths.len() - below), (found.below, found.above));
            prop_assert!(found.contains(threshold));
        }

        #[test]
        fn no_neighbours_are_further_apart(strengths in prop::collection::vec(0.01_f32..2.0, 2..40)) {
            let Some(found) = bimodality(&strengths) else { return Ok(()) };
            let mut sorted = strengths;
            sorted.sort_by(f32::total_cmp);
            for pair in sorted.windows(2) {
                prop_assert!(f64::from(pair[1] / pair[0]).ln() <= found.gap + 1e-6);
            }
        }
    }
}
