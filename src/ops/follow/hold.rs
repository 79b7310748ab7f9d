//! Keeps a selection ended: reports its sessions that are created or come back, from a change stream or by
//! regular scans.

use std::time::Duration;

use bson::DateTime;
use tokio_util::sync::CancellationToken;

use super::changes::Details;
use super::event::{Changed, Kind};
use super::scan::check;
use super::step::Means;
use super::watch::{Noticed, Watch};
use crate::error::{Error, Result};
use crate::model::key::Key;
use crate::model::layout::Layouts;
use crate::model::selection::Selection;
use crate::ops::purge::Purge;
use crate::store::Store;

/// A selection that is held.
#[derive(Debug)]
pub struct Holding {
    store: Store,
    purge: Purge,
    watch: Watch,
}

/// The next step of a hold.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Due {
    /// The caller must run this purge, on the whole selection or on sessions that were written.
    Run(Box<Purge>),
    /// Nothing happened for a second.
    Idle,
    /// Scans have become slower.
    Slower(Means),
    /// The server is unreachable.
    Away {
        /// The error.
        error: Error,
        /// The time until the next attempt.
        pause: Duration,
    },
    /// The server is back. The whole selection is due next.
    Resumed,
}

impl Store {
    /// Holds the selection of `purge`. The change stream is opened first, and then the whole selection is
    /// due, so that no session is missed.
    ///
    /// # Errors
    /// As for [`Store::follow`] and [`Store::purge`].
    pub async fn hold(&self, purge: Purge, cancel: CancellationToken) -> Result<Holding> {
        check(self, &purge.selection)?;
        self.purge(purge.clone(), cancel.clone())?;
        let store = self.clone().for_run("hold");
        let watch = Watch::begin(store.clone(), Details::Documents, cancel).await?;
        Ok(Holding { store, purge, watch })
    }
}

impl Holding {
    /// Records that the caller ended the whole selection after the start of the hold, and how long
    /// that took.
    pub fn is_carried_out(&mut self, took: Duration) {
        self.watch.is_carried_out(took);
    }

    /// How it notices writes of sessions.
    pub fn means(&self) -> Means {
        self.watch.means()
    }

    /// Holds other sessions from now on; all of them are due next.
    pub fn replace(&mut self, purge: Purge) {
        self.purge = purge;
        self.watch.repeat();
    }

    /// The next step. The call records that the previous step was done. `None` after cancellation.
    ///
    /// # Errors
    /// As for [`Following::next`](crate::follow::Following::next).
    pub async fn next(&mut self) -> Result<Option<Due>> {
        // At most about a second old when a change arrives.
        let held = at(&self.purge.selection, self.watch.now());
        let layouts = self.store.layouts();
        // A purge by `_id` ends credentials, too, and that of the whole selection spares them.
        let (spares, mut is_unclear) = (spares(&held, layouts), false);
        let concerns = |changed: &Changed<'_>| {
            let is_held = is_held(&held, layouts, changed);
            is_unclear |= is_held && spares && changed.after.is_none();
            is_held
        };
        let Some(noticed) = self.watch.next(concerns).await? else { return Ok(None) };
        Ok(Some(match noticed {
            Noticed::All => Due::Run(Box::new(self.purge_of(None))),
            Noticed::Keys(_) if is_unclear => Due::Run(Box::new(self.purge_of(None))),
            Noticed::Keys(keys) => Due::Run(Box::new(self.purge_of(Some(keys)))),
            Noticed::Idle => Due::Idle,
            Noticed::Slower(means) => Due::Slower(means),
            Noticed::Away(error, pause) => Due::Away { error, pause },
            Noticed::Resumed | Noticed::Lost(_) => Due::Resumed,
        }))
    }

    /// Records that a step failed. The whole selection is due after a pause.
    ///
    /// # Errors
    /// The same error, if it cannot go away by itself.
    pub fn failed(&mut self, error: Error) -> Result<Due> {
        self.watch.failed(error).map(|(error, pause)| Due::Away { error, pause })
    }

    /// The purge of the whole selection, or of these sessions, as of now.
    fn purge_of(&self, keys: Option<Vec<Key>>) -> Purge {
        let selection = at(&self.purge.selection, self.watch.now());
        let mut purge = Purge { selection, ..self.purge.clone() };
        if keys.is_some() {
            purge.selection.keys = keys;
        }
        purge
    }
}

/// The selection, with ages and expiries as of `now`.
fn at(selection: &Selection, now: DateTime) -> Selection {
    Selection { now, cutoff: now, ..selection.clone() }
}

/// Whether a document that was written is held, or may be: the server may no longer know what it was.
fn is_held(held: &Selection, layouts: &Layouts, changed: &Changed<'_>) -> bool {
    let Some(document) = changed.after else { return changed.kind != Kind::Deleted };
    let is_spared = spares(held, layouts) && layouts.of(document).is_credential(document);
    held.holds(layouts, document) && !is_spared
}

/// Whether credentials are among the documents, and are spared.
fn spares(held: &Selection, layouts: &Layouts) -> bool {
    // A purge by `_id` does not spare credentials.
    held.spares_credentials && held.keys.is_none() && layouts.credentials().is_some()
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use bson::raw::RawDocumentBuf;

    use super::super::event::Notice;
    use super::*;
    use crate::model::layout::Layout;
    use crate::model::query::{Query, Users};

    #[test]
    fn a_session_that_the_server_no_longer_knows_is_held_unless_it_was_deleted() {
        let layouts = Layouts::from(Layout::named("connect-mongo-json").unwrap().clone());
        let users = Some(Users::from_iter(["asa"]));
        let query = Query { users, ..Query::default() };
        let held = Selection::new(query, DateTime::from_millis(0));
        let is_due = |kind: &str, user: Option<&str>| {
            let session = user.map(|user| {
                let payload = format!("{{\"cookie\":{{}},\"userId\":\"{user}\"}}");
                doc! { "_id": "a", "expires": DateTime::from_millis(9), "session": payload }
            });
            let event = doc! {
                "operationType": kind, "documentKey": { "_id": "a" }, "fullDocument": session,
            };
            let event = RawDocumentBuf::try_from(&event).unwrap();
            let Notice::Document(changed) = Notice::of(&event) else { panic!("{event:?}") };
            is_held(&held, &layouts, &changed)
        };
        assert!(is_due("update", Some("asa")) && !is_due("update", Some("bo")));
        assert!(is_due("update", None) && is_due("replace", None));
        assert!(!is_due("delete", None));
    }

    #[test]
    fn credentials_are_only_spared_where_the_layout_has_some_and_none_is_named() {
        let layouts = |name| Layouts::from(Layout::named(name).unwrap().clone());
        let mut held = Selection::new(Query::default(), DateTime::from_millis(0));
        held.spares_credentials = true;
        assert!(spares(&held, &layouts("shopify")) && !spares(&held, &layouts("symfony")));
        held.keys = Some(vec!["a".into()]);
        assert!(!spares(&held, &layouts("shopify")));
    }
}
