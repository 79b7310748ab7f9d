//! Classes of Python and its libraries that are shown as values rather than objects.

use std::borrow::Cow;

use jiff::{SignedDuration, ToSpan as _, civil, tz};
use serde_json::Value;

use super::node::{Id, Node, Object};
use crate::model::payload::json_repr;

/// The node for a call of `class` with the tuple `args`, and its cost in bytes beyond the node. The
/// node is a plain container if the class is one of Python's containers, else an object.
pub fn construct<'a>(nodes: &[Node<'a>], class: Id, args: Id) -> (usize, Node<'a>) {
    let given: &[Id] = match &nodes[args] {
        Node::Tuple(given) => given,
        _ => &[],
    };
    let object = || {
        let object = Object { class, args: Some(args), ..Object::default() };
        Node::Object(Box::new(object))
    };
    match &nodes[class] {
        Node::Class { module, name } if CONTAINER_MODULES.contains(&module.as_ref()) => {
            // Charged even if it fails, because many calls may share a large argument.
            let cost: usize = given.iter().take(3).map(|arg| size(&nodes[*arg])).sum();
            let node = known_container(nodes, module, name, given);
            (cost + size_of::<Object>(), node.unwrap_or_else(object))
        }
        _ => (size_of::<Object>(), object()),
    }
}

const CONTAINER_MODULES: [&str; 6] =
    ["builtins", "__builtin__", "collections", "_codecs", "copyreg", "copy_reg"];

fn size(node: &Node) -> usize {
    match node {
        Node::List(items) | Node::Tuple(items) | Node::Set(items) => {
            items.len() * size_of::<(Id, Id)>()
        }
        Node::Dict(pairs) => pairs.len() * size_of::<(Id, Id)>(),
        Node::Bytes(bytes) | Node::Str(bytes) => bytes.len(),
        Node::Text(text) => text.len(),
        _ => 0,
    }
}

fn known_container<'a>(
    nodes: &[Node<'a>],
    module: &str,
    name: &str,
    args: &[Id],
) -> Option<Node<'a>> {
    let first = args.first().map(|id| &nodes[*id]);
    match (module, name) {
        ("builtins" | "__builtin__", "set" | "frozenset") => items(first).map(Node::Set),
        ("collections", "deque") => items(first).map(Node::List),
        ("collections", "defaultdict") => Some(Node::Dict(Vec::new())),
        ("collections", "OrderedDict" | "Counter") | ("builtins" | "__builtin__", "dict") => {
            pairs(nodes, first).map(Node::Dict)
        }
        ("builtins" | "__builtin__", "bytes" | "bytearray") | ("_codecs", "encode") => {
            bytes(first).map(Node::Bytes)
        }
        ("copyreg" | "copy_reg", "_reconstructor") => {
            let [class, _base, state] = *args else {
                return None;
            };
            let mut object = Object { class, ..Object::default() };
            match &nodes[state] {
                Node::None => {}
                Node::Dict(pairs) => object.pairs = pairs.clone(),
                Node::List(items) => object.items = items.clone(),
                _ => object.items = vec![state],
            }
            Some(Node::Object(Box::new(object)))
        }
        _ => None,
    }
}

fn items(node: Option<&Node>) -> Option<Vec<Id>> {
    match node {
        None => Some(Vec::new()),
        Some(Node::List(items) | Node::Tuple(items) | Node::Set(items)) => Some(items.clone()),
        Some(_) => None,
    }
}

/// The pairs of a dict, or of a list of pairs as in Python 2.
fn pairs(nodes: &[Node], node: Option<&Node>) -> Option<Vec<(Id, Id)>> {
    if let Some(Node::Dict(pairs)) = node {
        return Some(pairs.clone());
    }
    let pair = |id: &Id| match nodes[*id] {
        Node::List(ref pair) | Node::Tuple(ref pair) => {
            <[Id; 2]>::try_from(pair.as_slice()).ok().map(Into::into)
        }
        _ => None,
    };
    items(node)?.iter().map(pair).collect()
}

/// Bytes, or text that represents bytes in Latin 1.
fn bytes<'a>(node: Option<&Node<'a>>) -> Option<Cow<'a, [u8]>> {
    match node {
        None => Some(Cow::Borrowed(&[])),
        Some(Node::Bytes(bytes) | Node::Str(bytes)) => Some(bytes.clone()),
        Some(Node::Text(Cow::Borrowed(text))) if text.is_ascii() => {
            Some(Cow::Borrowed(text.as_bytes()))
        }
        Some(Node::Text(text)) => {
            let latin1 = text.chars().map(|character| u8::try_from(character).ok());
            latin1.collect::<Option<Vec<u8>>>().map(Cow::Owned)
        }
        Some(_) => None,
    }
}

/// Bytes, if they are short enough for a date or an `ObjectId`. Longer shared text would be copied
/// again and again.
fn few_bytes<'a>(node: &Node<'a>) -> Option<Cow<'a, [u8]>> {
    if size(node) <= 32 { bytes(Some(node)) } else { None }
}

/// The value of an object whose class is known to represent one: a date, time, decimal or UUID.
pub fn value(nodes: &[Node], object: &Object) -> Option<Value> {
    let (module, name) = class(nodes, object)?;
    let args = Args { nodes, object };
    match (module, name) {
        ("datetime", "datetime") => datetime(&args),
        ("datetime", "date") => date(&args.bytes(0)?).map(|date| Value::from(date.to_string())),
        ("datetime", "time") => time(&args.bytes(0)?).map(|time| Value::from(time.to_string())),
        ("datetime", "timedelta") => timedelta(&args).map(|delta| Value::from(delta.to_string())),
        ("decimal" | "cdecimal" | "_decimal", "Decimal") => args.text(0).map(Value::from),
        ("uuid", "UUID") => uuid(nodes, object),
        ("bson.objectid" | "bson", "ObjectId") => object_id(nodes, object),
        ("builtins" | "__builtin__", "complex") => {
            Some(Value::from(format!("{}{:+}j", args.float(0)?, args.float(1)?)))
        }
        _ => None,
    }
}

fn class<'n>(nodes: &'n [Node], object: &Object) -> Option<(&'n str, &'n str)> {
    match &nodes[object.class] {
        Node::Class { module, name } => Some((module, name)),
        _ => None,
    }
}

/// The arguments that an object was called with.
struct Args<'n, 'a> {
    nodes: &'n [Node<'a>],
    object: &'n Object,
}

impl<'n, 'a> Args<'n, 'a> {
    fn get(&self, index: usize) -> Option<&'n Node<'a>> {
        match &self.nodes[self.object.args?] {
            Node::Tuple(args) => args.get(index).map(|id| &self.nodes[*id]),
            _ => None,
        }
    }

    /// The bytes of a date or time.
    fn bytes(&self, index: usize) -> Option<Cow<'a, [u8]>> {
        self.get(index).and_then(few_bytes)
    }

    fn int(&self, index: usize) -> Option<i64> {
        if let Some(Node::Int(number)) = self.get(index) { Some(*number) } else { None }
    }

    fn float(&self, index: usize) -> Option<f64> {
        if let Some(Node::Float(number)) = self.get(index) { Some(*number) } else { None }
    }

    fn text(&self, index: usize) -> Option<&'n str> {
        match self.get(index)? {
            Node::Text(text) => Some(text),
            Node::Str(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }
}

/// Python's `datetime.__reduce__`: ten bytes, and the time zone if there is one. Without a zone it
/// is shown without the `Z`, because its zone is unknown.
fn datetime(args: &Args) -> Option<Value> {
    let bytes = args.bytes(0)?;
    let (day, clock) = bytes.split_at_checked(4)?;
    let local = date(day)?.to_datetime(time(clock)?);
    match args.get(1) {
        None => Some(Value::from(format!("{local:.3}"))),
        Some(Node::Object(zone)) => zoned(local, args.nodes, zone),
        Some(_) => None,
    }
}

fn zoned(local: civil::DateTime, nodes: &[Node], zone: &Object) -> Option<Value> {
    match offset(nodes, zone) {
        Some(ahead) => {
            let utc = local.checked_sub(ahead.seconds()).ok()?;
            Some(json_repr::date(tz::Offset::UTC.to_timestamp(utc).ok()?))
        }
        None => zone_name(nodes, zone).map(|name| Value::from(format!("{local:.3}[{name}]"))),
    }
}

/// The offset of a `tzinfo` from UTC in seconds. Pickles of pytz contain the offset in force, those
/// of zoneinfo only the name.
fn offset(nodes: &[Node], zone: &Object) -> Option<i64> {
    let args = Args { nodes, object: zone };
    let (module, name) = class(nodes, zone)?;
    let ahead = match (module, name) {
        ("datetime", "timezone") => match args.get(0)? {
            Node::Object(delta) => timedelta(&Args { nodes, object: delta })?.as_secs(),
            _ => return None,
        },
        ("pytz", "_UTC" | "UTC")
        | ("django.utils.timezone", "UTC")
        | ("dateutil.tz" | "dateutil.tz.tz", "tzutc")
        | ("iso8601.iso8601", "Utc" | "UTC") => 0,
        ("pytz", "_p") => args.int(1)?,
        ("pytz", "_FixedOffset") => args.int(0)?.checked_mul(60)?,
        _ => return None,
    };
    (-100_000..100_000).contains(&ahead).then_some(ahead)
}

/// `zoneinfo.ZoneInfo._unpickle(key, from_cache)`, in either way that pickles refer to the method.
fn zone_name<'n>(nodes: &'n [Node], zone: &'n Object) -> Option<&'n str> {
    let args = Args { nodes, object: zone };
    let method = match &nodes[zone.class] {
        Node::Class { module, name } => module == "zoneinfo" && name == "ZoneInfo._unpickle",
        Node::Object(getattr) => Args { nodes, object: getattr }.text(1) == Some("_unpickle"),
        _ => false,
    };
    if method { args.text(0) } else { None }
}

/// Year, month and day. The highest bit of the month says which of two equal local times applies
/// (`fold`).
fn date(bytes: &[u8]) -> Option<civil::Date> {
    let [high, low, month, day] = *bytes else {
        return None;
    };
    let year = i16::from_be_bytes([high, low]);
    civil::Date::new(year, i8::try_from(month & 0x7f).ok()?, i8::try_from(day).ok()?).ok()
}

/// Hour, minute, second and microseconds. The highest bit of the hour is `fold`, as above.
fn time(bytes: &[u8]) -> Option<civil::Time> {
    let [hour, minute, second, micros @ ..] = bytes else {
        return None;
    };
    let [a, b, c] = *micros else { return None };
    let nanos = i32::try_from(u32::from_be_bytes([0, a, b, c])).ok()?.checked_mul(1000)?;
    let small = |byte: u8| i8::try_from(byte).ok();
    civil::Time::new(small(hour & 0x7f)?, small(*minute)?, small(*second)?, nanos).ok()
}

fn timedelta(args: &Args) -> Option<SignedDuration> {
    let seconds = args.int(0)?.checked_mul(86_400)?.checked_add(args.int(1)?)?;
    let micros = SignedDuration::from_micros(args.int(2)?);
    SignedDuration::from_secs(seconds).checked_add(micros)
}

/// A UUID, from the `int` in its state.
fn uuid(nodes: &[Node], object: &Object) -> Option<Value> {
    let Node::Dict(state) = &nodes[object.state?] else {
        return None;
    };
    let is_int = |id: Id| {
        matches!(&nodes[id], Node::Text(text) if text == "int")
            || matches!(&nodes[id], Node::Str(text) if text.as_ref() == b"int")
    };
    let (_, number) = state.iter().take(4).find(|(key, _)| is_int(*key))?;
    let number: u128 = match &nodes[*number] {
        Node::Int(number) => u128::try_from(*number).ok()?,
        Node::BigInt(digits) if digits.len() < 40 => digits.parse().ok()?,
        _ => return None,
    };
    Some(json_repr::uuid(number.to_be_bytes()))
}

fn object_id(nodes: &[Node], object: &Object) -> Option<Value> {
    json_repr::object_id(&few_bytes(&nodes[object.state?])?)
}
