//! Types of Go's libraries that are shown as values rather than bytes.

use jiff::Timestamp;
use serde_json::Value;

use crate::model::payload::json_repr;

/// The types of the standard library and of google/uuid that have their own encoding.
pub fn opaque(name: &str, bytes: &[u8]) -> Value {
    let known = match name.rsplit('.').next().unwrap_or(name) {
        "Time" => time(bytes).map(json_repr::date),
        "Int" => big_int(bytes),
        "UUID" => bytes.try_into().ok().map(json_repr::uuid),
        _ => None,
    };
    known.unwrap_or_else(|| json_repr::opaque(name, json_repr::binary(bytes)))
}

/// Go's `Time.MarshalBinary`: a version, seconds since the year 1, nanoseconds, and an offset,
/// which only affects formatting.
fn time(bytes: &[u8]) -> Option<Timestamp> {
    const YEAR_1: i64 = -62_135_596_800;
    let [1 | 2, rest @ ..] = bytes else {
        return None;
    };
    let (seconds, rest) = rest.split_first_chunk()?;
    let (nanos, offset) = rest.split_first_chunk()?;
    if !matches!(offset.len(), 2 | 3) {
        return None;
    }
    let seconds = i64::from_be_bytes(*seconds).checked_add(YEAR_1)?;
    Timestamp::new(seconds, i32::from_be_bytes(*nanos)).ok()
}

/// `big.Int`: a byte with version 1 and the sign, then the magnitude.
fn big_int(bytes: &[u8]) -> Option<Value> {
    match bytes {
        [sign @ (2 | 3), magnitude @ ..] => Some(json_repr::integer(*sign == 3, magnitude)),
        _ => None,
    }
}

/// The `ObjectID` of the MongoDB driver is an array of twelve numbers.
pub fn object_id(name: &str, items: &[Value]) -> Option<Value> {
    let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes: Option<Vec<u8>> = items.iter().take(13).map(byte).collect();
    json_repr::object_id(&bytes?).filter(|_| name == "ObjectID")
}
