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

/// The longest text that goes into a regular expression, which the server limits to 32 KB.
const LONGEST: usize = 8192;

/// The documents that have this very value at `path`, in a collection that compares text by a collation
/// of its own: there "1" may equal "01", and "a" equal "A". Its indexes find what is equal in that
/// sense, and a regular expression, which knows no collation, decides.
pub(crate) fn exactly(path: &str, value: &Bson) -> Document {
    match value {
        Bson::String(text) if text.len() <= LONGEST => {
            // A `$` would match before a line break at the end, too.
            doc! { path: { "$eq": text, "$regex": format!("\\A{}\\z", escaped(text)) } }
        }
        other => doc! { path: other },
    }
}

/// `text` as a regular expression.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 4);
    for letter in text.chars() {
        if letter == '\0' {
            // An expression ends there.
            escaped.push_str("\\x00");
            continue;
        }
        if letter.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
