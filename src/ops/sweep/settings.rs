//! What is swept, and how: plain values.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::lease::Terms;
use crate::error::Result;
use crate::model::layout::{Layout, UserPlace};
use crate::ops::collections::Purpose;
use crate::ops::purge::Pace;
use crate::server::connection::Connection;
use crate::store::Store;

/// How to sweep: a plain value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// From the start of one pass to the start of the next.
    pub interval: Duration,
    /// Each pass but the first begins up to so much later, at random.
    pub jitter: Duration,
    /// Sessions are spared until they have been expired for so long, because an application may be
    /// about to touch them.
    pub grace: Duration,
    /// Removes endless sessions, too, that were not touched for so long.
    pub idle: Option<Duration>,
    /// Sessions a batch; see [`Purge::batch_size`](crate::ops::purge::Purge::batch_size).
    pub batch_size: Option<u32>,
    /// Batches in flight; see [`Purge::jobs`](crate::ops::purge::Purge::jobs).
    pub jobs: Option<u32>,
    /// How gently.
    pub pace: Pace,
    /// The file in which sessions are put aside before they are deleted; see
    /// [`archive_path`](crate::sweep::archive_path).
    pub archive: Option<PathBuf>,
    /// Works only under the lease of the namespace. Without terms it takes nobody into account.
    pub lease: Option<Terms>,
    /// Measures after each pass what it left behind, for
    /// [`Event::Measured`](crate::sweep::Event::Measured).
    pub measure: bool,
    /// End after one pass that was carried out, or at once if another has the lease.
    pub once: bool,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            jitter: Duration::ZERO,
            grace: Duration::ZERO,
            idle: None,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            archive: None,
            lease: None,
            measure: false,
            once: false,
        }
    }
}

/// How a sweep is told what to do.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Ends it: the batch under way is finished, and the lease is given back.
    pub cancel: CancellationToken,
    /// Begins a pass now, without waiting for the interval. A sweep without the lease takes no heed.
    pub wake: Arc<Notify>,
}

/// What is swept.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is.
    pub connection: Connection,
    /// The collection.
    pub collection: String,
    /// Its layout; without one the documents are judged anew in each pass.
    pub layout: Option<Layout>,
    /// How long a session lives after its last touch, where only the operator knows.
    pub lifetime: Option<Duration>,
    /// Where users are, if not where the layout looks.
    pub user: Vec<UserPlace>,
}

impl Target {
    /// The collection of `store`, in its layout.
    pub fn of(store: &Store) -> Self {
        Self {
            connection: store.connection().clone(),
            collection: store.name().to_owned(),
            layout: Some(store.layout().clone()),
            lifetime: None,
            user: Vec::new(),
        }
    }

    /// `database.collection`.
    pub fn namespace(&self) -> String {
        self.connection.namespace(&self.collection)
    }

    /// The store as it is now.
    pub(super) async fn store(&self) -> Result<Store> {
        let Self { connection, collection, layout, lifetime, user } = self;
        let choice = connection
            .choose_layout(collection, layout.as_ref(), *lifetime, Purpose::Changing)
            .await?;
        let layout = choice.certain()?.clone().with_user_places(user);
        layout.tells_states()?;
        Ok(connection.store(collection, layout))
    }
}
