//! Expiry rules: when a store treats a session as over, as a function of one document and as a
//! filter for the server.
//!
//! Both must agree for every value: `{$lt: date}` compares dates with dates only, looks into
//! arrays, and never matches null, missing or NaN (mongod 6.0.5).

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, Document, doc};

use super::expressions::{is_number, is_text, of_digits, outer_paths};
use super::rule::{Kind, Meaning, Outcome, Rule, clause, digits};
use crate::model::document::{FieldPath, Fields, Found, Unit, each, number};
use crate::model::number::{Decimal, is_less};

/// A longer lifetime counts as invalid, because a date would overflow with it.
const LONGEST: f64 = 1e15;

impl Rule {
    /// The documents whose expiry is before `time`.
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

    /// If the value alone decides: the path, and the limit below which the value means an expiry
    /// before `time`.
    pub(crate) fn range(&self, time: DateTime) -> Option<(String, Bson)> {
        // A range of an index requires a plain comparison; with anything else, the server would
        // fetch each document.
        let alone = self.lifetime_path.is_none() && self.only_null.is_none() && !self.is_derived();
        let decides = self.is_bounded() && alone;
        decides.then(|| (self.path().to_owned(), self.limit(time)))
    }

    /// The documents with the flag that ends a session.
    pub(crate) fn flagged(&self) -> Option<Document> {
        (self.kind == Kind::Flag).then(|| doc! { self.path(): self.over() })
    }

    /// The documents of which no expiry is before `time`. An array `[past, future]` matches both
    /// `$lt` and `$gte`, so both are checked.
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
        // No index supports a sum of two fields, so only layouts that need the sum use the slow
        // `$expr`.
        let compared = doc! { operator: [self.field(), self.own_limit(lifetime, time)] };
        doc! { "$expr": { "$cond": [self.has_own_lifetime(lifetime), compared, false] } }
    }

    /// Whether there are a date and a lifetime. Other types must not reach `$subtract`, which fails
    /// on them.
    pub(super) fn has_own_lifetime(&self, lifetime: &str) -> Document {
        let shortest = self.never_up_to.map_or(-LONGEST, |never| (never as f64).max(-LONGEST));
        self.has_lifetime_within(lifetime, shortest, LONGEST)
    }

    /// Whether there are a date and a lifetime between these limits.
    fn has_lifetime_within(&self, lifetime: &str, above: f64, below: f64) -> Document {
        let lifetime = self.own_number(lifetime);
        doc! { "$and": [
            { "$eq": [{ "$type": self.field() }, "date"] },
            is_number(&lifetime),
            { "$lt": [&lifetime, below] },
            { "$gt": [&lifetime, above] },
        ] }
    }

    /// Whether the lifetime means "never".
    pub(super) fn never_ends(&self, lifetime: &str, never: i64) -> Document {
        doc! { "$and": [
            self.has_lifetime_within(lifetime, -LONGEST, LONGEST),
            { "$lte": [self.own_number(lifetime), never] },
        ] }
    }

    /// The lifetime as a number, if it is a number or digits.
    fn own_number(&self, lifetime: &str) -> Bson {
        let field = format!("${lifetime}");
        if !self.lifetime_text {
            return field.into();
        }
        let number = of_digits(&field, |number| number.into());
        doc! { "$cond": [is_text(&field), number, field] }.into()
    }

    /// The value that the date is compared with. The lifetime is subtracted from `time` rather than
    /// added to the date, which could overflow.
    pub(super) fn own_limit(&self, lifetime: &str, time: DateTime) -> Document {
        doc! { "$subtract": [time, self.own_millis(lifetime)] }
    }

    pub(super) fn own_millis(&self, lifetime: &str) -> Document {
        let millis = self.lifetime_unit.map_or(1.0, Unit::millis);
        doc! { "$trunc": { "$multiply": [self.own_number(lifetime), millis] } }
    }

    /// The documents without an expiry, if its absence means `meaning`.
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
        let mut null = doc! { path: { "$type": 10, "$not": { "$type": 4 } } };
        null.extend(
            outer_paths(path)
                .map(|outer| (outer.to_owned(), doc! { "$not": { "$type": 4 } }.into())),
        );
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
            let other = !self.over();
            clauses.push(doc! { path: { "$eq": other, "$ne": !other } });
        }
        clauses
    }

    /// What the rule finds in `document` at `cutoff`.
    pub(crate) fn read(&self, document: &Fields<'_>, cutoff: DateTime) -> Outcome {
        match self.kind {
            Kind::None => return Outcome::absent(Meaning::Endless),
            Kind::Date | Kind::Number if !self.is_bounded() => {
                return Outcome::absent(Meaning::Endless);
            }
            _ => {}
        }
        let is_null =
            |field: &FieldPath| matches!(document.find(field), Found::One(RawBsonRef::Null));
        if self.only_null.as_ref().is_some_and(|field| !is_null(field)) {
            return Outcome::absent(Meaning::Endless);
        }
        let found = document.find(self.path());
        match found {
            Found::Missing => return Outcome::absent(self.missing),
            Found::One(RawBsonRef::Null) => return Outcome::absent(self.null),
            _ => {}
        }
        if let Some(lifetime) = &self.lifetime_path {
            return self.own_lifetime(found, document.find(lifetime), cutoff);
        }
        if self.is_derived() {
            return self.derived(&found, cutoff);
        }
        // Nearly every expiry is one date.
        if let (Kind::Date, Found::One(value @ RawBsonRef::DateTime(_))) = (self.kind, &found) {
            return self.date(&[*value], cutoff);
        }
        let values = each(found);
        match self.kind {
            Kind::Flag => self.flag(&values),
            Kind::Number => self.number(&values, cutoff),
            Kind::Date | Kind::None => self.date(&values, cutoff),
        }
    }

    fn own_lifetime(&self, date: Found<'_>, lifetime: Found<'_>, cutoff: DateTime) -> Outcome {
        let (Found::One(RawBsonRef::DateTime(date)), Found::One(lifetime)) = (date, lifetime)
        else {
            return Outcome::absent(Meaning::Malformed);
        };
        let text = match lifetime {
            RawBsonRef::String(text) if self.lifetime_text => digits(text).map(RawBsonRef::Int64),
            lifetime => Some(lifetime),
        };
        let unit = self.lifetime_unit.unwrap_or(Unit::Ms);
        let Some(lifetime) = text.and_then(|value| Lifetime::of(value, unit)) else {
            return Outcome::absent(Meaning::Malformed);
        };
        if self.never_up_to.is_some_and(|never| lifetime.is_at_most(never)) {
            return Outcome::absent(Meaning::Endless);
        }
        let at = DateTime::from_millis(date.timestamp_millis().saturating_add(lifetime.millis()));
        Outcome { at: Some(at), over: at < cutoff, meaning: None }
    }

    fn date(&self, values: &[RawBsonRef<'_>], cutoff: DateTime) -> Outcome {
        // `$lt` matches an array if any value in it matches, and so does a TTL index: the earliest
        // counts.
        let earliest = values.iter().filter_map(|value| value.as_datetime()).min();
        let Some(date) = earliest else { return Outcome::absent(Meaning::Malformed) };
        let over = date.timestamp_millis() < self.limit_millis(cutoff);
        Outcome { at: Some(self.expiry(date)), over, meaning: None }
    }

    fn number(&self, values: &[RawBsonRef<'_>], cutoff: DateTime) -> Outcome {
        let least = values.iter().copied().filter_map(number).min_by(f64::total_cmp);
        let Some(least) = least else { return Outcome::absent(Meaning::Malformed) };
        let limit = self.limit(cutoff);
        // Compare the numbers themselves, because their times are rounded to a millisecond.
        let over = values.iter().any(|value| is_less(*value, &limit));
        let at = self.unit.and_then(|unit| unit.instant(least)).map(|at| self.expiry(at));
        Outcome { at, over, meaning: None }
    }

    fn flag(&self, values: &[RawBsonRef<'_>]) -> Outcome {
        let over = self.over();
        let flags: Vec<bool> = values.iter().filter_map(|value| value.as_bool()).collect();
        // `{path: over}` matches an array that contains the value, whatever else it contains.
        if flags.contains(&over) {
            return Outcome { over: true, ..Outcome::default() };
        }
        Outcome::absent(if flags.is_empty() { Meaning::Malformed } else { Meaning::Endless })
    }
}

fn with_null(mut filter: Document, field: Option<&str>) -> Document {
    filter.extend(field.map(|field| (field.to_owned(), doc! { "$type": "null" }.into())));
    filter
}

/// The lifetime that the document itself holds.
#[derive(Clone, Copy)]
enum Lifetime {
    Double(f64, Unit),
    Decimal(Decimal, Unit),
}

impl Lifetime {
    /// `None` for values that are not numbers or not plausible.
    fn of(value: RawBsonRef<'_>, unit: Unit) -> Option<Self> {
        if let RawBsonRef::Decimal128(decimal) = value {
            let decimal = Decimal::of(decimal)?;
            let most = Decimal::from(LONGEST as i64);
            let least = Decimal::from(-LONGEST as i64);
            let is_within = decimal.compare(most).is_lt() && decimal.compare(least).is_gt();
            return is_within.then_some(Self::Decimal(decimal, unit));
        }
        let lifetime = number(value).filter(|number| number.abs() < LONGEST)?;
        Some(Self::Double(lifetime, unit))
    }

    fn is_at_most(self, number: i64) -> bool {
        match self {
            Self::Double(own, _) => own <= number as f64,
            Self::Decimal(own, _) => own.compare(number.into()).is_le(),
        }
    }

    fn millis(self) -> i64 {
        match self {
            Self::Double(own, unit) => (own * unit.millis()).trunc() as i64,
            Self::Decimal(own, unit) => own.in_millis(unit).truncated(),
        }
    }
}
