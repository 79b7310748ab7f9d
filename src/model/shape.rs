//! What of a document counts where only its fields and their types do.

use std::borrow::Cow;

use bson::RawDocument;
use bson::raw::RawDocumentBuf;

use crate::model::elements::Elements;
use crate::model::raw::{ARRAY, BINARY, DOCUMENT, Raw, STRING};

/// The most that is kept of each value, in bytes.
const SHAPE: usize = 64 << 10;
/// The elements that are kept of an array.
const SHAPE_ELEMENTS: usize = 100;

/// The document with long texts and bytes cut in their middle, and long arrays at their end: its fields
/// and their types are the same.
pub(crate) fn shape_of(document: &RawDocument) -> RawDocumentBuf {
    if document.as_bytes().len() <= SHAPE {
        return document.to_owned();
    }
    shape(document.as_bytes(), usize::MAX).unwrap_or_else(|| document.to_owned())
}

/// `None` where a length makes no sense.
fn shape(body: &[u8], most: usize) -> Option<RawDocumentBuf> {
    let mut shape_of_all = Raw::new();
    for element in Elements::in_bytes(body).take(most) {
        let (kind, value) = (element.kind(), element.bytes());
        let cut: Cow<'_, [u8]> = match kind {
            _ if value.len() <= SHAPE => value.into(),
            DOCUMENT => shape(value, usize::MAX)?.into_bytes().into(),
            ARRAY => shape(value, SHAPE_ELEMENTS)?.into_bytes().into(),
            STRING => {
                let cut = cut_text(value.get(4..value.len() - 1)?)?;
                let length = i32::try_from(cut.len() + 1).ok()?;
                [&length.to_le_bytes()[..], &cut, &[0]].concat().into()
            }
            // Without its length, which is what is written anew; the subtype stays.
            BINARY if value[4] != OLD_BINARY => {
                let end = value.len().min(5 + SHAPE);
                let length = i32::try_from(end - 5).ok()?;
                [&length.to_le_bytes()[..], &value[4..end]].concat().into()
            }
            _ => value.into(),
        };
        shape_of_all.put(element.name(), kind, &cut);
    }
    Some(shape_of_all.done())
}

/// The subtype of a binary that has its length twice.
const OLD_BINARY: u8 = 0x02;

fn cut_text(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() <= SHAPE {
        return Some(text.to_vec());
    }
    let Ok(text) = std::str::from_utf8(text) else { return Some(text[..SHAPE].to_vec()) };
    let is_whole = |at: &usize| text.is_char_boundary(*at);
    let head = (0..=SHAPE / 2).rev().find(is_whole)?;
    let tail = (text.len() - SHAPE / 2..=text.len()).find(is_whole)?;
    Some([&text.as_bytes()[..head], &text.as_bytes()[tail..]].concat())
}

/// How many values a document has, those in its documents and arrays included; at least `most` where
/// there are more.
pub(crate) fn count_values(body: &[u8], most: usize) -> usize {
    let mut count = 0;
    for element in Elements::in_bytes(body) {
        if count >= most {
            break;
        }
        count += 1;
        if matches!(element.kind(), DOCUMENT | ARRAY) {
            count += count_values(element.bytes(), most - count);
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use bson::{Document, doc};

    use super::*;

    #[test]
    fn a_value_is_cut_at_the_limit_and_not_before_it() {
        for length in SHAPE - 8..SHAPE + 8 {
            let size = i32::try_from(length).unwrap().to_le_bytes();
            let whole = i32::try_from(length + 1).unwrap().to_le_bytes();
            let mut raw = Raw::new();
            let of = |byte: u8| vec![byte; length];
            raw.put("bytes", BINARY, &[&size[..], &[0x80], &of(1)].concat());
            raw.put("text", STRING, &[&whole[..], &of(b'a'), &[0]].concat());
            raw.put("broken", STRING, &[&whole[..], &of(0xff), &[0]].concat());
            let shape = shape_of(&raw.done());
            let sizes = Elements::in_bytes(shape.as_bytes()).map(|one| one.bytes().len());
            let kept = length.min(SHAPE);
            assert_eq!(sizes.collect::<Vec<_>>(), [kept + 5; 3], "{length}");
        }
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
        assert_eq!(count_values(raw.as_bytes(), usize::MAX), 5 + 2 + (1 << 16));
        assert_eq!(count_values(raw.as_bytes(), 100), 100);
        let small = RawDocumentBuf::try_from(&doc! { "a": 1 }).unwrap();
        assert_eq!(shape_of(&small), small);
    }
}
