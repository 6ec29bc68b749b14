//! `runner morph`: a network in, a smaller one out.

use std::path::{Path, PathBuf};

use cost_models::CostForm;
use datasets::Labels;
use graph::{Activation, Builder, Graph, GraphError, NodeId, Op, Shape};
use regularizers::{Scope, Settings, StrengthKind, feasible};
use training::Network;

use super::{Outcome, closing, code};
use crate::cli::MorphOptions;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::network::from_onnx;
use crate::plan::{Model, MorphPlan, Problem, Standards, Wish, images_of, resolve_morph};
use crate::run::morph::{MorphSettings, Original, run};
use crate::spec::{self, DatasetSection, Source};
use crate::store;

/// Morphs what the options name.
pub fn morph(options: &MorphOptions) -> Outcome {
    let (plan, original) = match plan(options) {
        Ok(planned) => planned,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    match run(&plan, &original, &settings(options)) {
        Ok((outcome, table)) => {
            Outcome { stdout: table, stderr: closing(outcome), code: code(outcome) }
        }
        Err(failure) => Outcome::failure(&failure),
    }
}

fn settings(options: &MorphOptions) -> MorphSettings {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    MorphSettings {
        output: options.output.clone().unwrap_or_else(|| default_output(&options.model)),
        data: options.data_dir.clone(),
        threads: options.threads.map_or(cores, usize::from),
        level: options.simd,
        fresh: options.fresh,
        fold_batch_norm: options.fold_batch_norm,
        #[cfg(feature = "onnx-runtime")]
        onnx_runtime: options.onnx_runtime.clone(),
    }
}

/// `results/morph-NAME`, where the name is that of the file or the network.
fn default_output(model: &str) -> PathBuf {
    let stem = Path::new(model).file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    let name: String = stem.chars().map(plain).collect();
    Path::new("results").join(format!("morph-{}", name.trim_matches('-')))
}

/// The plan, and the network to begin with, after everything about them that can be checked beforehand.
fn plan(options: &MorphOptions) -> Result<(MorphPlan, Original), Diagnostics> {
    let section = DatasetSection::named(&options.dataset)?;
    let (_, input, classes) = images_of(&section.dataset).map_err(|found| unplaced(found, None))?;
    let target = spec::target(&options.target)?;
    let labels = section.dataset.labels().into();
    let (model, original) = read_model(&options.model, input, classes, labels)?;
    let seed = if options.add_batch_norm {
        surgery::with_batch_norms(original.graph())
    } else {
        original.graph().clone()
    };
    let has_weights = matches!(original, Original::Trained(_)) && !options.from_scratch;
    let (source, spec) =
        spec::defaults(&options.dataset, strength(&seed), has_weights, &options.set)?;
    let wish = Wish {
        model,
        target,
        standards: standards(options, input.channels)?,
        add_batch_norm: options.add_batch_norm,
        expand: options.expand,
        from_scratch: options.from_scratch,
        seed: options.seed,
    };
    let plan = resolve_morph(&spec, wish, original.graph(), &seed)
        .map_err(|found| unplaced(found, Some(&source)))?;
    fits(original.graph(), plan.input, plan.classes, &options.dataset)?;
    Ok((plan, original))
}

/// Problems, with their places where they were written by a person.
fn unplaced(problems: Vec<Problem>, source: Option<&Source>) -> Diagnostics {
    let fault = |problem: Problem| {
        let Problem { path, target, what, expected, help } = problem;
        let place = source.map(|source| source.place(&path, target));
        let place = place.filter(|place| matches!(place, Place::Argument(_))).map(Box::new);
        Diagnostic { what, place, expected, help }
    };
    Diagnostics::of(problems.into_iter().map(fault).collect())
        .expect("resolving fails with at least one problem")
}

fn standards(options: &MorphOptions, channels: usize) -> Result<Option<Standards>, Diagnostic> {
    if options.mean.is_empty() && options.deviation.is_empty() {
        return Ok(None);
    }
    for (flag, values) in [("--mean", &options.mean), ("--deviation", &options.deviation)] {
        if values.len() != channels {
            let what =
                format!("`{flag}` has {} values, and images {channels} channels", values.len());
            return Err(Diagnostic::new(what).help("give one value for every channel"));
        }
    }
    Ok(Some(Standards { mean: options.mean.clone(), deviation: options.deviation.clone() }))
}

/// The strength that suits a network: scales of batch norms if filters would reach no lower cost, else both; filters where no
/// batch norm has a scale.
fn strength(graph: &Graph) -> &'static str {
    let has_scales =
        graph.nodes().any(|(_, node)| matches!(&node.op, Op::BatchNorm(norm) if norm.scale));
    if !has_scales {
        return "{ group-lasso: {} }";
    }
    let lowest = |kind| {
        let settings = Settings { kind, ..Settings::default() };
        let form = CostForm::of(&cost_models::Flops, graph);
        feasible(graph, &Scope::default(), &form, settings).unwrap_or(f64::INFINITY)
    };
    if lowest(StrengthKind::Gamma) <= lowest(StrengthKind::Mixed) { "gamma" } else { "mixed" }
}

/// The network that a word names: an ONNX file, a file of a whole network, or a family.
fn read_model(
    model: &str,
    input: Shape,
    classes: usize,
    labels: Labels,
) -> Result<(Model, Original), Diagnostics> {
    let path = Path::new(model);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let at = || Place::File(model.to_owned());
    let read = || -> Result<Vec<u8>, Diagnostic> {
        match store::read(path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(Diagnostic::new("there is no such file").at(at())),
            Err(error) => Err(Diagnostic::new(format!("{error:#}")).at(at())),
        }
    };
    let (bytes, network) = match ending {
        "onnx" => {
            let bytes = read()?;
            let network = from_onnx(&bytes, Some([input.height, input.width]))
                .map_err(|error| error.to_string())
                .and_then(|network| with_logits(network, labels))
                .map_err(|problem| Diagnostic::new(problem).at(at()))?;
            (bytes, network)
        }
        "safetensors" => {
            let bytes = read()?;
            let network = Network::from_bytes(&bytes)
                .map_err(|error| Diagnostic::new(error.to_string()).at(at()))?;
            (bytes, network)
        }
        _ => {
            let architecture = spec::named(model).map_err(|fault| {
                let expected = "a file that ends in `.onnx` or `.safetensors`, or the name of a network, such as `resnet-18`";
                fault.expected(expected)
            })?;
            let graph = architecture
                .build(input, classes)
                .map_err(|error| Diagnostic::new(format!("`{model}` cannot be built: {error}")))?;
            return Ok((Model::Architecture(architecture), Original::Untrained(graph)));
        }
    };
    Ok((Model::File(store::digest(&bytes)), Original::Trained(network)))
}

/// The network without what makes probabilities at its end: its outputs are logits.
fn with_logits(network: Network, labels: Labels) -> Result<Network, String> {
    let last = match labels {
        Labels::One => Op::Softmax,
        Labels::Several => Op::Activation(Activation::Sigmoid),
    };
    let graph = without_last(&network.graph, &last).map_err(|error| error.to_string())?;
    Ok(Network { graph, ..network })
}

/// The graph without an operator that its only output is.
fn without_last(graph: &Graph, last: &Op) -> Result<Graph, GraphError> {
    let [output] = graph.outputs() else { return Ok(graph.clone()) };
    if graph.node(*output).op != *last {
        return Ok(graph.clone());
    }
    let mut build = Builder::new();
    let mut ids: Vec<NodeId> = Vec::new();
    // The only output comes last.
    for (_, node) in graph.nodes().filter(|(id, _)| id != output) {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| ids[input.index()]).collect();
        ids.push(match node.shares {
            Some(owner) => build.share(&node.name, ids[owner.index()], &inputs)?,
            None => build.add(&node.name, node.op.clone(), &inputs)?,
        });
    }
    build.finish(&[ids[graph.node(*output).inputs[0].index()]])
}

/// The network must be one for these images.
fn fits(graph: &Graph, input: Shape, classes: usize, dataset: &str) -> Result<(), Diagnostic> {
    let is_input = |node: &graph::Node| matches!(node.op, Op::Input(_));
    let images: Vec<Shape> =
        graph.nodes().filter(|(_, node)| is_input(node)).map(|(_, node)| node.shape).collect();
    if images != [input] {
        let found: Vec<String> = images.iter().map(ToString::to_string).collect();
        return Err(Diagnostic::new(format!(
            "the network takes images of {}, and those of `{dataset}` are {input}",
            found.join(" and ")
        ))
        .help("name the data set that it is for, or export the network for this size"));
    }
    let outputs: Vec<Shape> =
        graph.outputs().iter().map(|output| graph.node(*output).shape).collect();
    if outputs != [Shape::new(1, 1, classes)] {
        let found: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        return Err(Diagnostic::new(format!(
            "the network has outputs of {}, and `{dataset}` has {classes} classes",
            found.join(" and ")
        ))
        .expected(format!("one output of 1x1x{classes}"))
        .help("export the network with one logit for every class"));
    }
    Ok(())
}
