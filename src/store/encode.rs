//! Writes sessions as the store of a layout would, so that it can read them.

use std::borrow::Cow;
use std::time::Duration;

use bson::{Bson, DateTime, Document, RawDocument, doc};
use mongodb::options::UpdateModifications;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::document::find;
use crate::model::layout::{Clock, FieldPath, Layout};
use crate::model::payload::msgpack::{self, TowerExpiry};
use crate::model::payload::{Codec, time};
use crate::store::expiry::{Expiry, millis};

mod fields;
#[cfg(any(feature = "tower-sessions", feature = "tower-sessions-014"))]
pub(crate) mod tower;

pub(crate) use fields::unwritable;
use fields::{Changes, is_last_touch};

/// A session to write.
#[derive(Debug, Clone)]
pub(crate) struct Whole<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) payload: Content,
    pub(crate) expiry: Expiry,
}

/// The values to store in a session.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A value that still has to be encoded for the layout.
    Value(Value),
    /// A value that is already encoded.
    Encoded(Bson),
}

impl Whole<'_> {
    /// Whether the time must be known before the write, because it becomes part of the payload, or
    /// is written as a number. Otherwise the server fills it in.
    pub(crate) fn needs_now(&self, layout: &Layout) -> bool {
        let in_payload = match self.expiry {
            Expiry::After(_) => is_tower(layout) || lacks_cookie(layout, &self.payload),
            // The cookie also contains the lifetime from now.
            Expiry::At(_) => lacks_cookie(layout, &self.payload),
            Expiry::Never => false,
        };
        in_payload || writes_numbers(layout)
    }

    /// Whether a written value depends on the time.
    pub(crate) fn depends_on_now(&self, layout: &Layout) -> bool {
        let rule = &layout.expiry[0];
        self.needs_now(layout)
            || matches!(self.expiry, Expiry::After(_))
            || is_last_touch(rule)
            || layout.touched.iter().any(|at| at.written)
    }

    /// The update that writes the session. If the expression `condition` does not hold, it changes
    /// nothing.
    pub(crate) fn update(
        self,
        layout: &Layout,
        clock: Clock,
        condition: Option<Document>,
    ) -> Result<UpdateModifications> {
        Ok(self.fields(layout, clock)?.update(condition))
    }

    /// The update that writes the session if it does not exist, and otherwise nothing. The time
    /// must be known.
    pub(crate) fn insertion(self, layout: &Layout, now: DateTime) -> Result<Document> {
        let fields = self.fields(layout, Clock::At(now))?;
        Ok(doc! { "$setOnInsert": fields.literals() })
    }

    /// The document that its store would insert, last touched at `touched`. Where the id is another
    /// field, the `_id` is not in it.
    pub(crate) fn document(self, layout: &Layout, touched: DateTime) -> Result<Document> {
        let mut document = doc! { &layout.id.path: &*self.id };
        document.extend(self.fields(layout, Clock::At(touched))?.literals());
        Ok(document)
    }

    /// The same with the payload as it is to be stored, and that payload.
    pub(crate) fn encoded(self, layout: &Layout, clock: Clock) -> Result<(Self, Bson)> {
        let payload = stored(self.payload, &self.id, self.expiry, layout, clock)?;
        Ok((Self { payload: Content::Encoded(payload.clone()), ..self }, payload))
    }

    /// The user of the session, if its layout finds one in it.
    pub(crate) fn user(&self, layout: &Layout) -> Option<String> {
        // The times have no influence on the user.
        let anytime = DateTime::from_millis(0);
        let document = self.clone().document(layout, anytime).ok()?;
        let document = bson::RawDocumentBuf::try_from(&document).ok()?;
        layout.glance(&document, anytime).user
    }

    pub(crate) fn into_owned(self) -> Whole<'static> {
        Whole { id: self.id.into_owned().into(), payload: self.payload, expiry: self.expiry }
    }

    fn fields(self, layout: &Layout, clock: Clock) -> Result<Changes> {
        let mut fields = Changes::default();
        fields.expiry(layout, self.expiry, clock)?;
        fields.touched(layout, clock);
        let path = layout.payload.path.as_ref().ok_or_else(|| unwritable(layout))?;
        // The server refuses to update a field together with another one inside it (40).
        let inside = format!("{path}.");
        if layout
            .expiry
            .iter()
            .any(|rule| rule.path.as_ref().is_some_and(|path| path.starts_with(&inside)))
        {
            return Err(unwritable(layout));
        }
        let Self { id, payload, expiry } = self;
        let payload = stored(payload, &id, expiry, layout, clock)?;
        if let Some(forbidden) = forbidden_in(layout, path, &payload) {
            let name = &layout.name;
            let what = format!("a session of the layout {name} has no field {forbidden}");
            return Err(Error::Unsupported(what));
        }
        fields.value(path.clone(), payload);
        if !layout.may_be_id(&id) {
            let (prefix, suffix) = (&layout.id.prefix, &layout.id.suffix);
            return Err(Error::Unsupported(format!(
                "an id of the layout {} has the form {prefix}...{suffix}",
                layout.name
            )));
        }
        match fields.make_session(layout) {
            true => Ok(fields),
            false => Err(unwritable(layout)),
        }
    }
}

/// A field of the payload at `path` with which the document would be no session of the layout.
fn forbidden_in<'a>(layout: &'a Layout, path: &str, payload: &Bson) -> Option<&'a FieldPath> {
    let is_there = |forbidden: &&FieldPath| {
        let inner = forbidden.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
        let value = inner.and_then(|inner| {
            inner.split('.').try_fold(payload, |value, name| value.as_document()?.get(name))
        });
        value.is_some()
    };
    layout.detect.forbid.iter().find(is_there)
}

fn stored(
    payload: Content,
    id: &str,
    expiry: Expiry,
    layout: &Layout,
    clock: Clock,
) -> Result<Bson> {
    match payload {
        Content::Value(payload) => {
            let over = expiry.instant(clock);
            let payload = with_cookie(layout, payload, over, expiry.max_age(clock));
            encode(layout, id, &payload, over)
        }
        Content::Encoded(payload) => Ok(payload),
    }
}

/// A new expiry for a session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch(pub(crate) Expiry);

impl Touch {
    /// Whether the time must be known before it can be written.
    pub(crate) fn needs_now(layout: &Layout) -> bool {
        writes_numbers(layout)
    }

    /// The update. If the expression `condition` does not hold, it changes nothing.
    pub(crate) fn update(
        self,
        layout: &Layout,
        clock: Clock,
        condition: Option<Document>,
    ) -> Result<UpdateModifications> {
        Ok(self.changes(layout, clock)?.update(condition))
    }

    fn changes(self, layout: &Layout, clock: Clock) -> Result<Changes> {
        let mut fields = Changes::default();
        fields.expiry(layout, self.0, clock)?;
        fields.touched(layout, clock);
        Ok(fields)
    }

    /// Whether a touch `now` can be skipped, because the last write is at most `after` ago. This
    /// follows from the difference between the session's expiry and its new one.
    pub(crate) fn is_needless(
        self,
        layout: &Layout,
        session: &RawDocument,
        now: DateTime,
        after: Duration,
    ) -> bool {
        let rule = &layout.expiry[0];
        let kept = find(session, rule.path.as_deref().unwrap_or_default());
        let kept = crate::model::document::instant(kept, rule.unit);
        let new = if is_last_touch(rule) { Some(now) } else { self.0.instant(Clock::At(now)) };
        match (kept.map(DateTime::timestamp_millis), new.map(DateTime::timestamp_millis)) {
            (Some(kept), Some(new)) => kept <= new && new.saturating_sub(kept) < millis(after),
            // An endless session needs no further write.
            (None, None) => true,
            _ => false,
        }
    }
}

/// Whether the payload is a record of tower-sessions, which repeats the expiry.
pub(crate) fn is_tower(layout: &Layout) -> bool {
    matches!(layout.payload.codecs.as_slice(), [Codec::MsgpackTower, ..])
}

fn writes_numbers(layout: &Layout) -> bool {
    let touched = layout.touched.iter().any(|at| at.written && at.unit.is_some());
    layout.expiry[0].unit.is_some() || touched
}

fn lacks_cookie(layout: &Layout, payload: &Content) -> bool {
    match payload {
        Content::Value(Value::Object(map)) => layout.payload.cookie.is_some() && !has_cookie(map),
        Content::Value(_) | Content::Encoded(_) => false,
    }
}

/// Whether the payload has a cookie that express-session can read: it takes any other value for an object,
/// and throws on null (`session/store.js`, `createSession`).
fn has_cookie(payload: &Map<String, Value>) -> bool {
    payload.get("cookie").is_some_and(Value::is_object)
}

/// express-session throws on a session without a cookie, so one with the same lifetime is added.
/// With its `originalMaxAge`, express-session renews the session at each request
/// (`session/cookie.js`). If that is null, the cookie lasts until the browser is closed, and the
/// store decides about the session.
fn with_cookie(
    layout: &Layout,
    payload: Value,
    over: Option<DateTime>,
    max_age: Option<i64>,
) -> Value {
    match (&layout.payload.cookie, payload) {
        (Some(key), Value::Object(mut map)) if !has_cookie(&map) => {
            let mut cookie = Map::new();
            cookie.insert("originalMaxAge".into(), max_age.into());
            cookie.insert(key.clone(), over.and_then(time).map_or(Value::Null, Value::String));
            cookie.insert("httpOnly".into(), true.into());
            cookie.insert("path".into(), "/".into());
            map.insert("cookie".into(), json!(cookie));
            Value::Object(map)
        }
        (_, payload) => payload,
    }
}

fn encode(layout: &Layout, id: &str, payload: &Value, over: Option<DateTime>) -> Result<Bson> {
    for codec in &layout.payload.codecs {
        match (codec, payload) {
            (Codec::Json, payload) => return Ok(Bson::String(payload.to_string())),
            (Codec::Document, Value::Object(_)) => return document(payload, over, layout),
            (Codec::MsgpackTower, Value::Object(map)) => {
                let what = "an id of tower-sessions has 22 characters of base64url";
                let number =
                    msgpack::tower_id(id).ok_or_else(|| Error::Unsupported(what.to_owned()))?;
                let over = over.map_or(i64::MAX, DateTime::timestamp_millis);
                let expiry = TowerExpiry { unix_nanos: i128::from(over) * 1_000_000, ahead: 0 };
                return Ok(tower_record(number, map, expiry));
            }
            (Codec::Document | Codec::MsgpackTower, _) => {
                return Err(Error::Unsupported(
                    "the payload of a session must be an object".to_owned(),
                ));
            }
            _ => {}
        }
    }
    Err(unwritable(layout))
}

/// The record of tower-sessions, as its store writes it.
pub(crate) fn tower_record<'a>(
    id: i128,
    data: impl IntoIterator<Item = (&'a String, &'a Value), IntoIter: ExactSizeIterator>,
    expiry: TowerExpiry,
) -> Bson {
    Bson::Binary(bson::Binary {
        subtype: bson::spec::BinarySubtype::Generic,
        bytes: msgpack::encode_tower(id, data, expiry),
    })
}

/// The payload as BSON, with the cookie's expiry in the type that the store would write.
fn document(payload: &Value, over: Option<DateTime>, layout: &Layout) -> Result<Bson> {
    // Without the value, which may be secret; the error of bson quotes it.
    let refused = |why| Error::Unsupported(format!("the payload cannot be stored as BSON: {why}"));
    if beyond_bson(payload) {
        return Err(refused("a number does not fit into a signed 64-bit integer"));
    }
    // Extended JSON stands for the value that it represents, as when the payload is read.
    let mut bson = Bson::try_from(payload.clone())
        .map_err(|_| refused("a value such as {\"$date\": ...} is not valid Extended JSON"))?;
    if let (Some(over), Some(key), Bson::Document(map)) = (over, &layout.payload.cookie, &mut bson)
        && let Ok(cookie) = map.get_document_mut("cookie")
        && cookie.get_str(key).ok() == time(over).as_deref()
    {
        cookie.insert(key, over);
    }
    Ok(bson)
}

/// Whether there is a whole number that BSON could represent only approximately.
fn beyond_bson(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() && !number.is_i64(),
        Value::Array(values) => values.iter().any(beyond_bson),
        Value::Object(map) => map.values().any(beyond_bson),
        _ => false,
    }
}
