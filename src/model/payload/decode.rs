//! Chooses the codec of a payload among those of its layout, and decodes it.

use std::fmt;

use bson::RawDocument;
use bson::raw::RawBsonRef;
use serde_json::Value;

use super::base64::either;
use super::codec::{Codec, NAMED};
use super::encrypted;
use super::inflate::{compression, unpacked};
use super::place::PayloadPlace;
use super::reader::{Decoded, Reader};
use super::sealed::Sealed;
use super::{django, gob, java, json, msgpack, php, pickle, plain, ruby, securecookie};
use crate::model::document::{Found, find};

/// The result of decoding a payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// The value that the application stored.
    Value(Value),
    /// The payload is encrypted. Contains the presumed method.
    Encrypted(&'static str),
    /// The payload could not be decoded, for this reason.
    Undecodable(String),
    /// The store has no payload.
    Absent,
}

impl Payload {
    /// The decoded value, if any.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Why there is no decoded value. `None` if none is expected.
    pub fn error(&self) -> Option<String> {
        match self {
            Self::Value(_) | Self::Absent => None,
            Self::Encrypted(how) => Some(format!("encrypted ({how})")),
            Self::Undecodable(reason) => Some(reason.clone()),
        }
    }
}

/// The payload of `document`, decoded with the codec that it appears to use.
pub(crate) fn decode(place: &PayloadPlace, document: &RawDocument) -> Payload {
    let Some(path) = &place.path else { return flat(place, document) };
    match find(document, path) {
        Found::One(value) => by_codecs(&place.codecs, value),
        Found::NotUtf8(text) => by_codecs(&place.codecs, RawBsonRef::String(&text)),
        Found::Missing => Payload::Undecodable(format!("there is no field {path}")),
        Found::Several(_) => Payload::Undecodable(format!("{path} is in an array")),
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

/// The payload in `value`, decoded with the codec whose signature it has, else with the first that
/// can read it.
pub(super) fn by_codecs(codecs: &[Codec], value: RawBsonRef<'_>) -> Payload {
    match value {
        RawBsonRef::Document(document) => in_document(codecs, document),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => in_bytes(codecs, text.as_bytes()),
        RawBsonRef::Binary(binary) => in_binary(codecs, binary.bytes),
        _ => Payload::Undecodable(format!("the payload is {}", kind_of(value))),
    }
}

fn in_document(codecs: &[Codec], document: &RawDocument) -> Payload {
    let decoded = codecs.iter().find_map(|codec| match codec {
        Codec::Document => Some(plain::document(document)),
        Codec::JsonInDocument => Some(plain::document_of_json(document)),
        _ => None,
    });
    match decoded {
        Some(decoded) => payload(decoded.map(Value::Object)),
        None => Payload::Undecodable("the payload is a document".to_owned()),
    }
}

/// Bytes that no codec of the layout reads may be compressed, or encrypted before they came here.
fn in_binary(codecs: &[Codec], bytes: &[u8]) -> Payload {
    let payload = in_bytes(codecs, bytes);
    let is_marked = || NAMED.iter().any(|(_, codec)| codec.marks(bytes));
    if !matches!(payload, Payload::Undecodable(_)) || is_marked() {
        return payload;
    }
    let what = match compression(bytes) {
        Some(how) => match unpacked(how, bytes).map(|inner| in_bytes(codecs, &inner)) {
            Ok(Payload::Undecodable(reason)) => format!("compressed with {how} ({reason})"),
            Ok(payload) => return payload,
            Err(error) => format!("compressed with {how}, or encrypted ({error})"),
        },
        None if encrypted::looks_random(bytes) => "it looks encrypted".to_owned(),
        None => return payload,
    };
    Payload::Undecodable(format!("binary, {} bytes: {what}", bytes.len()))
}

fn in_bytes(codecs: &[Codec], bytes: &[u8]) -> Payload {
    let readers = || codecs.iter().filter(|codec| codec.reads_bytes());
    let marked = readers().find(|codec| codec.marks(bytes));
    // Bytes with a known signature are not a ciphertext, however damaged they are.
    let readers = || readers().filter(|codec| marked.is_none() || **codec != Codec::Encrypted);
    let mut reasons = Vec::new();
    for codec in marked.into_iter().chain(readers().filter(|codec| Some(*codec) != marked)) {
        match codec.read(bytes) {
            Some(Payload::Undecodable(reason)) if Some(codec) == marked => reasons = vec![reason],
            Some(Payload::Undecodable(reason)) if marked.is_none() => reasons.push(reason),
            Some(Payload::Undecodable(_)) | None => {}
            Some(payload) => return payload,
        }
    }
    // No codec of the layout recognizes the bytes, but another codec does.
    let foreign = NAMED.iter().find(|(_, codec)| codec.marks(bytes));
    if let (None, Some((name, _))) = (marked, foreign) {
        return Payload::Undecodable(opaque(name, bytes));
    }
    if reasons.is_empty() {
        reasons.push(format!("the payload has {} bytes in an unknown encoding", bytes.len()));
    }
    Payload::Undecodable(reasons.join("; "))
}

fn payload(decoded: Decoded<Value>) -> Payload {
    decoded.map_or_else(|error| Payload::Undecodable(error.to_string()), Payload::Value)
}

fn opaque(codec: impl fmt::Display, bytes: &[u8]) -> String {
    format!("opaque: {codec}, {} bytes", bytes.len())
}

impl Codec {
    /// The payload in `bytes`. `None` if the codec does not apply to bytes.
    fn read(self, bytes: &[u8]) -> Option<Payload> {
        let value = |decoded: Decoded<Value>| decoded.map(Sealed::Value);
        let decoded = match self {
            Self::Absent | Self::Document | Self::Flat | Self::JsonInDocument => return None,
            Self::Encrypted => return encrypted::encryption(bytes).map(Payload::Encrypted),
            Self::Base64(inner) => return inner.read_base64(bytes),
            Self::Json => json::json(bytes).map(sealed),
            Self::Beaker => pickle::beaker(bytes),
            Self::Securecookie => securecookie::securecookie(bytes),
            Self::Msgpack => value(msgpack::map(bytes)),
            Self::MsgpackTower => value(msgpack::tower(bytes)),
            Self::Pickle => value(pickle::pickle(bytes)),
            Self::DjangoSigned => value(django::signed(bytes)),
            Self::PhpSession | Self::PhpValue if php::is_igbinary(bytes) => {
                return Some(Payload::Undecodable(opaque("igbinary", bytes)));
            }
            Self::PhpSession => value(php::session(bytes)),
            Self::PhpValue => value(php::value(bytes)),
            Self::Java => value(java::serialized(bytes)),
            Self::RubyMarshal => value(ruby::marshal(bytes)),
            Self::Gob => value(gob::gob(bytes)),
        };
        Some(match decoded {
            Ok(Sealed::Value(value)) if is_opaque(&value) => {
                Payload::Undecodable(opaque(self, bytes))
            }
            Ok(Sealed::Value(value)) => Payload::Value(value),
            Ok(Sealed::Encrypted) => {
                Payload::Encrypted(encrypted::encryption(bytes).unwrap_or("unknown"))
            }
            Err(error) => Payload::Undecodable(error.to_string()),
        })
    }

    fn read_base64(self, text: &[u8]) -> Option<Payload> {
        let reader = Reader::new("base64", text);
        match either(text.trim_ascii()) {
            Some(bytes) => self.read(&bytes),
            None => Some(Payload::Undecodable(reader.error("invalid base64").to_string())),
        }
    }

    /// Whether `bytes` begin with the signature of this encoding.
    ///
    /// Flask-Session writes MessagePack or JSON to `val` since 0.7, and wrote pickle before. It
    /// reads all three (`flask_session` 0.8 `base.py`).
    fn marks(self, bytes: &[u8]) -> bool {
        match self {
            Self::Json => matches!(json::unmarked(bytes).trim_ascii_start(), [b'{' | b'[', ..]),
            // On its own, 0x80 is the empty map, after which nothing can follow.
            Self::Msgpack => matches!(bytes, [0x80] | [0x81..=0x8f | 0xde | 0xdf, ..]),
            Self::MsgpackTower => bytes.starts_with(&[0x93, 0xc4, 16]),
            // Protocols 0 and 1 have no header: `(dp0`, `}q`.
            Self::Pickle | Self::Beaker => {
                matches!(bytes, [0x80, 0..=5, ..] | [b'(' | b'}', .., b'.'])
            }
            Self::Java => bytes.starts_with(&[0xac, 0xed, 0, 5]),
            Self::RubyMarshal => bytes.starts_with(&[4, 8]),
            Self::Gob => gob::looks_like_gob(bytes),
            // The handler php_serialize. The other handlers begin with a name.
            Self::PhpSession => {
                matches!(bytes, [b'a', b':', b'0'..=b'9', ..]) || php::is_igbinary(bytes)
            }
            Self::PhpValue => {
                matches!(bytes, [b'a' | b'O' | b'C', b':', b'0'..=b'9', ..])
                    || php::is_igbinary(bytes)
            }
            Self::Base64(inner) => {
                either(bytes.trim_ascii()).is_some_and(|bytes| inner.marks(&bytes))
            }
            _ => false,
        }
    }
}

/// Valid JSON can still be the ciphertext that a library stores instead of the payload.
fn sealed(value: Value) -> Sealed {
    if encrypted::is_ciphertext(&value) { Sealed::Encrypted } else { Sealed::Value(value) }
}

/// Whether the value only shows that some class wrote some bytes.
fn is_opaque(value: &Value) -> bool {
    let Value::Object(map) = value else { return false };
    match map.get("$data") {
        Some(data) => map.len() <= 2 && data.get("$binary").is_some(),
        None => map.len() == 1 && map.contains_key("$binary"),
    }
}

fn kind_of(value: RawBsonRef<'_>) -> String {
    let name = format!("{:?}", value.element_type()).to_lowercase();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}

#[cfg(test)]
mod tests;
