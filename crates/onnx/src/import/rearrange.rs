//! Reshapes and transposes: they change how a value lies on its wire, and no wire.

use graph::{Op, Shape};

use super::{
    Importer, Wired,
    attributes::{Call, dimensions, sizes},
};
use crate::{
    error::{Trouble, refuse},
    tensor::elements,
    view::{Along, View},
};

const KEEP_BATCH: &str = "the first dimension must stay the batch";

impl Importer {
    pub(super) fn flatten(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let sizes = self.all_sizes(&value);
        let axis = call.int("axis", 1);
        let axis = if axis < 0 { axis.saturating_add(sizes.len() as i64) } else { axis };
        let Some(axis) = usize::try_from(axis).ok().filter(|axis| *axis <= sizes.len()) else {
            return refuse(format!("axis {axis}"), "the file is damaged: export it again");
        };
        let product = |sizes: &[usize]| sizes.iter().product::<usize>();
        self.lay_out(call, &value, &[product(&sizes[..axis]), product(&sizes[axis..])])
    }

    pub(super) fn reshape(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let old = self.all_sizes(&value);
        let stored = self.optional(call, 1)?;
        let asked = match (&stored, call.ints("shape")) {
            (Some(tensor), _) => tensor.as_integers()?,
            (None, Some(shape)) => shape,
            (None, None) => {
                return refuse("it has no shape", "the file is damaged: export it again");
            }
        };
        let copies = call.int("allowzero", 0) == 0;
        let mut new = Vec::with_capacity(asked.len());
        for (at, size) in asked.iter().enumerate() {
            new.push(match (*size, old.get(at)) {
                (-1, _) => 1,
                (0, Some(old)) if copies => *old,
                (size, _) => sizes("a size", &[size])?[0],
            });
        }
        let all = old.iter().product::<usize>();
        let open: Vec<usize> = (0..asked.len()).filter(|at| asked[*at] == -1).collect();
        if let [at] = open.as_slice() {
            match elements(&new) {
                Some(known) if known > 0 && all.is_multiple_of(known) => new[*at] = all / known,
                Some(_) | None => {
                    let problem = format!("{old:?} values cannot be laid out as {asked:?}");
                    return refuse(
                        problem,
                        "export with the batch size that the shapes are made for",
                    );
                }
            }
        }
        if elements(&new) != Some(all) {
            let problem = format!("{old:?} values cannot be laid out as {asked:?}");
            return refuse(problem, "export with the batch size that the shapes are made for");
        }
        self.lay_out(call, &value, &new)
    }

    fn all_sizes(&self, value: &Wired) -> Vec<usize> {
        std::iter::once(self.batch).chain(value.view.sizes()).collect()
    }

    fn lay_out(&mut self, call: &Call<'_>, value: &Wired, sizes: &[usize]) -> Result<(), Trouble> {
        let [batch, sizes @ ..] = sizes else {
            return refuse("a value without dimensions", KEEP_BATCH);
        };
        if *batch != self.batch || sizes.is_empty() {
            let problem = format!("a batch of {} becomes {batch}", self.batch);
            return refuse(problem, KEEP_BATCH);
        }
        if let Some(view) = value.view.reshaped(sizes) {
            return self.alias(call, value, view);
        }
        // Sizes that cut a dimension unevenly: the values are put into the order that they have, and laid out anew.
        let shape = self.sketch.shape(value.wire);
        if let ([height, width, _], 3, 1) = (sizes, value.view.dims.len(), shape.depth) {
            let (wire, _) = self.realise_as(value.clone(), &[2, 0, 1])?;
            let op = Op::Reshape { height: *height, width: *width };
            let wire = self.add(call, "", op, &[wire], Vec::new())?;
            let axes = [Along::Height, Along::Width, Along::Channels];
            return self.define(call, wire, View::of(self.sketch.shape(wire), &axes));
        }
        let Shape { height, width, channels, .. } = shape;
        refuse(
            format!(
                "{channels} channels of {height}x{width} positions cannot be laid out as {sizes:?}"
            ),
            "reshape by sizes that divide each other",
        )
    }

    /// Axes of an attribute or, since operator set 13, of an input.
    fn axes(&self, call: &Call<'_>, rank: usize) -> Result<Option<Vec<usize>>, Trouble> {
        let stored = self.optional(call, 1)?;
        match (call.ints("axes"), &stored) {
            (Some(axes), _) => dimensions(axes, rank).map(Some),
            (None, Some(tensor)) => dimensions(tensor.as_integers()?, rank).map(Some),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn squeeze(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let sizes = self.all_sizes(&value);
        let axes = match self.axes(call, sizes.len())? {
            Some(axes) => axes,
            None if self.report.batch == Some(1) => {
                return refuse("all dimensions of size 1 are dropped, the batch too", KEEP_BATCH);
            }
            None => (1..sizes.len()).filter(|axis| sizes[*axis] == 1).collect(),
        };
        if let Some(axis) = axes.iter().find(|axis| **axis == 0 || sizes[**axis] != 1) {
            return refuse(format!("dimension {axis} of {sizes:?} is dropped"), KEEP_BATCH);
        }
        let mut view = value.view.clone();
        let mut axis = 0;
        view.dims.retain(|_| {
            axis += 1;
            !axes.contains(&axis)
        });
        if view.dims.is_empty() {
            return refuse("nothing but the batch is left", "keep the dimension of the channels");
        }
        self.alias(call, &value, view)
    }

    pub(super) fn unsqueeze(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let count = call.ints("axes").map_or(0, <[i64]>::len);
        let stored = self.optional(call, 1)?;
        let count = count + stored.map_or(0, |tensor| tensor.data.len());
        let rank = value.view.rank() + count;
        let Some(axes) = self.axes(call, rank)? else {
            return refuse("it has no axes", "the file is damaged: export it again");
        };
        if axes.contains(&0) {
            return refuse("a dimension before the batch", KEEP_BATCH);
        }
        let mut old = value.view.dims.iter().cloned();
        let dims = (1..rank).map(|axis| {
            if axes.contains(&axis) { Vec::new() } else { old.next().unwrap_or_default() }
        });
        let view = View { dims: dims.collect() };
        self.alias(call, &value, view)
    }

    pub(super) fn transpose(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rank = value.view.rank();
        let axes = match call.ints("perm") {
            Some(axes) => dimensions(axes, rank)?,
            None => (0..rank).rev().collect(),
        };
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) || axes[0] != 0 {
            return refuse(format!("axes {axes:?} of a value of {rank} dimensions"), KEEP_BATCH);
        }
        let dims = axes[1..].iter().map(|axis| value.view.dims[axis - 1].clone()).collect();
        self.alias(call, &value, View { dims })
    }
}
