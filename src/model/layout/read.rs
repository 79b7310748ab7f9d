//! Reads the session in a document: its id, its dates, its state and its user.

use std::borrow::Cow;

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, RawDocument};
use serde_json::Value;

use super::definition::{Instant, Layout, UserPlace};
use crate::model::document::{self, Fields, Found, digits, instant, text_of};
use crate::model::payload::{self, Codec, Partial, Payload, uuid_in};
use crate::model::session::{Session, SessionId};

impl Layout {
    /// The session in `document`, with its state at `cutoff`, and the user in `payload`.
    pub fn session(&self, document: &RawDocument, payload: &Payload, cutoff: DateTime) -> Session {
        let partial = Partial::whole(Cow::Borrowed(payload));
        let fields = Fields::of(document);
        let touched = first_instant(&self.touched, &fields);
        self.session_of(&fields, touched, Some(&partial), cutoff)
    }

    /// The session in `document`, with its state at `cutoff`. Decodes only as much of the payload as
    /// the user requires.
    pub fn glance(&self, document: &RawDocument, cutoff: DateTime) -> Session {
        self.look(&Fields::of(document), cutoff).0
    }

    /// The same, with the decoded payload, if it was decoded.
    pub(crate) fn look<'a>(
        &self,
        fields: &Fields<'a>,
        cutoff: DateTime,
    ) -> (Session, Option<Partial<'a>>) {
        let touched = first_instant(&self.touched, fields);
        let derived = self.derived_touch.as_ref().filter(|_| touched.is_none());
        let partial = (derived.is_some() || self.user_needs_payload()).then(|| {
            let paths = self.user.iter().map(UserPlace::path);
            let paths = paths.chain(derived.map(|derived| derived.lifetime.as_str()));
            Partial::at(&self.payload, fields, paths)
        });
        (self.session_of(fields, touched, partial.as_ref(), cutoff), partial)
    }

    fn session_of(
        &self,
        fields: &Fields<'_>,
        touched: Option<DateTime>,
        payload: Option<&Partial<'_>>,
        cutoff: DateTime,
    ) -> Session {
        let (state, expires) = self.state(fields, cutoff);
        let derived = || self.touch_before(expires?, payload?, cutoff);
        Session {
            id: self.id_in(fields),
            state,
            expires,
            touched: touched.or_else(derived),
            created: first_instant(&self.created, fields),
            user: self.user_in(fields, payload),
            bytes: fields.document.as_bytes().len() as u64,
        }
    }

    /// The last touch of a session as it follows from its expiry, if nothing else holds it, even if
    /// that is later than a clock that was read before.
    pub(crate) fn derived_touch_in(&self, document: &RawDocument) -> Option<DateTime> {
        self.derived_touch.as_ref()?;
        self.glance(document, DateTime::MAX).touched
    }

    /// The last touch of a session with this expiry. A result after the cutoff is discarded: the
    /// lifetime must have been another one when the expiry was set.
    fn touch_before(
        &self,
        expires: DateTime,
        payload: &Partial<'_>,
        cutoff: DateTime,
    ) -> Option<DateTime> {
        let derived = self.derived_touch.as_ref().filter(|_| payload.is_readable())?;
        let millis = match payload.get(&derived.lifetime).as_deref() {
            None | Some(Value::Null) => i64::try_from(derived.given?.as_millis()).ok()?,
            Some(Value::Number(number)) => (number.as_f64()? * derived.unit.millis()) as i64,
            Some(_) => return None,
        };
        let touched = expires.timestamp_millis().checked_sub(millis)?;
        let is_past = millis >= 0 && touched <= cutoff.timestamp_millis();
        is_past.then(|| DateTime::from_millis(touched))
    }

    /// The id of `document`, or its `_id` if the id field is missing.
    pub fn id_of(&self, document: &RawDocument) -> SessionId {
        self.id_in(&Fields::of(document))
    }

    fn id_in(&self, fields: &Fields<'_>) -> SessionId {
        let value = |path| match fields.find(path) {
            Found::One(value) => Some(document::owned(value)),
            // This is for display only, and finds no document.
            Found::NotUtf8(text) => Some(Bson::String(text)),
            Found::Missing | Found::Several(_) => None,
        };
        let value = value(&self.id.path).or_else(|| value("_id")).unwrap_or(Bson::Null);
        SessionId::new(value, &self.id.prefix)
    }

    /// The decoded payload of `document`.
    pub fn payload(&self, document: &RawDocument) -> Payload {
        payload::decode(&self.payload, document)
    }

    fn user_in(&self, fields: &Fields<'_>, payload: Option<&Partial<'_>>) -> Option<String> {
        let text = self.user.iter().find_map(|place| match place {
            UserPlace::Field(path) => match fields.find(path) {
                Found::One(value) => text_of(value),
                _ => None,
            },
            UserPlace::Payload(path) => self.user_text(payload?.get(path)?),
        })?;
        Some(self.bare_user(text))
    }

    /// The user in a value of the document.
    pub(crate) fn user_of(&self, value: RawBsonRef<'_>) -> Option<String> {
        text_of(value).map(|text| self.bare_user(text))
    }

    /// Remove the store's prefix.
    fn bare_user(&self, text: String) -> String {
        // An empty prefix is not compared, as in `SessionId::new`.
        let own = Some(&self.user_prefix).filter(|prefix| !prefix.is_empty());
        let own = own.and_then(|prefix| text.strip_prefix(prefix)).map(str::to_owned);
        own.unwrap_or(text)
    }

    fn user_text(&self, value: Cow<'_, Value>) -> Option<String> {
        match &*value {
            Value::String(text) if !text.is_empty() => match value {
                Cow::Owned(Value::String(text)) => Some(text),
                _ => value.as_str().map(str::to_owned),
            },
            Value::Number(number) => Some(digits(number)),
            Value::Object(map) if map.len() == 1 => match map.get("$oid") {
                // The form in which serde writes an `ObjectId` to formats other than BSON.
                Some(id) if !self.payload.is_document() => id.as_str().map(str::to_owned),
                // In JSON, this would be an object of the application.
                None if self.payload.codecs.first() != Some(&Codec::Json) => uuid_in(&value),
                _ => None,
            },
            _ => None,
        }
    }
}

fn first_instant(instants: &[Instant], fields: &Fields<'_>) -> Option<DateTime> {
    instants.iter().find_map(|at| instant(fields.find(&at.path), at.unit))
}
