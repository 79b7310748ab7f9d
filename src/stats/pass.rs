//! The pass: what the server groups by, and the lines that it sends.

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, DateTime, Document, doc};

use super::grid::{AGES, EXPIRIES, Grid, HOUR};
use super::{CreatedBy, Share, Span};
use crate::layout::{Layout, number, state_of};
use crate::session::State;

/// Sessions in one state, that expire and were made in the same slots.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) state: State,
    pub(super) share: Share,
    pub(super) expires: Span,
    /// The first hour from now of the slot.
    pub(super) expires_in: Option<i64>,
    pub(super) created_by: Option<CreatedBy>,
    pub(super) created: Span,
    /// The first hour of age of the slot.
    pub(super) age: Option<i64>,
    pub(super) touched: Span,
}

/// Groups the sessions into lines; with `users`, and by what these stages make of them, too.
pub(super) fn pipeline(
    layout: &Layout,
    now: DateTime,
    users: Option<Vec<Document>>,
) -> Vec<Document> {
    let of_id = doc! { "$cond": [
        { "$eq": [{ "$type": "$_id" }, "objectId"] },
        { "$toLong": { "$toDate": "$_id" } },
        Bson::Null,
    ] };
    let facts = doc! {
        "_id": 0,
        "s": layout.state_fact(now),
        "b": { "$bsonSize": "$$ROOT" },
        "e": layout.expiry_fact(),
        "c": layout.created_fact(),
        "i": of_id,
        "t": layout.touched_fact(),
    };
    let hours = |millis: &str, sign: i32| {
        let away = match sign {
            1 => doc! { "$subtract": [millis, now.timestamp_millis()] },
            _ => doc! { "$subtract": [now.timestamp_millis(), millis] },
        };
        doc! { "$floor": { "$divide": [away, HOUR] } }
    };
    // The best date that says how old it is.
    let made = doc! { "$ifNull": ["$c", "$i", "$t"] };
    let by = doc! { "$switch": { "branches": [
        { "case": { "$gt": ["$c", Bson::Null] }, "then": 0 },
        { "case": { "$gt": ["$i", Bson::Null] }, "then": 1 },
        { "case": { "$gt": ["$t", Bson::Null] }, "then": 2 },
    ], "default": Bson::Null } };
    let slot = |grid: &Grid, millis: &str, sign| {
        let slot = doc! { "$let": {
            "vars": { "h": hours(millis, sign) }, "in": grid.slot("$$h"),
        } };
        doc! { "$cond": [{ "$gt": [millis, Bson::Null] }, slot, Bson::Null] }
    };
    let group = doc! {
        "_id": {
            "s": "$s",
            "e": slot(&EXPIRIES, "$e", 1),
            "k": by,
            "a": { "$let": { "vars": { "m": &made }, "in": slot(&AGES, "$$m", -1) } },
        },
        "n": { "$sum": 1 },
        "b": { "$sum": "$b" },
        "l": { "$max": "$b" },
        "e0": { "$min": "$e" },
        "e1": { "$max": "$e" },
        "m0": { "$min": &made },
        "m1": { "$max": &made },
        "ms": { "$sum": made },
        "t0": { "$min": "$t" },
        "t1": { "$max": "$t" },
        "ts": { "$sum": "$t" },
        "tn": { "$sum": { "$cond": [{ "$gt": ["$t", Bson::Null] }, 1, 0] } },
    };
    let lines = vec![doc! { "$project": facts }, doc! { "$group": group }];
    match users {
        None => lines,
        // Each session is read once for both.
        Some(users) => vec![doc! { "$facet": { "lines": lines, "users": users } }],
    }
}

impl Line {
    pub(super) fn read(line: &RawDocument) -> Self {
        let value = |key: &str| line.get(key).ok().flatten().and_then(number);
        let count = |key: &str| value(key).unwrap_or(0.0) as u64;
        let date = |key: &str| value(key).map(|millis| DateTime::from_millis(millis as i64));
        let key = line.get_document("_id").ok();
        let of_key = |name: &str| key?.get(name).ok().flatten().and_then(number);
        let share = Share { sessions: count("n"), bytes: count("b"), largest: count("l") };
        let span = |first: &str, last: &str, sum: &str, sessions: u64| Span {
            sessions,
            earliest: date(first),
            latest: date(last),
            sum: value(sum).unwrap_or(0.0),
        };
        let has = |key: &str| matches!(line.get(key), Ok(Some(value)) if value != RawBsonRef::Null);
        Self {
            state: state_of(of_key("s").unwrap_or(0.0) as i64),
            share,
            expires: span("e0", "e1", "", if has("e0") { share.sessions } else { 0 }),
            expires_in: of_key("e").map(|hours| hours as i64),
            created_by: of_key("k").map(|by| match by as i64 {
                0 => CreatedBy::Date,
                1 => CreatedBy::Id,
                _ => CreatedBy::Touch,
            }),
            created: span("m0", "m1", "ms", if has("m0") { share.sessions } else { 0 }),
            age: of_key("a").map(|hours| hours as i64),
            touched: span("t0", "t1", "ts", count("tn")),
        }
    }
}
