//! Where in a YAML text a dotted path stands.
//!
//! The parser reports the place of every error that a visitor raises. So the place of a value is found by walking to it
//! and raising one.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step from a section to what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// A position in a list, from 0.
    Index(usize),
}

/// The way from the top of a file to a value, as `sweep.width_multiplier[1]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

impl Path {
    /// Reads `a.b[2].c`; `a.b.2.c` is the same.
    pub fn parse(text: &str) -> Self {
        let index = |word: &str| word.parse().ok().filter(|_| word.len() <= 6).map(Step::Index);
        let step = |word: &str| index(word).unwrap_or_else(|| Step::Key(word.to_owned()));
        Self(
            text.split(['.', '['])
                .map(|word| word.trim_end_matches(']'))
                .filter(|word| !word.is_empty())
                .map(step)
                .collect(),
        )
    }

    /// The steps, from the top.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path of a key below this one.
    pub fn key(&self, key: &str) -> Self {
        self.step(&Step::Key(key.to_owned()))
    }

    /// The path one step on.
    pub fn step(&self, step: &Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.clone());
        Self(steps)
    }

    /// Whether this is the beginning of `other`, or all of it.
    pub fn leads_to(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The path without its last step.
    pub fn parent(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if position == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// What is looked for at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The value.
    Value,
    /// The key, where it is given for the first time.
    Key,
    /// The key, where it is given for the second time.
    SecondKey,
}

/// Line and column, both from 1, of what a path leads to; `None` if the text has nothing there.
pub fn locate(text: &str, path: &Path, target: Target) -> Option<(usize, usize)> {
    let walk = Walk { steps: path.steps(), target };
    let error = walk.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    if !error.to_string().contains(HERE) {
        return None;
    }
    error.location().map(|location| (location.line(), location.column()))
}

/// Text of the error that marks the place; no message of the parser contains it.
const HERE: &str = "<this is the place>";

#[derive(Clone, Copy)]
struct Walk<'p> {
    steps: &'p [Step],
    target: Target,
}

impl Walk<'_> {
    /// Done at a value that holds no others.
    fn leaf<E: de::Error>(self) -> Result<(), E> {
        if self.steps.is_empty() { Err(E::custom(HERE)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.leaf()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.leaf()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.leaf()
    }

    fn visit_u128<E: de::Error>(self, _: u128) -> Result<(), E> {
        self.leaf()
    }

    fn visit_i128<E: de::Error>(self, _: i128) -> Result<(), E> {
        self.leaf()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.leaf()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.leaf()
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.leaf()
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.leaf()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else {
            return self.leaf();
        };
        if let Step::Index(index) = first {
            for _ in 0..*index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(());
                }
            }
            list.next_element_seed(Self { steps: rest, ..self })?;
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.steps.split_first() else {
            return self.leaf();
        };
        let name = match first {
            Step::Key(key) => key.clone(),
            Step::Index(index) => index.to_string(),
        };
        let mut times = match self.target {
            Target::Key if rest.is_empty() => 1,
            Target::SecondKey if rest.is_empty() => 2,
            Target::Value | Target::Key | Target::SecondKey => usize::MAX,
        };
        while let Some(found) = map.next_key_seed(Key { name: &name, times })? {
            if found {
                times = times.saturating_sub(1);
                if self.target != Target::SecondKey || !rest.is_empty() {
                    map.next_value_seed(Self { steps: rest, ..self })?;
                    continue;
                }
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Reads a key and says whether it is `name`; raises the error at the `times`-th one.
#[derive(Clone, Copy)]
struct Key<'p> {
    name: &'p str,
    times: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<bool, E> {
        match (key == self.name, self.times) {
            (true, 1) => Err(E::custom(HERE)),
            (is_it, _) => Ok(is_it),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
schema: 1
seeds: [0, 12, 0]
search: { epochs: 3, optimizer: { sgd: { momentum: 0.9 } } }
sweep:
  width_multiplier:
    - 0.5
    - 0.75
  channel_divisor: 1
schema: 2
";

    fn at(path: &str, target: Target) -> Option<(usize, usize)> {
        locate(TEXT, &Path::parse(path), target)
    }

    #[test]
    fn paths_lead_to_values() {
        assert_eq!(at("schema", Target::Value), Some((1, 9)));
        assert_eq!(at("seeds", Target::Value), Some((2, 8)));
        assert_eq!(at("seeds[1]", Target::Value), Some((2, 12)));
        assert_eq!(at("search.optimizer.sgd.momentum", Target::Value), Some((3, 52)));
        assert_eq!(at("sweep.width_multiplier[1]", Target::Value), Some((7, 7)));
        assert_eq!(at("sweep.channel_divisor", Target::Value), Some((8, 20)));
    }

    #[test]
    fn paths_lead_to_keys() {
        assert_eq!(at("schema", Target::Key), Some((1, 1)));
        assert_eq!(at("schema", Target::SecondKey), Some((9, 1)));
        assert_eq!(at("search.optimizer.sgd", Target::Key), Some((3, 35)));
        assert_eq!(at("sweep.channel_divisor", Target::SecondKey), None);
    }

    #[test]
    fn what_is_not_there_has_no_place() {
        for path in
            ["retrain", "seeds[3]", "schema.x", "seeds.x", "sweep[0]", "search.optimizer.adam"]
        {
            assert_eq!(at(path, Target::Value), None, "{path}");
        }
        assert_eq!(locate("a: @", &Path::parse("a"), Target::Value), None);
        assert_eq!(locate("", &Path::parse("a"), Target::Value), None);
    }

    #[test]
    fn paths_print_as_they_were_read() {
        for text in ["a.b[2].c", "a", "a[0][1]"] {
            assert_eq!(Path::parse(text).to_string(), text);
        }
        assert_eq!(Path::parse("a.b.2.c").to_string(), "a.b[2].c");
    }
}
