//! A program on a device: parameters in, steps, parameters out.

use graph::{Graph, NodeId, Role};
use ndarray::{ArrayD, IxDyn};
use tensor_ops::{Device, Scalars, Span};

use crate::{GateRecipe, Network, Parameters, Program, TrainError};

/// A program with its memory on a device.
pub(crate) struct Session<'d, D: Device> {
    device: &'d D,
    pub(crate) program: Program,
    memory: D::Memory,
    executable: D::Executable,
    labels: Vec<f32>,
    results: Vec<f32>,
}

/// Sums over the images of one batch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct BatchResult {
    pub(crate) loss: f64,
    pub(crate) correct: u64,
}

impl<'d, D: Device> Session<'d, D> {
    pub(crate) fn new(program: Program, device: &'d D) -> Result<Self, TrainError> {
        let memory = device.allocate(program.arena)?;
        let executable = device.prepare(program.instructions.clone(), program.arena)?;
        let (labels, results) = (vec![0.0; program.batch], vec![0.0; program.batch]);
        Ok(Self { device, program, memory, executable, labels, results })
    }

    /// Copies a span to the device.
    pub(crate) fn upload(&mut self, span: Span, values: &[f32]) {
        self.device.upload(&mut self.memory, span, values);
    }

    /// Copies a span from the device.
    pub(crate) fn download(&self, span: Span) -> Vec<f32> {
        let mut values = vec![0.0; span.len];
        self.device.download(&self.memory, span, &mut values);
        values
    }

    /// Executes the program on what the memory holds.
    pub(crate) fn execute(&mut self, scalars: Scalars) {
        self.device.execute(&mut self.memory, &mut self.executable, scalars);
    }

    /// Executes something else on the program's memory.
    pub(crate) fn execute_other(&mut self, executable: &mut D::Executable, scalars: Scalars) {
        self.device.execute(&mut self.memory, executable, scalars);
    }

    /// Executes the program on a batch of which the first `valid` images count.
    pub(crate) fn run(
        &mut self,
        images: &[f32],
        labels: &[u32],
        valid: usize,
        scalars: Scalars,
    ) -> BatchResult {
        let layout = &self.program.layout;
        for (value, label) in self.labels.iter_mut().zip(labels) {
            *value = *label as f32;
        }
        self.device.upload(&mut self.memory, layout.images, images);
        self.device.upload(&mut self.memory, layout.labels, &self.labels);
        self.device.execute(&mut self.memory, &mut self.executable, scalars);
        self.device.download(&self.memory, layout.losses, &mut self.results);
        let loss = self.results[..valid].iter().map(|loss| f64::from(*loss)).sum();
        self.device.download(&self.memory, layout.correct, &mut self.results);
        let correct = self.results[..valid].iter().filter(|verdict| **verdict > 0.5).count() as u64;
        BatchResult { loss, correct }
    }

    /// Copies all parameters of a network to the device.
    pub(crate) fn load(
        &mut self,
        graph: &Graph,
        parameters: &Parameters,
    ) -> Result<(), TrainError> {
        let slots: Vec<_> =
            self.program.layout.parameters().map(|(spec, span)| (spec.clone(), span)).collect();
        for (spec, span) in slots {
            let name = || format!("{}/{:?}", graph.node(spec.node).name, spec.role);
            let problem = |problem: String| TrainError::Parameter { name: name(), problem };
            let values = parameters.values(spec.node, spec.role);
            let values = values.ok_or_else(|| problem("is missing".to_owned()))?;
            if values.len() != span.len {
                return Err(problem(format!("has {} values, expected {}", values.len(), span.len)));
            }
            self.upload(span, values);
        }
        Ok(())
    }

    /// All parameters, copied from the device.
    pub(crate) fn parameters(&self) -> Parameters {
        let mut parameters = Parameters::new();
        for (spec, span) in self.program.layout.parameters() {
            let tensor = ArrayD::from_shape_vec(IxDyn(&spec.dimensions), self.download(span));
            parameters.insert(
                spec.node,
                spec.role,
                tensor.expect("a span has as many values as its tensor"),
            );
        }
        parameters
    }

    /// The parameters asked for, copied from the device into tensors that are already there or are made.
    pub(crate) fn read(&self, wanted: &[(NodeId, Role)], into: &mut Parameters) {
        for (node, role) in wanted {
            let span = self.program.layout.span(*node, *role);
            match into.values_mut(*node, *role) {
                Some(values) => self.device.download(&self.memory, span, values),
                None => into.insert(
                    *node,
                    *role,
                    ArrayD::from_shape_vec(IxDyn(&[span.len]), self.download(span))
                        .expect("one dimension"),
                ),
            }
        }
    }

    /// The parameters asked for, copied to the device.
    pub(crate) fn write(&mut self, wanted: &[(NodeId, Role)], from: &Parameters) {
        for (node, role) in wanted {
            let span = self.program.layout.span(*node, *role);
            let values = from.values(*node, *role).expect("read before");
            self.device.upload(&mut self.memory, span, values);
        }
    }
}

/// Accuracy and mean loss over a set of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Fraction of images classified correctly.
    pub accuracy: f64,
    /// Mean cross entropy, without smoothing.
    pub loss: f64,
    /// Number of images.
    pub images: u64,
}

/// Scores networks of one graph.
pub struct Evaluator<'d, D: Device> {
    session: Session<'d, D>,
    images: Vec<f32>,
    labels: Vec<u32>,
}

impl<'d, D: Device> Evaluator<'d, D> {
    /// Plans inference for a graph. Gates are as the default recipe has them.
    pub fn new(graph: &Graph, batch: usize, device: &'d D) -> Result<Self, TrainError> {
        Self::with_gates(graph, batch, GateRecipe::default(), device)
    }

    /// As [`Evaluator::new`], with gates as another recipe has them.
    pub fn with_gates(
        graph: &Graph,
        batch: usize,
        gates: GateRecipe,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        let program = Program::gated_inference(graph, batch, gates)?;
        let images = vec![0.0; batch * program.input.elements()];
        Ok(Self { session: Session::new(program, device)?, images, labels: vec![0; batch] })
    }

    /// Scores a network on all images of a set. The batch size of the set must be the evaluator's.
    pub fn score(
        &mut self,
        network: &Network,
        set: &datasets::Evaluation,
    ) -> Result<Score, TrainError> {
        crate::trainer::fits(&self.session.program, set.shape())?;
        self.session.load(&network.graph, &network.parameters)?;
        let (mut sum, mut count) = (BatchResult::default(), 0_u64);
        for batch in 0..set.batches() {
            let valid = set.fill(batch, &mut self.images, &mut self.labels)?;
            let scalars = Scalars { rate: 0.0, step: 1, seed: 0 };
            let result = self.session.run(&self.images, &self.labels, valid, scalars);
            sum.loss += result.loss;
            sum.correct += result.correct;
            count += valid as u64;
        }
        let images = count as f64;
        Ok(Score { accuracy: sum.correct as f64 / images, loss: sum.loss / images, images: count })
    }
}
