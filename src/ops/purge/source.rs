//! The source of the sessions of a purge: one batch after the other, each with the conditions of
//! its write.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;

use super::candidates::Candidates;
use super::ids::{Group, Ids, Keys};
use super::order::{Order, Orders};
use super::reading::ReadContext;
use super::spec::Strategy;
use super::windows::{Expiry, Walk};
use crate::error::Result;

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

/// Of how many documents the share is estimated.
const SAMPLE: u32 = 200;
/// Below this share of the collection the stored order is not tried: it reads everything.
const LEAST_SHARE: f64 = 0.01;
/// About how many documents the server examines for one batch in the stored order.
const EXAMINED: f64 = 50_000.0;

/// Reads the parts of a plan, one after the other, or all of them in the order in which they are stored.
#[derive(Debug)]
pub(super) struct Source {
    parts: VecDeque<Part>,
    stored: Option<Stored>,
}

impl Source {
    /// The parts of a plan, and the same sessions in storage order, if that is another way.
    pub(super) fn new(parts: VecDeque<Part>, stored: Option<Ids>, trial: Duration) -> Self {
        let stored = stored.map(|ids| Stored { ids, share: None, orders: Orders::new(trial) });
        Self { parts, stored }
    }

    /// The order of the next batch.
    pub(super) fn order(&self) -> Order {
        self.stored.as_ref().map_or(Order::Index, |stored| stored.orders.order())
    }

    pub(super) fn prefers_stored(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.orders.better() == Order::Stored)
    }

    /// The next batch; `None` at the end, and where the next one depends on those in flight. After an
    /// error the same call may be made again.
    pub(super) async fn next(&mut self, by: ReadContext<'_>) -> Result<Option<Candidates>> {
        // Boxed, because otherwise the compiler exceeds its recursion limit in the driver's types when
        // a purge is sent to another thread.
        if let Some(stored) = &mut self.stored {
            match stored.next(by).boxed().await? {
                Turn::Batch(candidates) => return Ok(Some(candidates)),
                Turn::Wait => return Ok(None),
                Turn::Index => {}
                Turn::End => {
                    self.stored = None;
                    self.parts.retain(Part::is_left);
                }
                Turn::Never => self.stored = None,
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
    /// The share of the collection that they are, once it is known.
    share: Option<f64>,
    orders: Orders,
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
    async fn next(&mut self, by: ReadContext<'_>) -> Result<Turn> {
        if self.orders.is_over(by.work) {
            if by.in_flight {
                return Ok(Turn::Wait);
            }
            let began = Instant::now();
            let share = self.share(by).await;
            self.orders.turn(by.work, began.elapsed(), share, by.gentle);
            if share < LEAST_SHARE {
                return Ok(Turn::Never);
            }
        }
        if self.orders.order() == Order::Index {
            return Ok(Turn::Index);
        }
        let size = by.size.min((EXAMINED * self.share(by).await) as u32);
        let next = self.ids.next(ReadContext { size, ..by });
        let next = match self.orders.patience() {
            // A trial ends only between batches, and the first session may be far away. The read is left
            // alone, as by an interrupt.
            Some(patience) => tokio::select! {
                next = next => next,
                () = tokio::time::sleep(patience) => return Ok(Turn::Never),
            },
            None => next.await,
        };
        match next {
            Ok(Some(candidates)) => Ok(Turn::Batch(candidates)),
            Ok(None) if by.in_flight => Ok(Turn::Wait),
            Ok(None) => Ok(Turn::End),
            // Not every server reads in this order.
            Err(error) if !error.is_transient() => Ok(Turn::Never),
            Err(error) => Err(error),
        }
    }

    /// The share of the collection, estimated once. Where no sample can be taken, the index is the only
    /// way.
    async fn share(&mut self, by: ReadContext<'_>) -> f64 {
        match self.share {
            Some(share) => share,
            None => {
                let share = by.store.share(self.ids.filter().clone(), SAMPLE);
                *self.share.insert(share.await.unwrap_or(0.0))
            }
        }
    }
}
