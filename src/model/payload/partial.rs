//! Decodes only as much of a payload as is needed to find the user: a list of a million sessions
//! needs no more, and building the rest would take most of its time. However many paths are looked
//! up, the text is scanned once.

use std::borrow::Cow;

use bson::raw::RawBsonRef;
use serde_json::Value;

use super::codec::Codec;
use super::decode::{Payload, decode};
use super::encrypted::{KRUPTEIN, LARAVEL};
use super::json;
use super::path::get;
use super::place::PayloadPlace;
use crate::model::document::{Fields, Found};

mod members;

use members::{Letters, Members};

/// A payload in which the values at certain paths can be looked up.
pub(crate) enum Partial<'a> {
    /// The members of a JSON object that one of the paths may begin with.
    Members(Members<'a>),
    /// The decoded payload, and the first letters of its names.
    Whole(Cow<'a, Payload>, Letters),
}

impl<'a> Partial<'a> {
    /// The payload of a document, for looking up `paths`.
    pub(crate) fn at<'p>(
        place: &PayloadPlace,
        fields: &Fields<'a>,
        paths: impl Iterator<Item = &'p str>,
    ) -> Self {
        if let (Some(path), [Codec::Json, ..]) = (&place.path, place.codecs.as_slice())
            && let Found::One(RawBsonRef::String(text)) = fields.find(path)
        {
            // The letters that the paths begin with are needed only if there are too many members.
            let some_members = || {
                let wanted = Letters::of(paths);
                let of_cipher =
                    |name: &str| KRUPTEIN.iter().chain(&LARAVEL).any(|own| *own == name);
                Members::of(text, |name| of_cipher(name) || wanted.may_lead_through(name))
            };
            let members = Members::of(text, |_| true).or_else(some_members);
            if let Some(members) = members.filter(|members| !is_ciphertext(members)) {
                return Self::Members(members);
            }
        }
        Self::whole(Cow::Owned(decode(place, fields.document)))
    }

    /// A payload that has already been decoded.
    pub(crate) fn whole(payload: Cow<'a, Payload>) -> Self {
        let letters = match payload.value() {
            Some(Value::Object(map)) => Letters::of(map.keys().map(String::as_str)),
            _ => Letters::ALL,
        };
        Self::Whole(payload, letters)
    }

    /// Whether the payload can be read, so that a missing value is really missing.
    pub(crate) fn is_readable(&self) -> bool {
        match self {
            Self::Whole(payload, _) => payload.value().is_some(),
            Self::Members(_) => true,
        }
    }

    /// The payload, if it has been decoded.
    pub(crate) fn into_payload(self) -> Option<Cow<'a, Payload>> {
        match self {
            Self::Whole(payload, _) => Some(payload),
            Self::Members(_) => None,
        }
    }

    /// The value at one of the paths, as [`get`] finds it. A value that is still JSON text is
    /// returned only if it is a scalar or an `ObjectId`, because no other structure names a user.
    pub(crate) fn get(&self, path: &str) -> Option<Cow<'_, Value>> {
        match self {
            Self::Whole(payload, letters) => {
                let value = payload.value().filter(|_| letters.may_begin(path))?;
                get(value, path).map(Cow::Borrowed)
            }
            Self::Members(members) => {
                let text = members.get(path)?.text;
                (!is_structure(text)).then(|| json::value(text)).flatten().map(Cow::Owned)
            }
        }
    }
}

/// Whether the members are those of a ciphertext, which decoding then names.
fn is_ciphertext(members: &Members<'_>) -> bool {
    let text = |key: &&str| members.get(key).map(|at| at.text);
    KRUPTEIN.iter().all(|key| text(key).is_some())
        || LARAVEL.iter().all(|key| text(key).is_some_and(|text| text.starts_with('"')))
}

/// Whether the JSON `text` is an array, or an object other than `{"$oid": ...}`.
fn is_structure(text: &str) -> bool {
    let is_id = |inner: &str| inner.trim_start().starts_with("\"$oid\"");
    text.starts_with('[') || text.strip_prefix('{').is_some_and(|inner| !is_id(inner))
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use bson::raw::RawDocumentBuf;
    use proptest::prelude::*;

    use super::members::MOST;
    use super::*;
    use crate::model::layout::Layout;
    use crate::model::payload::decode::by_codecs;
    use crate::model::payload::samples;

    const PATHS: [&str; 8] = [
        "passport.user",
        "passport.user.id",
        "user.id",
        "user._id",
        "userId",
        "login_web_*",
        "user.0",
        "axum-login.data.0.user",
    ];

    fn members(text: &str) -> Option<Members<'_>> {
        let wanted = Letters::of(PATHS.into_iter());
        Members::of(text, |name| wanted.may_lead_through(name))
    }

    /// The value at each path, by partial and by full decoding.
    fn both(text: &str) -> (Option<Vec<Option<Value>>>, Vec<Option<Value>>) {
        let partial = members(text).map(|members| {
            let partial = Partial::Members(members);
            PATHS.map(|path| partial.get(path).map(Cow::into_owned)).to_vec()
        });
        let whole = by_codecs(&[Codec::Json], RawBsonRef::String(text));
        let whole = Partial::whole(Cow::Owned(whole));
        let names_nobody = |value: &Value| {
            let is_id = |value: &Value| {
                value
                    .as_object()
                    .is_some_and(|map| map.keys().next().is_some_and(|key| key == "$oid"))
            };
            (value.is_object() && !is_id(value)) || value.is_array()
        };
        let value =
            |path| whole.get(path).map(Cow::into_owned).filter(|value| !names_nobody(value));
        (partial, PATHS.map(value).to_vec())
    }

    /// Stored by connect-mongo 4.1 as it is.
    #[test]
    fn a_ciphertext_is_not_taken_for_the_members_of_a_payload() {
        let place: PayloadPlace = Layout::named("connect-mongo-json").unwrap().payload.clone();
        let many = (0..MOST).map(|at| format!(",\"x{at}\":1")).collect::<String>();
        for (text, is_readable) in [
            (samples::KRUPTEIN.to_owned(), false),
            (format!("{{\"ct\":\"f9\"{many},\"hmac\":\"33\"}}"), false),
            (r#"{"iv":"q3J9","value":"x","mac":"9d3c","tag":""}"#.to_owned(), false),
            (r#"{"iv":"q3J9","value":7,"mac":"9d3c"}"#.to_owned(), true),
            (r#"{"hmac":"33","user":"asa"}"#.to_owned(), true),
            (r#"{"inner":{"ct":"f9","hmac":"33"}}"#.to_owned(), true),
        ] {
            let document = doc! { "_id": "a", "session": &text };
            let document = RawDocumentBuf::try_from(&document).unwrap();
            let partial = Partial::at(&place, &Fields::of(&document), PATHS.into_iter());
            assert_eq!(partial.is_readable(), is_readable, "{text}");
            assert_eq!(decode(&place, &document).value().is_some(), is_readable, "{text}");
        }
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let text = r#"{"userId":1,"userIds":2,"login_web_b":3,"login_web_a":4,"userId":5,"login_web_b":6}"#;
        let (partial, whole) = both(text);
        assert_eq!(partial.as_ref(), Some(&whole));
        assert_eq!(whole[4..6], [Some(5.into()), Some(6.into())]);
    }

    #[test]
    fn a_million_members_that_may_tell_the_user_are_left_to_the_codecs() {
        let text = |count: usize| {
            let members = (0..count).map(|at| format!("\"login_web_{at}\":{at}"));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        };
        let (partial, whole) = both(&text(MOST));
        assert_eq!(partial, Some(whole));
        assert!(members(&text(MOST + 1)).is_none());
        assert!(members(&text(1_000_000)).is_none());
    }

    #[test]
    fn a_user_among_many_values_is_found_wherever_they_are() {
        let many = |count: usize| {
            let members = (0..count).map(|at| format!("\"n{at}\":{{\"id\":{at}}}"));
            members.collect::<Vec<_>>().join(",")
        };
        for count in [0, 1, MOST / 2, MOST / 2 + 1, MOST, 100] {
            let many = many(count);
            for user in [
                format!("{{\"user\":{{\"x\":{{{many}}},\"id\":7}},\"userId\":8}}"),
                format!("{{\"user\":{{\"id\":7,\"x\":{{{many}}}}},\"userId\":8}}"),
                format!("{{\"passport\":{{\"user\":{{\"x\":{{{many}}},\"id\":7}},\"y\":[{{}}]}}}}"),
                format!("{{\"x\":{{{many}}},\"user\":{{\"id\":7}}}}"),
            ] {
                let (partial, whole) = both(&user);
                assert!(whole.contains(&Some(7.into())), "{user}");
                assert_eq!(partial, Some(whole), "{user}");
            }
        }
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
            "$oid",
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
