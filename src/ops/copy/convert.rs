//! From a session in one layout to the same session in another, as the store of that layout would have
//! written it; or why that cannot be.

use bson::oid::ObjectId;
use bson::raw::{RawBsonRef, RawDocumentBuf};
use bson::{Bson, DateTime, Document, RawDocument, doc};
use serde_json::{Map, Value};

use super::dialect::{Dialect, Timing};
use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::layout::{Layout, Layouts};
use crate::model::payload::msgpack::{self, TowerExpiry};
use crate::model::payload::{Codec, Payload};
use crate::model::session::{Session, State};
use crate::store::Expiry;
use crate::store::encode::{Content, Whole, tower_record};

/// The layouts into which sessions of other layouts can be converted.
pub const TARGETS: [&str; 7] = [
    "connect-mongo-json",
    "express-session-object",
    "express-mongodb-1",
    "express-mongodb-legacy",
    "tower-sessions",
    "flask-session",
    "koa-session-mongoose",
];

/// The largest document that a server takes.
const LARGEST: usize = 16 << 20;

/// Why a session cannot be carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Its payload is encrypted.
    Encrypted,
    /// Its payload cannot be decoded, or is no object.
    Undecodable,
    /// Its payload has values that the other store has no form for, such as instances of classes.
    Values,
    /// Its id is hashed, or no id of the other store.
    Id,
    /// Its expiry is unusable.
    Malformed,
    /// It never expires, and a session of the other store always does.
    Endless,
    /// It has expired, and the other store does not check the expiry when it reads a session.
    Expired,
    /// It would be larger than the server allows.
    TooLarge,
}

impl Loss {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Self; 8] = [
        Self::Encrypted,
        Self::Undecodable,
        Self::Values,
        Self::Id,
        Self::Malformed,
        Self::Endless,
        Self::Expired,
        Self::TooLarge,
    ];

    /// The word for it in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Undecodable => "undecodable",
            Self::Values => "values",
            Self::Id => "id",
            Self::Malformed => "malformed",
            Self::Endless => "endless",
            Self::Expired => "expired",
            Self::TooLarge => "too_large",
        }
    }

    /// The reason, as it completes "1 session was not copied: ".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Encrypted => "the payload is encrypted",
            Self::Undecodable => "the payload cannot be decoded",
            Self::Values => "the payload has values that the other store cannot hold",
            Self::Id => "the id is hashed, or is not valid in the other store",
            Self::Malformed => "the expiry is unusable",
            Self::Endless => "it never expires, and sessions of the other store do",
            Self::Expired => "it has expired, and the other store does not check that",
            Self::TooLarge => "it would exceed the server's limit for a document",
        }
    }
}

/// Converts sessions into one layout.
#[derive(Debug, Clone)]
pub struct Converter {
    source: Layouts,
    target: Layout,
    now: DateTime,
}

impl Converter {
    /// From the layouts of `source` into `target`, at the server's `now`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if sessions cannot be converted into `target`.
    pub fn new(source: &Layouts, target: &Layout, now: DateTime) -> Result<Self> {
        if !TARGETS.contains(&target.name.as_str()) {
            return Err(Error::Unsupported(format!(
                "sessions can be converted into {}, not into {}",
                TARGETS.join(", "),
                target.name
            )));
        }
        Ok(Self { source: source.clone(), target: target.clone(), now })
    }

    /// The same at another time.
    #[must_use]
    pub(super) fn at(self, now: DateTime) -> Self {
        Self { now, ..self }
    }

    /// The session in `document` as the other store would have written it.
    ///
    /// # Errors
    /// Why it cannot be carried over.
    pub fn convert(&self, document: &RawDocument) -> Result<RawDocumentBuf, Loss> {
        let layout = self.source.of(document);
        if layout.name == self.target.name {
            return Ok(document.to_owned());
        }
        let session = layout.glance(document, self.now);
        let id = self.id(layout, &session).ok_or(Loss::Id)?;
        let timing = self.timing(&session)?;
        let payload = self.payload(layout, document, &id, timing)?;
        let document = self.document(&id, payload, timing)?;
        let raw = RawDocumentBuf::try_from(&document).map_err(|_| Loss::Values)?;
        match raw.as_bytes().len() {
            bytes if bytes > LARGEST => Err(Loss::TooLarge),
            // A document that the layout does not describe would be foreign, and never be swept.
            _ if !self.target.describes(&raw) => Err(Loss::Values),
            _ => Ok(raw),
        }
    }

    /// The id by which the other store finds the session that has the same cookie.
    fn id(&self, layout: &Layout, session: &Session) -> Option<String> {
        /// What Rack puts before the digest of an id, which the cookie does not have.
        const HASHED: &str = "2::";
        let Bson::String(text) = session.id.value() else { return None };
        let text = text.strip_prefix(layout.id.prefix.as_str()).unwrap_or(text);
        let bare = text.strip_suffix(layout.id.suffix.as_str()).unwrap_or(text);
        let is_tower = Dialect::of(&self.target) == Dialect::Tower;
        let is_id = !bare.is_empty()
            && !bare.starts_with(HASHED)
            && (!is_tower || msgpack::tower_id(bare).is_some());
        let target = &self.target.id;
        is_id.then(|| format!("{}{bare}{}", target.prefix, target.suffix))
    }

    fn timing(&self, session: &Session) -> Result<Timing, Loss> {
        let over = match session.state {
            State::Malformed => return Err(Loss::Malformed),
            State::Expired if !self.target.checks_expiry_on_read => return Err(Loss::Expired),
            State::Endless => None,
            State::Live | State::Expired => Some(session.expires.ok_or(Loss::Malformed)?),
        };
        // A last touch in the future, or after the end, is none.
        let is_past =
            |touched: &DateTime| *touched <= self.now && over.is_none_or(|over| *touched <= over);
        let touched = session.touched.filter(is_past);
        let touched = touched.unwrap_or_else(|| over.map_or(self.now, |over| over.min(self.now)));
        Ok(Timing { over, touched })
    }

    fn payload(
        &self,
        layout: &Layout,
        document: &RawDocument,
        id: &str,
        timing: Timing,
    ) -> Result<Bson, Loss> {
        let (from, to) = (Dialect::of(layout), Dialect::of(&self.target));
        if self.target.payload.is_document() {
            let fields = match bson_of(layout, document)? {
                Some(fields) => fields,
                None => bson_fields(decoded(layout, document)?)?,
            };
            return Ok(Bson::Document(
                to.dressed_document(from.stripped_document(fields, &to), timing),
            ));
        }
        let fields = to.dressed(from.stripped(decoded(layout, document)?, &to), timing);
        match self.target.payload.codecs.first() {
            Some(Codec::Json) => Ok(Bson::String(Value::Object(fields).to_string())),
            Some(Codec::MsgpackTower) => {
                let number = msgpack::tower_id(id).ok_or(Loss::Id)?;
                let millis = timing.over.map_or(i64::MAX, DateTime::timestamp_millis);
                let expiry = TowerExpiry { unix_nanos: i128::from(millis) * 1_000_000, ahead: 0 };
                Ok(tower_record(number, &fields, expiry))
            }
            _ => Ok(Bson::Binary(bson::Binary {
                subtype: bson::spec::BinarySubtype::Generic,
                bytes: msgpack::encode(&fields),
            })),
        }
    }

    fn document(&self, id: &str, payload: Bson, timing: Timing) -> Result<Document, Loss> {
        let Timing { over, touched } = timing;
        if Dialect::of(&self.target) == Dialect::Koa {
            // Its own touch counts for the TTL index. One that is as long ago as that would be the end.
            let of_index = self.target.ttl_index.as_ref().and_then(|ttl| ttl.seconds);
            let lifetime = self.target.expiry[0].lifetime.or(of_index).unwrap_or(0);
            let lifetime = i64::try_from(lifetime).unwrap_or(0).saturating_mul(1000);
            let ends = touched.timestamp_millis().saturating_add(lifetime);
            let touched = if ends > self.now.timestamp_millis() { touched } else { self.now };
            return Ok(doc! { "_id": id, "data": payload, "updatedAt": touched });
        }
        let expiry = over.map_or(Expiry::Never, Expiry::At);
        let whole = Whole { id: id.into(), payload: Content::Encoded(payload), expiry };
        let written = whole.document(&self.target, touched);
        let written = written.map_err(|_| if over.is_none() { Loss::Endless } else { Loss::Id })?;
        if self.target.id.path == "_id" {
            return Ok(written);
        }
        let mut document = doc! { "_id": ObjectId::new() };
        document.extend(written);
        Ok(document)
    }
}

/// The payload with the types that it is stored in, where it is a document and is to be one.
fn bson_of(layout: &Layout, document: &RawDocument) -> Result<Option<Document>, Loss> {
    if layout.payload.codecs.first() != Some(&Codec::Document) {
        return Ok(None);
    }
    match layout.payload.path.as_ref().map(|path| find(document, path)) {
        Some(Found::One(RawBsonRef::Document(payload))) => {
            Document::try_from(payload).map(Some).map_err(|_| Loss::Undecodable)
        }
        _ => Ok(None),
    }
}

/// The payload as plain values, if it has nothing but those.
fn decoded(layout: &Layout, document: &RawDocument) -> Result<Map<String, Value>, Loss> {
    let fields = match layout.payload(document) {
        Payload::Value(Value::Object(fields)) => fields,
        Payload::Encrypted(_) => return Err(Loss::Encrypted),
        Payload::Value(_) | Payload::Undecodable(_) | Payload::Absent => {
            return Err(Loss::Undecodable);
        }
    };
    // JSON has no other values, whatever the names in it.
    let is_json = layout.payload.codecs.first() == Some(&Codec::Json);
    match !is_json && fields.iter().any(is_mark) {
        true => Err(Loss::Values),
        false => Ok(fields),
    }
}

/// Whether a value, or one inside it, only shows what was stored, such as an instance of a class.
fn is_mark((name, value): (&String, &Value)) -> bool {
    name.starts_with('$') || has_marks(value)
}

fn has_marks(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(is_mark),
        Value::Array(values) => values.iter().any(has_marks),
        _ => false,
    }
}

/// The values as BSON. What looks like Extended JSON is what it was: an object of the application's.
fn bson_fields(fields: Map<String, Value>) -> Result<Document, Loss> {
    fields.into_iter().map(|(name, value)| Ok((name, bson_value(value)?))).collect()
}

fn bson_value(value: Value) -> Result<Bson, Loss> {
    Ok(match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => flag.into(),
        Value::String(text) => text.into(),
        Value::Array(values) => {
            values.into_iter().map(bson_value).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => bson_fields(map)?.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            // A whole number beyond 64 bits with a sign would be another one.
            (None, Some(part)) if number.is_f64() => part.into(),
            _ => return Err(Loss::Values),
        },
    })
}
