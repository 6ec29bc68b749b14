//! Key `regularizer.cost`: what an experiment may charge for, and what its plan then holds.

use cost_models::{
    Bytes, CostForm, CostModel, Device, Latency, Resource, Roofline, Smooth, Weighted,
};
use runner::plan::Plan;
use runner::spec::Source;

use crate::golden::{Folder, Sheet, changed, fault_of};

fn plan_of(cost: &str) -> Plan {
    let text = changed("cost: flops", &format!("cost: {cost}"));
    Plan::of(&Source::from_bytes("experiments/x.yaml", text.into()).unwrap()).unwrap()
}

fn resource(cost: &str) -> Resource {
    plan_of(cost).regularizer.cost
}

#[test]
fn plain_resources_are_chosen_by_name() {
    for plain in Resource::PLAIN {
        assert_eq!(resource(plain.name()), plain);
    }
    assert_eq!(resource("bytes"), Resource::Bytes(Bytes::of_batch(1)));
}

#[test]
fn a_plan_holds_the_peaks_of_the_device() {
    let v100 = Device::named("v100").unwrap();
    let expected = Roofline::new(v100.clone(), 1);
    assert_eq!(
        resource("{ latency: { device: v100 } }"),
        Resource::Latency(Latency::Roofline(expected))
    );
    let smooth = Smooth::new(8.0);
    let expected = Roofline { smooth, ..Roofline::new(v100, 16) };
    let found = resource("{ latency: { device: v100, batch: 16, smooth: 8 } }");
    assert_eq!(found, Resource::Latency(Latency::Roofline(expected)));
    let json = plan_of("{ latency: { device: v100 } }").to_json();
    assert!(json.contains(r#""peak_gflops":125000.0,"bandwidth_gbs":900.0"#), "{json}");
}

#[test]
fn a_device_file_beside_the_experiment_stands_in_the_plan_and_its_content_in_the_hash() {
    let folder = Folder::new();
    let device = |peak: &str| {
        format!(
            r#"{{"roofline": {{"name": "mine", "precision": "fp32", "bytes_per_value": 4, "peak_gflops": {peak}, "bandwidth_gbs": 20}}}}"#
        )
    };
    let file =
        folder.write("x.yaml", changed("cost: flops", "cost: { latency: { device: mine.json } }"));
    folder.write("mine.json", device("100"));
    let first = Plan::load(&file, &[]).unwrap();
    let Resource::Latency(latency) = &first.regularizer.cost else { panic!("{first:?}") };
    assert_eq!((latency.device(), latency.batch()), ("mine", 1));
    folder.write("mine.json", device("200"));
    let second = Plan::load(&file, &[]).unwrap();
    assert_ne!(first.hash(), second.hash());
}

#[test]
fn a_weighted_seed_costs_the_sum_of_its_weights() {
    let written = "{ weighted: { flops: 1.0, params: 0.5, latency: { device: p100, weight: 2 } } }";
    let plan = plan_of(written);
    let Resource::Weighted(sum) = &plan.regularizer.cost else { panic!("{plan:?}") };
    let names: Vec<&str> = sum.parts.iter().map(|Weighted { of, .. }| of.name()).collect();
    assert_eq!(names, ["flops", "params", "latency"]);
    let seed = plan.seed_graph();
    let cost = CostForm::of(&plan.regularizer.cost, &seed).at(&seed.widths());
    assert!((cost - 3.5).abs() < 1e-9, "{cost}");
    assert_eq!(sum.parts[0].coefficient, 1.0 / plan.seed_cost.flops as f64);
}

#[test]
fn every_plan_survives_json() {
    for cost in [
        "macts",
        "bytes",
        "{ latency: { device: h100-tf32, batch: 3, smooth: 2.5 } }",
        "{ weighted: { macs: 0.1, macts: 0.7, bytes: 3, activations: 1, latency: { device: t4, weight: 0.3 } } }",
    ] {
        let plan = plan_of(cost);
        let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
        assert_eq!(back, plan);
        assert_eq!(back.hash(), plan.hash());
    }
}

// Written when there were four resources; results are found by it.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test reads what is committed")]
fn the_committed_plan_has_the_bytes_it_had() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let text = std::fs::read_to_string(format!("{root}/results/inception/plan.json")).unwrap();
    let plan = Plan::load(format!("{root}/experiments/inception.yaml").as_ref(), &[]).unwrap();
    assert_eq!(serde_json::to_string_pretty(&plan).unwrap() + "\n", text);
    let read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read.id(), plan.id());
}

#[test]
fn faults_say_what_can_be_charged_for() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("an unknown device", "cost: flops", "cost: { latency: { device: a100 } }"),
        ("an unknown chip", "cost: flops", "cost: { latency: { device: V10 } }"),
        ("no device", "cost: flops", "cost: { latency: {} }"),
        ("a latency without settings", "cost: flops", "cost: latency"),
        ("a batch of none", "cost: flops", "cost: { latency: { device: v100, batch: 0 } }"),
        ("a norm below the sum", "cost: flops", "cost: { latency: { device: v100, smooth: 0.5 } }"),
        ("a missing device file", "cost: flops", "cost: { latency: { device: nowhere.json } }"),
        ("no weight", "cost: flops", "cost: { weighted: {} }"),
        ("a weight of nothing", "cost: flops", "cost: { weighted: { flops: 0 } }"),
        ("a weight of an unknown resource", "cost: flops", "cost: { weighted: { flop: 1 } }"),
        (
            "a latency without weight",
            "cost: flops",
            "cost: { weighted: { latency: { device: v100 } } }",
        ),
        ("a device out of place", "cost: flops", "cost: { flops: { device: v100 } }"),
    ]);
    let both = changed("cost: flops", "cost: { latency: { device: v10 } }")
        .replace("epochs: 3", "epochs: 0");
    sheet.case("with other problems", &fault_of(both, &[]));
    sheet.check("charges.txt");
}
