//! Reads what the view shows, in tasks of its own: the view goes on drawing while no server answers,
//! and no reading is ever broken off.

use std::time::Duration;

use sessionctl::collections::Purpose;
use sessionctl::connection::Connection;
use sessionctl::top::{Line, Look, Memory, Tally, Wanted};
use sessionctl::{Error, Layout, Store};
use tokio::sync::{mpsc, watch};

use crate::commands::inspect as whole;
use crate::console::json::pretty_text;
use crate::console::output::Cell;

/// After so long a look is left to itself, and another one begun.
const HOPELESS: Duration = Duration::from_secs(20);
/// The same of a count, which the server itself gives up before that.
const HOPELESS_COUNT: Duration = Duration::from_secs(200);

/// What the view wants to see, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    pub wanted: Wanted,
    pub interval: Duration,
    pub paused: bool,
}

/// What was read.
pub enum News {
    /// It is known by now which store writes here.
    Store(Box<Store>),
    /// A look is under way.
    Began,
    Look(Box<Look>, Wanted),
    /// Why there was no look; another one will be taken.
    Trouble(String),
    Tally(Result<Tally, Error>),
    /// The lines of a session.
    Inspected(Result<Vec<String>, String>),
}

/// Where it is read from.
pub struct Source {
    /// `None` while the collection is empty, so that nothing tells the layout.
    pub store: Option<Store>,
    pub connection: Connection,
    pub collection: String,
    pub named: Option<Layout>,
    pub lifetime: Option<Duration>,
}

impl Source {
    /// Reads until nobody listens any more.
    pub async fn read(self, mut asked: watch::Receiver<Asking>, news: mpsc::Sender<News>) {
        let store = loop {
            match self.find().await {
                Ok(Some(store)) => break store,
                Ok(None) => {
                    let empty = "it is empty, so nothing tells which store writes it".to_owned();
                    let _ = news.send(News::Trouble(empty)).await;
                }
                Err(error) => drop(news.send(News::Trouble(error.to_string())).await),
            }
            if !rest(&mut asked, Duration::ZERO).await {
                return;
            }
        };
        if news.send(News::Store(Box::new(store.clone()))).await.is_err() {
            return;
        }
        tokio::join!(
            looks(store.clone(), asked.clone(), news.clone()),
            tallies(store, asked, news)
        );
    }

    async fn find(&self) -> Result<Option<Store>, Error> {
        if self.store.is_some() {
            return Ok(self.store.clone());
        }
        let Self { connection, collection, named, lifetime, .. } = self;
        let choice = connection
            .choose_layout(collection, named.as_ref(), *lifetime, Purpose::Reading)
            .await?;
        Ok(choice.layout().map(|layout| connection.store(collection, layout.clone())))
    }
}

async fn looks(store: Store, mut asked: watch::Receiver<Asking>, news: mpsc::Sender<News>) {
    let mut memory = Memory::default();
    loop {
        let wanted = asked.borrow_and_update().wanted.clone();
        if news.send(News::Began).await.is_err() {
            return;
        }
        let (own, remembered) = (store.clone(), std::mem::take(&mut memory));
        let looking = wanted.clone();
        let look = tokio::spawn(async move { own.watch(&looking, remembered).await });
        let look = tokio::select! {
            look = look => look,
            // Its connection may be dead. The task goes on by itself.
            () = tokio::time::sleep(HOPELESS) => continue,
        };
        let (told, least) = match look {
            Ok(Ok((look, remembers))) => {
                memory = remembers;
                // Whatever is searched for may cost as much as a count.
                let least = if wanted.is_some() { Tally::rest(look.took) } else { Duration::ZERO };
                (News::Look(Box::new(look), wanted), least)
            }
            Ok(Err(error)) => (News::Trouble(error.to_string()), Duration::ZERO),
            Err(_) => return,
        };
        if news.send(told).await.is_err() || !rest(&mut asked, least).await {
            return;
        }
    }
}

async fn tallies(store: Store, mut asked: watch::Receiver<Asking>, news: mpsc::Sender<News>) {
    loop {
        asked.mark_unchanged();
        let began = tokio::time::Instant::now();
        let own = store.clone();
        let counting = tokio::spawn(async move { own.tally().await });
        let tally = tokio::select! {
            tally = counting => tally,
            () = tokio::time::sleep(HOPELESS_COUNT) => continue,
        };
        let Ok(tally) = tally else { return };
        // What failed may have cost as much, unless no server did anything.
        let is_away = |error: &Error| error.is_transient() && error.code().is_none();
        let least = match &tally {
            Err(error) if is_away(error) => Duration::ZERO,
            _ => Tally::rest(began.elapsed()),
        };
        if news.send(News::Tally(tally)).await.is_err() {
            return;
        }
        let due = tokio::time::Instant::now() + least;
        if !rest(&mut asked, least).await {
            return;
        }
        tokio::time::sleep_until(due).await;
    }
}

/// Waits till the next reading is due: after the interval, but after `least` at the earliest, and
/// not while it is paused. At once where something else is asked for. `false`: nobody listens.
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

/// Reads one session whole.
pub async fn inspect(store: Store, line: Line, full_ids: bool, news: mpsc::Sender<News>) {
    let lines = async {
        let now = store.now().await?;
        let Some(document) = store.again(&line).await? else { return Ok(None) };
        let payload = store.layout().payload(&document);
        let session = store.layout().session(&document, &payload, now);
        let row = whole::row(full_ids, false, &store, session, payload);
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
    let told = match lines.await {
        Ok(Some(lines)) => Ok(lines),
        Ok(None) => Err("this session is gone".to_owned()),
        Err(error) => Err(format!("could not inspect the session: {error}")),
    };
    let _ = news.send(News::Inspected(told)).await;
}
