//! `Exact`: a fraction of integers, in 64 bits while it fits, in 128 and in big integers beyond.
//!
//! Quantities, prices and amounts are exact until [`super::round`] cuts them once. Values keep
//! their denominator while adding, so that summing records of one scale is one integer addition.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroI64;
use std::str::FromStr;

use num_bigint::BigInt;
use num_integer::Integer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An exact fraction. Equality and order are those of the value, not of its notation.
/// Serialized as decimal text where it ends (`"0.045"`), else as `"numerator/denominator"`.
#[derive(Clone)]
pub struct Exact(Repr);

/// Numerator and denominator; the denominator is above zero. Nearly all numbers take the first
/// form, and its two words keep the charges of a month small.
#[derive(Clone)]
enum Repr {
    Small(i64, NonZeroI64),
    Large(Box<Large>),
}

/// What does not fit [`Repr::Small`].
#[derive(Clone)]
enum Large {
    Wide(i128, i128),
    Big(BigInt, BigInt),
}

/// A whole number, as [`Exact::floor_and_half`] gives it.
pub struct Whole(BigInt);

impl Whole {
    /// Whether the number is odd.
    pub fn is_odd(&self) -> bool {
        self.0.is_odd()
    }

    /// The number, or the next one.
    pub fn plus(self, one: bool) -> Self {
        if one { Self(self.0 + 1) } else { self }
    }

    /// The number if it fits.
    pub fn to_i64(&self) -> Option<i64> {
        i64::try_from(&self.0).ok()
    }
}

/// The text is not a plain decimal number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a plain decimal number such as 12.5 (no exponent, at most 64 digits)")]
pub struct NotDecimal(pub String);

const DIGITS_MAX: usize = 64;

const WHOLE: NonZeroI64 = NonZeroI64::new(1).expect("one is not zero");

impl Exact {
    pub const ZERO: Self = Self(Repr::Small(0, WHOLE));
    pub const ONE: Self = Self(Repr::Small(1, WHOLE));

    /// A whole number.
    pub fn int(value: i128) -> Self {
        Self::narrowed(value, 1)
    }

    /// `numerator / denominator`.
    ///
    /// # Panics
    /// When the denominator is not above zero: that is our mistake, never the input's.
    pub fn ratio(numerator: i128, denominator: i128) -> Self {
        assert!(denominator > 0, "a fraction needs a denominator above zero");
        Self::narrowed(numerator, denominator)
    }

    /// In the smallest form that holds both, not in lowest terms. `d` is above zero.
    fn narrowed(n: i128, d: i128) -> Self {
        if n == 0 {
            return Self::ZERO;
        }
        if let (Ok(n), Ok(d)) = (i64::try_from(n), i64::try_from(d))
            && let Some(d) = NonZeroI64::new(d)
        {
            return Self(Repr::Small(n, d));
        }
        Self(Repr::Large(Box::new(Large::Wide(n, d))))
    }

    /// Numerator and denominator while they fit 128 bits.
    fn wide(&self) -> Option<(i128, i128)> {
        match &self.0 {
            Repr::Small(n, d) => Some((i128::from(*n), i128::from(d.get()))),
            Repr::Large(large) => match **large {
                Large::Wide(n, d) => Some((n, d)),
                Large::Big(..) => None,
            },
        }
    }

    fn from_big(n: BigInt, d: BigInt) -> Self {
        let g = n.gcd(&d);
        let (n, d) = (n / &g, d / &g);
        match (i128::try_from(&n), i128::try_from(&d)) {
            (Ok(n), Ok(d)) => Self::narrowed(n, d),
            _ => Self(Repr::Large(Box::new(Large::Big(n, d)))),
        }
    }

    /// Numerator and denominator as big integers.
    pub fn to_big(&self) -> (BigInt, BigInt) {
        match &self.0 {
            Repr::Small(n, d) => (BigInt::from(*n), BigInt::from(d.get())),
            Repr::Large(large) => match &**large {
                Large::Wide(n, d) => (BigInt::from(*n), BigInt::from(*d)),
                Large::Big(n, d) => (n.clone(), d.clone()),
            },
        }
    }

    /// Sum.
    pub fn plus(&self, other: &Self) -> Self {
        if let (Some((a, b)), Some((c, d))) = (self.wide(), other.wide()) {
            let sum = if b == d { a.checked_add(c).map(|n| (n, b)) } else { wide_sum(a, b, c, d) };
            if let Some((n, d)) = sum {
                return Self::narrowed(n, d);
            }
        }
        let ((a, b), (c, d)) = (self.to_big(), other.to_big());
        Self::from_big(a * &d + c * &b, b * d)
    }

    /// Adds in place.
    pub fn add_assign(&mut self, other: &Self) {
        if let (Repr::Small(a, b), Repr::Small(c, d)) = (&mut self.0, &other.0)
            && b == d
            && let Some(n) = a.checked_add(*c)
        {
            *a = n;
            return;
        }
        *self = self.plus(other);
    }

    /// Difference.
    pub fn minus(&self, other: &Self) -> Self {
        self.plus(&other.negated())
    }

    /// The same number with the other sign.
    pub fn negated(&self) -> Self {
        if let Some((n, d)) = self.wide()
            && let Some(n) = n.checked_neg()
        {
            return Self::narrowed(n, d);
        }
        let (n, d) = self.to_big();
        Self::from_big(-n, d)
    }

    /// Product.
    pub fn times(&self, other: &Self) -> Self {
        if let (Repr::Small(a, b), Repr::Small(c, d)) = (&self.0, &other.0)
            && let (Some(n), Some(d)) = (a.checked_mul(*c), b.checked_mul(*d))
        {
            return Self(Repr::Small(n, d));
        }
        if let (Some((a, b)), Some((c, d))) = (self.wide(), other.wide())
            && let (Some(n), Some(d)) = (a.checked_mul(c), b.checked_mul(d))
        {
            return Self::narrowed(n, d);
        }
        let ((a, b), (c, d)) = (self.to_big(), other.to_big());
        Self::from_big(a * c, b * d)
    }

    /// Product with a whole number.
    pub fn mul_int(&self, factor: i128) -> Self {
        self.times(&Self::int(factor))
    }

    /// Quotient; `None` when `other` is zero.
    pub fn divided_by(&self, other: &Self) -> Option<Self> {
        if let (Some((a, b)), Some((c, d))) = (self.wide(), other.wide())
            && c > 0
            && let (Some(n), Some(d)) = (a.checked_mul(d), b.checked_mul(c))
        {
            return Some(Self::narrowed(n, d));
        }
        let (n, d) = other.to_big();
        match n.sign() {
            num_bigint::Sign::NoSign => None,
            num_bigint::Sign::Minus => Some(self.times(&Self::from_big(-d, -n))),
            num_bigint::Sign::Plus => Some(self.times(&Self::from_big(d, n))),
        }
    }

    /// The smaller of two numbers.
    pub fn min(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The larger of two numbers.
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// Sum of many numbers.
    pub fn sum<'a>(items: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut total = Self::ZERO;
        for item in items {
            total.add_assign(item);
        }
        total
    }

    pub fn is_zero(&self) -> bool {
        matches!(self.0, Repr::Small(0, _))
    }

    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(n, _) => *n < 0,
            Repr::Large(large) => match &**large {
                Large::Wide(n, _) => *n < 0,
                Large::Big(n, _) => n.sign() == num_bigint::Sign::Minus,
            },
        }
    }

    /// Whether the number is above zero.
    pub fn is_positive(&self) -> bool {
        !self.is_zero() && !self.is_negative()
    }

    /// The greatest whole number not above this one, and how twice the rest compares with one.
    pub fn floor_and_half(&self) -> (Whole, Ordering) {
        let (n, d) = self.to_big();
        let (floor, rest) = n.div_mod_floor(&d);
        (Whole(floor), (rest * BigInt::from(2)).cmp(&d))
    }

    /// The smallest whole number not below this one, if it fits.
    pub fn ceil(&self) -> Option<i128> {
        let (n, d) = self.to_big();
        i128::try_from(n.div_ceil(&d)).ok()
    }

    /// The smallest whole number not below this one.
    pub fn ceiling(&self) -> Self {
        if let Some((n, d)) = self.wide() {
            return Self::int(Integer::div_ceil(&n, &d));
        }
        let (n, d) = self.to_big();
        Self::from_big(n.div_ceil(&d), BigInt::from(1))
    }

    /// The same value in lowest terms.
    pub fn reduced(&self) -> Self {
        if let Some((n, d)) = self.wide() {
            let common = wide_gcd(n, d);
            return if common == 1 { self.clone() } else { Self::narrowed(n / common, d / common) };
        }
        let (n, d) = self.to_big();
        Self::from_big(n, d)
    }

    /// Decimal text when the number ends within `DIGITS_MAX` decimals, else `None`.
    pub fn to_decimal_text(&self) -> Option<String> {
        let (n, d) = self.reduced().to_big();
        let mut scale = BigInt::from(1);
        for digits in 0..=DIGITS_MAX {
            if (&scale % &d) == BigInt::from(0) {
                return Some(with_point(&(n * (scale / d)), digits));
            }
            scale *= 10;
        }
        None
    }

    /// Decimal text for reading, cut to `digits` decimals half away from zero, trailing zeros
    /// removed. Never used for further arithmetic.
    pub fn to_text_rounded(&self, digits: u8) -> String {
        let scaled = self.mul_int(10_i128.pow(u32::from(digits)));
        let (floor, half) = scaled.floor_and_half();
        let up = half == Ordering::Greater || (half == Ordering::Equal && !self.is_negative());
        let text = with_point(&floor.plus(up).0, usize::from(digits));
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    }
}

/// Greatest common divisor, in 64 bits where both fit: there it is ten times as fast.
fn wide_gcd(a: i128, b: i128) -> i128 {
    match (u64::try_from(a.unsigned_abs()), u64::try_from(b.unsigned_abs())) {
        (Ok(a), Ok(b)) => i128::from(a.gcd(&b)),
        _ => a.gcd(&b),
    }
}

fn wide_sum(a: i128, b: i128, c: i128, d: i128) -> Option<(i128, i128)> {
    let g = wide_gcd(b, d);
    let left = a.checked_mul(d / g)?;
    let right = c.checked_mul(b / g)?;
    Some((left.checked_add(right)?, (b / g).checked_mul(d)?))
}

fn with_point(number: &BigInt, digits: usize) -> String {
    let sign = if number.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    let all = format!("{:0>width$}", number.magnitude().to_string(), width = digits + 1);
    let (major, minor) = all.split_at(all.len() - digits);
    if digits == 0 { format!("{sign}{major}") } else { format!("{sign}{major}.{minor}") }
}

/// Reads digits that fit 64 bits, as nearly all do.
fn small_decimal(major: &str, minor: &str) -> Option<Exact> {
    if major.len() + minor.len() > 18 {
        return None;
    }
    let mut number = 0_i64;
    for digit in major.bytes().chain(minor.bytes()) {
        number = number * 10 + i64::from(digit - b'0');
    }
    let scale = 10_i128.pow(u32::try_from(minor.len()).ok()?);
    Some(Exact::narrowed(i128::from(number), scale))
}

impl FromStr for Exact {
    type Err = NotDecimal;

    /// Reads plain decimal text (`-12.50`), keeping every digit; no exponent, no separators.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotDecimal(text.to_owned());
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (major, minor) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if major.is_empty() || minor.is_empty() || major.len() + minor.len() > DIGITS_MAX {
            return Err(refuse());
        }
        if !digits_only(major) || !digits_only(minor) {
            return Err(refuse());
        }
        let minor = if unsigned.contains('.') { minor } else { "" };
        if let Some(small) = small_decimal(major, minor) {
            return Ok(if text.starts_with('-') { small.negated() } else { small });
        }
        let places = u32::try_from(minor.len()).map_err(|_| refuse())?;
        let all = format!("{major}{minor}");
        let number: BigInt = all.parse().map_err(|_| refuse())?;
        let number = if text.starts_with('-') { -number } else { number };
        let scale: BigInt = BigInt::from(10).pow(places);
        Ok(match (i128::try_from(&number), i128::try_from(&scale)) {
            (Ok(n), Ok(d)) => Self::narrowed(n, d),
            _ => Self::from_big(number, scale),
        })
    }
}

impl From<rust_decimal::Decimal> for Exact {
    fn from(value: rust_decimal::Decimal) -> Self {
        Self::narrowed(value.mantissa(), 10_i128.pow(value.scale()))
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Exact {}

impl std::hash::Hash for Exact {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.reduced().to_big().hash(state);
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Some((a, b)), Some((c, d))) = (self.wide(), other.wide()) {
            if b == d {
                return a.cmp(&c);
            }
            if let (Some(left), Some(right)) = (a.checked_mul(d), c.checked_mul(b)) {
                return left.cmp(&right);
            }
        }
        let ((a, b), (c, d)) = (self.to_big(), other.to_big());
        (a * d).cmp(&(c * b))
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_decimal_text() {
            Some(text) if text.contains('.') => {
                f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
            }
            Some(text) => f.write_str(&text),
            None => {
                let (n, d) = self.reduced().to_big();
                write!(f, "{n}/{d}")
            }
        }
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Default for Exact {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_stored(&text).map_err(serde::de::Error::custom)
    }
}

/// Reads what [`Exact`]'s `Display` writes: decimal text or `numerator/denominator`.
pub fn parse_stored(text: &str) -> Result<Exact, NotDecimal> {
    let Some((n, d)) = text.split_once('/') else {
        return text.parse();
    };
    let refuse = || NotDecimal(text.to_owned());
    let n: BigInt = n.parse().map_err(|_| refuse())?;
    let d: BigInt = d.parse().map_err(|_| refuse())?;
    if d.sign() != num_bigint::Sign::Plus {
        return Err(refuse());
    }
    Ok(Exact::from_big(n, d))
}
