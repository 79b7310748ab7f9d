//! Decides which documents are sessions of a layout, by fields that they must have or must not
//! have. There are three forms: a filter, an expression, and a function of one document. They must
//! agree for every document: what one calls a session, another must not call foreign.

use bson::raw::RawBsonRef;
use bson::{Bson, Document, RawDocument, doc};

use super::definition::{BsonType, Layout};
use super::expressions::is_missing;
use crate::model::document::{FieldPath, Fields, Found, each, find};
use crate::model::filter::all;

impl Layout {
    /// The filter of its sessions, whatever their state. It is part of every filter by which sessions
    /// are read, counted or written: see [`Selection`](crate::model::selection::Selection).
    ///
    /// It must not influence the choice of an index. With `{_id: {$type: "string"}}`, the planner would use the index on `_id`, which is ten times slower than a scan in storage order. For a `$type` inside two `$not`, the planner considers no index (mongod 4.4.2 and 6.0.5).
    pub fn membership(&self) -> Document {
        all(self.demands())
    }

    /// The clauses of the filter, which every session fulfils.
    pub(super) fn demands(&self) -> Vec<Document> {
        let affixes = self.has_affixes().map(|has| doc! { "$expr": has });
        self.fields_demanded().into_iter().chain(affixes).collect()
    }

    /// The same filter for an upsert, in which `$expr` is not allowed: the id of what is written was
    /// checked before.
    pub(crate) fn membership_of_upsert(&self) -> Document {
        all(self.fields_demanded())
    }

    fn fields_demanded(&self) -> Vec<Document> {
        let detect = &self.detect;
        let neutral = |condition: Document| doc! { "$not": { "$not": condition } };
        let mut clauses: Vec<Document> = detect
            .require
            .iter()
            .map(|(path, types)| doc! { path: neutral(doc! { "$type": aliases(types) }) })
            .collect();
        let outer = detect.require.keys().filter(|path| self.reads_within(path));
        clauses.extend(outer.map(|path| doc! { path: { "$not": { "$type": "array" } } }));
        clauses.extend(detect.forbid.iter().map(|path| doc! { path: { "$exists": false } }));
        clauses
    }

    /// Whether the document that was found by the `_id` `id` is surely one of its sessions, as a short
    /// expression, which the server parses with every write. It knows fewer sessions than the other forms:
    /// none where an array contains a value of the required type.
    pub(crate) fn is_surely_session(&self, id: &str) -> Document {
        let type_at = |path: &FieldPath| doc! { "$type": format!("${path}") };
        let (mut found, mut wanted) = (vec![doc! { "$type": "$_id" }], vec!["string".to_owned()]);
        let mut all = Vec::new();
        for (path, types) in self.detect.require.iter().filter(|(path, _)| *path != "_id") {
            match types.as_slice() {
                [only] => {
                    found.push(type_at(path));
                    wanted.push(only.to_string());
                }
                several => all.push(doc! { "$in": [type_at(path), aliases(several)] }),
            }
        }
        found.extend(self.detect.forbid.iter().map(type_at));
        wanted.resize(found.len(), "missing".to_owned());
        all.insert(0, doc! { "$eq": [found, wanted] });
        all.push(is_id(id));
        doc! { "$and": all }
    }

    /// Whether a document is one of its sessions, as an expression.
    pub(crate) fn membership_fact(&self) -> Bson {
        let required =
            self.detect.require.iter().map(|(path, types)| match self.reads_within(path) {
                true => doc! { "$in": [{ "$type": format!("${path}") }, aliases(types)] },
                false => has_type_fact(path, types),
            });
        let forbidden = self.detect.forbid.iter().map(|path| is_missing(path));
        let facts: Vec<Document> = required.chain(forbidden).chain(self.has_affixes()).collect();
        doc! { "$and": facts }.into()
    }

    /// Whether `document` is one of its sessions.
    pub fn describes(&self, document: &RawDocument) -> bool {
        self.describes_fields(&Fields::of(document))
    }

    /// The same of a document whose fields were found already.
    pub(crate) fn describes_fields(&self, fields: &Fields<'_>) -> bool {
        let detect = &self.detect;
        let has_affixes = || match fields.find(&self.id.path) {
            Found::One(RawBsonRef::String(id)) => self.may_be_id(id),
            // The prefix and the suffix are UTF-8, even if the id is not.
            Found::NotUtf8(id) => self.may_be_id(&id),
            _ => false,
        };
        let has_type = |(path, types): (&FieldPath, &Vec<BsonType>)| {
            // Nearly all required fields are text, which is text even if it is not UTF-8.
            types.contains(&BsonType::String) && fields.has_text(path)
                || match fields.find(path) {
                    Found::One(value) if type_is(value, types) => true,
                    found => is_among(found, types) && !self.reads_within(path),
                }
        };
        detect.require.iter().all(has_type)
            && !detect.forbid.iter().any(|path| !matches!(fields.find(path), Found::Missing))
            && (!self.has_affixed_ids() || has_affixes())
    }

    /// Whether a session can have this id.
    pub(crate) fn may_be_id(&self, id: &str) -> bool {
        id.ends_with(&self.id.suffix) && (!self.detect.prefixed || id.starts_with(&self.id.prefix))
    }

    /// Whether fields inside this one are read or written. Then it must be a document: in an array
    /// of documents, a field could not be set, and would have several values.
    fn reads_within(&self, path: &FieldPath) -> bool {
        let of_rules =
            self.expiry.iter().flat_map(|rule| [&rule.path, &rule.lifetime_path]).flatten();
        let set = self.end.iter().map(|(path, _)| path);
        let dates = self.touched.iter().chain(&self.created).map(|at| &at.path);
        let others = self.detect.forbid.iter().chain(self.detect.require.keys());
        let mut read = of_rules.chain(set).chain(dates).chain(others);
        let is_array = |kind: &BsonType| *kind == BsonType::Array;
        let may_be_array =
            self.detect.require.get(path).is_some_and(|types| types.iter().any(is_array));
        !may_be_array
            && read.any(|inner| {
                inner.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
    }

    fn has_affixed_ids(&self) -> bool {
        self.detect.prefixed || !self.id.suffix.is_empty()
    }

    /// An expression for whether the id has the layout's prefix and suffix, if there are any. It
    /// compares bytes, because a regular expression fails on text that is not UTF-8.
    fn has_affixes(&self) -> Option<Document> {
        let id = format!("${}", self.id.path);
        let prefix = self.detect.prefixed.then_some(&self.id.prefix);
        let begins = prefix.map(|prefix| doc! { "$eq": [{ "$indexOfBytes": [&id, prefix] }, 0] });
        let suffix = Some(&self.id.suffix).filter(|suffix| !suffix.is_empty());
        let ends = suffix.map(|suffix| {
            let start = doc! { "$subtract": [{ "$strLenBytes": &id }, suffix.len() as i64] };
            let from = doc! { "$max": [0, &start] };
            doc! { "$and": [
                { "$gte": [&start, 0] },
                { "$eq": [{ "$indexOfBytes": [&id, suffix, from] }, &start] },
            ] }
        });
        let mut has: Vec<Document> = begins.into_iter().chain(ends).collect();
        self.has_affixed_ids().then(|| {
            has.insert(0, doc! { "$eq": [{ "$type": id }, "string"] });
            doc! { "$and": has }
        })
    }
}

/// Whether the value at `path`, or one in the array there, has one of these types.
pub(super) fn has_type(document: &RawDocument, path: &str, types: &[BsonType]) -> bool {
    is_among(find(document, path), types)
}

fn is_among(found: Found<'_>, types: &[BsonType]) -> bool {
    match found {
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

/// Whether the `_id`, which is text, is this one, whatever a collation takes for equal.
pub(crate) fn is_id(id: &str) -> Document {
    let place = doc! { "$indexOfBytes": ["$_id", { "$literal": id }] };
    doc! { "$eq": [[place, { "$strLenBytes": "$_id" }], [0, id.len() as i64]] }
}

/// The server's aliases. It has its own name for a symbol, which drivers read as text.
fn aliases(types: &[BsonType]) -> Vec<String> {
    let symbol = types.contains(&BsonType::String).then(|| "symbol".to_owned());
    types.iter().map(ToString::to_string).chain(symbol).collect()
}

fn type_is(value: RawBsonRef<'_>, types: &[BsonType]) -> bool {
    type_of(value).is_some_and(|found| types.contains(&found))
}

/// The type of a value, if layouts distinguish it.
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
