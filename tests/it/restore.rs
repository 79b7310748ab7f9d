//! `sessionctl restore`: what is restored, what is not changed, and the reports.

use std::fs;
use std::path::PathBuf;

use bson::raw::RawDocumentBuf;
use bson::{Document, RawDocument, doc, rawdoc};
use sessionctl::archive::Archive;
use sessionctl::mongod::Options;
use tempfile::TempDir;

use crate::support::{Db, at, connect_mongo, eventually, flask, long_id, own_server, with};

#[test]
fn what_inspect_prints_raw_is_restored_from_stdin() {
    let db = Db::new();
    let ids = ["alpha-one-of-two", "beta-two-of-two"];
    db.insert("sessions", ids.map(|id| connect_mongo(id, at(60))));
    let before = db.find("sessions", doc! {});
    let raw = db.sessionctl(&[&["inspect", "--raw", "-o", "ndjson"], &ids[..]].concat()).exits(0);
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
    let restore = |arguments: &[&str]| {
        let arguments = [&["restore", "-", "-o", "json"], arguments].concat();
        db.command(&arguments).stdin(raw.stdout.as_str()).run()
    };
    assert_eq!(restore(&["--dry-run"]).exits(0).json()["read"], 2);
    restore(&[]).exits(3).says("--yes");
    assert_eq!(db.count("sessions", doc! {}), 0);
    let report = restore(&["--yes"]).exits(0).json();
    assert_eq!((&report["file"], &report["restored"]), (&"stdin".into(), &2.into()), "{report}");
    assert_eq!(db.find("sessions", doc! {}), before);

    let cut = db.command(&["restore", "-", "--yes"]).stdin("{\"_id\": }\n").run();
    cut.exits(1).says("stdin is damaged at byte 0");
    db.sessionctl(&["restore", "-", "--uri", "-"]).exits(2).says("the archive");
}

const NAMES: [&str; 6] =
    ["a.bson", "a.bson.gz", "a.bson.zst", "a.ndjson", "a.ndjson.gz", "a.ndjson.zst"];

/// An archive of these batches in its own folder.
struct Archived {
    _folder: TempDir,
    path: PathBuf,
}

impl Archived {
    fn new(name: &str, batches: &[&[RawDocumentBuf]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut archive = Archive::create(&path).unwrap();
        for batch in batches {
            let batch: Vec<&RawDocument> = batch.iter().map(AsRef::as_ref).collect();
            assert!(archive.write(&batch).unwrap().is_all());
        }
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// The result after a change to the bytes of the file.
    fn changed(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = fs::read(&self.path).unwrap();
        change(&mut bytes);
        fs::write(&self.path, bytes).unwrap();
        self
    }
}

fn raw(document: &Document) -> RawDocumentBuf {
    RawDocumentBuf::try_from(document).unwrap()
}

fn many(count: usize) -> Vec<RawDocumentBuf> {
    (0..count).map(|number| raw(&connect_mongo(&format!("dead-{number:05}"), at(-60)))).collect()
}

/// The contents of the collection, byte by byte.
fn stored(db: &Db, collection: &str) -> Vec<RawDocumentBuf> {
    let collection = db.client.database(&db.name).collection::<RawDocumentBuf>(collection);
    db.runtime.block_on(async {
        let mut cursor = collection.find(doc! {}).sort(doc! { "_id": 1 }).await.unwrap();
        let mut found = Vec::new();
        while cursor.advance().await.unwrap() {
            found.push(cursor.current().to_owned());
        }
        found
    })
}

#[test]
fn sessions_come_back_byte_by_byte_also_where_the_collection_is_gone() {
    let mut documents = many(25);
    documents.push(rawdoc! { "_id": "nested", "data": { "list": [1, 2.5, null] }, "n": 5_i64 });
    for name in NAMES {
        let db = Db::new();
        let archived = Archived::new(name, &[&documents[..10], &documents[10..]]);
        let arguments = ["restore", archived.path(), "--yes", "-o", "json", "-c", "again"];
        let report = db.sessionctl(&arguments).exits(0).json();
        assert!(stored(&db, "again") == documents, "{name}");
        assert_eq!((&report["read"], &report["restored"]), (&26.into(), &26.into()), "{report}");
        assert_eq!((&report["skipped"], &report["exact"]), (&0.into(), &true.into()));
        assert!(report["stopped"].is_null());
    }
}

#[test]
fn text_that_is_not_utf8_comes_back() {
    let db = Db::new();
    db.insert_broken("sessions", doc! { "_id": "broken", "data": "a?b?" });
    let documents = stored(&db, "sessions");
    assert!(documents[0].as_bytes().contains(&0xFF));
    let archived = Archived::new("a.bson.zst", &[&documents]);
    db.sessionctl(&["restore", archived.path(), "--yes", "-c", "again"]).exits(0);
    assert!(stored(&db, "again") == documents);
}

#[test]
fn a_session_that_exists_is_left_as_it_is() {
    let db = Db::new();
    let archived = Archived::new("a.ndjson", &[&many(25)]);
    db.insert("sessions", [connect_mongo("dead-00007", at(600)), connect_mongo("new", at(600))]);
    let before = db.find("sessions", doc! {});
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["restored"], &report["skipped"]), (&24.into(), &1.into()), "{report}");
    assert_eq!(report["batches"], 3);
    assert_eq!(db.count("sessions", doc! {}), 26);
    for document in before {
        assert_eq!(db.one("sessions", "_id", document.get_str("_id").unwrap()), document);
    }
    // Again, and nothing changes.
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["restored"], &report["skipped"]), (&0.into(), &25.into()), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 26);
}

/// Deletes all sessions, and writes down that this one's browser came back: its store, which found
/// nothing, wrote a new document.
fn comes_back(db: &Db, session: Document) -> Vec<Document> {
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
    db.insert("sessions", [session]);
    db.find("sessions", doc! {})
}

#[test]
fn a_session_whose_id_exists_under_another_object_id_is_skipped() {
    let ids = ["one", "two", "three"].map(long_id);
    for (is_unique, size) in [(false, "1"), (true, "1"), (false, "10"), (true, "10")] {
        let db = Db::new();
        if is_unique {
            db.create_index(
                "sessions",
                doc! { "key": { "id": 1 }, "name": "id_1", "unique": true },
            );
        }
        db.insert("sessions", ids.each_ref().map(|id| flask(id, at(600))));
        let archived = Archived::new("a.bson", &[&stored(&db, "sessions")]);
        let back = comes_back(&db, flask(&ids[0], at(900)));
        let restore = ["restore", archived.path(), "--batch-size", size, "-o", "json"];
        let dry = db.sessionctl(&[&restore[..], &["--dry-run"]].concat()).exits(0).json();
        assert_eq!((&dry["to_restore"], &dry["skipped"]), (&2.into(), &1.into()), "{dry}");
        for (restored, skipped) in [(2, 1), (0, 3)] {
            let report = db.sessionctl(&[&restore[..], &["--yes"]].concat()).exits(0).json();
            assert_eq!(report["restored"], restored, "{is_unique} {report}");
            assert_eq!(report["skipped"], skipped, "{is_unique} {report}");
            assert_eq!(db.count("sessions", doc! {}), 3);
            assert_eq!(db.find("sessions", doc! { "id": back[0].get_str("id").unwrap() }), back);
        }
    }
}

#[test]
fn of_an_archived_session_with_two_documents_the_first_is_restored() {
    for size in ["1", "10"] {
        let db = Db::new();
        let [one, two] = ["one", "two"].map(long_id);
        let sessions = [flask(&one, at(600)), flask(&one, at(700)), flask(&two, at(600))];
        db.insert("sessions", sessions);
        let documents = stored(&db, "sessions");
        let archived = Archived::new("a.bson", &[&documents]);
        let restore = ["restore", archived.path(), "-c", "again", "-o", "json"];
        let more = ["--batch-size", size, "--yes"];
        let report = db.sessionctl(&[&restore[..], &more].concat()).exits(0).json();
        assert_eq!((&report["restored"], &report["skipped"]), (&2.into(), &1.into()), "{report}");
        assert!(stored(&db, "again") == [documents[0].clone(), documents[2].clone()]);
        // A selection means both documents, too.
        let report = db.sessionctl(&[&restore[..], &["--except", &one, "--dry-run"]].concat());
        assert_eq!(report.exits(0).json()["read"], 1);
        let report = db.sessionctl(&[&restore[..], &["one00000", "--dry-run"]].concat());
        assert_eq!(report.exits(0).json()["read"], 2);
    }
}

/// By a collation, an id may be taken that has other bytes.
#[test]
fn an_id_that_the_unique_index_on_it_keeps_out_exists_already() {
    let db = Db::new();
    let ids = ["one", "two"].map(long_id);
    db.insert("sessions", ids.each_ref().map(|id| flask(id, at(600))));
    let archived = Archived::new("a.bson", &[&stored(&db, "sessions")]);
    let collation = doc! { "locale": "en", "strength": 2 };
    let index = doc! { "key": { "id": 1 }, "name": "id_1", "unique": true, "collation": collation };
    db.create_index("sessions", index);
    comes_back(&db, flask(&ids[0].to_uppercase(), at(900)));
    let restore = ["restore", archived.path(), "--yes", "-o", "json"];
    let report = db.sessionctl(&restore).exits(0).json();
    assert_eq!((&report["restored"], &report["skipped"]), (&1.into(), &1.into()), "{report}");
}

#[test]
fn another_unique_index_is_respected() {
    let db = Db::new();
    let spec = doc! { "key": { "sid": 1 }, "name": "sid_1", "unique": true };
    db.create_index("sessions", spec);
    db.insert("sessions", [doc! { "_id": 7, "sid": "same", "new": true }]);
    let archived = Archived::new(
        "a.bson",
        &[&[rawdoc! { "_id": 1, "sid": "same" }, rawdoc! { "_id": 2, "sid": "other" }]],
    );
    let run = db.sessionctl(&["restore", archived.path(), "--yes", "-o", "json"]).exits(1);
    let report = run.says("index: sid_1").json();
    assert_eq!((&report["restored"], &report["skipped"]), (&1.into(), &0.into()), "{report}");
    assert_eq!(db.count("sessions", doc! { "sid": "same", "new": true }), 1);
}

#[test]
fn nothing_is_restored_without_a_confirmation() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(3)]);
    db.sessionctl(&["restore", archived.path()])
        .exits(3)
        .fails_in_one_sentence()
        .says(&format!("restore 3 sessions from {} into {}.sessions", archived.path(), db.name))
        .says("note: the archive may contain sessions that were renewed while the purge ran")
        .says("--yes");
    assert!(!db.collections().contains(&"sessions".to_owned()));
    let ask = |answer| db.command(&["restore", archived.path()]).on_terminal(&[("[y/N]", answer)]);
    ask("n\r").exits(3);
    assert_eq!(db.count("sessions", doc! {}), 0);
    ask("y\r").exits(0);
    assert_eq!(db.count("sessions", doc! {}), 3);
    let empty = Archived::new("a.bson", &[]);
    assert_eq!(db.sessionctl(&["restore", empty.path(), "-o", "json"]).exits(0).stderr, "");
}

#[test]
fn a_dry_run_counts_what_is_there_already_and_changes_nothing() {
    let db = Db::new();
    let archived = Archived::new("a.bson.gz", &[&many(1205)]);
    let arguments = ["restore", archived.path(), "--dry-run", "-o", "json"];
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["read"], &report["skipped"]), (&1205.into(), &0.into()), "{report}");
    assert!(!db.collections().contains(&"sessions".to_owned()));
    db.insert(
        "sessions",
        [connect_mongo("dead-00007", at(60)), connect_mongo("dead-01200", at(60))],
    );
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["read"], &report["skipped"]), (&1205.into(), &2.into()), "{report}");
    assert!(report["restored"].is_null() && report["exact"].is_null(), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn the_report_of_a_restore_has_the_keys_of_the_contract_in_their_order() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(1)]);
    let arguments = ["restore", archived.path(), "--yes", "-o"];
    let report = db.sessionctl(&[&arguments[..], &["json"]].concat()).exits(0).json();
    let keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "namespace file read restored reverted skipped changed absent exact batches seconds stopped"
    );
    assert_eq!(report["namespace"], format!("{}.sessions", db.name));
    assert_eq!(report["file"], archived.path());
    let csv = db.sessionctl(&[&arguments[..], &["csv"]].concat()).exits(0).stdout;
    assert_eq!(csv.lines().next().unwrap(), keys.join(","));
    let quiet = db.sessionctl(&["restore", archived.path(), "--yes", "-q"]).exits(0);
    assert_eq!((&*quiet.stdout, &*quiet.stderr), ("", ""));
}

#[test]
fn a_tail_that_was_cut_off_is_left_out_and_the_command_fails() {
    for name in NAMES {
        let db = Db::new();
        let archived = Archived::new(name, &[&many(5), &many(6)[5..]]);
        let archived = archived.changed(|bytes| bytes.truncate(bytes.len() - 12));
        // It is unknown whether a purge was interrupted there or the file was truncated.
        db.sessionctl(&["restore", archived.path(), "--yes"])
            .exits(1)
            .says("warning: ignoring the last ")
            .says("belong to an unfinished batch")
            .says("ends in the middle of a batch");
        // What could still be unpacked of the last batch is no loss.
        assert!((5..=6).contains(&db.count("sessions", doc! {})), "{name}");
    }
}

#[test]
fn of_a_damaged_archive_what_comes_before_the_damage_is_restored_and_the_command_fails() {
    for name in NAMES {
        let db = Db::new();
        let archived = Archived::new(name, &[&many(5), &many(10)[5..], &many(15)[10..]]);
        let archived = archived.changed(|bytes| {
            // Without a checksum only what is no document any more is seen: more than one of them.
            let middle = bytes.len() / 2;
            let length = bytes.len() / 12;
            bytes[middle..middle + length].fill(0xFF);
        });
        let arguments = ["restore", archived.path(), "--yes", "-o", "json"];
        let run = db.sessionctl(&arguments).exits(1).says(" is damaged ").says(" before that ");
        let report = run.json();
        assert_eq!(report["stopped"], "error", "{name} {report}");
        assert_eq!(report["restored"], db.count("sessions", doc! {}), "{name}");
        assert!((5..10).contains(&db.count("sessions", doc! {})), "{name}");
        db.sessionctl(&["restore", archived.path(), "--dry-run"]).exits(1).says("is damaged");
    }
}

#[test]
fn a_file_that_is_not_an_archive_is_refused_before_the_server_is_contacted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("a.json"), "{}").unwrap();
    fs::create_dir(path("folder.bson")).unwrap();
    for (name, why) in [
        ("a.json", "has no valid extension: expected .bson or .ndjson"),
        ("none.bson", "could not be opened: no such file or directory"),
        ("folder.bson", "is not a regular file"),
    ] {
        let nowhere = ["restore", &path(name), "--yes", "--uri", "mongodb://127.0.0.1:1"];
        crate::support::Program::new(&nowhere).run().exits(1).fails_in_one_sentence().says(why);
    }
    crate::support::Program::new(&["restore"]).run().exits(2);
}

#[test]
fn an_archive_that_is_still_being_written_is_not_restored() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(3)]);
    let writing = Archive::append(&archived.path).unwrap();
    db.sessionctl(&["restore", archived.path(), "--yes"])
        .exits(1)
        .fails_in_one_sentence()
        .says("is in use by another process");
    drop(writing);
    assert_eq!(db.count("sessions", doc! {}), 0);
    db.sessionctl(&["restore", archived.path(), "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 3);
}

#[test]
fn large_sessions_go_in_batches_that_a_command_can_hold() {
    let db = Db::new();
    let large = |id: i32, size: usize| rawdoc! { "_id": id, "data": "x".repeat(size) };
    let near_the_limit = (16 << 20) - 100;
    let documents: Vec<_> =
        (0..6).map(|id| large(id, 3 << 20)).chain([large(6, near_the_limit)]).collect();
    let archived = Archived::new("a.ndjson.zst", &[&documents]);
    let report =
        db.sessionctl(&["restore", archived.path(), "--yes", "-o", "json"]).exits(0).json();
    assert_eq!((&report["restored"], &report["batches"]), (&7.into(), &7.into()), "{report}");
    assert!(stored(&db, "sessions") == documents);
}

#[test]
fn a_document_without_an_id_would_come_back_twice_and_does_not() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(3), &[rawdoc! { "session": "x" }], &many(4)]);
    let run = db.sessionctl(&["restore", archived.path(), "--yes", "-o", "json"]).exits(1);
    let run = run.says("it has no _id");
    assert_eq!((&run.json()["restored"], &run.json()["stopped"]), (&3.into(), &"error".into()));
    assert_eq!(db.count("sessions", doc! {}), 3);
}

#[test]
fn what_the_collection_refuses_is_named_and_the_rest_is_restored() {
    let db = Db::new();
    db.run(doc! { "create": "sessions", "validator": { "bad": { "$exists": false } } });
    for key in [doc! { "a": 1, "b": 1 }, doc! { "place": "2dsphere" }, doc! { "hash": "hashed" }] {
        db.create_index("sessions", doc! { "key": key, "name": "other" });
        let mut documents = many(25);
        let odd = doc! { "a": [1, 2], "b": [1, 2], "place": 1, "hash": [1] };
        documents[4] = raw(&with(connect_mongo("index-refuses-this-one", at(60)), odd));
        let bad = doc! { "bad": true };
        documents[14] = raw(&with(connect_mongo("valid-refuses-this-one", at(60)), bad));
        let archived = Archived::new("a.bson", &[&documents]);
        let restore = ["restore", archived.path(), "--batch-size", "10"];
        let yes = [&restore[..], &["--yes", "-o", "json"]].concat();
        for (restored, skipped) in [(23, 0), (0, 23)] {
            let run = db
                .sessionctl(&yes)
                .exits(1)
                .says("refused 2 sessions (index-refus..., valid-refus...): ");
            let report = run.json();
            assert_eq!((&report["restored"], &report["exact"]), (&restored.into(), &true.into()));
            assert_eq!(report["skipped"], skipped, "{report}");
            assert!(report["stopped"].is_null(), "{report}");
            assert_eq!(db.count("sessions", doc! {}), 23);
        }
        let except = ["--except", "index-refus", "--except", "valid-refus"];
        db.sessionctl(&[&yes[..], &except].concat()).exits(0);
        db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
        db.run(doc! { "dropIndexes": "sessions", "index": "other" });
    }
}

#[test]
fn a_collection_that_refuses_everything_ends_a_restore_with_its_report() {
    let db = Db::new();
    db.run(doc! { "create": "sessions", "validator": { "other": true } });
    let archived = Archived::new("a.bson", &[&many(300)]);
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "40"];
    let run = db.sessionctl(&arguments).exits(1).fails_in_one_sentence().says("validation");
    let report = run.json();
    assert_eq!((&report["read"], &report["stopped"]), (&120.into(), &"error".into()), "{report}");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

/// Restores 25 sessions in batches of 10, of which 5 exist, while the server misbehaves.
fn through(data: Document, mode: Document) -> serde_json::Value {
    let db = Db::new();
    let documents = many(25);
    db.insert("sessions", documents[..5].iter().map(|raw| Document::try_from(raw).unwrap()));
    let archived = Archived::new("a.bson", &[&documents]);
    let failing = db.fail_commands(mode, data);
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
    let report = db.sessionctl(&arguments).exits(0).json();
    drop(failing);
    assert!(stored(&db, "sessions") == documents, "{report}");
    assert_eq!((&report["read"], &report["batches"]), (&25.into(), &3.into()), "{report}");
    report
}

#[test]
fn an_insert_that_the_server_refuses_once_is_tried_again_and_the_count_stays_exact() {
    let data = doc! { "failCommands": ["insert"], "errorCode": 10107 };
    let report = through(data, doc! { "times": 2 });
    assert_eq!((&report["restored"], &report["exact"]), (&20.into(), &true.into()), "{report}");
    assert_eq!(report["skipped"], 5);
}

#[test]
fn an_insert_whose_outcome_is_unknown_is_tried_again_and_the_count_is_at_least() {
    for data in [
        doc! { "failCommands": ["insert"], "closeConnection": true },
        doc! { "failCommands": ["insert"], "errorCode": 50 },
        doc! { "failCommands": ["insert"], "writeConcernError": { "code": 64, "errmsg": "waiting for replication timed out" } },
        doc! { "failCommands": ["insert"], "writeConcernError": { "code": 91, "errmsg": "shutting down" } },
    ] {
        let report = through(data.clone(), doc! { "times": 1 });
        assert_eq!(report["exact"], false, "{data} {report}");
        assert!(report["restored"].as_u64().unwrap() <= 20, "{data} {report}");
        let all = report["restored"].as_u64().unwrap() + report["skipped"].as_u64().unwrap();
        assert_eq!(all, 25, "{data} {report}");
    }
}

#[test]
fn an_error_that_waiting_cannot_mend_ends_a_restore_with_its_report() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(25)]);
    let data = doc! { "failCommands": ["insert"], "errorCode": 2 };
    let failing = db.fail_commands(doc! { "skip": 1 }, data);
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
    let run = db.sessionctl(&arguments).exits(1).fails_in_one_sentence();
    drop(failing);
    let report = run.json();
    assert_eq!((&report["stopped"], &report["restored"]), (&"error".into(), &10.into()));
    assert_eq!(report["exact"], false);
    assert_eq!(db.count("sessions", doc! {}), 10);
    assert!(run.stderr.starts_with("error: could not restore "), "{run:#?}");
}

#[test]
fn interrupting_a_restore_finishes_the_batch_and_reports() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let db = Db::new();
        let archived = Archived::new("a.bson", &[&many(95)]);
        let data = doc! { "failCommands": ["insert"], "blockConnection": true, "blockTimeMS": 100 };
        let slow = db.fail_commands("alwaysOn", data);
        let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
        let mut restore = db.command(&arguments).start();
        slow.wait(2);
        restore.signal(name);
        let report = restore.wait().exits(code).json();
        drop(slow);
        let restored = db.count("sessions", doc! {});
        assert_eq!(report["restored"], restored, "{report}");
        assert!((10..90).contains(&restored) && restored.is_multiple_of(10), "{report}");
        assert_eq!((&report["stopped"], &report["exact"]), (&"signal".into(), &true.into()));
        db.sessionctl(&arguments).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 95, "running it again goes on");
    }
}

#[test]
fn inserts_are_acknowledged_by_the_majority_and_can_be_found_by_their_comment() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(3)]);
    db.run(doc! { "profile": 2 });
    db.sessionctl(&["restore", archived.path(), "--yes"]).exits(0);
    db.run(doc! { "profile": 0 });
    let inserts = db.find("system.profile", doc! { "op": "insert" });
    let command = inserts[0].get_document("command").unwrap();
    assert!(command.get_str("comment").unwrap().starts_with("sessionctl "), "{command}");
    assert_eq!(command.get_document("writeConcern").unwrap().get_str("w").unwrap(), "majority");
    assert!(command.contains_key("maxTimeMS"), "{command}");
}

/// A replica set of one member, which can step down.
struct OneMember(sessionctl::mongod::Mongod);

impl OneMember {
    fn new() -> Self {
        let parameters = vec![("enableTestCommands".to_owned(), "1".to_owned())];
        let replica_set = Some("rs0".to_owned());
        let server = own_server(Options { replica_set, parameters, ..Options::default() });
        let member = doc! { "_id": 0, "host": server.address() };
        let set = Self(server);
        let config = doc! { "_id": "rs0", "members": [member] };
        set.member().admin(doc! { "replSetInitiate": config });
        eventually("the member was the primary", || set.is_primary());
        set
    }

    /// The member, whatever it is.
    fn member(&self) -> Db {
        Db::on(&format!("mongodb://{}/?directConnection=true", self.0.address()))
    }

    fn is_primary(&self) -> bool {
        let hello = self.member().admin(doc! { "hello": 1 });
        hello.get_bool("isWritablePrimary").unwrap()
    }

    /// For this many seconds it will not be primary.
    fn step_down(&self, seconds: i32) {
        self.member().admin(doc! { "replSetStepDown": seconds, "force": true });
    }
}

#[test]
fn a_secondary_that_was_connected_to_directly_is_refused() {
    let set = OneMember::new();
    let archived = Archived::new("a.bson", &[&many(3)]);
    set.step_down(60);
    let db = set.member();
    db.sessionctl(&["restore", archived.path(), "--yes"])
        .exits(1)
        .fails_in_one_sentence()
        .says("is a secondary");
}

#[test]
fn a_primary_that_steps_down_in_the_middle_is_waited_for() {
    let set = OneMember::new();
    let db = Db::on(&format!("mongodb://{}/?replicaSet=rs0", set.0.address()));
    let documents = many(200);
    let archived = Archived::new("a.bson", &[&documents]);
    let data = doc! { "failCommands": ["insert"], "blockConnection": true, "blockTimeMS": 50 };
    let slow = db.fail_commands("alwaysOn", data);
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
    let mut restore = db.command(&arguments).start();
    slow.wait(4);
    set.step_down(1);
    assert!(!restore.has_ended());
    let report = restore.wait().exits(0).json();
    drop(slow);
    assert!(stored(&db, "sessions") == documents, "{report}");
    assert!(report["stopped"].is_null());
}

#[test]
fn while_no_server_is_there_an_interrupted_restore_leaves_soon() {
    let mut server = own_server(Options {
        parameters: vec![("enableTestCommands".to_owned(), "1".to_owned())],
        ..Options::default()
    });
    let db = Db::on(&server.uri());
    let archived = Archived::new("a.bson", &[&many(200)]);
    let data = doc! { "failCommands": ["insert"], "blockConnection": true, "blockTimeMS": 50 };
    let slow = db.fail_commands("alwaysOn", data);
    let arguments = ["restore", archived.path(), "--yes", "-o", "json", "--batch-size", "10"];
    let mut restore = db.command(&arguments).start();
    slow.wait(3);
    server.kill();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(!restore.has_ended());
    restore.signal("TERM");
    let report = restore.wait().soon().exits(143).json();
    assert_eq!(report["stopped"], "signal", "{report}");
    assert!(report["restored"].as_u64().unwrap() >= 10, "{report}");
    drop(slow);
}

#[test]
fn a_key_that_another_unique_index_has_already_is_a_failure_that_names_the_index() {
    let db = Db::new();
    let archived = Archived::new("a.bson", &[&many(3)]);
    let taken = many(1).remove(0);
    let mut other = Document::try_from(taken).unwrap();
    let session = other.get_str("session").unwrap().to_owned();
    other.insert("_id", "another-session-with-the-same-text");
    db.insert("sessions", [other]);
    let index = doc! { "key": { "session": 1 }, "name": "session_once", "unique": true };
    db.run(doc! { "createIndexes": "sessions", "indexes": [index] });
    let run = db.sessionctl(&["restore", archived.path(), "--yes", "-o", "json"]).exits(1);
    let run = run.says("session_once");
    let restored = run.json()["restored"].as_u64().unwrap();
    let table = db.sessionctl(&["restore", archived.path(), "--yes"]).exits(1);
    let left = 3 - restored;
    assert!(table.stdout.contains(&format!("{left} session")), "{}", table.stdout);
    assert!(!run.stderr.contains(&session), "{}", run.stderr);
    assert_eq!(run.json()["skipped"], 0);
    assert_eq!(db.count("sessions", doc! {}), run.json()["restored"].as_u64().unwrap() + 1);
}
