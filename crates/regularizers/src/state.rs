//! What a penalty remembers, as bytes.

use crate::{
    MorphNet,
    guard::{Fate, Guard},
    morphnet::Charge,
};

/// What has become of a group, as its position here.
const FATES: [Fate; 4] = [Fate::Faded, Fate::Open, Fate::Spared, Fate::Removed];

impl MorphNet {
    /// Nothing where nothing is guarded; else the strengths of the budget (eight bytes each, little endian) and one byte for
    /// every group.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Some(guard) = &self.guard else { return Vec::new() };
        let mut bytes = Vec::new();
        if let Charge::Budget(budget) = &self.charge {
            bytes.extend(budget.strengths().iter().flat_map(|strength| strength.to_le_bytes()));
        }
        let byte = |fate: Fate| FATES.iter().position(|known| *known == fate).expect("one of all");
        bytes.extend(guard.fates().map(|fate| byte(fate) as u8));
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
        let fate = |byte: &u8| {
            let fate = FATES.get(usize::from(*byte)).copied();
            fate.ok_or_else(|| format!("the fate of a channel group is {byte}, expected 0 to 3"))
        };
        let fates = fates.iter().map(fate).collect::<Result<Vec<Fate>, String>>()?;
        let guard = Guard::with(self.guarded(), self.settings.min_width, &fates);
        self.guard = Some(guard.map_err(|error| error.to_string())?);
        if let Charge::Budget(budget) = &mut self.charge {
            budget.set_strengths(&strengths);
        }
        Ok(())
    }
}
