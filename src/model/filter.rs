//! Putting filters together.

use bson::{Bson, Document, doc};

/// All of these clauses.
pub(crate) fn all(mut clauses: Vec<Document>) -> Document {
    clauses.retain(|clause| !clause.is_empty());
    match clauses.len() {
        0 => Document::new(),
        1 => clauses.remove(0),
        _ => doc! { "$and": clauses },
    }
}

/// One of these clauses.
pub(crate) fn any(mut clauses: Vec<Document>) -> Document {
    match clauses.len() {
        // An empty `$or` is refused by the server; this matches nothing.
        0 => doc! { "_id": { "$in": [] } },
        1 => clauses.remove(0),
        _ => doc! { "$or": clauses },
    }
}

/// The value that a layout record gives, in BSON.
pub(crate) fn literal(value: &toml::Value) -> Bson {
    match value {
        toml::Value::String(text) => Bson::String(text.clone()),
        toml::Value::Integer(number) => Bson::Int64(*number),
        toml::Value::Float(number) => Bson::Double(*number),
        toml::Value::Boolean(flag) => Bson::Boolean(*flag),
        other => Bson::String(other.to_string()),
    }
}
