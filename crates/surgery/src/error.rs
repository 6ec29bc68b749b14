//! What can go wrong in surgery.

use graph::GraphError;
use thiserror::Error;

/// An operation that cannot be done.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SurgeryError {
    /// The rewritten graph is not a network.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// No width fits the budget.
    #[error(
        "a budget of {budget} cannot be met: with one channel per group the network still costs {lowest}"
    )]
    Infeasible {
        /// The budget, in the cost model's unit.
        budget: f64,
        /// Cost of the narrowest network.
        lowest: f64,
    },
    /// A network that another one cannot grow to.
    #[error(
        "cannot grow to this network: node `{node}` {problem}; grow to a network that `expand` made of it"
    )]
    NotWider {
        /// Name of the node.
        node: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A network that widths cannot be transferred to.
    #[error(
        "cannot transfer widths to this network: node `{node}` {problem}; build both with the same options but for width"
    )]
    Transfer {
        /// Name of the node.
        node: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An expansion without anything that limits it.
    #[error("an expansion needs at least one budget")]
    NoBudget,
    /// A multiplier that is not a positive number.
    #[error("a width multiplier must be a positive number, is {0}")]
    Multiplier(f64),
    /// A divisor of zero.
    #[error("a channel divisor must be at least 1")]
    Divisor,
    /// A parameter that the graph calls for is missing.
    #[error("parameter {role} of node `{node}` is missing")]
    Missing {
        /// Name of the node.
        node: String,
        /// Role of the parameter.
        role: String,
    },
}
