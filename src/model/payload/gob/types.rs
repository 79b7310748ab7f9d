//! Type definitions in a gob stream.

use std::collections::HashMap;
use std::rc::Rc;

use super::wire::{read_count, read_fields, read_int, read_text};
use crate::model::payload::reader::{Decoded, Reader};

/// Lower ids are reserved for gob's own types.
const FIRST_DEFINED: i64 = 64;

/// The types defined by the stream. Shared, because values can define types while they are read.
pub type Types = HashMap<i64, Rc<Type>>;

#[derive(Debug)]
pub enum Type {
    Array {
        name: String,
        element: i64,
    },
    Slice {
        element: i64,
    },
    Struct {
        fields: Vec<Field>,
    },
    Map {
        key: i64,
        element: i64,
    },
    /// A type with its own encoding: `GobEncoder` or `BinaryMarshaler`.
    Opaque {
        name: String,
    },
}

#[derive(Debug, Default)]
pub struct Field {
    pub name: String,
    pub id: i64,
}

/// Reads a message that must contain only the definition of type `-id`.
pub fn read_definition(reader: &mut Reader, types: &mut Types, id: i64, end: usize) -> Decoded<()> {
    define(reader, types, id)?;
    if reader.offset() != end {
        return Err(reader.error("a type definition does not end at its stated length"));
    }
    Ok(())
}

/// Go's `wireType`: a struct of which one of seven fields is set, depending on the kind of type.
pub fn define(reader: &mut Reader, types: &mut Types, id: i64) -> Decoded<()> {
    // The size of a type counts for the memory limit, but not for the value.
    reader.value()?;
    let id = id.checked_neg().filter(|id| *id >= FIRST_DEFINED && !types.contains_key(id));
    let id = id.ok_or_else(|| reader.error("a type is defined twice or has a reserved id"))?;
    let mut kind = None;
    read_fields(reader, |reader, index| {
        kind = Some(read_type(reader, index)?);
        Ok(())
    })?;
    let kind = kind.ok_or_else(|| reader.error("a type definition is empty"))?;
    types.insert(id, Rc::new(kind));
    Ok(())
}

fn read_type(reader: &mut Reader, kind: usize) -> Decoded<Type> {
    let mut name = String::new();
    let mut ids = [0; 2];
    let mut fields = Vec::new();
    read_fields(reader, |reader, index| {
        match (kind, index) {
            (_, 0) => name = read_type_name(reader)?,
            (2, 1) => {
                for _ in 0..read_count(reader)? {
                    reader.value()?;
                    fields.push(read_field(reader)?);
                }
            }
            (0 | 1 | 3, 1) => ids[0] = read_int(reader)?,
            // For an array the length, for a map the type of its elements.
            (0 | 3, 2) => ids[1] = read_int(reader)?,
            _ => return Err(reader.error("a type definition has an unknown field")),
        }
        Ok(())
    })?;
    let [first, second] = ids;
    match kind {
        0 => Ok(Type::Array { name, element: first }),
        1 => Ok(Type::Slice { element: first }),
        2 => Ok(Type::Struct { fields }),
        3 => Ok(Type::Map { key: first, element: second }),
        4..=6 => Ok(Type::Opaque { name }),
        _ => Err(reader.error(format!("unknown kind of type {kind}"))),
    }
}

/// Go's `CommonType`: a name, and an id that is already known.
fn read_type_name(reader: &mut Reader) -> Decoded<String> {
    let mut name = String::new();
    read_fields(reader, |reader, index| {
        match index {
            0 => name = read_text(reader)?,
            1 => drop(read_int(reader)?),
            _ => {
                return Err(
                    reader.error("a type definition has an unknown field besides its name and id")
                );
            }
        }
        Ok(())
    })?;
    Ok(name)
}

fn read_field(reader: &mut Reader) -> Decoded<Field> {
    let mut field = Field::default();
    read_fields(reader, |reader, index| {
        match index {
            0 => field.name = read_text(reader)?,
            1 => field.id = read_int(reader)?,
            _ => {
                return Err(reader
                    .error("a field definition has an unknown field besides its name and type"));
            }
        }
        Ok(())
    })?;
    Ok(field)
}
