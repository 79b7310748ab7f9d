//! Expressions for the server that rules are put together from.

use bson::{Bson, Document, doc};

use super::rule::Meaning;
use crate::model::document::Unit;
use crate::model::session::State;

/// The state that a number of [`Layout::state_fact`] is: the highest that a rule gives counts.
pub(crate) fn state_of(fact: i64) -> State {
    match fact {
        3.. => State::Expired,
        2 => State::Live,
        1 => State::Endless,
        _ => State::Malformed,
    }
}

/// The number of a state that the lack of an expiry means.
pub(super) fn code(meaning: Meaning) -> i32 {
    match meaning {
        Meaning::Expired => 3,
        Meaning::Endless => 1,
        Meaning::Malformed => 0,
    }
}

/// Digits, as many as a long may have.
const DIGITS: &str = r"^-?\d{1,19}\z";

pub(super) fn is_number(value: impl Into<Bson>) -> Document {
    doc! { "$in": [{ "$type": value.into() }, ["int", "long", "double", "decimal"]] }
}

pub(super) fn over_or_not(over: Document) -> Document {
    doc! { "$cond": [over, 3, 2] }
}

pub(super) fn is_usable(value: &str, unit: Option<Unit>) -> Document {
    match unit {
        None => doc! { "$eq": [{ "$type": value }, "date"] },
        Some(_) => doc! { "$and": [
            is_number(value),
            // NaN is the least of all numbers, and no instant.
            { "$gt": [value, f64::NAN] },
        ] },
    }
}

pub(super) fn least(field: &str, usable: Document) -> Document {
    doc! { "$min": { "$filter": { "input": field, "as": "this", "cond": usable } } }
}

pub(super) fn millis(value: &str, unit: Option<Unit>) -> Document {
    match unit {
        None => doc! { "$toLong": value },
        Some(Unit::Ms) => doc! { "$floor": value },
        Some(unit) => doc! { "$floor": { "$multiply": [value, unit.millis()] } },
    }
}

/// The instant at `path` in milliseconds since 1970, or null; of an array the earliest.
pub(super) fn instant(path: &str, unit: Option<Unit>) -> Bson {
    let field = format!("${path}");
    let of_array = doc! { "$let": {
        "vars": { "least": least(&field, is_usable("$$this", unit)) },
        "in": millis("$$least", unit),
    } };
    let unusual = doc! { "$cond": [{ "$isArray": &field }, of_array, Bson::Null] };
    doc! { "$cond": [is_usable(&field, unit), millis(&field, unit), unusual] }.into()
}

/// `convert` applied to the number in the text `value`, or to null.
pub(super) fn of_digits(value: &str, convert: impl Fn(&str) -> Bson) -> Bson {
    let number = doc! { "$convert": { "input": value, "to": "long", "onError": Bson::Null } };
    let are_digits = doc! { "$regexMatch": { "input": value, "regex": DIGITS } };
    doc! { "$let": {
        "vars": { "number": { "$cond": [are_digits, number, Bson::Null] } },
        "in": convert("$$number"),
    } }
    .into()
}

pub(super) fn is_text(value: &str) -> Document {
    doc! { "$eq": [{ "$type": value }, "string"] }
}
