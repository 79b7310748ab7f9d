//! What is wrong with the expiries of sessions and can be put right on the server: which documents
//! these are, and the update that mends each from what it says itself.
//!
//! The update reads the document as it is when it is written, so that a session which its store
//! wrote meanwhile is left alone: the selection does not match it any more.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};

use super::definition::Layout;
use super::expressions::within;
use super::rule::{Kind, Rule};
use super::{dates, derived};
use crate::error::{Error, Result};
use crate::model::document::Unit;
use crate::model::filter::all;
use crate::model::session::State;

/// A fault of sessions that can be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The expiry is a text or a number where the store requires a date.
    ExpiryType,
    /// The session never ends. It shall expire this long after its last touch; if that is unknown,
    /// after its creation; if both are unknown, after the server's now.
    Endless(Duration),
}

/// How a fault is mended, as filters and an update for the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Mending {
    /// The sessions that can be mended.
    pub(crate) selection: Document,
    /// The update, as a pipeline.
    pub(crate) update: Vec<Document>,
    /// Those of the selection that are over as soon as they are mended.
    pub(crate) over: Document,
    /// The sessions with the fault that cannot be mended; `None` where there can be none.
    pub(crate) unclear: Option<Document>,
}

/// Types that can be turned into dates.
const CONVERTED: [&str; 5] = ["string", "int", "long", "double", "decimal"];

/// Types that a date may be wrapped in. Most of these hold none, and are no dates gone wrong.
const WRAPPED: [&str; 3] = ["array", "object", "timestamp"];

impl Layout {
    /// How `fault` is mended in documents of this layout, at the server's `now`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the expiry of the layout is not kept in a way that allows it.
    pub fn mending(&self, fault: Fault, now: DateTime) -> Result<Mending> {
        match fault {
            Fault::ExpiryType => self.to_dates(now),
            Fault::Endless(lifetime) => self.ending_some_day(lifetime, now),
        }
    }

    fn to_dates(&self, now: DateTime) -> Result<Mending> {
        let rule = &self.expiry[0];
        if rule.kind != Kind::Date || rule.text {
            return Err(Error::Unsupported(format!(
                "the layout {} keeps no date as expiry, so texts and numbers are not turned into dates",
                self.name
            )));
        }
        let date = dates::read(&rule.field());
        let is_clear = doc! { "$and": [
            is_single(rule.path()),
            { "$ne": [&date, Bson::Null] },
        ] };
        // `$type` in a filter looks into arrays.
        let which = |types: &[&str], clear: Document| {
            let of_type = doc! { "$in": [{ "$type": rule.field() }, types] };
            let told = doc! { "$expr": { "$and": [of_type, clear] } };
            all(vec![doc! { rule.path(): { "$type": types } }, told])
        };
        let limit = DateTime::from_millis(rule.limit_millis(now));
        let is_over = doc! { "$lt": [&date, limit] };
        Ok(Mending {
            unclear: Some(which(&CONVERTED, doc! { "$not": [&is_clear] })),
            selection: which(&[&CONVERTED[..], &WRAPPED[..]].concat(), is_clear),
            over: doc! { "$expr": is_over },
            update: vec![doc! { "$set": { rule.path(): date } }],
        })
    }

    fn ending_some_day(&self, lifetime: Duration, now: DateTime) -> Result<Mending> {
        let rule = &self.expiry[0];
        let is_written = matches!(rule.kind, Kind::Date | Kind::Number)
            && rule.lifetime_from.is_none()
            && rule.lifetime_path.is_none()
            && rule.after.is_none();
        if !is_written {
            return Err(Error::Unsupported(format!(
                "the layout {} keeps no expiry that could be written",
                self.name
            )));
        }
        let instants: Vec<_> = self.touched.iter().chain(&self.created).collect();
        let touched = Self::instant_fact(&instants);
        let read = instants.iter().map(|instant| is_single(&instant.path));
        let single: Vec<_> = std::iter::once(is_single(rule.path())).chain(read).collect();
        let since = doc! { "$ifNull": [touched, now.timestamp_millis()] };
        // Touches may be anything; the sum is one that a date, or a number of nanoseconds, can be.
        let furthest = if rule.unit == Some(Unit::Ns) { 9e12 } else { 9e15 };
        let since = within(-furthest, since, furthest, |since| since);
        let millis = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        let value = millis.saturating_sub(rule.lifetime_millis());
        let at = doc! { "$add": [&since, value] };
        let is_over = doc! { "$lt": [{ "$add": [since, millis] }, now.timestamp_millis()] };
        Ok(Mending {
            selection: all(vec![
                self.filter(State::Endless, now),
                within_documents(rule),
                doc! { "$expr": { "$and": single } },
            ]),
            over: doc! { "$expr": is_over },
            unclear: None,
            update: vec![doc! { "$set": { rule.path(): written(rule, at) } }],
        })
    }
}

/// A number of milliseconds as the store writes its expiry.
fn written(rule: &Rule, millis: Document) -> Document {
    match rule.unit {
        unit if rule.text => derived::text_of_millis(unit, millis.into()),
        None => doc! { "$toDate": millis },
        Some(Unit::Ms) => doc! { "$toLong": millis },
        // Beaker 1.14 writes a double (`time.time() + ...`), by which its sessions are known.
        Some(Unit::S) => doc! { "$divide": [millis, 1000] },
        Some(Unit::Ns) => doc! { "$toLong": { "$multiply": [millis, 1_000_000_i64] } },
    }
}

/// Whether no field on the way is there twice, as an expression. An update by a pipeline would set both,
/// even if it only reads the field; with another field between the two mongod 6.0.5 ends (an invariant
/// of `DocumentSubDiffNode`).
fn is_single(path: &str) -> Document {
    let mut outer = "$$ROOT".to_owned();
    let mut singles = Vec::new();
    for name in path.split('.') {
        let is_named = doc! { "$eq": ["$$this.k", { "$literal": name }] };
        let fields = doc! { "$objectToArray": &outer };
        let named = doc! { "$filter": { "input": fields, "cond": is_named } };
        let is_document = doc! { "$eq": [{ "$type": &outer }, "object"] };
        let is_single = doc! { "$lte": [{ "$size": named }, 1] };
        singles.push(doc! { "$cond": [is_document, is_single, true] });
        outer = match outer.as_str() {
            "$$ROOT" => format!("${name}"),
            outer => format!("{outer}.{name}"),
        };
    }
    doc! { "$and": singles }
}

/// Where the expiry is in a document of its own: nothing that is not one is replaced by one.
fn within_documents(rule: &Rule) -> Document {
    let Some((outer, _)) = rule.path().rsplit_once('.') else { return Document::new() };
    doc! { "$expr": { "$in": [{ "$type": format!("${outer}") }, ["object", "missing"]] } }
}
