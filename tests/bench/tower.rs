//! The store of tower-sessions against tower-sessions-mongodb-store 0.11, both on one collection, in
//! turns.

use std::time::Duration;

use sessionctl::{Connection, Expiry, Layout, Store};
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};

use crate::peer::Peer;
use crate::ratios::Ratios;
use crate::server::Server;
use crate::work;

/// How many sessions there are, and how many operations a side does in a turn.
const SESSIONS: u32 = 10_000;
const LIFETIME: Expiry = Expiry::After(Duration::from_secs(work::LIFETIME as u64));

pub fn measure(server: &Server, ratios: &Ratios) {
    let mut peer = Peer::start(server.uri(), "test");
    peer.run("save", SESSIONS, 8);
    let ours = Ours::open(server.uri(), "sessions", "tower-sessions");
    for tasks in [1, 8] {
        for work in ["load", "save", "touch"] {
            let what = match tasks {
                1 => format!("{work}, one at a time"),
                tasks => format!("{work}, {tasks} at a time"),
            };
            ratios.throughput(
                &what,
                1.0,
                SESSIONS,
                || peer.run(work, SESSIONS, tasks),
                || ours.run(work, SESSIONS, tasks),
            );
        }
    }
}

/// Touches of a hundred sessions, with and without `touch_after`: how many are written, and how
/// fast.
pub fn measure_touch_after(server: &Server, ratios: &Ratios) {
    const FEW: u32 = 100;
    const TOUCHES: u32 = 10_000;
    for layout in ["tower-sessions", "connect-mongo-json"] {
        let each = Ours::open(server.uri(), layout, layout);
        each.create(FEW);
        let store = each.store.clone().touch_after(Duration::from_secs(300));
        let lazy = Ours { store, ..Ours::open(server.uri(), layout, layout) };
        let touch = |ours: &Ours, tasks| ours.run_within("touch", TOUCHES, tasks, FEW);
        for (with, ours, wanted) in [("without", &each, None), ("with", &lazy, Some(0.0))] {
            let before = server.written(layout);
            touch(ours, 1);
            let written = (server.written(layout) - before) as f64;
            let what = format!("{layout}: written {with} touch_after");
            ratios.amount(&what, written, "", wanted);
        }
        for tasks in [1, 8] {
            let what = format!("touch_after / without, {tasks} at a time");
            let (plain, ours) = (|| touch(&each, tasks), || touch(&lazy, tasks));
            ratios.throughput(&what, 1.0, TOUCHES, plain, ours);
        }
    }
}

/// Our store, on the same kind of runtime as the peer's.
struct Ours {
    store: Store,
    runtime: Runtime,
    /// So that each save differs from the last.
    views: std::cell::Cell<u32>,
}

impl Ours {
    fn open(uri: &str, collection: &str, layout: &str) -> Self {
        let runtime = work::runtime();
        let connection = runtime.block_on(Connection::open(uri, None)).expect("a connection");
        let layout = Layout::named(layout).expect("a layout").clone();
        let store = connection.store(collection, layout);
        Self { store, runtime, views: 1_000_000.into() }
    }

    fn create(&self, sessions: u32) {
        let store = self.store.clone();
        self.runtime.block_on(work::each(sessions, 8, move |number| {
            let store = store.clone();
            async move { store.create(&mut record(number, 0)).await.expect("a session") }
        }));
    }

    fn run(&self, work: &str, sessions: u32, tasks: u32) -> Duration {
        self.run_within(work, sessions, tasks, sessions)
    }

    /// This many operations, each on the next session.
    fn run_within(&self, work: &str, operations: u32, tasks: u32, sessions: u32) -> Duration {
        self.views.set(self.views.get() + 1);
        let (store, views) = (self.store.clone(), self.views.get());
        match work {
            "save" => self.runtime.block_on(work::each(operations, tasks, move |number| {
                let (store, number) = (store.clone(), number % sessions);
                async move { store.save(&record(number, views)).await.expect("a save") }
            })),
            "load" => self.runtime.block_on(work::each(operations, tasks, move |number| {
                let (store, number) = (store.clone(), number % sessions);
                async move {
                    let found = store.load(&Id(work::id(number))).await.expect("a load");
                    assert!(found.is_some_and(|found| !found.data.is_empty()));
                }
            })),
            "touch" => self.runtime.block_on(work::each(operations, tasks, move |number| {
                let (store, number) = (store.clone(), number % sessions);
                async move {
                    let id = Id(work::id(number)).to_string();
                    assert!(store.touch(&id, LIFETIME).await.expect("a touch"));
                }
            })),
            _ => panic!("{work}"),
        }
    }
}

fn record(number: u32, views: u32) -> Record {
    let expiry_date = OffsetDateTime::now_utc() + time::Duration::seconds(work::LIFETIME);
    Record { id: Id(work::id(number)), data: work::data(number, views), expiry_date }
}
