//! What `expire` and `fix` archived is undone by `restore`: the sessions are byte by byte what they were,
//! but for those that somebody changed since.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bson::raw::RawDocumentBuf;
use bson::{Document, doc};
use serde_json::{Value, json};
use sessionctl::archive::{Archive, Reader};
use tempfile::TempDir;

use crate::rig::ReplicaSet;
use crate::support::{Db, Program, at, connect_mongo, eventually, long_id, session, with};

/// What is in the collection, byte by byte, in the order of the `_id`.
fn stored(db: &Db) -> Vec<RawDocumentBuf> {
    let collection = db.client.database(&db.name).collection::<RawDocumentBuf>("sessions");
    db.runtime.block_on(async {
        let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        let mut found = Vec::new();
        while cursor.advance().await.unwrap() {
            found.push(cursor.current().to_owned());
        }
        found
    })
}

/// A session of `user`, as connect-mongo writes it.
fn of(user: &str, id: &str) -> Document {
    let session = json!({ "cookie": { "path": "/" }, "userId": user, "ip": "203.0.113.7" });
    with(connect_mongo(&long_id(id), at(3600)), doc! { "session": session.to_string() })
}

/// A folder with the name of an archive in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }
}

fn id(name: &str) -> Document {
    doc! { "_id": long_id(name) }
}

fn delete(db: &Db, filter: Document) {
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": filter, "limit": 0 }] });
}

/// The counts of a report: restored, reverted, skipped, changed.
fn counts(report: &Value) -> [Option<u64>; 4] {
    ["restored", "reverted", "skipped", "changed"].map(|key| report[key].as_u64())
}

/// The incident: listed users are logged out with an archive and an audit file; then that is undone, after
/// some were renewed, and some removed by a TTL index.
#[test]
fn a_log_out_of_leaked_users_is_undone_but_for_what_changed_since() {
    for has_ttl_index in [false, true] {
        let (db, folder) = (Db::new(), Folder::new());
        let [list, undo, audit] =
            ["leaked.txt", "undo.bson.zst", "a.ndjson"].map(|name| folder.file(name));
        let user = |number: u32| format!("user{}", number % 1000);
        db.insert("sessions", (0..3000).map(|number| of(&user(number), &format!("{number:04}-"))));
        let leaked: Vec<String> = (0..330)
            .map(|number| format!("user{}", number * 3 + 4000 * (number % 11 / 10)))
            .collect();
        let with_sessions: BTreeSet<&String> =
            leaked.iter().filter(|user| user[4..].parse::<u32>().unwrap() < 1000).collect();
        assert_eq!(with_sessions.len(), 300);
        fs::write(&list, leaked.join("\n")).unwrap();
        let before = stored(&db);
        let how = ["--audit", &audit, "--archive", &undo, "--yes", "-o", "json"];
        let run = db.sessionctl(&[&["expire", "--users-from", &list], &how[..]].concat()).exits(0);
        assert_eq!((&run.json()["expired"], &run.json()["archived"]), (&json!(900), &json!(900)));
        assert_eq!(db.count("sessions", doc! { "expires": { "$lt": at(0) } }), 900);

        if has_ttl_index {
            let spec =
                doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
            db.create_index("sessions", spec);
            db.await_count("sessions", doc! {}, 2100);
        }
        // Renewed, with the id that it had; and one that is written again after it was removed.
        let renewed = with(of("user0", "0000-"), doc! { "expires": at(7200) });
        let raw = RawDocumentBuf::try_from(&renewed).unwrap();
        delete(&db, id("0000-"));
        db.insert("sessions", [renewed]);
        let restore = ["restore", &undo, "-o", "json", "--audit", &audit];
        let dry = db.sessionctl(&[&restore[..], &["--dry-run"]].concat()).exits(0).json();
        let (gone, left) = if has_ttl_index { (899, 0) } else { (0, 899) };
        assert_eq!((&dry["to_restore"], &dry["to_revert"]), (&json!(gone), &json!(left)), "{dry}");
        assert_eq!(counts(&dry), [None, None, Some(0), Some(1)]);
        let asked =
            db.sessionctl(&restore).exits(3).says("1 session changed since and stays as it is");
        asked.says(match has_ttl_index {
            true => "restore 899 sessions that were removed since",
            false => "revert 899 sessions",
        });
        let done = db.sessionctl(&[&restore[..], &["--yes"]].concat()).exits(0).json();
        assert_eq!(counts(&done), [Some(gone), Some(left), Some(0), Some(1)], "{done}");
        let wanted: Vec<_> = std::iter::once(raw).chain(before[1..].iter().cloned()).collect();
        assert!(stored(&db) == wanted, "{has_ttl_index}");
        // A second time there is nothing left to do.
        let again = db.sessionctl(&[&restore[..], &["--yes"]].concat()).exits(0).json();
        assert_eq!(counts(&again), [Some(0), Some(0), Some(899), Some(1)], "{again}");
        assert!(stored(&db) == wanted);

        // The audit file names everybody, in the log-out as in the undo.
        let rows = Program::new(&["audit", &audit, "--users", "-o", "json"]).run().exits(0).json();
        let mut named: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows["users"].as_array().unwrap() {
            let of = |key: &str| row[key].as_str().unwrap();
            named.entry(of("command")).or_default().insert(of("user"));
        }
        let all: BTreeSet<&str> = with_sessions.iter().map(|user| user.as_str()).collect();
        assert_eq!((&named["expire"], &named["restore"]), (&all, &all));
        let runs = Program::new(&["audit", &audit, "-o", "json"]).run().exits(0).json();
        let done: Vec<_> =
            runs["runs"].as_array().unwrap().iter().map(|run| &run["done"]).collect();
        assert_eq!(done, [900, 899, 0]);
        assert_eq!(runs["runs"][0]["selection"]["users_listed"]["lines"], 330, "{runs}");
        // A line that is cut out, or changed, is noticed.
        let text = fs::read_to_string(&audit).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cut = [&lines[..2], &lines[3..]].concat().join("\n") + "\n";
        let changed = text.replacen("user3\"", "user4\"", 1);
        assert_ne!(changed, text);
        for damaged in [cut, changed] {
            fs::write(&audit, damaged).unwrap();
            Program::new(&["audit", &audit])
                .run()
                .exits(4)
                .says("a line was changed, added or removed");
        }
    }
}

const NAMES: [&str; 6] =
    ["a.bson", "a.bson.gz", "a.bson.zst", "a.ndjson", "a.ndjson.gz", "a.ndjson.zst"];

/// Documents in which the expiry is at different places, or in none.
fn odd_sessions() -> Vec<Document> {
    let mut endless = of("b", "endless-");
    endless.remove("expires");
    let mut first = doc! { "_id": long_id("first-"), "expires": at(60) };
    first.extend(of("a", "first-").into_iter().filter(|(name, _)| name == "session"));
    let more = doc! { "lastModified": at(-60), "n": 5_i64, "large": "x".repeat(100_000) };
    vec![of("a", "plain-"), endless, first, with(of("b", "more-"), more)]
}

#[test]
fn every_format_says_that_its_sessions_were_expired_and_gives_them_back_byte_by_byte() {
    for name in NAMES {
        let (db, folder) = (Db::new(), Folder::new());
        let file = folder.file(name);
        db.insert("sessions", odd_sessions());
        let before = stored(&db);
        db.sessionctl(&["expire", "--all", "--archive", &file, "--yes"]).exits(0);
        assert!(stored(&db).iter().zip(&before).all(|(now, before)| now != before), "{name}");
        let run = db.sessionctl(&["restore", &file, "--yes"]).exits(0);
        run.prints("reverted 4 sessions in ").prints(&format!(" s, using {file}"));
        assert!(stored(&db) == before, "{name}");
        // The note is no session.
        assert_eq!(Reader::open(file.as_ref()).unwrap().map(Result::unwrap).count(), 4);
    }
}

#[test]
fn a_fix_is_undone_too() {
    let (db, folder) = (Db::new(), Folder::new());
    let text = with(of("a", "text-"), doc! { "expires": "2036-01-02T03:04:05Z" });
    // Expired once it is a date.
    let number = with(of("a", "number-"), doc! { "expires": 1_582_726_245_000_i64 });
    let mut endless = of("b", "endless-");
    endless.remove("expires");
    db.insert("sessions", [text, number, endless, of("b", "whole-")]);
    let before = stored(&db);
    let [first, second] = ["first.bson", "second.ndjson"].map(|name| folder.file(name));
    db.sessionctl(&["fix", "expiry", "--yes", "--archive", &first]).exits(0);
    db.sessionctl(&["fix", "endless", "--lifetime", "1d", "--yes", "--archive", &second]).exits(0);
    let fixed = stored(&db);
    // A removed one comes back as it was.
    delete(&db, id("number-"));
    let report = db.sessionctl(&["restore", &second, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(counts(&report), [Some(0), Some(1), Some(0), Some(0)], "{report}");
    let report = db.sessionctl(&["restore", &first, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(counts(&report), [Some(1), Some(1), Some(0), Some(0)], "{report}");
    assert!(stored(&db) == before && fixed != before);
}

/// Its store, which found nothing, wrote a new document for the same cookie.
#[test]
fn a_removed_session_whose_id_is_used_again_is_left_alone() {
    for is_unique in [false, true] {
        let (db, folder) = (Db::new(), Folder::new());
        let file = folder.file("a.bson");
        if is_unique {
            let index = doc! { "key": { "sid": 1 }, "name": "sid_1", "unique": true };
            db.create_index("sessions", index);
        }
        let of = |name: &str| session("express-mongodb-legacy", &long_id(name), at(3600));
        db.insert("sessions", ["again-", "gone-"].map(of));
        db.sessionctl(&["expire", "--all", "--archive", &file, "--yes"]).exits(0);
        delete(&db, doc! {});
        db.insert("sessions", [of("again-")]);
        let restore = ["restore", &file, "-o", "json"];
        let dry = db.sessionctl(&[&restore[..], &["--dry-run"]].concat()).exits(0).json();
        assert_eq!(dry["to_restore"], 1, "{dry}");
        let done = db.sessionctl(&[&restore[..], &["--yes"]].concat()).exits(0).json();
        assert_eq!(counts(&done), [Some(1), Some(0), Some(0), Some(1)], "{is_unique} {done}");
        assert_eq!(db.count("sessions", doc! { "sid": long_id("again-") }), 1);
        assert_eq!(db.count("sessions", doc! {}), 2);
    }
}

/// A session that a fix left live, and that is gone, was logged out by its user.
#[test]
fn undoing_a_fix_inserts_no_session_that_somebody_ended_since() {
    let (db, folder) = (Db::new(), Folder::new());
    let [dates, lifetimes] = ["dates.bson", "lifetimes.ndjson"].map(|name| folder.file(name));
    let endless = |name: &str| {
        let mut session = of("b", name);
        session.remove("expires");
        session
    };
    let text = |name: &str, date: &str| with(of("a", name), doc! { "expires": date });
    let live = "2096-01-02T03:04:05Z";
    let texts = [text("over-", "2016-01-02T03:04:05Z"), text("live-", live)];
    db.insert("sessions", texts.into_iter().chain([of("a", "whole-")]));
    db.sessionctl(&["fix", "expiry", "--yes", "--archive", &dates]).exits(0);
    db.insert("sessions", [endless("ended-"), endless("there-")]);
    let fix = ["fix", "endless", "--lifetime", "1d", "--yes", "--archive", &lifetimes];
    db.sessionctl(&fix).exits(0);
    // Some log out, and the TTL index removes what is over: nothing is left to compute with.
    let ended = ["over-", "live-", "ended-"].map(long_id);
    for all in [false, true] {
        delete(
            &db,
            if all {
                doc! {}
            } else {
                doc! { "_id": { "$in": &ended } }
            },
        );
        for (archive, back) in [(&lifetimes, &[][..]), (&dates, &["over-"])] {
            let restore = ["restore", archive, "-o", "json", "--layout", "connect-mongo-json"];
            // The collection tells its layout, unless it is empty.
            let restore = if all { &restore[..] } else { &restore[..4] };
            let dry = db.sessionctl(&[restore, &["--dry-run"]].concat()).exits(0).json();
            assert_eq!(dry["to_restore"], back.len(), "{dry}");
            let run = db.sessionctl(&[restore, &["--yes"]].concat()).exits(0);
            let report = run.json();
            assert_eq!(report["restored"], back.len(), "{report}");
            let gone = if archive == &lifetimes && all { 2 } else { 1 };
            assert_eq!(report["absent"], gone, "{report}");
        }
        let there = if all { &["over-"][..] } else { &["over-", "there-", "whole-"] };
        let there: Vec<String> = there.iter().map(|name| long_id(name)).collect();
        assert_eq!(db.ids("sessions"), there);
    }
}

#[test]
fn what_the_collection_refuses_is_named_and_the_rest_is_undone() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson");
    let numbered = |n: i32| with(of("asa", &format!("{n}-")), doc! { "n": n });
    db.insert("sessions", (0..6).map(numbered));
    let before = stored(&db);
    db.sessionctl(&["expire", "--user", "asa", "--archive", &file, "--yes"]).exits(0);
    delete(&db, doc! { "n": { "$gte": 3 } });
    // Both the replacement and the insertion of an even one would break it.
    db.run(doc! { "collMod": "sessions", "validator": { "$or": [
        { "n": { "$mod": [2, 1] } }, { "expires": { "$lt": at(0) } },
    ] } });
    let restore = ["restore", &file, "--yes", "-o", "json"];
    for (restored, reverted, skipped) in [(2, 1, 0), (0, 0, 3)] {
        let run = db.sessionctl(&restore).exits(1).says("refused 3 sessions (");
        let report = run.json();
        let wanted = [Some(restored), Some(reverted), Some(skipped), Some(0)];
        assert_eq!(counts(&report), wanted, "{report}");
        assert!(report["stopped"].is_null(), "{report}");
    }
    db.run(doc! { "collMod": "sessions", "validator": {} });
    db.sessionctl(&restore).exits(0);
    assert!(stored(&db) == before);
}

#[test]
fn only_what_is_present_is_reverted_where_that_was_asked_for() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson");
    db.insert("sessions", ["a-", "b-", "c-"].map(|name| of("asa", name)));
    db.sessionctl(&["expire", "--user", "asa", "--archive", &file, "--yes"]).exits(0);
    delete(&db, id("b-"));
    let restore = ["restore", &file, "--only-present", "--yes", "-o", "json"];
    let report = db.sessionctl(&restore).exits(0).json();
    assert_eq!(counts(&report), [Some(0), Some(2), Some(0), Some(0)], "{report}");
    assert_eq!(report["absent"], 1);
    assert_eq!(db.ids("sessions"), ["a-", "c-"].map(long_id));
}

/// A store that writes a session between the read and the update has it read and archived again.
#[test]
fn of_a_session_that_is_there_twice_the_last_copy_counts() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson");
    db.insert("sessions", [of("asa", "one-"), of("asa", "two-")]);
    let older = stored(&db);
    let expire = ["expire", "--user", "asa", "--archive", &file, "--archive-append", "--yes"];
    db.sessionctl(&expire).exits(0);
    // It logs in again with the same id, and is logged out again.
    db.update("sessions", id("one-"), doc! { "$set": { "expires": at(5000), "n": 1 } });
    let newer = stored(&db);
    db.sessionctl(&expire).exits(0);
    for removed in [false, true] {
        if removed {
            delete(&db, doc! {});
        }
        let report = db.sessionctl(&["restore", &file, "--yes", "-o", "json"]).exits(0).json();
        assert_eq!(report["read"], 2, "{report}");
        assert!(stored(&db) == [newer[0].clone(), older[1].clone()], "{removed}");
    }
}

#[test]
fn of_a_session_that_was_deleted_twice_the_last_copy_comes_back() {
    for name in ["a.bson", "a.ndjson.zst"] {
        let (db, folder) = (Db::new(), Folder::new());
        let file = folder.file(name);
        let purge = ["purge", "--all", "--archive", &file, "--archive-append", "--yes"];
        db.insert("sessions", [of("asa", "one-"), of("asa", "two-")]);
        let older = stored(&db);
        db.sessionctl(&purge).exits(0);
        // It comes back, as one that its store wrote while it was about to be deleted.
        db.insert("sessions", [with(of("asa", "one-"), doc! { "n": 2 })]);
        let newer = stored(&db);
        db.sessionctl(&purge).exits(0);
        db.sessionctl(&["restore", &file]).exits(3).says("restore 2 sessions from");
        let report = db.sessionctl(&["restore", &file, "--yes", "-o", "json"]).exits(0).json();
        assert_eq!((&report["read"], &report["restored"]), (&json!(2), &json!(2)), "{report}");
        assert!(stored(&db) == [newer[0].clone(), older[1].clone()], "{name}");
    }
}

#[test]
fn a_session_that_was_logged_out_and_then_purged_is_restored_as_it_was_before_both() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson");
    db.insert("sessions", [of("asa", "one-"), of("bo", "two-")]);
    let before = stored(&db);
    let archive = ["--archive", &*file, "--archive-append", "--yes"];
    db.sessionctl(&[&["expire", "--user", "asa"], &archive[..]].concat()).exits(0);
    db.sessionctl(&[&["purge", "--all"], &archive[..]].concat()).exits(0);
    db.sessionctl(&["restore", &file, "--yes"]).exits(0);
    assert!(stored(&db) == before);
}

#[test]
fn purges_and_log_outs_in_one_archive_are_each_undone_in_their_way() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.ndjson.gz");
    let dead = |name: &str| with(of("bo", name), doc! { "expires": at(-60) });
    db.insert("sessions", [of("asa", "live-"), dead("dead-"), of("cy", "other-")]);
    let before = stored(&db);
    let archive = ["--archive", &*file, "--archive-append", "--yes"];
    for command in
        [&["purge", "--expired"][..], &["expire", "--user", "asa"], &["purge", "--user", "cy"]]
    {
        db.sessionctl(&[command, &archive[..]].concat()).exits(0);
    }
    assert_eq!(db.ids("sessions"), [long_id("live-")]);
    let report = db.sessionctl(&["restore", &file, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(counts(&report), [Some(2), Some(1), Some(0), Some(0)], "{report}");
    assert!(stored(&db) == before);
    // A deleted session that is there was not changed by us: whatever it is, it stays.
    db.update("sessions", id("dead-"), doc! { "$set": { "expires": at(60) } });
    let report = db.sessionctl(&["restore", &file, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(counts(&report), [Some(0), Some(0), Some(3), Some(0)], "{report}");
}

#[test]
fn an_undo_that_is_interrupted_or_loses_its_server_is_finished_by_the_next() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson.zst");
    db.insert("sessions", (0..3000).map(|number| of("asa", &format!("{number:04}-"))));
    let before = stored(&db);
    db.sessionctl(&["expire", "--user", "asa", "--archive", &file, "--yes"]).exits(0);
    delete(&db, doc! { "_id": { "$gt": long_id("2500-") } });
    // The first update is carried out, and its answer lost.
    let lost = db.fail_commands(
        doc! { "times": 1 },
        doc! { "failCommands": ["update"], "closeConnection": true },
    );
    let restore = ["restore", &file, "--yes", "-o", "json", "--batch-size", "100"];
    let mut running = db.command(&restore).start();
    eventually("some are reverted", || {
        db.count("sessions", doc! { "expires": { "$gt": at(0) } }) > 0 || running.has_ended()
    });
    running.signal("INT");
    let first = running.wait();
    assert!([Some(0), Some(130)].contains(&first.code), "{first:#?}");
    drop(lost);
    let second = db.sessionctl(&restore).exits(0).json();
    let sum = |key: &str| first.json()[key].as_u64().unwrap() + second[key].as_u64().unwrap();
    assert_eq!((sum("reverted"), sum("restored")), (2501, 499), "{first:#?} {second}");
    assert!(stored(&db) == before);
}

/// The long form alone: what happens at a step-down is up to the set, so it is tried again and again.
#[test]
fn an_undo_through_step_downs_reverts_each_session_once() {
    if std::env::var_os("SESSIONCTL_LONG_TESTS").is_none_or(|value| value != "1") {
        return;
    }
    let set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    db.insert("sessions", (0..5000).map(|number| of("asa", &format!("{number:04}-"))));
    let before = stored(&db);
    for round in 0..5 {
        let folder = Folder::new();
        let file = folder.file("a.bson.zst");
        db.sessionctl(&["expire", "--user", "asa", "--archive", &file, "--yes"]).exits(0);
        // Some have to be put back.
        delete(&db, doc! { "_id": { "$gt": long_id("4000-") } });
        let restore = ["restore", &file, "--yes", "-o", "json", "--batch-size", "50"];
        let mut running = db.command(&restore).start();
        eventually("some are reverted", || {
            db.count("sessions", doc! { "expires": { "$gt": at(0) } }) > 0 || running.has_ended()
        });
        set.step_down();
        let report = running.wait().exits(0).json();
        assert!(stored(&db) == before, "round {round}: {report}");
        let done = [&report["reverted"], &report["restored"]].map(|count| count.as_u64().unwrap());
        // A write whose reply was lost is counted at least once where that is known.
        assert!(done[0] + done[1] <= 5000, "round {round}: {report}");
        if report["exact"] == true {
            assert_eq!(done, [4001, 999], "round {round}: {report}");
        }
    }
}

#[test]
fn a_selection_restores_those_that_the_archive_itself_shows_to_match() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("a.bson");
    db.insert("sessions", ["a1-", "a2-", "a3-"].map(|name| of("asa", name)));
    let office = json!({ "cookie": {}, "userId": "bo", "ip": "10.1.2.3" }).to_string();
    db.insert("sessions", [with(of("bo", "b1-"), doc! { "session": office }), of("cy", "c1-")]);
    let purge = ["purge", "--live", "--archive", &file, "--yes"];
    db.sessionctl(&purge).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
    let (a1, a2) = (long_id("a1-"), long_id("a2-"));
    for (selection, wanted) in [
        (&["--user", "asa"][..], &["a1-", "a2-", "a3-"][..]),
        (&["--user", "asa", "--except", &a1], &["a2-", "a3-"]),
        (&["--except-user", "asa"], &["b1-", "c1-"]),
        (&["--where", "ip in 10.0.0.0/8"], &["b1-"]),
        (&["--where", "ip!=10.1.2.3", "--except-user", "cy"], &["a1-", "a2-", "a3-"]),
        (&["--expires-after", "+30m", "--user", "cy", "--user", "bo"], &["b1-", "c1-"]),
        (&["--live", "--user", "bo"], &["b1-"]),
        (&["--expired"], &[]),
        (&[&a1, &a2[..9]], &["a1-", "a2-"]),
        (&["--all"], &["a1-", "a2-", "a3-", "b1-", "c1-"]),
    ] {
        let arguments = [&["restore", &file, "--yes", "-o", "json"], selection].concat();
        let report = db.sessionctl(&arguments).exits(0).json();
        let wanted: Vec<String> = wanted.iter().map(|name| long_id(name)).collect();
        assert_eq!(db.ids("sessions"), wanted, "{selection:?} {report}");
        assert_eq!(report["restored"], wanted.len(), "{selection:?}");
        delete(&db, doc! {});
    }
    let run =
        |selection: &[&str]| db.sessionctl(&[&["restore", &file, "--yes"], selection].concat());
    // What the archive cannot decide, and names that nothing has, are failures that write nothing.
    run(&["--where", "pi=1"]).exits(1).says("no session in ").says("a value at pi");
    run(&["--idle", "1h"]).exits(1);
    run(&["--user-path", "nobody", "--user", "asa"]).exits(1).says("a user where the layout looks");
    run(&["--user", "asa", "--except", "zzzzzzzzz"]).exits(1).says("1 id of --except not found");
    run(&["zzzzzzzzz"]).exits(1).says("no session of ");
    run(&["--keep", "1"]).exits(2);
    run(&["--user", "nobody"]).exits(0).prints("no sessions");
    assert_eq!(db.count("sessions", doc! {}), 0);
    // Ids that match are restored beside one that does not.
    run(&[&a1, "zzzzzzzzz"]).exits(1);
    assert_eq!(db.ids("sessions"), [a1]);
    let asked = db.sessionctl(&["restore", &file, "--user", "asa"]).exits(3);
    asked.says("restore 3 sessions");
}

#[test]
fn the_audit_file_names_whom_a_batch_that_failed_in_part_brought_back() {
    let (db, folder) = (Db::new(), Folder::new());
    let [file, audit] = ["a.bson", "audit.ndjson"].map(|name| folder.file(name));
    db.insert(
        "sessions",
        [with(of("asa", "one-"), doc! { "n": 1 }), with(of("bo", "two-"), doc! { "n": 2 })],
    );
    db.sessionctl(&["purge", "--all", "--archive", &file, "--yes"]).exits(0);
    db.create_index("sessions", doc! { "key": { "n": 1 }, "name": "n_1", "unique": true });
    db.insert("sessions", [doc! { "_id": "taken", "n": 2 }]);
    db.sessionctl(&["restore", &file, "--audit", &audit, "--yes"]).exits(1);
    assert_eq!(db.ids("sessions"), [long_id("one-"), "taken".to_owned()]);
    let text = fs::read_to_string(&audit).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let batches: Vec<Value> = lines.filter(|line| line["event"] == "batch").collect();
    assert_eq!(batches.len(), 1, "{text}");
    assert_eq!(
        (&batches[0]["done"], &batches[0]["sessions"][0]["user"]),
        (&json!(1), &json!("asa"))
    );
}

/// As sessionctl 0.1.0 wrote it, and as other programs do.
#[test]
fn an_archive_without_a_note_is_one_of_a_purge() {
    let (db, folder) = (Db::new(), Folder::new());
    let file = folder.file("old.bson");
    db.insert("sessions", [of("asa", "one-"), of("asa", "two-")]);
    let documents = stored(&db);
    let mut archive = Archive::create(file.as_ref()).unwrap();
    let refs: Vec<_> = documents.iter().map(|document| &**document).collect();
    assert!(archive.write(&refs).unwrap().is_all());
    drop(archive);
    db.sessionctl(&["expire", "--user", "asa", "--yes"]).exits(0);
    let expired = stored(&db);
    let report = db.sessionctl(&["restore", &file, "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(counts(&report), [Some(0), None, Some(2), None], "{report}");
    assert!(stored(&db) == expired);
}
