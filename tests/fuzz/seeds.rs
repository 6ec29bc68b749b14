//! Real files to start from.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use flate2::{Compression, write::GzEncoder};

use crate::target::Target;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The inputs kept for a target, by their names.
#[expect(clippy::disallowed_methods, reason = "the inputs lie in files")]
pub(crate) fn kept(target: Target) -> Vec<(String, Vec<u8>)> {
    let folder = root().join("tests/corpus").join(target.name());
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let named = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    paths
        .iter()
        .map(|path| (named(path).unwrap_or_default(), fs::read(path).expect("a kept input")))
        .collect()
}

/// Files that are read without an error, or with one that every user may meet.
pub(crate) fn seeds(target: Target) -> Vec<Vec<u8>> {
    match target {
        Target::Onnx => {
            let golden = root().join("tests/golden/onnx");
            let mut found = files(&golden, "onnx", 5);
            found.retain(|bytes| bytes.len() < 20_000);
            found
        }
        Target::Idx => {
            let images: &[u8] = &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
            let labels: &[u8] = &[0, 0, 8, 1, 0, 0, 0, 3, 0, 9, 3];
            vec![images.to_vec(), labels.to_vec(), gzip(images), gzip(labels)]
        }
        Target::Cifar => {
            let record: Vec<u8> = (0..3074).map(|at| (at % 90) as u8).collect();
            let files = [("cifar-100-binary/train.bin", &record), ("x/test.bin", &record)];
            let archive = tar(&files.map(|(name, content)| (name, &content[..])));
            vec![record, gzip(&archive), archive]
        }
        Target::Tar => {
            let long = format!("{}/{}.jpg", "n".repeat(90), "m".repeat(90));
            let plain = tar(&[("a.jpg", b"x"), ("a.cls", b"3"), ("b.json", b"{\"cls\": 4}")]);
            vec![plain, tar(&[(&long, b"content"), (&long.replace("jpg", "cls"), b"1")])]
        }
        Target::Wav => {
            let int = hound::SampleFormat::Int;
            let float = hound::SampleFormat::Float;
            [(1, 16, int), (2, 8, int), (1, 24, int), (1, 32, float)].map(sound).to_vec()
        }
        Target::Npz => {
            let mut found = files(&root().join("crates/datasets/tests/datasets/files"), "npz", 1);
            found.push(npy("'|u1'", "(2, 2, 2)", &[1; 8]));
            found.push(npy("'<i8'", "(2,)", &[0; 16]));
            found.push(npy("'<f4'", "(1, 3, 2, 2)", &[0; 48]));
            found
        }
        Target::LabelTable => {
            let plain = "fname,labels,mids,split\r\na,\"Guitar,Music\",\"/m/042v_gx,/m/04rlf\",train\r\nb/1.wav,,,val\r\n";
            let quoted = "fname,labels\n\"a\",\"Music\"\n\n\"b/1\",\"Speech,Music\"";
            vec![plain.into(), quoted.into()]
        }
        Target::Yaml => files(&root().join("experiments"), "yaml", 1),
        Target::Picture => {
            let picture =
                image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8 * 20, 7, y as u8]));
            let grey = image::GrayImage::from_fn(5, 6, |x, _| image::Luma([x as u8]));
            let encoded = |image: image::DynamicImage, format| {
                let mut file = Cursor::new(Vec::new());
                image.write_to(&mut file, format).expect("memory");
                file.into_inner()
            };
            vec![
                encoded(picture.clone().into(), image::ImageFormat::Png),
                encoded(picture.into(), image::ImageFormat::Jpeg),
                encoded(grey.clone().into(), image::ImageFormat::Jpeg),
                encoded(
                    image::DynamicImage::from(grey).into_luma16().into(),
                    image::ImageFormat::Png,
                ),
            ]
        }
    }
}

/// The contents of the files below a folder that end so, in the order of their paths.
#[expect(clippy::disallowed_methods, reason = "the seeds lie in files")]
fn files(folder: &Path, extension: &str, depth: usize) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() && depth > 0 {
            found.extend(files(&path, extension, depth - 1));
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(fs::read(path).expect("a file of the repository"));
        }
    }
    found
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).expect("memory");
    packed.finish().expect("memory")
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).expect("memory");
    }
    archive.into_inner().expect("memory")
}

fn sound((channels, bits_per_sample, sample_format): (u16, u16, hound::SampleFormat)) -> Vec<u8> {
    let spec = hound::WavSpec { channels, sample_rate: 16_000, bits_per_sample, sample_format };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("memory");
    for at in 0..800_i32 {
        match sample_format {
            hound::SampleFormat::Int => writer.write_sample(at * 131 % 120),
            hound::SampleFormat::Float => writer.write_sample((at as f32 / 9.0).sin()),
        }
        .expect("memory");
    }
    writer.finalize().expect("memory");
    file.into_inner()
}

fn npy(kind: &str, shape: &str, values: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.bytes());
    file.extend_from_slice(values);
    file
}
