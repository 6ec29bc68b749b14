//! Transposed convolutions.

use graph::{ConvTranspose, Op, Pad, Padding, Role, Shape};

use super::{
    Importer,
    attributes::Call,
    layers::{expect_kernel, permuted, reshaped},
    window::{Spatial, image_sizes},
};
use crate::{
    error::{Trouble, refuse},
    view::View,
};

const REMEDY: &str =
    "transposed convolutions are dense, over one or two axes, padded by numbers: change the layer";

impl Importer {
    pub(super) fn transposed_convolution(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let kernel = self.constant(call, 1)?;
        let (wire, rank) = self.image_input(call, 0)?;
        let shape = self.sketch.shape(wire);
        expect_kernel(call, &kernel, rank)?;
        let (channels, out, sizes) = (kernel.dims[0], kernel.dims[1], &kernel.dims[2..]);
        if call.size("group", 1)? != 1 || rank > 4 {
            return refuse("a transposed convolution in groups or over three axes", REMEDY);
        }
        if call.has("output_shape") || call.string("auto_pad", "NOTSET").starts_with("SAME") {
            return refuse("padding by the size of the output", REMEDY);
        }
        let more = call.sizes("output_padding")?.unwrap_or_else(|| vec![0; sizes.len()]);
        if channels != shape.channels || more.len() != sizes.len() {
            return refuse(
                format!("a kernel of dimensions {:?} on an input of {shape}", kernel.dims),
                "the file is damaged: export it again",
            );
        }
        let mut spatial = Spatial::of(call, sizes.to_vec(), &image_sizes(shape, rank))?;
        let (padding, gap) = padding(&mut spatial, &more, shape);
        let (mut window, pad) = spatial.flat();
        if pad.is_some() {
            return refuse("padding wider than the kernel", REMEDY);
        }
        window.padding = padding.unwrap_or(window.padding);
        let bias = self.bias(call, 2, out)?;
        let [height, width] = window.kernel;
        let weight = kernel.array()?;
        self.spend(weight.len())?;
        let weight = permuted(reshaped(weight, &[channels, out, height, width])?, &[2, 3, 1, 0]);
        let whole = gap == Pad::default();
        let op = Op::ConvTranspose(ConvTranspose { out, window, bias: whole && bias.is_some() });
        if whole {
            return self.layer(call, op, wire, weight, bias, rank);
        }
        // Positions that no window reaches have the bias alone.
        let mut wire = self.shared(call, "gap", op, wire, weight, None)?;
        wire = self.add(call, "gap", Op::Pad(gap), &[wire], Vec::new())?;
        if let Some(bias) = bias {
            wire =
                self.add(call, "bias", Op::Bias, &[wire], vec![(Role::Bias, bias.into_dyn())])?;
        }
        let view = View::channels_first(self.sketch.shape(wire), rank);
        self.define(call, wire, view)
    }
}

/// How the output, which has `more` positions at its end, is padded: takes them off the padding behind where it is as wide.
/// Else the padding is one that says the same, if there is one, or there is a gap to be filled behind the output.
fn padding(spatial: &mut Spatial, more: &[usize], shape: Shape) -> (Option<Padding>, Pad) {
    let axes = 0..more.len();
    let sizes = if more.len() == 1 { vec![shape.width] } else { vec![shape.height, shape.width] };
    let whole = |axis: usize| (sizes[axis] - 1) * spatial.stride[axis] + spatial.extent(axis);
    let gaps = axes.clone().map(|axis| spatial.stride[axis].saturating_sub(spatial.extent(axis)));
    if !spatial.is_padded() && gaps.eq(more.iter().copied()) {
        return (Some(Padding::Valid), Pad::default());
    }
    let fits = axes.clone().all(|axis| more[axis] <= spatial.after[axis]);
    let same = axes.clone().all(|axis| {
        let surplus = spatial.extent(axis).saturating_sub(spatial.stride[axis]);
        let cut = spatial.before[axis] + spatial.after[axis];
        whole(axis) + more[axis] == sizes[axis] * spatial.stride[axis] + cut
            && spatial.before[axis] == surplus / 2
    });
    let mut gap = Pad::default();
    for axis in axes {
        let left = more[axis].saturating_sub(spatial.after[axis]);
        spatial.after[axis] = spatial.after[axis].saturating_sub(more[axis]);
        let place = if axis + 1 == more.len() { &mut gap.right } else { &mut gap.bottom };
        *place = left;
    }
    if fits {
        (spatial_numbers(spatial), Pad::default())
    } else if same && more.len() == 2 {
        (Some(Padding::Same), Pad::default())
    } else {
        (spatial_numbers(spatial), gap)
    }
}

/// No padding is padding by zero: VALID fills gaps.
fn spatial_numbers(spatial: &Spatial) -> Option<Padding> {
    (!spatial.is_padded()).then_some(Padding::all(0))
}
