//! Only as much of a JSON payload as tells the user: a list of a million sessions wants no more,
//! and building the rest takes most of its time.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The members of the object in `text` with which one of `paths` can begin; `None` if `text` is not
/// the text of an object.
pub(super) fn glance(text: &[u8], paths: &[String]) -> Option<Value> {
    if !text.starts_with(b"{") {
        return None;
    }
    let mut json = serde_json::Deserializer::from_slice(text);
    let map = json.deserialize_map(Members(paths)).ok()?;
    json.end().ok()?;
    Some(Value::Object(map))
}

struct Members<'a>(&'a [String]);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => drop(map.insert(name, access.next_value()?)),
                None => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(map)
    }
}

/// A member's name, if a path can begin with it.
struct Name<'a>(&'a [String]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().any(|path| begins(path, name)).then(|| name.to_owned()))
    }
}

/// Whether `path` can lead through the member `name`; see [`super::get`].
fn begins(path: &str, name: &str) -> bool {
    // Most names are told apart by their first letter, and this is asked a million times.
    if path.as_bytes().first() != name.as_bytes().first() && !path.starts_with('*') {
        return false;
    }
    match path.strip_prefix(name) {
        Some(rest) => rest.is_empty() || rest.starts_with('.'),
        None => path.split_once('*').is_some_and(|(start, _)| name.starts_with(start)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(text: &str) -> Option<Value> {
        let paths = ["passport.user", "userId", "login_web_*"].map(str::to_owned);
        glance(text.as_bytes(), &paths)
    }

    #[test]
    fn what_no_path_begins_with_is_left_out() {
        let text = r#"{"cookie":{"userId":1},"passport":{"user":2,"x":[3]},"userIds":4,"login_web_59ba":5}"#;
        let wanted = json!({ "passport": { "user": 2, "x": [3] }, "login_web_59ba": 5 });
        assert_eq!(of(text), Some(wanted));
    }

    #[test]
    fn what_is_not_an_object_is_left_to_the_codecs() {
        for text in ["", "[1]", "\"x\"", "{\"userId\":1", "{\"userId\":1}x", "MIIEbw=="] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
