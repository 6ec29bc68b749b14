//! Time to analyse a network: ties, all costs and all prices, on one core.
//!
//! The throughput is in channels, counted over all wires: it stays the same where growth is linear.

use std::hint::black_box;

use architectures::{Architecture, DenseNet, InceptionV3, ResNet};
use cost_models::{
    Activations, Bytes, CostForm, CostModel, Device, Flops, Macts, Params, Roofline,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use graph::{
    Activation, Axis, BatchNorm, Builder, Channels, Conv2d, Graph, GraphError, NodeId, Op, Shape,
};

/// Everything that a search asks of a network before its first step, and a report after it.
fn analyse(graph: &Graph, models: &[Box<dyn CostModel>]) -> f64 {
    let channels = Channels::of(graph);
    let widths = graph.widths();
    let mut sum = 0.0;
    for model in models {
        let form = CostForm::of(model.as_ref(), graph);
        sum += form.at(&widths);
        sum += form.group_prices(&channels, &widths).iter().sum::<f64>();
    }
    sum
}

fn models() -> Vec<Box<dyn CostModel>> {
    let device = Device::named("v100").expect("a device of the table");
    vec![
        Box::new(Flops),
        Box::new(Params),
        Box::new(Activations),
        Box::new(Macts),
        Box::new(Bytes::of_batch(1)),
        Box::new(Roofline::new(device, 1)),
    ]
}

/// Channels of all wires together.
fn total_channels(graph: &Graph) -> u64 {
    graph.nodes().map(|(_, node)| node.shape.channels as u64).sum()
}

/// Convolution, norm and function.
fn unit(
    build: &mut Builder,
    name: &str,
    width: usize,
    input: NodeId,
) -> Result<NodeId, GraphError> {
    let conv = build.add(name, Op::Conv2d(Conv2d::square(width, 3)), &[input])?;
    let norm = Op::BatchNorm(BatchNorm::scaled());
    let norm = build.add(&format!("{name}/norm"), norm, &[conv])?;
    build.add(&format!("{name}/act"), Op::Activation(Activation::Relu), &[norm])
}

/// A chain of convolutions of width 100: 300 channels each, as many as there are `channels` for.
fn chain(channels: usize) -> Result<Graph, GraphError> {
    let mut build = Builder::new();
    let mut wire = build.add("image", Op::Input(Shape::new(8, 8, 3)), &[])?;
    for position in 0..channels.div_ceil(300) {
        wire = unit(&mut build, &format!("conv{position}"), 100, wire)?;
    }
    build.finish(&[wire])
}

/// Dense blocks of eight layers that each add 12 channels, with transitions to 24 between them, for as many `channels`.
fn dense(channels: usize) -> Result<Graph, GraphError> {
    let mut build = Builder::new();
    let mut wire = build.add("image", Op::Input(Shape::new(8, 8, 3)), &[])?;
    let mut made = 0;
    let mut block = 0;
    while made < channels {
        wire = unit(&mut build, &format!("block{block}/transition"), 24, wire)?;
        made += 3 * 24;
        for layer in 0..8 {
            let name = format!("block{block}/layer{layer}");
            let grown = unit(&mut build, &name, 12, wire)?;
            let name = format!("{name}/concat");
            wire = build.add(&name, Op::Concat(Axis::Channels), &[wire, grown])?;
            made += 3 * 12 + build.shape(wire).channels;
        }
        block += 1;
    }
    build.finish(&[wire])
}

fn growth(criterion: &mut Criterion) {
    let models = models();
    for (name, network) in
        [("chain", chain as fn(usize) -> Result<Graph, GraphError>), ("dense", dense)]
    {
        let mut group = criterion.benchmark_group(name);
        for channels in [1_000, 10_000, 100_000, 1_000_000] {
            let graph = network(channels).expect("right by construction");
            group.throughput(Throughput::Elements(total_channels(&graph)));
            group.bench_function(channels.to_string(), |bencher| {
                bencher.iter(|| analyse(black_box(&graph), &models));
            });
        }
        group.finish();
    }
}

/// The networks that have to be analysed together within 50 milliseconds.
fn families(criterion: &mut Criterion) {
    let models = models();
    let networks = [
        ("resnet-152", Architecture::ResNet(ResNet { depth: 152, ..ResNet::default() })),
        ("densenet-201", Architecture::DenseNet(DenseNet { depth: 201, ..DenseNet::default() })),
        ("inception-v3", Architecture::InceptionV3(InceptionV3::default())),
    ];
    let graphs = networks.map(|(name, architecture)| {
        let graph = architecture.build(Shape::new(224, 224, 3), 1000);
        (name, graph.expect("these networks fit these images"))
    });
    let mut group = criterion.benchmark_group("families");
    for (name, graph) in &graphs {
        group.throughput(Throughput::Elements(total_channels(graph)));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| analyse(black_box(graph), &models));
        });
    }
    group.throughput(Throughput::Elements(
        graphs.iter().map(|(_, graph)| total_channels(graph)).sum(),
    ));
    group.bench_function("all three", |bencher| {
        bencher.iter(|| {
            graphs.iter().map(|(_, graph)| analyse(black_box(graph), &models)).sum::<f64>()
        });
    });
    group.finish();
}

criterion_group!(benches, growth, families);
criterion_main!(benches);
