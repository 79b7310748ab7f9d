//! The record for tower-sessions, from a session in any layout.

use bson::raw::RawBsonRef;
use serde_json::{Map, Value};

use super::is_tower;
use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::layout::Layout;
use crate::model::payload::msgpack;
use crate::store::roundtrip;

/// The data of the session in `document`, and its expiry in nanoseconds since 1970 if the payload
/// contains it.
pub(crate) fn data(
    layout: &Layout,
    document: &bson::RawDocument,
) -> Result<(Map<String, Value>, Option<i128>)> {
    if is_tower(layout)
        && let Some(path) = &layout.payload.path
        && let Found::One(RawBsonRef::Binary(binary)) = find(document, path)
    {
        let record = msgpack::tower_record(binary.bytes)
            .map_err(|error| Error::Document(error.to_string()))?;
        return Ok((record.data, Some(record.expiry.as_nanosecond())));
    }
    match roundtrip::value(layout, document)? {
        Value::Object(data) => Ok((data, None)),
        _ => Err(Error::Document("its payload is not an object".into())),
    }
}
