//! Loss and optimizers.

use proptest::prelude::*;
use tensor_ops::{Instruction, UpdateRule};

use crate::arena::{Layout, assert_matches_reference, cases};

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn cross_entropy_matches_the_reference(
        rows in 1..200_usize,
        classes in 1..30_usize,
        smoothing in prop_oneof![Just(0.0_f32), 0.0..0.9_f32],
        with_gradient: bool,
        ties: bool,
        seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let logits = layout.tensor(rows, classes);
        let [labels, losses, correct] = [0; 3].map(|_| layout.span(rows));
        let grad_logits = with_gradient.then(|| layout.tensor(rows, classes));
        let instructions = [Instruction::SoftmaxCrossEntropy {
            logits, labels, smoothing, losses, correct, grad_logits,
        }];
        let mut values = layout.values();
        for value in &mut values[..labels.offset] {
            *value *= 6.0;
            if ties {
                *value = value.round();
            }
        }
        for (row, label) in values[labels.offset..labels.end()].iter_mut().enumerate() {
            *label = (row * 7 % classes) as f32;
        }
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn cross_entropy_of_independent_labels_matches_the_reference(
        rows in 1..100_usize,
        classes in 1..30_usize,
        smoothing in prop_oneof![Just(0.0_f32), 0.0..0.9_f32],
        with_gradient: bool,
        ties: bool,
        seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let logits = layout.tensor(rows, classes);
        let targets = layout.tensor(rows, classes);
        let [losses, correct] = [0; 2].map(|_| layout.span(rows));
        let grad_logits = with_gradient.then(|| layout.tensor(rows, classes));
        let instructions = [Instruction::SigmoidCrossEntropy {
            logits, targets, smoothing, losses, correct, grad_logits,
        }];
        let mut values = layout.values();
        for value in &mut values[..targets.offset] {
            *value *= 20.0;
            if ties {
                *value = value.round();
            }
        }
        for value in &mut values[targets.offset..targets.end()] {
            *value = if *value > 0.3 { 1.0 } else { 0.0 };
        }
        assert_matches_reference(&instructions, &values, 1e-5);
    }

    #[test]
    fn updates_match_the_reference(
        len in 0..3000_usize, rule in 0..4_usize, decay in prop_oneof![Just(0.0_f32), 0.0..0.1_f32], seed: u64,
    ) {
        let mut layout = Layout::seeded(seed);
        let [parameters, gradients, first, second] = [0; 4].map(|_| layout.span(len));
        let rule = match rule {
            0 => UpdateRule::Sgd { momentum: 0.9, nesterov: false, velocity: first },
            1 => UpdateRule::Sgd { momentum: 0.9, nesterov: true, velocity: first },
            2 => UpdateRule::RmsProp {
                decay: 0.9, momentum: 0.9, epsilon: 0.01, mean_square: second, velocity: first,
            },
            _ => UpdateRule::Adam {
                beta1: 0.9, beta2: 0.999, epsilon: 1e-3, first_moment: first, second_moment: second,
            },
        };
        let instructions = [Instruction::Update { parameters, gradients, decay, rule }];
        let mut values = layout.values();
        values[second.offset..second.end()].iter_mut().for_each(|value| *value = value.abs());
        assert_matches_reference(&instructions, &values, 1e-5);
    }
}
