//! Looks up values in raw documents by dotted paths, as the server does, and reads them.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use bson::raw::{RawArray, RawBsonRef};
use bson::{Bson, DateTime, RawDocument};
use serde::Deserialize;

use super::elements::{Element, Elements, REPLACED};
pub use super::number::Unit;
use super::number::millis_of;
pub(crate) use super::number::{digits, number, whole};

/// A dotted path that the server accepts: no name in it is empty or begins with `$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct FieldPath(String);

impl FieldPath {
    /// The path in the server's form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FieldPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        if path
            .split('.')
            .any(|name| name.is_empty() || name.starts_with('$') || name.contains('\0'))
        {
            return Err(format!("`{path}` is not the path of a field, such as `data.expires`"));
        }
        Ok(Self(path))
    }
}

impl FromStr for FieldPath {
    type Err = String;

    fn from_str(path: &str) -> Result<Self, String> {
        path.to_owned().try_into()
    }
}

impl Deref for FieldPath {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for FieldPath {
    fn as_ref(&self) -> &str {
        self
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl PartialEq<str> for FieldPath {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for FieldPath {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.0
    }
}

impl From<&FieldPath> for String {
    fn from(path: &FieldPath) -> Self {
        path.0.clone()
    }
}

/// The result of looking up a path.
#[derive(Debug, Clone)]
pub(crate) enum Found<'a> {
    Missing,
    /// One value, which may be an array.
    One(RawBsonRef<'a>),
    /// The path leads through an array, to these values.
    Several(Vec<RawBsonRef<'a>>),
    /// Text that is not UTF-8, as some old drivers wrote it.
    NotUtf8(String),
}

/// A document and its fields, which are found once, when the first is needed. A row needs many of
/// them, and each separate search would scan the document from its start.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    pub(crate) document: &'a RawDocument,
    elements: OnceCell<Vec<Element<'a>>>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(document: &'a RawDocument) -> Self {
        Self { document, elements: OnceCell::new() }
    }

    fn elements(&self) -> &[Element<'a>] {
        self.elements.get_or_init(|| {
            // Most sessions have at most this many, so that the list need not grow.
            let mut elements = Vec::with_capacity(8);
            elements.extend(Elements::of(self.document));
            elements
        })
    }

    /// The value at the dotted `path`.
    pub(crate) fn find(&self, path: &str) -> Found<'a> {
        first(self.elements().iter().copied(), path)
    }

    /// Whether there is text in the field `path`. It is not read, which takes as long as it is.
    pub(crate) fn has_text(&self, path: &str) -> bool {
        let at = |element: &&Element<'_>| element.leads_along(path).is_some();
        let element = self.elements().iter().find(at);
        element.is_some_and(|element| element.is_text() && element.is_named(path))
    }
}

/// The value at the dotted `path` of `document`. If fields have the same name, the first counts, as
/// for the server.
pub(crate) fn find<'a>(document: &'a RawDocument, path: &str) -> Found<'a> {
    first(Elements::of(document), path)
}

fn first<'a>(mut elements: impl Iterator<Item = Element<'a>>, path: &str) -> Found<'a> {
    let found = elements.find_map(|element| Some((element, element.leads_along(path)?)));
    found.map_or(Found::Missing, |(element, rest)| value(&element, rest))
}

/// The value of `element`, or the value at `rest` inside it.
fn value<'a>(element: &Element<'a>, rest: Option<&str>) -> Found<'a> {
    let Some(rest) = rest else {
        // Nearly all values can be read, and their text is checked only once.
        return match element.readable_value() {
            Some(value) => Found::One(value),
            None => match element.text_that_is_not_utf8() {
                Some(text) => Found::NotUtf8(text),
                None => Found::One(element.value()),
            },
        };
    };
    match element.value() {
        RawBsonRef::Document(inner) => find(inner, rest),
        RawBsonRef::Array(array) => through(array, rest),
        _ => Found::Missing,
    }
}

fn through<'a>(array: &'a RawArray, rest: &str) -> Found<'a> {
    let mut values = Vec::new();
    for element in Elements::of_array(array) {
        // Like the server, this looks through one array only: it finds no names in an array inside
        // an array.
        if let RawBsonRef::Document(inner) = element.value() {
            match find(inner, rest) {
                Found::One(value) => values.push(value),
                Found::Several(several) => values.extend(several),
                Found::NotUtf8(_) => values.push(RawBsonRef::String(REPLACED)),
                Found::Missing => {}
            }
        }
    }
    if values.is_empty() { Found::Missing } else { Found::Several(values) }
}

/// The time in a value: a date (the earliest one of an array), or a number in `unit` since 1970.
pub(crate) fn instant(found: Found<'_>, unit: Option<Unit>) -> Option<DateTime> {
    let one = |value: RawBsonRef<'_>| match (value, unit) {
        (RawBsonRef::DateTime(date), None) => Some(date),
        (value, Some(unit)) => Some(DateTime::from_millis(millis_of(value, unit)?)),
        _ => None,
    };
    match found {
        // Most layouts have dates that most documents lack, and nearly every other is one date.
        Found::Missing => None,
        Found::One(value @ RawBsonRef::DateTime(_)) => one(value),
        found => each(found).into_iter().filter_map(one).min(),
    }
}

/// The values that the server compares one by one: those of an array, or the value itself.
pub(crate) fn each(found: Found<'_>) -> Vec<RawBsonRef<'_>> {
    let elements = |value| match value {
        RawBsonRef::Array(array) => {
            Elements::of_array(array).map(|element| element.value()).collect()
        }
        value => vec![value],
    };
    match found {
        Found::Missing => Vec::new(),
        Found::NotUtf8(_) => vec![RawBsonRef::String(REPLACED)],
        Found::One(value) => elements(value),
        Found::Several(values) => values.into_iter().flat_map(elements).collect(),
    }
}

/// A value that can be a user's id, as text.
pub(crate) fn text_of(value: RawBsonRef<'_>) -> Option<String> {
    match value {
        RawBsonRef::String(text) => Some(text.to_owned()).filter(|text| !text.is_empty()),
        RawBsonRef::Int32(number) => Some(number.to_string()),
        RawBsonRef::Int64(number) => Some(number.to_string()),
        RawBsonRef::Double(number) => {
            let integer = whole(number);
            Some(integer.map_or_else(|| number.to_string(), |integer| integer.to_string()))
        }
        RawBsonRef::Decimal128(number) => Some(number.to_string()),
        RawBsonRef::ObjectId(id) => Some(id.to_hex()),
        RawBsonRef::Binary(binary) if binary.bytes.len() == 16 => {
            let bytes: [u8; 16] = binary.bytes.try_into().ok()?;
            Some(bson::Uuid::from_bytes(bytes).to_string())
        }
        _ => None,
    }
}

/// An owned copy of the value. Text inside it that is not UTF-8 becomes null.
pub(crate) fn owned(value: RawBsonRef<'_>) -> Bson {
    Bson::try_from(value).unwrap_or(Bson::Null)
}
