//! Guesses the field and the encoding of the payload.

use std::collections::BTreeSet;

use bson::RawDocumentBuf;
use bson::raw::RawBsonRef;

use super::expiry::ExpiryGuess;
use super::fields::{Field, Survey};
use super::names;
use crate::model::layout::{BsonType, FieldPath};
use crate::model::payload::{Codec, Payload, PayloadPlace, decode};

/// The guess of a payload.
#[derive(Debug, Default)]
pub(super) struct PayloadGuess {
    pub(super) path: Option<String>,
    pub(super) exclude: Vec<String>,
    pub(super) codecs: Vec<String>,
    pub(super) cookie: Option<&'static str>,
    pub(super) reasons: Vec<String>,
}

/// The encodings of text and bytes. If two of them decode a payload equally well, the first is used.
const CODECS: [&str; 14] = [
    "json",
    "msgpack:tower",
    "msgpack",
    "php:session",
    "php:value",
    "base64>php:value",
    "java",
    "ruby-marshal",
    "gob",
    "django-signed",
    "securecookie",
    "beaker",
    "pickle",
    "encrypted",
];
/// How many documents are decoded for each encoding.
const TRIED: usize = 50;
/// A shorter text is probably not a payload.
const SHORT: usize = 16;

/// The field of the payload, if there is one.
pub(super) fn place(survey: &Survey<'_>) -> Option<String> {
    let holds = |field: &Field<'_>| {
        let is_long = |value: &RawBsonRef<'_>| match value {
            RawBsonRef::String(text) => text.len() >= SHORT || text.starts_with(['{', '[']),
            _ => true,
        };
        field.is_all(&[BsonType::Object, BsonType::String, BsonType::BinData, BsonType::Null])
            && field.types != [BsonType::Null]
            && field.values.iter().any(is_long)
    };
    let named = survey
        .top()
        .filter(|(name, field)| *name != "_id" && holds(field) && field.there * 2 > survey.total)
        .filter_map(|(name, _)| Some((names::payload_rank(name)?, name)))
        .min();
    if let Some((_, name)) = named {
        return Some(name.to_owned());
    }
    let is_opaque =
        |field: &Field<'_>| field.is_all(&[BsonType::Object]) || field.is_all(&[BsonType::BinData]);
    let mut opaque = survey.top().filter(|(name, field)| {
        *name != "_id"
            && is_opaque(field)
            && survey.has_mostly(field)
            && names::id_rank(name).is_none()
    });
    match (opaque.next(), opaque.next()) {
        // In Express, the cookie is beside the rest of the session.
        (Some((name, _)), None) if name != "cookie" => Some(name.to_owned()),
        _ => None,
    }
}

pub(super) fn guess(
    survey: &Survey<'_>,
    path: Option<&str>,
    documents: &[&RawDocumentBuf],
    id: &str,
    expiry: &ExpiryGuess,
) -> PayloadGuess {
    match path.and_then(|path| Some((path, survey.get(path)?))) {
        Some((path, field)) => in_field(path, field, documents),
        None => beside(survey, id, expiry),
    }
}

/// Without a field for it, the payload consists of all other fields, or there is none.
fn beside(survey: &Survey<'_>, id: &str, expiry: &ExpiryGuess) -> PayloadGuess {
    let has_object = survey.top().any(|(_, field)| field.types.contains(&BsonType::Object));
    if !has_object {
        let reason = "No field holds a document, bytes or a long text: there is no payload.";
        return PayloadGuess {
            codecs: vec!["none".to_owned()],
            reasons: vec![reason.to_owned()],
            ..PayloadGuess::default()
        };
    }
    let instants = expiry.touched.iter().chain(&expiry.created).map(|(path, _)| path);
    let own = ["_id".to_owned(), "__v".to_owned(), id.to_owned()];
    let own = own.iter().chain(&expiry.path).chain(instants);
    let top = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
    let mut exclude: Vec<_> = own.map(top).collect::<BTreeSet<_>>().into_iter().collect();
    exclude.retain(|name| survey.get(name).is_some_and(|field| !field.is_all(&[BsonType::Object])));
    let cookie = |name: &&'static str| survey.get(&format!("cookie.{name}")).is_some();
    PayloadGuess {
        exclude,
        codecs: vec!["flat".to_owned()],
        cookie: ["_expires", "expires"].into_iter().find(cookie),
        reasons: vec![
            "No single field holds the payload, so it is all fields except these.".to_owned(),
        ],
        ..PayloadGuess::default()
    }
}

fn in_field(path: &str, field: &Field<'_>, documents: &[&RawDocumentBuf]) -> PayloadGuess {
    let mut guess = PayloadGuess { path: Some(path.to_owned()), ..PayloadGuess::default() };
    let documents: Vec<_> = documents.iter().take(TRIED).copied().collect();
    if field.types.contains(&BsonType::Object) {
        let codec = if is_json_in_document(field) { "json-in-document" } else { "document" };
        guess.codecs.push(codec.to_owned());
        guess.reasons.push(format!("`{path}` holds a document."));
    }
    if field.types.iter().any(|kind| matches!(kind, BsonType::String | BsonType::BinData)) {
        by_trial(&mut guess, path, &documents);
    }
    let place = place_of(path, &guess.codecs);
    let cookies = ["expires", "_expires"];
    let cookie = |document: &&RawDocumentBuf| {
        let payload = decode(place.as_ref()?, document);
        let cookie = payload.value()?.get("cookie")?.as_object()?.clone();
        cookies.into_iter().find(|key| cookie.contains_key(*key))
    };
    guess.cookie = documents.iter().find_map(cookie);
    guess
}

fn by_trial(guess: &mut PayloadGuess, path: &str, documents: &[&RawDocumentBuf]) {
    let mut left: Vec<&RawDocumentBuf> = documents.to_vec();
    // The codec above reads documents.
    left.retain(|document| {
        let place = place_of(path, &guess.codecs);
        place.is_none_or(|place| decode(&place, document).value().is_none())
    });
    let tried = left.len();
    while !left.is_empty() {
        let reads = |codec: &str| {
            let place = place_of(path, &[codec.to_owned()]);
            let read = |document: &&RawDocumentBuf| {
                let payload = place.as_ref().map(|place| decode(place, document));
                matches!(payload, Some(Payload::Value(_) | Payload::Encrypted(_)))
            };
            left.iter().map(read).collect::<Vec<_>>()
        };
        // `max_by_key` returns the last of equal items, but here the first takes precedence.
        let best = CODECS
            .iter()
            .rev()
            .map(|codec| (codec, reads(codec)))
            .max_by_key(|(_, read)| read.iter().filter(|read| **read).count());
        let Some((codec, read)) = best.filter(|(_, read)| read.contains(&true)) else { break };
        let count = read.iter().filter(|read| **read).count();
        guess
            .reasons
            .push(format!("{count} of {tried} texts or bytes in `{path}` are read as {codec}."));
        guess.codecs.push((*codec).to_owned());
        let mut read = read.into_iter();
        left.retain(|_| read.next() != Some(true));
    }
    if !left.is_empty() {
        guess.reasons.push(format!(
            "Doubt: {} of {tried} are in no encoding that sessionctl knows; they are shown \
             undecoded, and no user is found in them.",
            left.len()
        ));
    }
    if guess.codecs.is_empty() {
        guess.codecs.push("encrypted".to_owned());
    }
}

fn place_of(path: &str, codecs: &[String]) -> Option<PayloadPlace> {
    let path: FieldPath = path.parse().ok()?;
    let codecs: Vec<Codec> = codecs.iter().filter_map(|codec| codec.parse().ok()).collect();
    let known = !codecs.is_empty();
    known.then_some(PayloadPlace { path: Some(path), exclude: Vec::new(), codecs, cookie: None })
}

/// Whether the values of the documents in a field are JSON texts.
fn is_json_in_document(field: &Field<'_>) -> bool {
    let mut seen = false;
    for value in &field.values {
        let RawBsonRef::Document(document) = value else { continue };
        for element in document.iter_elements().map_while(Result::ok) {
            match element.value() {
                Ok(RawBsonRef::String(text))
                    if serde_json::from_str::<serde_json::Value>(text).is_ok() =>
                {
                    seen |= text.starts_with(['"', '{', '[']);
                }
                _ => return false,
            }
        }
    }
    seen
}
