//! `sessionctl purge`: what is deleted, what is never deleted, and the reports.

use bson::{Document, doc};
use sessionctl::purge::{Purge, Step};
use tokio_util::sync::CancellationToken;

use crate::support::{Db, LAYOUTS, at, connect_mongo, long_id, session};

/// connect-mongo sessions of every state; `b` of user 43.
fn of_every_state(db: &Db) {
    let mut endless = connect_mongo("endless", at(0));
    endless.remove("expires");
    let mut other = connect_mongo("live-43", at(600));
    other.insert("session", r#"{"cookie":{},"userId":43,"cart":{"total":0}}"#);
    db.insert(
        "sessions",
        [
            connect_mongo("expired-1", at(-60)),
            connect_mongo("expired-2", at(-7200)),
            connect_mongo("live-42", at(600)),
            other,
            endless,
            connect_mongo("malformed-1", bson::Bson::Null),
            connect_mongo("malformed-2", "2020-01-01"),
        ],
    );
}

fn many(db: &Db, count: usize) {
    db.insert(
        "sessions",
        (0..count).map(|number| connect_mongo(&format!("expired-{number:05}"), at(-60))),
    );
}

#[test]
fn each_state_can_be_purged_and_no_other_is_touched() {
    for (flag, left) in [
        ("--expired", "endless live-42 live-43 malformed-1 malformed-2"),
        ("--live", "endless expired-1 expired-2 malformed-1 malformed-2"),
        ("--endless", "expired-1 expired-2 live-42 live-43 malformed-1 malformed-2"),
        ("--malformed", "endless expired-1 expired-2 live-42 live-43"),
    ] {
        let db = Db::new();
        of_every_state(&db);
        db.sessionctl(&["purge", flag, "--yes"]).exits(0);
        assert_eq!(db.ids("sessions").join(" "), left, "{flag}");
    }
}

#[test]
fn expired_sessions_of_every_layout_are_purged() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let ids = ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB"];
        db.insert("sessions", [session(layout, ids[0], at(-60)), session(layout, ids[1], at(600))]);
        let report = db.sessionctl(&["purge", "--expired", "-o", "json"]).exits(0).json();
        assert_eq!(report["layout"], layout);
        assert_eq!(db.count("sessions", doc! { id: ids[0] }), 0, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
    }
}

#[test]
fn whatever_is_not_dead_already_is_not_deleted_without_a_confirmation() {
    for selection in [
        &["--all"][..],
        &["--live"],
        &["--endless"],
        &["--malformed"],
        &["--user", "42"],
        &["--where", "userId=42"],
        &["--expires-before", "+1h"],
        &["live-42"],
    ] {
        let db = Db::new();
        of_every_state(&db);
        let arguments = [&["purge"], selection].concat();
        let run = db.sessionctl(&arguments).exits(3);
        assert!(run.stderr.contains(&format!("{}.sessions", db.name)), "{run:#?}");
        assert!(run.stderr.contains("--yes"), "{run:#?}");
        assert_eq!(db.count("sessions", doc! {}), 7, "{selection:?}");
    }
}

#[test]
fn yes_suffices_for_everything_also_as_a_variable() {
    let db = Db::new();
    of_every_state(&db);
    db.command(&["purge", "--live"]).env("SESSIONCTL_YES", "1").run().exits(0);
    assert_eq!(db.count("sessions", doc! {}), 5);
    db.sessionctl(&["purge", "--all", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn nothing_matched_means_nothing_asked() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    let run = db.sessionctl(&["purge", "--user", "nobody", "-o", "json"]).exits(0);
    assert_eq!(run.stderr, "");
    assert_eq!(run.json()["deleted"], 0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn without_a_selection_nothing_is_purged() {
    let db = Db::new();
    of_every_state(&db);
    for arguments in [&["purge"][..], &["purge", "--yes"], &["expire"], &["purge", "--dry-run"]] {
        db.sessionctl(arguments).exits(2);
    }
    assert_eq!(db.count("sessions", doc! {}), 7);
}

#[test]
fn an_empty_collection_is_fine_and_one_that_does_not_exist_is_not() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    let report = db.sessionctl(&["purge", "--expired", "-o", "json"]).exits(0).json();
    assert_eq!((&report["matched"], &report["deleted"]), (&0.into(), &0.into()));
    db.insert("logins", [connect_mongo("live", at(600))]);
    db.sessionctl(&["purge", "--expired", "-c", "nowhere"])
        .exits(1)
        .says(&format!("there is no collection {}.nowhere", db.name))
        .says(&format!("{}.logins", db.name));
    assert!(!db.collections().contains(&"nowhere".to_owned()));
}

#[test]
fn a_dry_run_changes_nothing_and_reports_no_deletion() {
    let db = Db::new();
    of_every_state(&db);
    let report = db.sessionctl(&["purge", "--all", "--dry-run", "-o", "json"]).exits(0).json();
    assert_eq!(report["matched"], 7);
    assert!(report["deleted"].is_null() && report["exact"].is_null(), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 7);
}

#[test]
fn grace_spares_what_has_just_expired() {
    let db = Db::new();
    of_every_state(&db);
    db.sessionctl(&["purge", "--expired", "--grace", "1h"]).exits(0);
    assert_eq!(db.count("sessions", doc! { "_id": "expired-1" }), 1);
    assert_eq!(db.count("sessions", doc! { "_id": "expired-2" }), 0);
}

#[test]
fn the_report_has_the_keys_of_the_contract_in_their_order() {
    let db = Db::new();
    of_every_state(&db);
    let report = db.sessionctl(&["purge", "--expired", "-o", "json"]).exits(0).json();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "namespace layout cutoff matched deleted exact archived renewed reappeared batches seconds stopped"
    );
    assert_eq!(report["namespace"], format!("{}.sessions", db.name));
    assert_eq!((&report["matched"], &report["deleted"]), (&2.into(), &2.into()));
    assert_eq!(report["exact"], true);
    // Ranges of them were deleted, and none was read.
    assert!(report["renewed"].is_null());
    assert!(report["stopped"].is_null() && report["archived"].is_null());
    let csv = db.sessionctl(&["purge", "--expired", "-o", "csv"]).exits(0).stdout;
    assert_eq!(csv.lines().next().unwrap(), keys.join(","));
}

#[test]
fn documents_that_fit_two_layouts_are_never_deleted_by_a_guess() {
    let db = Db::new();
    let both = |id: &str, expires| {
        let mut both = session("connect-mongo-json", id, expires);
        both.extend(doc! { "session_data": "x", "expire_date": expires });
        both
    };
    db.insert("sessions", [both("expired", at(-60)), both("live", at(600))]);
    db.sessionctl(&["purge", "--expired", "--yes"])
        .exits(1)
        .says("connect-mongo-json")
        .says("django-mongoengine")
        .says("--layout");
    assert_eq!(db.count("sessions", doc! {}), 2);
    db.sessionctl(&["purge", "--expired", "--layout", "django-mongoengine"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn documents_of_no_known_layout_are_not_deleted() {
    let db = Db::new();
    db.insert("sessions", [doc! { "_id": "order", "expires": at(-60), "total": 3 }]);
    db.sessionctl(&["purge", "--expired"]).exits(1).says("layout");
    assert_eq!(db.ids("sessions"), ["order"]);
}

#[test]
fn a_purge_goes_in_batches_of_the_size_asked_for() {
    for selection in [&["--expired"][..], &["--user", "42"], &["--where", "userId=42"]] {
        let db = Db::new();
        many(&db, 95);
        let arguments = ["purge", "--batch-size", "10", "--yes", "-o", "json"];
        let report = db.sessionctl(&[&arguments, selection].concat()).exits(0).json();
        assert_eq!(report["batches"], 10, "{selection:?}");
        assert_eq!((&report["matched"], &report["deleted"]), (&95.into(), &95.into()));
        assert_eq!(db.count("sessions", doc! {}), 0);
    }
}

#[test]
fn a_user_is_logged_out_and_nobody_else() {
    let db = Db::new();
    of_every_state(&db);
    let mut similar = connect_mongo("live-142", at(600));
    similar.insert("session", r#"{"cookie":{},"userId":142}"#);
    db.insert("sessions", [similar]);
    db.sessionctl(&["purge", "--user", "43", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 7);
    assert_eq!(db.count("sessions", doc! { "_id": "live-43" }), 0);
    db.sessionctl(&["purge", "--user", "42", "--live", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! { "_id": "live-42" }), 0);
    assert_eq!(db.count("sessions", doc! { "_id": "live-142" }), 1);
}

#[test]
fn a_condition_on_the_payload_selects_by_value() {
    let db = Db::new();
    of_every_state(&db);
    db.sessionctl(&["purge", "--where", "cart.total=0", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 6);
    assert_eq!(db.count("sessions", doc! { "_id": "live-43" }), 0);
}

#[test]
fn ids_and_prefixes_are_alternatives_and_conditions_hold_for_each() {
    let db = Db::new();
    of_every_state(&db);
    let arguments = ["purge", "expired-1", "malformed-2", "live-42", "--live", "--yes"];
    db.sessionctl(&arguments).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 6);
    db.sessionctl(&["purge", "expired-1", "malformed-2", "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ["endless", "expired-2", "live-43", "malformed-1"]);
}

#[test]
fn ids_come_from_stdin_one_a_line_also_those_that_begin_with_a_hyphen() {
    let db = Db::new();
    db.insert("sessions", ["-first", "-dry-run", "other"].map(|id| connect_mongo(id, at(600))));
    db.command(&["purge", "-", "--yes"]).stdin("-first\n").run().exits(0);
    assert_eq!(db.ids("sessions"), ["-dry-run", "other"]);
    db.sessionctl(&["purge", "--yes", "--", "-dry-run"]).exits(0);
    assert_eq!(db.ids("sessions"), ["other"]);
}

#[test]
fn unknown_ids_are_named_and_the_others_done() {
    let db = Db::new();
    of_every_state(&db);
    let secret = "unknown-abcdefghijklmnopqrstuvwxyz";
    let run = db.sessionctl(&["purge", "live-42", secret, "--yes"]).exits(1).says("unknown-");
    assert!(!run.stderr.contains(secret), "{run:#?}");
    assert_eq!(db.count("sessions", doc! { "_id": "live-42" }), 0);
    assert_eq!(db.count("sessions", doc! {}), 6);
}

#[test]
fn an_ambiguous_prefix_does_nothing_at_all() {
    let db = Db::new();
    let ids = ["abcdefgh-one-0000000", "abcdefgh-two-0000000", "other-one-0000000000"];
    db.insert("sessions", ids.map(|id| connect_mongo(id, at(600))));
    db.sessionctl(&["purge", "abcdefgh", ids[2], "--yes"]).exits(1);
    assert_eq!(db.count("sessions", doc! {}), 3);
    db.sessionctl(&["purge", "abcdefgh-o", "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ids[1..]);
}

#[test]
fn a_rule_that_the_layout_has_no_date_for_is_an_error() {
    let db = Db::new();
    let id = "AAAAAAAAAAAAAAAAAAAAAA";
    db.insert("sessions", [session("tower-sessions", id, at(600))]);
    db.sessionctl(&["purge", "--idle", "1s", "--yes"]).exits(1).says("--idle");
    db.sessionctl(&["purge", "--older", "1s", "--yes"]).exits(1).says("--older");
    assert_eq!(db.ids("sessions"), [id]);
}

#[test]
fn idle_sessions_are_purged_by_their_last_touch() {
    let db = Db::new();
    let touched = |id: &str, seconds| {
        let mut session = session("express-mongodb-1", id, at(600));
        session.insert("updatedAt", at(seconds));
        session
    };
    db.insert("sessions", [touched("idle", -7200), touched("busy", -60)]);
    db.sessionctl(&["purge", "--idle", "1h", "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ["busy"]);
}

#[test]
fn a_session_renewed_between_the_read_and_the_delete_lives() {
    let db = Db::new();
    many(&db, 3);
    let held = db.hold_deletes();
    let purge = db.command(&["purge", "--expired", "-o", "json"]).start();
    // The ids were read, and the delete is blocked at the server.
    held.wait_for_a_delete();
    db.update("sessions", doc! { "_id": "expired-00001" }, doc! { "$set": { "expires": at(600) } });
    drop(held);
    let report = purge.wait().exits(0).json();
    assert_eq!(db.ids("sessions"), ["expired-00001"]);
    assert_eq!((&report["matched"], &report["deleted"]), (&2.into(), &2.into()));
}

#[test]
fn a_session_that_did_not_match_from_the_start_was_not_renewed() {
    let db = Db::new();
    let (over, live) = (long_id("over"), long_id("live"));
    db.insert("sessions", [connect_mongo(&over, at(-60)), connect_mongo(&live, at(600))]);
    let run = db.sessionctl(&["expire", &over, &live, "--yes", "-o", "json"]).exits(0);
    assert_eq!((&run.json()["expired"], &run.json()["renewed"]), (&1.into(), &0.into()));
    db.update("sessions", doc! { "_id": &live }, doc! { "$set": { "expires": at(600) } });
    let run = db.sessionctl(&["purge", &over, &live, "--expired", "--yes", "-o", "json"]).exits(0);
    assert_eq!((&run.json()["deleted"], &run.json()["renewed"]), (&1.into(), &0.into()));
    assert_eq!(db.ids("sessions"), [live]);
}

#[test]
fn the_library_spares_a_session_renewed_meanwhile_too() {
    // A session read by id is reported as spared; a window is never read.
    for (tells_ids, spared) in [(true, Some(1)), (false, None)] {
        let db = Db::new();
        many(&db, 3);
        let store = db.store("connect-mongo-json");
        let purge = Purge { tells_ids, ..Purge::expired(at(0), at(0)) };
        let cancel = CancellationToken::new();
        let _runtime = db.runtime.enter();
        let mut purging = store.purge(purge, cancel).unwrap();
        let held = db.hold_deletes();
        let step = db.runtime.spawn(async move { purging.next().await });
        held.wait_for_a_delete();
        let renewed = doc! { "$set": { "expires": at(600) } };
        db.update("sessions", doc! { "_id": "expired-00002" }, renewed);
        drop(held);
        let Some(Step::Batch(batch)) = db.runtime.block_on(step).unwrap().unwrap() else {
            panic!("no batch");
        };
        assert_eq!((batch.done, batch.spared, batch.exact), (2, spared, true));
        assert_eq!(db.ids("sessions"), ["expired-00002"]);
    }
}

#[test]
fn a_session_that_became_another_users_meanwhile_is_judged_again() {
    let db = Db::new();
    db.insert("sessions", ["other", "same", "still"].map(|id| connect_mongo(id, at(600))));
    let held = db.hold_deletes();
    let purge = db.command(&["purge", "--where", "userId=42", "--yes", "-o", "json"]).start();
    held.wait_for_a_delete();
    let payload = |text: &str| doc! { "$set": { "session": text } };
    db.update("sessions", doc! { "_id": "other" }, payload(r#"{"userId":7}"#));
    db.update("sessions", doc! { "_id": "same" }, payload(r#"{"userId":42,"visits":2}"#));
    drop(held);
    let report = purge.wait().exits(0).json();
    // Another's session lives; the one that only changed something else is found again.
    assert_eq!(db.ids("sessions"), ["other"]);
    assert_eq!(report["deleted"], 2);
}

/// A purge of 95 sessions in batches of 10, each of which takes the server a while.
fn slow_purge(db: &Db, arguments: &[&str], name: &str, code: i32) {
    many(db, 95);
    let data = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 100 };
    let slow = db.fail_commands("alwaysOn", data);
    let mut purge =
        db.command(&[arguments, &["--batch-size", "10", "-o", "json"]].concat()).start();
    slow.wait(2);
    purge.signal(name);
    let report = purge.wait().exits(code).json();
    let deleted = report["deleted"].as_u64().unwrap();
    assert_eq!(report["stopped"], "signal");
    assert_eq!(deleted + db.count("sessions", doc! {}), 95, "{report}");
    assert!((10..90).contains(&deleted) && deleted.is_multiple_of(10), "{report}");
    assert_eq!(report["batches"], deleted / 10);
    assert_eq!(report["exact"], true);
    drop(slow);
    db.sessionctl(arguments).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0, "running it again goes on");
}

#[test]
fn interrupting_a_purge_finishes_the_batch_and_reports() {
    slow_purge(&Db::new(), &["purge", "--expired"], "INT", 130);
    slow_purge(&Db::new(), &["purge", "--user", "42", "--yes"], "TERM", 143);
    slow_purge(&Db::new(), &["purge", "--expired"], "HUP", 129);
}

#[test]
fn a_second_signal_leaves_at_once() {
    let db = Db::new();
    many(&db, 3);
    let held = db.hold_deletes();
    let mut purge = db.command(&["purge", "--expired"]).start();
    held.wait_for_a_delete();
    purge.signal("TERM");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!purge.has_ended(), "the first lets the batch finish");
    purge.signal("TERM");
    let run = purge.wait().soon();
    assert_eq!((run.code, run.signal), (None, Some(15)));
}

#[test]
fn a_closed_stdout_is_no_reason_to_stop() {
    let db = Db::new();
    many(&db, 95);
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let data = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 20 };
    let slow = db.fail_commands("alwaysOn", data);
    let (reader, writer) = std::io::pipe().unwrap();
    let purge = db.command(&["purge", "--expired", "--batch-size", "10"]).stdout(writer).start();
    drop(reader);
    let run = purge.wait().exits(0);
    drop(slow);
    assert_eq!(run.stderr, "");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

fn purge_through(data: Document, mode: Document, selection: &[&str]) -> (Db, serde_json::Value) {
    let db = Db::new();
    many(&db, 25);
    let failing = db.fail_commands(mode, data);
    let arguments = ["purge", "--batch-size", "10", "--yes", "-o", "json"];
    let report = db.sessionctl(&[&arguments, selection].concat()).exits(0).json();
    drop(failing);
    assert_eq!(db.count("sessions", doc! {}), 0, "{report}");
    (db, report)
}

#[test]
fn a_delete_that_the_server_refuses_once_is_tried_again_and_the_count_stays_exact() {
    let data = doc! { "failCommands": ["delete"], "errorCode": 10107 };
    let (_, report) = purge_through(data, doc! { "times": 2 }, &["--expired"]);
    assert_eq!((&report["deleted"], &report["exact"]), (&25.into(), &true.into()));
    assert!(report["stopped"].is_null());
}

#[test]
fn a_connection_that_breaks_in_mid_delete_is_survived_and_the_count_is_at_least() {
    let data = doc! { "failCommands": ["delete"], "closeConnection": true };
    for selection in [&["--expired"][..], &["--user", "42"]] {
        let (_, report) = purge_through(data.clone(), doc! { "times": 1 }, selection);
        assert_eq!(report["exact"], false, "{report}");
        assert!(report["deleted"].as_u64().unwrap() <= 25);
        assert!(report["stopped"].is_null());
    }
}

#[test]
fn a_cursor_that_is_lost_is_opened_again() {
    for code in [43, 189] {
        let data = doc! { "failCommands": ["getMore"], "errorCode": code };
        let (_, report) = purge_through(data, doc! { "times": 1 }, &["--expired"]);
        assert_eq!((&report["deleted"], &report["exact"]), (&25.into(), &true.into()));
    }
}

#[test]
fn an_error_that_waiting_cannot_mend_ends_a_purge_with_its_report() {
    let db = Db::new();
    many(&db, 25);
    let data = doc! { "failCommands": ["delete"], "errorCode": 2 };
    let failing = db.fail_commands(doc! { "skip": 1 }, data);
    let run = db.sessionctl(&["purge", "--expired", "--batch-size", "10", "-o", "json"]).exits(1);
    drop(failing);
    let report = run.json();
    assert_eq!((&report["stopped"], &report["deleted"]), (&"error".into(), &10.into()));
    assert_eq!(report["exact"], false);
    assert_eq!(db.count("sessions", doc! {}), 15);
    assert!(run.stderr.contains("\nerror: could not purge sessions of "), "{run:#?}");
}

#[test]
fn deletes_are_hinted_acknowledged_by_the_majority_and_can_be_found_by_their_comment() {
    let db = Db::new();
    many(&db, 3);
    db.run(doc! { "profile": 2 });
    db.sessionctl(&["purge", "--expired"]).exits(0);
    db.run(doc! { "profile": 0 });
    let removed = db.one("system.profile", "op", "remove");
    assert_eq!(removed.get_str("planSummary").unwrap(), "IXSCAN { _id: 1 }");
    let found = db.find("system.profile", doc! { "command.delete": "sessions" });
    let command = found.first().map(|entry| entry.get_document("command").unwrap());
    let text = format!("{command:?} {removed:?}");
    assert!(text.contains("sessionctl "), "{text}");
}

#[test]
fn a_question_on_the_terminal_is_asked_with_count_and_namespace() {
    let db = Db::new();
    of_every_state(&db);
    let question = format!("Delete 2 expired sessions from {}.sessions?", db.name);
    let asked = db.command(&["purge", "--expired"]);
    asked.on_terminal(&[(&question, ""), ("[y/N]", "n\r")]).exits(3);
    assert_eq!(db.count("sessions", doc! {}), 7);
    let asked = db.command(&["purge", "--expired"]);
    asked.on_terminal(&[("[y/N]", "maybe\r")]).exits(3);
    assert_eq!(db.count("sessions", doc! {}), 7);
    // A bar is drawn if the work takes long enough.
    let data = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1500 };
    let slow = db.fail_commands("alwaysOn", data);
    let asked = db.command(&["purge", "--expired", "--batch-size", "1", "--jobs", "1"]);
    let run = asked.on_terminal(&[("[y/N]", "y\r")]).exits(0);
    drop(slow);
    assert!(run.stdout.contains("1 of 2 ") && run.stdout.contains(" left"), "{run:#?}");
    assert_eq!(db.count("sessions", doc! {}), 5);
}

#[test]
fn all_requires_the_namespace_to_be_typed() {
    let db = Db::new();
    of_every_state(&db);
    let ask =
        |answer: &str| db.command(&["purge", "--all"]).on_terminal(&[("to continue", answer)]);
    ask("y\r").exits(3);
    ask("sessions\r").exits(3);
    assert_eq!(db.count("sessions", doc! {}), 7);
    ask(&format!("{}.sessions\r", db.name)).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn an_interrupted_question_deletes_nothing() {
    let db = Db::new();
    of_every_state(&db);
    let asked = db.command(&["purge", "--live"]);
    let run = asked.on_terminal(&[("[y/N]", "\x03")]);
    run.exits(130);
    assert_eq!(db.count("sessions", doc! {}), 7);
}

#[test]
fn with_ids_from_stdin_the_terminal_is_asked() {
    let db = Db::new();
    of_every_state(&db);
    let ask = |answer: &str| {
        db.command(&["purge", "-"])
            .typed_on_terminal("printf 'live-42\\n' | $sessionctl", &[("[y/N]", answer)])
    };
    ask("n\r").exits(3);
    assert_eq!(db.count("sessions", doc! {}), 7);
    ask("yes\r").exits(0);
    assert_eq!(db.count("sessions", doc! { "_id": "live-42" }), 0);
    assert_eq!(db.count("sessions", doc! {}), 6);
}
