//! What `runner morph` refuses.

use std::path::PathBuf;

use clap::Parser;
use datasets::Streams;
use graph::{Builder, Conv2d, Linear, Op, Shape};
use onnx::{ExportOptions, Weights};
use runner::cli::{Cli, Command};
use runner::commands::morph::morph;
use training::Network;

use crate::golden::{Folder, Sheet};

/// What the program says of these arguments.
fn fault(arguments: &[&str]) -> String {
    let all = ["runner", "morph"].iter().chain(arguments);
    let Some(Command::Morph(options)) = Cli::try_parse_from(all).unwrap().command else {
        panic!("`morph` was not parsed as a command");
    };
    let outcome = morph(&options);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    outcome.stderr
}

const IMAGES: [&str; 2] = ["--dataset", "fashion-mnist"];
const HALF: [&str; 2] = ["--target", "flops=50%"];

/// A network of one convolution for such images.
fn network(image: Shape, outputs: &[usize]) -> Network {
    let mut build = Builder::new();
    let wire = build.add("image", Op::Input(image), &[]).unwrap();
    let wire = build.add("conv", Op::Conv2d(Conv2d::square(8, 3)), &[wire]).unwrap();
    let wire = build.add("pool", Op::GlobalAvgPool, &[wire]).unwrap();
    let outputs = outputs.iter().enumerate().map(|(number, classes)| {
        let linear = Op::Linear(Linear::new(*classes));
        build.add(&format!("linear{number}"), linear, &[wire]).unwrap()
    });
    let outputs: Vec<_> = outputs.collect();
    Network::init(build.finish(&outputs).unwrap(), Streams::new(0))
}

fn onnx_file(folder: &Folder, name: &str, image: Shape, outputs: &[usize]) -> PathBuf {
    let Network { graph, parameters } = network(image, outputs);
    let tensors = parameters.iter();
    let weights: Weights =
        tensors.map(|(node, role, tensor)| ((node, role), tensor.clone())).collect();
    folder.write(name, onnx::export(&graph, &weights, &ExportOptions::default()).unwrap())
}

#[test]
fn a_network_for_other_images_or_classes_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let mut sheet = Sheet::default();
    for (title, [height, width, channels], outputs) in [
        ("three channels", [28, 28, 3], &[10][..]),
        ("larger images", [32, 32, 1], &[10]),
        ("images of another form", [28, 56, 1], &[10]),
        ("a hundred classes", [28, 28, 1], &[100]),
        ("two outputs", [28, 28, 1], &[10, 10]),
    ] {
        let image = Shape::new(height, width, channels);
        let file = onnx_file(&folder, "model.onnx", image, outputs);
        let found = fault(&[&[file.to_str().unwrap()][..], &IMAGES, &HALF].concat());
        sheet.case(title, &folder.relative(&found));
    }
    let whole = network(Shape::new(32, 32, 3), &[10]).to_bytes().unwrap();
    let whole = folder.write("model.safetensors", whole);
    let whole = whole.to_str().unwrap();
    sheet.case("safetensors", &folder.relative(&fault(&[&[whole][..], &IMAGES, &HALF].concat())));
    let synthetic =
        ["--dataset", "synthetic: { side: 32, channels: 3, train: 64, validation: 16, test: 16 }"];
    sheet.case(
        "four classes",
        &folder.relative(&fault(&[&[whole][..], &synthetic, &HALF].concat())),
    );
    sheet.check("morph_misfits.txt");
}

#[test]
fn what_cannot_be_morphed_is_refused_with_what_to_do() {
    let folder = Folder::new();
    let not_onnx = folder.write("model.onnx", "not a model");
    let not_onnx = not_onnx.to_str().unwrap();
    let weights = folder.write("model.safetensors", "not weights");
    let missing = folder.path().join("gone.onnx");
    let mut sheet = Sheet::default();
    let mut case = |title: &str, arguments: &[&[&str]]| {
        sheet.case(title, &folder.relative(&fault(&arguments.concat())));
    };
    case("lenet", &[&["lenet"], &IMAGES, &HALF]);
    case("no such file", &[&[missing.to_str().unwrap()], &IMAGES, &HALF]);
    case("not ONNX", &[&[not_onnx], &IMAGES, &HALF]);
    case("not safetensors", &[&[weights.to_str().unwrap()], &IMAGES, &HALF]);
    case("--dataset fashion", &[&["lenet-5", "--dataset", "fashion"], &HALF]);
    case("too many images", &[&["lenet-5", "--dataset", "fashion-mnist: { train: 60000 }"], &HALF]);
    case("--target flops", &[&["lenet-5", "--target", "flops"], &IMAGES]);
    case("--target flop=50%", &[&["lenet-5", "--target", "flop=50%"], &IMAGES]);
    case("--target flops=150%", &[&["lenet-5", "--target", "flops=150%"], &IMAGES]);
    case("--target flops=50% flops=40%", &[&["lenet-5"], &HALF, &["flops=40%"], &IMAGES]);
    case("--target params=1e15", &[&["lenet-5", "--target", "params=1e15"], &IMAGES]);
    case("--target params=0.01%", &[&["lenet-5", "--target", "params=0.01%"], &IMAGES]);
    case("--set search.epoch=3", &[&["lenet-5", "--set", "search.epoch=3"], &IMAGES, &HALF]);
    case(
        "--set search.proxy={ train: 100 }",
        &[&["lenet-5", "--set", "search.proxy={ train: 100 }"], &IMAGES, &HALF],
    );
    case(
        "--set search.batch_size=60000",
        &[&["lenet-5", "--set", "search.batch_size=60000"], &IMAGES, &HALF],
    );
    case(
        "--set regularizer.strength={ gate: {} }",
        &[&["lenet-5", "--set", "regularizer.strength={ gate: {} }"], &IMAGES, &HALF],
    );
    case(
        "--mean 0.5,0.5",
        &[&["lenet-5", "--mean", "0.5,0.5", "--deviation", "0.2"], &IMAGES, &HALF],
    );
    sheet.check("morph_faults.txt");
}
