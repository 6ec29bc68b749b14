//! Counting comparisons and collecting those that fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

/// Relative tolerance for costs, terms and strengths.
pub(crate) const VALUE: f64 = 2e-5;

/// Relative tolerance for gradients.
pub(crate) const GRADIENT: f64 = 1e-4;

/// Absolute tolerance for gradients, in units of the largest entry of the tensor.
pub(crate) const GRADIENT_FLOOR: f64 = 1e-7;

/// The comparisons of one file.
#[derive(Default)]
pub(crate) struct Check {
    /// Number of values compared.
    pub(crate) values: usize,
    /// What did not agree.
    pub(crate) failures: Vec<String>,
    /// Quirk codes of the original that were reproduced, with the nodes concerned.
    pub(crate) quirks: BTreeMap<String, BTreeSet<String>>,
    /// Deviations that were computed.
    pub(crate) deviations: BTreeSet<&'static str>,
}

impl Check {
    /// Fails with a message unless `holds`.
    pub(crate) fn that(&mut self, holds: bool, message: impl FnOnce() -> String) {
        self.values += 1;
        if !holds {
            self.failures.push(message());
        }
    }

    /// Equal to the last bit.
    #[expect(clippy::needless_pass_by_value, reason = "most values are made for the comparison")]
    pub(crate) fn equal<T: PartialEq + Debug>(
        &mut self,
        what: impl Display,
        found: T,
        expected: T,
    ) {
        self.that(found == expected, || format!("{what}: {found:?}, expected {expected:?}"));
    }

    /// Equal within a relative tolerance and an absolute one.
    pub(crate) fn near(
        &mut self,
        what: impl Display,
        found: f64,
        expected: f64,
        (relative, absolute): (f64, f64),
    ) {
        let holds = (found - expected).abs() <= relative * expected.abs() + absolute;
        self.that(holds, || format!("{what}: {found}, expected {expected}"));
    }

    /// Equal within the tolerance for values.
    pub(crate) fn close(&mut self, what: impl Display, found: f64, expected: f64) {
        self.near(what, found, expected, (VALUE, 0.0));
    }

    /// Notes that a quirk of the original was reproduced at a node.
    pub(crate) fn reproduced(&mut self, quirk: &str, node: &str) {
        self.quirks.entry(quirk.to_owned()).or_default().insert(node.to_owned());
    }

    /// Adds the comparisons of a part.
    pub(crate) fn absorb(&mut self, part: Self) {
        self.values += part.values;
        self.failures.extend(part.failures);
        self.deviations.extend(part.deviations);
        for (quirk, nodes) in part.quirks {
            self.quirks.entry(quirk).or_default().extend(nodes);
        }
    }
}
