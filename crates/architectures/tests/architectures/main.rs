//! Tests of the network families.

mod anchors;
mod channels;
mod documentation;
mod families;
mod layers;
mod options;
mod reference;
mod refusals;
mod sizes;
mod ties;

use architectures::{Architecture, InceptionV2, Stem};
use graph::{Graph, Role};
use serde_yaml::{Error, with::singleton_map_recursive};

const STEMS: [Stem; 2] = [Stem::Imagenet, Stem::Small];

fn inception(stem: Stem, width_multiplier: f64) -> Architecture {
    Architecture::InceptionV2(InceptionV2 { stem, width_multiplier, ..InceptionV2::default() })
}

/// The network at width multiplier 1, for its natural input and the number of classes of its data set.
fn seed(stem: Stem) -> Graph {
    let classes = match stem {
        Stem::Imagenet => 1001,
        Stem::Small => 10,
    };
    let architecture = inception(stem, 1.0);
    architecture.build(architecture.natural_input(), classes).expect("the seed can be built")
}

/// An architecture as it stands in an experiment file.
fn parse(text: &str) -> Result<Architecture, Error> {
    singleton_map_recursive::deserialize(serde_yaml::Deserializer::from_str(text))
}

/// The network of an experiment file for the images and classes that it was made for.
fn natural(text: &str) -> Graph {
    let architecture = parse(text).expect("a network");
    architecture
        .build(architecture.natural_input(), architecture.natural_classes())
        .expect("its natural size can be built")
}

/// Kernel values, and multiply-adds for one image: each kernel value is used once per output position.
fn kernels_and_macs(graph: &Graph) -> (usize, usize) {
    let specs = graph.parameters();
    let kernels = specs.iter().filter(|spec| spec.role == Role::Weight);
    kernels.fold((0, 0), |(kernels, macs), spec| {
        (kernels + spec.len(), macs + spec.len() * graph.node(spec.node).shape.area())
    })
}
