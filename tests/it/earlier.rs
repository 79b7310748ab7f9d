//! Beside and after sessionctl 0.1.0: tests/earlier holds what it wrote. Its archives are restored, its
//! audit file is gone on with, and its lease on a collection is respected.

use std::fs;
use std::path::{Path, PathBuf};

use bson::{Bson, Document, doc};
use serde_json::Value;

use crate::stores::quiet_uri;
use crate::support::{Db, at, connect_mongo};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/earlier/0.1.0").join(name)
}

fn documents(name: &str) -> Vec<Document> {
    let json: Value = serde_json::from_str(&fs::read_to_string(path(name)).unwrap()).unwrap();
    let list = if json.is_array() { json } else { Value::Array(vec![json]) };
    let document = |value: &Value| match Bson::try_from(value.clone()) {
        Ok(Bson::Document(document)) => document,
        other => panic!("{other:?}"),
    };
    list.as_array().unwrap().iter().map(document).collect()
}

/// Five sessions in batches of two.
#[test]
fn an_archive_of_an_earlier_version_is_restored_whole_in_each_format() {
    let wanted = documents("sessions.json");
    for ending in ["bson", "bson.gz", "bson.zst", "ndjson", "ndjson.gz", "ndjson.zst"] {
        let db = Db::on(&quiet_uri());
        let archive = path(&format!("sessions.{ending}"));
        let arguments = ["restore", archive.to_str().unwrap(), "--yes", "-o", "json"];
        let report = db.sessionctl(&arguments).exits(0).json();
        assert_eq!((&report["read"], &report["restored"]), (&5.into(), &5.into()), "{report}");
        let mut restored = db.find("sessions", doc! {});
        restored.sort_by_key(|document| document.get_str("_id").unwrap().to_owned());
        assert_eq!(restored, wanted, "{ending}");
    }
}

#[test]
fn an_archive_of_an_earlier_version_is_appended_to() {
    for ending in ["bson", "bson.gz", "bson.zst", "ndjson", "ndjson.gz", "ndjson.zst"] {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join(format!("sessions.{ending}"));
        fs::copy(path(&format!("sessions.{ending}")), &archive).unwrap();
        let archive = archive.to_str().unwrap();
        let db = Db::on(&quiet_uri());
        db.insert("sessions", [connect_mongo("of-this-version", at(-60))]);
        db.sessionctl(&["purge", "--expired", "--archive", archive, "--archive-append"]).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 0);
        db.sessionctl(&["restore", archive, "--yes"]).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 6, "{ending}");
    }
}

#[test]
fn an_audit_file_of_an_earlier_version_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.ndjson");
    fs::copy(path("audit.ndjson"), &file).unwrap();
    let before = fs::read_to_string(&file).unwrap();
    let db = Db::on(&quiet_uri());
    db.insert("sessions", [connect_mongo("one", at(-60))]);
    db.sessionctl(&["purge", "--expired", "--audit", file.to_str().unwrap()]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);

    let after = fs::read_to_string(&file).unwrap();
    let added = after.strip_prefix(&before).expect("the lines that were there stay as they were");
    let lines = |text: &str| -> Vec<Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let (earlier, added) = (lines(&before), lines(added));
    // The new lines contain all keys of the old ones.
    for event in ["began", "ended"] {
        let of_event = |lines: &[Value]| {
            lines.iter().find(|line| line["event"] == event).unwrap().as_object().unwrap().clone()
        };
        let (earlier, added) = (of_event(&earlier), of_event(&added));
        for key in earlier.keys() {
            assert!(added.contains_key(key), "{event} has no {key}: {added:?}");
        }
    }
}

fn lease(db: &Db) -> Option<Document> {
    db.find("sessionctl_leases", doc! {}).pop()
}

/// The lease that version 0.1.0 wrote, on this database's sessions, and running out so many seconds
/// from now.
fn earlier_lease(db: &Db, seconds: i64) -> Document {
    let mut lease = documents("lease.json").remove(0);
    lease.insert("_id", format!("{}.sessions", db.name));
    lease.insert("since", at(-10));
    lease.insert("until", at(seconds));
    db.insert("sessionctl_leases", [lease.clone()]);
    lease
}

#[test]
fn a_sweeper_stands_by_while_one_of_an_earlier_version_holds_the_lease() {
    let db = Db::on(&quiet_uri());
    db.insert("sessions", [connect_mongo("one", at(-60))]);
    let held = earlier_lease(&db, 3600);
    let mut sweep = db.command(&["sweep", "--interval", "1"]).start();
    sweep.await_said("vm:");
    assert_eq!((lease(&db), db.count("sessions", doc! {})), (Some(held), 1));
    sweep.end();
}

/// An earlier version reads the fields of a lease by these names and types.
#[test]
fn a_lease_that_an_earlier_version_let_run_out_is_taken_and_written_in_its_form() {
    let db = Db::on(&quiet_uri());
    db.insert("sessions", [connect_mongo("one", at(-60))]);
    let held = earlier_lease(&db, -1);
    let sweep = db.command(&["sweep", "--interval", "1"]).start();
    db.await_gone("sessions", "one");
    let taken = lease(&db).unwrap();
    let form = |lease: &Document| {
        let mut form: Vec<_> =
            lease.iter().map(|(key, value)| (key.clone(), value.element_type())).collect();
        form.sort_by(|one, other| one.0.cmp(&other.0));
        form
    };
    assert_eq!(form(&taken), form(&held));
    assert_eq!(taken.get_i64("fence").unwrap(), held.get_i64("fence").unwrap() + 1);
    assert_ne!(taken.get("holder"), held.get("holder"));
    sweep.end();
}
