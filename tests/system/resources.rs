//! What the method is for, on real data: which layers lose channels depends on what is charged.

use std::fs;
use std::process::Command;

use graph::Graph;
use runner::plan::Plan;
use surgery::Structure;

use crate::program::{PROGRAM, expect_code};

const EXPERIMENT: &str = "
schema: 1
seeds: [0, 1]
dataset: { fashion-mnist: { train: 4000, validation: 100, test: 100 } }
architecture: { inception-v2: { stem: small } }
search:  { epochs: 3, batch_size: 32, optimizer: { sgd: { momentum: 0.9 } }, learning_rate: { constant: 0.05 } }
retrain: { epochs: 1, batch_size: 100, optimizer: { sgd: {} }, learning_rate: { constant: 0.01 } }
sweep:   { target: [{ flops: 50% }, { params: 50% }] }
stop_after: shrink
baselines: []
";

/// The share of channels that layers lost, of those with an output of more than 7 x 7 positions and of the others.
fn lost(seed: &Graph, structure: &Structure) -> [f64; 2] {
    [true, false].map(|early| {
        let (mut before, mut after) = (0, 0);
        for (_, node) in seed.nodes().filter(|(_, node)| node.op.is_producer()) {
            if (node.shape.height > 7) == early {
                before += structure.layers[&node.name].before;
                after += structure.layers[&node.name].after;
            }
        }
        1.0 - f64::from(after as u32) / f64::from(before as u32)
    })
}

/// To half the FLOPs and to half the parameters (the claim of figure 1 of Gordon et al. 2018): operations are where the resolution
/// is high, parameters where channels are many.
#[test]
fn flops_are_saved_in_early_layers_and_parameters_in_late_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resources.yaml");
    fs::write(&file, EXPERIMENT).unwrap();
    let output =
        Command::new(PROGRAM).arg(&file).arg("--results").arg(folder.path()).output().unwrap();
    expect_code(&output, 0);
    let network = Plan::load(&file, &[]).unwrap().seed_graph();
    for seed in [0, 1] {
        let of = |resource: &str| {
            let name = format!("target-{resource}-50-percent-seed-{seed}.json");
            let bytes = fs::read(folder.path().join("resources/structures").join(name)).unwrap();
            lost(&network, &serde_json::from_slice(&bytes).unwrap())
        };
        let ([early, late], [early_params, late_params]) = (of("flops"), of("params"));
        let found = format!(
            "seed {seed}: FLOPs {early:.2} and {late:.2}, params {early_params:.2} and {late_params:.2}"
        );
        assert!(early > late && late_params > early_params, "{found}");
        assert!(early > early_params && late_params > late, "{found}");
    }
}
