//! Key `retrain.mode`.

use report::{Arm, Mode};
use runner::commands::{dry_run, study_to_run};
use runner::plan::Plan;
use runner::spec::Source;
use training::Curve;

use crate::golden::{Folder, Sheet, VALID, changed, fault_of, run_options};

const EPOCHS: &str = "  batch_size: 128\n";

fn with(mode: &str) -> String {
    changed(EPOCHS, &format!("{EPOCHS}  mode: {mode}\n"))
}

fn plan(text: &str) -> Plan {
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn scratch_alone_is_not_worth_a_word_in_the_plan() {
    assert_eq!(plan(&with("scratch")).to_json(), plan(VALID).to_json());
    assert!(!plan(VALID).to_json().contains("mode"));
    let several = plan(&with("[fine-tune, scratch]"));
    let back: Plan = serde_json::from_str(&several.to_json()).unwrap();
    assert_eq!(back, several);
    assert_ne!(several.hash(), plan(VALID).hash());
}

#[test]
fn networks_that_no_listed_mode_is_about_are_trained_from_scratch() {
    let modes = |written: &str, arm: Arm| -> Vec<Mode> {
        let points = plan(&with(written).replace("seeds: [0, 1]", "seeds: [0]")).points();
        let mut modes: Vec<Mode> =
            points.iter().filter(|point| point.arm == arm).map(|point| point.mode).collect();
        modes.dedup();
        modes
    };
    for (written, arm, expected) in [
        ("fine-tune", Arm::Uniform, Mode::Scratch),
        ("fine-tune", Arm::Shrink, Mode::FineTune),
        ("fine-tune", Arm::Expand, Mode::Scratch),
        ("grow", Arm::Shrink, Mode::Scratch),
        ("grow", Arm::Expand, Mode::Grow),
        ("[scratch-b, grow]", Arm::Shrink, Mode::ScratchB),
    ] {
        assert_eq!(modes(written, arm), [expected], "{written}: {arm}");
    }
}

#[test]
fn equal_compute_stretches_epochs_and_schedule_alike() {
    let text = with("scratch-b")
        .replace("{ cosine: { peak: 0.1 } }", "{ step: { rate: 0.1, factor: 0.5, every: 2 } }")
        .replace("epochs: 5\n", "epochs: 6\n")
        .replace("warmup_epochs: 0.5", "warmup_epochs: 1");
    let plan = plan(&text);
    let seed = plan.seed_cost.flops;
    let recipe = |flops| plan.retraining(Mode::ScratchB, flops);
    assert_eq!(recipe(seed), plan.retrain);
    let third = recipe(seed / 3);
    assert_eq!((third.epochs, third.learning_rate.warmup_epochs), (18, 3.0));
    assert_eq!(third.learning_rate.curve, Curve::Step { rate: 0.1, factor: 0.5, every: 6.0 });
    // Never more compute than the seed had, and never no epoch.
    assert_eq!(recipe(2 * seed - 1).epochs, 3);
    assert_eq!(recipe(4 * seed / 3).epochs, 4);
    assert_eq!(recipe(100 * seed).epochs, 1);
    assert_eq!(plan.retraining(Mode::FineTune, seed / 3), plan.retrain);
}

#[test]
fn a_dry_run_lists_every_mode() {
    let folder = Folder::new();
    let text = with("[scratch, scratch-b, fine-tune, grow]")
        .replace("{ log: [2.0, 20.0], num: 5 }", "[4]")
        .replace("[uniform]", "[uniform, shuffled, l1-norm]")
        .replace("seeds: [0, 1]", "seeds: [0]")
        .replace("[0.5, 0.75, 1.0]", "[1.0]");
    let options = run_options(&folder.write("x.yaml", text), &[]);
    let mut sheet = Sheet::default();
    sheet.case("every mode", &dry_run::describe(&study_to_run(&options).unwrap(), &options));
    sheet.check("dry_run_modes.txt");
}

#[test]
fn faults_say_what_a_mode_needs() {
    let mut sheet = Sheet::default();
    for (title, written) in [
        ("an unknown mode", "finetune"),
        ("an unknown mode in a list", "[scratch, scratch-e]"),
        ("no mode", "[]"),
        ("the same twice", "[grow, grow]"),
        ("a number", "2"),
    ] {
        sheet.case(title, &fault_of(with(written), &[]));
    }
    let swept = "  regularization_strength: { log: [2.0, 20.0], num: 5 }\n";
    for (title, written, old, new) in [
        ("nothing to fine-tune", "[scratch, fine-tune]", swept, ""),
        ("nothing to grow", "grow", "[uniform]\n", "[uniform]\nstop_after: shrink\n"),
        ("widths in steps", "grow", swept, &format!("{swept}  channel_divisor: 8\n")),
        (
            "nothing to tell a gain by",
            "[fine-tune, grow]",
            "[uniform]\n",
            "[uniform]\ncycles: { until: no-gain }\n",
        ),
    ] {
        let text = with(written).replace("  channel_divisor: 1\n", "");
        assert!(text.contains(old), "{title}");
        sheet.case(title, &fault_of(text.replace(old, new), &[]));
    }
    let search = "{ constant: 0.05 } }";
    let of_search = changed(search, "{ constant: 0.05 }, mode: scratch }");
    sheet.case("a mode of a search", &fault_of(of_search, &[]));
    sheet.check("modes.txt");
}
