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
use super::order::{Order, Orders, Work};
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

    /// Whether another batch of it may follow, as far as that is known without asking.
    fn may_go_on(&self) -> bool {
        match self {
            Self::Expiry(expiry) => expiry.goes_on(),
            Self::Walk(walk) => walk.goes_on(),
            Self::Ids(_) | Self::Keys(_) | Self::Group(_) => true,
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
const SAMPLE: u32 = 64;
const SAMPLING: Duration = Duration::from_secs(5);
/// How many sessions the first batch along an index has, and how long later ones take, about: where each
/// session is read from the disk, a large batch would be the last to end for long.
const AT_FIRST: u32 = 1000;
const SHORT: Duration = Duration::from_millis(100);
/// Below this share of the collection the stored order is not tried: it reads everything.
const LEAST_SHARE: f64 = 0.01;
/// How often the index is checked for remaining sessions during a slow read in storage order.
const LOOK: Duration = Duration::from_millis(100);
/// About how many documents the server examines for one batch in the stored order.
const EXAMINED: f64 = 50_000.0;

/// Whether these indexes show that nothing is left. `false` where that is not known.
async fn nothing_left(ranges: &[IndexRange], by: ReadContext<'_>) -> bool {
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

    /// The size of the next batch, given the usual one and the work so far.
    pub(super) fn most(&self, usual: u32, work: Work) -> u32 {
        match (self.order(), self.parts.front()) {
            (Order::Index, Some(Part::Expiry(_))) if work.done == 0 => usual.min(AT_FIRST),
            (Order::Index, Some(Part::Expiry(_))) => {
                let short = SHORT.as_secs_f64() * work.done as f64 / work.busy.as_secs_f64();
                usual.min(AT_FIRST.max(short as u32))
            }
            _ => usual,
        }
    }

    pub(super) fn prefers_stored(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.orders.better() == Order::Stored)
    }

    /// The next batch; `None` at the end, and where the next one depends on those in flight. After an
    /// error the same call may be made again.
    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        // Whether an index leads to what is left.
        let is_indexed = self.parts.iter().all(|part| part.strategy() != Strategy::IdWindows);
        if let Some(stored) = &mut self.stored {
            // Boxed, because otherwise the compiler exceeds its recursion limit in the driver's types when
            // a purge is sent to another thread.
            match stored.next(by, is_indexed).boxed().await? {
                Turn::Batch(candidates) => return Ok(Some(candidates)),
                Turn::Wait => return Ok(None),
                Turn::Index => {}
                Turn::End => {
                    self.stored = None;
                    self.parts.retain(Part::is_left);
                }
                Turn::Never => {
                    let was_stored = self.order() == Order::Stored;
                    self.stored = None;
                    if by.in_flight && was_stored {
                        return Ok(None);
                    }
                }
            }
        }
        while let Some(part) = self.parts.front_mut() {
            let next = part.next(by).boxed().await?;
            if let (Some(stored), Some(next)) = (&mut self.stored, &next)
                && part.may_go_on()
            {
                stored.along += next.count;
            }
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
    orders: Orders,
    /// How many sessions were read along the index before others.
    along: u64,
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
    /// Storage order is unusable here.
    Never,
}

impl Stored {
    fn new(ids: Ids, ranges: Vec<IndexRange>, trial: Duration) -> Self {
        let (orders, slowest) = (Orders::new(trial), Duration::ZERO);
        Self { ids, ranges, store: None, orders, along: 0, slowest }
    }

    async fn next(&mut self, by: ReadContext<'_>, is_indexed: bool) -> Result<Turn> {
        let share = self.share(by).await?;
        if share.is_some() && self.orders.is_over(by.work) {
            if by.in_flight {
                return Ok(Turn::Wait);
            }
            self.orders.turn(by.work, by.gentle);
        }
        match (self.orders.order(), share) {
            (Order::Index, Some(share)) if share < LEAST_SHARE => Ok(Turn::Never),
            (Order::Index, _) => Ok(Turn::Index),
            (Order::Stored, share) => self.read(by, is_indexed, share.unwrap_or(1.0)).await,
        }
    }

    /// The next batch in storage order, if there is one. A search that takes too long, or for which the index
    /// has no sessions left, is ended at the server.
    async fn read(&mut self, by: ReadContext<'_>, is_indexed: bool, share: f64) -> Result<Turn> {
        let patience = self.orders.patience(is_indexed, self.slowest);
        let store = self.store.get_or_insert_with(|| {
            let these = format!("in storage order {}", ObjectId::new());
            by.store.clone().for_run(&these)
        });
        let size = by.size.min((EXAMINED * share) as u32);
        let mut next = pin!(self.ids.next(ReadContext { size, store, ..by }));
        let began = Instant::now();
        let mut since = began;
        loop {
            tokio::select! {
                next = &mut next => {
                    self.slowest = self.slowest.max(began.elapsed());
                    return match next {
                        Ok(Some(candidates)) => Ok(Turn::Batch(candidates)),
                        Ok(None) if by.in_flight => Ok(Turn::Wait),
                        Ok(None) => Ok(Turn::End),
                        // Not every server reads in this order.
                        Err(error) if !error.is_transient() => Ok(Turn::Never),
                        Err(error) => Err(error),
                    };
                }
                // One that is slower than any so far.
                () = sleep(LOOK.max(self.slowest)) => {}
            }
            let is_long = since.elapsed() >= patience;
            if !is_long && !nothing_left(&self.ranges, by).await {
                continue;
            }
            match store.end_operations().await {
                // It is not busy with this: the read waits for a primary, or for its reply.
                Ok(0) if is_long => since = Instant::now(),
                Err(error) if is_long && error.is_transient() => since = Instant::now(),
                _ => return Ok(Turn::Never),
            }
        }
    }

    /// The share of the collection, once it is known. It is estimated after the first batch, unless that is
    /// the only one. Where no sample can be taken, the index is the only way.
    async fn share(&mut self, by: ReadContext<'_>) -> Result<Option<f64>> {
        let is_long =
            self.along >= u64::from(AT_FIRST.min(by.most)) || self.orders.is_over(by.work);
        if self.orders.share().is_none() && is_long {
            let began = Instant::now();
            match by.store.share(self.ids.filter().clone(), SAMPLE, SAMPLING).await {
                Ok(share) => self.orders.learn(share, began.elapsed()),
                Err(error) if error.is_over_time() || !error.is_transient() => {
                    self.orders.learn(0.0, began.elapsed());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.orders.share())
    }
}
