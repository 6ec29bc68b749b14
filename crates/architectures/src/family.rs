//! What every family is asked for, and what is checked for all of them.

use graph::{BatchNorm, Graph, NodeId, Shape};

use crate::{
    ArchitectureError,
    assembly::{Assembly, Names, Wire},
    scaling::{Rounding, Scaling},
};

/// Classes of `ImageNet`.
pub(crate) const IMAGENET_CLASSES: usize = 1000;

/// Classes of CIFAR-10, MNIST and their kin.
pub(crate) const SMALL_CLASSES: usize = 10;

/// A network family with its options chosen.
pub(crate) trait Family {
    /// Name in experiment files.
    fn name(&self) -> &'static str;

    /// Shape of the images that the network was made for.
    fn natural_input(&self) -> Shape;

    /// Number of classes that the network was published for.
    fn natural_classes(&self) -> usize;

    /// The network; `classes` is at least 1.
    fn build(&self, input: Shape, classes: usize) -> Result<Graph, ArchitectureError>;
}

/// A network to be built. The options are checked when it is.
pub(crate) struct Request {
    pub(crate) family: &'static str,
    pub(crate) input: Shape,
    pub(crate) classes: usize,
    pub(crate) width_multiplier: f64,
    /// Fraction of features zeroed before the last layer; families without dropout have none.
    pub(crate) dropout: Option<f32>,
    /// Smallest height and width of an image.
    pub(crate) smallest: usize,
    /// What to do about a smaller one.
    pub(crate) remedy: &'static str,
    pub(crate) rounding: Rounding,
    pub(crate) norm: BatchNorm,
    pub(crate) names: Names,
}

impl Request {
    /// The graph whose output is what `body` makes of the image.
    pub(crate) fn assemble(
        self,
        body: impl FnOnce(&mut Assembly, NodeId) -> Wire,
    ) -> Result<Graph, ArchitectureError> {
        let Self { family, input, classes, width_multiplier, dropout, .. } = self;
        if !(width_multiplier.is_finite() && width_multiplier > 0.0) {
            return Err(ArchitectureError::WidthMultiplier { family, found: width_multiplier });
        }
        if let Some(found) = dropout.filter(|rate| !(0.0..1.0).contains(rate)) {
            return Err(ArchitectureError::Dropout { family, found });
        }
        let (smallest, remedy) = (self.smallest, self.remedy);
        if input.height.min(input.width) < smallest {
            return Err(ArchitectureError::InputTooSmall { family, input, smallest, remedy });
        }
        let scaling = Scaling { multiplier: width_multiplier, rounding: self.rounding };
        let mut assembly = Assembly::new(scaling, self.norm, self.names, dropout, classes);
        let logits = assembly.image(input).and_then(|image| body(&mut assembly, image));
        logits.and_then(|logits| assembly.finish(logits)).map_err(|source| {
            let source = Box::new(source);
            ArchitectureError::BeyondGraph { family, width_multiplier, input, classes, source }
        })
    }
}

/// The row of a table for this depth, if there is one.
pub(crate) fn row<T>(
    family: &'static str,
    depth: usize,
    table: &'static [(usize, T)],
) -> Result<&'static T, ArchitectureError> {
    match table.iter().find(|(known, _)| *known == depth) {
        Some((_, row)) => Ok(row),
        None => Err(ArchitectureError::Depth {
            family,
            found: depth,
            known: table.iter().map(|(known, _)| *known).collect(),
        }),
    }
}
