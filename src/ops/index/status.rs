//! The TTL index that a layout needs, compared with the existing ones. Pure.

use std::time::Duration;

use bson::{Document, doc};

use crate::error::Need;
use crate::model::index_spec::{IndexSpec, LONGEST_TTL, truthy};
use crate::model::layout::{Layout, LifetimeFrom, TtlIndex};

impl IndexSpec {
    /// Whether it differs from the wanted index only in `expireAfterSeconds`.
    pub(crate) fn has_shape_of(&self, wanted: &TtlIndex) -> bool {
        // The server ignores these options when it compares a new index with an existing one. Any
        // other difference makes it refuse with 85.
        const INDIFFERENT: [&str; 7] =
            ["v", "key", "name", "ns", "background", "expireAfterSeconds", "hidden"];
        const COMPARED: [&str; 2] = ["sparse", "partialFilterExpression"];
        let is_sparse = self.0.get("sparse").is_some_and(truthy);
        let partial = self.0.get_document("partialFilterExpression").ok();
        let other = self.0.iter().any(|(option, value)| {
            let option = option.as_str();
            !INDIFFERENT.contains(&option) && !COMPARED.contains(&option) && truthy(value)
        });
        self.is_on(&wanted.key)
            && self.goes(&wanted.key, wanted.direction())
            && self.name() == wanted.name
            && is_sparse == wanted.sparse
            && partial == wanted.only_null.as_deref().map(is_null).as_ref()
            && !other
    }
}

/// The filter of a partial index on documents whose `field` is null.
pub(super) fn is_null(field: &str) -> Document {
    doc! { field: { "$type": "null" } }
}

/// Whether a collection has the TTL index that its layout needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TtlState {
    /// It exists.
    Installed,
    /// The server is still building it, and deletes nothing with it yet.
    Building,
    /// It does not exist; there may be a plain index that `install` converts.
    Missing,
    /// Another index is in its place.
    Differs,
    /// No TTL index can expire these sessions.
    Unsupported,
}

impl TtlState {
    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Building => "building",
            Self::Missing => "missing",
            Self::Differs => "differs",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The wanted index and the existing one.
#[derive(Debug, Clone, PartialEq)]
pub struct TtlStatus {
    /// The outcome of comparing the two.
    pub state: TtlState,
    /// The spec of the wanted index, if the layout has one.
    pub wanted: Option<Document>,
    /// The existing index on this field, if any.
    pub found: Option<IndexSpec>,
    /// Why no index is possible, or why it is unknown whether the installed one is complete.
    pub reason: Option<String>,
    /// What the operator has to pass to make one possible.
    pub need: Option<Need>,
}

impl TtlStatus {
    /// The same, given the names of the indexes that the server is still building, which it lists like
    /// others.
    pub(crate) fn during(mut self, builds: &[String]) -> Self {
        let found = self.found.as_ref().map(IndexSpec::name);
        if self.state == TtlState::Installed && builds.iter().any(|name| Some(&**name) == found) {
            self.state = TtlState::Building;
        }
        self
    }
}

/// Compares the index that `layout` needs with `indexes`, which are taken to be complete. Pure.
pub fn status(layout: &Layout, indexes: &[IndexSpec], lifetime: Option<Duration>) -> TtlStatus {
    let unsupported = |reason: String, need| TtlStatus {
        state: TtlState::Unsupported,
        wanted: None,
        found: None,
        reason: Some(reason),
        need,
    };
    let Some(ttl) = &layout.ttl_index else {
        let has_own = layout.expiry.iter().any(|rule| rule.lifetime_path.is_some());
        let expiry = if has_own { "a date and each session's own lifetime" } else { "no date" };
        let what = format!(
            "the expiry of {} is {expiry}, but a TTL index works with dates only",
            layout.name
        );
        return unsupported(what, None);
    };
    // A plain index with another direction, or a hashed one, can exist beside the wanted one: the
    // server accepts both, and some stores create one.
    let beside = |index: &IndexSpec| {
        index.stands_in() || !index.is_ttl() && !index.goes(&ttl.key, ttl.direction())
    };
    let on_key =
        |index: &&IndexSpec| (index.is_on(&ttl.key) && !beside(index)) || index.name() == ttl.name;
    let candidates: Vec<_> = indexes.iter().filter(on_key).collect();
    // If the index holds the lifetime, the application chose it, and any value is right unless the
    // operator gave another.
    let says_lifetime = layout.lifetime_from_index();
    let given = lifetime.filter(|_| says_lifetime).map(|lifetime| lifetime.as_secs());
    let wanted_seconds = given.or(ttl.seconds);
    let is_wanted = |index: &&&IndexSpec| {
        let seconds = index.seconds();
        index.has_shape_of(ttl)
            && match wanted_seconds {
                Some(wanted) if given.is_some() || !says_lifetime => seconds == Some(wanted),
                _ => seconds.is_some_and(|seconds| seconds > 0),
            }
    };
    let plain = |index: &&&IndexSpec| index.has_shape_of(ttl) && !index.is_ttl();
    let (state, found) = if let Some(index) = candidates.iter().find(is_wanted) {
        (TtlState::Installed, Some(*index))
    } else if let Some(index) = candidates.iter().find(|index| !plain(index)) {
        (TtlState::Differs, Some(*index))
    } else {
        (TtlState::Missing, candidates.first().copied())
    };
    if wanted_seconds.is_none() && state != TtlState::Installed {
        let need = if ttl.only_null.is_some() { Need::IdleLimit } else { Need::Lifetime };
        let in_index = need == Need::Lifetime
            && layout.expiry.iter().any(|rule| rule.lifetime_from == Some(LifetimeFrom::Index));
        let what = match in_index {
            true => format!(
                "only the TTL index stores the lifetime of {}, and without it no session expires",
                layout.name
            ),
            false => format!("the documents of {} do not store the lifetime", layout.name),
        };
        return unsupported(what, Some(need));
    }
    let installed = found.filter(|_| state == TtlState::Installed).and_then(IndexSpec::seconds);
    let seconds = installed.or(wanted_seconds).unwrap_or(0);
    let wanted = Some(spec(ttl, seconds));
    TtlStatus { state, wanted, found: found.cloned(), reason: None, need: None }
}

/// The TTL indexes of a collection, as a removal sees them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TtlIndexes {
    /// Those by which the server deletes the sessions that the wanted index would delete.
    pub own: Vec<IndexSpec>,
    /// Others, by which it may delete these sessions as well.
    pub others: Vec<IndexSpec>,
}

impl TtlIndexes {
    /// Those of the collection that `layout` describes. Pure.
    pub(super) fn of(layout: &Layout, indexes: &[IndexSpec]) -> Self {
        let ttl = layout.ttl_index.as_ref();
        let is_on_key = |index: &IndexSpec| ttl.is_some_and(|ttl| index.is_on(&ttl.key));
        let is_named = |index: &IndexSpec| ttl.is_some_and(|ttl| index.name() == ttl.name);
        // An idle index deletes only some of what another index on its key deletes.
        let is_idle = ttl.is_some_and(|ttl| ttl.only_null.is_some());
        let is_own = |index: &IndexSpec| match is_idle {
            true => is_named(index),
            false => is_named(index) || is_on_key(index) || index.stands_in(),
        };
        let all = indexes.iter().filter(|index| index.is_ttl()).cloned();
        let (own, mut others): (Vec<_>, Vec<_>) = all.partition(is_own);
        others.retain(|index| index.field().is_some() && (!is_idle || is_on_key(index)));
        Self { own, others }
    }
}

impl IndexSpec {
    /// Its key, if it is a single field.
    pub fn field(&self) -> Option<&str> {
        let key = self.0.get_document("key").ok().filter(|key| key.len() == 1)?;
        key.keys().next().map(String::as_str)
    }
}

fn spec(ttl: &TtlIndex, seconds: u64) -> Document {
    let seconds = i32::try_from(seconds.min(LONGEST_TTL)).unwrap_or(i32::MAX);
    let mut spec = doc! {
        "name": &ttl.name,
        "key": { &ttl.key: ttl.direction() },
        "expireAfterSeconds": seconds,
    };
    if ttl.sparse {
        spec.insert("sparse", true);
    }
    if let Some(field) = &ttl.only_null {
        spec.insert("partialFilterExpression", is_null(field));
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(index: Document) -> (TtlState, bool) {
        let layout = Layout::named("connect-mongo-json").unwrap();
        let id = IndexSpec(doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" });
        let status = status(layout, &[id, IndexSpec(index)], None);
        (status.state, status.found.is_some())
    }

    #[test]
    fn the_stores_own_index_is_installed() {
        let of_store = doc! { "v": 2, "key": { "expires": 1 }, "name": "expires_1", "background": true, "expireAfterSeconds": 0 };
        assert_eq!(state(of_store), (TtlState::Installed, true));
    }

    #[test]
    fn only_a_plain_index_with_the_wanted_name_direction_and_options_is_convertible() {
        let plain = doc! { "key": { "expires": 1 }, "name": "expires_1" };
        assert_eq!(state(plain), (TtlState::Missing, true));
        for differing in [
            doc! { "key": { "expires": 1 }, "name": "mine" },
            doc! { "key": { "expires": -1 }, "name": "expires_1" },
            doc! { "key": { "expires": 1 }, "name": "expires_1", "unique": true },
            doc! { "key": { "expires": 1 }, "name": "expires_1", "sparse": true },
            doc! { "key": { "expires": 1 }, "name": "expires_1", "partialFilterExpression": { "a": 1 } },
            doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 60 },
            doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": f64::NAN },
            doc! { "key": { "other": 1 }, "name": "expires_1" },
        ] {
            assert_eq!(state(differing.clone()), (TtlState::Differs, true), "{differing}");
        }
    }

    #[test]
    fn a_plain_index_that_goes_another_way_is_beside_the_wanted_one() {
        let descending = doc! { "key": { "expires": -1 }, "name": "expires_-1" };
        assert_eq!(state(descending), (TtlState::Missing, false));
        let hashed = doc! { "key": { "expires": "hashed" }, "name": "expires_hashed" };
        assert_eq!(state(hashed), (TtlState::Missing, false));
        let ttl = doc! { "key": { "expires": -1 }, "name": "mine", "expireAfterSeconds": 0 };
        assert_eq!(state(ttl), (TtlState::Differs, true));
    }

    #[test]
    fn a_compound_index_does_not_stand_in_the_way() {
        let compound = doc! { "key": { "expires": 1, "user": 1 }, "name": "expires_1_user_1" };
        assert_eq!(state(compound), (TtlState::Missing, false));
    }
}
