//! What is fed with bytes: the readers of files that come from elsewhere.

use std::io::{Cursor, Write};
use std::sync::Arc;

use datasets::cifar::CIFAR_100;
use datasets::tar::TarReader;
use datasets::{
    DatasetError, Evaluation, Framing, LabelTable, Labels, LogMel, Medium, Normalization, folder,
    idx, labelled, numpy, shards,
};
use flate2::{Compression, write::GzEncoder};
use runner::plan::Plan;
use runner::spec::Source;

/// A reader of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// ONNX import.
    Onnx,
    /// IDX images and labels, packed or not.
    Idx,
    /// CIFAR records; or its archive, which is packed here if it is not.
    Cifar,
    /// Shards of pictures in tar archives.
    Tar,
    /// WAV files to log-mel patches.
    Wav,
    /// NumPy archives; or a single array, which is taken for images and labels.
    Npz,
    /// Tables of labels, of sounds that are there.
    LabelTable,
    /// Experiment files.
    Yaml,
    /// JPEG and PNG files.
    Picture,
}

impl Target {
    pub(crate) const ALL: [Self; 9] = [
        Self::Onnx,
        Self::Idx,
        Self::Cifar,
        Self::Tar,
        Self::Wav,
        Self::Npz,
        Self::LabelTable,
        Self::Yaml,
        Self::Picture,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Idx => "idx",
            Self::Cifar => "cifar",
            Self::Tar => "tar",
            Self::Wav => "wav",
            Self::Npz => "npz",
            Self::LabelTable => "label-table",
            Self::Yaml => "yaml",
            Self::Picture => "picture",
        }
    }

    /// Reads the bytes as a user's file would be read; the error is what the user is told.
    pub(crate) fn read(self, bytes: &[u8]) -> Result<(), String> {
        match self {
            Self::Onnx => {
                let limits = onnx::Limits { values: 1 << 20, records: 1 << 16 };
                let options = onnx::Options { limits, image: None };
                text(onnx::import(bytes, &options))
            }
            Self::Idx => {
                let images = idx::images("x", bytes, idx::Expectation::default());
                text(images)
                    .or_else(|_| text(idx::labels("x", bytes, 10, idx::Expectation::default())))
            }
            Self::Cifar => cifar(bytes),
            Self::Tar => {
                let medium = Medium::Pictures { framing: Framing::default(), shape: [4, 4, 3] };
                text(shards::list("x", Cursor::new(bytes), &medium, 10))?;
                let mut archive = TarReader::new(bytes);
                while let Some(_file) = archive.next_file().map_err(|fault| fault.to_string())? {
                    archive.read(1 << 20).map_err(|fault| fault.to_string())?;
                }
                Ok(())
            }
            Self::Wav => {
                let patches = LogMel { frames: 4, mels: 16, ..LogMel::default() };
                sample("a/x.wav", bytes, Medium::Sound(patches))
            }
            Self::Npz if bytes.starts_with(b"\x93NUMPY") => {
                let read = |labels| text(numpy::from_npy(&mut |_| Ok(bytes.to_vec()), 2, labels));
                read(Labels::One).or_else(|_| read(Labels::Several))
            }
            Self::Npz => text(numpy::from_npz("x", bytes, 10, Labels::One)),
            Self::LabelTable => {
                let table = LabelTable::read("x.csv", bytes).map_err(|error| error.to_string())?;
                let part = || {
                    let paths = ["a.wav", "b/1.wav"].map(str::to_owned).to_vec();
                    (paths, &table, Arc::new(|_: &str, _| Ok(Vec::new())) as _)
                };
                let medium = Medium::Sound(LogMel::default());
                text(labelled([part(), part()], &table.class_names(), medium))
            }
            Self::Yaml => {
                let plan = Source::from_bytes("x.yaml", bytes.to_vec())
                    .map_err(runner::diagnostic::Diagnostics::from)
                    .and_then(|source| Plan::of(&source));
                text(plan)
            }
            Self::Picture => {
                let medium = Medium::Pictures { framing: Framing::default(), shape: [4, 4, 3] };
                sample("a/x.png", bytes, medium)
            }
        }
    }
}

fn text<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<(), String> {
    result.map(drop).map_err(|error| error.to_string())
}

fn cifar(bytes: &[u8]) -> Result<(), String> {
    let is_archive = bytes.starts_with(&[0x1f, 0x8b]);
    let is_tar = bytes.get(257..262) == Some(b"ustar");
    let content = if is_tar {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(bytes).expect("memory");
        packed.finish().expect("memory")
    } else {
        bytes.to_vec()
    };
    let set = CIFAR_100.load_unpublished(&mut |name| {
        if (name == CIFAR_100.archive) == (is_archive || is_tar) {
            Ok(content.clone())
        } else {
            Err(std::io::ErrorKind::NotFound.into())
        }
    });
    text(set)
}

/// Decodes the only sample of a set, twice: as it is shown in evaluation, and as it is measured.
fn sample(name: &str, bytes: &[u8], medium: Medium) -> Result<(), String> {
    let content = bytes.to_vec();
    let read = Arc::new(move |_: &str, _| Ok(content.clone()));
    let shown = || -> Result<(), DatasetError> {
        let set = folder(vec![name.to_owned()], &["a".to_owned()], medium, read)?;
        let [height, width, channels] = set.shape();
        set.normalization(1)?;
        let plain = Normalization::new(vec![0.0; channels], vec![1.0; channels])?;
        let mut values = vec![0.0; height * width * channels];
        Evaluation::new(&set, &plain, 1)?.fill(0, &mut values, &mut [0])?;
        Ok(())
    };
    shown().map_err(|error| error.to_string())
}
