//! Reads the sessions of a selection: the server sends candidates, and all cores check which of
//! them are selected.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use bson::RawDocument;
use mongodb::raw_batch_cursor::RawBatch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::layout::Layout;
use crate::model::query::{Elsewhere, MOST_USERS, Met, Verdict};
use crate::model::selection::{Keep, Ranked, Ranking, Ranks, Selection};
use crate::model::session::Session;
use crate::ops::decoding::InFlight;
use crate::server::reply::documents;
use crate::store::{Batches, Reading, Store};

/// The result of checking a batch of candidates.
#[derive(Debug, Clone, Default)]
pub struct Judged<T> {
    /// What was taken from the selected sessions, in the order of reading.
    pub selected: T,
    /// The number of candidates.
    pub looked_at: u64,
    /// Sessions that have a user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// Sessions for which it is unknown whether they match, because their payload cannot be
    /// decoded, or has a value that a condition cannot compare.
    pub undecided: u64,
    /// Which of the users of the selection the selected sessions have.
    pub met: Met,
}

/// How to check a batch.
type Judge<T> = dyn Fn(&RawBatch) -> Judged<T> + Send + Sync;

/// Candidates that are being checked.
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
    /// Reads the documents that match `filter`, and takes a value from each selected session. With
    /// an empty filter, which returns foreign documents too, membership is checked here.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub async fn judge<T: Send + 'static>(
        &self,
        filter: impl Into<Filter>,
        reading: &Reading,
        selection: &Selection,
        take: impl Fn(&RawDocument, Session) -> T + Send + Sync + 'static,
    ) -> Result<Judging<Vec<T>>> {
        let push = move |taken: &mut Vec<T>, document: &RawDocument, session| {
            taken.push(take(document, session));
        };
        self.gather(filter, reading, selection, push).await
    }

    /// The same, where `add` adds each selected session to what is gathered from its batch. Batches
    /// are gathered on all cores, so this is the place for what takes time.
    ///
    /// # Errors
    /// As for [`Store::judge`].
    pub async fn gather<T: Default + Send + 'static>(
        &self,
        filter: impl Into<Filter>,
        reading: &Reading,
        selection: &Selection,
        add: impl Fn(&mut T, &RawDocument, Session) + Send + Sync + 'static,
    ) -> Result<Judging<T>> {
        let filter = filter.into();
        let is_unfiltered = filter.is_everything();
        let batches = self.read(filter, reading).await?;
        let (layouts, selection) = (self.layouts().clone(), selection.clone());
        let judge = Arc::new(move |batch: &RawBatch| {
            let verdict = |document: &RawDocument| match is_unfiltered {
                true => selection.verdict_of_any(&layouts, document),
                false => Some(selection.verdict(&layouts, document)),
            };
            judged(&selection, documents(batch), verdict, &add)
        });
        Ok(Judging {
            batches,
            ended: false,
            flights: VecDeque::new(),
            in_flight: InFlight::default(),
            judge,
        })
    }

    /// The selection in parts that are read one after the other: users in an indexed field are
    /// looked up some thousand at a time, because a filter is limited to 16 MB.
    ///
    /// # Errors
    /// If the indexes cannot be read.
    pub async fn parts(&self, selection: &Selection) -> Result<Vec<Selection>> {
        let whole = || vec![selection.clone()];
        let is_large = selection.query.users.as_ref().is_some_and(|users| users.len() > MOST_USERS);
        let has_fields = self.layouts().iter().all(|layout| !layout.user_needs_payload());
        if !is_large || !has_fields || selection.keys.is_some() {
            return Ok(whole());
        }
        let indexes = match self.indexes().await {
            Ok(indexes) => indexes,
            // A login that may not list the indexes may still read the sessions.
            Err(error) if error.is_refusal() => return Ok(whole()),
            Err(error) => return Err(error),
        };
        let mut fields = self.layouts().iter().flat_map(Layout::user_fields);
        let is_indexed = fields.all(|path| indexes.iter().any(|index| index.leads_along(path)));
        // Without an index, each part would read the whole collection.
        Ok(if is_indexed { selection.divided(MOST_USERS) } else { whole() })
    }

    /// The selection with its `keep` ranked. One pass finds the most recent sessions of each user.
    /// If the ranks of all users take too much memory, there are several passes, each for a part of the
    /// users.
    ///
    /// # Errors
    /// As for [`Selection::filter`], and if the command cannot be sent or the server rejects it.
    pub async fn ranked(&self, selection: Selection) -> Result<Selection> {
        let Some(keep) = selection.keep.clone().filter(|keep| !keep.is_ranked()) else {
            return Ok(selection);
        };
        let all = Selection { keep: None, ..selection.clone() };
        let mut parts = 1;
        let ranks = loop {
            match self.ranks(&all, &keep, parts).await? {
                Some(ranks) => break ranks,
                None => parts *= 2,
            }
        };
        Ok(Selection { keep: Some(keep.ranked(ranks)), ..selection })
    }

    /// The ranks of all users, in this number of passes; `None` if one of them would take too much
    /// memory.
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

    /// One pass; `None` if it would take too much memory.
    async fn rank(&self, selection: &Selection, mut ranking: Ranking) -> Result<Option<Ranks>> {
        for part in self.parts(selection).await? {
            for filter in part.filter(self.layouts())? {
                let layouts = self.layouts().clone();
                let take = move |document: &RawDocument, session: Session| {
                    Ranked::of(layouts.of(document), document, &session)
                };
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

/// The memory limit for the ranks of a pass. Everything else, and the last rank of each user, take about
/// 40 MB more with a hundred thousand users, so that all of it stays within 64 MB.
const MOST_BYTES: usize = 22 << 20;

impl<T: Send + 'static> Judging<T> {
    /// The next batch, in the order of reading; `None` at the end.
    ///
    /// # Errors
    /// If the command cannot be sent or the server rejects it.
    pub async fn next(&mut self) -> Result<Option<Judged<T>>> {
        // One batch is read while the others are checked.
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
        // One of our tasks panicked, and its message was printed.
        let lost = |_| Error::lost_task();
        let judged = flight.await.map_err(lost)?;
        self.in_flight.remove(bytes);
        Ok(Some(judged))
    }
}

fn judged<'a, T: Default>(
    selection: &Selection,
    documents: impl Iterator<Item = &'a RawDocument>,
    verdict: impl Fn(&RawDocument) -> Option<Verdict>,
    add: &impl Fn(&mut T, &RawDocument, Session),
) -> Judged<T> {
    let mut judged = Judged::default();
    for document in documents {
        let Some(verdict) = verdict(document) else { continue };
        judged.looked_at += 1;
        match verdict {
            Verdict::Selected(session) => {
                if let (Some(users), Some(user)) = (&selection.query.users, &session.user) {
                    judged.met.add(users, user);
                }
                add(&mut judged.selected, document, session);
            }
            Verdict::Elsewhere(places) => judged.elsewhere.add(places),
            Verdict::Undecided => judged.undecided += 1,
            Verdict::Other => {}
        }
    }
    judged
}
