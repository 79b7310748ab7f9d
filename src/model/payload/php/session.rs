//! The formats of PHP's three session handlers: `session.serialize_handler` is `php`,
//! `php_serialize` or `php_binary`. Source: php-src `ext/session/session.c`; checked with PHP 8.2.

use super::value::{CODEC, Decoder, Tokens, map};
use crate::model::payload::json_repr;
use crate::model::payload::reader::{DecodeError, Decoded, Reader};
use serde_json::{Map, Value};

type Handler = fn(&[u8]) -> Decoded<Map<String, Value>>;

/// Decodes a session of any handler into an object. Laravel's payload is `php_serialize`. The error
/// is that of the handler that got furthest.
pub fn session(bytes: &[u8]) -> Decoded<Value> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut furthest: Option<DecodeError> = None;
    for handler in handlers(bytes[0]) {
        match handler(bytes) {
            Ok(variables) => return Ok(Value::Object(variables)),
            Err(error) if furthest.as_ref().is_none_or(|last| last.offset < error.offset) => {
                furthest = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(furthest.unwrap_or_else(|| Reader::new(CODEC, bytes).error("not a session")))
}

/// The handlers to try, most likely first. A visitor may write text that makes one handler's
/// session readable as another's, but cannot change how it begins: with the length of a name, or a
/// name.
fn handlers(first: u8) -> [Handler; 3] {
    if (first & 0x7f) < b' ' { [binary, php, php_serialize] } else { [php_serialize, php, binary] }
}

/// `name|<value>name|<value>`
fn php(bytes: &[u8]) -> Decoded<Map<String, Value>> {
    let mut reader = Reader::new(CODEC, bytes);
    let mut decoder = Decoder::new(Tokens::Unfold);
    let mut variables = Map::new();
    while !reader.is_empty() {
        reader.value()?;
        let name = reader.until(b'|')?;
        variables.insert(json_repr::name(name), decoder.value(&mut reader)?);
    }
    Ok(variables)
}

/// One serialized array.
fn php_serialize(bytes: &[u8]) -> Decoded<Map<String, Value>> {
    let mut reader = Reader::new(CODEC, bytes);
    let entries = Decoder::new(Tokens::Unfold).array(&mut reader)?;
    reader.end()?;
    Ok(map(entries))
}

/// Repeated: a byte with the length of the name, the name and its value. If the high bit of the
/// byte is set, the variable is undefined and has no value. Input in which no variable has a value
/// is rejected.
fn binary(bytes: &[u8]) -> Decoded<Map<String, Value>> {
    let mut reader = Reader::new(CODEC, bytes);
    let mut decoder = Decoder::new(Tokens::Unfold);
    let mut variables = Map::new();
    let mut defined = 0;
    while !reader.is_empty() {
        reader.value()?;
        let length = reader.byte()?;
        let name = json_repr::name(reader.take(usize::from(length & 0x7f))?);
        let mut value = Value::Null;
        if length & 0x80 == 0 {
            value = decoder.value(&mut reader)?;
            defined += 1;
        }
        variables.insert(name, value);
    }
    if defined == 0 { Err(reader.error("no variable has a value")) } else { Ok(variables) }
}
