//! Counts every session by state: with the index on the expiry if there is one, else in one pass
//! over the documents, or from a sample if there are too many.

use std::time::{Duration, Instant};

use bson::{Bson, DateTime, Document, doc};

use super::Counts;
use super::snapshot::TOO_LONG;
use crate::error::Result;
use crate::model::index_spec::IndexSpec;
use crate::model::layout::state_of;
use crate::model::query::Query;
use crate::model::selection::Selection;
use crate::model::session::State;
use crate::ops::doctor::{Fact, oldest_along};
use crate::server::reply::{affected, first_batch};
use crate::store::Store;

/// The time limit of a count on the server.
const PATIENCE: Duration = Duration::from_secs(30);
/// Without an index, more documents than this are not counted one by one.
const MANY: u64 = 2_000_000;
/// How many documents of such a collection are examined.
const SAMPLE: u64 = 10_000;

impl Store {
    /// Counts every session by its state.
    ///
    /// # Errors
    /// If the server refuses the command, for example because this login lacks a right, or cannot be
    /// reached.
    pub async fn count_states(&self) -> Result<Counts> {
        let began = Instant::now();
        let at = self.connection().hello().await?.now;
        let indexes = self.connection().indexes(self.name()).await?.unwrap_or_default();
        let index = self.status_by(self.layout(), &indexes, None).await?.state;
        let known = self.known_number().await?;
        let counted = match self.along(&indexes, at, known).await {
            Some(counted) => counted,
            None if known > MANY => self.grouped(at, Some(known)).await,
            None => self.grouped(at, None).await,
        };
        let (states, oldest, sample) = match counted {
            // Too many to be counted.
            Err(error) if error.code() == Some(TOO_LONG) => self.grouped(at, Some(known)).await?,
            counted => counted?,
        };
        Ok(Counts { at, states, known, oldest, sample, index, took: began.elapsed() })
    }

    /// Counts with the index; `None` if no index supports it.
    async fn along(
        &self,
        indexes: &[IndexSpec],
        at: DateTime,
        sessions: u64,
    ) -> Option<Fact<Parts>> {
        // An index on one expiry does not show which of several rules decides.
        if self.layout().expiry.len() > 1 || !self.layouts().are_one_family() {
            return None;
        }
        let oldest = oldest_along(self, indexes, at).await?;
        Some(self.along_states(at, sessions, oldest).await)
    }

    async fn along_states(
        &self,
        at: DateTime,
        sessions: u64,
        oldest: Fact<Option<DateTime>>,
    ) -> Fact<Parts> {
        let (mut states, mut counted) = ([0; 4], 0);
        for (state, count) in State::ALL.into_iter().zip(&mut states) {
            // Only a scan of the whole collection finds the malformed ones; most collections have none.
            if state == State::Malformed && counted == sessions {
                break;
            }
            *count = self.count_in(state, at).await?;
            counted += *count;
        }
        Ok((states, oldest?, None))
    }

    async fn count_in(&self, state: State, at: DateTime) -> Fact<u64> {
        let filter = Selection::new(Query::state(state), at).predicate(self.layouts())?;
        let found = self.counting(vec![doc! { "$match": filter }, doc! { "$count": "n" }]).await?;
        Ok(found.first().map_or(0, |found| affected(found, "n")))
    }

    /// Counts in one pass, or from a sample of this size.
    async fn grouped(&self, at: DateTime, sample_of: Option<u64>) -> Fact<Parts> {
        let mut pipeline = Vec::new();
        if sample_of.is_some() {
            pipeline.push(doc! { "$sample": { "size": SAMPLE as i64 } });
        }
        // Scaled up from the sample, which has the same share of sessions as the collection.
        pipeline.push(doc! { "$match": self.layouts().membership() });
        pipeline.push(doc! { "$group": {
            "_id": self.layouts().state_fact(at),
            "n": { "$sum": 1 },
            "oldest": { "$min": self.layouts().expiry_fact() },
        } });
        let mut states = [0; 4];
        let mut oldest = None;
        for group in self.counting(pipeline).await? {
            let state = state_of(whole(group.get("_id")).unwrap_or(0));
            if let Some(at) = State::ALL.iter().position(|one| *one == state) {
                states[at] += affected(&group, "n");
            }
            if state == State::Expired {
                oldest = whole(group.get("oldest")).map(DateTime::from_millis);
            }
        }
        let looked_at: u64 = states.iter().sum();
        let Some(sessions) = sample_of.filter(|_| looked_at > 0) else {
            return Ok((states, oldest, None));
        };
        let of_all = |count: u64| u128::from(count) * u128::from(sessions) / u128::from(looked_at);
        let states = states.map(|count| u64::try_from(of_all(count)).unwrap_or(u64::MAX));
        Ok((states, oldest, Some(looked_at)))
    }

    async fn counting(&self, pipeline: Vec<Document>) -> Fact<Vec<Document>> {
        let command = doc! {
            "aggregate": self.name(),
            "pipeline": pipeline,
            "cursor": {},
            "maxTimeMS": i64::try_from(PATIENCE.as_millis()).unwrap_or(i64::MAX),
            "comment": format!("{} top", self.comment()),
        };
        Ok(first_batch(&self.run("aggregate", command).await?))
    }
}

/// The states, the oldest expired one, and how many of a sample were examined.
type Parts = ([u64; 4], Option<DateTime>, Option<u64>);

/// A number from the server, of any numeric type.
fn whole(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) if !number.is_nan() => Some(number.floor() as i64),
        _ => None,
    }
}
