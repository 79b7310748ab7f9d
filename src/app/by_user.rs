//! The sessions of one user: listing, ending and limiting them.

use bson::{DateTime, RawDocument};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::layout::Origin;
use crate::model::query::Query;
use crate::model::selection::{Except, Keep, Rank, Selection, logs_in};
use crate::model::session::Session;
use crate::ops::purge::{Action, Purge, Step};
use crate::store::observe::in_task;
use crate::store::{AfterWrite, MAJORITY_WITHIN, Reading, Store, unconfirmed};

/// How often sessions are read and deleted again because they changed in between.
const MOST_ROUNDS: u32 = 20;

/// A session of a user, without its payload.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UserSession {
    /// Its id, its state, its dates and its user.
    pub session: Session,
    /// The client's address and user agent, if the layout or the application stores them.
    pub origin: Origin,
}

impl Store {
    /// The sessions with which `user` is logged in, the most recent first: by last touch, creation,
    /// expiry and `_id`, as far as the layout stores them. Reads from the primary.
    ///
    /// The user is at the places that the layout defines ([`Layout::user`](crate::Layout::user)), or
    /// at the path that [`StoreBuilder::user_path`](crate::StoreBuilder::user_path) names. The server
    /// reads every session, unless there is an index on the user, which
    /// [`StoreBuilder::user_index`](crate::StoreBuilder::user_index) creates. An index only finds
    /// candidates: whichever application wrote a session, its document decides whether it is the user's. A session
    /// whose payload cannot be decoded, for example because it is encrypted, is nobody's.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layout does not define where the user is. Otherwise if the
    /// command cannot be sent or the server rejects it.
    pub async fn sessions_of(&self, user: &str) -> Result<Vec<UserSession>> {
        // A trait object: whether a future this deep is `Send` takes the compiler beyond its limit of
        // recursion, here or in an application that calls this from a function of its own.
        let reading: BoxFuture<'_, _> = Box::pin(self.read_sessions_of(user));
        self.observed("sessions_of", reading).await
    }

    async fn read_sessions_of(&self, user: &str) -> Result<Vec<UserSession>> {
        let store = self.clone().on_primary();
        let selection = Selection::new(Query::of(user), store.primary_now().await?);
        let mut found = Vec::new();
        for filter in selection.filter(store.layouts())? {
            let layouts = store.layouts().clone();
            let take = move |document: &RawDocument, session: Session| {
                let layout = layouts.of(document);
                let origin = layout.origin(document);
                (Rank::of(layout, document, &session), UserSession { session, origin })
            };
            let mut judging = store.judge(filter, &Reading::default(), &selection, take).await?;
            while let Some(judged) = judging.next().await? {
                let of_user = judged.selected.into_iter();
                found.extend(of_user.filter(|(_, found)| logs_in(&found.session)));
            }
        }
        found.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
        Ok(found.into_iter().map(|(_, session)| session).collect())
    }

    /// Deletes every session of `user`, expired ones too, and returns how many there were: the user
    /// is logged out everywhere.
    ///
    /// A session that changes between the read and the delete is read again. When this returns, no
    /// session of the user is left that was there when it was called. It continues if this future
    /// is dropped.
    ///
    /// # Errors
    /// As for [`sessions_of`](Self::sessions_of). [`Error::KeepsChanging`] if sessions of the user
    /// changed during every attempt. Sessions deleted before an error stay deleted. With the
    /// [code](Error::code) 64, all are deleted, but no majority confirmed that within 5 seconds.
    pub async fn destroy_all_of(&self, user: &str) -> Result<u64> {
        let (store, user) = (self.clone().on_primary(), user.to_owned());
        let destroyed = in_task(async move { store.destroy_of(&user, None, Vec::new()).await });
        self.observed("destroy_all_of", destroyed).await
    }

    /// Like [`destroy_all_of`](Self::destroy_all_of), except the session with the id `keep`: the
    /// user is logged out everywhere else.
    ///
    /// # Errors
    /// As for [`destroy_all_of`](Self::destroy_all_of).
    pub async fn destroy_others(&self, user: &str, keep: &str) -> Result<u64> {
        let (store, user, keep) = (self.clone().on_primary(), user.to_owned(), keep.to_owned());
        let destroyed = in_task(async move {
            let kept = store.keys_of(&keep).await?;
            store.destroy_of(&user, None, kept).await
        });
        self.observed("destroy_others", destroyed).await
    }

    /// Deletes one session of `user`, like [`destroy_all_of`](Self::destroy_all_of), but in the task of
    /// the caller. It is left alone if it has become another user's.
    #[cfg(feature = "devices")]
    pub(super) async fn destroy_one_of(&self, user: &str, id: &str) -> Result<u64> {
        let store = self.clone().on_primary();
        let keys = store.keys_of(id).await?;
        store.destroy_of(user, Some(keys), Vec::new()).await
    }

    /// Deletes the sessions of a user, or `only` these, but not those `kept`.
    async fn destroy_of(&self, user: &str, only: Option<Vec<Key>>, kept: Vec<Key>) -> Result<u64> {
        let except = Except { keys: kept, ..Except::default() };
        let of_user = |now| Selection {
            keys: only.clone(),
            except: except.clone(),
            ..Selection::new(Query::of(user), now)
        };
        self.delete_settled(of_user).await
    }

    /// Deletes these sessions, and again those that changed in between, until none did.
    pub(super) async fn delete_settled(
        &self,
        selection: impl Fn(DateTime) -> Selection,
    ) -> Result<u64> {
        let mut deleted = Deleted::default();
        for _ in 0..MOST_ROUNDS {
            let selection = selection(self.primary_now().await?);
            deleted = self.delete_selected(selection).await?.after(deleted);
            if deleted.changed == 0 {
                return deleted.confirmed();
            }
        }
        Err(Error::KeepsChanging(MOST_ROUNDS))
    }

    /// The same store, which leaves each user at most this many sessions.
    ///
    /// Processes that log in the same user at a time need not know of each other: each reads the
    /// sessions after its own write, ranks them alike, and deletes those beyond the limit. So the
    /// last one of them sees all others, and a session among the most recent is never deleted. A
    /// session that changes after the read is not deleted, but ranked again.
    pub(super) fn limited_per_user(self, most: u32) -> Self {
        self.after_write(AfterWrite::new(move |store, user| async move {
            let deleting = store.clone().on_primary().delete_surplus(&user, most);
            store.observed("limit_per_user", deleting).await?;
            Ok(())
        }))
    }

    async fn delete_surplus(self, user: &str, most: u32) -> Result<u64> {
        let mut deleted = Deleted::default();
        for _ in 0..MOST_ROUNDS {
            let now = self.primary_now().await?;
            let ranked = |keep| {
                let keep = Some(keep);
                self.ranked(Selection { keep, ..Selection::new(Query::of(user), now) })
            };
            let mut surplus = ranked(Keep::newest(most)).await?;
            let Some(keep) = surplus.keep.as_ref().filter(|keep| keep.has_surplus()) else {
                return deleted.confirmed();
            };
            // If those that are kept are from after this moment, by a clock that was ahead, the new
            // session is not among them. The clock is read again, because others may have logged in
            // since it was read.
            if keep.ends_after(now) {
                let now = self.primary_now().await?;
                if keep.ends_after(now) {
                    surplus = ranked(Keep::newest(most).until(now)).await?;
                }
            }
            deleted = self.delete_selected(surplus).await?.after(deleted);
        }
        Err(Error::KeepsChanging(MOST_ROUNDS))
    }

    async fn delete_selected(&self, selection: Selection) -> Result<Deleted> {
        self.purge_all(Purge::new(selection, Action::Delete)).await
    }

    pub(super) async fn purge_observed(&self, name: &'static str, purge: Purge) -> Result<u64> {
        let purged = async { self.purge_all(purge).await?.confirmed() };
        self.observed(name, purged).await
    }

    async fn purge_all(&self, purge: Purge) -> Result<Deleted> {
        let purging = self.purge(purge, CancellationToken::new())?;
        let mut purging = purging.confirmed_within(MAJORITY_WITHIN);
        let mut deleted = Deleted::default();
        loop {
            match purging.next().await {
                Ok(Some(Step::Batch(batch))) => {
                    deleted.done += batch.done;
                    // Of an inexact one, it is unknown what is left.
                    deleted.changed += batch.spared.unwrap_or(0) + u64::from(!batch.exact);
                }
                Ok(Some(Step::Paused(_))) => {}
                // The collection is created with the first session.
                Ok(None) | Err(Error::NoCollection { .. }) => {
                    return Ok(Deleted { unconfirmed: purging.unconfirmed(), ..deleted });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// What a purge did.
#[derive(Default)]
struct Deleted {
    done: u64,
    /// How many sessions changed before they could be deleted, and how many batches may have left some.
    changed: u64,
    /// The error that a majority did not confirm a delete in time.
    unconfirmed: Option<Error>,
}

impl Deleted {
    /// The same together with an earlier purge, whose changed sessions this one has read again.
    fn after(self, earlier: Self) -> Self {
        Self {
            done: earlier.done + self.done,
            changed: self.changed,
            unconfirmed: earlier.unconfirmed.or(self.unconfirmed),
        }
    }

    /// How many sessions were deleted, once a majority has confirmed it.
    fn confirmed(self) -> Result<u64> {
        self.unconfirmed.map_or(Ok(self.done), |error| Err(unconfirmed(error)))
    }
}
