//! Facts and conclusions that several checks need.

use crate::error::{Error, Need};
use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::{Layout, LifetimeFrom};
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, Place, Sweeper};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::Remedy;
use crate::ops::doctor::survey::Survey;
use crate::ops::index::{Aim, TtlState, TtlStatus, status};

/// A larger backlog is drained before the index is created: the TTL monitor has no rate limit, and
/// would delete all of it in its first pass.
const MUCH: u64 = 100_000;

impl Facts {
    /// The layout.
    pub(super) fn known_layout(&self) -> Result<&Layout, Unknown> {
        self.layout.as_ref().ok_or_else(|| match &self.looked {
            Err(error) => error.into(),
            Ok(looked) => looked.accounts().map_or_else(
                || {
                    let what = match looked.at {
                        0 => "the collection is empty, so its layout is unknown",
                        _ => "the layout is unknown",
                    };
                    Unknown::without(Need::Layout, what)
                },
                Unknown::because,
            ),
        })
    }

    /// The layout, and the counts of its sessions.
    pub(super) fn surveyed(&self) -> Result<(&Layout, &Survey), Unknown> {
        let layout = self.known_layout()?;
        if let Err(Error::Needs { what, need }) = layout.tells_states() {
            return Err(Unknown::without(need, what));
        }
        Ok((layout, self.survey.as_ref()?))
    }

    /// The indexes, if the collection can have any.
    pub(super) fn usable_indexes(&self) -> Result<&[IndexSpec], Unknown> {
        match &self.place {
            Ok(Place::View(_)) => Err(Unknown::because("a view has no indexes of its own")),
            Ok(Place::TimeSeries) => {
                Err(Unknown::because("the indexes of a time series are not on its documents"))
            }
            _ => Ok(self.indexes.as_ref()?),
        }
    }

    /// The TTL index with which the server deletes sessions of this layout. A hidden index works;
    /// one that is still being built does not, and one that skips sessions does not count.
    pub(super) fn acting_index(&self, layout: &Layout) -> Option<&IndexSpec> {
        let ttl = layout.ttl_index.as_ref()?;
        let builds = self.stats.as_ref().map_or(&[][..], |stats| &stats.builds);
        self.indexes.as_deref().unwrap_or_default().iter().find(|index| {
            let is_built = !builds.iter().any(|name| name == index.name());
            // The server stores NaN as the longest possible time, with which it deletes nothing.
            let seconds = index.deletes_all_after(&ttl.key);
            is_built && seconds.is_some_and(|seconds| seconds < LONGEST_TTL)
        })
    }

    /// The sweeper that holds a valid lease.
    pub(super) fn sweeping(&self) -> Option<&Sweeper> {
        let sweeper = self.sweeper.as_ref().ok()?.as_ref()?;
        (sweeper.until > self.now).then_some(sweeper)
    }

    /// The state of the TTL index that the layout needs.
    pub(super) fn index_status(&self, layout: &Layout) -> TtlStatus {
        status(layout, self.indexes.as_deref().unwrap_or_default(), self.lifetime)
    }

    /// The remedy that creates the wanted TTL index, or replaces it where no index is possible.
    /// `None` if only the operator knows the lifetime and did not give it: a guessed one would end
    /// sessions in use.
    pub(super) fn deleting_remedy(&self, layout: &Layout) -> Option<Remedy> {
        let survey = self.survey.as_ref();
        if self.lacks_lifetime(layout) {
            return None;
        }
        let status = self.index_status(layout);
        if status.state == TtlState::Differs {
            return Some(Remedy::Index { aim: Aim::Replace, drain: false });
        }
        // An index deletes every document with a date in its field; a sweeper deletes sessions
        // only.
        let deletes_others = survey.is_ok_and(|survey| survey.foreign_dated > 0);
        if layout.ttl_index.is_none() || deletes_others {
            return Some(Remedy::sweep(60));
        }
        let backlog = survey.map_or(0, |survey| survey.estimate(survey.count(State::Expired)));
        Some(Remedy::Index { aim: Aim::Install, drain: backlog > MUCH })
    }

    /// Whether only the operator knows the lifetime of a session, and did not give it. The store's
    /// default is not used: with a lifetime that is too short, sessions in use look expired.
    pub(super) fn lacks_lifetime(&self, layout: &Layout) -> bool {
        let said_by_index =
            || layout.lifetime_of(self.indexes.as_deref().unwrap_or_default()).is_some();
        self.lifetime.is_none()
            && layout.expiry.iter().any(|rule| match rule.lifetime_from {
                None => false,
                Some(LifetimeFrom::Operator) => true,
                Some(LifetimeFrom::Index) => !said_by_index(),
            })
    }

    /// Adds a remedy that acts on expired sessions, unless these depend on an unknown lifetime.
    pub(super) fn by_lifetime(
        &self,
        finding: Finding,
        layout: &Layout,
        remedy: impl Into<Option<Remedy>>,
    ) -> Finding {
        match self.lacks_lifetime(layout) {
            true => finding.needs(Need::Lifetime),
            false => finding.remedy(remedy),
        }
    }
}
