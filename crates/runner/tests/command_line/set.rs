//! `--set` changes a value, and its faults point into the argument.

use runner::commands::study_to_run;
use runner::plan::Plan;

use crate::golden::{Folder, Sheet, VALID, fault_of, run_options};

fn plan_with(changes: &[&str]) -> Plan {
    let folder = Folder::new();
    let file = folder.write("x.yaml", VALID);
    let args: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    study_to_run(&run_options(&file, &args)).unwrap().first().clone()
}

#[test]
fn values_of_every_kind_are_changed() {
    assert_eq!(plan_with(&["retrain.epochs=10"]).retrain.epochs, 10);
    assert_eq!(plan_with(&["seeds=[3, 4, 5]"]).seeds, [3, 4, 5]);
    assert_eq!(plan_with(&["seeds.1=7"]).seeds, [0, 7]);
    assert_eq!(plan_with(&["seeds[1]=7"]).seeds, [0, 7]);
    assert_eq!(plan_with(&["retrain.weight_decay=1e-3"]).retrain.weight_decay, 1e-3);
    assert_eq!(plan_with(&["sweep.channel_divisor=8"]).sweep.channel_divisor, 8);
    assert_eq!(plan_with(&["search.augmentation.crop=3"]).search.augmentation.crop, 3);
    let adam = plan_with(&["search.optimizer={ adam: {} }"]).search.optimizer;
    assert_eq!(adam, training::Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
}

#[test]
fn the_last_change_wins_and_changes_add_up() {
    let plan = plan_with(&["retrain.epochs=10", "search.epochs=2", "retrain.epochs=11"]);
    assert_eq!((plan.search.epochs, plan.retrain.epochs), (2, 11));
}

#[test]
fn a_change_is_as_good_as_an_edit() {
    let folder = Folder::new();
    let file = folder.write("x.yaml", VALID.replace("epochs: 5", "epochs: 10"));
    let edited = study_to_run(&run_options(&file, &[])).unwrap().first().clone();
    assert_eq!(plan_with(&["retrain.epochs=10"]), edited);
    assert_ne!(plan_with(&[]), edited);
}

#[test]
fn faults_point_into_the_argument() {
    let mut sheet = Sheet::default();
    for (title, argument) in [
        ("an unknown key", "retrain.epoch=10"),
        ("an unknown key in a new section", "retrain.augmentaton.flip=true"),
        ("an unknown section", "train.epochs=10"),
        ("an unknown key below a choice", "retrain.optimizer.sgd.momentun=0.9"),
        ("an unknown choice", "search.optimizer={ sdg: {} }"),
        ("an unknown key in the value", "search.optimizer={ sgd: { momentun: 0.9 } }"),
        ("a second choice", "search.optimizer.adam={}"),
        ("a wrong type", "retrain.epochs=many"),
        ("out of range", "retrain.epochs=0"),
        ("a negative strength", "sweep.regularization_strength=-1"),
        ("another schema", "schema=2"),
        ("a contradiction", "retrain.warmup_epochs=100"),
        ("a contradiction below the value", "retrain.augmentation={ crop: 28 }"),
        ("a repeated value", "seeds=[1, 2, 1]"),
        ("no equals sign", "retrain.epochs"),
        ("no path", "=3"),
        ("a path with spaces", "retrain epochs=3"),
        ("a value that is not YAML", "seeds=[1, 2"),
        ("no value", "retrain.epochs="),
        ("below a number", "retrain.epochs.x=3"),
        ("beyond a list", "seeds[5]=3"),
        ("a key of a list", "seeds.first=3"),
        ("a position of a map", "search[0]=3"),
    ] {
        sheet.case(title, &fault_of(VALID, &["--set", argument]));
    }
    let long = format!("seeds=[{}]", "1, ".repeat(2000));
    sheet.case("an argument without end", &fault_of(VALID, &["--set", &long]));
    sheet.check("set.txt");
}

#[test]
fn the_argument_at_fault_is_the_one_that_is_shown() {
    let text =
        fault_of(VALID, &["--set", "seeds=[5]", "--set", "search.epochs=0", "--set", "seeds=[6]"]);
    assert!(text.contains("--> --set search.epochs=0\n"), "{text}");
}

#[test]
fn a_fault_of_the_file_is_not_blamed_on_an_argument() {
    let text = fault_of(VALID.replace("epochs: 5", "epochs: x"), &["--set", "retrain.epochs=3"]);
    assert!(text.contains("--> experiments/x.yaml:12:11\n"), "{text}");
}
