//! A large line, written as BSON while it is read. Decoded as a whole, a line of 32 MB with small values
//! would take more than a gigabyte.

use std::fmt;

use bson::Bson;
use bson::raw::RawDocumentBuf;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::model::key::Key;
use crate::model::raw::{ARRAY, DOCUMENT, Raw};

/// The document in a line.
pub(super) fn read(line: &[u8]) -> serde_json::Result<RawDocumentBuf> {
    let mut raw = Raw::new();
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    deserializer.deserialize_map(Whole(&mut raw))?;
    deserializer.end()?;
    Ok(raw.done())
}

/// Adds the fields of the whole document.
struct Whole<'a>(&'a mut Raw);

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an Extended JSON document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first = map.next_key()?;
        fields(self.0, first, map)
    }
}

/// Adds a value of this name.
struct Put<'a> {
    raw: &'a mut Raw,
    name: &'a str,
}

impl Put<'_> {
    fn scalar(self, value: &Bson) {
        self.raw.key(self.name, &Key::from(value));
    }
}

impl<'de> DeserializeSeed<'de> for Put<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// As `bson` converts a `serde_json::Value`.
impl<'de> Visitor<'de> for Put<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of Extended JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.scalar(&Bson::Null);
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(&value.into());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(&i32::try_from(value).map_or(Bson::Int64(value), Bson::Int32));
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => self.visit_f64(value as f64),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.scalar(&value.into());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(&value.into());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let start = self.raw.begin(self.name, ARRAY);
        let mut at = 0_usize;
        while values
            .next_element_seed(Put { raw: &mut *self.raw, name: &at.to_string() })?
            .is_some()
        {
            at += 1;
        }
        self.raw.end(start);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let first: Option<String> = map.next_key()?;
        match first {
            // A value that JSON has no type for, such as `{"$oid": ...}`.
            Some(key) if key.starts_with('$') => {
                let mut object = Map::new();
                object.insert(key, map.next_value()?);
                while let Some((key, value)) = map.next_entry()? {
                    object.insert(key, value);
                }
                // The crate's error repeats the value.
                let value = Bson::try_from(Value::Object(object));
                self.scalar(&value.map_err(|_| A::Error::custom("no Extended JSON"))?);
            }
            first => {
                let start = self.raw.begin(self.name, DOCUMENT);
                fields(self.raw, first, map)?;
                self.raw.end(start);
            }
        }
        Ok(())
    }
}

/// Adds the fields of a document, from the one called `next` on.
fn fields<'de, A: MapAccess<'de>>(
    raw: &mut Raw,
    mut next: Option<String>,
    mut map: A,
) -> Result<(), A::Error> {
    while let Some(name) = next {
        if name.starts_with('$') || name.contains('\0') {
            return Err(A::Error::custom("no name of a field"));
        }
        map.next_value_seed(Put { raw: &mut *raw, name: &name })?;
        next = map.next_key()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_bson_reads_it() {
        let line = r#"{"_id":{"$oid":"65a000000000000000000001"},"text":"\u00c5\u0001","int":1,
            "long":4294967296,"least":-9223372036854775808,"beyond":18446744073709551615,"half":0.5,
            "true":true,"null":null,"empty":{},"none":[],"nested":{"a":[1,[2,{"b":{"$date":
            {"$numberLong":"5"}}}],"c"]},"double":{"$numberDouble":"NaN"},"many":[0,1,2,3,4,5,6,7,8,9,10],
            "bytes":{"$binary":{"base64":"AQI=","subType":"00"}},"min":{"$minKey":1}}"#;
        let value: Value = serde_json::from_str(line).unwrap();
        let Bson::Document(wanted) = Bson::try_from(value).unwrap() else { panic!() };
        let wanted = RawDocumentBuf::try_from(&wanted).unwrap();
        assert_eq!(read(line.as_bytes()).unwrap().as_bytes(), wanted.as_bytes());
    }

    #[test]
    fn what_is_no_document_is_none() {
        let lines = [
            "[]",
            "1",
            "{\"a\":1",
            "{\"a\":1}}",
            "{\"$oid\":\"65a000000000000000000001\"}",
            "{\"a\":{\"$oid\":1}}",
            "{\"a\":{\"b\":1,\"$c\":1}}",
            "{\"a\\u0000\":1}",
        ];
        for line in lines {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
        assert!(read(deep.as_bytes()).is_err());
    }
}
