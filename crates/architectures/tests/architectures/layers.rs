//! Networks that are written layer by layer.

use architectures::{Architecture, ArchitectureError};
use graph::{Graph, Linear, Op, Shape};

use crate::parse;

const IMAGE: Shape = Shape { depth: 1, height: 32, width: 32, channels: 3 };

fn read(layers: &str) -> Architecture {
    parse(&format!("layers:\n{layers}")).unwrap_or_else(|error| panic!("{error}"))
}

fn built(layers: &str) -> Graph {
    read(layers).build(IMAGE, 10).unwrap_or_else(|error| panic!("{error}: {layers}"))
}

fn lines(graph: &Graph) -> Vec<String> {
    let inputs = |node: &graph::Node| {
        let names = node.inputs.iter().map(|input| graph.node(*input).name.as_str());
        names.collect::<Vec<_>>().join(" ")
    };
    let line = |node: &graph::Node| format!("{} = {}({})", node.name, node.shape, inputs(node));
    graph.nodes().map(|(_, node)| line(node)).collect()
}

#[test]
fn a_list_becomes_a_chain_with_branches_and_a_classifier() {
    let graph = built(
        "
  - conv: { channels: 8, kernel: [3, 5], stride: 2 }
  - batch-norm
  - relu
  - add:
      - - conv: { channels: 8 }
      - []
  - concat:
      - - conv: { channels: 4, kernel: 1 }
      - - max-pool: { kernel: 3, stride: 1, padding: same }
        - squeeze-excite: { channels: 2 }
  - avg-pool: {}
  - global-avg-pool
  - dropout: 0.25
",
    );
    let expected = [
        "image = 32x32x3()",
        "conv1 = 16x16x8(image)",
        "batch-norm1 = 16x16x8(conv1)",
        "relu1 = 16x16x8(batch-norm1)",
        "conv2 = 16x16x8(relu1)",
        "add1 = 16x16x8(conv2 relu1)",
        "conv3 = 16x16x4(add1)",
        "max-pool1 = 16x16x8(add1)",
        "squeeze-excite1/pool = 1x1x8(max-pool1)",
        "squeeze-excite1/reduce = 1x1x2(squeeze-excite1/pool)",
        "squeeze-excite1/reduce/act = 1x1x2(squeeze-excite1/reduce)",
        "squeeze-excite1/expand = 1x1x8(squeeze-excite1/reduce/act)",
        "squeeze-excite1/expand/act = 1x1x8(squeeze-excite1/expand)",
        "squeeze-excite1/scale = 16x16x8(max-pool1 squeeze-excite1/expand/act)",
        "concat1 = 16x16x12(conv3 squeeze-excite1/scale)",
        "avg-pool1 = 8x8x12(concat1)",
        "global-avg-pool1 = 1x1x12(avg-pool1)",
        "dropout1 = 1x1x12(global-avg-pool1)",
        "Logits = 1x1x10(dropout1)",
    ];
    assert_eq!(lines(&graph), expected);
}

#[test]
fn every_layer_has_its_operator() {
    for (layer, kind, shape) in [
        ("conv: { channels: 6, groups: 3, bias: true, dilation: 2 }", "conv2d", "32x32x6"),
        ("conv: { channels: 6, padding: valid }", "conv2d", "30x30x6"),
        ("conv: { channels: 6, padding: [1, 0] }", "conv2d", "32x30x6"),
        ("conv: { channels: 6, kernel: 5, padding: 1, stride: [2, 1] }", "conv2d", "15x30x6"),
        ("depthwise: { multiplier: 2, stride: 2 }", "depthwise", "16x16x6"),
        ("depthwise: {}", "depthwise", "32x32x3"),
        ("batch-norm", "batch-norm", "32x32x3"),
        ("max-pool: {}", "max-pool", "16x16x3"),
        ("avg-pool: { kernel: 3, stride: 1 }", "avg-pool", "30x30x3"),
        ("global-max-pool", "global-max-pool", "1x1x3"),
        ("flatten", "flatten", "1x1x3072"),
        ("leaky-relu: {}", "activation", "32x32x3"),
        ("dropout: 0", "dropout", "32x32x3"),
        ("relu", "activation", "32x32x3"),
        ("relu6", "activation", "32x32x3"),
        ("elu", "activation", "32x32x3"),
        ("silu", "activation", "32x32x3"),
        ("tanh", "activation", "32x32x3"),
        ("sigmoid", "activation", "32x32x3"),
        ("hard-swish", "activation", "32x32x3"),
        ("hard-sigmoid", "activation", "32x32x3"),
    ] {
        let graph = built(&format!("  - {layer}\n  - flatten\n"));
        let (_, node) = graph.nodes().nth(1).unwrap();
        assert_eq!((node.op.kind(), node.shape.to_string().as_str()), (kind, shape), "{layer}");
    }
    let graph = built(
        "  - flatten\n  - linear: { channels: 7 }\n  - linear: { channels: 5, bias: false }\n",
    );
    let of_linear = |op: &Op| matches!(op, Op::Linear(_));
    let linear = graph.nodes().filter(|(_, node)| of_linear(&node.op)).map(|(_, node)| &node.op);
    let expected =
        [(7, true), (5, false), (10, true)].map(|(out, bias)| Op::Linear(Linear { out, bias }));
    assert!(linear.eq(&expected));
}

#[test]
fn a_plan_holds_a_list_as_it_was_read() {
    let network = read(
        "  - conv: { channels: 8, kernel: [1, 3], padding: 1 }\n  - concat: [[relu], [{ max-pool: { kernel: 1, padding: same } }], []]\n  - leaky-relu: { slope: 0.5 }\n  - global-avg-pool\n",
    );
    let text = serde_json::to_string(&network).unwrap();
    assert_eq!(serde_json::from_str::<Architecture>(&text).unwrap(), network);
    assert_eq!(network.family(), Architecture::LAYERS);
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (layer, expected) in [
        ("cnv: { channels: 3 }", "unknown variant `cnv`, expected one of `conv`,"),
        ("conv: { chanels: 3 }", "unknown field `chanels`, expected one of `channels`,"),
        ("conv: {}", "missing field `channels`"),
        ("conv", "expected newtype variant"),
        ("relu: { slope: 1 }", "invalid type: map, expected unit"),
        ("{ relu: , tanh: }", "must be one layer, has two keys"),
        (
            "conv: { channels: 3, kernel: big }",
            "expected a whole number, or two for height and width",
        ),
        (
            "conv: { channels: 3, kernel: [3] }",
            "must be two numbers for height and width, has fewer",
        ),
        (
            "conv: { channels: 3, kernel: [3, 3, 3] }",
            "must be two numbers for height and width, has more",
        ),
        ("conv: { channels: 3, kernel: -1 }", "expected a whole number"),
        (
            "conv: { channels: 3, padding: full }",
            "unknown variant `full`, expected `same` or `valid`",
        ),
        ("conv: { channels: 1.5 }", "expected usize"),
        ("leaky-relu: { slope: .nan }", "must be a finite number, is NaN"),
        ("3", "expected a layer, such as `relu` or `{ conv: { channels: 16 } }`"),
        ("add: [relu]", "expected a sequence"),
    ] {
        let refusal = parse(&format!("layers:\n  - {layer}\n")).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{layer}: {refusal}");
    }
}

#[test]
fn what_cannot_be_built_is_refused_with_its_place() {
    for (layers, at) in [
        ("[{ conv: { channels: 0 } }, flatten]", "[0]"),
        ("[relu, { linear: { channels: 3 } }]", "[1]"),
        (
            "[{ add: [[relu, { conv: { channels: 4, kernel: 99, padding: valid } }], []] }]",
            "[0].add[0][1]",
        ),
        ("[{ add: [[{ conv: { channels: 4 } }], []] }]", "[0]"),
        ("[{ concat: [] }]", "[0]"),
        ("[{ dropout: 1 }]", "[0]"),
    ] {
        let error = parse(&format!("layers: {layers}")).unwrap().build(IMAGE, 10).unwrap_err();
        assert_eq!(error.option(), Some(at), "{error}");
    }
    let build = |layers: &str| parse(&format!("layers: {layers}")).unwrap().build(IMAGE, 10);
    let several = ArchitectureError::SeveralPositions { found: IMAGE };
    assert_eq!(build("[]").unwrap_err(), several);
    let many = format!("[{} global-avg-pool]", "relu, ".repeat(10_000));
    assert_eq!(
        build(&many).unwrap_err(),
        ArchitectureError::TooManyLayers { found: 10_001, most: 10_000 }
    );
    assert!(build("[global-avg-pool]").is_ok());
}
