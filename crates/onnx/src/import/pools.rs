//! Pools and reductions.

use graph::{NodeId, Op, Pool};

use super::{
    Importer, Wired,
    attributes::{Call, dimensions},
    window::{Spatial, image_sizes},
};
use crate::{
    error::{Trouble, refuse},
    view::{Along, View},
};

const VOLUME: &str =
    "pools work on one or two axes: pool them one after the other, or use a global pool";

impl Importer {
    pub(super) fn max_pool(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        if call.output(1).is_some() {
            return refuse("indices of the maxima", "only the maxima themselves can be used");
        }
        let (wire, rank, spatial) = self.pool(call)?;
        let (window, pad) = spatial.flat();
        if pad.is_some() {
            return refuse("padding wider than the window", "pad by less than the window's size");
        }
        let pool = self.add(call, "", Op::MaxPool(Pool { window }), &[wire], Vec::new())?;
        let view = View::channels_first(self.sketch.shape(pool), rank);
        self.define(call, pool, view)
    }

    pub(super) fn average_pool(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let (mut wire, rank, mut spatial) = self.pool(call)?;
        if call.int("count_include_pad", 0) != 0 && spatial.is_padded() {
            if call.int("ceil_mode", 0) != 0 {
                return refuse(
                    "padding that is counted together with ceil_mode",
                    "use one of them",
                );
            }
            // Zeros that count are zeros of the image.
            wire = self.add(call, "pad", Op::Pad(spatial.pad()), &[wire], Vec::new())?;
            spatial.before.fill(0);
            spatial.after.fill(0);
            spatial.same = false;
        }
        let (window, pad) = spatial.flat();
        if pad.is_some() {
            return refuse("padding wider than the window", "pad by less than the window's size");
        }
        let pool = self.add(call, "", Op::AvgPool(Pool { window }), &[wire], Vec::new())?;
        let view = View::channels_first(self.sketch.shape(pool), rank);
        self.define(call, pool, view)
    }

    fn pool(&mut self, call: &Call<'_>) -> Result<(NodeId, usize, Spatial), Trouble> {
        let Some(kernel) = call.sizes("kernel_shape")? else {
            return refuse("kernel_shape is missing", "the file is damaged: export it again");
        };
        let (wire, rank) = self.image_input(call, 0)?;
        let image = image_sizes(self.sketch.shape(wire), rank);
        if rank > 4 {
            return refuse("a pool over three axes", VOLUME);
        }
        if kernel.len() != image.len() || rank < 3 {
            let problem = format!("a window of {kernel:?} on a value of {rank} dimensions");
            return refuse(problem, "the file is damaged: export it again");
        }
        let mut spatial = Spatial::of(call, kernel, &image)?;
        if call.int("ceil_mode", 0) != 0 && !spatial.same {
            spatial.round_up(&image);
        }
        Ok((wire, rank, spatial))
    }

    pub(super) fn global_pool(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let axes: Vec<usize> = (1..value.view.dims.len()).collect();
        self.reduce(call, &axes, true)
    }

    pub(super) fn reduction(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rank = value.view.rank();
        let stored = self.optional(call, 1)?;
        let axes = match (call.ints("axes"), &stored) {
            (Some(axes), _) => dimensions(axes, rank)?,
            (None, Some(tensor)) => dimensions(tensor.as_integers()?, rank)?,
            (None, None) => (0..rank).collect(),
        };
        if axes.contains(&0) {
            return refuse("a reduction over the batch", "reduce over positions only");
        }
        let axes: Vec<usize> = axes.iter().map(|axis| axis - 1).collect();
        self.reduce(call, &axes, call.int("keepdims", 1) != 0)
    }

    /// Mean or maximum over dimensions behind the batch: all positions, none of the channels.
    fn reduce(&mut self, call: &Call<'_>, axes: &[usize], keep: bool) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let reduced = |dim: usize| axes.contains(&dim);
        let all_positions = value.view.dims.iter().enumerate().all(|(dim, parts)| {
            parts.iter().all(|part| (part.along == Along::Channels) != reduced(dim))
        });
        let (wire, mut view) =
            if all_positions { (value.wire, value.view) } else { self.kept_first(value, axes)? };
        let op = if matches!(call.op(), "GlobalMaxPool" | "ReduceMax") {
            Op::GlobalMaxPool
        } else {
            Op::GlobalAvgPool
        };
        let pool = self.add(call, "", op, &[wire], Vec::new())?;
        for dim in axes {
            view.dims[*dim].clear();
        }
        if !keep {
            let mut dim = 0;
            view.dims.retain(|_| {
                dim += 1;
                !reduced(dim - 1)
            });
        }
        self.define(call, pool, view)
    }

    /// A value of which one dimension is kept by a reduction, with that one as the channels.
    fn kept_first(&mut self, value: Wired, axes: &[usize]) -> Result<(NodeId, View), Trouble> {
        let sizes = value.view.sizes();
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|dim| (axes.contains(dim), sizes[*dim] == 1));
        let kept = order.iter().filter(|dim| !axes.contains(dim) && sizes[**dim] > 1).count();
        if kept > 1 || order.first().is_none_or(|dim| axes.contains(dim)) {
            return refuse(
                format!("a reduction of {sizes:?} along {axes:?} (the batch not counted)"),
                "reduce over all positions at once",
            );
        }
        self.realise_as(value, &order)
    }
}
