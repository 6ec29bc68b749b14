//! One term of a cost.

use graph::{NodeId, Widths};

/// One term of a cost: a coefficient times up to two widths. A wire is named by the node that makes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Term {
    /// Independent of widths.
    Constant(f64),
    /// `coefficient * width(wire)`.
    Linear(f64, NodeId),
    /// `coefficient * width(a) * width(b)`.
    Bilinear(f64, NodeId, NodeId),
    /// [`Term::Linear`] in a width rounded up to a multiple.
    SteppedLinear(f64, Stepped),
    /// [`Term::Bilinear`] in widths rounded up to multiples.
    SteppedBilinear(f64, Stepped, Stepped),
}

/// A wire whose width is rounded up before it is used, because a device computes channels in blocks.
///
/// The cost of such a term is a staircase, whose derivative is 0 or infinite. Its price is that of the line through the
/// corners of the staircase: the average of the marginal cost over one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// The wire.
    pub wire: NodeId,
    /// Its width is rounded up to a multiple of this; at least 1.
    pub step: usize,
}

impl Stepped {
    /// The rounded width.
    pub fn width(self, widths: &Widths) -> f64 {
        let (width, step) = (widths.on(self.wire), self.step.max(1));
        width.checked_next_multiple_of(step).unwrap_or(width) as f64
    }
}

impl Term {
    /// Number of widths in the product.
    pub fn degree(self) -> u32 {
        match self {
            Self::Constant(_) => 0,
            Self::Linear(..) | Self::SteppedLinear(..) => 1,
            Self::Bilinear(..) | Self::SteppedBilinear(..) => 2,
        }
    }

    /// Value at the given widths.
    pub fn at(self, widths: &Widths) -> f64 {
        let width = |wire| widths.on(wire) as f64;
        match self {
            Self::Constant(coefficient) => coefficient,
            Self::Linear(coefficient, wire) => coefficient * width(wire),
            Self::Bilinear(coefficient, a, b) => coefficient * width(a) * width(b),
            Self::SteppedLinear(coefficient, wire) => coefficient * wire.width(widths),
            Self::SteppedBilinear(coefficient, a, b) => {
                coefficient * a.width(widths) * b.width(widths)
            }
        }
    }

    /// The same term with another coefficient, which `change` makes of the old one.
    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Constant(coefficient) => Self::Constant(change(coefficient)),
            Self::Linear(coefficient, wire) => Self::Linear(change(coefficient), wire),
            Self::Bilinear(coefficient, a, b) => Self::Bilinear(change(coefficient), a, b),
            Self::SteppedLinear(coefficient, wire) => {
                Self::SteppedLinear(change(coefficient), wire)
            }
            Self::SteppedBilinear(coefficient, a, b) => {
                Self::SteppedBilinear(change(coefficient), a, b)
            }
        }
    }

    /// The same term times a factor.
    pub fn scaled(self, factor: f64) -> Self {
        self.map(|coefficient| coefficient * factor)
    }

    /// The same term in the widths of other wires.
    pub(crate) fn on(self, wire: impl Fn(NodeId) -> NodeId) -> Self {
        let stepped = |Stepped { wire: at, step }| Stepped { wire: wire(at), step };
        match self {
            Self::Constant(coefficient) => Self::Constant(coefficient),
            Self::Linear(coefficient, at) => Self::Linear(coefficient, wire(at)),
            Self::Bilinear(coefficient, a, b) => Self::Bilinear(coefficient, wire(a), wire(b)),
            Self::SteppedLinear(coefficient, at) => Self::SteppedLinear(coefficient, stepped(at)),
            Self::SteppedBilinear(coefficient, a, b) => {
                Self::SteppedBilinear(coefficient, stepped(a), stepped(b))
            }
        }
    }

    /// Adds the derivatives with respect to each of its widths.
    pub(crate) fn add_prices(self, widths: &Widths, prices: &mut [f64]) {
        let width = |wire| widths.on(wire) as f64;
        match self {
            Self::Constant(_) => {}
            Self::Linear(coefficient, wire) => prices[wire.index()] += coefficient,
            Self::Bilinear(coefficient, a, b) => {
                prices[a.index()] += coefficient * width(b);
                prices[b.index()] += coefficient * width(a);
            }
            Self::SteppedLinear(coefficient, stepped) => {
                prices[stepped.wire.index()] += coefficient;
            }
            Self::SteppedBilinear(coefficient, a, b) => {
                prices[a.wire.index()] += coefficient * b.width(widths);
                prices[b.wire.index()] += coefficient * a.width(widths);
            }
        }
    }
}
