//! tower-sessions-mongodb-store 0.11, controlled over stdin: `open URI DATABASE`, then lines such
//! as `load 10000 8`, which is ten thousand sessions with eight tasks in flight. The answer to each
//! line is one line: the microseconds that it took.
//!
//! The store has no touch. All that gives a session a new expiry by its id is to load and to save it,
//! which is what `touch` does here.

mod work;

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::runtime::Runtime;
use tower_sessions_core::SessionStore as _;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_mongodb_store::MongoDBStore;
use tower_sessions_mongodb_store::mongodb::Client;

fn main() {
    let runtime = work::runtime();
    let mut store = None;
    // So that each save differs from the last.
    let mut views = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let words: Vec<&str> = line.split(' ').collect();
        let took = match words[..] {
            ["open", uri, database] => {
                store = Some(open(&runtime, uri, database));
                Duration::ZERO
            }
            [work, sessions, tasks] => {
                let store: &MongoDBStore = store.as_ref().expect("a store that is open");
                let (sessions, tasks) = (number(sessions), number(tasks));
                views += 1;
                runtime.block_on(run(store, work, sessions, tasks, views))
            }
            _ => panic!("{line}"),
        };
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", took.as_micros()).and_then(|()| stdout.flush()).expect("an answer");
    }
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}

fn open(runtime: &Runtime, uri: &str, database: &str) -> MongoDBStore {
    let client = runtime.block_on(Client::with_uri_str(uri)).expect("a client");
    MongoDBStore::new(client, database.to_owned())
}

async fn run(
    store: &MongoDBStore,
    work: &str,
    sessions: u32,
    tasks: u32,
    views: u32,
) -> Duration {
    let store = store.clone();
    match work {
        "save" => {
            let save = move |number| {
                let store = store.clone();
                async move {
                    let data = work::data(number, views);
                    store.save(&record(number, data)).await.expect("a save");
                }
            };
            work::each(sessions, tasks, save).await
        }
        "load" => {
            let load = move |number| {
                let store = store.clone();
                async move {
                    let found = store.load(&Id(work::id(number))).await.expect("a load");
                    assert!(found.is_some_and(|found| !found.data.is_empty()));
                }
            };
            work::each(sessions, tasks, load).await
        }
        "touch" => {
            let touch = move |number| {
                let store = store.clone();
                async move {
                    let found = store.load(&Id(work::id(number))).await.expect("a load");
                    let found = found.expect("a session");
                    store.save(&record(number, found.data)).await.expect("a save");
                }
            };
            work::each(sessions, tasks, touch).await
        }
        _ => panic!("{work}"),
    }
}

fn record(number: u32, data: HashMap<String, serde_json::Value>) -> Record {
    let expiry_date = OffsetDateTime::now_utc() + time::Duration::seconds(work::LIFETIME);
    Record { id: Id(work::id(number)), data, expiry_date }
}
