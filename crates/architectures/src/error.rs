//! What can be wrong with an architecture.

use graph::{GraphError, Shape};
use thiserror::Error;

/// An architecture that cannot become a graph.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum ArchitectureError {
    /// The width multiplier is not a positive finite number.
    #[error("`width_multiplier` of `{family}` must be positive and finite, is {found}")]
    WidthMultiplier {
        /// Name of the family.
        family: &'static str,
        /// The multiplier given.
        found: f64,
    },
    /// The dropout rate is outside its range.
    #[error("`dropout` of `{family}` must be in [0, 1), is {found}")]
    Dropout {
        /// Name of the family.
        family: &'static str,
        /// The rate given.
        found: f32,
    },
    /// A depth that the family does not have.
    #[error("`depth` of `{family}` must be {}, is {found}", listed(.known))]
    Depth {
        /// Name of the family.
        family: &'static str,
        /// The depth given.
        found: usize,
        /// The depths that there are.
        known: Vec<usize>,
    },
    /// A classifier without classes.
    #[error("`{family}` needs at least 1 class, 0 given")]
    NoClasses {
        /// Name of the family.
        family: &'static str,
    },
    /// The image is smaller than the overall stride of the network.
    #[error(
        "`{family}` does not fit an input of {input}: the smallest that fits is {smallest}x{smallest}; {remedy}"
    )]
    InputTooSmall {
        /// Name of the family.
        family: &'static str,
        /// Shape of the image.
        input: Shape,
        /// Smallest height and width.
        smallest: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// A layer is beyond what a graph may hold.
    #[error(
        "`{family}` with width multiplier {width_multiplier} cannot be built for an input of {input} and {classes} classes"
    )]
    BeyondGraph {
        /// Name of the family.
        family: &'static str,
        /// The multiplier given.
        width_multiplier: f64,
        /// Shape of the image.
        input: Shape,
        /// Number of classes.
        classes: usize,
        /// The first layer that does not fit.
        source: Box<GraphError>,
    },
    /// A layer of a list that does not fit.
    #[error("`layers{at}` cannot be built")]
    Layer {
        /// Where it stands in the list, as `[2].add[0][1]`.
        at: String,
        /// What does not fit.
        source: Box<GraphError>,
    },
    /// A list that ends at an image.
    #[error(
        "`layers` ends at {found}, and the classifier reads one position; end with `global-avg-pool` or `flatten`"
    )]
    SeveralPositions {
        /// Shape at the end of the list.
        found: Shape,
    },
    /// The image or the classifier of a list cannot be.
    #[error("`layers` cannot be built")]
    Classifier {
        /// What does not fit.
        source: Box<GraphError>,
    },
    /// A list of too many layers.
    #[error("`layers` has {found} layers, expected at most {most}")]
    TooManyLayers {
        /// Number of layers, those in branches included.
        found: usize,
        /// How many there may be.
        most: usize,
    },
}

impl ArchitectureError {
    /// The option whose value cannot be, if it is one alone; for a list of layers where the layer stands.
    pub fn option(&self) -> Option<&str> {
        match self {
            Self::WidthMultiplier { .. } => Some("width_multiplier"),
            Self::Dropout { .. } => Some("dropout"),
            Self::Depth { .. } => Some("depth"),
            Self::Layer { at, source: _ } => Some(at),
            Self::NoClasses { .. }
            | Self::InputTooSmall { .. }
            | Self::BeyondGraph { .. }
            | Self::SeveralPositions { .. }
            | Self::Classifier { .. }
            | Self::TooManyLayers { .. } => None,
        }
    }
}

fn listed(known: &[usize]) -> String {
    let words: Vec<String> = known.iter().map(usize::to_string).collect();
    match words.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} or {last}", all.join(", ")),
    }
}
