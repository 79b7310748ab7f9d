//! A copy of the oracle's documents: each session is copied or counted, and nothing else is.

use bson::doc;
use sessionctl::copy::{Converter, CopyPlan, TARGETS};
use sessionctl::purge::Pace;
use sessionctl::{Layout, Query, Selection};
use tokio_util::sync::CancellationToken;

use super::value::{fields_of, key_of, shown};
use super::{Collection, Run, stored};

impl Run<'_> {
    /// Copies all into the same layout, and into another one.
    pub(super) fn copied(&mut self, all: &Collection, seed: u64) {
        let name = TARGETS[usize::try_from(seed).unwrap() % TARGETS.len()];
        let other = Layout::named(name).unwrap().clone().resolved(None, &[]);
        let own = self.store.layout().clone();
        let members = all.values().filter(|known| known.state.is_some()).count() as u64;
        for (target, converts) in [(own, false), (other, true)] {
            self.db.run(doc! { "delete": "copies", "deletes": [{ "q": {}, "limit": 0 }] });
            let converter = converts
                .then(|| Converter::new(self.store.layouts(), &target, self.cutoff).unwrap());
            let copy = CopyPlan {
                selection: Selection::new(Query::default(), self.cutoff),
                converter,
                now: self.cutoff,
                batch_size: Some(7),
                jobs: None,
                pace: Pace::default(),
                dry_run: false,
            };
            let there = self.store.connection().store("copies", target.clone());
            let done = self.db.runtime.block_on(async {
                let mut copying =
                    self.store.copy_to(&there, copy, CancellationToken::new()).await?;
                while copying.next().await?.is_some() {}
                Ok::<_, sessionctl::Error>(copying.total())
            });
            let what = format!("a copy into {}", target.name);
            let done = match done {
                Ok(done) => done,
                Err(error) => {
                    self.disagrees(format!("{what}: {error}"));
                    continue;
                }
            };
            if (done.read, done.done()) != (members, members) {
                self.disagrees(format!("{what} counts {done:?}, not {members}"));
            }
            let copies = stored(self.db, "copies");
            if copies.len() as u64 != done.copied {
                self.disagrees(format!("{what}: {} there, {} counted", copies.len(), done.copied));
            }
            for bytes in copies {
                let document = fields_of(&bytes);
                if converts {
                    let raw = bson::RawDocumentBuf::from_bytes(bytes).unwrap();
                    if !there.layouts().describes(&raw) {
                        self.disagrees(format!("{what} is none of its:{}", shown(&document)));
                    }
                    continue;
                }
                let known = all.get(&key_of(&document));
                if !known.is_some_and(|known| known.state.is_some() && known.bytes == bytes) {
                    self.disagrees(format!("{what} has{}", shown(&document)));
                }
            }
        }
    }
}
