//! Axes: the range that holds the data, and ticks at numbers people would choose.

use super::text;
use crate::number::trimmed;

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equal distances.
    Linear,
    /// Equal ratios are equal distances; values must be positive.
    Logarithmic,
}

/// One axis of a figure; its range follows from the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What the axis measures, with its unit.
    pub title: String,
    /// How values are spread.
    pub scale: Scale,
    /// Ticks are set only within these values, both included: `(0.0, 100.0)` for percent.
    pub ticks_within: (f64, f64),
}

/// A labelled position on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

/// The values an axis shows, `low < high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    scale: Scale,
    low: f64,
    high: f64,
}

/// Which way labels extend along their axis.
#[derive(Debug, Clone, Copy)]
pub(super) enum Labels {
    /// Side by side, as under a horizontal axis.
    Beside,
    /// One above the other, as along a vertical axis.
    Stacked,
}

/// Largest magnitude that is drawn; on a logarithmic axis its inverse is the smallest.
pub(super) const LARGEST: f64 = 1e100;

/// Fraction of the data's extent left free at each end, so that markers are not cut.
const MARGIN: f64 = 0.07;
const MOST_TICKS: usize = 10;
const LABEL_SIZE: f64 = 12.0;

impl Scale {
    /// Whether a value can be drawn on an axis of this scale.
    pub(super) fn holds(self, value: f64) -> bool {
        match self {
            Self::Linear => value.abs() <= LARGEST,
            Self::Logarithmic => (1.0 / LARGEST..=LARGEST).contains(&value),
        }
    }

    /// What [`holds`](Self::holds) asks for.
    pub(super) fn expectation(self) -> &'static str {
        match self {
            Self::Linear => "a finite number of magnitude at most 1e100",
            Self::Logarithmic => "a number from 1e-100 to 1e100 on a logarithmic axis",
        }
    }

    fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        }
    }

    fn backward(self, position: f64) -> f64 {
        match self {
            Self::Linear => position,
            Self::Logarithmic => 10.0_f64.powf(position),
        }
    }
}

impl Range {
    /// The range of some values, widened by a margin; values that are all equal get room on both sides.
    ///
    /// Every value must be one that the scale [holds](Scale::holds); without values the range is `1..=10`.
    pub(super) fn around(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .map(|value| scale.forward(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        if low > high {
            return Self { scale, low: 1.0, high: 10.0 };
        }
        let narrowest = match scale {
            Scale::Logarithmic => 0.04,
            Scale::Linear if low == 0.0 && high == 0.0 => 1.0,
            Scale::Linear => 1e-2 * low.abs().max(high.abs()),
        };
        let center = low / 2.0 + high / 2.0;
        let half = (high / 2.0 - low / 2.0).max(narrowest / 2.0) * (1.0 + 2.0 * MARGIN);
        Self { scale, low: scale.backward(center - half), high: scale.backward(center + half) }
    }

    /// Where a value stands, 0 at the low end and 1 at the high end.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        let [value, low, high] = [value, self.low, self.high].map(|v| self.scale.forward(v));
        (value - low) / (high - low)
    }

    /// Unlabelled ticks of a logarithmic axis: every digit of every decade, if that is not too many.
    pub(super) fn minor(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => Vec::new(),
            Scale::Logarithmic if self.decades() > 5.0 => Vec::new(),
            Scale::Logarithmic => self.digits(&[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        }
    }

    fn decades(&self) -> f64 {
        self.high.log10() - self.low.log10()
    }

    /// Ticks whose labels do not touch on an axis of `length` pixels.
    ///
    /// Of the sets of round numbers that fit, this is the coarsest with enough ticks to read values from, or else
    /// the one with most ticks.
    pub(super) fn ticks(&self, within: (f64, f64), length: f64, labels: Labels) -> Vec<Tick> {
        let (sets, enough) = match self.scale {
            Scale::Linear => (self.linear_sets(), 5),
            Scale::Logarithmic => (self.logarithmic_sets(), 4),
        };
        let mut best = Vec::new();
        for values in sets {
            let ticks: Vec<Tick> = values
                .into_iter()
                .filter(|value| (within.0..=within.1).contains(value))
                .map(|value| Tick { value, label: label(value) })
                .collect();
            let ticks = match self.scale {
                Scale::Linear => with_equal_decimals(ticks),
                Scale::Logarithmic => ticks,
            };
            if ticks.len() > best.len() && self.fits(&ticks, length, labels) {
                best = ticks;
            }
            if best.len() >= enough {
                break;
            }
        }
        best
    }

    fn fits(&self, ticks: &[Tick], length: f64, labels: Labels) -> bool {
        let half = |tick: &Tick| match labels {
            Labels::Beside => text::width(&tick.label, LABEL_SIZE) / 2.0 + 5.0,
            Labels::Stacked => LABEL_SIZE,
        };
        ticks.len() <= MOST_TICKS
            && ticks.windows(2).all(|pair| {
                let distance =
                    length * (self.fraction(pair[1].value) - self.fraction(pair[0].value));
                distance >= half(&pair[0]) + half(&pair[1]) && pair[0].label != pair[1].label
            })
    }

    /// Sets of tick values from coarse to fine.
    fn linear_sets(&self) -> Vec<Vec<f64>> {
        let span = self.high - self.low;
        let decade = span.log10().floor() as i32;
        (decade - 2..=decade)
            .rev()
            .flat_map(|exponent| [5, 2, 1].map(|digit| (digit, exponent)))
            .map(|(digit, exponent)| multiples(digit, exponent, self.low, self.high))
            .collect()
    }

    /// Sets of tick values from coarse to fine; linear ones last, for an axis of less than a decade.
    fn logarithmic_sets(&self) -> Vec<Vec<f64>> {
        let mut sets: Vec<_> =
            [60, 30, 12, 6, 3, 2].into_iter().map(|every| self.every_decade(every)).collect();
        sets.push(self.digits(&[1]));
        sets.push(self.digits(&[1, 2, 5]));
        sets.push(self.digits(&[1, 2, 3, 4, 6, 8]));
        sets.push(self.digits(&[1, 2, 3, 4, 5, 6, 7, 8, 9]));
        if self.decades() < 2.0 {
            sets.extend(self.linear_sets());
        }
        sets
    }

    fn exponents(&self) -> std::ops::RangeInclusive<i32> {
        self.low.log10().floor() as i32..=self.high.log10().ceil() as i32
    }

    fn every_decade(&self, every: i32) -> Vec<f64> {
        self.exponents()
            .filter(|exponent| exponent % every == 0)
            .map(|exponent| decimal(1, exponent))
            .filter(|value| (self.low..=self.high).contains(value))
            .collect()
    }

    fn digits(&self, digits: &[i64]) -> Vec<f64> {
        self.exponents()
            .flat_map(|exponent| digits.iter().map(move |&digit| decimal(digit, exponent)))
            .filter(|value| (self.low..=self.high).contains(value))
            .collect()
    }
}

/// `digit * 10^exponent`, as the literal reads.
fn decimal(digit: i64, exponent: i32) -> f64 {
    format!("{digit}e{exponent}").parse().expect("an integer and an exponent are a float literal")
}

/// The multiples of `digit * 10^exponent` between two values; none if there would be more than ticks are wanted.
fn multiples(digit: i64, exponent: i32, low: f64, high: f64) -> Vec<f64> {
    let step = decimal(digit, exponent);
    let first = (low / step).ceil();
    let last = (high / step).floor();
    if !(last - first < MOST_TICKS as f64 && first.abs().max(last.abs()) < 1e15) {
        return Vec::new();
    }
    (first as i64..=last as i64).map(|index| decimal(index * digit, exponent)).collect()
}

/// A tick's number with the prefix of its magnitude: `0.5`, `90`, `500 k`, `2 M`, `1e21`.
pub(super) fn label(value: f64) -> String {
    const PREFIXES: [(f64, &str); 6] =
        [(1e18, " E"), (1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")];
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        return format!("{value:e}");
    }
    let (unit, prefix) =
        PREFIXES.into_iter().find(|&(unit, _)| magnitude >= unit).unwrap_or((1.0, ""));
    format!("{}{prefix}", trimmed(&format!("{:.9}", value / unit)))
}

/// The ticks with as many decimals each as the longest has, if all have the same prefix.
fn with_equal_decimals(mut ticks: Vec<Tick>) -> Vec<Tick> {
    let split = |label: &str| match label.split_once(' ') {
        Some((number, prefix)) => (number.to_owned(), format!(" {prefix}")),
        None => (label.to_owned(), String::new()),
    };
    let parts: Vec<_> = ticks.iter().map(|tick| split(&tick.label)).collect();
    let decimals = |number: &str| number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let most = parts.iter().map(|(number, _)| decimals(number)).max().unwrap_or(0);
    let alike = parts.windows(2).all(|pair| pair[0].1 == pair[1].1);
    if most > 0 && alike && parts.iter().all(|(number, _)| !number.contains('e')) {
        for (tick, (number, prefix)) in ticks.iter_mut().zip(parts) {
            let point = if decimals(&number) == 0 { "." } else { "" };
            let zeros = "0".repeat(most - decimals(&number));
            tick.label = format!("{number}{point}{zeros}{prefix}");
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(scale: Scale, values: &[f64]) -> Vec<String> {
        Range::around(scale, values.iter().copied())
            .ticks((f64::MIN, f64::MAX), 600.0, Labels::Beside)
            .into_iter()
            .map(|tick| tick.label)
            .collect()
    }

    #[test]
    fn a_logarithmic_axis_counts_one_two_five() {
        assert_eq!(
            labels(Scale::Logarithmic, &[0.21e6, 6e6]),
            ["200 k", "500 k", "1 M", "2 M", "5 M"]
        );
    }

    #[test]
    fn many_decades_are_labelled_by_powers_of_ten() {
        assert_eq!(labels(Scale::Logarithmic, &[1e3, 1e12]), ["1 k", "1 M", "1 G", "1 T"]);
    }

    #[test]
    fn less_than_a_decade_gets_finer_digits() {
        assert_eq!(
            labels(Scale::Logarithmic, &[0.8e6, 4.1e6]),
            ["800 k", "1 M", "2 M", "3 M", "4 M"]
        );
        assert_eq!(
            labels(Scale::Logarithmic, &[1e6, 1.1e6]),
            ["1 M", "1.02 M", "1.04 M", "1.06 M", "1.08 M", "1.1 M"]
        );
    }

    #[test]
    fn a_linear_axis_steps_by_one_two_or_five() {
        assert_eq!(labels(Scale::Linear, &[88.1, 90.2]), ["88.0", "88.5", "89.0", "89.5", "90.0"]);
        assert_eq!(labels(Scale::Linear, &[0.0]), ["-0.4", "-0.2", "0.0", "0.2", "0.4"]);
    }

    #[test]
    fn ticks_stay_within_their_bounds() {
        let range = Range::around(Scale::Linear, [90.0, 100.0].into_iter());
        let ticks = range.ticks((0.0, 100.0), 300.0, Labels::Stacked);
        assert_eq!(ticks.last().map(|tick| tick.value), Some(100.0));
    }

    fn value(scale: Scale) -> BoxedStrategy<f64> {
        match scale {
            Scale::Linear => prop_oneof![-1e100..1e100, -1.0..1.0, 85.0..95.0].boxed(),
            Scale::Logarithmic => (-100.0..100.0_f64).prop_map(|x| 10.0_f64.powf(x)).boxed(),
        }
    }

    fn any_axis() -> impl Strategy<Value = (Scale, Vec<f64>)> {
        prop_oneof![Just(Scale::Linear), Just(Scale::Logarithmic)]
            .prop_flat_map(|scale| (Just(scale), prop::collection::vec(value(scale), 1..5)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn every_value_lies_inside_its_range((scale, values) in any_axis()) {
            let range = Range::around(scale, values.iter().copied());
            for value in values {
                let fraction = range.fraction(value);
                prop_assert!(fraction > 0.01 && fraction < 0.99, "{value} at {fraction}");
            }
        }

        #[test]
        fn ticks_rise_and_do_not_touch((scale, values) in any_axis(), length in 200.0..800.0) {
            let range = Range::around(scale, values.into_iter());
            let ticks = range.ticks((f64::MIN, f64::MAX), length, Labels::Beside);
            prop_assert!(!ticks.is_empty() && ticks.len() <= MOST_TICKS);
            prop_assert!(range.fits(&ticks, length, Labels::Beside));
            prop_assert!(ticks.iter().all(|tick| (-1e-9..=1.0 + 1e-9).contains(&range.fraction(tick.value))));
        }
    }
}
