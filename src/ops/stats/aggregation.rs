//! The aggregation: the groups that the server makes, and the lines that it returns.
//!
//! Each expression costs as much as reading a small document. So the first attempt uses only the
//! fields found in some documents, and treats every expiry as a date if a single date decides. If a
//! line shows that this was wrong, the pass is repeated thoroughly.

use bson::raw::{RawBsonRef, RawDocument};
use bson::{Bson, DateTime, Document, doc};

use super::figures::{CreatedBy, Share, Span};
use super::grid::{AGES, EVER, EXPIRIES, Group, HOUR};
use crate::model::document::{find, instant, number};
use crate::model::layout::{Instant, Layout, Layouts, state_of};

/// The base of hours that encode a state without a date: minus this, they are the number of the
/// state.
const UNDATED: i64 = -10_000_000;
/// The number of a foreign document, in place of a state.
const FOREIGN: i64 = 8;
/// The number of a state that only the thorough pass can determine.
const ODD: i64 = 9;

/// What the server computes.
#[derive(Debug, Clone)]
pub(super) struct Aggregation<'a> {
    layouts: &'a Layouts,
    now: DateTime,
    thorough: bool,
    created_by: Option<CreatedBy>,
    created: Vec<&'a Instant>,
    touched: Vec<&'a Instant>,
    /// Fields that may hold a date, but did not in the sampled documents.
    absent: Vec<&'a str>,
    /// Whether the server cannot compute the size of a document.
    without_sizes: bool,
}

impl<'a> Aggregation<'a> {
    /// The cheap pass, for a collection with documents such as these.
    pub(super) fn after_a_look(
        layouts: &'a Layouts,
        now: DateTime,
        documents: &[impl AsRef<RawDocument>],
    ) -> Self {
        let has = |at: &&Instant| {
            documents.iter().any(|one| instant(find(one.as_ref(), &at.path), at.unit).is_some())
        };
        let split = |all: Vec<&'a Instant>| all.into_iter().partition::<Vec<_>, _>(has);
        let (created, not_created) = split(layouts.instants(|layout| &layout.created));
        let (touched, not_touched) = split(layouts.instants(|layout| &layout.touched));
        let has_time =
            |one: &RawDocument| matches!(one.get("_id"), Ok(Some(RawBsonRef::ObjectId(_))));
        let created_by = if !created.is_empty() {
            Some(CreatedBy::Date)
        } else if documents.iter().any(|one| has_time(one.as_ref())) {
            Some(CreatedBy::Id)
        } else {
            (!touched.is_empty()).then_some(CreatedBy::Touch)
        };
        let absent =
            not_created.into_iter().chain(not_touched).map(|at| at.path.as_str()).collect();
        let thorough = layouts.date_that_decides(now).is_none();
        let without_sizes = false;
        Self { layouts, now, thorough, created_by, created, touched, absent, without_sizes }
    }

    /// The thorough pass, for any documents.
    pub(super) fn thoroughly(&self) -> Self {
        let created = self.layouts.instants(|layout| &layout.created);
        let touched = self.layouts.instants(|layout| &layout.touched);
        let by = match (created.is_empty(), touched.is_empty()) {
            (false, _) => Some(CreatedBy::Date),
            (true, false) => Some(CreatedBy::Touch),
            (true, true) => None,
        };
        Self {
            thorough: true,
            created_by: self.created_by.or(by),
            created,
            touched,
            absent: Vec::new(),
            ..self.clone()
        }
    }

    pub(super) fn created_by(&self) -> Option<CreatedBy> {
        self.created_by
    }

    /// Groups the sessions into lines. With `users`, these stages also group them by user.
    pub(super) fn pipeline(&self, users: Option<Vec<Document>>) -> Vec<Document> {
        let mut lines = match (self.thorough, self.layouts.date_that_decides(self.now)) {
            (false, Some(date)) => self.usual(date),
            _ => self.whole(),
        };
        lines.push(self.coarse());
        match users {
            None => lines,
            // Each session is read only once for both.
            Some(users) => vec![doc! { "$facet": { "lines": lines, "users": users } }],
        }
    }

    /// Groups by the hour of the expiry, whose sign is the state. `date` is the field that decides.
    fn usual(&self, (date, limit): (String, DateTime)) -> Vec<Document> {
        let undated = |at: usize| {
            self.layouts.fact(|layout| (UNDATED - i64::from(layout.undated_facts()[at])).into())
        };
        let (if_missing, if_null) = (undated(0), undated(1));
        let hour =
            hours_after(limit, |millis| DateTime::from_millis(millis).into(), date.as_str().into());
        // Dates come first, because the server tries the branches in order.
        let hour = doc! { "$switch": { "branches": [
            { "case": { "$eq": [{ "$type": &date }, "date"] }, "then": hour },
            { "case": { "$eq": [{ "$type": &date }, "missing"] }, "then": if_missing },
            { "case": { "$eq": [{ "$type": &date }, "null"] }, "then": if_null },
            { "case": { "$isArray": &date }, "then": UNDATED - ODD },
        ], "default": UNDATED } };
        let hour = self.of_session(hour.into(), UNDATED - FOREIGN);
        let mut group = sums(self.size(), date.into());
        // Dates sort after nearly all other types, so another type is noticed.
        let least = |fields: &[&Instant]| match fields {
            [] => Bson::Null,
            [one] if one.unit.is_none() => format!("${}", one.path).into(),
            several => Layout::instant_fact(several),
        };
        let (made, touched) = match self.created_by {
            Some(CreatedBy::Date) => (least(&self.created), least(&self.touched)),
            Some(CreatedBy::Id) => (Bson::from("$_id"), least(&self.touched)),
            Some(CreatedBy::Touch) | None => (Bson::Null, least(&self.touched)),
        };
        group.extend(ends("m", made));
        group.extend(ends("t", touched));
        // Before 5.0, `$ifNull` accepts only two arguments.
        let or_else = |rest, path: &&str| match rest {
            Bson::Null => format!("${path}").into(),
            rest => doc! { "$ifNull": [format!("${path}"), rest] }.into(),
        };
        match self.absent.iter().rfold(Bson::Null, or_else) {
            Bson::Null => {}
            unexpected => drop(group.insert("v", doc! { "$max": unexpected })),
        }
        group.insert("_id", self.key(hour));
        vec![doc! { "$group": group }]
    }

    /// Groups by the state and the hour of the expiry, whatever the fields contain.
    fn whole(&self) -> Vec<Document> {
        let facts = doc! {
            "_id": 1,
            "s": self.of_session(self.layouts.state_fact(self.now), FOREIGN),
            "b": self.size(),
            "e": self.layouts.expiry_fact(),
            "c": self.first_date(&self.created, |layout| &layout.created),
            "t": self.first_date(&self.touched, |layout| &layout.touched),
        };
        let hour = hours_after(self.now, Bson::Int64, "$e".into());
        let hour = doc! { "$cond": [{ "$gt": ["$e", Bson::Null] }, hour, Bson::Null] };
        let mut group = sums("$b".into(), "$e".into());
        group.extend(ends("m", self.made_in_whole()));
        group.extend(ends("t", "$t".into()));
        let mut key = doc! { "h": hour, "s": "$s" };
        key.extend(self.age("$c", "$t").map(|age| ("a".to_owned(), age)));
        group.insert("_id", key);
        vec![doc! { "$project": facts }, doc! { "$group": group }]
    }

    /// The size of a document, or null if the server cannot compute it.
    fn size(&self) -> Bson {
        match self.without_sizes {
            true => Bson::Null,
            false => doc! { "$bsonSize": "$$ROOT" }.into(),
        }
    }

    /// The same without the sizes of documents.
    pub(super) fn without_sizes(self) -> Self {
        Self { without_sizes: true, ..self }
    }

    /// `fact` for a session, and `foreign` for any other document: one pass counts both, so that
    /// the numbers add up.
    fn of_session(&self, fact: Bson, foreign: i64) -> Bson {
        doc! { "$cond": [self.layouts.membership_fact(), fact, foreign] }.into()
    }

    /// The first date among these fields; in a mixed collection, among those of the session's
    /// layout.
    fn first_date(&self, seen: &[&Instant], of: impl Fn(&Layout) -> &[Instant]) -> Bson {
        match self.layouts.len() {
            1 => Layout::instant_fact(seen),
            _ => self.layouts.instant_fact(of),
        }
    }

    fn made_in_whole(&self) -> Bson {
        match self.created_by {
            Some(CreatedBy::Date) => "$c".into(),
            Some(CreatedBy::Id) => id_millis(),
            Some(CreatedBy::Touch) | None => Bson::Null,
        }
    }

    fn key(&self, hour: Bson) -> Bson {
        let created = Layout::instant_fact(&self.created);
        match self.age(created, Layout::instant_fact(&self.touched)) {
            Some(age) => doc! { "h": hour, "a": age }.into(),
            None => hour,
        }
    }

    /// The slot of the age, if the creation time is known.
    fn age(&self, created: impl Into<Bson>, touched: impl Into<Bson>) -> Option<Bson> {
        let made = match self.created_by? {
            CreatedBy::Date => created.into(),
            CreatedBy::Id => id_millis(),
            CreatedBy::Touch => touched.into(),
        };
        let (now, most) = (self.now.timestamp_millis(), AGES.reach().1 + 1);
        let near = |made: &str| doc! { "$max": [now - most * HOUR, { "$min": [now, made] }] };
        let hour = in_hours(doc! { "$subtract": [now, near("$$made")] });
        let slot = doc! { "$let": { "vars": { "h": hour }, "in": AGES.slot("$$h") } };
        let or_none = doc! { "$cond": [{ "$gt": ["$$made", Bson::Null] }, slot, Bson::Null] };
        Some(doc! { "$let": { "vars": { "made": made }, "in": or_none } }.into())
    }

    /// Maps hours to slots, of which there are few, however many sessions there are.
    fn coarse(&self) -> Document {
        let has_age = self.created_by.is_some();
        let key = |name: &str| format!("$_id.{name}");
        let hour = if self.thorough || has_age { key("h") } else { "$_id".to_owned() };
        let by_sign = doc! { "$cond": [{ "$gte": [&hour, 0] }, 2, 3] };
        let is_undated = doc! { "$lte": [&hour, UNDATED] };
        let state = match self.thorough {
            true => key("s").into(),
            false => Bson::from(
                doc! { "$cond": [is_undated.clone(), { "$subtract": [UNDATED, &hour] }, by_sign] },
            ),
        };
        let mut group = doc! {
            "_id": {
                "s": state,
                "e": { "$cond": [is_undated, Bson::Null, EXPIRIES.slot(&hour)] },
            },
            "n": { "$sum": "$n" }, "b": { "$sum": "$b" }, "l": { "$max": "$l" },
            "e0": { "$min": "$e0" }, "e1": { "$max": "$e1" },
            "m0": { "$min": "$m0" }, "m1": { "$max": "$m1" },
            "t0": { "$min": "$t0" }, "t1": { "$max": "$t1" },
            "v": { "$max": "$v" },
        };
        if has_age && let Ok(slots) = group.get_document_mut("_id") {
            slots.insert("a", key("a"));
        }
        doc! { "$group": group }
    }

    /// Reads a line; `None` if the thorough pass is needed.
    pub(super) fn read(&self, line: &RawDocument) -> Option<Group> {
        let value = |key: &str| line.get(key).ok().flatten().unwrap_or(RawBsonRef::Null);
        let count = |key: &str| number(value(key)).unwrap_or(0.0) as u64;
        let key = line.get_document("_id").ok()?;
        let of_key = |name: &str| key.get(name).ok().flatten().and_then(number);
        let state = of_key("s").unwrap_or(0.0) as i64;
        if state == FOREIGN {
            return Some(Group::foreign(Share {
                sessions: count("n"),
                bytes: count("b"),
                largest: count("l"),
            }));
        }
        if !self.thorough && (state == ODD || value("v") != RawBsonRef::Null) {
            return None;
        }
        let date = |key: &str| match value(key) {
            RawBsonRef::Null => Some(None),
            RawBsonRef::DateTime(date) => Some(Some(date)),
            RawBsonRef::ObjectId(id) => Some(Some(id.timestamp())),
            value => number(value).map(|millis| Some(DateTime::from_millis(millis as i64))),
        };
        let span =
            |first: &str, last: &str| Some(Span { earliest: date(first)?, latest: date(last)? });
        let expires_in = of_key("e").map(|hours| hours as i64);
        let expires = match expires_in {
            // The value is not a date.
            None => Span::default(),
            Some(_) if self.thorough => span("e0", "e1")?,
            Some(_) => span("e0", "e1")?.later(self.layouts.first().lifetime_that_decides()),
        };
        let touched = span("t0", "t1")?;
        let created = match self.created_by {
            Some(CreatedBy::Touch) => touched,
            _ => span("m0", "m1")?,
        };
        Some(Group {
            state: Some(state_of(state)),
            share: Share { sessions: count("n"), bytes: count("b"), largest: count("l") },
            expires,
            expires_in,
            created,
            age: of_key("a").map(|hours| hours as i64),
            touched,
        })
    }
}

/// The accumulators of all passes.
fn sums(bytes: Bson, expires: Bson) -> Document {
    let mut sums = doc! { "n": { "$sum": 1 }, "b": { "$sum": &bytes }, "l": { "$max": bytes } };
    sums.extend(ends("e", expires));
    sums
}

/// Accumulators of the first and the last.
fn ends(name: &str, value: Bson) -> Document {
    match value {
        Bson::Null => Document::new(),
        value => {
            doc! { format!("{name}0"): { "$min": &value }, format!("{name}1"): { "$max": value } }
        }
    }
}

/// The creation time in an `ObjectId`, in milliseconds.
fn id_millis() -> Bson {
    let is_id = doc! { "$eq": [{ "$type": "$_id" }, "objectId"] };
    doc! { "$cond": [is_id, { "$toLong": { "$toDate": "$_id" } }, Bson::Null] }.into()
}

/// Whole hours from `time` to `value`. Times in the outermost slots are limited, because the
/// difference could be too large for the server.
fn hours_after(time: DateTime, bson: impl Fn(i64) -> Bson, value: Bson) -> Document {
    let (first, last) = EXPIRIES.reach();
    let at = |hours: i64| bson(time.timestamp_millis().saturating_add(hours * HOUR));
    let near = doc! { "$max": [at(first - 1), { "$min": [at(last), value] }] };
    in_hours(doc! { "$subtract": [near, at(0)] })
}

fn in_hours(millis: Document) -> Document {
    doc! { "$floor": { "$divide": [millis, HOUR] } }
}

const _: () = assert!(EVER < UNDATED, "the slot without a beginning is no hour that is grouped by");
