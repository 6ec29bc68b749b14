//! Whether an instruction's operands fit the arena, each other and the instruction.
//!
//! Kernels rely on everything proved here: after it, no row of an operand lies outside the arena, and what is written is
//! read by nobody else.

mod maps;
mod numbers;
mod shapes;
mod windows;

use crate::instruction::{Operand, operands};
use crate::{Instruction, Tensor};

/// Refuses what cannot be executed on an arena of `len` values, saying why.
pub(super) fn check(instruction: &Instruction, len: usize) -> Result<(), String> {
    let operands = operands(instruction);
    for operand in &operands.all {
        inside(operand, len)?;
    }
    for (i, first) in operands.all.iter().enumerate() {
        for second in &operands.all[i + 1..] {
            let twins = operands.may_be_same.is_some_and(|(a, b)| {
                (first.name, second.name) == (a, b) && first.region == second.region
            });
            if (first.written || second.written) && !twins && overlap(first.region, second.region) {
                return Err(format!("`{}` and `{}` overlap", first.name, second.name));
            }
        }
    }
    shapes::check(instruction)
}

fn inside(operand: &Operand, len: usize) -> Result<(), String> {
    let Operand { name, region, .. } = operand;
    if region.pitch < region.channels {
        return Err(format!(
            "`{name}` has pitch {} below its {} channels",
            region.pitch, region.channels
        ));
    }
    let end = region
        .rows
        .saturating_sub(1)
        .checked_mul(region.pitch)
        .and_then(|start| start.checked_add(region.offset))
        .and_then(|start| start.checked_add(region.channels));
    match end {
        Some(end) if end <= len => Ok(()),
        Some(end) => Err(format!("`{name}` ends at {end}, beyond the arena's {len} values")),
        None => Err(format!("the end of `{name}` overflows")),
    }
}

/// Whether two matrices inside the arena share a value. Of matrices that interleave with different pitches it is assumed.
fn overlap(a: Tensor, b: Tensor) -> bool {
    if a.rows * a.channels == 0
        || b.rows * b.channels == 0
        || a.end() <= b.offset
        || b.end() <= a.offset
    {
        return false;
    }
    let pitch = match (a.rows, b.rows) {
        (1, 1) => return true,
        (1, _) => b.pitch,
        (_, 1) => a.pitch,
        _ if a.pitch == b.pitch => a.pitch,
        _ => return true,
    };
    if a.channels + b.channels > pitch {
        return true;
    }
    let distance = (b.offset % pitch + pitch - a.offset % pitch) % pitch;
    distance < a.channels || distance + b.channels > pitch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touches(a: Tensor, b: Tensor) -> bool {
        let values = |t: Tensor| {
            (0..t.rows).flat_map(move |r| (0..t.channels).map(move |c| t.offset + r * t.pitch + c))
        };
        values(a).any(|i| values(b).any(|j| i == j))
    }

    #[test]
    fn overlap_never_misses_a_shared_value_and_is_exact_for_equal_pitches() {
        let tensors = || {
            (0..14).flat_map(|offset| {
                (1..4).flat_map(move |rows| {
                    (1..4).flat_map(move |channels| {
                        (channels..6).map(move |pitch| Tensor { offset, rows, channels, pitch })
                    })
                })
            })
        };
        for a in tensors() {
            for b in tensors() {
                if touches(a, b) {
                    assert!(overlap(a, b), "{a:?} {b:?}");
                } else if a.pitch == b.pitch
                    && a.rows == b.rows
                    && a.rows > 2
                    && a.offset.abs_diff(b.offset) < a.pitch
                {
                    assert!(!overlap(a, b), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn slices_of_one_tensor_with_disjoint_channels_do_not_overlap() {
        let whole = Tensor::dense(5, 100, 10);
        assert!(!overlap(whole.slice(0, 4), whole.slice(4, 6)));
        assert!(overlap(whole.slice(0, 5), whole.slice(4, 6)));
        assert!(!overlap(whole.slice(7, 3), whole.slice(0, 7)));
    }
}
