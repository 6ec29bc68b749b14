//! From the widths of a table to those of a network.

/// How a width multiplier makes a width.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rounding {
    /// The nearest whole number, at least 1.
    Nearest,
    /// The nearest multiple of 8, at least 8; one 8 more where that would take away more than a tenth (`_make_divisible` of
    /// the `MobileNet` papers' code).
    Eights,
    /// `max(int(width * multiplier), narrowest)`: `depth` of slim's Inception networks.
    Down {
        /// No layer is narrower.
        narrowest: usize,
    },
}

/// A width multiplier with its rounding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scaling {
    pub(crate) multiplier: f64,
    pub(crate) rounding: Rounding,
}

impl Scaling {
    /// The width of a layer that has `full` channels at multiplier 1; beyond the range of `usize` it saturates.
    pub(crate) fn width(self, full: usize) -> usize {
        let exact = full as f64 * self.multiplier;
        match self.rounding {
            Rounding::Nearest => (exact.round() as usize).max(1),
            Rounding::Eights => eights(exact),
            Rounding::Down { narrowest } => (exact as usize).max(narrowest),
        }
    }
}

/// A width rounded to a multiple of 8, see [`Rounding::Eights`].
pub(crate) fn eights(exact: f64) -> usize {
    let nearest = (((exact + 4.0) / 8.0).floor() * 8.0).max(8.0);
    (if nearest < 0.9 * exact { nearest + 8.0 } else { nearest }) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_rounded_by_the_rule_of_the_family() {
        let width = |multiplier, rounding, full| Scaling { multiplier, rounding }.width(full);
        let down = Rounding::Down { narrowest: 16 };
        for (rounding, multiplier, full, expected) in [
            (Rounding::Nearest, 0.6875, 16, 11),
            (Rounding::Nearest, 0.5, 1, 1),
            (Rounding::Nearest, 1e-9, 64, 1),
            (Rounding::Nearest, 1e300, 64, usize::MAX),
            (Rounding::Eights, 1.0, 24, 24),
            (Rounding::Eights, 0.5, 24, 16),
            (Rounding::Eights, 0.35, 32, 16),
            (Rounding::Eights, 1e-9, 64, 8),
            (Rounding::Eights, 1e300, 64, usize::MAX),
            (down, 0.5, 96, 48),
            (down, 0.3, 64, 19),
            (down, 0.1, 64, 16),
        ] {
            assert_eq!(width(multiplier, rounding, full), expected, "{rounding:?} {multiplier}");
        }
    }
}
