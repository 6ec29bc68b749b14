//! What can be wrong with a file, or with a graph that is to become one.

use graph::GraphError;
use thiserror::Error;

/// A file that cannot be imported, or a graph that cannot be exported.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The bytes are no ONNX model.
    #[error("not an ONNX model: {0}")]
    Decode(String),
    /// Beyond a limit that protects memory.
    #[error(
        "{what}: {found} are more than the limit of {limit}; raise the limit if the file is to be trusted"
    )]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many there are, or were when counting ended.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// An operator set of another age.
    #[error(
        "operator set {0} is not supported: export with one of 7 to 21 (6 is read where it means the same)"
    )]
    Opset(i64),
    /// The model as a whole.
    #[error("{problem}; {remedy}")]
    Model {
        /// What was found.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A node that the graph cannot express.
    #[error("node `{node}` ({op}): {problem}; {remedy}")]
    Refused {
        /// Name of the node, or of its first output.
        node: String,
        /// ONNX operator at import, our operator at export.
        op: String,
        /// What was found.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A stored tensor.
    #[error("tensor `{tensor}`: {problem}; {remedy}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What was found.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The imported nodes do not make a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// What is wrong with a node whose name the caller knows.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) problem: String,
    pub(crate) remedy: &'static str,
}

impl Trouble {
    pub(crate) fn new(problem: impl Into<String>, remedy: &'static str) -> Self {
        Self { problem: problem.into(), remedy }
    }

    pub(crate) fn at(self, node: &str, op: &str) -> OnnxError {
        let (node, op) = (node.to_owned(), op.to_owned());
        OnnxError::Refused { node, op, problem: self.problem, remedy: self.remedy }
    }
}

/// A node cannot be expressed.
pub(crate) fn refuse<T>(problem: impl Into<String>, remedy: &'static str) -> Result<T, Trouble> {
    Err(Trouble::new(problem, remedy))
}

impl From<GraphError> for Trouble {
    fn from(error: GraphError) -> Self {
        Self::new(error.to_string(), "correct the network before it is exported")
    }
}
