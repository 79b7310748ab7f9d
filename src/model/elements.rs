//! The elements of raw documents, including those that the driver cannot read: names and text that
//! are not UTF-8, old binaries and code with inconsistent lengths. The server stores and compares
//! such elements, so the elements after them must count here, too.

use bson::oid::ObjectId;
use bson::raw::{
    CStr, RawArray, RawBinaryRef, RawBsonRef, RawJavaScriptCodeWithScopeRef, RawRegexRef,
};
use bson::spec::{BinarySubtype, ElementType};
use bson::{DateTime, Decimal128, RawDocument, Timestamp};
use serde::Deserialize as _;
use serde::de::value::{BorrowedBytesDeserializer, Error as Unreadable};

/// An element of a document or an array.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    kind: ElementType,
    name: &'a [u8],
    value: &'a [u8],
}

/// The elements of a document, up to the first impossible length.
#[derive(Clone)]
pub(crate) struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    pub(crate) fn of(document: &'a RawDocument) -> Self {
        Self::in_bytes(document.as_bytes())
    }

    pub(crate) fn of_array(array: &'a RawArray) -> Self {
        Self::in_bytes(array.as_bytes())
    }

    /// Skip the length at the beginning, and the zero at the end.
    pub(super) fn in_bytes(bytes: &'a [u8]) -> Self {
        Self(bytes.get(4..bytes.len().saturating_sub(1)).unwrap_or_default())
    }

    fn read(&mut self) -> Option<Element<'a>> {
        let (kind, rest) = self.0.split_first()?;
        let kind = ElementType::from(*kind)?;
        let (name, rest) = c_string(rest)?;
        let size = size_of(kind, rest)?;
        let (value, rest) = rest.split_at_checked(size)?;
        self.0 = rest;
        Some(Element { kind, name, value })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let element = self.read();
        if element.is_none() {
            self.0 = &[];
        }
        element
    }
}

impl<'a> Element<'a> {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    /// If `path` begins with the name of this element: the rest of the path behind a dot, if there
    /// is any. This need not look for the dot, and a row takes two dozen lookups.
    pub(super) fn leads_along<'p>(&self, path: &'p str) -> Option<Option<&'p str>> {
        if self.name.first() != path.as_bytes().first() || !path.as_bytes().starts_with(self.name) {
            return None;
        }
        // A name that contains a dot is not found by any path.
        let is_name = || !self.name.contains(&b'.');
        match path.as_bytes().get(self.name.len()) {
            None => is_name().then_some(None),
            Some(b'.') => is_name().then(|| path.get(self.name.len() + 1..)),
            Some(_) => None,
        }
    }

    pub(super) fn is_text(&self) -> bool {
        self.kind == ElementType::String
    }

    pub(super) fn kind(&self) -> u8 {
        self.kind as u8
    }

    pub(super) fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The value, without the type and the name before it.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.value
    }

    /// The text, with replacement characters, if it is text that is not UTF-8.
    pub(crate) fn text_that_is_not_utf8(&self) -> Option<String> {
        let text = match self.kind {
            ElementType::String => text(self.value)?,
            _ => return None,
        };
        std::str::from_utf8(text).is_err().then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// The value. An unreadable value keeps its type: text that is not UTF-8 is text. Types that no
    /// layout distinguishes become `Undefined`.
    pub(crate) fn value(&self) -> RawBsonRef<'a> {
        self.readable_value().unwrap_or(match self.kind {
            ElementType::String => RawBsonRef::String(REPLACED),
            ElementType::Symbol => RawBsonRef::Symbol(REPLACED),
            _ => RawBsonRef::Undefined,
        })
    }

    /// The value, if all of it can be read.
    pub(crate) fn readable_value(&self) -> Option<RawBsonRef<'a>> {
        let utf8 = |bytes: &'a [u8]| std::str::from_utf8(bytes).ok();
        Some(match self.kind {
            ElementType::Double => RawBsonRef::Double(f64::from_le_bytes(self.sized()?)),
            ElementType::String => RawBsonRef::String(utf8(text(self.value)?)?),
            ElementType::Symbol => RawBsonRef::Symbol(utf8(text(self.value)?)?),
            ElementType::JavaScriptCode => RawBsonRef::JavaScriptCode(utf8(text(self.value)?)?),
            ElementType::EmbeddedDocument => {
                RawBsonRef::Document(RawDocument::from_bytes(self.value).ok()?)
            }
            ElementType::Array => {
                // The driver offers no other way to build an array from its bytes.
                let bytes = BorrowedBytesDeserializer::<Unreadable>::new(self.value);
                RawBsonRef::Array(<&RawArray>::deserialize(bytes).ok()?)
            }
            ElementType::Binary => {
                let subtype = BinarySubtype::from(*self.value.get(4)?);
                let bytes = self.value.get(5..)?;
                let bytes = match subtype {
                    BinarySubtype::BinaryOld => old_binary(bytes),
                    _ => bytes,
                };
                RawBsonRef::Binary(RawBinaryRef { subtype, bytes })
            }
            ElementType::ObjectId => RawBsonRef::ObjectId(ObjectId::from_bytes(self.sized()?)),
            ElementType::Boolean => RawBsonRef::Boolean(self.sized()? != [0]),
            ElementType::DateTime => {
                RawBsonRef::DateTime(DateTime::from_millis(i64::from_le_bytes(self.sized()?)))
            }
            ElementType::Null => RawBsonRef::Null,
            ElementType::RegularExpression => {
                let (pattern, rest) = c_string(self.value)?;
                let c_str = |bytes| <&CStr>::try_from(utf8(bytes)?).ok();
                RawBsonRef::RegularExpression(RawRegexRef {
                    pattern: c_str(pattern)?,
                    options: c_str(c_string(rest)?.0)?,
                })
            }
            ElementType::JavaScriptCodeWithScope => {
                let (code, scope) = self.value.get(4..)?.split_at_checked(size_of(
                    ElementType::JavaScriptCode,
                    self.value.get(4..)?,
                )?)?;
                RawBsonRef::JavaScriptCodeWithScope(RawJavaScriptCodeWithScopeRef {
                    code: utf8(text(code)?)?,
                    scope: RawDocument::from_bytes(scope).ok()?,
                })
            }
            ElementType::Int32 => RawBsonRef::Int32(i32::from_le_bytes(self.sized()?)),
            ElementType::Timestamp => {
                let both = u64::from_le_bytes(self.sized()?);
                let (time, increment) = ((both >> 32) as u32, both as u32);
                RawBsonRef::Timestamp(Timestamp { time, increment })
            }
            ElementType::Int64 => RawBsonRef::Int64(i64::from_le_bytes(self.sized()?)),
            ElementType::Decimal128 => {
                RawBsonRef::Decimal128(Decimal128::from_bytes(self.sized()?))
            }
            ElementType::MinKey => RawBsonRef::MinKey,
            ElementType::MaxKey => RawBsonRef::MaxKey,
            ElementType::Undefined | ElementType::DbPointer => return None,
        })
    }

    fn sized<const LENGTH: usize>(&self) -> Option<[u8; LENGTH]> {
        self.value.try_into().ok()
    }
}

/// What is shown for text that is not UTF-8.
pub(super) const REPLACED: &str = "\u{FFFD}";

fn size_of(kind: ElementType, rest: &[u8]) -> Option<usize> {
    let length = || {
        let length = i32::from_le_bytes(*rest.first_chunk()?);
        usize::try_from(length).ok()
    };
    Some(match kind {
        ElementType::Null | ElementType::Undefined | ElementType::MinKey | ElementType::MaxKey => 0,
        ElementType::Boolean => 1,
        ElementType::Int32 => 4,
        ElementType::Double
        | ElementType::DateTime
        | ElementType::Timestamp
        | ElementType::Int64 => 8,
        ElementType::ObjectId => 12,
        ElementType::Decimal128 => 16,
        ElementType::String | ElementType::Symbol | ElementType::JavaScriptCode => {
            length()?.checked_add(4)?
        }
        ElementType::Binary => length()?.checked_add(5)?,
        ElementType::DbPointer => length()?.checked_add(16)?,
        ElementType::EmbeddedDocument
        | ElementType::Array
        | ElementType::JavaScriptCodeWithScope => length()?,
        ElementType::RegularExpression => {
            let (pattern, rest) = c_string(rest)?;
            let (options, _) = c_string(rest)?;
            pattern.len() + options.len() + 2
        }
    })
}

/// The bytes up to a zero, and those after it.
fn c_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The bytes of a text, which follow its length, without the zero at the end.
fn text(value: &[u8]) -> Option<&[u8]> {
    value.get(4..)?.split_last().map(|(_, text)| text)
}

/// The bytes in an old binary, whose length is stored twice; all of them if the second length is
/// wrong.
fn old_binary(bytes: &[u8]) -> &[u8] {
    match bytes.split_first_chunk() {
        Some((length, inner))
            if usize::try_from(i32::from_le_bytes(*length)) == Ok(inner.len()) =>
        {
            inner
        }
        _ => bytes,
    }
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    #[test]
    fn whatever_bson_can_be_is_read_as_the_crate_reads_it() {
        let binary = |subtype| bson::Binary { subtype, bytes: vec![1, 2, 3] };
        let document = rawdoc! {
            "double": 1.5, "text": "Å", "document": { "a": 1 }, "array": [1, "a", [2]],
            "binary": binary(BinarySubtype::Generic), "old": binary(BinarySubtype::BinaryOld),
            "id": ObjectId::from_bytes([7; 12]), "true": true, "false": false,
            "date": DateTime::from_millis(-5), "null": null, "int": -3, "long": i64::MIN,
            "time": Timestamp { time: 5, increment: 6 },
            "decimal": Decimal128::from_bytes([9; 16]),
            "code": bson::raw::RawBson::JavaScriptCode("x".into()),
            "symbol": bson::raw::RawBson::Symbol("s".into()),
            "min": bson::raw::RawBson::MinKey, "max": bson::raw::RawBson::MaxKey,
        };
        let elements: Vec<_> = Elements::of(&document).collect();
        let whole: Vec<_> = document.iter().map(|pair| pair.unwrap()).collect();
        assert_eq!(elements.len(), whole.len());
        for (element, (name, value)) in elements.iter().zip(whole) {
            assert!(element.is_named(name.as_str()));
            assert_eq!(element.value(), value, "{name:?}");
        }
    }

    #[test]
    fn elements_behind_one_that_cannot_be_read_are_found() {
        let document = rawdoc! { "?": "?", "text": "?", "then": 7 };
        let mut bytes = document.into_bytes();
        bytes.iter_mut().filter(|byte| **byte == b'?').for_each(|byte| *byte = 0xFF);
        let document = bson::RawDocumentBuf::from_bytes(bytes).unwrap();
        let elements: Vec<_> = Elements::of(&document).collect();
        assert_eq!(elements.len(), 3);
        assert_eq!(elements[1].text_that_is_not_utf8().as_deref(), Some(REPLACED));
        assert_eq!(elements[1].value(), RawBsonRef::String(REPLACED));
        assert_eq!(elements[2].value(), RawBsonRef::Int32(7));
        assert!(elements[2].is_named("then"));
    }
}
