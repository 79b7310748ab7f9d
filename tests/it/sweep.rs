//! `sessionctl sweep`: the daemon.

use std::sync::Barrier;
use std::time::Duration;

use bson::doc;
use sessionctl::mongod::Options;
use sessionctl::sweep::{Control, Event, Sweep, Target};

use crate::support::{Db, Program, Running, at, connect_mongo, own_server, session};

const EVERY_SECOND: [&str; 3] = ["sweep", "--interval", "1"];

fn expired(db: &Db, id: &str) {
    db.insert("sessions", [connect_mongo(id, at(-60))]);
}

/// A sweep of sessions that are there, after its first pass.
fn sweeping(db: &Db) -> Running {
    db.insert("sessions", [connect_mongo("live", at(600))]);
    expired(db, "first");
    let sweep = db.command(&EVERY_SECOND).start();
    db.await_gone("sessions", "first");
    sweep
}

#[test]
fn a_sweep_removes_what_expires_while_it_runs_and_exits_with_0_on_sigterm() {
    for name in ["TERM", "INT"] {
        let db = Db::new();
        let mut sweep = sweeping(&db);
        db.insert("sessions", [connect_mongo("second", at(2))]);
        db.await_gone("sessions", "second");
        expired(&db, "third");
        db.await_gone("sessions", "third");
        sweep.signal(name);
        sweep.wait().exits(0).soon();
        assert_eq!(db.ids("sessions"), ["live"]);
    }
}

#[test]
fn a_sweep_whose_terminal_is_gone_says_so() {
    let db = Db::new();
    let mut sweep = sweeping(&db);
    sweep.signal("HUP");
    sweep.wait().exits(129).soon();
}

#[test]
fn a_sweep_survives_its_server_being_killed_and_stopped() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    db.insert("sessions", [connect_mongo("live", at(600))]);
    expired(&db, "first");
    // It gives up soon, and so comes back by itself rather than by the driver's patience.
    let uri = format!("{}&serverSelectionTimeoutMS=200", db.uri);
    let mut sweep = db.command(&EVERY_SECOND).env("SESSIONCTL_URI", &uri).start();
    db.await_gone("sessions", "first");
    for (id, stop) in [("after-kill", true), ("after-stop", false)] {
        if stop {
            server.kill();
        } else {
            server.stop();
        }
        sweep.await_said("retrying");
        assert!(!sweep.has_ended());
        server.restart().unwrap();
        expired(&db, id);
        db.await_gone("sessions", id);
    }
    sweep.signal("TERM");
    sweep.wait().exits(0).soon().says("retrying");
}

#[test]
fn a_sweep_can_be_ended_while_its_server_is_unreachable() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    let mut sweep = sweeping(&db);
    server.stop();
    std::thread::sleep(Duration::from_millis(1200));
    sweep.signal("TERM");
    sweep.wait().exits(0).soon();

    let mut sweep = db.command(&EVERY_SECOND).start();
    sweep.await_signals();
    sweep.signal("TERM");
    sweep.wait().exits(0).soon();
    server.restart().unwrap();
}

#[test]
fn a_sweep_can_be_ended_while_its_server_does_not_answer() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    let mut sweep = sweeping(&db);
    // The session is gone a moment before the sweep is told so; a batch under way is waited for.
    sweep.await_said("deleted 1 expired session");
    server.pause().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    sweep.signal("TERM");
    sweep.wait().exits(0).soon();
    let mut late = db.command(&EVERY_SECOND).start();
    late.await_signals();
    late.signal("INT");
    late.wait().exits(0).soon();
    server.resume().unwrap();
}

#[test]
fn a_sweep_that_is_stopped_during_a_pass_finishes_the_batch() {
    let db = Db::new();
    db.insert("sessions", (0..95).map(|number| connect_mongo(&format!("{number:05}"), at(-60))));
    let data = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 100 };
    let slow = db.fail_commands("alwaysOn", data);
    let arguments = [&EVERY_SECOND[..], &["--batch-size", "10", "-o", "ndjson"]].concat();
    let mut sweep = db.command(&arguments).start();
    slow.wait(2);
    sweep.signal("TERM");
    let pass = sweep.wait().exits(0).json();
    let left = db.count("sessions", doc! {});
    assert_eq!(pass["stopped"], "signal");
    assert_eq!(pass["deleted"].as_u64().unwrap() + left, 95);
    assert!((1..90).contains(&left) && left % 10 == 5, "{left}");
}

#[test]
fn a_sweep_that_is_stopped_while_the_backlog_is_counted_does_not_wait_for_the_count() {
    let db = Db::new();
    expired(&db, "one");
    let store = db.store("connect-mongo-json");
    let target = Target::of(&store);
    let (sweep, control) = (Sweep { measure: true, ..Sweep::default() }, Control::default());
    let data =
        doc! { "failCommands": ["aggregate"], "blockConnection": true, "blockTimeMS": 10_000 };
    // Between the server's first answer and the count.
    let (answered, count) = (Barrier::new(2), Barrier::new(2));
    let begun = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            let mut begun = false;
            let on_event = |event| match event {
                Event::Answered(_) => {
                    answered.wait();
                    count.wait();
                }
                Event::Begins { .. } => begun = true,
                _ => {}
            };
            db.runtime.block_on(sweep.run(&target, &control, on_event)).unwrap();
            begun
        });
        answered.wait();
        let slow = db.fail_commands("alwaysOn", data);
        count.wait();
        slow.wait(1);
        control.cancel.cancel();
        run.join().unwrap()
    });
    // Whoever waits for the count begins the pass after it.
    assert!(!begun);
    assert_eq!(db.count("sessions", doc! {}), 1);
}

/// A pass that was stopped so has this under `stopped` in the audit file.
fn is_recorded_as(
    stop: impl FnOnce(&mut crate::support::Running, &std::path::Path),
    stopped: &str,
) {
    let db = Db::new();
    db.insert("sessions", (0..95).map(|number| connect_mongo(&format!("{number:05}"), at(-60))));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (config, audit, control) = (path("sweep.toml"), path("audit"), path("control"));
    let text = format!(
        "interval = 1\nbatch_size = 10\njobs = 1\n[collections.\"{}.sessions\"]\n",
        db.name
    );
    std::fs::write(&config, text).unwrap();
    let data = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 100 };
    let slow = db.fail_commands("alwaysOn", data);
    let sweep = ["sweep", "--no-lease", "--config", &config, "--audit", &audit];
    let mut sweep = db.command(&[&sweep[..], &["--control", &control]].concat()).start();
    slow.wait(2);
    stop(&mut sweep, folder.path());
    let first_end = || -> Option<serde_json::Value> {
        let text = std::fs::read_to_string(&audit).ok()?;
        let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines.find(|line: &serde_json::Value| line["event"] == "ended")
    };
    let ended = crate::support::becomes("the pass had ended", first_end, Option::is_some);
    let ended = ended.unwrap();
    assert_eq!(
        (&ended["stopped"], &ended["result"]["stopped"]),
        (&stopped.into(), &stopped.into())
    );
}

#[test]
fn what_stopped_a_pass_is_recorded_as_it_was() {
    is_recorded_as(|sweep, _| sweep.signal("TERM"), "signal");
    is_recorded_as(
        |_, folder| std::fs::write(folder.join("control"), "stop\n").unwrap(),
        "operator",
    );
    is_recorded_as(
        |sweep, folder| {
            let config = folder.join("sweep.toml");
            let text = std::fs::read_to_string(&config).unwrap();
            std::fs::write(&config, text.replace("interval = 1", "interval = 2")).unwrap();
            sweep.signal("HUP");
        },
        "reload",
    );
}

#[test]
fn a_pass_that_breaks_off_is_gone_on_with() {
    let db = Db::new();
    expired(&db, "one");
    let data = doc! { "failCommands": ["delete"], "errorCode": 10107 };
    let failing = db.fail_commands("alwaysOn", data);
    let sweep = db.command(&EVERY_SECOND).start();
    failing.wait(3);
    drop(failing);
    db.await_gone("sessions", "one");
    sweep.end();
}

#[test]
fn a_right_that_is_missing_during_a_pass_is_reported_once() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    expired(&db, "one");
    let _failing =
        db.fail_commands("alwaysOn", doc! { "failCommands": ["delete"], "errorCode": 13 });
    for arguments in [["sweep", "--once", "-q"], ["sweep", "--interval=1", "-q"]] {
        db.sessionctl(&arguments)
            .exits(1)
            .fails_in_one_sentence()
            .says("not authorized to run delete");
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn a_sweep_waits_for_a_missing_collection_and_passes_over_an_empty_one() {
    let db = Db::new();
    let mut sweep = db.command(&EVERY_SECOND).start();
    sweep.await_said("waiting for");
    assert!(!sweep.has_ended() && db.collections().is_empty());
    db.run(doc! { "create": "sessions" });
    // Nothing to delete is a success.
    sweep.await_said("no expired sessions in ");
    assert!(!sweep.has_ended());
    expired(&db, "first");
    db.await_gone("sessions", "first");
    sweep.signal("TERM");
    sweep.wait().exits(0).soon().says("waiting for");
}

#[test]
fn what_waiting_cannot_mend_ends_a_sweep() {
    let db = Db::new();
    db.insert("sessions", [doc! { "order": 1 }, doc! { "order": 2 }]);
    db.sessionctl(&EVERY_SECOND).exits(1).says("layout");
    assert_eq!(db.count("sessions", doc! {}), 2);

    let uri = db.uri.replace("mongodb://", "mongodb://somebody:wr0ng-secret@");
    let run = Program::new(&EVERY_SECOND).env("SESSIONCTL_URI", &uri).run().exits(1);
    assert!(run.stderr.contains("user"), "{run:#?}");
    assert!(!run.stderr.contains("wr0ng-secret"), "{run:#?}");
}

#[test]
fn once_is_one_pass_and_silent_if_asked() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    expired(&db, "first");
    let run = db.sessionctl(&["sweep", "--once", "-q"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert_eq!(db.ids("sessions"), ["live"]);
    expired(&db, "second");
    db.sessionctl(&["sweep", "--once"]).exits(0).prints("deleted 1 expired session from ");
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn once_on_an_empty_collection_is_fine_and_on_none_is_not() {
    let db = Db::new();
    db.sessionctl(&["sweep", "--once", "-q"]).exits(1).says("there is no collection");
    db.run(doc! { "create": "sessions" });
    db.sessionctl(&["sweep", "--once", "-q"]).exits(0);
    let pass = db.sessionctl(&["sweep", "--once", "-o", "ndjson"]).exits(0).json();
    assert_eq!((&pass["layout"], &pass["deleted"]), (&serde_json::Value::Null, &0.into()));
}

#[test]
fn a_program_reads_one_row_a_pass() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    expired(&db, "first");
    let arguments = [&EVERY_SECOND[..], &["-o", "ndjson"]].concat();
    let mut sweep = db.command(&arguments).start();
    db.await_gone("sessions", "first");
    expired(&db, "second");
    db.await_gone("sessions", "second");
    sweep.signal("TERM");
    let run = sweep.wait().exits(0);
    let rows: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rows.len() >= 2, "{run:#?}");
    assert_eq!(rows.iter().map(|row| row["deleted"].as_u64().unwrap()).sum::<u64>(), 2);
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "namespace layout cutoff matched deleted exact archived renewed reappeared batches seconds stopped"
    );
}

#[test]
fn a_sweep_uses_the_named_layout() {
    let db = Db::new();
    let id = "AAAAAAAAAAAAAAAAAAAAAA";
    db.insert("sessions", [session("tower-sessions", id, at(-60))]);
    let arguments = ["sweep", "--once", "--layout", "tower-sessions", "-o", "ndjson"];
    let pass = db.sessionctl(&arguments).exits(0).json();
    assert_eq!(pass["layout"], "tower-sessions");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn grace_spares_what_an_application_may_be_about_to_touch() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("old", at(-7200)), connect_mongo("new", at(-60))]);
    db.sessionctl(&["sweep", "--once", "--grace", "1h"]).exits(0);
    assert_eq!(db.ids("sessions"), ["new"]);
}
