//! Output sizes against windows laid one by one.

use graph::{Builder, GraphError, Op, Padding, Pool, Shape, Window};
use proptest::prelude::*;
use testkit::strategies;

fn axis() -> impl Strategy<Value = (usize, usize, usize, usize)> {
    (1..14_usize, 1..6_usize, 1..5_usize, 1..4_usize)
}

/// A window that differs from a point along rows only.
fn rows(kernel: usize, stride: usize, dilation: usize) -> Window {
    Window {
        kernel: [kernel, 1],
        stride: [stride, 1],
        dilation: [dilation, 1],
        ..Window::square(1)
    }
}

/// The taps of a window that begins at `start`.
fn taps(start: isize, kernel: usize, dilation: usize) -> impl Iterator<Item = isize> {
    (0..kernel).map(move |tap| start + (tap * dilation) as isize)
}

/// Number of windows, one `stride` after the other, whose taps all lie in `0..size`.
fn fitting(size: usize, kernel: usize, stride: usize, dilation: usize) -> usize {
    let starts = (0..size as isize).step_by(stride);
    starts.filter(|start| taps(*start, kernel, dilation).all(|tap| tap < size as isize)).count()
}

proptest! {
    #![proptest_config(strategies::cases(512))]

    #[test]
    fn valid_windows_lie_in_the_image((input, kernel, stride, dilation) in axis()) {
        let window = rows(kernel, stride, dilation).padding(Padding::Valid);
        let count = fitting(input, kernel, stride, dilation);
        let expected = (count > 0).then_some((count, 0));
        prop_assert_eq!(window.along(0, input), expected);
        prop_assert_eq!(window.along(1, input), Some((input, 0)));
    }

    #[test]
    fn same_windows_begin_at_every_stride_and_share_the_least_padding(
        (input, kernel, stride, dilation) in axis()
    ) {
        let count = (0..input).step_by(stride).count();
        let enough = |padding: &usize| fitting(input + padding, kernel, stride, dilation) >= count;
        let padding = (0..100).find(enough);
        let expected = Some((count, padding.unwrap() / 2));
        prop_assert_eq!(rows(kernel, stride, dilation).along(0, input), expected);
    }

    #[test]
    fn explicit_windows_lie_in_the_padded_image(
        (input, kernel, stride, dilation) in axis(), top in 0..4_usize, bottom in 0..4_usize
    ) {
        let padding = Padding::Explicit { top, bottom, left: 3, right: 3 };
        let window = rows(kernel, stride, dilation).padding(padding);
        let count = fitting(input + top + bottom, kernel, stride, dilation);
        prop_assert_eq!(window.along(0, input), (count > 0).then_some((count, top)));
    }

    #[test]
    fn every_window_of_an_accepted_pool_sees_the_image(
        (input, kernel, stride, dilation) in (1..9_usize, 1..6_usize, 1..5_usize, 1..12_usize),
        explicit in any::<bool>(), top in 0..12_usize, bottom in 0..12_usize,
    ) {
        let padding = Padding::Explicit { top, bottom, left: 0, right: 0 };
        let window = rows(kernel, stride, dilation);
        let window = if explicit { window.padding(padding) } else { window };
        let mut build = Builder::new();
        let image = build.add("image", Op::Input(Shape::new(input, 1, 1)), &[]).unwrap();
        if let Ok(pool) = build.add("pool", Op::AvgPool(Pool { window }), &[image]) {
            let (count, before) = window.along(0, input).unwrap();
            prop_assert_eq!(build.shape(pool), Shape::new(count, 1, 1));
            for position in 0..count {
                let start = (position * stride) as isize - before as isize;
                let seen = taps(start, kernel, dilation).any(|tap| (0..input as isize).contains(&tap));
                prop_assert!(seen, "window {} of {:?} is blind", position, window);
            }
        } else {
            let blind = dilation > input || window.along(0, input).is_none();
            prop_assert!(blind || explicit, "{:?} refused", window);
        }
    }

    #[test]
    fn rows_and_columns_are_treated_alike((input, kernel, stride, dilation) in axis()) {
        let tall = rows(kernel, stride, dilation);
        let turned = |pair: [usize; 2]| [pair[1], pair[0]];
        let wide = Window {
            kernel: turned(tall.kernel),
            stride: turned(tall.stride),
            dilation: turned(tall.dilation),
            padding: tall.padding,
        };
        prop_assert_eq!(tall.along(0, input), wide.along(1, input));
    }
}

#[test]
fn sizes_of_zero_are_no_window() {
    let zeros = [rows(0, 1, 1), rows(1, 0, 1), rows(0, 0, 0)];
    for window in zeros {
        for padding in [Padding::Same, Padding::Valid, Padding::all(0)] {
            assert_eq!(window.padding(padding).along(0, 5), None, "{window:?}");
        }
    }
}

#[test]
fn padding_as_large_as_the_kernel_is_refused() {
    let mut build = Builder::new();
    let image = build.add("image", Op::Input(Shape::new(5, 5, 1)), &[]).unwrap();
    let pool = |padding| Op::MaxPool(Pool { window: Window::square(3).padding(padding) });
    assert!(build.add("wide", pool(Padding::all(2)), &[image]).is_ok());
    let refused = build.add("wider", pool(Padding::all(3)), &[image]);
    assert!(matches!(refused, Err(GraphError::Shape { .. })), "{refused:?}");
}
