//! Ruby classes with their own dump format that are shown as the values they represent: times,
//! dates, decimals, ids. Sources: ruby 3.1 `time.c` (`time_mdump`), `ext/date/date_core.c`
//! (`d_lite_marshal_dump`), `ext/bigdecimal/bigdecimal.c` (`BigDecimal_dump`); bson-ruby
//! `lib/bson/object_id.rb`.

use crate::model::payload::json_repr;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use serde_json::Value;

/// The Julian day number of 1970-01-01.
const JULIAN_DAY_OF_1970: i64 = 2_440_588;

/// The value of the bytes that `_dump` returned.
pub(super) fn from_bytes(class: &[u8], data: &[u8]) -> Option<Value> {
    match class {
        b"Time" => time(data),
        // `18:0.125e2`: the number of digits to allocate, then the number.
        b"BigDecimal" => Some(Value::from(std::str::from_utf8(data).ok()?.split_once(':')?.1)),
        _ => None,
    }
}

/// The value of what `marshal_dump` returned.
pub(super) fn from_value(class: &[u8], data: &Value) -> Option<Value> {
    match class {
        b"Date" => day(data),
        b"DateTime" => moment(data),
        // The time in UTC, then the name of the zone and the local time.
        b"ActiveSupport::TimeWithZone" => data.get(0).filter(|time| time.is_string()).cloned(),
        b"BSON::ObjectId" | b"Moped::BSON::ObjectId" => object_id(data),
        _ => None,
    }
}

fn object_id(data: &Value) -> Option<Value> {
    let bytes = match data {
        Value::String(text) => text.clone().into_bytes(),
        other => json_repr::binary_bytes(other)?,
    };
    json_repr::object_id(&bytes)
}

/// Two little-endian words of bit fields, in UTC. Fractions of microseconds are stored elsewhere.
fn time(data: &[u8]) -> Option<Value> {
    let words = u64::from_le_bytes(data.try_into().ok()?);
    let field = |shift: u32, bits: u32| (words >> shift) & ((1 << bits) - 1);
    if field(31, 1) == 0 {
        // Before Ruby 1.8: seconds and microseconds.
        return json_repr::seconds(i64::try_from(field(0, 31)).ok()?, nanoseconds(field(32, 32))?);
    }
    let at = DateTime::new(
        i16::try_from(field(14, 16) + 1900).ok()?,
        i8::try_from(field(10, 4) + 1).ok()?,
        i8::try_from(field(5, 5)).ok()?,
        i8::try_from(field(0, 5)).ok()?,
        i8::try_from(field(58, 6)).ok()?,
        i8::try_from(field(52, 6)).ok()?,
        nanoseconds(field(32, 20))?,
    );
    Some(json_repr::date(Offset::UTC.to_timestamp(at.ok()?).ok()?))
}

fn nanoseconds(microseconds: u64) -> Option<i32> {
    i32::try_from(microseconds.checked_mul(1000)?).ok()
}

/// `[0, Julian day in UTC, seconds of the day in UTC, nanoseconds, offset, calendar reform]`
fn day(data: &Value) -> Option<Value> {
    let seconds = seconds(data)?.checked_add(data.get(4)?.as_i64()?)?;
    let at = Timestamp::from_second(seconds).ok()?;
    Some(Value::from(at.strftime("%Y-%m-%d").to_string()))
}

fn moment(data: &Value) -> Option<Value> {
    json_repr::seconds(seconds(data)?, i32::try_from(data.get(3)?.as_i64()?).ok()?)
}

fn seconds(data: &Value) -> Option<i64> {
    let era = data.get(0)?.as_i64()?;
    let days = data.get(1)?.as_i64()?.checked_sub(JULIAN_DAY_OF_1970)?;
    let seconds = days.checked_mul(86_400)?.checked_add(data.get(2)?.as_i64()?)?;
    (era == 0).then_some(seconds)
}
