//! Key `search.proxy`: what widths are learned on in place of the seed.

use runner::plan::{Plan, Proxy};
use runner::spec::Source;

use crate::golden::{Sheet, changed, fault_of};

const SEARCH: &str = "search: { epochs: 3,";
const SWEPT: &str = "regularization_strength: { log: [2.0, 20.0], num: 5 }";

fn with(proxy: &str) -> String {
    changed(SEARCH, &format!("search: {{ proxy: {proxy}, epochs: 3,"))
}

fn plan(text: String) -> Plan {
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn a_proxy_is_in_the_plan_only_if_it_is_written() {
    let without = plan(changed(SEARCH, SEARCH));
    assert!(!without.to_json().contains("proxy"));
    let plan = plan(with("{ width_multiplier: 0.5, side: 14, train: 5000 }"));
    let proxy = Proxy { width_multiplier: Some(0.5), factor: Some(2), train: Some(5000) };
    assert_eq!(plan.proxy, Some(proxy));
    assert_ne!(plan.hash(), without.hash());
    assert_eq!(serde_json::from_str::<Plan>(&plan.to_json()).unwrap(), plan);
}

#[test]
fn a_proxy_is_the_seed_with_half_the_channels_on_smaller_images() {
    let plan = plan(with("{ width_multiplier: 0.5, side: 14 }"));
    let (seed, proxy) = (plan.seed_graph(), plan.proxy_graph(&plan.proxy.unwrap()));
    assert_eq!(seed.len(), proxy.len());
    for ((_, whole), (_, part)) in seed.nodes().zip(proxy.nodes()) {
        assert_eq!(whole.name, part.name);
    }
    let (whole, part) = (seed.nodes().next().unwrap().1, proxy.nodes().next().unwrap().1);
    assert_eq!((whole.shape.height, part.shape.height), (28, 14));
    assert!(cost_models::Summary::of(&proxy).params < plan.seed_cost.params / 3);
}

#[test]
fn a_percentage_is_one_of_what_the_proxy_costs() {
    let text = with("{ width_multiplier: 0.5 }").replace(SWEPT, "target: { flops: 30% }");
    let plan = plan(text);
    let proxy = plan.proxy_graph(&plan.proxy.unwrap());
    let target = plan.sweep.targets[0].in_proportion(&proxy);
    let flops = cost_models::Summary::of(&proxy).flops as f64;
    assert!((target.limits[0].cost - 0.3 * flops).abs() < 1e-6 * flops);
    assert_eq!(target.to_string(), "30% flops");
}

#[test]
fn faults_say_what_a_proxy_is() {
    let mut sheet = Sheet::default();
    for (title, proxy) in [
        ("nothing", "{}"),
        ("a number", "0.5"),
        ("a misspelt key", "{ width_multiplyer: 0.5 }"),
        ("not narrower", "{ width_multiplier: 1.0 }"),
        ("a side that does not divide", "{ side: 13 }"),
        ("a side that is no smaller", "{ side: 28 }"),
        ("no image", "{ train: 0 }"),
        ("more images than there are", "{ train: 55000 }"),
        ("fewer images than a batch", "{ train: 100 }"),
    ] {
        sheet.case(title, &fault_of(with(proxy), &[]));
    }
    let proxy = "{ width_multiplier: 0.5 }";
    for (title, old, new) in [
        ("a retraining", "  batch_size: 128\n", "  batch_size: 128\n  proxy: { train: 5000 }\n"),
        (
            "weights that do not fit",
            "  batch_size: 128\n",
            "  batch_size: 128\n  mode: fine-tune\n",
        ),
        (
            "some weights that do not fit",
            "  batch_size: 128\n",
            "  batch_size: 128\n  mode: [scratch, grow]\n",
        ),
        ("cycles", "seeds: [0, 1]\n", "seeds: [0, 1]\ncycles: 2\n"),
        (
            "cycles without a number",
            "seeds: [0, 1]\n",
            "seeds: [0, 1]\ncycles: { until: no-gain }\n",
        ),
        ("nothing learned", "  regularization_strength: { log: [2.0, 20.0], num: 5 }\n", ""),
        ("an absolute cost", SWEPT, "target: [{ flops: 50% }, { params: 20000 }]"),
        ("an absolute time", SWEPT, "target: { latency: { device: v100, at_most: 1000 } }"),
        ("a number of channels", "  cost: flops\n", "  cost: flops\n  min_width: 8\n"),
        ("less than the proxy allows", SWEPT, "target: { flops: 0.6% }"),
        (
            "images in files",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ image-folder: { height: 28, width: 28, channels: 1, classes: 10, train: 9000, validation: 10, test: 10 } }",
        ),
    ] {
        let proxy = if title == "images in files" { "{ side: 14 }" } else { proxy };
        let text = with(proxy);
        assert_eq!(text.matches(old).count(), 1, "{old}");
        sheet.case(title, &fault_of(text.replace(old, new), &[]));
    }
    sheet.check("proxy.txt");
}
