//! What the results say, in numbers: how much of the plane each kind of widths dominates, and what it has over uniform ones.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::points::{estimate, signed_estimate};
use super::{Point, Shown};
use crate::error::Error;
use crate::estimate::Estimate;
use crate::hypervolume::Frame;
use crate::paired::{PairedComparison, PairedDifference};
use crate::pareto::front;
use crate::row::{Arm, PointRow};
use crate::summary::suffix;

/// Points that are judged together.
struct Group<'a> {
    name: String,
    points: Vec<&'a Point<'a>>,
}

/// The points in groups: uniform, learned and each other arm, each by mode and variant, in the order of summaries.
fn groups<'a>(shown: &'a Shown<'a>) -> Vec<Group<'a>> {
    let mut in_order: Vec<&Point<'_>> = shown.points.iter().collect();
    in_order.sort_by_key(|point| point.index);
    let mut groups: Vec<Group<'a>> = Vec::new();
    for point in in_order {
        let name = name(point);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.points.push(point),
            None => groups.push(Group { name, points: vec![point] }),
        }
    }
    groups
}

fn name(point: &Point<'_>) -> String {
    let kind = match point.summary.arm {
        Arm::Shrink | Arm::Expand => "learned",
        Arm::Uniform | Arm::Shuffled | Arm::Random | Arm::L1Norm | Arm::GroupNorm => {
            point.summary.arm.name()
        }
    };
    format!("{kind}{}{}", point.summary.mode.suffix(), suffix(point.summary.variant.as_deref()))
}

/// Rows by their cost and what they reached in validation or in the test.
fn places(rows: &[&PointRow], quality: fn(&PointRow) -> f64) -> Vec<(f64, f64)> {
    rows.iter().map(|row| (row.flops as f64, quality(row))).collect()
}

/// The share that a group dominates under each seed, by validation and by test.
///
/// In the test it is that of the points that validation has chosen, those on the group's front.
fn dominated(group: &Group<'_>, rows: &[PointRow]) -> [Option<Estimate>; 2] {
    let qualities: [fn(&PointRow) -> f64; 2] = [|row| row.validation_score, |row| row.test_score];
    let all: Vec<&PointRow> = rows.iter().collect();
    let frames = qualities.map(|quality| Frame::around(&places(&all, quality)));
    let of_group: Vec<&PointRow> =
        group.points.iter().flat_map(|point| point.rows.iter().map(|(row, _)| *row)).collect();
    let seeds: BTreeSet<u64> = of_group.iter().map(|row| row.seed).collect();
    let mut shares = [Vec::new(), Vec::new()];
    for seed in seeds {
        let of_seed: Vec<&PointRow> =
            of_group.iter().copied().filter(|row| row.seed == seed).collect();
        let chosen = front(&places(&of_seed, qualities[0]));
        let chosen: Vec<&PointRow> = chosen.into_iter().map(|index| of_seed[index]).collect();
        for (at, quality) in qualities.into_iter().enumerate() {
            shares[at]
                .extend(frames[at].map(|frame| 100.0 * frame.share(&places(&chosen, quality))));
        }
    }
    shares.map(|shares| Estimate::of(&shares))
}

/// Sentences, and the table of groups.
pub(super) fn answer(shown: &Shown<'_>, paired: &PairedComparison) -> Result<Markup, Error> {
    let sentences = crate::table::sentences(&shown.summaries)?;
    let seeds: BTreeSet<u64> = shown.page.rows.iter().map(|row| row.seed).collect();
    Ok(html! {
        @for sentence in sentences.iter().rev() { p { (sentence) } }
        @if shown.page.rows.len() < shown.page.planned {
            p.note {
                (shown.page.rows.len()) " of up to " (shown.page.planned) " networks are here: the others are not trained yet, or have "
                "nothing to add to the network that they would expand."
            }
        }
        @if seeds.len() == 1 {
            p.note {
                "There is one seed, so nothing is known of how much of a difference is chance: no deviation can be given."
            }
        }
        (group_table(shown, paired))
    })
}

fn group_table(shown: &Shown<'_>, paired: &PairedComparison) -> Markup {
    html! {
        p.note #groups-note {
            "Kinds of widths. The hypervolume is the share of the rectangle between the least and the greatest FLOPs (logarithmic) and "
            (shown.page.metric()) " of all points that is dominated, in %; in the test, by the points that validation chose. Differences are in "
            "points over uniform widths of equal FLOPs, each within its seed. ± is one sample standard deviation over seeds; the "
            "standard error of the mean follows in brackets."
        }
        div.scroll {
            table #groups aria-describedby="groups-note" {
                thead {
                    tr {
                        th scope="col" { "widths" }
                        th scope="col" { "points" }
                        th scope="col" { "hypervolume, val" }
                        th scope="col" { "hypervolume, test" }
                        th scope="col" { "over uniform, val" }
                        th scope="col" { "over uniform, test" }
                    }
                }
                tbody {
                    @for group in groups(shown) {
                        @let indices: Vec<usize> = group.points.iter().map(|point| point.index).collect();
                        @let [validation, test] = dominated(&group, &shown.page.rows);
                        tr {
                            th scope="row" { (group.name) }
                            td { (group.points.len()) }
                            (estimate(validation, 1))
                            (estimate(test, 1))
                            (differences(paired.mean(&indices)))
                        }
                    }
                }
            }
        }
    }
}

/// Two cells.
pub(super) fn differences(difference: Option<PairedDifference>) -> Markup {
    html! {
        (signed_estimate(difference.map(|difference| difference.validation)))
        (signed_estimate(difference.map(|difference| difference.test)))
    }
}
