//! Keys `axes`, `combine`, `exclude` and `max_points` of section `sweep`: other keys with several values.

use proptest::prelude::*;
use report::Arm;
use runner::commands::{dry_run, study_to_run};
use runner::plan::{Plan, Strength, Study};
use runner::spec::Source;

use crate::golden::{Folder, Sheet, VALID, changed, run_options};

const SWEPT: &str = "  width_multiplier: [0.5, 0.75, 1.0]\n";

fn text(written: &str) -> String {
    changed(SWEPT, &format!("  width_multiplier: [1.0]\n{written}"))
        .replace("{ log: [2.0, 20.0], num: 5 }", "[4]")
        .replace("seeds: [0, 1]", "seeds: [0]")
}

fn study(written: &str) -> Study {
    Study::of(&Source::from_bytes("x.yaml", text(written).into()).unwrap())
        .unwrap_or_else(|faults| panic!("{faults}"))
}

fn labels(study: &Study) -> Vec<&str> {
    study.variants().iter().map(|variant| variant.label.as_str()).collect()
}

#[test]
fn an_experiment_without_axes_is_its_plan() {
    let source = Source::from_bytes("x.yaml", VALID.into()).unwrap();
    let (study, plan) = (Study::of(&source).unwrap(), Plan::of(&source).unwrap());
    assert_eq!(labels(&study), [""]);
    assert_eq!(*study.first(), plan);
    assert_eq!((study.id(), study.searches()), (plan.id(), plan.searches().len()));
    let saved = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(Study::from_json(saved).unwrap(), study);
}

#[test]
fn every_value_meets_every_other_and_the_last_axis_is_fastest() {
    let study = study(
        "  axes:\n    regularizer.strength: [gamma, { gate: {} }]\n    search.epochs: [2, 4]\n",
    );
    let expected = [
        "strength=gamma epochs=2",
        "strength=gamma epochs=4",
        "strength=gate epochs=2",
        "strength=gate epochs=4",
    ];
    assert_eq!(labels(&study), expected);
    let of = |index: usize| &study.variants()[index].plan;
    assert_eq!((of(0).search.epochs, of(1).search.epochs), (2, 4));
    assert_eq!(of(1).regularizer.strength, Strength::Gamma);
    assert_ne!(of(2).regularizer.strength, Strength::Gamma);
    let one = of(0).points().len();
    let points = study.points();
    assert_eq!(points.len(), 4 * one);
    assert!(points.iter().enumerate().all(|(index, it)| it.point.index == index));
    assert_eq!(points[one].variant, 1);
}

#[test]
fn a_variant_is_the_plan_of_the_file_with_its_values_written_in_it() {
    let swept = study("  axes: { retrain.optimizer: [{ sgd: {} }, { adam: {} }] }\n");
    let written = text("").replace("{ sgd: { momentum: 0.9, nesterov: true } }", "{ adam: {} }");
    let plan = Plan::of(&Source::from_bytes("x.yaml", written.into()).unwrap()).unwrap();
    assert_eq!(swept.variants()[1].plan, plan);
}

#[test]
fn zipped_axes_go_together() {
    let study = study(
        "  combine: zip\n  axes: { search.epochs: { range: [1, 4] }, retrain.weight_decay: { log: [1.0e-4, 1.0e-2], num: 3 } }\n",
    );
    assert_eq!(study.variants().len(), 3);
    let decays: Vec<f64> = study.variants().iter().map(|it| it.plan.retrain.weight_decay).collect();
    assert_eq!((decays[0], decays[2]), (1e-4, 1e-2));
    assert!((decays[1] - 1e-3).abs() < 1e-12);
    let epochs: Vec<u32> = study.variants().iter().map(|it| it.plan.search.epochs).collect();
    assert_eq!(epochs, [1, 2, 3]);
}

#[test]
fn excluded_combinations_are_left_out() {
    let study = study(
        "  axes: { search.epochs: [1, 2], retrain.epochs: [1, 2] }\n  exclude: [{ search.epochs: 2.0, retrain.epochs: 1 }]\n",
    );
    let expected = [
        "search.epochs=1 retrain.epochs=1",
        "search.epochs=1 retrain.epochs=2",
        "search.epochs=2 retrain.epochs=2",
    ];
    assert_eq!(labels(&study), expected);
}

#[test]
fn a_key_that_is_set_is_no_axis() {
    let folder = Folder::new();
    let file =
        folder.write("x.yaml", text("  axes: { search.epochs: [1, 2], retrain.epochs: [1, 2] }\n"));
    let study = study_to_run(&run_options(&file, &["--set", "search.epochs=7"])).unwrap();
    assert_eq!(labels(&study), ["epochs=1", "epochs=2"]);
    assert!(study.variants().iter().all(|it| it.plan.search.epochs == 7));
}

#[test]
fn searches_that_no_axis_touches_are_done_once() {
    assert_eq!(study("  axes: { retrain.epochs: [1, 2, 3] }\n").searches(), 1);
    assert_eq!(study("  axes: { search.epochs: [1, 2, 3] }\n").searches(), 3);
    let both = study("  axes: { search.epochs: [1, 2], retrain.epochs: [1, 2, 3] }\n");
    assert_eq!((both.searches(), both.variants().len()), (2, 6));
    // A search whose weights are kept is another one than a search whose weights are not.
    let carried = study("  axes: { retrain.mode: [scratch, fine-tune] }\n");
    assert_eq!(carried.searches(), 2);
}

#[test]
fn a_study_reads_back_from_what_is_saved() {
    let study =
        study("  axes: { sweep.channel_divisor: [1, 2], regularizer.cost: [flops, params] }\n");
    let saved = serde_json::to_string(&study).unwrap();
    let back = Study::from_json(serde_json::from_str(&saved).unwrap()).unwrap();
    assert_eq!((back.id(), back), (study.id(), study));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_grid_has_each_combination_once(lengths in prop::collection::vec(1..4_usize, 1..3)) {
        let keys = ["search.epochs", "retrain.epochs"];
        let axes = lengths.iter().zip(keys);
        let axes: Vec<String> =
            axes.map(|(length, key)| format!("{key}: {{ range: [1, {}] }}", length + 1)).collect();
        let study = study(&format!("  axes: {{ {} }}\n", axes.join(", ")));
        let mut labels = labels(&study);
        labels.sort_unstable();
        labels.dedup();
        prop_assert_eq!(labels.len(), lengths.iter().product::<usize>());
    }
}

#[test]
fn the_list_of_points_names_the_variant() {
    let folder = Folder::new();
    let file =
        folder.write("x.yaml", text("  axes: { regularizer.strength: [gamma, { gate: {} }] }\n"));
    let options = run_options(&file, &["--dry-run"]);
    let study = study_to_run(&options).unwrap();
    let mut sheet = Sheet::default();
    sheet.case("two variants", &dry_run::describe(&study, &options));
    sheet.check("axes.txt");
    let options = run_options(&file, &["--dry-run", "--json", "--only", "4"]);
    let json = dry_run::describe(&study, &options);
    assert!(json.contains("\"variant\": \"strength=gate\""), "{json}");
    assert!(study.points().iter().any(|it| it.point.arm == Arm::Expand));
}

#[test]
fn faults_of_axes_point_at_the_value() {
    let mut sheet = Sheet::default();
    let cases = [
        ("a list for a map", "  axes: [search.epochs]\n"),
        ("one value", "  axes: { search.epochs: 3 }\n"),
        ("no value", "  axes: { search.epochs: [] }\n"),
        ("the same twice", "  axes: { search.epochs: [1, 2, 1.0] }\n"),
        ("an unknown key", "  axes: { search.epoch: [1, 2] }\n"),
        ("an unknown section", "  axes: { serach.epochs: [1, 2] }\n"),
        ("a wrong value", "  axes: { search.epochs: [1, many] }\n"),
        ("a contradiction", "  axes: { search.batch_size: [128, 70000] }\n"),
        ("the version", "  axes: { schema: [1, 2] }\n"),
        ("an axis of axes", "  axes: { sweep.max_points: [1, 2] }\n"),
        ("one inside the other", "  axes: { search: [{}], search.epochs: [1] }\n"),
        (
            "a logarithm that falls",
            "  axes: { search.learning_rate.constant: { log: [1, 0.1], num: 3 } }\n",
        ),
        ("no number of values", "  axes: { search.learning_rate.constant: { log: [0.1, 1] } }\n"),
        ("an empty range", "  axes: { search.epochs: { range: [3, 3] } }\n"),
        (
            "unequal lengths",
            "  combine: zip\n  axes: { search.epochs: [1, 2], retrain.epochs: [1, 2, 3] }\n",
        ),
        ("nothing left", "  axes: { search.epochs: [1, 2] }\n  exclude: [{}]\n"),
        (
            "no axis to exclude",
            "  axes: { search.epochs: [1, 2] }\n  exclude: [{ retrain.epochs: 1 }]\n",
        ),
        ("too many points", "  axes: { search.epochs: [1, 2] }\n  max_points: 5\n"),
    ];
    for (title, written) in cases {
        sheet.case(title, &crate::golden::fault_of(text(written), &[]));
    }
    sheet.check("axes_faults.txt");
}
