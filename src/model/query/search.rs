//! Letting the server sort out most of what a user or a value in the payload is looked for in.
//! What it sends is decoded and checked, so these filters may match too much, never too little.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Bson, DateTime, Decimal128, Document, doc};

use super::elsewhere::names_a_user;
use crate::model::layout::{Layout, UserPlace};
use crate::model::payload::Codec;

/// Candidates for the sessions of `user`; `None` if the server cannot search the payload.
pub(super) fn user(layout: &Layout, user: &str) -> Option<Document> {
    let values = values(&format!("{}{user}", layout.user_prefix), user);
    let mut clauses = Vec::new();
    let mut in_payload = Vec::new();
    for place in &layout.user {
        match place {
            UserPlace::Field(path) => clauses.push(doc! { path: { "$in": &values } }),
            UserPlace::Payload(path) => in_payload.push(path.as_str()),
        }
    }
    if !in_payload.is_empty() {
        clauses.extend(payload(layout, &in_payload, user)?);
        clauses.extend(is_json(&layout.payload.codecs).then(|| other_fields(layout)).flatten());
    }
    Some(doc! { "$or": clauses })
}

/// Candidates for the sessions with `value` at `path` of the payload.
pub(super) fn value(layout: &Layout, path: &str, value: &str) -> Option<Document> {
    // Structures have many spellings, and so have numbers that are not whole.
    if value.starts_with(['{', '[', '"']) || (value.parse::<f64>().is_ok() && !is_whole(value)) {
        return None;
    }
    // A dot may also stand inside a key of a document, where the server would not look.
    if layout.payload.is_document() && path.contains('.') {
        return None;
    }
    payload(layout, &[path], value).map(|clauses| doc! { "$or": clauses })
}

/// Whether the payload is text in which the server finds a user at any place, and whatever stands
/// beside it is sent, too.
pub(super) fn is_in_text(layout: &Layout) -> bool {
    is_json(&layout.payload.codecs) && layout.user_needs_payload() && other_fields(layout).is_some()
}

/// The documents with fields that the layout does not know: an application may have put a user there.
/// `None` where fields of the layout are inside others, beside which there may be more.
fn other_fields(layout: &Layout) -> Option<Document> {
    let dates = layout.touched.iter().chain(&layout.created).map(|date| &date.path);
    let rules = layout
        .expiry
        .iter()
        .flat_map(|rule| [&rule.path, &rule.lifetime_path, &rule.only_null].into_iter().flatten());
    let own = [&layout.id.path].into_iter().chain(&layout.payload.path).chain(dates).chain(rules);
    let own: Vec<&str> = own.map(|path| &**path).collect();
    if own.iter().any(|path| path.contains('.')) {
        return None;
    }
    // What the store writes beside those and does not name like a user, such as an address.
    let required = layout.detect.require.keys().map(|path| &**path);
    let required = required.filter(|name| !names_a_user(&[(*name).to_owned()], false));
    // A user's own field is searched by its value.
    let users = layout.user.iter().filter_map(|place| match place {
        UserPlace::Field(path) => Some(&**path),
        UserPlace::Payload(_) => None,
    });
    let known = ["_id", "__v"].into_iter().chain(own).chain(required).chain(users);
    let known = known.map(|name| (name.to_owned(), Bson::from(doc! {})));
    let known: Document = known.filter(|(name, _)| !name.contains('.')).collect();
    let only_known = doc! { "$jsonSchema": { "properties": known, "additionalProperties": false } };
    Some(doc! { "$nor": [only_known] })
}

fn is_json(codecs: &[Codec]) -> bool {
    let is_text = |codec: &Codec| matches!(codec, Codec::Json | Codec::Encrypted);
    codecs.contains(&Codec::Json) && codecs.iter().all(is_text)
}

fn payload(layout: &Layout, paths: &[&str], text: &str) -> Option<Vec<Document>> {
    let Some(field) = &layout.payload.path else {
        return (layout.payload.codecs == [Codec::Flat]).then(|| at(None, paths, text))?;
    };
    let codecs = layout.payload.codecs.as_slice();
    if codecs == [Codec::Document] {
        at(Some(field), paths, text)
    } else if is_json(codecs) {
        // JSON in bytes cannot be searched; a ciphertext has no user to be found.
        let has_text = doc! { field: { "$regex": pattern(text) } };
        // The base64 of an object, which begins with the `e` of its brace, shows nothing either.
        let has_base64 = doc! { field: { "$regex": r#"^[\s"]*e[A-Za-z0-9+/_-]"# } };
        Some(vec![has_text, has_base64, doc! { field: { "$type": "binData" } }])
    } else {
        None
    }
}

/// The value at one of these paths of a document.
fn at(field: Option<&str>, paths: &[&str], text: &str) -> Option<Vec<Document>> {
    // A name that varies, or that may be a key with a dot in it, is not a path to the server.
    if paths.iter().any(|path| path.contains('*')) {
        return None;
    }
    let values = values(text, text);
    let full =
        |path: &str| field.map_or_else(|| path.to_owned(), |field| format!("{field}.{path}"));
    // Most documents have one or two of the roots: the others are asked for once, not for each of the
    // paths below them.
    let mut roots: Vec<(&str, Vec<Document>)> = Vec::new();
    for path in paths {
        let root = path.split_once('.').map_or(*path, |(root, _)| root);
        let clause = doc! { full(path): { "$in": &values } };
        match roots.iter_mut().find(|(known, _)| *known == root) {
            Some((_, clauses)) => clauses.push(clause),
            None => roots.push((root, vec![clause])),
        }
    }
    let clause = |(root, mut clauses): (&str, Vec<Document>)| match clauses.len() {
        1 => clauses.remove(0),
        _ => doc! { full(root): { "$exists": true }, "$or": clauses },
    };
    Some(roots.into_iter().map(clause).collect())
}

/// Every value whose text is `own`, or for a string `text`: the server compares numbers of all
/// types, but a string only with a string.
fn values(text: &str, own: &str) -> Vec<Bson> {
    let mut values = vec![Bson::String(text.to_owned())];
    if own != text {
        values.push(Bson::String(own.to_owned()));
    }
    values.extend(own.parse::<i64>().map(Bson::Int64));
    values.extend(own.parse::<f64>().map(Bson::Double));
    values.extend(own.parse::<Decimal128>().map(Bson::Decimal128));
    values.extend(own.parse::<bool>().map(Bson::Boolean));
    values.extend((own == "null").then_some(Bson::Null));
    values.extend(ObjectId::parse_str(own).map(Bson::ObjectId));
    values.extend(DateTime::parse_rfc3339_str(own).map(Bson::DateTime));
    if let Ok(uuid) = bson::Uuid::parse_str(own) {
        for subtype in [BinarySubtype::Uuid, BinarySubtype::UuidOld, BinarySubtype::Generic] {
            values.push(Bson::Binary(bson::Binary { subtype, bytes: uuid.bytes().to_vec() }));
        }
    }
    values
}

fn is_whole(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// A regular expression for `text` inside JSON: what a writer may spell as an escape is left open,
/// such as the `+` that .NET escapes, up to the fourteen characters of a pair of surrogates in JSON that was encoded twice.
fn pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ' ' | ':' | '@' | ',' | '~' | '%' => {
                pattern.push(letter);
            }
            '.' | '-' | '$' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '*' | '?' | '^' => {
                pattern.push('\\');
                pattern.push(letter);
            }
            _ => pattern.push_str(".{1,14}"),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_may_escape_is_left_open() {
        assert_eq!(pattern("a.b@example.se"), "a\\.b@example\\.se");
        assert_eq!(pattern("Åsa/\"x"), ".{1,14}sa.{1,14}.{1,14}x");
    }

    #[test]
    fn a_user_in_the_document_is_found_by_its_index_whatever_its_type() {
        let layout = Layout::named("parse-server").unwrap();
        let filter = user(layout, "Xq81hEJ0kQ").unwrap();
        assert_eq!(
            filter,
            doc! { "$or": [{ "_p_user": { "$in": ["_User$Xq81hEJ0kQ", "Xq81hEJ0kQ"] } }] }
        );
    }

    #[test]
    fn payloads_that_the_server_cannot_read_are_not_searched_there() {
        for name in ["tower-sessions", "flask-session", "symfony", "laravel-database", "django-db"]
        {
            let layout = Layout::named(name).unwrap();
            assert_eq!(value(layout, "views", "1"), None, "{name}");
        }
    }

    #[test]
    fn numbers_with_many_spellings_are_not_searched_for() {
        let layout = Layout::named("connect-mongo-json").unwrap();
        assert_eq!(value(layout, "total", "1e3"), None);
        assert_eq!(value(layout, "total", "46.98"), None);
        assert!(value(layout, "total", "42").is_some());
    }
}
