//! What a copy that follows its source does while it compares everything: what happens at either side in the
//! meantime, and when it is killed, or ends, in the middle.

use std::sync::atomic::{AtomicBool, Ordering};

use bson::doc;
use sessionctl::copy::{Converter, CopyPlan, Event, Following};
use sessionctl::purge::{MaxLatency, Pace, PaceControl};
use sessionctl::{Layout, Query, Selection, Store};
use tokio_util::sync::CancellationToken;

use super::following::{FOLLOWS, before, delete, follow, is_there, of, set, there};
use crate::rig::ReplicaSet;
use crate::support::{Db, at, becomes, eventually, now};

/// Begins to follow `sessions` in `copies`, where they have `layout`.
fn begin(db: &Db, layout: &str) -> Following {
    let source: Store = db.store("connect-mongo-json");
    let layout = Layout::named(layout).unwrap().clone();
    let target = source.connection().store("copies", layout);
    db.runtime.block_on(async {
        let now = source.primary_now().await.unwrap();
        let converter = (source.layouts() != target.layouts())
            .then(|| Converter::new(source.layouts(), target.layout(), now).unwrap());
        let copy = CopyPlan {
            selection: Selection::new(Query::default(), now),
            converter,
            now,
            batch_size: None,
            jobs: None,
            pace: Pace::default(),
            dry_run: false,
        };
        source.copy_following(&target, copy, CancellationToken::new()).await.unwrap()
    })
}

/// Until everything was compared.
async fn pass(following: &mut Following, mut see: impl FnMut(&Event)) {
    loop {
        match following.next().await.unwrap().expect("nobody stops it") {
            Event::Passed => return,
            event => see(&event),
        }
    }
}

#[test]
fn a_session_whose_copy_expires_during_a_pass_is_copied_again_if_the_source_renewed_it() {
    let db = Db::new();
    let (soon, later) = (at(4), at(600));
    db.insert("sessions", [of("one", "ann", 600), of("other", "ann", 600)]);
    set(&db, "sessions", "one", doc! { "expires": soon });
    db.runtime.block_on(pass(&mut begin(&db, "connect-mongo-json"), |_| {}));
    let mut following = begin(&db, "connect-mongo-json");
    // The next pass has begun, and has read nothing yet.
    db.runtime.block_on(following.next()).unwrap().unwrap();
    eventually("the copy has expired", || now() > soon);
    // As the TTL index of the target does.
    delete(&db, "copies", "one");
    set(&db, "sessions", "one", doc! { "expires": later });
    db.runtime.block_on(pass(&mut following, |_| {}));
    assert_eq!(there(&db, "one"), Some(("ann".to_owned(), later)));
    assert_eq!(following.total().ended, 0);
}

/// In a layout whose store does not check the expiry, what expired is deleted.
#[test]
fn what_expired_at_the_source_is_deleted_though_the_copy_pauses_meanwhile() {
    let db = Db::new();
    db.insert("sessions", [of("over", "ann", 600), of("live", "ann", 600)]);
    let mut following = begin(&db, "flask-session");
    db.runtime.block_on(pass(&mut following, |_| {}));
    // Only one at a time may follow.
    drop(following);
    assert_eq!(db.count("copies", doc! {}), 2);
    set(&db, "sessions", "over", doc! { "expires": at(-60) });
    // Several batches at once, or nothing waits while one is written.
    let control = PaceControl::new(Pace { max_latency: MaxLatency::Off, ..Pace::default() });
    let namespace = format!("{}.sessions", db.name);
    let slow = doc! {
        "failCommands": ["find"], "namespace": namespace, "blockConnection": true, "blockTimeMS": 3000,
    };
    let slow = db.fail_commands(doc! { "times": 1 }, slow);
    let paused = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let passing = scope.spawn(|| {
            let mut following = begin(&db, "flask-session").controlled_by(control.clone());
            let hear = |event: &Event| {
                paused.fetch_or(matches!(event, Event::Paused(_)), Ordering::SeqCst);
            };
            db.runtime.block_on(pass(&mut following, hear));
        });
        slow.wait(1);
        control.pause();
        eventually("the pass pauses, or is over", || {
            paused.load(Ordering::SeqCst) || passing.is_finished()
        });
        control.resume();
    });
    assert_eq!(db.count("copies", doc! {}), 1);
    assert_eq!(db.count("copies", doc! { "id": "session:live" }), 1);
}

/// A server of its own whose commands can be made to fail.
fn faulty() -> ReplicaSet {
    ReplicaSet::start(1, &[("enableTestCommands", "1")])
}

#[test]
fn a_log_out_at_the_target_stays_though_the_copy_was_killed_in_the_middle_of_its_batch() {
    let one = faulty();
    let db = Db::on(&one.uri());
    db.insert("sessions", [of("renewed", "ann", 600)]);
    follow(&db, &[]).end();
    let later = at(1800);
    set(&db, "sessions", "renewed", doc! { "expires": later });
    db.insert("sessions", [of("new", "bob", 600)]);
    let copies = format!("{}.copies", db.name);
    let lost = doc! { "failCommands": ["update"], "namespace": copies, "errorCode": 11602 };
    let failing = db.fail_commands("alwaysOn", lost);
    let mut running = db.command(&[&FOLLOWS[..], &["--yes"]].concat()).start();
    failing.wait(1);
    running.child().kill().unwrap();
    running.wait();
    drop(failing);
    delete(&db, "copies", "new");
    let running = follow(&db, &[]);
    is_there(&db, "renewed", "ann", later);
    assert_eq!(there(&db, "new"), None);
    running.end();
}

#[test]
fn what_was_inserted_is_recorded_before_a_lost_reply_is_answered_with_another_attempt() {
    let one = faulty();
    let db = Db::on(&one.uri());
    db.insert("sessions", [of("old", "ann", 600)]);
    follow(&db, &[]).end();
    db.insert("sessions", [of("new", "bob", 600)]);
    let copies = format!("{}.copies", db.name);
    let unconfirmed = doc! { "code": 91, "errmsg": "it is shutting down" };
    let unconfirmed = doc! {
        "failCommands": ["insert"], "namespace": copies, "writeConcernError": unconfirmed,
    };
    let failing = db.fail_commands("alwaysOn", unconfirmed);
    let mut running = db.command(&[&FOLLOWS[..], &["--yes"]].concat()).start();
    let ledger = db.collections().into_iter().find(|name| name.starts_with("sessionctl_copies_"));
    let ledger = ledger.unwrap();
    let done = doc! { "_id": "new", "place": 1, "done": true };
    db.await_count(&ledger, done, 1);
    assert_eq!(failing.end(), 1);
    running.child().kill().unwrap();
    running.wait();
    delete(&db, "copies", "new");
    let running = follow(&db, &[]);
    assert_eq!(there(&db, "new"), None);
    running.end();
}

#[test]
fn a_target_that_is_dropped_or_replaced_is_no_log_out_of_everybody() {
    let one = faulty();
    for replaced in [false, true] {
        let db = Db::on(&one.uri());
        before(&db);
        let running = follow(&db, &[]);
        db.run(doc! { "drop": "copies" });
        if replaced {
            db.run(doc! { "create": "copies" });
        }
        let later = at(1800);
        set(&db, "sessions", "renewed", doc! { "expires": later });
        let what = if replaced { "copies was replaced" } else { "copies was dropped" };
        running.wait().exits(1).says(what);
        // All of it is copied to the new one.
        follow(&db, &[]).end();
        is_there(&db, "renewed", "ann", later);
        assert_eq!(db.count("copies", doc! {}), db.count("sessions", doc! { "a": null }));
    }
}

#[test]
fn a_copy_that_ends_while_its_server_is_away_says_that_changes_may_be_missing() {
    let one = faulty();
    let db = Db::on(&one.uri());
    before(&db);
    let folder = tempfile::tempdir().unwrap();
    let control = folder.path().join("control");
    let control = control.to_str().unwrap();
    for (stops, code, why) in [("INT", 130, "signal"), ("TERM", 143, "signal"), ("", 5, "operator")]
    {
        let mut running = follow(&db, &["--control", control]);
        let away = doc! { "failCommands": ["aggregate", "getMore"], "errorCode": 11602 };
        let failing = db.fail_commands("alwaysOn", away);
        running.await_said("retrying until the server is back");
        match stops {
            "" => std::fs::write(control, "stop\n").unwrap(),
            signal => running.signal(signal),
        }
        let run = running.wait().exits(code).says("the last changes of the source may be missing");
        drop(failing);
        assert_eq!(run.json()["stopped"], why);
    }
}

/// As a pass that takes longer than the oplog reaches does, which would otherwise repeat in silence.
#[test]
fn changes_that_the_server_no_longer_has_are_reported_and_made_up_for() {
    let one = faulty();
    let db = Db::on(&one.uri());
    before(&db);
    let mut running = follow(&db, &[]);
    let lost = doc! { "failCommands": ["getMore"], "errorCode": 286 };
    let failing = db.fail_commands(doc! { "times": 1 }, lost);
    running.await_said("changes were lost");
    drop(failing);
    let later = at(1800);
    set(&db, "sessions", "renewed", doc! { "expires": later });
    is_there(&db, "renewed", "ann", later);
}

/// As better-auth does when it refreshes a session: it keeps the document, and changes its token.
#[test]
fn a_session_whose_id_changes_in_place_is_followed() {
    let one = faulty();
    let db = Db::on(&one.uri());
    let session = |id: &str| {
        doc! {
            "_id": id, "token": format!("first-{id}"), "userId": "ann", "expiresAt": at(600),
            "createdAt": at(-60), "updatedAt": at(-60),
        }
    };
    db.insert("sessions", ["a", "b"].map(session));
    let copy = ["copy", "--follow", "--to-collection", "copies", "--layout", "better-auth"];
    let mut running = db.command(&[&copy[..], &["--yes"]].concat()).start();
    running.await_said("; following: ");
    let tokens = |collection: &str| {
        let mut tokens: Vec<_> = db
            .find(collection, doc! {})
            .iter()
            .map(|session| session.get_str("token").unwrap().to_owned())
            .collect();
        tokens.sort();
        tokens
    };
    assert_eq!(tokens("copies"), ["first-a", "first-b"]);
    set(&db, "sessions", "a", doc! { "token": "second-a", "updatedAt": at(0) });
    becomes("the new id is there", || tokens("copies"), |seen| *seen == ["first-b", "second-a"]);
    running.end();
}

/// The audit file says whose sessions were replaced or deleted, also while it follows.
#[test]
fn the_audit_file_names_whose_sessions_a_copy_replaced_or_deleted() {
    let one = faulty();
    let db = Db::on(&one.uri());
    before(&db);
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.ndjson");
    let running = follow(&db, &["--audit", audit.to_str().unwrap()]);
    let later = at(1800);
    set(&db, "sessions", "renewed", doc! { "expires": later });
    is_there(&db, "renewed", "ann", later);
    delete(&db, "sessions", "deleted");
    db.await_gone("copies", "deleted");
    running.end();
    let text = std::fs::read_to_string(&audit).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines: Vec<_> = lines.filter(|line| line["event"] == "batch").collect();
    let done: u64 = lines.iter().map(|line| line["done"].as_u64().unwrap()).sum();
    assert_eq!(done, 8, "{text}");
    let names_ann = |line: &&serde_json::Value| line["sessions"][0]["user"] == "ann";
    assert_eq!(lines.iter().filter(names_ann).count(), 2, "{text}");
    db.sessionctl(&["audit", audit.to_str().unwrap()]).exits(0);
}

#[test]
fn a_copy_that_ends_within_a_pass_reports_that_it_was_stopped() {
    let db = Db::new();
    before(&db);
    let mut running = follow(&db, &[]);
    let sessions = format!("{}.sessions", db.name);
    let slow = doc! {
        "failCommands": ["find"], "namespace": sessions, "blockConnection": true, "blockTimeMS": 1500,
    };
    // Without change streams there is a pass every second.
    let slow = db.fail_commands("alwaysOn", slow);
    slow.wait(1);
    running.signal("TERM");
    let run = running.wait().exits(143);
    assert_eq!(run.json()["stopped"], "signal");
    becomes("it is there", || there(&db, "quiet"), Option::is_some);
}
