//! What a device keeps of the parameters that only uploads change.

use tensor_ops::{Cpu, Device, Epilogue, Geometry, Instruction, Scalars, Span, Tensor};

const SCALARS: Scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
const LEN: usize = 4000;
const INPUT: Span = Span { offset: 0, len: 36 * 3 };
const WEIGHT: Span = Span { offset: 200, len: 9 * 3 * 20 };
const OUTPUT: Span = Span { offset: 1000, len: 36 * 20 };

fn convolution() -> Instruction {
    let size = [6, 6];
    let geometry = Geometry {
        batch: 1,
        input: size,
        output: size,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [1, 1],
    };
    Instruction::Conv {
        geometry,
        groups: 1,
        input: Tensor::dense(INPUT.offset, 36, 3),
        weight: WEIGHT,
        bias: None,
        output: Tensor::dense(OUTPUT.offset, 36, 20),
        accumulate: false,
        epilogue: Epilogue::NONE,
    }
}

fn values(span: Span, seed: usize) -> Vec<f32> {
    (0..span.len).map(|i| ((i + seed) * 7919 % 1000) as f32 / 500.0 - 1.0).collect()
}

/// What a new executable computes on a new arena.
fn expected(cpu: &Cpu, input: usize, weight: usize) -> Vec<f32> {
    let mut memory = cpu.allocate(LEN).unwrap();
    let mut executable = cpu.prepare(vec![convolution()], LEN).unwrap();
    cpu.upload(&mut memory, INPUT, &values(INPUT, input));
    cpu.upload(&mut memory, WEIGHT, &values(WEIGHT, weight));
    cpu.execute(&mut memory, &mut executable, SCALARS);
    output(cpu, &memory)
}

fn output(cpu: &Cpu, memory: &<Cpu as Device>::Memory) -> Vec<f32> {
    let mut values = vec![0.0; OUTPUT.len];
    cpu.download(memory, OUTPUT, &mut values);
    values
}

#[test]
fn results_follow_every_change_of_parameters_and_inputs() {
    let cpu = Cpu::new(2).unwrap();
    let mut memory = cpu.allocate(LEN).unwrap();
    let mut executable = cpu.prepare(vec![convolution()], LEN).unwrap();
    cpu.upload(&mut memory, WEIGHT, &values(WEIGHT, 1));
    for (input, weight) in [(2, 1), (3, 1), (3, 4), (5, 4), (5, 1)] {
        cpu.upload(&mut memory, INPUT, &values(INPUT, input));
        // One value of the kernel is enough to change it.
        cpu.upload(&mut memory, WEIGHT, &values(WEIGHT, weight));
        for _ in 0..2 {
            cpu.execute(&mut memory, &mut executable, SCALARS);
            assert_eq!(output(&cpu, &memory), expected(&cpu, input, weight));
        }
    }
    let mut changed = values(WEIGHT, 1);
    changed[70] = 9.0;
    cpu.upload(&mut memory, Span::new(WEIGHT.offset + 70, 1), &[9.0]);
    cpu.execute(&mut memory, &mut executable, SCALARS);
    let alone = output(&cpu, &memory);
    cpu.upload(&mut memory, WEIGHT, &changed);
    cpu.execute(&mut memory, &mut executable, SCALARS);
    assert_eq!(alone, output(&cpu, &memory));
    assert_ne!(alone, expected(&cpu, 5, 1));
}

#[test]
fn an_executable_that_goes_from_one_arena_to_another_and_back_computes_with_the_parameters_of_each()
{
    let cpu = Cpu::new(1).unwrap();
    let mut executable = cpu.prepare(vec![convolution()], LEN).unwrap();
    let mut memories = [1, 2].map(|seed| {
        let mut memory = cpu.allocate(LEN).unwrap();
        cpu.upload(&mut memory, INPUT, &values(INPUT, 0));
        cpu.upload(&mut memory, WEIGHT, &values(WEIGHT, seed));
        memory
    });
    for _ in 0..2 {
        for (memory, seed) in memories.iter_mut().zip([1, 2]) {
            cpu.execute(memory, &mut executable, SCALARS);
            assert_eq!(output(&cpu, memory), expected(&cpu, 0, seed));
        }
    }
}

#[test]
fn another_executable_may_write_the_parameters_in_between() {
    let cpu = Cpu::new(1).unwrap();
    let mut memory = cpu.allocate(LEN).unwrap();
    let mut executable = cpu.prepare(vec![convolution()], LEN).unwrap();
    let weight = Tensor::dense(WEIGHT.offset, 1, WEIGHT.len);
    let other = Tensor::dense(2000, 1, WEIGHT.len);
    let copy = Instruction::Sum { inputs: vec![other], output: weight, accumulate: false };
    let mut copy = cpu.prepare(vec![copy], LEN).unwrap();
    cpu.upload(&mut memory, INPUT, &values(INPUT, 0));
    cpu.upload(&mut memory, WEIGHT, &values(WEIGHT, 1));
    cpu.upload(&mut memory, Span::new(2000, WEIGHT.len), &values(WEIGHT, 2));
    cpu.execute(&mut memory, &mut executable, SCALARS);
    cpu.execute(&mut memory, &mut copy, SCALARS);
    cpu.execute(&mut memory, &mut executable, SCALARS);
    assert_eq!(output(&cpu, &memory), expected(&cpu, 0, 2));
}
