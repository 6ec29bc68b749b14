//! What holds for every family.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use architectures::{Architecture, ArchitectureError};
use graph::{ChannelMap, Channels, FreezeReason, Graph, NodeId, Shape};
use serde_yaml::with::singleton_map_recursive;

use crate::parse;

/// One network at least of every family, and every table; without width multipliers.
const NETWORKS: &[(&str, &str)] = &[
    ("inception-v1", ""),
    ("inception-v1", "stem: small"),
    ("inception-v2", ""),
    ("inception-v2", "stem: small"),
    ("inception-v3", ""),
    ("resnet", "depth: 18"),
    ("resnet", "depth: 34, version: v2"),
    ("resnet", "depth: 50"),
    ("resnet", "depth: 50, version: v2, stem: small"),
    ("resnet", "depth: 101"),
    ("resnet", "depth: 152"),
    ("cifar-resnet", "depth: 20"),
    ("cifar-resnet", "depth: 32, version: v2"),
    ("cifar-resnet", "depth: 44, shortcut: pad"),
    ("cifar-resnet", "depth: 56, shortcut: pad, version: v2"),
    ("cifar-resnet", "depth: 110"),
    ("audio-resnet", "depth: 18"),
    ("audio-resnet", "depth: 50"),
    ("mobilenet-v1", ""),
    ("mobilenet-v1", "stem: small"),
    ("mobilenet-v2", ""),
    ("mobilenet-v2", "stem: small"),
    ("mobilenet-v3", ""),
    ("mobilenet-v3", "variant: small"),
    ("mobilenet-v3", "variant: small, stem: small"),
    ("efficientnet-b0", ""),
    ("efficientnet-b0", "stem: small"),
    ("shufflenet-v2", ""),
    ("shufflenet-v2", "size: x0.5, stem: small"),
    ("shufflenet-v2", "size: x1.5"),
    ("shufflenet-v2", "size: x2"),
    ("squeezenet", ""),
    ("squeezenet", "batch_norm: true, stem: small"),
    ("densenet", "depth: 40"),
    ("densenet", "depth: 121"),
    ("densenet", "depth: 169, stem: small"),
    ("densenet", "depth: 201"),
    ("xception", ""),
    ("xception", "stem: small"),
    ("vgg", "depth: 11"),
    ("vgg", "depth: 13, stem: small"),
    ("vgg", "depth: 16, batch_norm: false"),
    ("vgg", "depth: 19, stem: small"),
    ("lenet-5", ""),
    ("lenet-5", "batch_norm: true"),
];

/// A network of the list with a width multiplier.
fn network((family, options): (&str, &str), multiplier: f64) -> Architecture {
    let comma = if options.is_empty() { "" } else { ", " };
    parse(&format!("{family}: {{ {options}{comma}width_multiplier: {multiplier:?} }}"))
        .expect("a network")
}

fn every_network() -> impl Iterator<Item = Architecture> {
    NETWORKS.iter().map(|of| network(*of, 1.0))
}

#[test]
fn the_list_has_every_family() {
    let listed: BTreeSet<&str> = NETWORKS.iter().map(|(family, _)| *family).collect();
    let known: BTreeSet<&str> = Architecture::families().iter().copied().collect();
    assert_eq!(listed, known);
}

#[test]
fn every_network_is_built_at_every_width_and_loses_nothing_when_all_is_kept() {
    for of in NETWORKS {
        for (multiplier, classes) in [(0.25, 2), (0.25, 1000), (0.5, 10), (1.0, 2), (1.0, 1000)] {
            let architecture = network(*of, multiplier);
            let graph = architecture.build(architecture.natural_input(), classes).unwrap();
            let logits = graph.node(graph.outputs()[0]);
            assert_eq!((logits.name.as_str(), logits.shape), ("Logits", Shape::new(1, 1, classes)));
            let channels = Channels::of(&graph);
            let map = ChannelMap::of(&graph, &channels, &channels.keep_all()).unwrap();
            assert_eq!(graph.with_channels(&map).unwrap(), graph, "{of:?} times {multiplier}");
        }
    }
}

#[test]
fn only_image_and_logits_may_never_die() {
    for architecture in every_network() {
        let graph = architecture.build(architecture.natural_input(), 10).unwrap();
        let channels = Channels::of(&graph);
        let mut frozen: BTreeMap<FreezeReason, usize> = BTreeMap::new();
        for group in channels.groups() {
            if let Some(freeze) = channels.frozen(group) {
                *frozen.entry(freeze.reason).or_default() += 1;
            }
        }
        let image = architecture.natural_input().channels;
        let expected = [(FreezeReason::Image, image), (FreezeReason::Output, 10)];
        assert_eq!(frozen, BTreeMap::from(expected), "{architecture:?}");
    }
}

/// The multiplier scales, but for rounding, with its square: a network half as wide costs about a quarter.
#[test]
fn a_narrower_network_costs_less() {
    for of in NETWORKS {
        let macs = |multiplier| {
            let architecture = network(*of, multiplier);
            let graph = architecture.build(architecture.natural_input(), 10).unwrap();
            crate::kernels_and_macs(&graph).1 as f64
        };
        let share = macs(0.5) / macs(1.0);
        assert!((0.2..0.55).contains(&share), "{of:?}: {share}");
    }
}

/// `runner cost` groups layers by the parts of their names, and weights are kept by name.
#[test]
fn names_are_paths_of_words() {
    for architecture in every_network() {
        let graph = architecture.build(architecture.natural_input(), 10).unwrap();
        for (_, node) in graph.nodes() {
            let word = |part: &str| {
                part.starts_with(|c: char| c.is_ascii_alphabetic())
                    && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            };
            assert!(node.name.split('/').all(word), "{}", node.name);
        }
    }
}

/// The smallest image is the one that the refusal of a smaller one names.
#[test]
fn the_smallest_image_fits_and_a_smaller_one_is_refused() {
    for architecture in every_network() {
        let channels = architecture.natural_input().channels;
        let square = |side| architecture.build(Shape::new(side, side, channels), 10);
        let Err(ArchitectureError::InputTooSmall { smallest, .. }) = square(0) else {
            panic!("{architecture:?} has no smallest image");
        };
        assert!(square(smallest).is_ok(), "{architecture:?} at {smallest}");
        let natural = architecture.natural_input();
        assert!(smallest <= natural.height.min(natural.width));
        for (height, width) in [(smallest, smallest + 7), (smallest + 1, smallest)] {
            let graph = architecture.build(Shape::new(height, width, channels), 10);
            assert!(graph.is_ok(), "{architecture:?} at {height}x{width}");
        }
        if smallest > 1 {
            assert!(square(smallest - 1).is_err(), "{architecture:?}");
        }
    }
}

#[test]
fn options_beyond_all_bounds_are_refused_and_never_panic() {
    for of in NETWORKS {
        for multiplier in [0.0, -1.0, f64::MAX] {
            let architecture = network(*of, multiplier);
            let refusal = architecture.build(architecture.natural_input(), 10).unwrap_err();
            if multiplier > 0.0 {
                assert!(matches!(refusal, ArchitectureError::BeyondGraph { .. }), "{refusal}");
                assert!(refusal.source().unwrap().to_string().contains('`'), "{refusal}");
            } else {
                let family = architecture.family();
                let expected = ArchitectureError::WidthMultiplier { family, found: multiplier };
                assert_eq!(refusal, expected);
                assert_eq!(refusal.option(), Some("width_multiplier"));
            }
        }
        let architecture = network(*of, 1.0);
        let image = architecture.natural_input();
        for (input, classes) in [
            (image, usize::MAX),
            (image.with_channels(0), 10),
            (image.with_channels(usize::MAX), 10),
            (Shape::new(usize::MAX, usize::MAX, 3), 10),
        ] {
            let refusal = architecture.build(input, classes).unwrap_err();
            assert!(matches!(refusal, ArchitectureError::BeyondGraph { .. }), "{refusal}");
        }
        assert!(matches!(
            architecture.build(image, 0),
            Err(ArchitectureError::NoClasses { family }) if family == architecture.family()
        ));
    }
}

#[test]
fn a_depth_that_a_family_does_not_have_is_refused_with_those_that_it_has() {
    for (family, known) in [
        ("resnet", "18, 34, 50, 101 or 152"),
        ("cifar-resnet", "20, 32, 44, 56 or 110"),
        ("densenet", "40, 121, 169 or 201"),
        ("vgg", "11, 13, 16 or 19"),
    ] {
        let architecture = parse(&format!("{family}: {{ depth: 51 }}")).unwrap();
        let refusal = architecture.build(architecture.natural_input(), 10).unwrap_err();
        assert_eq!(refusal.option(), Some("depth"));
        assert_eq!(refusal.to_string(), format!("`depth` of `{family}` must be {known}, is 51"));
    }
}

#[test]
fn every_network_is_read_and_written_the_same() {
    for of in NETWORKS {
        for multiplier in [1.0, 0.3] {
            let architecture = network(*of, multiplier);
            let mut written = Vec::new();
            let mut serializer = serde_yaml::Serializer::new(&mut written);
            singleton_map_recursive::serialize(&architecture, &mut serializer).unwrap();
            assert_eq!(parse(std::str::from_utf8(&written).unwrap()).unwrap(), architecture);
        }
    }
}

#[test]
fn unknown_settings_are_refused_with_the_known_ones() {
    for family in Architecture::families() {
        let refusal = parse(&format!("{family}: {{ wdith: 2 }}")).unwrap_err().to_string();
        assert!(refusal.contains("unknown field `wdith`, expected"), "{refusal}");
        assert!(refusal.contains("`width_multiplier`"), "{refusal}");
    }
    for (text, known) in [
        ("resnet: { version: v3 }", "`v1` or `v2`"),
        ("resnet: { stem: tiny }", "`imagenet` or `small`"),
        ("cifar-resnet: { shortcut: conv }", "`pad` or `projection`"),
        ("mobilenet-v3: { variant: medium }", "`large` or `small`"),
        ("shufflenet-v2: { size: x3 }", "one of `x0.5`, `x1`, `x1.5`, `x2`"),
    ] {
        let refusal = parse(text).unwrap_err().to_string();
        assert!(refusal.contains(known), "{refusal}");
    }
}

/// What every row of a table of stages says of its output is what the graph has there.
#[test]
fn the_documented_outputs_are_the_graphs() {
    let source = include_str!("../../src/mobilenet_v3.rs");
    let mobilenets_v3: Vec<&str> = source.split("//! | block of `small`").collect();
    for (source, network) in [
        (include_str!("../../src/inception_v1.rs"), "inception-v1: {}"),
        (include_str!("../../src/inception_v3.rs"), "inception-v3: {}"),
        (include_str!("../../src/cifar_resnet.rs"), "cifar-resnet: {}"),
        (include_str!("../../src/mobilenet_v1.rs"), "mobilenet-v1: {}"),
        (include_str!("../../src/mobilenet_v2.rs"), "mobilenet-v2: {}"),
        (mobilenets_v3[0], "mobilenet-v3: {}"),
        (mobilenets_v3[1], "mobilenet-v3: { variant: small }"),
        (include_str!("../../src/efficientnet_b0.rs"), "efficientnet-b0: {}"),
        (include_str!("../../src/shufflenet_v2.rs"), "shufflenet-v2: {}"),
        (include_str!("../../src/squeezenet.rs"), "squeezenet: {}"),
        (include_str!("../../src/xception.rs"), "xception: {}"),
        (include_str!("../../src/vgg.rs"), "vgg: {}"),
        (include_str!("../../src/lenet.rs"), "lenet-5: {}"),
    ] {
        let graph = crate::natural(network);
        let rows: Vec<(&str, &str)> = source.lines().filter_map(documented).collect();
        assert!(rows.len() >= 4, "{network}");
        let stages: Vec<&str> = rows.iter().map(|(stage, _)| *stage).collect();
        for (stage, shape) in rows {
            let node = end_of(&graph, stage, &stages);
            assert_eq!(graph.node(node).shape.to_string(), shape, "{network}: {stage}");
        }
    }
}

/// Name and shape of a row whose first cell is a stage and whose second is one shape.
fn documented(line: &str) -> Option<(&str, &str)> {
    let (stage, rest) = line.strip_prefix("//! | `")?.split_once('`')?;
    let shape = rest.split(" | ").nth(1)?.trim_end_matches(" |");
    let is_shape =
        shape.split('x').count() == 3 && shape.split('x').all(|n| n.parse::<usize>().is_ok());
    is_shape.then_some((stage, shape))
}

/// The last node of a stage, without the stages that have a row of their own.
fn end_of(graph: &Graph, stage: &str, stages: &[&str]) -> NodeId {
    let within = |name: &str, stage: &str| {
        name == stage || name.strip_prefix(stage).is_some_and(|rest| rest.starts_with('/'))
    };
    let of_another = |name: &str| {
        stages.iter().any(|other| within(other, stage) && *other != stage && within(name, other))
    };
    let own = |name: &str| within(name, stage) && !of_another(name);
    let last = graph.nodes().rev().find(|(_, node)| own(&node.name));
    last.unwrap_or_else(|| panic!("no stage {stage}")).0
}
