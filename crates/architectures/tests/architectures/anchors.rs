//! Parameters and multiply-adds against published numbers.
//!
//! Two rules of counting occur. *Trained*: every value that training changes, so kernels, biases, scales and shifts of batch
//! norm; running means and variances are left out. *Kernels*: kernels alone. Multiply-adds are always those of convolutions
//! and linear layers without their biases: a kernel value is used once per output position.

use graph::{Graph, Role};

use crate::{kernels_and_macs, natural};

/// What is published of a network.
struct Anchor {
    /// As in an experiment file.
    network: &'static str,
    /// Values that training changes; nothing if only multiply-adds are published.
    trained: Option<usize>,
    /// Multiply-adds, and how many of them one unit of the last published digit is; nothing if they are not published.
    macs: Option<(f64, f64)>,
}

const fn anchor(network: &'static str, trained: usize) -> Anchor {
    Anchor { network, trained: Some(trained), macs: None }
}

/// A network of which only multiply-adds are published.
const fn macs(network: &'static str) -> Anchor {
    Anchor { network, trained: None, macs: None }
}

impl Anchor {
    /// Multiply-adds in thousands of millions, to three digits.
    const fn giga(self, macs: f64) -> Self {
        Self { macs: Some((macs * 1e9, 1e6)), ..self }
    }

    /// Multiply-adds in millions, to two digits.
    const fn mega(self, macs: f64) -> Self {
        Self { macs: Some((macs * 1e6, 1e4)), ..self }
    }

    /// Multiply-adds in millions.
    const fn about(self, macs: f64) -> Self {
        Self { macs: Some((macs * 1e6, 1e6)), ..self }
    }

    /// Multiply-adds to the last digit.
    const fn exactly(self, macs: f64) -> Self {
        Self { macs: Some((macs, 1.0)), ..self }
    }

    fn holds(&self) {
        let graph = natural(self.network);
        if let Some(expected) = self.trained {
            assert_eq!(trained(&graph), expected, "{}: parameters", self.network);
        }
        if let Some((expected, unit)) = self.macs {
            let (_, found) = kernels_and_macs(&graph);
            let rounded = (found as f64 / unit).round() * unit;
            assert!((rounded - expected).abs() < 0.01 * unit, "{}: {found} MACs", self.network);
        }
    }
}

/// Values that training changes: kernels, biases, and scales and shifts of batch norm.
fn trained(graph: &Graph) -> usize {
    let specs = graph.parameters();
    specs.iter().filter(|spec| spec.role.is_trained()).map(graph::ParameterSpec::len).sum()
}

fn all(anchors: &[Anchor]) {
    for anchor in anchors {
        anchor.holds();
    }
}

/// `num_params` (trained) and `_ops` (multiply-adds of convolutions and linear layers, in thousands of millions) of the
/// weights in torchvision 0.24.1, for 1000 classes at 224x224.
#[test]
fn imagenet_networks_are_those_of_torchvision() {
    all(&[
        anchor("resnet: { depth: 18 }", 11_689_512).giga(1.814),
        anchor("resnet: { depth: 34 }", 21_797_672).giga(3.664),
        anchor("resnet: { depth: 50 }", 25_557_032).giga(4.089),
        anchor("resnet: { depth: 101 }", 44_549_160).giga(7.801),
        anchor("resnet: { depth: 152 }", 60_192_808).giga(11.514),
        anchor("densenet: { depth: 121 }", 7_978_856).giga(2.834),
        anchor("densenet: { depth: 169 }", 14_149_480).giga(3.36),
        anchor("densenet: { depth: 201 }", 20_013_928).giga(4.291),
        anchor("vgg: { depth: 11 }", 132_868_840).giga(7.609),
        anchor("vgg: { depth: 13 }", 133_053_736).giga(11.308),
        anchor("vgg: { depth: 16 }", 138_365_992).giga(15.47),
        anchor("vgg: { depth: 19 }", 143_678_248).giga(19.632),
        anchor("vgg: { depth: 11, batch_norm: false }", 132_863_336).giga(7.609),
        anchor("vgg: { depth: 13, batch_norm: false }", 133_047_848).giga(11.308),
        anchor("vgg: { depth: 16, batch_norm: false }", 138_357_544).giga(15.47),
        anchor("vgg: { depth: 19, batch_norm: false }", 143_667_240).giga(19.632),
        anchor("inception-v1: {}", 6_624_904).giga(1.498),
        anchor("mobilenet-v2: {}", 3_504_872).giga(0.301),
        anchor("squeezenet: {}", 1_235_496).giga(0.349),
        anchor("efficientnet-b0: {}", 5_288_548).giga(0.386),
        anchor("mobilenet-v3: {}", 5_483_032).giga(0.217),
        anchor("mobilenet-v3: { variant: small }", 2_542_856).giga(0.057),
        anchor("shufflenet-v2: { size: x0.5 }", 1_366_792).giga(0.04),
        anchor("shufflenet-v2: { size: x1 }", 2_278_604).giga(0.145),
        anchor("shufflenet-v2: { size: x1.5 }", 3_503_624).giga(0.296),
        anchor("shufflenet-v2: { size: x2 }", 7_393_996).giga(0.583),
    ]);
}

/// The paper gives no counts to the last digit, so they follow from those of torchvision: ResNet-50 without the kernels of two
/// channels of the image, with another classifier, and with multiply-adds at other numbers of positions.
#[test]
fn the_network_for_sound_is_resnet_50_at_other_sizes() {
    let (stem, per_class) = (7 * 7 * 64, 2048 + 1);
    let parameters = 25_557_032 - 2 * stem - 1000 * per_class + 527 * per_class;
    let inside = 4_089_184_256 - 112 * 112 * 3 * stem - 1000 * 2048;
    let macs = inside / (56 * 56) * (48 * 32) + 96 * 64 * stem + 527 * 2048;
    all(&[anchor("audio-resnet: {}", parameters).exactly(macs as f64)]);
}

/// Conv and Gemm nodes of `light_resnet50.onnx` and `light_squeezenet.onnx` in the package onnx 1.23.2: the product of a
/// kernel's dimensions but the first, times the number of output values.
#[test]
fn networks_cost_what_their_onnx_files_do() {
    all(&[
        anchor("resnet: { depth: 50 }", 25_557_032).exactly(4_089_184_256.0),
        anchor("squeezenet: {}", 1_235_496).exactly(349_151_936.0),
    ]);
}

/// The counts that pytorchcv 0.0.74 asserts of its networks (trained).
#[test]
fn preactivation_networks_are_those_of_pytorchcv() {
    all(&[
        anchor("resnet: { depth: 18, version: v2 }", 11_687_848),
        anchor("resnet: { depth: 34, version: v2 }", 21_796_008),
        anchor("resnet: { depth: 50, version: v2 }", 25_549_480),
        anchor("resnet: { depth: 101, version: v2 }", 44_541_608),
        anchor("resnet: { depth: 152, version: v2 }", 60_185_256),
        anchor("cifar-resnet: { depth: 20, version: v2 }", 272_282),
        anchor("cifar-resnet: { depth: 56, version: v2 }", 855_578),
        anchor("cifar-resnet: { depth: 110, version: v2 }", 1_730_522),
    ]);
}

/// Trained, as pytorchcv 0.0.74 asserts them; multiply-adds of ResNet-56 as in pycls. Both have projection shortcuts.
#[test]
fn cifar_networks_with_projections_are_those_of_pytorchcv_and_pycls() {
    all(&[
        anchor("cifar-resnet: { depth: 20 }", 272_474),
        anchor("cifar-resnet: { depth: 56 }", 855_770).mega(125.75),
        anchor("cifar-resnet: { depth: 110 }", 1_730_714),
    ]);
}

/// torchvision 0.24.1 counts 27,161,264 parameters with the auxiliary head; multiply-adds are those without it. The head is a
/// 1x1 convolution to 128 channels and a 5x5 to 768, both with batch norm, and a linear layer.
#[test]
fn inception_v3_is_that_of_torchvision_without_the_auxiliary_head() {
    let conv0 = 768 * 128 + 2 * 128;
    let conv1 = 5 * 5 * 128 * 768 + 2 * 768;
    let linear = 768 * 1000 + 1000;
    all(&[anchor("inception-v3: {}", 27_161_264 - conv0 - conv1 - linear).giga(5.713)]);
}

/// slim's own tests of tf-slim 1.1.0 count kernels, shifts, means and variances of the networks without their heads, and no
/// scales.
#[test]
fn inception_bases_have_the_parameters_of_slims_own_tests() {
    for (network, expected) in [("inception-v1: {}", 5_607_184), ("inception-v3: {}", 21_802_784)] {
        let graph = natural(network);
        let logits = graph.find("Logits").unwrap();
        let specs = graph.parameters();
        let base = specs.iter().filter(|spec| spec.node != logits && spec.role != Role::Gamma);
        assert_eq!(base.map(graph::ParameterSpec::len).sum::<usize>(), expected, "{network}");
    }
}

/// The paper gives 1.0 million parameters for depth 40 and growth 12 without compression (table 2). pytorchcv 0.0.74 asserts
/// 599,050 of a network with a stem of 24 channels whose transitions halve the width. The sum below has both as cases.
#[test]
fn densenet_40_is_that_of_the_paper() {
    let count = |stem: usize, kept: f64| {
        let (mut sum, mut channels) = (27 * stem, stem);
        for stage in 0..3 {
            for _ in 0..12 {
                sum += 2 * channels + 9 * channels * 12;
                channels += 12;
            }
            if stage < 2 {
                let out = (channels as f64 * kept) as usize;
                sum += 2 * channels + channels * out;
                channels = out;
            }
        }
        sum + 2 * channels + channels * 10 + 10
    };
    assert_eq!(count(24, 0.5), 599_050);
    assert_eq!((count(16, 1.0) as f64 / 1e5).round(), 10.0);
    all(&[anchor("densenet: { depth: 40 }", count(16, 1.0))]);
}

/// Trained, as pytorchcv 0.0.74 asserts them; multiply-adds in millions as in the paper (arXiv 1704.04861, table 6).
#[test]
fn mobilenet_v1_is_that_of_the_paper_at_every_width() {
    all(&[
        anchor("mobilenet-v1: {}", 4_231_976).about(569.0),
        anchor("mobilenet-v1: { width_multiplier: 0.75 }", 2_585_560).about(325.0),
        anchor("mobilenet-v1: { width_multiplier: 0.5 }", 1_331_592).about(149.0),
        anchor("mobilenet-v1: { width_multiplier: 0.25 }", 470_072).about(41.0),
    ]);
}

/// Trained, as pytorchcv 0.0.74 asserts it; 22,910,480 in Keras, which counts running means and variances, too.
#[test]
fn xception_is_that_of_keras() {
    all(&[anchor("xception: {}", 22_855_952)]);
    let graph = natural("xception: {}");
    assert_eq!(graph.parameters().iter().map(graph::ParameterSpec::len).sum::<usize>(), 22_910_480);
}

/// Kernels in millions, and whole millions of multiply-adds, of the authors' checkpoints, as the table in keras-applications
/// 1.0.8 has them.
#[test]
fn mobilenet_v2_is_that_of_the_paper_at_every_width() {
    for (multiplier, expected) in [
        (1.4, (6.06, 582)),
        (1.3, (5.34, 509)),
        (1.0, (3.47, 300)),
        (0.75, (2.61, 209)),
        (0.5, (1.95, 97)),
        (0.35, (1.66, 59)),
    ] {
        let network = format!("mobilenet-v2: {{ width_multiplier: {multiplier} }}");
        let (kernels, macs) = kernels_and_macs(&natural(&network));
        let rounded = (kernels as f64 / 1e4).round() / 100.0;
        assert_eq!((rounded, macs / 1_000_000), expected, "{network}");
    }
}

/// Multiply-adds of convolutions and linear layers, and in LeNet-5 kernels and biases, worked out layer by layer outside of
/// this program.
#[test]
fn small_networks_cost_what_was_worked_out_by_hand() {
    all(&[
        anchor("vgg: { stem: small }", 14_728_266).mega(313.2),
        macs("mobilenet-v1: { stem: small }").mega(46.35),
        macs("mobilenet-v2: { stem: small }").mega(87.98),
        anchor("lenet-5: {}", 431_080).exactly(2_293_000.0),
    ]);
}

/// Multiply-adds of ResNet-56 and ResNet-110 and parameters (trained, in thousands) of ResNet-56 as `HRankPlus` publishes them;
/// ResNet-20 is half of the 81.2 million FLOPs in NVIDIA's notebook for `ModelOpt`. All have padded shortcuts.
#[test]
fn cifar_networks_with_padded_shortcuts_are_those_of_the_pruning_literature() {
    let network = "cifar-resnet: { depth: 56, shortcut: pad }";
    assert_eq!((trained(&natural(network)) as f64 / 1e3).round(), 853.0);
    all(&[
        macs("cifar-resnet: { depth: 20, shortcut: pad }").mega(40.55),
        macs(network).mega(125.49),
        macs("cifar-resnet: { depth: 110, shortcut: pad }").mega(252.89),
    ]);
}

/// Millions of parameters as the paper has them for 20 to 110 layers (arXiv 1512.03385, table 6), with padded shortcuts.
#[test]
fn cifar_networks_are_those_of_the_paper_at_every_depth() {
    for (depth, expected, unit) in
        [(20, 0.27, 1e4), (32, 0.46, 1e4), (44, 0.66, 1e4), (56, 0.85, 1e4), (110, 1.7, 1e5)]
    {
        let network = format!("cifar-resnet: {{ depth: {depth}, shortcut: pad }}");
        let found = (trained(&natural(&network)) as f64 / unit).round() * unit;
        assert!((found - expected * 1e6).abs() < 1.0, "{network}: {found}");
    }
}

/// Multiply-adds in millions of uniformly narrower networks, widths rounded to the nearest whole number, worked out layer by
/// layer outside of this program: convolutions and linear layers, in VGG-16 convolutions alone. The residual networks have padded shortcuts.
#[test]
fn uniformly_narrower_networks_cost_what_was_worked_out() {
    const RESNETS: [usize; 3] = [20, 56, 110];
    let millions = |macs: usize| (macs as f64 / 1e4).round() / 100.0;
    for (multiplier, expected) in [
        (1.0, [40.55, 125.49, 252.89]),
        (0.75, [22.89, 70.67, 142.33]),
        (0.6875, [19.26, 59.41, 119.62]),
        (0.625, [15.94, 49.12, 98.89]),
        (0.5, [10.25, 31.48, 63.33]),
        (0.25, [2.62, 7.93, 15.89]),
    ] {
        let found = RESNETS.map(|depth| {
            let options = format!("depth: {depth}, shortcut: pad, width_multiplier: {multiplier}");
            millions(kernels_and_macs(&natural(&format!("cifar-resnet: {{ {options} }}"))).1)
        });
        assert_eq!(found, expected, "ResNets times {multiplier}");
    }
    for (multiplier, expected) in [
        (1.0, [313.20, 46.35]),
        (0.75, [176.50, 26.51]),
        (0.5, [78.74, 12.17]),
        (0.25, [19.91, 3.33]),
    ] {
        let options = format!("{{ stem: small, width_multiplier: {multiplier} }}");
        let vgg = natural(&format!("vgg: {options}"));
        let logits = vgg.node(vgg.find("Logits").unwrap());
        let linear = vgg.node(logits.inputs[0]).shape.channels * logits.shape.channels;
        let mobilenet = natural(&format!("mobilenet-v1: {options}"));
        let found = [kernels_and_macs(&vgg).1 - linear, kernels_and_macs(&mobilenet).1];
        assert_eq!(found.map(millions), expected, "times {multiplier}");
    }
}
