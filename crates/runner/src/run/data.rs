//! The images of a plan: where they lie, and the parts that they are split into.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use datasets::{
    Bars, CIFAR_10, CIFAR_100, CifarSource, FASHION_MNIST, IdxSource, ImageSet, LabelSets, Labels,
    MNIST, Medium, Normalization, Samples, Split, Streams, numpy,
};
use graph::Shape;

use crate::plan::{self, Dataset, Plan, Standards};
use crate::provenance::DataFile;
use crate::store;

mod stored;

/// Where the data sets that come with the program lie, seen from the root of the repository.
const BUNDLED: &str = "crates/datasets/data";

/// All images of a run, and how their pixels become numbers.
#[derive(Clone, Debug)]
pub(crate) struct Images {
    /// Training, validation and test images.
    pub(crate) split: Split<Samples>,
    /// Mean and deviation of the training images, unless others are given.
    pub(crate) normalization: Normalization,
    /// Whether they are.
    is_given: bool,
    /// What was read.
    pub(crate) files: Vec<DataFile>,
}

/// What a run trains on.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    /// All images.
    pub(crate) images: Images,
    /// Those that widths are learned on.
    pub(crate) searched: Searched,
}

/// Which images are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// The data set.
    pub(crate) dataset: Dataset,
    /// Shape of an image.
    pub(crate) input: Shape,
    /// Number of classes.
    pub(crate) classes: usize,
    /// How many of them are labels of an image.
    pub(crate) labels: Labels,
    /// How their pixels become numbers, if it is given.
    pub(crate) normalization: Option<Normalization>,
}

impl Wanted {
    /// Those of an experiment.
    pub(crate) fn of(plan: &Plan) -> anyhow::Result<Self> {
        let Plan { dataset, input, classes, labels, .. } = *plan;
        let normalization = plan.standards.as_ref().map(Standards::normalization).transpose();
        Ok(Self {
            dataset,
            input,
            classes,
            labels,
            normalization: normalization.context("`normalization`")?,
        })
    }
}

/// Reads and splits the images that are wanted. Where they have several labels, each part by which networks are scored has one.
///
/// Published sets are looked for in `folder` if it is given; otherwise those that come with the program are looked for
/// beside the experiment file and the current folder, upwards.
pub(crate) fn load(
    wanted: &Wanted,
    experiment: &Path,
    folder: Option<&Path>,
) -> anyhow::Result<Images> {
    let images = read_parts(wanted, experiment, folder)?;
    let Split { train: _, validation, test } = &images.split;
    for (part, set) in [("validation", validation), ("test", test)] {
        ensure!(
            set.class_counts().iter().any(|&count| count > 0),
            "no image of the {part} part has a label, so nothing can be scored by it: use more images"
        );
    }
    Ok(images)
}

fn read_parts(wanted: &Wanted, experiment: &Path, folder: Option<&Path>) -> anyhow::Result<Images> {
    let shape = [wanted.input.height, wanted.input.width, wanted.input.channels];
    let mut files = Vec::new();
    let split = match &wanted.dataset {
        Dataset::FashionMnist(parts) => {
            let (train, test) =
                read(&FASHION_MNIST, wanted.dataset.name(), experiment, folder, &mut files)?;
            cut(&train, &test, parts)?
        }
        Dataset::Mnist(parts) => {
            let (train, test) =
                read(&MNIST, wanted.dataset.name(), experiment, folder, &mut files)?;
            cut(&train, &test, parts)?
        }
        Dataset::Cifar10(parts) => cifar(&CIFAR_10, folder, parts, &mut files)?,
        Dataset::Cifar100(parts) => cifar(&CIFAR_100, folder, parts, &mut files)?,
        Dataset::Npz(parts) => numpy(wanted, folder, parts, &mut files)?,
        &Dataset::ImageFolder { framing, corrupt, images } => {
            let medium = Medium::Pictures { framing, shape };
            let files = stored::Files { wanted, medium, buffer: None, corrupt, images };
            return stored::load(&files, folder);
        }
        &Dataset::TarShards { framing, buffer, corrupt, images } => {
            let medium = Medium::Pictures { framing, shape };
            let files = stored::Files { wanted, medium, buffer: Some(buffer), corrupt, images };
            return stored::load(&files, folder);
        }
        &Dataset::WavFolder { patches, corrupt, images } => {
            let medium = Medium::Sound(patches);
            let files = stored::Files { wanted, medium, buffer: None, corrupt, images };
            return stored::load(&files, folder);
        }
        Dataset::Synthetic { side, channels, images } => {
            let training = images.train + images.validation;
            let set = Bars { training, test: images.test, side: *side, channels: *channels };
            let (train, test) = match wanted.labels {
                Labels::One => set.generate(Streams::new(0)),
                Labels::Several => set.multi_label(Streams::new(0)),
            }?;
            Split::new(&train, test, images.validation)?
        }
    };
    let given = wanted.normalization.clone();
    let is_given = given.is_some();
    let normalization = given.unwrap_or_else(|| Normalization::of(&split.train));
    Ok(Images { split: split.map(Samples::from), normalization, is_given, files })
}

/// The images that widths are learned on.
#[derive(Clone, Debug)]
pub(crate) struct Searched {
    /// All that are trained on.
    pub(crate) train: Samples,
    /// What choices are made by, in the same size.
    pub(crate) validation: Samples,
    /// Mean and deviation of the pixels that are trained on.
    pub(crate) normalization: Normalization,
}

impl Images {
    /// The images of a search: those of the whole, or of a proxy.
    pub(crate) fn searched(&self, proxy: Option<&plan::Proxy>) -> anyhow::Result<Searched> {
        let mut train = self.split.train.clone();
        if let Some(count) = proxy.and_then(|proxy| proxy.train) {
            train = train.take(count)?;
        }
        let validation = self.split.validation.clone();
        let Some(factor) = proxy.and_then(|proxy| proxy.factor) else {
            return Ok(Searched { train, validation, normalization: self.normalization.clone() });
        };
        let (Samples::Memory(images), Samples::Memory(validation)) = (train, validation) else {
            bail!("only images in memory can be averaged down for a proxy")
        };
        let small = images.averaged(factor)?;
        let normalization =
            if self.is_given { self.normalization.clone() } else { Normalization::of(&small) };
        let validation = validation.averaged(factor)?.into();
        Ok(Searched { train: small.into(), validation, normalization })
    }

    /// What labels stand for, if images have several.
    pub(crate) fn label_sets(&self) -> Option<&LabelSets> {
        self.split.train.label_sets()
    }

    /// The images, with batches of those in files filled by so many threads.
    pub(crate) fn with_threads(self, threads: usize) -> Self {
        Self { split: self.split.map(|part| part.with_threads(threads)), ..self }
    }

    /// The samples in files that could not be decoded so far, in words.
    pub(crate) fn corrupt(&self) -> Vec<String> {
        let Split { train, validation: _, test } = &self.split;
        let parts = [("train", train.corrupt()), ("test", test.corrupt())];
        let found =
            parts.into_iter().flat_map(|(part, found)| found.into_iter().map(move |at| (part, at)));
        found.map(|(part, (name, reason))| format!("{name} of `{part}` {reason}")).collect()
    }
}

fn cut(training: &ImageSet, test: &ImageSet, parts: &plan::Images) -> anyhow::Result<Split> {
    let split = Split::new(training, test.clone(), parts.validation)?;
    let train = split.train.take(parts.train)?;
    let test = split.test.take(parts.test)?;
    Ok(Split { train, test, ..split })
}

fn read(
    source: &IdxSource,
    name: &str,
    experiment: &Path,
    folder: Option<&Path>,
    files: &mut Vec<DataFile>,
) -> anyhow::Result<(ImageSet, ImageSet)> {
    let folder = match folder {
        Some(folder) => folder.to_owned(),
        None => bundled(name, experiment).with_context(|| {
            format!(
                "no folder `{BUNDLED}/{name}` above the experiment file or the current folder: name the folder with the {} files with `--data-dir`",
                source.name
            )
        })?,
    };
    let sets = source.load(&mut |name| read_recorded(&folder.join(name), files));
    sets.with_context(|| format!("cannot use the {} files in `{}`", source.name, folder.display()))
}

fn cifar(
    source: &CifarSource,
    folder: Option<&Path>,
    parts: &plan::Images,
    files: &mut Vec<DataFile>,
) -> anyhow::Result<Split> {
    let (name, archive) = (source.name, source.archive);
    let folder = folder.with_context(|| {
        format!("{name} does not come with the program: get `{archive}` from https://www.cs.toronto.edu/~kriz/cifar.html, and name its folder with `--data-dir`")
    })?;
    let sets = source
        .load(&mut |path| read_recorded(&folder.join(path), files))
        .with_context(|| format!("cannot use the {name} files in `{}`", folder.display()))?;
    if !sets.other_content.is_empty() {
        warn(&format!(
            "{} in `{}` differ from the published files of {name}: accuracies will differ, too",
            sets.other_content.join(", "),
            folder.display()
        ));
    }
    cut(&sets.train, &sets.test, parts)
}

fn numpy(
    wanted: &Wanted,
    path: Option<&Path>,
    parts: &plan::Images,
    files: &mut Vec<DataFile>,
) -> anyhow::Result<Split> {
    let path = path.context(
        "the arrays do not come with the program: name an `.npz` file, or a folder with `.npy` files, with `--data-dir`",
    )?;
    let &Wanted { classes, labels, .. } = wanted;
    let sets = if path.is_dir() {
        numpy::from_npy(&mut |name| read_recorded(&path.join(name), files), classes, labels)
    } else {
        let bytes = read_recorded(path, files)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        numpy::from_npz(&name, &bytes, classes, labels)
    };
    let (train, test) =
        sets.with_context(|| format!("cannot use the arrays in `{}`", path.display()))?;
    let [height, width, channels] = train.image_shape();
    let found = Shape::new(height, width, channels);
    ensure!(
        found == wanted.input,
        "the arrays in `{}` hold images of {found}, but the experiment says {}: change `height`, `width` and `channels`",
        path.display(),
        wanted.input
    );
    enough(parts, [train.count(), test.count()], "the arrays", path)?;
    cut(&train, &test, parts)
}

/// Whether there are as many training and test images in `path` as an experiment uses; `what` holds them.
fn enough(
    parts: &plan::Images,
    [train, test]: [usize; 2],
    what: &str,
    path: &Path,
) -> anyhow::Result<()> {
    for (key, wanted, found) in [
        ("train` and `validation", parts.train + parts.validation, train),
        ("test", parts.test, test),
    ] {
        ensure!(
            wanted <= found,
            "the experiment uses {wanted} images for `{key}`, but {what} in `{}` hold {found}: use fewer",
            path.display()
        );
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads data files")]
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(path)
}

/// [`read_file`], with a note of what was read.
fn read_recorded(path: &Path, files: &mut Vec<DataFile>) -> io::Result<Vec<u8>> {
    let bytes = read_file(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.push(DataFile { name, sha256: store::digest(&bytes) });
    Ok(bytes)
}

#[expect(clippy::print_stderr, reason = "images are read before there is a progress display")]
fn warn(text: &str) {
    eprintln!("warning: {text}");
}

/// The folder of a bundled set, above the experiment file or the current folder.
fn bundled(name: &str, experiment: &Path) -> Option<PathBuf> {
    let here = std::env::current_dir().unwrap_or_default();
    let beside: io::Result<PathBuf> = experiment.canonicalize();
    let starts = [beside.unwrap_or_default(), here];
    let mut folders = starts.iter().flat_map(|start| start.ancestors());
    folders.find_map(|folder| Some(folder.join(BUNDLED).join(name)).filter(|path| path.is_dir()))
}
