//! Finds places that seem to hold the user of a session, wherever the application put them.
//!
//! If a command ended only the sessions that have a user at the layout's places, other sessions of
//! that user would silently stay logged in. So the same value at another place is reported, if the
//! name of the place suggests a user: an equal number in a cart is not a user.

use std::collections::{BTreeMap, BTreeSet};

use bson::RawDocument;
use bson::raw::{RawArray, RawBsonRef};
use serde_json::Value;

use super::users::Users;
use crate::model::document::{Found, digits, find, text_of};
use crate::model::layout::Layout;
use crate::model::payload::{Codec, Payload};

mod names;

pub(super) use names::names_a_user;

/// Sessions that have a user at places where the layout does not look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// How many sessions.
    pub sessions: u64,
    /// The number of sessions for each place; a place in the document itself begins with `/`. Only
    /// the first 1,000 places are counted separately.
    pub places: BTreeMap<String, u64>,
    /// Whether there were more places.
    pub has_more: bool,
}

/// How many places are counted separately. Otherwise, payloads with different names in each
/// session, such as `users.<uuid>.name`, would fill the memory.
const MOST: usize = 1000;

impl Elsewhere {
    /// Adds a session with these places, if it has any.
    pub fn add(&mut self, places: BTreeSet<String>) {
        self.sessions += u64::from(!places.is_empty());
        for place in places {
            if let Some(sessions) = self.places.get_mut(&place) {
                *sessions += 1;
            } else if self.places.len() < MOST {
                self.places.insert(place, 1);
            } else {
                self.has_more = true;
            }
        }
    }

    /// Adds what was found in other sessions.
    pub fn join(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.has_more |= other.has_more;
        for (place, sessions) in other.places {
            if self.places.len() < MOST || self.places.contains_key(&place) {
                *self.places.entry(place).or_insert(0) += sessions;
            } else {
                self.has_more = true;
            }
        }
    }

    /// Whether there is no such session.
    pub fn is_empty(&self) -> bool {
        self.sessions == 0
    }

    /// The places, sorted by their number of sessions, the largest first.
    pub fn by_sessions(&self) -> Vec<(&str, u64)> {
        let mut places: Vec<_> =
            self.places.iter().map(|(place, sessions)| (place.as_str(), *sessions)).collect();
        places.sort_by_key(|place| std::cmp::Reverse(place.1));
        places
    }
}

impl Layout {
    /// The places of a session that seem to hold a user.
    pub fn likely_users(&self, document: &RawDocument, payload: &Payload) -> BTreeSet<String> {
        search(self, document, payload, None)
    }

    /// The places of a session that seem to hold a user, and do hold one of `users`.
    pub(super) fn places_of(
        &self,
        users: &Users,
        document: &RawDocument,
        payload: &Payload,
    ) -> BTreeSet<String> {
        search(self, document, payload, Some(users))
    }

    /// Whether none of `users` occurs anywhere in a session. This needs no decoding, because nearly
    /// all sessions belong to other users. False if the payload must be decoded to know.
    pub(super) fn never_mentions(&self, users: &Users, document: &RawDocument) -> bool {
        let is_plain =
            |codec: &Codec| matches!(codec, Codec::Document | Codec::Flat | Codec::Absent);
        if !self.user_prefix.is_empty() {
            return false;
        }
        if self.payload.codecs.iter().all(is_plain) {
            return !may_be_in(users, document, None, DEPTH);
        }
        let text = self.payload.path.as_deref().filter(|path| !path.contains('.'));
        is_json(&self.payload.codecs) && text.is_some() && !may_be_in(users, document, text, DEPTH)
    }
}

/// Whether payloads are JSON, if they can be read at all.
pub(super) fn is_json(codecs: &[Codec]) -> bool {
    let is_text = |codec: &Codec| matches!(codec, Codec::Json | Codec::Encrypted);
    codecs.contains(&Codec::Json) && codecs.iter().all(is_text)
}

/// Whether one of `users` may occur in `document`, whose field `json` holds JSON.
fn may_be_in(users: &Users, document: &RawDocument, json: Option<&str>, depth: u8) -> bool {
    document.iter_elements().any(|element| {
        let Ok(element) = element else { return true };
        match element.value() {
            Err(_) => true,
            Ok(RawBsonRef::String(text)) if json == Some(element.key().as_str()) => {
                users.may_be_in_json(text)
            }
            Ok(_) if json == Some(element.key().as_str()) => true,
            Ok(value) => may_be(users, value, depth),
        }
    })
}

fn may_be(users: &Users, value: RawBsonRef<'_>, depth: u8) -> bool {
    match value {
        RawBsonRef::String(text) | RawBsonRef::Symbol(text) => users.contains(text),
        RawBsonRef::Null | RawBsonRef::Undefined | RawBsonRef::Boolean(_) => false,
        RawBsonRef::Document(inner) => {
            depth.checked_sub(1).is_none_or(|depth| may_be_in(users, inner, None, depth))
        }
        RawBsonRef::Array(array) => array.into_iter().any(|value| {
            let inner = value.ok().zip(depth.checked_sub(1));
            inner.is_none_or(|(value, depth)| may_be(users, value, depth))
        }),
        RawBsonRef::DateTime(_) => users.may_be_date(),
        RawBsonRef::Int32(_)
        | RawBsonRef::Int64(_)
        | RawBsonRef::Double(_)
        | RawBsonRef::Decimal128(_)
        | RawBsonRef::ObjectId(_)
        | RawBsonRef::Binary(_) => {
            users.may_be_number_or_id() && text_of(value).is_none_or(|text| users.contains(&text))
        }
        _ => true,
    }
}

/// A name on the path to a value. The path is built only if a value is found.
#[derive(Clone, Copy)]
struct Way<'a> {
    before: Option<&'a Way<'a>>,
    name: Name<'a>,
}

#[derive(Clone, Copy)]
enum Name<'a> {
    Key(&'a str),
    Index(usize),
}

struct Search<'a> {
    layout: &'a Layout,
    wanted: Option<&'a Users>,
    found: BTreeSet<String>,
}

/// How deep values are searched; applications store their users above this.
const DEPTH: u8 = 8;

fn search(
    layout: &Layout,
    document: &RawDocument,
    payload: &Payload,
    wanted: Option<&Users>,
) -> BTreeSet<String> {
    let mut search = Search { layout, wanted, found: BTreeSet::new() };
    search.fields(document, layout.payload.path.as_deref());
    // A payload that is a document was already searched.
    let is_decoded = layout.payload.path.is_some() && !search.has_document(document);
    if let Some(value) = payload.value().filter(|_| is_decoded) {
        search.json(value, None, DEPTH);
    }
    search.found
}

impl<'a> Search<'a> {
    fn has_document(&self, document: &RawDocument) -> bool {
        let Some(path) = &self.layout.payload.path else { return false };
        let reads_documents = self.layout.payload.codecs.contains(&Codec::Document);
        let found = find(document, path);
        reads_documents && matches!(found, Found::One(RawBsonRef::Document(_)))
    }

    /// The fields of the session's document, which has its payload at `payload`.
    fn fields(&mut self, document: &RawDocument, payload: Option<&str>) {
        let is_flat = self.layout.payload.codecs.contains(&Codec::Flat);
        for element in document.iter_elements().map_while(Result::ok) {
            let Ok(value) = element.value() else { continue };
            let name = element.key().as_str();
            let is_field = !is_flat || self.layout.payload.exclude.iter().any(|one| one == name);
            let way = Way { before: None, name: Name::Key(name) };
            self.field(value, way, payload, is_field, DEPTH);
        }
    }

    /// A field, unless it is the payload, which is the last name of `payload`.
    fn field(
        &mut self,
        value: RawBsonRef<'_>,
        way: Way<'_>,
        payload: Option<&str>,
        is_field: bool,
        depth: u8,
    ) {
        let Name::Key(name) = way.name else { return };
        let rest = payload.and_then(|path| path.strip_prefix(name));
        match (rest, value) {
            (Some(""), RawBsonRef::Document(inner)) => {
                if self.layout.payload.codecs.contains(&Codec::Document) {
                    self.members(inner, None, false, depth);
                }
            }
            (Some(""), _) => {}
            (Some(rest), RawBsonRef::Document(inner)) if rest.starts_with('.') => {
                for element in inner.iter_elements().map_while(Result::ok) {
                    let name = Name::Key(element.key().as_str());
                    let way = Way { before: Some(&way), name };
                    if let Ok(value) = element.value() {
                        self.field(value, way, rest.get(1..), is_field, depth);
                    }
                }
            }
            _ => self.value(value, way, is_field, depth),
        }
    }

    fn members(
        &mut self,
        document: &RawDocument,
        before: Option<&Way<'_>>,
        is_field: bool,
        depth: u8,
    ) {
        for element in document.iter_elements().map_while(Result::ok) {
            if let Ok(value) = element.value() {
                let way = Way { before, name: Name::Key(element.key().as_str()) };
                self.value(value, way, is_field, depth);
            }
        }
    }

    fn items(&mut self, array: &RawArray, before: &Way<'_>, is_field: bool, depth: u8) {
        for (index, value) in array.into_iter().map_while(Result::ok).enumerate() {
            let way = Way { before: Some(before), name: Name::Index(index) };
            self.value(value, way, is_field, depth);
        }
    }

    fn value(&mut self, value: RawBsonRef<'_>, way: Way<'_>, is_field: bool, depth: u8) {
        match (value, depth.checked_sub(1)) {
            (RawBsonRef::Document(inner), Some(depth)) => {
                self.members(inner, Some(&way), is_field, depth);
            }
            (RawBsonRef::Array(array), Some(depth)) => self.items(array, &way, is_field, depth),
            (RawBsonRef::Document(_) | RawBsonRef::Array(_), None) => {}
            (RawBsonRef::String(text), _) => self.text(text, way, is_field),
            (value, _) if self.wanted.is_none_or(Users::may_be_number_or_id) => {
                if let Some(text) = text_of(value) {
                    self.text(&text, way, is_field);
                }
            }
            _ => {}
        }
    }

    fn json(&mut self, value: &Value, before: Option<&Way<'_>>, depth: u8) {
        let way = |name| Way { before, name };
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    self.json_at(value, way(Name::Key(name)), depth);
                }
            }
            Value::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    self.json_at(value, way(Name::Index(index)), depth);
                }
            }
            _ => {}
        }
    }

    fn json_at(&mut self, value: &Value, way: Way<'_>, depth: u8) {
        match (value, depth.checked_sub(1)) {
            (Value::Object(_) | Value::Array(_), Some(depth)) => {
                self.json(value, Some(&way), depth);
            }
            (Value::String(text), _) => self.text(text, way, false),
            (Value::Number(number), _) if self.wanted.is_none_or(Users::may_be_number_or_id) => {
                self.text(&digits(number), way, false);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, way: Way<'_>, is_field: bool) {
        if text.is_empty() || self.wanted.is_some_and(|wanted| !wanted.contains(text)) {
            return;
        }
        let Some(names) = way.names() else { return };
        if names_a_user(&names, text.parse::<f64>().is_ok()) {
            let slash = if is_field { "/" } else { "" };
            self.found.insert(format!("{slash}{}", names.join(".")));
        }
    }
}

/// The longest name on the way to a user, in bytes. Longer ones are not read, because they would be
/// read again for each value below them.
const LONGEST: usize = 128;

impl Way<'_> {
    /// `None` if one is too long.
    fn names(&self) -> Option<Vec<String>> {
        let mut names = self.before.map_or(Some(Vec::new()), Way::names)?;
        names.push(match self.name {
            Name::Key(name) if name.len() > LONGEST => return None,
            Name::Key(name) => name.to_owned(),
            Name::Index(index) => index.to_string(),
        });
        Some(names)
    }
}

#[cfg(test)]
mod tests {
    use bson::raw::RawDocumentBuf;
    use bson::{doc, oid::ObjectId};

    use super::*;

    fn places(layout: &str, document: &bson::Document, user: &str) -> Vec<String> {
        let layout = Layout::named(layout).unwrap();
        let document = RawDocumentBuf::try_from(document).unwrap();
        let payload = layout.payload(&document);
        layout.places_of(&user.into(), &document, &payload).into_iter().collect()
    }

    #[test]
    fn a_user_is_found_in_documents_and_in_what_is_decoded() {
        let id = ObjectId::from_bytes([7; 12]);
        let document = doc! {
            "_id": "a", "owner": "bob",
            "session": { "cookie": {}, "account": { "id": id }, "who": ["bob"], "person": { "name": "bob" } },
        };
        let found = places("express-session-object", &document, "bob");
        assert_eq!(found, ["/owner", "person.name"]);
        let found = places("express-session-object", &document, &id.to_hex());
        assert_eq!(found, ["account.id"]);
        let layout = Layout::named("express-session-object").unwrap();
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        for (user, never) in [("bob", false), (&*id.to_hex(), false), ("alice", true), ("42", true)]
        {
            assert_eq!(layout.never_mentions(&user.into(), &raw), never, "{user}");
        }
        let document = doc! {
            "_id": "a", "memberId": 42_i64,
            "session": r#"{"account":{"id":42},"cart":{"total":42},"user":"42","views":42}"#,
        };
        let found = places("connect-mongo-json", &document, "42");
        assert_eq!(found, ["/memberId", "account.id", "user"]);
    }

    /// A name of half a megabyte, once for each of a hundred thousand values.
    #[test]
    fn a_name_that_is_too_long_for_a_users_is_not_read_again_for_each_value_below_it() {
        let long = format!("user{}", "A".repeat(500_000));
        let document = doc! { "_id": "a", "session": { long: { "email": vec!["a"; 125_000] } } };
        let layout = Layout::named("express-session-object").unwrap();
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        assert!(layout.likely_users(&raw, &layout.payload(&raw)).is_empty());
        let name = "login_customers_59ba36addc2b2f9401580f014c7f58ea4e30989d";
        let document = doc! { "_id": "a", "session": { name: "bob" } };
        assert_eq!(places("express-session-object", &document, "bob"), [name]);
    }

    #[test]
    fn places_of_most_sessions_come_first() {
        let mut elsewhere = Elsewhere::default();
        let places = |places: &[&str]| places.iter().map(|place| (*place).to_owned()).collect();
        elsewhere.add(places(&[]));
        assert!(elsewhere.is_empty());
        elsewhere.add(places(&["a", "b"]));
        elsewhere.add(places(&["b"]));
        assert_eq!((elsewhere.sessions, elsewhere.by_sessions()), (2, vec![("b", 2), ("a", 1)]));
    }

    #[test]
    fn a_million_different_places_take_no_more_room_than_a_thousand() {
        let mut elsewhere = Elsewhere::default();
        for number in 0..1_000_000 {
            elsewhere.add([format!("users.{number}.name")].into());
        }
        assert_eq!((elsewhere.sessions, elsewhere.places.len()), (1_000_000, MOST));
        assert!(elsewhere.has_more);
    }
}
