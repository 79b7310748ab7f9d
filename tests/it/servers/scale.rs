//! A purge of 1,000,000,000 sessions. A real `mongod` answers everything but the reads and deletes of the
//! sessions, which a model of their index answers: what the planner asks, how often, and in how much
//! memory is what it would be. `SESSIONCTL_LONG_TESTS=1` takes the default size of a batch.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bson::oid::ObjectId;
use bson::{Bson, DateTime, Document, doc};

use super::Other;
use crate::patience::limit;
use crate::personality::{Answering, Personality};
use crate::support::{LONG, Running, now};

static PLAIN: Personality = Personality { name: "mongod", lines: &[] };

/// How many of them expire at the same instant: more than a batch.
const BURST: i64 = 250_000;
/// The first of those.
const MIDDLE: i64 = 400_000_000;
/// The most memory that the program may take for this, in MB. It is a debug build.
const MOST_MEMORY: u64 = 100;

/// The order of the keys of an index.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Index {
    /// One session expires each millisecond, but for the burst.
    Expiry,
    /// Object ids that count up.
    Id,
}

/// An index over the sessions, and what was done with it.
#[derive(Debug)]
struct Model {
    index: Index,
    sessions: i64,
    /// The expiry of the first session.
    first: i64,
    /// Those of the burst that were deleted.
    burst: i64,
    deleted: i64,
    reads: u64,
    deletes: u64,
    /// The position up to which windows were deleted. They follow one another, without a gap.
    at: i64,
    largest: i64,
}

impl Model {
    fn key(&self, position: i64) -> Bson {
        match self.index {
            Index::Id => id(position).into(),
            Index::Expiry => {
                let burst = (position - MIDDLE).clamp(0, BURST - 1);
                DateTime::from_millis(self.first + position - burst).into()
            }
        }
    }

    /// How many keys are before this one; with `inclusive`, those that equal it are counted too.
    fn before(&self, key: &Bson, inclusive: bool) -> i64 {
        let before = match (self.index, key) {
            (Index::Id, Bson::ObjectId(id)) => {
                let bytes = id.bytes()[4..].try_into().unwrap();
                i64::from_be_bytes(bytes) + i64::from(inclusive)
            }
            (Index::Expiry, Bson::DateTime(at)) => {
                let at = at.timestamp_millis() - self.first + i64::from(inclusive);
                if at > MIDDLE { at + BURST - 1 } else { at }
            }
            other => panic!("no such key: {other:?}"),
        };
        before.clamp(0, self.sessions)
    }

    /// The positions that the conditions on the key leave.
    fn range(&self, filter: &Document) -> Range<i64> {
        let path = if self.index == Index::Id { "_id" } else { "expires" };
        let mut range = 0..self.sessions;
        for (operator, key) in conditions(filter, path) {
            match operator.as_str() {
                "$gte" => range.start = range.start.max(self.before(&key, false)),
                "$gt" => range.start = range.start.max(self.before(&key, true)),
                "$lt" => range.end = range.end.min(self.before(&key, false)),
                "$eq" => {
                    range.start = range.start.max(self.before(&key, false));
                    range.end = range.end.min(self.before(&key, true));
                }
                _ => {}
            }
        }
        range
    }

    fn answer(&mut self, command: &Document) -> Option<Document> {
        let name = command.keys().next()?.as_str();
        match name {
            "find" if command.contains_key("skip") => Some(self.bound(command)),
            "find"
                if command.get_document("hint").is_ok_and(|hint| hint.contains_key("$natural")) =>
            {
                // As a clustered collection does, so that all goes along the index.
                Some(
                    doc! { "ok": 0.0, "code": 2, "codeName": "BadValue", "errmsg": "no such hint" },
                )
            }
            // The sessions of the burst, or those with an `_id` of a rare type.
            "find" if command.contains_key("batchSize") => Some(self.some(command)),
            "getMore" => Some(self.some(command)),
            "delete" => Some(self.delete(command)),
            _ => None,
        }
    }

    fn bound(&mut self, command: &Document) -> Document {
        self.reads += 1;
        let filter = command.get_document("filter").unwrap();
        let types = conditions(filter, "_id").into_iter().find(|(operator, _)| operator == "$type");
        let is_other = types
            .is_some_and(|(_, types)| !types.as_array().unwrap().contains(&Bson::from("objectId")));
        let range = self.range(filter);
        let at = range.start + command.get_i64("skip").unwrap();
        let found = (at < range.end && !is_other).then(|| {
            let path = if self.index == Index::Id { "_id" } else { "expires" };
            doc! { path: self.key(at) }
        });
        cursor(0, found.into_iter().collect(), "firstBatch")
    }

    /// A batch of the ids of the burst; of a rare type of `_id` there are none.
    fn some(&mut self, command: &Document) -> Document {
        self.reads += 1;
        let list = if command.contains_key("getMore") { "nextBatch" } else { "firstBatch" };
        if self.index == Index::Id {
            return cursor(0, Vec::new(), list);
        }
        if let Ok(filter) = command.get_document("filter") {
            assert_eq!(self.range(filter), MIDDLE..MIDDLE + BURST, "{filter}");
            self.burst = 0;
        }
        let size = command
            .get_i32("batchSize")
            .map_or_else(|_| command.get_i64("batchSize").unwrap_or(1000), i64::from);
        let batch = self.burst..(self.burst + size).min(BURST);
        self.burst = batch.end;
        let more = i64::from(batch.end < BURST);
        cursor(more, batch.map(|n| doc! { "_id": id(n) }).collect(), list)
    }

    fn delete(&mut self, command: &Document) -> Document {
        self.deletes += 1;
        let mut n = 0;
        for statement in command.get_array("deletes").unwrap() {
            let filter = statement.as_document().unwrap().get_document("q").unwrap();
            let ids = conditions(filter, "_id").into_iter().find(|(operator, _)| operator == "$in");
            n += match ids {
                Some((_, ids)) => i64::try_from(ids.as_array().unwrap().len()).unwrap(),
                None => {
                    let range = self.range(filter);
                    self.at = self.at.max(range.end);
                    range.end - range.start
                }
            };
        }
        self.largest = self.largest.max(n);
        self.deleted += n;
        doc! { "n": i32::try_from(n).unwrap(), "ok": 1.0 }
    }
}

fn id(position: i64) -> ObjectId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&position.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

fn cursor(id: i64, batch: Vec<Document>, list: &str) -> Document {
    doc! { "cursor": { "id": id, "ns": "t.sessions", list: batch }, "ok": 1.0 }
}

/// The comparisons of a path that all have to hold.
fn conditions(filter: &Document, path: &str) -> Vec<(String, Bson)> {
    let mut found = Vec::new();
    for (name, value) in filter {
        match value {
            Bson::Document(operators) if name == path => {
                found.extend(operators.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            Bson::Array(parts) if name == "$and" => parts
                .iter()
                .filter_map(Bson::as_document)
                .for_each(|part| found.extend(conditions(part, path))),
            value if name == path => found.push(("$eq".to_owned(), value.clone())),
            _ => {}
        }
    }
    found
}

fn is_long() -> bool {
    std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1")
}

/// Runs it to its end; its report, and the most memory that it had, in MB.
fn report_and_peak(mut running: Running) -> (serde_json::Value, u64) {
    let path = format!("/proc/{}/status", running.child().id());
    let (mut most, began) = (0, std::time::Instant::now());
    while !running.has_ended() {
        assert!(began.elapsed() < limit(20 * LONG), "it purges for ever");
        let status = std::fs::read_to_string(&path).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(peak.unwrap_or(0) / 1024);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    (running.wait().exits(0).json(), most)
}

#[expect(clippy::print_stdout, reason = "cargo test shows it with --nocapture")]
fn purges(index: Index, sessions: i64) {
    let other = Other::new(&PLAIN);
    other.db.insert("sessions", super::sessions(10, 0));
    if index == Index::Expiry {
        other.db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    }
    let first = now().timestamp_millis() - sessions - 60_000;
    let model = Model {
        index,
        sessions,
        first,
        burst: 0,
        deleted: 0,
        reads: 0,
        deletes: 0,
        at: 0,
        largest: 0,
    };
    let model = Arc::new(Mutex::new(model));
    let answering = Arc::clone(&model);
    let answering: Answering = Box::new(move |command| answering.lock().unwrap().answer(command));
    other.servers[0].answer(answering);
    let size: i64 = if is_long() { 5000 } else { 100_000 };
    let batch_size = size.to_string();
    let mut arguments = vec!["purge", "--expired", "--yes", "-o", "json", "--max-latency", "off"];
    if !is_long() {
        arguments.extend(["--batch-size", &batch_size]);
    }
    let (report, peak) = report_and_peak(other.command(&arguments).start());
    let model = model.lock().unwrap();
    println!("{index:?}: {} reads, {} deletes, {peak} MB, {report}", model.reads, model.deletes);
    assert_eq!((model.deleted, &report["deleted"]), (sessions, &sessions.into()), "{report}");
    assert_eq!((model.at, &report["exact"]), (sessions, &true.into()), "{report}");
    assert!(model.largest <= size, "{model:?}");
    // A read and a delete for each batch, and the same for the ids of the burst, of 1000 each.
    let batches = u64::try_from(sessions / size + BURST / 1000).unwrap();
    assert!(model.reads <= batches + 20 && model.deletes <= batches + 20, "{model:?}");
    assert!(peak > 0 && peak < MOST_MEMORY, "{peak} MB");
}

#[test]
fn a_billion_sessions_are_purged_along_the_expiry_in_little_memory_and_two_round_trips_a_batch() {
    purges(Index::Expiry, if is_long() { 1_000_000_000 } else { 50_000_000 });
}

#[test]
fn a_scan_purges_in_little_memory_and_two_round_trips_a_batch() {
    purges(Index::Id, if is_long() { 1_000_000_000 } else { 50_000_000 });
}
