//! Key `sweep.target`: costs that searches end at.

use cost_models::{CostModel, Resource};
use report::Arm;
use runner::cli::CheckOptions;
use runner::commands::check::check;
use runner::commands::{dry_run, study_to_run};
use runner::plan::{Plan, Pressure};
use runner::spec::Source;

use crate::golden::{Folder, Sheet, changed, run_options};

const SWEPT: &str = "regularization_strength: { log: [2.0, 20.0], num: 5 }";

fn plan(written: &str) -> Plan {
    let text = changed(SWEPT, written).replace("seeds: [0, 1]", "seeds: [0]");
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn a_share_is_one_of_what_the_seed_costs() {
    let plan = plan("target: [{ flops: 50% }, { params: 20000 }, { flops: 70%, params: 60.5% }]");
    let targets = &plan.sweep.targets;
    let flops = plan.seed_cost.flops as f64;
    assert_eq!(targets[0].limits[0].cost, flops / 2.0);
    assert_eq!(targets[1].limits[0].resource, Resource::Params);
    assert_eq!((targets[1].limits[0].cost, targets[1].limits[0].percent), (20_000.0, None));
    let words: Vec<String> = targets.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["50% flops", "20000 params", "70% flops and 60.5% params"]);
    let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(back, plan);
}

#[test]
fn one_target_needs_no_list() {
    let targets = plan("target: { macs: 25% }").sweep.targets;
    assert_eq!(targets, plan("target: [{ macs: 25% }]").sweep.targets);
    assert_eq!(targets[0].file_name(), "macs-25-percent");
}

#[test]
fn a_target_is_a_search_with_points_of_its_own() {
    let plan = plan("regularization_strength: [4]\n  target: { flops: 50% }");
    let pressures: Vec<Pressure> = plan.searches().iter().map(|search| search.pressure).collect();
    assert_eq!(pressures, [Pressure::Strength(4.0), Pressure::Target(0)]);
    assert_eq!(plan.search_words(plan.searches()[1]), "target 50% flops seed 0");
    assert_eq!(plan.search_file(plan.searches()[1]), "target-flops-50-percent-seed-0");
    let points = plan.points();
    let of_target = |arm| points.iter().filter(|it| it.arm == arm && it.target == Some(0)).count();
    assert_eq!((of_target(Arm::Shrink), of_target(Arm::Expand)), (1, 3));
    assert!(points.iter().all(|point| point.strength.is_none() || point.target.is_none()));
}

#[test]
fn time_on_a_device_can_be_a_target() {
    let plan = plan("target: { latency: { device: v100, at_most: 60%, batch: 8 } }");
    let limit = &plan.sweep.targets[0].limits[0];
    assert_eq!(limit.resource.name(), "latency");
    assert_eq!(plan.sweep.targets[0].file_name(), "latency-v100-8-60-percent");
    let seed = plan.seed_graph();
    assert!((limit.cost - 0.6 * limit.cost_of(&seed)).abs() < 1e-9 * limit.cost);
}

#[test]
fn a_search_that_ends_early_says_so_in_the_plan() {
    let text =
        |early: &str| changed("{ constant: 0.05 } }", &format!("{{ constant: 0.05 }}{early} }}"));
    let plan =
        |early| Plan::of(&Source::from_bytes("x.yaml", text(early).into()).unwrap()).unwrap();
    assert_eq!(plan(", early_stop: { stable_epochs: 2 }").early_stop, Some(2));
    assert!(!plan("").to_json().contains("early_stop"));
}

#[test]
fn what_can_be_reached_is_known_before_anything_is_trained() {
    let folder = Folder::new();
    let text = changed(SWEPT, "target: [{ flops: 50% }, { flops: 70%, params: 60% }]")
        .replace("seeds: [0, 1]", "seeds: [0]")
        .replace("[0.5, 0.75, 1.0]", "[1.0]");
    let file = folder.write("x.yaml", text);
    let options = run_options(&file, &[]);
    let mut sheet = Sheet::default();
    sheet.case("dry run", &dry_run::describe(&study_to_run(&options).unwrap(), &options));
    let checked = check(&CheckOptions { paths: vec![file], json: false });
    sheet.case("check", &checked.stdout);
    sheet.check("targets.txt");
}

#[test]
fn faults_say_what_a_target_is() {
    let mut sheet = Sheet::default();
    let cases = [
        ("a number for a map", "target: 50%"),
        ("no resource", "target: {}"),
        ("no resource in a list", "target: [{ flops: 50% }, {}]"),
        ("an unknown resource", "target: { flop: 50% }"),
        ("a word", "target: { flops: half }"),
        ("a share without a sign", "target: { flops: '50' }"),
        ("nothing left", "target: { flops: 0% }"),
        ("all of it", "target: { flops: 100% }"),
        ("below zero", "target: [{ params: -3 }]"),
        ("more than there is", "target: { params: 30000 }"),
        ("less than the network allows", "target: [{ flops: 50% }, { flops: 0.01% }]"),
        ("the same twice", "target: [{ flops: 50% }, { flops: 50% }]"),
        ("an unknown device", "target: { latency: { device: v10, at_most: 50% } }"),
        ("a time without a limit", "target: { latency: { device: v100 } }"),
    ];
    for (title, written) in cases {
        sheet.changes(&[(title, SWEPT, written)]);
    }
    sheet.changes(&[(
        "a retraining that is to settle",
        "  batch_size: 128\n",
        "  batch_size: 128\n  early_stop: { stable_epochs: 2 }\n",
    )]);
    sheet.check("target_faults.txt");
}
