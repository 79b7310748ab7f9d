//! Which documents are sessions of a layout: what every one of them has, and what none has. As a filter,
//! as an expression, and of one document; the three agree for every document, because what one of them
//! calls a session another must not call foreign.

use bson::raw::RawBsonRef;
use bson::{Bson, Document, RawDocument, doc};

use super::definition::{BsonType, Layout};
use crate::model::document::{FieldPath, Found, each, find};
use crate::model::filter::{all, escaped};

impl Layout {
    /// The filter of its sessions, whatever their state. It is part of every filter by which sessions
    /// are read, counted or written: see [`Selection`](crate::model::selection::Selection).
    ///
    /// It leaves the choice of an index to the rest of the filter. `{_id: {$type: "string"}}` would send
    /// every find along the index on `_id`, in another order than the documents are stored in, and ten
    /// times slower than a scan; for a `$type` inside two `$not` the planner considers no index (mongod
    /// 4.4.2 and 6.0.5).
    pub fn membership(&self) -> Document {
        all(self.demands())
    }

    /// What each of its sessions fulfils: together they are the filter.
    pub(super) fn demands(&self) -> Vec<Document> {
        let detect = &self.detect;
        let neutral = |condition: Document| doc! { "$not": { "$not": condition } };
        let mut clauses: Vec<Document> = detect
            .require
            .iter()
            .map(|(path, types)| doc! { path: neutral(doc! { "$type": aliases(types) }) })
            .collect();
        clauses.extend(detect.forbid.iter().map(|path| doc! { path: { "$exists": false } }));
        clauses.extend(
            self.affixes().map(|regex| doc! { &self.id.path: neutral(doc! { "$regex": regex }) }),
        );
        clauses
    }

    /// Whether a document is one of its sessions, as an expression.
    pub(crate) fn membership_fact(&self) -> Bson {
        let required = self.detect.require.iter().map(|(path, types)| has_type_fact(path, types));
        let forbidden = self.detect.forbid.iter().map(|path| {
            doc! { "$in": [{ "$type": format!("${path}") }, ["missing"]] }
        });
        let id = format!("${}", self.id.path);
        let affixes = self.affixes().map(|regex| {
            let is_text = doc! { "$eq": [{ "$type": &id }, "string"] };
            let matches = doc! { "$regexMatch": { "input": &id, "regex": regex } };
            doc! { "$cond": [is_text, matches, false] }
        });
        let facts: Vec<Document> = required.chain(forbidden).chain(affixes).collect();
        doc! { "$and": facts }.into()
    }

    /// Whether `document` is one of its sessions.
    pub fn describes(&self, document: &RawDocument) -> bool {
        let detect = &self.detect;
        let id_is = |is: &dyn Fn(&str) -> bool| {
            each(find(document, &self.id.path))
                .into_iter()
                .any(|value| matches!(value, RawBsonRef::String(id) if is(id)))
        };
        detect.require.iter().all(|(path, types)| has_type(document, path, types))
            && !detect.forbid.iter().any(|path| !matches!(find(document, path), Found::Missing))
            && (self.id.suffix.is_empty() || id_is(&|id| id.ends_with(&self.id.suffix)))
            && (!detect.prefixed || id_is(&|id| id.starts_with(&self.id.prefix)))
    }

    /// Whether a session can have this id.
    pub(crate) fn may_be_id(&self, id: &str) -> bool {
        id.ends_with(&self.id.suffix) && (!self.detect.prefixed || id.starts_with(&self.id.prefix))
    }

    /// What the ids of its sessions begin and end with, as regular expressions.
    fn affixes(&self) -> impl Iterator<Item = String> {
        let prefix = self.detect.prefixed.then(|| format!("^{}", escaped(&self.id.prefix)));
        // A `$` would match before a line break at the end, too.
        let suffix = Some(&self.id.suffix).filter(|suffix| !suffix.is_empty());
        prefix.into_iter().chain(suffix.map(|suffix| format!("{}\\z", escaped(suffix))))
    }
}

/// Whether the value at `path`, or one of those in its array, has one of these types.
pub(super) fn has_type(document: &RawDocument, path: &str, types: &[BsonType]) -> bool {
    match find(document, path) {
        Found::Missing => false,
        Found::NotUtf8(_) => types.contains(&BsonType::String),
        Found::One(value) if type_is(value, types) => true,
        found => each(found).into_iter().any(|value| type_is(value, types)),
    }
}

fn has_type_fact(path: &FieldPath, types: &[BsonType]) -> Document {
    let field = format!("${path}");
    let types = aliases(types);
    let of = |value: &str| doc! { "$in": [{ "$type": value }, &types] };
    let among = doc! { "$anyElementTrue": { "$map": { "input": &field, "in": of("$$this") } } };
    doc! { "$or": [of(&field), { "$cond": [{ "$isArray": &field }, among, false] }] }
}

/// The server's aliases. It calls a symbol by a name of its own, and drivers read it as text.
fn aliases(types: &[BsonType]) -> Vec<String> {
    let symbol = types.contains(&BsonType::String).then(|| "symbol".to_owned());
    types.iter().map(ToString::to_string).chain(symbol).collect()
}

fn type_is(value: RawBsonRef<'_>, types: &[BsonType]) -> bool {
    type_of(value).is_some_and(|found| types.contains(&found))
}

/// The type of a value, if it is one that layouts distinguish.
pub(crate) fn type_of(value: RawBsonRef<'_>) -> Option<BsonType> {
    Some(match value {
        RawBsonRef::Double(_) => BsonType::Double,
        RawBsonRef::String(_) | RawBsonRef::Symbol(_) => BsonType::String,
        RawBsonRef::Document(_) => BsonType::Object,
        RawBsonRef::Array(_) => BsonType::Array,
        RawBsonRef::Binary(_) => BsonType::BinData,
        RawBsonRef::ObjectId(_) => BsonType::ObjectId,
        RawBsonRef::Boolean(_) => BsonType::Bool,
        RawBsonRef::DateTime(_) => BsonType::Date,
        RawBsonRef::Null => BsonType::Null,
        RawBsonRef::Int32(_) => BsonType::Int,
        RawBsonRef::Int64(_) => BsonType::Long,
        RawBsonRef::Decimal128(_) => BsonType::Decimal,
        _ => return None,
    })
}
