//! A network goes in as a name or a file, and comes out smaller, as files that hold all of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use graph::{Graph, Op};
use serde_json::Value;
use surgery::Structure;
use testkit::{Mode, interpret, random_images};
use training::Network;

use crate::program::{Folder, PROGRAM, expect_code, wait_until};

/// A slice of the bundled images, and few epochs.
const SMALL: [&str; 10] = [
    "--dataset",
    "fashion-mnist: { train: 1500, validation: 250, test: 250 }",
    "--set",
    "search.epochs=3",
    "--set",
    "retrain.epochs=2",
    "--set",
    "search.batch_size=32",
    "--set",
    "retrain.batch_size=32",
];

fn command(folder: &Folder, model: &str, output: &str, more: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(PROGRAM);
    command.current_dir(root).args(["morph", model]).args(SMALL).args(more);
    command.arg("--output").arg(folder.path(output));
    command
}

fn morph(folder: &Folder, model: &str, output: &str, more: &[&str]) -> Output {
    command(folder, model, output, more).output().unwrap()
}

/// What must be reproducible of a morphing, by name.
fn left(folder: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let names =
        ["plan.json", "network.onnx", "network.safetensors", "structure.json", "report.json"];
    names.map(|name| (name, fs::read(folder.join(name)).unwrap())).into()
}

fn logits(graph: &Graph, parameters: &testkit::Parameters) -> Vec<f64> {
    let (_, image) = graph.nodes().next().unwrap();
    let images = random_images(image.shape, 3, 7);
    let evaluation = interpret(graph, parameters, &images, 3, Mode::Infer);
    evaluation.on(graph.outputs()[0]).to_vec()
}

/// The network in the folder, after a look at all its files: ONNX and safetensors say the same, and the report tells their
/// costs.
fn network(folder: &Path) -> (Network, Value) {
    let files = left(folder);
    let network = Network::from_bytes(&files["network.safetensors"]).unwrap();
    let doubles = |values: &ndarray::ArrayD<f32>| values.iter().map(|it| f64::from(*it)).collect();
    let expected = logits(
        &network.graph,
        &network
            .parameters
            .iter()
            .map(|(node, role, tensor)| ((node, role), doubles(tensor)))
            .collect(),
    );
    let imported = onnx::import(&files["network.onnx"], &onnx::Options::default()).unwrap();
    let weights = imported.weights.iter().map(|(key, tensor)| (*key, doubles(tensor))).collect();
    let largest = expected.iter().fold(1.0_f64, |most, value| most.max(value.abs()));
    for (found, expected) in logits(&imported.graph, &weights).iter().zip(&expected) {
        assert!((found - expected).abs() <= 1e-4 * largest, "{found}, expected {expected}");
    }
    let cost = cost_models::Summary::of(&network.graph);
    assert_eq!(cost, cost_models::Summary::of(&imported.graph));
    let report: Value = serde_json::from_slice(&files["report.json"]).unwrap();
    assert_eq!(report["after"]["cost"]["flops"], cost.flops);
    (network, report)
}

fn number(report: &Value, at: &str) -> f64 {
    report.pointer(at).and_then(Value::as_f64).unwrap_or_else(|| panic!("{at} in {report}"))
}

#[test]
fn a_network_is_trained_and_morphed_and_its_onnx_file_is_morphed_again() {
    let folder = Folder::new();
    let first = morph(&folder, "lenet-5", "first", &["--target", "flops=60%"]);
    expect_code(&first, 0);
    let path = folder.path("first");
    let (_, report) = network(&path);
    let [before, shrunk, after] =
        ["before", "shrunk", "after"].map(|which| number(&report, &format!("/{which}/cost/flops")));
    assert!(shrunk <= 0.6 * before && shrunk >= 0.55 * before, "{report}");
    assert_eq!(after, shrunk);
    assert!(number(&report, "/before/test_accuracy") > 0.5, "{report}");
    assert!(number(&report, "/after/test_accuracy") > 0.5, "{report}");
    assert_eq!(first.stdout, fs::read(path.join("summary.txt")).unwrap());
    let structure: Structure = serde_json::from_slice(&left(&path)["structure.json"]).unwrap();
    assert_eq!(structure.costs.after.flops as f64, shrunk);
    // Nothing is trained again.
    let before = left(&path);
    let again = morph(&folder, "lenet-5", "first", &["--target", "flops=60%"]);
    expect_code(&again, 0);
    assert_eq!(left(&path), before);
    assert!(!String::from_utf8_lossy(&again.stderr).contains("loss"), "trained again");

    let model = path.join("network.onnx");
    let more = ["--target", "params=70%", "flops=80%", "--add-batch-norm", "--fold-batch-norm"];
    expect_code(&morph(&folder, model.to_str().unwrap(), "second", &more), 0);
    let (network, second) = network(&folder.path("second"));
    assert_eq!(second.pointer("/before/cost"), report.pointer("/after/cost"));
    for of in ["test", "validation"] {
        let at = |which: &str| format!("/{which}/{of}_accuracy");
        assert_eq!(number(&second, &at("before")), number(&report, &at("after")));
    }
    let ratio = |of: &str| {
        number(&second, &format!("/after/cost/{of}"))
            / number(&second, &format!("/before/cost/{of}"))
    };
    assert!(ratio("params") <= 0.7 && ratio("flops") <= 0.8, "{second}");
    assert!(network.graph.nodes().any(|(_, node)| matches!(node.op, Op::BatchNorm(_))));
}

#[test]
fn a_softmax_at_the_end_of_a_file_changes_nothing() {
    let folder = Folder::new();
    let quick = ["--set", "search.epochs=1", "--set", "retrain.epochs=1", "--target", "flops=80%"];
    expect_code(&morph(&folder, "lenet-5", "first", &quick), 0);
    let plain = folder.path("first/network.onnx");
    let read = onnx::import(&fs::read(&plain).unwrap(), &onnx::Options::default()).unwrap();
    let last = read.graph.outputs()[0];
    let mut build = graph::Builder::new();
    for (_, node) in read.graph.nodes() {
        build.add(&node.name, node.op.clone(), &node.inputs).unwrap();
    }
    let softmax = build.add("softmax", Op::Softmax, &[last]).unwrap();
    let graph = build.finish(&[softmax]).unwrap();
    let with_softmax = folder.path("with-softmax.onnx");
    let options = onnx::ExportOptions::default();
    fs::write(&with_softmax, onnx::export(&graph, &read.weights, &options).unwrap()).unwrap();

    let more = ["--set", "search.epochs=1", "--set", "retrain.epochs=1", "--target", "flops=70%"];
    for (model, output) in [(&plain, "plain"), (&with_softmax, "softmax")] {
        expect_code(&morph(&folder, model.to_str().unwrap(), output, &more), 0);
    }
    let of = |output: &str| {
        let mut files = left(&folder.path(output));
        // It has the hash of the file that came in.
        files.remove("plan.json");
        files
    };
    assert_eq!(of("softmax"), of("plain"));
    let (network, _) = network(&folder.path("softmax"));
    assert!(network.graph.nodes().all(|(_, node)| node.op != Op::Softmax));
}

#[test]
fn what_is_left_can_be_widened_to_the_original_cost_and_trained_from_scratch() {
    let folder = Folder::new();
    for (output, more) in [("tuned", &[][..]), ("scratch", &["--from-scratch"])] {
        let more = [&["--target", "flops=60%", "--expand"], more].concat();
        expect_code(&morph(&folder, "lenet-5", output, &more), 0);
        let (_, report) = network(&folder.path(output));
        let flops = |which: &str| number(&report, &format!("/{which}/cost/flops"));
        assert!(flops("shrunk") < flops("after") && flops("after") <= flops("before"), "{report}");
        assert!(flops("after") >= 0.97 * flops("before"), "{report}");
    }
}

fn start(folder: &Folder, output: &str) -> Child {
    let mut command = command(folder, "lenet-5", output, &["--target", "flops=60%"]);
    command.args(["--threads", "1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_morphing_that_is_killed_in_every_phase_leaves_the_same_files() {
    let folder = Folder::new();
    let undisturbed = start(&folder, "undisturbed").wait().unwrap();
    assert!(undisturbed.success());
    let state = folder.path("killed/state");
    for phase in ["original", "search", "retrain"] {
        let mut child = start(&folder, "killed");
        wait_until(&mut child, phase, || {
            let entries = fs::read_dir(state.join(phase)).into_iter().flatten();
            let mut names = entries.map_while(Result::ok).map(|entry| entry.file_name());
            names.any(|name| name.to_string_lossy().starts_with("checkpoint-"))
        });
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!state.join(phase).join("done.json").exists(), "{phase} had ended");
    }
    assert!(start(&folder, "killed").wait().unwrap().success());
    assert_eq!(left(&folder.path("killed")), left(&folder.path("undisturbed")));
    let monitor =
        |output: &str| fs::read(folder.path(output).join("state/search/monitor.jsonl")).unwrap();
    assert_eq!(monitor("killed"), monitor("undisturbed"));
}

#[test]
fn what_another_plan_left_is_refused_until_told_to_start_over() {
    let folder = Folder::new();
    let run = |target: &str, more: &[&str]| {
        let quick = ["--set", "search.epochs=1", "--set", "retrain.epochs=1", "--target", target];
        morph(&folder, "lenet-5", "out", &[&quick, more].concat())
    };
    expect_code(&run("flops=90%", &[]), 0);
    let refused = run("flops=80%", &[]);
    expect_code(&refused, 2);
    assert_eq!(
        folder.anonymous(&refused.stderr),
        "error: `FOLDER/out` holds what another plan left: start over with `--fresh`, or give `--output` another folder\n"
    );
    expect_code(&run("flops=80%", &["--fresh"]), 0);
}
