//! A compiled layout: its paths, rules and values were checked when the record was loaded, and need
//! no further checks.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bson::{Bson, Document, RawDocument};
use serde::Deserialize;

use super::rule::{LifetimeFrom, Rule};
use crate::error::{Error, Need, Result};
use crate::model::document::{FieldPath, Unit};
use crate::model::index_spec::IndexSpec;
use crate::model::key::Key;
use crate::model::payload::{Codec, PayloadPlace, has_dotted_key};

/// How one store writes a session: compiled from one file of `src/model/layout/known/`, or from an
/// operator's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its name, as used in rows and on the command line.
    pub name: String,
    /// The packages, with versions, that write this layout.
    pub stores: Vec<String>,
    /// The names that those packages give their collection by default.
    pub collections: Vec<String>,
    /// Whether the store itself refuses an expired session when it reads one.
    pub checks_expiry_on_read: bool,
    /// What may log a user in although the session has ended, in words.
    pub survives: Option<String>,
    /// The fields of the last touch; the first one that holds a date counts.
    pub touched: Vec<Instant>,
    /// How the last touch follows from the expiry, if no field holds it.
    pub derived_touch: Option<DerivedTouch>,
    /// The fields of the creation; the first one that holds a date counts.
    pub created: Vec<Instant>,
    /// The places of the user. The first one that holds text, a number, an `ObjectId` or a UUID
    /// counts.
    pub user: Vec<UserPlace>,
    /// The name that the store gives its index on the user, if it is not `path_1`.
    pub user_index: Option<String>,
    /// The places of the client's address.
    pub ip: Vec<UserPlace>,
    /// The places of the user agent.
    pub agent: Vec<UserPlace>,
    /// The prefix that the store adds to the user's own id, such as `_User$`.
    pub user_prefix: String,
    /// The fields and values of documents that are credentials of a program rather than a login.
    /// Only their ids select them.
    pub(super) credentials: Document,
    /// The id of a session.
    pub id: Id,
    /// The payload of a session.
    pub payload: PayloadPlace,
    /// The expiry rules, at least one. With several rules, the earliest expiry counts, and the
    /// first rule defines the meaning of null and missing.
    pub expiry: Vec<Rule>,
    /// The values that make the store refuse a session from now on. If empty, a session can only be
    /// ended by deleting it.
    pub(super) end: Vec<(FieldPath, SetTo)>,
    /// The TTL index that its documents need, as the store itself would create it.
    pub ttl_index: Option<TtlIndex>,
    /// What distinguishes its documents from others.
    pub detect: Detect,
}

/// The id of a session: a field, its types, and the prefix and suffix that the store adds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// The field, `_id` for most stores.
    pub path: FieldPath,
    /// Its BSON types.
    pub types: Vec<BsonType>,
    /// The prefix of every id, such as `session:`.
    #[serde(default)]
    pub prefix: String,
    /// The suffix of every id, such as `:session`.
    #[serde(default)]
    pub suffix: String,
    /// The name that the store gives its unique index on the id, if it is not `path_1`.
    pub index: Option<String>,
}

/// The field of a date, or of a number that counts from 1970.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instant {
    /// The field.
    pub path: FieldPath,
    /// The unit, if it is a number.
    pub unit: Option<Unit>,
    /// Whether the store writes it whenever it writes a session.
    #[serde(default)]
    pub written: bool,
}

/// How the last touch follows from the expiry: at each touch, the store sets the expiry to the
/// touch plus a lifetime, which is in the payload.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedTouch {
    /// The path of that lifetime in the payload.
    pub lifetime: String,
    /// Its unit.
    pub unit: Unit,
    /// The lifetime of sessions whose payload has none, if the operator gave it.
    #[serde(skip)]
    pub given: Option<Duration>,
}

impl fmt::Display for DerivedTouch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the expiry minus {}", self.lifetime)
    }
}

/// The place of a user, an address or a user agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum UserPlace {
    /// In a field of the document; written `/a.b`.
    Field(FieldPath),
    /// In the decoded payload; written `a.b`. A `*` at the end of a name matches any rest.
    Payload(String),
}

impl TryFrom<String> for UserPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix('/') {
            // The server cannot match names with `*`.
            Some(path) if path.contains('*') => {
                Err(format!("`{text}` has a *, which is allowed only in paths of the payload"))
            }
            Some(path) => path.parse().map(Self::Field),
            None if text.is_empty() => {
                Err("a place is a path in the payload, or / and a field".to_owned())
            }
            None => Ok(Self::Payload(text)),
        }
    }
}

impl UserPlace {
    /// The path, in the document or in the payload.
    pub fn path(&self) -> &str {
        match self {
            Self::Field(path) => path,
            Self::Payload(path) => path,
        }
    }
}

impl AsRef<str> for UserPlace {
    fn as_ref(&self) -> &str {
        self.path()
    }
}

impl fmt::Display for UserPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(path) => write!(f, "/{path}"),
            Self::Payload(path) => f.write_str(path),
        }
    }
}

/// The value of a field that makes the store refuse a session.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SetTo {
    /// A time in the past, in the form of the rule on this field.
    Past,
    Value(Bson),
}

/// The TTL index of a layout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtlIndex {
    /// Its only field, which an expiry rule uses.
    pub key: FieldPath,
    /// The name that the store gives it.
    pub name: String,
    /// `expireAfterSeconds`; if missing, the operator must give the lifetime.
    pub seconds: Option<u64>,
    /// Whether the store makes it sparse.
    #[serde(default)]
    pub sparse: bool,
    /// Whether it is descending. The store itself creates a plain ascending index whenever it
    /// starts, and would fail (85) if that were the TTL index.
    #[serde(default)]
    pub descending: bool,
    /// A field that must be null in the documents that it deletes.
    pub only_null: Option<FieldPath>,
    /// The store's option that sets other seconds, in words.
    pub option: Option<String>,
}

impl TtlIndex {
    /// The direction of its key.
    pub fn direction(&self) -> i32 {
        if self.descending { -1 } else { 1 }
    }
}

/// What distinguishes the documents of a layout from others.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detect {
    /// Fields that every document has, with the types they may have.
    pub require: BTreeMap<FieldPath, Vec<BsonType>>,
    /// Fields that have one of these types in some sampled document, or are the key of an index. A
    /// single session may lack its expiry, but not all sessions of a store.
    #[serde(default)]
    pub expiry: BTreeMap<FieldPath, Vec<BsonType>>,
    /// Text that replaces the evidence of an expiry if no sampled document has one: a field, and a
    /// text that its value contains in every document.
    #[serde(default)]
    pub otherwise: BTreeMap<FieldPath, String>,
    /// Fields that have none of these types in any sampled document, and no TTL index: otherwise,
    /// another store with the same fields wrote the documents.
    #[serde(default)]
    pub refute: BTreeMap<FieldPath, Vec<BsonType>>,
    /// Fields that no document has.
    #[serde(default)]
    pub forbid: Vec<FieldPath>,
    /// Whether the prefix of the id distinguishes sessions from other documents of the collection.
    #[serde(default)]
    pub prefixed: bool,
    /// Other fields that the store indexes. They identify an empty collection.
    #[serde(default)]
    pub indexes: Vec<FieldPath>,
    /// Whether many other collections look similar, so that the layout must be confirmed before
    /// anything is deleted.
    pub weak: Option<Weak>,
}

/// When the evidence for a layout is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weak {
    /// Unless the TTL index of the store exists.
    UnlessIndexed,
    /// Unless the collection has a name that the store gives it.
    UnlessNamed,
    /// In any case.
    Always,
}

/// The BSON types that layouts distinguish, by the server's own aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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

impl fmt::Display for BsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = format!("{self:?}");
        write!(f, "{}{}", name[..1].to_lowercase(), &name[1..])
    }
}

/// The name of the index for idle sessions, which no store creates.
const IDLE_INDEX: &str = "sessionctl_idle";

impl Layout {
    /// This layout with the lifetime from the operator or a TTL index. Rules whose lifetime is in
    /// the document or in the record are not changed.
    #[must_use]
    pub fn resolved(mut self, given: Option<Duration>, indexes: &[IndexSpec]) -> Self {
        let key = self.ttl_index.as_ref().map(|ttl| ttl.key.clone());
        let of_index = self.lifetime_of(indexes);
        for rule in &mut self.expiry {
            if let Some(from) = rule.lifetime_from {
                // If the lifetime is stored nowhere else, the server still deletes by the existing index.
                let counts = from == LifetimeFrom::Index
                    || rule.lifetime.is_none() && rule.path.as_ref() == key.as_ref();
                let of_index = of_index.filter(|_| counts);
                if let Some(lifetime) = given.or(of_index) {
                    rule.lifetime = Some(lifetime.as_secs());
                }
            }
        }
        if let Some(derived) = &mut self.derived_touch {
            derived.given = given;
        }
        self
    }

    /// The lifetime by the TTL index: of those that delete every session, the one that deletes first
    /// takes effect. A partial index sets the lifetime of some sessions only, which is not that of the
    /// others.
    pub(crate) fn lifetime_of(&self, indexes: &[IndexSpec]) -> Option<Duration> {
        let key = &self.ttl_index.as_ref()?.key;
        let seconds = indexes.iter().filter_map(|index| index.deletes_all_after(key));
        seconds.filter(|seconds| *seconds > 0).min().map(Duration::from_secs)
    }

    /// Whether the state of a session can be decided.
    ///
    /// # Errors
    /// [`Error::Needs`] if only the application knows how long a session lives after its last touch, and neither the operator nor an index gives the lifetime. Calling such sessions live or endless would be a guess.
    pub fn tells_states(&self) -> Result<()> {
        let is_unknown = |rule: &Rule| {
            rule.lifetime_from == Some(LifetimeFrom::Operator) && rule.lifetime.is_none()
        };
        match self.expiry.iter().any(is_unknown) {
            true => Err(self.needs_lifetime()),
            false => Ok(()),
        }
    }

    /// Whether the lifetime of a session is still unknown.
    pub(crate) fn lacks_lifetime(&self) -> bool {
        self.expiry.iter().any(|rule| rule.lifetime_from.is_some() && rule.lifetime.is_none())
    }

    /// The error of a command that needs the lifetime of a session, which is unknown.
    pub(crate) fn needs_lifetime(&self) -> Error {
        Error::Needs {
            what: format!(
                "only the application knows how long a session of the layout {} lives after its last \
                 touch",
                self.name
            ),
            need: Need::Lifetime,
        }
    }

    /// This layout with another TTL index, which ends idle sessions that the store would keep
    /// forever because their expiry is null. `None` if the store writes no such sessions, or no
    /// last touch.
    pub fn idle_limited(&self) -> Option<Self> {
        let expiry = self.expiry[0].path.as_ref().filter(|_| self.expiry[0].keeps_null())?;
        let touched = self.touched.iter().find(|touched| touched.written && touched.unit.is_none());
        let ttl = TtlIndex {
            key: touched?.path.clone(),
            name: IDLE_INDEX.to_owned(),
            seconds: None,
            sparse: false,
            // The store may create a plain index on the last touch itself, so this one is
            // descending.
            descending: true,
            only_null: Some(expiry.clone()),
            option: None,
        };
        let mut idle = Rule::after(&ttl.key, 0);
        (idle.lifetime, idle.lifetime_from) = (None, Some(LifetimeFrom::Index));
        Some(Self { ttl_index: Some(ttl), expiry: vec![idle], ..self.clone() })
    }

    /// This layout with these places of the user instead of its own; unchanged if `places` is
    /// empty.
    #[must_use]
    pub fn with_user_places(mut self, places: &[UserPlace]) -> Self {
        if !places.is_empty() {
            (self.user, self.user_index) = (places.to_vec(), None);
        }
        self
    }

    /// Whether the TTL index holds the lifetime of a session, or may hold it if the lifetime is
    /// stored nowhere else.
    pub(crate) fn lifetime_from_index(&self) -> bool {
        let key = self.ttl_index.as_ref().map(|ttl| &ttl.key);
        self.expiry.iter().any(|rule| match rule.lifetime_from {
            Some(LifetimeFrom::Index) => true,
            Some(LifetimeFrom::Operator) => rule.path.is_some() && rule.path.as_ref() == key,
            None => false,
        })
    }

    /// Whether a document is such a credential.
    pub(crate) fn is_credential(&self, document: &RawDocument) -> bool {
        let has = |(path, value): (&String, &Bson)| {
            Key::at(document, path).is_some_and(|found| found == Key::from(value))
        };
        !self.credentials.is_empty() && self.credentials.iter().all(has)
    }

    /// The filter of credentials that are not logins, if the layout has any.
    pub fn credentials(&self) -> Option<Document> {
        Some(self.credentials.clone()).filter(|credentials| !credentials.is_empty())
    }

    /// Whether the id, the user or a time is read from this field.
    pub(crate) fn decides_by(&self, field: &str) -> bool {
        let by_user = |place: &UserPlace| matches!(place, UserPlace::Field(path) if *path == field);
        *self.id.path == *field
            || self.user.iter().any(by_user)
            || self.touched.iter().chain(&self.created).any(|at| *at.path == *field)
            || self.expiry.iter().any(|rule| rule.path.as_deref() == Some(field))
    }

    /// The fields that an index can find the sessions of a user by: one for each place of the user.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if there is no place, or one that no index can reach, or more places
    /// than are worth an index each.
    pub(crate) fn user_index_paths(&self) -> Result<Vec<String>> {
        const MOST: usize = 3;
        let refuse = |why: String| Err(Error::Unsupported(why));
        let name = &self.name;
        let paths: Vec<_> = self.user.iter().map(|place| self.index_path(place)).collect();
        match paths.iter().position(Option::is_none) {
            None if paths.is_empty() => {
                refuse(format!("the layout {name} does not define where the user is"))
            }
            Some(at) if !self.payload.is_document() => refuse(format!(
                "no index can find a user at {}, because the layout {name} stores the payload in \
                 a form that the server cannot read",
                self.user[at]
            )),
            Some(at) => refuse(format!(
                "no index can find a user at {}, because its name has a * or a dot",
                self.user[at]
            )),
            None if paths.len() > MOST => refuse(format!(
                "the layout {name} looks for the user in {} places: name the one that the \
                 application uses",
                paths.len()
            )),
            None => Ok(paths.into_iter().flatten().collect()),
        }
    }

    fn index_path(&self, place: &UserPlace) -> Option<String> {
        match place {
            UserPlace::Field(path) => Some(path.to_string()),
            UserPlace::Payload(path) if path.contains('*') || has_dotted_key(path) => None,
            UserPlace::Payload(path) => match (&self.payload.path, &*self.payload.codecs) {
                (Some(field), [Codec::Document]) => Some(format!("{field}.{path}")),
                (None, [Codec::Flat]) => Some(path.clone()),
                _ => None,
            },
        }
    }

    /// The field of the first rule, if it is a date.
    pub fn expiry_path(&self) -> Option<&str> {
        self.expiry[0].path.as_deref()
    }

    /// The fields that a touch writes.
    pub(crate) fn touched_fields(&self) -> impl Iterator<Item = &FieldPath> {
        let touched = self.touched.iter().filter(|at| at.written).map(|at| &at.path);
        self.expiry[0].path.iter().chain(touched)
    }

    /// The fields of the document that may hold the user.
    pub(crate) fn user_fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.user.iter().filter_map(|place| match place {
            UserPlace::Field(path) => Some(path),
            UserPlace::Payload(_) => None,
        })
    }

    /// Whether the payload must be decoded to find the user.
    pub fn user_needs_payload(&self) -> bool {
        self.user.iter().any(|place| matches!(place, UserPlace::Payload(_)))
    }
}
