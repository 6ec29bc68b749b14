//! Key `baselines`.

use report::Arm;
use runner::commands::{dry_run, study_to_run};
use runner::plan::{Plan, Pressure};
use runner::spec::Source;

use crate::golden::{Folder, Sheet, changed, fault_of, run_options};

const SWEPT: &str = "regularization_strength: { log: [2.0, 20.0], num: 5 }";
const BESIDE: [Arm; 4] = [Arm::Shuffled, Arm::Random, Arm::L1Norm, Arm::GroupNorm];

fn text(baselines: &str, swept: &str) -> String {
    changed("[uniform]", baselines).replace(SWEPT, swept).replace("[0.5, 0.75, 1.0]", "[1.0]")
}

fn plan(baselines: &str, swept: &str) -> Plan {
    let text = text(baselines, swept);
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn every_search_and_cycle_has_one_point_of_every_baseline_but_uniform() {
    let all = "[shuffled, uniform, random, l1-norm, group-norm]\ncycles: 2";
    let plan = plan(all, "regularization_strength: [4]\n  target: { flops: 50% }");
    let points = plan.points();
    for search in plan.searches() {
        let arms: Vec<Arm> = points
            .iter()
            .filter(|point| point.search() == Some(search))
            .map(|point| point.arm)
            .collect();
        assert_eq!(arms, [&[Arm::Shrink, Arm::Expand][..], &BESIDE].concat());
    }
    let uniform = points.iter().filter(|point| point.arm == Arm::Uniform);
    assert_eq!(uniform.count(), 2, "one of each seed");
    assert!(points.iter().enumerate().all(|(index, point)| point.index == index));
    let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(back, plan);
}

#[test]
fn what_is_compared_after_shrinking_alone_needs_no_budget() {
    let text =
        text("[random]\nstop_after: shrink", "regularization_strength: [4]").replace("[1.0]", "[]");
    let plan = Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap();
    let arms: Vec<Arm> = plan.points().iter().map(|point| point.arm).collect();
    assert_eq!(arms, [Arm::Shrink, Arm::Shrink, Arm::Random, Arm::Random]);
    assert_eq!(plan.searches()[0].pressure, Pressure::Strength(4.0));
}

#[test]
fn a_dry_run_lists_every_arm_and_what_is_known_of_its_cost() {
    let folder = Folder::new();
    let swept = "regularization_strength: [4]\n  target: { params: 50% }";
    let text = text("[uniform, shuffled, random, l1-norm, group-norm]", swept)
        .replace("seeds: [0, 1]", "seeds: [0]");
    let options = run_options(&folder.write("x.yaml", text), &[]);
    let mut sheet = Sheet::default();
    sheet.case("every arm", &dry_run::describe(&study_to_run(&options).unwrap(), &options));
    sheet.check("dry_run_baselines.txt");
}

#[test]
fn faults_say_what_a_baseline_is() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("an unknown baseline", "[uniform]", "[uniform, l2-norm]"),
        ("the same twice", "[uniform]", "[random, random]"),
        ("a word", "[uniform]", "uniform"),
    ]);
    let nothing = "  regularization_strength: { log: [2.0, 20.0], num: 5 }\n";
    let text = changed(nothing, "").replace("[uniform]", "[uniform, shuffled]");
    sheet.case("nothing learned", &fault_of(text, &[]));
    sheet.check("baselines.txt");
}
