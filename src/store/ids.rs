//! From what somebody typed to the sessions meant: a whole id, or a prefix that only one session
//! has. A prefix is a range of strings or of `ObjectId`s, never a regular expression.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc, oid::ObjectId};

use super::collection::Store;
use crate::error::Result;
use crate::model::filter::{all, escaped};
use crate::model::layout::{BsonType, Layout};
use crate::model::session::{SessionId, shorten};
use crate::server::cursor::Batches;
use crate::server::reply::{documents, key_of};

/// The least that can be typed of an id whose short form is longer.
const LEAST_PREFIX: usize = 8;
/// The longest id of bytes that is found by a prefix.
const LONGEST_BINARY: usize = 64;
/// Ids asked for in one query.
const AT_ONCE: usize = 1000;

/// What typed ids turned out to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// The `_id`s of the documents found.
    pub keys: Vec<Bson>,
    /// What was found nowhere, shortened.
    pub unknown: Vec<String>,
    /// Prefixes that more than one session has.
    pub ambiguous: Vec<String>,
}

impl Resolved {
    /// The filter that selects the sessions found.
    pub fn filter(&self) -> Document {
        doc! { "_id": { "$in": &self.keys } }
    }
}

impl Store {
    /// Finds the sessions that `typed` names: whole ids first, the rest as prefixes.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn resolve(&self, typed: &[String]) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        for chunk in typed.chunks(AT_ONCE) {
            let exact = self.exact(chunk).await?;
            for text in chunk {
                match exact.get(text) {
                    Some(key) => resolved.keys.push(key.clone()),
                    None => self.by_prefix(text, &mut resolved).await?,
                }
            }
        }
        dedup(&mut resolved.keys);
        Ok(resolved)
    }

    /// The `_id`s of the sessions whose whole id was typed.
    async fn exact(&self, typed: &[String]) -> Result<BTreeMap<String, Bson>> {
        let named = self.layouts.each(|layout| {
            let values: Vec<Bson> = typed.iter().flat_map(|text| values_of(layout, text)).collect();
            doc! { &layout.id.path: { "$in": values } }
        });
        let filter = all(vec![named, self.layouts.membership()]);
        let mut exact = BTreeMap::new();
        let mut batches = self.read_for_ids(filter).await?;
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let Some(key) = key_of(document) else { continue };
                let layout = self.layouts.of(document);
                let full = layout.id_of(document).full();
                if let Some(own) = full.strip_prefix(&layout.id.prefix) {
                    exact.insert(own.to_owned(), key.clone());
                }
                exact.insert(full, key);
            }
        }
        Ok(exact)
    }

    /// What tells the ids of the sessions that match: no more of them than that, where their layouts
    /// agree on the field.
    async fn read_for_ids(&self, filter: Document) -> Result<Batches> {
        match self.layouts.share_ids() {
            true => self.read_ids(filter, &[&self.layout().id.path], AT_ONCE as u32).await,
            false => self.read_whole(filter, AT_ONCE as u32).await,
        }
    }

    async fn by_prefix(&self, text: &str, resolved: &mut Resolved) -> Result<()> {
        let matches = match self.prefix_filter(text).await? {
            Some(filter) => self.some_ids(filter, text).await?,
            None => Vec::new(),
        };
        match matches.as_slice() {
            [] => resolved.unknown.push(shorten(text)),
            [key] => resolved.keys.push(key.clone()),
            _ => resolved.ambiguous.push(shorten_prefix(text)),
        }
        Ok(())
    }

    /// The sessions whose ids begin so.
    pub(crate) async fn prefix_filter(&self, text: &str) -> Result<Option<Document>> {
        let is_collated = self.is_collated().await?;
        Ok(self.layouts.each_maybe(|layout| prefix_filter(layout, text, is_collated)))
    }

    /// At most two sessions whose ids begin so. Fewer than eight characters are taken only where
    /// they are at least the whole short form of a short id.
    async fn some_ids(&self, filter: Document, text: &str) -> Result<Vec<Bson>> {
        let typed = text.chars().count();
        let short = (typed < LEAST_PREFIX)
            .then(|| self.layouts.each(|layout| is_short(layout, 2 * typed + 1)));
        // Where there is no index on the id, the server may judge the lengths of other ids first.
        let filter = short.into_iter().fold(filter, |filter, short| all(vec![filter, short]));
        let filter = all(vec![filter, self.layouts.membership()]);
        let mut batches = self.read_for_ids(filter).await?;
        let mut keys = Vec::new();
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let id: SessionId = self.layouts.of(document).id_of(document);
                if typed < LEAST_PREFIX && typed < id.short().chars().count() {
                    continue;
                }
                keys.extend(key_of(document));
                if keys.len() > 1 {
                    return Ok(keys);
                }
            }
        }
        Ok(keys)
    }
}

/// Whether an id has at most so many characters after its prefix.
fn is_short(layout: &Layout, longest: usize) -> Document {
    let longest = longest + layout.id.prefix.chars().count();
    let id = doc! { "$convert": { "input": format!("${}", layout.id.path), "to": "string", "onError": "", "onNull": "" } };
    doc! { "$expr": { "$lte": [{ "$strLenCP": id }, longest as i64] } }
}

/// The values that `text` can stand for, one for each type that the layout's ids have.
fn values_of(layout: &Layout, text: &str) -> Vec<Bson> {
    let prefix = &layout.id.prefix;
    let with_prefix = (!prefix.is_empty()).then(|| format!("{prefix}{text}"));
    let texts: Vec<String> = std::iter::once(text.to_owned()).chain(with_prefix).collect();
    let mut values: Vec<Bson> = texts.iter().map(|text| Bson::String(text.clone())).collect();
    for kind in &layout.id.types {
        match kind {
            BsonType::ObjectId => values.extend(ObjectId::parse_str(text).map(Bson::ObjectId)),
            BsonType::BinData => values.extend(texts.iter().flat_map(|text| binaries(text))),
            _ => {}
        }
    }
    // A document without the store's own id field is named by its `_id`.
    if layout.id.path == "_id" {
        values.extend(ObjectId::parse_str(text).map(Bson::ObjectId));
    }
    values
}

/// The sessions of the layout whose ids begin so.
fn prefix_filter(layout: &Layout, text: &str, is_collated: bool) -> Option<Document> {
    let (path, prefix) = (&layout.id.path, &layout.id.prefix);
    let mut ranges = Vec::new();
    if layout.id.types.contains(&BsonType::String) && !text.is_empty() {
        // In the order of a collation, what begins alike need not stand together: "12" comes after
        // "2", and before "100". There all ids are compared.
        let begins = match is_collated {
            true => |path: &str, text: &str| {
                Some(doc! { path: { "$regex": format!("\\A{}", escaped(text)) } })
            },
            false => range,
        };
        ranges.extend(begins(path, text));
        if !prefix.is_empty() && !text.starts_with(prefix) {
            ranges.extend(begins(path, &format!("{prefix}{text}")));
        }
    }
    if layout.id.types.contains(&BsonType::ObjectId) && text.len() >= LEAST_PREFIX {
        ranges.extend(object_id_range(path, text));
    }
    if layout.id.types.contains(&BsonType::BinData) && !text.is_empty() {
        ranges.extend(binary_ranges(path, text));
        if !prefix.is_empty() && !text.starts_with(prefix) {
            ranges.extend(binary_ranges(path, &format!("{prefix}{text}")));
        }
    }
    (!ranges.is_empty()).then(|| doc! { "$or": ranges })
}

/// What an error may repeat of a prefix: all of it if it is no longer than a short form.
fn shorten_prefix(text: &str) -> String {
    text.chars().take(12).collect()
}

fn binaries(text: &str) -> Vec<Bson> {
    let mut values = vec![Bson::Binary(bson::Binary {
        subtype: bson::spec::BinarySubtype::Generic,
        bytes: text.as_bytes().to_vec(),
    })];
    values.extend(bson::Uuid::parse_str(text).map(Bson::from));
    let digits: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    values.extend(digits.map(|bytes| {
        Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes })
    }));
    values
}

/// The strings that begin with `text`: from it to the next string that does not.
fn range(path: &str, text: &str) -> Option<Document> {
    let mut next: Vec<char> = text.chars().collect();
    while let Some(last) = next.pop() {
        // The server compares strings by their bytes, and UTF-8 keeps the order of characters.
        if let Some(after) = (u32::from(last) + 1..=0x0010_FFFF).find_map(char::from_u32) {
            next.push(after);
            let end: String = next.into_iter().collect();
            return Some(doc! { path: { "$gte": text, "$lt": end } });
        }
    }
    None
}

fn object_id_range(path: &str, text: &str) -> Option<Document> {
    let edge = |fill: char| {
        let digits: String = text.chars().chain(std::iter::repeat(fill)).take(24).collect();
        ObjectId::parse_str(digits).ok()
    };
    Some(doc! { path: { "$gte": edge('0')?, "$lte": edge('f')? } })
}

/// The bytes that begin with `text`. The server compares lengths first, so each has its own range.
fn binary_ranges(path: &str, text: &str) -> impl Iterator<Item = Document> {
    let edge = |length: usize, fill: u8| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(length, fill);
        Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes })
    };
    let range =
        move |length| doc! { path: { "$gte": edge(length, 0), "$lte": edge(length, 0xFF) } };
    (text.len()..=LONGEST_BINARY).map(range)
}

fn dedup(keys: &mut Vec<Bson>) {
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_a_range_that_ends_before_the_next_string() {
        assert_eq!(range("_id", "ab"), Some(doc! { "_id": { "$gte": "ab", "$lt": "ac" } }));
        assert_eq!(
            range("_id", "a\u{10FFFF}"),
            Some(doc! { "_id": { "$gte": "a\u{10FFFF}", "$lt": "b" } })
        );
        assert_eq!(range("_id", "\u{10FFFF}"), None);
        assert_eq!(
            range("_id", "\u{D7FF}"),
            Some(doc! { "_id": { "$gte": "\u{D7FF}", "$lt": "\u{E000}" } })
        );
    }
}
