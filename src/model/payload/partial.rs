//! Only as much of a payload as tells the user: a list of a million sessions wants no more, and
//! building the rest would take most of its time.

use std::borrow::Cow;

use bson::RawDocument;
use bson::raw::RawBsonRef;
use serde_json::Value;

use super::codec::Codec;
use super::decode::{Payload, decode};
use super::path::{along, get};
use super::place::PayloadPlace;
use super::{json, json_scan};
use crate::model::document::{Fields, Found};

/// Members that are kept at most: each is compared with those before it.
const MOST: usize = 16;

/// A payload in which the values at certain paths can be found.
pub(crate) enum Partial<'a> {
    /// Names and values, still as text, of the members of a JSON object with which a path begins.
    Members(Vec<(&'a str, &'a str)>),
    Whole(Payload),
}

impl<'a> Partial<'a> {
    /// At the payload of `document`, for `paths`.
    pub(crate) fn at(
        place: &PayloadPlace,
        document: &RawDocument,
        fields: &Fields<'a>,
        paths: &[impl AsRef<str>],
    ) -> Self {
        if let (Some(path), [Codec::Json, ..]) = (&place.path, place.codecs.as_slice())
            && let Found::One(RawBsonRef::String(text)) = fields.find(path)
            && let Some(members) = members(text, paths)
        {
            return Self::Members(members);
        }
        Self::Whole(decode(place, document))
    }

    /// The value at one of the paths, as [`get`] finds it.
    pub(crate) fn get(&self, path: &str) -> Option<Cow<'_, Value>> {
        match self {
            Self::Whole(payload) => get(payload.value()?, path).map(Cow::Borrowed),
            Self::Members(members) => {
                let text = along(path, |key| member(members, key), at)?;
                json::value(text).map(Cow::Owned)
            }
        }
    }
}

/// The members of the object in `text` with which one of `paths` can begin; `None` if the codecs
/// must look at it.
fn members<'a>(text: &'a str, paths: &[impl AsRef<str>]) -> Option<Vec<(&'a str, &'a str)>> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    json_scan::members(text, |name, value| {
        if paths.iter().any(|path| begins(path.as_ref(), name)) {
            // Of two with one name the last counts, in the place of the first.
            match members.iter().position(|(known, _)| *known == name) {
                Some(known) => members[known].1 = value,
                None if members.len() <= MOST => members.push((name, value)),
                None => {}
            }
        }
    })?;
    (members.len() <= MOST).then_some(members)
}

/// What stands at `path` of the value in `text`, as [`get`] finds it.
fn at<'a>(text: &'a str, path: &str) -> Option<&'a str> {
    if text.starts_with('[') {
        return along(path, |key| item(text, key.parse().ok()?), at);
    }
    let members = members(text, &[path])?;
    along(path, |key| member(&members, key), at)
}

fn item(text: &str, index: usize) -> Option<&str> {
    let mut items = Vec::new();
    json_scan::items(text, |item| items.push(item))?;
    items.get(index).copied()
}

/// Whether `path` can lead through the member `name`; see [`get`].
#[inline]
fn begins(path: &str, name: &str) -> bool {
    // Most names are told apart by their first letter, and this is asked a million times.
    let first = path.as_bytes().first();
    (first == name.as_bytes().first() || first == Some(&b'*')) && leads_through(path, name)
}

fn leads_through(path: &str, name: &str) -> bool {
    match path.strip_prefix(name) {
        Some(rest) if rest.is_empty() || rest.starts_with('.') => true,
        _ => path.split_once('*').is_some_and(|(start, _)| name.starts_with(start)),
    }
}

fn member<'a>(members: &[(&'a str, &'a str)], key: &str) -> Option<&'a str> {
    let is_meant = |name: &str| match key.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == key,
    };
    members.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::payload::decode::by_codecs;

    const PATHS: [&str; 6] =
        ["passport.user", "user.id", "user._id", "userId", "login_web_*", "axum-login.data.0.user"];

    /// What stands at each path, in part and in the payload as a whole.
    fn both(text: &str) -> (Option<Vec<Option<Value>>>, Vec<Option<Value>>) {
        let paths = PATHS.map(str::to_owned);
        let partial = members(text, &paths).map(|members| {
            let partial = Partial::Members(members);
            PATHS.map(|path| partial.get(path).map(Cow::into_owned)).to_vec()
        });
        let whole = by_codecs(&[Codec::Json], RawBsonRef::String(text));
        let value = |path| whole.value().and_then(|value| get(value, path)).cloned();
        (partial, PATHS.map(value).to_vec())
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let text = r#"{"userId":1,"userIds":2,"login_web_b":3,"login_web_a":4,"userId":5,"login_web_b":6}"#;
        let (partial, whole) = both(text);
        assert_eq!(partial.as_ref(), Some(&whole));
        assert_eq!(whole[3..5], [Some(5.into()), Some(6.into())]);
    }

    #[test]
    fn a_million_members_that_may_tell_the_user_are_left_to_the_codecs() {
        let text = |count: usize| {
            let members = (0..count).map(|at| format!("\"login_web_{at}\":{at}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        let (partial, whole) = both(&text(MOST));
        assert_eq!(partial, Some(whole));
        assert_eq!(members(&text(MOST + 1), &PATHS), None);
        assert_eq!(members(&text(1_000_000), &PATHS), None);
    }

    #[test]
    fn what_is_not_plain_is_left_to_the_codecs() {
        for text in ["", "[1]", "\"x\"", "{\"userId\":1", "{\"userId\":1}x", r#"{"user\u0049d":1}"#]
        {
            assert_eq!(both(text).0, None, "{text}");
        }
    }

    /// A payload with users in many places, under names that are escaped or nearly right.
    fn payload() -> impl Strategy<Value = String> {
        let names = [
            "passport",
            "user",
            "id",
            "_id",
            "userId",
            "user.id",
            "passport.user",
            "login_web_",
            "login_web_a",
            "login_web_b",
            "axum-login",
            "axum-login.data",
            "data",
            "0",
            "user\\u0049d",
            "\\u0075ser",
            "x",
            "",
        ];
        let name = prop::sample::select(names.to_vec());
        let scalars = [
            "42",
            "-1",
            "0.5",
            "1e3",
            "1e999",
            "12345678901234567890123",
            "\"asa\"",
            "\"\"",
            "\"\\ud83d\"",
            "\"\\u00e5\"",
            "null",
            "true",
            "nul",
            "\"a",
        ];
        let space = prop::sample::select(vec!["", "", "", " ", "\n"]);
        let scalar = prop::sample::select(scalars.to_vec()).prop_map(str::to_owned);
        let value = scalar.prop_recursive(3, 12, 4, move |inner| {
            let member = (name.clone(), inner.clone(), space.clone())
                .prop_map(|(name, value, space)| format!("\"{name}\"{space}:{space}{value}{space}"));
            prop_oneof![
                3 => prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(","))),
                1 => prop::collection::vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
            ]
        });
        value.prop_filter("an object", |text| text.starts_with('{'))
    }

    proptest! {
            #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::with_cases(4_000) })]

            #[test]
            fn a_part_finds_what_the_whole_payload_has(text in payload()) {
                let (partial, whole) = both(&text);
                if let Some(found) = partial {
     prop_assert_eq!(found, whole, "{}", text);
    }
            }
        }
}
