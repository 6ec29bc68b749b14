//! Speed of kernels on layers of real networks, on one thread, in FLOP/s (Criterion's "elements") or bytes moved.

use std::hint::black_box;

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use tensor_ops::{Activation, Cpu, Device, Geometry, Instruction, Scalars, Span, Tensor};

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

fn run(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, len: usize, instruction: Instruction) {
    let cpu = Cpu::new(1).expect("one thread is always there");
    let mut memory = cpu.allocate(len).expect("arenas are small");
    let values: Vec<f32> = (0..len).map(|i| (i * 7919 % 1000) as f32 / 500.0 - 1.0).collect();
    cpu.upload(&mut memory, Span::new(0, len), &values);
    let mut executable = cpu.prepare(vec![instruction], len).expect("operands fit");
    let scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
    group.bench_function(name, |bencher| {
        bencher.iter(|| cpu.execute(black_box(&mut memory), &mut executable, scalars));
    });
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

fn convolutions(criterion: &mut Criterion) {
    for (batch, side, inputs, outputs, kernel, stride) in [
        (128, 28, 1, 8, 3, 1),
        (128, 28, 8, 16, 3, 2),
        (128, 14, 8, 8, 3, 1),
        (128, 14, 28, 12, 1, 1),
        (128, 7, 16, 24, 3, 1),
        (32, 14, 96, 128, 3, 1),
        (32, 28, 192, 64, 1, 1),
    ] {
        let geometry = square(batch, side, kernel, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), inputs);
        let output = layout.tensor(geometry.output_rows(), outputs);
        let weight = layout.span(geometry.taps() * inputs * outputs);
        let len = layout.0;
        let name = format!(
            "{side}x{side} {inputs}->{outputs} {kernel}x{kernel} stride {stride} batch {batch}"
        );
        let mut group = criterion.benchmark_group(name);
        let flops = 2 * geometry.output_rows() * geometry.taps() * inputs * outputs;
        group.throughput(Throughput::Elements(flops as u64));
        let forward = Instruction::Conv {
            geometry,
            groups: 1,
            input,
            weight,
            bias: None,
            output,
            accumulate: false,
        };
        run(&mut group, "forward", len, forward);
        let grad_input = Instruction::ConvGradInput {
            geometry,
            groups: 1,
            grad_output: output,
            weight,
            grad_input: input,
            accumulate: false,
        };
        run(&mut group, "grad input", len, grad_input);
        let grad_weight = Instruction::ConvGradWeight {
            geometry,
            groups: 1,
            input,
            grad_output: output,
            grad_weight: weight,
            grad_bias: None,
        };
        run(&mut group, "grad weight", len, grad_weight);
        group.finish();
    }
}

fn depthwise(criterion: &mut Criterion) {
    for (batch, side, channels, stride) in [(128, 14, 24, 1), (32, 28, 128, 1), (32, 28, 128, 2)] {
        let geometry = square(batch, side, 3, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), channels);
        let output = layout.tensor(geometry.output_rows(), channels);
        let weight = layout.span(geometry.taps() * channels);
        let len = layout.0;
        let name = format!("depthwise {side}x{side} {channels} 3x3 stride {stride} batch {batch}");
        let mut group = criterion.benchmark_group(name);
        let flops = 2 * geometry.output_rows() * geometry.taps() * channels;
        group.throughput(Throughput::Elements(flops as u64));
        let forward =
            Instruction::Depthwise { geometry, multiplier: 1, input, weight, bias: None, output };
        run(&mut group, "forward", len, forward);
        let grad_input = Instruction::DepthwiseGradInput {
            geometry,
            multiplier: 1,
            grad_output: output,
            weight,
            grad_input: input,
            accumulate: false,
        };
        run(&mut group, "grad input", len, grad_input);
        let grad_weight = Instruction::DepthwiseGradWeight {
            geometry,
            multiplier: 1,
            input,
            grad_output: output,
            grad_weight: weight,
            grad_bias: None,
        };
        run(&mut group, "grad weight", len, grad_weight);
        group.finish();
    }
}

fn batch_norms(criterion: &mut Criterion) {
    for (rows, channels) in [(128 * 28 * 28, 8), (128 * 14 * 14, 12), (32 * 14 * 14, 128)] {
        let mut layout = Layout(0);
        let [input, output, gradient] = [0; 3].map(|_| layout.tensor(rows, channels));
        let [gamma, beta, mean, inv_std, running_mean, running_variance, grad_gamma, grad_beta] =
            [0; 8].map(|_| layout.span(channels));
        let len = layout.0;
        let activation = Activation::Relu;
        let mut group = criterion.benchmark_group(format!("batch norm {rows} x {channels}"));
        let bytes = |tensors: usize| {
            Throughput::Bytes((tensors * rows * channels * size_of::<f32>()) as u64)
        };
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
            output,
        };
        group.throughput(bytes(3));
        run(&mut group, "forward", len, forward);
        let backward = Instruction::BatchNormGrad {
            input,
            output,
            grad_output: gradient,
            gamma: Some(gamma),
            mean,
            inv_std,
            activation,
            grad_gamma: Some(grad_gamma),
            grad_beta,
            grad_input: gradient,
            accumulate: false,
        };
        group.throughput(bytes(7));
        run(&mut group, "gradient", len, backward);
        group.finish();
    }
}

fn pools(criterion: &mut Criterion) {
    for (batch, side, channels, stride) in [(128, 28, 8, 2), (128, 14, 28, 1), (32, 28, 192, 1)] {
        let geometry = square(batch, side, 3, stride);
        let mut layout = Layout(0);
        let input = layout.tensor(geometry.input_rows(), channels);
        let output = layout.tensor(geometry.output_rows(), channels);
        let gradient = layout.tensor(geometry.output_rows(), channels);
        let grad_input = layout.tensor(geometry.input_rows(), channels);
        let len = layout.0;
        let name = format!("pool {side}x{side} {channels} 3x3 stride {stride} batch {batch}");
        let mut group = criterion.benchmark_group(name);
        let values = geometry.output_rows() * channels * geometry.taps();
        group.throughput(Throughput::Elements(values as u64));
        run(&mut group, "max", len, Instruction::MaxPool { geometry, input, output });
        run(&mut group, "mean", len, Instruction::AvgPool { geometry, input, output });
        let accumulate = false;
        let max = Instruction::MaxPoolGrad {
            geometry,
            input,
            output,
            grad_output: gradient,
            grad_input,
            accumulate,
        };
        run(&mut group, "max gradient", len, max);
        let mean =
            Instruction::AvgPoolGrad { geometry, grad_output: gradient, grad_input, accumulate };
        run(&mut group, "mean gradient", len, mean);
        group.finish();
    }
}

criterion_group!(kernels, convolutions, depthwise, batch_norms, pools);
criterion_main!(kernels);
