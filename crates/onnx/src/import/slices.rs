//! Parts of a value.

use std::cmp::Ordering;

use super::{
    Importer,
    attributes::{Call, dimension, dimensions, sizes},
};
use crate::error::{Trouble, refuse};

const NOT_BATCH: &str = "select channels or positions, not images";

impl Importer {
    pub(super) fn split(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let axis = dimension(call.int("axis", 0), value.view.rank())?;
        let Some(dim) = axis.checked_sub(1) else {
            return refuse("a split of the batch", NOT_BATCH);
        };
        let size = value.view.sizes()[dim];
        let stored = self.optional(call, 1)?;
        let parts = match (call.sizes("split")?, &stored) {
            (Some(parts), _) => parts,
            (None, Some(tensor)) => sizes("a part", tensor.as_integers()?)?,
            (None, None) => {
                // The last part is smaller if the parts are not equal.
                let count = call.outputs().max(1);
                let each = size.div_ceil(count);
                (0..count).map(|part| each.min(size.saturating_sub(part * each))).collect()
            }
        };
        if parts.iter().sum::<usize>() != size
            || parts.len() != call.outputs()
            || parts.contains(&0)
        {
            let problem = format!("{size} channels are split into parts of {parts:?}");
            return refuse(problem, "the file is damaged: export it again");
        }
        let mut start = 0;
        for (position, count) in parts.into_iter().enumerate() {
            if let Some(name) = call.output(position) {
                // A part is named after its output, as the node has several.
                let part = if call.outputs() == 1 { String::new() } else { name.to_owned() };
                let channels = (start..start + count).collect();
                let (wire, view) = self.selected(call, &part, value.clone(), dim, channels)?;
                self.define_output(call, position, wire, view, true)?;
            }
            start += count;
        }
        Ok(())
    }

    pub(super) fn slice(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let rank = value.view.rank();
        let cuts = self.cuts(call, rank)?;
        let (mut wire, mut view, mut changed) = (value.wire, value.view.clone(), false);
        let mut current = value.clone();
        let count = cuts.len();
        for (at, (axis, start, end, step)) in cuts.into_iter().enumerate() {
            let size = if axis == 0 { self.batch } else { view.sizes()[axis - 1] };
            let chosen = cut(size, start, end, step)?;
            if chosen.0 == size && step == 1 {
                continue;
            }
            if axis == 0 {
                return refuse("a slice of the batch", NOT_BATCH);
            }
            if chosen.0 == 0 {
                return refuse(
                    "nothing is left by the slice",
                    "select at least one channel or position",
                );
            }
            self.spend(chosen.0)?;
            let channels = (0..chosen.0).map(|k| (chosen.1 + k as i64 * step) as usize).collect();
            let part = if at + 1 == count { String::new() } else { format!("axis-{axis}") };
            (wire, view) = self.selected(call, &part, current.clone(), axis - 1, channels)?;
            current = super::Wired { wire, view: view.clone(), ..current };
            changed = true;
        }
        if changed { self.define(call, wire, view) } else { self.alias(call, &value, view) }
    }

    /// Axis, start, end and step of every cut of a slice.
    pub(super) fn cuts(
        &self,
        call: &Call<'_>,
        rank: usize,
    ) -> Result<Vec<(usize, i64, i64, i64)>, Trouble> {
        let mut lists: [Option<Vec<i64>>; 4] = [None, None, None, None];
        for (position, name) in ["starts", "ends", "axes", "steps"].into_iter().enumerate() {
            lists[position] = match (call.ints(name), self.optional(call, position + 1)?) {
                (Some(values), _) => Some(values.to_vec()),
                (None, Some(tensor)) => Some(tensor.as_integers()?.to_vec()),
                (None, None) => None,
            };
        }
        let [Some(starts), Some(ends), axes, steps] = lists else {
            return refuse("starts or ends are missing", "the file is damaged: export it again");
        };
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        let axes = dimensions(&axes, rank)?;
        let counts = [starts.len(), ends.len(), axes.len(), steps.len()];
        if counts != [starts.len(); 4] || steps.contains(&0) {
            let problem = format!("lists of {counts:?} entries, or a step of 0");
            return refuse(problem, "the file is damaged: export it again");
        }
        let zipped = axes.into_iter().zip(starts).zip(ends).zip(steps);
        Ok(zipped.map(|(((axis, start), end), step)| (axis, start, end, step)).collect())
    }

    pub(super) fn gather(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let value = self.wired(call, 0)?;
        let indices = self.constant(call, 1)?;
        let rank = value.view.rank();
        let axis = dimension(call.int("axis", 0), rank)?;
        let Some(dim) = axis.checked_sub(1) else { return refuse("a choice of images", NOT_BATCH) };
        let size = value.view.sizes()[dim];
        let mut channels = Vec::with_capacity(indices.data.len());
        for index in indices.as_integers()? {
            channels.push(dimension(*index, size)?);
        }
        if indices.rank() > 1 || channels.is_empty() {
            let problem = format!("indices of dimensions {:?}", indices.dims);
            return refuse(problem, "use a single row of indices");
        }
        let (wire, mut view) = self.selected(call, "", value, dim, channels)?;
        if indices.rank() == 0 && view.dims.len() > 1 {
            view.dims.remove(dim);
        }
        self.define(call, wire, view)
    }
}

/// How many of `size` places a cut keeps, and the first of them.
pub(super) fn cut(size: usize, start: i64, end: i64, step: i64) -> Result<(usize, i64), Trouble> {
    let size = size as i64;
    let from_end = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
    let (start, end) = (from_end(start), from_end(end));
    let (distance, first) = match step.cmp(&0) {
        Ordering::Greater => {
            let start = start.clamp(0, size);
            (end.clamp(0, size) - start, start)
        }
        Ordering::Less => {
            let start = start.clamp(-1, size - 1);
            (start - end.clamp(-1, size - 1), start)
        }
        Ordering::Equal => return refuse("a step of 0", "the file is damaged: export it again"),
    };
    Ok(((distance.max(0) as u64).div_ceil(step.unsigned_abs()) as usize, first))
}
