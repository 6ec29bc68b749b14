//! Maps of positions and values that operators are made of.

use graph::{Axis, Interpolation, Shape};
use tensor_ops::{Tap, Taps};

/// Height and width.
type Size = [usize; 2];

fn positions([height, width]: Size) -> impl Iterator<Item = Size> {
    (0..height).flat_map(move |row| (0..width).map(move |column| [row, column]))
}

/// Every position of `output` is a weighted mean of positions of `input`.
pub(crate) fn resized(input: Size, output: Size, method: Interpolation) -> Taps {
    let along = |axis: usize, at: usize| method.taps(at, output[axis], input[axis]);
    let of = |[row, column]: Size| {
        let mut taps: Vec<Tap> = Vec::new();
        for (row, by_row) in along(0, row) {
            for (column, by_column) in along(1, column) {
                let (source, weight) = (row * input[1] + column, (by_row * by_column) as f32);
                match taps.iter_mut().find(|tap| tap.source == source) {
                    Some(tap) => tap.weight += weight,
                    None if weight != 0.0 => taps.push(Tap { source, weight }),
                    None => {}
                }
            }
        }
        taps
    };
    Taps::new(input[0] * input[1], positions(output).map(of))
}

/// The positions of `part` lie in `whole` with their first one at `corner`; the others have no taps.
pub(crate) fn placed(part: Size, whole: Size, corner: Size) -> Taps {
    let place = |[row, column]: Size| (corner[0] + row) * whole[1] + corner[1] + column;
    Taps::gather(whole[0] * whole[1], positions(part).map(place)).transposed()
}

/// As [`placed`], with the first channel as the corner's last coordinate, for the values of wires.
pub(crate) fn placed_values(part: Shape, whole: Shape, [top, left, before]: [usize; 3]) -> Taps {
    let place = |[row, column]: Size| {
        let start = ((top + row) * whole.width + left + column) * whole.channels + before;
        start..start + part.channels
    };
    let places = positions([part.height, part.width]).flat_map(place);
    Taps::gather(whole.elements(), places).transposed()
}

/// From the positions of `fine` to those of an image that is coarser by the factor `block`: the one at `offset` of every
/// block.
pub(crate) fn of_blocks(fine: Size, block: usize, offset: Size) -> Taps {
    let place =
        |[row, column]: Size| (row * block + offset[0]) * fine[1] + column * block + offset[1];
    Taps::gather(fine[0] * fine[1], positions(fine.map(|size| size / block)).map(place))
}

/// From the values of a wire of shape `input` to those of the one whose axis `k` (height, width, channels) is input axis
/// `permutation[k]`.
pub(crate) fn permuted(input: Shape, permutation: [Axis; 3]) -> Taps {
    let along = |axis: Axis| match axis {
        Axis::Height => (input.height, input.width * input.channels),
        Axis::Width => (input.width, input.channels),
        Axis::Channels => (input.channels, 1),
    };
    let [(height, by_row), (width, by_column), (channels, by_channel)] = permutation.map(along);
    let of = move |[row, column]: Size| {
        (0..channels).map(move |channel| row * by_row + column * by_column + channel * by_channel)
    };
    Taps::gather(input.elements(), positions([height, width]).flat_map(of))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(taps: &Taps) -> Vec<Vec<(usize, f32)>> {
        let row = |target| taps.row(target).iter().map(|tap| (tap.source, tap.weight)).collect();
        (0..taps.targets()).map(row).collect()
    }

    #[test]
    fn a_position_that_is_met_twice_is_one_tap() {
        let taps = resized([1, 2], [1, 4], Interpolation::Bilinear);
        let expected: [&[(usize, f32)]; 4] =
            [&[(0, 1.0)], &[(0, 0.75), (1, 0.25)], &[(0, 0.25), (1, 0.75)], &[(1, 1.0)]];
        assert_eq!(sources(&taps), expected);
        let nearest = resized([1, 3], [2, 2], Interpolation::Nearest);
        assert_eq!(sources(&nearest), [[(0, 1.0)], [(2, 1.0)], [(0, 1.0)], [(2, 1.0)]]);
    }

    #[test]
    fn positions_outside_the_part_have_no_taps() {
        let taps = placed([1, 2], [3, 3], [1, 1]);
        let expected: [&[(usize, f32)]; 9] =
            [&[], &[], &[], &[], &[(0, 1.0)], &[(1, 1.0)], &[], &[], &[]];
        assert_eq!(sources(&taps), expected);
    }

    #[test]
    fn values_outside_the_part_have_no_taps() {
        let taps = placed_values(Shape::new(1, 1, 2), Shape::new(1, 2, 3), [0, 1, 1]);
        let expected: [&[(usize, f32)]; 6] = [&[], &[], &[], &[], &[(0, 1.0)], &[(1, 1.0)]];
        assert_eq!(sources(&taps), expected);
    }

    #[test]
    fn blocks_are_read_at_their_offset() {
        let taps = of_blocks([2, 4], 2, [1, 0]);
        assert_eq!(sources(&taps), [[(4, 1.0)], [(6, 1.0)]]);
    }

    #[test]
    fn a_permutation_reads_by_strides_of_the_input() {
        let taps = permuted(Shape::new(2, 3, 1), [Axis::Width, Axis::Channels, Axis::Height]);
        let order: Vec<usize> = (0..6).map(|target| taps.row(target)[0].source).collect();
        assert_eq!(order, [0, 3, 1, 4, 2, 5]);
    }
}
