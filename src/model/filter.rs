//! Combines filters.

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, doc};

use crate::model::key::{Key, among};
use crate::model::raw::all_raw;

/// A filter: a condition, and optionally the values that the field at a path may have, which are
/// sent as raw bytes.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    keys: Option<(String, Vec<Key>)>,
    rest: Document,
}

impl Filter {
    /// The documents that have one of these keys at `path` and fulfil `rest`.
    pub(crate) fn keyed(path: &str, keys: Vec<Key>, rest: Document) -> Self {
        Self { keys: Some((path.to_owned(), keys)), rest }
    }

    /// Whether every document matches.
    pub(crate) fn is_everything(&self) -> bool {
        self.keys.is_none() && self.rest.is_empty()
    }

    /// The condition, if it names no keys.
    pub(crate) fn plain(self) -> Result<Document, Self> {
        match self.keys {
            None => Ok(self.rest),
            Some(_) => Err(self),
        }
    }

    /// The filter as sent to the server. `None` if the name of a field contains a zero byte.
    pub(crate) fn raw(&self) -> Option<RawDocumentBuf> {
        let rest = RawDocumentBuf::try_from(&self.rest).ok()?;
        Some(match &self.keys {
            None => rest,
            Some((path, keys)) => all_raw([&*among(path, keys), &*rest]),
        })
    }
}

impl From<Document> for Filter {
    fn from(rest: Document) -> Self {
        Self { keys: None, rest }
    }
}

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
        // The server refuses an empty `$or`; this matches nothing.
        0 => doc! { "_id": { "$in": [] } },
        1 => clauses.remove(0),
        _ => doc! { "$or": clauses },
    }
}

/// The longest text for a regular expression, which the server limits to 32 KB.
const LONGEST: usize = 8192;

/// The documents that have exactly this value at `path`, in a collection with a collation: there,
/// "1" may equal "01", and "a" may equal "A". The indexes find values that are equal in that sense,
/// and a regular expression, which ignores the collation, decides.
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
            // A regular expression ends at a zero byte.
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
