//! Rows to report on.

use proptest::prelude::*;
use report::{Arm, Metric, Mode, PointRow, Summary, summarize};

/// A row with the given identity, cost and validation accuracy; test accuracy is 0.01 lower, and the budget of an
/// expansion is 1.
pub(crate) fn row(
    arm: Arm,
    strength: f64,
    width_multiplier: f64,
    flops: u64,
    accuracy: f64,
) -> PointRow {
    PointRow {
        arm,
        regularization_strength: arm.is_learned().then_some(strength),
        budget: (arm == Arm::Expand).then_some(1.0),
        width_multiplier,
        seed: 0,
        macs: flops / 2,
        flops,
        params: flops / 160,
        activations: flops / 450,
        validation_score: accuracy,
        test_score: accuracy - 0.01,
        epochs: 5,
        dead_channels: if arm.is_learned() { (strength * 3.0) as u64 } else { 0 },
        structure: format!("{arm}{flops:x}"),
        target: None,
        cycle: 1,
        mode: Mode::Scratch,
        variant: None,
        metric: Metric::Accuracy,
    }
}

/// A sweep of one seed: four uniform points, three strengths shrunk and expanded.
pub(crate) fn sweep() -> Vec<PointRow> {
    vec![
        row(Arm::Uniform, 0.0, 0.25, 290_000, 0.8641),
        row(Arm::Uniform, 0.0, 0.5, 1_080_000, 0.8862),
        row(Arm::Uniform, 0.0, 0.75, 2_350_000, 0.8979),
        row(Arm::Uniform, 0.0, 1.0, 4_090_000, 0.9036),
        row(Arm::Shrink, 4.0, 1.0, 3_290_000, 0.9074),
        row(Arm::Shrink, 8.0, 1.0, 1_830_000, 0.8978),
        row(Arm::Shrink, 16.0, 1.0, 800_000, 0.8890),
        row(Arm::Expand, 4.0, 1.1, 4_000_000, 0.9070),
        row(Arm::Expand, 8.0, 1.5, 3_960_000, 0.9002),
        row(Arm::Expand, 16.0, 2.31, 4_120_000, 0.8995),
    ]
}

/// The same sweep under three seeds; learned widths differ between them, and so do all accuracies.
pub(crate) fn sweep_of_three_seeds() -> Vec<PointRow> {
    let under = |seed: u64| {
        sweep().into_iter().map(move |row| {
            let flops = if row.arm.is_learned() { row.flops + seed * 30_000 } else { row.flops };
            let spent = if row.arm == Arm::Expand { 0.01 * seed as f64 } else { 0.0 };
            let luck = 0.002 * seed as f64 - 0.0013 * ((seed * row.flops / 10_000) % 3) as f64;
            PointRow {
                width_multiplier: row.width_multiplier + spent,
                seed,
                flops,
                macs: flops / 2,
                validation_score: row.validation_score + luck,
                test_score: row.test_score - luck / 2.0,
                dead_channels: if row.arm.is_learned() { row.dead_channels + seed } else { 0 },
                structure: format!("{}{flops:x}", row.arm),
                ..row
            }
        })
    };
    (0..3).flat_map(under).collect()
}

pub(crate) fn summaries() -> Vec<Summary> {
    summarize(&sweep()).unwrap()
}

/// Any row that stands for a point, every field over its whole range.
pub(crate) fn any_row() -> impl Strategy<Value = PointRow> {
    let fraction = || prop_oneof![0.0..=1.0, Just(0.0), Just(1.0), Just(1e-300)];
    let positive = || prop_oneof![f64::MIN_POSITIVE..f64::MAX, 0.1..2.0, Just(1.0)];
    let arm =
        prop_oneof![
            positive().prop_map(|multiplier| (Arm::Uniform, None, None, multiplier)),
            (prop::sample::select(Arm::ALL[3..].to_vec()), positive())
                .prop_map(|(arm, strength)| (arm, Some(strength), None, 1.0)),
            positive().prop_map(|strength| (Arm::Shrink, Some(strength), None, 1.0)),
            (positive(), positive(), positive()).prop_map(|(strength, budget, multiplier)| (
                Arm::Expand,
                Some(strength),
                Some(budget),
                multiplier
            )),
        ];
    let mode = prop::sample::select(Mode::ALL.to_vec());
    let search = (prop::option::of("[ -~]{1,12}"), prop_oneof![Just(1), 1..=u32::MAX], mode);
    (
        (arm, any::<u64>(), any::<u64>(), 1..=u64::MAX, any::<u64>(), any::<u64>()),
        (fraction(), fraction(), any::<u32>(), any::<u64>(), any::<String>()),
        search,
    )
        .prop_map(|((identity, seed, macs, flops, params, activations), rest, search)| {
            let (validation_score, test_score, epochs, dead_channels, structure) = rest;
            let (arm, strength, budget, width_multiplier) = identity;
            let (target, cycle, mode) = search;
            let (target, cycle) = if arm.has_search() { (target, cycle) } else { (None, 1) };
            let regularization_strength = strength.filter(|_| target.is_none());
            PointRow {
                arm,
                regularization_strength,
                budget,
                width_multiplier,
                seed,
                macs,
                flops,
                params,
                activations,
                validation_score,
                test_score,
                epochs,
                dead_channels,
                structure,
                target,
                cycle,
                mode,
                variant: None,
                metric: Metric::Accuracy,
            }
        })
}

/// Rows from a small range of points and seeds, so that points repeat and tie.
pub(crate) fn crowded_rows() -> impl Strategy<Value = Vec<PointRow>> {
    let row = (0..3_usize, 1..4_u32, 1..3_u32, 0..3_u64, 1..6_u64, 0..5_u32).prop_map(
        |(arm, strength, scale, seed, cost, accuracy)| {
            let (arm, strength, scale) = (Arm::ALL[arm], f64::from(strength), f64::from(scale));
            let width_multiplier = match arm {
                Arm::Uniform => scale / 2.0,
                Arm::Expand => 1.0 + 0.1 * cost as f64,
                Arm::Shrink | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => 1.0,
            };
            let accuracy = 0.8 + 0.02 * f64::from(accuracy);
            PointRow {
                seed,
                budget: (arm == Arm::Expand).then_some(scale / 2.0),
                ..row(arm, strength, width_multiplier, cost * 100_000, accuracy)
            }
        },
    );
    prop::collection::vec(row, 0..12).prop_map(|rows| {
        let key = |row: &PointRow| {
            let strength = row.regularization_strength.map(f64::to_bits);
            let scale = row.budget.unwrap_or(row.width_multiplier).to_bits();
            (row.arm, strength, scale, row.seed)
        };
        let mut seen = std::collections::BTreeSet::new();
        rows.into_iter().filter(|row| seen.insert(key(row))).collect()
    })
}
