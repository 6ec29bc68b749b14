//! How the changes of strengths by the penalty compare with those by the data.

/// Sums of absolute changes of all strengths, since the penalty was made or restored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Watch {
    last: Vec<f32>,
    penalty: f64,
    data: f64,
}

impl Watch {
    /// Takes the strengths before and after a step of the penalty; what changed since the last one is due to the data.
    pub(crate) fn see(&mut self, before: &[f32], after: &[f32]) {
        if self.last.len() == before.len() {
            self.data += distance(&self.last, before);
            self.penalty += distance(before, after);
        }
        self.last.clear();
        self.last.extend(after);
    }

    /// How many times more the penalty changed the strengths than the data did.
    pub(crate) fn ratio(&self) -> Option<f64> {
        (self.data > 0.0).then(|| self.penalty / self.data)
    }
}

/// Sum of absolute differences; infinite strengths, which never change, are left out.
fn distance(one: &[f32], other: &[f32]) -> f64 {
    let pairs = one.iter().zip(other).filter(|(one, _)| one.is_finite());
    pairs.map(|(one, other)| f64::from((one - other).abs())).sum()
}
