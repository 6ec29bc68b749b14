//! Maps of positions, of channels and of values.

use std::sync::Arc;

use proptest::prelude::*;
use tensor_ops::{Instruction, Tap, Taps};

use crate::arena::{Layout, assert_matches_reference, cases};

/// A map with targets of no, one and several taps, perhaps with one copy for each target.
fn taps() -> impl Strategy<Value = Taps> {
    (1..30_usize).prop_flat_map(|sources| {
        let tap = (0..sources, -2.0..2.0_f32).prop_map(|(source, weight)| Tap { source, weight });
        let sums = prop::collection::vec(prop::collection::vec(tap, 0..5), 1..30);
        let copies = prop::collection::vec(0..sources, 1..30);
        prop_oneof![
            sums.prop_map(move |targets| Taps::new(sources, targets)),
            copies.prop_map(move |of| Taps::gather(sources, of)),
        ]
    })
}

fn positions(
    taps: Taps,
    images: usize,
    channels: usize,
    accumulate: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let [input, grad_input] = [0; 2].map(|_| layout.tensor(images * taps.sources(), channels));
    let [output, grad_output] = [0; 2].map(|_| layout.tensor(images * taps.targets(), channels));
    let transposed = Arc::new(taps.transposed());
    let instructions = vec![
        Instruction::MapPositions { taps: Arc::new(taps), input, output, accumulate },
        Instruction::MapPositions {
            taps: transposed,
            input: grad_output,
            output: grad_input,
            accumulate: !accumulate,
        },
    ];
    (instructions, layout.values())
}

fn channels(taps: Taps, rows: usize, accumulate: bool, seed: u64) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let [input, grad_input] = [0; 2].map(|_| layout.tensor(rows, taps.sources()));
    let [output, grad_output] = [0; 2].map(|_| layout.tensor(rows, taps.targets()));
    let transposed = Arc::new(taps.transposed());
    let instructions = vec![
        Instruction::MapChannels { taps: Arc::new(taps), input, output, accumulate },
        Instruction::MapChannels {
            taps: transposed,
            input: grad_output,
            output: grad_input,
            accumulate: !accumulate,
        },
    ];
    (instructions, layout.values())
}

/// Images of `input` and `output` rows and channels.
fn values(
    taps: Taps,
    images: usize,
    input: [usize; 2],
    output: [usize; 2],
    accumulate: bool,
    seed: u64,
) -> (Vec<Instruction>, Vec<f32>) {
    let mut layout = Layout::seeded(seed);
    let mut pair =
        |[rows, channels]: [usize; 2]| [0; 2].map(|_| layout.tensor(images * rows, channels));
    let ([input, grad_input], [output, grad_output]) = (pair(input), pair(output));
    let transposed = Arc::new(taps.transposed());
    let instructions = vec![
        Instruction::MapValues { taps: Arc::new(taps), input, output, accumulate },
        Instruction::MapValues {
            taps: transposed,
            input: grad_output,
            output: grad_input,
            accumulate: !accumulate,
        },
    ];
    (instructions, layout.values())
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn maps_of_positions_and_their_gradients_match_the_reference(
        taps in taps(), images in 1..5_usize, channels in 1..40_usize, accumulate: bool, seed: u64,
    ) {
        let (instructions, values) = positions(taps, images, channels, accumulate, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn maps_of_channels_and_their_gradients_match_the_reference(
        taps in taps(), rows in 1..60_usize, accumulate: bool, seed: u64,
    ) {
        let (instructions, values) = channels(taps, rows, accumulate, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

proptest! {
    #![proptest_config(cases(160))]

    #[test]
    fn maps_of_values_and_their_gradients_match_the_reference(
        input in (1..6_usize, 1..9_usize),
        output in (1..6_usize, 1..9_usize),
        picks in prop::collection::vec((any::<usize>(), any::<usize>(), -2.0..2.0_f32), 0..60),
        images in 1..5_usize,
        accumulate: bool,
        seed: u64,
    ) {
        let (sources, targets) = (input.0 * input.1, output.0 * output.1);
        let mut rows = vec![Vec::new(); targets];
        for (source, target, weight) in picks {
            rows[target % targets].push(Tap { source: source % sources, weight });
        }
        let taps = Taps::new(sources, rows);
        let (instructions, values) =
            values(taps, images, input.into(), output.into(), accumulate, seed);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}

/// Large enough for several chunks: rows of the next image begin inside a chunk.
#[test]
fn maps_of_many_chunks_match_the_reference() {
    let tap = |source: usize, weight| Tap { source: source % 77, weight };
    let mixed = |targets: usize| {
        Taps::new(77, (0..targets).map(|i| vec![tap(3 * i, 0.5), tap(i * i, -1.25)]))
    };
    for channels in [3, 8, 37] {
        let (instructions, values) = positions(mixed(331), 9, channels, false, 1);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
    for taps in [mixed(45), Taps::gather(77, (0..77).map(|i| i * 30 % 77))] {
        let (instructions, values) = channels(taps, 2000, true, 2);
        assert_matches_reference(&instructions, &values, 1e-5);
    }
    let transposition = Taps::gather(40 * 9, (0..9 * 40).map(|i| i % 40 * 9 + i / 40));
    let (instructions, values) = values(transposition, 150, [40, 9], [9, 40], false, 3);
    assert_matches_reference(&instructions, &values, 1e-6);
}
