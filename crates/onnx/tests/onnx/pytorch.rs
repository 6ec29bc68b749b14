//! Models that PyTorch wrote, with inputs and expected outputs: those for the tests of ONNX itself, and a network by the exporter of
//! today.

use std::collections::BTreeMap;

use graph::Shape;
use onnx::{OnnxError, Options, import};
use prost::Message;
use testkit::{Mode, interpret};

use crate::{folder, golden, parameters};

/// A stored tensor, as far as these files use it.
#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
}

/// Sizes with the batch, and values.
fn tensor(path: &str) -> (Vec<usize>, Vec<f64>) {
    let proto = TensorProto::decode(golden(path).as_slice()).expect("a tensor");
    assert_eq!(proto.data_type, 1, "{path} holds floats");
    let raw = proto.raw_data.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    let values = raw.chain(proto.float_data.iter().copied()).map(f64::from).collect();
    (proto.dims.iter().map(|size| *size as usize).collect(), values)
}

/// Values with channels first, laid out with channels last, or back.
fn channels_last(values: &[f64], batch: usize, shape: Shape, back: bool) -> Vec<f64> {
    let mut moved = vec![0.0; values.len()];
    let (area, channels) = (shape.area(), shape.channels);
    for image in 0..batch {
        for position in 0..area {
            for channel in 0..channels {
                let first = (image * channels + channel) * area + position;
                let last = (image * area + position) * channels + channel;
                let (to, from) = if back { (first, last) } else { (last, first) };
                moved[to] = values[from];
            }
        }
    }
    moved
}

/// The largest difference between what a model in a folder gives and what it should give.
fn deviation(within: &str, name: &str) -> Result<f64, OnnxError> {
    let path = |file: &str| format!("{within}/{name}/{file}");
    let imported = import(&golden(&path("model.onnx")), &Options::default())?;
    let (sizes, values) = tensor(&path("test_data_set_0/input_0.pb"));
    let (expected_sizes, expected) = tensor(&path("test_data_set_0/output_0.pb"));
    let graph = &imported.graph;
    let (_, image) = graph.nodes().next().expect("an image");
    let batch = sizes[0];
    let images = channels_last(&values, batch, image.shape, false);
    let evaluation = interpret(graph, &parameters(&imported.weights), &images, batch, Mode::Infer);
    let output = graph.outputs()[0];
    let found = channels_last(evaluation.on(output), batch, graph.node(output).shape, true);
    assert_eq!(found.len(), expected_sizes.iter().product::<usize>(), "{name}");
    let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    Ok(differences.fold(0.0, f64::max))
}

fn names(within: &str) -> Vec<String> {
    let entries = std::fs::read_dir(folder().join(within)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Models that the graph cannot express, with what the refusal must name.
const REFUSED: &[(&str, &str)] = &[
    ("test_AvgPool3d", "a pool over three axes"),
    ("test_AvgPool3d_stride", "a pool over three axes"),
    ("test_AvgPool3d_stride1_pad0_gpu_input", "a pool over three axes"),
    ("test_MaxPool3d", "a pool over three axes"),
    ("test_MaxPool3d_stride", "a pool over three axes"),
    ("test_MaxPool3d_stride_padding", "a pool over three axes"),
    ("test_Conv3d_dilated", "a 3-d convolution with dilations"),
    ("test_Conv3d_dilated_strided", "a 3-d convolution with dilations"),
    ("test_Conv3d_groups", "a 3-d convolution in 2 groups"),
    ("test_Conv3d_stride_padding", "a 3-d convolution padded by"),
    ("test_Embedding", "a constant, expected a value computed from the image"),
    ("test_Embedding_sparse", "a constant, expected a value computed from the image"),
    ("test_LogSoftmax", "operator `LogSoftmax`"),
    ("test_log_softmax_dim3", "operator `LogSoftmax`"),
    ("test_log_softmax_lastdim", "operator `LogSoftmax`"),
    ("test_PReLU_3d_multiparam", "a factor per channel of a volume"),
    ("test_PoissonNLLLLoss_no_reduce", "operator `Exp`"),
    ("test_Softplus", "operator `Softplus`"),
    ("test_Softsign", "a division by something computed"),
];

#[test]
fn every_model_gives_the_expected_output_or_is_refused_for_a_known_reason() {
    let refused: BTreeMap<&str, &str> = REFUSED.iter().copied().collect();
    let mut problems = Vec::new();
    for name in names("pytorch-converted") {
        match (deviation("pytorch-converted", &name), refused.get(name.as_str())) {
            (Ok(deviation), None) if deviation < 1e-4 => {}
            (Ok(deviation), None) => problems.push(format!("{name} is off by {deviation}")),
            (Ok(_), Some(_)) => problems.push(format!("{name} is no longer refused")),
            (Err(error), Some(reason)) if error.to_string().contains(reason) => {
                println!("{name}: {error}");
            }
            (Err(error), _) => problems.push(format!("{name} is refused: {error}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_network_of_the_exporter_of_today_gives_the_expected_output_optimised_or_not() {
    let names = names("torch-exported");
    assert_eq!(names.len(), 4);
    for name in names {
        let deviation =
            deviation("torch-exported", &name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(deviation < 1e-5, "{name} is off by {deviation}");
    }
}
