//! Attributes and operands of a node.

use crate::{
    error::{Trouble, refuse},
    proto::{AttributeProto, NodeProto, TensorProto},
};

/// No size, stride or offset is larger.
const LARGEST: i64 = 1 << 31;

/// A node of the file.
pub(super) struct Call<'a> {
    proto: &'a NodeProto,
    /// Its name, or that of its first output.
    pub(super) name: &'a str,
}

impl<'a> Call<'a> {
    pub(super) fn new(proto: &'a NodeProto) -> Self {
        let output = proto.output.first().map_or("", String::as_str);
        let name = if proto.name.is_empty() { output } else { &proto.name };
        Self { proto, name }
    }

    pub(super) fn op(&self) -> &'a str {
        &self.proto.op_type
    }

    /// Name of an input that is given.
    pub(super) fn input(&self, position: usize) -> Option<&'a str> {
        self.proto.input.get(position).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// Number of inputs, omitted ones included.
    pub(super) fn inputs(&self) -> usize {
        self.proto.input.len()
    }

    /// Name of an output that is asked for.
    pub(super) fn output(&self, position: usize) -> Option<&'a str> {
        self.proto.output.get(position).map(String::as_str).filter(|name| !name.is_empty())
    }

    pub(super) fn outputs(&self) -> usize {
        self.proto.output.len()
    }

    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.proto.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(super) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |attribute| attribute.f)
    }

    pub(super) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |attribute| attribute.i)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn floats(&self, name: &str) -> Option<&'a [f32]> {
        self.attribute(name).map(|attribute| attribute.floats.as_slice())
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&'a TensorProto> {
        self.attribute(name).and_then(|attribute| attribute.t.as_deref())
    }

    pub(super) fn string(&self, name: &str, default: &'static str) -> &'a str {
        let text = self.attribute(name).map(|attribute| attribute.s.as_slice());
        text.map_or(default, |bytes| str::from_utf8(bytes).unwrap_or("?"))
    }

    /// Numbers that count something.
    pub(super) fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>, Trouble> {
        self.ints(name).map(|values| sizes(name, values)).transpose()
    }

    /// A number that counts something.
    pub(super) fn size(&self, name: &str, default: i64) -> Result<usize, Trouble> {
        sizes(name, &[self.int(name, default)]).map(|sizes| sizes[0])
    }
}

/// Numbers that count something, none absurdly large.
pub(super) fn sizes(what: &str, values: &[i64]) -> Result<Vec<usize>, Trouble> {
    match values.iter().find(|value| !(0..=LARGEST).contains(*value)) {
        Some(value) => {
            refuse(format!("{what} is {value}"), "it must be between 0 and 2^31: export again")
        }
        None => Ok(values.iter().map(|value| *value as usize).collect()),
    }
}

/// A dimension, counted from the end if negative.
pub(super) fn dimension(axis: i64, rank: usize) -> Result<usize, Trouble> {
    let from_start = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(from_start) {
        Ok(dimension) if dimension < rank => Ok(dimension),
        Ok(_) | Err(_) => refuse(
            format!("axis {axis} of a value with {rank} dimensions"),
            "the file is damaged: export it again",
        ),
    }
}

/// Dimensions, counted from the end if negative.
pub(super) fn dimensions(axes: &[i64], rank: usize) -> Result<Vec<usize>, Trouble> {
    axes.iter().map(|axis| dimension(*axis, rank)).collect()
}
