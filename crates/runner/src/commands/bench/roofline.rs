//! Training steps against what the machine can do: speed of arithmetic over FLOPs per byte.

use std::fmt::Write;
use std::path::Path;

use report::figure::{Axis, Color, Figure, Line, Marker, Point, Scale, Series};
use tensor_ops::{Cpu, Device, Instruction};

use super::super::dry_run::aligned;
use super::cases::Case;
use super::csv_cell;
use super::machine::Machine;
use super::profile::{Spent, spent};
use crate::store;

/// What instructions are told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Spatial,
    Pointwise,
    Depthwise,
    BatchNorm,
    Rest,
    Step,
}

impl Class {
    const ALL: [Self; 6] =
        [Self::Spatial, Self::Pointwise, Self::Depthwise, Self::BatchNorm, Self::Rest, Self::Step];

    fn name(self) -> &'static str {
        match self {
            Self::Spatial => "convolutions",
            Self::Pointwise => "1x1 convolutions and linear layers",
            Self::Depthwise => "depthwise",
            Self::BatchNorm => "batch norms",
            Self::Rest => "the rest",
            Self::Step => "whole step",
        }
    }

    fn look(self) -> (Marker, Color) {
        match self {
            Self::Spatial => (Marker::Circle, Color::Blue),
            Self::Pointwise => (Marker::Square, Color::Orange),
            Self::Depthwise => (Marker::Triangle, Color::BluishGreen),
            Self::BatchNorm => (Marker::Diamond, Color::ReddishPurple),
            Self::Rest => (Marker::Circle, Color::SkyBlue),
            Self::Step => (Marker::Diamond, Color::Black),
        }
    }

    fn of(instruction: &Instruction) -> Self {
        match instruction {
            Instruction::Conv { geometry, .. }
            | Instruction::ConvGradInput { geometry, .. }
            | Instruction::ConvGradWeight { geometry, .. } => {
                if geometry.taps() == 1 {
                    Self::Pointwise
                } else {
                    Self::Spatial
                }
            }
            Instruction::Depthwise { .. }
            | Instruction::DepthwiseGradInput { .. }
            | Instruction::DepthwiseGradWeight { .. } => Self::Depthwise,
            Instruction::BatchNormTrain { .. }
            | Instruction::BatchNormGrad { .. }
            | Instruction::BatchNormInfer { .. } => Self::BatchNorm,
            Instruction::Activate { .. }
            | Instruction::ActivateGrad { .. }
            | Instruction::Sum { .. }
            | Instruction::Binary { .. }
            | Instruction::BinaryGrad { .. }
            | Instruction::AddBias { .. }
            | Instruction::SumRows { .. }
            | Instruction::MapPositions { .. }
            | Instruction::MapChannels { .. }
            | Instruction::MapValues { .. }
            | Instruction::MaxPool { .. }
            | Instruction::MaxPoolGrad { .. }
            | Instruction::AvgPool { .. }
            | Instruction::AvgPoolGrad { .. }
            | Instruction::Gate { .. }
            | Instruction::GateGrad { .. }
            | Instruction::Dropout { .. }
            | Instruction::DropoutGrad { .. }
            | Instruction::Softmax { .. }
            | Instruction::SoftmaxGrad { .. }
            | Instruction::LocalResponseNorm { .. }
            | Instruction::LocalResponseNormGrad { .. }
            | Instruction::SoftmaxCrossEntropy { .. }
            | Instruction::SigmoidCrossEntropy { .. }
            | Instruction::Update { .. }
            | Instruction::Filters(_) => Self::Rest,
        }
    }
}

/// A class of instructions of a network's step.
struct Row<'a> {
    case: &'a Case,
    class: Class,
    spent: Spent,
    /// Of the step's time.
    share: f64,
}

/// Measures, writes the figure and the table beside it, and gives the table.
pub(super) fn measure(cases: &[Case], device: &Cpu, figure: &Path) -> anyhow::Result<String> {
    let machine = Machine::measure(device)?;
    let mut rows = Vec::new();
    for case in cases {
        let sums = spent(case, device, Class::of)?;
        let mut step = Spent::default();
        for spent in sums.values() {
            step.add(*spent);
        }
        let share = |spent: Spent| spent.seconds / step.seconds;
        let classes = sums.into_iter().chain([(Class::Step, step)]);
        rows.extend(classes.map(|(class, spent)| Row { case, class, spent, share: share(spent) }));
    }
    let text = drawn(&rows, machine, &device.name())?;
    store::write(figure, text.as_bytes())?;
    store::write(&figure.with_extension("csv"), csv(&rows, machine).as_bytes())?;
    Ok(table(&rows, machine, &device.name()))
}

fn words(machine: Machine, device: &str) -> String {
    format!(
        "{device}: {:.0} GFLOP/s, {:.1} GB/s",
        machine.flops_per_second / 1e9,
        machine.bytes_per_second / 1e9
    )
}

fn csv(rows: &[Row<'_>], machine: Machine) -> String {
    let mut text = "network,batch,class,instructions,milliseconds,share_of_step,gflop,gigabytes,flops_per_byte,gflops_per_second,\
                    gigabytes_per_second,share_of_roof\n"
        .to_owned();
    for Row { case, class, spent: Spent { count, seconds, work }, share } in rows {
        let [flops, bytes] = [work.flops, work.bytes].map(|amount| amount as f64 / 1e9);
        let _ = writeln!(
            text,
            "{},{},{},{count},{:.4},{share:.4},{flops:.4},{bytes:.4},{:.3},{:.2},{:.2},{:.3}",
            csv_cell(&case.name),
            case.batch,
            class.name(),
            1e3 * seconds,
            flops / bytes,
            flops / seconds,
            bytes / seconds,
            machine.share(*work, *seconds)
        );
    }
    text
}

fn table(rows: &[Row<'_>], machine: Machine, device: &str) -> String {
    let mut lines = vec![
        ["network", "class", "ms", "share", "FLOP/byte", "GFLOP/s", "GB/s", "of roof"]
            .map(str::to_owned),
    ];
    lines.extend(rows.iter().map(|Row { case, class, spent, share }| {
        let Spent { count: _, seconds, work } = *spent;
        [
            case.name.clone(),
            class.name().to_owned(),
            format!("{:.2}", 1e3 * seconds),
            format!("{:.1} %", 100.0 * share),
            format!("{:.2}", work.flops as f64 / work.bytes as f64),
            format!("{:.1}", work.flops as f64 / seconds / 1e9),
            format!("{:.1}", work.bytes as f64 / seconds / 1e9),
            format!("{:.0} %", 100.0 * machine.share(work, seconds)),
        ]
    }));
    format!("{}\n\n{}", words(machine, device), aligned(&lines, &[0, 1]))
}

fn drawn(rows: &[Row<'_>], machine: Machine, device: &str) -> anyhow::Result<String> {
    let point = |row: &Row<'_>| {
        let Spent { count: _, seconds, work } = row.spent;
        let [x, y] = [work.flops as f64 / work.bytes as f64, work.flops as f64 / seconds / 1e9];
        let of_roof = 100.0 * machine.share(work, seconds);
        let tooltip = format!(
            "{}, {}: {y:.1} GFLOP/s, {of_roof:.0} % of the roof, {:.0} % of the step",
            row.case.name,
            row.class.name(),
            100.0 * row.share
        );
        (work.flops > 0).then_some(Point { x, y, y_error: None, tooltip })
    };
    let marks = Class::ALL.map(|class| {
        let (marker, color) = class.look();
        Series {
            label: class.name().to_owned(),
            marker: Some(marker),
            line: Line::None,
            color,
            points: rows.iter().filter(|row| row.class == class).filter_map(point).collect(),
        }
    });
    let [peak, bandwidth] = [machine.flops_per_second, machine.bytes_per_second].map(|it| it / 1e9);
    let ridge = peak / bandwidth;
    let all = || marks.iter().flat_map(|series| &series.points).map(|point| point.x);
    let (low, high) = (all().fold(ridge, f64::min) / 1.5, all().fold(ridge, f64::max) * 1.5);
    let corner =
        |x: f64| Point { x, y: peak.min(bandwidth * x), y_error: None, tooltip: String::new() };
    let roof = Series {
        label: "roof".to_owned(),
        marker: None,
        line: Line::Straight,
        color: Color::Vermillion,
        points: [low, ridge, high].map(corner).to_vec(),
    };
    let axis = |title: &str| Axis {
        title: title.to_owned(),
        scale: Scale::Logarithmic,
        ticks_within: (f64::MIN_POSITIVE, f64::MAX),
    };
    let figure = Figure {
        title: "Training steps against the roofline of the machine".to_owned(),
        subtitle: format!(
            "{}, both measured before. FLOPs and bytes are the least that the instructions need, so what caches keep lies above \
             the slope.",
            words(machine, device)
        ),
        x: axis("FLOPs per byte"),
        y: axis("GFLOP/s"),
        series: std::iter::once(roof).chain(marks).collect(),
    };
    Ok(figure.to_svg()?)
}
