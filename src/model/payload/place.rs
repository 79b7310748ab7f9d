//! Where the payload of a session is.

use serde::Deserialize;

use super::codec::Codec;
use crate::model::document::FieldPath;

/// Where the payload is and how it may be encoded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadPlace {
    /// The field; without one the payload lies flat beside the other fields.
    pub path: Option<FieldPath>,
    /// Fields of a flat payload that are not part of it.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The encodings, tried in order for each document.
    pub codecs: Vec<Codec>,
    /// express-session cannot read a session without its `cookie`; this names the key under which
    /// the store keeps that cookie's expiry (`expires` or `_expires`).
    pub cookie: Option<String>,
}

impl PayloadPlace {
    /// Whether it can be a document, where the server finds a value by its path.
    pub(crate) fn is_document(&self) -> bool {
        self.codecs.iter().any(|codec| matches!(codec, Codec::Document | Codec::Flat))
    }
}
