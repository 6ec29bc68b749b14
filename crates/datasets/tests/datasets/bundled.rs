//! The Fashion-MNIST files that this crate carries.

use std::path::PathBuf;

use datasets::{FASHION_MNIST, IdxPart, Normalization};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mnist")
}

#[expect(clippy::disallowed_methods, reason = "a test reads the files that the crate carries")]
fn read(name: &str) -> std::io::Result<Vec<u8>> {
    std::fs::read(folder().join(name))
}

/// Counts from the authors; mean .286 and deviation .353 are the values in general use for this set.
#[test]
fn the_bundled_set_is_the_published_one() {
    let (train, test) = FASHION_MNIST.load(&mut read).unwrap();
    assert_eq!(train.class_counts(), [6000; 10]);
    assert_eq!(test.class_counts(), [1000; 10]);
    assert_eq!((train.image_shape(), test.image_shape()), ([28, 28, 1], [28, 28, 1]));
    let normalization = Normalization::of(&train);
    assert!((normalization.mean()[0] - 0.2860).abs() < 5e-5, "{normalization:?}");
    assert!((normalization.std()[0] - 0.3530).abs() < 5e-5, "{normalization:?}");
}

#[test]
fn the_readme_lists_the_hashes_that_are_checked() {
    let text = |name| String::from_utf8(read(name).unwrap()).unwrap();
    let (readme, sums) = (text("README.md"), text("SHA256SUMS"));
    let IdxPart { images, labels, .. } = FASHION_MNIST.train;
    for file in [images, labels, FASHION_MNIST.test.images, FASHION_MNIST.test.labels] {
        let row =
            readme.lines().find(|line| line.starts_with(&format!("| `{}` |", file.name))).unwrap();
        assert!(row.ends_with(&format!("| `{}` |", file.sha256)), "{row}");
        let packed = format!("{}.gz", file.name);
        let sum = sums.lines().find_map(|line| line.strip_suffix(&format!("  {packed}"))).unwrap();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{packed}` |"))).unwrap();
        assert!(row.ends_with(&format!("| `{sum}` |")), "{row}");
    }
}
