//! Compares numbers as exactly as the server does: a double cannot represent every nanosecond since
//! 1970, and a decimal has twice as many digits.

use std::cmp::Ordering;

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, Decimal128};
use serde::Deserialize;
use serde_json::Number;

/// The unit of a number that counts from 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    S,
    /// Milliseconds.
    Ms,
    /// Nanoseconds.
    Ns,
}

impl Unit {
    /// The number for `millis` since 1970, in a type that compares exactly with integers.
    pub fn number(self, millis: i64) -> Bson {
        match self {
            Self::S if millis % 1000 == 0 => Bson::Int64(millis / 1000),
            Self::S => Bson::Double(millis as f64 / 1000.0),
            Self::Ms => Bson::Int64(millis),
            Self::Ns => Bson::Int64(millis.saturating_mul(1_000_000)),
        }
    }

    /// Milliseconds per unit.
    pub(crate) fn millis(self) -> f64 {
        match self {
            Self::S => 1000.0,
            Self::Ms => 1.0,
            Self::Ns => 1e-6,
        }
    }

    /// The time of `number`, to the millisecond; infinity is the last possible time.
    pub fn instant(self, number: f64) -> Option<DateTime> {
        let millis = number * self.millis();
        (!millis.is_nan()).then(|| DateTime::from_millis(millis.floor() as i64))
    }
}

/// The value of any numeric type.
pub(crate) fn number(value: RawBsonRef<'_>) -> Option<f64> {
    match value {
        RawBsonRef::Int32(number) => Some(f64::from(number)),
        RawBsonRef::Int64(number) => Some(number as f64),
        RawBsonRef::Double(number) => Some(number).filter(|number| !number.is_nan()),
        RawBsonRef::Decimal128(number) => {
            number.to_string().parse().ok().filter(|number: &f64| !number.is_nan())
        }
        _ => None,
    }
}

/// A double as an integer, if it is a whole number below 2^53. Where all numbers are doubles, as in
/// JavaScript, or in Go's `interface{}` after JSON, the id 42 is stored as 42.0.
pub(crate) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

/// A number of a decoded payload as text: 42.0 is `42`.
pub(crate) fn digits(number: &Number) -> String {
    let integer = number.as_f64().filter(|_| number.is_f64()).and_then(whole);
    integer.map_or_else(|| number.to_string(), |integer| integer.to_string())
}

/// A decimal number: a whole number times a power of ten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    whole: i128,
    exponent: i32,
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Self {
        Self { whole: whole.into(), exponent: 0 }
    }
}

impl Decimal {
    /// The number, if it is not NaN; infinity is beyond all others.
    pub(crate) fn of(decimal: Decimal128) -> Option<Self> {
        /// The largest exponent of a finite decimal is 6111.
        const INFINITE: i32 = 10_000;
        let text = decimal.to_string();
        let whole = match text.as_str() {
            "Infinity" => Some(1),
            "-Infinity" => Some(-1),
            _ => None,
        };
        if let Some(whole) = whole {
            return Some(Self { whole, exponent: INFINITE });
        }
        let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self {
            whole: format!("{before}{after}").parse().ok()?,
            exponent: exponent - i32::try_from(after.len()).ok()?,
        })
    }

    /// The exact value of a double; `None` if it has too many digits.
    fn of_double(double: f64) -> Option<Self> {
        const MANTISSA: u32 = 52;
        let bits = double.to_bits();
        let power = i32::try_from((bits >> MANTISSA) & 0x7FF).ok()? - 1075;
        let own = i128::from((bits & ((1 << MANTISSA) - 1)) | (1 << MANTISSA));
        let zeros = own.trailing_zeros();
        let (own, power) = (own >> zeros, power + i32::try_from(zeros).ok()?);
        if !double.is_normal() || !(-31..=60).contains(&power) {
            return (double == 0.0).then_some(Self::from(0));
        }
        let own = if double < 0.0 { -own } else { own };
        // Each halving becomes a multiplication by five and a division by ten.
        Some(match power < 0 {
            true => Self { whole: own * 5_i128.pow(power.unsigned_abs()), exponent: power },
            false => Self { whole: own << power, exponent: 0 },
        })
    }

    /// This number in milliseconds.
    pub(crate) fn in_millis(self, unit: Unit) -> Self {
        let places = match unit {
            Unit::S => 3,
            Unit::Ms => 0,
            Unit::Ns => -6,
        };
        Self { exponent: self.exponent + places, ..self }
    }

    /// Rounded down to a whole number.
    fn floor(self) -> i64 {
        self.rounded(i128::div_euclid)
    }

    /// Without the fraction.
    pub(crate) fn truncated(self) -> i64 {
        self.rounded(|whole, of| whole / of)
    }

    fn rounded(self, divide: impl Fn(i128, i128) -> i128) -> i64 {
        let power = 10_i128.checked_pow(self.exponent.unsigned_abs()).unwrap_or(i128::MAX);
        let whole = match self.exponent < 0 {
            true => divide(self.whole, power),
            false => self.whole.saturating_mul(power),
        };
        i64::try_from(whole).unwrap_or(if whole < 0 { i64::MIN } else { i64::MAX })
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        let signs = self.whole.signum().cmp(&other.whole.signum());
        if signs.is_ne() || self.whole == 0 {
            return signs;
        }
        let apart = self.exponent.abs_diff(other.exponent);
        let raised = |whole: i128| {
            let power = 10_i128.checked_pow(apart).unwrap_or(i128::MAX);
            // A number that does not fit is further from zero than any that does.
            whole.saturating_mul(power)
        };
        match self.exponent >= other.exponent {
            true => raised(self.whole).cmp(&other.whole),
            false => self.whole.cmp(&raised(other.whole)),
        }
    }
}

/// Whether a number is less than a limit, which is a long or a double.
pub(crate) fn is_less(value: RawBsonRef<'_>, limit: &Bson) -> bool {
    match (value, limit) {
        (RawBsonRef::Int64(number), Bson::Int64(limit)) => number < *limit,
        (RawBsonRef::Decimal128(decimal), limit) => {
            let limit = match limit {
                Bson::Int64(limit) => Some(Decimal::from(*limit)),
                Bson::Double(limit) => Decimal::of_double(*limit),
                _ => None,
            };
            let both = Decimal::of(decimal).zip(limit);
            both.is_some_and(|(decimal, limit)| decimal.compare(limit).is_lt())
        }
        (value, Bson::Int64(limit)) => {
            number(value).is_some_and(|number| (number.floor() as i64) < *limit)
        }
        (value, Bson::Double(limit)) => number(value).is_some_and(|number| number < *limit),
        _ => false,
    }
}

/// A number in `unit` as whole milliseconds.
pub(crate) fn millis_of(value: RawBsonRef<'_>, unit: Unit) -> Option<i64> {
    match value {
        RawBsonRef::Decimal128(decimal) => Some(Decimal::of(decimal)?.in_millis(unit).floor()),
        value => Some((number(value)? * unit.millis()).floor() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal128 {
        text.parse().unwrap()
    }

    #[test]
    fn decimals_are_compared_with_all_their_digits() {
        let less = |text: &str, limit: Bson| is_less(RawBsonRef::Decimal128(decimal(text)), &limit);
        assert!(less("1795439999999.9999999999999999999", Bson::Int64(1_795_440_000_000)));
        assert!(!less("1795440000000", Bson::Int64(1_795_440_000_000)));
        assert!(!less("9E+400", Bson::Int64(i64::MAX)));
        assert!(less("-9E+400", Bson::Int64(i64::MIN)));
        assert!(!less("Infinity", Bson::Int64(0)));
        assert!(less("-Infinity", Bson::Double(0.5)));
        assert!(!less("NaN", Bson::Int64(0)));
        assert!(!less("1E-6100", Bson::Int64(0)));
        assert!(less("1E-6100", Bson::Double(0.5)));
        assert!(less("0", Bson::Int64(1)) && !less("0", Bson::Int64(0)));
        // The double is slightly less than its decimal form.
        assert!(!less("1795440000.123", Bson::Double(1_795_440_000.123)));
        assert!(less("1795440000.12299", Bson::Double(1_795_440_000.123)));
    }

    #[test]
    fn milliseconds_are_those_before_the_number() {
        let millis = |text: &str, unit| millis_of(RawBsonRef::Decimal128(decimal(text)), unit);
        assert_eq!(millis("1.0009999999999999999", Unit::S), Some(1000));
        assert_eq!(millis("-0.5", Unit::Ms), Some(-1));
        assert_eq!(millis("1E-6100", Unit::S), Some(0));
        assert_eq!(millis("-1E-6100", Unit::S), Some(-1));
        assert_eq!(millis("9E+400", Unit::Ns), Some(i64::MAX));
        assert_eq!(millis("-Infinity", Unit::Ns), Some(i64::MIN));
        assert_eq!(millis("NaN", Unit::Ns), None);
        assert_eq!(millis_of(RawBsonRef::Double(1.5), Unit::S), Some(1500));
    }
}
