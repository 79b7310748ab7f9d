//! Looking at the sessions of a purge without doing anything to them: how many they are, how many are
//! left out, and which came back.

use bson::{Bson, Document, RawDocument, doc};

use super::spec::{Action, Purge};
use crate::error::Result;
use crate::model::filter::all;
use crate::model::query::{Elsewhere, Verdict};
use crate::server::reply::{documents, key_of};
use crate::store::{Reading, Store};

/// The sessions that a purge is about.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// How many they are.
    pub selected: u64,
    /// Sessions that have the user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// The `_id`s of those that are selected, if they were read and are few: to find them again.
    pub keys: Option<Vec<Bson>>,
}

/// How many `_id`s are kept, to be found again: more than any user has sessions.
const FEW: usize = 1000;

/// How many `_id`s go into one filter, which has room for 16 MB.
const KEYS_AT_ONCE: usize = 10_000;

impl Store {
    /// To how many sessions a purge has something to do now. Where only their payloads tell, every
    /// candidate is decoded, and `looked_at` hears how many of them at a time.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(&self, purge: &Purge, looked_at: impl FnMut(u64)) -> Result<u64> {
        let predicate = purge.predicate(self.layouts())?;
        self.judged(purge, &predicate, looked_at).await.map(|counted| counted.selected)
    }

    /// The same, with the sessions that have the user of the selection at another place than those
    /// of the layout, and would stay logged in without a word.
    ///
    /// The server finds a text anywhere in JSON, but a value in a document only by its path. There
    /// all sessions are read that the rest of the selection admits, and compared as they are: a
    /// sample would miss the one that matters. A field that the store has for the user is no
    /// exception: Laravel's holds only the user of the default guard.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_of_user(
        &self,
        purge: &Purge,
        looked_at: impl FnMut(u64),
    ) -> Result<Counted> {
        let layouts = self.layouts();
        let predicate = match purge.selection.of_any_user(layouts) {
            Some(selection) => Purge { selection, ..purge.clone() }.predicate(layouts)?,
            None => purge.predicate(layouts)?,
        };
        self.judged(purge, &predicate, looked_at).await
    }

    /// Judges what matches the predicate, each session by the selection of the purge.
    async fn judged(
        &self,
        purge: &Purge,
        predicate: &Document,
        mut looked_at: impl FnMut(u64),
    ) -> Result<Counted> {
        let (selection, layouts) = (&purge.selection, self.layouts());
        let keyed = |keys: &[Bson]| doc! { "_id": { "$in": keys } };
        let parts = match &selection.keys {
            None => vec![Document::new()],
            Some(keys) => keys.chunks(KEYS_AT_ONCE).map(keyed).collect(),
        };
        let (mut counted, mut keys) = (Counted::default(), Some(Vec::new()));
        for part in parts {
            let filter = all(vec![part, predicate.clone()]);
            if !selection.needs_payload() {
                counted.selected += self.count(filter).await?;
                keys = None;
                continue;
            }
            let mut batches = self.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                for document in documents(&batch) {
                    match selection.verdict(layouts, document) {
                        Verdict::Selected(_) => {
                            counted.selected += 1;
                            keep(&mut keys, document);
                        }
                        Verdict::Elsewhere(places) => counted.elsewhere.add(places),
                        Verdict::Other => {}
                    }
                }
                looked_at(documents(&batch).count() as u64);
            }
        }
        // Whoever is named by an `_id` is meant, even a credential.
        counted.keys = keys.filter(|_| layouts.credentials().is_none());
        Ok(counted)
    }

    /// How many documents a purge spares because they are credentials rather than logins.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_spared(&self, purge: &Purge) -> Result<u64> {
        match purge.selection.left_out(self.layouts())? {
            Some(spared) => self.count(spared).await,
            None => Ok(0),
        }
    }

    /// Of the sessions that a purge would mend, how many are over as soon as they are; and how many
    /// have the fault in a form that nobody can mend for sure.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_mended(&self, purge: &Purge) -> Result<(u64, u64)> {
        let Action::Fix(mendings) = &purge.action else { return Ok((0, 0)) };
        let layouts = self.layouts();
        let over = layouts.either(mendings.iter().map(|mending| mending.over.clone()).collect());
        let over = all(vec![purge.filter(layouts)?, over]);
        let unclear = mendings.iter().map(|mending| mending.unclear.clone());
        let unclear = match unclear.collect::<Option<Vec<_>>>() {
            Some(unclear) => {
                let invariant = purge.selection.invariant(layouts);
                self.count(all(vec![invariant, layouts.either(unclear)])).await?
            }
            None => 0,
        };
        Ok((self.count(over).await?, unclear))
    }

    /// The `_id`s of sessions that match a purge although it ended them: of those that their store
    /// looks up by `ids`.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn reappeared(&self, purge: &Purge, ids: &[Bson]) -> Result<Vec<Bson>> {
        let layouts = self.layouts();
        // A store that writes a session back may do so under another `_id`.
        let mut purge = purge.clone();
        (purge.selection.keys, purge.selection.spares_credentials) = (None, false);
        let predicate = purge.predicate(layouts)?;
        let mut keys = Vec::new();
        for some in ids.chunks(KEYS_AT_ONCE) {
            let these = layouts.each(|layout| doc! { &layout.id.path: { "$in": some } });
            let filter = all(vec![these, predicate.clone()]);
            let mut batches = self.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                // A collation may have found others, too.
                let is_named = |session: &&RawDocument| {
                    some.contains(layouts.of(session).id_of(session).value())
                };
                let back = documents(&batch)
                    .filter(is_named)
                    .filter(|session| purge.selection.admits(layouts, session));
                keys.extend(back.filter_map(key_of));
            }
        }
        Ok(keys)
    }
}

/// Adds the `_id` of a document, unless there are too many by now.
fn keep(keys: &mut Option<Vec<Bson>>, document: &RawDocument) {
    match (keys.as_mut(), key_of(document)) {
        (Some(kept), Some(key)) if kept.len() < FEW => kept.push(key),
        _ => *keys = None,
    }
}
