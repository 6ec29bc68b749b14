//! Operators on several values, of which some may be constants.

use std::rc::Rc;

use graph::{Activation, Axis, Gather, NodeId, Op, Role, Shape};
use ndarray::Array1;

use super::{
    Importer, Value, Wired,
    attributes::{Call, dimension},
};
use crate::{
    error::{Trouble, refuse},
    tensor::Tensor,
    view::View,
};

/// How a constant lies over a value.
pub(super) enum Spread {
    /// One number for all.
    All(Wired, f32),
    /// A number per channel of the wire, and how the value lies on it.
    Channels(NodeId, Vec<f32>, View),
}

impl Importer {
    pub(super) fn join(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let (mut wires, mut constants) = (Vec::new(), Vec::new());
        for position in 0..call.inputs() {
            match self.input(call, position)? {
                Value::Wire(value) => wires.push((position, value)),
                Value::Constant(tensor) => constants.push((position, tensor)),
            }
        }
        let legacy =
            (call.int("broadcast", 0) != 0 && call.has("axis")).then(|| call.int("axis", 0));
        let legacy = legacy.and_then(|axis| usize::try_from(axis).ok());
        match (call.op(), wires.as_slice(), constants.as_slice()) {
            (_, [], _) => {
                refuse("nothing in it depends on the image", "fold constants before exporting")
            }
            (op, [(_, value)], []) if op != "Sub" && op != "Div" => {
                self.alias(call, value, value.view.clone())
            }
            (op, [(position, value)], [(_, constant)]) => {
                let spread = self.spread(value.clone(), constant, legacy)?;
                self.with_constant(call, op, *position == 0, value.exclusive, spread)
            }
            ("Div", ..) => refuse(
                "a division by something computed from the image",
                "only division by constants is supported",
            ),
            (_, _, []) => self.join_wires(call, wires),
            _ => refuse(
                format!("{} values and {} constants in one node", wires.len(), constants.len()),
                "use one node for the constants and one for the values",
            ),
        }
    }

    fn with_constant(
        &mut self,
        call: &Call<'_>,
        op: &str,
        value_first: bool,
        exclusive: bool,
        spread: Spread,
    ) -> Result<(), Trouble> {
        match op {
            "Add" | "Sum" => self.shift(call, exclusive, spread, |shift| shift),
            "Sub" if value_first => self.shift(call, exclusive, spread, |shift| -shift),
            "Sub" => {
                let negated = match spread {
                    Spread::All(value, number) => {
                        let wire = self.apply(
                            call,
                            "negative",
                            Activation::Scale { factor: -1.0 },
                            value.wire,
                        )?;
                        Spread::All(Wired { wire, ..value }, number)
                    }
                    Spread::Channels(wire, numbers, view) => {
                        let wire =
                            self.apply(call, "negative", Activation::Scale { factor: -1.0 }, wire)?;
                        Spread::Channels(wire, numbers, view)
                    }
                };
                self.shift(call, false, negated, |shift| shift)
            }
            "Mul" => self.scale(call, exclusive, spread, |factor| factor),
            "Div" if value_first => self.scale(call, exclusive, spread, |divisor| 1.0 / divisor),
            "Max" | "Min" => match spread {
                Spread::All(value, number) if op == "Max" => {
                    self.clamp(call, value, Some(number), None)
                }
                Spread::All(value, number) => self.clamp(call, value, None, Some(number)),
                Spread::Channels(..) => {
                    refuse("a bound per channel", "use one number for all channels")
                }
            },
            _ => refuse(
                "a division by something computed from the image",
                "only division by constants is supported",
            ),
        }
    }

    /// How a constant lies over a value: one number, or one per channel. `legacy` is the dimension at which its own
    /// dimensions begin, in operator sets before 7.
    pub(super) fn spread(
        &mut self,
        value: Wired,
        constant: &Rc<Tensor>,
        legacy: Option<usize>,
    ) -> Result<Spread, Trouble> {
        if let Some(number) = constant.scalar() {
            return Ok(Spread::All(value, number));
        }
        let rank = value.view.rank();
        let first = legacy.or_else(|| rank.checked_sub(constant.rank()));
        let unlike = || {
            let problem = format!(
                "a constant of dimensions {:?} over a value of {:?} behind the batch",
                constant.dims,
                value.view.sizes()
            );
            refuse(problem, "constants may be one number or one number per channel")
        };
        let wide: Vec<usize> = (0..constant.rank()).filter(|at| constant.dims[*at] != 1).collect();
        let ([at], Some(first)) = (wide.as_slice(), first) else { return unlike() };
        let Some(dim) = (first + at).checked_sub(1).filter(|dim| *dim < value.view.dims.len())
        else {
            return unlike();
        };
        if value.view.sizes()[dim] != constant.dims[*at] {
            return unlike();
        }
        let (wire, order, view) = if dim == 0 {
            self.by_channels(value)?
        } else if value.view.channel_dim() == Some(dim) {
            let order: Vec<usize> =
                std::iter::once(dim).chain((0..rank - 1).filter(|other| *other != dim)).collect();
            let (wire, view) = self.realise_as(value, &order)?;
            (wire, None, view)
        } else {
            return unlike();
        };
        let channels = self.sketch.shape(wire).channels;
        let numbers = self.per_channel(constant, channels, order.as_deref())?;
        Ok(Spread::Channels(wire, numbers.to_vec(), view))
    }

    fn shift(
        &mut self,
        call: &Call<'_>,
        exclusive: bool,
        spread: Spread,
        sign: impl Fn(f32) -> f32,
    ) -> Result<(), Trouble> {
        let (wire, numbers, view) = match spread {
            Spread::All(value, 0.0) => return self.alias(call, &value, value.view.clone()),
            Spread::All(value, number) => {
                let channels = self.sketch.shape(value.wire).channels;
                self.spend(channels)?;
                (value.wire, vec![sign(number); channels], value.view)
            }
            Spread::Channels(wire, numbers, view) => {
                (wire, numbers.into_iter().map(sign).collect(), view)
            }
        };
        let shift = Array1::from(numbers);
        if exclusive && self.may_change(wire) {
            let draft = self.sketch.draft_mut(wire);
            if draft.absorb_shift(&shift) {
                let into = format!("is part of `{}`", draft.name);
                self.note(call, &into);
                return self.define(call, wire, view);
            }
        }
        let wire = self.add(call, "", Op::Bias, &[wire], vec![(Role::Bias, shift.into_dyn())])?;
        self.define(call, wire, view)
    }

    fn scale(
        &mut self,
        call: &Call<'_>,
        exclusive: bool,
        spread: Spread,
        factor: impl Fn(f32) -> f32,
    ) -> Result<(), Trouble> {
        let (wire, factors, view) = match spread {
            Spread::All(value, 1.0) => return self.alias(call, &value, value.view.clone()),
            Spread::All(value, number) => {
                let scale = Activation::Scale { factor: factor(number) };
                let wire = self.apply(call, "", scale, value.wire)?;
                return self.define(call, wire, value.view);
            }
            Spread::Channels(wire, numbers, view) => {
                (wire, numbers.into_iter().map(factor).collect::<Vec<_>>(), view)
            }
        };
        if exclusive && self.may_change(wire) {
            let draft = self.sketch.draft_mut(wire);
            if draft.absorb_scale(&Array1::from(factors.clone())) {
                let into = format!("is part of `{}`", draft.name);
                self.note(call, &into);
                return self.define(call, wire, view);
            }
        }
        let wire = self.scaled_channels(call, "", wire, factors)?;
        self.define(call, wire, view)
    }

    /// Whether the weights of a node are its own.
    fn may_change(&self, wire: NodeId) -> bool {
        self.sketch.draft(wire).shares.is_none() && !self.owners.contains(&wire)
    }

    fn join_wires(&mut self, call: &Call<'_>, values: Vec<(usize, Wired)>) -> Result<(), Trouble> {
        if let ("Mul", [(_, a), (_, b)]) = (call.op(), values.as_slice())
            && let Some((activation, of)) = self.gated(a, b).or_else(|| self.gated(b, a))
        {
            let view = of.view.clone();
            let wire = self.apply(call, "", activation, of.wire)?;
            return self.define(call, wire, view);
        }
        let (mut wires, view) = self.aligned(call, values)?;
        let largest = |wire: &NodeId| self.sketch.shape(*wire).elements();
        let most = wires.iter().map(largest).max().unwrap_or_default();
        let first = wires.iter().position(|wire| largest(wire) == most).unwrap_or_default();
        let op = match call.op() {
            "Add" | "Sum" => Op::Add,
            "Sub" => Op::Sub,
            "Mul" => Op::Mul,
            "Max" => Op::Maximum,
            _ => Op::Minimum,
        };
        let op = if op == Op::Sub && first == 1 {
            wires[1] =
                self.apply(call, "negative", Activation::Scale { factor: -1.0 }, wires[1])?;
            Op::Add
        } else {
            op
        };
        // The largest operand gives the shape; the others keep their order.
        wires[..=first].rotate_right(1);
        let wire = if op == Op::Add {
            self.add(call, "", op, &wires, Vec::new())?
        } else {
            let (mut sum, last) = (wires[0], wires.len() - 1);
            for (position, wire) in wires.iter().enumerate().skip(1) {
                let part =
                    if position == last { String::new() } else { format!("of-{}", position + 1) };
                sum = self.add(call, &part, op.clone(), &[sum, *wire], Vec::new())?;
            }
            sum
        };
        let rank = view.rank();
        let view = if self.sketch.shape(wire) == self.sketch.shape(wires[0]) {
            view
        } else {
            View::channels_first(self.sketch.shape(wire), rank)
        };
        self.define(call, wire, view)
    }

    /// `x * sigmoid(x)` and its piecewise linear relative.
    fn gated<'v>(&self, x: &'v Wired, gate: &Wired) -> Option<(Activation, &'v Wired)> {
        let draft = self.sketch.draft(gate.wire);
        let activation = if draft.op == Op::Activation(Activation::Sigmoid) {
            Activation::Silu
        } else if draft.op == Op::Activation(Activation::HardSigmoid) {
            Activation::HardSwish
        } else {
            return None;
        };
        let of_x = draft.inputs == [x.wire] && gate.view == x.view && gate.exclusive;
        of_x.then_some((activation, x))
    }

    /// Wires on which the values lie in the same way, with the view of the largest.
    fn aligned(
        &mut self,
        call: &Call<'_>,
        values: Vec<(usize, Wired)>,
    ) -> Result<(Vec<NodeId>, View), Trouble> {
        let Some((_, first)) = values.first() else {
            return refuse("no inputs", "the file is damaged: export it again");
        };
        let (shape, view) = (self.sketch.shape(first.wire), first.view.clone());
        let alike = |value: &Wired| value.view == view && self.sketch.shape(value.wire) == shape;
        if values.iter().all(|(_, value)| alike(value)) {
            return Ok((values.into_iter().map(|(_, value)| value.wire).collect(), view));
        }
        let rank = view.rank();
        if let Some((_, other)) = values.iter().find(|(_, value)| value.view.rank() != rank) {
            return refuse(
                format!("values of {rank} and {} dimensions", other.view.rank()),
                "give them equally many dimensions with Unsqueeze or Reshape",
            );
        }
        let mut wires = Vec::with_capacity(values.len());
        for (position, value) in values {
            let name = call.input(position).unwrap_or_default().to_owned();
            wires.push(self.realise(&name, value)?);
        }
        let largest = wires.iter().map(|wire| self.sketch.shape(*wire)).max_by_key(Shape::elements);
        Ok((wires, View::channels_first(largest.unwrap_or(shape), rank)))
    }

    pub(super) fn concatenation(&mut self, call: &Call<'_>) -> Result<(), Trouble> {
        let mut wires = Vec::with_capacity(call.inputs());
        let mut rank = 0;
        for position in 0..call.inputs() {
            let (wire, own) = self.image_input(call, position)?;
            if position > 0 && own != rank {
                return refuse(
                    format!("values of {rank} and {own} dimensions"),
                    "give them equally many dimensions",
                );
            }
            rank = own;
            wires.push(wire);
        }
        if wires.is_empty() {
            return refuse("no inputs", "the file is damaged: export it again");
        }
        let axis = match (dimension(call.int("axis", 1), rank)?, rank) {
            (1, _) => Axis::Channels,
            (2, 3) | (3, 4) => Axis::Width,
            (2, 4) => Axis::Height,
            (axis, _) => {
                return refuse(
                    format!("a concatenation along dimension {axis} of {rank}"),
                    "concatenate channels, rows or columns",
                );
            }
        };
        let op = Op::Concat(axis);
        let wire = self.add(call, "", op, &wires, Vec::new())?;
        let view = View::channels_first(self.sketch.shape(wire), rank);
        self.define(call, wire, view)
    }

    /// Channels of a value selected along a dimension behind the batch.
    pub(super) fn selected(
        &mut self,
        call: &Call<'_>,
        part: &str,
        value: Wired,
        dim: usize,
        channels: Vec<usize>,
    ) -> Result<(NodeId, View), Trouble> {
        self.spend(channels.len())?;
        let rank = value.view.rank();
        let order: Vec<usize> =
            std::iter::once(dim).chain((0..rank - 1).filter(|other| *other != dim)).collect();
        let (wire, view) = self.realise_as(value, &order)?;
        let wire = self.add(call, part, Op::Gather(Gather { channels }), &[wire], Vec::new())?;
        let shape = self.sketch.shape(wire);
        Ok((wire, view.with_whole_channels(dim, shape)))
    }
}
