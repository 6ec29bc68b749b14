//! How many pictures of a folder are read, decoded and augmented in a second, and the most memory that takes.
//!
//! `scripts/streaming [PICTURES] [THREADS]`: by default 100000 JPEG files of 96 x 96 in 100 classes, shown at 64 x 64, on two
//! threads. They are first written to a temporary folder.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement that a person runs: it makes its files, reads the clock and prints"
)]

use std::fs;
use std::io::Cursor;
use std::sync::Arc;
use std::time::Instant;

use datasets::{Augmentation, Batches, Framing, Medium, Streams, class_names, folder};

const BATCH: usize = 256;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().unwrap());
    let (count, threads) = (arguments.next().unwrap_or(100_000), arguments.next().unwrap_or(2));
    let place = tempfile::tempdir().unwrap();
    let files: Vec<Vec<u8>> = (0..50).map(picture).collect();
    for class in 0..100 {
        fs::create_dir(place.path().join(format!("{class:02}"))).unwrap();
    }
    let paths: Vec<String> = (0..count).map(|at| format!("{:02}/{at:06}.jpg", at % 100)).collect();
    for (at, path) in paths.iter().enumerate() {
        fs::write(place.path().join(path), &files[at % files.len()]).unwrap();
    }

    let medium = Medium::Pictures { framing: Framing::default(), shape: [64, 64, 3] };
    let classes = class_names(&paths, &medium);
    let root = place.path().to_owned();
    let read = Arc::new(move |name: &str, _| fs::read(root.join(name)));
    let set = folder(paths, &classes, medium, read).unwrap().with_threads(threads);
    let normalization = set.normalization(1000).unwrap();
    let augmentation = Augmentation { flip: true, crop: 0 };
    let batches = Batches::new(&set, &normalization, BATCH, augmentation, Streams::new(0)).unwrap();
    let (mut images, mut labels) = (vec![0.0; BATCH * 64 * 64 * 3], vec![0; BATCH]);
    let start = Instant::now();
    let epoch = batches.epoch(0);
    for batch in 0..batches.per_epoch() {
        epoch.fill(batch, &mut images, &mut labels).unwrap();
    }
    let shown = (batches.per_epoch() * BATCH) as f64;
    println!(
        "{:.0} pictures per second on {threads} threads",
        shown / start.elapsed().as_secs_f64()
    );
    if let Some(peak) = peak() {
        println!("{peak} at most in memory");
    }
}

/// A smooth picture with some noise, as a JPEG file.
fn picture(seed: usize) -> Vec<u8> {
    let pixels = image::RgbImage::from_fn(96, 96, |x, y| {
        let (x, y) = (x as usize, y as usize);
        let noise = (x * 7919 + y * 104_729 + seed * 31) % 23;
        image::Rgb(
            [x * 2 + noise, y * 2 + noise, (x + y + seed * 5) % 200].map(|value| value as u8),
        )
    });
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, image::ImageFormat::Jpeg).unwrap();
    file.into_inner()
}

/// The most memory that this process had, where the system says so.
fn peak() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
