//! Numbers that know their range, so that the reader of a file can point at one that is outside.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A set of real numbers, in words and as a test.
pub trait Range {
    /// What a number must be, after "must be".
    const WORDS: &'static str;

    /// Whether a finite number is in the set.
    fn contains(value: f64) -> bool;
}

/// A finite number in a range.
pub struct Real<R>(f64, PhantomData<R>);

/// Above 0, and so far above it that ratios are finite.
#[derive(Debug)]
pub enum AboveZero {}

/// At least 0.
#[derive(Debug)]
pub enum FromZero {}

/// Above or below 0, and not so far from it that sums overflow.
#[derive(Debug)]
pub enum Within {}

/// From 0 up to, and without, 1.
#[derive(Debug)]
pub enum BelowOne {}

/// Above 0 and up to 1.
#[derive(Debug)]
pub enum UpToOne {}

/// Strictly between 0 and 1.
#[derive(Debug)]
pub enum Between {}

/// From 0 to 1, both included.
#[derive(Debug)]
pub enum UnitInterval {}

/// What widths may be multiplied with: a network a hundred times as wide as its seed is a typing error.
#[derive(Debug)]
pub enum Multipliers {}

/// What a norm may be the power of.
#[derive(Debug)]
pub enum Powers {}

/// A learning rate, a divisor, a lowest strength.
pub type Positive = Real<AboveZero>;
/// A strength, a decay.
pub type NonNegative = Real<FromZero>;
/// A mean.
pub type Signed = Real<Within>;
/// A momentum, a smoothing.
pub type Fraction = Real<BelowOne>;
/// The weight of a new value in a running mean.
pub type Share = Real<UpToOne>;
/// A threshold on a scale that starts at 1.
pub type Threshold = Real<Between>;
/// A part of a whole, and not all of it.
pub type Part = Real<Between>;
/// A width multiplier.
pub type Multiplier = Real<Multipliers>;
/// A share that may be nothing or all.
pub type Closed = Real<UnitInterval>;
/// The power of a norm.
pub type Power = Real<Powers>;

impl Range for AboveZero {
    const WORDS: &'static str = "a number above 0, from 1e-12 to 1e12";
    fn contains(value: f64) -> bool {
        (1e-12..=1e12).contains(&value)
    }
}

impl Range for FromZero {
    const WORDS: &'static str = "a number from 0 to 1e12";
    fn contains(value: f64) -> bool {
        (0.0..=1e12).contains(&value)
    }
}

impl Range for Within {
    const WORDS: &'static str = "a number from -1e12 to 1e12";
    fn contains(value: f64) -> bool {
        (-1e12..=1e12).contains(&value)
    }
}

impl Range for BelowOne {
    const WORDS: &'static str = "a number of at least 0 and below 1";
    fn contains(value: f64) -> bool {
        (0.0..1.0).contains(&value)
    }
}

impl Range for UpToOne {
    const WORDS: &'static str = "a number above 0 and up to 1";
    fn contains(value: f64) -> bool {
        value > 0.0 && value <= 1.0
    }
}

impl Range for Between {
    const WORDS: &'static str = "a number above 0 and below 1";
    fn contains(value: f64) -> bool {
        value > 0.0 && value < 1.0
    }
}

impl Range for UnitInterval {
    const WORDS: &'static str = "a number from 0 to 1";
    fn contains(value: f64) -> bool {
        (0.0..=1.0).contains(&value)
    }
}

impl Range for Multipliers {
    const WORDS: &'static str = "a number above 0 and up to 100";
    fn contains(value: f64) -> bool {
        value > 0.0 && value <= 100.0
    }
}

impl Range for Powers {
    const WORDS: &'static str = "a number from 1 to 1000";
    fn contains(value: f64) -> bool {
        (1.0..=1000.0).contains(&value)
    }
}

impl<R: Range> Real<R> {
    /// The number, if it is in the range.
    pub fn new(value: f64) -> Option<Self> {
        (value.is_finite() && R::contains(value)).then_some(Self(value, PhantomData))
    }

    /// A number that the program itself writes down, such as a default.
    ///
    /// # Panics
    ///
    /// If it is outside the range.
    pub fn known(value: f64) -> Self {
        Self::new(value).expect("a number written in the source is in its range")
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl<R> Clone for Real<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Real<R> {}

impl<R> PartialEq for Real<R> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<R> fmt::Debug for Real<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whole<const LEAST: u64, const MOST: u64>(u64);

/// How many of something there are: epochs, images in a batch.
pub type Count = Whole<1, 1_000_000>;

impl<const LEAST: u64, const MOST: u64> Whole<LEAST, MOST> {
    /// The number, if it is in the range.
    pub fn new(value: u64) -> Option<Self> {
        (LEAST..=MOST).contains(&value).then_some(Self(value))
    }

    /// A number that the program itself writes down, such as a default.
    ///
    /// # Panics
    ///
    /// If it is outside the range.
    pub fn known(value: u64) -> Self {
        Self::new(value).expect("a number written in the source is in its range")
    }

    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The number as a size.
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Accepts a number and hands it to `accept`, which says no to those outside a range.
struct NumberVisitor<T> {
    words: String,
    accept: fn(Number) -> Option<T>,
}

/// A number as it was written.
enum Number {
    Real(f64),
    Natural(u64),
    Negative(i64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Real(value) => write!(f, "{value:?}"),
            Self::Natural(value) => value.fmt(f),
            Self::Negative(value) => value.fmt(f),
        }
    }
}

impl<T> NumberVisitor<T> {
    fn check<E: de::Error>(self, number: Number) -> Result<T, E> {
        let found = number.to_string();
        (self.accept)(number)
            .ok_or_else(|| E::custom(format_args!("must be {}, is {found}", self.words)))
    }
}

impl<T> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        self.check(Number::Natural(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        self.check(u64::try_from(value).map_or(Number::Negative(value), Number::Natural))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<T, E> {
        Err(E::custom(format_args!("must be {}, is {value}", self.words)))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<T, E> {
        Err(E::custom(format_args!("must be {}, is {value}", self.words)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        self.check(Number::Real(value))
    }
}

impl<'de, R: Range> Deserialize<'de> for Real<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let accept = |number| match number {
            Number::Real(value) => Self::new(value),
            Number::Natural(value) => Self::new(value as f64),
            Number::Negative(value) => Self::new(value as f64),
        };
        deserializer.deserialize_any(NumberVisitor { words: R::WORDS.to_owned(), accept })
    }
}

impl<'de, const LEAST: u64, const MOST: u64> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let accept = |number| match number {
            Number::Natural(value) => Self::new(value),
            Number::Negative(_) | Number::Real(_) => None,
        };
        let words = match (LEAST, MOST) {
            (least, u64::MAX) => format!("a whole number of at least {least}"),
            (least, most) if least == most => format!("{least}"),
            (least, most) => format!("a whole number from {least} to {most}"),
        };
        deserializer.deserialize_any(NumberVisitor { words, accept })
    }
}
