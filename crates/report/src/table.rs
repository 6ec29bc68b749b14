//! The summaries of a sweep as a table for a terminal.

use crate::compare::{Comparison, compare};
use crate::error::Error;
use crate::metric::Metric;
use crate::number::{compact, count, signed_points, trimmed};
use crate::pareto::{by_flops, summary_front};
use crate::row::Arm;
use crate::summary::{Summary, metric_of};

const WIDEST: usize = 100;
/// A space inside a name, where no line is broken; it is printed as a space.
const UNBROKEN: &str = "\u{a0}";

/// A table of at most 100 columns, ordered by FLOPs, and what it says in sentences; every line ends in a newline.
///
/// `budget` is the width multiplier of the seed whose cost an expansion may reach, `width x` what the widths were
/// multiplied with. `*` marks the front. The last two columns are the points of score over the uniform curve at equal FLOPs, and `-`
/// where that curve does not reach.
///
/// # Errors
///
/// [`Error::Value`] if a summary has FLOPs or scores that are out of range or not numbers.
pub fn table(summaries: &[Summary]) -> Result<String, Error> {
    let comparison = compare(summaries)?;
    if summaries.is_empty() {
        return Ok("No points.\n".to_owned());
    }
    let front = summary_front(summaries);
    let mega = mega_format(summaries);
    let mut lines = vec![header(metric_of(summaries))];
    for index in by_flops(summaries) {
        let mark = if front.contains(&index) { "*" } else { "" };
        lines.push(cells(&summaries[index], &mega, mark, &comparison, index));
    }
    let mut text = above_differences(&lines);
    for line in aligned(&lines) {
        text.push_str(&line);
        text.push('\n');
    }
    text.push('\n');
    for sentence in [front_sentence(summaries, &front), comparison_sentence(&comparison)] {
        wrap_into(&mut text, &sentence);
    }
    Ok(text)
}

/// What [`table`] says in sentences.
pub(crate) fn sentences(summaries: &[Summary]) -> Result<[String; 2], Error> {
    let comparison = compare(summaries)?;
    let front = front_sentence(summaries, &summary_front(summaries)).replace(UNBROKEN, " ");
    Ok([front, comparison_sentence(&comparison)])
}

const HEADER: [&str; 12] = [
    "arm", "strength", "budget", "width x", "MFLOPs", "params", "val %", "test %", "dead", "front",
    "val", "test",
];

/// [`HEADER`] with what the scores are.
fn header(metric: Metric) -> [String; 12] {
    HEADER.map(|column| match column {
        "val %" | "test %" => column.replace('%', metric.unit()),
        _ => column.to_owned(),
    })
}

fn cells(
    summary: &Summary,
    mega: &dyn Fn(f64) -> String,
    mark: &str,
    comparison: &Comparison,
    index: usize,
) -> [String; 12] {
    let [validation, test] = match (&comparison.differences[index], summary.arm) {
        (Some(difference), _) => {
            [difference.validation_points, difference.test_points].map(signed_points)
        }
        (None, Arm::Uniform) => [String::new(), String::new()],
        (
            None,
            Arm::Shrink | Arm::Expand | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm,
        ) => ["-".to_owned(), "-".to_owned()],
    };
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), compact);
    let deviation = summary.test_std.map_or_else(String::new, |std| format!("±{:.2}", 100.0 * std));
    [
        summary.series(),
        Some(summary.pressure()).filter(|words| !words.is_empty()).unwrap_or("-".to_owned()),
        optional(summary.budget),
        compact(summary.width_multiplier),
        mega(summary.flops / 1e6),
        count(summary.params),
        format!("{:.2}", 100.0 * summary.validation_score),
        format!("{:.2}{deviation}", 100.0 * summary.test_score),
        dead(summary.dead_channels),
        mark.to_owned(),
        validation,
        test,
    ]
}

/// At most six characters; a mean over seeds shows one decimal.
fn dead(channels: f64) -> String {
    if channels < 9999.95 {
        return trimmed(&format!("{channels:.1}")).to_owned();
    }
    if channels < 999_999.5 { format!("{channels:.0}") } else { format!("{channels:.0e}") }
}

/// One number of decimals for the whole column, in at most seven characters.
fn mega_format(summaries: &[Summary]) -> impl Fn(f64) -> String + use<> {
    let mega = |summary: &Summary| summary.flops / 1e6;
    let least = summaries.iter().map(mega).fold(f64::INFINITY, f64::min);
    let greatest = summaries.iter().map(mega).fold(0.0, f64::max);
    let decimals = match greatest {
        _ if least < 0.01 => None,
        _ if greatest < 999.0 => Some(3),
        _ if greatest < 99_999.0 => Some(1),
        _ => None,
    };
    move |value| match decimals {
        Some(decimals) => format!("{value:.decimals$}"),
        None => compact(value),
    }
}

fn column_widths(lines: &[[String; 12]]) -> [usize; 12] {
    std::array::from_fn(|column| {
        lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
    })
}

/// Two spaces between columns, or one if the table would be too wide.
fn gap(widths: &[usize; 12]) -> usize {
    let generous = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    if generous <= WIDEST { 2 } else { 1 }
}

fn aligned(lines: &[[String; 12]]) -> Vec<String> {
    let widths = column_widths(lines);
    let between = " ".repeat(gap(&widths));
    lines
        .iter()
        .map(|line| {
            let padded: Vec<String> = line
                .iter()
                .zip(widths)
                .enumerate()
                .map(|(column, (cell, width))| match HEADER[column] {
                    "arm" => format!("{cell:<width$}"),
                    "front" => format!("{cell:^width$}"),
                    _ => format!("{cell:>width$}"),
                })
                .collect();
            padded.join(&between).trim_end().to_owned()
        })
        .collect()
}

/// A line that names the last two columns together.
fn above_differences(lines: &[[String; 12]]) -> String {
    let widths = column_widths(lines);
    let total = widths.iter().sum::<usize>() + gap(&widths) * (widths.len() - 1);
    format!("{:>total$}\n", "over uniform")
}

fn front_sentence(summaries: &[Summary], front: &[usize]) -> String {
    let names: Vec<String> =
        front.iter().map(|&index| summaries[index].name().replace(' ', UNBROKEN)).collect();
    let metric = metric_of(summaries).name();
    format!("Front by validation {metric}, in order of FLOPs: {}.", names.join(", "))
}

fn comparison_sentence(comparison: &Comparison) -> String {
    let Comparison { learned, uniform, .. } = *comparison;
    if learned == 0 {
        return "No learned point to compare with the uniform ones.".to_owned();
    }
    if uniform == 0 {
        return "No uniform point to compare the learned ones with.".to_owned();
    }
    let Some(mean) = comparison.mean() else {
        return "No learned point lies within the FLOPs of the uniform points, so none is compared.".to_owned();
    };
    let compared = comparison.compared();
    let outside = match learned - compared {
        0 => String::new(),
        n => format!(
            " Not compared: {} outside the FLOPs of the uniform ones.",
            counted(n, "learned point")
        ),
    };
    format!(
        "At equal FLOPs learned beats uniform at {} of {} by validation ({} by test); mean difference {} points \
         (test {}).{outside}",
        comparison.validation_wins(),
        counted(compared, "budget"),
        comparison.test_wins(),
        signed_points(mean.validation_points),
        signed_points(mean.test_points),
    )
}

fn counted(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{n} {thing}s") }
}

fn wrap_into(text: &mut String, sentence: &str) {
    let mut used = 0;
    for word in sentence.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > WIDEST {
            text.push('\n');
            used = 0;
        }
        if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(&word.replace(UNBROKEN, " "));
        used += length;
    }
    text.push('\n');
}
