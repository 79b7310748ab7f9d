//! The source of the sessions of a purge: one batch after the other, each with the conditions of
//! its write.

use std::collections::VecDeque;

use futures_util::FutureExt as _;

use super::candidates::Candidates;
use super::ids::{Group, Ids, Keys};
use super::reading::By;
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

    async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        match self {
            Self::Expiry(expiry) => expiry.next(by).await,
            Self::Walk(walk) => walk.next(by).await,
            Self::Ids(ids) => ids.next(by).await,
            Self::Keys(keys) => keys.next(by).await,
            Self::Group(group) => group.next(by).await,
        }
    }
}

/// Reads the parts of a plan, one after the other.
#[derive(Debug)]
pub(super) struct Source(pub(super) VecDeque<Part>);

impl Source {
    /// The next batch; `None` at the end. After an error, the call may be repeated.
    pub(super) async fn next(&mut self, by: By<'_>) -> Result<Option<Candidates>> {
        while let Some(part) = self.0.front_mut() {
            // Boxed, because otherwise the compiler exceeds its recursion limit in the driver's
            // types when a purge is sent to another thread.
            let next = part.next(by).boxed().await?;
            // A part may have more batches once the spared sessions are known.
            if next.is_some() || self.0.len() == 1 || by.in_flight {
                return Ok(next);
            }
            self.0.pop_front();
        }
        Ok(None)
    }

    /// Reports how many sessions of a batch no longer matched when they were written.
    pub(super) fn spared(&mut self, sessions: u64) {
        match self.0.front_mut() {
            Some(Part::Ids(ids)) => ids.spared(sessions),
            Some(Part::Group(group)) => group.spared(sessions),
            _ => {}
        }
    }
}
