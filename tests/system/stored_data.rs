//! Experiments on pictures and sound that stay in their files.

use std::fs;
use std::path::Path;
use std::process::Output;

use datasets::{Bars, ImageSet, Streams};

use crate::program::{Folder, expect_code};

const RECIPE: &str =
    "{ epochs: 2, batch_size: 16, optimizer: { sgd: {} }, learning_rate: { constant: 0.05 } }";

/// A run of one small network on the data of `dataset` in the folder `data`.
fn run(folder: &Folder, dataset: &str, results: &str, more: &[&str]) -> Output {
    let experiment = format!(
        "schema: 1\ndataset: {{ {dataset} }}\narchitecture: {{ inception-v2: {{ stem: small }} }}\nsearch: {RECIPE}\n\
         retrain: {RECIPE}\nsweep: {{ regularization_strength: [], width_multiplier: [0.25] }}\n"
    );
    fs::write(folder.experiment(), experiment).unwrap();
    let data = folder.path("data");
    folder.run(results, &[&["--data-dir", data.to_str().unwrap()], more].concat())
}

/// Bars of 12 x 12 in grey: 80 training and 32 test images.
fn bars() -> (ImageSet, ImageSet) {
    let bars = Bars { training: 80, test: 32, side: 12, channels: 1 };
    bars.generate(Streams::new(5)).unwrap()
}

fn png(set: &ImageSet, at: usize) -> Vec<u8> {
    let pixels = set.pixels()[at * 144..][..144].to_vec();
    let mut file = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_raw(12, 12, pixels)
        .unwrap()
        .write_to(&mut file, image::ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// The bars as PNG files in one folder per class.
fn picture_folders(folder: &Folder) {
    let (train, test) = bars();
    for (part, set) in [("train", &train), ("test", &test)] {
        for (at, label) in set.labels().iter().enumerate() {
            let path = folder.path(&format!("data/{part}/class-{label}/{at:03}.png"));
            write(&path, &png(set, at));
        }
    }
}

const PICTURES: &str = "image-folder: { height: 12, width: 12, channels: 1, classes: 4, train: 64, validation: 16, test: 32 }";

#[test]
fn pictures_in_folders_give_the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    picture_folders(&folder);
    expect_code(&run(&folder, PICTURES, "one", &["--jobs", "1", "--threads", "1"]), 0);
    expect_code(&run(&folder, PICTURES, "three", &["--jobs", "1", "--threads", "3"]), 0);
    let points = |results: &str| fs::read(folder.path(results).join("small/points.csv")).unwrap();
    assert!(points("one") == points("three"), "the points differ");
}

#[test]
fn corrupt_pictures_are_named_and_too_many_end_the_run() {
    let folder = Folder::new();
    picture_folders(&folder);
    for at in [0, 4, 8] {
        fs::write(folder.path(&format!("data/train/class-0/{at:03}.png")), b"nothing").unwrap();
    }
    let accepting =
        |most: usize| PICTURES.replace("test: 32", &format!("test: 32, corrupt: {most}"));
    let output = run(&folder, &accepting(3), "accepted", &[]);
    expect_code(&output, 0);
    let said = folder.anonymous(&output.stderr);
    assert!(said.contains("3 corrupt files were passed over: `class-0/"), "{said}");
    let output = run(&folder, &accepting(2), "refused", &[]);
    assert_ne!(output.status.code(), Some(0));
    let said = folder.anonymous(&output.stderr);
    assert!(said.contains("3 corrupt samples, of which 2 are accepted: `class-0/"), "{said}");
}

#[test]
fn pictures_in_shards_are_trained_on() {
    let folder = Folder::new();
    let (train, test) = bars();
    for (part, set, shards) in [("train", &train, 4), ("test", &test, 1)] {
        for shard in 0..shards {
            let mut archive = tar::Builder::new(Vec::new());
            for at in (0..set.count()).filter(|at| at % shards == shard) {
                let class = set.labels()[at].to_string();
                for (end, content) in [("png", png(set, at)), ("cls", class.into_bytes())] {
                    let mut header = tar::Header::new_ustar();
                    header.set_size(content.len() as u64);
                    let name = format!("{at:03}.{end}");
                    archive.append_data(&mut header, name, &content[..]).unwrap();
                }
            }
            let path = folder.path(&format!("data/{part}/{shard:02}.tar"));
            write(&path, &archive.into_inner().unwrap());
        }
    }
    let dataset =
        PICTURES.replace("image-folder", "tar-shards").replace("32 }", "32, buffer: 20 }");
    expect_code(&run(&folder, &dataset, "results", &[]), 0);
}

#[test]
fn sound_in_folders_is_trained_on() {
    let folder = Folder::new();
    let sample_format = hound::SampleFormat::Int;
    let spec =
        hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format };
    for (part, count) in [("train", 40), ("test", 16)] {
        for at in 0..count {
            let pitch = [0.1, 0.7][at % 2];
            let path = folder.path(&format!("data/{part}/{}/{at:03}.wav", ["low", "high"][at % 2]));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut writer = hound::WavWriter::create(path, spec).unwrap();
            for time in 0..1600 {
                let value = 8000.0 * (f64::from(time) * pitch + at as f64).sin();
                writer.write_sample(value as i16).unwrap();
            }
            writer.finalize().unwrap();
        }
    }
    let dataset = "wav-folder: { classes: 2, train: 32, validation: 8, test: 16, sample_rate: 8000, frames: 12, mels: 12, \
                   highest: 4000 }";
    expect_code(&run(&folder, dataset, "results", &[]), 0);
}

#[test]
fn folders_that_are_not_as_the_experiment_says_are_refused() {
    let folder = Folder::new();
    let refused = |dataset: &str| {
        let output = run(&folder, dataset, "results", &[]);
        expect_code(&output, 2);
        assert!(!folder.path("results").exists(), "something was written");
        folder.anonymous(&output.stderr)
    };
    let missing = refused(PICTURES);
    assert!(missing.contains("cannot list the folder `FOLDER/data/train`"), "{missing}");
    picture_folders(&folder);
    assert_eq!(
        refused(&PICTURES.replace("classes: 4", "classes: 5")),
        "error: cannot use the files in `FOLDER/data`: `train` holds the folders of 4 classes, but the experiment says 5: \
         change `classes`\n"
    );
    assert_eq!(
        refused(&PICTURES.replace("train: 64", "train: 65")),
        "error: the experiment uses 81 images for `train` and `validation`, but the files in `FOLDER/data` hold 80: use \
         fewer\n"
    );
    let shards = refused(&PICTURES.replace("image-folder", "tar-shards"));
    assert!(shards.contains("in `train`: there is no `jpg, jpeg, png` file"), "{shards}");
}
