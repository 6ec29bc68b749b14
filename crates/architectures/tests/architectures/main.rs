//! Tests of the network families.

mod channels;
mod documentation;
mod options;
mod reference;
mod refusals;
mod sizes;

use architectures::{Architecture, InceptionV2, Stem};
use graph::Graph;

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
