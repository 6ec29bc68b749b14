//! Padding, resizing, and blocks of positions to channels and back.

use graph::{Interpolation, NodeId, Op, Pad, Resize};

use super::{
    Importer,
    attributes::{Call, dimensions, sizes},
};
use crate::{
    error::{Trouble, refuse},
    view::{Along, Part, View, merged},
};

impl Importer {
    pub(super) fn pad(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rank = value.view.rank();
        let stored = self.optional(call, 1)?;
        let amounts = match (call.ints("pads"), &stored) {
            (Some(pads), _) => sizes("padding", pads)?,
            (None, Some(tensor)) => sizes("padding", tensor.as_integers()?)?,
            (None, None) => {
                return refuse("pads are missing", "the file is damaged: export it again");
            }
        };
        let axes = match self.optional(call, 3)? {
            Some(tensor) => dimensions(tensor.as_integers()?, rank)?,
            None => (0..rank).collect(),
        };
        if amounts.len() != 2 * axes.len() {
            let problem = format!("{} amounts for {} axes", amounts.len(), axes.len());
            return refuse(problem, "the file is damaged: export it again");
        }
        let mut pads = vec![[0, 0]; rank];
        for (at, axis) in axes.iter().enumerate() {
            pads[*axis] = [amounts[at], amounts[axes.len() + at]];
        }
        if pads[0] != [0, 0] {
            return refuse("padding of the batch", "pad channels or positions");
        }
        match call.string("mode", "constant") {
            "constant" => {
                let number = match self.optional(call, 2)? {
                    Some(tensor) => tensor.scalar().unwrap_or(f32::NAN),
                    None => call.float("value", 0.0),
                };
                self.pad_constant(call, &pads, number)
            }
            mode @ ("edge" | "reflect") => self.pad_copies(call, &pads, mode == "reflect"),
            mode => refuse(format!("padding of mode `{mode}`"), "use constant, edge or reflect"),
        }
    }

    fn pad_constant(
        &mut self,
        call: &Call<'_>,
        pads: &[[usize; 2]],
        number: f32,
    ) -> Result<(), Trouble> {
        let (wire, rank) = self.image_input(call, 0)?;
        let place = |axis: usize| pads.get(axis).copied().unwrap_or([0, 0]);
        let ([top, bottom], [left, right]) = match rank {
            4 => (place(2), place(3)),
            3 => ([0, 0], place(2)),
            2 => ([0, 0], [0, 0]),
            _ => return refuse("padding of a volume", "pad in the convolution"),
        };
        if !number.is_finite() {
            return refuse(format!("padding with {number}"), "pad with a finite number");
        }
        let pad = Pad { top, bottom, left, right, channels: place(1) };
        // Padding with another number: zeros around what is shifted by it.
        let shifted = self.shifted_by(call, "shifted", wire, -number)?;
        let part = if number == 0.0 { "" } else { "zeros" };
        let padded = self.add(call, part, Op::Pad(pad), &[shifted], Vec::new())?;
        let padded = self.shifted_by(call, "", padded, number)?;
        let view = View::channels_first(self.sketch.shape(padded), rank);
        self.define(call, padded, view)
    }

    /// Padding with copies of the border or of what lies behind it: a selection of rows and columns.
    fn pad_copies(
        &mut self,
        call: &Call<'_>,
        pads: &[[usize; 2]],
        reflect: bool,
    ) -> Result<(), Trouble> {
        let mut value = self.wired(call, 0)?;
        let axes: Vec<usize> = (1..pads.len()).filter(|axis| pads[*axis] != [0, 0]).collect();
        self.note(call, "is written as selections of rows and columns");
        for (at, axis) in axes.iter().enumerate() {
            let size = value.view.sizes()[axis - 1];
            let [before, after] = pads[*axis];
            if reflect && before.max(after) >= size {
                return refuse(
                    format!("a reflection of {before} and {after} of {size}"),
                    "pad by less",
                );
            }
            self.spend(before.saturating_add(after).saturating_add(size))?;
            let places = (0..before + size + after).map(|place| {
                let inside = place as i64 - before as i64;
                let last = size as i64 - 1;
                let inside = if reflect && inside < 0 { -inside } else { inside };
                let inside = if reflect && inside > last { 2 * last - inside } else { inside };
                inside.clamp(0, last) as usize
            });
            let part = if at + 1 == axes.len() { String::new() } else { format!("axis-{axis}") };
            let places = places.collect();
            let (wire, view) = self.selected(call, &part, value.clone(), axis - 1, places)?;
            value = super::Wired { wire, view, ..value };
        }
        let view = value.view.clone();
        if axes.is_empty() {
            self.alias(call, &value, view)
        } else {
            self.define(call, value.wire, view)
        }
    }

    pub(super) fn resize(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let (wire, rank) = self.image_input(call, 0)?;
        let shape = self.sketch.shape(wire);
        let old = [self.batch, shape.channels, shape.height, shape.width];
        if rank != 4 {
            return refuse(
                format!("a resize of a value of {rank} dimensions"),
                "resize images only",
            );
        }
        let axes = call.ints("axes").map(|axes| dimensions(axes, rank)).transpose()?;
        let axes = axes.unwrap_or_else(|| (0..rank).collect());
        // Positions of scales and sizes among the inputs.
        let (at_scales, at_sizes) = match (call.op(), self.opset) {
            ("Upsample", _) | (_, ..=10) => (1, usize::MAX),
            _ => (2, 3),
        };
        let stored = self.optional(call, at_scales)?.filter(|tensor| tensor.data.len() > 0);
        let scales = match (call.floats("scales"), &stored) {
            (Some(scales), _) => Some(scales.to_vec()),
            (None, Some(tensor)) => Some(tensor.floats().into_owned()),
            (None, None) => None,
        };
        let mut new = old;
        let mut ratio = [1.0; 4];
        if let Some(scales) = scales {
            if scales.len() != axes.len()
                || scales.iter().any(|scale| !(*scale > 0.0 && *scale < 1e6))
            {
                return refuse(
                    format!("scales {scales:?}"),
                    "the file is damaged: export it again",
                );
            }
            for (axis, scale) in axes.iter().zip(&scales) {
                ratio[*axis] = f64::from(*scale);
                new[*axis] = (old[*axis] as f64 * f64::from(*scale)).floor() as usize;
            }
        } else {
            let Some(stored) = self.optional(call, at_sizes)? else {
                return refuse("neither scales nor sizes", "the file is damaged: export it again");
            };
            let asked = sizes("a size", stored.as_integers()?)?;
            if asked.len() != axes.len()
                || call.string("keep_aspect_ratio_policy", "stretch") != "stretch"
            {
                return refuse(format!("sizes {asked:?}"), "give a size for every axis");
            }
            for (axis, size) in axes.iter().zip(&asked) {
                new[*axis] = *size;
                ratio[*axis] = *size as f64 / old[*axis] as f64;
            }
        }
        if new[..2] != old[..2] {
            return refuse("a resize of batch or channels", "resize height and width only");
        }
        let method = Self::method(call, self.opset)?;
        let [_, _, height, width] = new;
        for axis in [2, 3] {
            self.spend(new[axis])?;
            samples(call, self.opset, method, old[axis], new[axis], ratio[axis])?;
        }
        let op = Op::Resize(Resize { height, width, method });
        let resized = self.add(call, "", op, &[wire], Vec::new())?;
        let view = View::channels_first(self.sketch.shape(resized), rank);
        self.define(call, resized, view)
    }

    fn method(call: &Call<'_>, opset: i64) -> Result<Interpolation, Trouble> {
        let antialias = call.int("antialias", 0) != 0;
        match call.string("mode", "nearest") {
            "nearest" => Ok(Interpolation::Nearest),
            "linear" | "bilinear" if opset >= 9 && !antialias => Ok(Interpolation::Bilinear),
            mode => refuse(
                format!(
                    "interpolation `{mode}`{}",
                    if antialias { " with antialiasing" } else { "" }
                ),
                "use nearest or linear without antialiasing",
            ),
        }
    }

    pub(super) fn depth_to_space(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let block = call.size("blocksize", 0)?;
        let (wire, rank) = self.image_input(call, 0)?;
        let shape = self.sketch.shape(wire);
        let square = block.saturating_mul(block);
        if rank != 4 || square == 0 || !shape.channels.is_multiple_of(square) {
            return refuse(
                format!("blocks of {block} of an input of {shape}"),
                "the block's square must divide the channels",
            );
        }
        if call.string("mode", "DCR") == "DCR" {
            return self.blocks(call, wire, Op::DepthToSpace { block });
        }
        let left = shape.channels / square;
        let part = |along, stride, size| Part { along, stride, size };
        let view = View {
            dims: vec![
                merged(vec![part(Along::Channels, square, left)]),
                merged(vec![
                    Part::whole(Along::Height, shape),
                    part(Along::Channels, block, block),
                ]),
                merged(vec![Part::whole(Along::Width, shape), part(Along::Channels, 1, block)]),
            ],
        };
        let value = super::Wired { wire, view, exclusive: false, label: call.name.into() };
        let (wire, view) = self.realise_as(value, &[0, 1, 2])?;
        self.define(call, wire, view)
    }

    pub(super) fn space_to_depth(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let block = call.size("blocksize", 0)?;
        let (wire, _) = self.image_input(call, 0)?;
        self.blocks(call, wire, Op::SpaceToDepth { block })
    }

    fn blocks(&mut self, call: &Call<'_>, wire: NodeId, op: Op) -> Result<(), Trouble> {
        let moved = self.add(call, "", op, &[wire], Vec::new())?;
        let view = View::channels_first(self.sketch.shape(moved), 4);
        self.define(call, moved, view)
    }
}

/// Refuses a resize along one axis whose samples are not those of [`Interpolation`].
fn samples(
    call: &Call<'_>,
    opset: i64,
    method: Interpolation,
    old: usize,
    new: usize,
    ratio: f64,
) -> Result<(), Trouble> {
    // Before operator set 11, and in `Upsample`, samples are asymmetric and rounded down.
    let early = call.op() == "Upsample" || opset < 11;
    let transform = if early {
        "asymmetric"
    } else {
        call.string("coordinate_transformation_mode", "half_pixel")
    };
    let rounding = if early { "floor" } else { call.string("nearest_mode", "round_prefer_floor") };
    let differs = || {
        refuse(
            format!("{old} positions become {new} by `{transform}`, `{rounding}`"),
            "use coordinate_transformation_mode half_pixel (nearest: round_prefer_ceil, or whole factors)",
        )
    };
    for at in 0..new {
        let x = match transform {
            "asymmetric" => at as f64 / ratio,
            "pytorch_half_pixel" | "align_corners" if new == 1 => 0.0,
            "half_pixel" | "pytorch_half_pixel" => (at as f64 + 0.5) / ratio - 0.5,
            "align_corners" => at as f64 * (old - 1) as f64 / (new - 1) as f64,
            _ => return differs(),
        };
        let ours = method.taps(at, new, old);
        let same = match method {
            Interpolation::Nearest => {
                let rounded = |x: f64| match rounding {
                    "floor" => Some(x.floor()),
                    "ceil" => Some(x.ceil()),
                    "round_prefer_floor" => Some((x - 0.5).ceil()),
                    "round_prefer_ceil" => Some((x + 0.5).floor()),
                    _ => None,
                };
                // A place that lies between two positions but for rounding errors may go to either.
                let at_ours = |x: f64| {
                    let place = rounded(x).map(|place| place.clamp(0.0, (old - 1) as f64));
                    place.is_some_and(|place| place as usize == ours[0].0)
                };
                at_ours(x) || at_ours(x - 1e-6) || at_ours(x + 1e-6)
            }
            Interpolation::Bilinear => {
                let place = x.clamp(0.0, (old - 1) as f64);
                let center: f64 = ours.iter().map(|(at, weight)| *at as f64 * weight).sum();
                (place - center).abs() < 1e-4
            }
        };
        if !same {
            return differs();
        }
    }
    Ok(())
}
