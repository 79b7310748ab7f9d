//! One pass over the documents of a collection, on the server, or over a random sample of them.

use std::collections::BTreeMap;

use bson::{Bson, DateTime, Document, doc};

use crate::model::filter::all;
use crate::model::humanize::{counted, grouped};
use crate::model::layout::{Fault, Kind, Layout, Layouts};
use crate::model::session::{SessionId, State};
use crate::server::reply::affected;

/// An expiry further in the future looks like a mistake: two years.
pub(super) const FAR_MS: i64 = 2 * 365 * 86_400_000;
/// 2000-01-01. No session store existed before.
pub(super) const ANCIENT_MS: i64 = 946_684_800_000;

/// The counts over the documents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// The number of documents in the collection.
    pub documents: u64,
    /// Whether only a sample of them was examined.
    pub sampled: bool,
    /// How many of them were examined, including credentials of programs, which are not counted below.
    pub examined: u64,
    /// How many were examined and are sessions.
    pub looked_at: u64,
    /// How many were examined and are not sessions.
    pub foreign: u64,
    /// How many of those have a date in the field of the expiry, so that a TTL index deletes them
    /// like sessions.
    pub foreign_dated: u64,
    /// The number of sessions in each state.
    pub states: BTreeMap<&'static str, u64>,
    /// The number of sessions for each type of the expiry, by the server's names.
    pub types: BTreeMap<String, u64>,
    /// The same of the malformed sessions.
    pub malformed_types: BTreeMap<String, u64>,
    /// How many are malformed, with an expiry that can be converted to a date.
    pub mendable: u64,
    /// How many have an expiry of a wrong type that cannot be converted to a date.
    pub unclear: u64,
    /// How many have an array of dates as their expiry.
    pub arrays: u64,
    /// In how many of those arrays only some of the dates have passed.
    pub half_expired: u64,
    /// How many expire more than two years from now.
    pub far: u64,
    /// How many expired before the year 2000.
    pub ancient: u64,
    /// The earliest expiry of those that are expired.
    pub oldest: Option<DateTime>,
    /// The minute in which most live sessions expire, and their number.
    pub busiest: Option<(DateTime, u64)>,
    /// The sum of the sizes in bytes; `None` if the server does not report it.
    pub bytes: Option<u64>,
    /// The largest session, and its size in bytes.
    pub largest: Option<(SessionId, u64)>,
}

impl Survey {
    /// The number of sessions in this state.
    pub fn count(&self, state: State) -> u64 {
        self.states.get(state.name()).copied().unwrap_or(0)
    }

    /// Whether only a sample was counted.
    pub fn is_sample(&self) -> bool {
        self.sampled
    }

    /// The estimated number in the collection of something that the sample has `count` times.
    pub fn estimate(&self, count: u64) -> u64 {
        if !self.sampled || self.examined == 0 {
            return count;
        }
        let all = u128::from(count) * u128::from(self.documents) / u128::from(self.examined);
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// The same in words, with a noun.
    pub(super) fn about(&self, count: u64, noun: &str) -> String {
        if !self.is_sample() {
            return counted(count, noun);
        }
        let sampled = grouped(self.examined);
        let estimate = counted(self.estimate(count), noun);
        format!("about {estimate} ({} in a sample of {sampled})", grouped(count))
    }

    /// The totals of all examined documents.
    pub(super) fn looking(&self, what: &str) -> String {
        if self.is_sample() { format!("{what}, in the sample") } else { what.to_owned() }
    }

    /// The stages before the facets, and the facets. Credentials of programs do not count.
    pub(super) fn pipeline(
        layouts: &Layouts,
        now: DateTime,
        sample: Option<u64>,
        tells_sizes: bool,
    ) -> (Vec<Document>, Document) {
        // One layout represents what its family has in common.
        let layout = layouts.first();
        let count = |filter: Document| vec![doc! { "$match": filter }, doc! { "$count": "n" }];
        let at = |millis: i64| DateTime::from_millis(millis);
        let far = at(now.timestamp_millis().saturating_add(FAR_MS));
        let path = layout.expiry_path().unwrap_or("_id");
        let by_type =
            doc! { "$group": { "_id": { "$type": format!("${path}") }, "n": { "$sum": 1 } } };
        // One pass for everything: each facet sees every document, and the collection is read once.
        let mut facets = doc! {
            "looked_at": [{ "$count": "n" }],
            "types": [&by_type],
            "malformed_types": [{ "$match": layouts.filter(State::Malformed, now) }, &by_type],
            "far": count(layout.expires_after(far)),
            "ancient": count(layout.expires_before(at(ANCIENT_MS))),
        };
        for state in State::ALL {
            facets.insert(state.name(), count(layouts.filter(state, now)));
        }
        let mending = layout.mending(Fault::ExpiryType, now);
        if let Ok(mending) = mending {
            let malformed = layout.filter(State::Malformed, now);
            facets.insert("mendable", count(doc! { "$and": [malformed, mending.selection] }));
            facets.extend(mending.unclear.map(|unclear| ("unclear".into(), count(unclear).into())));
            let dates = dates_only(path);
            facets.insert("arrays", count(dates.clone()));
            let limit = at(layout.expiry[0].limit_millis(now));
            let half = doc! { "$nor": [passed_or_not(path, limit)] };
            facets.insert("half_expired", count(all(vec![dates, half])));
        }
        if key_is_expiry(layout) {
            let key = layout.expiry_fact();
            let minute = doc! { "$floor": { "$divide": [&key, 60_000] } };
            facets.insert(
                "oldest",
                vec![
                    doc! { "$match": layouts.filter(State::Expired, now) },
                    doc! { "$group": { "_id": Bson::Null, "at": { "$min": key } } },
                ],
            );
            facets.insert(
                "busiest",
                vec![
                    doc! { "$match": layouts.filter(State::Live, now) },
                    doc! { "$group": { "_id": minute, "n": { "$sum": 1 } } },
                    doc! { "$sort": { "n": -1, "_id": 1 } },
                    doc! { "$limit": 1 },
                ],
            );
        }
        if tells_sizes {
            let size = doc! { "$bsonSize": "$$ROOT" };
            let largest = doc! { "bytes": &size, "id": format!("${}", layout.id.path) };
            facets.insert(
                "sizes",
                vec![doc! { "$group": {
                    "_id": Bson::Null, "bytes": { "$sum": size }, "largest": { "$max": largest },
                } }],
            );
        }
        // Everything except foreign documents is counted among sessions only.
        let login = layouts.credentials().map(|credentials| doc! { "$nor": [credentials] });
        let logins = |condition| {
            let clauses = std::iter::once(condition).chain(login.clone());
            doc! { "$match": all(clauses.collect()) }
        };
        let member = logins(layouts.membership());
        for (_, facet) in facets.iter_mut() {
            if let Bson::Array(stages) = facet {
                stages.insert(0, member.clone().into());
            }
        }
        let foreign = doc! { "$nor": [layouts.membership()] };
        let dated = doc! { "$and": [&foreign, { path: { "$type": "date" } }] };
        let counted = |condition| vec![logins(condition), doc! { "$count": "n" }];
        facets.extend(doc! {
            "foreign": counted(foreign),
            "foreign_dated": counted(dated),
            "examined": [{ "$count": "n" }],
        });
        let size = sample.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
        (size.map(|size| doc! { "$sample": { "size": size } }).into_iter().collect(), facets)
    }

    /// Reads the results of the facets, for a collection of this many documents by the server's own count,
    /// which may be outdated by then.
    pub(super) fn read(
        facets: &Document,
        layout: &Layout,
        (documents, sampled): (u64, bool),
    ) -> Self {
        let rows = |name: &str| -> Vec<Document> {
            let rows = facets.get_array(name).cloned().unwrap_or_default();
            rows.into_iter().filter_map(|row| row.as_document().cloned()).collect()
        };
        let first = |name: &str| rows(name).into_iter().next();
        let count = |name: &str| first(name).map_or(0, |row| affected(&row, "n"));
        let kind = |row: Document| Some((row.get_str("_id").ok()?.to_owned(), affected(&row, "n")));
        let sizes = first("sizes");
        let largest = sizes.as_ref().and_then(|sizes| sizes.get_document("largest").ok());
        let examined = count("examined");
        Self {
            documents: if sampled { documents.max(examined) } else { examined },
            sampled,
            examined,
            looked_at: count("looked_at"),
            foreign: count("foreign"),
            foreign_dated: count("foreign_dated"),
            states: State::ALL
                .into_iter()
                .map(|state| (state.name(), count(state.name())))
                .collect(),
            types: rows("types").into_iter().filter_map(kind).collect(),
            malformed_types: rows("malformed_types").into_iter().filter_map(kind).collect(),
            mendable: count("mendable"),
            unclear: count("unclear"),
            arrays: count("arrays"),
            half_expired: count("half_expired"),
            far: count("far"),
            ancient: count("ancient"),
            oldest: first("oldest").and_then(|row| instant(row.get("at")?, 1.0)),
            busiest: first("busiest")
                .and_then(|row| Some((instant(row.get("_id")?, 60_000.0)?, affected(&row, "n")))),
            bytes: sizes.as_ref().map(|sizes| affected(sizes, "bytes")),
            largest: largest.map(|largest| {
                let id = largest.get("id").cloned().unwrap_or(Bson::Null);
                (SessionId::new(id, &layout.id.prefix), affected(largest, "bytes"))
            }),
        }
    }
}

/// The documents with an array at `path` that contains only dates.
pub(super) fn dates_only(path: &str) -> Document {
    let (date, other) = (doc! { "$type": "date" }, doc! { "$not": { "$type": "date" } });
    doc! { path: { "$type": "array", "$elemMatch": date, "$not": { "$elemMatch": other } } }
}

/// The arrays of dates at `path` of which all are before `limit`, or none.
pub(super) fn passed_or_not(path: &str, limit: impl Into<Bson>) -> Document {
    let (dates, limit) = (format!("${path}"), limit.into());
    let first = doc! { "$lt": [{ "$min": &dates }, &limit] };
    let last = doc! { "$lt": [{ "$max": dates }, limit] };
    doc! { "$expr": { "$eq": [first, last] } }
}

/// Whether the index sorts sessions by their expiry, which it does not if each document has its own
/// lifetime.
fn key_is_expiry(layout: &Layout) -> bool {
    layout.expiry.iter().all(|rule| rule.lifetime_path.is_none())
        && layout.expiry.iter().any(|rule| matches!(rule.kind, Kind::Date | Kind::Number))
}

fn instant(value: &Bson, millis: f64) -> Option<DateTime> {
    let number = match value {
        Bson::Int32(number) => f64::from(*number),
        Bson::Int64(number) => *number as f64,
        Bson::Double(number) => *number,
        _ => return None,
    };
    Some(DateTime::from_millis((number * millis) as i64))
}
