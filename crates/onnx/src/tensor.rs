//! Constants: the weights of a file, and what is computed from them before the network runs.

use std::borrow::Cow;

use ndarray::{ArrayD, IxDyn};

use crate::{
    OnnxError,
    error::{Trouble, refuse},
    limits::Budget,
    proto::TensorProto,
};

/// A tensor whose values are known at import. Row-major, slowest dimension first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// Numbers; all floating-point types become `f32`, integers and booleans `i64`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
}

impl Data {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
        }
    }

    /// The values at these positions, in this order.
    pub(crate) fn select(&self, positions: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Floats(values) => Self::Floats(positions.map(|at| values[at]).collect()),
            Self::Integers(values) => Self::Integers(positions.map(|at| values[at]).collect()),
        }
    }
}

/// Product of dimensions, nothing if it exceeds the range of a number.
pub(crate) fn elements(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))
}

/// Most dimensions that a value may have.
pub(crate) const MAX_RANK: usize = 8;

impl Tensor {
    pub(crate) fn integers(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], data: Data::Integers(values) }
    }

    pub(crate) fn rank(&self) -> usize {
        self.dims.len()
    }

    /// Values as `f32`.
    pub(crate) fn floats(&self) -> Cow<'_, [f32]> {
        match &self.data {
            Data::Floats(values) => Cow::Borrowed(values),
            Data::Integers(values) => values.iter().map(|value| *value as f32).collect(),
        }
    }

    /// The only value, if there is one.
    pub(crate) fn scalar(&self) -> Option<f32> {
        match &self.data {
            Data::Floats(values) => <[f32; 1]>::try_from(values.as_slice()).ok().map(|[x]| x),
            Data::Integers(values) => {
                <[i64; 1]>::try_from(values.as_slice()).ok().map(|[x]| x as f32)
            }
        }
    }

    /// Values of a tensor of integers, such as sizes or axes.
    pub(crate) fn as_integers(&self) -> Result<&[i64], Trouble> {
        match &self.data {
            Data::Integers(values) => Ok(values),
            Data::Floats(_) => {
                refuse("real numbers where integers are expected", "correct the exporter")
            }
        }
    }

    pub(crate) fn array(&self) -> Result<ArrayD<f32>, Trouble> {
        ArrayD::from_shape_vec(IxDyn(&self.dims), self.floats().into_owned())
            .map_err(|error| Trouble::new(error.to_string(), "use smaller tensors"))
    }

    /// Reads a stored tensor.
    pub(crate) fn read(proto: &TensorProto, budget: &mut Budget) -> Result<Self, OnnxError> {
        let wrong = |problem: String, remedy| OnnxError::Tensor {
            tensor: proto.name.clone(),
            problem,
            remedy,
        };
        if proto.data_location != 0 {
            let remedy = "save the model as one file (`onnx.save(onnx.load(path), path)` does)";
            return Err(wrong("its values are in another file".to_owned(), remedy));
        }
        if proto.dims.len() > MAX_RANK {
            let problem =
                format!("{} dimensions, at most {MAX_RANK} are supported", proto.dims.len());
            return Err(wrong(problem, "reshape it"));
        }
        let dims: Option<Vec<usize>> =
            proto.dims.iter().map(|size| usize::try_from(*size).ok()).collect();
        let sizes = dims.and_then(|dims| elements(&dims).map(|count| (dims, count)));
        let damaged = "the file is damaged: export it again";
        let Some((dims, count)) = sizes else {
            return Err(wrong(format!("dimensions {:?}", proto.dims), damaged));
        };
        budget.take(count)?;
        let data = numbers(proto, count).ok_or_else(|| {
            let problem = format!("data type {} is not supported", proto.data_type);
            wrong(problem, "export the model in 32-bit floating point")
        })?;
        if data.len() != count {
            let problem = format!("{} values for dimensions {dims:?}", data.len());
            return Err(wrong(problem, damaged));
        }
        Ok(Self { dims, data })
    }
}

/// The values of a stored tensor, whatever field they are in; nothing for types that no network here needs.
fn numbers(proto: &TensorProto, count: usize) -> Option<Data> {
    let raw = !proto.raw_data.is_empty() || count == 0;
    let floats = |values: Vec<f32>| Some(Data::Floats(values));
    let integers = |values: Vec<i64>| Some(Data::Integers(values));
    let small = || proto.int32_data.iter().map(|value| i64::from(*value)).collect();
    let bits = || {
        let raw_bits = chunks(&proto.raw_data, u16::from_le_bytes);
        if raw { raw_bits } else { proto.int32_data.iter().map(|value| *value as u16).collect() }
    };
    match proto.data_type {
        TensorProto::FLOAT if raw => floats(chunks(&proto.raw_data, f32::from_le_bytes)),
        TensorProto::FLOAT => floats(proto.float_data.clone()),
        TensorProto::DOUBLE if raw => {
            floats(chunks(&proto.raw_data, |bytes| f64::from_le_bytes(bytes) as f32))
        }
        TensorProto::DOUBLE => {
            floats(proto.double_data.iter().map(|value| *value as f32).collect())
        }
        TensorProto::FLOAT16 => floats(bits().into_iter().map(half).collect()),
        TensorProto::BFLOAT16 => {
            floats(bits().into_iter().map(|bits| f32::from_bits(u32::from(bits) << 16)).collect())
        }
        TensorProto::INT64 if raw => integers(chunks(&proto.raw_data, i64::from_le_bytes)),
        TensorProto::INT64 => integers(proto.int64_data.clone()),
        TensorProto::INT32 if raw => {
            integers(chunks(&proto.raw_data, |bytes| i64::from(i32::from_le_bytes(bytes))))
        }
        TensorProto::UINT8 | TensorProto::BOOL if raw => {
            integers(proto.raw_data.iter().map(|byte| i64::from(*byte)).collect())
        }
        TensorProto::INT8 if raw => {
            integers(proto.raw_data.iter().map(|byte| i64::from(*byte as i8)).collect())
        }
        TensorProto::INT32 | TensorProto::UINT8 | TensorProto::INT8 | TensorProto::BOOL => {
            integers(small())
        }
        _ => None,
    }
}

fn chunks<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)).collect()
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    match exponent {
        0 => sign * fraction * 2.0_f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2.0_f32.powi(exponent - 15),
    }
}
