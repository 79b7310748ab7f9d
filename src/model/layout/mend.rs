//! Faults of expiries that the server can repair: the filter of the documents, and the update that
//! repairs each from its own values.
//!
//! The update repeats the selection, so a session that its store wrote in the meantime no longer
//! matches, and is left alone.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};

use super::definition::Layout;
use super::expressions::{is_single, within};
use super::rule::{Kind, Rule};
use super::{dates, derived};
use crate::error::{Error, Result};
use crate::model::document::Unit;
use crate::model::filter::all;
use crate::model::session::State;

/// A fault that can be repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The expiry is text or a number, but the store requires a date.
    ExpiryType,
    /// The session never ends. It gets an expiry this long after its last touch, else after its
    /// creation, or else after the server's current time.
    Endless(Duration),
}

/// The filters and the update that repair a fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Mending {
    /// The sessions that can be repaired.
    pub(crate) selection: Document,
    /// The update, as a pipeline.
    pub(crate) update: Vec<Document>,
    /// The sessions that are expired once they are repaired.
    pub(crate) over: Document,
    /// The sessions that have the fault but cannot be repaired; `None` if there cannot be any.
    pub(crate) unclear: Option<Document>,
}

/// Types that can be converted to dates.
const CONVERTED: [&str; 5] = ["string", "int", "long", "double", "decimal"];

/// Types that may contain a date. Most values of these types do not.
const WRAPPED: [&str; 3] = ["array", "object", "timestamp"];

impl Layout {
    /// How to repair `fault` in documents of this layout, at the server's `now`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the expiry of the layout does not allow it.
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
                "the expiry of the layout {} is not a date, so text and numbers cannot be fixed",
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
            let decided = doc! { "$expr": { "$and": [of_type, clear] } };
            all(vec![doc! { rule.path(): { "$type": types } }, decided])
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
                "the layout {} has no expiry that can be written",
                self.name
            )));
        }
        let instants: Vec<_> = self.touched.iter().chain(&self.created).collect();
        let touched = Self::instant_fact(&instants);
        let read = instants.iter().map(|instant| is_single(&instant.path));
        let single: Vec<_> = std::iter::once(is_single(rule.path())).chain(read).collect();
        let since = doc! { "$ifNull": [touched, now.timestamp_millis()] };
        // Touches may have any value, so the sum is limited to what a date, or a number of
        // nanoseconds, can hold.
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

/// If the expiry is nested, its parent must be a document. A value of another type is not replaced.
fn within_documents(rule: &Rule) -> Document {
    let Some((outer, _)) = rule.path().rsplit_once('.') else { return Document::new() };
    doc! { "$expr": { "$in": [{ "$type": format!("${outer}") }, ["object", "missing"]] } }
}
