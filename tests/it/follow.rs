//! `list --follow`: each change of a session is listed once.
//!
//! `SESSIONCTL_LONG_TESTS=1` follows 10,000 changes through a step-down and a restart.

use std::collections::BTreeMap;
use std::process::Stdio;

use bson::{Document, doc};
use futures_util::future::join_all;
use mongodb::Collection;
use mongodb::error::ErrorKind;
use mongodb::options::WriteConcern;
use serde_json::Value;
use sessionctl::mongod::Options;

use crate::rig::ReplicaSet;
use crate::support::{Db, Running, at, becomes, long_id, own_server};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];

/// A session of a user as connect-mongo writes it.
fn of(id: &str, user: &str, seconds: i64) -> Document {
    let session = format!("{{\"cookie\":{{\"path\":\"/\"}},\"userId\":\"{user}\"}}");
    doc! { "_id": long_id(id), "expires": at(seconds), "session": session }
}

fn follow(db: &Db, more: &[&str]) -> Running {
    let arguments = ["list", "--follow", "-o", "ndjson", "--layout", "connect-mongo-json"];
    let mut running = db.command(&[&arguments, more].concat()).start();
    // Where there is no change stream it says so instead.
    running.await_said(&format!("{}.sessions", db.name));
    running
}

/// The events that were printed, once there are so many.
#[track_caller]
fn events(running: &Running, count: usize) -> Vec<Value> {
    let what = format!("{count} events were listed");
    let lines = || running.printed().lines().count();
    becomes(&what, lines, |seen| *seen >= count);
    let printed = running.printed();
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The event, the user and the state of each.
fn words(events: &[Value]) -> Vec<String> {
    let word = |event: &Value| {
        let [change, user, state] =
            ["event", "user", "state"].map(|key| event[key].as_str().unwrap_or("-"));
        format!("{change} {user} {state}")
    };
    events.iter().map(word).collect()
}

fn update(db: &Db, id: &str, set: Document) {
    db.update("sessions", doc! { "_id": long_id(id) }, doc! { "$set": set });
}

fn delete(db: &Db, id: &str) {
    let sessions = db.collection("sessions");
    let deleted = sessions.delete_one(doc! { "_id": long_id(id) }).into_future();
    assert_eq!(db.runtime.block_on(deleted).unwrap().deleted_count, 1);
}

/// Everything that happens to the sessions of one user, beside others.
fn changes(db: &Db) {
    db.insert("sessions", [of("new", "asa", 600), of("other", "bo", 600)]);
    db.insert("sessions", [doc! { "_id": "foreign" }]);
}

/// What is listed of the sessions of asa: nothing of bo's, and nothing of foreign documents.
const LISTED: [&str; 7] = [
    "created asa live",
    "renewed asa live",
    "ended asa expired",
    "removed asa expired",
    // One that was there before, and that somebody else took over.
    "removed asa live",
    "renewed asa live",
    "renewed bo live",
];

/// One change after the other, each of which is waited for: scans would miss some.
#[track_caller]
fn every_change_is_listed(db: &Db, running: &Running) {
    changes(db);
    events(running, 1);
    update(db, "new", doc! { "expires": at(900) });
    events(running, 2);
    update(db, "new", doc! { "expires": at(-900) });
    update(db, "other", doc! { "expires": at(-900) });
    events(running, 3);
    delete(db, "new");
    delete(db, "other");
    events(running, 4);
    delete(db, "before");
    events(running, 5);
    update(db, "taken", doc! { "expires": at(1200) });
    events(running, 6);
    update(db, "taken", doc! { "session": of("taken", "bo", 0).get_str("session").unwrap() });
    let events = events(running, 7);
    assert_eq!(words(&events), LISTED);
    // What belongs to nobody else is told as it was then.
    let ids: Vec<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    let short = |id: &str| long_id(id)[..12].to_owned();
    let wanted = ["new", "new", "new", "new", "before", "taken", "taken"].map(short);
    assert_eq!(ids, wanted);
    let now = at(0).timestamp_millis();
    for event in &events {
        let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert!((now - 600_000..=now + 1000).contains(&time.as_millisecond()), "{event}");
    }
}

fn before(db: &Db) {
    db.insert("sessions", [of("before", "asa", 600), of("taken", "asa", 600), of("b", "bo", 600)]);
}

#[test]
fn changes_of_the_selected_sessions_are_listed_and_no_others() {
    let set = ReplicaSet::start(1, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    before(&db);
    let mut running = follow(&db, &["--user", "asa"]);
    every_change_is_listed(&db, &running);
    running.signal("INT");
    running.wait().exits(0);

    // With pre-images, the server says what a removed session was.
    db.run(doc! { "collMod": "sessions", "changeStreamPreAndPostImages": { "enabled": true } });
    let mut running = follow(&db, &["--columns", "event,user,payload.userId"]);
    delete(&db, "b");
    let listed = events(&running, 1);
    assert_eq!(listed[0].to_string(), r#"{"event":"removed","user":"bo","payload.userId":"bo"}"#);
    // A place that the oplog no longer has: it is said once, and it goes on.
    let lost = doc! { "failCommands": ["getMore"], "errorCode": 286 };
    let failing = db.fail_commands(doc! { "times": 1 }, lost);
    running.await_said("changes were lost");
    // It remembers no session by which it could tell.
    running.await_said("the changes in between are not listed");
    drop(failing);
    db.insert("sessions", [of("after", "cy", 600)]);
    assert_eq!(words(&events(&running, 2))[1], "created cy -");

    let sessions = db.collection("sessions");
    db.runtime.block_on(sessions.drop().into_future()).unwrap();
    let gone = format!("could not follow {0}.sessions: {0}.sessions was dropped", db.name);
    running.wait().exits(1).says(&gone);
}

#[test]
fn without_a_change_stream_scans_are_compared() {
    let db = Db::new();
    before(&db);
    let mut running = follow(&db, &["--user", "asa"]);
    running.await_said(" s; a session that");
    every_change_is_listed(&db, &running);
    running.signal("TERM");
    let said = running.wait().exits(0);
    assert_eq!(said.stderr.matches("no change streams").count(), 1, "{said:?}");
}

#[test]
fn following_ends_with_its_reader_or_after_a_number_of_events() {
    let db = Db::new();
    before(&db);
    let (reader, writer) = std::io::pipe().unwrap();
    let arguments = ["list", "--follow", "-o", "csv"];
    let mut running = db.command(&arguments).stdout(Stdio::from(writer)).start();
    running.await_said(" s; a session that");
    drop(reader);
    running.wait().exits(0);

    let mut running =
        db.command(&["list", "--follow", "-n", "2", "--columns", "event,user"]).start();
    running.await_said(" s; a session that");
    db.insert("sessions", [of("one", "cy", 600), of("two", "cy", 600), of("three", "cy", 600)]);
    running.await_printed("EVENT    USER\ncreated  cy\ncreated  cy\n");
    let run = running.wait().exits(0);
    assert_eq!(run.stdout.lines().count(), 3);
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let db = Db::new();
    before(&db);
    for (arguments, code) in [
        (&["list", "--follow", "--sort", "expires"][..], 2),
        (&["list", "--follow", "--user", "asa", "--keep", "2"], 2),
        (&["list", "--follow", "-c", "sessions", "-c", "others"], 2),
        (&["list", "--columns", "event,id"], 2),
        (&["list", "--follow", "nobodys-session"], 1),
    ] {
        db.sessionctl(arguments).exits(code);
    }
    let nothing = Db::new();
    nothing.run(doc! { "create": "sessions" });
    let run = nothing.sessionctl(&["list", "--follow"]).exits(1).fails_in_one_sentence();
    run.says("its layout is unknown");
}

#[test]
fn a_server_that_comes_back_is_followed_on() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    before(&db);
    let mut running = follow(&db, &[]);
    running.await_said(" s; a session that");
    // What is not in the journal yet would be lost, and the collection with it.
    db.admin(doc! { "fsync": 1 });
    server.kill();
    running.await_said("retrying until the server is back");
    server.restart().unwrap();
    running.await_said("the server is back");
    db.insert("sessions", [of("new", "cy", 600)]);
    assert_eq!(words(&events(&running, 1)), ["created cy live"]);
}

/// How many sessions are created, renewed and removed.
fn sessions() -> usize {
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
    if is_long { 3334 } else { 100 }
}

/// Carries a write out, however often the server is away meanwhile: none of them does anything twice.
async fn write(db: &Collection<Document>, number: usize, step: usize) {
    let id = doc! { "_id": long_id(&format!("{number:06}")) };
    loop {
        let done = match step {
            0 => {
                let session = of(&format!("{number:06}"), "asa", 600);
                db.insert_one(session).await.map(drop)
            }
            1 => {
                let expires = at(i64::try_from(1000 + number).unwrap());
                let renewed = doc! { "$set": { "expires": expires } };
                let mut wanted = id.clone();
                wanted.insert("expires", doc! { "$lt": at(900) });
                db.update_one(wanted, renewed).await.map(drop)
            }
            _ => db.delete_one(id.clone()).await.map(drop),
        };
        match done {
            Ok(()) => return,
            Err(error) if is_duplicate(&error) => return,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

fn is_duplicate(error: &mongodb::error::Error) -> bool {
    use mongodb::error::WriteFailure::WriteError;
    matches!(&*error.kind, ErrorKind::Write(WriteError(error)) if error.code == 11000)
}

#[test]
fn each_of_many_changes_is_listed_once_through_a_step_down_and_a_restart() {
    let mut set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    before(&db);
    let mut running = follow(&db, &["--full-ids"]);
    let majority = WriteConcern::majority();
    let collection = db.collection("sessions").clone();
    let options = mongodb::options::CollectionOptions::builder().write_concern(majority).build();
    let collection = db
        .client
        .database(&db.name)
        .collection_with_options::<Document>(collection.name(), options);
    let count = sessions();
    let all: Vec<usize> = (0..count).collect();
    for step in 0..3 {
        // Stopped for a while, it must resume where it was: otherwise all changes might have arrived
        // before the server is gone.
        if step > 0 {
            running.signal("STOP");
        }
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for some in all.chunks(20) {
                    let writes = some.iter().map(|number| write(&collection, *number, step));
                    db.runtime.block_on(join_all(writes));
                }
            });
            if step == 0 {
                return;
            }
            // The server that has the stream is killed first: a primary that steps down keeps its
            // streams.
            match step {
                1 => {
                    let killed = set.kill_primary();
                    set.restart(killed);
                }
                _ => drop(set.step_down()),
            }
            let half = count as u64 / 2;
            let (done, what) = match step {
                1 => (doc! { "expires": { "$gt": at(900) } }, "half of them are renewed"),
                _ => (doc! {}, "half of them are removed"),
            };
            becomes(
                what,
                || db.count("sessions", done.clone()),
                |some| match step {
                    1 => *some >= half,
                    _ => *some <= half,
                },
            );
            running.signal("CONT");
        });
    }
    let events = events(&running, 3 * count);
    let mut by_session: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for event in &events {
        let (id, change) = (event["id"].as_str().unwrap(), event["event"].as_str().unwrap());
        by_session.entry(id).or_default().push(change);
        assert_eq!(event["user"], "asa", "{event}");
    }
    assert_eq!(by_session.len(), count);
    for (id, changes) in &by_session {
        assert_eq!(*changes, ["created", "renewed", "removed"], "{id}");
    }
    // Nothing follows.
    db.insert("sessions", [of("last", "asa", 600)]);
    running.await_printed(&long_id("last"));
    assert_eq!(running.printed().lines().count(), 3 * count + 1);
    running.signal("TERM");
    let run = running.wait().exits(0);
    assert!(!run.stderr.contains("lost"), "{}", run.stderr);
}

#[test]
fn a_reader_that_is_slow_gets_every_event() {
    let db = Db::new();
    before(&db);
    let arguments = ["list", "--follow", "-o", "ndjson", "-n", "60", "--columns", "payload.text"];
    let program = db.command(&arguments).env("SESSIONCTL_LAYOUT", "connect-mongo-json");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut running = program.stdout(Stdio::from(writer)).start();
    running.await_said(" s; a session that");
    // Ten of these fill the pipe.
    let text = "x".repeat(8000);
    let session = format!("{{\"cookie\":{{}},\"userId\":\"asa\",\"text\":\"{text}\"}}");
    let of = |n| doc! { "_id": long_id(&format!("slow-{n:02}")), "expires": at(600), "session": &session };
    db.insert("sessions", (0..60).map(of));
    std::thread::sleep(std::time::Duration::from_secs(8));
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut reader, &mut printed).unwrap();
    running.wait().exits(0);
    assert_eq!(printed.lines().count(), 60);
}
