//! Looks up many prefixes together, because a round trip for each would be slow.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bson::{Bson, Document, RawDocument, Regex, doc, oid::ObjectId};

use super::collection::Store;
use crate::error::Result;
use crate::model::filter::{all, any, escaped};
use crate::model::key::Key;
use crate::model::layout::{BsonType, Layout};
use crate::server::reply::documents;

/// The minimum length of a typed prefix, if the short form of the id is longer.
pub(super) const LEAST_PREFIX: usize = 8;
/// The number of prefixes per query. Each is a range of the index, and an expression that the
/// server compiles (measured on mongod 6.0.5: 20 microseconds).
const AT_ONCE: usize = 500;
/// The longest prefix for such an expression.
const LONGEST: usize = 1000;
/// If a query returns more sessions per prefix than this, the prefixes are looked up one by one:
/// one of them may match all sessions.
const SESSIONS_EACH: usize = 20;
/// The cost of looking up a prefix, relative to reading a session (measured: 17).
const SESSIONS_A_PREFIX: u64 = 15;
/// The marker for an id of unknown length.
const UNKNOWN: i64 = i32::MAX as i64;

/// The longest id of a collection: a longer text cannot be the prefix of an id.
#[derive(Debug, Default)]
pub(super) struct Longest(Option<usize>);

impl Longest {
    pub(super) fn may_be_prefix(&self, text: &str) -> bool {
        self.0.is_none_or(|longest| text.len() < longest)
    }

    /// Reads the ids of all sessions, once enough ids were unknown to make that worthwhile.
    pub(super) async fn look(&mut self, store: &Store, unknown: u64) -> Result<()> {
        if self.0.is_some()
            || unknown == 0
            || store.count(Document::new()).await? > unknown.saturating_mul(SESSIONS_A_PREFIX)
        {
            return Ok(());
        }
        let id = format!("${}", store.layout().id.path);
        let is = |name: &str| doc! { "$eq": [{ "$type": &id }, name] };
        let length = doc! { "$switch": {
            "branches": [
                { "case": is("string"), "then": { "$strLenBytes": &id } },
                { "case": is("binData"), "then": { "$binarySize": &id } },
                { "case": is("symbol"), "then": UNKNOWN },
            ],
            // The digits of an `ObjectId`, the longest of the other types.
            "default": 24,
        } };
        let group = doc! { "$group": { "_id": null, "longest": { "$max": length } } };
        let mut found = store.aggregate(vec![group]).await?;
        let batch = found.next().await?;
        let row = batch.as_ref().and_then(|batch| documents(batch).next());
        let longest = row.and_then(|row| match row.get("longest").ok()?? {
            bson::raw::RawBsonRef::Int32(longest) => usize::try_from(longest).ok(),
            bson::raw::RawBsonRef::Int64(longest) => usize::try_from(longest).ok(),
            _ => None,
        });
        self.0 = Some(longest.unwrap_or(usize::MAX));
        Ok(())
    }
}

/// The `_id`s of the documents of each session, by the session's id.
pub(super) type Matches = BTreeMap<Key, BTreeSet<Key>>;

/// Adds a document to its session. A third session is left out: two are enough to be ambiguous.
pub(super) fn add(matches: &mut Matches, layout: &Layout, document: &RawDocument) {
    let Some(key) = Key::of(document) else { return };
    let id = Key::at(document, &layout.id.path).unwrap_or_else(|| key.clone());
    if matches.len() < 2 || matches.contains_key(&id) {
        matches.entry(id).or_default().insert(key);
    }
}

/// Prefixes with their sessions, and prefixes that must be looked up one by one.
type Sorted<'t> = (Vec<(&'t str, Matches)>, Vec<&'t str>);

impl Store {
    /// For each of these texts, at most two sessions whose ids begin with it.
    pub(super) async fn by_prefixes<'t>(&self, texts: &[&'t str]) -> Result<Sorted<'t>> {
        let types = &self.layout().id.types;
        // Binary ids have a range for each length, and with a collation there are no ranges.
        let is_ranged = !types.contains(&BsonType::BinData) && !self.is_collated().await?;
        let is_fit = |text: &&str| {
            is_ranged && !text.is_empty() && text.len() <= LONGEST && !text.contains('\u{FFFD}')
        };
        let (fit, mut single): (Vec<_>, Vec<_>) = texts.iter().copied().partition(is_fit);
        let is_long = |text: &&str| text.chars().count() >= LEAST_PREFIX;
        let (long, short): (Vec<_>, Vec<_>) = fit.into_iter().partition(is_long);
        let mut found = Vec::new();
        for (texts, is_short) in [(long, false), (short, true)] {
            for chunk in texts.chunks(AT_ONCE) {
                match self.together(chunk, is_short).await? {
                    Some(some) => found.extend(chunk.iter().copied().zip(some)),
                    None => single.extend(chunk),
                }
            }
        }
        Ok((found, single))
    }

    /// The same in one query, in order. `None` if too many sessions match.
    async fn together(&self, texts: &[&str], is_of_short: bool) -> Result<Option<Vec<Matches>>> {
        let layout = self.layout();
        let (path, prefix, types) = (&layout.id.path, &layout.id.prefix, &layout.id.types);
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        let (mut expressions, mut ranges) = (Vec::new(), Vec::new());
        for (at, text) in texts.iter().enumerate() {
            let whole = (!prefix.is_empty() && !text.starts_with(&**prefix))
                .then(|| format!("{prefix}{text}"));
            if types.contains(&BsonType::String) {
                for text in [Some((*text).to_owned()), whole].into_iter().flatten() {
                    let pattern = format!("\\A{}", escaped(&text));
                    expressions.extend(expression(pattern));
                    places.entry(text).or_default().push(at);
                }
            }
            if types.contains(&BsonType::ObjectId)
                && text.len() >= LEAST_PREFIX
                && let Some(range) = object_id_range(path, text)
            {
                ranges.push(range);
                places.entry(text.to_ascii_lowercase()).or_default().push(at);
            }
        }
        if !expressions.is_empty() {
            ranges.push(doc! { path: { "$in": expressions } });
        }
        let mut filter = all(vec![any(ranges), self.layouts.membership()]);
        if is_of_short {
            filter = all(vec![filter, is_short(layout, 2 * LEAST_PREFIX - 1)]);
        }
        let lengths: HashSet<usize> = places.keys().map(String::len).collect();
        let mut found = vec![Matches::new(); texts.len()];
        let mut read = 0;
        let mut batches = self.read_for_ids(filter).await?;
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                read += 1;
                let id = layout.id_of(document);
                let (full, short) = (id.full(), id.short().chars().count());
                for length in &lengths {
                    let place = full.get(..*length).and_then(|text| places.get(text));
                    for at in place.into_iter().flatten() {
                        let is_enough = !is_of_short || texts[*at].chars().count() >= short;
                        if is_enough {
                            add(&mut found[*at], layout, document);
                        }
                    }
                }
            }
            if read > SESSIONS_EACH * texts.len() {
                return Ok(None);
            }
        }
        Ok(Some(found))
    }
}

fn expression(pattern: String) -> Option<Bson> {
    let options = bson::raw::CString::try_from(String::new()).ok()?;
    Some(Bson::RegularExpression(Regex { pattern: pattern.try_into().ok()?, options }))
}

/// Whether an id has at most this many characters after the store's prefix.
pub(super) fn is_short(layout: &Layout, longest: usize) -> Document {
    let longest = longest + layout.id.prefix.chars().count();
    let id = doc! { "$convert": { "input": format!("${}", layout.id.path), "to": "string", "onError": "", "onNull": "" } };
    doc! { "$expr": { "$lte": [{ "$strLenCP": id }, longest as i64] } }
}

pub(super) fn object_id_range(path: &str, text: &str) -> Option<Document> {
    let edge = |fill: char| {
        let digits: String = text.chars().chain(std::iter::repeat(fill)).take(24).collect();
        ObjectId::parse_str(digits).ok()
    };
    Some(doc! { path: { "$gte": edge('0')?, "$lte": edge('f')? } })
}
