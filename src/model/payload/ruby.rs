//! Ruby's Marshal format 4.8, used by `mongo_session_store` and its Rails sessions. Sources: ruby
//! 3.1 `marshal.c` and `doc/marshal.rdoc`; checked with Ruby 3.1.

mod classes;
#[cfg(test)]
mod tests;

use super::json_repr;
use super::reader::{Decoded, Reader};
use serde_json::{Map, Value};

const CODEC: &str = "ruby";

/// Decodes one dumped value.
///
/// Symbols, classes and regular expressions become strings. An object is shown with its class as
/// `$class` and its variables without their `@`; data that a class dumped in its own format is
/// under `$data`. Subclasses of `Hash`, `Array` and `String` look like their parents. A repeated
/// container is `{"$ref": n}`, where `n` counts objects from 0 as Ruby does.
pub fn marshal(bytes: &[u8]) -> Decoded<Value> {
    let mut reader = Reader::new(CODEC, bytes);
    reader.expect(4)?;
    reader.expect(8)?;
    let value = Decoder::default().value(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// The target of a link.
#[derive(Debug)]
enum Slot<'a> {
    Text(&'a [u8]),
    /// Anything else that is not a container: a float, a big integer, a time.
    Scalar(Box<Value>),
    Container,
}

#[derive(Debug, Default)]
struct Decoder<'a> {
    symbols: Vec<&'a [u8]>,
    /// Everything so far except nil, booleans, small integers and symbols, which is how Ruby
    /// numbers the targets of links.
    objects: Vec<Slot<'a>>,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        reader.value()?;
        reader.nested(|reader| {
            let mut has_variables = false;
            loop {
                let here = reader.clone();
                match reader.byte()? {
                    b'I' if !has_variables => has_variables = true,
                    // The module that extends the object, or the class that extends a core class.
                    b'e' | b'C' => {
                        self.symbol(reader)?;
                    }
                    b':' => return self.new_symbol(reader, has_variables).map(json_repr::text),
                    b'u' => return self.dumped(reader, has_variables),
                    tag => {
                        let value = self.tagged(reader, &here, tag)?;
                        if has_variables {
                            self.variables(reader)?;
                        }
                        return Ok(value);
                    }
                }
            }
        })
    }

    fn tagged(&mut self, reader: &mut Reader<'a>, here: &Reader<'a>, tag: u8) -> Decoded<Value> {
        match tag {
            b'0' => Ok(Value::Null),
            b'T' => Ok(Value::from(true)),
            b'F' => Ok(Value::from(false)),
            b'i' => Ok(Value::from(fixnum(reader)?)),
            b';' => self.known_symbol(reader).map(json_repr::text),
            b'@' => self.link(reader),
            b'"' | b'c' | b'm' | b'M' => {
                let text = bytes(reader)?;
                self.objects.push(Slot::Text(text));
                Ok(json_repr::text(text))
            }
            b'f' => float(reader).map(|value| self.scalar(value)),
            b'l' => bignum(reader).map(|value| self.scalar(value)),
            b'/' => regexp(reader).map(|value| self.scalar(value)),
            b'[' => self.array(reader),
            b'{' => self.hash(reader).map(|pairs| Value::Object(json_repr::map(pairs))),
            b'}' => {
                self.hash_with_default(reader).map(|pairs| Value::Object(json_repr::map(pairs)))
            }
            b'o' => self.object(reader),
            b'S' => self.structure(reader),
            b'U' | b'd' => self.own_dump(reader),
            tag => Err(here.error(format!("unknown value type {:?}", char::from(tag)))),
        }
    }

    fn scalar(&mut self, value: Value) -> Value {
        self.objects.push(Slot::Scalar(Box::new(value.clone())));
        value
    }

    fn container(&mut self) -> usize {
        self.objects.push(Slot::Container);
        self.objects.len() - 1
    }

    fn array(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        self.container();
        let count = count(reader)?;
        let mut items = Vec::new();
        for _ in 0..count {
            items.push(self.value(reader)?);
        }
        Ok(Value::Array(items))
    }

    fn hash(&mut self, reader: &mut Reader<'a>) -> Decoded<Vec<(Value, Value)>> {
        self.container();
        let count = count(reader)?;
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push((self.value(reader)?, self.value(reader)?));
        }
        Ok(pairs)
    }

    /// The default value is not shown, because it is not part of the hash.
    fn hash_with_default(&mut self, reader: &mut Reader<'a>) -> Decoded<Vec<(Value, Value)>> {
        let pairs = self.hash(reader)?;
        self.value(reader)?;
        Ok(pairs)
    }

    fn object(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        self.container();
        let class = self.symbol(reader)?;
        if matches!(class, b"Set" | b"SortedSet") {
            return self.set(reader, class);
        }
        let mut map = classed(class);
        self.members(reader, &mut map)?;
        Ok(Value::Object(map))
    }

    /// A set is an object whose `@hash` has the items as keys. It is shown as an array of them.
    fn set(&mut self, reader: &mut Reader<'a>, class: &[u8]) -> Decoded<Value> {
        let mut map = classed(class);
        let mut items = None;
        for _ in 0..count(reader)? {
            let name = self.symbol(reader)?;
            let pairs = match (name, reader.peek()) {
                (b"@hash", Some(b'{')) => reader.nested(|reader| {
                    reader.expect(b'{')?;
                    self.hash(reader)
                })?,
                (b"@hash", Some(b'}')) => reader.nested(|reader| {
                    reader.expect(b'}')?;
                    self.hash_with_default(reader)
                })?,
                _ => {
                    let value = self.value(reader)?;
                    json_repr::insert(&mut map, variable(name), value);
                    continue;
                }
            };
            items = Some(pairs.into_iter().map(|(item, _)| item).collect());
        }
        Ok(items.unwrap_or(Value::Object(map)))
    }

    fn structure(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        self.container();
        let mut map = classed(self.symbol(reader)?);
        self.members(reader, &mut map)?;
        Ok(Value::Object(map))
    }

    /// The return value of `marshal_dump`.
    fn own_dump(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let index = self.container();
        let class = self.symbol(reader)?;
        let data = self.value(reader)?;
        if let Some(scalar) = classes::from_value(class, &data) {
            self.objects[index] = Slot::Scalar(Box::new(scalar.clone()));
            return Ok(scalar);
        }
        Ok(with_data(class, data))
    }

    /// The return value of `_dump`. Ruby numbers it after its variables.
    fn dumped(&mut self, reader: &mut Reader<'a>, has_variables: bool) -> Decoded<Value> {
        let class = self.symbol(reader)?;
        let data = bytes(reader)?;
        if has_variables {
            self.variables(reader)?;
        }
        if let Some(scalar) = classes::from_bytes(class, data) {
            return Ok(self.scalar(scalar));
        }
        self.container();
        Ok(with_data(class, json_repr::text(data)))
    }

    fn members(&mut self, reader: &mut Reader<'a>, map: &mut Map<String, Value>) -> Decoded<()> {
        for _ in 0..count(reader)? {
            let name = self.symbol(reader)?;
            let value = self.value(reader)?;
            json_repr::insert(map, variable(name), value);
        }
        Ok(())
    }

    /// Skips the variables of a value that is shown without them: mostly its encoding.
    fn variables(&mut self, reader: &mut Reader<'a>) -> Decoded<()> {
        for _ in 0..count(reader)? {
            self.symbol(reader)?;
            self.value(reader)?;
        }
        Ok(())
    }

    fn symbol(&mut self, reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
        let here = reader.clone();
        match reader.byte()? {
            b':' => self.new_symbol(reader, false),
            b';' => self.known_symbol(reader),
            b'I' => reader.nested(|reader| {
                reader.expect(b':')?;
                self.new_symbol(reader, true)
            }),
            _ => Err(here.error("expected a symbol")),
        }
    }

    fn new_symbol(&mut self, reader: &mut Reader<'a>, has_variables: bool) -> Decoded<&'a [u8]> {
        let name = bytes(reader)?;
        self.symbols.push(name);
        if has_variables {
            self.variables(reader)?;
        }
        Ok(name)
    }

    fn known_symbol(&mut self, reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
        let here = reader.clone();
        let index = fixnum(reader)?;
        let symbol = usize::try_from(index).ok().and_then(|index| self.symbols.get(index).copied());
        let symbol = symbol.ok_or_else(|| here.error(format!("unknown symbol {index}")))?;
        reader.repeat(symbol.len())?;
        Ok(symbol)
    }

    fn link(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let here = reader.clone();
        let index = fixnum(reader)?;
        let found = usize::try_from(index).ok().and_then(|at| Some((at, self.objects.get(at)?)));
        match found {
            Some((_, Slot::Text(text))) => {
                reader.repeat(text.len())?;
                Ok(json_repr::text(text))
            }
            Some((_, Slot::Scalar(value))) => {
                reader.repeat(value.as_str().map_or(0, str::len))?;
                Ok(Value::clone(value))
            }
            Some((at, Slot::Container)) => Ok(json_repr::reference(at)),
            None => Err(here.error(format!("link to unknown object {index}"))),
        }
    }
}

fn classed(class: &[u8]) -> Map<String, Value> {
    Map::from_iter([("$class".to_owned(), Value::from(json_repr::name(class)))])
}

fn with_data(class: &[u8], data: Value) -> Value {
    json_repr::opaque(&json_repr::name(class), data)
}

fn variable(name: &[u8]) -> String {
    json_repr::name(name.strip_prefix(b"@").unwrap_or(name))
}

/// Ruby's variable-length integer of up to 32 bits.
fn fixnum(reader: &mut Reader) -> Decoded<i64> {
    let [head] = reader.array::<1>()?.map(u8::cast_signed);
    let negative = head < 0;
    match head.unsigned_abs() {
        0 => Ok(0),
        length @ 1..=4 => {
            let mut number = [if negative { 0xff } else { 0 }; 8];
            let digits = reader.take(usize::from(length))?;
            number[..digits.len()].copy_from_slice(digits);
            Ok(i64::from_le_bytes(number))
        }
        small if negative => Ok(5 - i64::from(small)),
        small => Ok(i64::from(small) - 5),
    }
}

fn count(reader: &mut Reader) -> Decoded<usize> {
    let here = reader.clone();
    usize::try_from(fixnum(reader)?).map_err(|_| here.error("negative length"))
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
    let length = count(reader)?;
    reader.take(length)
}

fn float(reader: &mut Reader) -> Decoded<Value> {
    let here = reader.clone();
    let text = bytes(reader)?;
    // Before 1.9, Ruby wrote the last bits of the mantissa after a NUL.
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .map(json_repr::float)
        .ok_or_else(|| here.error("expected a number"))
}

/// A sign, the number of 16-bit words, and the little-endian magnitude.
fn bignum(reader: &mut Reader) -> Decoded<Value> {
    let negative = reader.byte()? == b'-';
    let words = count(reader)?;
    let magnitude: Vec<u8> = reader.take(words.saturating_mul(2))?.iter().rev().copied().collect();
    Ok(json_repr::integer(negative, &magnitude))
}

/// `/source/imx`
fn regexp(reader: &mut Reader) -> Decoded<Value> {
    let source = json_repr::name(bytes(reader)?);
    let options = reader.byte()?;
    let flags = [(4, 'm'), (1, 'i'), (2, 'x')];
    let flags: String =
        flags.iter().filter(|(bit, _)| options & bit != 0).map(|(_, flag)| *flag).collect();
    Ok(Value::from(format!("/{source}/{flags}")))
}
