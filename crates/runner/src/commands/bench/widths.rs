//! One 3x3 layer at every width: no width may be slower than the next multiple of a vector.

use std::fmt::Write;
use std::path::Path;

use report::figure::{Axis, Color, Figure, Line, Marker, Point, Scale, Series};
use tensor_ops::{
    Cpu, Device, DeviceError, Epilogue, Geometry, Instruction, Scalars, Span, Tensor,
};

use crate::clock::Stopwatch;
use crate::store;

/// Most channels in and out; the next multiple of [`STEP`] is measured, too.
const WIDEST: usize = 130;

/// Height and width of the image.
const SIDE: usize = 14;

/// Values of the widest vectors.
const STEP: usize = 16;

/// Sweeps over all widths, of which the fastest run counts: what disturbs one is over in another.
const SWEEPS: usize = 6;

/// Slower by less than this cannot be told from equal.
const SLACK: f64 = 1.02;

/// Forward, gradient of the input, gradient of the kernel.
const KERNELS: usize = 3;

/// Milliseconds of a layer's kernels.
struct Row {
    width: usize,
    times: [f64; KERNELS],
    flops: u64,
}

impl Row {
    fn total(&self) -> f64 {
        self.times.iter().sum()
    }
}

/// Measures, writes the figure and the table beside it, and says what was found.
pub(super) fn measure(batch: usize, device: &Cpu, figure: &Path) -> anyhow::Result<String> {
    let widths = || (1..=WIDEST).chain([WIDEST.next_multiple_of(STEP)]);
    let len = values(WIDEST.next_multiple_of(STEP), batch);
    // Zeros are as fast as other values, and never grow.
    let mut memory = device.allocate(len)?;
    let layers = widths().map(|width| Layer::new(width, batch, device, len));
    let mut layers = layers.collect::<Result<Vec<_>, _>>()?;
    for _ in 0..SWEEPS {
        for layer in &mut layers {
            layer.run(device, &mut memory);
        }
    }
    let rows: Vec<Row> = layers.iter().map(Layer::row).collect();
    let of_next = of_next(&rows);
    store::write(figure, drawn(&rows, &of_next, batch, &device.name())?.as_bytes())?;
    store::write(&figure.with_extension("csv"), csv(&rows, &of_next).as_bytes())?;
    let slow = slower(&rows, &of_next);
    let mut text =
        format!("{}: 3x3, {SIDE}x{SIDE}, batch {batch}, {} widths\n", device.name(), rows.len());
    if slow.is_empty() {
        let _ = writeln!(text, "no width is slower than the next multiple of {STEP}");
    }
    for (row, ratio) in slow {
        let _ = writeln!(
            text,
            "{} channels take {:.3} ms, {ratio:.2} of the next multiple of {STEP}",
            row.width,
            row.total()
        );
    }
    Ok(text)
}

fn geometry(batch: usize) -> Geometry {
    Geometry {
        batch,
        input: [SIDE; 2],
        output: [SIDE; 2],
        kernel: [3; 2],
        stride: [1; 2],
        dilation: [1; 2],
        padding: [1; 2],
    }
}

/// Values of input, output and kernel.
fn values(width: usize, batch: usize) -> usize {
    let geometry = geometry(batch);
    2 * geometry.input_rows() * width + geometry.taps() * width * width
}

/// A layer that is timed again and again.
struct Layer {
    width: usize,
    kernels: [<Cpu as Device>::Executable; KERNELS],
    best: [f64; KERNELS],
    flops: u64,
}

impl Layer {
    fn new(width: usize, batch: usize, device: &Cpu, len: usize) -> Result<Self, DeviceError> {
        let geometry = geometry(batch);
        let rows = geometry.input_rows();
        let [input, output] = [0, rows * width].map(|at| Tensor::dense(at, rows, width));
        let weight = Span::new(2 * rows * width, geometry.taps() * width * width);
        let instructions = [
            Instruction::Conv {
                geometry,
                groups: 1,
                input,
                weight,
                bias: None,
                output,
                accumulate: false,
                epilogue: Epilogue::NONE,
            },
            Instruction::ConvGradInput {
                geometry,
                groups: 1,
                grad_output: output,
                weight,
                grad_input: input,
                accumulate: false,
            },
            Instruction::ConvGradWeight {
                geometry,
                groups: 1,
                input,
                grad_output: output,
                grad_weight: weight,
                grad_bias: None,
            },
        ];
        let flops = instructions.iter().map(|it| it.work().flops).sum();
        let [forward, input, kernel] = instructions.map(|it| device.prepare(vec![it], len));
        Ok(Self {
            width,
            kernels: [forward?, input?, kernel?],
            best: [f64::INFINITY; KERNELS],
            flops,
        })
    }

    fn run(&mut self, device: &Cpu, memory: &mut <Cpu as Device>::Memory) {
        let scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
        for (kernel, best) in self.kernels.iter_mut().zip(&mut self.best) {
            let watch = Stopwatch::start();
            device.execute(memory, kernel, scalars);
            *best = best.min(watch.elapsed().as_secs_f64() * 1e3);
        }
    }

    fn row(&self) -> Row {
        Row { width: self.width, times: self.best, flops: self.flops }
    }
}

/// For every width its time over that of the next multiple of [`STEP`], which may be itself.
fn of_next(rows: &[Row]) -> Vec<f64> {
    let time = |width: usize| rows.iter().find(|row| row.width == width).map(Row::total);
    let ratio = |row: &Row| {
        let next = time(row.width.next_multiple_of(STEP));
        next.map_or(1.0, |next| row.total() / next)
    };
    rows.iter().map(ratio).collect()
}

fn slower<'a>(rows: &'a [Row], of_next: &[f64]) -> Vec<(&'a Row, f64)> {
    rows.iter().zip(of_next.iter().copied()).filter(|(_, ratio)| *ratio > SLACK).collect()
}

fn csv(rows: &[Row], of_next: &[f64]) -> String {
    let mut text =
        "channels,forward_ms,grad_input_ms,grad_weight_ms,total_ms,gflops_per_second,of_next_multiple\n".to_owned();
    for (row, ratio) in rows.iter().zip(of_next) {
        let [forward, input, kernel] = row.times;
        let total = row.total();
        let _ = writeln!(
            text,
            "{},{forward:.4},{input:.4},{kernel:.4},{total:.4},{:.2},{ratio:.3}",
            row.width,
            row.flops as f64 / total / 1e6
        );
    }
    text
}

fn drawn(
    rows: &[Row],
    of_next: &[f64],
    batch: usize,
    device: &str,
) -> Result<String, report::Error> {
    let point = |row: &Row| Point {
        x: row.width as f64,
        y: row.total(),
        y_error: None,
        tooltip: format!("{} channels: {:.3} ms", row.width, row.total()),
    };
    let series = |label: &str, marker, line, color, points| Series {
        label: label.to_owned(),
        marker,
        line,
        color,
        points,
    };
    let multiples = rows.iter().filter(|row| row.width.is_multiple_of(STEP));
    let slow = slower(rows, of_next);
    let axis = |title: &str| Axis {
        title: title.to_owned(),
        scale: Scale::Linear,
        ticks_within: (0.0, f64::MAX),
    };
    Figure {
        title: "Time of one 3x3 convolution by its width".to_owned(),
        subtitle: format!(
            "Forward and both gradients, {SIDE}x{SIDE}, batch {batch}, as many channels out as in, {device}, the best of {SWEEPS} runs. \
             Marked are multiples of {STEP}, and widths slower than the next one by more than {:.0} %.",
            100.0 * (SLACK - 1.0)
        ),
        x: axis("channels"),
        y: axis("ms"),
        series: vec![
            series("every width", None, Line::Straight, Color::SkyBlue, rows.iter().map(point).collect()),
            series(
                &format!("multiples of {STEP}"),
                Some(Marker::Circle),
                Line::None,
                Color::Blue,
                multiples.map(point).collect(),
            ),
            series(
                &format!("slower than the next multiple of {STEP}"),
                Some(Marker::Triangle),
                Line::None,
                Color::Vermillion,
                slow.iter().map(|(row, _)| point(row)).collect(),
            ),
        ],
    }
    .to_svg()
}
