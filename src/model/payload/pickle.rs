//! Python's pickle, protocols 0 to 5 (`Lib/pickletools.py`), **without executing it**. Imports are
//! shown by name, and calls as `{"$class": "module.name", "$args": [...]}` with the fields of the
//! state. Used by Flask-Session before 0.7, flask-mongo-sessions, Django's `PickleSerializer` and
//! Beaker.
//!
//! Dates, decimals, ids and the containers of the standard library are shown as values. A container
//! inside itself is `{"$ref": n}`, where `n` is its depth from the root.

mod integers;
mod machine;
mod node;
mod python;
mod text;

use base64::Engine as _;
use serde_json::{Map, Value};

use self::node::{Id, Node, Object};
use super::base64::BASE64;
use super::inflate::inflate;
use super::reader::{Decoded, MAX_DEPTH, Reader};
use super::sealed::Sealed;
use super::{json, json_repr};

pub fn pickle(bytes: &[u8]) -> Decoded<Value> {
    read(&mut Reader::new("pickle", bytes))
}

pub(super) fn read(reader: &mut Reader) -> Decoded<Value> {
    let (nodes, root) = machine::run(reader)?;
    reader.end()?;
    Unfold { nodes: &nodes, reader, path: Vec::new() }.value(root)
}

/// Beaker's `value`: a pickle of the base64 of a pickle or of JSON. Beaker's `data_serializer`
/// `json` also compresses it (beaker 1.14 `beaker/session.py`, `beaker/ext/mongodb.py`). With
/// encryption, it is a nonce in base64 followed by the base64 of the ciphertext.
pub fn beaker(bytes: &[u8]) -> Decoded<Sealed> {
    let mut reader = Reader::new("beaker", bytes);
    let (nodes, root) = machine::run(&mut reader)?;
    reader.end()?;
    let sealed: &[u8] = match &nodes[root] {
        Node::Text(text) => text.as_bytes(),
        Node::Bytes(bytes) | Node::Str(bytes) => bytes,
        _ => {
            let mut unfold = Unfold { nodes: &nodes, reader: &mut reader, path: Vec::new() };
            return unfold.value(root).map(Sealed::Value);
        }
    };
    let inner = BASE64.decode(sealed).unwrap_or_default();
    let inflated = match inner.first() {
        Some(&ZLIB) => inflate(&reader, &inner).ok(),
        _ => None,
    };
    match (inner.first(), inflated) {
        (Some(0x80), _) => reader.inside("pickle", &inner, read).map(Sealed::Value),
        (Some(b'{'), _) => reader.inside("json", &inner, json::read).map(Sealed::Value),
        (_, Some(json)) => reader.inside("json", &json, json::read).map(Sealed::Value),
        _ if sealed.len() > NONCE && sealed.iter().all(is_base64) => Ok(Sealed::Encrypted),
        _ => Err(reader.error("the session is not base64")),
    }
}

/// The first byte of zlib streams at Python's default compression level.
const ZLIB: u8 = 0x78;

/// The length of Beaker's shortest nonce: six bytes in base64.
const NONCE: usize = 8;

fn is_base64(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Converts nodes to JSON. Shared nodes are repeated wherever they are referenced.
struct Unfold<'n, 'r, 'a> {
    nodes: &'n [Node<'a>],
    reader: &'r mut Reader<'a>,
    /// The containers being shown, outermost first.
    path: Vec<Id>,
}

impl<'a> Unfold<'_, '_, 'a> {
    fn value(&mut self, id: Id) -> Decoded<Value> {
        self.reader.value()?;
        let nodes = self.nodes;
        Ok(match &nodes[id] {
            Node::None => Value::Null,
            Node::Bool(truth) => Value::Bool(*truth),
            Node::Int(number) => Value::from(*number),
            Node::BigInt(digits) => self.big(digits)?,
            Node::Float(number) => json_repr::float(*number),
            Node::Text(text) => {
                self.reader.repeat(text.len())?;
                Value::from(text.as_ref())
            }
            Node::Bytes(bytes) => {
                self.reader.repeat(bytes.len().saturating_mul(2))?;
                json_repr::binary(bytes)
            }
            Node::Str(bytes) => {
                self.reader.repeat(bytes.len().saturating_mul(2))?;
                json_repr::text(bytes)
            }
            Node::Class { .. } => json_repr::object([("$class", self.class(id)?)]),
            _ => self.container(id)?,
        })
    }

    fn big(&mut self, digits: &str) -> Decoded<Value> {
        self.reader.repeat(digits.len())?;
        Ok(digits.parse::<u64>().map_or_else(|_| Value::from(digits), Value::from))
    }

    fn container(&mut self, id: Id) -> Decoded<Value> {
        if let Some(level) = self.path.iter().position(|open| *open == id) {
            return Ok(json_repr::object([("$ref", Value::from(level))]));
        }
        if self.path.len() >= MAX_DEPTH {
            return Err(self.reader.error(format!("nested more than {MAX_DEPTH} deep")));
        }
        self.path.push(id);
        let value = self.contents(id);
        self.path.pop();
        value
    }

    fn contents(&mut self, id: Id) -> Decoded<Value> {
        let nodes = self.nodes;
        match &nodes[id] {
            Node::List(items) | Node::Tuple(items) | Node::Set(items) => self.array(items),
            Node::Dict(pairs) => Ok(Value::Object(json_repr::map(self.pairs(pairs)?))),
            Node::Object(object) => self.object(object),
            Node::Persistent(inner) => {
                Ok(json_repr::object([("$persistent", self.value(*inner)?)]))
            }
            _ => self.value(id),
        }
    }

    fn array(&mut self, items: &[Id]) -> Decoded<Value> {
        let values = items.iter().map(|item| self.value(*item));
        values.collect::<Decoded<Vec<_>>>().map(Value::Array)
    }

    fn pairs(&mut self, pairs: &[(Id, Id)]) -> Decoded<Vec<(Value, Value)>> {
        pairs.iter().map(|(key, value)| Ok((self.value(*key)?, self.value(*value)?))).collect()
    }

    fn object(&mut self, object: &Object) -> Decoded<Value> {
        if let Some(value) = python::value(self.nodes, object) {
            self.reader.repeat(value.as_str().map_or(0, str::len))?;
            return Ok(value);
        }
        self.reader.values(4)?;
        let mut shown = Map::from_iter([("$class".to_owned(), self.class(object.class)?)]);
        let args = object.args.map_or(Ok(Value::Null), |args| self.value(args))?;
        if args != Value::Null && args != Value::Array(Vec::new()) {
            shown.insert("$args".to_owned(), args);
        }
        if !object.items.is_empty() {
            shown.insert("$items".to_owned(), self.array(&object.items)?);
        }
        let mut fields = self.state(object)?;
        fields.extend(self.pairs(&object.pairs)?);
        for (key, value) in json_repr::map(fields) {
            // A field cannot overwrite the class.
            json_repr::insert(&mut shown, key, value);
        }
        Ok(Value::Object(shown))
    }

    /// The attributes of an object: a dict, or a pair of a dict (or None) and a dict of slots.
    fn state(&mut self, object: &Object) -> Decoded<Vec<(Value, Value)>> {
        let nodes = self.nodes;
        let Some(state) = object.state else { return Ok(Vec::new()) };
        let parts = match &nodes[state] {
            Node::Tuple(parts) if parts.len() == 2 => parts.as_slice(),
            _ => std::slice::from_ref(&state),
        };
        let is_fields = |part: &Id| matches!(nodes[*part], Node::Dict(_) | Node::None);
        if !parts.iter().all(is_fields) {
            return Ok(vec![("$state".into(), self.value(state)?)]);
        }
        let mut fields = Vec::new();
        for part in parts {
            if let Node::Dict(pairs) = &nodes[*part] {
                fields.extend(self.pairs(pairs)?);
            }
        }
        Ok(fields)
    }

    /// `module.name`, or the value that was called instead of a class.
    fn class(&mut self, id: Id) -> Decoded<Value> {
        let nodes = self.nodes;
        let Node::Class { module, name } = &nodes[id] else { return self.value(id) };
        self.reader.repeat(module.len() + name.len())?;
        Ok(format!("{module}.{name}").into())
    }
}

#[cfg(test)]
mod tests;
