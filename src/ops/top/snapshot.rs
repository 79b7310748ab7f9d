//! One snapshot: short commands that run in parallel.

use std::time::{Duration, Instant};

use bson::{DateTime, Document, RawDocumentBuf, doc};

use super::rates::Newest;
use super::{Entry, Found, Memory, Snapshot, Wanted};
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::key::Key;
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::ops::doctor::{self, Fact, Passes};
use crate::server::connection::{Hello, Topology};
use crate::server::reply::{affected, documents};
use crate::store::{Reading, Store};

/// The time limit of searching for rows on the server.
const PATIENCE: Duration = Duration::from_secs(1);
/// The maximum number of new sessions per snapshot.
const FLOOD: u64 = 5000;
/// How many candidates are decoded here if the server cannot read the user.
const DECODED: usize = 20_000;
/// `MaxTimeMSExpired`.
pub(super) const TOO_LONG: i32 = 50;

impl Store {
    /// Takes a snapshot of the collection. `memory` is the result of the last snapshot, or empty.
    ///
    /// # Errors
    /// If no server answers. Other parts that cannot be read are unknown.
    pub async fn snapshot(
        &self,
        wanted: &Wanted,
        mut memory: Memory,
    ) -> Result<(Snapshot, Memory)> {
        let Hello { now, kind, .. } = self.connection().hello().await?;
        // In parallel, because the round trips dominate over a slow connection.
        let (sessions, newest, (found, took), status, monitor, sweeper) = tokio::join!(
            self.known_number(),
            self.newest(&memory),
            async {
                let began = Instant::now();
                (self.find_entries(wanted, now).await, began.elapsed())
            },
            doctor::server_status(self.connection()),
            doctor::monitor(self.connection()),
            doctor::sweeper(self.connection(), self.name()),
        );
        let rates = match (&sessions, newest) {
            // Each shard has its own order.
            _ if kind == Topology::Sharded => {
                let what = "a sharded cluster does not report which sessions are the newest";
                Err(Error::Unsupported(what.into()))
            }
            (Ok(sessions), Ok(newest)) => Ok(memory.take(now, *sessions, &newest)),
            (Err(error), _) => Err(error.clone()),
            (_, Err(error)) => Err(error),
        };
        let passes = status.and_then(|status| {
            // After a restart, the server counts from zero.
            let uptime = |status: &Document| affected(status, "uptime");
            let before = memory.status.take().filter(|before| uptime(before) <= uptime(&status));
            Passes::read(memory.status.insert(before.unwrap_or_else(|| status.clone())), &status)
        });
        Ok((Snapshot { now, sessions, rates, found, passes, monitor, sweeper, took }, memory))
    }

    /// The whole session with this `_id`.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn reread(&self, entry: &Entry) -> Result<Option<RawDocumentBuf>> {
        let reading = Reading { within: Some(PATIENCE), ..Reading::default() };
        let this = Filter::keyed("_id", vec![entry.key.clone()], Document::new());
        // With a collation, other ids may be equal.
        let mut batches = self.read(this, &reading).await?;
        while let Some(batch) = batches.next().await? {
            let is_it = |one: &&bson::RawDocument| Key::of(one).as_ref() == Some(&entry.key);
            if let Some(document) = documents(&batch).find(is_it) {
                return Ok(Some(document.to_owned()));
            }
        }
        Ok(None)
    }

    /// The number of documents, from metadata.
    pub(super) async fn known_number(&self) -> Fact<u64> {
        let millis = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
        // Without a filter the server answers from its metadata. On a sharded cluster that includes
        // orphaned documents (SERVER-3645).
        let command = doc! { "count": self.name(), "maxTimeMS": millis, "comment": self.comment() };
        Ok(affected(&self.run("count", command).await?, "n"))
    }

    /// The `_id`s of the newest sessions, up to a known one.
    async fn newest(&self, memory: &Memory) -> Fact<Newest> {
        let mut newest = Newest::default();
        let mut batches = self.read_newest_ids(FLOOD, PATIENCE).await?;
        while let Some(batch) = batches.next().await? {
            for key in documents(&batch).filter_map(Key::of) {
                newest.met |= memory.knows(&key);
                newest.keys.push(key);
            }
            if newest.met || memory.is_filled_by(newest.keys.len()) {
                break;
            }
        }
        Ok(newest)
    }

    async fn find_entries(&self, wanted: &Wanted, now: DateTime) -> Fact<Found> {
        let query = |user: Option<&String>| Query {
            state: wanted.state,
            users: user.map(|user| user.clone().into()),
            ..Query::default()
        };
        let Some(text) = &wanted.text else {
            return self.search(&query(None), None, wanted.limit, now).await;
        };
        let mut found = Found::default();
        if text.chars().count() >= Wanted::SHORTEST_ID
            && let Some(range) = self.prefix_filter(text).await?
        {
            found = self.search(&query(None), Some(range), wanted.limit, now).await?;
        } else if self.layouts().iter().any(|layout| layout.user.is_empty()) {
            let name = self.layouts().name();
            let what =
                format!("the layout {name} has no user; type at least 8 characters of an id");
            return Err(Error::Unsupported(what));
        }
        if self.layouts().iter().all(|layout| !layout.user.is_empty())
            && found.entries.len() < wanted.limit
        {
            let left = wanted.limit - found.entries.len();
            let more = self.search(&query(Some(text)), None, left, now).await?;
            let is_new = |entry: &Entry| found.entries.iter().all(|known| known.key != entry.key);
            let more_entries: Vec<_> = more.entries.into_iter().filter(is_new).collect();
            found.entries.extend(more_entries);
            found.given_up |= more.given_up;
        }
        Ok(found)
    }

    async fn search(
        &self,
        query: &Query,
        range: Option<Document>,
        limit: usize,
        now: DateTime,
    ) -> Fact<Found> {
        let selection = Selection::new(query.clone(), now);
        let filter = selection.predicate(self.layouts())?;
        // An index on the user or the id is better than the order.
        let reverse = range.is_none() && query.users.is_none();
        let filter =
            crate::model::filter::all([range.into_iter().collect(), vec![filter]].concat());
        let exact = !query.needs_payload();
        let reading = Reading {
            reverse,
            limit: if exact { limit as u64 } else { DECODED as u64 },
            within: Some(PATIENCE),
            ..Reading::default()
        };
        let mut found = Found::default();
        let mut seen = 0;
        let mut batches = match self.read(filter, &reading).await {
            Err(error) if error.code() == Some(TOO_LONG) => {
                return Ok(Found { given_up: true, ..found });
            }
            batches => batches?,
        };
        while found.entries.len() < limit {
            let batch = match batches.next().await {
                Err(error) if error.code() == Some(TOO_LONG) => {
                    found.given_up = true;
                    break;
                }
                batch => batch?,
            };
            let Some(batch) = batch else { break };
            for document in documents(&batch) {
                seen += 1;
                let session = selection.session(self.layouts(), document);
                if let (Some(session), Some(key)) = (session, Key::of(document)) {
                    found.entries.push(Entry { session, key });
                }
            }
        }
        found.given_up |= !exact && seen == DECODED;
        found.entries.truncate(limit);
        Ok(found)
    }
}
