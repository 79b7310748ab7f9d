//! The fields of a sample: how often each is there, and with which types.

use std::collections::BTreeMap;

use bson::raw::RawBsonRef;
use bson::{RawDocument, RawDocumentBuf};

use crate::model::document::{Found, find, number};
use crate::model::layout::{BsonType, FieldPath, Unit, type_of};

/// How deep fields are searched. A deeper expiry, such as `data.cookie.expires`, is a copy of
/// another one.
const DEPTH: u8 = 2;
/// A payload may have a key per product, and a draft does not need all of them.
const MOST: usize = 2000;

/// One field of the sample.
#[derive(Debug, Default)]
pub(super) struct Field<'a> {
    /// How many documents have it.
    pub(super) there: usize,
    /// Its types, in the order of their first occurrence.
    pub(super) types: Vec<BsonType>,
    /// Its values.
    pub(super) values: Vec<RawBsonRef<'a>>,
}

/// All fields of a sample, in the order of the documents.
#[derive(Debug)]
pub(super) struct Survey<'a> {
    pub(super) total: usize,
    names: Vec<String>,
    fields: BTreeMap<String, Field<'a>>,
}

/// How the values of a field represent times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    Date,
    Number(Unit),
    /// Text that contains a date.
    Text,
}

impl<'a> Survey<'a> {
    pub(super) fn of(documents: &[&'a RawDocumentBuf]) -> Self {
        let mut survey =
            Self { total: documents.len(), names: Vec::new(), fields: BTreeMap::new() };
        for document in documents {
            survey.add(document, "", DEPTH);
        }
        survey
    }

    fn add(&mut self, document: &'a RawDocument, before: &str, depth: u8) {
        for element in document.iter_elements().map_while(Result::ok) {
            let name = element.key().as_str();
            if !is_plain(name) || self.names.len() >= MOST {
                continue;
            }
            let path = format!("{before}{name}");
            let value = element.value().ok();
            if !self.fields.contains_key(&path) {
                self.names.push(path.clone());
            }
            let field = self.fields.entry(path.clone()).or_default();
            field.there += 1;
            // Text that is not UTF-8 counts as text.
            let kind = value.map_or(Some(BsonType::String), type_of);
            field.types.extend(kind.filter(|kind| !field.types.contains(kind)));
            field.values.extend(value);
            if let (Some(RawBsonRef::Document(inner)), Some(depth)) = (value, depth.checked_sub(1))
            {
                self.add(inner, &format!("{path}."), depth);
            }
        }
    }

    /// Every field, in the order of the documents.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Field<'a>)> {
        self.names.iter().filter_map(|name| Some((name.as_str(), self.fields.get(name)?)))
    }

    /// The fields of the document itself.
    pub(super) fn top(&self) -> impl Iterator<Item = (&str, &Field<'a>)> {
        self.all().filter(|(name, _)| !name.contains('.'))
    }

    pub(super) fn get(&self, path: &str) -> Option<&Field<'a>> {
        self.fields.get(path)
    }

    /// Whether nearly every document has it.
    pub(super) fn has_mostly(&self, field: &Field<'_>) -> bool {
        field.there * 10 >= self.total * 9
    }
}

impl Field<'_> {
    /// Whether all values are of these types.
    pub(super) fn is_all(&self, types: &[BsonType]) -> bool {
        !self.types.is_empty() && self.types.iter().all(|kind| types.contains(kind))
    }

    /// How its values represent times, if at least 80 % do so in the same way: every collection has
    /// some wrong values. Null and numbers up to zero do not count.
    pub(super) fn time(&self) -> Option<Time> {
        let kinds: Vec<Option<Time>> =
            self.values.iter().filter(|value| !says_none(value)).map(time_of).collect();
        let first = kinds.iter().flatten().copied();
        let count = |time: Time| kinds.iter().filter(|kind| **kind == Some(time)).count();
        let (most, time) = first.map(|time| (count(time), time)).max_by_key(|(count, _)| *count)?;
        (most * 5 >= kinds.len() * 4).then_some(time)
    }

    /// How many values represent a time in another way than most, or no time.
    pub(super) fn odd(&self, time: Time) -> usize {
        let values = self.values.iter().filter(|value| !says_none(value));
        values.filter(|value| time_of(value) != Some(time)).count()
    }

    /// The types of the values that represent times in this way, and null.
    pub(super) fn types_of(&self, time: Time) -> Vec<BsonType> {
        let of = |kind: &BsonType| match time {
            Time::Date => *kind == BsonType::Date,
            Time::Number(_) => {
                matches!(kind, BsonType::Int | BsonType::Long | BsonType::Double)
            }
            Time::Text => *kind == BsonType::String,
        };
        self.types.iter().copied().filter(|kind| of(kind) || *kind == BsonType::Null).collect()
    }

    /// The times in milliseconds since 1970, of values in this form.
    pub(super) fn millis(&self, time: Time) -> Vec<i64> {
        let one = |value: &RawBsonRef<'_>| match value {
            RawBsonRef::DateTime(date) => Some(date.timestamp_millis()),
            RawBsonRef::String(text) => {
                bson::DateTime::parse_rfc3339_str(text).ok().map(bson::DateTime::timestamp_millis)
            }
            value => {
                let number = number(*value)?;
                unit_of(number)?.instant(number).map(bson::DateTime::timestamp_millis)
            }
        };
        self.values.iter().filter(|value| time_of(value) == Some(time)).filter_map(one).collect()
    }

    pub(super) fn numbers(&self) -> Vec<f64> {
        self.values.iter().filter_map(|value| number(*value)).collect()
    }
}

/// Whether stores write this value instead of a time.
fn says_none(value: &RawBsonRef<'_>) -> bool {
    matches!(value, RawBsonRef::Null) || number(*value).is_some_and(|number| number <= 0.0)
}

fn time_of(value: &RawBsonRef<'_>) -> Option<Time> {
    match value {
        RawBsonRef::DateTime(_) => Some(Time::Date),
        RawBsonRef::String(text) => is_rfc3339(text).then_some(Time::Text),
        value => unit_of(number(*value)?).map(Time::Number),
    }
}

/// The unit in which a number counts from 1970 to a time between 2001 and 2100.
fn unit_of(number: f64) -> Option<Unit> {
    const SECONDS: std::ops::Range<f64> = 1e9..4.2e9;
    [Unit::S, Unit::Ms, Unit::Ns]
        .into_iter()
        .find(|unit| SECONDS.contains(&(number * unit.millis() / 1000.0)))
}

fn is_rfc3339(text: &str) -> bool {
    text.len() >= 20 && bson::DateTime::parse_rfc3339_str(text).is_ok()
}

/// Whether a name is an ordinary field name. Names with a dot or a control character cannot be used
/// in a record, and should not be printed in a comment.
fn is_plain(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || "_-@ #+!%".contains(letter);
    !name.is_empty()
        && name.len() <= 64
        && name.chars().all(is_letter)
        && name.parse::<FieldPath>().is_ok()
}

/// Whether `document` has something at `path`.
pub(super) fn has(document: &RawDocument, path: &str) -> bool {
    !matches!(find(document, path), Found::Missing)
}
