//! Keys `cycles` and `stop_after`.

use report::Arm;
use runner::commands::{dry_run, study_to_run};
use runner::plan::{Cycles, Plan, Pressure};
use runner::spec::Source;

use crate::golden::{Folder, Sheet, VALID, changed, run_options};

fn plan(more: &str) -> Plan {
    let text = VALID
        .replace("seeds: [0, 1]", "seeds: [7]")
        .replace("{ log: [2.0, 20.0], num: 5 }", "[4, 8]")
        .replace("[0.5, 0.75, 1.0]", "[0.5, 1.0]");
    Plan::of(&Source::from_bytes("x.yaml", format!("{text}{more}").into()).unwrap()).unwrap()
}

#[test]
fn one_cycle_is_not_worth_a_word_in_the_plan() {
    assert_eq!(plan("cycles: 1\n").to_json(), plan("").to_json());
    assert!(!plan("").to_json().contains("cycle"));
    let several = plan("cycles: 3\nstop_after: shrink\n");
    let back: Plan = serde_json::from_str(&several.to_json()).unwrap();
    assert_eq!(back, several);
    assert_ne!(several.hash(), plan("").hash());
}

#[test]
fn every_cycle_has_its_searches_and_points() {
    let plan = plan("cycles: 3\n");
    assert_eq!(plan.cycles, Cycles::Count(3));
    let searches: Vec<_> = plan.searches().iter().map(|it| (it.pressure, it.cycle)).collect();
    let listed = [(4.0, 1), (4.0, 2), (4.0, 3), (8.0, 1), (8.0, 2), (8.0, 3)];
    assert_eq!(searches, listed.map(|(strength, cycle)| (Pressure::Strength(strength), cycle)));
    let points = plan.points();
    assert_eq!(points.len(), 2 + 3 * (2 + 4));
    for point in &points {
        let search = point.search();
        assert_eq!(search.is_none(), point.arm == Arm::Uniform);
        assert!(search.is_none_or(|search| plan.searches().contains(&search)));
    }
    let last = plan.searches()[2];
    assert_eq!(last.next(&plan), None);
    assert_eq!(last.before().unwrap().next(&plan), Some(last));
    assert_eq!(plan.searches()[0].before(), None);
}

#[test]
fn nothing_is_expanded_after_a_stop_at_shrinking() {
    let plan = plan("stop_after: shrink\ncycles: 2\n");
    assert!(plan.points().iter().all(|point| point.arm != Arm::Expand));
    assert_eq!(plan.points().len(), 2 + 2 * 2);
}

#[test]
fn cycles_that_end_by_themselves_have_a_limit() {
    let limit = |written: &str| plan(&format!("cycles: {written}\n")).cycles;
    assert_eq!(limit("{ until: no-gain }"), Cycles::UntilNoGain { at_most: 5 });
    assert_eq!(limit("{ until: no-gain, at_most: 2 }"), Cycles::UntilNoGain { at_most: 2 });
}

#[test]
fn a_dry_run_names_the_cycle() {
    let folder = Folder::new();
    let text = changed("{ log: [2.0, 20.0], num: 5 }", "[4]")
        .replace("seeds: [0, 1]", "seeds: [0]\ncycles: 2")
        .replace("[0.5, 0.75, 1.0]", "[1.0]");
    let file = folder.write("x.yaml", text);
    let options = run_options(&file, &[]);
    let mut sheet = Sheet::default();
    sheet.case("two cycles", &dry_run::describe(&study_to_run(&options).unwrap(), &options));
    sheet.check("dry_run_cycles.txt");
}

#[test]
fn faults_say_what_cycles_need() {
    let mut sheet = Sheet::default();
    let after = |more: &str| format!("[uniform]\n{more}");
    let cases = [
        ("no cycle", "cycles: 0"),
        ("half a cycle", "cycles: 1.5"),
        ("a word", "cycles: many"),
        ("an unknown end", "cycles: { until: done }"),
        ("a limit without an end", "cycles: { at_most: 3 }"),
        ("a misspelt limit", "cycles: { until: no-gain, atmost: 3 }"),
        ("an unknown phase", "stop_after: expand"),
        ("no expansion to gain by", "cycles: { until: no-gain }\nstop_after: shrink"),
    ];
    for (title, more) in cases {
        sheet.changes(&[(title, "[uniform]\n", &after(&format!("{more}\n")))]);
    }
    let end = "cycles: { until: no-gain }\n";
    for (title, old, new) in [
        ("no network at the seed's cost", "[0.5, 0.75, 1.0]", "[0.5, 0.75]"),
        ("no seed to be held against", "baselines: [uniform]\n", "baselines: []\n"),
        ("nothing learned", "  regularization_strength: { log: [2.0, 20.0], num: 5 }\n", ""),
    ] {
        sheet.case(title, &crate::golden::fault_of(changed(old, new) + end, &[]));
    }
    sheet.check("cycles.txt");
}
