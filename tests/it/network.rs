//! A network that delays, drops, cuts and garbles messages: each command ends with one clear error
//! or continues, and never reports something that did not happen. The server itself and its
//! heartbeats work.

use std::time::{Duration, Instant};

use bson::{Document, doc};

use crate::patience::limit;
use crate::proxy::{Direction, Fault, Proxy, Rule, WAYS};
use crate::support::{Db, Program, at, becomes, connect_mongo, eventually, now};

mod chance;
mod server;

/// A database, and a way to it that misbehaves.
pub struct Way {
    pub db: Db,
    pub proxy: Proxy,
    /// What else the connection string says.
    options: &'static str,
}

/// A reply that is lost is given up soon.
const HASTE: &str = "&socketTimeoutMS=250";

impl Way {
    pub fn new(options: &'static str) -> Self {
        Self::to(Db::new(), options)
    }

    pub fn to(db: Db, options: &'static str) -> Self {
        let proxy = Proxy::start(db.server.trim_start_matches("mongodb://"));
        Self { db, proxy, options }
    }

    pub fn command(&self, arguments: &[&str]) -> Program {
        let way = self.proxy.address().to_string();
        let server = self.db.server.trim_start_matches("mongodb://");
        let uri = format!("{}{}", self.db.uri.replace(server, &way), self.options);
        self.db.command(arguments).env("SESSIONCTL_URI", &uri)
    }

    fn await_hit(&self) {
        eventually("a message was hit", || !self.proxy.hits().is_empty());
    }
}

/// This many expired sessions and this many live ones.
fn sessions(dead: usize, live: usize) -> Vec<Document> {
    let dead = (0..dead).map(|n| connect_mongo(&format!("dead-{n:04}"), at(-60 - n as i64)));
    dead.chain((0..live).map(|n| connect_mongo(&format!("live-{n:04}"), at(3600)))).collect()
}

fn dead(db: &Db) -> u64 {
    db.count("sessions", doc! { "expires": { "$lt": now() } })
}

fn half_open(command: &'static str) -> Rule {
    Rule::new(command, Direction::Reply, Fault::HalfOpen)
}

// No reply

#[test]
fn a_sweep_continues_within_thirty_seconds_after_its_connection_was_silently_cut() {
    let way = Way::new("");
    way.db.insert("sessions", sessions(1, 1));
    let address = crate::watch::address();
    let arguments = ["sweep", "--interval", "3", "--no-lease", "--metrics", &address];
    let mut sweep = way.command(&arguments).start();
    crate::watch::await_status(&address, "/readyz", 200);
    way.db.await_count("sessions", doc! {}, 1);
    way.proxy.rules([half_open("delete")]);
    way.db.insert("sessions", sessions(1, 0));
    way.await_hit();
    let cut = Instant::now();
    // It was deleted, but the reply was lost.
    crate::watch::await_status(&address, "/readyz", 503);
    assert!(cut.elapsed() < limit(Duration::from_secs(7)), "{:?}", cut.elapsed());
    assert_eq!(crate::watch::get(&address, "/livez").unwrap().0, 200);
    sweep.await_said("has sent no reply to delete for");
    crate::watch::await_status(&address, "/readyz", 200);
    way.db.insert("sessions", sessions(1, 0));
    way.db.await_gone("sessions", "dead-0000");
    assert!(cut.elapsed() < limit(Duration::from_secs(30)), "{:?}", cut.elapsed());
    sweep.end();
    assert_eq!(way.db.ids("sessions"), ["live-0000"]);
}

#[test]
fn a_command_whose_first_replies_are_lost_reads_again() {
    for command in ["listIndexes", "aggregate", "find", "count"] {
        let way = Way::new(HASTE);
        way.db.insert("sessions", sessions(20, 10));
        way.proxy.rules([half_open(command)]);
        let listed = way.command(&["list", "-o", "json"]).run().exits(0);
        assert_eq!(listed.json().as_array().unwrap().len(), 30, "{command}: {listed:?}");
    }
}

/// The heartbeats of the driver are such commands, too, and always under way.
#[test]
fn a_lost_reply_to_the_first_hello_is_given_up_like_any_other() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(20, 10));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.bson");
    let archive = archive.to_str().unwrap();
    way.db.sessionctl(&["purge", "--expired", "--archive", archive]).exits(0);
    way.proxy.rules([half_open("hello")]);
    way.command(&["restore", archive, "--yes"]).run().exits(0).prints("restored 20 sessions");
    assert_eq!((way.proxy.hits().len(), dead(&way.db)), (1, 20));
}

#[test]
fn a_list_whose_cursor_is_cut_off_ends_with_one_error() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(0, 2500));
    way.proxy.rules([half_open("getMore")]);
    let listed = way.command(&["list", "-o", "ndjson"]).run().exits(1).fails_in_one_sentence();
    listed.says("sent no reply to getMore within");
}

#[test]
fn a_delete_whose_reply_is_lost_is_repeated_and_its_count_is_at_least() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(300, 10));
    way.proxy.rules([half_open("delete").skip(1)]);
    let arguments = ["purge", "--expired", "--batch-size", "50", "--jobs", "1", "-o", "json"];
    let report = way.command(&arguments).run().exits(0).json();
    assert_eq!((dead(&way.db), way.db.count("sessions", doc! {})), (0, 10), "{report}");
    assert_eq!((&report["deleted"], &report["exact"]), (&250.into(), &false.into()), "{report}");
}

#[test]
fn what_the_server_works_on_for_long_is_waited_for() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(30, 10));
    let held = way.db.hold_deletes();
    let arguments = ["purge", "--expired", "--batch-size", "10", "-o", "json"];
    let mut purge = way.command(&arguments).start();
    held.wait_for_a_delete();
    // Much longer than sessionctl waits for a lost reply.
    std::thread::sleep(Duration::from_secs(3));
    assert!(!purge.has_ended());
    drop(held);
    let report = purge.wait().exits(0).json();
    assert_eq!((&report["deleted"], &report["exact"]), (&30.into(), &true.into()), "{report}");
    assert_eq!(dead(&way.db), 0);
}

#[test]
fn a_long_index_build_is_waited_for() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(0, 10));
    let data =
        doc! { "failCommands": ["createIndexes"], "blockConnection": true, "blockTimeMS": 3000 };
    let slow = way.db.fail_commands(doc! { "times": 1 }, data);
    way.command(&["index", "install", "--yes"]).run().exits(0).prints("created the TTL index");
    drop(slow);
    assert_eq!(way.db.indexes("sessions").len(), 1);
}

#[test]
fn the_store_of_an_application_does_not_wait_for_a_lost_reply_without_end() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(0, 1));
    let uri = format!("mongodb://{}/?socketTimeoutMS=250", way.proxy.address());
    let layout = sessionctl::Layout::named("connect-mongo-json").unwrap().clone();
    way.db.runtime.block_on(async {
        let connection = sessionctl::Connection::open(&uri, Some(&way.db.name)).await.unwrap();
        let store = connection.store("sessions", layout);
        let get = || store.get::<serde_json::Value>("live-0000");
        assert!(get().await.unwrap().is_some());
        way.proxy.rules([half_open("find")]);
        assert!(get().await.unwrap().is_some(), "it was read again");
        way.proxy.rules([half_open("delete")]);
        let error = store.destroy("live-0000").await.unwrap_err();
        assert!(error.to_string().contains("sent no reply to delete"), "{error}");
        assert!(error.is_transient());
        assert!(get().await.unwrap().is_none(), "it was destroyed");
    });
}

/// As in a failover: whether the delete was carried out is unknown, and the session is saved before it is
/// repeated.
#[test]
fn a_log_out_whose_delete_got_no_reply_looks_for_the_session_again() {
    let way = Way::new(HASTE);
    let uri = format!("mongodb://{}/?socketTimeoutMS=250", way.proxy.address());
    // Its payload is decoded here, so that the delete repeats the whole payload.
    let layout = sessionctl::Layout::named("tower-sessions").unwrap().clone();
    let db = &way.db;
    let connection = sessionctl::Connection::open(&uri, Some(&db.name));
    let store = db.runtime.block_on(connection).unwrap().store("sessions", layout);
    let save = |store: &sessionctl::Store, views: u32| {
        let hour = sessionctl::Expiry::After(Duration::from_secs(3600));
        let payload = serde_json::json!({ "userId": "asa", "views": views });
        db.runtime.block_on(store.set("PCsaD56NfGtaTx59C5w6Lw", &payload, hour)).unwrap();
    };
    save(&store, 1);
    way.proxy.rules([Rule::new("delete", Direction::Request, Fault::Drop)]);
    let deleted = std::thread::scope(|scope| {
        let ending = scope.spawn(|| db.runtime.block_on(store.destroy_all_of("asa")).unwrap());
        way.await_hit();
        save(&db.store("tower-sessions"), 2);
        ending.join().unwrap()
    });
    assert_eq!((deleted, db.count("sessions", doc! {})), (1, 0));
}

#[test]
fn a_request_that_is_given_up_early_does_not_leave_a_dead_connection_behind() {
    let way = Way::new("");
    way.db.insert("sessions", sessions(0, 1));
    let uri = format!("mongodb://{}/?maxPoolSize=1&socketTimeoutMS=500", way.proxy.address());
    let layout = sessionctl::Layout::named("connect-mongo-json").unwrap().clone();
    let connection = sessionctl::Connection::open(&uri, Some(&way.db.name));
    let store = way.db.runtime.block_on(connection).unwrap().store("sessions", layout);
    // An application whose own limit is shorter.
    let is_got = || {
        way.db.runtime.block_on(async {
            tokio::select! {
                got = store.get::<serde_json::Value>("live-0000") => got.unwrap().is_some(),
                () = tokio::time::sleep(Duration::from_millis(200)) => false,
            }
        })
    };
    assert!(is_got());
    way.proxy.rules([half_open("find")]);
    assert!(!is_got());
    eventually("the session is read over another connection", is_got);
}

#[test]
fn a_reply_that_arrives_too_late_does_not_affect_other_commands() {
    let way = Way::new("");
    way.db.insert("sessions", sessions(0, 2));
    let uri = format!("mongodb://{}/?maxPoolSize=1", way.proxy.address());
    let layout = sessionctl::Layout::named("connect-mongo-json").unwrap().clone();
    way.db.runtime.block_on(async {
        let connection = sessionctl::Connection::open(&uri, Some(&way.db.name)).await.unwrap();
        let store = connection.store("sessions", layout);
        let get = |id: &'static str| store.get::<serde_json::Value>(id);
        assert!(get("live-0000").await.unwrap().is_some());
        let late = Fault::Delay(Duration::from_millis(300));
        way.proxy.rules([Rule::new("find", Direction::Reply, late)]);
        // An application drops its request when the browser goes away.
        tokio::select! {
            _ = get("live-0001") => panic!("it was late"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        assert!(get("live-0000").await.unwrap().is_some());
        assert!(get("gone").await.unwrap().is_none());
    });
}

// A garbled message

#[test]
fn a_garbled_command_does_not_end_a_sweep() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(1, 1));
    let arguments = ["sweep", "--interval", "1", "--no-lease"];
    let sweep = way.command(&arguments).start();
    way.db.await_ids("sessions", &["live-0000"]);
    // The server answers these with an error.
    for way_of in [1, 4, 6] {
        let commands = ["hello", "listIndexes", "aggregate", "find", "delete"];
        let garbled = |command| Rule::new(command, Direction::Request, Fault::Garble(way_of));
        way.proxy.rules(commands.map(garbled));
        way.db.insert("sessions", sessions(1, 0));
        way.db.await_ids("sessions", &["live-0000"]);
    }
    sweep.end();
}

#[test]
fn a_garbled_command_was_not_carried_out_and_is_sent_again() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(100, 10));
    let garbled = |command| Rule::new(command, Direction::Request, Fault::Garble(1));
    way.proxy.rules(["hello", "listIndexes", "aggregate", "find", "delete"].map(garbled));
    let arguments = ["purge", "--expired", "--batch-size", "50", "--jobs", "1", "-o", "json"];
    let report = way.command(&arguments).run().exits(0).json();
    assert_eq!((&report["deleted"], &report["exact"]), (&100.into(), &true.into()), "{report}");
    assert_eq!(dead(&way.db), 0);
}

#[test]
fn a_garbled_reply_does_not_end_a_sweep() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(1, 1));
    let arguments = ["sweep", "--interval", "1", "--no-lease"];
    let sweep = way.command(&arguments).start();
    way.db.await_ids("sessions", &["live-0000"]);
    let commands = ["hello", "listIndexes", "aggregate", "find", "delete"];
    for way_of in 0..WAYS {
        let garbled = |command| Rule::new(command, Direction::Reply, Fault::Garble(way_of));
        way.proxy.rules(commands.map(garbled));
        way.db.insert("sessions", sessions(1, 0));
        way.db.await_ids("sessions", &["live-0000"]);
    }
    sweep.end();
}

#[test]
fn a_garbled_reply_to_a_delete_is_no_count() {
    for way_of in 0..8 {
        let way = Way::new(HASTE);
        way.db.insert("sessions", sessions(100, 10));
        let garbled = Rule::new("delete", Direction::Reply, Fault::Garble(way_of));
        way.proxy.rules([garbled]);
        let arguments = ["purge", "--expired", "--batch-size", "50", "--jobs", "1", "-o", "json"];
        let report = way.command(&arguments).run().exits(0).json();
        assert_eq!(dead(&way.db), 0, "{way_of}: {report}");
        assert_eq!(report["exact"], false, "{way_of}: {report}");
        assert_eq!(report["deleted"], 50, "{way_of}: {report}");
    }
}

#[test]
fn the_status_of_a_sweep_follows_its_server() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(0, 1));
    let address = crate::watch::address();
    let arguments = ["sweep", "--interval", "1", "--no-lease", "--metrics", &address];
    let sweep = way.command(&arguments).start();
    crate::watch::await_status(&address, "/readyz", 200);
    let succeeded = || {
        let name = "sessionctl_last_success_timestamp_seconds";
        crate::watch::metric(&address, name, "").unwrap_or_default()
    };
    let before = becomes("a pass succeeded", succeeded, |at| *at > 0.0);
    becomes("another pass succeeded", succeeded, |at| *at > before);
    // Nothing comes through any more but heartbeats.
    way.proxy.rules([half_open("").times(u64::MAX)]);
    crate::watch::await_status(&address, "/readyz", 503);
    let last = succeeded();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(succeeded(), last);
    way.proxy.clear();
    crate::watch::await_status(&address, "/readyz", 200);
    becomes("a pass succeeded again", succeeded, |at| *at > last);
    sweep.end();
}

#[test]
fn a_doctor_that_lost_the_server_fails_and_names_what_it_could_not_read() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(20, 10));
    way.db.create_index(
        "sessions",
        doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 },
    );
    way.command(&["doctor"]).run().exits(0);
    for (command, named) in [("listIndexes", "(indexes)"), ("collStats", "(statistics)")] {
        way.proxy.rules([half_open(command).times(u64::MAX)]);
        for arguments in [&["doctor", "-q"][..], &["doctor", "-o", "json"]] {
            let run = way.command(arguments).run().exits(1);
            run.says(named).says(&format!("sent no reply to {command} within"));
        }
    }
    way.proxy.clear();
    // The survey is the only aggregation that has a limit of its own.
    let data = doc! { "failCommands": ["aggregate"], "errorCode": 50 };
    let slow = way.db.fail_commands("alwaysOn", data);
    way.command(&["doctor", "-q"]).run().exits(1).says("could not examine").says("(sample)");
    drop(slow);
    // A server that refuses a command is not lost.
    let data = doc! { "failCommands": ["collStats"], "errorCode": 13 };
    let refusing = way.db.fail_commands("alwaysOn", data);
    way.command(&["doctor", "-q"]).run().exits(0);
    drop(refusing);
}

#[test]
fn a_batch_that_is_damaged_is_an_error_and_not_shorter() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(20, 1500));
    for command in ["find", "getMore"] {
        for way_of in [WAYS - 2, WAYS - 1] {
            let damaged = Rule::new(command, Direction::Reply, Fault::Garble(way_of));
            way.proxy.rules([damaged.times(u64::MAX)]);
            let list = ["list", "-o", "ndjson", "--layout", "connect-mongo-json"];
            let run = way.command(&list).run().exits(1).fails_in_one_sentence();
            run.says("sent a malformed reply to");
        }
    }
    way.proxy.clear();
}

#[test]
fn raw_documents_are_printed_as_they_are_read() {
    let way = Way::new(HASTE);
    way.db.insert("sessions", sessions(0, 2500));
    let ids: String = (0..2500).map(|n| format!("live-{n:04}\n")).collect();
    let inspect = |format| {
        let inspect = ["inspect", "--raw", "-o", format, "-q", "-"];
        way.command(&inspect).stdin(ids.clone()).run()
    };
    let seen = Rule::new("getMore", Direction::Request, Fault::Delay(Duration::ZERO));
    way.proxy.rules([seen.times(u64::MAX)]);
    assert_eq!(inspect("json").exits(0).json().as_array().unwrap().len(), 2500);
    // The last two belong to the second and the third batch of the documents.
    let others = way.proxy.hits().len() as u64 - 2;
    way.proxy.rules([half_open("getMore").skip(others)]);
    let run = inspect("ndjson").exits(1).says("sent no reply to getMore within");
    assert_eq!(run.stdout.lines().count(), 1000);
}

#[test]
fn a_named_session_that_is_removed_while_it_is_read_is_a_failure() {
    let way = Way::new("");
    way.db.insert("sessions", sessions(0, 3));
    let inspect = ["inspect", "live-0000", "live-0001", "-o", "json"];
    // The first find looks the ids up, the next one reads the sessions.
    let late = Fault::Delay(Duration::from_millis(1500));
    let find = Rule::new("find", Direction::Request, late);
    way.proxy.rules([find.skip(1).times(u64::MAX)]);
    let running = way.command(&inspect).start();
    way.await_hit();
    way.db.run(
        doc! { "delete": "sessions", "deletes": [{ "q": { "_id": "live-0001" }, "limit": 1 }] },
    );
    let run = running.wait().exits(1).says("1 session was removed meanwhile");
    assert_eq!(run.json().as_array().unwrap().len(), 1);
}
