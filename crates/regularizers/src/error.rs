//! What can be wrong with a strength, a grouping or their use.

use graph::{GraphError, Role};

/// A strength or grouping that cannot be used as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StrengthError {
    /// The share of the L1 norm in a group lasso.
    #[error("the L1 fraction of the group lasso is {0}; it must lie in [0, 1]")]
    L1Fraction(f32),
    /// The parameters lack a tensor.
    #[error(
        "node `{node}` has no {role:?} tensor of {expected} values; give the parameters of this graph"
    )]
    Parameter {
        /// Name of the node.
        node: String,
        /// The role asked for.
        role: Role,
        /// Number of values that it must have.
        expected: usize,
    },
    /// The noise of a sampled gate.
    #[error("gate `{node}` has {expected} channels, but the noise given for it has {found} values")]
    Noise {
        /// Name of the gate.
        node: String,
        /// Channels of the gate.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The temperature of a sampled gate.
    #[error("the temperature of a gate is {0}; it must be above 0")]
    Temperature(f32),
    /// The probability that one of several is on asks for probabilities.
    #[error(
        "strengths of kind `{0}` are no probabilities; combine them by `max` or `l2`, or use gates"
    )]
    NotProbabilities(&'static str),
    /// One price per group.
    #[error("{found} prices were given for {expected} channel groups")]
    Prices {
        /// Number of groups.
        expected: usize,
        /// Number of prices.
        found: usize,
    },
}

/// A penalty that cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PenaltyError {
    /// The strength or the grouping.
    #[error(transparent)]
    Strength(#[from] StrengthError),
    /// The ties of the scope.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// A budget without a resource.
    #[error("a budget needs at least one target")]
    NoTarget,
    /// A target that the graph does not allow.
    #[error(
        "target {number} asks for a cost of at most {target}, but the graph allows no less than {lowest} of {seed}: raise the target, \
         ignore fewer layers, or lower the smallest width"
    )]
    Infeasible {
        /// Which target, from 1.
        number: usize,
        /// What is asked for.
        target: f64,
        /// The lowest cost.
        lowest: f64,
        /// Cost of the whole graph.
        seed: f64,
    },
}
