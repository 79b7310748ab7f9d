//! Writes one batch of a copy that follows its source: what was copied before is replaced or deleted as
//! long as the target has it as it was copied, and what was ended at the target is not copied again.

use std::collections::HashSet;

use bson::raw::RawDocumentBuf;
use bson::{DateTime, RawDocument};

use super::ledger::{Digest, Entry, Ledger, Place, digest};
use super::overwrite::placed;
use super::write::{Item, Origin, Replacement, Standing, Writer, Written};
use crate::error::Result;
use crate::model::key::Key;
use crate::server::backoff::Retries;

/// What is done with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Insert,
    Replace,
    /// The target has it.
    Same,
    /// The copy expired and is gone, and the source has not renewed the session.
    Over,
    /// It was written at the target since, or cannot be compared.
    Kept,
    /// It was deleted at the target.
    Ended,
}

impl Course {
    /// `there` is what the target has, `source` what the source has, `now` the target's clock. `standing`
    /// compares both if nothing is recorded.
    fn of(
        entry: Option<&Entry>,
        there: Option<Digest>,
        source: Digest,
        now: DateTime,
        standing: impl FnOnce() -> Standing,
    ) -> Self {
        match (there, entry) {
            (None, None) => Self::Insert,
            (None, Some(entry)) => match entry.place {
                Place::Ended => Self::Ended,
                // Before it expired, nobody but the application or an operator deletes it.
                Place::There if entry.expires.is_none_or(|expires| expires > now) => Self::Ended,
                Place::There if entry.has(source) => Self::Over,
                Place::Coming | Place::There => Self::Insert,
            },
            (Some(there), Some(entry)) if entry.is_of(there) => match entry.has(source) {
                true => Self::Same,
                false if standing() == Standing::Same => Self::Same,
                false => Self::Replace,
            },
            (Some(_), entry) => match standing() {
                Standing::Same => Self::Same,
                Standing::Older if entry.is_none() => Self::Replace,
                Standing::Older | Standing::Kept => Self::Kept,
            },
        }
    }
}

/// What is to be written for a batch, in this order.
#[derive(Default)]
struct Plan {
    /// What is known of each session once the rest is done, or if it is not.
    entries: Vec<(Key, Entry)>,
    inserted: Coming,
    replaced: Vec<Replacement>,
    replaced_keys: Vec<Key>,
}

/// What is to be inserted, and the sessions of the source that it was made from.
#[derive(Default)]
struct Coming {
    documents: Vec<RawDocumentBuf>,
    keys: Vec<Key>,
}

impl Coming {
    /// Takes out those whose ids, which are in the same order, are there already.
    fn split_off_those(&mut self, ids: &[Option<Key>], there: &HashSet<Key>) -> Vec<Key> {
        let is_there = |id: &Option<Key>| id.as_ref().is_some_and(|id| there.contains(id));
        let mut each = ids.iter().map(is_there);
        self.documents.retain(|_| !each.next().unwrap_or_default());
        let both = std::mem::take(&mut self.keys).into_iter().zip(ids.iter().map(is_there));
        let (landed, left): (Vec<_>, Vec<_>) = both.partition(|(_, is_there)| *is_there);
        self.keys = left.into_iter().map(|(key, _)| key).collect();
        landed.into_iter().map(|(key, _)| key).collect()
    }
}

impl Writer {
    pub(super) async fn mirror(
        &self,
        ledger: &Ledger,
        batch: Vec<Item>,
        written: &mut Written,
    ) -> Result<()> {
        let keys: Vec<Key> =
            batch.iter().filter_map(|item| Some(item.origin.as_ref()?.key.clone())).collect();
        let mut ids: Vec<Key> =
            batch.iter().filter_map(|item| Key::at(&item.document, self.id())).collect();
        let mut entries = ledger.entries(&keys).await?;
        // A store that changes the id of a session in place leaves its copy with the id before.
        let moves = self.id() != "_id";
        if moves {
            ids.extend(entries.values().flat_map(Entry::ids).cloned());
        }
        let mut existing = self.existing(&ids).await?;
        // Read after what is there: what is gone by then was deleted before it expired, or after.
        let now = self.clock.now();
        let mut plan = Plan::default();
        for Item { origin, document } in batch {
            let (Some(origin), Some(id)) = (origin, Key::at(&document, self.id())) else {
                written.kept += 1;
                continue;
            };
            let (entry, mut there) = (entries.remove(&origin.key), existing.remove(&id));
            let mut from = None;
            if let Some(entry) = entry.as_ref().filter(|_| moves && there.is_none()) {
                let is_copy =
                    |id: &&Key| existing.get(*id).is_some_and(|one| entry.is_of(digest(one)));
                from = entry.ids().find(is_copy).cloned();
                there = from.as_ref().and_then(|from| existing.remove(from));
            }
            self.plan(origin, (id, from, now), document, (entry, there), &mut plan, written)?;
        }
        if let Some(identity) = &self.identity
            && plan.entries.iter().any(|(_, entry)| entry.place == Place::Ended)
        {
            // A collection that was dropped or replaced is empty, but nobody logged out.
            self.target.still_is(identity).await?;
        }
        // First, because a session that was written and is not recorded would never be removed.
        ledger.write(&plan.entries).await?;
        self.insert(ledger, plan.inserted, written).await?;
        self.replace(plan.replaced, written).await?;
        ledger.done(&plan.replaced_keys).await
    }

    /// Inserts sessions. As soon as one is known to be at the target, that is recorded: from then on, a
    /// session that is missing was logged out there, and neither another attempt nor another pass may
    /// insert it again.
    async fn insert(
        &self,
        ledger: &Ledger,
        mut coming: Coming,
        written: &mut Written,
    ) -> Result<()> {
        let inserter = self.inserter();
        let mut retries = Retries::default();
        while !coming.documents.is_empty() {
            let (inserted, error) = match inserter.attempt(&coming.documents).await {
                Ok(reply) => match reply.error().cloned() {
                    None => {
                        written.copied += reply.inserted;
                        // Somebody else inserted these since: the next change of the source compares
                        // them.
                        written.kept += reply.taken.len() as u64;
                        return ledger.done(&coming.keys).await;
                    }
                    Some(error) => (Some(reply.inserted), error),
                },
                Err(error) => (None, error),
            };
            if inserted.is_some() || !error.is_refusal() {
                let ids: Vec<_> = coming.documents.iter().map(|one| self.id_of(one)).collect();
                let known: Vec<_> = ids.iter().flatten().cloned().collect();
                // What cannot be read is tried again.
                let there = inserter.committed(&known).await.unwrap_or_default();
                let landed = coming.split_off_those(&ids, &there);
                ledger.done(&landed).await?;
                let is_certain = inserted.is_some() && !error.is_transient();
                written.exact &= is_certain;
                written.copied += match inserted {
                    Some(inserted) if is_certain => inserted,
                    _ => landed.len() as u64,
                };
            }
            retries.pause(&self.cancel, error.clone()).await?;
            if !self.target.connection().reach(&mut retries, &self.cancel).await? {
                return Err(error);
            }
        }
        Ok(())
    }

    fn id_of(&self, document: &RawDocument) -> Option<Key> {
        Key::at(document, self.id())
    }

    fn plan(
        &self,
        origin: Origin,
        (id, from, now): (Key, Option<Key>, DateTime),
        document: RawDocumentBuf,
        (entry, there): (Option<Entry>, Option<RawDocumentBuf>),
        plan: &mut Plan,
        written: &mut Written,
    ) -> Result<()> {
        let Origin { key, digest: source } = origin;
        let found = there.as_deref().map(digest);
        let standing = || match &there {
            Some(there) => self.standing(&document, there),
            None => Standing::Kept,
        };
        let course = Course::of(entry.as_ref(), found, source, now, standing);
        let mut next = Entry {
            target: id,
            from,
            copy: found.unwrap_or_default(),
            before: None,
            source,
            expires: self.expires(&document, now),
            place: Place::There,
            is_done: true,
        };
        match course {
            Course::Insert => {
                next.copy = digest(&document);
                (next.place, next.is_done) = (Place::Coming, false);
                plan.inserted.keys.push(key.clone());
                plan.inserted.documents.push(document);
            }
            Course::Replace => {
                let Some(there) = there else { return Ok(()) };
                let document = placed(&document, &there)?.into_owned();
                (next.copy, next.before) = (digest(&document), found);
                next.is_done = false;
                plan.replaced_keys.push(key.clone());
                plan.replaced.push((document, there));
            }
            Course::Same => written.unchanged += 1,
            Course::Over => {
                written.unchanged += 1;
                return Ok(());
            }
            Course::Ended => {
                written.ended += 1;
                next.place = Place::Ended;
            }
            Course::Kept => {
                written.kept += 1;
                let Some(entry) = &entry else { return Ok(()) };
                // Still what was copied, which the target no longer has.
                (next.copy, next.before) = (entry.copy, entry.before);
                (next.target, next.from) = (entry.target.clone(), entry.from.clone());
            }
        }
        if entry.as_ref() != Some(&next) {
            plan.entries.push((key, next));
        }
        Ok(())
    }

    fn expires(&self, document: &RawDocument, now: DateTime) -> Option<DateTime> {
        self.target.layouts().of(document).glance(document, now).expires
    }

    /// Deletes the copies of sessions that the source no longer has.
    pub(super) async fn remove(self, keys: Vec<Key>) -> Written {
        let mut written = Written { exact: true, ..Written::default() };
        if let Some(ledger) = self.ledger.clone() {
            written.error = self.remove_all(&ledger, &keys, &mut written).await.err();
        }
        written
    }

    async fn remove_all(&self, ledger: &Ledger, keys: &[Key], written: &mut Written) -> Result<()> {
        let entries = ledger.entries(keys).await?;
        let ids: Vec<Key> = entries.values().flat_map(Entry::ids).cloned().collect();
        let mut existing = self.existing(&ids).await?;
        let mut doomed = Vec::new();
        for entry in entries.values() {
            match entry.ids().find_map(|id| existing.remove(id)) {
                None => {}
                Some(there) if entry.is_of(digest(&there)) => doomed.push(there),
                // Written at the target since: it is a session of the target alone.
                Some(_) => written.kept += 1,
            }
        }
        self.delete(doomed, written).await?;
        ledger.forget(&entries.into_keys().collect::<Vec<_>>()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime = DateTime::from_millis(1_000);
    const SOURCE: Digest = [1; 16];
    const COPY: Digest = [2; 16];
    const OTHER: Digest = [3; 16];

    fn entry(place: Place, expires: i64) -> Entry {
        Entry {
            target: "a".into(),
            from: None,
            copy: COPY,
            before: None,
            source: SOURCE,
            expires: Some(DateTime::from_millis(expires)),
            place,
            is_done: place != Place::Coming,
        }
    }

    fn course(entry: Option<&Entry>, there: Option<Digest>, standing: Standing) -> Course {
        Course::of(entry, there, SOURCE, NOW, || standing)
    }

    #[test]
    fn what_was_deleted_at_the_target_before_it_expired_is_not_copied_again() {
        let there = entry(Place::There, 2_000);
        assert_eq!(course(Some(&there), None, Standing::Kept), Course::Ended);
        let endless = Entry { expires: None, ..there };
        assert_eq!(course(Some(&endless), None, Standing::Kept), Course::Ended);
        let ended = entry(Place::Ended, 0);
        assert_eq!(course(Some(&ended), None, Standing::Kept), Course::Ended);
    }

    #[test]
    fn what_expired_at_the_target_is_copied_again_only_if_the_source_renewed_it() {
        let over = entry(Place::There, 500);
        assert_eq!(course(Some(&over), None, Standing::Kept), Course::Over);
        let renewed = Entry { source: OTHER, ..over };
        assert_eq!(course(Some(&renewed), None, Standing::Kept), Course::Insert);
    }

    #[test]
    fn what_a_killed_copy_was_about_to_insert_is_inserted() {
        let coming = entry(Place::Coming, 2_000);
        assert_eq!(course(Some(&coming), None, Standing::Kept), Course::Insert);
        assert_eq!(course(None, None, Standing::Kept), Course::Insert);
    }

    #[test]
    fn what_is_as_it_was_copied_follows_the_source_in_either_direction_of_time() {
        let there = entry(Place::There, 2_000);
        assert_eq!(course(Some(&there), Some(COPY), Standing::Kept), Course::Same);
        let changed = Entry { source: OTHER, ..there.clone() };
        for standing in [Standing::Older, Standing::Kept] {
            assert_eq!(course(Some(&changed), Some(COPY), standing), Course::Replace);
        }
        assert_eq!(course(Some(&changed), Some(COPY), Standing::Same), Course::Same);
        // A write that was recorded and not carried out.
        let interrupted = Entry { copy: OTHER, before: Some(COPY), is_done: false, ..there };
        assert_eq!(course(Some(&interrupted), Some(COPY), Standing::Kept), Course::Replace);
    }

    #[test]
    fn what_was_written_at_the_target_since_is_left_alone() {
        let there = entry(Place::There, 2_000);
        assert_eq!(course(Some(&there), Some(OTHER), Standing::Older), Course::Kept);
        assert_eq!(course(Some(&there), Some(OTHER), Standing::Same), Course::Same);
        // Nothing is recorded of it: the newer one counts.
        assert_eq!(course(None, Some(OTHER), Standing::Older), Course::Replace);
        assert_eq!(course(None, Some(OTHER), Standing::Kept), Course::Kept);
    }
}
