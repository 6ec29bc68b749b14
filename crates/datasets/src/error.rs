use std::io;

/// Why a data set could not be read, divided or batched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the messages are the documentation of the variants and their fields"
)]
pub enum DatasetError {
    #[error(
        "neither `{file}` nor `{plain}` was found: pass the folder that holds one of them with `--data-dir`"
    )]
    Missing { file: String, plain: String },
    #[error("cannot read `{file}`")]
    Unreadable { file: String, source: io::Error },

    #[error("`{file}` is not a complete gzip file ({reason}): fetch it again")]
    Gzip { file: String, reason: String },
    #[error(
        "`{file}` holds {extra} bytes after its gzip data: store it as one gzip member, or uncompressed"
    )]
    AfterGzip { file: String, extra: usize },
    #[error(
        "`{file}` ends after {found} bytes, inside its IDX header of {expected} bytes: fetch it again"
    )]
    HeaderTruncated { file: String, found: usize, expected: usize },
    #[error(
        "`{file}` starts with 0x{found:08x}{}, expected 0x{expected:08x}{}: check that it is an IDX file and that images \
         and labels are not exchanged",
        kind_of(*found), kind_of(*expected)
    )]
    Magic { file: String, found: u32, expected: u32 },
    #[error(
        "the header of `{file}` announces {found}, expected {expected}: the file is damaged or of another data set"
    )]
    Dimensions { file: String, found: String, expected: String },
    #[error(
        "the header of `{file}` announces {found}, more than the {limit} bytes this reader accepts: the file is damaged"
    )]
    TooLarge { file: String, found: String, limit: u64 },
    #[error(
        "the header of `{file}` announces {found}, which is empty: every dimension must be at least 1"
    )]
    EmptyFile { file: String, found: String },
    #[error(
        "`{file}` is truncated: {found} bytes follow its header, which announces {expected}: fetch it again"
    )]
    Truncated { file: String, found: usize, expected: usize },
    #[error(
        "`{file}` goes on after the {expected} bytes that its header announces: the file is damaged, fetch it again"
    )]
    Trailing { file: String, expected: usize },
    #[error(
        "the uncompressed bytes of `{file}` have sha256 {found}, expected {expected}: the file is damaged or of another \
         data set with the same file names; fetch it again, or check `--data-dir`"
    )]
    Hash { file: String, found: String, expected: String },
    #[error(
        "label {index} of `{file}` is {label}, expected less than {classes}: the file is of another data set"
    )]
    FileLabel { file: String, index: usize, label: u8, classes: usize },
    #[error(
        "`{images_file}` holds {images} images and `{labels_file}` holds {labels} labels: check that both are of the same \
         part of the same data set"
    )]
    PairCounts { images_file: String, images: usize, labels_file: String, labels: usize },

    #[error(
        "`{file}` was not found: get `{archive}` from https://www.cs.toronto.edu/~kriz/cifar.html, and pass the folder that \
         holds it, or what is in it, with `--data-dir`"
    )]
    CifarMissing { file: String, archive: &'static str },
    #[error(
        "`{file}` has {found} bytes, expected {expected}: the file is damaged or of another data set, get it again"
    )]
    CifarSize { file: String, found: usize, expected: usize },
    #[error("`{file}` has {found} bytes, expected one or more records of {record}")]
    CifarRecords { file: String, found: usize, record: usize },
    #[error("`{file}` {reason}: get it again")]
    Archive { file: String, reason: String },
    #[error("`{file}` {reason}")]
    Npy { file: String, reason: String },
    #[error("there is no array `{name}` or `{other}`: found {found}")]
    NoArray { name: &'static str, other: &'static str, found: String },
    #[error("`{archive}` does not hold `{file}`: it is the archive of another data set")]
    NotInArchive { archive: String, file: String },

    #[error("there are {images} images and {labels} labels: give one label per image")]
    Counts { images: usize, labels: usize },
    #[error(
        "an image array of {found} cannot make an image set: every dimension must be between 1 and 4294967295"
    )]
    Shape { found: String },
    #[error("an image set has {found} classes, expected 1 to 65536")]
    Classes { found: usize },
    #[error("label {index} is {label}, expected less than {classes}: labels count from 0")]
    Label { index: usize, label: u32, classes: usize },
    #[error(
        "label set {set} has class {class} twice, or it is not below {classes}, the number of classes"
    )]
    LabelSet { set: usize, class: u32, classes: usize },
    #[error(
        "images in memory have {found} different sets of labels, expected at most 65536: use fewer images or classes"
    )]
    LabelSets { found: usize },
    #[error(
        "training and test data differ: {training} and {test}: take both from the same data set"
    )]
    Parts { training: String, test: String },
    #[error("`validation` is {found}, expected 1 to {most}: the training data holds {} images and must keep one", most + 1)]
    Validation { found: usize, most: usize },
    #[error("`take` is {found}, expected 1 to {images}, the number of images there are")]
    Take { found: usize, images: usize },
    #[error(
        "images of {height} x {width} pixels cannot be averaged by {found}: take a factor that divides both sides"
    )]
    Factor { found: usize, height: usize, width: usize },

    #[error(
        "a normalisation has {mean} means and {std} standard deviations: give one of each per channel"
    )]
    NormalizationLengths { mean: usize, std: usize },
    #[error(
        "channel {channel} has mean {mean} and standard deviation {std}: give finite numbers, the deviation above 0"
    )]
    NormalizationValue { channel: usize, mean: f64, std: f64 },
    #[error(
        "the normalisation is for {found} channels and the images have {expected}: compute it from the same data set"
    )]
    NormalizationChannels { found: usize, expected: usize },
    #[error("`batch_size` is {found}, expected 1 to {images}, the number of training images")]
    BatchSize { found: usize, images: usize },
    #[error("`batch_size` is 0, expected at least 1")]
    EvaluationBatchSize,
    #[error(
        "`crop` is {found}, expected less than {side}, the shorter side of the images: a crop must show some of the image"
    )]
    Crop { found: usize, side: usize },

    #[error(
        "`{file}` lies in no folder: put every file of a set into the folder of its class, such as `CLASS/{file}`"
    )]
    NoClass { file: String },
    #[error("there is no `{extensions}` file in a folder of a class: found {found} other files")]
    NoSamples { extensions: String, found: usize },
    #[error(
        "the folder `{class}` is no class of the training data, whose classes are {known}: name the folders of both parts alike"
    )]
    UnknownClass { class: String, known: String },
    #[error("`{file}`, line {line}, column {column}: {reason}")]
    LabelTable { file: String, line: usize, column: usize, reason: String },
    #[error("`{file}` is not in `{table}`: add a row for it, or move it elsewhere")]
    NotInTable { file: String, table: String },
    #[error("sample `{sample}` of `{file}` {reason}")]
    Shard { file: String, sample: String, reason: String },
    #[error(
        "{found} corrupt samples, of which {most} are accepted: {first}; remove or replace them, or accept more"
    )]
    Corrupt { found: usize, most: usize, first: String },
    #[error("`{key}` of a window is {found}, expected above 0 and up to 1")]
    Framing { key: &'static str, found: f64 },
    #[error(
        "images of {found} cannot be made of pictures: expected sides of 1 to 4096 and 1 or 3 channels"
    )]
    PictureShape { found: String },
    #[error("`{key}` of log-mel patches is {found}, expected {least} to {most}")]
    LogMel { key: &'static str, found: usize, least: usize, most: usize },
    #[error("`augmentation` changes images, and a log-mel patch is none: leave it away")]
    AugmentedSound,

    #[error("`{key}` of the synthetic set is {found}, expected {least} to {most}")]
    Bars { key: &'static str, found: usize, least: usize, most: usize },
}

fn kind_of(magic: u32) -> &'static str {
    match magic {
        crate::idx::IMAGES_MAGIC => " (u8 images)",
        crate::idx::LABELS_MAGIC => " (u8 labels)",
        _ => "",
    }
}
