//! The encodings that a layout can name.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// The encoding of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Codec {
    /// No payload.
    Absent,
    /// A BSON document.
    Document,
    /// The remaining fields of the session's document.
    Flat,
    /// A BSON document whose values are JSON texts.
    JsonInDocument,
    /// JSON.
    Json,
    /// A ciphertext. Only the name of what encrypted it can be shown.
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
    /// The output of any of PHP's three session handlers.
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

/// The names of the encodings in layout files.
pub(super) const NAMED: [(&str, Codec); 17] = [
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

impl Codec {
    /// Whether the codec reads bytes or text, rather than a document or nothing.
    pub(super) fn reads_bytes(self) -> bool {
        !matches!(self, Self::Absent | Self::Document | Self::Flat | Self::JsonInDocument)
    }
}

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
                    "unknown codec `{name}`, expected one of {names}, optionally prefixed with base64>"
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
