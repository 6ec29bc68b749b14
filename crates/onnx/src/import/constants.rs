//! Nodes whose inputs are all known: evaluated at once, as exporters compute shapes and prepare weights with them.

use std::rc::Rc;

use super::{
    Importer, Value,
    attributes::{Call, dimension, dimensions, sizes},
    slices::cut,
};
use crate::{
    OnnxError,
    error::{Trouble, refuse},
    tensor::{Data, MAX_RANK, Tensor, elements},
};

pub(super) const DAMAGED: &str = "the file is damaged: export it again";

impl Importer {
    /// Evaluates a node on constants; false if it is none.
    pub(super) fn evaluate(&mut self, call: &Call<'_>) -> Result<bool, Trouble> {
        let tensor = match call.op() {
            "Constant" => self.stored(call)?,
            "Shape" => self.shape_of(call)?,
            "CastLike" => match (self.input(call, 0)?, self.input(call, 1)?) {
                (Value::Constant(tensor), like) => {
                    self.spend(tensor.data.len())?;
                    cast_like(&tensor, &like)
                }
                (Value::Wire(_), _) => return Ok(false),
            },
            _ => {
                let mut operands = Vec::with_capacity(call.inputs());
                for position in
                    (0..call.inputs()).filter(|position| call.input(*position).is_some())
                {
                    match self.input(call, position)? {
                        Value::Constant(tensor) => operands.push(tensor),
                        Value::Wire(_) => return Ok(false),
                    }
                }
                if operands.is_empty() {
                    return Ok(false);
                }
                self.computed(call, &operands)?
            }
        };
        self.define_constant(call, tensor);
        Ok(true)
    }

    /// Whether an input is a constant of whole numbers.
    pub(super) fn is_whole(&self, call: &Call<'_>, position: usize) -> Result<bool, Trouble> {
        Ok(is_whole(&self.input(call, position)?))
    }

    fn stored(&mut self, call: &Call<'_>) -> Result<Tensor, Trouble> {
        if let Some(proto) = call.tensor("value") {
            return self.read(proto);
        }
        if call.has("value_float") {
            return Ok(Tensor {
                dims: Vec::new(),
                data: Data::Floats(vec![call.float("value_float", 0.0)]),
            });
        }
        if call.has("value_int") {
            return Ok(Tensor {
                dims: Vec::new(),
                data: Data::Integers(vec![call.int("value_int", 0)]),
            });
        }
        if let Some(values) = call.floats("value_floats") {
            return Ok(Tensor { dims: vec![values.len()], data: Data::Floats(values.to_vec()) });
        }
        match call.ints("value_ints") {
            Some(values) => Ok(Tensor::integers(values.to_vec())),
            None => refuse("a constant without numbers", "store constants as tensors"),
        }
    }

    fn read(&mut self, proto: &crate::proto::TensorProto) -> Result<Tensor, Trouble> {
        Tensor::read(proto, &mut self.budget).map_err(|error| {
            if let OnnxError::Tensor { problem, remedy, .. } = error {
                Trouble::new(problem, remedy)
            } else {
                Trouble::new(error.to_string(), "use smaller constants")
            }
        })
    }

    fn shape_of(&mut self, call: &Call<'_>) -> Result<Tensor, Trouble> {
        let sizes: Vec<i64> = match self.input(call, 0)? {
            Value::Constant(tensor) => tensor.dims.iter().map(|size| *size as i64).collect(),
            Value::Wire(value) => std::iter::once(self.batch)
                .chain(value.view.sizes())
                .map(|size| size as i64)
                .collect(),
        };
        let rank = sizes.len();
        let (kept, start) = cut(rank, call.int("start", 0), call.int("end", rank as i64), 1)?;
        Ok(Tensor::integers(sizes[start as usize..start as usize + kept].to_vec()))
    }

    fn computed(&mut self, call: &Call<'_>, operands: &[Rc<Tensor>]) -> Result<Tensor, Trouble> {
        let first = &operands[0];
        match call.op() {
            "ConstantOfShape" => self.filled(call, first),
            "Identity" => Ok(Tensor::clone(first)),
            "Cast" => cast(call, first),
            "Add" | "Sub" | "Mul" | "Div" | "Expand" => {
                let [left, right] = operands else { return refuse("not two operands", DAMAGED) };
                match call.op() {
                    "Expand" => self.expanded(left, right),
                    other => self.arithmetic(other, left, right),
                }
            }
            "Neg" | "Sqrt" | "Floor" | "Ceil" => {
                self.spend(first.data.len())?;
                Ok(function(call.op(), first))
            }
            "Concat" => self.joined(call, operands),
            "Gather" => self.gathered(call, first),
            "Slice" => self.sliced(call, first),
            "Transpose" => self.transposed(call, first),
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => {
                self.spend(first.data.len())?;
                let dims = self.new_dims(call, first)?;
                if elements(&dims) != Some(first.data.len()) || dims.len() > MAX_RANK {
                    return refuse(format!("{:?} values become {dims:?}", first.dims), DAMAGED);
                }
                Ok(Tensor { dims, data: first.data.clone() })
            }
            other => refuse(
                format!("operator `{other}` on constants is not evaluated"),
                "fold constants before exporting (onnx-simplifier does)",
            ),
        }
    }

    fn filled(&mut self, call: &Call<'_>, shape: &Tensor) -> Result<Tensor, Trouble> {
        let dims = sizes("a size", shape.as_integers()?)?;
        let Some(count) = elements(&dims).filter(|_| dims.len() <= MAX_RANK) else {
            return refuse(format!("a constant of dimensions {dims:?}"), "use smaller constants");
        };
        self.spend(count)?;
        let one = match call.tensor("value") {
            Some(proto) => self.read(proto)?.data,
            None => Data::Floats(vec![0.0]),
        };
        if one.len() != 1 {
            return refuse(format!("{} values to fill with", one.len()), DAMAGED);
        }
        Ok(Tensor { dims, data: one.select((0..count).map(|_| 0)) })
    }

    /// Values of `source` laid out as `dims`, `place` saying where in it each comes from.
    pub(super) fn picked(
        &mut self,
        source: &Tensor,
        dims: Vec<usize>,
        place: impl Fn(&[usize]) -> usize,
    ) -> Result<Tensor, Trouble> {
        let Some(count) = elements(&dims).filter(|_| dims.len() <= MAX_RANK) else {
            return refuse(format!("a constant of dimensions {dims:?}"), "use smaller constants");
        };
        self.spend(count)?;
        let mut at = vec![0; dims.len()];
        let places = (0..count).map(|_| {
            let here = place(&at);
            for (index, size) in at.iter_mut().zip(&dims).rev() {
                *index += 1;
                if *index < *size {
                    break;
                }
                *index = 0;
            }
            here
        });
        let data = source.data.select(places);
        Ok(Tensor { dims, data })
    }

    fn joined(&mut self, call: &Call<'_>, operands: &[Rc<Tensor>]) -> Result<Tensor, Trouble> {
        let rank = operands[0].rank();
        let axis = dimension(call.int("axis", 1), rank)?;
        let mut dims = operands[0].dims.clone();
        dims[axis] = 0;
        for operand in operands {
            let fits = operand.rank() == rank
                && (0..rank).all(|at| at == axis || operand.dims[at] == operands[0].dims[at]);
            if !fits {
                return refuse(
                    format!("dimensions {:?} beside {:?}", operand.dims, operands[0].dims),
                    DAMAGED,
                );
            }
            dims[axis] += operand.dims[axis];
        }
        let count = operands.iter().map(|operand| operand.data.len()).sum();
        self.spend(count)?;
        let outer: usize = dims[..axis].iter().product();
        let whole = operands.iter().all(|operand| matches!(operand.data, Data::Integers(_)));
        let mut integers = Vec::new();
        let mut floats = Vec::new();
        for row in 0..outer {
            for operand in operands {
                let block: usize = operand.dims[axis..].iter().product();
                let range = row * block..(row + 1) * block;
                match &operand.data {
                    Data::Integers(values) if whole => integers.extend_from_slice(&values[range]),
                    Data::Integers(values) => {
                        floats.extend(values[range].iter().map(|value| *value as f32));
                    }
                    Data::Floats(values) => floats.extend_from_slice(&values[range]),
                }
            }
        }
        let data = if whole { Data::Integers(integers) } else { Data::Floats(floats) };
        Ok(Tensor { dims, data })
    }

    fn gathered(&mut self, call: &Call<'_>, source: &Tensor) -> Result<Tensor, Trouble> {
        let indices = self.constant(call, 1)?;
        let axis = dimension(call.int("axis", 0), source.rank())?;
        let mut places = Vec::with_capacity(indices.data.len());
        for index in indices.as_integers()? {
            places.push(dimension(*index, source.dims[axis])?);
        }
        let steps_source = steps(&source.dims);
        let steps_indices = steps(&indices.dims);
        let depth = indices.rank();
        let dims = [&source.dims[..axis], &indices.dims, &source.dims[axis + 1..]].concat();
        self.picked(source, dims, |at| {
            let index: usize =
                at[axis..axis + depth].iter().zip(&steps_indices).map(|(at, step)| at * step).sum();
            let before: usize =
                at[..axis].iter().zip(&steps_source).map(|(at, step)| at * step).sum();
            let behind = at[axis + depth..].iter().zip(&steps_source[axis + 1..]);
            before
                + places[index] * steps_source[axis]
                + behind.map(|(at, step)| at * step).sum::<usize>()
        })
    }

    fn sliced(&mut self, call: &Call<'_>, source: &Tensor) -> Result<Tensor, Trouble> {
        let mut dims = source.dims.clone();
        let mut from = vec![(0_i64, 1_i64); dims.len()];
        for (axis, start, end, step) in self.cuts(call, source.rank())? {
            let (count, first) = cut(source.dims[axis], start, end, step)?;
            dims[axis] = count;
            from[axis] = (first, step);
        }
        let steps = steps(&source.dims);
        self.picked(source, dims, |at| {
            let places = at.iter().zip(&from).zip(&steps);
            places
                .map(|((at, (first, step)), stride)| (first + *at as i64 * step) as usize * stride)
                .sum()
        })
    }

    fn transposed(&mut self, call: &Call<'_>, source: &Tensor) -> Result<Tensor, Trouble> {
        let rank = source.rank();
        let axes = match call.ints("perm") {
            Some(axes) => dimensions(axes, rank)?,
            None => (0..rank).rev().collect(),
        };
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return refuse(format!("axes {axes:?} of {rank} dimensions"), DAMAGED);
        }
        let steps = steps(&source.dims);
        let dims = axes.iter().map(|axis| source.dims[*axis]).collect();
        let moved: Vec<usize> = axes.iter().map(|axis| steps[*axis]).collect();
        self.picked(source, dims, |at| at.iter().zip(&moved).map(|(at, step)| at * step).sum())
    }

    /// Dimensions after a reshape of a constant.
    fn new_dims(&self, call: &Call<'_>, source: &Tensor) -> Result<Vec<usize>, Trouble> {
        let old = &source.dims;
        let stored = self.optional(call, 1)?;
        let listed = |name: &str| match (call.ints(name), &stored) {
            (Some(values), _) => Ok(Some(values.to_vec())),
            (None, Some(tensor)) => tensor.as_integers().map(|values| Some(values.to_vec())),
            (None, None) => Ok(None),
        };
        match call.op() {
            "Flatten" => {
                let axis =
                    usize::try_from(call.int("axis", 1)).ok().filter(|axis| *axis <= old.len());
                let Some(axis) = axis else {
                    return refuse("an axis beyond the dimensions", DAMAGED);
                };
                Ok(vec![old[..axis].iter().product(), old[axis..].iter().product()])
            }
            "Squeeze" => {
                let axes = listed("axes")?.map(|axes| dimensions(&axes, old.len())).transpose()?;
                let dropped =
                    |at: usize| axes.as_ref().map_or(old[at] == 1, |axes| axes.contains(&at));
                Ok((0..old.len()).filter(|at| !dropped(*at)).map(|at| old[at]).collect())
            }
            "Unsqueeze" => {
                let axes = listed("axes")?.unwrap_or_default();
                let rank = old.len() + axes.len();
                let axes = dimensions(&axes, rank.min(2 * MAX_RANK))?;
                let mut rest = old.iter().copied();
                let dim = |at| if axes.contains(&at) { 1 } else { rest.next().unwrap_or(1) };
                Ok((0..rank).map(dim).collect())
            }
            _ => {
                let asked = listed("shape")?.unwrap_or_default();
                let mut dims = Vec::with_capacity(asked.len());
                for (at, size) in asked.iter().enumerate() {
                    dims.push(match (*size, old.get(at)) {
                        (-1, _) => 1,
                        (0, Some(old)) => *old,
                        (size, _) => sizes("a size", &[size])?[0],
                    });
                }
                if let Some(at) = asked.iter().position(|size| *size == -1) {
                    let known = elements(&dims).filter(|known| *known > 0);
                    dims[at] = known.map_or(0, |known| source.data.len() / known);
                }
                Ok(dims)
            }
        }
    }
}

pub(super) fn steps(dims: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; dims.len()];
    for at in (1..dims.len()).rev() {
        steps[at - 1] = steps[at] * dims[at];
    }
    steps
}

fn cast(call: &Call<'_>, source: &Tensor) -> Result<Tensor, Trouble> {
    let data = match call.int("to", 1) {
        1 | 10 | 11 | 16 => Data::Floats(source.floats().into_owned()),
        2..=7 | 9 | 12 | 13 => match &source.data {
            Data::Integers(values) => Data::Integers(values.clone()),
            Data::Floats(values) => {
                Data::Integers(values.iter().map(|value| *value as i64).collect())
            }
        },
        other => return refuse(format!("a cast to type {other}"), "cast to numbers"),
    };
    Ok(Tensor { dims: source.dims.clone(), data })
}

/// Numbers of the type of another value; what is computed from the image is real.
fn cast_like(source: &Tensor, like: &Value) -> Tensor {
    let data = match &source.data {
        Data::Floats(values) if is_whole(like) => {
            Data::Integers(values.iter().map(|value| *value as i64).collect())
        }
        Data::Integers(values) if is_whole(like) => Data::Integers(values.clone()),
        Data::Floats(_) | Data::Integers(_) => Data::Floats(source.floats().into_owned()),
    };
    Tensor { dims: source.dims.clone(), data }
}

fn is_whole(value: &Value) -> bool {
    matches!(value, Value::Constant(tensor) if matches!(tensor.data, Data::Integers(_)))
}

fn function(op: &str, source: &Tensor) -> Tensor {
    let data = match &source.data {
        Data::Integers(values) if op == "Neg" => {
            Data::Integers(values.iter().map(|value| value.wrapping_neg()).collect())
        }
        Data::Integers(_) | Data::Floats(_) => {
            let each = |value: &f32| match op {
                "Neg" => -value,
                "Sqrt" => value.sqrt(),
                "Floor" => value.floor(),
                _ => value.ceil(),
            };
            Data::Floats(source.floats().iter().map(each).collect())
        }
    };
    Tensor { dims: source.dims.clone(), data }
}
