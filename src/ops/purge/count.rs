//! Counts the sessions of a purge without changing them: how many match, how many are spared, and which
//! came back.

use std::collections::HashSet;

use bson::{Document, RawDocument};

use super::spec::{Action, Purge};
use crate::error::Result;
use crate::model::filter::{Filter, all};
use crate::model::key::Key;
use crate::model::query::{Elsewhere, Met};
use crate::model::selection::{MOST_BYTES, MOST_KEYS, Selection, chunks};
use crate::model::session::Session;
use crate::ops::select::Judged;
use crate::server::reply::documents;
use crate::store::{Reading, Store};

/// The sessions of a purge.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// The number of sessions.
    pub selected: u64,
    /// Sessions that have the user of the selection where the layout does not look.
    pub elsewhere: Elsewhere,
    /// Sessions for which it is unknown whether they match, because their payload cannot be
    /// decoded.
    pub undecided: u64,
    /// Which of the users of the selection have selected sessions.
    pub met: Met,
    /// The `_id`s of the selected sessions, if they were read and are few enough, to find them
    /// again.
    pub keys: Option<Vec<Key>>,
}

/// How many `_id`s are kept: more than the sessions of a few thousand users.
const FEW: usize = 50_000;

impl Store {
    /// Counts the sessions that a purge matches now. If their payloads decide, every candidate is
    /// decoded, and `looked_at` is called with the number of each batch.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selected(&self, purge: &Purge, looked_at: impl FnMut(u64)) -> Result<u64> {
        self.count_and_judge(purge, looked_at).await.map(|counted| counted.selected)
    }

    /// Counts the sessions of a selection, whatever is to be done with them.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn count_selection(
        &self,
        selection: &Selection,
        looked_at: impl FnMut(u64),
    ) -> Result<u64> {
        let mut purge = Purge::new(selection.clone(), Action::Delete);
        // Without the condition that spares credentials of programs.
        purge.selection = selection.clone();
        self.count_selected(&purge, looked_at).await
    }

    /// Counts like [`Store::count_selected`], with more facts about the candidates.
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

    /// The same, with the sessions that have the user of the selection in another place than those
    /// of the layout, and would silently stay logged in.
    ///
    /// The server finds text anywhere in JSON, but a value in a document only by its path. For
    /// documents, all sessions that match the rest of the selection are read and compared: a sample
    /// could miss the one that matters. This applies even if the store has a field for the user:
    /// Laravel's field holds only the user of the default guard.
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

    /// Checks each session that `read` finds against the selection of the purge.
    async fn judged(
        &self,
        purge: &Purge,
        read: &Selection,
        mut looked_at: impl FnMut(u64),
    ) -> Result<Counted> {
        let (selection, layouts) = (&purge.selection, self.layouts());
        let (mut counted, mut keys) = (Counted::default(), Some(Vec::new()));
        for part in self.parts(read).await? {
            let part = Purge { selection: part, ..purge.clone() };
            for filter in part.filter(layouts)? {
                if !selection.needs_payload() {
                    counted.selected += self.count(filter).await?;
                    keys = None;
                    continue;
                }
                let take = |document: &RawDocument, _: Session| Key::of(document);
                let mut judging = self.judge(filter, &Reading::default(), selection, take).await?;
                while let Some(judged) = judging.next().await? {
                    let Judged { selected, looked_at: sessions, elsewhere, undecided, met } =
                        judged;
                    counted.selected += selected.len() as u64;
                    counted.elsewhere.join(elsewhere);
                    counted.undecided += undecided;
                    counted.met.join(met);
                    keep(&mut keys, selected);
                    looked_at(sessions);
                }
            }
        }
        // A session named by its `_id` is selected, even a credential.
        counted.keys = keys.filter(|_| layouts.credentials().is_none());
        Ok(counted)
    }

    /// How many documents a purge spares because they are credentials rather than logins.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn count_spared(&self, purge: &Purge) -> Result<u64> {
        match purge.selection.left_out(self.layouts())? {
            Some(spared) => self.count(spared).await,
            None => Ok(0),
        }
    }

    /// Of the sessions that a purge would fix, how many will be expired once fixed; and how many
    /// have the fault in a form that has no clear meaning.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn count_mended(&self, purge: &Purge) -> Result<(u64, u64)> {
        let Action::Fix(mendings) = &purge.action else { return Ok((0, 0)) };
        let layouts = self.layouts();
        let over = layouts.either(mendings.iter().map(|mending| mending.over.clone()).collect());
        let over = all(vec![purge.predicate(layouts)?, over]);
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

    /// The `_id`s of sessions that match a purge although it ended them, among those with these
    /// `ids`.
    ///
    /// # Errors
    /// As for [`Store::purge`].
    pub async fn reappeared(&self, purge: &Purge, ids: &[Key]) -> Result<Vec<Key>> {
        let layouts = self.layouts();
        // A store that writes a session back may do so under another `_id`.
        let mut purge = purge.clone();
        (purge.selection.keys, purge.selection.spares_credentials) = (None, false);
        let predicate = purge.predicate(layouts)?;
        let each = match layouts.share_ids() {
            true => vec![(&*self.layout().id.path, predicate)],
            false => {
                let of = |(layout, member): (_, Document)| {
                    (layout, all(vec![member, predicate.clone()]))
                };
                let paths = layouts.iter().map(|layout| &*layout.id.path);
                paths.zip(layouts.members()).map(of).collect()
            }
        };
        let mut keys = Vec::new();
        for some in chunks(ids, MOST_KEYS, MOST_BYTES) {
            let named: HashSet<&Key> = some.iter().collect();
            // A collation may match other ids, too.
            let is_named = |session: &&RawDocument| {
                let id = Key::at(session, &layouts.of(session).id.path);
                id.or_else(|| Key::of(session)).is_some_and(|id| named.contains(&id))
            };
            for (path, filter) in &each {
                let these = Filter::keyed(path, some.to_vec(), filter.clone());
                let mut batches = self.read(these, &Reading::default()).await?;
                while let Some(batch) = batches.next().await? {
                    let back = documents(&batch)
                        .filter(is_named)
                        .filter(|session| purge.selection.session(layouts, session).is_some());
                    keys.extend(back.filter_map(Key::of));
                }
            }
        }
        Ok(keys)
    }
}

/// Adds the `_id`s of some documents, unless there are too many by now.
fn keep(keys: &mut Option<Vec<Key>>, selected: Vec<Option<Key>>) {
    let few = keys.take().filter(|kept| kept.len() + selected.len() <= FEW);
    *keys = few.and_then(|mut kept| {
        kept.extend(selected.into_iter().collect::<Option<Vec<_>>>()?);
        Some(kept)
    });
}
