//! Key `normalization`: mean and deviation of every channel.

use runner::plan::{Plan, Standards};
use runner::spec::Source;

use crate::golden::{Sheet, changed, fault_of};

const SEEDS: &str = "seeds: [0, 1]\n";

fn with(normalization: &str) -> String {
    changed(SEEDS, &format!("{SEEDS}normalization: {normalization}\n"))
}

fn plan(text: String) -> Plan {
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn a_normalisation_is_in_the_plan_only_if_it_is_written() {
    let without = plan(changed(SEEDS, SEEDS));
    assert!(!without.to_json().contains("standards"));
    let plan = plan(with("{ mean: [0.286], std: [0.353] }"));
    assert_eq!(plan.standards, Some(Standards { mean: vec![0.286], deviation: vec![0.353] }));
    assert_ne!(plan.hash(), without.hash());
    assert_eq!(serde_json::from_str::<Plan>(&plan.to_json()).unwrap(), plan);
}

#[test]
fn faults_say_what_a_normalisation_is() {
    let mut sheet = Sheet::default();
    for (title, normalization) in [
        ("nothing", "{}"),
        ("a number", "0.5"),
        ("a misspelt key", "{ mean: [0.5], dev: [0.5] }"),
        ("a deviation of 0", "{ mean: [0.5], std: [0] }"),
        ("a mean that is no number", "{ mean: [.nan], std: [0.5] }"),
        ("three channels for one", "{ mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }"),
        ("no channel", "{ mean: [0.5], std: [] }"),
    ] {
        sheet.case(title, &fault_of(with(normalization), &[]));
    }
    sheet.check("normalization.txt");
}
