//! One look: short commands, side by side.

use std::time::{Duration, Instant};

use bson::{DateTime, Document, RawDocumentBuf, doc};

use super::flow::Newest;
use super::{Line, Look, Memory, Rows, Wanted};
use crate::error::{Error, Result};
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::ops::doctor::{self, Fact, Passes};
use crate::server::connection::{Hello, Kind};
use crate::server::reply::{affected, documents, key_of};
use crate::store::{Reading, Store};

/// How long the server may search for the rows.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many new sessions one look sees at the most.
const FLOOD: u64 = 5000;
/// How many candidates are decoded here, where the server cannot tell the user.
const DECODED: usize = 20_000;
/// `MaxTimeMSExpired`.
pub(super) const TOO_LONG: i32 = 50;

impl Store {
    /// Looks at the collection. `memory` is what the last look gave back, or empty.
    ///
    /// # Errors
    /// Where no server answers; everything else that cannot be read is unknown.
    pub async fn watch(&self, wanted: &Wanted, mut memory: Memory) -> Result<(Look, Memory)> {
        let Hello { now, kind, .. } = self.connection().hello().await?;
        let (sessions, newest, (rows, took), status, monitor, sweeper) = tokio::join!(
            self.known_number(),
            self.newest(&memory),
            async {
                let began = Instant::now();
                (self.rows(wanted, now).await, began.elapsed())
            },
            doctor::server_status(self.connection()),
            doctor::monitor(self.connection()),
            doctor::sweeper(self.connection(), self.name()),
        );
        let flow = match (&sessions, newest) {
            // Each shard has an order of its own.
            _ if kind == Kind::Sharded => {
                let what = "a sharded cluster does not tell which sessions are the newest";
                Err(Error::Unsupported(what.into()))
            }
            (Ok(sessions), Ok(newest)) => Ok(memory.take(now, *sessions, &newest)),
            (Err(error), _) => Err(error.clone()),
            (_, Err(error)) => Err(error),
        };
        let passes = status.and_then(|status| {
            // A server that was started anew counts from nothing.
            let uptime = |status: &Document| affected(status, "uptime");
            let before = memory.status.take().filter(|before| uptime(before) <= uptime(&status));
            Passes::read(memory.status.insert(before.unwrap_or_else(|| status.clone())), &status)
        });
        Ok((Look { now, sessions, flow, rows, passes, monitor, sweeper, took }, memory))
    }

    /// The session whose `_id` this is, whole.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn again(&self, line: &Line) -> Result<Option<RawDocumentBuf>> {
        let reading = Reading { limit: 1, within: Some(PATIENCE), ..Reading::default() };
        let mut batches = self.read(doc! { "_id": &line.key }, &reading).await?;
        let batch = batches.next().await?;
        Ok(batch.and_then(|batch| documents(&batch).next().map(ToOwned::to_owned)))
    }

    /// How many documents there are, without a look at them.
    pub(super) async fn known_number(&self) -> Fact<u64> {
        let millis = i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX);
        let command = doc! { "count": self.name(), "maxTimeMS": millis, "comment": self.comment() };
        Ok(affected(&self.run("count", command).await?, "n"))
    }

    /// The `_id`s of the newest sessions, up to one that is known.
    async fn newest(&self, memory: &Memory) -> Fact<Newest> {
        let mut newest = Newest::default();
        let mut batches = self.read_newest_ids(FLOOD, PATIENCE).await?;
        while let Some(batch) = batches.next().await? {
            for key in documents(&batch).filter_map(key_of) {
                let key = key.to_string();
                newest.met |= memory.knows(&key);
                newest.keys.push(key);
            }
            if newest.met || memory.is_filled_by(newest.keys.len()) {
                break;
            }
        }
        Ok(newest)
    }

    async fn rows(&self, wanted: &Wanted, now: DateTime) -> Fact<Rows> {
        let query = |user: Option<&String>| Query {
            state: wanted.state,
            user: user.cloned(),
            ..Query::default()
        };
        let Some(text) = &wanted.text else {
            return self.search(&query(None), None, wanted.limit, now).await;
        };
        let mut rows = Rows::default();
        if text.chars().count() >= Wanted::SHORTEST_ID
            && let Some(range) = self.prefix_filter(text)
        {
            rows = self.search(&query(None), Some(range), wanted.limit, now).await?;
        } else if self.layout().user.is_empty() {
            let name = &self.layout().name;
            let what = format!("the layout {name} tells no user; type 8 characters of an id");
            return Err(Error::Unsupported(what));
        }
        if !self.layout().user.is_empty() && rows.lines.len() < wanted.limit {
            let left = wanted.limit - rows.lines.len();
            let more = self.search(&query(Some(text)), None, left, now).await?;
            let is_new = |line: &Line| rows.lines.iter().all(|known| known.key != line.key);
            let more_lines: Vec<_> = more.lines.into_iter().filter(is_new).collect();
            rows.lines.extend(more_lines);
            rows.given_up |= more.given_up;
        }
        Ok(rows)
    }

    async fn search(
        &self,
        query: &Query,
        range: Option<Document>,
        limit: usize,
        now: DateTime,
    ) -> Fact<Rows> {
        let selection = Selection::new(query.clone(), now);
        let filter = selection.filter(self.layout())?;
        // An index that leads to a user or an id is better than the order.
        let reverse = range.is_none() && query.user.is_none();
        let filter =
            crate::model::filter::all([range.into_iter().collect(), vec![filter]].concat());
        let exact = !query.needs_payload();
        let reading = Reading {
            reverse,
            limit: if exact { limit as u64 } else { DECODED as u64 },
            within: Some(PATIENCE),
            ..Reading::default()
        };
        let mut rows = Rows::default();
        let mut seen = 0;
        let mut batches = match self.read(filter, &reading).await {
            Err(error) if error.code() == Some(TOO_LONG) => {
                return Ok(Rows { given_up: true, ..rows });
            }
            batches => batches?,
        };
        while rows.lines.len() < limit {
            let batch = match batches.next().await {
                Err(error) if error.code() == Some(TOO_LONG) => {
                    rows.given_up = true;
                    break;
                }
                batch => batch?,
            };
            let Some(batch) = batch else { break };
            for document in documents(&batch) {
                seen += 1;
                let session = selection.session(self.layout(), document);
                if let (Some(session), Some(key)) = (session, key_of(document)) {
                    rows.lines.push(Line { session, key });
                }
            }
        }
        rows.given_up |= !exact && seen == DECODED;
        rows.lines.truncate(limit);
        Ok(rows)
    }
}
