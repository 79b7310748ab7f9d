//! A condition on the value at a path of the payload: a plain value, and a test of a decoded
//! payload.

use std::cmp::Ordering;

use bson::DateTime;
use jiff::{civil, tz::TimeZone};
use regex::{Regex, RegexBuilder};
use serde_json::{Number, Value};

use super::network::{Network, address_in};
use crate::model::document::digits;
use crate::model::payload;

/// A condition on the decoded payload of a session. A session whose payload cannot be decoded matches
/// neither a condition nor its opposite.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The path, in the syntax of [`payload::get`](crate::payload::get).
    pub path: String,
    /// What the value must fulfil.
    pub test: Test,
}

/// What the value at the path must fulfil.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal to this value, given as JSON or as the bare string.
    Equals(String),
    /// Another value, or missing.
    Differs(String),
    /// Text in which the expression matches; numbers and booleans are matched by their JSON text.
    Matches(Pattern),
    /// A number or a time that compares in this way with another one.
    Compares(Comparison, Operand),
    /// An IP address in this range.
    In(Network),
    /// Any value, including null.
    Present,
    /// No value.
    Absent,
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// The operand of a comparison. Text that holds a number or a time is compared as such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float(f64),
    /// A time: RFC 3339 with a zone or a date alone, or a number of milliseconds since 1970, or of
    /// seconds if it is below 100,000,000,000.
    Time(DateTime),
}

/// A regular expression. Matching takes linear time for every expression.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// The maximum size of a compiled expression, which also limits the time per character of a
    /// payload.
    const MOST_BYTES: usize = 256 << 10;

    /// The expression in `text`.
    ///
    /// # Errors
    /// If the expression is invalid, the reason in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(Self::MOST_BYTES).build();
        built.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expression is too large".to_owned(),
            error => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                format!("not a regular expression: {reason}")
            }
        })
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Condition {
    /// The condition that `value`, given as JSON or as the bare string, is at `path`.
    pub fn equals(path: impl Into<String>, value: impl Into<String>) -> Self {
        Self { path: path.into(), test: Test::Equals(value.into()) }
    }

    /// Whether it holds for this payload.
    pub fn holds(&self, payload: &Value) -> bool {
        let value = payload::get(payload, &self.path);
        match (&self.test, value) {
            (Test::Absent, value) => value.is_none(),
            (Test::Differs(wanted), value) => !value.is_some_and(|value| equals(value, wanted)),
            (_, None) => false,
            (Test::Present, Some(_)) => true,
            (Test::Equals(wanted), Some(value)) => equals(value, wanted),
            (Test::Matches(pattern), Some(value)) => match value {
                Value::String(text) => pattern.0.is_match(text),
                Value::Number(_) | Value::Bool(_) => pattern.0.is_match(&value.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => false,
            },
            (Test::Compares(comparison, operand), Some(value)) => {
                operand.compare(value).is_some_and(|ordering| comparison.admits(ordering))
            }
            (Test::In(network), Some(value)) => {
                address(value).is_some_and(|ip| network.contains(ip))
            }
        }
    }

    /// Whether the payload has a value at the path that the condition can compare. If no session
    /// has one, the condition cannot be decided. A missing value counts only for conditions about
    /// presence.
    pub fn is_decided_by(&self, payload: &Value) -> bool {
        let value = payload::get(payload, &self.path);
        match (&self.test, value) {
            (Test::Present | Test::Absent, _) | (Test::Equals(_) | Test::Differs(_), Some(_)) => {
                true
            }
            (_, None) => false,
            (Test::Compares(_, operand), Some(value)) => operand.compare(value).is_some(),
            (Test::In(_), Some(value)) => address(value).is_some(),
            (Test::Matches(_), Some(value)) => {
                !matches!(value, Value::Null | Value::Array(_) | Value::Object(_))
            }
        }
    }

    /// Whether the payload has a value at the path that the condition cannot compare, so that it is
    /// unknown whether the condition or its opposite holds. Null is no value.
    pub(super) fn is_undecided_by(&self, payload: &Value) -> bool {
        let value = payload::get(payload, &self.path);
        value.is_some_and(|value| !value.is_null()) && !self.is_decided_by(payload)
    }

    /// Whether a missing value can fulfil it, so that the server must not filter by presence.
    pub(super) fn needs_value(&self) -> bool {
        !matches!(self.test, Test::Absent | Test::Differs(_))
    }

    /// The kind of value that the condition needs, in a few words.
    pub fn kind(&self) -> &'static str {
        match &self.test {
            Test::Compares(_, Operand::Time(_)) => "a time",
            Test::Compares(_, Operand::Integer(_) | Operand::Float(_)) => "a number",
            Test::In(_) => "an IP address",
            Test::Matches(_) => "a text",
            _ => "a value",
        }
    }
}

impl Comparison {
    fn admits(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Operand {
    /// How `value` compares with it; `None` if they cannot be compared.
    fn compare(self, value: &Value) -> Option<Ordering> {
        match (self, value) {
            (Self::Time(time), value) => Some(instant(value)?.cmp(&time.timestamp_millis())),
            (own, Value::Number(number)) => own.compare_number(Self::of(number)?),
            (own, Value::String(text)) => own.compare_number(Self::number(text)?),
            _ => None,
        }
    }

    fn compare_number(self, value: Self) -> Option<Ordering> {
        match (value, self) {
            (Self::Integer(value), Self::Integer(own)) => Some(value.cmp(&own)),
            (value, own) => value.float()?.partial_cmp(&own.float()?),
        }
    }

    fn float(self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(number as f64),
            Self::Float(number) => Some(number),
            Self::Time(_) => None,
        }
    }

    fn of(number: &Number) -> Option<Self> {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Self::Integer).or_else(|| number.as_f64().map(Self::Float))
    }

    /// The number in a text.
    pub fn number(text: &str) -> Option<Self> {
        let text = text.trim();
        let float = || text.parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Float);
        text.parse().ok().map(Self::Integer).or_else(float)
    }
}

/// Seconds since 1970 are below this until the year 5138, and milliseconds are above it since March
/// 1973.
const MILLIS: f64 = 1e11;

/// The time in a value, in milliseconds.
fn instant(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => {
            let time: Result<jiff::Timestamp, _> = text.parse();
            let date = || {
                let date = text.parse::<civil::Date>().ok().filter(|_| text.len() == 10)?;
                TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()
            };
            time.ok().or_else(date).map(jiff::Timestamp::as_millisecond)
        }
        Value::Number(number) => {
            let number = number.as_f64()?;
            let millis = if number.abs() < MILLIS { number * 1000.0 } else { number };
            Some(millis.floor() as i64)
        }
        // Extended JSON.
        Value::Object(map) if map.len() == 1 => match map.get("$date")? {
            Value::Object(inner) => inner.get("$numberLong")?.as_str()?.parse().ok(),
            Value::Number(number) => number.as_i64(),
            text => instant(text),
        },
        _ => None,
    }
}

fn address(value: &Value) -> Option<std::net::IpAddr> {
    value.as_str().and_then(address_in)
}

fn equals(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) if text == wanted => true,
        Value::Number(number) if digits(number) == wanted => true,
        value => format!("{value}") == wanted,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_compared_with_the_json_text_or_the_string() {
        assert!(equals(&json!(42), "42"));
        assert!(!equals(&json!(142), "42"));
        // As it is shown, and as the integer that it is.
        assert!(equals(&json!(42.0), "42") && equals(&json!(42.0), "42.0"));
        assert!(!equals(&json!(42.5), "42"));
        assert!(equals(&json!("42"), "42"));
        assert!(equals(&json!("42"), "\"42\""));
        assert!(equals(&json!(null), "null"));
        assert!(equals(&json!(["admin", 1]), "[\"admin\",1]"));
    }

    fn holds(test: Test, value: &Value) -> bool {
        Condition { path: "a".to_owned(), test }.holds(&json!({ "a": value }))
    }

    #[test]
    fn numbers_and_instants_are_compared_whatever_their_form() {
        let less = |operand, value: Value| holds(Test::Compares(Comparison::Less, operand), &value);
        let number = |text| Operand::number(text).unwrap();
        assert!(less(number("5"), json!(4)) && less(number("5"), json!("4.5")));
        assert!(!less(number("5"), json!(5)) && !less(number("5"), json!("four")));
        // Exact, unlike a float.
        assert!(less(number("9007199254740993"), json!(9_007_199_254_740_992_i64)));
        assert_eq!((Operand::number("inf"), Operand::number("nan")), (None, None));
        let ten = Operand::Time(DateTime::from_millis(1_795_428_000_000));
        for earlier in [
            json!("2026-11-23T09:59:59.999Z"),
            json!("2026-11-23T10:59:59+01:00"),
            json!("2026-11-23"),
            json!(1_795_427_999_999_i64),
            json!(1_795_427_999),
            json!({ "$date": "2026-11-23T09:00:00Z" }),
            json!({ "$date": { "$numberLong": "1795427999999" } }),
        ] {
            assert!(less(ten, earlier.clone()), "{earlier}");
        }
        for other in [json!("2026-11-23T10:00:00Z"), json!("2026-11-23 09:00"), json!(null)] {
            assert!(!less(ten, other.clone()), "{other}");
        }
    }

    /// A backtracking engine would practically never finish.
    #[test]
    fn an_expression_that_could_hang_another_engine_is_matched_or_refused_at_once() {
        let text = Value::String(format!("{}!", "a".repeat(1 << 20)));
        for hostile in
            ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "a*a*a*a*b"]
        {
            assert!(!holds(Test::Matches(Pattern::new(hostile).unwrap()), &text), "{hostile}");
        }
        for large in ["a{1000}{1000}", "((a{100}){100}){100}", "\\w{5000}", "(?:x{500}y{500}){99}"]
        {
            assert_eq!(Pattern::new(large).unwrap_err(), "the regular expression is too large");
        }
        let error = Pattern::new("(a").unwrap_err();
        assert_eq!(error, "not a regular expression: unclosed group");
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-50_i64..50).prop_map(|number| number.to_string().into()),
            "[a-z0-9.:-]{0,12}".prop_map(Value::from),
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            Just(json!([1, "a"])),
        ]
    }

    proptest! {
        /// Of a payload that can be decoded, a condition or its opposite holds; and of two numbers one
        /// comparison holds just where its opposite does not.
        #[test]
        fn a_condition_holds_or_its_opposite(value in value(), wanted in "[a-z0-9]{0,3}", number in -50_i128..50) {
            let differs = holds(Test::Differs(wanted.clone()), &value);
            prop_assert_ne!(holds(Test::Equals(wanted), &value), differs);
            prop_assert_ne!(holds(Test::Present, &value), holds(Test::Absent, &value));
            let compares = |comparison| {
                holds(Test::Compares(comparison, Operand::Integer(number)), &value)
            };
            let (less, at_least) = (compares(Comparison::Less), compares(Comparison::GreaterOrEqual));
            let (more, at_most) = (compares(Comparison::Greater), compares(Comparison::LessOrEqual));
            let test = Test::Compares(Comparison::Less, Operand::Integer(number));
            let decided = Condition { path: "a".to_owned(), test }.is_decided_by(&json!({ "a": value }));
            prop_assert_eq!(less ^ at_least, decided);
            prop_assert_eq!(more ^ at_most, decided);
            prop_assert!(!(less && more));
        }
    }
}
