//! An expiry rule: one way in which a store decides that a session is over. Its fields are checked
//! when the record is compiled.

use bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;

use crate::model::document::{FieldPath, Unit};

/// One way in which a store decides that a session is over.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The kind of value at `path`.
    pub kind: Kind,
    /// The field that decides.
    pub path: Option<FieldPath>,
    /// The unit of a number.
    pub unit: Option<Unit>,
    /// Seconds from the date or number to the expiry, if it is a last touch.
    pub lifetime: Option<u64>,
    /// Another source of the lifetime, which overrides `lifetime`. Without any lifetime, the
    /// session is endless.
    pub lifetime_from: Option<LifetimeFrom>,
    /// The field of the document that holds the lifetime.
    pub lifetime_path: Option<FieldPath>,
    /// The unit of that lifetime.
    pub lifetime_unit: Option<Unit>,
    /// Whether that lifetime may be text with digits.
    #[serde(default)]
    pub lifetime_text: bool,
    /// Whether the store writes text: RFC 3339 for a date, digits for a number.
    #[serde(default)]
    pub text: bool,
    /// If the time is inside a longer text, such as JSON: the text before it. It ends at the next
    /// quotation mark. Text without this mark counts as missing.
    pub after: Option<String>,
    /// The text behind which `after` is not looked for: it may occur there in the application's data.
    pub before: Option<String>,
    /// If the expiry, or else the lifetime in the document, is at most this number, the session
    /// never ends.
    pub never_up_to: Option<i64>,
    /// The value of a flag that ends the session.
    pub over: Option<bool>,
    /// A field that must be null for this rule to count.
    #[serde(skip)]
    pub(crate) only_null: Option<FieldPath>,
    /// The meaning of null to the store.
    #[serde(default)]
    pub null: Meaning,
    /// The meaning of a missing field to the store.
    #[serde(default)]
    pub missing: Meaning,
}

/// The kind of value that decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A date: the expiry, or with a lifetime the last touch. In an array, the earliest counts.
    Date,
    /// A number since 1970, in `unit`.
    Number,
    /// A boolean.
    Flag,
    /// Nothing: the store never ends a session.
    None,
}

/// Who knows the lifetime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifetimeFrom {
    /// `expireAfterSeconds` of the TTL index, or the operator.
    Index,
    /// The application's settings, which only the operator knows.
    Operator,
}

/// The meaning of a missing expiry to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// It keeps the session forever.
    #[default]
    Endless,
    /// It treats the session as over.
    Expired,
    /// It can neither read the session nor remove it.
    Malformed,
}

/// The clock by which an expression decides what is expired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Clock {
    /// At a known time.
    At(DateTime),
    /// The server's own clock while it evaluates the expression, which saves a round trip.
    Server,
}

impl From<DateTime> for Clock {
    fn from(time: DateTime) -> Self {
        Self::At(time)
    }
}

impl Clock {
    /// The current time, as an expression.
    pub(crate) fn now(self) -> Bson {
        match self {
            Self::At(time) => time.into(),
            Self::Server => "$$NOW".into(),
        }
    }

    /// The value to compare with the field of `rule`.
    pub(super) fn limit(self, rule: &Rule) -> Bson {
        let limit = match (self, rule.lifetime_millis()) {
            (Self::At(time), _) => return rule.limit(time),
            (Self::Server, 0) => self.now(),
            (Self::Server, lifetime) => doc! { "$subtract": [self.now(), lifetime] }.into(),
        };
        match rule.unit {
            None => limit,
            Some(unit) => doc! { "$divide": [{ "$toLong": limit }, unit.millis()] }.into(),
        }
    }

    /// The value to compare with the date of `rule` if the document holds the lifetime.
    pub(super) fn own_limit(self, rule: &Rule, lifetime: &str) -> Document {
        doc! { "$subtract": [self.now(), rule.own_millis(lifetime)] }
    }
}

/// The result of a rule for one document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Outcome {
    /// The time of the expiry, if there is one.
    pub(crate) at: Option<DateTime>,
    /// Whether that time is before the cutoff.
    pub(crate) over: bool,
    /// The meaning of a missing time.
    pub(crate) meaning: Option<Meaning>,
}

impl Outcome {
    pub(super) fn absent(meaning: Meaning) -> Self {
        Self { meaning: Some(meaning), ..Self::default() }
    }
}

impl Rule {
    /// A rule that ends a session this many seconds after the date at `path`; never without a date.
    pub(crate) fn after(path: &FieldPath, seconds: u64) -> Self {
        Self {
            kind: Kind::Date,
            path: Some(path.clone()),
            lifetime: Some(seconds),
            unit: None,
            lifetime_from: None,
            lifetime_path: None,
            lifetime_unit: None,
            lifetime_text: false,
            text: false,
            after: None,
            before: None,
            never_up_to: None,
            over: None,
            only_null: None,
            null: Meaning::Endless,
            missing: Meaning::Endless,
        }
    }

    /// Whether this is a date that may be missing.
    pub(crate) fn keeps_null(&self) -> bool {
        self.kind == Kind::Date
            && !self.text
            && self.lifetime_from.is_none()
            && self.null == Meaning::Endless
    }

    pub(super) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// The path in an expression.
    pub(super) fn field(&self) -> String {
        format!("${}", self.path())
    }

    /// Whether the lifetime is known: with an unknown one, the session never ends.
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self.kind, Kind::Date | Kind::Number)
            && (self.lifetime_from.is_none() || self.lifetime.is_some())
    }

    pub(crate) fn lifetime_millis(&self) -> i64 {
        i64::try_from(self.lifetime.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(1000)
    }

    /// `time` minus the lifetime, which the field is compared with.
    pub(crate) fn limit_millis(&self, time: DateTime) -> i64 {
        time.timestamp_millis().saturating_sub(self.lifetime_millis())
    }

    pub(super) fn limit(&self, time: DateTime) -> Bson {
        self.value_at(self.limit_millis(time))
    }

    /// A time as the field holds it, if that is no text.
    pub(super) fn value_at(&self, millis: i64) -> Bson {
        match self.unit {
            Some(unit) => unit.number(millis),
            None => Bson::DateTime(DateTime::from_millis(millis)),
        }
    }

    /// The time of the expiry, from the value at the path.
    pub(super) fn expiry(&self, value: DateTime) -> DateTime {
        DateTime::from_millis(value.timestamp_millis().saturating_add(self.lifetime_millis()))
    }

    /// Whether its time must be computed from the value; see `derived`.
    pub(super) fn is_derived(&self) -> bool {
        self.lifetime_path.is_none() && (self.text || self.never_up_to.is_some())
    }

    /// The value of the flag that ends the session.
    pub(super) fn over(&self) -> bool {
        self.over.unwrap_or(true)
    }
}

pub(super) fn clause(wanted: bool, document: Document) -> Vec<Document> {
    if wanted { vec![document] } else { Vec::new() }
}

/// The number in a text of digits.
pub(super) fn digits(text: &str) -> Option<i64> {
    let own = text.strip_prefix('-').unwrap_or(text);
    let are_digits = (1..=19).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_digits)
}
