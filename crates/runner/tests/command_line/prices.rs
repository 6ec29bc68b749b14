//! `runner cost` on devices, sorted, and with more counted.

use std::fs;

use clap::Parser;
use runner::cli::{Cli, Command};
use runner::commands::{Outcome, cost};
use serde_json::Value;

use crate::golden::{Folder, Sheet};

fn outcome(args: &[&str]) -> Outcome {
    let cli = Cli::try_parse_from(["runner", "cost"].iter().chain(args)).unwrap();
    let Some(Command::Cost(options)) = cli.command else { panic!("`cost` was not parsed") };
    cost::cost(&options)
}

fn json(args: &[&str]) -> Value {
    let outcome = outcome(&[args, &["--json"]].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}

const SMALL: &str = "inception-v2: { stem: small }";

// In the original's convention, less what it charges too much for one depthwise kernel.
#[test]
fn inception_v2_has_the_latency_of_the_original() {
    for (device, nanoseconds) in [("p100", 517_535.7), ("v100", 173_330.5 - 9408.0 / 900.0)] {
        let priced = json(&["inception-v2", "--device", device]);
        let found = priced["latency_ms"].as_f64().unwrap() * 1e6;
        assert!((found - nanoseconds).abs() < 1.0, "{device}: {found}");
        assert_eq!(priced["device"], device);
    }
    assert_eq!(json(&["inception-v2"]).get("latency_ms"), None);
}

#[test]
fn layers_of_a_device_add_up_to_the_whole() {
    let priced = json(&[SMALL, "--device", "t4", "--batch", "8", "--per-layer"]);
    let layers = priced["layers"].as_array().unwrap();
    for key in ["macs", "flops", "params", "activations", "macts", "bytes", "latency_ms"] {
        let sum: f64 = layers.iter().map(|layer| layer[key].as_f64().unwrap()).sum();
        let whole = priced[key].as_f64().unwrap();
        assert!((sum - whole).abs() <= 1e-12 * whole, "{key}: {sum} for {whole}");
    }
    let bounds: Vec<&str> = layers.iter().filter_map(|layer| layer["bound"].as_str()).collect();
    assert!(bounds.contains(&"compute") && bounds.contains(&"memory"));
}

#[test]
fn a_larger_batch_moves_more_and_computes_as_much_for_one_image() {
    let one = json(&[SMALL]);
    let eight = json(&[SMALL, "--batch", "8"]);
    assert_eq!((&one["flops"], &one["params"]), (&eight["flops"], &eight["params"]));
    let bytes = |priced: &Value| priced["bytes"].as_f64().unwrap();
    assert!(bytes(&eight) > 7.0 * bytes(&one) && bytes(&eight) < 8.0 * bytes(&one));
}

#[test]
fn layers_are_sorted_by_what_is_asked_for() {
    for (by, key) in [("params", "params"), ("flops", "flops"), ("latency", "latency_ms")] {
        let priced = json(&[SMALL, "--device", "p4", "--by", by]);
        let layers = priced["layers"].as_array().unwrap();
        let costs: Vec<f64> = layers.iter().map(|layer| layer[key].as_f64().unwrap()).collect();
        assert!(costs.is_sorted_by(|a, b| a >= b), "{by}: {costs:?}");
    }
}

#[test]
fn more_is_counted_on_demand() {
    let plain = json(&[SMALL]);
    for (count, keys) in [
        ("bias", &["flops", "params", "bytes"][..]),
        ("batch-norm", &["flops", "params", "bytes"]),
        ("pooling", &["flops", "bytes"]),
        ("activation", &["flops"]),
        ("all", &["flops", "params", "bytes"]),
    ] {
        let more = json(&[SMALL, "--count", count]);
        for key in ["macs", "flops", "params", "activations", "macts", "bytes"] {
            let is_more = more[key].as_u64() > plain[key].as_u64();
            assert_eq!(is_more, keys.contains(&key), "{key} with {count}");
        }
    }
}

#[test]
fn a_device_file_is_a_device() {
    let folder = Folder::new();
    let device = r#"{"roofline": {"name": "mine", "precision": "fp32", "bytes_per_value": 4, "peak_gflops": 9300, "bandwidth_gbs": 732}}"#;
    let file = folder.write("mine.json", device);
    let mine = json(&[SMALL, "--device", file.to_str().unwrap()]);
    assert_eq!(mine["device"], "mine");
    assert_eq!(mine["latency_ms"], json(&[SMALL, "--device", "p100"])["latency_ms"]);
}

#[test]
fn tables_are_for_people() {
    let mut sheet = Sheet::default();
    let head = |args: &[&str], lines: usize| -> String {
        outcome(args).stdout.split_inclusive('\n').take(lines).collect()
    };
    sheet.case(
        "LeNet-5 on a core",
        &head(&["lenet-5", "--device", "x86-avx512-core", "--per-layer"], 30),
    );
    let args = [SMALL, "--device", "raspberry-pi-5", "--batch", "4", "--by", "latency"];
    sheet.case("by latency", &head(&args, 29));
    sheet.case("by parameters", &head(&[SMALL, "--by", "params"], 20));
    sheet.case("with more counted", &head(&[SMALL, "--count", "all"], 30));
    sheet.check("prices.txt");
}

#[test]
fn faults_name_the_known_devices() {
    let folder = Folder::new();
    let write = |name: &str, text: &str| folder.write(name, text).to_str().unwrap().to_owned();
    let broken = write("broken.json", "{");
    let other = write("other.json", "{\"roofline\": {\"name\": \"x\"}}");
    let missing = folder.path().join("missing.json");
    fs::create_dir(folder.path().join("folder.json")).unwrap();
    let directory = folder.path().join("folder.json");
    let mut sheet = Sheet::default();
    for device in [
        "v10",
        "h100",
        "M1-gpu",
        "",
        "xyz",
        &broken,
        &other,
        missing.to_str().unwrap(),
        directory.to_str().unwrap(),
    ] {
        let outcome = outcome(&["lenet-5", "--device", device]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{device}");
        sheet.case(&folder.relative(device), &folder.relative(&outcome.stderr));
    }
    sheet.case("a time of nothing", &outcome(&["lenet-5", "--by", "latency"]).stderr);
    sheet.check("price_faults.txt");
}

#[test]
fn options_that_cannot_be_are_refused() {
    for args in [
        &["--by", "macs"][..],
        &["--batch", "0"],
        &["--count", "everything"],
        &["--input", "224"],
        &["--device"],
    ] {
        assert!(Cli::try_parse_from([&["runner", "cost", "vgg-16"], args].concat()).is_err());
    }
}
