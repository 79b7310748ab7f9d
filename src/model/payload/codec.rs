//! The encodings that a layout may name, and which of them a payload is in.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use bson::RawDocument;
use bson::raw::RawBsonRef;
use serde::Deserialize;
use serde_json::Value;

use super::encrypted::{self, BASE64, BASE64_URL, Sealed};
use super::reader::{Decoded, Reader};
use super::{Payload, plain};
use super::{django, gob, java, json, msgpack, php, pickle, ruby, securecookie};

/// How a payload can be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Codec {
    /// There is no payload.
    Absent,
    /// A BSON document.
    Document,
    /// The other fields of the session's document.
    Flat,
    /// A BSON document whose values are JSON texts.
    JsonInDocument,
    /// JSON.
    Json,
    /// A ciphertext; nothing but the name of what made it can be said of it.
    Encrypted,
    /// MessagePack with its extension types.
    Msgpack,
    /// tower-sessions' record in MessagePack: `[id, {data}, [expiry]]`.
    MsgpackTower,
    /// Python's pickle, read without executing anything.
    Pickle,
    /// Beaker's pickle of the base64 of a pickle or of JSON.
    Beaker,
    /// Django's signed text; the signature is not verified.
    DjangoSigned,
    /// What any of PHP's three session handlers writes.
    PhpSession,
    /// PHP's `serialize()`.
    PhpValue,
    /// Java's object serialization.
    Java,
    /// Ruby's Marshal.
    RubyMarshal,
    /// Go's encoding/gob.
    Gob,
    /// gorilla/securecookie; the signature is not verified.
    Securecookie,
    /// The base64 of another encoding.
    Base64(&'static Codec),
}

const NAMED: [(&str, Codec); 17] = [
    ("none", Codec::Absent),
    ("document", Codec::Document),
    ("flat", Codec::Flat),
    ("json-in-document", Codec::JsonInDocument),
    ("json", Codec::Json),
    ("encrypted", Codec::Encrypted),
    ("msgpack", Codec::Msgpack),
    ("msgpack:tower", Codec::MsgpackTower),
    ("pickle", Codec::Pickle),
    ("beaker", Codec::Beaker),
    ("django-signed", Codec::DjangoSigned),
    ("php:session", Codec::PhpSession),
    ("php:value", Codec::PhpValue),
    ("java", Codec::Java),
    ("ruby-marshal", Codec::RubyMarshal),
    ("gob", Codec::Gob),
    ("securecookie", Codec::Securecookie),
];

const BASE64_OF: &str = "base64>";

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Base64(inner) = self {
            return write!(f, "{BASE64_OF}{inner}");
        }
        f.write_str(NAMED.iter().find(|(_, codec)| codec == self).map_or("", |(name, _)| name))
    }
}

impl FromStr for Codec {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let inner = name.strip_prefix(BASE64_OF);
        let found = NAMED.iter().find(|(known, _)| *known == inner.unwrap_or(name));
        match (found, inner) {
            (Some((_, codec)), None) => Ok(*codec),
            (Some((_, codec)), Some(_)) if codec.reads_bytes() => Ok(Self::Base64(codec)),
            _ => {
                let names = NAMED.map(|(name, _)| name).join(", ");
                Err(format!(
                    "unknown codec `{name}`, expected one of {names}, or base64> before one"
                ))
            }
        }
    }
}

impl TryFrom<String> for Codec {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// The payload in `value`, by the codec whose marks it bears, or else the first that can read it.
pub(super) fn decode(codecs: &[Codec], value: RawBsonRef<'_>) -> Payload {
    match value {
        RawBsonRef::Document(document) => in_document(codecs, document),
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => in_bytes(codecs, text.as_bytes()),
        RawBsonRef::Binary(binary) => in_bytes(codecs, binary.bytes),
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

fn in_bytes(codecs: &[Codec], bytes: &[u8]) -> Payload {
    let readers = || codecs.iter().filter(|codec| codec.reads_bytes());
    let marked = readers().find(|codec| codec.marks(bytes));
    // What bears a mark is no ciphertext, however damaged.
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
    // None of the layout's codecs knows it, but another would.
    let foreign = NAMED.iter().find(|(_, codec)| codec.marks(bytes));
    if let (None, Some((name, _))) = (marked, foreign) {
        return Payload::Undecodable(opaque(name, bytes));
    }
    if reasons.is_empty() {
        reasons.push(format!("the payload is {} bytes in no known encoding", bytes.len()));
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
    fn reads_bytes(self) -> bool {
        !matches!(self, Self::Absent | Self::Document | Self::Flat | Self::JsonInDocument)
    }

    /// The payload in `bytes`; none if the codec has nothing to say to them.
    fn read(self, bytes: &[u8]) -> Option<Payload> {
        let value = |decoded: Decoded<Value>| decoded.map(Sealed::Value);
        let decoded = match self {
            Self::Absent | Self::Document | Self::Flat | Self::JsonInDocument => return None,
            Self::Encrypted => return encrypted::encryption(bytes).map(Payload::Encrypted),
            Self::Base64(inner) => return inner.read_base64(bytes),
            Self::Json => json::json(bytes),
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
            Ok(Sealed::Value(value)) if says_nothing(&value) => {
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
        match decoded_base64(text) {
            Some(bytes) => self.read(&bytes),
            None => Some(Payload::Undecodable(reader.error("this is no base64").to_string())),
        }
    }

    /// Whether `bytes` begin as this encoding, and no other, does.
    ///
    /// Flask-Session writes MessagePack or JSON to `val` since 0.7 and wrote pickle before; it
    /// reads all three (`flask_session` 0.8 `base.py`).
    fn marks(self, bytes: &[u8]) -> bool {
        match self {
            Self::Json => matches!(bytes.trim_ascii_start(), [b'{' | b'[', ..]),
            // Alone, 0x80 is the empty map, after which nothing could follow.
            Self::Msgpack => matches!(bytes, [0x80] | [0x81..=0x8f | 0xde | 0xdf, ..]),
            Self::MsgpackTower => bytes.starts_with(&[0x93, 0xc4, 16]),
            // Protocols 0 and 1 do not say so: `(dp0`, `}q`.
            Self::Pickle | Self::Beaker => {
                matches!(bytes, [0x80, 0..=5, ..] | [b'(' | b'}', .., b'.'])
            }
            Self::Java => bytes.starts_with(&[0xac, 0xed, 0, 5]),
            Self::RubyMarshal => bytes.starts_with(&[4, 8]),
            Self::Gob => gob::looks_like_gob(bytes),
            // The handler php_serialize; the others begin with a name.
            Self::PhpSession => {
                matches!(bytes, [b'a', b':', b'0'..=b'9', ..]) || php::is_igbinary(bytes)
            }
            Self::PhpValue => {
                matches!(bytes, [b'a' | b'O' | b'C', b':', b'0'..=b'9', ..])
                    || php::is_igbinary(bytes)
            }
            Self::Base64(inner) => decoded_base64(bytes).is_some_and(|bytes| inner.marks(&bytes)),
            _ => false,
        }
    }
}

fn decoded_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    BASE64.decode(text).or_else(|_| BASE64_URL.decode(text)).ok()
}

/// Whether all that is known is that a class wrote some bytes.
fn says_nothing(value: &Value) -> bool {
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
