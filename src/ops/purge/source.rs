//! The source of the sessions of a purge: one batch after the other, each with the conditions of
//! its write.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::candidates::Candidates;
use super::ids::{Group, Ids, Keys};
use super::order::{Order, Orders};
use super::reading::ReadContext;
use super::spec::Strategy;
use super::windows::{Expiry, IndexRange, Walk};
use crate::error::Result;
use crate::store::Store;

/// Sessions with the same strategy, one batch after the other.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a purge has a few of them")]
pub(super) enum Part {
    /// Sessions with an expiry in a range, along its index.
    Expiry(Expiry),
    /// Matching sessions, in the order of `_id`.
    Walk(Walk),
    /// Matching sessions, with the plan that the server chooses.
    Ids(Ids),
    /// Matching sessions with given `_id`s.
    Keys(Keys),
    /// Matching sessions of some users among many.
    Group(Group),
}

impl Part {
    pub(super) fn strategy(&self) -> Strategy {
        match self {
            Self::Expiry(_) => Strategy::ExpiryWindows,
            Self::Walk(_) => Strategy::IdWindows,
            Self::Ids(_) | Self::Keys(_) | Self::Group(_) => Strategy::Ids,
        }
    }

    /// Whether there may be more of it after everything was read in the stored order. A range of the
    /// expiry is looked up at no cost; reading everything again would take as long as before.
    fn is_left(&self) -> bool {
        match self {
            Self::Expiry(_) => true,
            Self::Ids(ids) => ids.has_spared(),
            Self::Walk(_) | Self::Keys(_) | Self::Group(_) => false,
        }
    }

    /// The range of an index that has all of it, if there is one.
    fn range(&self) -> Option<IndexRange> {
        match self {
            Self::Expiry(expiry) => Some(expiry.whole()),
            Self::Walk(_) | Self::Ids(_) | Self::Keys(_) | Self::Group(_) => None,
        }
    }

    async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        match self {
            Self::Expiry(expiry) => expiry.next(by).await,
            Self::Walk(walk) => walk.next(by).await,
            Self::Ids(ids) => ids.next(by).await,
            Self::Keys(keys) => keys.next(by).await,
            Self::Group(group) => group.next(by).await,
        }
    }
}

/// Of how many documents the share is estimated, and how long that may take.
const SAMPLE: u32 = 200;
const SAMPLING: Duration = Duration::from_secs(5);
/// How many sessions a batch has until then.
const AT_FIRST: u32 = 1000;
/// Below this share of the collection the stored order is not tried: it reads everything.
const LEAST_SHARE: f64 = 0.01;
/// How often the index is asked, while a read in the stored order takes long, whether anything is left.
const LOOK: Duration = Duration::from_millis(100);
/// About how many documents the server examines for one batch in the stored order.
const EXAMINED: f64 = 50_000.0;

/// Whether these indexes show that nothing is left. `false` where that is not known.
async fn is_over(ranges: &[IndexRange], by: ReadContext<'_>) -> bool {
    for range in ranges {
        if !range.is_empty(by).await.unwrap_or(false) {
            return false;
        }
    }
    !ranges.is_empty()
}

/// Reads the parts of a plan, one after the other, or all of them in the order in which they are stored.
#[derive(Debug)]
pub(super) struct Source {
    parts: VecDeque<Part>,
    stored: Option<Stored>,
}

impl Source {
    /// The parts of a plan, and the same sessions in storage order, if that is another way.
    pub(super) fn new(parts: VecDeque<Part>, stored: Option<Ids>, trial: Duration) -> Self {
        let ranges = parts.iter().map(Part::range).collect::<Option<Vec<_>>>().unwrap_or_default();
        let stored = stored.map(|ids| Stored::new(ids, ranges, trial));
        Self { parts, stored }
    }

    /// The order of the next batch.
    pub(super) fn order(&self) -> Order {
        self.stored.as_ref().map_or(Order::Index, |stored| stored.orders.order())
    }

    /// How many sessions the next batch may have, if this is usual. Until the order is known they are few, or
    /// a large batch in the slow order would take longer than the look at the share.
    pub(super) fn most(&self, usual: u32) -> u32 {
        let is_known = self.stored.as_ref().is_none_or(|stored| stored.share.is_some());
        if is_known { usual } else { usual.min(AT_FIRST) }
    }

    pub(super) fn prefers_stored(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.orders.better() == Order::Stored)
    }

    /// The next batch; `None` at the end, and where the next one depends on those in flight. After an
    /// error the same call may be made again.
    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        // Boxed, because otherwise the compiler exceeds its recursion limit in the driver's types when
        // a purge is sent to another thread.
        let is_indexed = self.parts.iter().all(|part| part.strategy() != Strategy::IdWindows);
        if let Some(stored) = &mut self.stored {
            match stored.next(by, is_indexed).boxed().await? {
                Turn::Batch(candidates) => return Ok(Some(candidates)),
                Turn::Wait => return Ok(None),
                Turn::Index => {}
                Turn::End => {
                    self.stored = None;
                    self.parts.retain(Part::is_left);
                }
                Turn::Never => {
                    self.stored = None;
                    if by.in_flight {
                        return Ok(None);
                    }
                }
            }
        }
        while let Some(part) = self.parts.front_mut() {
            let next = part.next(by).boxed().await?;
            // A part may have more batches once the spared sessions are known.
            if next.is_some() || self.parts.len() == 1 || by.in_flight {
                return Ok(next);
            }
            self.parts.pop_front();
        }
        Ok(None)
    }

    /// Reports how many sessions of a batch no longer matched when they were written.
    pub(super) fn spared(&mut self, sessions: u64) {
        match (self.order(), &mut self.stored, self.parts.front_mut()) {
            (Order::Stored, Some(stored), _) => stored.ids.spared(sessions),
            (_, _, Some(Part::Ids(ids))) => ids.spared(sessions),
            (_, _, Some(Part::Group(group))) => group.spared(sessions),
            _ => {}
        }
    }
}

/// The sessions of all parts in the order in which they are stored, as long as that is better.
#[derive(Debug)]
struct Stored {
    ids: Ids,
    /// The ranges of indexes that have all of them, if that is known.
    ranges: Vec<IndexRange>,
    /// The store, with a comment that only these reads have.
    store: Option<Store>,
    /// The share of the collection that they are, once it is known.
    share: Option<f64>,
    orders: Orders,
    /// How long the slowest read took.
    slowest: Duration,
}

/// What comes next.
#[expect(clippy::large_enum_variant, reason = "it does not outlive the batch")]
enum Turn {
    Batch(Candidates),
    /// The batches in flight, since what they hold would be found again.
    Wait,
    /// A batch along the index.
    Index,
    /// Nothing more: every stored document was read.
    End,
    /// The stored order is no way.
    Never,
}

impl Stored {
    fn new(ids: Ids, ranges: Vec<IndexRange>, trial: Duration) -> Self {
        let (orders, slowest) = (Orders::new(trial), Duration::ZERO);
        Self { ids, ranges, store: None, share: None, orders, slowest }
    }

    /// `is_indexed` is whether an index leads to what is left.
    async fn next(&mut self, by: ReadContext<'_>, is_indexed: bool) -> Result<Turn> {
        if self.orders.is_over(by.work) {
            if by.in_flight {
                return Ok(Turn::Wait);
            }
            let began = Instant::now();
            let Some(share) = self.share(by).await? else {
                self.orders.again(by.work);
                return Ok(Turn::Index);
            };
            self.orders.turn(by.work, began.elapsed(), share, by.gentle);
            if share < LEAST_SHARE {
                return Ok(Turn::Never);
            }
        }
        if self.orders.order() == Order::Index {
            return Ok(Turn::Index);
        }
        let began = Instant::now();
        let next = self.read(by, is_indexed).await;
        self.slowest = self.slowest.max(began.elapsed());
        match next {
            Ok(None) => Ok(Turn::Never),
            Ok(Some(Some(candidates))) => Ok(Turn::Batch(candidates)),
            Ok(Some(None)) if by.in_flight => Ok(Turn::Wait),
            Ok(Some(None)) => Ok(Turn::End),
            // Not every server reads in this order.
            Err(error) if !error.is_transient() => Ok(Turn::Never),
            Err(error) => Err(error),
        }
    }

    /// The next batch; `None` if the search was stopped at the server, because it took too long or because
    /// the index has no sessions left.
    async fn read(
        &mut self,
        by: ReadContext<'_>,
        is_indexed: bool,
    ) -> Result<Option<Option<Candidates>>> {
        let patience = self.orders.patience(is_indexed, self.slowest);
        let store = self.store.get_or_insert_with(|| {
            let these = format!("in storage order {}", ObjectId::new());
            by.store.clone().for_run(&these)
        });
        let size = self.share.map_or(by.size, |share| by.size.min((EXAMINED * share) as u32));
        let mut next = pin!(self.ids.next(ReadContext { size, store, ..by }));
        let mut since = Instant::now();
        loop {
            tokio::select! {
                next = &mut next => return next.map(Some),
                // One that is slower than any so far.
                () = sleep(LOOK.max(self.slowest)) => {}
            }
            let is_long = since.elapsed() >= patience;
            if !is_long && !is_over(&self.ranges, by).await {
                continue;
            }
            match store.end_operations().await {
                // It is not busy with this: the read waits for a primary, or for its reply.
                Ok(0) if is_long => since = Instant::now(),
                Err(error) if is_long && error.is_transient() => since = Instant::now(),
                _ => return Ok(None),
            }
        }
    }

    /// The share of the collection, estimated once; `None` if that failed for the moment. Where no
    /// sample can be taken, the index is the only way.
    async fn share(&mut self, by: ReadContext<'_>) -> Result<Option<f64>> {
        if self.share.is_none() {
            match by.store.share(self.ids.filter().clone(), SAMPLE, SAMPLING).await {
                Ok(share) => self.share = Some(share),
                Err(error) if error.is_over_time() || !error.is_transient() => {
                    self.share = Some(0.0);
                }
                Err(error) if error.is_overload() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(self.share)
    }
}
