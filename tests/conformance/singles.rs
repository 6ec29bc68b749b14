//! `unit_ops.json`: single operators at given widths and sums of strengths.

use std::collections::BTreeMap;

use graph::{Builder, Op};
use serde::Deserialize;

use crate::charge::{Target, coefficient, device};
use crate::check::Check;
use crate::deviations::{Site, as_original};
use crate::schema::Node;
use crate::translate;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Singles {
    schema_version: u32,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    in_shapes: Vec<Vec<usize>>,
    alive_in: f64,
    alive_out: f64,
    reg_in: f64,
    reg_out: f64,
    batch: usize,
    flop_coeff: f64,
    weight_coeff: f64,
    flops: [f64; 2],
    model_size: [f64; 2],
    activation: [f64; 2],
    memory_bytes: [f64; 2],
    latency: BTreeMap<String, [f64; 2]>,
    quirk: Option<String>,
    #[serde(flatten)]
    pub(crate) node: Node,
}

impl Singles {
    /// The operators of the file.
    pub(crate) fn operators(&self) -> Vec<String> {
        let mut operators: Vec<String> =
            self.cases.iter().map(|case| case.node.op.clone()).collect();
        operators.sort();
        operators.dedup();
        operators
    }

    /// Checks all cases of one operator.
    pub(crate) fn verify(&self, operator: &str, check: &mut Check) -> Result<(), String> {
        check.equal("schema version", self.schema_version, 1);
        self.cases.iter().filter(|case| case.node.op == operator).try_for_each(|case| {
            let mut own = Check::default();
            case.verify(&mut own)?;
            let reproduced: Vec<&String> = own.quirks.keys().collect();
            let marked: Vec<&String> = case.quirk.iter().collect();
            check.equal(format_args!("quirks of {}", case.node.op), reproduced, marked);
            check.absorb(own);
            Ok(())
        })
    }
}

impl Case {
    fn verify(&self, check: &mut Check) -> Result<(), String> {
        let wrong = |error: graph::GraphError| error.to_string();
        let mut build = Builder::new();
        let mut inputs = Vec::new();
        for (position, shape) in self.in_shapes.iter().enumerate() {
            let input = Op::Input(translate::shape(shape)?);
            inputs.push(build.add(&format!("input {position}"), input, &[]).map_err(wrong)?);
        }
        let node = Node { id: self.node.op.clone(), ..self.node.clone() };
        let op = translate::op(&node, build.shape(inputs[0]))?;
        let wire = build.add(&node.id, op, &inputs).map_err(wrong)?;
        let graph = build.finish(&[wire]).map_err(wrong)?;
        check.equal("shape", graph.node(wire).shape, translate::shape(&self.node.out_shape)?);
        let what = format!("{} on {:?}", node.op, self.in_shapes);

        let width = |id| if id == wire { self.alive_out } else { self.alive_in };
        let sum = |id| if id == wire { self.reg_out } else { self.reg_in };
        let batch = self.batch as f64;
        let mut targets = vec![
            ("flops".to_owned(), Target::Flops, self.flops.map(|flops| flops / batch)),
            ("model size".to_owned(), Target::ModelSize, self.model_size),
            ("activation".to_owned(), Target::Activation, self.activation),
            ("memory".to_owned(), Target::Memory(self.batch), self.memory_bytes),
        ];
        for (hardware, expected) in &self.latency {
            let target = Target::Latency(device(hardware)?, self.batch);
            targets.push((format!("latency of {hardware}"), target, *expected));
        }
        for (name, target, expected) in &targets {
            let site = Site { graph: &graph, node: &node, wire, inputs: &inputs, target };
            let charge = as_original(&site, check)?;
            let [cost, term] = charge.at(&width, &sum);
            check.close(format_args!("{name} of {what}"), cost, expected[0]);
            check.close(format_args!("{name} term of {what}"), term, expected[1]);
            for (counted, expected) in
                [(Target::Flops, self.flop_coeff), (Target::ModelSize, self.weight_coeff)]
            {
                let found = charge.compute.cost.first().map_or(0.0, coefficient);
                if site.target == &counted {
                    check.close(format_args!("coefficient of {name} of {what}"), found, expected);
                }
            }
        }
        Ok(())
    }
}
