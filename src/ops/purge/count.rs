//! Looking at the sessions of a purge without doing anything to them: how many they are, how many are
//! left out, and which came back.

use bson::{Bson, Document, doc};

use super::spec::{Action, Purge};
use crate::error::Result;
use crate::model::filter::all;
use crate::server::reply::{documents, key_of};
use crate::store::{Reading, Store};

/// How many `_id`s go into one filter, which has room for 16 MB.
const KEYS_AT_ONCE: usize = 10_000;

impl Store {
    /// To how many sessions a purge has something to do now. Where only their payloads tell, every
    /// candidate is decoded, and `looked_at` hears how many of them at a time.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(
        &self,
        purge: &Purge,
        mut looked_at: impl FnMut(u64),
    ) -> Result<u64> {
        let (selection, layout) = (&purge.selection, self.layout());
        let predicate = purge.predicate(layout)?;
        let keyed = |keys: &[Bson]| doc! { "_id": { "$in": keys } };
        let parts = match &selection.keys {
            None => vec![Document::new()],
            Some(keys) => keys.chunks(KEYS_AT_ONCE).map(keyed).collect(),
        };
        let mut count = 0;
        for part in parts {
            let filter = all(vec![part, predicate.clone()]);
            if !selection.needs_payload() {
                count += self.count(filter).await?;
                continue;
            }
            let mut batches = self.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                for document in documents(&batch) {
                    count += u64::from(selection.admits(layout, document));
                }
                looked_at(documents(&batch).count() as u64);
            }
        }
        Ok(count)
    }

    /// How many documents a purge spares because they are credentials rather than logins.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count_spared(&self, purge: &Purge) -> Result<u64> {
        match purge.selection.left_out(self.layout())? {
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
        let Action::Fix(mending) = &purge.action else { return Ok((0, 0)) };
        let over = all(vec![purge.filter(self.layout())?, mending.over.clone()]);
        let unclear = match &mending.unclear {
            Some(unclear) => self.count(unclear.clone()).await?,
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
        let layout = self.layout();
        // A store that writes a session back may do so under another `_id`.
        let mut purge = purge.clone();
        (purge.selection.keys, purge.selection.spares_credentials) = (None, false);
        let predicate = purge.predicate(layout)?;
        let mut keys = Vec::new();
        for some in ids.chunks(KEYS_AT_ONCE) {
            let these = doc! { &layout.id.path: { "$in": some } };
            let filter = all(vec![these, predicate.clone()]);
            let mut batches = self.read(filter, &Reading::default()).await?;
            while let Some(batch) = batches.next().await? {
                let back =
                    documents(&batch).filter(|session| purge.selection.admits(layout, session));
                keys.extend(back.filter_map(key_of));
            }
        }
        Ok(keys)
    }
}
