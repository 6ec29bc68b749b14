//! Networks named on the command line: `export`, `bench`, and `cost` of ONNX files.

use clap::Parser;
use runner::cli::{Cli, Command};
use runner::commands::{Outcome, bench, cost, export};
use serde_json::Value;

use crate::golden::{Folder, Sheet, VALID};

pub(crate) fn outcome(args: &[&str]) -> Outcome {
    match Cli::try_parse_from(["runner"].iter().chain(args)).unwrap().command.unwrap() {
        Command::Cost(options) => cost::cost(&options),
        Command::Bench(options) => bench::bench(&options),
        Command::Export(options) => export::export(&options),
        Command::Run(_)
        | Command::Plan(_)
        | Command::Point(_)
        | Command::Collect(_)
        | Command::Status(_)
        | Command::Check(_)
        | Command::Report(_)
        | Command::Calibrate(_)
        | Command::Morph(_) => panic!("not tested here"),
    }
}

fn json(args: &[&str]) -> Value {
    let outcome = outcome(args);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn what_is_written_as_onnx_costs_what_it_cost() {
    let folder = Folder::new();
    let experiment = folder.write("x.yaml", VALID);
    for network in [experiment.to_str().unwrap(), "cifar-resnet: { depth: 20 }", "lenet-5"] {
        let before = json(&["cost", network, "--json"]);
        for more in [&[][..], &["--fold-batch-norm"]] {
            let file = folder.path().join("network.onnx");
            let file = file.to_str().unwrap();
            let written = outcome(&[&["export", network, file], more].concat());
            assert_eq!((written.code, written.stdout), (0, format!("{file}\n")));
            let after = json(&["cost", file, "--json"]);
            for key in ["input", "classes", "macs", "params", "activations"] {
                assert_eq!(after[key], before[key], "{network} {more:?} {key}");
            }
        }
    }
}

#[test]
fn a_network_is_timed_in_both_modes() {
    for mode in ["train", "inference"] {
        let args = ["bench", "lenet-5", "--mode", mode, "--batch", "2", "--threads", "1"];
        let timed = json(&[&args[..], &["--seconds", "0", "--json"]].concat());
        assert_eq!((&timed["network"], &timed["mode"]), (&"lenet-5".into(), &mode.into()));
        for key in ["images_per_second", "flops_per_second", "peak_flops_per_second", "arena_bytes"]
        {
            assert!(timed[key].as_f64().unwrap() > 0.0, "{key} {timed}");
        }
    }
}

#[test]
fn a_profile_lists_the_instructions_of_a_step() {
    let args =
        ["bench", "lenet-5", "--batch", "2", "--threads", "1", "--seconds", "0", "--profile"];
    let text = outcome(&args).stdout;
    for kind in ["Conv ", "ConvGradInput ", "ConvGradWeight ", "Update "] {
        assert!(text.lines().any(|line| line.starts_with(kind)), "{kind}:\n{text}");
    }
}

#[test]
fn what_is_no_network_is_told_so() {
    let folder = Folder::new();
    let cut = folder.write("cut.onnx", b"\x08\x08\x3a\xff");
    let whole = folder.path().join("whole.onnx");
    let (cut, whole) = (cut.to_str().unwrap(), whole.to_str().unwrap());
    assert_eq!(outcome(&["export", "lenet-5", whole]).code, 0);
    let list = folder.write("list.json", r#"[{ "name": "x", "netwrk": "lenet-5", "batch": 2 }]"#);
    let list = list.to_str().unwrap();
    let nowhere = folder.path().join("nowhere.onnx");
    let mut sheet = Sheet::default();
    for (title, args) in [
        ("no such file", &["cost", nowhere.to_str().unwrap()][..]),
        ("not an ONNX file", &["cost", cut]),
        ("classes of a file", &["cost", whole, "--classes", "7"]),
        ("images of a file", &["bench", whole, "--input", "3x32x32"]),
        ("no family", &["bench", "inception-v9"]),
        ("no list", &["bench", "--list", nowhere.to_str().unwrap()]),
        ("unknown key of a list", &["bench", "--list", list]),
        ("images too small", &["export", "vgg-16", whole, "--input", "3x8x8"]),
    ] {
        let outcome = outcome(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{title}");
        sheet.case(title, &folder.relative(&outcome.stderr));
    }
    sheet.check("networks.txt");
}
