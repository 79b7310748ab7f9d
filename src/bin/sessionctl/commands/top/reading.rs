//! Reads the data of the view in separate tasks, so that the view keeps drawing while no server
//! answers, and no read is cancelled.

use std::time::Duration;

use sessionctl::collections::Purpose;
use sessionctl::connection::Connection;
use sessionctl::layout::UserPlace;
use sessionctl::top::{Counts, Entry, Memory, Snapshot, Wanted};
use sessionctl::{Error, Layouts, Store};
use tokio::sync::{mpsc, watch};

use super::log_out::refusal;
use crate::commands::inspect as whole;
use crate::console::json::pretty_text;
use crate::console::output::Cell;

/// After this time, a snapshot is abandoned and another one is started.
const HOPELESS: Duration = Duration::from_secs(20);
/// The same for a count. The server's own time limit is shorter.
const HOPELESS_COUNT: Duration = Duration::from_secs(200);

/// What the view shows, and how often it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    pub wanted: Wanted,
    pub interval: Duration,
    pub paused: bool,
}

/// The data that was read.
pub enum Update {
    /// The store with the detected layout, and why its sessions cannot be logged out.
    Store(Box<Store>, Option<String>),
    /// A snapshot has started.
    Began,
    Snapshot(Box<Snapshot>, Wanted),
    /// The error of a snapshot. Another one follows.
    Trouble(String),
    Counts(Result<Counts, Error>),
    /// The lines about one session.
    Inspected(Result<Vec<String>, String>),
}

/// The source of the data.
pub struct Poller {
    /// `None` while the collection is empty, because its layout is unknown.
    pub store: Option<Store>,
    pub connection: Connection,
    pub collection: String,
    pub named: Option<Layouts>,
    pub lifetime: Option<Duration>,
    pub user_path: Vec<UserPlace>,
}

impl Poller {
    /// Reads until the view is closed.
    pub async fn poll(self, mut asked: watch::Receiver<Asking>, updates: mpsc::Sender<Update>) {
        let store = loop {
            match self.find().await {
                Ok(Some(store)) => break store,
                Ok(None) => {
                    let empty = "the collection is empty, so its layout is unknown".to_owned();
                    let _ = updates.send(Update::Trouble(empty)).await;
                }
                Err(error) => drop(updates.send(Update::Trouble(error.to_string())).await),
            }
            if !rest(&mut asked, Duration::ZERO).await {
                return;
            }
        };
        let refusal = refusal(&store, self.named.is_some()).await;
        let refusal = refusal.map(|failure| failure.in_one_line());
        if updates.send(Update::Store(Box::new(store.clone()), refusal)).await.is_err() {
            return;
        }
        tokio::join!(
            snapshots(store.clone(), asked.clone(), updates.clone()),
            count_states(store, asked, updates)
        );
    }

    async fn find(&self) -> Result<Option<Store>, Error> {
        if self.store.is_some() {
            return Ok(self.store.clone());
        }
        let Self { connection, collection, named, lifetime, .. } = self;
        let choice = connection
            .choose_layouts(collection, named.as_ref(), *lifetime, Purpose::Reading)
            .await?;
        let layouts = choice.layouts().cloned();
        layouts.as_ref().map_or(Ok(()), Layouts::tell_states)?;
        let layouts = layouts.map(|layouts| layouts.with_user_places(&self.user_path));
        Ok(layouts.map(|layouts| connection.store(collection, layouts)))
    }
}

async fn snapshots(
    store: Store,
    mut asked: watch::Receiver<Asking>,
    updates: mpsc::Sender<Update>,
) {
    let mut memory = Memory::default();
    loop {
        let wanted = asked.borrow_and_update().wanted.clone();
        if updates.send(Update::Began).await.is_err() {
            return;
        }
        let (own, remembered) = (store.clone(), std::mem::take(&mut memory));
        let looking = wanted.clone();
        let snapshot = tokio::spawn(async move { own.snapshot(&looking, remembered).await });
        let snapshot = tokio::select! {
            snapshot = snapshot => snapshot,
            // Its connection may be dead. The task continues detached.
            () = tokio::time::sleep(HOPELESS) => continue,
        };
        let (update, least) = match snapshot {
            Ok(Ok((snapshot, remembers))) => {
                memory = remembers;
                // A search may cost as much as a count.
                let least =
                    if wanted.is_some() { Counts::rest(snapshot.took) } else { Duration::ZERO };
                (Update::Snapshot(Box::new(snapshot), wanted), least)
            }
            Ok(Err(error)) => (Update::Trouble(error.to_string()), Duration::ZERO),
            Err(_) => return,
        };
        if updates.send(update).await.is_err() || !rest(&mut asked, least).await {
            return;
        }
    }
}

async fn count_states(
    store: Store,
    mut asked: watch::Receiver<Asking>,
    updates: mpsc::Sender<Update>,
) {
    loop {
        asked.mark_unchanged();
        let began = tokio::time::Instant::now();
        let own = store.clone();
        let counting = tokio::spawn(async move { own.count_states().await });
        let counts = tokio::select! {
            counts = counting => counts,
            () = tokio::time::sleep(HOPELESS_COUNT) => continue,
        };
        let Ok(counts) = counts else { return };
        // A failed read may have cost as much, unless no server was reached.
        let is_away = |error: &Error| error.is_transient() && error.code().is_none();
        let least = match &counts {
            Err(error) if is_away(error) => Duration::ZERO,
            _ => Counts::rest(began.elapsed()),
        };
        if updates.send(Update::Counts(counts)).await.is_err() {
            return;
        }
        let due = tokio::time::Instant::now() + least;
        if !rest(&mut asked, least).await {
            return;
        }
        tokio::time::sleep_until(due).await;
    }
}

/// Waits until the next read is due: after the interval, but at least after `least`, and not while
/// paused. Returns at once if the view needs other data, and `false` if the view is closed.
async fn rest(asked: &mut watch::Receiver<Asking>, least: Duration) -> bool {
    loop {
        let Asking { interval, paused, .. } = asked.borrow_and_update().clone();
        let due = tokio::time::sleep(interval.max(least));
        tokio::select! {
            changed = asked.changed() => {
                if changed.is_err() {
                    return false;
                }
                if !asked.borrow().paused {
                    return true;
                }
            }
            () = due, if !paused => return true,
        }
    }
}

/// Reads one whole session.
pub async fn inspect(store: Store, line: Entry, full_ids: bool, updates: mpsc::Sender<Update>) {
    let lines = async {
        let now = store.now().await?;
        let Some(document) = store.reread(&line).await? else { return Ok(None) };
        let layout = store.layouts().of(&document);
        let payload = layout.payload(&document);
        let session = layout.session(&document, &payload, now);
        let namespace = store.namespace();
        let row = whole::row(full_ids, false, whole::Whole { session, payload, layout, namespace });
        let lines = row.0.iter().flat_map(|(key, cell)| match cell {
            Cell::Json(value) => {
                let text = pretty_text(value);
                let lines = text.lines().map(|line| format!("  {line}"));
                std::iter::once((*key).to_owned()).chain(lines).collect()
            }
            cell => vec![format!("{key:<14} {}", cell.shown(Some(now)))],
        });
        Ok::<_, Error>(Some(lines.collect()))
    };
    let shown = match lines.await {
        Ok(Some(lines)) => Ok(lines),
        Ok(None) => Err("this session no longer exists".to_owned()),
        Err(error) => Err(format!("could not inspect the session: {error}")),
    };
    let _ = updates.send(Update::Inspected(shown)).await;
}
