//! Writing sessions as the store of a layout would, so that it can read them.

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc};
use serde_json::{Map, Value, json};

use super::{Codec, msgpack, time};
use crate::error::{Error, Result};
use crate::layout::{BsonType, Kind, Layout, Meaning, Rule};
use crate::store::Expiry;

/// The update that writes a whole session.
pub(crate) fn session(
    layout: &Layout,
    id: &str,
    payload: Value,
    expiry: Expiry,
    now: DateTime,
) -> Result<Document> {
    let mut fields = Fields::default();
    fields.expiry(layout, expiry, now)?;
    fields.touched(layout, now);
    let over = instant(expiry, now);
    let payload = with_cookie(layout, payload, over);
    let path = layout.payload.path.as_ref().ok_or_else(|| unwritable(layout))?;
    fields.set.insert(path, encode(layout, id, &payload, over)?);
    Ok(fields.update())
}

/// The update that gives a session another expiry, and what must be as it was for it to be right.
pub(crate) struct Touch {
    pub(crate) update: Document,
    pub(crate) unchanged: Document,
}

pub(crate) fn touch(
    layout: &Layout,
    found: &RawDocumentBuf,
    expiry: Expiry,
    now: DateTime,
) -> Result<Touch> {
    let mut fields = Fields::default();
    fields.expiry(layout, expiry, now)?;
    fields.touched(layout, now);
    let mut unchanged = Document::new();
    // tower-sessions keeps a second copy of the expiry inside the payload.
    if let (Some(path), [Codec::MsgpackTower, ..]) =
        (&layout.payload.path, layout.payload.codecs.as_slice())
    {
        let document = Document::try_from(found.as_ref()).map_err(|_| unreadable())?;
        let payload = layout.payload(found).value().cloned().ok_or_else(unreadable)?;
        let id = layout.id_of(found).full();
        fields.set.insert(path, encode(layout, &id, &payload, instant(expiry, now))?);
        unchanged.insert(path, document.get(path));
    }
    Ok(Touch { update: fields.update(), unchanged })
}

fn unreadable() -> Error {
    Error::Document("its payload is not what the store writes".into())
}

fn unwritable(layout: &Layout) -> Error {
    Error::Unsupported(format!(
        "sessions of the layout {} can be read but not written",
        layout.name
    ))
}

/// The fields of an update.
#[derive(Default)]
struct Fields {
    set: Document,
    unset: Document,
}

impl Fields {
    fn expiry(&mut self, layout: &Layout, expiry: Expiry, now: DateTime) -> Result<()> {
        let rule = &layout.expiry[0];
        let (Kind::Date | Kind::Number, Some(path)) = (rule.kind, &rule.path) else {
            return Err(unwritable(layout));
        };
        match (expiry, never(layout, rule)) {
            // A last touch says it by itself.
            _ if rule.lifetime.is_some() || rule.lifetime_from.is_some() => {
                self.set.insert(path, in_unit(rule, now));
            }
            (Expiry::After(_) | Expiry::At(_), _) => {
                let at = instant(expiry, now).unwrap_or(now);
                self.set.insert(path, in_unit(rule, at));
            }
            (Expiry::Never, Some(Bson::Null)) => {
                self.set.insert(path, Bson::Null);
            }
            (Expiry::Never, Some(_)) => {
                self.unset.insert(path, "");
            }
            (Expiry::Never, None) => {
                let what = format!("the layout {} has no sessions that never expire", layout.name);
                return Err(Error::Unsupported(what));
            }
        }
        Ok(())
    }

    fn touched(&mut self, layout: &Layout, now: DateTime) {
        for at in layout.touched.iter().filter(|at| at.written) {
            let value =
                at.unit.map_or(Bson::DateTime(now), |unit| unit.number(now.timestamp_millis()));
            self.set.insert(&at.path, value);
        }
    }

    fn update(self) -> Document {
        let mut update = doc! { "$set": self.set };
        if !self.unset.is_empty() {
            update.insert("$unset", self.unset);
        }
        update
    }
}

/// How the store says that a session never expires: null, or (as `Undefined` here) no field.
fn never(layout: &Layout, rule: &Rule) -> Option<Bson> {
    let path = rule.path.as_ref()?;
    let writes_null =
        layout.detect.expiry.get(path).is_some_and(|types| types.contains(&BsonType::Null));
    match (rule.null, rule.missing) {
        (Meaning::Endless, _) if writes_null => Some(Bson::Null),
        (_, Meaning::Endless) => Some(Bson::Undefined),
        (Meaning::Endless, _) => Some(Bson::Null),
        _ => None,
    }
}

fn in_unit(rule: &Rule, at: DateTime) -> Bson {
    rule.unit.map_or(Bson::DateTime(at), |unit| unit.number(at.timestamp_millis()))
}

fn instant(expiry: Expiry, now: DateTime) -> Option<DateTime> {
    match expiry {
        Expiry::After(lifetime) => {
            let millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
            Some(DateTime::from_millis(now.timestamp_millis().saturating_add(millis)))
        }
        Expiry::At(time) => Some(time),
        Expiry::Never => None,
    }
}

/// express-session throws on a session without a cookie, so one that lasts as long is put in.
fn with_cookie(layout: &Layout, payload: Value, over: Option<DateTime>) -> Value {
    match (&layout.payload.cookie, payload) {
        (Some(key), Value::Object(mut map)) if !map.contains_key("cookie") => {
            let mut cookie = Map::new();
            cookie.insert("originalMaxAge".into(), Value::Null);
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
            (Codec::Document, Value::Object(_)) => return Ok(document(payload, over, layout)),
            (Codec::MsgpackTower, Value::Object(map)) => {
                let what = "tower-sessions' ids are 22 characters of base64url";
                let number =
                    msgpack::tower_id(id).ok_or_else(|| Error::Unsupported(what.to_owned()))?;
                let over = over.map_or(i64::MAX, DateTime::timestamp_millis);
                let nanos = i128::from(over) * 1_000_000;
                return Ok(Bson::Binary(bson::Binary {
                    subtype: bson::spec::BinarySubtype::Generic,
                    bytes: msgpack::encode_tower(number, map, nanos),
                }));
            }
            (Codec::Document | Codec::MsgpackTower, _) => {
                return Err(Error::Unsupported("a session's payload is an object".to_owned()));
            }
            _ => {}
        }
    }
    Err(unwritable(layout))
}

/// The payload as BSON, with the cookie's expiry as the date that the store would write.
fn document(payload: &Value, over: Option<DateTime>, layout: &Layout) -> Bson {
    let mut bson = bson::serialize_to_bson(payload).unwrap_or(Bson::Null);
    if let (Some(over), Some(key), Bson::Document(map)) = (over, &layout.payload.cookie, &mut bson)
        && let Ok(cookie) = map.get_document_mut("cookie")
        && cookie.get_str(key).ok() == time(over).as_deref()
    {
        cookie.insert(key, over);
    }
    bson
}
