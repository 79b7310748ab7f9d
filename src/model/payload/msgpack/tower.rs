//! The record that tower-sessions-core 0.11 to 0.14 write with `rmp_serde::to_vec`: `[id as 16
//! big-endian bytes, {data}, [year, ordinal, hour, minute, second, nanosecond, offset hours,
//! minutes, seconds]]` (`src/session.rs`, and the `time` crate's `OffsetDateTime`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{Timestamp, ToSpan as _, civil, tz};
use serde_json::{Map, Number, Value};

use super::value::read_value;
use crate::model::payload::reader::{Decoded, Reader};

/// The data of a tower-sessions record, without its id and expiry.
pub fn tower(bytes: &[u8]) -> Decoded<Value> {
    Ok(Value::Object(tower_record(bytes)?.data))
}

/// A tower-sessions record.
#[derive(Debug, Clone, PartialEq)]
pub struct TowerRecord {
    pub id: i128,
    pub data: Map<String, Value>,
    pub expiry: Timestamp,
}

pub fn tower_record(bytes: &[u8]) -> Decoded<TowerRecord> {
    let mut reader = Reader::new("msgpack", bytes);
    reader.expect(0x93)?;
    let id = read_tower_id(&mut reader)?;
    let Value::Object(data) = read_value(&mut reader)? else {
        return Err(reader.error("the data is not a map"));
    };
    let expiry = read_tower_expiry(&mut reader)?;
    reader.end()?;
    Ok(TowerRecord { id, data, expiry })
}

/// The number in a tower-sessions `_id`: base64url of its bytes in little-endian order, while the
/// payload has them in big-endian order (observed, tower-sessions-mongodb-store 0.11).
pub fn tower_id(text: &str) -> Option<i128> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(i128::from_le_bytes(bytes.try_into().ok()?))
}

/// The expiry of a tower-sessions record: nanoseconds since 1970, and the offset of its local time
/// from UTC in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TowerExpiry {
    pub unix_nanos: i128,
    pub ahead: i32,
}

/// Encodes a tower-sessions record exactly like `rmp_serde::to_vec`. An expiry beyond the year 9999
/// is written as the end of that year.
pub fn encode_tower<'a>(
    id: i128,
    data: impl IntoIterator<Item = (&'a String, &'a Value), IntoIter: ExactSizeIterator>,
    expiry: TowerExpiry,
) -> Vec<u8> {
    let mut out = vec![0x93, 0xc4, 16];
    out.extend(id.to_be_bytes());
    write_map(&mut out, data);
    write_tower_expiry(&mut out, expiry);
    out
}

/// Encodes a map as every encoder of MessagePack with short forms does.
pub fn encode(map: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    write_map(&mut out, map);
    out
}

fn read_tower_id(reader: &mut Reader) -> Decoded<i128> {
    reader.expect(0xc4)?;
    reader.expect(16)?;
    Ok(i128::from_be_bytes(reader.array()?))
}

fn read_tower_expiry(reader: &mut Reader) -> Decoded<Timestamp> {
    let start = reader.clone();
    reader.expect(0x99)?;
    let mut parts = [0; 9];
    for part in &mut parts {
        let value = read_value(reader)?;
        *part =
            value.as_i64().ok_or_else(|| reader.error("a part of the expiry is not an integer"))?;
    }
    instant(parts).ok_or_else(|| start.error("the expiry is not a date"))
}

fn instant(parts: [i64; 9]) -> Option<Timestamp> {
    let [year, ordinal, hour, minute, second, nanosecond, ahead_h, ahead_m, ahead_s] = parts;
    let small = |part: i64| i8::try_from(part).ok();
    let time = civil::Time::new(
        small(hour)?,
        small(minute)?,
        small(second)?,
        i32::try_from(nanosecond).ok()?,
    )
    .ok()?;
    let first = civil::Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
    let date = first.with().day_of_year(i16::try_from(ordinal).ok()?).build().ok()?;
    let ahead = i64::from(small(ahead_h)?) * 3600
        + i64::from(small(ahead_m)?) * 60
        + i64::from(small(ahead_s)?);
    let utc = date.to_datetime(time).checked_sub(ahead.seconds()).ok()?;
    tz::Offset::UTC.to_timestamp(utc).ok()
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(truth) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_text(out, text),
        Value::Array(items) => {
            write_count(out, items.len(), 0x90, 0xdc);
            for item in items {
                write_value(out, item);
            }
        }
        Value::Object(map) => write_map(out, map),
    }
}

fn write_map<'a>(
    out: &mut Vec<u8>,
    map: impl IntoIterator<Item = (&'a String, &'a Value), IntoIter: ExactSizeIterator>,
) {
    let map = map.into_iter();
    write_count(out, map.len(), 0x80, 0xde);
    for (key, value) in map {
        write_text(out, key);
        write_value(out, value);
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(number) = number.as_u64() {
        write_unsigned(out, number);
    } else if let Some(number) = number.as_i64() {
        write_negative(out, number);
    } else if let Some(number) = number.as_f64() {
        out.push(0xcb);
        out.extend(number.to_be_bytes());
    }
}

fn write_unsigned(out: &mut Vec<u8>, number: u64) {
    let bytes = number.to_be_bytes();
    let (marker, width) = match number {
        0..=0x7f => (None, 1),
        0x80..=0xff => (Some(0xcc), 1),
        0x100..=0xffff => (Some(0xcd), 2),
        0x1_0000..=0xffff_ffff => (Some(0xce), 4),
        _ => (Some(0xcf), 8),
    };
    out.extend(marker);
    out.extend(&bytes[8 - width..]);
}

fn write_negative(out: &mut Vec<u8>, number: i64) {
    let bytes = number.to_be_bytes();
    let (marker, width) = match number {
        -32.. => (None, 1),
        -0x80.. => (Some(0xd0), 1),
        -0x8000.. => (Some(0xd1), 2),
        -0x8000_0000.. => (Some(0xd2), 4),
        _ => (Some(0xd3), 8),
    };
    out.extend(marker);
    out.extend(&bytes[8 - width..]);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length @ 0..=31) => out.push(0xa0 | length),
        Ok(length) => out.extend([0xd9, length]),
        Err(_) => write_long(out, text.len(), 0xda),
    }
    out.extend(text.as_bytes());
}

fn write_count(out: &mut Vec<u8>, count: usize, short: u8, long: u8) {
    match u8::try_from(count) {
        Ok(count @ 0..=15) => out.push(short | count),
        _ => write_long(out, count, long),
    }
}

/// Writes `marker` and 16 bits, or the next marker and 32 bits. MongoDB documents are limited to 16
/// MB, so 32 bits are always enough.
fn write_long(out: &mut Vec<u8>, length: usize, marker: u8) {
    if let Ok(length) = u16::try_from(length) {
        out.push(marker);
        out.extend(length.to_be_bytes());
    } else {
        out.push(marker + 1);
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

fn write_tower_expiry(out: &mut Vec<u8>, TowerExpiry { unix_nanos, ahead }: TowerExpiry) {
    let bounded = unix_nanos.clamp(Timestamp::MIN.as_nanosecond(), Timestamp::MAX.as_nanosecond());
    let instant = Timestamp::from_nanosecond(bounded).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = tz::Offset::from_seconds(ahead).unwrap_or(tz::Offset::UTC);
    let local = offset.to_datetime(instant);
    let ahead = offset.seconds();
    let parts = [
        i64::from(local.year()),
        i64::from(local.day_of_year()),
        i64::from(local.hour()),
        i64::from(local.minute()),
        i64::from(local.second()),
        i64::from(local.subsec_nanosecond()),
        i64::from(ahead / 3600),
        i64::from(ahead / 60 % 60),
        i64::from(ahead % 60),
    ];
    out.push(0x99);
    for part in parts {
        write_number(out, &Number::from(part));
    }
}
