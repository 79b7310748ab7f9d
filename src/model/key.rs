//! A value of a document as its raw bytes. Not every `_id` survives decoding: text that is not
//! UTF-8, a document with a field twice, or old binary data of a wrong length. Only its own bytes
//! address such a document.

use std::borrow::Cow;
use std::fmt;

use bson::raw::{RawBsonRef, RawDocumentBuf};
use bson::{Bson, Document, RawDocument};

use crate::model::session::{SessionId, shorten};

/// The element types that this module distinguishes.
const DOUBLE: u8 = 0x01;
const STRING: u8 = 0x02;
pub(crate) const DOCUMENT: u8 = 0x03;
const ARRAY: u8 = 0x04;
const DATE: u8 = 0x09;
const SYMBOL: u8 = 0x0E;
const INT32: u8 = 0x10;
const INT64: u8 = 0x12;
const DECIMAL: u8 = 0x13;

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
            let (kind, value) = element(body, name)?;
            if names.peek().is_none() {
                return Some(Self::new(kind, value));
            }
            body = Some(value).filter(|_| kind == DOCUMENT)?;
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

/// The type and the value of the first element called `name` in the bytes of a document, even if
/// elements before it cannot be read.
fn element<'a>(document: &'a [u8], name: &str) -> Option<(u8, &'a [u8])> {
    let mut rest = document.get(4..)?;
    loop {
        let (kind, after) = rest.split_first()?;
        let end = after.iter().position(|byte| *byte == 0)?;
        let (found, value) = (&after[..end], &after[end + 1..]);
        let size = size(*kind, value)?;
        if found == name.as_bytes() {
            return Some((*kind, value.get(..size)?));
        }
        rest = value.get(size..)?;
    }
}

/// The size of the value at the beginning of `bytes`.
fn size(kind: u8, bytes: &[u8]) -> Option<usize> {
    let length = || usize::try_from(i32::from_le_bytes(*bytes.first_chunk()?)).ok();
    let text = |bytes: &[u8]| bytes.iter().position(|byte| *byte == 0).map(|end| end + 1);
    Some(match kind {
        0x06 | 0x0A | 0x7F | 0xFF => 0,
        0x08 => 1,
        INT32 => 4,
        DOUBLE | DATE | 0x11 | INT64 => 8,
        0x07 => 12,
        DECIMAL => 16,
        STRING | 0x0D | SYMBOL => length()?.checked_add(4)?,
        DOCUMENT | ARRAY | 0x0F => length()?,
        0x05 => length()?.checked_add(5)?,
        0x0C => length()?.checked_add(16)?,
        0x0B => {
            let pattern = text(bytes)?;
            pattern + text(bytes.get(pattern..)?)?
        }
        _ => return None,
    })
}

/// The number of bytes kept of each value if only the structure of a document matters.
const SHAPE: usize = 64 << 10;
/// The number of elements kept of each array in that case.
const SHAPE_ELEMENTS: usize = 100;

/// The document with long text and binary data cut in the middle, and long arrays cut at the end.
/// Its fields and their types stay the same.
pub(crate) fn shape_of(document: &RawDocument) -> RawDocumentBuf {
    if document.as_bytes().len() <= SHAPE {
        return document.to_owned();
    }
    shape(document.as_bytes(), usize::MAX).unwrap_or_else(|| document.to_owned())
}

fn shape(body: &[u8], most: usize) -> Option<RawDocumentBuf> {
    let mut shape_of_all = Raw::new();
    let mut rest = body.get(4..)?;
    for _ in 0..most {
        let (kind, after) = rest.split_first()?;
        if *kind == 0 {
            break;
        }
        let end = after.iter().position(|byte| *byte == 0)?;
        let (name, value) = (&after[..end], &after[end + 1..]);
        let size = size(*kind, value)?;
        let (value, left) = value.split_at_checked(size)?;
        let cut: Cow<'_, [u8]> = match *kind {
            _ if size <= SHAPE => value.into(),
            DOCUMENT => shape(value, usize::MAX)?.into_bytes().into(),
            ARRAY => shape(value, SHAPE_ELEMENTS)?.into_bytes().into(),
            STRING => {
                let text = value.get(4..size - 1)?;
                let cut = match std::str::from_utf8(text) {
                    Ok(text) => {
                        let is_whole = |at: &usize| text.is_char_boundary(*at);
                        let head = (0..=SHAPE / 2).rev().find(is_whole)?;
                        let tail = (text.len() - SHAPE / 2..=text.len()).find(is_whole)?;
                        [&text.as_bytes()[..head], &text.as_bytes()[tail..]].concat()
                    }
                    Err(_) => text[..SHAPE].to_vec(),
                };
                let length = i32::try_from(cut.len() + 1).ok()?;
                [&length.to_le_bytes()[..], &cut, &[0]].concat().into()
            }
            // Skip the length, which is written anew; the subtype stays.
            0x05 if value[4] != 0x02 => {
                let length = i32::try_from(SHAPE).ok()?;
                [&length.to_le_bytes()[..], &value[4..5 + SHAPE]].concat().into()
            }
            _ => value.into(),
        };
        shape_of_all.0.push(*kind);
        shape_of_all.0.extend(name);
        shape_of_all.0.push(0);
        shape_of_all.0.extend(&*cut);
        rest = left;
    }
    Some(shape_of_all.done())
}

/// How many values a document has, including nested ones. Counting stops above `most`.
pub(crate) fn count_values(body: &[u8], most: usize) -> Option<usize> {
    let mut rest = body.get(4..)?;
    let mut count = 0;
    while count < most {
        let (kind, after) = rest.split_first()?;
        if *kind == 0 {
            break;
        }
        let name = after.iter().position(|byte| *byte == 0)?;
        let value = &after[name + 1..];
        let size = size(*kind, value)?;
        count += 1;
        if matches!(*kind, DOCUMENT | ARRAY) {
            count += count_values(value.get(..size)?, most - count)?;
        }
        rest = value.get(size..)?;
    }
    Some(count)
}

/// A document built from raw values, which a `Document` cannot hold.
#[derive(Debug)]
pub(crate) struct Raw(Vec<u8>);

impl Raw {
    pub(crate) fn new() -> Self {
        Self(vec![0; 4])
    }

    /// Reserves space, so that a large document is not copied as it grows.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// Adds an element. `name` must not contain a zero byte.
    fn put(&mut self, name: &str, kind: u8, value: &[u8]) {
        self.0.push(kind);
        self.0.extend(name.as_bytes());
        self.0.push(0);
        self.0.extend(value);
    }

    pub(crate) fn key(&mut self, name: &str, key: &Key) {
        self.put(name, key.kind(), key.value());
    }

    pub(crate) fn document(&mut self, name: &str, document: &RawDocument) {
        self.put(name, DOCUMENT, document.as_bytes());
    }

    /// Adds an array of these values, each with its type.
    pub(crate) fn array<'a>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = (u8, &'a [u8])>,
    ) {
        self.put(name, ARRAY, &[]);
        // Written in place, because copies of large documents would be large, too.
        let start = self.0.len();
        self.0.extend([0; 4]);
        for (at, (kind, value)) in values.into_iter().enumerate() {
            self.put(&at.to_string(), kind, value);
        }
        self.0.push(0);
        let length = i32::try_from(self.0.len() - start).unwrap_or(i32::MAX);
        self.0[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn documents<'a>(
        &mut self,
        name: &str,
        documents: impl IntoIterator<Item = &'a RawDocument>,
    ) {
        self.array(name, documents.into_iter().map(|document| (DOCUMENT, document.as_bytes())));
    }

    pub(crate) fn keys<'a>(&mut self, name: &str, keys: impl IntoIterator<Item = &'a Key>) {
        self.array(name, keys.into_iter().map(|key| (key.kind(), key.value())));
    }

    /// Adds the fields of another document.
    pub(crate) fn extend(&mut self, document: &RawDocument) {
        let bytes = document.as_bytes();
        self.0.extend(&bytes[4..bytes.len() - 1]);
    }

    pub(crate) fn done(mut self) -> RawDocumentBuf {
        self.0.push(0);
        let length = i32::try_from(self.0.len()).unwrap_or(i32::MAX);
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        // Only the length and the end are checked, and both were just written.
        RawDocumentBuf::from_bytes(self.0).unwrap_or_default()
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

/// All of these clauses.
pub(crate) fn all_raw<'a>(clauses: impl IntoIterator<Item = &'a RawDocument>) -> RawDocumentBuf {
    let clauses: Vec<_> =
        clauses.into_iter().filter(|clause| clause.as_bytes().len() > 5).collect();
    match clauses.as_slice() {
        [] => RawDocumentBuf::new(),
        [one] => (*one).to_owned(),
        _ => {
            let mut filter = Raw::new();
            filter.documents("$and", clauses);
            filter.done()
        }
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn raw(bytes: &[u8]) -> RawDocumentBuf {
        let mut raw = Raw::new();
        raw.0.extend(bytes);
        raw.done()
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
    fn the_shape_of_a_document_has_its_fields_and_types_and_is_small() {
        let long = "ä".repeat(1 << 20);
        let bytes =
            bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1; 1 << 20] };
        let document = doc! {
            "_id": "a", "text": &long, "inner": { "bytes": bytes, "last": 1 },
            "array": vec![1; 1 << 16], "expires": bson::DateTime::from_millis(1),
        };
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        let shape = Document::try_from(&*shape_of(&raw)).unwrap();
        assert!(shape.keys().eq(document.keys()));
        let inner = shape.get_document("inner").unwrap();
        assert_eq!(inner.get_binary_generic("bytes").unwrap().len(), SHAPE);
        assert_eq!(inner.get_i32("last").unwrap(), 1);
        assert_eq!(shape.get_array("array").unwrap().len(), SHAPE_ELEMENTS);
        assert_eq!(shape.get_str("text").unwrap().len(), SHAPE);
        assert_eq!(shape.get("expires"), document.get("expires"));
        assert_eq!(count_values(raw.as_bytes(), usize::MAX), Some(5 + 2 + (1 << 16)));
        assert_eq!(count_values(raw.as_bytes(), 100), Some(100));
        let small = RawDocumentBuf::try_from(&doc! { "a": 1 }).unwrap();
        assert_eq!(shape_of(&small), small);
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
