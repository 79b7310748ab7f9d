//! Numbers with all their digits, so that comparisons do not round.

use std::cmp::Ordering;

use super::value::Value;

/// A number that is not NaN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    Below,
    /// Whether it is negative, the digits before the point without leading zeros, and those behind it
    /// without trailing ones.
    Finite(bool, Vec<u8>, Vec<u8>),
    Above,
}

impl Number {
    /// The number in a value of a numeric type.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::plain(&number.to_string())),
            Value::Long(number) => Some(Self::plain(&number.to_string())),
            Value::Double(number) => Self::of_double(*number),
            Value::Decimal(bytes) => {
                let text = bson::Decimal128::from_bytes(*bytes).to_string();
                match text.as_str() {
                    "NaN" | "-NaN" | "sNaN" | "-sNaN" => None,
                    "Infinity" => Some(Self::Above),
                    "-Infinity" => Some(Self::Below),
                    text => Some(match text.split_once('E') {
                        Some((digits, exponent)) => {
                            let exponent: i32 = exponent.trim_start_matches('+').parse().unwrap();
                            Self::plain(digits).shifted(exponent)
                        }
                        None => Self::plain(text),
                    }),
                }
            }
            _ => None,
        }
    }

    pub fn of_double(number: f64) -> Option<Self> {
        match number {
            number if number.is_nan() => None,
            f64::INFINITY => Some(Self::Above),
            f64::NEG_INFINITY => Some(Self::Below),
            // Every double is a sum of powers of two, so its digits end.
            number => Some(Self::plain(&format!("{number:.1100}"))),
        }
    }

    fn plain(text: &str) -> Self {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        Self::trimmed(is_negative, whole.as_bytes(), part.as_bytes())
    }

    fn trimmed(is_negative: bool, whole: &[u8], part: &[u8]) -> Self {
        let start = whole.iter().position(|digit| *digit != b'0').unwrap_or(whole.len());
        let end = part.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        let (whole, part) = (whole[start..].to_vec(), part[..end].to_vec());
        let is_zero = whole.is_empty() && part.is_empty();
        Self::Finite(is_negative && !is_zero, whole, part)
    }

    /// This number times ten to the power of `places`.
    pub fn shifted(&self, places: i32) -> Self {
        let Self::Finite(is_negative, whole, part) = self else { return self.clone() };
        let by = usize::try_from(places.unsigned_abs()).unwrap();
        match places >= 0 {
            true => {
                let moved = part.len().min(by);
                let zeros = vec![b'0'; by - moved];
                let whole = [&whole[..], &part[..moved], &zeros].concat();
                Self::trimmed(*is_negative, &whole, &part[moved..])
            }
            false => {
                let stay = whole.len().saturating_sub(by);
                let zeros = vec![b'0'; by.saturating_sub(whole.len())];
                let part = [&zeros, &whole[stay..], part].concat();
                Self::trimmed(*is_negative, &whole[..stay], &part)
            }
        }
    }

    /// Without the fraction.
    pub fn truncated(&self) -> i128 {
        match self {
            Self::Below => i128::MIN,
            Self::Above => i128::MAX,
            Self::Finite(is_negative, whole, _) if whole.len() > 36 => match is_negative {
                true => i128::MIN,
                false => i128::MAX,
            },
            Self::Finite(is_negative, whole, _) => {
                let number = whole.iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
                if *is_negative { -number } else { number }
            }
        }
    }

    pub fn floor(&self) -> i128 {
        let number = self.truncated();
        match self {
            Self::Finite(true, _, part) if !part.is_empty() => number.saturating_sub(1),
            _ => number,
        }
    }

    /// To the nearest, and of two as near to the even one.
    pub fn rounded(&self) -> i128 {
        let number = self.truncated();
        let Self::Finite(is_negative, _, part) = self else { return number };
        let away = match part.first() {
            Some(b'5') if part.len() == 1 => number % 2 != 0,
            Some(b'5'..=b'9') => true,
            _ => false,
        };
        match (away, is_negative) {
            (false, _) => number,
            (true, true) => number - 1,
            (true, false) => number + 1,
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |whole: &Vec<u8>, part: &Vec<u8>| (whole.len(), whole.clone(), part.clone());
        match (self, other) {
            (Self::Finite(false, whole, part), Self::Finite(false, others, parts)) => {
                size(whole, part).cmp(&size(others, parts))
            }
            (Self::Finite(true, whole, part), Self::Finite(true, others, parts)) => {
                size(others, parts).cmp(&size(whole, part))
            }
            (one, other) => one.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Number {
    fn rank(&self) -> u8 {
        match self {
            Self::Below => 0,
            Self::Finite(true, ..) => 1,
            Self::Finite(false, ..) => 2,
            Self::Above => 3,
        }
    }
}
