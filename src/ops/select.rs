//! Reading the sessions of a selection: the server sends candidates, and all cores decide which of
//! them are selected.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bson::RawDocument;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::layout::{Layout, Layouts};
use crate::model::query::{Elsewhere, MOST_USERS, Met, Verdict};
use crate::model::selection::{Keep, Ranked, Ranking, Ranks, Selection};
use crate::model::session::Session;
use crate::ops::decoding::InFlight;
use crate::server::reply::documents;
use crate::store::{Batches, Reading, Store};

/// What a batch of candidates turned out to be.
#[derive(Debug, Clone)]
pub struct Judged<T> {
    /// What was taken of each selected session, in the order in which they were read.
    pub selected: Vec<T>,
    /// How many candidates there were.
    pub looked_at: u64,
    /// Sessions that have a user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// Sessions of which nobody can say, because their payload cannot be decoded.
    pub undecided: u64,
    /// Which of the users of the selection the selected sessions have.
    pub met: Met,
}

impl<T> Judged<T> {
    /// What was taken without judging anything.
    pub fn of(selected: Vec<T>) -> Self {
        Self {
            looked_at: selected.len() as u64,
            selected,
            elsewhere: Elsewhere::default(),
            undecided: 0,
            met: Met::default(),
        }
    }
}

/// How a batch is judged.
type Judge<T> = dyn Fn(&RawBatch) -> Judged<T> + Send + Sync;

/// Candidates that are being judged.
pub struct Judging<T> {
    batches: Batches,
    ended: bool,
    flights: VecDeque<(usize, JoinHandle<Judged<T>>)>,
    in_flight: InFlight,
    judge: Arc<Judge<T>>,
}

impl<T> fmt::Debug for Judging<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Judging({:?})", self.batches)
    }
}

impl Store {
    /// Reads what matches `filter`, and takes something of each session among it that is selected.
    /// With an empty filter, which sends foreign documents too, membership is decided here.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn judge<T: Send + 'static>(
        &self,
        filter: impl Into<Filter>,
        reading: &Reading,
        selection: &Selection,
        take: impl Fn(&RawDocument, Session) -> T + Send + Sync + 'static,
    ) -> Result<Judging<T>> {
        let filter = filter.into();
        let is_unfiltered = filter.is_everything();
        let batches = self.read(filter, reading).await?;
        let (layouts, selection) = (self.layouts().clone(), selection.clone());
        let judge = Arc::new(move |batch: &RawBatch| {
            let members =
                documents(batch).filter(|document| !is_unfiltered || layouts.describes(document));
            judged(&layouts, &selection, members, &take)
        });
        Ok(Judging {
            batches,
            ended: false,
            flights: VecDeque::new(),
            in_flight: InFlight::default(),
            judge,
        })
    }

    /// The selection in parts that are read one after the other: users who have a field of their own
    /// with an index are looked up some thousand at a time, since a filter has room for 16 MB.
    ///
    /// # Errors
    /// What reading the indexes meets.
    pub async fn parts(&self, selection: &Selection) -> Result<Vec<Selection>> {
        let whole = || vec![selection.clone()];
        let is_large = selection.query.users.as_ref().is_some_and(|users| users.len() > MOST_USERS);
        let has_fields = self.layouts().iter().all(|layout| !layout.user_needs_payload());
        if !is_large || !has_fields || selection.keys.is_some() {
            return Ok(whole());
        }
        let indexes = match self.indexes().await {
            Ok(indexes) => indexes,
            // Whoever may not look at the indexes may read the sessions.
            Err(error) if error.is_refusal() => return Ok(whole()),
            Err(error) => return Err(error),
        };
        let mut fields = self.layouts().iter().flat_map(Layout::user_fields);
        let is_indexed = fields.all(|path| indexes.iter().any(|index| index.leads_along(path)));
        // Without an index each part would read the whole collection.
        Ok(if is_indexed { selection.divided(MOST_USERS) } else { whole() })
    }

    /// The selection with its `keep` ranked: which sessions of each user are the most recent is found
    /// out in one pass, or, where the ranks of all users take more than 64 MB, in several, each over
    /// the users of one part.
    ///
    /// # Errors
    /// As for [`Selection::filter`], and what the connection meets.
    pub async fn ranked(&self, selection: Selection) -> Result<Selection> {
        let Some(keep) = selection.keep.clone().filter(|keep| !keep.is_ranked()) else {
            return Ok(selection);
        };
        let all = Selection { keep: None, ..selection.clone() };
        let mut parts = 1;
        let ranks = loop {
            match self.ranks(&all, &keep, parts).await? {
                Some(ranks) => break ranks,
                None => parts *= 4,
            }
        };
        Ok(Selection { keep: Some(keep.ranked(ranks)), ..selection })
    }

    /// The ranks of all users, in so many passes; `None` where one of them would take too much memory.
    async fn ranks(&self, all: &Selection, keep: &Keep, parts: u64) -> Result<Option<Ranks>> {
        let mut ranks = Ranks::default();
        for part in 0..parts {
            match self.rank(all, Ranking::new(keep, (part, parts))).await? {
                Some(some) => ranks.join(some),
                None => return Ok(None),
            }
        }
        Ok(Some(ranks))
    }

    /// One pass; `None` where it would take too much memory.
    async fn rank(&self, selection: &Selection, mut ranking: Ranking) -> Result<Option<Ranks>> {
        for part in self.parts(selection).await? {
            for filter in part.filter(self.layouts())? {
                let take =
                    |document: &RawDocument, session: Session| Ranked::of(document, &session);
                let mut judging = self.judge(filter, &Reading::default(), selection, take).await?;
                while let Some(judged) = judging.next().await? {
                    judged.selected.into_iter().flatten().for_each(|ranked| ranking.add(ranked));
                    if ranking.bytes() > MOST_BYTES {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(ranking.ranks()))
    }
}

/// What the ranks of a pass may take.
const MOST_BYTES: usize = 64 << 20;

impl<T: Send + 'static> Judging<T> {
    /// The next batch, in the order in which they were read; `None` at the end.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn next(&mut self) -> Result<Option<Judged<T>>> {
        // One is read while the others are judged.
        while !self.ended && self.in_flight.has_room() {
            if self.flights.front().is_some_and(|(_, flight)| flight.is_finished()) {
                break;
            }
            match self.batches.next().await? {
                Some(batch) => {
                    let judge = Arc::clone(&self.judge);
                    let bytes = self.in_flight.add(&batch);
                    self.flights.push_back((bytes, spawn_blocking(move || judge(&batch))));
                }
                None => self.ended = true,
            }
        }
        let Some((bytes, flight)) = self.flights.pop_front() else { return Ok(None) };
        // A task of ours panicked, and said so itself.
        let lost = |_| Error::Unsupported("an internal task panicked".into());
        let judged = flight.await.map_err(lost)?;
        self.in_flight.remove(bytes);
        Ok(Some(judged))
    }
}

fn judged<'a, T>(
    layouts: &Layouts,
    selection: &Selection,
    members: impl Iterator<Item = &'a RawDocument>,
    take: &impl Fn(&RawDocument, Session) -> T,
) -> Judged<T> {
    let mut judged = Judged::of(Vec::new());
    for document in members {
        judged.looked_at += 1;
        match selection.verdict(layouts, document) {
            Verdict::Selected(session) => {
                if let (Some(users), Some(user)) = (&selection.query.users, &session.user) {
                    judged.met.add(users, user);
                }
                judged.selected.push(take(document, session));
            }
            Verdict::Elsewhere(places) => judged.elsewhere.add(places),
            Verdict::Undecided => judged.undecided += 1,
            Verdict::Other => {}
        }
    }
    judged
}
