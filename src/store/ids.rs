//! Resolves typed ids to sessions: a whole id, or a prefix that only one session
//! has. A prefix is a range of strings or of `ObjectId`s, never a regular expression. Where the id is
//! not `_id`, several documents may have it: they are one session, and all are found.

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;

use bson::{Bson, Document, doc, oid::ObjectId};
use futures_util::StreamExt as _;

use super::collection::Store;
use super::prefixes::{LEAST_PREFIX, Longest, Matches, add, is_short, object_id_range};
use crate::error::{Error, Result};
use crate::model::filter::{all, escaped};
use crate::model::key::Key;
use crate::model::layout::{BsonType, Layout};
use crate::model::session::{SessionId, shorten};
use crate::server::cursor::Batches;
use crate::server::reply::documents;

/// The longest binary id that can be found by a prefix.
const LONGEST_BINARY: usize = 64;
/// The number of ids per query, and of queries in flight.
const AT_ONCE: usize = 1000;
const IN_FLIGHT: usize = 4;
/// If at least this many ids are not whole ids, they are looked up together.
const MANY: usize = 16;
/// How many ambiguous ids are named.
const NAMED: usize = 10;

/// The result of resolving typed ids.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resolved {
    /// The `_id`s of the documents found, without duplicates.
    pub keys: Vec<Key>,
    /// The ids that were not found, shortened.
    pub unknown: Vec<String>,
    /// Prefixes that match more than one session.
    pub ambiguous: Vec<String>,
}

/// Looks up any number of ids, in parts. Only what is found is kept in memory.
#[derive(Debug)]
pub struct Resolver<'a> {
    pub(super) store: &'a Store,
    keys: HashSet<Key>,
    ambiguous: Vec<String>,
    /// The number of ids that match no session.
    unknown: u64,
    pub(super) longest: Longest,
}

impl Store {
    /// Finds the sessions that `typed` names: whole ids first, the rest as prefixes.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn resolve(&self, typed: &[String]) -> Result<Resolved> {
        let mut unknown = Vec::new();
        let mut resolver = self.resolver();
        resolver.look_up(typed, |text| unknown.push(shorten(text))).await?;
        Ok(Resolved { unknown, ..resolver.done() })
    }

    /// Looks up ids, in parts.
    pub fn resolver(&self) -> Resolver<'_> {
        Resolver {
            store: self,
            keys: HashSet::new(),
            ambiguous: Vec::new(),
            unknown: 0,
            longest: Longest::default(),
        }
    }
}

impl Resolver<'_> {
    /// Finds the sessions that `typed` names. `unknown` is called for each id that matches no
    /// session.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub async fn look_up(&mut self, typed: &[String], mut unknown: impl FnMut(&str)) -> Result<()> {
        let store = self.store;
        let look_up = |chunk| async move { Ok::<_, Error>((chunk, store.exact(chunk).await?)) };
        // The server searches for some ids while replies about others are read.
        let mut looked_up = pin!(
            futures_util::stream::iter(typed.chunks(AT_ONCE).map(look_up)).buffered(IN_FLIGHT)
        );
        while let Some(looked_up) = looked_up.next().await {
            let (chunk, exact) = looked_up?;
            let mut rest = Vec::new();
            for text in chunk {
                match exact.get(text) {
                    Some(keys) => self.keys.extend(keys.iter().cloned()),
                    None => rest.push(text.as_str()),
                }
            }
            for (text, matches) in self.by_prefix(&rest).await? {
                match matches.len() {
                    0 => {
                        self.unknown += 1;
                        unknown(text);
                    }
                    1 => self.keys.extend(matches.into_values().flatten()),
                    _ if self.ambiguous.len() < NAMED => self.ambiguous.push(shorten_prefix(text)),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Separates the ids that were found from the others.
    pub fn done(self) -> Resolved {
        let mut keys: Vec<_> = self.keys.into_iter().collect();
        keys.sort_unstable();
        Resolved { keys, unknown: Vec::new(), ambiguous: self.ambiguous }
    }

    /// For each of these texts, at most two sessions whose ids begin with it.
    async fn by_prefix<'t>(&mut self, texts: &[&'t str]) -> Result<Vec<(&'t str, Matches)>> {
        let (mut found, mut single) = (Vec::new(), texts.to_vec());
        if texts.len() >= MANY && self.store.layouts.share_ids() {
            self.longest.look(self.store, self.unknown).await?;
            let (possible, too_long): (Vec<_>, Vec<_>) =
                single.into_iter().partition(|text| self.longest.may_be_prefix(text));
            found.extend(too_long.into_iter().map(|text| (text, Matches::new())));
            let together;
            (together, single) = self.store.by_prefixes(&possible).await?;
            found.extend(together);
        }
        for text in single {
            let matches = match self.store.prefix_filter(before_invalid(text)).await? {
                Some(filter) => self.store.some_ids(filter, text).await?,
                None => Matches::new(),
            };
            found.push((text, matches));
        }
        Ok(found)
    }
}

/// Text that is not UTF-8 is shown with replacement characters, so an id is looked up by the text
/// before the first one.
fn before_invalid(text: &str) -> &str {
    text.split('\u{FFFD}').next().unwrap_or_default()
}

impl Store {
    /// The `_id`s of the documents whose whole id was typed.
    async fn exact(&self, typed: &[String]) -> Result<BTreeMap<String, Vec<Key>>> {
        let named = self.layouts.each(|layout| {
            let values: Vec<Bson> = typed.iter().flat_map(|text| values_of(layout, text)).collect();
            doc! { &layout.id.path: { "$in": values } }
        });
        let filter = all(vec![named, self.layouts.membership()]);
        let mut exact = BTreeMap::<_, Vec<Key>>::new();
        let mut batches = self.read_for_ids(filter).await?;
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let Some(key) = Key::of(document) else { continue };
                let layout = self.layouts.of(document);
                let full = layout.id_of(document).full();
                if let Some(own) = full.strip_prefix(&layout.id.prefix) {
                    exact.entry(own.to_owned()).or_default().push(key.clone());
                }
                exact.entry(full).or_default().push(key);
            }
        }
        Ok(exact)
    }

    /// The identities of the matching sessions. If the layouts have the same id field, only that
    /// field is read.
    pub(super) async fn read_for_ids(&self, filter: Document) -> Result<Batches> {
        match self.layouts.share_ids() {
            true => self.read_ids(filter, &[&self.layout().id.path], AT_ONCE as u32).await,
            false => self.read_whole(filter, AT_ONCE as u32).await,
        }
    }

    /// The sessions whose ids begin with this prefix.
    pub(crate) async fn prefix_filter(&self, text: &str) -> Result<Option<Document>> {
        let is_collated = self.is_collated().await?;
        Ok(self.layouts.each_maybe(|layout| prefix_filter(layout, text, is_collated)))
    }

    /// At most two sessions whose ids begin with this prefix. Fewer than eight characters are
    /// accepted only if they are at least the short form of a short id.
    async fn some_ids(&self, filter: Document, text: &str) -> Result<Matches> {
        let typed = text.chars().count();
        let short = (typed < LEAST_PREFIX)
            .then(|| self.layouts.each(|layout| is_short(layout, 2 * typed + 1)));
        // Without an index on the id, the server may evaluate the length of other ids first.
        let filter = short.into_iter().fold(filter, |filter, short| all(vec![filter, short]));
        let filter = all(vec![filter, self.layouts.membership()]);
        let mut batches = self.read_for_ids(filter).await?;
        let mut matches = Matches::new();
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let layout = self.layouts.of(document);
                let id: SessionId = layout.id_of(document);
                if typed < LEAST_PREFIX && typed < id.short().chars().count() {
                    continue;
                }
                if text.contains('\u{FFFD}') {
                    let full = id.full();
                    let own = full.strip_prefix(&layout.id.prefix).unwrap_or(&full);
                    if !full.starts_with(text) && !own.starts_with(text) {
                        continue;
                    }
                }
                add(&mut matches, layout, document);
                if matches.len() > 1 {
                    return Ok(matches);
                }
            }
        }
        Ok(matches)
    }
}

/// The values that `text` may represent, one for each type of the layout's ids.
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
    // A document without the id field is identified by its `_id`.
    if layout.id.path == "_id" {
        values.extend(ObjectId::parse_str(text).map(Bson::ObjectId));
    }
    values
}

/// The sessions of the layout whose ids begin with this prefix.
fn prefix_filter(layout: &Layout, text: &str, is_collated: bool) -> Option<Document> {
    let (path, prefix) = (&layout.id.path, &layout.id.prefix);
    let mut ranges = Vec::new();
    if layout.id.types.contains(&BsonType::String) && !text.is_empty() {
        // In the order of a collation, ids with the same prefix are not necessarily adjacent: "12"
        // may come after "2", and before "100". So all ids are compared.
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

/// The part of a prefix that an error may repeat: all of it if it is at most as long as a short
/// form.
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

/// The range of strings that begin with `text`.
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

/// The ranges of binary values that begin with `text`. The server compares lengths first, so each
/// length has its own range.
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
