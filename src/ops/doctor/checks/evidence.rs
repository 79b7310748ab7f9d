//! What checks demand of the facts, and what several of them conclude from those.

use std::time::Duration;

use crate::error::{Error, Need};
use crate::model::index_spec::{IndexSpec, LONGEST_TTL};
use crate::model::layout::Layout;
use crate::model::session::State;
use crate::ops::doctor::facts::{Facts, Place, Sweeper};
use crate::ops::doctor::finding::Unknown;
use crate::ops::doctor::remedy::Remedy;
use crate::ops::doctor::survey::Survey;
use crate::ops::index::{Aim, TtlState, TtlStatus, status};

/// A backlog from which on it is drained before the index is made: the server has no limit for the
/// rate at which the TTL monitor deletes, and would delete all of it in its first pass.
const MUCH: u64 = 100_000;
/// A lifetime to begin with, as long as connect-mongo's: 14 days.
const SUGGESTED_LIFETIME: Duration = crate::store::DEFAULT_LIFETIME;

impl Facts {
    /// The layout.
    pub(super) fn known_layout(&self) -> Result<&Layout, Unknown> {
        self.layout.as_ref().ok_or_else(|| match &self.looked {
            Err(error) => error.into(),
            Ok(looked) => looked.accounts().map_or_else(
                || {
                    let what = match looked.at {
                        0 => "it is empty, so nothing says which store writes it",
                        _ => "it is not known which store writes here",
                    };
                    Unknown::without(Need::Layout, what)
                },
                Unknown::because,
            ),
        })
    }

    /// The layout, and what was counted by it.
    pub(super) fn surveyed(&self) -> Result<(&Layout, &Survey), Unknown> {
        let layout = self.known_layout()?;
        if let Err(Error::Needs { what, need }) = layout.tells_states() {
            return Err(Unknown::without(need, what));
        }
        Ok((layout, self.survey.as_ref()?))
    }

    /// The indexes, of a collection that can have some.
    pub(super) fn usable_indexes(&self) -> Result<&[IndexSpec], Unknown> {
        match &self.place {
            Ok(Place::View(_)) => Err(Unknown::because("a view has no indexes of its own")),
            _ => Ok(self.indexes.as_ref()?),
        }
    }

    /// The TTL index by which the server deletes sessions of this layout. A hidden one does; one that
    /// is still being built does not.
    pub(super) fn acting_index(&self, layout: &Layout) -> Option<&IndexSpec> {
        let ttl = layout.ttl_index.as_ref()?;
        let builds = self.stats.as_ref().map_or(&[][..], |stats| &stats.builds);
        self.indexes.as_deref().unwrap_or_default().iter().find(|index| {
            let is_built = !builds.iter().any(|name| name == index.name());
            // The server stores NaN as the longest time there is, and deletes nothing by it.
            let acts = index.seconds().is_some_and(|seconds| seconds < LONGEST_TTL);
            is_built && acts && index.is_on(&ttl.key)
        })
    }

    /// The sweeper whose lease has not run out.
    pub(super) fn sweeping(&self) -> Option<&Sweeper> {
        let sweeper = self.sweeper.as_ref().ok()?.as_ref()?;
        (sweeper.until > self.now).then_some(sweeper)
    }

    /// The state of the TTL index that the layout wants.
    pub(super) fn index_status(&self, layout: &Layout) -> TtlStatus {
        status(layout, self.indexes.as_deref().unwrap_or_default(), self.lifetime)
    }

    /// What makes the wanted TTL index, or does what an index cannot.
    pub(super) fn deleting_remedy(&self, layout: &Layout) -> Remedy {
        if layout.ttl_index.is_none() {
            return Remedy::sweep(60);
        }
        let lifetime = self.suggested_lifetime().filter(|_| needs_lifetime(layout));
        let status = self.index_status(layout);
        let differs = status.state == TtlState::Differs
            || status.found.is_none() && self.is_in_the_way(layout);
        if differs {
            return Remedy::Index { aim: Aim::Replace, drain: false, lifetime };
        }
        let survey = self.survey.as_ref();
        let backlog = survey.map_or(0, |survey| survey.estimate(survey.count(State::Expired)));
        Remedy::Index { aim: Aim::Install, drain: backlog > MUCH, lifetime }
    }

    /// A lifetime to begin with, unless the operator has given one.
    pub(super) fn suggested_lifetime(&self) -> Option<Duration> {
        self.lifetime.is_none().then_some(SUGGESTED_LIFETIME)
    }

    /// Whether an index stands where the wanted one is to be: the server refuses a second one on the
    /// same key (85), and another of the same name (86).
    fn is_in_the_way(&self, layout: &Layout) -> bool {
        let Some(ttl) = &layout.ttl_index else { return false };
        self.indexes.as_deref().unwrap_or_default().iter().any(|index| {
            (index.is_on(&ttl.key) || index.name() == ttl.name)
                && (index.is_ttl() || index.name() != ttl.name)
        })
    }
}

/// Whether nobody but the operator can say the lifetime.
pub(super) fn needs_lifetime(layout: &Layout) -> bool {
    layout.ttl_index.as_ref().is_some_and(|ttl| ttl.seconds.is_none())
}
