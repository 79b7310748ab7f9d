//! What a session holds, decoded from however its store encodes it. Pure, and from raw BSON:
//! text that is not UTF-8 is normal in what PHP and old drivers wrote.
//!
//! Every decoded payload is plain JSON, made to be read and searched: an `ObjectId` is its hex
//! digits, a date is RFC 3339 in UTC with milliseconds, a decimal or a number beyond 64 bits is a
//! string, other bytes are `{"$binary": "<base64>"}`.

use bson::raw::RawBsonRef;
use bson::{DateTime, RawDocument};
use serde_json::Value;

use crate::model::document::{Found, find};

mod codec;
mod django;
mod encrypted;
mod glance;
mod gob;
mod java;
mod json;
pub(crate) mod msgpack;
mod php;
mod pickle;
mod place;
mod plain;
mod reader;
mod ruby;
#[cfg(test)]
mod samples;
mod secrets;
mod securecookie;
mod shape;
mod skim;

pub use codec::Codec;
pub(crate) use glance::Glance;
pub use place::PayloadPlace;
pub use secrets::mask;

/// A payload after decoding.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// What the application stored.
    Value(Value),
    /// It is encrypted, in this way as far as one can see.
    Encrypted(&'static str),
    /// It could not be decoded, for this reason.
    Undecodable(String),
    /// The store keeps none.
    Absent,
}

impl Payload {
    /// The decoded value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Why there is no decoded value, if there should be one.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Value(_) | Self::Absent => None,
            Self::Encrypted(how) => Some(format!("encrypted ({how})")),
            Self::Undecodable(reason) => Some(reason.clone()),
        }
    }
}

/// The payload of `document`, by the codec that it looks like.
pub(crate) fn decode(place: &PayloadPlace, document: &RawDocument) -> Payload {
    let Some(path) = &place.path else { return flat(place, document) };
    match find(document, path) {
        Found::One(value) => codec::decode(&place.codecs, value),
        Found::NotUtf8(text) => codec::decode(&place.codecs, RawBsonRef::String(&text)),
        Found::Missing => Payload::Undecodable(format!("there is no field {path}")),
        Found::Several(_) => Payload::Undecodable(format!("{path} lies in an array")),
    }
}

fn flat(place: &PayloadPlace, document: &RawDocument) -> Payload {
    if place.codecs.contains(&Codec::Absent) {
        return Payload::Absent;
    }
    match plain::document(document) {
        Ok(mut fields) => {
            fields.retain(|key, _| !place.exclude.iter().any(|excluded| excluded == key));
            Payload::Value(Value::Object(fields))
        }
        Err(error) => Payload::Undecodable(error.to_string()),
    }
}

/// The value at a dotted path of a decoded payload. A name that ends in `*` stands for the first
/// that begins so; a number is an array's index; and where an object has a key with dots in it,
/// such as `axum-login.data`, that key counts first.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    along(path, |key| child(value, key), get)
}

/// What `path` leads to: to the `child` of a key that it begins with, the longest first, and from
/// there by `get` along the rest.
fn along<T>(
    path: &str,
    child: impl Fn(&str) -> Option<T>,
    get: impl Fn(T, &str) -> Option<T>,
) -> Option<T> {
    let is_end = |at: &usize| path.as_bytes().get(*at).is_none_or(|byte| *byte == b'.');
    (0..=path.len()).rev().filter(is_end).find_map(|end| {
        let child = child(&path[..end])?;
        match path.get(end + 1..) {
            Some(rest) => get(child, rest),
            None => Some(child),
        }
    })
}

fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => match key.strip_suffix('*') {
            Some(start) => {
                map.iter().find(|(key, _)| key.starts_with(start)).map(|(_, value)| value)
            }
            None => map.get(key),
        },
        Value::Array(array) => array.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// RFC 3339 in UTC with milliseconds; `None` for a year beyond 9999.
pub fn time(date: DateTime) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(date.timestamp_millis()).ok()?;
    Some(shape::rfc3339(instant))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_keys_with_dots_arrays_and_names_that_vary() {
        let value = json!({
            "axum-login.data": { "user_id": 42 },
            "login_web_59ba36": 7,
            "cart": { "items": [{ "sku": "a" }, { "sku": "b" }] },
        });
        assert_eq!(get(&value, "axum-login.data.user_id"), Some(&json!(42)));
        assert_eq!(get(&value, "login_web_*"), Some(&json!(7)));
        assert_eq!(get(&value, "cart.items.1.sku"), Some(&json!("b")));
        assert_eq!(get(&value, "cart.items.2.sku"), None);
    }

    #[test]
    fn a_path_finds_the_users_of_devise_and_symfony() {
        let devise = json!({ "warden": 1, "warden.user.user.key": [[42], "$2a$12$abc"] });
        assert_eq!(get(&devise, "warden.user.user.key.0.0"), Some(&json!(42)));
        let symfony = json!({ "_sf2_attributes": {
            "_security.main.target_path": "/",
            "_security_main": { "0": null, "1": "main", "2": [{ "email": "asa@example.se" }, true] },
        }});
        let user = get(&symfony, "_sf2_attributes._security_*.2.0.email");
        assert_eq!(user, Some(&json!("asa@example.se")));
    }

    #[test]
    fn dates_are_utc_with_milliseconds() {
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
