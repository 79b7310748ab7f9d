//! The payload in a lossless form, which does not change when it is read and written again, unlike
//! the form for people.

use bson::Bson;
use bson::raw::RawBsonRef;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::layout::Layout;
use crate::model::payload::Codec;

/// The payload of the session in `document`. If the store keeps BSON, values that JSON cannot
/// represent are relaxed Extended JSON, such as `{"$oid": ...}` and `{"$date": ...}`, which the
/// types of `bson` can deserialize. A whole number is an integer, even if JavaScript wrote a double
/// because it is beyond 32 bits.
///
/// # Errors
/// [`Error::Document`] if it cannot be decoded.
pub(crate) fn value(layout: &Layout, document: &bson::RawDocument) -> Result<Value> {
    if layout.payload.codecs.contains(&Codec::Document)
        && let Some(path) = &layout.payload.path
        && let Found::One(RawBsonRef::Document(payload)) = find(document, path)
        && let Ok(payload) = bson::Document::try_from(payload)
    {
        return Ok(whole_numbers(Bson::Document(payload).into_relaxed_extjson()));
    }
    let payload = layout.payload(document);
    match (payload.value(), payload.error()) {
        (Some(value), _) => Ok(value.clone()),
        (None, reason) => Err(Error::Document(reason.unwrap_or_else(|| "no payload".into()))),
    }
}

/// Up to this, doubles represent whole numbers exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(double) if number.is_f64() && double.fract() == 0.0 && double.abs() < EXACT => {
                Value::from(double as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(values) => values.into_iter().map(whole_numbers).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (key, whole_numbers(value))).collect()
        }
        value => value,
    }
}
