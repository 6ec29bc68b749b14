//! A network that is written layer by layer in an experiment file.

use runner::plan::Plan;
use runner::spec::Source;

use crate::golden::{Sheet, changed, fault_of};

const FAMILY: &str = "architecture: { inception-v2: { stem: small } }";

/// The valid file with layers, of which one text is replaced.
fn with_layers(old: &str, new: &str) -> String {
    let layers = "\
architecture:
  layers:
    - conv: { channels: 16, kernel: 5 }
    - batch-norm
    - relu
    - add:
        - - conv: { channels: 16 }
          - batch-norm
        - []
    - max-pool: {}
    - global-avg-pool";
    assert!(layers.matches(old).count() == 1 || old.is_empty(), "`{old}` stands there once");
    changed(FAMILY, &if old.is_empty() { layers.to_owned() } else { layers.replace(old, new) })
}

fn plan(text: String) -> Plan {
    Plan::of(&Source::from_bytes("experiments/x.yaml", text.into_bytes()).unwrap()).unwrap()
}

#[test]
fn layers_are_a_seed_like_any_other() {
    let plan = plan(with_layers("", ""));
    let names: Vec<String> = plan.seed_graph().nodes().map(|(_, node)| node.name.clone()).collect();
    let expected = [
        "image",
        "conv1",
        "batch-norm1",
        "relu1",
        "conv2",
        "batch-norm2",
        "add1",
        "max-pool1",
        "global-avg-pool1",
        "Logits",
    ];
    assert_eq!(names, expected);
    let again: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(again, plan);
}

#[test]
fn every_fault_of_a_layer_has_its_place() {
    let mut sheet = Sheet::default();
    for (title, old, new) in [
        ("an unknown layer", "- relu", "- rellu"),
        ("an unknown setting", "channels: 16, kernel", "chanels: 16, kernel"),
        ("no channels", "channels: 16, kernel: 5", "kernel: 5"),
        ("a layer without its settings", "conv: { channels: 16 }", "conv"),
        (
            "two layers in one",
            "- conv: { channels: 16, kernel: 5 }",
            "- conv: { channels: 16 }\n      relu:",
        ),
        ("a window in words", "kernel: 5", "kernel: big"),
        ("a window of three numbers", "kernel: 5", "kernel: [5, 5, 5]"),
        ("padding in another word", "kernel: 5", "padding: full"),
        ("branches that do not fit", "conv: { channels: 16 }", "conv: { channels: 15 }"),
        ("zero channels in a branch", "conv: { channels: 16 }", "conv: { channels: 0 }"),
        ("a window beyond the image", "max-pool: {}", "max-pool: { kernel: 99 }"),
        ("no end", "\n    - global-avg-pool", ""),
    ] {
        sheet.case(title, &fault_of(with_layers(old, new), &[]));
    }
    sheet.case("a map", &fault_of(changed(FAMILY, "architecture: { layers: {} }"), &[]));
    sheet.check("layers.txt");
}

#[test]
fn the_layers_in_the_readme_are_a_seed() {
    let readme = include_str!("../../../../README.md");
    let (_, block) = readme.split_once("```yaml\narchitecture:").unwrap();
    let (block, _) = block.split_once("\n```").unwrap();
    let plan = plan(changed(FAMILY, &format!("architecture:{block}")));
    let graph = plan.seed_graph();
    let concat = graph.node(graph.find("concat1").unwrap());
    assert_eq!(concat.shape.to_string(), "14x14x48");
}
