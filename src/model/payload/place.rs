//! The location of a session's payload.

use serde::Deserialize;

use super::codec::Codec;
use crate::model::document::FieldPath;

/// Where the payload is, and how it may be encoded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayloadPlace {
    /// The field. Without one, the payload consists of the other fields of the document.
    pub path: Option<FieldPath>,
    /// The fields of such a flat payload that are not part of it.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// The encodings, tried in order for each document.
    pub codecs: Vec<Codec>,
    /// express-session cannot read a session without its `cookie`. This is the key of that cookie's
    /// expiry in this store (`expires` or `_expires`).
    pub cookie: Option<String>,
}

impl PayloadPlace {
    /// Whether the payload can be a document, in which the server can look up values by path.
    pub(crate) fn is_document(&self) -> bool {
        self.codecs.iter().any(|codec| matches!(codec, Codec::Document | Codec::Flat))
    }
}
