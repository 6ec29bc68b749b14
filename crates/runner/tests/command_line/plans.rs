//! What a file means: defaults, points, prices, hashes.

use datasets::{Framing, LogMel};
use graph::Shape;
use report::Arm;
use runner::plan::{Baseline, Dataset, Images, Plan, Pressure};
use runner::spec::Source;
use training::{Curve, Optimizer};

use crate::golden::VALID;

fn plan(text: &str) -> Plan {
    Plan::of(&Source::from_bytes("experiments/x.yaml", text.into()).unwrap()).unwrap()
}

/// Only what is required.
const SHORTEST: &str = "
schema: 1
dataset: { fashion-mnist: {} }
architecture: { inception-v2: { stem: small } }
search: { epochs: 1, batch_size: 64, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }
retrain: { epochs: 2, batch_size: 64, optimizer: { rms-prop: {} }, learning_rate: { exponential: { rate: 0.1, factor: 0.94, every: 2 } } }
sweep: {}
";

#[test]
fn defaults_are_filled_in() {
    let plan = plan(SHORTEST);
    assert_eq!(plan.name, "x");
    assert_eq!(plan.seeds, [0]);
    let images = Images { train: 55_000, validation: 5_000, test: 10_000 };
    assert_eq!(plan.dataset, Dataset::FashionMnist(images));
    assert_eq!((plan.input, plan.classes), (Shape::new(28, 28, 1), 10));
    assert_eq!(plan.regularizer.cost, cost_models::Resource::Flops);
    assert_eq!(plan.regularizer.alive_threshold, 0.01);
    assert_eq!(plan.search.optimizer, Optimizer::Sgd { momentum: 0.9, nesterov: false });
    assert_eq!(plan.search.learning_rate.curve, Curve::Constant { rate: 0.05 });
    assert_eq!(plan.search.weight_decay, 0.0);
    assert_eq!(plan.search.batch_norm_momentum, 0.1);
    assert_eq!(
        plan.retrain.optimizer,
        Optimizer::RmsProp { decay: 0.9, momentum: 0.9, epsilon: 1.0 }
    );
    assert_eq!(plan.sweep.strengths, [] as [f64; 0]);
    assert_eq!(plan.sweep.width_multipliers, [1.0]);
    assert_eq!(plan.sweep.channel_divisor, 1);
    assert_eq!(plan.baselines, [Baseline::Uniform]);
}

#[test]
fn strengths_are_a_number_a_list_or_a_geometric_row() {
    let strengths = |written: &str| {
        plan(
            &SHORTEST
                .replace("sweep: {}", &format!("sweep: {{ regularization_strength: {written} }}")),
        )
        .sweep
        .strengths
    };
    assert_eq!(strengths("3"), [3.0]);
    assert_eq!(strengths("0.5"), [0.5]);
    assert_eq!(strengths("[0, 2, 0.5]"), [0.0, 2.0, 0.5]);
    let row = strengths("{ log: [2.0, 32.0], num: 5 }");
    assert_eq!((row[0], row[4]), (2.0, 32.0));
    for (found, expected) in row.iter().zip([2.0, 4.0, 8.0, 16.0, 32.0]) {
        assert!((found - expected).abs() < 1e-12 * expected, "{row:?}");
    }
}

#[test]
fn points_are_ordered_by_arm_strength_multiplier_and_seed() {
    let text = VALID
        .replace("{ log: [2.0, 20.0], num: 5 }", "[8, 4]")
        .replace("[0.5, 0.75, 1.0]", "[1.0, 0.5]");
    let plan = plan(&text);
    let searches: Vec<_> = plan.searches().iter().map(|s| (s.pressure, s.seed)).collect();
    let strong = [(8.0, 0), (8.0, 1), (4.0, 0), (4.0, 1)];
    assert_eq!(searches, strong.map(|(strength, seed)| (Pressure::Strength(strength), seed)));
    let points = plan.points();
    let found: Vec<_> =
        points.iter().map(|p| (p.arm, p.strength, p.width_multiplier, p.seed)).collect();
    let mut expected = Vec::new();
    for multiplier in [1.0, 0.5] {
        expected.extend([0, 1].map(|seed| (Arm::Uniform, None, multiplier, seed)));
    }
    for strength in [8.0, 4.0] {
        expected.extend([0, 1].map(|seed| (Arm::Shrink, Some(strength), 1.0, seed)));
    }
    for strength in [8.0, 4.0] {
        for multiplier in [1.0, 0.5] {
            expected.extend([0, 1].map(|seed| (Arm::Expand, Some(strength), multiplier, seed)));
        }
    }
    assert_eq!(found, expected);
    assert!(points.iter().enumerate().all(|(index, point)| point.index == index));
}

#[test]
fn the_seed_is_priced_as_it_is_built() {
    let plan = plan(VALID);
    let seed = plan.seed_graph();
    assert_eq!(plan.seed_cost, cost_models::Summary::of(&seed));
    assert_eq!(plan.seed_cost.flops, 2 * plan.seed_cost.macs);
    assert_eq!(plan.uniform_graph(&seed, 1.0).unwrap(), seed);
}

#[test]
fn a_plan_survives_json() {
    let plan = plan(VALID);
    let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
    assert_eq!(back, plan);
    assert_eq!(back.hash(), plan.hash());
}

#[test]
fn the_hash_depends_on_meaning_alone() {
    let base = plan(VALID).hash();
    assert_eq!(base.len(), 64);
    let reordered = VALID
        .replace("baselines: [uniform]\n", "")
        .replace("  strength: gamma\n  cost: flops\n", "  cost: flops\n  strength: gamma\n")
        .replace("# Question  Does it work?", "# Another comment");
    assert_eq!(plan(&reordered).hash(), base);
    for (old, new) in [
        ("seeds: [0, 1]", "seeds: [1, 0]"),
        ("epochs: 5", "epochs: 6"),
        ("cost: flops", "cost: params"),
        ("crop: 2", "crop: 1"),
        ("num: 5", "num: 6"),
        ("stem: small", "stem: small, dropout: 0.1"),
    ] {
        assert_ne!(plan(&VALID.replace(old, new)).hash(), base, "{new}");
    }
}

#[test]
fn every_data_set_gives_its_shape_and_images() {
    let with = |written: &str| plan(&SHORTEST.replace("{ fashion-mnist: {} }", written));
    let mnist = with("{ mnist: { validation: 100, train: 1000, test: 50 } }");
    assert_eq!(mnist.dataset, Dataset::Mnist(Images { train: 1000, validation: 100, test: 50 }));
    for (name, classes) in [("cifar-10", 10), ("cifar-100", 100)] {
        let cifar = with(&format!("{{ {name}: {{}} }}"));
        let images = Images { train: 45_000, validation: 5_000, test: 10_000 };
        assert_eq!((cifar.dataset.name(), cifar.dataset.images()), (name, images));
        assert_eq!((cifar.input, cifar.classes), (Shape::new(32, 32, 3), classes));
    }
    let npz = with(
        "{ npz: { height: 20, width: 30, channels: 3, classes: 7, train: 90, validation: 10, test: 20 } }",
    );
    assert_eq!(npz.dataset, Dataset::Npz(Images { train: 90, validation: 10, test: 20 }));
    assert_eq!((npz.input, npz.classes), (Shape::new(20, 30, 3), 7));
    let folder = with(
        "{ image-folder: { height: 20, width: 30, classes: 7, train: 90, validation: 10, test: 20, least_area: 1 } }",
    );
    let images = Images { train: 90, validation: 10, test: 20 };
    let framing = Framing { centre: 0.875, least_area: 1.0 };
    assert_eq!(folder.dataset, Dataset::ImageFolder { framing, corrupt: 10, images });
    assert_eq!((folder.input, folder.classes), (Shape::new(20, 30, 3), 7));
    let shards = with(
        "{ tar-shards: { height: 20, width: 30, channels: 1, classes: 7, train: 90, validation: 10, test: 20, centre: 1, corrupt: 0 } }",
    );
    let framing = Framing { centre: 1.0, least_area: 0.08 };
    let expected = Dataset::TarShards { framing, buffer: 1000, corrupt: 0, images };
    assert_eq!((shards.dataset, shards.input), (expected, Shape::new(20, 30, 1)));
    let sound =
        with("{ wav-folder: { classes: 7, frames: 48, train: 90, validation: 10, test: 20 } }");
    let patches = LogMel { frames: 48, ..LogMel::default() };
    assert_eq!(sound.dataset, Dataset::WavFolder { patches, corrupt: 10, images });
    assert_eq!((sound.input, sound.classes), (Shape::new(48, 64, 1), 7));
    let bars = with("{ synthetic: { side: 16, channels: 3, train: 100 } }");
    let images = Images { train: 100, validation: 128, test: 256 };
    assert_eq!(bars.dataset, Dataset::Synthetic { side: 16, channels: 3, images });
    assert_eq!((bars.input, bars.classes), (Shape::new(16, 16, 3), 4));
}

#[test]
fn every_family_is_a_seed_in_an_experiment_file() {
    let networks = [
        ("inception-v1", "stem: small"),
        ("inception-v2", "stem: small"),
        ("resnet", "depth: 18, stem: small"),
        ("cifar-resnet", "depth: 20, shortcut: pad"),
        ("audio-resnet", "depth: 18"),
        ("mobilenet-v1", "stem: small"),
        ("mobilenet-v2", "stem: small"),
        ("mobilenet-v3", "variant: small, stem: small"),
        ("efficientnet-b0", "stem: small"),
        ("shufflenet-v2", "size: x0.5, stem: small"),
        ("squeezenet", "batch_norm: true, stem: small"),
        ("densenet", "depth: 40"),
        ("xception", "stem: small"),
        ("vgg", "depth: 11, stem: small"),
        ("lenet-5", "batch_norm: true"),
    ];
    for family in architectures::Architecture::families() {
        let Some((_, settings)) = networks.iter().find(|(name, _)| name == family) else {
            // Made for 299x299, and no stem for small images.
            assert_eq!(*family, "inception-v3");
            continue;
        };
        let written = format!("{{ {family}: {{ {settings}, width_multiplier: 0.5 }} }}");
        let plan = plan(&SHORTEST.replace("{ inception-v2: { stem: small } }", &written));
        assert_eq!(plan.architecture.family(), *family);
        assert!(plan.seed_cost.macs > 0);
        let back: Plan = serde_json::from_str(&plan.to_json()).unwrap();
        assert_eq!(back, plan);
    }
}

#[test]
fn the_experiments_of_the_project_are_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            Plan::load(&path, &[]).unwrap_or_else(|faults| panic!("{faults}"));
            count += 1;
        }
    }
    assert!(count >= 2, "{count} experiments");
}
