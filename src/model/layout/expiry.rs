//! Expiry rules: when a store treats a session as over, as a reading of one document and as the
//! filter that finds the same documents on the server.
//!
//! The two must agree for every value: `{$lt: date}` compares dates with dates only, looks into
//! arrays, and never matches null, missing or NaN (mongod 6.0.5).

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, Document, doc};
use serde::Deserialize;

use super::derived;
use crate::model::document::{FieldPath, Fields, Found, Unit, each, number};

/// One way in which a store decides that a session is over.
#[derive(Debug, Clone, PartialEq)]
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
    pub lifetime_text: bool,
    /// Whether the store writes text: RFC 3339 for a date, digits for a number.
    pub text: bool,
    /// Where the text at the path is a longer one, such as JSON: what stands before the instant,
    /// which ends at the next quotation mark. Text without this counts as missing.
    pub after: Option<String>,
    /// Up to this number, of the expiry or else of the lifetime in the document, it never ends.
    pub never_up_to: Option<i64>,
    /// The value of a flag that says the session is over.
    pub over: Option<bool>,
    /// A field that must be null for this rule to count.
    pub(crate) only_null: Option<FieldPath>,
    /// What a null means to the store.
    pub null: Meaning,
    /// What a missing field means to the store.
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
    /// The application's settings: only the operator can tell.
    Operator,
}

/// What an expiry that is not there means to the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Meaning {
    /// It keeps the session for ever.
    #[default]
    Endless,
    /// It treats the session as over.
    Expired,
    /// It can neither read the session nor remove it.
    Malformed,
}

/// By which clock an expression decides what is over.
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

/// A lifetime beyond this is taken for nonsense; with it a date would overflow.
const LONGEST: f64 = 1e15;

/// What a rule says of one document.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Finding {
    /// The instant of the expiry, if there is one.
    pub(crate) at: Option<DateTime>,
    /// Whether that instant is before the cutoff.
    pub(crate) over: bool,
    /// What the absence of an instant means.
    pub(crate) meaning: Option<Meaning>,
}

impl Finding {
    pub(super) fn absent(meaning: Meaning) -> Self {
        Self { meaning: Some(meaning), ..Self::default() }
    }
}

impl Rule {
    /// Over so many seconds after the date at `path`; never without one.
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

    /// Whether there is an instant to compare with: a lifetime nobody knows never ends.
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

    /// The documents whose instant is before `time`.
    pub(crate) fn before(&self, time: DateTime) -> Option<Document> {
        if self.is_derived() {
            return self.is_bounded().then(|| self.derived_before(time));
        }
        let within = |path: &str| self.with_own_lifetime(path, "$lt", time);
        let own = self.lifetime_path.as_deref().map(within).filter(|_| self.is_bounded());
        own.or_else(|| {
            let below = doc! { self.path(): { "$lt": self.limit(time) } };
            self.is_bounded().then(|| with_null(below, self.only_null.as_deref()))
        })
    }

    /// The path, and the limit below which its value means an instant before `time`, where the
    /// value alone decides.
    pub(crate) fn range(&self, time: DateTime) -> Option<(String, Bson)> {
        let alone = self.lifetime_path.is_none() && self.only_null.is_none() && !self.is_derived();
        let decides = self.is_bounded() && alone;
        decides.then(|| (self.path().to_owned(), self.limit(time)))
    }

    /// The documents whose flag says that they are over.
    pub(crate) fn flagged(&self) -> Option<Document> {
        (self.kind == Kind::Flag).then(|| doc! { self.path(): self.over.unwrap_or(true) })
    }

    /// The documents whose instants are all not before `time`. `[past, future]` matches `$lt` and
    /// `$gte`, so both are asked.
    pub(crate) fn live(&self, time: DateTime) -> Option<Document> {
        if self.is_derived() {
            return self.is_bounded().then(|| self.derived_live(time));
        }
        let within = |path: &str| self.with_own_lifetime(path, "$gte", time);
        let own = self.lifetime_path.as_deref().map(within);
        self.is_bounded().then(|| {
            let limit = self.limit(time);
            own.unwrap_or_else(|| {
                doc! { self.path(): { "$gte": &limit, "$not": { "$lt": &limit } } }
            })
        })
    }

    /// The documents whose date plus the lifetime beside it compares so with `time`.
    fn with_own_lifetime(&self, lifetime: &str, operator: &str, time: DateTime) -> Document {
        let compared = doc! { operator: [self.field(), self.own_limit(lifetime, time)] };
        doc! { "$expr": { "$cond": [self.has_own_lifetime(lifetime), compared, false] } }
    }

    /// Whether there are a date and a lifetime beside it. Other types are kept from `$subtract`,
    /// which fails on them.
    pub(super) fn has_own_lifetime(&self, lifetime: &str) -> Document {
        let shortest = self.never_up_to.map_or(-LONGEST, |never| (never as f64).max(-LONGEST));
        self.has_lifetime_within(lifetime, shortest, LONGEST)
    }

    /// Whether there are a date and a number between these beside it.
    fn has_lifetime_within(&self, lifetime: &str, above: f64, below: f64) -> Document {
        let lifetime = self.own_number(lifetime);
        doc! { "$and": [
            { "$eq": [{ "$type": self.field() }, "date"] },
            { "$in": [{ "$type": &lifetime }, ["int", "long", "double", "decimal"]] },
            { "$lt": [&lifetime, below] },
            { "$gt": [&lifetime, above] },
        ] }
    }

    /// Whether the lifetime beside the date says that there is none.
    pub(super) fn never_ends(&self, lifetime: &str, never: i64) -> Document {
        doc! { "$and": [
            self.has_lifetime_within(lifetime, -LONGEST, LONGEST),
            { "$lte": [self.own_number(lifetime), never] },
        ] }
    }

    /// The lifetime beside the date as a number, if it is one or its digits.
    fn own_number(&self, lifetime: &str) -> Bson {
        let field = format!("${lifetime}");
        if !self.lifetime_text {
            return field.into();
        }
        let number = derived::of_digits(&field, |number| number.into());
        doc! { "$cond": [derived::is_text(&field), number, field] }.into()
    }

    /// What the date is compared with. The lifetime is taken from `time` rather than added to the
    /// date, which may be one that then overflows.
    pub(super) fn own_limit(&self, lifetime: &str, time: DateTime) -> Document {
        doc! { "$subtract": [time, self.own_millis(lifetime)] }
    }

    pub(super) fn own_millis(&self, lifetime: &str) -> Document {
        let millis = self.lifetime_unit.map_or(1.0, Unit::millis);
        doc! { "$trunc": { "$multiply": [self.own_number(lifetime), millis] } }
    }

    /// The documents without an instant whose lack of one means `meaning`.
    pub(crate) fn means(&self, meaning: Meaning) -> Vec<Document> {
        let path = self.path();
        match self.kind {
            Kind::None => return clause(meaning == Meaning::Endless, Document::new()),
            Kind::Date | Kind::Number if !self.is_bounded() => {
                return clause(meaning == Meaning::Endless, Document::new());
            }
            _ => {}
        }
        // `{path: null}` would match missing and `[null]` too.
        let null = doc! { path: { "$type": 10, "$not": { "$type": 4 } } };
        let missing = doc! { path: { "$exists": false } };
        let mut clauses = clause(self.null == meaning, null);
        clauses.extend(clause(self.missing == meaning, missing));
        if self.is_derived() {
            clauses.extend(self.derived_means(meaning));
        }
        if let (Some(lifetime), Some(never)) = (&self.lifetime_path, self.never_up_to) {
            let never = doc! { "$expr": self.never_ends(lifetime, never) };
            clauses.extend(clause(meaning == Meaning::Endless, never));
        }
        if self.kind == Kind::Flag && meaning == Meaning::Endless {
            let other = !self.over.unwrap_or(true);
            clauses.push(doc! { path: { "$eq": other, "$ne": !other } });
        }
        clauses
    }

    /// What `document` says, with `cutoff` deciding.
    pub(crate) fn read(&self, document: &Fields<'_>, cutoff: DateTime) -> Finding {
        match self.kind {
            Kind::None => return Finding::absent(Meaning::Endless),
            Kind::Date | Kind::Number if !self.is_bounded() => {
                return Finding::absent(Meaning::Endless);
            }
            _ => {}
        }
        let is_null =
            |field: &FieldPath| matches!(document.find(field), Found::One(RawBsonRef::Null));
        if self.only_null.as_ref().is_some_and(|field| !is_null(field)) {
            return Finding::absent(Meaning::Endless);
        }
        let found = document.find(self.path());
        match found {
            Found::Missing => return Finding::absent(self.missing),
            Found::One(RawBsonRef::Null) => return Finding::absent(self.null),
            _ => {}
        }
        if let Some(lifetime) = &self.lifetime_path {
            return self.own_lifetime(found, document.find(lifetime), cutoff);
        }
        if self.is_derived() {
            return self.derived(&found, cutoff);
        }
        let values = each(found);
        match self.kind {
            Kind::Flag => self.flag(&values),
            Kind::Number => self.number(&values, cutoff),
            Kind::Date | Kind::None => self.date(&values, cutoff),
        }
    }

    fn own_lifetime(&self, date: Found<'_>, lifetime: Found<'_>, cutoff: DateTime) -> Finding {
        let (Found::One(RawBsonRef::DateTime(date)), Found::One(lifetime)) = (date, lifetime)
        else {
            return Finding::absent(Meaning::Malformed);
        };
        let lifetime = match lifetime {
            RawBsonRef::String(text) if self.lifetime_text => {
                derived::digits(text).map(|number| number as f64)
            }
            lifetime => number(lifetime),
        };
        let Some(lifetime) = lifetime.filter(|number| number.abs() < LONGEST) else {
            return Finding::absent(Meaning::Malformed);
        };
        if self.never_up_to.is_some_and(|never| lifetime <= never as f64) {
            return Finding::absent(Meaning::Endless);
        }
        let millis = (lifetime * self.lifetime_unit.map_or(1.0, Unit::millis)).trunc();
        let at = DateTime::from_millis(date.timestamp_millis().saturating_add(millis as i64));
        Finding { at: Some(at), over: at < cutoff, meaning: None }
    }

    fn date(&self, values: &[RawBsonRef<'_>], cutoff: DateTime) -> Finding {
        let earliest = values.iter().filter_map(|value| value.as_datetime()).min();
        let Some(date) = earliest else { return Finding::absent(Meaning::Malformed) };
        let over = date.timestamp_millis() < self.limit_millis(cutoff);
        Finding { at: Some(self.expiry(date)), over, meaning: None }
    }

    fn number(&self, values: &[RawBsonRef<'_>], cutoff: DateTime) -> Finding {
        let least = values.iter().copied().filter_map(number).min_by(f64::total_cmp);
        let Some(least) = least else { return Finding::absent(Meaning::Malformed) };
        let limit = self.limit(cutoff);
        let over = values.iter().any(|value| is_less(*value, &limit));
        let at = self.unit.and_then(|unit| unit.instant(least)).map(|at| self.expiry(at));
        Finding { at, over, meaning: None }
    }

    fn flag(&self, values: &[RawBsonRef<'_>]) -> Finding {
        let over = self.over.unwrap_or(true);
        let flags: Vec<bool> = values.iter().filter_map(|value| value.as_bool()).collect();
        if flags.contains(&over) {
            return Finding { over: true, ..Finding::default() };
        }
        Finding::absent(if flags.is_empty() { Meaning::Malformed } else { Meaning::Endless })
    }
}

/// Whether a number is less than the limit, as exactly as the server compares: nanoseconds since
/// 1970 are beyond the integers that a double can tell apart.
fn is_less(value: RawBsonRef<'_>, limit: &Bson) -> bool {
    match (value, limit) {
        (RawBsonRef::Int64(number), Bson::Int64(limit)) => number < *limit,
        (value, Bson::Int64(limit)) => {
            number(value).is_some_and(|number| (number.floor() as i64) < *limit)
        }
        (value, Bson::Double(limit)) => number(value).is_some_and(|number| number < *limit),
        _ => false,
    }
}

fn with_null(mut filter: Document, field: Option<&str>) -> Document {
    filter.extend(field.map(|field| (field.to_owned(), doc! { "$type": "null" }.into())));
    filter
}

pub(super) fn clause(wanted: bool, document: Document) -> Vec<Document> {
    if wanted { vec![document] } else { Vec::new() }
}
