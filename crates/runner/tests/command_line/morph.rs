//! What `runner morph` refuses.

use clap::Parser;
use runner::cli::{Cli, Command};
use runner::commands::morph::morph;

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
