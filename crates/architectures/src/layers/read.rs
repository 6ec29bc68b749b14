//! Reading what has two spellings.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, Error, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor,
    value::MapAccessDeserializer,
};

use super::{Border, Entry, Layer, Pair};

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a layer, such as `relu` or `{ conv: { channels: 16 } }`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Entry, E> {
        Layer::deserialize(name.into_deserializer()).map(Entry)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let layer = Layer::deserialize(MapAccessDeserializer::new(&mut map))?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(Entry(layer)),
            Some(_) => Err(A::Error::custom(
                "must be one layer, has two keys; begin each layer with a `-` of its own",
            )),
        }
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairVisitor)
    }
}

struct PairVisitor;

impl<'de> Visitor<'de> for PairVisitor {
    type Value = Pair;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or two for height and width")
    }

    fn visit_u64<E: Error>(self, both: u64) -> Result<Pair, E> {
        let both = usize::try_from(both).map_err(E::custom)?;
        Ok(Pair([both, both]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pair, A::Error> {
        let mut next = || list.next_element::<usize>();
        match (next()?, next()?, next()?) {
            (Some(height), Some(width), None) => Ok(Pair([height, width])),
            (_, second, third) => Err(A::Error::custom(format!(
                "must be two numbers for height and width, has {}",
                if third.is_some() {
                    "more"
                } else if second.is_none() {
                    "fewer"
                } else {
                    "two"
                }
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Border {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BorderVisitor)
    }
}

struct BorderVisitor;

impl<'de> Visitor<'de> for BorderVisitor {
    type Value = Border;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`same`, `valid`, a whole number, or two for height and width")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Border, E> {
        match word {
            "same" => Ok(Border::Same),
            "valid" => Ok(Border::Valid),
            _ => Err(E::unknown_variant(word, &["same", "valid"])),
        }
    }

    fn visit_u64<E: Error>(self, both: u64) -> Result<Border, E> {
        PairVisitor.visit_u64(both).map(Border::Positions)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Border, A::Error> {
        PairVisitor.visit_seq(list).map(Border::Positions)
    }
}

/// A number.
pub(super) fn finite<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let number = f32::deserialize(deserializer)?;
    if number.is_finite() {
        return Ok(number);
    }
    Err(D::Error::custom(format!("must be a finite number, is {number}")))
}
