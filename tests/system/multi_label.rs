//! Experiments whose images have several labels are scored by mean average precision, and are otherwise like others.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use datasets::{Bars, Batches, Evaluation, Normalization, Split, Streams};
use report::{Arm, Metric, Mode, PointRow};
use runner::plan::Plan;
use serde_json::Value;
use training::{Control, Evaluator, Network, Trainer};

use crate::program::{Folder, PROGRAM, expect_code, expect_same};

const ONE: &str = "synthetic: { side: 12, train: 512";

/// The small experiment, with every bar a label of its own.
fn folder(more: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    let mut text = fs::read_to_string(folder.experiment()).unwrap();
    for (old, new) in
        [(ONE, "synthetic: { side: 12, labels: several, train: 512")].iter().chain(more)
    {
        assert!(text.contains(old), "{old}");
        text = text.replace(old, new);
    }
    fs::write(folder.experiment(), text).unwrap();
    folder
}

fn rows(results: &Path) -> Vec<PointRow> {
    let text = fs::read_to_string(results.join("small/points.csv")).unwrap();
    report::row::from_csv(&text).unwrap()
}

/// What the uniform network of half the width reaches on the test images, trained and scored without the program.
fn test_precision(plan: &Plan) -> f64 {
    let images = plan.dataset.images();
    let bars = Bars {
        training: images.train + images.validation,
        test: images.test,
        side: 12,
        channels: 1,
    };
    let (training, test) = bars.multi_label(Streams::new(0)).unwrap();
    let split = Split::new(&training, test, images.validation).unwrap();
    let normalization = Normalization::of(&split.train);
    let (recipe, streams) = (&plan.retrain, Streams::new(0).derive("retrain"));
    let half = plan.uniform_graph(&plan.seed_graph(), 0.5).unwrap();
    let network = Network::init(half, streams);
    let sets = training.label_sets().unwrap();
    let device = testkit::cpu(1);
    let mut trainer = Trainer::multi_label(&network, recipe, sets, streams, &device).unwrap();
    let batches =
        Batches::new(&split.train, &normalization, recipe.batch_size, recipe.augmentation, streams)
            .unwrap();
    while !trainer.is_finished() {
        trainer.epoch(&batches, &mut (), &mut |_| Control::Continue).unwrap();
    }
    let mut evaluator = Evaluator::multi_label(&network.graph, 64, sets, &device).unwrap();
    let set = Evaluation::new(&split.test, &normalization, 64).unwrap();
    evaluator.precision(&trainer.network(), &set).unwrap().mean_average_precision.unwrap()
}

#[test]
fn points_are_scored_by_mean_average_precision() {
    let folder = folder(&[("regularization_strength: [200]", "regularization_strength: [40]")]);
    let more = ["--set", "retrain.mode=[scratch, fine-tune]"];
    expect_code(&folder.run("results", &more), 0);
    let rows = rows(&folder.path("results"));
    assert!(rows.iter().all(|row| row.metric == Metric::MeanAveragePrecision));
    let is_half = |row: &&PointRow| row.arm == Arm::Uniform && row.width_multiplier == 0.5;
    let half = rows.iter().find(is_half).unwrap();
    let plan = Plan::load(&folder.experiment(), &[]).unwrap();
    let expected = test_precision(&plan);
    // At other levels of instructions the last digits differ.
    assert!((half.test_score - expected).abs() < 1e-3, "{} {expected}", half.test_score);
    // Half of the images have each class, so that chance reaches a half.
    assert!(half.validation_score > 0.7 && half.validation_score < 1.0, "{half:?}");
    let is_tuned = |row: &&PointRow| row.arm == Arm::Shrink && row.mode == Mode::FineTune;
    let tuned = rows.iter().find(is_tuned).unwrap();
    assert!(tuned.dead_channels > 0 && tuned.test_score > 0.9, "{tuned:?}");

    let text = |name: &str| fs::read_to_string(folder.path("results/small").join(name)).unwrap();
    assert!(text("summary.txt").contains("Front by validation mean average precision"));
    assert!(text("pareto.svg").contains(">test mean average precision in %<"));
    assert!(text("pareto.svg").contains("small: mean average precision against FLOPs"));
    let monitor = text("state/searches/strength-40-seed-0/monitor.jsonl");
    for line in monitor.lines() {
        let observed: Value = serde_json::from_str(line).unwrap();
        let precision = observed["validation_mean_average_precision"].as_f64().unwrap();
        assert!((0.3..=1.0).contains(&precision), "{line}");
    }
}

/// A search with gates, on a proxy.
#[test]
fn a_killed_run_ends_with_the_same_bytes() {
    let folder = folder(&[("search:  { epochs: 2", "search:  { proxy: { side: 6 }, epochs: 4")]);
    let more = ["--set", "regularizer.strength={ gate: {} }"];
    expect_code(&folder.run("undisturbed", &more), 0);
    let state = folder.path("killed/small/state");
    let length = || {
        let monitor = fs::read(state.join("searches/strength-200-seed-0/monitor.jsonl"));
        let retrainings = fs::read_dir(state.join("retrainings"));
        monitor.map_or(0, |bytes| bytes.len()) + retrainings.map_or(0, Iterator::count)
    };
    let killed = folder.run_killed("killed", &more, length);
    assert!(killed >= 3, "killed {killed} times only");
    expect_same(&folder.path("killed/small"), &folder.path("undisturbed/small"));
}

const RECIPE: &str =
    "{ epochs: 2, batch_size: 16, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }";

/// A run on sounds, of which each has a low tone, a high one, both or neither.
fn run_on_sounds(folder: &Folder, results: &str, data: Option<&str>) -> Output {
    let experiment = format!(
        "schema: 1\ndataset: {{ wav-folder: {{ classes: 2, labels: several, train: 32, validation: 8, test: 16, sample_rate: 8000, \
         frames: 16, mels: 16, highest: 4000 }} }}\narchitecture: {{ audio-resnet: {{ depth: 18, width_multiplier: 0.0625 }} }}\n\
         search: {RECIPE}\nretrain: {RECIPE}\nsweep: {{ regularization_strength: [], width_multiplier: [1.0] }}\n"
    );
    fs::write(folder.experiment(), experiment).unwrap();
    let data = data.map(|data| folder.path(data));
    let more: Vec<&str> =
        data.iter().flat_map(|data| ["--data-dir", data.to_str().unwrap()]).collect();
    folder.run(results, &more)
}

fn write_sounds(folder: &Folder) {
    let sample_format = hound::SampleFormat::Int;
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format };
    for (part, count) in [("train", 40), ("test", 16)] {
        let mut table = "fname,labels\n".to_owned();
        fs::create_dir_all(folder.path(&format!("data/{part}"))).unwrap();
        for at in 0..count {
            let labels = ["", "low", "high", "\"high,low\""][at % 4];
            writeln!(table, "{at:03},{labels}").unwrap();
            let tones: Vec<f64> = [0.1, 0.7]
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| at >> bit & 1 == 1)
                .map(|(_, pitch)| pitch)
                .collect();
            let path = folder.path(&format!("data/{part}/{at:03}.wav"));
            let mut writer = hound::WavWriter::create(path, spec).unwrap();
            for time in 0..2000 {
                let phase = |pitch: &f64| (f64::from(time) * pitch + at as f64).sin();
                let value: f64 = tones.iter().map(phase).sum();
                writer.write_sample((8000.0 * value) as i16).unwrap();
            }
            writer.finalize().unwrap();
        }
        fs::write(folder.path(&format!("data/{part}.csv")), table).unwrap();
    }
}

#[test]
fn sounds_with_tables_of_labels_are_trained_on() {
    let folder = Folder::new();
    write_sounds(&folder);
    expect_code(&run_on_sounds(&folder, "results", Some("data")), 0);
    let rows = rows(&folder.path("results"));
    assert_eq!((rows.len(), rows[0].metric), (1, Metric::MeanAveragePrecision));
}

#[test]
fn sounds_that_are_not_there_are_asked_for() {
    let folder = Folder::new();
    let refused = |data| {
        let output = run_on_sounds(&folder, "results", data);
        expect_code(&output, 2);
        assert!(!folder.path("results").exists(), "something was written");
        folder.anonymous(&output.stderr)
    };
    let layout = "the folders `train` and `test`, and beside them `train.csv` and `test.csv` with the columns `fname,labels`; of \
                  FSD50K (https://zenodo.org/records/4060432) these are FSD50K.dev_audio, FSD50K.eval_audio, and dev.csv and \
                  eval.csv of FSD50K.ground_truth";
    assert_eq!(
        refused(None),
        format!(
            "error: the files of `wav-folder` do not come with the program: name with `--data-dir` the folder that holds \
             {layout}\n"
        )
    );
    let said = refused(Some("data"));
    let expected = format!(
        "error: cannot use the files in `FOLDER/data`: cannot read `train.csv`: the folder holds {layout}: "
    );
    assert!(said.starts_with(&expected), "{said}");

    write_sounds(&folder);
    let table = folder.path("data/test.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, text.replace("001,low", "001,lou")).unwrap();
    assert_eq!(
        refused(Some("data")),
        "error: cannot use the files in `FOLDER/data`: `test.csv`, line 3, column 5: `lou` is no label of the training data\n"
    );
    let silent: String =
        text.lines().map(|line| line.split(',').next().unwrap().to_owned() + ",\n").collect();
    fs::write(&table, silent.replace("fname,", "fname,labels")).unwrap();
    assert_eq!(
        refused(Some("data")),
        "error: no image of the test part has a label, so nothing can be scored by it: use more images\n"
    );
}

#[test]
fn a_morphed_network_of_several_labels_is_scored_by_mean_average_precision() {
    let folder = Folder::new();
    let morph = |model: &str, output: &str| {
        let dataset = "synthetic: { side: 12, labels: several }";
        let mut command = Command::new(PROGRAM);
        command.args(["morph", model, "--dataset", dataset, "--target", "flops=60%"]);
        command.args(["--set", "search.epochs=3", "--set", "retrain.epochs=2"]);
        command.arg("--output").arg(folder.path(output));
        let output = command.output().unwrap();
        expect_code(&output, 0);
        String::from_utf8(output.stdout).unwrap()
    };
    let table = morph("inception-v2: { stem: small }", "first");
    assert!(table.contains("validation mean average precision  "), "{table}");
    let report = fs::read(folder.path("first/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    for which in ["before", "after"] {
        let precision = report[which]["test_mean_average_precision"].as_f64().unwrap();
        assert!(precision > 0.6, "{report}");
        assert!(report[which]["test_accuracy"].is_null(), "{report}");
    }
}
