//! How the strengths of tied channels combine.

use serde::{Deserialize, Serialize};

/// Combination of the members of one group. The order and the nesting of members do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// The largest; alive if any member is. The derivative goes to the largest member, the first of equals.
    #[default]
    Max,
    /// The root of the sum of squares.
    L2 {
        /// Alive strictly above this value when there are several members; a single one has its own rule.
        threshold: f32,
    },
    /// The probability `1 - prod(1 - p)` that at least one member is on; alive if any member is.
    Probabilistic,
}

impl Grouping {
    /// Strength of a group; 0 without members, and that of a single member as it is.
    pub fn combine(&self, members: &[f32]) -> f32 {
        match (self, members) {
            (_, []) => 0.0,
            (_, [member]) => *member,
            (Self::Max, members) => members[largest(members)],
            (Self::L2 { .. }, members) => norm(members) as f32,
            (Self::Probabilistic, members) => {
                let off: f64 = members.iter().map(|member| 1.0 - f64::from(*member)).product();
                (1.0 - off) as f32
            }
        }
    }

    /// Whether a group is alive, given the strengths of its members and whether each is alive by itself.
    pub fn is_alive(&self, members: &[f32], alive: &[bool]) -> bool {
        match self {
            Self::L2 { threshold } if members.len() > 1 => self.combine(members) > *threshold,
            Self::L2 { .. } | Self::Max | Self::Probabilistic => alive.contains(&true),
        }
    }

    /// Derivative of [`Grouping::combine`] with respect to every member; 0 for a norm of zero.
    pub fn gradient(&self, members: &[f32]) -> Vec<f64> {
        if let [_] = members {
            return vec![1.0];
        }
        match self {
            Self::Max => {
                let largest = largest(members);
                (0..members.len()).map(|member| f64::from(u8::from(member == largest))).collect()
            }
            Self::L2 { .. } => {
                let norm = norm(members);
                let slope =
                    |member: &f32| if norm == 0.0 { 0.0 } else { f64::from(*member) / norm };
                members.iter().map(slope).collect()
            }
            Self::Probabilistic => (0..members.len())
                .map(|this| {
                    let others = members.iter().enumerate().filter(|(other, _)| *other != this);
                    others.map(|(_, member)| 1.0 - f64::from(*member)).product()
                })
                .collect(),
        }
    }
}

/// Position of the largest value, the first of equals.
fn largest(values: &[f32]) -> usize {
    let larger = |best: usize, at: usize| if values[at] > values[best] { at } else { best };
    (1..values.len()).fold(0, larger)
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt()
}
