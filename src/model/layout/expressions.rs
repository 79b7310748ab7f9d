//! Building blocks for the expressions of rules.

use bson::{Bson, Document, doc};

use super::rule::Meaning;
use crate::model::document::Unit;
use crate::model::session::State;

/// The state for a number of [`Layout::state_fact`]. The highest number that a rule gives wins.
pub(crate) fn state_of(fact: i64) -> State {
    match fact {
        3.. => State::Expired,
        2 => State::Live,
        1 => State::Endless,
        _ => State::Malformed,
    }
}

/// The number of the state that a missing expiry means.
pub(super) fn code(meaning: Meaning) -> i32 {
    match meaning {
        Meaning::Expired => 3,
        Meaning::Endless => 1,
        Meaning::Malformed => 0,
    }
}

/// Digits, up to the length of a 64-bit integer.
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
            // NaN sorts below all numbers, and is not a time.
            { "$gt": [value, f64::NAN] },
        ] },
    }
}

/// The least usable value in the array at a path.
pub(super) fn least(path: &str, usable: Document) -> Document {
    doc! { "$min": { "$filter": { "input": items(path), "as": "this", "cond": usable } } }
}

/// The values in the array at a path. If an array is on the path, the result is an array with the
/// value of each of its documents; arrays inside it are flattened, as in a filter.
pub(super) fn items(path: &str) -> Bson {
    let field = format!("${path}");
    let Some(through) = leads_through_array(path) else { return field.into() };
    let each = doc! { "$cond": [{ "$isArray": "$$this" }, "$$this", ["$$this"]] };
    let flat = doc! { "$reduce": {
        "input": &field,
        "initialValue": [],
        "in": { "$concatArrays": ["$$value", each] },
    } };
    doc! { "$cond": [through, flat, field] }.into()
}

/// Whether the field at a path is missing.
pub(super) fn is_missing(path: &str) -> Document {
    let field = format!("${path}");
    let missing = doc! { "$eq": [{ "$type": &field }, "missing"] };
    match leads_through_array(path) {
        None => missing,
        Some(through) => {
            let none = doc! { "$and": [through, { "$eq": [field, []] }] };
            doc! { "$or": [missing, none] }
        }
    }
}

/// Whether an array is on a path of several names.
fn leads_through_array(path: &str) -> Option<Document> {
    let outer = outer_paths(path).map(|outer| doc! { "$isArray": format!("${outer}") });
    let outer: Vec<Document> = outer.collect();
    (!outer.is_empty()).then(|| doc! { "$or": outer })
}

/// The prefixes of a path.
pub(super) fn outer_paths(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(at, _)| &path[..at])
}

/// This value if the field exists, else null, which `$max` and `$min` ignore.
pub(super) fn of_known(value: &str, this: Document) -> Document {
    doc! { "$cond": [{ "$gt": [value, Bson::Null] }, this, Bson::Null] }
}

/// The limit of a date in milliseconds.
const FURTHEST: f64 = 9.3e18;

pub(super) fn millis(value: &str, unit: Option<Unit>) -> Document {
    let number: Bson = match unit {
        None => return doc! { "$toLong": value },
        Some(Unit::Ms) => value.into(),
        Some(unit) => doc! { "$multiply": [value, unit.millis()] }.into(),
    };
    // `$floor` turns an infinite or very large decimal into NaN.
    within(-FURTHEST, number, FURTHEST, |number| doc! { "$floor": number })
}

/// The result of `make` for a number between the limits, else null.
pub(super) fn within(
    first: impl Into<Bson>,
    number: impl Into<Bson>,
    last: impl Into<Bson>,
    make: impl FnOnce(Document) -> Document,
) -> Document {
    make(doc! { "$max": [first.into(), { "$min": [number.into(), last.into()] }] })
}

/// The time at `path` in milliseconds since 1970, or null; in an array, the earliest.
pub(super) fn instant(path: &str, unit: Option<Unit>) -> Bson {
    let field = format!("${path}");
    let of_array = doc! { "$let": {
        "vars": { "least": least(path, is_usable("$$this", unit)) },
        "in": of_known("$$least", millis("$$least", unit)),
    } };
    let unusual = doc! { "$cond": [{ "$isArray": &field }, of_array, Bson::Null] };
    doc! { "$cond": [is_usable(&field, unit), millis(&field, unit), unusual] }.into()
}

/// The result of `tell` for the number in the text `value`, or null.
pub(super) fn of_digits(value: &str, tell: impl Fn(&str) -> Bson) -> Bson {
    let of_digits = number_of_text(value, DIGITS, |number| number.into());
    doc! { "$let": { "vars": { "number": of_digits }, "in": tell("$$number") } }.into()
}

/// The result of `tell` for the whole number in the text `value` if it matches, else null.
pub(super) fn number_of_text(value: &str, regex: &str, tell: impl Fn(&str) -> Bson) -> Document {
    let number = doc! { "$convert": { "input": value, "to": "long", "onError": Bson::Null } };
    let matches = doc! { "$regexMatch": { "input": value, "regex": regex } };
    doc! { "$let": {
        "vars": { "whole": number },
        // A regular expression fails on text that is not UTF-8, which no number is.
        "in": { "$cond": [
            { "$eq": ["$$whole", Bson::Null] },
            Bson::Null,
            { "$cond": [matches, tell("$$whole"), Bson::Null] },
        ] },
    } }
}

/// Whether a text consists of these characters only, so that a regular expression does not fail on
/// it: that fails on text that is not UTF-8.
pub(super) fn has_only(value: impl Into<Bson>, letters: &str) -> Document {
    doc! { "$eq": [{ "$trim": { "input": value.into(), "chars": letters } }, ""] }
}

pub(super) fn is_text(value: &str) -> Document {
    doc! { "$eq": [{ "$type": value }, "string"] }
}

/// Whether a document, such as `$$ROOT`, has no field twice, not looking into the documents in it. It holds for
/// other values. The server spends less on this than on one field by its name.
pub(crate) fn has_each_field_once(document: &str) -> Document {
    let count = |document: Bson| doc! { "$size": { "$objectToArray": document } };
    // Merging keeps one field of each name.
    let merged = doc! { "$mergeObjects": [document] };
    let has = doc! { "$eq": [count(document.into()), count(merged.into())] };
    match document {
        "$$ROOT" => has,
        _ => {
            let is_document = doc! { "$eq": [{ "$type": document }, "object"] };
            doc! { "$cond": [is_document, has, true] }
        }
    }
}

/// Whether no field on the way is there twice, as an expression. An update by a pipeline would set both,
/// even if it only reads the field, and mongod 6.0.5 ends when they change (an invariant of
/// `DocumentSubDiffNode`).
pub(crate) fn is_single(path: &str) -> Document {
    let mut outer = "$$ROOT".to_owned();
    let mut singles = Vec::new();
    for name in path.split('.') {
        let is_named = doc! { "$eq": ["$$this.k", { "$literal": name }] };
        let fields = doc! { "$objectToArray": &outer };
        let named = doc! { "$filter": { "input": fields, "cond": is_named } };
        let is_document = doc! { "$eq": [{ "$type": &outer }, "object"] };
        let is_single = doc! { "$lte": [{ "$size": named }, 1] };
        singles.push(doc! { "$cond": [is_document, is_single, true] });
        outer = match outer.as_str() {
            "$$ROOT" => format!("${name}"),
            outer => format!("{outer}.{name}"),
        };
    }
    doc! { "$and": singles }
}
