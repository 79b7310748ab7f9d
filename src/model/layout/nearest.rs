//! For documents that no layout describes: the nearest layout, and how they differ from it.

use std::fmt;

use bson::RawDocument;
use bson::raw::{RawBsonRef, RawDocumentBuf};

use super::definition::{BsonType, Layout};
use super::membership::{has_type, type_of};
use crate::model::document::{FieldPath, Found, find};

/// The layout that is nearest to the documents, but does not describe them.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// The layout's name.
    pub layout: String,
    /// The differences: a clause for each field that does not fit.
    pub misfits: Vec<String>,
}

/// With more differences, a layout is not near.
const MISFITS: usize = 2;

impl Nearest {
    /// The layout with the most fields that fit the documents, and the fewest that do not.
    pub(super) fn of(documents: &[RawDocumentBuf], layouts: &[Layout]) -> Option<Self> {
        let sample = Documents(documents);
        let judged = layouts.iter().filter_map(|layout| judge(&sample, layout));
        // Among equals the first, which is the most common.
        let best = judged.reduce(|best, one| if one.0 > best.0 { one } else { best })?;
        Some(best.1)
    }
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nearest: {}, but {}", self.layout, self.misfits.join(", and "))
    }
}

/// The sampled documents.
struct Documents<'a>(&'a [RawDocumentBuf]);

fn judge(sample: &Documents<'_>, layout: &Layout) -> Option<(i32, Nearest)> {
    let detect = &layout.detect;
    let (mut score, mut misfits) = (0, Vec::new());
    for (path, types) in &detect.require {
        let fits = sample.count(|document| has_type(document, path, types));
        let there = sample.count(|document| !matches!(find(document, path), Found::Missing));
        // Every document has an `_id`, so an `_id` of a common type is no evidence for a layout.
        let worth = i32::from(*path != "_id");
        if sample.is_most(fits) {
            score += 3 * worth;
        } else if sample.is_most(there) {
            score += worth - 2;
            misfits.push(sample.misfit(path, types));
        } else {
            score -= 3;
            misfits.push(format!("{} lack `{path}`", sample.amount(sample.total() - there)));
        }
    }
    for path in &detect.forbid {
        let there = sample.count(|document| !matches!(find(document, path), Found::Missing));
        if there * 10 > sample.total() {
            score -= 2;
            let amount = sample.amount(there);
            misfits.push(format!("{amount} have `{path}`, which no session of it has"));
        }
    }
    for (path, types) in &detect.expiry {
        if sample.count(|document| has_type(document, path, types)) > 0 {
            score += 3;
        } else {
            score -= 2;
            let none = format!("no document has {} in `{path}`", one_of(types));
            misfits.push(none);
        }
    }
    let id = &layout.id;
    let begins = |document: &RawDocument| match find(document, &id.path) {
        Found::One(RawBsonRef::String(text)) => {
            (!detect.prefixed || text.starts_with(&id.prefix)) && text.ends_with(&id.suffix)
        }
        _ => id.suffix.is_empty() && !detect.prefixed,
    };
    if !sample.is_most(sample.count(begins)) {
        score -= 2;
        let (prefix, suffix) = (&id.prefix, &id.suffix);
        misfits.push(format!("`{}` does not have the form `{prefix}...{suffix}`", id.path));
    }
    for (path, types) in &detect.refute {
        let there = sample.count(|document| has_type(document, path, types));
        if there > 0 {
            score -= 2;
            let amount = sample.amount(there);
            misfits.push(format!("{amount} have {} in `{path}`", one_of(types)));
        }
    }
    let is_near = score > 0 && (1..=MISFITS).contains(&misfits.len());
    is_near.then(|| (score, Nearest { layout: layout.name.clone(), misfits }))
}

impl Documents<'_> {
    fn total(&self) -> usize {
        self.0.len()
    }

    fn count(&self, is: impl Fn(&RawDocument) -> bool) -> usize {
        self.0.iter().filter(|document| is(document)).count()
    }

    fn is_most(&self, count: usize) -> bool {
        count * 2 > self.total()
    }

    fn amount(&self, count: usize) -> String {
        format!("{count} of {} documents", self.total())
    }

    /// The most frequent alternative to `types` at `path`.
    fn misfit(&self, path: &FieldPath, types: &[BsonType]) -> String {
        let mut found: Vec<(&'static str, usize)> = Vec::new();
        for document in self.0.iter().filter(|one| !has_type(one, path, types)) {
            let name = match find(document, path) {
                Found::Missing => continue,
                Found::One(value) => type_of(value).map_or("of another type", noun),
                Found::NotUtf8(_) => noun(BsonType::String),
                Found::Several(_) => "inside an array",
            };
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, count)) => *count += 1,
                None => found.push((name, 1)),
            }
        }
        let most = found.into_iter().max_by_key(|(_, count)| *count);
        let (name, count) = most.unwrap_or(("of another type", 0));
        let amount = self.amount(count);
        format!("`{path}` is {name} in {amount}; it requires {}", one_of(types))
    }
}

fn one_of(types: &[BsonType]) -> String {
    let mut names: Vec<_> = types.iter().map(|one| noun(*one)).collect();
    names.dedup();
    names.join(" or ")
}

fn noun(kind: BsonType) -> &'static str {
    match kind {
        BsonType::String => "a string",
        BsonType::Object => "an object",
        BsonType::Array => "an array",
        BsonType::BinData => "binary data",
        BsonType::ObjectId => "an ObjectId",
        BsonType::Bool => "a boolean",
        BsonType::Date => "a date",
        BsonType::Null => "null",
        BsonType::Int | BsonType::Long | BsonType::Double | BsonType::Decimal => "a number",
    }
}
