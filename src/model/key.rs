//! A value of a document as its raw bytes. Not every `_id` survives decoding: text that is not
//! UTF-8, a document with a field twice, or old binary data of a wrong length. Only its own bytes
//! address such a document.

use std::fmt;

use bson::raw::{RawBsonRef, RawDocumentBuf};
use bson::{Bson, Document, RawDocument};

use crate::model::elements::Elements;
use crate::model::raw::{DATE, DECIMAL, DOCUMENT, DOUBLE, INT32, INT64, Raw, STRING, SYMBOL};
use crate::model::session::{SessionId, shorten};

/// A value as its bytes: the `_id` of a document, or the id by which its store looks it up. It may
/// be as good as a password, so `Debug` shows only its short form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

impl Key {
    /// The `_id` of a document. Writes always address a document by `_id`, even if its store uses
    /// another field.
    pub fn of(document: &RawDocument) -> Option<Self> {
        Self::at(document, "_id")
    }

    /// The value at the dotted `path` of `document`; `None` if an array is on the path.
    pub fn at(document: &RawDocument, path: &str) -> Option<Self> {
        let mut body = document.as_bytes();
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let element = Elements::in_bytes(body).find(|element| element.is_named(name))?;
            if names.peek().is_none() {
                return Some(Self::new(element.kind(), element.bytes()));
            }
            body = Some(element.bytes()).filter(|_| element.kind() == DOCUMENT)?;
        }
        None
    }

    fn new(kind: u8, value: &[u8]) -> Self {
        Self([&[kind], value].concat().into())
    }

    /// The type of the element.
    pub(crate) fn kind(&self) -> u8 {
        self.0[0]
    }

    /// The bytes after the element's name.
    pub(crate) fn value(&self) -> &[u8] {
        &self.0[1..]
    }

    /// Its size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// Whether it is text, valid or not: a collation may treat it as equal to other text.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.kind(), STRING | SYMBOL)
    }

    /// Whether it is a time or a number.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.kind(), DOUBLE | DATE | INT32 | INT64 | DECIMAL)
    }

    /// The value as the driver decodes it; `None` if decoding would change it.
    pub fn bson(&self) -> Option<Bson> {
        let mut alone = Raw::new();
        alone.key("", self);
        let alone = alone.done();
        let decoded = Document::try_from(&*alone).ok()?;
        let again = RawDocumentBuf::try_from(&decoded).ok()?;
        (again == alone).then(|| decoded.into_iter().next()).flatten().map(|(_, value)| value)
    }

    /// Its short form, which never shows a whole id.
    pub fn short(&self) -> String {
        if let Some(value) = self.bson() {
            return SessionId::new(value, "").short();
        }
        let text = match self.kind() {
            // Skip the length at the beginning, and the zero at the end.
            STRING | SYMBOL => self.value().get(4..self.value().len().saturating_sub(1)),
            _ => None,
        };
        match text {
            Some(text) => shorten(&String::from_utf8_lossy(text)),
            None => {
                shorten(&self.value().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
            }
        }
    }
}

impl From<&Bson> for Key {
    fn from(value: &Bson) -> Self {
        let mut alone = bson::raw::RawDocumentBuf::new();
        match bson::raw::RawBson::try_from(value.clone()) {
            Ok(value) => alone.append(bson::raw::cstr!("a"), value),
            // Only a field name with a zero byte cannot be encoded.
            Err(_) => alone.append(bson::raw::cstr!("a"), RawBsonRef::Null),
        }
        Self::at(&alone, "a").unwrap_or_else(|| Self::new(0x0A, &[]))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::from(&Bson::from(text))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}...)", self.short())
    }
}

impl Raw {
    pub(crate) fn key(&mut self, name: &str, key: &Key) {
        self.put(name, key.kind(), key.value());
    }

    pub(crate) fn keys<'a>(&mut self, name: &str, keys: impl IntoIterator<Item = &'a Key>) {
        self.array(name, keys.into_iter().map(|key| (key.kind(), key.value())));
    }
}

/// `{name: {operator: value}, ...}`, for a range or a comparison with one value.
pub(crate) fn compared(path: &str, with: &[(&str, &Key)]) -> RawDocumentBuf {
    let (mut conditions, mut filter) = (Raw::new(), Raw::new());
    with.iter().for_each(|(operator, key)| conditions.key(operator, key));
    filter.document(path, &conditions.done());
    filter.done()
}

/// `{path: {$in: keys}}`.
pub(crate) fn among<'a>(path: &str, keys: impl IntoIterator<Item = &'a Key>) -> RawDocumentBuf {
    let (mut conditions, mut filter) = (Raw::new(), Raw::new());
    conditions.keys("$in", keys);
    filter.document(path, &conditions.done());
    filter.done()
}

/// The document with the value of the dotted `path` set as the server's `$set` does it: in its place,
/// or after the last field. `None` if the server refuses that, and if the path leads through an array.
pub(crate) fn with_value(
    document: &RawDocument,
    path: &str,
    value: &Key,
) -> Option<RawDocumentBuf> {
    with_element(document.as_bytes(), path, value)
}

fn with_element(body: &[u8], path: &str, value: &Key) -> Option<RawDocumentBuf> {
    let (name, inner) =
        path.split_once('.').map_or((path, None), |(name, inner)| (name, Some(inner)));
    let set = |kind: u8, old: &[u8]| match inner {
        None => Some((value.kind(), value.value().to_vec())),
        Some(inner) if kind == DOCUMENT => {
            Some((DOCUMENT, with_element(old, inner, value)?.into_bytes()))
        }
        Some(_) => None,
    };
    let (mut all, mut is_set) = (Raw::new(), false);
    for element in Elements::in_bytes(body) {
        // If a field occurs twice, the first one counts.
        if element.is_named(name) && !is_set {
            let (kind, new) = set(element.kind(), element.bytes())?;
            all.put(name, kind, &new);
            is_set = true;
        } else {
            all.put(element.name(), element.kind(), element.bytes());
        }
    }
    if !is_set {
        let (kind, new) = set(DOCUMENT, RawDocumentBuf::new().as_bytes())?;
        all.put(name, kind, &new);
    }
    Some(all.done())
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::model::raw::all_raw;

    fn raw(bytes: &[u8]) -> RawDocumentBuf {
        let length = i32::try_from(bytes.len() + 5).unwrap();
        let document = [&length.to_le_bytes(), bytes, &[0]].concat();
        RawDocumentBuf::from_bytes(document).unwrap()
    }

    #[test]
    fn the_bytes_of_an_id_are_found_behind_whatever_is_not_utf8_and_are_kept_as_they_are() {
        // {"\xff": "\xff", _id: {a: 1, a: 2}}
        let id = doc! { "a": 1 };
        let mut twice = Raw::new();
        let one = RawDocumentBuf::try_from(&id).unwrap();
        twice.extend(&one);
        twice.extend(&one);
        let twice = twice.done();
        let mut bytes = b"\x02\xff\0\x02\0\0\0\xff\0\x03_id\0".to_vec();
        bytes.extend(twice.as_bytes());
        let document = raw(&bytes);
        let key = Key::of(&document).unwrap();
        assert_eq!((key.kind(), key.value()), (DOCUMENT, twice.as_bytes()));
        assert_eq!(key.bson(), None);
        assert_eq!(Key::at(&document, "_id.a"), Some(Key::from(&Bson::from(1))));
    }

    #[test]
    fn every_type_of_a_value_has_its_length() {
        let scope = bson::JavaScriptCodeWithScope { code: "f()".into(), scope: doc! { "a": 1 } };
        let document = doc! {
            "double": 1.5, "text": "a", "document": { "a": 1 }, "array": [1, 2],
            "binary": bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2] },
            "oid": bson::oid::ObjectId::from_bytes([7; 12]), "bool": true,
            "date": bson::DateTime::from_millis(1), "null": null,
            "regex": Bson::RegularExpression(bson::Regex { pattern: bson::raw::cstr!("a").into(), options: bson::raw::cstr!("i").into() }),
            "code": Bson::JavaScriptCode("f()".into()), "scope": scope,
            "symbol": Bson::Symbol("s".into()), "int": 1, "long": 1_i64,
            "timestamp": Bson::Timestamp(bson::Timestamp { time: 1, increment: 1 }),
            "decimal": "1.5".parse::<bson::Decimal128>().unwrap(), "min": Bson::MinKey,
            "max": Bson::MaxKey, "undefined": Bson::Undefined, "_id": 1,
        };
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        for (name, value) in &document {
            let key = Key::at(&raw, name).unwrap();
            assert_eq!(key.bson().as_ref(), Some(value), "{name}");
            assert_eq!(Key::from(value), key, "{name}");
        }
        assert_eq!(Key::at(&raw, "array.0"), None);
        assert_eq!(Key::at(&raw, "nowhere"), None);
    }

    #[test]
    fn no_key_is_shown_whole() {
        assert_eq!(
            format!("{:?}", Key::from("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN")),
            "Key(7ZQOhQlxWzrh...)"
        );
        let document = raw(b"\x02_id\0\x09\0\0\0bad\xff1234\0");
        assert_eq!(Key::of(&document).unwrap().short(), "bad\u{FFFD}");
    }

    #[test]
    fn clauses_are_put_together_raw() {
        let empty = RawDocumentBuf::new();
        let one = among("_id", [&Key::from("a")]);
        let rest = RawDocumentBuf::try_from(&doc! { "x": 1 }).unwrap();
        let both = all_raw([&*one, &empty, &rest]);
        let wanted = doc! { "$and": [{ "_id": { "$in": ["a"] } }, { "x": 1 }] };
        assert_eq!(Document::try_from(&*both).unwrap(), wanted);
        let range = compared("_id", &[("$gte", &Key::from("a")), ("$lt", &Key::from("b"))]);
        assert_eq!(
            Document::try_from(&*range).unwrap(),
            doc! { "_id": { "$gte": "a", "$lt": "b" } }
        );
    }
}
