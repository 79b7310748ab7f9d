//! The version of a session, by which a write notices that another one came first.

use std::fmt;

use bson::{Bson, Document, RawDocument, doc};

use super::encode::unwritable;
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::layout::{FieldPath, Layout};

/// The version of a session: its payload as it was stored. Touches do not change it, because they
/// only move the expiry.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    path: FieldPath,
    payload: Key,
}

/// A payload, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// The payload.
    pub payload: T,
    /// Its version, for [`Store::set_if_unchanged`](crate::Store::set_if_unchanged).
    pub version: Version,
}

/// The outcome of [`Store::set_if_unchanged`](crate::Store::set_if_unchanged).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the session may not have been written"]
pub enum SetIfUnchanged<T> {
    /// The session was written, and now has this version.
    Set(Version),
    /// Somebody else has written the session since it was read. Nothing was changed; this is the
    /// session as it is now.
    Changed(Versioned<T>),
    /// The session was destroyed or has expired since it was read. Nothing was changed.
    Gone,
}

impl Version {
    pub(super) fn of(layout: &Layout, document: &RawDocument) -> Result<Self> {
        let path = layout.payload.path.clone().ok_or_else(|| unwritable(layout))?;
        let payload = Key::at(document, &path);
        let payload = payload.ok_or_else(|| Error::Document("no payload".to_owned()))?;
        Ok(Self { path, payload })
    }

    /// The version of the same session with this payload.
    pub(super) fn with(&self, payload: &Bson) -> Self {
        Self { payload: Key::from(payload), path: self.path.clone() }
    }

    /// The condition that a session still has this payload.
    pub(super) fn condition(&self) -> Result<Document> {
        let payload = self.payload.bson().ok_or_else(|| {
            let what = "the payload is not valid text, so that it cannot be compared";
            Error::Document(what.to_owned())
        })?;
        Ok(doc! { &self.path: { "$eq": payload } })
    }
}

/// Without the payload, which is secret.
impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(..)")
    }
}
