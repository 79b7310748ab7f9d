//! What each framework itself keeps in a payload, beside what the application does: express-session's
//! cookie, koa-session's expiry, Flask's flag. It is taken out, and what the other framework needs is
//! put in.

use bson::{Bson, DateTime, Document, doc};
use serde_json::{Map, Value, json};

use crate::model::layout::Layout;
use crate::model::payload::{Codec, time};

/// When a session is over, and when it was last touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) over: Option<DateTime>,
    pub(super) touched: DateTime,
}

impl Timing {
    /// How long it lives after a touch, in milliseconds, in whole seconds as it was once meant.
    fn max_age(self) -> Option<i64> {
        let over = self.over?.timestamp_millis();
        let ahead = over.saturating_sub(self.touched.timestamp_millis()).max(0);
        Some(ahead.saturating_add(500) / 1000 * 1000)
    }
}

/// The framework of a layout, as far as its payloads differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dialect {
    /// express-session, which cannot do without its cookie; the name of the expiry in it.
    Express(String),
    Koa,
    Flask,
    Tower,
    Other,
}

const COOKIE: &str = "cookie";
/// What the expiry in it is called, in JSON and in the object.
const EXPIRES: [&str; 2] = ["expires", "_expires"];
/// What koa-session keeps.
const KOA: [&str; 3] = ["_expire", "_maxAge", "_session"];
const PERMANENT: &str = "_permanent";

impl Dialect {
    pub(super) fn of(layout: &Layout) -> Self {
        let is_koa = |path: &str| path.ends_with("._expire");
        match (&layout.payload.cookie, layout.payload.codecs.first()) {
            (Some(key), _) => Self::Express(key.clone()),
            (None, Some(Codec::MsgpackTower)) => Self::Tower,
            (None, Some(Codec::Msgpack)) => Self::Flask,
            _ => {
                let mut paths = layout.expiry.iter().filter_map(|rule| rule.path.as_deref());
                if paths.any(is_koa) { Self::Koa } else { Self::Other }
            }
        }
    }

    /// The names at the root that are the framework's own. A cookie stays where it is needed again.
    fn own(&self, to: &Self) -> &'static [&'static str] {
        match (self, to) {
            (Self::Express(_), Self::Express(_)) | (Self::Tower | Self::Other, _) => &[],
            (Self::Express(_), _) => &[COOKIE],
            (Self::Koa, _) => &KOA,
            (Self::Flask, _) => &[PERMANENT],
        }
    }

    /// The payload without what is the framework's own.
    pub(super) fn stripped(&self, mut fields: Map<String, Value>, to: &Self) -> Map<String, Value> {
        let own = self.own(to);
        fields.retain(|name, _| !own.contains(&name.as_str()));
        if let Self::Express(to) = to
            && let Some(Value::Object(cookie)) = fields.get_mut(COOKIE)
        {
            let renamed = std::mem::take(cookie).into_iter();
            let renamed = renamed.map(|(name, value)| match EXPIRES.contains(&name.as_str()) {
                true => (to.clone(), value),
                false => (name, value),
            });
            *cookie = renamed.collect();
        }
        fields
    }

    /// The same of a payload that is a document.
    pub(super) fn stripped_document(&self, mut fields: Document, to: &Self) -> Document {
        self.own(to).iter().for_each(|name| drop(fields.remove(name)));
        if let Self::Express(to) = to
            && let Some(Bson::Document(cookie)) = fields.get_mut(COOKIE)
        {
            let renamed = std::mem::take(cookie).into_iter().map(|(name, value)| {
                match EXPIRES.contains(&name.as_str()) {
                    true => (to.clone(), dated(value)),
                    false => (name, value),
                }
            });
            *cookie = renamed.collect();
        }
        fields
    }

    /// The payload with what the framework needs.
    pub(super) fn dressed(
        &self,
        mut fields: Map<String, Value>,
        timing: Timing,
    ) -> Map<String, Value> {
        let over = timing.over.and_then(time);
        match self {
            Self::Express(key) if !matches!(fields.get(COOKIE), Some(Value::Object(_))) => {
                let mut cookie = Map::new();
                cookie.insert("originalMaxAge".into(), timing.max_age().into());
                cookie.insert(key.clone(), over.map_or(Value::Null, Value::String));
                cookie.insert("httpOnly".into(), true.into());
                cookie.insert("path".into(), "/".into());
                fields.insert(COOKIE.into(), Value::Object(cookie));
            }
            // Without it, Flask's cookie would last as long as the browser from the next request on.
            Self::Flask if timing.over.is_some() => {
                fields.insert(PERMANENT.into(), json!(true));
            }
            _ => {}
        }
        fields
    }

    /// The same of a payload that is a document.
    pub(super) fn dressed_document(&self, mut fields: Document, timing: Timing) -> Document {
        let over = timing.over.map_or(Bson::Null, Bson::from);
        let max_age = timing.max_age();
        let number =
            |millis: i64| i32::try_from(millis).map_or(Bson::Double(millis as f64), Bson::from);
        match self {
            Self::Express(key) if fields.get_document(COOKIE).is_err() => {
                let cookie = doc! {
                    "originalMaxAge": max_age.map_or(Bson::Null, number), key: over,
                    "httpOnly": true, "path": "/",
                };
                fields.insert(COOKIE, cookie);
            }
            Self::Koa => match (timing.over, max_age) {
                (Some(over), Some(max_age)) => {
                    // JavaScript's numbers are doubles.
                    fields.insert("_expire", over.timestamp_millis() as f64);
                    fields.insert("_maxAge", number(max_age));
                }
                _ => {
                    fields.insert("_session", true);
                }
            },
            _ => {}
        }
        fields
    }
}

/// What depends on when a session was copied where nobody knows when it was touched.
pub(super) fn without_max_age(mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.remove("_maxAge");
    if let Some(Value::Object(cookie)) = fields.get_mut(COOKIE) {
        cookie.remove("originalMaxAge");
    }
    fields
}

/// A date of JSON as the date that it was in JavaScript.
fn dated(value: Bson) -> Bson {
    match value {
        Bson::String(text) => {
            DateTime::parse_rfc3339_str(&text).map_or(Bson::String(text), Bson::from)
        }
        value => value,
    }
}
