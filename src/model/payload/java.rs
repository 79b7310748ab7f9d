//! Java's object serialization stream, stored by the JDK converter of Spring Session. Source: Java
//! Object Serialization Specification, chapter 6; checked with JDK 17.

mod known;
mod object;
mod shown;
#[cfg(test)]
mod tests;
mod text;
mod time;

use super::json_repr;
use super::reader::{Decoded, Reader};
use object::{Class, Content, Extra, Field, Level, Object};
use serde_json::Value;
use std::rc::Rc;

const CODEC: &str = "java";

/// How many classes in an object's ancestry may have data: decoding each object visits all of them.
const MAX_ANCESTRY: usize = 50;

/// The first handle in a stream.
const BASE_HANDLE: u32 = 0x7e_0000;

/// Decodes the output of an `ObjectOutputStream`: one object, or an array of several.
///
/// The collections, boxes and dates of the JDK are shown as the values they represent, and enum
/// constants and classes by name. Any other object is shown with its class as `$class`, and the
/// data added by its `writeObject` under `$data`. A repeated container is `{"$ref": n}`, where `n`
/// counts handles from 0.
pub fn serialized(bytes: &[u8]) -> Decoded<Value> {
    let mut reader = Reader::new(CODEC, bytes);
    for byte in [0xac, 0xed, 0, 5] {
        reader.expect(byte)?;
    }
    let mut decoder = Decoder::default();
    let mut values = Vec::new();
    while let Some(tag) = reader.peek() {
        match tag {
            tag::RESET => {
                reader.expect(tag::RESET)?;
                decoder.handles.clear();
            }
            tag::BLOCK | tag::LONG_BLOCK => {
                reader.value()?;
                values.push(json_repr::binary(block(&mut reader)?));
            }
            _ => values.push(decoder.value(&mut reader)?),
        }
    }
    match values.len() {
        0 => Err(reader.error("unexpected end")),
        1 => Ok(values.remove(0)),
        _ => Ok(Value::Array(values)),
    }
}

mod tag {
    pub(super) const NULL: u8 = 0x70;
    pub(super) const REFERENCE: u8 = 0x71;
    pub(super) const CLASS_DESCRIPTION: u8 = 0x72;
    pub(super) const OBJECT: u8 = 0x73;
    pub(super) const STRING: u8 = 0x74;
    pub(super) const ARRAY: u8 = 0x75;
    pub(super) const CLASS: u8 = 0x76;
    pub(super) const BLOCK: u8 = 0x77;
    pub(super) const END_OF_BLOCKS: u8 = 0x78;
    pub(super) const RESET: u8 = 0x79;
    pub(super) const LONG_BLOCK: u8 = 0x7a;
    pub(super) const EXCEPTION: u8 = 0x7b;
    pub(super) const LONG_STRING: u8 = 0x7c;
    pub(super) const PROXY_DESCRIPTION: u8 = 0x7d;
    pub(super) const ENUM: u8 = 0x7e;
}

/// The target of a reference.
#[derive(Debug)]
enum Handle<'a> {
    /// A class description. `None` while it is being read.
    Class(Option<Rc<Class>>),
    Text(&'a [u8]),
    /// An object that is shown as a single value, such as a boxed number.
    Scalar(Box<Value>),
    Container,
}

#[derive(Debug, Default)]
struct Decoder<'a> {
    handles: Vec<Handle<'a>>,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        reader.value()?;
        reader.nested(|reader| {
            let here = reader.clone();
            match reader.byte()? {
                tag::NULL => Ok(Value::Null),
                tag::REFERENCE => self.reference(reader),
                tag::CLASS_DESCRIPTION => Ok(self.new_class(reader)?.shown()),
                tag::PROXY_DESCRIPTION => Ok(self.new_proxy(reader)?.shown()),
                tag::OBJECT => self.object(reader),
                tag::STRING => {
                    let length = u16::from_be_bytes(reader.array()?);
                    self.string(reader, length.into())
                }
                tag::LONG_STRING => {
                    let length = u64::from_be_bytes(reader.array()?);
                    self.string(reader, usize::try_from(length).unwrap_or(usize::MAX))
                }
                tag::ARRAY => self.array(reader),
                tag::CLASS => {
                    let class = self.class(reader)?;
                    reader.repeat(class.name.len())?;
                    let class = class.shown();
                    self.handles.push(Handle::Scalar(Box::new(class.clone())));
                    Ok(class)
                }
                tag::ENUM => self.constant(reader),
                tag::EXCEPTION => Err(here.error("an exception stopped the writer")),
                tag => Err(here.error(format!("unknown type code {tag:#04x}"))),
            }
        })
    }

    /// Assigns a handle to an object before its contents are read, and updates it if the object
    /// turns out to be a single value.
    fn numbered(&mut self, read: impl FnOnce(&mut Self) -> Decoded<Value>) -> Decoded<Value> {
        let index = self.handles.len();
        self.handles.push(Handle::Container);
        let value = read(self)?;
        if !value.is_object() && !value.is_array() {
            self.handles[index] = Handle::Scalar(Box::new(value.clone()));
        }
        Ok(value)
    }

    fn object(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let class = self.class(reader)?;
        self.numbered(|decoder| {
            let mut levels = Vec::new();
            for class in class.data_levels() {
                levels.push(decoder.level(reader, class)?);
            }
            Object { class, levels }.shown(reader)
        })
    }

    /// The data that one class in an object's ancestry wrote.
    fn level(&mut self, reader: &mut Reader<'a>, class: Rc<Class>) -> Decoded<Level<'a>> {
        let mut fields = Vec::new();
        for field in &class.fields {
            fields.push(self.element(reader, field.kind)?);
        }
        let extra = match class.extra() {
            Extra::None => Vec::new(),
            Extra::Contents => self.contents(reader)?,
            Extra::Unbounded => {
                return Err(reader.error("externalized data can only be read by its class"));
            }
        };
        Ok(Level { class, fields, extra })
    }

    /// Reads blocks of bytes and objects up to the end marker.
    fn contents(&mut self, reader: &mut Reader<'a>) -> Decoded<Vec<Content<'a>>> {
        let mut contents = Vec::new();
        loop {
            match reader.peek() {
                Some(tag::END_OF_BLOCKS) => {
                    reader.expect(tag::END_OF_BLOCKS)?;
                    return Ok(contents);
                }
                Some(tag::BLOCK | tag::LONG_BLOCK) => {
                    reader.value()?;
                    contents.push(Content::Block(block(reader)?));
                }
                _ => contents.push(Content::Object(self.value(reader)?)),
            }
        }
    }

    fn array(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let class = self.class(reader)?;
        let &[b'[', kind, ..] = class.name.as_bytes() else {
            return Err(reader.error(format!("{} is not an array", class.name)));
        };
        self.numbered(|decoder| {
            let count = length(reader)?;
            match kind {
                b'B' => Ok(json_repr::binary(reader.take(count)?)),
                b'C' => Ok(Value::from(text::utf_16(reader.take(count.saturating_mul(2))?))),
                _ => {
                    let mut items = Vec::new();
                    for _ in 0..count {
                        items.push(decoder.element(reader, kind)?);
                    }
                    Ok(Value::Array(items))
                }
            }
        })
    }

    /// A field, or an item of an array.
    fn element(&mut self, reader: &mut Reader<'a>, kind: u8) -> Decoded<Value> {
        if matches!(kind, b'L' | b'[') {
            return self.value(reader);
        }
        reader.value()?;
        match kind {
            b'B' => Ok(Value::from(i8::from_be_bytes(reader.array()?))),
            b'C' => Ok(Value::from(text::utf_16(reader.take(2)?))),
            b'D' => Ok(json_repr::float(f64::from_be_bytes(reader.array()?))),
            b'F' => Ok(json_repr::float32(f32::from_be_bytes(reader.array()?))),
            b'I' => Ok(Value::from(i32::from_be_bytes(reader.array()?))),
            b'J' => Ok(Value::from(i64::from_be_bytes(reader.array()?))),
            b'S' => Ok(Value::from(i16::from_be_bytes(reader.array()?))),
            b'Z' => Ok(Value::from(reader.byte()? != 0)),
            kind => Err(reader.error(format!("unknown field type {:?}", char::from(kind)))),
        }
    }

    fn constant(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        self.class(reader)?;
        self.numbered(|decoder| decoder.value(reader))
    }

    fn string(&mut self, reader: &mut Reader<'a>, length: usize) -> Decoded<Value> {
        let here = reader.clone();
        let encoded = reader.take(length)?;
        self.handles.push(Handle::Text(encoded));
        text::modified_utf_8(&here, encoded).map(Value::from)
    }

    fn reference(&mut self, reader: &mut Reader<'a>) -> Decoded<Value> {
        let here = reader.clone();
        let (number, handle) = self.handle(reader)?;
        match handle {
            Handle::Class(Some(class)) => {
                reader.repeat(class.name.len())?;
                Ok(class.shown())
            }
            Handle::Class(None) => Err(here.error("reference to an incomplete class")),
            Handle::Text(encoded) => {
                reader.repeat(encoded.len())?;
                text::modified_utf_8(&here, encoded).map(Value::from)
            }
            Handle::Scalar(value) => {
                reader.repeat(value.as_str().map_or(0, str::len))?;
                Ok(Value::clone(value))
            }
            Handle::Container => Ok(json_repr::reference(number)),
        }
    }

    fn handle(&self, reader: &mut Reader<'a>) -> Decoded<(usize, &Handle<'a>)> {
        let here = reader.clone();
        let handle = u32::from_be_bytes(reader.array()?);
        handle
            .checked_sub(BASE_HANDLE)
            .and_then(|number| usize::try_from(number).ok())
            .and_then(|number| Some((number, self.handles.get(number)?)))
            .ok_or_else(|| here.error(format!("unknown handle {handle:#x}")))
    }

    fn class(&mut self, reader: &mut Reader<'a>) -> Decoded<Rc<Class>> {
        let here = reader.clone();
        self.class_or_null(reader)?.ok_or_else(|| here.error("expected a class"))
    }

    fn class_or_null(&mut self, reader: &mut Reader<'a>) -> Decoded<Option<Rc<Class>>> {
        reader.nested(|reader| {
            let here = reader.clone();
            match reader.byte()? {
                tag::NULL => Ok(None),
                tag::REFERENCE => match self.handle(reader)? {
                    (_, Handle::Class(Some(class))) => Ok(Some(Rc::clone(class))),
                    _ => Err(here.error("expected a class")),
                },
                tag::CLASS_DESCRIPTION => self.new_class(reader).map(Some),
                tag::PROXY_DESCRIPTION => self.new_proxy(reader).map(Some),
                _ => Err(here.error("expected a class")),
            }
        })
    }

    fn new_class(&mut self, reader: &mut Reader<'a>) -> Decoded<Rc<Class>> {
        let name = name(reader)?;
        let _version: [u8; 8] = reader.array()?;
        self.described(reader, |decoder, reader| {
            let flags = reader.byte()?;
            let count = u16::from_be_bytes(reader.array()?);
            let mut fields = Vec::new();
            for _ in 0..count {
                // Fields and interfaces count for the memory limit, but not for the value.
                reader.value()?;
                let kind = reader.byte()?;
                let name = self::name(reader)?;
                if matches!(kind, b'L' | b'[') {
                    decoder.value(reader)?;
                }
                fields.push(Field { kind, name });
            }
            Ok(Class { name, flags, fields, parent: None })
        })
    }

    /// A class generated at run time, named after the interfaces that it implements.
    fn new_proxy(&mut self, reader: &mut Reader<'a>) -> Decoded<Rc<Class>> {
        self.described(reader, |_, reader| {
            let mut interfaces = Vec::new();
            for _ in 0..length(reader)? {
                reader.value()?;
                interfaces.push(name(reader)?);
            }
            Ok(Class::proxy(&interfaces))
        })
    }

    /// Assigns a handle to a class, and reads what ends each description: annotations and the
    /// superclass.
    fn described(
        &mut self,
        reader: &mut Reader<'a>,
        read: impl FnOnce(&mut Self, &mut Reader<'a>) -> Decoded<Class>,
    ) -> Decoded<Rc<Class>> {
        reader.value()?;
        let index = self.handles.len();
        self.handles.push(Handle::Class(None));
        let mut class = read(self, reader)?;
        self.contents(reader)?;
        class.parent = self.class_or_null(reader)?;
        if class.ancestry().nth(MAX_ANCESTRY).is_some() {
            return Err(reader.error("too many superclasses"));
        }
        let class = Rc::new(class);
        self.handles[index] = Handle::Class(Some(Rc::clone(&class)));
        Ok(class)
    }
}

/// Bytes that a class wrote itself.
fn block<'a>(reader: &mut Reader<'a>) -> Decoded<&'a [u8]> {
    let length = match reader.byte()? {
        tag::BLOCK => usize::from(reader.byte()?),
        _ => length(reader)?,
    };
    reader.take(length)
}

fn length(reader: &mut Reader) -> Decoded<usize> {
    let here = reader.clone();
    let length = i32::from_be_bytes(reader.array()?);
    usize::try_from(length).map_err(|_| here.error("negative length"))
}

fn name(reader: &mut Reader) -> Decoded<String> {
    let length = u16::from_be_bytes(reader.array()?);
    let here = reader.clone();
    text::modified_utf_8(&here, reader.take(length.into())?)
}
