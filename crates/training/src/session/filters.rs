//! Strengths and steps of filters where they lie.

use graph::{NodeId, Role};
use tensor_ops::{Device, FilterStep, Instruction, Scalars, Span, Tensor};

use super::Session;
use crate::{Filters, TrainError};

/// Reads the strengths of the filters of some kernels, and shrinks them.
pub(crate) struct FilterSteps<D: Device> {
    /// The kernels, and where both strengths and shares of their filters lie.
    kernels: Vec<(NodeId, Span)>,
    measure: D::Executable,
    shrink: D::Executable,
}

/// Nothing of these depends on the step.
const SCALARS: Scalars = Scalars { rate: 0.0, step: 1, seed: 0 };

impl<D: Device> Session<'_, D> {
    /// Prepares both for kernels of this program. What goes to and from the device lies where the gradients do, which nobody
    /// reads between a step and the next.
    pub(crate) fn filter_steps(&self, kernels: &[NodeId]) -> Result<FilterSteps<D>, TrainError> {
        let (mut places, mut measure, mut shrink) = (Vec::new(), Vec::new(), Vec::new());
        for node in kernels {
            let span = self.program.layout.span(*node, Role::Weight);
            let columns = self.program.layout.columns(*node, Role::Weight);
            let kernel = Tensor::dense(span.offset, span.len / columns, columns);
            let gradient = self.program.layout.gradient(*node, Role::Weight);
            let gradient = gradient.expect("kernels are trained");
            let place = Span::new(gradient.offset, columns);
            places.push((*node, place));
            let strengths = FilterStep::RootMeanSquares { kernel, strengths: place };
            measure.push(Instruction::Filters(strengths));
            shrink.push(Instruction::Filters(FilterStep::Shrink { kernel, shares: place }));
        }
        let [measure, shrink] =
            [measure, shrink].map(|steps| self.device.prepare(steps, self.program.arena));
        Ok(FilterSteps { kernels: places, measure: measure?, shrink: shrink? })
    }

    /// Reads the strengths as they are now.
    pub(crate) fn measure(&mut self, steps: &mut FilterSteps<D>, into: &mut Filters) {
        self.execute_other(&mut steps.measure, SCALARS);
        for (node, span) in &steps.kernels {
            match into.renew(*node) {
                Some(strengths) => self.device.download(&self.memory, *span, strengths),
                None => into.insert(*node, self.download(*span)),
            }
        }
    }

    /// Takes the shares off.
    pub(crate) fn shrink(&mut self, steps: &mut FilterSteps<D>, by: &Filters) {
        for (node, span) in &steps.kernels {
            let shares = by.shares(*node).expect("measured before");
            self.device.upload(&mut self.memory, *span, shares);
        }
        self.execute_other(&mut steps.shrink, SCALARS);
    }
}
