//! `_id`s that no driver decodes without loss, and ids that match no session: each session is
//! addressed by the bytes of its `_id`, and a list of a million ids needs little memory.

use std::fmt::Write as _;
use std::fs;

use bson::{Bson, Document, RawDocumentBuf, doc};
use sessionctl::archive::Reader;

use crate::support::{Db, at, becomes, connect_mongo, long_id, session, with};

/// Inserts `document` after each byte `from` in its `_id` became `to`. Elsewhere such a byte may be a
/// part of a date.
fn insert_patched(db: &Db, document: &Document, (from, to): (u8, u8)) {
    let command = doc! { "insert": "sessions", "documents": [document] };
    let mut bytes = RawDocumentBuf::try_from(&command).unwrap().into_bytes();
    let id = RawDocumentBuf::try_from(&doc! { "_id": document["_id"].clone() }).unwrap();
    let id = &id.as_bytes()[4..id.as_bytes().len() - 1];
    let at = bytes.windows(id.len()).position(|window| window == id).unwrap();
    let id = &mut bytes[at..at + id.len()];
    id.iter_mut().filter(|byte| **byte == from).for_each(|byte| *byte = to);
    let command = RawDocumentBuf::from_bytes(bytes).unwrap();
    let database = db.client.database(&db.name);
    let reply = db.runtime.block_on(database.run_raw_command(command).into_future()).unwrap();
    assert_eq!(reply.get("n"), Some(&Bson::Int32(1)), "{reply}");
}

/// Sessions of express-mongodb, which looks them up by `sid`, with an `_id` of each kind that cannot be
/// decoded, or not without a loss; and two of them with ordinary ones.
fn odd(db: &Db, expires: i64) -> u64 {
    let binary = |subtype| Bson::Binary(bson::Binary { subtype, bytes: vec![1, 2, 3, 4, 5] });
    let of = |json: serde_json::Value| Bson::try_from(json).unwrap();
    let pointer = of(serde_json::json!({ "$dbPointer":
        { "$ref": "a.b", "$id": { "$oid": "5f0000000000000000000001" } } }));
    let scope = Bson::JavaScriptCodeWithScope(bson::JavaScriptCodeWithScope {
        code: "f()".into(),
        scope: doc! { "a": 1 },
    });
    let ids: [(Bson, (u8, u8)); 11] = [
        ("bad~~id-of-a-session".into(), (b'~', 0xFF)),
        (doc! { "k": 1, "~": 2 }.into(), (b'~', b'k')),
        (doc! { "k": "~" }.into(), (b'~', 0xFF)),
        (Bson::JavaScriptCode("f()".into()), (0, 0)),
        (scope, (0, 0)),
        (pointer, (0, 0)),
        (Bson::Symbol("s".into()), (0, 0)),
        (binary(bson::spec::BinarySubtype::BinaryOld), (0, 0)),
        // Old binary data whose inner length is wrong.
        (binary(bson::spec::BinarySubtype::UserDefined(0xFE)), (0xFE, 0x02)),
        ("ordinary".into(), (0, 0)),
        (Bson::Int32(7), (0, 0)),
    ];
    let count = ids.len() as u64;
    for (at_place, (id, patch)) in ids.into_iter().enumerate() {
        let sid = long_id(&format!("s{at_place}-"));
        let document = session("express-mongodb-legacy", &sid, at(expires + at_place as i64));
        insert_patched(db, &with(doc! { "_id": id }, document), patch);
    }
    count
}

/// In a layout that leaves open what an `_id` is.
fn run(db: &Db, arguments: &[&str]) -> crate::support::Run {
    let known = include_str!("../../src/model/layout/known/express-mongodb-legacy.toml");
    let own = known.replace("_id = [\"objectId\"], ", "").replace("legacy", "odd");
    assert_ne!(own.len(), known.len());
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), own).unwrap();
    db.sessionctl(&[arguments, &["--layout-file", file.path().to_str().unwrap()]].concat())
}

/// The documents of the collection as bytes, in order.
fn bytes(db: &Db) -> Vec<Vec<u8>> {
    let collection = db.client.database(&db.name).collection::<RawDocumentBuf>("sessions");
    db.runtime.block_on(async {
        let mut cursor = collection.find(doc! {}).sort(doc! { "sid": 1 }).await.unwrap();
        let mut all = Vec::new();
        while cursor.advance().await.unwrap() {
            all.push(cursor.current().as_bytes().to_vec());
        }
        all
    })
}

#[test]
fn sessions_are_purged_whatever_their_ids_are_and_in_every_way_that_they_are_found() {
    let folder = tempfile::tempdir().unwrap();
    for (number, (arguments, index)) in [
        (&["--all"][..], false),
        (&["--expired"], false),
        (&["--expired"], true),
        (&["--user", "42"], false),
        (&["--where", "userId=42"], false),
        (&["--all", "--batch-size", "1"], false),
    ]
    .into_iter()
    .enumerate()
    {
        for archives in [false, true] {
            let db = Db::new();
            let count = odd(&db, -600);
            if index {
                db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
            }
            let before = bytes(&db);
            let archive = folder.path().join(format!("{number}.bson"));
            let archive = archive.to_str().unwrap();
            let mut command = [&["purge", "--yes", "-o", "json"], arguments].concat();
            if archives {
                command.extend(["--archive", archive]);
            }
            let report = run(&db, &command).exits(0).json();
            assert_eq!(db.count("sessions", doc! {}), 0, "{command:?} {report}");
            assert_eq!(report["deleted"], count, "{command:?} {report}");
            assert_eq!(report["renewed"].as_u64().unwrap_or(0), 0, "{command:?} {report}");
            if archives {
                // All of them come back, byte for byte, and are not there twice.
                run(&db, &["restore", archive, "--yes"]).exits(0);
                assert_eq!(bytes(&db), before, "{command:?}");
                let again = run(&db, &["restore", archive, "--yes", "-o", "json"]).exits(0).json();
                assert_eq!((&again["restored"], &again["skipped"]), (&0.into(), &count.into()));
                let dry =
                    run(&db, &["restore", archive, "--dry-run", "-o", "json"]).exits(0).json();
                assert_eq!(dry["skipped"], count);
            }
        }
    }
}

#[test]
fn sessions_are_expired_and_their_expiries_fixed_whatever_their_ids_are() {
    let db = Db::new();
    let count = odd(&db, 600);
    let report = run(&db, &["expire", "--user", "42", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!((&report["expired"], &report["renewed"]), (&count.into(), &0.into()), "{report}");
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 0);
    let text = doc! { "$set": { "expires": "2030-01-02T03:04:05Z" } };
    db.run(doc! { "update": "sessions", "updates": [{ "q": {}, "u": text, "multi": true }] });
    let report = run(&db, &["fix", "expiry", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(report["mended"], count, "{report}");
    assert_eq!(db.count("sessions", doc! { "expires": { "$type": "date" } }), count);
}

#[test]
fn a_session_that_is_written_back_is_found_again_whatever_its_id_is() {
    let db = Db::new();
    let id = "bad~~id-of-a-session-0000";
    insert_patched(&db, &connect_mongo(id, at(600)), (b'~', 0xFF));
    let arguments = ["expire", "--user", "42", "--yes", "--verify", "100ms", "-o", "json"];
    let mut expiring = db.command(&arguments).start();
    becomes(
        "it was expired",
        || db.count("sessions", doc! { "expires": { "$gt": at(0) } }),
        |live| *live == 0,
    );
    db.update("sessions", doc! {}, doc! { "$set": { "expires": at(600) } });
    let report = loop {
        // It looks again until nothing came back.
        if expiring.has_ended() {
            break expiring.wait();
        }
    };
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 0, "{report:#?}");
}

#[test]
fn an_id_that_is_not_utf8_is_listed_inspected_and_purged_by_what_is_shown_of_it() {
    let db = Db::new();
    insert_patched(&db, &connect_mongo("bad~id-of-a-session-0000", at(600)), (b'~', 0xFF));
    insert_patched(&db, &connect_mongo("bad-id-of-a-session-0000", at(600)), (b'~', 0xFF));
    let listed = db.sessionctl(&["list", "-o", "json"]).exits(0).json();
    let ids: Vec<_> =
        listed.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    let id = ids.iter().find(|id| id.contains('\u{FFFD}')).unwrap();
    let inspected = db.sessionctl(&["inspect", id, "-o", "json"]).exits(0).json();
    assert_eq!(inspected[0]["user"], "42");
    db.sessionctl(&["purge", id, "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ["bad-id-of-a-session-0000"]);
}

#[test]
fn what_an_archive_of_text_cannot_hold_is_kept_named_and_exit_1() {
    let db = Db::new();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.ndjson");
    insert_patched(&db, &connect_mongo("bad~id-of-a-session-0000", at(-60)), (b'~', 0xFF));
    db.insert("sessions", [connect_mongo("plain", at(-60))]);
    let archive = archive.to_str().unwrap();
    let run = db.sessionctl(&["purge", "--expired", "--archive", archive]).exits(1);
    run.says("kept 1 session").says("(bad\u{FFFD}id-of-").says(".bson");
    assert_eq!(db.count("sessions", doc! {}), 1);
    assert_eq!(Reader::open(archive.as_ref()).unwrap().count(), 1);
    // Nor a document with so many values that reading its line would take hundreds of MB.
    let values = doc! { "cookie": {}, "values": vec![1; 100_000] };
    let wide = doc! { "_id": "wide-id-of-a-session-000", "expires": at(-60), "session": values };
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
    db.insert("sessions", [wide]);
    for (name, code, left) in [("b.ndjson", 1, 1), ("c.bson", 0, 0)] {
        let archive = folder.path().join(name);
        db.sessionctl(&["purge", "--expired", "--archive", archive.to_str().unwrap()]).exits(code);
        assert_eq!(db.count("sessions", doc! {}), left, "{name}");
    }
}

#[test]
fn a_session_that_the_server_refuses_to_change_is_named_and_the_others_are_done() {
    for index in [false, true] {
        let db = Db::new();
        let ids: Vec<_> = (0..40).map(|number| long_id(&format!("id{number}x"))).collect();
        db.insert("sessions", ids.iter().map(|id| connect_mongo(id, at(600))));
        // It forbids what an expire writes to one of them.
        let stuck =
            doc! { "$or": [{ "_id": { "$ne": &ids[17] } }, { "expires": { "$gt": at(60) } }] };
        db.run(doc! { "collMod": "sessions", "validator": stuck });
        if index {
            db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
        }
        for selection in [&["--all"][..], &["--user", "42"]] {
            let arguments = [&["expire", "--yes", "-o", "json"], selection].concat();
            let run = db.sessionctl(&arguments).exits(1).says(&ids[17][..12]).says("1 session");
            let run = run.says("Document failed validation").never_shows(&ids[17][..17]);
            assert_eq!(run.json()["renewed"].as_u64().unwrap_or(0), 0, "{run:#?}");
            assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 1);
            let again = doc! { "$set": { "expires": at(600) } };
            db.run(
                doc! { "update": "sessions", "updates": [{ "q": {}, "u": again, "multi": true }] },
            );
        }
    }
}

/// This many unknown ids, one per line.
fn unknown(count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "{:x>32}", number * 7919).unwrap();
    }
    text
}

#[test]
fn many_unknown_ids_are_one_line_and_their_list_is_in_a_file() {
    let db = Db::new();
    let known: Vec<_> = (0..3000).map(|number| long_id(&format!("known-{number:05}-"))).collect();
    db.insert("sessions", known.iter().map(|id| connect_mongo(id, at(600))));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unmatched.txt");
    // Whole ids, beginnings, one id often, and two beginnings that are no id's.
    let mut ids = unknown(20_000);
    known[..1000].iter().for_each(|id| ids.extend([id, "\n"]));
    known[1000..2000].iter().for_each(|id| ids.extend([&id[..14], "\n"]));
    (0..5000).for_each(|_| ids.extend([&*known[0], "\n"]));
    ids.push_str("known-9999\nknown-00\n");
    let file = file.to_str().unwrap();
    let arguments = ["purge", "-", "--yes", "--unmatched", file];
    let run = db.command(&arguments).stdin(ids.clone()).run().exits(1);
    run.says("know").says("matches more than one session id").fails_in_one_sentence();
    assert_eq!(db.count("sessions", doc! {}), 3000);

    let ids = ids.replace("known-00\n", "");
    let run = db.command(&arguments).stdin(ids.clone()).run().exits(1).fails_in_one_sentence();
    let run = run.says("20,001 of 27,001 ids match no session of ");
    assert!(run.stderr.lines().count() <= 2 && run.stderr.len() < 400, "{run:#?}");
    assert_eq!(db.count("sessions", doc! {}), 1000);
    let listed = fs::read_to_string(file).unwrap();
    assert_eq!(listed, unknown(20_000) + "known-9999\n");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let run = db.command(&["list", "-", "-v"]).stdin(unknown(30)).run().exits(1);
    assert_eq!(run.stderr.matches("no session has the id xxxxxxxxxxxx...").count(), 30, "{run:#?}");
}

#[test]
fn an_id_that_begins_like_an_option_is_nowhere_repeated() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    let id = "PGkld3jXyz0123456789abcdefABCDEF";
    for glued in ["-o", "-c", "-d", "-n", "-q", "-v", "-h", "-V", "-x", "-oo"] {
        let word = format!("{glued}{id}");
        for command in ["purge", "list", "expire", "inspect", "sweep", "restore", "stats"] {
            let run = db.sessionctl(&[command, &word]).exits(2).never_shows(&id[..13]);
            run.says("unexpected argument").says("after --");
        }
    }
    for arguments in [
        &["list", "-o", id][..],
        &["list", "-n", id],
        &["list", "--sort", id],
        &["purge", "--idle", id],
        &["purge", "--jobs", id],
        &["index", id],
        &["restore", id],
        &["completions", id],
        &["help", id],
        &["help", "index", id],
        &["layouts", "show", id],
        &["list", "--layout", id],
        &["stats", id],
    ] {
        let run = db.sessionctl(arguments).never_shows(&id[..13]);
        assert!(run.code != Some(0), "{run:#?}");
    }
    // After `--` it is an id like any other.
    let id = format!("-o{id}");
    db.insert("sessions", [connect_mongo(&id, at(600))]);
    db.sessionctl(&["purge", "--yes", "--", &id]).exits(0).never_shows(&id[..14]);
    assert_eq!(db.ids("sessions"), ["live"]);
}

/// The most memory that a program had at a time, in MB, while it ran to this end.
fn peak(mut running: crate::support::Running, code: i32) -> u64 {
    let path = format!("/proc/{}/status", running.child().id());
    let mut most = 0;
    while !running.has_ended() {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        most = most.max(peak.unwrap_or(0) / 1024);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    running.wait().exits(code);
    most
}

#[test]
fn large_sessions_are_archived_and_restored_in_little_memory() {
    let db = Db::new();
    let text = format!("{{\"cookie\":{{}},\"userId\":42,\"big\":\"{}\"}}", "x".repeat(8 << 20));
    for number in 0..24 {
        let id = long_id(&format!("large-{number}-"));
        db.insert("sessions", [doc! { "_id": id, "expires": at(600), "session": &text }]);
    }
    let folder = tempfile::tempdir().unwrap();
    let ids: String = db.ids("sessions").join("\n");
    for (name, arguments) in [("a.bson", &["--live"][..]), ("b.ndjson", &["-"])] {
        let archive = folder.path().join(name);
        let archive = archive.to_str().unwrap();
        let arguments = [&["purge", "--yes", "--archive", archive], arguments].concat();
        let most = peak(db.command(&arguments).stdin(ids.clone()).start(), 0);
        assert!(most < 150, "{name}: {most} MB");
        assert_eq!(db.count("sessions", doc! {}), 0);
        let most = peak(db.command(&["restore", archive, "--yes"]).start(), 0);
        assert!(most < 150, "{name}: {most} MB");
        assert_eq!(db.count("sessions", doc! {}), 24);
    }
}
