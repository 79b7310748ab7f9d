//! Looking at the sessions of a purge without doing anything to them: how many they are, how many are
//! left out, and which came back.

use bson::{Bson, RawDocument, doc};

use super::spec::{Action, Purge};
use crate::error::Result;
use crate::model::filter::all;
use crate::model::query::{Elsewhere, Met};
use crate::model::selection::Selection;
use crate::model::session::Session;
use crate::ops::select::Judged;
use crate::server::reply::{documents, key_of};
use crate::store::{Reading, Store};

/// The sessions that a purge is about.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// How many they are.
    pub selected: u64,
    /// Sessions that have the user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// Sessions of which nobody can say, because their payload cannot be decoded.
    pub undecided: u64,
    /// Which of the users of the selection have selected sessions.
    pub met: Met,
    /// The `_id`s of those that are selected, if they were read and are few: to find them again.
    pub keys: Option<Vec<Bson>>,
}

/// How many `_id`s are kept, to be found again: more than a few thousand users have sessions.
const FEW: usize = 50_000;

/// How many `_id`s go into one filter, which has room for 16 MB.
const KEYS_AT_ONCE: usize = 10_000;

impl Store {
    /// To how many sessions a purge has something to do now. Where only their payloads tell, every
    /// candidate is decoded, and `looked_at` hears how many of them at a time.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(&self, purge: &Purge, looked_at: impl FnMut(u64)) -> Result<u64> {
        self.count_and_judge(purge, looked_at).await.map(|counted| counted.selected)
    }

    /// The same, with what else the candidates tell.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_and_judge(
        &self,
        purge: &Purge,
        looked_at: impl FnMut(u64),
    ) -> Result<Counted> {
        self.judged(purge, &purge.selection, looked_at).await
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
        let others = purge.selection.of_any_user(layouts);
        self.judged(purge, others.as_ref().unwrap_or(&purge.selection), looked_at).await
    }

    /// Judges what `read` finds, each session by the selection of the purge.
    async fn judged(
        &self,
        purge: &Purge,
        read: &Selection,
        mut looked_at: impl FnMut(u64),
    ) -> Result<Counted> {
        let (selection, layouts) = (&purge.selection, self.layouts());
        let parts = match &read.keys {
            Some(keys) => {
                let of = |some: &[Bson]| Selection { keys: Some(some.to_vec()), ..read.clone() };
                keys.chunks(KEYS_AT_ONCE).map(of).collect()
            }
            None => self.parts(read).await?,
        };
        let (mut counted, mut keys) = (Counted::default(), Some(Vec::new()));
        for part in parts {
            let filter = Purge { selection: part, ..purge.clone() }.filter(layouts)?;
            if !selection.needs_payload() {
                counted.selected += self.count(filter).await?;
                keys = None;
                continue;
            }
            let take = |document: &RawDocument, _: Session| key_of(document);
            let mut judging = self.judge(filter, &Reading::default(), selection, take).await?;
            while let Some(judged) = judging.next().await? {
                let Judged { selected, looked_at: sessions, elsewhere, undecided, met } = judged;
                counted.selected += selected.len() as u64;
                counted.elsewhere.join(elsewhere);
                counted.undecided += undecided;
                counted.met.join(met);
                keep(&mut keys, selected);
                looked_at(sessions);
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
            Some(unclear) => self.count(layouts.either(unclear)).await?,
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
                    .filter(|session| purge.selection.session(layouts, session).is_some());
                keys.extend(back.filter_map(key_of));
            }
        }
        Ok(keys)
    }
}

/// Adds the `_id`s of some documents, unless there are too many by now.
fn keep(keys: &mut Option<Vec<Bson>>, selected: Vec<Option<Bson>>) {
    let few = keys.take().filter(|kept| kept.len() + selected.len() <= FEW);
    *keys = few.and_then(|mut kept| {
        kept.extend(selected.into_iter().collect::<Option<Vec<_>>>()?);
        Some(kept)
    });
}
