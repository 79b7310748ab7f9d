//! Decodes the output of PHP's `serialize()`.

use super::date;
use crate::model::payload::json_repr;
use crate::model::payload::reader::{Decoded, Reader};
use serde_json::{Map, Value};
use std::str::FromStr;

pub(super) const CODEC: &str = "php";

/// Decodes one serialized value.
///
/// Objects are shown with their class as `$class`, enum cases as `Class::Case`, and a reference to
/// an array or object as `{"$ref": n}`, where `n` counts values from 1 as PHP does.
pub fn value(bytes: &[u8]) -> Decoded<Value> {
    whole(&mut Reader::new(CODEC, bytes), Tokens::Unfold)
}

/// Whether PHP's igbinary extension wrote `bytes`. That is a different format, whose header
/// contains only its version (`igbinary_unserialize_header`).
pub fn is_igbinary(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 0, 1 | 2, _, ..])
}

/// Whether to decode strings under `_security_<firewall>` in place: Symfony's `ContextListener`
/// serializes its token before it stores it in the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokens {
    Unfold,
    Keep,
}

/// The target of a reference.
#[derive(Debug, Clone, Copy)]
enum Slot<'a> {
    /// The encoded form of a scalar.
    Scalar(&'a [u8]),
    Container,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    Integer(i64),
    Text(&'a [u8]),
}

fn whole<'a>(reader: &mut Reader<'a>, tokens: Tokens) -> Decoded<Value> {
    let value = Decoder::new(tokens).value(reader)?;
    reader.end()?;
    Ok(value)
}

#[derive(Debug)]
pub(super) struct Decoder<'a> {
    tokens: Tokens,
    /// Every value so far except `R` references, which is how PHP numbers the targets of `r` and
    /// `R`.
    slots: Vec<Slot<'a>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens, slots: Vec::new() }
    }

    pub(super) fn value(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        reader.value()?;
        reader.nested(|reader| match reader.peek() {
            Some(b'a') => Ok(list_or_map(self.array(reader)?)),
            Some(b'O') => self.object(reader),
            Some(b'C') => self.custom(reader),
            Some(b'r' | b'R') => self.reference(reader),
            _ => {
                let before = reader.rest();
                let value = scalar(reader)?;
                self.slots.push(Slot::Scalar(&before[..before.len() - reader.rest().len()]));
                Ok(value)
            }
        })
    }

    /// `a:2:{<key><value><key><value>}`
    pub(super) fn array(&mut self, reader: &mut Reader<'a>) -> Decoded<Vec<(Key<'a>, Value)>> {
        tag(reader, b'a')?;
        self.slots.push(Slot::Container);
        self.entries(reader)
    }

    /// `O:3:"Foo":1:{<name><value>}`
    fn object(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        tag(reader, b'O')?;
        self.slots.push(Slot::Container);
        let class = quoted(reader)?;
        reader.expect(b':')?;
        let entries = self.entries(reader)?;
        let mut map = Map::from_iter([("$class".to_owned(), Value::from(json_repr::name(class)))]);
        for (key, value) in entries {
            let (owner, name) = match key {
                Key::Integer(index) => (class, index.to_string()),
                Key::Text(name) => property(class, name),
            };
            if map.contains_key(&name) {
                reader.repeat(owner.len())?;
                json_repr::insert(&mut map, format!("{}::{name}", json_repr::name(owner)), value);
            } else {
                map.insert(name, value);
            }
        }
        Ok(date::date(&map).unwrap_or(Value::Object(map)))
    }

    /// `C:3:"Foo":5:{bytes}`, with the output of `Foo::serialize()`. If it contains serialized
    /// values, these may have taken numbers, and later references point to the wrong values.
    fn custom(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        tag(reader, b'C')?;
        self.slots.push(Slot::Container);
        let class = quoted(reader)?;
        reader.expect(b':')?;
        let length = count(reader)?;
        reader.expect(b'{')?;
        let data = reader.take(length)?;
        reader.expect(b'}')?;
        Ok(json_repr::opaque(&json_repr::name(class), json_repr::text(data)))
    }

    /// `2:{<key><value><key><value>}`
    fn entries(&mut self, reader: &mut Reader<'a>) -> Decoded<Vec<(Key<'a>, Value)>> {
        let count = count(reader)?;
        reader.expect(b'{')?;
        let mut entries = Vec::new();
        for _ in 0..count {
            reader.value()?;
            let key = key(reader)?;
            entries.push((key, self.member(reader, key)?));
        }
        reader.expect(b'}')?;
        Ok(entries)
    }

    fn member(&mut self, reader: &mut Reader<'a>, key: Key) -> Decoded<Value> {
        let encoded = reader.rest();
        let value = self.value(reader)?;
        let token = match (self.tokens, key) {
            (Tokens::Unfold, Key::Text(name)) if name.starts_with(b"_security_") => {
                unfold(reader, encoded)
            }
            _ => None,
        };
        Ok(token.unwrap_or(value))
    }

    /// `r:1;` is the same object (or a copy of the scalar), `R:1;` the same variable.
    fn reference(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let counted = reader.byte()? == b'r';
        reader.expect(b':')?;
        let here = reader.clone();
        let number: usize = number(reader, b';')?;
        let slot = number
            .checked_sub(1)
            .and_then(|index| self.slots.get(index).copied())
            .ok_or_else(|| here.error(format!("reference to unknown value {number}")))?;
        if counted {
            self.slots.push(slot);
        }
        match slot {
            Slot::Container => Ok(json_repr::reference(number)),
            Slot::Scalar(encoded) => {
                reader.repeat(encoded.len())?;
                scalar(&mut Reader::new(CODEC, encoded))
            }
        }
    }
}

fn scalar(reader: &mut Reader) -> Decoded<Value> {
    match reader.peek() {
        Some(b'N') => {
            reader.expect(b'N')?;
            reader.expect(b';')?;
            Ok(Value::Null)
        }
        Some(b'b') => {
            tag(reader, b'b')?;
            Ok(Value::from(number::<u8>(reader, b';')? != 0))
        }
        Some(b'i') => Ok(Value::from(integer(reader)?)),
        Some(b'd') => float(reader),
        Some(b's') => Ok(json_repr::text(string(reader)?)),
        Some(b'S') => escaped(reader),
        Some(b'E') => case(reader),
        Some(other) => Err(reader.error(format!("unknown value type {:?}", char::from(other)))),
        None => Err(reader.error("unexpected end")),
    }
}

fn tag(reader: &mut Reader, tag: u8) -> Decoded<()> {
    reader.expect(tag)?;
    reader.expect(b':')
}

/// `i:42;`
fn integer(reader: &mut Reader) -> Decoded<i64> {
    tag(reader, b'i')?;
    number(reader, b';')
}

/// `d:7.5;`, `d:1.0E+25;`, `d:-INF;`
fn float(reader: &mut Reader) -> Decoded<Value> {
    tag(reader, b'd')?;
    number(reader, b';').map(json_repr::float)
}

/// `s:3:"foo";`
fn string<'a>(reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
    tag(reader, b's')?;
    let text = quoted(reader)?;
    reader.expect(b';')?;
    Ok(text)
}

/// `S:3:"\66oo";`, where the length is that of the unescaped string.
fn escaped(reader: &mut Reader) -> Decoded<Value> {
    tag(reader, b'S')?;
    let length = count(reader)?;
    reader.expect(b'"')?;
    let mut text = Vec::new();
    for _ in 0..length {
        text.push(match reader.byte()? {
            b'\\' => hexadecimal(reader)?,
            byte => byte,
        });
    }
    reader.expect(b'"')?;
    reader.expect(b';')?;
    Ok(json_repr::text(&text))
}

fn hexadecimal(reader: &mut Reader) -> Decoded<u8> {
    let here = reader.clone();
    let digits = reader.take(2)?;
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        .ok_or_else(|| here.error("expected two hexadecimal digits"))
}

/// `E:8:"Suit:Two";`
fn case(reader: &mut Reader) -> Decoded<Value> {
    tag(reader, b'E')?;
    let name = json_repr::name(quoted(reader)?);
    reader.expect(b';')?;
    Ok(Value::from(match name.rsplit_once(':') {
        Some((class, case)) => format!("{class}::{case}"),
        None => name,
    }))
}

fn key<'a>(reader: &mut Reader<'a>) -> Decoded<Key<'a>> {
    if reader.peek() == Some(b'i') {
        integer(reader).map(Key::Integer)
    } else {
        string(reader).map(Key::Text)
    }
}

/// `3:"foo"`
fn quoted<'a>(reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
    let length = count(reader)?;
    reader.expect(b'"')?;
    let text = reader.take(length)?;
    reader.expect(b'"')?;
    Ok(text)
}

fn count(reader: &mut Reader) -> Decoded<usize> {
    number(reader, b':')
}

fn number<T: FromStr>(reader: &mut Reader, stop: u8) -> Decoded<T> {
    let here = reader.clone();
    let digits = reader.until(stop)?;
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| here.error("expected a number"))
}

/// The class that declares a property, and the property's name: `\0Class\0name` if it is private,
/// `\0*\0name` if it is protected.
fn property<'a>(class: &'a [u8], mangled: &'a [u8]) -> (&'a [u8], String) {
    let mut parts = mangled.splitn(3, |byte| *byte == 0);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(b""), Some(b"*"), Some(name)) => (class, json_repr::name(name)),
        (Some(b""), Some(owner), Some(name)) => (owner, json_repr::name(name)),
        _ => (class, json_repr::name(mangled)),
    }
}

fn list_or_map(entries: Vec<(Key, Value)>) -> Value {
    let is_list = (0..)
        .zip(&entries)
        .all(|(index, (key, _))| matches!(key, Key::Integer(at) if *at == index));
    if is_list {
        entries.into_iter().map(|(_, value)| value).collect()
    } else {
        Value::Object(map(entries))
    }
}

pub(super) fn map(entries: Vec<(Key, Value)>) -> Map<String, Value> {
    let entry = |(key, value)| match key {
        Key::Integer(index) => (index.to_string(), value),
        Key::Text(name) => (json_repr::name(name), value),
    };
    entries.into_iter().map(entry).collect()
}

/// The token in a string, if the whole string is a serialized array or object.
fn unfold(reader: &mut Reader, encoded: &[u8]) -> Option<Value> {
    let text = string(&mut Reader::new(CODEC, encoded)).ok()?;
    let serialized = matches!(text.first(), Some(b'a' | b'O' | b'C'));
    serialized.then(|| reader.inside(CODEC, text, |inner| whole(inner, Tokens::Keep)).ok())?
}
