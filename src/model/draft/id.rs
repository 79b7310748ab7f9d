//! Guesses the field by which sessions are looked up.

use std::collections::BTreeSet;

use bson::raw::RawBsonRef;

use super::fields::{Field, Survey};
use super::names;
use crate::model::index_spec::IndexSpec;
use crate::model::layout::BsonType;

/// The guess of an id.
#[derive(Debug, Default)]
pub(super) struct IdGuess {
    pub(super) path: String,
    pub(super) types: Vec<BsonType>,
    /// The common prefix of all ids.
    pub(super) prefix: String,
    pub(super) reasons: Vec<String>,
}

pub(super) fn guess(survey: &Survey<'_>, indexes: &[IndexSpec]) -> IdGuess {
    let can_be = |field: &Field<'_>| {
        survey.has_mostly(field)
            && field.is_all(&[BsonType::String, BsonType::BinData])
            && are_distinct(&field.values)
    };
    let own = survey.get("_id").filter(|field| !field.is_all(&[BsonType::ObjectId]));
    let mut others: Vec<(usize, &str)> = survey
        .top()
        .filter(|(name, field)| *name != "_id" && can_be(field))
        .filter_map(|(name, _)| Some((names::id_rank(name)?, name)))
        .collect();
    others.sort_unstable();
    let unique = |name: &str| indexes.iter().any(|index| index.is_on(name) && index.is_unique());
    // An index on the field shows that sessions are looked up by it.
    others.sort_by_key(|(_, name)| !unique(name));
    let best = others.first().map(|(_, name)| *name);
    let path = match (own, best) {
        (Some(_), Some(best)) if unique(best) => best,
        (None, Some(best)) => best,
        _ => "_id",
    };
    let mut reasons = Vec::new();
    if path == "_id" && own.is_none() {
        reasons
            .push("Doubt: no field looks like the id of a session, so this is `_id`.".to_owned());
    } else if path == "_id" {
        reasons.push("`_id` is not an ObjectId that the driver generated.".to_owned());
    } else if unique(path) {
        reasons.push(format!("There is a unique index on `{path}`."));
    } else {
        reasons.push(format!(
            "`{path}` holds a different text in each document, and is named like \
                              an id."
        ));
    }
    let rest: Vec<_> = others.iter().map(|(_, name)| *name).filter(|name| *name != path).collect();
    if !rest.is_empty() {
        reasons.push(format!("Doubt: it may also be {}.", rest.join(" or ")));
    }
    let field = survey.get(path);
    let types = field.map_or_else(|| vec![BsonType::ObjectId], |field| field.types.clone());
    let prefix = field.map(|field| common_prefix(&field.values)).unwrap_or_default();
    if !prefix.is_empty() {
        reasons.push(
            "Every sampled id begins like this. If other documents of the collection do not, set \
             prefixed = true in [detect]."
                .to_owned(),
        );
    }
    IdGuess { path: path.to_owned(), types, prefix, reasons }
}

fn bytes<'a>(value: &RawBsonRef<'a>) -> Option<&'a [u8]> {
    match value {
        RawBsonRef::String(text) => Some(text.as_bytes()),
        RawBsonRef::Binary(binary) => Some(binary.bytes),
        _ => None,
    }
}

fn are_distinct(values: &[RawBsonRef<'_>]) -> bool {
    let distinct: BTreeSet<_> = values.iter().filter_map(bytes).collect();
    distinct.len() == values.len()
}

/// The common prefix of all ids, up to a separator: even random ids may begin with the same
/// characters.
fn common_prefix(values: &[RawBsonRef<'_>]) -> String {
    let mut ids = values.iter().map(|value| bytes(value).unwrap_or_default());
    let Some(mut common) = ids.next() else { return String::new() };
    for id in ids {
        let alike = common.iter().zip(id).take_while(|(one, other)| one == other).count();
        common = &common[..alike];
    }
    let ends = |byte: &u8| matches!(byte, b':' | b'_' | b'.' | b'/' | b'-');
    let end = common.iter().rposition(ends).map_or(0, |at| at + 1);
    let prefix = std::str::from_utf8(&common[..end]).unwrap_or_default();
    let is_plain = prefix.chars().all(|letter| letter.is_ascii_graphic());
    if values.len() > 1 && prefix.len() > 1 && is_plain { prefix.to_owned() } else { String::new() }
}
