//! A network that is named on the command line.

use std::path::Path;

use datasets::Streams;
use graph::{Graph, Op, Shape};
use onnx::{Imported, Options};
use training::{Network, Parameters};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::{spec, store};

/// A network with a name for people. Its weights are those of its file, or fresh ones of seed 0.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) network: Network,
}

/// The network of an ONNX file, the seed of an experiment file, or a family with options as in an experiment file. Images
/// and classes are what it was made for unless others are asked for; of an ONNX file only the size of images can be, if the
/// file leaves it open.
pub(crate) fn named(
    text: &str,
    input: Option<Shape>,
    classes: Option<u32>,
) -> Result<Named, Diagnostics> {
    let path = Path::new(text);
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
        let (name, graph) = graph(text, input, classes)?;
        return Ok(Named { name, network: Network::init(graph, Streams::new(0)) });
    }
    if classes.is_some() {
        let fault = Diagnostic::new(format!("`{text}` has a number of classes of its own"));
        return Err(fault.help("leave out `--classes`").into());
    }
    let network = of_file(text, path, input)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Named { name, network })
}

fn of_file(text: &str, path: &Path, input: Option<Shape>) -> Result<Network, Diagnostic> {
    let bytes = store::read(path).map_err(|error| Diagnostic::new(format!("{error:#}")))?;
    let bytes = bytes.ok_or_else(|| Diagnostic::new(format!("`{text}`: there is no such file")))?;
    let image = input.map(|shape| [shape.height, shape.width]);
    let Imported { graph, weights, .. } =
        onnx::import(&bytes, &Options { image, ..Options::default() })
            .map_err(|error| Diagnostic::new(format!("`{text}`: {error}")))?;
    if let (Some(asked), Some(found)) = (input, image_shape(&graph))
        && asked != found
    {
        let words = |shape: Shape| format!("{}x{}x{}", shape.channels, shape.height, shape.width);
        let fault = Diagnostic::new(format!(
            "`{text}` is for images of {}, not {}",
            words(found),
            words(asked)
        ));
        return Err(fault.help("leave out `--input`"));
    }
    let mut parameters = Parameters::new();
    for ((node, role), tensor) in weights {
        parameters.insert(node, role, tensor);
    }
    Ok(Network { graph, parameters })
}

/// The seed of an experiment file, or a family with options as in an experiment file.
pub(crate) fn graph(
    text: &str,
    input: Option<Shape>,
    classes: Option<u32>,
) -> Result<(String, Graph), Diagnostics> {
    let path = Path::new(text);
    let (name, architecture, natural, usual) = if is_yaml(path) {
        let plan = Plan::load(path, &[])?;
        (plan.name, plan.architecture, plan.input, plan.classes)
    } else {
        let architecture = spec::named(text)?;
        let (natural, usual) = (architecture.natural_input(), architecture.natural_classes());
        (architecture.family().to_owned(), architecture, natural, usual)
    };
    let classes = classes.map_or(usual, |classes| classes as usize);
    let graph = architecture.build(input.unwrap_or(natural), classes).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        let fault = Diagnostic::new(format!("{error}{}", cause.unwrap_or_default()));
        match error.option() {
            Some(_) => fault,
            None => fault.help("choose another `--input CxHxW`, `--classes N` or another network"),
        }
    })?;
    Ok((name, graph))
}

/// Shape of the first image that a network reads.
pub(crate) fn image_shape(graph: &Graph) -> Option<Shape> {
    graph.nodes().find(|(_, node)| matches!(node.op, Op::Input(_))).map(|(_, node)| node.shape)
}

/// Whether a path is that of an experiment file.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml")
    })
}
