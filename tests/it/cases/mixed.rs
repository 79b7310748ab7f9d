//! Several layouts, and payloads of several kinds, in one collection.

use super::*;
use crate::support::{at, connect_mongo, own_server};
use sessionctl::mongod::Options;

const BOTH: &str = "connect-mongo-json+express-session-object";

/// Five sessions in each of the two layouts of Express, two of them expired.
fn express() -> Case {
    Case::load("mixed-express-object-and-json")
}

#[test]
fn text_that_was_encoded_twice_is_read_and_ciphertext_is_counted() {
    let case = Case::load("connect-mongo-mixed-crypto");
    assert_eq!(case.layout(), "connect-mongo-json");
    assert_eq!(case.states(&[]), json!({ "expired": 1, "live": 5 }));
    let users = case.users(&[]);
    assert_eq!((users.get("u1"), users.get("u2")), (Some(&1), Some(&1)), "{users:?}");
    case.run(&["list", "--user", "u1"]).exits(0).says("encrypted");
}

/// Moving or dropping one store's sessions would log their users out.
#[test]
fn sessions_of_two_stores_that_expire_alike_are_no_danger_to_each_other() {
    let case = Case::load("mixed-express-object-and-json");
    let doctor = case.run(&["doctor"]);
    for text in ["deleteMany", "$merge", "(foreign)"] {
        assert!(!doctor.stdout.contains(text), "{text}: {doctor:#?}");
    }
}

#[test]
fn both_express_layouts_of_one_collection_are_read_without_being_named() {
    let case = express();
    assert_eq!(case.layout(), BOTH);
    assert_eq!(case.states(&[]), json!({ "expired": 4, "live": 6 }));
    assert_eq!(case.users(&[]), BTreeMap::from([("u1".to_owned(), 10)]));
    assert_eq!(case.users(&["--live", "--user", "u1"]), BTreeMap::from([("u1".to_owned(), 6)]));
    for sort in ["expires", "id", "bytes"] {
        assert_eq!(case.users(&["--sort", sort]).len(), 1, "{sort}");
    }
    let run = case.run(&["list"]).exits(0);
    assert!(!run.stderr.contains("warning"), "{run:#?}");
}

#[test]
fn each_session_of_a_mixed_collection_names_its_own_layout() {
    let case = express();
    let own = |row: &Value| {
        let id = row["id"].as_str().unwrap();
        match case.db.one(&case.collection, "_id", id).get("session").unwrap() {
            Bson::String(_) => "connect-mongo-json",
            _ => "express-session-object",
        }
    };
    let list = ["list", "--full-ids", "-o", "json", "--columns", "id,layout"];
    let rows = case.run(&list).exits(0).json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 10);
    rows.iter().for_each(|row| assert_eq!(row["layout"], own(row), "{row}"));
    let ids: Vec<_> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
    let inspect = [&["inspect", "--full-ids", "-o", "json", "--"], &ids[..]].concat();
    for row in case.run(&inspect).exits(0).json().as_array().unwrap() {
        assert_eq!(row["layout"], own(row), "{row}");
        assert_eq!(row["payload"]["passport"]["user"], "u1", "{row}");
    }
}

#[test]
fn purge_deletes_what_is_expired_in_both_layouts() {
    let case = express();
    let report = case.run(&["purge", "--expired", "-o", "json"]).exits(0).json();
    assert_eq!((&report["deleted"], &report["layout"]), (&json!(4), &json!(BOTH)), "{report}");
    assert_eq!((case.count(doc! {}), case.count(doc! { "expires": { "$lt": now() } })), (6, 0));
}

#[test]
fn a_purge_goes_along_the_index_of_the_expiry_that_both_layouts_have() {
    let case = express();
    let plan = case.run(&["purge", "--expired", "--dry-run", "-o", "json"]).exits(0).json();
    assert_eq!(
        (&plan["strategy"], &plan["plan"], &plan["matched"]),
        (&json!("expiry windows"), &json!("IXSCAN expires_1"), &json!(4)),
        "{plan}"
    );
}

#[test]
fn a_user_is_logged_out_in_both_layouts_by_one_command() {
    let case = express();
    let expire = ["expire", "--user", "u1", "--yes", "-o", "json"];
    let report = case.run(&expire).exits(0).json();
    assert_eq!((&report["expired"], &report["layout"]), (&json!(6), &json!(BOTH)), "{report}");
    assert_eq!((case.count(doc! {}), case.count(doc! { "expires": { "$gte": now() } })), (10, 0));
    let again = case.run(&expire).exits(0).json();
    assert_eq!(again["expired"], json!(0), "{again}");
}

#[test]
fn sessions_of_both_layouts_are_found_by_the_beginnings_of_their_ids() {
    let case = express();
    let ids = ["W4QBV-fo", "ezAldwuq"];
    let report = case.run(&[&["expire", "--yes", "-o", "json", "--"], &ids[..]].concat());
    assert_eq!(report.exits(0).json()["expired"], json!(2));
    for id in ids {
        let filter = doc! { "_id": { "$regex": format!("^{id}") }, "expires": { "$lt": now() } };
        assert_eq!(case.count(filter), 1, "{id}");
    }
}

#[test]
fn what_a_mixed_purge_archived_comes_back_as_it_was() {
    let case = express();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("before.bson.zst");
    let archive = archive.to_str().unwrap();
    let before = case.db.find(&case.collection, doc! {});
    let purge = ["purge", "--user", "u1", "--yes", "--archive", archive, "-o", "json"];
    let report = case.run(&purge).exits(0).json();
    assert_eq!((&report["deleted"], &report["archived"]), (&json!(10), &json!(10)), "{report}");
    assert_eq!(case.count(doc! {}), 0);
    case.run(&["restore", archive, "--yes"]).exits(0);
    let mut after = case.db.find(&case.collection, doc! {});
    let id = |one: &Document| one.get_str("_id").unwrap().to_owned();
    let mut before = before;
    before.sort_by_key(id);
    after.sort_by_key(id);
    assert_eq!(after, before);
}

#[test]
fn a_sweep_deletes_what_is_expired_in_both_layouts() {
    let case = express();
    let sweep = case.run(&["sweep", "--once", "-o", "json"]).exits(0);
    let pass: Value = serde_json::from_str(sweep.stdout.lines().last().unwrap()).unwrap();
    assert_eq!((&pass["deleted"], &pass["layout"]), (&json!(4), &json!(BOTH)), "{pass}");
    assert_eq!((case.count(doc! {}), case.count(doc! { "expires": { "$lt": now() } })), (6, 0));
}

#[test]
fn expiries_of_a_wrong_type_are_mended_in_both_layouts() {
    let case = express();
    let text = doc! { "$set": { "expires": { "$dateToString": { "date": "$expires" } } } };
    let update = doc! { "q": {}, "u": [text], "multi": true };
    case.db.run(doc! { "update": &case.collection, "updates": [update] });
    assert_eq!(case.count(doc! { "expires": { "$type": "string" } }), 10);
    let report = case.run(&["fix", "expiry", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!((&report["mended"], &report["layout"]), (&json!(10), &json!(BOTH)), "{report}");
    assert_eq!(case.states(&[]), json!({ "expired": 4, "live": 6 }));
}

/// A null is malformed to connect-mongo, and connect-mongodb-session keeps it for ever.
#[test]
fn what_a_null_means_is_decided_by_the_layout_of_each_session() {
    let case = express();
    let update = doc! { "q": {}, "u": { "$set": { "expires": null } }, "multi": true };
    case.db.run(doc! { "update": &case.collection, "updates": [update] });
    assert_eq!(case.states(&[]), json!({ "endless": 5, "malformed": 5 }));
    let purge = ["purge", "--malformed", "--yes", "-o", "json"];
    assert_eq!(case.run(&purge).exits(0).json()["deleted"], json!(5));
    assert_eq!(case.count(doc! { "session": { "$type": "object" } }), 5);
    case.run(&["fix", "endless", "--lifetime", "1d", "--yes"]).exits(0);
    assert_eq!(case.count(doc! { "expires": { "$gt": now() } }), 5);
}

#[test]
fn foreign_documents_beside_two_layouts_are_touched_by_nothing() {
    let case = express();
    let order = doc! { "_id": "order", "expires": at(-60), "total": 7 };
    case.db.insert(&case.collection, [order.clone()]);
    let row = case.run(&["stats", "-o", "json"]).exits(0).json();
    assert_eq!((&row["expired"], &row["foreign"]), (&json!(4), &json!(1)), "{row}");
    let foreign = case.run(&["list", "--foreign", "-o", "json"]).exits(0);
    assert_eq!(foreign.json().as_array().unwrap().len(), 1);
    case.run(&["expire", "--all", "--yes"]).exits(0);
    case.run(&["purge", "--all", "--yes"]).exits(0);
    assert_eq!(case.db.find(&case.collection, doc! {}), [order]);
}

/// Sessions of connect-mongo and of Symfony: they have nothing in common.
fn strangers() -> Db {
    let db = Db::on(&quiet_uri());
    let express =
        (0..6).map(|n| connect_mongo(&format!("express-{n}"), at(if n < 2 { -60 } else { 600 })));
    let symfony = (0..4).map(|n| {
        let data = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: Vec::new() };
        doc! {
            "_id": format!("symfony-{n}"), "data": data, "time": at(-600),
            "expires_at": at(if n < 1 { -60 } else { 600 }),
        }
    });
    db.insert("sessions", express.chain(symfony));
    db
}

const NAMED: [&str; 4] = ["--layout", "connect-mongo-json", "--layout", "symfony"];

#[test]
fn sessions_of_two_families_are_read_together_and_written_only_when_both_are_named() {
    let db = strangers();
    let list = db.sessionctl(&["list", "-o", "json", "--columns", "id,layout"]).exits(0);
    let rows = list.says("connect-mongo-json (6 of 10) and symfony (4 of 10)").json();
    let of =
        |name: &str| rows.as_array().unwrap().iter().filter(|row| row["layout"] == name).count();
    assert_eq!((of("connect-mongo-json"), of("symfony")), (6, 4), "{rows}");
    let row = db.sessionctl(&["stats", "-o", "json"]).exits(0).json();
    let of = |key: &str| row[key].as_u64().unwrap();
    assert_eq!((of("expired"), of("live"), of("foreign")), (3, 7, 0), "{row}");
    let hint = "--layout connect-mongo-json --layout symfony";
    for command in
        [&["purge", "--expired"][..], &["expire", "--all", "--yes"], &["sweep", "--once"]]
    {
        db.sessionctl(command).exits(1).says(hint);
        assert_eq!(db.count("sessions", doc! {}), 10, "{command:?}");
    }
    let purge = [&["purge", "--expired", "-o", "json"], &NAMED[..]].concat();
    let report = db.sessionctl(&purge).exits(0).json();
    assert_eq!(
        (&report["deleted"], &report["layout"]),
        (&json!(3), &json!("connect-mongo-json+symfony")),
        "{report}"
    );
    assert_eq!(db.count("sessions", doc! {}), 7);
}

#[test]
fn each_session_of_two_families_is_ended_in_the_field_of_its_own_layout() {
    let db = strangers();
    let expire =
        ["expire", "--live", "--yes", "-o", "json", "--layout", "symfony+connect-mongo-json"];
    assert_eq!(db.sessionctl(&expire).exits(0).json()["expired"], json!(7));
    let over = doc! { "$lt": now() };
    assert_eq!(
        db.count("sessions", doc! { "expires": &over, "expires_at": { "$exists": false } }),
        6
    );
    assert_eq!(
        db.count("sessions", doc! { "expires_at": &over, "expires": { "$exists": false } }),
        4
    );
}

#[test]
fn expire_refuses_as_a_whole_where_one_of_the_stores_ignores_the_expiry() {
    let db = Db::on(&quiet_uri());
    let flask = (0..5).map(|n| {
        let val = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0x80] };
        doc! { "id": format!("session:{n}"), "val": val, "expiration": at(600) }
    });
    let express = (0..5).map(|n| connect_mongo(&format!("express-{n}"), at(600)));
    db.insert("sessions", flask.chain(express));
    let before = db.find("sessions", doc! {});
    let named = ["--layout", "flask-session", "--layout", "connect-mongo-json"];
    let expire = [&["expire", "--live", "--yes"], &named[..]].concat();
    db.sessionctl(&expire).exits(1).says("flask-session").says("purge");
    assert_eq!(db.find("sessions", doc! {}), before);
    let purge = [&["purge", "--live", "--yes", "-o", "json"], &named[..]].concat();
    assert_eq!(db.sessionctl(&purge).exits(0).json()["deleted"], json!(10));
}

#[test]
fn layouts_that_can_describe_one_document_are_refused_together() {
    let db = strangers();
    let twice = ["list", "--layout", "symfony", "--layout", "symfony"];
    db.sessionctl(&twice).exits(1).says("symfony and symfony");
    let unknown = ["list", "--layout", "symfony+nobody"];
    db.sessionctl(&unknown).exits(2).says("no layout named nobody");
}

#[test]
fn an_index_of_a_mixed_collection_is_right_for_all_its_sessions_or_not_made() {
    let case = express();
    case.db.run(doc! { "dropIndexes": &case.collection, "index": "expires_1" });
    let asked = case.run(&["index", "install"]).exits(3);
    asked.says("4 expired sessions").says("within about a minute");
    case.run(&["index", "install", "--yes"]).exits(0);
    assert_eq!(case.db.indexes(&case.collection).len(), 1);
    let status = case.run(&["index", "status", "-o", "json"]).exits(0).json();
    assert_eq!((&status["layout"], &status["state"]), (&json!(BOTH), &json!("installed")));
    // Of two families: the index of one is counted for what it does to the other.
    let db = strangers();
    let both = [&["index", "install", "--yes"], &NAMED[..]].concat();
    db.sessionctl(&both).exits(1).says("connect-mongo-json+symfony").says("name only one of them");
    assert!(db.indexes("sessions").is_empty());
    db.update("sessions", doc! { "_id": "symfony-0" }, doc! { "$set": { "expires": at(-60) } });
    let one = ["index", "install", "--layout", "connect-mongo-json"];
    db.sessionctl(&one).exits(3).says("2 expired sessions").says("1 document");
}

#[test]
fn the_server_deletes_by_the_shared_index_what_is_expired_in_both_layouts() {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    let case = express();
    db.insert("sessions", case.documents.clone());
    db.sessionctl(&["index", "install", "--yes"]).exits(0);
    db.await_count("sessions", doc! {}, 6);
}
