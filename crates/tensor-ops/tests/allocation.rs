//! Executing allocates nothing.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tensor_ops::{
    Activation, BinaryFunction, Broadcast, Cpu, Device, Epilogue, FilterStep, GateMask, GateSample,
    Geometry, Instruction, Level, ResponseNorm, Scalars, Span, Taps, Tensor, UpdateRule,
};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One of each instruction on 8 images of 14 x 14 with 12 channels.
fn instructions() -> (Vec<Instruction>, usize) {
    let geometry = Geometry {
        batch: 8,
        input: [14, 14],
        output: [14, 14],
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        padding: [1, 1],
    };
    let channels = 12;
    let mut len = 0;
    let mut span = |count: usize| {
        let span = Span::new(len, count);
        len += count;
        span
    };
    let [a, b, c, d] =
        [0; 4].map(|_| Tensor::dense(span(8 * 196 * channels).offset, 8 * 196, channels));
    let [weight, grad_weight] = [0; 2].map(|_| span(9 * channels * channels));
    let [filter, grad_filter] = [0; 2].map(|_| span(9 * channels));
    let [beta, mean, inv_std, running_mean, running_variance, grad_beta] =
        [0; 6].map(|_| span(channels));
    let [labels, losses, correct] = [0; 3].map(|_| span(8 * 196));
    let (broadcast, activation) = (Broadcast::None, Activation::Relu);
    let accumulate = false;
    let function = BinaryFunction::Multiply;
    let norm = ResponseNorm { before: 2, after: 2, alpha: 1e-4, beta: 0.75, bias: 1.0 };
    let temperature = Span { len: 1, ..inv_std };
    let sample = GateSample { noise: mean, temperature, straight_through: false };
    let all = vec![
        Instruction::Conv {
            geometry,
            groups: 1,
            input: a,
            weight,
            bias: Some(beta),
            output: b,
            accumulate,
            epilogue: Epilogue::NONE,
        },
        Instruction::ConvGradInput {
            geometry,
            groups: 3,
            grad_output: b,
            weight: Span { len: weight.len / 3, ..weight },
            grad_input: c,
            accumulate,
        },
        Instruction::ConvGradWeight {
            geometry,
            groups: 1,
            input: a,
            grad_output: b,
            grad_weight,
            grad_bias: Some(grad_beta),
        },
        Instruction::Depthwise {
            geometry,
            multiplier: 1,
            input: a,
            weight: filter,
            bias: None,
            output: b,
            epilogue: Epilogue::NONE,
        },
        Instruction::DepthwiseGradInput {
            geometry,
            multiplier: 1,
            grad_output: b,
            weight: filter,
            grad_input: c,
            accumulate,
        },
        Instruction::DepthwiseGradWeight {
            geometry,
            multiplier: 1,
            input: a,
            grad_output: b,
            grad_weight: grad_filter,
            grad_bias: None,
        },
        Instruction::BatchNormTrain {
            input: a,
            gamma: None,
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon: 1e-3,
            momentum: 0.1,
            activation,
            gate: None,
            output: b,
        },
        Instruction::BatchNormGrad {
            input: a,
            grad_output: c,
            gamma: None,
            beta,
            mean,
            inv_std,
            activation,
            gate: None,
            grad_gamma: None,
            grad_beta,
            grad_input: d,
            accumulate,
        },
        Instruction::BatchNormInfer {
            input: a,
            gamma: None,
            beta,
            mean,
            variance: inv_std,
            epsilon: 1e-3,
            activation,
            output: b,
        },
        Instruction::Activate { activation: Activation::Silu, input: a, output: b },
        Instruction::ActivateGrad {
            activation,
            input: a,
            output: b,
            grad_output: c,
            grad_input: d,
            accumulate,
        },
        Instruction::Sum { inputs: vec![a, b, c], output: d, accumulate },
        Instruction::Binary { function, first: a, second: b, broadcast, output: c },
        Instruction::BinaryGrad {
            function,
            first: a,
            second: b,
            broadcast,
            grad_output: c,
            grad_first: Some((d, accumulate)),
            grad_second: None,
        },
        Instruction::AddBias { bias: beta, input: a, output: b },
        Instruction::SumRows { grad_output: a, grad_bias: grad_beta },
        Instruction::Filters(FilterStep::RootMeanSquares { kernel: a, strengths: grad_beta }),
        Instruction::Filters(FilterStep::Shrink { kernel: a, shares: grad_beta }),
        Instruction::MapPositions {
            taps: Arc::new(Taps::gather(196, (0..196).rev())),
            input: a,
            output: b,
            accumulate,
        },
        Instruction::MapChannels {
            taps: Arc::new(Taps::gather(channels, (0..channels).rev())),
            input: a,
            output: b,
            accumulate,
        },
        Instruction::MapValues {
            taps: Arc::new(Taps::gather(196 * channels, (0..196 * channels).rev())),
            input: a,
            output: b,
            accumulate,
        },
        Instruction::Softmax { input: a, output: b },
        Instruction::SoftmaxGrad { output: b, grad_output: c, grad_input: d, accumulate },
        Instruction::LocalResponseNorm { norm, input: a, output: b },
        Instruction::LocalResponseNormGrad {
            norm,
            input: a,
            grad_output: c,
            grad_input: d,
            accumulate,
        },
        Instruction::MaxPool { geometry, input: a, output: b },
        Instruction::MaxPoolGrad {
            geometry,
            input: a,
            output: b,
            grad_output: c,
            grad_input: d,
            accumulate,
        },
        Instruction::AvgPool { geometry, input: a, output: b },
        Instruction::AvgPoolGrad { geometry, grad_output: b, grad_input: c, accumulate },
        Instruction::Gate { logits: beta, mask: GateMask::Sampled(sample), input: a, output: b },
        Instruction::Gate {
            logits: beta,
            mask: GateMask::Expected { soft: true },
            input: a,
            output: b,
        },
        Instruction::GateGrad {
            logits: beta,
            sample,
            input: a,
            grad_output: b,
            grad_logits: grad_beta,
            grad_input: Some((c, accumulate)),
        },
        Instruction::Dropout { rate: 0.5, stream: 1, input: a, output: b },
        Instruction::DropoutGrad {
            rate: 0.5,
            stream: 1,
            grad_output: b,
            grad_input: c,
            accumulate,
        },
        Instruction::SoftmaxCrossEntropy {
            logits: a,
            labels,
            smoothing: 0.1,
            losses,
            correct,
            grad_logits: Some(b),
        },
        Instruction::SigmoidCrossEntropy {
            logits: a,
            targets: c,
            smoothing: 0.1,
            losses,
            correct,
            grad_logits: Some(b),
        },
        Instruction::Update {
            parameters: weight,
            gradients: grad_weight,
            decay: 0.0,
            rule: UpdateRule::Sgd {
                momentum: 0.9,
                nesterov: true,
                velocity: Span { offset: a.offset, len: weight.len },
            },
        },
    ];
    (all, len)
}

#[test]
fn executing_allocates_nothing() {
    let (instructions, len) = instructions();
    for level in Level::available() {
        for threads in [1, 3] {
            let cpu = Cpu::with_level(threads, level).unwrap();
            let mut memory = cpu.allocate(len).unwrap();
            let mut executable = cpu.prepare(instructions.clone(), len).unwrap();
            let mut step = |step| {
                cpu.execute(&mut memory, &mut executable, Scalars { rate: 0.1, step, seed: 0 });
            };
            // Starting threads may allocate at any time; what a step needs would be seen in each of the rounds.
            let rounds = (0..4).map(|round| {
                let before = ALLOCATIONS.load(Ordering::Relaxed);
                assert!(before > 0, "the allocator counts");
                (1..80).for_each(|i| step(80 * round + i));
                ALLOCATIONS.load(Ordering::Relaxed) - before
            });
            assert_eq!(rounds.min(), Some(0), "{level}, {threads} threads");
        }
    }
}
