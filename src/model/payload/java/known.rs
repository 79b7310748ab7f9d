//! Classes of the JDK (and MongoDB's `ObjectId`) that are shown as the values they represent.
//! Sources: the fields and `writeObject` methods of JDK 17's `java.util`, `java.math` and
//! `java.sql`; mongo-java-driver `org/bson/types/ObjectId.java`.

use super::object::{Content, Level, Object};
use super::time;
use crate::model::payload::json_repr;
use serde_json::Value;
use std::rc::Rc;

/// The value that an object represents, if its class is known. If the object lacks data that its
/// class writes, it may be left without some of its fields.
pub(super) fn value(object: &mut Object) -> Option<Value> {
    let class = Rc::clone(&object.class);
    match class.name.strip_prefix("java.").unwrap_or(&class.name) {
        "lang.Boolean"
        | "lang.Byte"
        | "lang.Character"
        | "lang.Double"
        | "lang.Float"
        | "lang.Integer"
        | "lang.Long"
        | "lang.Short"
        | "util.concurrent.atomic.AtomicInteger"
        | "util.concurrent.atomic.AtomicLong" => object.take("value"),
        "util.concurrent.atomic.AtomicBoolean" => Some(Value::from(object.integer("value")? != 0)),
        "math.BigInteger" => big_integer(object),
        "math.BigDecimal" => big_decimal(object),
        "util.Date" | "sql.Date" | "sql.Time" => time::date(object.block()?, 0),
        "sql.Timestamp" => {
            let nanoseconds = object.integer("nanos")?;
            time::date(object.block()?, i32::try_from(nanoseconds).ok()?)
        }
        "util.GregorianCalendar" => json_repr::millis(object.integer("time")?),
        "time.Ser" => time::java_time(object.block()?),
        "util.UUID" => uuid(object),
        "util.Locale" => locale(object),
        "net.URI" => object.take("string"),
        "org.bson.types.ObjectId$SerializationProxy" => {
            json_repr::object_id(&json_repr::binary_bytes(&object.take("bytes")?)?)
        }
        _ => collection(&class.name, object),
    }
}

/// A collection that stores its items in a field.
fn collection(name: &str, object: &mut Object) -> Option<Value> {
    match name.strip_prefix("java.util.")? {
        "CollSer" => immutable(object),
        "Arrays$ArrayList" => object.take("a"),
        "EnumSet$SerializationProxy" => object.take("elements"),
        "Vector" | "Stack" => vector(object),
        "Collections$EmptyList" | "Collections$EmptySet" => Some(Value::Array(Vec::new())),
        "Collections$EmptyMap" => Some(pairs(Vec::new())),
        "Collections$SingletonList" | "Collections$SingletonSet" => {
            Some(Value::Array(vec![object.take("element")?]))
        }
        "Collections$SingletonMap" => Some(pairs(vec![object.take("k")?, object.take("v")?])),
        "Collections$SetFromMap" | "concurrent.ConcurrentSkipListSet" => object.take("m").map(keys),
        "concurrent.ConcurrentHashMap$KeySetView" => object.take("map").map(keys),
        "concurrent.CopyOnWriteArraySet" => object.take("al"),
        name if wraps(name) => object.take("m").or_else(|| object.take("c")),
        _ => None,
    }
}

fn wraps(class: &str) -> bool {
    ["Collections$Unmodifiable", "Collections$Synchronized"]
        .iter()
        .any(|prefix| class.starts_with(prefix))
}

/// The items of a collection that wrote them one by one, or of a subclass of one. What remains of
/// the object is the subclass's own data.
pub(super) fn items(object: &mut Object) -> Option<Value> {
    let (last, kind) = object
        .levels
        .iter()
        .enumerate()
        .rev()
        .find_map(|(index, level)| Some((index, collection_of(&level.class.name)?)))?;
    let levels: Vec<Level> = object.levels.drain(..=last).collect();
    let ends_with_null = levels[last].class.name.starts_with("java.util.concurrent.Concurrent");
    let mut items = objects(levels);
    while ends_with_null && items.last().is_some_and(Value::is_null) {
        items.pop();
    }
    Some(match kind {
        Collection::List => Value::Array(items),
        Collection::Map => pairs(items),
    })
}

#[derive(Debug, Clone, Copy)]
enum Collection {
    List,
    Map,
}

fn collection_of(class: &str) -> Option<Collection> {
    match class.strip_prefix("java.util.")? {
        "HashMap"
        | "LinkedHashMap"
        | "TreeMap"
        | "Hashtable"
        | "Properties"
        | "EnumMap"
        | "IdentityHashMap"
        | "concurrent.ConcurrentHashMap"
        | "concurrent.ConcurrentSkipListMap" => Some(Collection::Map),
        "ArrayList"
        | "LinkedList"
        | "ArrayDeque"
        | "PriorityQueue"
        | "HashSet"
        | "LinkedHashSet"
        | "TreeSet"
        | "concurrent.CopyOnWriteArrayList"
        | "concurrent.ConcurrentLinkedQueue"
        | "concurrent.ConcurrentLinkedDeque" => Some(Collection::List),
        _ => None,
    }
}

/// The objects after the size, or all of them if no size is written. A `TreeSet` writes its
/// comparator before its size.
fn objects(levels: Vec<Level>) -> Vec<Value> {
    let mut objects = Vec::new();
    for content in levels.into_iter().flat_map(|level| level.extra) {
        match content {
            Content::Block(_) => objects.clear(),
            Content::Object(value) => objects.push(value),
        }
    }
    objects
}

fn pairs(items: Vec<Value>) -> Value {
    let mut items = items.into_iter();
    let mut pairs = Vec::new();
    while let Some(key) = items.next() {
        pairs.push((key, items.next().unwrap_or_default()));
    }
    Value::Object(json_repr::map(pairs))
}

/// `List.of`, `Set.of` and `Map.of` are written as a tag and their items.
fn immutable(object: &mut Object) -> Option<Value> {
    const MAP: i64 = 3;
    let tag = object.integer("tag")?;
    let items = objects(std::mem::take(&mut object.levels));
    Some(if tag & 0xff == MAP { pairs(items) } else { Value::Array(items) })
}

/// A vector writes its whole array, including the unused part.
fn vector(object: &mut Object) -> Option<Value> {
    let count = usize::try_from(object.integer("elementCount")?).ok()?;
    let mut items = object.take("elementData")?;
    items.as_array_mut()?.truncate(count);
    Some(items)
}

/// The keys of a map that [`json_repr::map`] produced.
fn keys(map: Value) -> Value {
    let Value::Object(map) = map else { return map };
    if map.contains_key("$ref") {
        return Value::Object(map);
    }
    let mut keys = Vec::new();
    for (key, value) in map {
        match value {
            Value::Array(pairs) if key == "$pairs" => {
                // Any other object may have a field with this name.
                let key = |mut pair: Value| pair.get_mut("key").map(Value::take).unwrap_or(pair);
                keys.extend(pairs.into_iter().map(key));
            }
            _ => keys.push(Value::from(key)),
        }
    }
    Value::Array(keys)
}

fn big_integer(object: &mut Object) -> Option<Value> {
    let negative = object.integer("signum")? < 0;
    Some(json_repr::integer(negative, &json_repr::binary_bytes(&object.take("magnitude")?)?))
}

/// `-12.50`, or `-1250E+20` if writing it out would add zeros.
fn big_decimal(object: &mut Object) -> Option<Value> {
    let scale = object.integer("scale")?;
    let unscaled = match object.take("intVal")? {
        Value::String(digits) => digits,
        Value::Number(digits) => digits.to_string(),
        _ => return None,
    };
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled.as_str()),
    };
    Some(Value::from(match usize::try_from(scale) {
        Ok(0) => unscaled,
        Ok(scale @ 1..=40) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            // Not in the middle of a letter, if these are no digits.
            let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
            format!("{sign}{whole}.{fraction}")
        }
        _ => format!("{sign}{digits}E{:+}", scale.saturating_neg()),
    }))
}

fn uuid(object: &mut Object) -> Option<Value> {
    let high = object.integer("mostSigBits")?;
    let low = object.integer("leastSigBits")?;
    let number = u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned());
    Some(json_repr::uuid(number.to_be_bytes()))
}

/// `sv_SE`, like `Locale.toString` but without scripts and extensions.
fn locale(object: &mut Object) -> Option<Value> {
    let language = object.take("language")?;
    let parts = [Some(language), object.take("country"), object.take("variant")];
    let parts: Vec<&str> = parts.iter().flatten().filter_map(Value::as_str).collect();
    Some(Value::from(parts.join("_").trim_end_matches('_')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::payload::java::object::{Class, Field};

    /// An object can have any field, whatever its class writes.
    #[test]
    fn what_only_looks_like_a_map_with_pairs_is_shown_as_it_is() {
        let pairs = json!({ "$pairs": ["x", 7, { "key": [1], "value": null }], "a": true });
        assert_eq!(keys(pairs), json!(["x", 7, [1], "a"]));
    }

    fn decimal(digits: Value, scale: i64) -> Option<Value> {
        let field = |name: &str| Field { kind: b'J', name: name.to_owned() };
        let fields = vec![field("scale"), field("intVal")];
        let name = "java.math.BigDecimal".to_owned();
        let class = Rc::new(Class { name, flags: 2, fields, parent: None });
        let level =
            Level { class: Rc::clone(&class), fields: vec![scale.into(), digits], extra: vec![] };
        value(&mut Object { class, levels: vec![level] })
    }

    #[test]
    fn a_decimal_of_any_scale_and_any_digits_is_read() {
        assert_eq!(decimal("-1250".into(), 2), Some("-12.50".into()));
        assert_eq!(decimal("1".into(), i64::MIN), Some("1E+9223372036854775807".into()));
        assert_eq!(decimal("1".into(), i64::MAX), Some("1E-9223372036854775807".into()));
        assert_eq!(decimal("ÅÅÅ".into(), 1), None);
    }
}
