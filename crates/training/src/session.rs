//! A program on a device: parameters in, steps, parameters out.

mod filters;

use datasets::LabelSets;
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
    /// What the labels of batches stand for, if images have several.
    sets: Option<LabelSets>,
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
        let labels = vec![0.0; program.layout.labels.len];
        let results = vec![0.0; program.batch];
        Ok(Self { device, program, memory, executable, sets: None, labels, results })
    }

    /// A session of a program for images with several labels.
    pub(crate) fn multi_label(
        program: Program,
        sets: LabelSets,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        let (found, expected) = (sets.classes(), program.logits.channels);
        if found != expected {
            return Err(TrainError::LabelClasses { found, expected });
        }
        Ok(Self { sets: Some(sets), ..Self::new(program, device)? })
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
        match &self.sets {
            Some(sets) => sets.write_targets(labels, &mut self.labels),
            None => {
                for (value, label) in self.labels.iter_mut().zip(labels) {
                    *value = *label as f32;
                }
            }
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

    /// The logits of the batch that inference was last executed on, `[image, class]`.
    pub(crate) fn logits(&self) -> Vec<f32> {
        let logits = self.program.logits;
        let values = self.download(Span::new(logits.offset, logits.end() - logits.offset));
        values.chunks(logits.pitch).flat_map(|row| &row[..logits.channels]).copied().collect()
    }

    /// Whether an image with this label has this class.
    pub(crate) fn has_class(&self, label: u32, class: u32) -> bool {
        match &self.sets {
            Some(sets) => sets.set(label).is_some_and(|members| members.contains(&class)),
            None => label == class,
        }
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
    /// Fraction of images classified correctly; if images have several labels, those whose largest logit is one of them.
    pub accuracy: f64,
    /// Mean cross entropy, without smoothing.
    pub loss: f64,
    /// Number of images.
    pub images: u64,
}

/// Accuracy, mean loss and average precision over a set of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Precision {
    /// Mean over the classes that have an image; none if no class has.
    pub mean_average_precision: Option<f64>,
    /// [`crate::average_precision`] of every class; none if it has no image.
    pub of_classes: Vec<Option<f64>>,
    /// The rest.
    pub score: Score,
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

    /// As [`Evaluator::new`], for images with several labels; the labels of what is scored are numbers of `sets`.
    pub fn multi_label(
        graph: &Graph,
        batch: usize,
        sets: &LabelSets,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        Self::for_labels(graph, batch, GateRecipe::default(), Some(sets), device)
    }

    /// As [`Evaluator::with_gates`], or for images with several labels where there are sets of them.
    pub fn for_labels(
        graph: &Graph,
        batch: usize,
        gates: GateRecipe,
        sets: Option<&LabelSets>,
        device: &'d D,
    ) -> Result<Self, TrainError> {
        let Some(sets) = sets else { return Self::with_gates(graph, batch, gates, device) };
        let program = Program::multi_label_inference(graph, batch, gates)?;
        let images = vec![0.0; batch * program.input.elements()];
        let session = Session::multi_label(program, sets.clone(), device)?;
        Ok(Self { session, images, labels: vec![0; batch] })
    }

    /// Scores a network on all images of a set. The batch size of the set must be the evaluator's.
    pub fn score(
        &mut self,
        network: &Network,
        set: &datasets::Evaluation,
    ) -> Result<Score, TrainError> {
        self.score_and(network, set, &mut |_, _| ())
    }

    /// As [`Evaluator::score`], with the average precision of every class. Keeps the logits of all images.
    pub fn precision(
        &mut self,
        network: &Network,
        set: &datasets::Evaluation,
    ) -> Result<Precision, TrainError> {
        let classes = self.session.program.logits.channels;
        let mut logits = vec![Vec::new(); classes];
        let mut has_class = vec![Vec::new(); classes];
        let score = self.score_and(network, set, &mut |session, labels| {
            let values = session.logits();
            for (row, label) in values.chunks_exact(classes).zip(labels) {
                for class in 0..classes {
                    logits[class].push(row[class]);
                    has_class[class].push(session.has_class(*label, class as u32));
                }
            }
        })?;
        let of_class = |(logits, has_class): (&Vec<f32>, &Vec<bool>)| {
            crate::average_precision(logits, has_class)
        };
        let of_classes: Vec<Option<f64>> = logits.iter().zip(&has_class).map(of_class).collect();
        let known: Vec<f64> = of_classes.iter().copied().flatten().collect();
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let mean_average_precision = (!known.is_empty()).then_some(mean);
        Ok(Precision { mean_average_precision, of_classes, score })
    }

    /// Scores a network; `see` is given the session after each batch, and the labels of its images.
    fn score_and(
        &mut self,
        network: &Network,
        set: &datasets::Evaluation,
        see: &mut dyn FnMut(&Session<'d, D>, &[u32]),
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
            see(&self.session, &self.labels[..valid]);
        }
        let images = count as f64;
        Ok(Score { accuracy: sum.correct as f64 / images, loss: sum.loss / images, images: count })
    }
}
