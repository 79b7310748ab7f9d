//! What a layout is once its record is compiled: paths that can be looked up, rules that are whole, and
//! an end that has the type of its field. Nothing of it is checked or interpreted again.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bson::{Bson, Document};
use serde::Deserialize;

use super::rule::{LifetimeFrom, Rule};
use crate::error::{Error, Need, Result};
use crate::model::document::{FieldPath, Unit};
use crate::model::index_spec::IndexSpec;
use crate::model::payload::PayloadPlace;

/// How one store writes a session: compiled from one file of `src/model/layout/known/`, or from an
/// operator's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Its name in `--layout` and in rows.
    pub name: String,
    /// The packages, with versions, that write so.
    pub stores: Vec<String>,
    /// The names that those packages give their collection by default.
    pub collections: Vec<String>,
    /// Whether the store itself refuses an expired session when it reads one.
    pub checks_expiry_on_read: bool,
    /// Where the last touch is; the first of these that holds a date counts.
    pub touched: Vec<Instant>,
    /// How the last touch follows from the expiry, where no field holds it.
    pub derived_touch: Option<DerivedTouch>,
    /// Where the creation is; the first of these that holds a date counts.
    pub created: Vec<Instant>,
    /// Where the user is. The first place that holds a text, a number, an `ObjectId` or a UUID counts.
    pub user: Vec<UserPlace>,
    /// The name that the store gives its index on the user, where that is not `path_1`.
    pub user_index: Option<String>,
    /// Where the address is that the session was made or last used from.
    pub ip: Vec<UserPlace>,
    /// Where the user agent is.
    pub agent: Vec<UserPlace>,
    /// What the store puts before the user's own id, such as `_User$`.
    pub user_prefix: String,
    /// The fields and values of documents that are credentials of a program rather than somebody's
    /// login: only naming their ids ends them.
    pub(super) credentials: Document,
    /// What a session is looked up by.
    pub id: Id,
    /// What the session holds.
    pub payload: PayloadPlace,
    /// When it is over; with more than one rule the earliest instant counts, and what null and
    /// missing mean is the first rule's word. There is at least one.
    pub expiry: Vec<Rule>,
    /// What makes the store refuse a session from now on. Empty: only deleting ends a session.
    pub(super) end: Vec<(FieldPath, SetTo)>,
    /// The TTL index that its documents need, as the store itself would create it.
    pub ttl_index: Option<TtlIndex>,
    /// What distinguishes its documents from others.
    pub detect: Detect,
}

/// The id of a session: a field, its types, and what the store puts around the id.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Id {
    /// The field, `_id` for most stores.
    pub path: FieldPath,
    /// The BSON types it has.
    pub types: Vec<BsonType>,
    /// What every id begins with, such as `session:`.
    #[serde(default)]
    pub prefix: String,
    /// What every id ends with, such as `:session`.
    #[serde(default)]
    pub suffix: String,
    /// The name that the store gives its unique index on the id, where that is not `path_1`.
    pub index: Option<String>,
}

/// A date, or a number that counts from 1970.
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

/// How the last touch follows from the expiry: the store sets the expiry again at each touch, to the
/// touch plus a lifetime that the payload has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedTouch {
    /// The path of that lifetime in the payload.
    pub lifetime: String,
    /// Its unit.
    pub unit: Unit,
    /// The lifetime of sessions whose payload has none, which only the operator knows.
    #[serde(skip)]
    pub given: Option<Duration>,
}

impl fmt::Display for DerivedTouch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the expiry minus {}", self.lifetime)
    }
}

/// Where a user is named, or where the user came from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum UserPlace {
    /// In a field of the document; written `/a.b`.
    Field(FieldPath),
    /// In the decoded payload; written `a.b`, where `*` ends a name that varies.
    Payload(String),
}

impl TryFrom<String> for UserPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_prefix('/') {
            // The server has no names that vary.
            Some(path) if path.contains('*') => {
                Err(format!("`{text}` has a *, which only paths of the payload have"))
            }
            Some(path) => path.parse().map(Self::Field),
            None if text.is_empty() => {
                Err("a place is a path of the payload, or / and a field".to_owned())
            }
            None => Ok(Self::Payload(text)),
        }
    }
}

impl UserPlace {
    /// The path, wherever it leads.
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

/// What a field is set to so that the store refuses a session.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SetTo {
    /// An instant in the past, as the rule that decides by the field has it.
    Past,
    Value(Bson),
}

/// The TTL index of a layout.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtlIndex {
    /// Its one field, which a rule decides by.
    pub key: FieldPath,
    /// The name that the store itself gives it.
    pub name: String,
    /// `expireAfterSeconds`; without it the operator says it with `--lifetime`.
    pub seconds: Option<u64>,
    /// Whether the store makes it sparse.
    #[serde(default)]
    pub sparse: bool,
    /// Whether it goes along descending values, because the store itself makes a plain ascending
    /// index whenever it starts, and would be refused where that is the TTL index (85).
    #[serde(default)]
    pub descending: bool,
    /// A field that must be null in what it deletes.
    pub only_null: Option<FieldPath>,
    /// The option of a store by which it creates the index with other seconds, in words.
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
    /// Fields that have one of these types in some document of the sample, or are the key of an
    /// index: a single session may lack its expiry, a store's whole collection does not.
    #[serde(default)]
    pub expiry: BTreeMap<FieldPath, Vec<BsonType>>,
    /// Texts that speak for it as well as an expiry does where no document of the sample has one:
    /// a field, and what its text contains in every document.
    #[serde(default)]
    pub otherwise: BTreeMap<FieldPath, String>,
    /// Fields that have none of these types in any document of the sample, and that no TTL index is
    /// on: they speak for another store that writes the same fields.
    #[serde(default)]
    pub refute: BTreeMap<FieldPath, Vec<BsonType>>,
    /// Fields that no document has.
    #[serde(default)]
    pub forbid: Vec<FieldPath>,
    /// Whether the prefix of the id distinguishes sessions from other documents of the collection.
    #[serde(default)]
    pub prefixed: bool,
    /// Fields that the store indexes besides the TTL index's; they speak for an empty collection.
    #[serde(default)]
    pub indexes: Vec<FieldPath>,
    /// Whether many other collections look like this too, so that it must be confirmed before
    /// anything is deleted.
    pub weak: Option<Weak>,
}

/// When a signature is weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weak {
    /// Unless the TTL index of the store is there.
    UnlessIndexed,
    /// Whatever is there.
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

/// The index that ends what has been idle for too long; no store makes one.
const IDLE_INDEX: &str = "sessionctl_idle";

impl Layout {
    /// This layout with the lifetime that only the operator or a TTL index knows. Rules that carry
    /// theirs in the document or in the record are left alone.
    #[must_use]
    pub fn resolved(mut self, given: Option<Duration>, indexes: &[IndexSpec]) -> Self {
        let key = self.ttl_index.as_ref().map(|ttl| ttl.key.clone());
        let of_index = key.as_ref().and_then(|key| {
            let on_key = indexes.iter().find(|index| index.is_on(key) && index.is_ttl())?;
            on_key.seconds().filter(|seconds| *seconds > 0).map(Duration::from_secs)
        });
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

    /// Whether the state of a session can be decided.
    ///
    /// # Errors
    /// [`Error::Needs`] where only the application knows how long a session lives after its last touch,
    /// and neither the operator nor an index says it: a session that is neither called live nor endless
    /// would be one or the other.
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
            option: None,
        };
        let mut idle = Rule::after(&ttl.key, 0);
        (idle.lifetime, idle.lifetime_from) = (None, Some(LifetimeFrom::Index));
        Some(Self { ttl_index: Some(ttl), expiry: vec![idle], ..self.clone() })
    }

    /// This layout with the user at these places instead of its own; with none it is left alone.
    #[must_use]
    pub fn with_user_places(mut self, places: &[UserPlace]) -> Self {
        if !places.is_empty() {
            (self.user, self.user_index) = (places.to_vec(), None);
        }
        self
    }

    /// Whether the TTL index holds the lifetime of a session, or may hold it if nothing else does.
    pub(crate) fn lifetime_from_index(&self) -> bool {
        let key = self.ttl_index.as_ref().map(|ttl| &ttl.key);
        self.expiry.iter().any(|rule| match rule.lifetime_from {
            Some(LifetimeFrom::Index) => true,
            Some(LifetimeFrom::Operator) => rule.path.is_some() && rule.path.as_ref() == key,
            None => false,
        })
    }

    /// The documents that are credentials rather than logins, if this layout has such.
    pub fn credentials(&self) -> Option<Document> {
        Some(self.credentials.clone()).filter(|credentials| !credentials.is_empty())
    }

    /// Whether something is read from this field: the id, the user, or a time.
    pub(crate) fn decides_by(&self, field: &str) -> bool {
        let by_user = |place: &UserPlace| matches!(place, UserPlace::Field(path) if *path == field);
        *self.id.path == *field
            || self.user.iter().any(by_user)
            || self.touched.iter().chain(&self.created).any(|at| *at.path == *field)
            || self.expiry.iter().any(|rule| rule.path.as_deref() == Some(field))
    }

    /// The field whose date decides, if the first rule has one.
    pub fn expiry_path(&self) -> Option<&str> {
        self.expiry[0].path.as_deref()
    }

    /// The fields of their own that may have the user.
    pub(crate) fn user_fields(&self) -> impl Iterator<Item = &FieldPath> {
        self.user.iter().filter_map(|place| match place {
            UserPlace::Field(path) => Some(path),
            UserPlace::Payload(_) => None,
        })
    }

    /// Whether a payload must be decoded before the user is known.
    pub fn user_needs_payload(&self) -> bool {
        self.user.iter().any(|place| matches!(place, UserPlace::Payload(_)))
    }
}
