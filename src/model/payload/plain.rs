//! BSON documents as plain JSON.

use bson::raw::{RawBson, RawBsonRef, RawElement};
use bson::spec::BinarySubtype;
use bson::{Bson, RawDocument};
use serde_json::{Map, Value};

use super::reader::{DecodeError, Decoded, Reader};
use super::{json, json_repr};
use crate::model::document::whole;

pub fn document(document: &RawDocument) -> Decoded<Map<String, Value>> {
    fields(&mut Reader::new("document", document.as_bytes()), document)
}

/// A document whose values are JSON texts, which are replaced by what they contain. A text that is
/// not JSON is kept.
pub fn document_of_json(document: &RawDocument) -> Decoded<Map<String, Value>> {
    let mut reader = Reader::new("document", document.as_bytes());
    let mut map = fields(&mut reader, document)?;
    for value in map.values_mut() {
        if let Value::String(text) = value
            && let Ok(parsed) = reader.inside("json", text.as_bytes(), json::read)
        {
            *value = parsed;
        }
    }
    Ok(map)
}

fn fields(reader: &mut Reader, document: &RawDocument) -> Decoded<Map<String, Value>> {
    reader.seek(document.as_bytes());
    reader.nested(|reader| {
        let mut map = Map::new();
        for element in document.iter_elements() {
            let element = element.map_err(|_| malformed(reader))?;
            reader.values(2)?;
            map.insert(element.key().as_str().to_owned(), value(reader, &element)?);
        }
        Ok(map)
    })
}

fn items(reader: &mut Reader, array: &RawDocument) -> Decoded<Vec<Value>> {
    reader.seek(array.as_bytes());
    reader.nested(|reader| {
        let item = |element: bson::error::Result<RawElement<'_>>| {
            reader.value()?;
            value(reader, &element.map_err(|_| malformed(reader))?)
        };
        array.iter_elements().map(item).collect()
    })
}

fn malformed(reader: &Reader) -> DecodeError {
    reader.error("malformed BSON in the document")
}

fn value(reader: &mut Reader, element: &RawElement<'_>) -> Decoded<Value> {
    match element.value() {
        Ok(value) => plain(reader, value),
        // PHP and old drivers often wrote text that is not UTF-8.
        Err(_) => match element.value_utf8_lossy() {
            Ok(RawBson::String(text) | RawBson::Symbol(text) | RawBson::JavaScriptCode(text)) => {
                Ok(text.into())
            }
            _ => Err(malformed(reader)),
        },
    }
}

fn plain(reader: &mut Reader, value: RawBsonRef<'_>) -> Decoded<Value> {
    Ok(match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => text.into(),
        RawBsonRef::Document(document) => Value::Object(fields(reader, document)?),
        RawBsonRef::Array(array) => {
            let array = RawDocument::from_bytes(array.as_bytes()).map_err(|_| malformed(reader))?;
            Value::Array(items(reader, array)?)
        }
        RawBsonRef::Boolean(flag) => flag.into(),
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        RawBsonRef::Int32(number) => number.into(),
        RawBsonRef::Int64(number) => number.into(),
        RawBsonRef::Double(number) => double(number),
        RawBsonRef::DateTime(date) => {
            let millis = date.timestamp_millis();
            json_repr::millis(millis).unwrap_or_else(|| millis.into())
        }
        RawBsonRef::ObjectId(id) => id.to_hex().into(),
        RawBsonRef::Decimal128(number) => number.to_string().into(),
        RawBsonRef::Binary(binary) => match binary.bytes.try_into() {
            Ok(uuid) if matches!(binary.subtype, BinarySubtype::Uuid | BinarySubtype::UuidOld) => {
                json_repr::uuid(uuid)
            }
            _ => json_repr::binary(binary.bytes),
        },
        RawBsonRef::JavaScriptCodeWithScope(code) => json_repr::object([
            ("$code", code.code.into()),
            ("$scope", Value::Object(fields(reader, code.scope)?)),
        ]),
        other => Bson::try_from(other).map_or(Value::Null, Bson::into_relaxed_extjson),
    })
}

/// A double as JSON. JavaScript stores integers beyond 32 bits as doubles, so whole numbers are shown
/// as integers.
fn double(number: f64) -> Value {
    whole(number).map_or_else(|| json_repr::float(number), Value::from)
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::raw::RawDocumentBuf;
    use bson::{Binary, DateTime, doc};
    use serde_json::json;

    use super::*;
    use crate::model::payload::samples::survives_damage;

    fn raw(document: &bson::Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    fn of_bytes(bytes: &[u8]) -> Decoded<Value> {
        let reader = Reader::new("document", bytes);
        let raw = RawDocument::from_bytes(bytes).map_err(|_| malformed(&reader))?;
        document_of_json(raw)?;
        document(raw).map(Value::Object)
    }

    fn everything() -> RawDocumentBuf {
        raw(&doc! {
            "text": "Åsa", "id": ObjectId::from_bytes([7; 12]), "at": DateTime::from_millis(1_795_428_000_000),
            "far": DateTime::MAX, "whole": 42.0, "part": 7.5, "nan": f64::NAN, "inf": f64::NEG_INFINITY,
            "uuid": bson::Uuid::from_bytes([1; 16]), "list": [1, { "a": 5_i64 << 40 }, null],
            "bytes": Binary { subtype: BinarySubtype::Generic, bytes: vec![0, 255] },
            "old": Binary { subtype: BinarySubtype::BinaryOld, bytes: vec![0, 255] },
            "legacy": Binary { subtype: BinarySubtype::UuidOld, bytes: vec![1; 16] },
            "code": bson::JavaScriptCodeWithScope { code: "x".into(), scope: doc! { "y": 1 } },
        })
    }

    #[test]
    fn every_type_looks_as_in_the_other_codecs() {
        let expected = json!({
            "text": "Åsa", "id": "070707070707070707070707", "at": "2026-11-23T10:00:00.000Z",
            "far": i64::MAX, "whole": 42, "part": 7.5, "nan": "NaN", "inf": "-Infinity",
            "uuid": "01010101-0101-0101-0101-010101010101", "list": [1, { "a": 5_i64 << 40 }, null],
            "bytes": { "$binary": "AP8=" }, "old": { "$binary": "AP8=" },
            "legacy": "01010101-0101-0101-0101-010101010101",
            "code": { "$code": "x", "$scope": { "y": 1 } },
        });
        assert_eq!(document(&everything()).map(Value::Object), Ok(expected));
    }

    #[test]
    fn texts_of_json_are_shown_parsed_and_others_as_they_are() {
        let stored =
            raw(&doc! { "user_id": "42", "cart": "[{\"sku\":\"本-42\"}]", "note": "hi", "n": 7 });
        let expected = json!({ "user_id": 42, "cart": [{ "sku": "本-42" }], "note": "hi", "n": 7 });
        assert_eq!(document_of_json(&stored).map(Value::Object), Ok(expected));
    }

    #[test]
    fn nesting_is_refused_before_the_stack_ends() {
        let mut bytes = vec![5, 0, 0, 0, 0];
        for _ in 0..20_000 {
            let length = i32::try_from(bytes.len() + 8).unwrap();
            let mut outer = length.to_le_bytes().to_vec();
            outer.extend(b"\x03a\0");
            outer.append(&mut bytes);
            outer.push(0);
            bytes = outer;
        }
        let error = of_bytes(&bytes).unwrap_err();
        assert_eq!(error.to_string(), "document: nested more than 100 deep at byte 700");
    }

    #[test]
    fn millions_of_values_are_refused() {
        let mut bytes = vec![0; 4];
        bytes.extend(b"\x0a\0".repeat(2 << 20));
        bytes.push(0);
        let length = i32::try_from(bytes.len()).unwrap();
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        assert!(of_bytes(&bytes).unwrap_err().to_string().contains("too many values"));
    }

    #[test]
    fn text_that_is_not_utf_8_is_shown_as_far_as_it_is() {
        let bytes = b"\x0f\0\0\0\x02a\0\x03\0\0\0x\xff\0\0";
        assert_eq!(of_bytes(bytes), Ok(json!({ "a": "x\u{fffd}" })));
    }

    #[test]
    fn damage_is_survived() {
        survives_damage(&[everything().into_bytes()], of_bytes);
    }
}
