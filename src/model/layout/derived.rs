//! Expiries that need more than a comparison with the field: text that contains a date or a number,
//! text inside text, and numbers that mean "never".
//!
//! Each becomes one value in milliseconds, as an expression for the server and as a function here.
//! Every filter and expression compares this value, so that they agree. No index supports an
//! expression, so the filter for expired sessions also compares the field itself if possible.

use bson::raw::RawBsonRef;
use bson::{Bson, DateTime, Document, doc};

use super::dates;
use super::expressions::{
    code, is_missing, is_text, is_usable, millis, of_digits, of_known, over_or_not,
};
use super::rule::{Clock, Kind, Meaning, Outcome, Rule, clause, digits};
use crate::model::document::{Found, Unit};
use crate::model::number::millis_of;
use crate::model::payload;

/// 2000-01-01. `doctor` takes earlier expiries for numbers in a wrong unit.
const LONG_AGO_MS: i64 = 946_684_800_000;

impl Rule {
    /// The value in milliseconds above which there is a time. Null is below all numbers.
    fn floor(&self) -> Bson {
        let millis = |never: i64| Bson::from(self.in_millis(never as f64));
        self.never_up_to.map_or(Bson::Null, millis)
    }

    fn in_millis(&self, number: f64) -> i64 {
        self.unit.map_or(number, |unit| number * unit.millis()).floor() as i64
    }

    /// The value at the path in milliseconds, or null.
    fn value(&self) -> Bson {
        let field = self.field();
        let text = if self.text { self.value_of_text() } else { Bson::Null };
        let typed = millis(&field, self.unit);
        doc! { "$cond": [is_usable(&field, self.unit), typed, text] }.into()
    }

    fn value_of_text(&self) -> Bson {
        let read: Bson = match self.unit {
            None => doc! { "$toLong": dates::rfc3339("$$text") }.into(),
            Some(unit) => {
                of_digits("$$text", |number| of_known(number, millis(number, Some(unit))).into())
            }
        };
        let said = doc! { "$let": { "vars": { "text": self.said() }, "in": read } };
        doc! { "$cond": [is_text(&self.field()), said, Bson::Null] }.into()
    }

    /// The text with the time: the one at the path, or what follows the mark in it.
    fn said(&self) -> Bson {
        let Some(mark) = &self.after else { return self.field().into() };
        // Not with `$substrBytes`, which fails before bytes that are not UTF-8. If the mark occurs
        // again before any quotation mark, the text between the two is more than a time.
        let said = doc! { "$arrayElemAt": [{ "$split": ["$$rest", "\""] }, 0] };
        let is_said = doc! { "$or": [
            mark.starts_with('"'),
            { "$eq": [{ "$size": "$$parts" }, 2] },
            { "$gte": [{ "$indexOfBytes": ["$$rest", "\""] }, 0] },
        ] };
        let after = doc! { "$let": {
            "vars": { "rest": { "$arrayElemAt": ["$$parts", 1] } },
            "in": { "$cond": [is_said, said, ""] },
        } };
        doc! { "$let": {
            "vars": { "parts": { "$split": [self.searched(), mark] } },
            "in": { "$cond": [{ "$lt": [{ "$size": "$$parts" }, 2] }, "", after] },
        } }
        .into()
    }

    /// The part of the text in which the mark is looked for.
    fn searched(&self) -> Bson {
        match &self.before {
            None => self.field().into(),
            Some(end) => doc! { "$arrayElemAt": [{ "$split": [self.field(), end] }, 0] }.into(),
        }
    }

    /// Whether the text at the path lacks the mark, which counts as missing.
    fn lacks_mark(&self) -> Option<Document> {
        let mark = self.after.as_ref()?;
        let place = doc! { "$indexOfBytes": [self.searched(), mark] };
        Some(doc! { "$cond": [is_text(&self.field()), { "$lt": [place, 0] }, false] })
    }

    fn with_value(&self, expression: Document) -> Document {
        doc! { "$let": { "vars": { "at": self.value() }, "in": expression } }
    }

    /// The documents whose time is before `time`.
    pub(super) fn derived_before(&self, time: DateTime) -> Document {
        let below = doc! { "$lt": ["$$at", self.limit_millis(time)] };
        let expression =
            self.with_value(doc! { "$and": [{ "$gt": ["$$at", self.floor()] }, below] });
        let mut filter = doc! { "$expr": expression };
        if !self.text {
            filter.insert(self.path(), doc! { "$lt": self.limit(time) });
        }
        filter
    }

    /// The documents whose time is not before `time`.
    pub(super) fn derived_live(&self, time: DateTime) -> Document {
        let above = doc! { "$gte": ["$$at", self.limit_millis(time)] };
        let expression = doc! { "$and": [{ "$gt": ["$$at", self.floor()] }, above] };
        doc! { "$expr": self.with_value(expression) }
    }

    /// The documents without a time: "never", or no value.
    pub(super) fn derived_means(&self, meaning: Meaning) -> Vec<Document> {
        let never = doc! { "$and": [
            { "$gt": ["$$at", Bson::Null] },
            { "$lte": ["$$at", self.floor()] },
        ] };
        let never = doc! { "$expr": self.with_value(never) };
        let is_never = self.never_up_to.is_some() && meaning == Meaning::Endless;
        let mut clauses = clause(is_never, never);
        if let Some(lacks) = self.lacks_mark().filter(|_| self.missing == meaning) {
            clauses.push(doc! { "$expr": lacks });
        }
        clauses
    }

    /// The time in milliseconds, or null.
    pub(super) fn derived_instant(&self) -> Bson {
        let at = doc! { "$add": ["$$at", self.lifetime_millis()] };
        let expression = doc! { "$cond": [{ "$gt": ["$$at", self.floor()] }, at, Bson::Null] };
        self.with_value(expression).into()
    }

    /// The state as a number; see `aggregation`.
    pub(super) fn derived_fact(&self, cutoff: Clock, first: bool) -> Bson {
        let code = |meaning| if first { code(meaning) } else { 0 };
        let limit: Bson = match cutoff {
            Clock::At(time) => self.limit_millis(time).into(),
            Clock::Server => {
                doc! { "$subtract": [{ "$toLong": cutoff.now() }, self.lifetime_millis()] }.into()
            }
        };
        let dated = over_or_not(doc! { "$lt": ["$$at", limit] });
        let mut branches = vec![doc! { "case": { "$gt": ["$$at", self.floor()] }, "then": dated }];
        if self.never_up_to.is_some() {
            let never = code(Meaning::Endless);
            branches.push(doc! { "case": { "$gt": ["$$at", Bson::Null] }, "then": never });
        }
        let null = doc! { "$eq": [{ "$type": self.field() }, "null"] };
        for (is_it, meaning) in [(is_missing(self.path()), self.missing), (null, self.null)] {
            branches.push(doc! { "case": is_it, "then": code(meaning) });
        }
        if let Some(lacks) = self.lacks_mark() {
            branches.push(doc! { "case": lacks, "then": code(self.missing) });
        }
        self.with_value(doc! { "$switch": { "branches": branches, "default": 0 } }).into()
    }

    /// What the value at the path means.
    pub(super) fn derived(&self, found: &Found<'_>, cutoff: DateTime) -> Outcome {
        let text = match found {
            Found::One(RawBsonRef::String(text)) if self.text => Some(*text),
            // The time may be readable although other parts of the text are not UTF-8.
            Found::NotUtf8(text) if self.text => Some(text.as_str()),
            _ => None,
        };
        let value = match (found, text) {
            (_, Some(text)) => match self.said_in(text) {
                None => return Outcome::absent(self.missing),
                Some(said) => self.instant_in(said),
            },
            (Found::One(RawBsonRef::DateTime(date)), None) if self.kind == Kind::Date => {
                Some(date.timestamp_millis())
            }
            (Found::One(value), None) => self.unit.and_then(|unit| millis_of(*value, unit)),
            _ => None,
        };
        match (value, self.never_up_to) {
            (None, _) => Outcome::absent(Meaning::Malformed),
            (Some(value), Some(never)) if value <= self.in_millis(never as f64) => {
                Outcome::absent(Meaning::Endless)
            }
            (Some(value), _) => Outcome {
                at: Some(self.expiry(DateTime::from_millis(value))),
                over: value < self.limit_millis(cutoff),
                meaning: None,
            },
        }
    }

    fn said_in<'a>(&self, text: &'a str) -> Option<&'a str> {
        let Some(mark) = &self.after else { return Some(text) };
        let end = self.before.as_ref().and_then(|end| text.find(end.as_str()));
        let (_, rest) = text[..end.unwrap_or(text.len())].split_once(mark.as_str())?;
        Some(rest.split('"').next().unwrap_or(rest))
    }

    fn instant_in(&self, said: &str) -> Option<i64> {
        match self.unit {
            None => dates::rfc3339_millis(said),
            Some(_) => digits(said).map(|number| self.in_millis(number as f64)),
        }
    }

    /// The value of the field, as the store writes it, of a session that is over since `time`. If
    /// the field is the last touch, the lifetime is still added to it. The application may have a
    /// longer one than the operator or an index says, so such a touch goes back by decades.
    pub(super) fn over_since(&self, time: DateTime) -> Bson {
        let value = match self.lifetime_from {
            Some(_) => self.value_at(LONG_AGO_MS),
            None => self.limit(time),
        };
        match (self.kind, value) {
            (Kind::Flag, _) => self.over().into(),
            (_, Bson::DateTime(date)) if self.text => payload::time(date).into(),
            (_, value) if self.text => value.to_string().into(),
            (_, value) => value,
        }
    }
}

/// An expression that formats milliseconds as [`Rule::over_since`] does.
pub(super) fn text_of_millis(unit: Option<Unit>, millis: Bson) -> Document {
    match unit {
        None => doc! { "$dateToString": {
            "date": { "$toDate": millis },
            "format": "%Y-%m-%dT%H:%M:%S.%LZ",
        } },
        Some(unit) => {
            let number = doc! { "$divide": [millis, unit.millis()] };
            doc! { "$toString": { "$toLong": { "$round": [number, 0] } } }
        }
    }
}
