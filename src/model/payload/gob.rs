//! Go's encoding/gob (<https://pkg.go.dev/encoding/gob>, Go 1.19 `src/encoding/gob/type.go` and
//! `decoder.go`): a stream that describes its types before it uses them. Used by scs, gofiber and,
//! inside securecookie, gorilla's sessions.
//!
//! Go omits fields that are zero, and so does the output. A struct inside an `interface{}` is shown
//! with its registered name: `{"$class": "main.Cart", ...}`.

mod known;
mod types;
mod wire;

use std::rc::Rc;

use serde_json::{Map, Value};

use self::types::{Type, Types, read_definition};
use self::wire::{
    read_bytes, read_count, read_fields, read_float, read_int, read_length, read_text, read_uint,
};
use super::json_repr;
use super::reader::{Decoded, Reader};

/// The only value of the stream: scs's `{Deadline, Values}`, or a map.
pub fn gob(bytes: &[u8]) -> Decoded<Value> {
    read(&mut Reader::new("gob", bytes))
}

pub(super) fn read(reader: &mut Reader) -> Decoded<Value> {
    let mut types = Types::new();
    let id = loop {
        match read_message_start(reader)? {
            (id, _) if id >= 0 => break id,
            (id, end) => read_definition(reader, &mut types, id, end)?,
        }
    };
    let value = read_framed(reader, &mut types, id)?;
    reader.end()?;
    Ok(value)
}

/// Whether `bytes` begin with a type definition, as every session does and no ciphertext.
pub fn looks_like_gob(bytes: &[u8]) -> bool {
    let mut reader = Reader::new("gob", bytes);
    match read_message_start(&mut reader) {
        Ok((id, end)) if id < 0 => read_definition(&mut reader, &mut Types::new(), id, end).is_ok(),
        _ => false,
    }
}

const BOOL: i64 = 1;
const INT: i64 = 2;
const UINT: i64 = 3;
const FLOAT: i64 = 4;
const BYTES: i64 = 5;
const STRING: i64 = 6;
const COMPLEX: i64 = 7;
const INTERFACE: i64 = 8;

/// Reads the length of a message and returns the type of its value (negative for a type definition)
/// and the end of the message.
fn read_message_start(reader: &mut Reader) -> Decoded<(i64, usize)> {
    let length = read_length(reader)?;
    let end = reader.offset() + length;
    Ok((read_int(reader)?, end))
}

/// Values other than structs are preceded by a zero, as if they were the only field of a struct.
fn read_framed(reader: &mut Reader, types: &mut Types, id: i64) -> Decoded<Value> {
    let is_struct = matches!(types.get(&id).map(Rc::as_ref), Some(Type::Struct { .. }));
    if !is_struct && read_uint(reader)? != 0 {
        return Err(reader.error("a single value does not start with 0"));
    }
    read_value(reader, types, id)
}

fn read_value(reader: &mut Reader, types: &mut Types, id: i64) -> Decoded<Value> {
    reader.value()?;
    match id {
        BOOL => Ok(Value::Bool(read_uint(reader)? != 0)),
        INT => Ok(Value::from(read_int(reader)?)),
        UINT => Ok(Value::from(read_uint(reader)?)),
        FLOAT => Ok(json_repr::float(read_float(reader)?)),
        BYTES => Ok(json_repr::binary(read_bytes(reader)?)),
        STRING => Ok(Value::from(read_text(reader)?)),
        COMPLEX => {
            let (real, imaginary) = (read_float(reader)?, read_float(reader)?);
            Ok(Value::from(format!("({real}{imaginary:+}i)")))
        }
        INTERFACE => reader.nested(|reader| read_interface(reader, types)),
        _ => {
            let Some(kind) = types.get(&id).cloned() else {
                return Err(reader.error(format!("type {id} was never defined")));
            };
            reader.nested(|reader| read_defined(reader, types, &kind))
        }
    }
}

fn read_defined(reader: &mut Reader, types: &mut Types, kind: &Type) -> Decoded<Value> {
    match kind {
        Type::Opaque { name } => Ok(known::opaque(name, read_bytes(reader)?)),
        Type::Slice { element } => Ok(Value::Array(read_items(reader, types, *element)?)),
        Type::Array { name, element } => {
            let items = read_items(reader, types, *element)?;
            Ok(known::object_id(name, &items).unwrap_or(Value::Array(items)))
        }
        Type::Map { key, element } => {
            let mut pairs = Vec::new();
            for _ in 0..read_count(reader)? {
                pairs
                    .push((read_value(reader, types, *key)?, read_value(reader, types, *element)?));
            }
            Ok(Value::Object(json_repr::map(pairs)))
        }
        Type::Struct { fields } => {
            let mut map = Map::new();
            read_fields(reader, |reader, index| {
                let field = fields
                    .get(index)
                    .ok_or_else(|| reader.error(format!("the struct has no field {index}")))?;
                reader.value()?;
                reader.repeat(field.name.len())?;
                map.insert(field.name.clone(), read_value(reader, types, field.id)?);
                Ok(())
            })?;
            Ok(Value::Object(map))
        }
    }
}

fn read_items(reader: &mut Reader, types: &mut Types, element: i64) -> Decoded<Vec<Value>> {
    let count = read_count(reader)?;
    (0..count).map(|_| read_value(reader, types, element)).collect()
}

/// Reads the registered name of the concrete type, its id, the length of the value and the value.
fn read_interface(reader: &mut Reader, types: &mut Types) -> Decoded<Value> {
    let class = read_text(reader)?;
    if class.is_empty() {
        return Ok(Value::Null);
    }
    let mut id = read_int(reader)?;
    while id < 0 {
        types::define(reader, types, id)?;
        // The rest of the value is a separate message.
        read_length(reader)?;
        id = read_int(reader)?;
    }
    read_length(reader)?;
    match types.get(&id).cloned().as_deref() {
        Some(Type::Struct { .. }) => named(reader, class, |reader| read_framed(reader, types, id)),
        // Uses the registered name, because the name of a pointer type is empty.
        Some(Type::Opaque { .. }) => {
            reader.expect(0)?;
            Ok(known::opaque(&class, read_bytes(reader)?))
        }
        _ => read_framed(reader, types, id),
    }
}

fn named<'a>(
    reader: &mut Reader<'a>,
    class: String,
    read: impl FnOnce(&mut Reader<'a>) -> Decoded<Value>,
) -> Decoded<Value> {
    reader.value()?;
    reader.repeat(class.len())?;
    let mut map = Map::new();
    map.insert("$class".to_owned(), Value::from(class));
    if let Value::Object(fields) = read(reader)? {
        for (name, value) in fields {
            map.entry(name).or_insert(value);
        }
    }
    Ok(Value::Object(map))
}

#[cfg(test)]
mod tests;
