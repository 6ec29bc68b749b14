//! Constants of different dimensions brought to common ones.

use super::{
    Importer,
    attributes::sizes,
    constants::{DAMAGED, steps},
};
use crate::{
    error::{Trouble, refuse},
    tensor::{Data, MAX_RANK, Tensor},
};

/// Dimensions that two operands take together: equal ones, or the other's where one has 1.
fn common(left: &[usize], right: &[usize]) -> Result<Vec<usize>, Trouble> {
    let rank = left.len().max(right.len());
    let (a, b) = (padded(left, rank), padded(right, rank));
    if a.iter().zip(&b).any(|(a, b)| a != b && *a != 1 && *b != 1) {
        let problem = format!("dimensions {left:?} and {right:?} do not fit together");
        return refuse(problem, DAMAGED);
    }
    Ok(a.iter().zip(&b).map(|(a, b)| if *a == 1 { *b } else { *a }).collect())
}

fn padded(dims: &[usize], rank: usize) -> Vec<usize> {
    [vec![1; rank - dims.len()], dims.to_vec()].concat()
}

impl Importer {
    /// A tensor repeated along the dimensions in which it has size 1.
    fn repeated(&mut self, source: &Tensor, dims: &[usize]) -> Result<Tensor, Trouble> {
        let own = padded(&source.dims, dims.len());
        let steps = steps(&own);
        self.picked(source, dims.to_vec(), |at| {
            let places = at.iter().zip(&own).zip(&steps);
            places.map(|((at, size), step)| if *size == 1 { 0 } else { at * step }).sum()
        })
    }

    pub(super) fn expanded(&mut self, source: &Tensor, shape: &Tensor) -> Result<Tensor, Trouble> {
        let shape = sizes("a size", shape.as_integers()?)?;
        if shape.len() > MAX_RANK {
            return refuse(format!("a constant of dimensions {shape:?}"), "use smaller constants");
        }
        self.repeated(source, &common(&source.dims, &shape)?)
    }

    pub(super) fn arithmetic(
        &mut self,
        op: &str,
        left: &Tensor,
        right: &Tensor,
    ) -> Result<Tensor, Trouble> {
        let dims = common(&left.dims, &right.dims)?;
        let (left, right) = (self.repeated(left, &dims)?, self.repeated(right, &dims)?);
        let data = match (&left.data, &right.data) {
            (Data::Integers(a), Data::Integers(b)) => {
                let each = a.iter().zip(b).map(|(a, b)| match op {
                    "Add" => a.checked_add(*b),
                    "Sub" => a.checked_sub(*b),
                    "Mul" => a.checked_mul(*b),
                    _ => a.checked_div(*b),
                });
                let Some(values) = each.collect::<Option<Vec<i64>>>() else {
                    return refuse("a number beyond the range of integers", DAMAGED);
                };
                Data::Integers(values)
            }
            (Data::Floats(_), _) | (_, Data::Floats(_)) => {
                let (a, b) = (left.floats(), right.floats());
                let each = a.iter().zip(b.iter()).map(|(a, b)| match op {
                    "Add" => a + b,
                    "Sub" => a - b,
                    "Mul" => a * b,
                    _ => a / b,
                });
                Data::Floats(each.collect())
            }
        };
        Ok(Tensor { dims, data })
    }
}
