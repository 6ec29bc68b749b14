//! Strengths of filters, and steps that shrink them.

use proptest::prelude::*;
use tensor_ops::{Cpu, FilterStep, Instruction, Level, Span, Tensor};

use crate::arena::{Layout, assert_matches_reference, cases, execute};

/// The strengths of a kernel, and a step by random shares, some of them 0 and some 1.
fn steps(rows: usize, channels: usize, seed: u64) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let kernel = layout.tensor(rows, channels);
    let [strengths, shares] = [0; 2].map(|_| layout.span(channels));
    let mut values = layout.values();
    for share in &mut values[shares.offset..shares.end()] {
        *share = (1.5 * share.abs()).min(1.0) * f32::from(u8::from(share.abs() > 0.2));
    }
    let steps = vec![
        Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths }),
        Instruction::Filters(FilterStep::Shrink { kernel, shares }),
    ];
    (steps, values)
}

proptest! {
    #![proptest_config(cases(120))]

    #[test]
    fn strengths_of_filters_and_steps_on_them_match_the_reference(
        rows in 1..200_usize, channels in 1..80_usize, seed: u64,
    ) {
        let (steps, values) = steps(rows, channels, seed);
        assert_matches_reference(&steps, &values, 1e-6);
    }
}

/// Large enough for several chunks.
#[test]
fn filters_of_many_chunks_match_the_reference() {
    for (rows, channels) in [(12_000, 3), (4608, 37), (1200, 512), (5, 20_000)] {
        let (steps, values) = steps(rows, channels, 1);
        assert_matches_reference(&steps, &values, 1e-6);
    }
}

/// A kernel of two filters of two values, before strengths and shares.
fn two_filters(values: [f32; 4], shares: [f32; 2]) -> Vec<Vec<f32>> {
    let kernel = Tensor::dense(0, 2, 2);
    let steps = [
        Instruction::Filters(FilterStep::RootMeanSquares { kernel, strengths: Span::new(4, 2) }),
        Instruction::Filters(FilterStep::Shrink { kernel, shares: Span::new(6, 2) }),
    ];
    let arena = [&values[..], &[0.0; 2], &shares].concat();
    let at = |level| execute(&Cpu::with_level(1, level).unwrap(), &steps, &arena);
    Level::available().into_iter().map(at).collect()
}

#[test]
fn strengths_neither_overflow_nor_vanish_where_squares_would() {
    for found in two_filters([3e30, 4e-30, 3e30, 4e-30], [0.0; 2]) {
        assert_eq!(&found[4..6], [3e30, 4e-30]);
    }
}

#[test]
fn a_filter_that_loses_all_is_zero_whatever_it_was() {
    for found in two_filters([f32::NAN, 3.0, f32::INFINITY, -0.1], [1.0, 0.5]) {
        assert_eq!(&found[..4], [0.0, 1.5, 0.0, -0.05]);
    }
}

/// Steps are often far smaller than the weights: what is lost must not be rounded up to a whole unit in the last place.
#[test]
fn a_share_below_the_precision_of_a_value_changes_nothing() {
    let values = [1.0, 1.5, -1.0, f32::MIN_POSITIVE];
    for share in [1e-12, 1.0 / 67_108_864.0, 1.6e-8] {
        for found in two_filters(values, [share, 0.0]) {
            assert_eq!(found[..4], values, "{share}");
        }
        for found in two_filters(values, [share, 0.5]) {
            assert_eq!(found[..4], [1.0, 0.75, -1.0, 0.5 * f32::MIN_POSITIVE], "{share}");
        }
    }
}
