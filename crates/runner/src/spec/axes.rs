//! Keys `axes`, `combine`, `exclude` and `max_points` of section `sweep`: any key of the experiment, with several values.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Mapping, Number, Value};

use super::locate::Path;
use super::number::{Positive, Signed, Whole};

/// Most values of one axis.
const MOST_VALUES: usize = 1000;

/// Axes in the order in which they are written: [`Axis`] by the dotted path of its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axes(pub Vec<Axis>);

/// A key of the experiment, and what it is varied over. The values are:
///
/// | written | meaning |
/// |---|---|
/// | `[a, b, c]` | these, whatever the key takes: numbers, words, lists, sections |
/// | `{ log: [low, high], num: 5 }` | numbers at equal ratios, both ends included |
/// | `{ linear: [low, high], num: 5 }` | numbers at equal distances, both ends included |
/// | `{ range: [low, high] }` | whole numbers from `low` up to, but without, `high` |
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The key as written.
    pub key: String,
    /// Its values; not empty, no two equal.
    pub values: Vec<Value>,
}

impl Axis {
    /// The way to the key.
    pub fn path(&self) -> Path {
        Path::parse(&self.key)
    }
}

/// How the values of several axes are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", expecting = "`grid` or `zip`")]
pub enum Combine {
    /// Every value of each with every value of the others; the last axis varies fastest.
    #[default]
    Grid,
    /// The first values together, then the second ones, and so on; all axes have equally many.
    Zip,
}

/// A combination that is left out: values by axis. Axes that are not named may have any.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Exclusion(pub Mapping);

impl<'de> Deserialize<'de> for Axes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AxesVisitor)
    }
}

struct AxesVisitor;

impl<'de> Visitor<'de> for AxesVisitor {
    type Value = Axes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of keys and their values, such as `{ search.epochs: [3, 6] }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Axes, A::Error> {
        let mut axes: Vec<Axis> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            let path = Path::parse(&key);
            if let Some(why) = obstacle(&path) {
                return Err(de::Error::custom(format_args!("`{key}` cannot be an axis: {why}")));
            }
            let related = |axis: &&Axis| axis.path().leads_to(&path) || path.leads_to(&axis.path());
            if let Some(earlier) = axes.iter().find(related) {
                return Err(de::Error::custom(format_args!(
                    "`{key}` and `{}` are one key or one inside the other: vary one of them",
                    earlier.key
                )));
            }
            let Values(values) = map.next_value()?;
            axes.push(Axis { key, values });
        }
        Ok(Axes(axes))
    }
}

/// Why a key cannot be varied.
fn obstacle(path: &Path) -> Option<&'static str> {
    let first = path.steps().first()?;
    let is = |name: &str| Path::parse(name).steps().first() == Some(first);
    let own = ["sweep.axes", "sweep.combine", "sweep.exclude", "sweep.max_points"];
    if is("schema") {
        Some("it is the version of the format")
    } else if path.steps().len() == 1 && is("sweep") {
        Some("it holds the axes; name a key in it, such as `sweep.channel_divisor`")
    } else if own.iter().any(|own| Path::parse(own).leads_to(path)) {
        Some("it says what is varied")
    } else {
        None
    }
}

struct Values(Vec<Value>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

/// Values that are not written one by one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spaced {
    log: Option<[Positive; 2]>,
    linear: Option<[Signed; 2]>,
    range: Option<[Whole<0, { u64::MAX }>; 2]>,
    num: Option<Whole<2, { MOST_VALUES as u64 }>>,
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values, `{ log: [low, high], num: 5 }`, `{ linear: [low, high], num: 5 }` or `{ range: [low, high] }`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values: Vec<Value> = Vec::new();
        while let Some(value) = list.next_element()? {
            if values.len() == MOST_VALUES {
                return Err(de::Error::custom(format_args!("has more than {MOST_VALUES} values")));
            }
            if let Some(first) = values.iter().position(|earlier| same(earlier, &value)) {
                let second = values.len();
                return Err(de::Error::custom(format_args!(
                    "names a value twice, at [{first}] and [{second}]"
                )));
            }
            values.push(value);
        }
        if values.is_empty() {
            return Err(de::Error::custom("has no values, expected at least one"));
        }
        Ok(Values(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Values, A::Error> {
        let spaced = Spaced::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let wrong = || {
            de::Error::custom(
                "must have one of `log: [low, high]` and `linear: [low, high]` with `num`, or `range: [low, high]` alone",
            )
        };
        let number = |value: f64| Value::Number(Number::from(value));
        let Spaced { log, linear, range, num } = spaced;
        let values: Vec<Value> = match (log, linear, range, num) {
            (Some(ends), None, None, Some(num)) => {
                let [low, high] = rising("log", ends.map(Positive::get))?;
                geometric(low, high, num.get()).into_iter().map(number).collect()
            }
            (None, Some(ends), None, Some(num)) => {
                let [low, high] = rising("linear", ends.map(Signed::get))?;
                arithmetic(low, high, num.get()).into_iter().map(number).collect()
            }
            (None, None, Some(ends), None) => {
                let [low, high] = ends.map(Whole::get);
                let count = high.saturating_sub(low);
                if count == 0 || count > MOST_VALUES as u64 {
                    return Err(de::Error::custom(format_args!(
                        "has {count} whole numbers from {low} up to, but without, {high}, expected 1 to {MOST_VALUES}"
                    )));
                }
                (low..high).map(|value| Value::Number(value.into())).collect()
            }
            (_, _, _, _) => return Err(wrong()),
        };
        Ok(Values(values))
    }
}

fn rising<E: de::Error>(name: &str, [low, high]: [f64; 2]) -> Result<[f64; 2], E> {
    if low < high {
        return Ok([low, high]);
    }
    Err(E::custom(format_args!(
        "must rise from the first number of `{name}` to the second, is [{low:?}, {high:?}]"
    )))
}

/// `num` numbers at equal ratios from `low` to `high`, which are among them; `num` is at least 2, `0 < low < high`.
pub(super) fn geometric(low: f64, high: f64, num: u64) -> Vec<f64> {
    spaced(low, high, num, |share| (low * (high / low).powf(share)).clamp(low, high))
}

/// `num` numbers at equal distances from `low` to `high`, which are among them; `num` is at least 2, `low < high`.
fn arithmetic(low: f64, high: f64, num: u64) -> Vec<f64> {
    spaced(low, high, num, |share| (low + (high - low) * share).clamp(low, high))
}

fn spaced(low: f64, high: f64, num: u64, at: impl Fn(f64) -> f64) -> Vec<f64> {
    let last = num - 1;
    let value = |index: u64| match index {
        0 => low,
        index if index == last => high,
        index => at(index as f64 / last as f64),
    };
    (0..=last).map(value).collect()
}

/// Whether two values are the same to a reader: `1` and `1.0` are.
pub fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64() == other.as_f64()
        }
        (Value::Sequence(one), Value::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Mapping(one), Value::Mapping(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|it| same(one, it)))
        }
        (one, other) => one == other,
    }
}
