//! Speed of kernels on layers of real networks, on one thread, in FLOP/s (Criterion's "elements") or bytes moved. A table at the
//! end holds them against the peak and the bandwidth of the machine, measured in the same run.
//!
//! Convolutions count as many FLOPs as their definition has; kernels that need fewer can pass the peak.

mod roof;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use tensor_ops::{Activation, Cpu, Device, Epilogue, Geometry, Instruction, Scalars, Span, Tensor};

use crate::roof::{Roof, timed};

/// Gives operands places one after the other.
struct Layout(usize);

impl Layout {
    fn span(&mut self, len: usize) -> Span {
        let span = Span::new(self.0, len);
        self.0 += len;
        span
    }

    fn tensor(&mut self, rows: usize, channels: usize) -> Tensor {
        Tensor::dense(self.span(rows * channels).offset, rows, channels)
    }
}

/// Kernels of one layer.
struct Layer<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    name: String,
    /// Of the arena.
    len: usize,
    roof: &'a Roof,
}

impl<'a> Layer<'a> {
    fn new(criterion: &'a mut Criterion, roof: &'a Roof, name: String, layout: &Layout) -> Self {
        Self { group: criterion.benchmark_group(&name), name, len: layout.0, roof }
    }

    fn time(&mut self, kernel: &str, instruction: Instruction) {
        let cpu = Cpu::new(1).expect("one thread is always there");
        let work = instruction.work();
        // Kernels with less than a multiply-add for every value are held against bandwidth.
        self.group.throughput(if 2 * work.flops > work.bytes {
            Throughput::Elements(work.flops)
        } else {
            Throughput::Bytes(work.bytes)
        });
        let mut memory = cpu.allocate(self.len).expect("arenas are small");
        let values: Vec<f32> =
            (0..self.len).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
        cpu.upload(&mut memory, Span::new(0, self.len), &values);
        let mut executable = cpu.prepare(vec![instruction], self.len).expect("operands fit");
        let scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
        let row = format!("{} {kernel}", self.name);
        let roof = self.roof;
        self.group.bench_function(kernel, |bencher| {
            bencher.iter_custom(|times| {
                let whole = timed(|| {
                    for _ in 0..times {
                        cpu.execute(black_box(&mut memory), &mut executable, scalars);
                    }
                });
                roof.note(&row, work, whole.as_secs_f64() / times as f64);
                whole
            });
        });
    }
}

/// A square convolution with the padding that keeps the size at stride 1.
fn square(batch: usize, side: usize, kernel: usize, stride: usize) -> Geometry {
    Geometry {
        batch,
        input: [side, side],
        output: [side.div_ceil(stride); 2],
        kernel: [kernel, kernel],
        stride: [stride, stride],
        dilation: [1, 1],
        padding: [(kernel - 1) / 2; 2],
    }
}

fn convolutions(criterion: &mut Criterion, roof: &Roof) {
    for (batch, side, inputs, outputs, kernel, stride) in [
        (128, 28, 1, 8, 3, 1),
        (128, 28, 8, 16, 3, 2),
        (128, 14, 8, 8, 3, 1),
        (128, 14, 28, 12, 1, 1),
        (128, 7, 16, 24, 3, 1),
        (128, 32, 16, 16, 3, 1),
        (128, 8, 64, 64, 3, 1),
        (32, 14, 96, 128, 3, 1),
        (32, 16, 128, 128, 3, 1),
        (64, 8, 256, 256, 3, 1),
        (32, 28, 192, 64, 1, 1),
        (64, 16, 64, 128, 1, 1),
        (64, 4, 512, 512, 1, 1),
    ] {
        let geometry = square(batch, side, kernel, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), inputs);
        let output = layout.tensor(geometry.output_rows(), outputs);
        let weight = layout.span(geometry.taps() * inputs * outputs);
        let name = format!(
            "{side}x{side} {inputs}->{outputs} {kernel}x{kernel} stride {stride} batch {batch}"
        );
        let mut layer = Layer::new(criterion, roof, name, &layout);
        let forward = Instruction::Conv {
            geometry,
            groups: 1,
            input,
            weight,
            bias: None,
            output,
            accumulate: false,
            epilogue: Epilogue::NONE,
        };
        layer.time("forward", forward);
        let grad_input = Instruction::ConvGradInput {
            geometry,
            groups: 1,
            grad_output: output,
            weight,
            grad_input: input,
            accumulate: false,
        };
        layer.time("grad input", grad_input);
        let grad_weight = Instruction::ConvGradWeight {
            geometry,
            groups: 1,
            input,
            grad_output: output,
            grad_weight: weight,
            grad_bias: None,
        };
        layer.time("grad weight", grad_weight);
    }
}

fn depthwise(criterion: &mut Criterion, roof: &Roof) {
    for (batch, side, channels, stride) in [(128, 14, 24, 1), (32, 28, 128, 1), (32, 28, 128, 2)] {
        let geometry = square(batch, side, 3, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), channels);
        let output = layout.tensor(geometry.output_rows(), channels);
        let weight = layout.span(geometry.taps() * channels);
        let name = format!("depthwise {side}x{side} {channels} 3x3 stride {stride} batch {batch}");
        let mut layer = Layer::new(criterion, roof, name, &layout);
        let forward = Instruction::Depthwise {
            geometry,
            multiplier: 1,
            input,
            weight,
            bias: None,
            output,
            epilogue: Epilogue::NONE,
        };
        layer.time("forward", forward);
        let grad_input = Instruction::DepthwiseGradInput {
            geometry,
            multiplier: 1,
            grad_output: output,
            weight,
            grad_input: input,
            accumulate: false,
        };
        layer.time("grad input", grad_input);
        let grad_weight = Instruction::DepthwiseGradWeight {
            geometry,
            multiplier: 1,
            input,
            grad_output: output,
            grad_weight: weight,
            grad_bias: None,
        };
        layer.time("grad weight", grad_weight);
    }
}

fn batch_norms(criterion: &mut Criterion, roof: &Roof) {
    for (rows, channels) in [(128 * 28 * 28, 8), (128 * 14 * 14, 12), (32 * 14 * 14, 128)] {
        let mut layout = Layout(0);
        let [input, output, gradient] = [0; 3].map(|_| layout.tensor(rows, channels));
        let [gamma, beta, mean, inv_std, running_mean, running_variance, grad_gamma, grad_beta] =
            [0; 8].map(|_| layout.span(channels));
        let activation = Activation::Relu;
        let name = format!("batch norm {rows} x {channels}");
        let mut layer = Layer::new(criterion, roof, name, &layout);
        let forward = Instruction::BatchNormTrain {
            input,
            gamma: Some(gamma),
            beta,
            mean,
            inv_std,
            running_mean,
            running_variance,
            epsilon: 1e-3,
            momentum: 0.1,
            activation,
            gate: None,
            output,
        };
        layer.time("forward", forward);
        let backward = Instruction::BatchNormGrad {
            input,
            grad_output: gradient,
            gamma: Some(gamma),
            beta,
            mean,
            inv_std,
            activation,
            gate: None,
            grad_gamma: Some(grad_gamma),
            grad_beta,
            grad_input: gradient,
            accumulate: false,
        };
        layer.time("gradient", backward);
    }
}

fn pools(criterion: &mut Criterion, roof: &Roof) {
    for (batch, side, channels, stride) in [(128, 28, 8, 2), (128, 14, 28, 1), (32, 28, 192, 1)] {
        let geometry = square(batch, side, 3, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), channels);
        let output = layout.tensor(geometry.output_rows(), channels);
        let gradient = layout.tensor(geometry.output_rows(), channels);
        let grad_input = layout.tensor(geometry.input_rows(), channels);
        let name = format!("pool {side}x{side} {channels} 3x3 stride {stride} batch {batch}");
        let mut layer = Layer::new(criterion, roof, name, &layout);
        layer.time("max", Instruction::MaxPool { geometry, input, output });
        layer.time("mean", Instruction::AvgPool { geometry, input, output });
        let accumulate = false;
        let max = Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output: gradient,
            grad_input,
            accumulate,
        };
        layer.time("max gradient", max);
        let mean =
            Instruction::AvgPoolGrad { geometry, grad_output: gradient, grad_input, accumulate };
        layer.time("mean gradient", mean);
    }
}

#[expect(clippy::print_stdout, reason = "a bench prints")]
fn main() {
    let cpu = Cpu::new(1).expect("one thread is always there");
    let roof = Roof::new(&cpu);
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(10)
        .configure_from_args();
    for group in [convolutions, depthwise, batch_norms, pools] {
        group(&mut criterion, &roof);
    }
    criterion.final_summary();
    print!("{}", roof.table(&cpu));
}
