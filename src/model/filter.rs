//! Putting filters together.

use bson::{Document, doc};

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
