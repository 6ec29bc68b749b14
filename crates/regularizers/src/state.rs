//! What a penalty remembers, as bytes.

use crate::{MorphNet, guard::Guard, morphnet::Charge};

/// Fate of a group in the saved state.
const DEAD: u8 = 0;
const OPEN: u8 = 1;
const SPARED: u8 = 2;

impl MorphNet {
    /// Nothing where nothing is guarded; else the strengths of the budget (eight bytes each, little endian) and one byte for
    /// every group.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Some(guard) = &self.guard else { return Vec::new() };
        let mut bytes = Vec::new();
        if let Charge::Budget(budget) = &self.charge {
            bytes.extend(budget.strengths().iter().flat_map(|strength| strength.to_le_bytes()));
        }
        let fate = |(alive, spared): (&bool, &bool)| match (alive, spared) {
            (false, _) => DEAD,
            (true, false) => OPEN,
            (true, true) => SPARED,
        };
        bytes.extend(guard.alive().iter().zip(guard.spared()).map(fate));
        bytes
    }

    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.guard.is_none() {
            return training::stateless(bytes);
        }
        let resources = match &self.charge {
            Charge::Budget(budget) => budget.strengths().len(),
            Charge::Constant { .. } => 0,
        };
        let groups = self.channels.len();
        let expected = 8 * resources + groups;
        if bytes.len() != expected {
            let found = bytes.len();
            return Err(format!("{found} bytes of a penalty's state, expected {expected}"));
        }
        let (strengths, fates) = bytes.split_at(8 * resources);
        let strengths: Vec<f64> = strengths
            .chunks_exact(8)
            .map(|bytes| f64::from_le_bytes(bytes.try_into().expect("eight bytes")))
            .collect();
        if let Some(strength) = strengths.iter().find(|strength| !strength.is_finite()) {
            return Err(format!("the strength of a resource is {strength}"));
        }
        if let Some(fate) = fates.iter().find(|fate| **fate > SPARED) {
            return Err(format!("the fate of a channel group is {fate}, expected 0, 1 or 2"));
        }
        let alive = fates.iter().map(|fate| *fate != DEAD).collect();
        let spared = fates.iter().map(|fate| *fate == SPARED).collect();
        let guard = Guard::with(self.guarded(), self.settings.min_width, alive, spared);
        self.guard = Some(guard.map_err(|error| error.to_string())?);
        if let Charge::Budget(budget) = &mut self.charge {
            budget.set_strengths(&strengths);
        }
        Ok(())
    }
}
