//! Whole numbers of groups in proportion to targets.

use std::collections::BTreeMap;

use graph::{Bundle, Channels, Graph, MAX_WIDTH, Widths};

use crate::SurgeryError;

/// The bundles of a graph, and the proportions that their sizes are to have.
///
/// At a multiplier every bundle that is not frozen has about `multiplier * target` groups, in multiples of the divisor.
/// Bundles of equal target are rounded together, by largest remainder: their sum is rounded to the nearest multiple, and
/// the first in order of their names have one multiple more than the others. So one step of the multiplier adds one
/// multiple to one bundle, however many are alike.
pub(crate) struct Apportionment<'a> {
    graph: &'a Graph,
    pub(crate) channels: Channels,
    pub(crate) bundles: Vec<Bundle>,
    divisor: usize,
    classes: Vec<Class>,
    /// Sizes of the bundles that are in no class.
    fixed: Vec<usize>,
}

/// How many groups a bundle is to have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Share {
    /// So many.
    Fixed(usize),
    /// In proportion to a positive target, and at most so many; one multiple of the divisor is allowed always.
    Of { target: f64, most: usize },
}

/// Bundles of equal target.
struct Class {
    target: f64,
    /// Most multiples of the divisor that a member may have.
    most: usize,
    /// Positions of the bundles, in order of their names.
    members: Vec<usize>,
}

/// Sizes of all bundles, and the multiplier that they were made with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Apportioned {
    pub(crate) sizes: Vec<usize>,
    pub(crate) multiplier: f64,
}

impl<'a> Apportionment<'a> {
    /// Every bundle in proportion to the groups that it has.
    pub(crate) fn of(graph: &'a Graph, divisor: usize) -> Result<Self, SurgeryError> {
        let target = |_: usize, bundle: &Bundle| (bundle.groups.len() as f64, MAX_WIDTH);
        Self::with_targets(graph, divisor, target)
    }

    /// `target` gives for a bundle that is not frozen, by its position, a positive number and the most groups that it may
    /// have (at least one multiple of the divisor is allowed always).
    pub(crate) fn with_targets(
        graph: &'a Graph,
        divisor: usize,
        mut target: impl FnMut(usize, &Bundle) -> (f64, usize),
    ) -> Result<Self, SurgeryError> {
        Self::with_shares(graph, divisor, |position, bundle| {
            let (target, most) = target(position, bundle);
            Share::Of { target, most }
        })
    }

    /// `share` says of a bundle that is not frozen, by its position, how many groups it is to have.
    pub(crate) fn with_shares(
        graph: &'a Graph,
        divisor: usize,
        mut share: impl FnMut(usize, &Bundle) -> Share,
    ) -> Result<Self, SurgeryError> {
        if divisor == 0 {
            return Err(SurgeryError::Divisor);
        }
        let channels = Channels::of(graph);
        let bundles = channels.bundles();
        let mut fixed: Vec<usize> = bundles.iter().map(|bundle| bundle.groups.len()).collect();
        let mut named = Vec::new();
        for (position, bundle) in bundles.iter().enumerate().filter(|(_, bundle)| !bundle.frozen) {
            match share(position, bundle) {
                Share::Fixed(size) => fixed[position] = size,
                Share::Of { target, most } => {
                    named.push((name(graph, bundle), position, target, (most / divisor).max(1)));
                }
            }
        }
        named.sort_unstable_by_key(|(name, position, ..)| (*name, *position));
        let mut places: BTreeMap<(u64, usize), usize> = BTreeMap::new();
        let mut classes: Vec<Class> = Vec::new();
        for (_, position, target, most) in named {
            let place = *places.entry((target.to_bits(), most)).or_insert_with(|| {
                classes.push(Class { target, most, members: Vec::new() });
                classes.len() - 1
            });
            classes[place].members.push(position);
        }
        Ok(Self { graph, channels, bundles, divisor, classes, fixed })
    }

    /// Widths at the given sizes.
    pub(crate) fn widths(&self, sizes: &[usize]) -> Widths {
        self.graph.widths_of_bundles(&self.bundles, sizes)
    }

    /// The sizes at the largest multiplier for which `fits` holds; those of the smallest networks as an error if it does not
    /// hold even for them.
    ///
    /// `fits` must not become true again as sizes grow. The multiplier is found by bisection down to neighbouring
    /// floating-point numbers; of the classes that take a step at that point, those go first whose first member's name does,
    /// up to the first that does not fit.
    pub(crate) fn largest(
        &self,
        fits: impl Fn(&[usize]) -> bool,
    ) -> Result<Apportioned, Vec<usize>> {
        let totals = |multiplier: f64| self.totals(multiplier);
        let fit = |totals: &[usize]| fits(&self.sizes(totals));
        let (mut within, mut above) = (f64::MIN_POSITIVE, 1.0);
        if !fit(&totals(within)) {
            return Err(self.sizes(&totals(within)));
        }
        while fit(&totals(above)) {
            within = above;
            above *= 2.0;
            if above > MAX_WIDTH as f64 {
                break;
            }
        }
        loop {
            let middle = f64::midpoint(within, above);
            if middle <= within || middle >= above {
                break;
            }
            if fit(&totals(middle)) { within = middle } else { above = middle }
        }
        let (mut reached, next) = (totals(within), totals(above));
        for class in 0..self.classes.len() {
            let before = reached[class];
            reached[class] = next[class];
            if !fit(&reached) {
                reached[class] = before;
                break;
            }
        }
        Ok(Apportioned { sizes: self.sizes(&reached), multiplier: within })
    }

    /// Multiples of the divisor that every class has together.
    fn totals(&self, multiplier: f64) -> Vec<usize> {
        let total = |class: &Class| {
            let members = class.members.len();
            let exact = members as f64 * class.target * multiplier / self.divisor as f64;
            // Saturates where the product is larger than any number of channels.
            (exact.round() as usize).clamp(members, members * class.most)
        };
        self.classes.iter().map(total).collect()
    }

    fn sizes(&self, totals: &[usize]) -> Vec<usize> {
        let mut sizes = self.fixed.clone();
        for (class, total) in self.classes.iter().zip(totals) {
            let (each, more) = (total / class.members.len(), total % class.members.len());
            for (place, member) in class.members.iter().enumerate() {
                sizes[*member] = (each + usize::from(place < more)) * self.divisor;
            }
        }
        sizes
    }
}

/// A bundle is named for the first node that holds its groups.
fn name<'a>(graph: &'a Graph, bundle: &Bundle) -> &'a str {
    bundle.wires.first().map_or("", |(wire, _)| graph.node(*wire).name.as_str())
}
