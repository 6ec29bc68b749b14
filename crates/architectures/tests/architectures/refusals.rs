//! What cannot be built, and what is said about it.

use std::error::Error;

use architectures::{Architecture, ArchitectureError, InceptionV2, Stem};
use graph::Shape;

use crate::inception;

const IMAGE: Shape = Shape { depth: 1, height: 28, width: 28, channels: 1 };

fn refusal(architecture: &Architecture, input: Shape, classes: usize) -> String {
    architecture.build(input, classes).expect_err("a refusal").to_string()
}

#[test]
fn a_multiplier_that_is_not_positive_and_finite_is_refused() {
    for (multiplier, found) in [(0.0, "0"), (-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")]
    {
        assert_eq!(
            refusal(&inception(Stem::Small, multiplier), IMAGE, 10),
            format!("`width_multiplier` of `inception-v2` must be positive and finite, is {found}")
        );
    }
}

#[test]
fn a_dropout_rate_outside_its_range_is_refused() {
    for (dropout, found) in [(1.0, "1"), (-0.5, "-0.5"), (f32::NAN, "NaN")] {
        let options = InceptionV2 { stem: Stem::Small, dropout, ..InceptionV2::default() };
        assert_eq!(
            refusal(&Architecture::InceptionV2(options), IMAGE, 10),
            format!("`dropout` of `inception-v2` must be in [0, 1), is {found}")
        );
    }
}

#[test]
fn no_classes_are_refused() {
    assert_eq!(
        refusal(&inception(Stem::Small, 1.0), IMAGE, 0),
        "`inception-v2` needs at least 1 class, 0 given"
    );
}

#[test]
fn an_image_smaller_than_the_overall_stride_is_refused_with_the_smallest_that_fits() {
    assert_eq!(
        refusal(&inception(Stem::Imagenet, 1.0), IMAGE, 10),
        "`inception-v2` does not fit an input of 28x28x1: the smallest that fits is 32x32; use larger images or `stem: small`"
    );
    for (height, width) in [(3, 28), (28, 3), (0, 28)] {
        let found = refusal(&inception(Stem::Small, 1.0), Shape::new(height, width, 1), 10);
        assert_eq!(
            found,
            format!(
                "`inception-v2` does not fit an input of {height}x{width}x1: the smallest that fits is 4x4; use larger images"
            )
        );
    }
}

#[test]
fn widths_images_and_classes_beyond_a_graph_are_refused_with_the_layer() {
    for (architecture, input, classes, layer) in [
        (inception(Stem::Small, 1e9), IMAGE, 10, "`Conv2d_1a_3x3`"),
        (inception(Stem::Small, 1e300), IMAGE, 10, "`Conv2d_1a_3x3`"),
        (inception(Stem::Imagenet, 1e9), Shape::new(224, 224, 3), 10, "`Conv2d_1a_7x7/pointwise`"),
        (
            inception(Stem::Imagenet, 1e300),
            Shape::new(224, 224, 3),
            10,
            "`Conv2d_1a_7x7/pointwise`",
        ),
        (inception(Stem::Small, 1.0), Shape::new(usize::MAX, usize::MAX, 1), 10, "`image`"),
        (inception(Stem::Small, 1.0), Shape::new(28, 28, usize::MAX), 10, "`image`"),
        (inception(Stem::Small, 1.0), Shape::new(28, 28, 0), 10, "`image`"),
        (inception(Stem::Small, 1.0), IMAGE, usize::MAX, "`Logits`"),
    ] {
        let refusal = architecture.build(input, classes).unwrap_err();
        assert!(matches!(refusal, ArchitectureError::BeyondGraph { .. }), "{refusal}");
        let source = refusal.source().unwrap().to_string();
        assert!(source.contains(layer), "{source}");
    }
    assert_eq!(
        refusal(&inception(Stem::Small, 1e9), IMAGE, 10),
        "`inception-v2` with width multiplier 1000000000 cannot be built for an input of 28x28x1 and 10 classes"
    );
}
