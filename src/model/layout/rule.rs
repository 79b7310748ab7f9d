//! An expiry rule: one way in which a store decides that a session is over, and what it says of one
//! document. What a rule needs of its fields is checked where the record is compiled.

use bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;

use crate::model::document::{FieldPath, Unit};

/// One way in which a store decides that a session is over.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What stands at `path`.
    pub kind: Kind,
    /// The field that decides.
    pub path: Option<FieldPath>,
    /// The unit of a number.
    pub unit: Option<Unit>,
    /// Seconds from the date or number to the expiry, where it is a last touch.
    pub lifetime: Option<u64>,
    /// Who else may say the lifetime; what they say counts more than `lifetime`. If nobody says
    /// it, the session is endless.
    pub lifetime_from: Option<LifetimeFrom>,
    /// Where the document itself says the lifetime.
    pub lifetime_path: Option<FieldPath>,
    /// The unit of that lifetime.
    pub lifetime_unit: Option<Unit>,
    /// Whether that lifetime may be text: digits.
    #[serde(default)]
    pub lifetime_text: bool,
    /// Whether the store writes text: RFC 3339 for a date, digits for a number.
    #[serde(default)]
    pub text: bool,
    /// Where the text at the path is a longer one, such as JSON: what stands before the instant,
    /// which ends at the next quotation mark. Text without this counts as missing.
    pub after: Option<String>,
    /// Up to this number, of the expiry or else of the lifetime in the document, it never ends.
    pub never_up_to: Option<i64>,
    /// The value of a flag that says the session is over.
    pub over: Option<bool>,
    /// A field that must be null for this rule to count.
    #[serde(skip)]
    pub(crate) only_null: Option<FieldPath>,
    /// What a null means to the store.
    #[serde(default)]
    pub null: Meaning,
    /// What a missing field means to the store.
    #[serde(default)]
    pub missing: Meaning,
}

/// What kind of value decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A date: the expiry, or with a lifetime the last touch. Of an array the earliest counts.
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

/// What an expiry that is not there means to the store.
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
    /// At an instant that is known.
    At(DateTime),
    /// By the server's own, while it works: no round trip is spent on asking it.
    Server,
}

impl From<DateTime> for Clock {
    fn from(time: DateTime) -> Self {
        Self::At(time)
    }
}

impl Clock {
    /// Now, as an expression.
    pub(crate) fn now(self) -> Bson {
        match self {
            Self::At(time) => time.into(),
            Self::Server => "$$NOW".into(),
        }
    }

    /// What the value of `rule` is compared with.
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

    /// What the date of `rule` is compared with where the document says the lifetime.
    pub(super) fn own_limit(self, rule: &Rule, lifetime: &str) -> Document {
        doc! { "$subtract": [self.now(), rule.own_millis(lifetime)] }
    }
}

/// What a rule says of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Outcome {
    /// The instant of the expiry, if there is one.
    pub(crate) at: Option<DateTime>,
    /// Whether that instant is before the cutoff.
    pub(crate) over: bool,
    /// What the absence of an instant means.
    pub(crate) meaning: Option<Meaning>,
}

impl Outcome {
    pub(super) fn absent(meaning: Meaning) -> Self {
        Self { meaning: Some(meaning), ..Self::default() }
    }
}

impl Rule {
    /// Over this many seconds after the date at `path`; never without one.
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
            never_up_to: None,
            over: None,
            only_null: None,
            null: Meaning::Endless,
            missing: Meaning::Endless,
        }
    }

    /// Whether it is a date that the store can do without.
    pub(crate) fn keeps_null(&self) -> bool {
        self.kind == Kind::Date
            && !self.text
            && self.lifetime_from.is_none()
            && self.null == Meaning::Endless
    }

    pub(super) fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_default()
    }

    /// The path as expressions name it.
    pub(super) fn field(&self) -> String {
        format!("${}", self.path())
    }

    /// Whether there is an instant to compare with: an unknown lifetime never ends.
    pub(super) fn is_bounded(&self) -> bool {
        matches!(self.kind, Kind::Date | Kind::Number)
            && (self.lifetime_from.is_none() || self.lifetime.is_some())
    }

    pub(super) fn lifetime_millis(&self) -> i64 {
        i64::try_from(self.lifetime.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(1000)
    }

    /// `time` less the lifetime, which is what the field is compared with.
    pub(super) fn limit_millis(&self, time: DateTime) -> i64 {
        time.timestamp_millis().saturating_sub(self.lifetime_millis())
    }

    pub(super) fn limit(&self, time: DateTime) -> Bson {
        let millis = self.limit_millis(time);
        match self.unit {
            Some(unit) => unit.number(millis),
            None => Bson::DateTime(DateTime::from_millis(millis)),
        }
    }

    /// The instant of the expiry, from the value at the path.
    pub(super) fn expiry(&self, value: DateTime) -> DateTime {
        DateTime::from_millis(value.timestamp_millis().saturating_add(self.lifetime_millis()))
    }

    /// Whether its instant is not simply what stands at its path; see `derived`.
    pub(super) fn is_derived(&self) -> bool {
        self.lifetime_path.is_none() && (self.text || self.never_up_to.is_some())
    }

    /// The value of the flag that says the session is over.
    pub(super) fn over(&self) -> bool {
        self.over.unwrap_or(true)
    }
}

pub(super) fn clause(wanted: bool, document: Document) -> Vec<Document> {
    if wanted { vec![document] } else { Vec::new() }
}

/// The number that a text of digits is.
pub(super) fn digits(text: &str) -> Option<i64> {
    let own = text.strip_prefix('-').unwrap_or(text);
    let are_digits = (1..=19).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_digits)
}
