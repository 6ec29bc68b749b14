//! A small network of every family.

use architectures::Architecture;
use graph::{Graph, Shape};

const NETWORKS: [&str; 20] = [
    r#"{"inception-v1": {"stem": "small", "width_multiplier": 0.25}}"#,
    r#"{"inception-v2": {"stem": "small", "width_multiplier": 0.5}}"#,
    r#"{"inception-v3": {"width_multiplier": 0.0625}}"#,
    r#"{"resnet": {"depth": 18, "stem": "small", "width_multiplier": 0.125}}"#,
    r#"{"resnet": {"depth": 50, "stem": "small", "version": "v2", "width_multiplier": 0.0625}}"#,
    r#"{"cifar-resnet": {"depth": 20, "width_multiplier": 0.5}}"#,
    r#"{"cifar-resnet": {"depth": 20, "shortcut": "pad", "version": "v2", "width_multiplier": 0.5}}"#,
    r#"{"audio-resnet": {"depth": 18, "width_multiplier": 0.0625}}"#,
    r#"{"mobilenet-v1": {"stem": "small", "width_multiplier": 0.125}}"#,
    r#"{"mobilenet-v2": {"stem": "small", "width_multiplier": 0.25}}"#,
    r#"{"mobilenet-v3": {"stem": "small", "variant": "small", "width_multiplier": 0.25}}"#,
    r#"{"efficientnet-b0": {"stem": "small", "width_multiplier": 0.125}}"#,
    r#"{"shufflenet-v2": {"stem": "small", "size": "x0.5", "width_multiplier": 0.5}}"#,
    r#"{"squeezenet": {"stem": "small", "batch_norm": true, "width_multiplier": 0.25}}"#,
    r#"{"densenet": {"depth": 40, "width_multiplier": 0.25}}"#,
    r#"{"xception": {"stem": "small", "width_multiplier": 0.0625}}"#,
    r#"{"vgg": {"depth": 11, "stem": "small", "width_multiplier": 0.0625}}"#,
    r#"{"vgg": {"depth": 13, "stem": "small", "batch_norm": false, "width_multiplier": 0.0625}}"#,
    r#"{"lenet-5": {"width_multiplier": 0.5}}"#,
    r#"{"lenet-5": {"batch_norm": true, "width_multiplier": 0.5}}"#,
];

/// Networks for images of 32 x 32 pixels and 5 classes, with their descriptions.
pub(crate) fn small_networks() -> impl Iterator<Item = (&'static str, Graph)> {
    NETWORKS.iter().map(|text| {
        // Inception V3 takes none below 75 x 75.
        let architecture: Architecture = serde_json::from_str(text).unwrap();
        let image = if text.contains("inception-v3") { 75 } else { 32 };
        let image = Shape::new(image, image, 3);
        (*text, architecture.build(image, 5).unwrap_or_else(|error| panic!("{text}: {error}")))
    })
}
