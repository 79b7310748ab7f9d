//! The settings of a sweep.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::Result;
use crate::model::layout::{Layouts, UserPlace};
use crate::ops::collections::Purpose;
use crate::ops::lease::Terms;
use crate::ops::purge::{Pace, PaceControl};
use crate::server::connection::Connection;
use crate::store::Store;

/// The longest time between two events of a waiting sweep: a third of the shortest time after which
/// the program considers it stuck.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);

/// How to sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// The time from the start of one pass to the start of the next.
    pub interval: Duration,
    /// Delays each pass but the first by a random time of up to this duration.
    pub jitter: Duration,
    /// How long a session must have been expired before it is deleted, because an application may
    /// be about to touch it.
    pub grace: Duration,
    /// Also deletes sessions that never expire, if they have been idle for at least this long.
    pub idle: Option<Duration>,
    /// Sessions per batch; see [`Purge::batch_size`](crate::ops::purge::Purge::batch_size).
    pub batch_size: Option<u32>,
    /// Batches in flight; see [`Purge::jobs`](crate::ops::purge::Purge::jobs).
    pub jobs: Option<u32>,
    /// How to throttle.
    pub pace: Pace,
    /// The file that sessions are written to before they are deleted; see
    /// [`archive_path`](crate::sweep::archive_path).
    pub archive: Option<PathBuf>,
    /// Sweeps only while it holds the lease of the namespace. `None` sweeps without regard to other
    /// sweepers.
    pub lease: Option<Terms>,
    /// Measures what remains after each pass, for
    /// [`Event::Measured`](crate::sweep::Event::Measured).
    pub measure: bool,
    /// Stops after one complete pass, or immediately if another sweeper holds the lease.
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

/// Controls a running sweep.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// Stops the sweep: the current batch is finished, and the lease is given back.
    pub cancel: CancellationToken,
    /// Starts a pass now, without waiting for the interval. Ignored while another sweeper holds the
    /// lease.
    pub wake: Arc<Notify>,
    /// Changes the pace while the sweep runs; it begins with [`Sweep::pace`] if there is none.
    pub pace: Option<PaceControl>,
}

/// What to sweep.
#[derive(Debug, Clone)]
pub struct Target {
    /// The connection.
    pub connection: Connection,
    /// The collection.
    pub collection: String,
    /// The layouts. If `None`, they are detected again in each pass.
    pub layouts: Option<Layouts>,
    /// How long a session lives after its last touch, for layouts where only the operator knows it.
    pub lifetime: Option<Duration>,
    /// Where to look for the user, if not where the layout says.
    pub user: Vec<UserPlace>,
}

impl Target {
    /// The collection and the layouts of `store`.
    pub fn of(store: &Store) -> Self {
        Self {
            connection: store.connection().clone(),
            collection: store.name().to_owned(),
            layouts: Some(store.layouts().clone()),
            lifetime: None,
            user: Vec::new(),
        }
    }

    /// `database.collection`.
    pub fn namespace(&self) -> String {
        self.connection.namespace(&self.collection)
    }

    /// The store, with the layout that the collection has now.
    ///
    /// # Errors
    /// If the layout is not certain, or the command cannot be sent or the server rejects it.
    pub async fn store(&self) -> Result<Store> {
        let Self { connection, collection, layouts, lifetime, user } = self;
        let choice = connection
            .choose_layouts(collection, layouts.as_ref(), *lifetime, Purpose::Changing)
            .await?;
        let layouts = choice.certain()?.clone().with_user_places(user);
        layouts.tell_states()?;
        Ok(connection.store(collection, layouts))
    }
}
