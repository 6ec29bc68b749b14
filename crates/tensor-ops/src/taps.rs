//! Sparse linear maps between the positions of images, or between channels.

/// A weighted source of a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// Index of the source.
    pub source: usize,
    /// What it is multiplied by.
    pub weight: f32,
}

/// A sparse matrix, compressed by rows: for each target the taps that it is the sum of, added in the order given.
///
/// ```
/// use tensor_ops::Taps;
///
/// let swap_and_repeat = Taps::gather(2, [1, 0, 1]);
/// assert_eq!((swap_and_repeat.sources(), swap_and_repeat.targets()), (2, 3));
/// assert_eq!(swap_and_repeat.transposed().row(1).len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    sources: usize,
    /// Where the taps of each target begin, and where the last ones end.
    starts: Vec<usize>,
    all: Vec<Tap>,
}

impl Taps {
    /// A map from `sources` values, given the taps of each target in turn. Taps beyond `sources` make it larger.
    pub fn new<T: IntoIterator<Item = Tap>>(
        sources: usize,
        targets: impl IntoIterator<Item = T>,
    ) -> Self {
        let mut map = Self { sources, starts: vec![0], all: Vec::new() };
        for target in targets {
            map.all.extend(target);
            map.starts.push(map.all.len());
        }
        let needed = map.all.iter().map(|tap| tap.source.saturating_add(1)).max();
        map.sources = sources.max(needed.unwrap_or(0));
        map
    }

    /// Every target is a copy of the source given for it.
    pub fn gather(sources: usize, of: impl IntoIterator<Item = usize>) -> Self {
        Self::new(sources, of.into_iter().map(|source| [Tap { source, weight: 1.0 }]))
    }

    /// Number of values that the map reads.
    pub fn sources(&self) -> usize {
        self.sources
    }

    /// Number of values that the map makes.
    pub fn targets(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of taps of all targets.
    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }

    /// The taps of a target.
    ///
    /// # Panics
    ///
    /// If there is no such target.
    #[inline]
    pub fn row(&self, target: usize) -> &[Tap] {
        &self.all[self.starts[target]..self.starts[target + 1]]
    }

    /// The map of the gradient: source and target of every tap change places. The taps of one target are in the order of
    /// their sources.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut rows: Vec<Vec<Tap>> = vec![Vec::new(); self.sources];
        for target in 0..self.targets() {
            for tap in self.row(target) {
                rows[tap.source].push(Tap { source: target, weight: tap.weight });
            }
        }
        Self::new(self.targets(), rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(map: &Taps) -> Vec<Vec<f32>> {
        let mut matrix = vec![vec![0.0; map.sources()]; map.targets()];
        for (target, row) in matrix.iter_mut().enumerate() {
            for tap in map.row(target) {
                row[tap.source] += tap.weight;
            }
        }
        matrix
    }

    #[test]
    fn transposition_exchanges_rows_and_columns() {
        let tap = |source, weight| Tap { source, weight };
        let map =
            Taps::new(5, [vec![tap(3, 0.5), tap(0, 2.0)], vec![], vec![tap(3, 1.0), tap(3, 0.25)]]);
        assert_eq!(dense(&map), [[2.0, 0.0, 0.0, 0.5, 0.0], [0.0; 5], [0.0, 0.0, 0.0, 1.25, 0.0]]);
        let transposed = map.transposed();
        assert_eq!(
            dense(&transposed),
            [[2.0, 0.0, 0.0], [0.0; 3], [0.0; 3], [0.5, 0.0, 1.25], [0.0; 3]]
        );
        assert_eq!(transposed.row(3), [tap(0, 0.5), tap(2, 1.0), tap(2, 0.25)]);
        assert_eq!(dense(&transposed.transposed()), dense(&map));
    }

    #[test]
    fn a_map_reads_as_many_values_as_its_taps_name() {
        assert_eq!(Taps::gather(2, [7]).sources(), 8);
        assert_eq!(Taps::new(2, Vec::<Vec<Tap>>::new()).targets(), 0);
    }
}
