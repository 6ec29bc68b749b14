//! Networks written as files and read again.

use graph::Builder;

use super::*;

/// A network with a shared kernel.
fn shared() -> Graph {
    use graph::{Conv2d, Linear};
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(4, 4, 2)), &[]).unwrap();
    let conv = build.add("conv", Op::Conv2d(Conv2d::square(2, 3)), &[image]).unwrap();
    let again = build.share("again", conv, &[conv]).unwrap();
    let flat = build.add("flat", Op::Flatten, &[again]).unwrap();
    let logits = build.add("logits", Op::Linear(Linear::new(3)), &[flat]).unwrap();
    build.finish(&[logits]).unwrap()
}

fn message(bytes: &[u8]) -> String {
    Network::from_bytes(bytes).expect_err("a damaged file").to_string()
}

/// The same file with parts of its header replaced, which must not grow by it.
fn edited(bytes: &[u8], changes: &[(&str, &str)]) -> Vec<u8> {
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut text = std::str::from_utf8(header).unwrap().to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from} is not in {text}");
        text = text.replacen(from, to, 1);
    }
    assert!(text.trim_end().len() <= header.len());
    let padded = format!("{:1$}", text.trim_end(), header.len());
    [length.as_slice(), padded.as_bytes(), tensors].concat()
}

proptest! {
    #![proptest_config(strategies::cases(256))]

    #[test]
    fn every_network_comes_back_from_its_file(graph in trained_graph(), seed in 0_u64..1000) {
        let network = network(&graph, seed);
        let bytes = network.to_bytes().unwrap();
        prop_assert_eq!(&bytes, &network.clone().to_bytes().unwrap());
        prop_assert_eq!(Network::from_bytes(&bytes).unwrap(), network);
    }

    /// Digits are changed to digits in the description, so that it stays JSON and sizes, positions and options go wrong.
    #[test]
    fn no_damaged_file_makes_the_reader_panic(
        graph in trained_graph(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        digits in any::<bool>(),
        kept in any::<prop::sample::Index>(),
        whole in any::<bool>(),
    ) {
        let mut bytes = network(&graph, 1).to_bytes().unwrap();
        let numbers: Vec<usize> = (8..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
        for (position, value) in changes {
            if digits {
                bytes[numbers[position.index(numbers.len())]] = b'0' + value % 10;
            } else {
                let at = position.index(bytes.len());
                bytes[at] = value;
            }
        }
        let length = if whole { bytes.len() } else { kept.index(bytes.len()) };
        if let Ok(network) = Network::from_bytes(&bytes[..length]) {
            // What is accepted is a whole network.
            prop_assert!(network.to_bytes().is_ok());
        }
    }
}

#[test]
fn a_shared_kernel_is_stored_once() {
    let network = network(&shared(), 1);
    let bytes = network.to_bytes().unwrap();
    assert_eq!(Network::from_bytes(&bytes).unwrap(), network);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("\"conv/weight\"") && !text.contains("\"again/weight\""));
}

#[test]
fn a_file_that_is_no_network_is_refused_with_what_is_wrong() {
    let network = network(&shared(), 1);
    let bytes = network.to_bytes().unwrap();
    assert!(message(b"").starts_with("the file is not safetensors, or is damaged: "));
    let expect = |from: &str, to: &str, error: &str| {
        assert_eq!(message(&edited(&bytes, &[(from, to)])), error);
    };
    expect(
        "\"morphnet\"",
        "\"morphnot\"",
        "the metadata entry `morphnet` is missing, expected a graph as JSON: take a file that was written as a whole network",
    );
    expect(
        "\\\"schema\\\":1",
        "\\\"schema\\\":7",
        "the metadata entry `morphnet` has schema 7, and this program reads 1, expected a graph as JSON: take a file that was written as a whole network",
    );
    expect(
        "\\\"inputs\\\":[2]",
        "\\\"inputs\\\":[9]",
        "`flat` of the graph in the file reads node 9, expected one of the 3 before it",
    );
    expect("\"conv/weight\"", "\"conw/weight\"", "tensor `conv/weight` is missing");
    expect(
        "\"shape\":[3,3,2,2]",
        "\"shape\":[3,3,4,1]",
        "tensor `conv/weight` is F32 [3, 3, 4, 1], expected F32 [3, 3, 2, 2]",
    );
}

#[test]
fn a_tensor_that_no_node_has_is_refused() {
    let with_bias = network(&toy_for_bars(), 1);
    let bytes = with_bias.to_bytes().unwrap();
    let changes =
        [("\\\"rate\\\":0.1", "\\\"rate\\\":0"), ("\\\"bias\\\":true", "\\\"bias\\\":false")];
    let error = message(&edited(&bytes, &changes));
    assert_eq!(error, "tensor `logits/bias` belongs to no node of the graph");
}

#[test]
fn a_network_without_all_its_weights_is_not_written() {
    let mut network = network(&shared(), 1);
    network.parameters = Parameters::new();
    let error = network.to_bytes().unwrap_err();
    assert_eq!(error.to_string(), "tensor `conv/weight` has 0 values, expected 36");
}
