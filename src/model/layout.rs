//! A layout says how one store writes a session. It is a record, not code: the id, the payload, the
//! expiry, the dates and the user are paths and rules that this module reads documents by and
//! turns into filters. Nothing here waits, reads a clock or talks to a server.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, Document, RawDocument, doc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::document::{self, Fields, Found, instant, text_of};
use crate::model::filter::{any, literal};
use crate::model::index_spec::IndexSpec;
use crate::model::payload::{self, Glance, Payload, PayloadPlace};
use crate::model::session::{Session, SessionId, State};

pub mod detect;
mod expiry;
mod facts;
mod mend;

pub use crate::model::document::Unit;
pub(crate) use expiry::Clock;
pub use expiry::{Kind, LifetimeFrom, Meaning, Rule};
pub(crate) use facts::state_of;
pub use mend::{Fault, Mending};

/// How one store writes a session: one file of `src/model/layout/known/`, or an operator's own.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// Its name in `--layout` and in rows.
    pub name: String,
    /// The packages, with versions, that write so.
    pub stores: Vec<String>,
    /// The names that those packages give their collection unless told otherwise.
    #[serde(default)]
    pub collections: Vec<String>,
    /// Whether the store itself refuses an expired session when it reads one.
    pub checks_expiry_on_read: bool,
    /// Where the last touch is; the first of these that holds a date counts.
    #[serde(default)]
    pub touched: Vec<Instant>,
    /// Where the creation is; the first of these that holds a date counts.
    #[serde(default)]
    pub created: Vec<Instant>,
    /// Where the user is: `/a.b` in the document, `a.b` in the decoded payload; `*` ends a name that
    /// varies. The first that holds a text, a number, an `ObjectId` or a UUID counts.
    #[serde(default)]
    pub user: Vec<String>,
    /// The name that the store gives its index on the user, where that is not `path_1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_index: Option<String>,
    /// What the store puts before the user's own id, such as `_User$`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user_prefix: String,
    /// Fields and values of documents that are credentials of a program rather than somebody's
    /// login: only naming their ids ends them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<String, toml::Value>,
    /// What a session is looked up by.
    pub id: Id,
    /// What the session holds.
    pub payload: PayloadPlace,
    /// When it is over; with more than one rule the earliest instant counts, and what null and
    /// missing mean is the first rule's word.
    pub expiry: Vec<Rule>,
    /// What makes the store refuse a session from now on.
    #[serde(default)]
    pub end: End,
    /// The TTL index that its documents want, as the store itself would make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_index: Option<TtlIndex>,
    /// What tells its documents from others.
    pub detect: Detect,
}

/// The id of a session: a field, its types, and what the store puts around the id.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// The field, `_id` for most stores.
    pub path: String,
    /// The BSON types it has.
    pub types: Vec<BsonType>,
    /// What every id begins with, such as `session:`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// What every id ends with, such as `:session`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// The name that the store gives its unique index on the id, where that is not `path_1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

/// A date, or a number that counts from 1970.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// The field.
    pub path: String,
    /// The unit, if it is a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Whether the store writes it whenever it writes a session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub written: bool,
}

/// What to write so that the store refuses a session: a path and `"past"` (in the type of the
/// expiry there), or a value. Empty: only deleting ends a session.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Paths and what they are set to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, toml::Value>,
}

/// The TTL index of a layout.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TtlIndex {
    /// Its one field.
    pub key: String,
    /// The name that the store itself gives it.
    pub name: String,
    /// `expireAfterSeconds`; without it the operator says it with `--lifetime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// Whether the store makes it sparse.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sparse: bool,
    /// Whether it goes along descending values, because the store itself makes a plain ascending
    /// index whenever it starts, and would be refused where that is the TTL index (85).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub descending: bool,
    /// A field that must be null in what it deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_null: Option<String>,
}

impl TtlIndex {
    /// The direction of its key.
    pub fn direction(&self) -> i32 {
        if self.descending { -1 } else { 1 }
    }
}

/// What tells the documents of a layout from others.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Fields that every document has, with the types they may have.
    pub require: BTreeMap<String, Vec<BsonType>>,
    /// Fields that have one of these types in some document of the sample, or are the key of an
    /// index: a single session may lack its expiry, a store's whole collection does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expiry: BTreeMap<String, Vec<BsonType>>,
    /// Fields that no document has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forbid: Vec<String>,
    /// Fields that the store indexes besides the TTL index's; they speak for an empty collection.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<String>,
    /// Whether many other collections look like this too, so that it must be confirmed before
    /// anything is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weak: Option<Weak>,
}

/// When a signature is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weak {
    /// Unless the TTL index of the store is there.
    UnlessIndexed,
    /// Whatever is there.
    Always,
}

/// The BSON types that layouts tell apart, by the server's own aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "these are the server's names")]
pub enum BsonType {
    Double,
    String,
    Object,
    Array,
    BinData,
    ObjectId,
    Bool,
    Date,
    Null,
    Int,
    Long,
    Decimal,
}

/// The index that ends what has been idle for too long; no store makes one.
const IDLE_INDEX: &str = "sessionctl_idle";

macro_rules! known {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("layout/known/", $name, ".toml")))),*]
    };
}

/// The records that are compiled in, commonest first.
const KNOWN: [(&str, &str); 40] = known![
    "connect-mongo-json",
    "express-session-object",
    "better-auth",
    "authjs",
    "flask-session",
    "spring-jdk",
    "spring-jackson",
    "symfony",
    "laravel-mongodb",
    "laravel-database",
    "parse-server",
    "django-db",
    "django-mongoengine",
    "django-mongo-sessions",
    "express-mongodb-1",
    "express-mongodb-legacy",
    "koa-session-mongoose",
    "koa-session-mongo",
    "koa-generic-session-mongo",
    "mongoose-session",
    "express-session-mongo",
    "lucia",
    "catbox-mongodb",
    "shopify",
    "accounts-js",
    "tower-sessions",
    "axum-session",
    "async-mongodb-session",
    "actix-session-mongodb",
    "aiohttp-session-mongo",
    "sanic-session",
    "flask-mongoengine",
    "flask-mongo-sessions",
    "beaker",
    "gin-mongostore",
    "scs",
    "fiber",
    "mongo-session-store",
    "mongoid-session-store",
    "apache-session",
];

impl Layout {
    /// Every layout that is built in, commonest first.
    pub fn known() -> &'static [Self] {
        static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
            let parse = |(name, text): &(&str, &str)| match Layout::from_toml(text) {
                Ok(layout) => layout,
                Err(error) => unreachable!("built-in layout {name}: {error}"),
            };
            KNOWN.iter().map(parse).collect()
        });
        &LAYOUTS
    }

    /// The built-in layout of this name.
    ///
    /// # Errors
    /// [`Error::UnknownLayout`].
    pub fn named(name: &str) -> Result<&'static Self> {
        Self::known()
            .iter()
            .find(|layout| layout.name == name)
            .ok_or_else(|| Error::UnknownLayout(name.to_owned()))
    }

    /// The text of a built-in record, ready to be changed and given to [`Layout::from_toml`].
    ///
    /// # Errors
    /// [`Error::UnknownLayout`].
    pub fn source(name: &str) -> Result<&'static str> {
        KNOWN
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
            .ok_or_else(|| Error::UnknownLayout(name.to_owned()))
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Error::LayoutFile`], which names the key and the line.
    pub fn from_toml(text: &str) -> Result<Self> {
        let layout: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
            Error::LayoutFile(format!("line {line}: {}", error.message().replace('\n', ", ")))
        })?;
        layout.check()?;
        Ok(layout)
    }

    fn check(&self) -> Result<()> {
        let fault = |what: &str| Err(Error::LayoutFile(format!("layout {}: {what}", self.name)));
        if self.expiry.is_empty() {
            return fault("it has no [[expiry]] rule (use kind = \"none\" if nothing expires)");
        }
        if self.payload.codecs.is_empty() {
            return fault("payload.codecs is empty (use [\"none\"] if there is no payload)");
        }
        if self.detect.require.is_empty() {
            return fault("detect.require is empty, so every document would fit");
        }
        if let Some(what) = self.expiry.iter().find_map(expiry::Rule::fault) {
            return fault(&what);
        }
        // A field renamed in one place and not in the other would be written, and mean nothing.
        let decides =
            |path: &str| self.expiry.iter().any(|rule| rule.path.as_deref() == Some(path));
        let mut past = self.end.set.iter().filter(|(_, to)| to.as_str() == Some("past"));
        if let Some((path, _)) = past.find(|(path, _)| !decides(path)) {
            return fault(&format!(
                "end.set.{path} is \"past\", but no [[expiry]] rule has that path"
            ));
        }
        if let Some(ttl) = self.ttl_index.as_ref().filter(|ttl| !decides(&ttl.key)) {
            return fault(&format!(
                "ttl_index.key is {}, but no [[expiry]] rule has that path",
                ttl.key
            ));
        }
        Ok(())
    }

    /// This layout with another TTL index: the one that ends the sessions that the store keeps for
    /// ever, because their expiry is null, once they have been idle for long enough. `None` where
    /// there are none, or nothing says when they were last touched.
    pub fn idle_limited(&self) -> Option<Self> {
        let expiry = self.expiry[0].path.as_ref().filter(|_| self.expiry[0].keeps_null())?;
        let touched = self.touched.iter().find(|touched| touched.written && touched.unit.is_none());
        let ttl = TtlIndex {
            key: touched?.path.clone(),
            name: IDLE_INDEX.to_owned(),
            seconds: None,
            sparse: false,
            // The store may make a plain index along the last touch.
            descending: true,
            only_null: Some(expiry.clone()),
        };
        let mut idle = Rule::after(&ttl.key, 0);
        (idle.lifetime, idle.lifetime_from) = (None, Some(LifetimeFrom::Index));
        Some(Self { ttl_index: Some(ttl), expiry: vec![idle], ..self.clone() })
    }

    /// Whether the TTL index is what says how long a session lives.
    pub(crate) fn lifetime_from_index(&self) -> bool {
        self.expiry.iter().any(|rule| rule.lifetime_from == Some(LifetimeFrom::Index))
    }

    /// This layout with the lifetime that only the operator or a TTL index knows. Rules that carry
    /// theirs in the document or in the record are left alone.
    #[must_use]
    pub fn resolved(mut self, given: Option<Duration>, indexes: &[IndexSpec]) -> Self {
        let key = self.ttl_index.as_ref().map(|ttl| &ttl.key);
        let of_index = key.and_then(|key| {
            let on_key = indexes.iter().find(|index| index.is_on(key) && index.is_ttl())?;
            on_key.seconds().filter(|seconds| *seconds > 0).map(Duration::from_secs)
        });
        for rule in &mut self.expiry {
            if let Some(from) = rule.lifetime_from {
                let of_index = of_index.filter(|_| from == LifetimeFrom::Index);
                if let Some(lifetime) = given.or(of_index) {
                    rule.lifetime = Some(lifetime.as_secs());
                }
            }
        }
        self
    }

    /// The documents that are credentials rather than logins, if this layout has such.
    pub fn credentials(&self) -> Option<Document> {
        let filter: Document =
            self.credentials.iter().map(|(path, value)| (path.clone(), literal(value))).collect();
        (!filter.is_empty()).then_some(filter)
    }

    /// The sessions in `state` at `cutoff`. The four filters split any collection: each document
    /// matches exactly one of them, the one of the state that [`Layout::session`] gives it.
    pub fn filter(&self, state: State, cutoff: DateTime) -> Document {
        let expired = || self.expired(cutoff);
        let dated = || any(self.expiry.iter().flat_map(|rule| rule.live(cutoff)).collect());
        let endless = || any(self.expiry[0].means(Meaning::Endless));
        match (state, self.expiry.as_slice()) {
            (State::Expired, _) => any(expired()),
            // One rule's clauses exclude each other already; without `$nor` they can use an index.
            (State::Live, [_]) => dated(),
            (State::Live, _) => doc! { "$nor": expired(), "$and": [dated()] },
            (State::Endless, [_]) => endless(),
            (State::Endless, _) => doc! { "$nor": [any(expired()), dated()], "$and": [endless()] },
            (State::Malformed, _) => doc! { "$nor": [any(expired()), dated(), endless()] },
        }
    }

    fn expired(&self, cutoff: DateTime) -> Vec<Document> {
        let mut alternatives: Vec<_> =
            self.expiry.iter().flat_map(|rule| rule.before(cutoff)).collect();
        alternatives.extend(self.expiry.iter().filter_map(Rule::flagged));
        alternatives.extend(self.expiry[0].means(Meaning::Expired));
        alternatives
    }

    /// What the expired sessions are made up of: those whose value at a path is below a limit, and
    /// those that other filters find.
    pub(crate) fn expired_parts(&self, cutoff: DateTime) -> (Vec<(String, Bson)>, Vec<Document>) {
        let ranges: Vec<_> = self.expiry.iter().filter_map(|rule| rule.range(cutoff)).collect();
        let is_range = |clause: &Document| {
            ranges.iter().any(|(path, limit)| *clause == doc! { path: { "$lt": limit } })
        };
        let others = self.expired(cutoff).into_iter().filter(|clause| !is_range(clause)).collect();
        (ranges, others)
    }

    /// The sessions whose expiry is an instant before `time`.
    pub fn expires_before(&self, time: DateTime) -> Document {
        any(self.expiry.iter().flat_map(|rule| rule.before(time)).collect())
    }

    /// The sessions whose expiry is an instant, and not before `time`.
    pub fn expires_after(&self, time: DateTime) -> Document {
        let live = any(self.expiry.iter().flat_map(|rule| rule.live(time)).collect());
        doc! { "$nor": [self.expires_before(time)], "$and": [live] }
    }

    /// The sessions last touched before `time`, or `None` if the layout has no such date.
    pub fn touched_before(&self, time: DateTime) -> Option<Document> {
        first_before(&self.touched, time)
    }

    /// The sessions created before `time`, or `None` if the layout has no such date.
    pub fn created_before(&self, time: DateTime) -> Option<Document> {
        first_before(&self.created, time)
    }

    /// The field whose date decides, if the first rule has one.
    pub fn expiry_path(&self) -> Option<&str> {
        self.expiry[0].path.as_deref()
    }

    /// What sorts sessions by their expiry on the server; null for those without one.
    pub(crate) fn expiry_key(&self) -> Bson {
        let keys: Vec<_> = self.expiry.iter().filter_map(Rule::key).collect();
        // Nulls do not count in a `$min`.
        doc! { "$min": keys }.into()
    }

    /// What sorts sessions by their last touch on the server.
    pub(crate) fn touched_key(&self) -> Bson {
        first_key(&self.touched)
    }

    /// What sorts sessions by their creation on the server.
    pub(crate) fn created_key(&self) -> Bson {
        first_key(&self.created)
    }

    /// The session in `document`, as it stands at `cutoff`, with the user that `payload` tells.
    pub fn session(&self, document: &RawDocument, payload: &Payload, cutoff: DateTime) -> Session {
        let user = |path: &str| self.user_text(payload::get(payload.value()?, path)?);
        self.session_of(document, &Fields::of(document), user, cutoff)
    }

    /// The session in `document`, as it stands at `cutoff`. No more of the payload is decoded than
    /// tells the user.
    pub fn glance(&self, document: &RawDocument, cutoff: DateTime) -> Session {
        let fields = Fields::of(document);
        let glance = self
            .user_needs_payload()
            .then(|| Glance::at(&self.payload, document, &fields, &self.user));
        let user = |path: &str| self.user_text(glance.as_ref()?.get(path)?.as_ref());
        self.session_of(document, &fields, user, cutoff)
    }

    fn session_of(
        &self,
        document: &RawDocument,
        fields: &Fields<'_>,
        user_in_payload: impl Fn(&str) -> Option<String>,
        cutoff: DateTime,
    ) -> Session {
        let (state, expires) = self.state(fields, cutoff);
        Session {
            id: self.id_in(fields),
            state,
            expires,
            touched: first_instant(&self.touched, fields),
            created: first_instant(&self.created, fields),
            user: self.user_in(fields, user_in_payload),
            bytes: document.as_bytes().len() as u64,
        }
    }

    /// The state of `document` at `cutoff`, and its expiry if that is an instant.
    pub(crate) fn state_at(
        &self,
        document: &RawDocument,
        cutoff: DateTime,
    ) -> (State, Option<DateTime>) {
        self.state(&Fields::of(document), cutoff)
    }

    fn state(&self, fields: &Fields<'_>, cutoff: DateTime) -> (State, Option<DateTime>) {
        let mut findings = self.expiry.iter().map(|rule| rule.read(fields, cutoff));
        let first = findings.next().unwrap_or_default();
        let (over, expires) = findings.fold((first.over, first.at), |(over, expires), finding| {
            (over || finding.over, expires.into_iter().chain(finding.at).min())
        });
        let state = if over || first.meaning == Some(Meaning::Expired) {
            State::Expired
        } else if expires.is_some() {
            State::Live
        } else if first.meaning == Some(Meaning::Endless) {
            State::Endless
        } else {
            State::Malformed
        };
        (state, expires)
    }

    /// What the store looks `document` up by; its `_id` where that field is not there.
    pub fn id_of(&self, document: &RawDocument) -> SessionId {
        self.id_in(&Fields::of(document))
    }

    fn id_in(&self, fields: &Fields<'_>) -> SessionId {
        let value = |path| match fields.find(path) {
            Found::One(value) => Some(document::owned(value)),
            // Good enough to be shown; no document is found by it.
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

    fn user_in(
        &self,
        fields: &Fields<'_>,
        in_payload: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let text = self.user.iter().find_map(|path| match path.strip_prefix('/') {
            Some(path) => match fields.find(path) {
                Found::One(value) => text_of(value),
                _ => None,
            },
            None => in_payload(path),
        })?;
        Some(self.bare_user(text))
    }

    /// The user that a value of the document is.
    pub(crate) fn user_of(&self, value: RawBsonRef<'_>) -> Option<String> {
        text_of(value).map(|text| self.bare_user(text))
    }

    /// Without what the store puts before it.
    fn bare_user(&self, text: String) -> String {
        // Nothing is not compared with, as in `SessionId::new`.
        let own = Some(&self.user_prefix).filter(|prefix| !prefix.is_empty());
        let own = own.and_then(|prefix| text.strip_prefix(prefix)).map(str::to_owned);
        own.unwrap_or(text)
    }

    fn user_text(&self, value: &Value) -> Option<String> {
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            // serde writes an `ObjectId` so, where it cannot write BSON.
            Value::Object(map) if map.len() == 1 && !self.payload.is_document() => {
                map.get("$oid")?.as_str().map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Whether the user is known without decoding a payload, and where.
    pub fn user_needs_payload(&self) -> bool {
        self.user.iter().any(|path| !path.starts_with('/'))
    }

    /// The update that makes the store refuse a session from now on, or `None` where only deleting
    /// does. The expiry is set a day back, so that an application whose clock is slow refuses too.
    pub fn ending(&self, now: DateTime) -> Option<Document> {
        const DAY_MS: i64 = 86_400_000;
        if self.end.set.is_empty() {
            return None;
        }
        // Whole seconds: a store that keeps integers reads no others.
        let past = (now.timestamp_millis() - DAY_MS) / 1000 * 1000;
        let value = |path: &str, value: &toml::Value| match value {
            toml::Value::String(text) if text == "past" => {
                let rule = self.expiry.iter().find(|rule| rule.path.as_deref() == Some(path));
                let back = rule.and_then(|rule| rule.lifetime).unwrap_or(0) as i64 * 1000;
                match rule.and_then(|rule| rule.unit) {
                    Some(unit) => unit.number(past - back),
                    None => Bson::DateTime(DateTime::from_millis(past - back)),
                }
            }
            value => literal(value),
        };
        let set: Document =
            self.end.set.iter().map(|(path, to)| (path.clone(), value(path, to))).collect();
        Some(doc! { "$set": set })
    }
}

fn first_before(instants: &[Instant], time: DateTime) -> Option<Document> {
    let mut clauses = Vec::new();
    let mut without = Document::new();
    for instant in instants {
        let (limit, kind) = match instant.unit {
            None => (Bson::DateTime(time), "date"),
            Some(unit) => (unit.number(time.timestamp_millis()), "number"),
        };
        let mut clause = without.clone();
        clause.insert(&instant.path, doc! { "$lt": limit });
        clauses.push(clause);
        without.insert(&instant.path, doc! { "$not": { "$type": kind } });
    }
    (!clauses.is_empty()).then(|| any(clauses))
}

fn first_key(instants: &[Instant]) -> Bson {
    let or_else = |rest, at: &Instant| doc! { "$ifNull": [document::key(&at.path, at.unit), rest] };
    instants.iter().rfold(Bson::Null, |rest, at| or_else(rest, at).into())
}

fn first_instant(instants: &[Instant], fields: &Fields<'_>) -> Option<DateTime> {
    instants.iter().find_map(|at| instant(fields.find(&at.path), at.unit))
}

#[cfg(test)]
mod tests;
