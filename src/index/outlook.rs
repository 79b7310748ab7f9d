//! What the server would delete by an index: reckoned before there is one, or before another takes
//! its place.

use super::IndexSpec;
use crate::layout::{Layout, Rule};
use crate::store::Store;

impl IndexSpec {
    /// The field whose dates it deletes by, and how many seconds after them, if it deletes whatever
    /// has one.
    fn deletes_by(&self) -> Option<(&str, u64)> {
        let key = self.0.get_document("key").ok().filter(|key| key.len() == 1)?;
        let all = !self.0.contains_key("partialFilterExpression");
        Some((key.keys().next()?.as_str(), self.seconds().filter(|_| all)?))
    }
}

impl Layout {
    /// This layout as the server's TTL monitor reads it: over is what `index` deletes, whatever the
    /// store says.
    fn deleted_by(&self, index: &IndexSpec) -> Option<Self> {
        let (path, seconds) = index.deletes_by()?;
        Some(Self { expiry: vec![Rule::after(path, seconds)], ..self.clone() })
    }
}

impl Store {
    /// The same sessions, of which those are expired that the server would delete by `index`: to be
    /// counted, and to be purged before the index is made. `None` where it would delete nothing.
    pub fn deleted_by(&self, index: &IndexSpec) -> Option<Self> {
        Some(self.with_layout(self.layout().deleted_by(index)?))
    }
}

#[cfg(test)]
mod tests {
    use bson::{DateTime, doc};

    use super::*;
    use crate::session::State;

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
    fn an_index_that_is_plain_or_never_acts_deletes_nothing() {
        let layout = Layout::named("authjs").unwrap();
        for spec in [
            doc! { "key": { "expires": 1 } },
            doc! { "key": { "expires": 1 }, "expireAfterSeconds": f64::NAN },
            doc! { "key": { "expires": 1, "user": 1 }, "expireAfterSeconds": 0 },
        ] {
            assert!(layout.deleted_by(&IndexSpec(spec.clone())).is_none(), "{spec}");
        }
    }
}
