//! Wires in the order that an operator needs: what reshapes and transposes left open is made of nodes here.

use graph::{Axis, Gather, NodeId, Op, Shape};

use super::{Importer, Value, Wired};
use crate::{
    error::{Trouble, refuse},
    view::{Along, Part, View, channels_first, merged, places, size},
};

impl Importer {
    /// The wire of a value with channels first and whole; later readers of `name` find it so.
    pub(super) fn realise(&mut self, name: &str, value: Wired) -> Result<NodeId, Trouble> {
        let (label, exclusive) = (value.label.clone(), value.exclusive);
        let rank = value.view.rank();
        let before = value.wire;
        let wire = self.arranged(value)?;
        if wire != before {
            let view = View::channels_first(self.sketch.shape(wire), rank);
            let value = Wired { wire, view, exclusive, label };
            self.values.insert(name.to_owned(), Value::Wire(value));
        }
        Ok(wire)
    }

    /// The wire of a value whose dimensions are taken in another order: `order[k]` is the dimension (behind the batch) that
    /// becomes the `k`-th; the first one becomes the channels. With it the view in the old order.
    pub(super) fn realise_as(
        &mut self,
        mut value: Wired,
        order: &[usize],
    ) -> Result<(NodeId, View), Trouble> {
        value.view.dims = order.iter().map(|dim| value.view.dims[*dim].clone()).collect();
        let rank = value.view.rank();
        let wire = self.arranged(value)?;
        Ok((wire, reordered(&View::channels_first(self.sketch.shape(wire), rank), order)))
    }

    /// The wire of a value of rank 2, or of one whose second dimension holds exactly the channels, in whatever order; with
    /// it the wire's channel of every index of that dimension, if it is not the same, and the view.
    pub(super) fn by_channels(
        &mut self,
        value: Wired,
    ) -> Result<(NodeId, Option<Vec<usize>>, View), Trouble> {
        let value = if value.view.rank() == 2 { self.in_one_row(value)? } else { value };
        if value.view.channel_dim() == Some(0) {
            let order = self.order(&value.view.dims[0])?;
            return Ok((value.wire, order, value.view));
        }
        let rank = value.view.rank();
        let wire = self.arranged(value)?;
        Ok((wire, None, View::channels_first(self.sketch.shape(wire), rank)))
    }

    /// A value of one dimension whose parts are all on the channel axis.
    fn in_one_row(&mut self, mut value: Wired) -> Result<Wired, Trouble> {
        let shape = self.sketch.shape(value.wire);
        if shape.area() == 1 {
            return Ok(value);
        }
        let wire = self.helper(&value, "flat", Op::Flatten, value.wire)?;
        value.exclusive = value.exclusive && value.wire != wire;
        value.wire = wire;
        for part in value.view.dims.iter_mut().flatten() {
            part.stride *= match part.along {
                Along::Channels => 1,
                Along::Width => shape.channels,
                Along::Height => shape.channels * shape.width,
                Along::Depth => shape.channels * shape.width * shape.height,
            };
            part.along = Along::Channels;
        }
        for dim in &mut value.view.dims {
            *dim = merged(std::mem::take(dim));
        }
        Ok(value)
    }

    /// Channels in the order of parts on the channel axis; nothing if it is their own.
    fn order(&mut self, parts: &[Part]) -> Result<Option<Vec<usize>>, Trouble> {
        let parts = merged(parts.to_vec());
        if let [] | [Part { stride: 1, .. }] = parts.as_slice() {
            return Ok(None);
        }
        self.spend(size(&parts))?;
        Ok(Some(places(&parts)))
    }

    /// Adds a node that has the name of the file's node, or of a part of it if that is taken.
    fn helper(
        &mut self,
        value: &Wired,
        part: &str,
        op: Op,
        wire: NodeId,
    ) -> Result<NodeId, Trouble> {
        let own = value.label.to_string();
        let name = if self.sketch.is_free(&own) { own } else { format!("{own}/{part}") };
        self.sketch.add(&name, op, &[wire], Vec::new())
    }

    /// Adds nodes until channels are first and whole.
    fn arranged(&mut self, mut value: Wired) -> Result<NodeId, Trouble> {
        if let ([_, depth, _, _], 1) =
            (value.view.dims.as_slice(), self.sketch.shape(value.wire).depth)
            && depth.is_empty()
        {
            // A volume of one slice is an image.
            value.view.dims.remove(1);
        }
        // Every step brings the view closer; no arrangement takes more.
        for _ in 0..6 {
            let shape = self.sketch.shape(value.wire);
            for dim in &mut value.view.dims {
                *dim = merged(std::mem::take(dim));
            }
            if value.view == View::channels_first(shape, value.view.rank()) {
                return Ok(value.wire);
            }
            if value.view.rank() == 2 && shape.area() > 1 {
                value = self.in_one_row(value)?;
            } else {
                value = self.step(value, shape)?;
            }
        }
        tangled()
    }

    fn step(&mut self, value: Wired, shape: Shape) -> Result<Wired, Trouble> {
        let view = &value.view;
        if view.channel_dim() == Some(0)
            && let Some(channels) = self.order(&view.dims[0])?
        {
            let gather = Op::Gather(Gather { channels });
            let wire = self.helper(&value, "channels", gather, value.wire)?;
            let view = view.clone().with_whole_channels(0, shape);
            return Ok(Wired { wire, view, ..value });
        }
        if shape.depth != 1 || value.view.rank() > 4 {
            return tangled();
        }
        if let Some(op) = row_major(&value.view, shape) {
            return self.fresh(value, "reshape", op);
        }
        if let Some(op) = permutation(&value.view, shape) {
            return self.fresh(value, "permute", op);
        }
        if let Some(axes) = sequence(&value.view, shape) {
            return self.permuted_step(value, axes);
        }
        if let Some(block) = block_of(&value.view, shape, Along::Channels) {
            return self.depth_to_space_step(value, shape, block);
        }
        if let Some(block) = block_of(&value.view, shape, Along::Height) {
            return self.space_to_depth_step(value, shape, block);
        }
        tangled()
    }

    /// An operator after which channels are first and whole.
    fn fresh(&mut self, value: Wired, part: &str, op: Op) -> Result<Wired, Trouble> {
        let wire = self.helper(&value, part, op, value.wire)?;
        let view = View::channels_first(self.sketch.shape(wire), value.view.rank());
        Ok(Wired { wire, view, ..value })
    }

    /// Axes in another order, after which only sizes differ.
    fn permuted_step(&mut self, mut value: Wired, axes: [Axis; 3]) -> Result<Wired, Trouble> {
        value.wire = self.helper(&value, "permute", Op::Permute(axes), value.wire)?;
        for part in value.view.dims.iter_mut().flatten() {
            let place = axes.iter().position(|axis| image_axis(part.along) == Some(*axis));
            part.along = match place {
                Some(0) => Along::Height,
                Some(1) => Along::Width,
                Some(_) => Along::Channels,
                None => return tangled(),
            };
        }
        Ok(value)
    }

    /// Channels in the order (row in block, column in block, channel), then blocks of them to positions.
    fn depth_to_space_step(
        &mut self,
        value: Wired,
        shape: Shape,
        block: usize,
    ) -> Result<Wired, Trouble> {
        let inner = |dim: usize| {
            value.view.dims[dim].iter().copied().filter(|part| part.along == Along::Channels)
        };
        let parts: Vec<Part> =
            inner(1).chain(inner(2)).chain(value.view.dims[0].iter().copied()).collect();
        if parts.iter().any(|part| part.along != Along::Channels) || size(&parts) != shape.channels
        {
            return tangled();
        }
        let mut wire = value.wire;
        if let Some(channels) = self.order(&parts)? {
            wire = self.helper(&value, "channels", Op::Gather(Gather { channels }), wire)?;
        }
        let value = Wired { wire, ..value };
        self.fresh(value, "depth-to-space", Op::DepthToSpace { block })
    }

    /// Positions to channels, in the order (row in block, column in block, channel).
    fn space_to_depth_step(
        &mut self,
        mut value: Wired,
        shape: Shape,
        block: usize,
    ) -> Result<Wired, Trouble> {
        value.wire =
            self.helper(&value, "space-to-depth", Op::SpaceToDepth { block }, value.wire)?;
        for part in value.view.dims.iter_mut().flatten() {
            let inner = part.stride == 1 && part.size == block;
            match part.along {
                Along::Height if inner => {
                    *part = Part {
                        along: Along::Channels,
                        stride: block * shape.channels,
                        size: block,
                    };
                }
                Along::Width if inner => {
                    *part = Part { along: Along::Channels, stride: shape.channels, size: block };
                }
                Along::Height | Along::Width if part.stride == block => part.stride = 1,
                Along::Height | Along::Width => return tangled(),
                Along::Channels | Along::Depth => {}
            }
        }
        Ok(value)
    }
}

fn tangled<T>() -> Result<T, Trouble> {
    refuse(
        "reshapes and transposes before it mix batch, channels and positions in a way that no operator here does",
        "keep values as [batch, channels, height, width]",
    )
}

/// The dimensions of a view, put back into the order that [`Importer::realise_as`] took them from.
pub(super) fn reordered(view: &View, order: &[usize]) -> View {
    let mut dims = vec![Vec::new(); view.dims.len()];
    for (dim, old) in view.dims.iter().zip(order) {
        dims[*old].clone_from(dim);
    }
    View { dims }
}

/// Dimension 0 behind the others is the wire's own order: only sizes change.
fn row_major(view: &View, shape: Shape) -> Option<Op> {
    let behind = view.dims[1..].iter().chain(&view.dims[..1]).flatten().copied();
    let axes = [Along::Height, Along::Width, Along::Channels];
    let rest = axes.map(|along| Part::whole(along, shape)).to_vec();
    if merged(behind.collect()) != merged(rest) {
        return None;
    }
    let sizes = view.sizes();
    let (height, width) = match sizes.as_slice() {
        [_] => (1, 1),
        [_, width] => (1, *width),
        [_, height, width] => (*height, *width),
        _ => return None,
    };
    Some(Op::Reshape { height, width })
}

/// Every dimension is one whole axis, or nothing; the axes are in another order.
fn permutation(view: &View, shape: Shape) -> Option<Op> {
    let targets: &[Along] = channels_first(view.rank());
    // Source axis of height, width and channels of the output.
    let mut source = [None; 3];
    for (parts, target) in view.dims.iter().zip(targets) {
        let from = match parts.as_slice() {
            [] => continue,
            [part] if *part == Part::whole(part.along, shape) => image_axis(part.along)?,
            _ => return None,
        };
        source[place(image_axis(*target)?)] = Some(from);
    }
    // Axes of size 1 go where there is room.
    let axes = [Axis::Height, Axis::Width, Axis::Channels];
    let mut free: Vec<Axis> =
        axes.into_iter().filter(|axis| !source.contains(&Some(*axis))).collect();
    for place in 0..3 {
        if source[place].is_none() {
            let own = free.iter().position(|axis| *axis == axes[place]).unwrap_or(0);
            source[place] = Some(free.remove(own));
        }
    }
    let [Some(height), Some(width), Some(channels)] = source else { return None };
    let op = [height, width, channels];
    (op != axes).then_some(Op::Permute(op))
}

/// The parts behind dimension 0 and then its own are whole axes in another order: that order.
fn sequence(view: &View, shape: Shape) -> Option<[Axis; 3]> {
    let behind = view.dims[1..].iter().chain(&view.dims[..1]).flatten().copied();
    let mut order = Vec::new();
    for part in merged(behind.collect()) {
        if part != Part::whole(part.along, shape) {
            return None;
        }
        order.push(image_axis(part.along)?);
    }
    let axes = [Axis::Height, Axis::Width, Axis::Channels];
    let free: Vec<Axis> = axes.into_iter().filter(|axis| !order.contains(axis)).collect();
    let order: [Axis; 3] = [free, order].concat().try_into().ok()?;
    (order != axes).then_some(order)
}

fn image_axis(along: Along) -> Option<Axis> {
    match along {
        Along::Depth => None,
        Along::Height => Some(Axis::Height),
        Along::Width => Some(Axis::Width),
        Along::Channels => Some(Axis::Channels),
    }
}

fn place(axis: Axis) -> usize {
    match axis {
        Axis::Height => 0,
        Axis::Width => 1,
        Axis::Channels => 2,
    }
}

/// The block of a depth to space (`along` channels: height and width are followed by a part of the channels each), or of
/// a space to depth (`along` height: height and width are only every so manieth row and column).
fn block_of(view: &View, shape: Shape, along: Along) -> Option<usize> {
    let [_, rows, columns] = view.dims.as_slice() else { return None };
    let block = |parts: &[Part], own: Along| match (along, parts) {
        (Along::Channels, [.., part]) if part.along == Along::Channels => {
            let outer = &parts[..parts.len() - 1];
            (outer == merged(vec![Part::whole(own, shape)]).as_slice()).then_some(part.size)
        }
        (Along::Height, [part]) if part.along == own && part.stride > 1 => {
            (part.size * part.stride == own.size(shape)).then_some(part.stride)
        }
        (Along::Height, []) => (own.size(shape) > 1).then_some(own.size(shape)),
        _ => None,
    };
    let (rows, columns) = (block(rows, Along::Height)?, block(columns, Along::Width)?);
    (rows == columns).then_some(rows)
}
