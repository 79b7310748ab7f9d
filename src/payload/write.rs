//! Writing sessions as the store of a layout would, so that it can read them.

use std::time::Duration;

use bson::{Bson, DateTime, Document, RawDocument, doc};
use mongodb::options::UpdateModifications;
use serde_json::{Map, Value, json};

use super::msgpack::{self, TowerExpiry};
use super::{Codec, time};
use crate::error::{Error, Result};
use crate::layout::{BsonType, Clock, Kind, Layout, Meaning, Rule, Unit, find};
use crate::store::Expiry;

/// The longest lifetime that the server's clock is asked to add to: with it a date is still one.
const LONGEST_MS: i64 = 250_000_000_000_000;

/// A session that is to be written.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    pub(crate) id: &'a str,
    pub(crate) payload: Payload,
    pub(crate) expiry: Expiry,
}

/// What is to be kept in a session.
#[derive(Debug)]
pub(crate) enum Payload {
    /// What the layout has a form for.
    Value(Value),
    /// What has that form already.
    #[cfg_attr(not(feature = "tower-sessions"), expect(dead_code, reason = "its record alone has"))]
    Encoded(Bson),
}

impl Whole<'_> {
    /// Whether the time must be known before it can be written: it goes into the payload, or is
    /// written as a number. Otherwise the server puts it in.
    pub(crate) fn needs_now(&self, layout: &Layout) -> bool {
        let in_payload = match self.expiry {
            Expiry::After(_) => is_tower(layout) || lacks_cookie(layout, &self.payload),
            // The cookie also says how long that is from now.
            Expiry::At(_) => lacks_cookie(layout, &self.payload),
            Expiry::Never => false,
        };
        in_payload || writes_numbers(layout)
    }

    /// Whether anything that is written depends on the time.
    pub(crate) fn depends_on_now(&self, layout: &Layout) -> bool {
        let rule = &layout.expiry[0];
        self.needs_now(layout)
            || matches!(self.expiry, Expiry::After(_))
            || is_last_touch(rule)
            || layout.touched.iter().any(|at| at.written)
    }

    /// The update that writes it.
    pub(crate) fn update(self, layout: &Layout, clock: Clock) -> Result<UpdateModifications> {
        Ok(self.fields(layout, clock)?.update())
    }

    /// The update that writes it if it lives, and else changes nothing. The condition stands here, and
    /// not in the query, which is answered fastest where it is an `_id` and nothing else.
    pub(crate) fn replacement(self, layout: &Layout, clock: Clock) -> Result<UpdateModifications> {
        Ok(self.fields(layout, clock)?.update_if(layout.lives()))
    }

    /// The update that writes it where there is no such session yet, and nothing where there is.
    /// The time must be known.
    pub(crate) fn insertion(self, layout: &Layout, now: DateTime) -> Result<Document> {
        let fields = self.fields(layout, Clock::At(now))?;
        let literal = |(path, put)| match put {
            Put::Value(value) => Some((path, value)),
            Put::Now(_) | Put::Nothing => None,
        };
        let set: Document = fields.0.into_iter().filter_map(literal).collect();
        Ok(doc! { "$setOnInsert": set })
    }

    fn fields(self, layout: &Layout, clock: Clock) -> Result<Fields> {
        let mut fields = Fields::default();
        fields.expiry(layout, self.expiry, clock)?;
        fields.touched(layout, clock);
        let over = instant(self.expiry, clock);
        let path = layout.payload.path.as_ref().ok_or_else(|| unwritable(layout))?;
        let payload = match self.payload {
            Payload::Value(payload) => {
                let payload = with_cookie(layout, payload, over, max_age(self.expiry, clock));
                encode(layout, self.id, &payload, over)?
            }
            Payload::Encoded(payload) => payload,
        };
        fields.0.push((path.clone(), Put::Value(payload)));
        Ok(fields)
    }
}

/// A session's other expiry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch(pub(crate) Expiry);

impl Touch {
    /// Whether the time must be known before it can be written.
    pub(crate) fn needs_now(layout: &Layout) -> bool {
        writes_numbers(layout)
    }

    /// The update, which changes nothing in a session that does not live.
    pub(crate) fn update(self, layout: &Layout, clock: Clock) -> Result<UpdateModifications> {
        let mut fields = Fields::default();
        fields.expiry(layout, self.0, clock)?;
        fields.touched(layout, clock);
        Ok(fields.update_if(layout.lives()))
    }

    /// Whether a touch `now` may be left out of a session whose last write is not longer ago than
    /// `after`. That is told by how far its expiry is from the one that it would get.
    pub(crate) fn is_needless(
        self,
        layout: &Layout,
        session: &RawDocument,
        now: DateTime,
        after: Duration,
    ) -> bool {
        let rule = &layout.expiry[0];
        let kept = find(session, rule.path.as_deref().unwrap_or_default());
        let kept = crate::layout::instant(kept, rule.unit);
        let new = if is_last_touch(rule) { Some(now) } else { instant(self.0, Clock::At(now)) };
        match (kept.map(DateTime::timestamp_millis), new.map(DateTime::timestamp_millis)) {
            (Some(kept), Some(new)) => kept <= new && new.saturating_sub(kept) < millis(after),
            // Written as endless once, it need not be written again.
            (None, None) => true,
            _ => false,
        }
    }
}

/// Whether its payload is tower-sessions' record, in which the expiry stands a second time.
pub(crate) fn is_tower(layout: &Layout) -> bool {
    matches!(layout.payload.codecs.as_slice(), [Codec::MsgpackTower, ..])
}

fn writes_numbers(layout: &Layout) -> bool {
    let touched = layout.touched.iter().any(|at| at.written && at.unit.is_some());
    layout.expiry[0].unit.is_some() || touched
}

/// Whether the date is that of the last touch, and how long the session lives from then stands
/// elsewhere.
fn is_last_touch(rule: &Rule) -> bool {
    rule.lifetime.is_some() || rule.lifetime_from.is_some()
}

fn unwritable(layout: &Layout) -> Error {
    Error::Unsupported(format!(
        "sessions of the layout {} can be read but not written",
        layout.name
    ))
}

/// What becomes of a field.
#[derive(Debug, Clone)]
enum Put {
    Value(Bson),
    /// What an expression makes of the server's clock.
    Now(Bson),
    Nothing,
}

impl Put {
    /// What a pipeline makes the field of.
    fn expression(self) -> Bson {
        match self {
            Self::Value(value) => doc! { "$literal": value }.into(),
            Self::Now(expression) => expression,
            Self::Nothing => "$$REMOVE".into(),
        }
    }
}

/// The fields of an update.
#[derive(Debug, Default)]
struct Fields(Vec<(String, Put)>);

impl Fields {
    fn expiry(&mut self, layout: &Layout, expiry: Expiry, clock: Clock) -> Result<()> {
        let rule = &layout.expiry[0];
        let (Kind::Date | Kind::Number, Some(path)) = (rule.kind, &rule.path) else {
            return Err(unwritable(layout));
        };
        let put = match (expiry, never(layout, rule)) {
            _ if is_last_touch(rule) => now(clock, rule.unit),
            (Expiry::After(lifetime), _) => match clock {
                Clock::At(now) => Put::Value(in_unit(rule.unit, later(now, lifetime))),
                Clock::Server => {
                    let lifetime = millis(lifetime).min(LONGEST_MS);
                    Put::Now(doc! { "$add": [clock.now(), lifetime] }.into())
                }
            },
            (Expiry::At(at), _) => Put::Value(in_unit(rule.unit, at)),
            (Expiry::Never, Some(Bson::Null)) => Put::Value(Bson::Null),
            (Expiry::Never, Some(_)) => Put::Nothing,
            (Expiry::Never, None) => {
                let what = format!("the layout {} has no sessions that never expire", layout.name);
                return Err(Error::Unsupported(what));
            }
        };
        self.0.push((path.clone(), put));
        Ok(())
    }

    fn touched(&mut self, layout: &Layout, clock: Clock) {
        for at in layout.touched.iter().filter(|at| at.written) {
            if !self.0.iter().any(|(path, _)| *path == at.path) {
                self.0.push((at.path.clone(), now(clock, at.unit)));
            }
        }
    }

    /// The update that leaves every field as it is unless `condition` holds: what changes nothing,
    /// the server does not write.
    fn update_if(self, condition: Document) -> UpdateModifications {
        let whole =
            |(path, put): &(String, Put)| !path.contains('.') && !matches!(put, Put::Nothing);
        if !self.0.iter().all(whole) {
            return self.each_if(&condition).update();
        }
        // The server spends half as long on one condition as on one for each field, and less on one
        // literal than on several.
        let literals = self.is_literal();
        let fields = self.0.into_iter().map(|(path, put)| match put {
            Put::Value(value) if literals => (path, value),
            put => (path, put.expression()),
        });
        let fields: Document = fields.collect();
        let fields = if literals {
            doc! { "$literal": fields }
        } else {
            fields
        };
        let renewed = doc! { "$mergeObjects": ["$$ROOT", fields] };
        let choice = doc! { "$cond": [condition, renewed, "$$ROOT"] };
        UpdateModifications::Pipeline(vec![doc! { "$replaceWith": choice }])
    }

    /// Whether none of it depends on the server's clock.
    fn is_literal(&self) -> bool {
        self.0.iter().all(|(_, put)| !matches!(put, Put::Now(_)))
    }

    fn each_if(mut self, condition: &Document) -> Self {
        for (path, put) in &mut self.0 {
            let kept = format!("${path}");
            let new = std::mem::replace(put, Put::Nothing).expression();
            *put = Put::Now(doc! { "$cond": [condition, new, kept] }.into());
        }
        self
    }

    /// As plain as it can be: the fields of a pipeline are not in the order of those of `$set`.
    fn update(self) -> UpdateModifications {
        let literals = self.is_literal();
        let (mut set, mut unset) = (Document::new(), Vec::new());
        for (path, put) in self.0 {
            match put {
                Put::Value(value) if literals => set.insert(path, value),
                Put::Value(value) => set.insert(path, doc! { "$literal": value }),
                Put::Now(expression) => set.insert(path, expression),
                Put::Nothing => {
                    unset.push(path);
                    None
                }
            };
        }
        if literals {
            let unset: Document = unset.into_iter().map(|path| (path, "".into())).collect();
            // Before 5.0 the server refuses one that is empty (9).
            let operators = [("$set", set), ("$unset", unset)];
            let needed = operators.into_iter().filter(|(_, fields)| !fields.is_empty());
            let update = needed.map(|(name, fields)| (name.to_owned(), fields.into())).collect();
            return UpdateModifications::Document(update);
        }
        let mut stages = vec![doc! { "$set": set }];
        if !unset.is_empty() {
            stages.push(doc! { "$unset": unset });
        }
        UpdateModifications::Pipeline(stages)
    }
}

fn now(clock: Clock, unit: Option<Unit>) -> Put {
    match clock {
        Clock::At(now) => Put::Value(in_unit(unit, now)),
        Clock::Server => Put::Now(clock.now()),
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

fn in_unit(unit: Option<Unit>, at: DateTime) -> Bson {
    unit.map_or(Bson::DateTime(at), |unit| unit.number(at.timestamp_millis()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn later(now: DateTime, lifetime: Duration) -> DateTime {
    DateTime::from_millis(now.timestamp_millis().saturating_add(millis(lifetime)))
}

/// The instant of the expiry, if there is one and it is known.
fn instant(expiry: Expiry, clock: Clock) -> Option<DateTime> {
    match (expiry, clock) {
        (Expiry::After(lifetime), Clock::At(now)) => Some(later(now, lifetime)),
        (Expiry::At(time), _) => Some(time),
        (Expiry::After(_), Clock::Server) | (Expiry::Never, _) => None,
    }
}

/// How long that is from now, in milliseconds: of an instant in whole seconds, as it was once meant.
fn max_age(expiry: Expiry, clock: Clock) -> Option<i64> {
    match (expiry, clock) {
        (Expiry::After(lifetime), _) => Some(millis(lifetime).min(LONGEST_MS)),
        (Expiry::At(at), Clock::At(now)) => {
            let ahead = at.timestamp_millis().saturating_sub(now.timestamp_millis());
            Some(ahead.clamp(0, LONGEST_MS).saturating_add(500) / 1000 * 1000)
        }
        (Expiry::At(_), Clock::Server) | (Expiry::Never, _) => None,
    }
}

fn lacks_cookie(layout: &Layout, payload: &Payload) -> bool {
    match payload {
        Payload::Value(Value::Object(map)) => {
            layout.payload.cookie.is_some() && !map.contains_key("cookie")
        }
        Payload::Value(_) | Payload::Encoded(_) => false,
    }
}

/// express-session throws on a session without a cookie, so one that lasts as long is put in. By its
/// `originalMaxAge` express-session renews the session at each request (`session/cookie.js`); where
/// that is null, the cookie lasts as long as the browser, and the session as long as its store likes.
fn with_cookie(
    layout: &Layout,
    payload: Value,
    over: Option<DateTime>,
    max_age: Option<i64>,
) -> Value {
    match (&layout.payload.cookie, payload) {
        (Some(key), Value::Object(mut map)) if !map.contains_key("cookie") => {
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
                let what = "tower-sessions' ids are 22 characters of base64url";
                let number =
                    msgpack::tower_id(id).ok_or_else(|| Error::Unsupported(what.to_owned()))?;
                let over = over.map_or(i64::MAX, DateTime::timestamp_millis);
                let expiry = TowerExpiry { unix_nanos: i128::from(over) * 1_000_000, ahead: 0 };
                return Ok(tower_record(number, map, expiry));
            }
            (Codec::Document | Codec::MsgpackTower, _) => {
                return Err(Error::Unsupported("a session's payload is an object".to_owned()));
            }
            _ => {}
        }
    }
    Err(unwritable(layout))
}

/// tower-sessions' record as its store keeps it.
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

/// The payload as BSON, with the cookie's expiry as the date that the store would write.
fn document(payload: &Value, over: Option<DateTime>, layout: &Layout) -> Result<Bson> {
    let refused = |why: String| Error::Unsupported(format!("the payload is no BSON: {why}"));
    if let Some(number) = beyond_bson(payload) {
        return Err(refused(format!("{number} is beyond 64 bits with a sign")));
    }
    // Extended JSON is what it stands for, as it is where the payload is read.
    let mut bson = Bson::try_from(payload.clone()).map_err(|error| refused(error.to_string()))?;
    if let (Some(over), Some(key), Bson::Document(map)) = (over, &layout.payload.cookie, &mut bson)
        && let Ok(cookie) = map.get_document_mut("cookie")
        && cookie.get_str(key).ok() == time(over).as_deref()
    {
        cookie.insert(key, over);
    }
    Ok(bson)
}

/// A whole number that BSON could only come near to.
fn beyond_bson(value: &Value) -> Option<&serde_json::Number> {
    match value {
        Value::Number(number) => (number.is_u64() && !number.is_i64()).then_some(number),
        Value::Array(values) => values.iter().find_map(beyond_bson),
        Value::Object(map) => map.values().find_map(beyond_bson),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_only_takes_a_field_away_has_no_empty_operator() {
        let fields = Fields(vec![("expires".to_owned(), Put::Nothing)]);
        let UpdateModifications::Document(update) = fields.update() else {
            panic!("nothing in it depends on the time");
        };
        assert_eq!(update, doc! { "$unset": { "expires": "" } });
    }
}
