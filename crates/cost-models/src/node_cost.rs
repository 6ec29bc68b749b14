//! Cost of one node: sums of terms, and maxima of them.

use graph::{NodeId, Widths};

use crate::{Smooth, Term};

/// The largest of several sums of terms, exact or smooth. A count has one sum; a roofline has two.
#[derive(Clone, Debug, PartialEq)]
pub struct Maximum {
    alternatives: Vec<Vec<Term>>,
    smooth: Option<Smooth>,
}

impl Maximum {
    /// The sums that the largest is taken of.
    pub fn alternatives(&self) -> &[Vec<Term>] {
        &self.alternatives
    }

    /// The smooth maximum that stands for the exact one.
    pub fn smooth(&self) -> Option<Smooth> {
        self.smooth
    }

    /// Position of the largest sum at the given widths; the first of equals. None if there is no sum.
    pub fn largest(&self, widths: &Widths) -> Option<usize> {
        let mut largest: Option<(usize, f64)> = None;
        for (position, terms) in self.alternatives.iter().enumerate() {
            let value = sum(terms, widths);
            if largest.is_none_or(|(_, other)| value > other) {
                largest = Some((position, value));
            }
        }
        largest.map(|(position, _)| position)
    }

    /// The terms of the largest sum.
    pub fn active(&self, widths: &Widths) -> &[Term] {
        self.largest(widths).map_or(&[], |position| &self.alternatives[position])
    }

    /// Value at the given widths.
    pub fn at(&self, widths: &Widths) -> f64 {
        match self.smooth {
            None => sum(self.active(widths), widths),
            Some(smooth) => smooth.maximum(&self.values(widths)),
        }
    }

    fn values(&self, widths: &Widths) -> Vec<f64> {
        self.alternatives.iter().map(|terms| sum(terms, widths)).collect()
    }

    fn add_prices(&self, widths: &Widths, prices: &mut [f64]) {
        let Some(smooth) = self.smooth else {
            for term in self.active(widths) {
                term.add_prices(widths, prices);
            }
            return;
        };
        let slopes = smooth.slopes(&self.values(widths));
        for (terms, slope) in self.alternatives.iter().zip(slopes) {
            for term in terms {
                term.scaled(slope).add_prices(widths, prices);
            }
        }
    }
}

/// Cost of one node: a sum of [`Maximum`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCost {
    maxima: Vec<Maximum>,
}

impl NodeCost {
    /// Costs nothing.
    pub const FREE: Self = Self { maxima: Vec::new() };

    /// A sum of terms; free if there is none.
    pub fn sum(terms: Vec<Term>) -> Self {
        if terms.is_empty() { Self::FREE } else { Self::max(vec![terms]) }
    }

    /// The largest of several sums of terms.
    pub fn max(alternatives: Vec<Vec<Term>>) -> Self {
        Self { maxima: vec![Maximum { alternatives, smooth: None }] }
    }

    /// A smooth maximum of several sums of terms, or the exact one without `smooth`.
    pub fn smooth_max(alternatives: Vec<Vec<Term>>, smooth: Option<Smooth>) -> Self {
        Self { maxima: vec![Maximum { alternatives, smooth }] }
    }

    /// `coefficient * width(wire)`.
    pub fn linear(coefficient: f64, wire: NodeId) -> Self {
        Self::sum(vec![Term::Linear(coefficient, wire)])
    }

    /// `coefficient * width(a) * width(b)`.
    pub fn bilinear(coefficient: f64, a: NodeId, b: NodeId) -> Self {
        Self::sum(vec![Term::Bilinear(coefficient, a, b)])
    }

    /// Both costs together.
    pub fn plus(mut self, other: Self) -> Self {
        self.maxima.extend(other.maxima);
        self
    }

    /// The same cost times a positive factor, for another unit.
    pub fn scaled(mut self, factor: f64) -> Self {
        for maximum in &mut self.maxima {
            for term in maximum.alternatives.iter_mut().flatten() {
                *term = term.scaled(factor);
            }
        }
        self
    }

    /// The same cost in the widths of other wires.
    pub(crate) fn on(mut self, wire: impl Fn(NodeId) -> NodeId) -> Self {
        for term in self.maxima.iter_mut().flat_map(|maximum| &mut maximum.alternatives).flatten() {
            *term = term.on(&wire);
        }
        self
    }

    /// What the cost is the sum of; none if free.
    pub fn maxima(&self) -> &[Maximum] {
        &self.maxima
    }

    /// The terms of the largest alternative of every maximum at the given widths.
    pub fn active(&self, widths: &Widths) -> impl Iterator<Item = &Term> {
        self.maxima.iter().flat_map(|maximum| maximum.active(widths))
    }

    /// Value at the given widths.
    pub fn at(&self, widths: &Widths) -> f64 {
        self.maxima.iter().map(|maximum| maximum.at(widths)).sum()
    }

    /// Adds the derivatives with respect to every width, by [`NodeId::index`].
    pub(crate) fn add_prices(&self, widths: &Widths, prices: &mut [f64]) {
        for maximum in &self.maxima {
            maximum.add_prices(widths, prices);
        }
    }
}

fn sum(terms: &[Term], widths: &Widths) -> f64 {
    terms.iter().map(|term| term.at(widths)).sum()
}
