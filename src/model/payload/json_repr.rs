//! The common representation of values that JSON lacks, for all codecs: dates as RFC 3339 in UTC
//! with milliseconds, bytes as `{"$binary": "<base64>"}`, ids as hexadecimal digits, and numbers
//! beyond 64 bits, `NaN`, `Infinity` and `-Infinity` as text.

use std::ops::Range;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bson::DateTime;
use jiff::Timestamp;
use jiff::tz::Offset;
use serde_json::{Map, Number, Value};

/// The longest magnitude shown in decimal, because the conversion is quadratic.
const DECIMAL_BYTES: usize = 64;

/// `{"$binary": "<base64>"}`.
pub fn binary(bytes: &[u8]) -> Value {
    object([("$binary", BASE64_STANDARD.encode(bytes).into())])
}

/// The bytes of a value that [`binary`] produced.
pub fn binary_bytes(value: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value.get("$binary")?.as_str()?).ok()
}

/// The UUID in a value that [`binary`] produced, if it has 16 bytes.
pub fn uuid_in(value: &Value) -> Option<String> {
    let bytes: [u8; 16] = binary_bytes(value)?.try_into().ok()?;
    Some(bson::Uuid::from_bytes(bytes).to_string())
}

/// Text if `bytes` are UTF-8, else [`binary`]. For languages whose strings are bytes.
pub fn text(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| binary(bytes), Value::from)
}

/// The name of a class or a field. Bytes that are not UTF-8 are escaped as `\xff`.
pub fn name(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.escape_ascii().to_string(), str::to_owned)
}

/// Data that a class wrote in its own format.
pub fn opaque(class: &str, data: Value) -> Value {
    object([("$class", class.into()), ("$data", data)])
}

/// A reference to a container that was shown before. Each codec documents what the number counts.
pub fn reference(number: usize) -> Value {
    object([("$ref", number.into())])
}

pub fn float(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => "NaN".into(),
        None if number > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// Shows a 32-bit 0.1 as 0.1 rather than 0.10000000149011612.
pub fn float32(number: f32) -> Value {
    float(number.to_string().parse().unwrap_or_else(|_| f64::from(number)))
}

/// An integer from its big-endian magnitude: a number if it fits into 64 bits, else [`digits`].
pub fn integer(negative: bool, magnitude: &[u8]) -> Value {
    let digits = digits(negative, magnitude);
    if let Ok(number) = digits.parse::<i64>() {
        number.into()
    } else if let Ok(number) = digits.parse::<u64>() {
        number.into()
    } else {
        digits.into()
    }
}

/// Decimal digits, or hexadecimal ones if the number is too long for decimal.
pub fn digits(negative: bool, magnitude: &[u8]) -> String {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    let magnitude = &magnitude[zeros..];
    let sign = if negative && !magnitude.is_empty() { "-" } else { "" };
    if magnitude.len() > DECIMAL_BYTES {
        return format!("{sign}0x{}", hex(magnitude));
    }
    format!("{sign}{}", decimal(magnitude))
}

/// `64f1c0ffee`
pub fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// MongoDB's `ObjectId`, if there are exactly twelve bytes.
pub fn object_id(bytes: &[u8]) -> Option<Value> {
    (bytes.len() == 12).then(|| hex(bytes).into())
}

/// `89e602bc-50b6-412e-bef8-2a751bacba11`
pub fn uuid(bytes: [u8; 16]) -> Value {
    bson::Uuid::from_bytes(bytes).to_string().into()
}

pub fn date(instant: Timestamp) -> Value {
    rfc3339(instant).into()
}

/// In UTC with milliseconds.
pub fn rfc3339(instant: Timestamp) -> String {
    let at = Offset::UTC.to_datetime(instant);
    let year = at.year();
    if year < 0 {
        return format!("{instant:.3}");
    }
    // Digit by digit: `format!` would take a tenth of the time of a list of a million sessions.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |range: Range<usize>, mut number: i16| {
        for digit in text[range].iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
    };
    put(0..4, year);
    put(5..7, at.month().into());
    put(8..10, at.day().into());
    put(11..13, at.hour().into());
    put(14..16, at.minute().into());
    put(17..19, at.second().into());
    put(20..23, at.millisecond());
    std::str::from_utf8(&text).map(str::to_owned).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds. `None` for a year beyond 9999.
pub fn time(date: DateTime) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(date.timestamp_millis()).ok()?;
    Some(rfc3339(instant))
}

/// A [`date`] from seconds since 1970 and nanoseconds. `None` beyond the year 9999.
pub fn seconds(seconds: i64, nanoseconds: i32) -> Option<Value> {
    Timestamp::new(seconds, nanoseconds).ok().map(date)
}

/// A [`date`] from milliseconds since 1970. `None` beyond the year 9999.
pub fn millis(milliseconds: i64) -> Option<Value> {
    Timestamp::from_millisecond(milliseconds).ok().map(date)
}

/// A map whose keys can have any type. Numbers, booleans and null become keys as JSON writes them.
/// Entries whose key is a list or a map go into `$pairs`, as `{"key": ..., "value": ...}`.
pub fn map(pairs: Vec<(Value, Value)>) -> Map<String, Value> {
    let mut map = Map::new();
    let mut others = Vec::new();
    for (key, value) in pairs {
        match key {
            Value::String(text) => insert(&mut map, text, value),
            Value::Array(_) | Value::Object(_) => {
                others.push(object([("key", key), ("value", value)]));
            }
            scalar => insert(&mut map, scalar.to_string(), value),
        }
    }
    if !others.is_empty() {
        insert(&mut map, "$pairs".to_owned(), others.into());
    }
    map
}

/// Inserts under `key`, or under `key#<entries so far>` if the key exists already, as for the Ruby
/// keys `"a"` and `:a`.
pub fn insert(map: &mut Map<String, Value>, key: String, value: Value) {
    if map.contains_key(&key) {
        map.insert(format!("{key}#{}", map.len()), value);
    } else {
        map.insert(key, value);
    }
}

pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn decimal(magnitude: &[u8]) -> String {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs = vec![0_u64];
    for byte in magnitude {
        let mut carry = u64::from(*byte);
        for limb in &mut limbs {
            carry += *limb << 8;
            *limb = carry % LIMB;
            carry /= LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut limbs = limbs.iter().rev();
    let first = limbs.next().map_or_else(String::new, u64::to_string);
    limbs.fold(first, |digits, limb| format!("{digits}{limb:09}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn integers_beyond_64_bits_are_decimal_text() {
        assert_eq!(integer(false, &[]), json!(0));
        assert_eq!(integer(true, &[0, 0]), json!(0));
        assert_eq!(integer(true, &[0x80, 0, 0, 0, 0, 0, 0, 0]), json!(i64::MIN));
        assert_eq!(integer(false, &[0xff; 8]), json!(u64::MAX));
        assert_eq!(integer(true, &[0xff; 8]), json!("-18446744073709551615"));
        assert_eq!(integer(false, &[0xff; 16]), json!("340282366920938463463374607431768211455"));
    }

    #[test]
    fn integers_nobody_could_read_stay_hexadecimal() {
        let shown = integer(true, &[0xab; DECIMAL_BYTES + 1]);
        assert!(shown.as_str().is_some_and(|text| text.starts_with("-0xabab")));
    }

    #[test]
    fn floats_json_cannot_hold_are_text() {
        assert_eq!(float(f64::NAN), "NaN");
        assert_eq!(float(f64::INFINITY), "Infinity");
        assert_eq!(float(f64::NEG_INFINITY), "-Infinity");
        assert_eq!(float32(0.1), json!(0.1));
    }

    #[test]
    fn a_key_that_is_no_scalar_does_not_hide_the_others() {
        let shown = map(vec![
            (json!([1]), json!("a")),
            (json!("user_id"), json!(42)),
            (json!(2.5), json!("b")),
            (json!(null), json!("c")),
        ]);
        let expected = json!({
            "user_id": 42, "2.5": "b", "null": "c", "$pairs": [{ "key": [1], "value": "a" }],
        });
        assert_eq!(Value::Object(shown), expected);
    }

    #[test]
    fn a_second_value_of_the_same_key_is_not_lost() {
        let shown = map(vec![(json!("1"), json!("a")), (json!(1), json!("b"))]);
        assert_eq!(Value::Object(shown), json!({ "1": "a", "1#1": "b" }));
    }

    #[test]
    fn dates_are_utc_with_milliseconds() {
        assert_eq!(seconds(1_795_441_122, 123_456_789), Some(json!("2026-11-23T13:38:42.123Z")));
        assert_eq!(millis(-1), Some(json!("1969-12-31T23:59:59.999Z")));
        assert_eq!(millis(i64::MAX), None);
    }

    #[test]
    fn dates_of_bson_end_with_the_year_9999() {
        let date = DateTime::from_millis(1_795_428_000_000);
        assert_eq!(time(date).as_deref(), Some("2026-11-23T10:00:00.000Z"));
        assert_eq!(time(DateTime::MAX), None);
    }

    proptest! {
        #[test]
        fn dates_are_written_as_jiff_writes_them(millis in -70_000_000_000_000..260_000_000_000_000_i64) {
            let instant = jiff::Timestamp::from_millisecond(millis).ok();
            let written = instant.map(|instant| format!("{instant:.3}"));
            prop_assert_eq!(time(DateTime::from_millis(millis)), written);
        }
    }
}
