//! How an object is shown: as the value that it represents, or field by field.

use serde_json::{Map, Value};

use super::known;
use super::object::{Class, Content, Object};
use crate::model::payload::json_repr;
use crate::model::payload::reader::{Decoded, Reader};

impl Object<'_> {
    pub(super) fn shown(mut self, reader: &mut Reader) -> Decoded<Value> {
        if let Some(value) = known::value(&mut self) {
            return Ok(value);
        }
        let items = known::items(&mut self);
        match items {
            Some(items) if self.levels.is_empty() => Ok(items),
            items => self.plain(reader, items),
        }
    }

    fn plain(self, reader: &mut Reader, items: Option<Value>) -> Decoded<Value> {
        reader.repeat(self.class.name.len())?;
        let mut map = Map::from_iter([("$class".to_owned(), self.class.shown())]);
        map.extend(items.map(|items| ("$items".to_owned(), items)));
        let mut data = Vec::new();
        for level in self.levels {
            for (field, value) in level.class.fields.iter().zip(level.fields) {
                insert(&mut map, reader, &level.class, &field.name, value)?;
            }
            data.extend(level.extra.into_iter().map(|content| match content {
                Content::Block(bytes) => json_repr::binary(bytes),
                Content::Object(value) => value,
            }));
        }
        if !data.is_empty() {
            json_repr::insert(&mut map, "$data".to_owned(), Value::Array(data));
        }
        Ok(Value::Object(map))
    }
}

/// Inserts a field. If its parent class has a field of the same name, the name of the class is
/// prefixed.
fn insert(
    map: &mut Map<String, Value>,
    reader: &mut Reader,
    class: &Class,
    name: &str,
    value: Value,
) -> Decoded<()> {
    reader.repeat(name.len())?;
    if map.contains_key(name) {
        reader.repeat(class.name.len())?;
        json_repr::insert(map, format!("{}::{name}", class.name), value);
    } else {
        map.insert(name.to_owned(), value);
    }
    Ok(())
}
