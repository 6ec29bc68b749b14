//! Nodes, attributes and constants of a file.

use ndarray::ArrayViewD;

use super::Exporter;
use crate::proto::{AttributeProto, NodeProto, TensorProto};

impl Exporter<'_> {
    /// A name that is not in use yet.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut count = 1;
        while !self.names.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}~{count}");
        }
        unique
    }

    /// Adds a node with one output of the same name.
    pub(super) fn emit(
        &mut self,
        name: &str,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
        name.to_owned()
    }

    /// A constant of integers in a row.
    pub(super) fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, TensorProto::INT64, &[values.len()], raw_data)
    }

    /// A constant of real numbers.
    pub(super) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, TensorProto::FLOAT, dims, raw_data)
    }

    /// A constant with the dimensions of an array.
    pub(super) fn array(&mut self, name: &str, array: &ArrayViewD<'_, f32>) -> String {
        let raw_data = array.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, TensorProto::FLOAT, array.shape(), raw_data)
    }

    fn constant(
        &mut self,
        name: &str,
        data_type: i32,
        dims: &[usize],
        raw_data: Vec<u8>,
    ) -> String {
        let name = self.unique(name);
        let dims = dims.iter().map(|size| *size as i64).collect();
        let tensor =
            TensorProto { name: name.clone(), data_type, dims, raw_data, ..TensorProto::default() };
        self.initializers.push(tensor);
        name
    }
}

/// An attribute that is one integer.
pub(super) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { i: value as i64, ..attribute(name, AttributeProto::INT) }
}

/// An attribute that is one real number.
pub(super) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: value, ..attribute(name, AttributeProto::FLOAT) }
}

/// An attribute that is a word.
pub(super) fn string(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: value.as_bytes().to_vec(), ..attribute(name, AttributeProto::STRING) }
}

/// An attribute that is a list of integers.
pub(super) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|value| *value as i64).collect();
    AttributeProto { ints, ..attribute(name, AttributeProto::INTS) }
}

fn attribute(name: &str, r#type: i32) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type, ..AttributeProto::default() }
}
