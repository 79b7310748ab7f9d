//! What the server would delete with an index: computed before the index exists, or before it replaces
//! another.

use super::status::is_null;
use crate::error::{Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::{Layout, Rule};
use crate::store::Store;

impl IndexSpec {
    /// The sessions that it deletes, as an expiry rule; `None` if it deletes none.
    fn rule(&self) -> Option<Rule> {
        let key = self.0.get_document("key").ok().filter(|key| key.len() == 1)?;
        let mut rule = Rule::after(&key.keys().next()?.parse().ok()?, self.seconds()?);
        if let Some(partial) = self.0.get("partialFilterExpression") {
            let field = partial.as_document()?.keys().next()?;
            rule.only_null = Some(field.parse().ok()?);
            partial.as_document().filter(|partial| **partial == is_null(field))?;
        }
        Some(rule)
    }
}

impl Layout {
    /// This layout from the view of the TTL monitor: a session is over if `index` deletes it,
    /// whatever the store does.
    fn deleted_by(&self, index: &IndexSpec) -> Option<Self> {
        let mut layout = self.clone();
        layout.expiry = vec![index.rule()?];
        Some(layout)
    }
}

impl Store {
    /// The same store, with the TTL index for idle sessions that never expire.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layout has no such sessions, or no last touch.
    pub fn idle_limited(&self) -> Result<Self> {
        let limited = |layout: &Layout| {
            layout.idle_limited().ok_or_else(|| {
                Error::Unsupported(format!(
                    "an idle index requires endless sessions with a null expiry and a date of the \
                     last touch, which the layout {} does not have",
                    layout.name
                ))
            })
        };
        Ok(self.with_layouts(self.layouts().clone().try_map(|layout| limited(&layout))?))
    }

    /// The same store, in which a session counts as expired if `index` would delete it: used to
    /// count them, and to purge them before the index is created. `None` if the index would delete
    /// nothing.
    pub fn deleted_by(&self, index: &IndexSpec) -> Option<Self> {
        // The server deletes any document with a date there, session or not.
        let layouts = self.layouts().clone();
        let deleted = layouts.try_map(|layout| layout.deleted_by(index).ok_or(()));
        Some(self.with_layouts(deleted.ok()?))
    }
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, doc};

    use super::*;
    use crate::model::session::State;

    #[test]
    fn what_an_index_deletes_is_what_is_older_than_its_seconds() {
        let layout = Layout::named("koa-session-mongoose").unwrap();
        let index = IndexSpec(doc! { "key": { "updatedAt": 1 }, "expireAfterSeconds": 60 });
        let now = DateTime::from_millis(1_000_000);
        let filter = layout.deleted_by(&index).unwrap().filter(State::Expired, now);
        let limit = DateTime::from_millis(940_000);
        assert_eq!(filter, doc! { "updatedAt": { "$lt": limit } });
    }

    #[test]
    fn what_the_index_on_idle_sessions_deletes_has_no_expiry() {
        let layout = Layout::named("express-mongodb-legacy").unwrap();
        let partial = doc! { "expires": { "$type": "null" } };
        let index = IndexSpec(
            doc! { "key": { "lastAccess": -1 }, "expireAfterSeconds": 60, "partialFilterExpression": partial },
        );
        let now = DateTime::from_millis(1_000_000);
        let filter = layout.deleted_by(&index).unwrap().filter(State::Expired, now);
        let limit = DateTime::from_millis(940_000);
        let expected = doc! { "lastAccess": { "$lt": limit }, "expires": { "$type": "null" } };
        assert_eq!(filter, expected);
    }

    #[test]
    fn an_index_that_is_plain_or_never_acts_deletes_nothing() {
        let layout = Layout::named("authjs").unwrap();
        for spec in [
            doc! { "key": { "expires": 1 } },
            doc! { "key": { "expires": 1 }, "expireAfterSeconds": f64::NAN },
            doc! { "key": { "expires": 1, "user": 1 }, "expireAfterSeconds": 0 },
            doc! { "key": { "expires": 1 }, "expireAfterSeconds": 0, "partialFilterExpression": { "a": 1 } },
        ] {
            assert!(layout.deleted_by(&IndexSpec(spec.clone())).is_none(), "{spec}");
        }
    }
}
