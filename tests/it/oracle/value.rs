//! BSON as bytes, read and written without the library that is tested, nor the crate it reads with: names
//! and texts need not be UTF-8, a field may be there twice, and an old binary may lie about its length.

use std::fmt::Write as _;

/// Fields in their order; a name may be there more than once.
pub type Fields = Vec<(Vec<u8>, Value)>;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Double(f64),
    Text(Vec<u8>),
    Document(Fields),
    Array(Fields),
    Binary(u8, Vec<u8>),
    Undefined,
    ObjectId([u8; 12]),
    Bool(bool),
    Date(i64),
    Null,
    Regex(Vec<u8>, Vec<u8>),
    Pointer(Vec<u8>, [u8; 12]),
    Code(Vec<u8>),
    Symbol(Vec<u8>),
    Scoped(Vec<u8>, Fields),
    Int(i32),
    Timestamp(u64),
    Long(i64),
    Decimal([u8; 16]),
    MinKey,
    MaxKey,
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    pub fn decimal(text: &str) -> Self {
        Self::Decimal(text.parse::<bson::Decimal128>().unwrap().bytes())
    }

    /// An array of these, numbered as they ought to be.
    pub fn array(values: Vec<Self>) -> Self {
        let numbered = values.into_iter().enumerate();
        Self::Array(numbered.map(|(at, value)| (at.to_string().into_bytes(), value)).collect())
    }

    /// The server's alias of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::Document(_) => "object",
            Self::Array(_) => "array",
            Self::Binary(..) => "binData",
            Self::Undefined => "undefined",
            Self::ObjectId(_) => "objectId",
            Self::Bool(_) => "bool",
            Self::Date(_) => "date",
            Self::Null => "null",
            Self::Regex(..) => "regex",
            Self::Pointer(..) => "dbPointer",
            Self::Code(_) => "javascript",
            Self::Symbol(_) => "symbol",
            Self::Scoped(..) => "javascriptWithScope",
            Self::Int(_) => "int",
            Self::Timestamp(_) => "timestamp",
            Self::Long(_) => "long",
            Self::Decimal(_) => "decimal",
            Self::MinKey => "minKey",
            Self::MaxKey => "maxKey",
        }
    }

    fn tag(&self) -> u8 {
        match self {
            Self::Double(_) => 1,
            Self::Text(_) => 2,
            Self::Document(_) => 3,
            Self::Array(_) => 4,
            Self::Binary(..) => 5,
            Self::Undefined => 6,
            Self::ObjectId(_) => 7,
            Self::Bool(_) => 8,
            Self::Date(_) => 9,
            Self::Null => 10,
            Self::Regex(..) => 11,
            Self::Pointer(..) => 12,
            Self::Code(_) => 13,
            Self::Symbol(_) => 14,
            Self::Scoped(..) => 15,
            Self::Int(_) => 16,
            Self::Timestamp(_) => 17,
            Self::Long(_) => 18,
            Self::Decimal(_) => 19,
            Self::MinKey => 255,
            Self::MaxKey => 127,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Double(number) => out.extend(number.to_le_bytes()),
            Self::Text(text) | Self::Code(text) | Self::Symbol(text) => write_text(text, out),
            Self::Document(fields) | Self::Array(fields) => write_fields(fields, out),
            Self::Binary(subtype, bytes) => {
                write_length(bytes.len(), out);
                out.push(*subtype);
                out.extend(bytes);
            }
            Self::ObjectId(bytes) => out.extend(bytes),
            Self::Bool(flag) => out.push(u8::from(*flag)),
            Self::Date(number) | Self::Long(number) => out.extend(number.to_le_bytes()),
            Self::Regex(pattern, options) => {
                write_name(pattern, out);
                write_name(options, out);
            }
            Self::Pointer(namespace, id) => {
                write_text(namespace, out);
                out.extend(id);
            }
            Self::Scoped(code, scope) => {
                let mut inner = Vec::new();
                write_text(code, &mut inner);
                write_fields(scope, &mut inner);
                write_length(inner.len() + 4, out);
                out.extend(inner);
            }
            Self::Int(number) => out.extend(number.to_le_bytes()),
            Self::Timestamp(number) => out.extend(number.to_le_bytes()),
            Self::Decimal(bytes) => out.extend(bytes),
            Self::Undefined | Self::Null | Self::MinKey | Self::MaxKey => {}
        }
    }

    fn read(tag: u8, rest: &mut &[u8]) -> Self {
        match tag {
            1 => Self::Double(f64::from_le_bytes(take(rest))),
            2 => Self::Text(read_text(rest)),
            3 => Self::Document(read_fields(rest)),
            4 => Self::Array(read_fields(rest)),
            5 => {
                let length = read_length(rest);
                let [subtype] = take(rest);
                Self::Binary(subtype, split(rest, length).to_vec())
            }
            6 => Self::Undefined,
            7 => Self::ObjectId(take(rest)),
            8 => Self::Bool(take::<1>(rest) != [0]),
            9 => Self::Date(i64::from_le_bytes(take(rest))),
            10 => Self::Null,
            11 => {
                let pattern = read_name(rest);
                Self::Regex(pattern, read_name(rest))
            }
            12 => {
                let namespace = read_text(rest);
                Self::Pointer(namespace, take(rest))
            }
            13 => Self::Code(read_text(rest)),
            14 => Self::Symbol(read_text(rest)),
            15 => {
                read_length(rest);
                let code = read_text(rest);
                Self::Scoped(code, read_fields(rest))
            }
            16 => Self::Int(i32::from_le_bytes(take(rest))),
            17 => Self::Timestamp(u64::from_le_bytes(take(rest))),
            18 => Self::Long(i64::from_le_bytes(take(rest))),
            19 => Self::Decimal(take(rest)),
            255 => Self::MinKey,
            127 => Self::MaxKey,
            other => panic!("the server stored the type {other}"),
        }
    }
}

/// A document as bytes.
pub fn bytes_of(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    write_fields(fields, &mut out);
    out
}

/// The document that these bytes are.
pub fn fields_of(mut bytes: &[u8]) -> Fields {
    read_fields(&mut bytes)
}

/// The type and the bytes of a document's `_id`, by which it is known here.
pub fn key_of(fields: &Fields) -> Vec<u8> {
    let (_, key) = fields.iter().find(|(name, _)| name == b"_id").unwrap();
    let mut out = vec![key.tag()];
    key.write(&mut out);
    out
}

/// A document to be looked at, shortened.
pub fn shown(fields: &Fields) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let value = match value {
            Value::Text(text) => format!("Text({:?})", String::from_utf8_lossy(text)),
            value => format!("{value:?}"),
        };
        let value: String = value.chars().take(300).collect();
        let _ = write!(text, "\n    {}: {value}", String::from_utf8_lossy(name));
    }
    text
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend(i32::try_from(length).unwrap().to_le_bytes());
}

fn write_name(name: &[u8], out: &mut Vec<u8>) {
    out.extend(name);
    out.push(0);
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    write_length(text.len() + 1, out);
    write_name(text, out);
}

fn write_fields(fields: &Fields, out: &mut Vec<u8>) {
    let start = out.len();
    write_length(0, out);
    for (name, value) in fields {
        out.push(value.tag());
        write_name(name, out);
        value.write(out);
    }
    out.push(0);
    let length = i32::try_from(out.len() - start).unwrap();
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn split<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> [u8; LENGTH] {
    split(rest, LENGTH).try_into().unwrap()
}

fn read_length(rest: &mut &[u8]) -> usize {
    usize::try_from(i32::from_le_bytes(take(rest))).unwrap()
}

fn read_name(rest: &mut &[u8]) -> Vec<u8> {
    let length = rest.iter().position(|byte| *byte == 0).unwrap();
    let name = split(rest, length).to_vec();
    split(rest, 1);
    name
}

fn read_text(rest: &mut &[u8]) -> Vec<u8> {
    let length = read_length(rest);
    let text = split(rest, length);
    text[..length - 1].to_vec()
}

fn read_fields(rest: &mut &[u8]) -> Fields {
    read_length(rest);
    let mut fields = Vec::new();
    loop {
        match take(rest) {
            [0] => return fields,
            [tag] => {
                let name = read_name(rest);
                fields.push((name, Value::read(tag, rest)));
            }
        }
    }
}
