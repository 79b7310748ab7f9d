//! Decodes MessagePack values.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::payload::json_repr;
use crate::model::payload::reader::{Decoded, Reader};

/// The extension type of a timestamp.
const TIMESTAMP: i8 = -1;

/// Decodes the only value in `bytes`, which is a map if a session wrote it.
pub fn map(bytes: &[u8]) -> Decoded<Value> {
    let mut reader = Reader::new("msgpack", bytes);
    let value = read_value(&mut reader)?;
    reader.end()?;
    Ok(value)
}

pub(super) fn read_value(reader: &mut Reader) -> Decoded<Value> {
    reader.value()?;
    let marker = reader.byte()?;
    match marker {
        0x00..=0x7f => Ok(Value::from(marker)),
        0x80..=0x8f => read_map(reader, usize::from(marker & 0x0f)),
        0x90..=0x9f => read_array(reader, usize::from(marker & 0x0f)),
        0xa0..=0xbf => read_text(reader, usize::from(marker & 0x1f)),
        0xc0 => Ok(Value::Null),
        0xc1 => Err(reader.error("0xc1 is never used in MessagePack")),
        0xc2 => Ok(Value::Bool(false)),
        0xc3 => Ok(Value::Bool(true)),
        0xc4..=0xc6 => {
            let length = read_length(reader, marker - 0xc4)?;
            read_binary(reader, length)
        }
        0xc7..=0xc9 => {
            let length = read_length(reader, marker - 0xc7)?;
            read_ext(reader, length)
        }
        0xca => Ok(json_repr::float32(f32::from_be_bytes(reader.array()?))),
        0xcb => Ok(json_repr::float(f64::from_be_bytes(reader.array()?))),
        0xcc => Ok(Value::from(reader.byte()?)),
        0xcd => Ok(Value::from(u16::from_be_bytes(reader.array()?))),
        0xce => Ok(Value::from(u32::from_be_bytes(reader.array()?))),
        0xcf => Ok(Value::from(u64::from_be_bytes(reader.array()?))),
        0xd0 => Ok(Value::from(i8::from_be_bytes(reader.array()?))),
        0xd1 => Ok(Value::from(i16::from_be_bytes(reader.array()?))),
        0xd2 => Ok(Value::from(i32::from_be_bytes(reader.array()?))),
        0xd3 => Ok(Value::from(i64::from_be_bytes(reader.array()?))),
        0xd4..=0xd8 => read_ext(reader, 1 << (marker - 0xd4)),
        0xd9..=0xdb => {
            let length = read_length(reader, marker - 0xd9)?;
            read_text(reader, length)
        }
        0xdc..=0xdd => {
            let count = read_length(reader, marker - 0xdc + 1)?;
            read_array(reader, count)
        }
        0xde..=0xdf => {
            let count = read_length(reader, marker - 0xde + 1)?;
            read_map(reader, count)
        }
        0xe0..=0xff => Ok(Value::from(i8::from_be_bytes([marker]))),
    }
}

/// A length of 1, 2 or 4 bytes, for `size` 0, 1 or 2.
fn read_length(reader: &mut Reader, size: u8) -> Decoded<usize> {
    let length = match size {
        0 => u32::from(reader.byte()?),
        1 => u32::from(u16::from_be_bytes(reader.array()?)),
        _ => u32::from_be_bytes(reader.array()?),
    };
    usize::try_from(length).map_err(|_| reader.error("length too large for this platform"))
}

fn read_text(reader: &mut Reader, length: usize) -> Decoded<Value> {
    let text = reader.take(length)?;
    Ok(Value::String(String::from_utf8_lossy(text).into_owned()))
}

fn read_array(reader: &mut Reader, count: usize) -> Decoded<Value> {
    check_count(reader, count)?;
    reader.nested(|reader| {
        let items = (0..count).map(|_| read_value(reader));
        items.collect::<Decoded<Vec<_>>>().map(Value::Array)
    })
}

fn read_map(reader: &mut Reader, count: usize) -> Decoded<Value> {
    check_count(reader, count)?;
    reader.nested(|reader| {
        let pairs = (0..count).map(|_| Ok((read_value(reader)?, read_value(reader)?)));
        pairs.collect::<Decoded<Vec<_>>>().map(|pairs| Value::Object(json_repr::map(pairs)))
    })
}

fn read_binary(reader: &mut Reader, length: usize) -> Decoded<Value> {
    let bytes = reader.take(length)?;
    // Becomes an object, which takes the memory of several values.
    reader.values(3)?;
    Ok(json_repr::binary(bytes))
}

/// Checks a count against the rest of the input: every item takes at least one byte.
fn check_count(reader: &Reader, count: usize) -> Decoded<()> {
    if count > reader.rest().len() {
        return Err(reader.error(format!("count {count} is past the end")));
    }
    Ok(())
}

fn read_ext(reader: &mut Reader, length: usize) -> Decoded<Value> {
    let [kind] = reader.array()?;
    let kind = i8::from_be_bytes([kind]);
    let bytes = reader.take(length)?;
    if kind == TIMESTAMP
        && let Some(instant) = timestamp(bytes)
    {
        return Ok(json_repr::date(instant));
    }
    reader.values(5)?;
    Ok(json_repr::object([("$ext", kind.into()), ("$data", json_repr::binary(bytes))]))
}

/// 32 bits of seconds, or 30 of nanoseconds and 34 of seconds, or 32 of nanoseconds and 64 of
/// seconds.
fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let (seconds, nanos) = match bytes.len() {
        4 => (i64::from(u32::from_be_bytes(bytes.try_into().ok()?)), 0),
        8 => {
            let packed = u64::from_be_bytes(bytes.try_into().ok()?);
            (i64::try_from(packed & 0x3_ffff_ffff).ok()?, u32::try_from(packed >> 34).ok()?)
        }
        12 => {
            let (nanos, seconds) = bytes.split_at(4);
            (
                i64::from_be_bytes(seconds.try_into().ok()?),
                u32::from_be_bytes(nanos.try_into().ok()?),
            )
        }
        _ => return None,
    };
    Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()
}
