//! The options of `sessionctl purge` that make it gentle, undoable and accountable.

use std::fs;
use std::process::Command;
use std::time::Duration;

use bson::{Bson, Document, RawDocumentBuf, doc};
use serde_json::json;
use sessionctl::archive::Reader;

use crate::rig::ReplicaSet;
use crate::support::{Db, Run, at, becomes, connect_mongo, milliseconds, now, session, with};

const TEST_COMMANDS: &[(&str, &str)] = &[("enableTestCommands", "1")];

/// This many expired sessions, each with a different expiry.
fn many(db: &Db, count: usize) {
    let dead = |n: usize| connect_mongo(&format!("dead-{n:05}"), at(-60 - n as i64));
    db.insert("sessions", (0..count).map(dead));
}

fn index(db: &Db, path: &str) {
    db.create_index("sessions", doc! { "key": { path: 1 }, "name": format!("{path}_1") });
}

fn purge(db: &Db, more: &[&str]) -> Run {
    db.sessionctl(&[&["purge", "--expired", "-o", "json"], more].concat())
}

// How gently

#[test]
fn a_run_time_stops_a_purge_between_two_batches_with_work_left() {
    let db = Db::new();
    many(&db, 500);
    let gently = ["--rate", "100", "--run-time", "1s"];
    let report = purge(&db, &gently).exits(5).json();
    assert_eq!(report["stopped"], "run-time", "{report}");
    let deleted = report["deleted"].as_u64().unwrap();
    assert!((1..500).contains(&deleted), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 500 - deleted);
    let report = purge(&db, &["--run-time", "60s"]).exits(0).json();
    assert!(report["stopped"].is_null(), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 0);
    purge(&db, &["--run-time", "60s"]).exits(0);
}

#[test]
fn a_rate_bounds_what_is_deleted_by_then() {
    for indexed in [true, false] {
        let db = Db::new();
        many(&db, 5000);
        if indexed {
            index(&db, "expires");
        }
        let report =
            purge(&db, &["--rate", "500", "--run-time", "2s", "--jobs", "4"]).exits(5).json();
        let deleted = 5000 - db.count("sessions", doc! {});
        // What the rate gives, and a burst at its beginning.
        assert!((300..=1600).contains(&deleted), "{indexed} {report}");
        assert_eq!(report["deleted"], deleted);
    }
}

#[test]
fn a_purge_pauses_while_a_member_is_behind_and_continues_when_it_has_caught_up() {
    let set = ReplicaSet::start(3, TEST_COMMANDS);
    let db = Db::on(&set.uri());
    many(&db, 3000);
    set.fall_behind(2);
    // It is behind as soon as there is something to follow.
    let lag = |db: &Db| {
        db.insert("writes", [doc! {}]);
        let status = db.admin(doc! { "replSetGetStatus": 1 });
        let members = status.get_array("members").unwrap();
        let at = |index: usize| {
            let member = members[index].as_document().unwrap();
            member.get_datetime("optimeDate").unwrap().timestamp_millis()
        };
        at(0) - at(2)
    };
    becomes("a member was 3 s behind", || lag(&db), |behind| *behind > 3000);
    let arguments = ["purge", "--expired", "--max-lag", "2s", "-o", "json"];
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut paused = db.command(&arguments).start();
        paused.await_said("paused: a replica set member is ");
        assert!(!paused.has_ended());
        paused.signal(name);
        let run = paused.wait().soon().exits(code).says("paused: a replica set member is ");
        assert_eq!(run.json()["deleted"], 0, "{run:#?}");
        assert_eq!(run.json()["stopped"], "signal");
    }
    let mut paused = db.command(&arguments).start();
    paused.await_said("paused: a replica set member is ");
    assert!(!paused.has_ended());
    assert_eq!(db.count("sessions", doc! {}), 3000);
    set.catch_up(2);
    let report = paused.wait().exits(0).says("paused: a replica set member is ").json();
    assert_eq!(report["deleted"], 3000, "{report}");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn without_the_right_to_know_the_lag_nothing_is_deleted() {
    let set = ReplicaSet::guarded(1);
    let db = Db::on(&set.uri());
    many(&db, 3);
    let role = doc! { "role": "readWrite", "db": &db.name };
    db.admin(doc! { "createUser": "app", "pwd": "app-password", "roles": [role] });
    let uri = set.uri().replace("root:root@", "app:app-password@") + "&authSource=admin";
    let run = |arguments: &[&str]| db.command(arguments).env("SESSIONCTL_URI", &uri).run();
    run(&["purge", "--expired", "--max-lag", "5s"])
        .exits(1)
        .fails_in_one_sentence()
        .says("not authorized to run replSetGetStatus")
        .says("hint: grant the role clusterMonitor, or omit --max-lag")
        .never_shows("app-password");
    assert_eq!(db.count("sessions", doc! {}), 3);
    run(&["purge", "--expired"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn on_a_standalone_max_lag_has_no_effect_and_a_note_says_so() {
    let db = Db::new();
    many(&db, 3);
    purge(&db, &["--max-lag", "1s"]).exits(0).says("warning: --max-lag has no effect");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

// What is decided

#[test]
fn a_cutoff_after_the_servers_now_is_refused() {
    let db = Db::new();
    many(&db, 3);
    for cutoff in ["+1h", "2999-01-01T00:00:00Z"] {
        purge(&db, &["--cutoff", cutoff])
            .exits(1)
            .fails_in_one_sentence()
            .says("the cutoff is in the future");
        assert_eq!(db.count("sessions", doc! {}), 3);
    }
}

#[test]
fn a_cutoff_of_an_earlier_report_repeats_that_decision() {
    let db = Db::new();
    many(&db, 3);
    db.insert("sessions", [connect_mongo("soon", at(600))]);
    let dry = purge(&db, &["--dry-run"]).exits(0).json();
    assert_eq!((&dry["matched"], &dry["deleted"]), (&3.into(), &serde_json::Value::Null));
    db.update("sessions", doc! { "_id": "soon" }, doc! { "$set": { "expires": now() } });
    let expired = || db.count("sessions", doc! { "expires": { "$lt": now() } });
    becomes("four had expired", expired, |count| *count == 4);
    let cutoff = dry["cutoff"].as_str().unwrap();
    let report = purge(&db, &["--cutoff", cutoff]).exits(0).json();
    assert_eq!((&report["cutoff"], &report["deleted"]), (&dry["cutoff"], &3.into()));
    assert_eq!(db.ids("sessions"), ["soon"]);
}

#[test]
fn a_dry_run_shows_how_it_would_go_about_it_and_does_nothing() {
    let db = Db::new();
    many(&db, 20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    let seen = |arguments: &[&str]| {
        let run = purge(&db, arguments).exits(0);
        let report = run.json();
        assert_eq!(db.count("sessions", doc! {}), 20, "{arguments:?}");
        assert_eq!(report["sample"].as_array().unwrap().len(), 5, "{report}");
        assert!(report["estimate"].is_number() && report["deleted"].is_null(), "{report}");
        let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
        (text("strategy"), text("plan"), run.stderr.contains("scanning the whole collection"))
    };
    let pair = |strategy: &str, plan: &str, walks| (strategy.to_owned(), plan.to_owned(), walks);
    assert_eq!(seen(&["--dry-run"]), pair("_id windows", "COLLSCAN", true));
    index(&db, "expires");
    assert_eq!(seen(&["--dry-run"]), pair("expiry windows", "IXSCAN expires_1", false));
    let archiving = ["--dry-run", "--archive", path.to_str().unwrap()];
    assert_eq!(seen(&archiving), pair("ids", "IXSCAN expires_1", false));
    assert!(!path.exists());
}

// What is written down

#[test]
fn lines_of_audit_say_who_did_what_and_no_secret() {
    let db = Db::new();
    many(&db, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.ndjson");
    let secret = "sessionctl-secret-0123456789abcdef";
    db.insert("sessions", [connect_mongo(secret, at(600))]);
    let audit = path.to_str().unwrap();
    let id = format!("{secret}-extra");
    db.insert("sessions", [connect_mongo(&id, at(600))]);
    let name = &db.name;
    let more = ["--uri", &db.uri, "--db", name, "--audit", audit, "--yes"];
    db.sessionctl(&[&["purge", &id], &more[..]].concat()).exits(0);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["began", "batch", "ended"]);
    assert!(lines.iter().all(|line| line["run"] == lines[0]["run"]));
    // Nothing was asked, so nothing was counted before.
    assert!(lines[0]["planned"].is_null());
    assert_eq!(lines[0]["namespace"], format!("{name}.sessions"));
    assert_eq!(lines[2]["result"]["deleted"], 1, "{text}");
    assert!(!text.contains(&id) && !text.contains(&db.uri), "{text}");
    assert_eq!(db.ids("sessions").len(), 4);
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let db = Db::new();
    many(&db, 3);
    purge(&db, &["--audit", "/dev/full"]).exits(1).says("no storage space");
    assert_eq!(db.count("sessions", doc! {}), 3);
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none/audit");
    let run =
        db.command(&["purge", "--expired"]).env("SESSIONCTL_AUDIT", nowhere.to_str().unwrap());
    run.run().exits(1).says("none/audit");
    assert_eq!(db.count("sessions", doc! {}), 3);
}

// Those that come back

/// A request in flight while its session was ended writes it back, once.
fn comes_back(db: &Db, more: &[&str], code: i32, back: Document) -> serde_json::Value {
    // Time enough to write it back before the purge looks again.
    let pause = format!("{}ms", milliseconds(Duration::from_secs(1)));
    let arguments = ["purge", "--user", "42", "--verify", &pause, "--yes", "-o", "json"];
    let before = db.count("sessions", doc! {});
    let purge = db.command(&[&arguments, more].concat()).start();
    becomes("one was deleted", || db.count("sessions", doc! {}), |left| *left < before);
    db.insert("sessions", [back]);
    purge.wait().exits(code).json()
}

#[test]
fn a_session_that_is_written_back_is_ended_again() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(600))]);
    let other = with(connect_mongo("other", at(600)), doc! { "session": r#"{"userId":7}"# });
    db.insert("sessions", [other]);
    let report = comes_back(&db, &[], 0, connect_mongo("one", at(600)));
    assert_eq!(db.ids("sessions"), ["other"]);
    assert_eq!(report["reappeared"], 1, "{report}");
}

#[test]
fn a_session_that_is_written_back_is_archived_again_before_it_is_deleted_again() {
    let db = Db::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.bson");
    let [first, second] = [1, 2].map(|views| {
        let session = json!({ "cookie": {}, "userId": 42, "views": views }).to_string();
        with(connect_mongo("one", at(600)), doc! { "session": session })
    });
    db.insert("sessions", [first.clone()]);
    let archive = ["--archive", path.to_str().unwrap()];
    let report = comes_back(&db, &archive, 0, second.clone());
    assert_eq!(db.count("sessions", doc! {}), 0);
    let archived: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    assert_eq!(archived, [first, second].map(|one| RawDocumentBuf::try_from(&one).unwrap()));
    assert_eq!(report["archived"], 2, "{report}");
}

#[test]
fn a_count_that_was_not_exact_does_not_become_exact_when_a_session_is_ended_again() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(600))]);
    let data = doc! { "failCommands": ["delete"], "closeConnection": true };
    let failing = db.fail_commands(doc! { "times": 1 }, data);
    let report = comes_back(&db, &[], 0, connect_mongo("one", at(600)));
    drop(failing);
    assert_eq!((&report["reappeared"], &report["exact"]), (&json!(1), &json!(false)), "{report}");
}

#[test]
fn the_time_of_run_time_goes_on_while_it_waits_to_look_again() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(600))]);
    // Over when it looks again.
    let time = format!("{}ms", milliseconds(Duration::from_millis(900)));
    let report = comes_back(&db, &["--run-time", &time], 5, connect_mongo("one", at(600)));
    assert_eq!(db.ids("sessions"), ["one"]);
    assert_eq!((&report["stopped"], &report["deleted"]), (&json!("run-time"), &json!(1)));
}

#[test]
fn a_session_that_came_back_is_only_reported_with_no_repeat() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(600))]);
    let report = comes_back(&db, &["--no-repeat"], 1, connect_mongo("one", at(600)));
    assert_eq!(db.ids("sessions"), ["one"]);
    assert_eq!(report["reappeared"], 1, "{report}");
}

#[test]
fn a_session_comes_back_under_another_key_where_its_store_makes_a_new_one() {
    let db = Db::new();
    // {"_user_id": "42"} as MessagePack.
    let payload = [&[0x81, 0xA8][..], b"_user_id", &[0xA2], b"42"].concat();
    let val = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: payload };
    let flask = || {
        doc! {
            "_id": bson::oid::ObjectId::new(),
            "id": "session:-FejAI7M6whvygzUpUiiyyd5AttNzswJ2lfDsjoYNAw",
            "expiration": at(600),
            "val": val.clone(),
        }
    };
    db.insert("sessions", [flask()]);
    let report = comes_back(&db, &["--layout", "flask-session"], 0, flask());
    assert_eq!(db.count("sessions", doc! {}), 0);
    assert_eq!(report["reappeared"], 1, "{report}");
}

// The archive

#[test]
fn an_archive_that_exists_is_never_overwritten() {
    let db = Db::new();
    many(&db, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    fs::write(&path, "mine").unwrap();
    purge(&db, &["--archive", path.to_str().unwrap()])
        .exits(1)
        .says("already exists")
        .says("--archive-append");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    assert_eq!(db.count("sessions", doc! {}), 3);
}

#[test]
fn a_full_disk_stops_a_purge_before_the_next_delete() {
    let db = Db::new();
    many(&db, 2000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    // Files are limited to 64 blocks of 512 bytes; a larger write fails instead of killing the
    // process.
    let line = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let purge = Command::new("sh")
        .args(["-c", line, env!("CARGO_BIN_EXE_sessionctl"), "purge", "--expired"])
        .args(["--uri", &db.uri, "--db", &db.name, "--batch-size", "20", "-o", "json"])
        .args(["--archive", path.to_str().unwrap()])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&purge.stderr);
    assert_eq!(purge.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("could not be written"), "{stderr}");
    let report: serde_json::Value = serde_json::from_slice(&purge.stdout).unwrap();
    assert_eq!(report["stopped"], "error", "{report}");
    let left = db.count("sessions", doc! {});
    assert!((1..2000).contains(&left), "{left}");
    let kept = Reader::open(&path).unwrap().map(Result::unwrap);
    let kept: Vec<_> = kept.map(|one| one.get_str("_id").unwrap().to_owned()).collect();
    assert_eq!(kept.len() as u64, 2000 - left, "what is gone is in the archive");
    assert!(!db.ids("sessions").iter().any(|id| kept.contains(id)));
    assert_eq!(report["archived"], kept.len(), "{report}");
}

#[test]
fn an_archived_session_that_was_renewed_stays() {
    let db = Db::new();
    many(&db, 3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let held = db.hold_deletes();
    let arguments = ["purge", "--expired", "-o", "json", "--archive", path.to_str().unwrap()];
    let purge = db.command(&arguments).start();
    held.wait_for_a_delete();
    db.update("sessions", doc! { "_id": "dead-00001" }, doc! { "$set": { "expires": at(600) } });
    drop(held);
    let report = purge.wait().exits(0).json();
    assert_eq!(db.ids("sessions"), ["dead-00001"]);
    assert_eq!((&report["archived"], &report["renewed"]), (&2.into(), &1.into()), "{report}");
    assert_eq!(Reader::open(&path).unwrap().count(), 3);
}

#[test]
fn sessions_that_the_archive_cannot_represent_are_kept_and_reported() {
    let db = Db::new();
    many(&db, 3);
    let broken = with(connect_mongo("broken", at(-60)), doc! { "session": "a?bcd" });
    db.insert_broken("sessions", broken);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.ndjson");
    let layout = ["--layout", "connect-mongo-json", "--archive", path.to_str().unwrap()];
    let report = purge(&db, &layout).exits(1).says("kept 1 session").says("(bro...)").json();
    assert_eq!((&report["deleted"], &report["archived"]), (&3.into(), &3.into()), "{report}");
    assert_eq!(db.count("sessions", doc! { "_id": "broken" }), 1);
    assert_eq!(db.count("sessions", doc! {}), 1);
    assert_eq!(Reader::open(&path).unwrap().count(), 3);
    let path = folder.path().join("a.bson");
    let layout = ["--layout", "connect-mongo-json", "--archive", path.to_str().unwrap()];
    purge(&db, &layout).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

// What the index holds

#[test]
fn many_sessions_of_one_expiry_go_in_small_batches() {
    let db = Db::new();
    let burst = at(-600);
    db.insert("sessions", (0..20_000).map(|n| connect_mongo(&format!("burst-{n:05}"), burst)));
    db.insert("sessions", [connect_mongo("before", at(-700)), connect_mongo("after", at(-500))]);
    db.insert("sessions", [connect_mongo("live", at(600))]);
    index(&db, "expires");
    let report = purge(&db, &["--batch-size", "500"]).exits(0).json();
    assert_eq!(db.ids("sessions"), ["live"]);
    assert_eq!((&report["deleted"], &report["exact"]), (&20_002.into(), &true.into()));
    assert!(report["batches"].as_u64().unwrap() >= 40, "{report}");
}

/// Purges with an index on `path`, in windows of two and by default, and with none.
fn purges_exactly(layout: &str, path: &str, documents: &[Document], left: &[&str], id: &str) {
    for more in [&["--batch-size", "2"][..], &["--batch-size", "1"], &[]] {
        for indexed in [true, false] {
            let db = Db::new();
            db.insert("sessions", documents.to_vec());
            if indexed {
                index(&db, path);
            }
            let named = [&["--layout", layout], more].concat();
            let report = purge(&db, &named).exits(0).json();
            let found = db.find("sessions", doc! {});
            let mut ids: Vec<_> = found.iter().map(|one| one.get_str(id).unwrap()).collect();
            ids.sort_unstable();
            assert_eq!(ids, left, "{layout} {more:?} {indexed} {report}");
            assert_eq!(report["deleted"], documents.len() - left.len(), "{layout} {report}");
        }
    }
}

#[test]
fn of_an_array_of_dates_the_earliest_decides_along_an_index_too() {
    let dates = |seconds: &[i64]| {
        Bson::Array(seconds.iter().map(|seconds| Bson::DateTime(at(*seconds))).collect())
    };
    let documents = [
        connect_mongo("a-past", dates(&[-60, -50])),
        connect_mongo("b-both", dates(&[-60, 600])),
        connect_mongo("c-late", dates(&[600, 700])),
        connect_mongo("d-dead", at(-55)),
        connect_mongo("e-dead", at(-70)),
        connect_mongo("f-live", at(600)),
        connect_mongo("g-empty", Bson::Array(vec![])),
        connect_mongo("h-dead", at(-30)),
    ];
    let left = ["c-late", "f-live", "g-empty"];
    purges_exactly("connect-mongo-json", "expires", &documents, &left, "_id");
}

#[test]
fn expiries_that_are_numbers_are_purged_exactly_along_an_index() {
    let nanos = |seconds: i64| at(seconds).timestamp_millis() * 1_000_000;
    let bytes = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] };
    let scs = |token: &str, seconds: i64| {
        doc! { "token": token, "expiration": nanos(seconds), "object": bytes.clone() }
    };
    let times = [("a", -60), ("b", -50), ("c", 600), ("d", -1), ("e", 5000), ("f", -60)];
    let documents = times.map(|(token, seconds)| scs(token, seconds));
    purges_exactly("scs", "expiration", &documents, &["c", "e"], "token");
    let axum = |id: &str, seconds: i64| {
        let expires = at(seconds).timestamp_millis() / 1000;
        doc! { "id": id, "expires": expires, "session": r#"{"data":{},"longterm":false}"# }
    };
    let documents = times.map(|(id, seconds)| axum(id, if seconds == -1 { -5 } else { seconds }));
    purges_exactly("axum-session", "expires", &documents, &["c", "e"], "id");
}

#[test]
fn where_null_means_expired_it_is_purged_beside_an_index_too() {
    let express = |id: &str, expires: Bson| session("express-mongodb-1", id, expires);
    let documents = [
        express("a-null", Bson::Null),
        express("b-dead", at(-60).into()),
        express("c-live", at(600).into()),
        express("d-null", Bson::Null),
        express("e-dead", at(-50).into()),
        express("f-live", at(700).into()),
    ];
    purges_exactly("express-mongodb-1", "expiresAt", &documents, &["c-live", "f-live"], "_id");
}
