//! `runner cost`.

use clap::Parser;
use runner::cli::{Cli, Command};
use runner::commands::{Outcome, cost};
use serde_json::Value;

use crate::golden::{Folder, Sheet, VALID};

fn outcome(args: &[&str]) -> Outcome {
    let cli = Cli::try_parse_from(["runner", "cost"].iter().chain(args)).unwrap();
    let Some(Command::Cost(options)) = cli.command else { panic!("`cost` was not parsed") };
    cost::cost(&options)
}

fn json(args: &[&str]) -> Value {
    let outcome = outcome(args);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn inception_v2_is_priced_at_its_natural_size() {
    let priced = json(&["inception-v2", "--json"]);
    assert_eq!(priced["name"], "inception-v2");
    assert_eq!(priced["input"], serde_json::json!([3, 224, 224]));
    assert_eq!(priced["classes"], 1001);
    let of = |key: &str| priced[key].as_u64().unwrap();
    assert_eq!(of("flops"), 2 * of("macs"));
    assert!(of("params") > 10_000_000 && of("activations") > 0, "{priced}");
    assert_eq!(priced.get("layers"), None);
}

#[test]
fn layers_add_up_to_the_whole() {
    let priced = json(&["inception-v2", "--json", "--per-layer"]);
    for key in ["macs", "flops", "params", "activations"] {
        let layers = priced["layers"].as_array().unwrap();
        let sum: u64 = layers.iter().map(|layer| layer[key].as_u64().unwrap()).sum();
        assert_eq!(sum, priced[key].as_u64().unwrap(), "{key}");
    }
}

#[test]
fn options_change_the_image_and_the_classes() {
    let small = json(&["inception-v2: { stem: small }", "--json"]);
    assert_eq!((&small["input"], &small["classes"]), (&serde_json::json!([1, 28, 28]), &10.into()));
    let args = ["inception-v2: { stem: small }", "--input", "3x32x48", "--classes", "7", "--json"];
    let other = json(&args);
    assert_eq!((&other["input"], &other["classes"]), (&serde_json::json!([3, 32, 48]), &7.into()));
    assert!(other["macs"].as_u64() > small["macs"].as_u64());
}

#[test]
fn every_family_is_priced_by_its_name() {
    for family in architectures::Architecture::families() {
        let priced = json(&[family, "--json"]);
        assert_eq!(priced["name"], *family);
        assert!(priced["macs"].as_u64() > Some(1_000_000), "{priced}");
    }
}

#[test]
fn a_depth_may_stand_in_the_name() {
    let written = json(&["resnet: { depth: 18 }", "--json"]);
    for short in ["resnet-18", "resnet18", "{ resnet: { depth: 18 } }"] {
        assert_eq!(json(&[short, "--json"]), written, "{short}");
    }
}

#[test]
fn a_file_gives_its_seed() {
    let folder = Folder::new();
    let file = folder.write("mine.yaml", VALID);
    let priced = json(&[file.to_str().unwrap(), "--json"]);
    assert_eq!(priced["name"], "mine");
    let small = json(&["inception-v2: { stem: small }", "--json"]);
    assert_eq!(priced["macs"], small["macs"]);
}

#[test]
fn tables_are_for_people() {
    let mut sheet = Sheet::default();
    sheet.case("the whole", &outcome(&["inception-v2"]).stdout);
    let layers = outcome(&["inception-v2: { stem: small }", "--per-layer"]).stdout;
    let first: String = layers.split_inclusive('\n').take(16).collect();
    sheet.case("the first layers", &first);
    sheet.check("cost.txt");
}

#[test]
fn faults_name_what_can_be_named() {
    let mut sheet = Sheet::default();
    for args in [
        &["inception-v9"][..],
        &["alexnet"],
        &["resnet-51"],
        &["resnet: { depth: many }"],
        &["resnet: { depth: -1 }"],
        &["inception-v2: { width_multiplier: -1 }"],
        &[""],
        &["inception-v2: { stm: small }"],
        &["inception-v2: { stem: smal }"],
        &["inception-v2: { width_multiplier: 1.0e+9 }"],
        &["inception-v2: { stem: "],
        &["{ inception-v2: {}, x: 3 }"],
        &["inception-v2", "--input", "3x16x16"],
        &["inception-v2", "--input", "1048576x1048576x1048576"],
        &["nowhere.yaml"],
    ] {
        let outcome = outcome(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{args:?}");
        sheet.case(&args.join(" "), &outcome.stderr);
    }
    sheet.check("cost_faults.txt");
}
