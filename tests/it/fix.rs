//! `sessionctl fix`: unusable expiries become dates, and nothing else changes.

use std::collections::BTreeMap;

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Decimal128, Document, doc};

use crate::support::{Db, at, connect_mongo, eventually, session, with};

/// 2026-01-02T03:04:05Z, a Friday.
const FRIDAY: i64 = 1_767_323_045_000;

fn expiry(db: &Db, id: &str) -> Bson {
    db.one("sessions", "_id", id).get("expires").unwrap().clone()
}

/// Gives the collection a session for each of these expiries, beside one that is whole.
fn with_expiries(expiries: &[(Bson, Option<i64>)]) -> Db {
    let db = Db::new();
    let numbered = expiries.iter().enumerate();
    db.insert(
        "sessions",
        numbered.map(|(at, (value, _))| connect_mongo(&format!("s{at:03}"), value.clone())),
    );
    db.insert("sessions", [connect_mongo("whole", at(600))]);
    db
}

/// After `fix expiry` each is the date that it means, in milliseconds since 1970, or as it was.
fn become_dates(expiries: &[(Bson, Option<i64>)]) {
    let db = with_expiries(expiries);
    let before = db.one("sessions", "_id", "whole");
    let unclear = expiries.iter().filter(|(_, means)| means.is_none()).count();
    let run = db.sessionctl(&["fix", "expiry", "--yes", "-o", "json"]);
    let run = run.exits(i32::from(unclear > 0));
    for (at, (value, means)) in expiries.iter().enumerate() {
        let now = expiry(&db, &format!("s{at:03}"));
        let wanted = means.map_or(value.clone(), |means| DateTime::from_millis(means).into());
        // NaN is equal to nothing, itself included.
        assert_eq!(format!("{now:?}"), format!("{wanted:?}"), "{value:?}");
    }
    assert_eq!(db.one("sessions", "_id", "whole"), before);
    let report = run.json();
    let clear = expiries.len() - unclear;
    assert_eq!((report["matched"].clone(), report["mended"].clone()), (clear.into(), clear.into()));
    if unclear > 0 {
        run.says(&format!("could not fix {unclear} expiries in ")).says("--malformed");
    }
}

#[test]
fn texts_that_have_one_meaning_become_dates() {
    let texts: [(&str, i64); 18] = [
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02T03:04:05.678Z", 678),
        ("2026-01-02T03:04:05.6Z", 600),
        ("2026-01-02T03:04:05.678901+00:00", 678),
        ("2026-01-02 03:04:05.678901234+00:00", 678),
        ("2026-01-02T04:04:05+01:00", 0),
        ("2026-01-02T04:34:05+0130", 0),
        ("2026-01-01T22:04:05-05:00", 0),
        ("2026-01-02 03:04:05Z", 0),
        ("Fri, 02 Jan 2026 03:04:05 GMT", 0),
        ("Fri Jan 02 2026 03:04:05 GMT+0000 (Coordinated Universal Time)", 0),
        ("Fri Jan 02 2026 04:04:05 GMT+0100 (Central European Standard Time)", 0),
        ("Thu Jan 01 2026 22:04:05 GMT-0500", 0),
        ("1767323045", 0),
        ("1767323045678", 678),
        ("1767323045678901", 679),
        ("1767323045678123456", 678),
        ("2024-02-29T03:04:05Z", 1_709_175_845_000 - FRIDAY),
    ];
    become_dates(&texts.map(|(text, more)| (text.into(), Some(FRIDAY + more))));
}

#[test]
fn numbers_with_these_digit_counts_have_only_one_unit() {
    let decimal: Decimal128 = "1767323045.678".parse().unwrap();
    become_dates(&[
        (Bson::Int32(1_767_323_045), Some(FRIDAY)),
        (Bson::Int64(1_767_323_045), Some(FRIDAY)),
        (Bson::Double(1_767_323_045.678_901), Some(FRIDAY + 679)),
        (decimal.into(), Some(FRIDAY + 678)),
        (Bson::Int64(FRIDAY), Some(FRIDAY)),
        (Bson::Double(1_767_323_045_678.4), Some(FRIDAY + 678)),
        (Bson::Int64(1_767_323_045_678_000), Some(FRIDAY + 678)),
        (Bson::Int64(1_767_323_045_678_000_000), Some(FRIDAY + 678)),
        (Bson::Int32(1_200_000_000), Some(1_200_000_000_000)),
        (Bson::Int64(2_199_999_999), Some(2_199_999_999_000)),
    ]);
}

/// Somebody stored a lifetime in milliseconds, or "never", where the expiry belongs.
#[test]
fn a_duration_is_not_taken_for_seconds_since_1970() {
    let days = [12, 14, 15, 20, 25, 30, 60, 90];
    let unclear = days.map(|days| Bson::Int64(days * 86_400_000));
    let others = [
        Bson::Int32(1_199_999_999),
        Bson::Double(1_209_600_000.0),
        "1209600000".into(),
        Bson::Int64(9_999_999_999),
    ];
    let unclear: Vec<_> = unclear.into_iter().chain(others).map(|one| (one, None)).collect();
    become_dates(&unclear);
}

#[test]
fn what_has_no_meaning_or_more_than_one_is_left_alone() {
    let texts = [
        "",
        "never",
        "01/02/2026",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02 03:04:05",
        "2026-01-02T03:04Z",
        "2026-13-02T03:04:05Z",
        "2026-02-30T03:04:05Z",
        "2025-02-29T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:60Z",
        "2026-01-02T03:04:05+25:00",
        "2026-01-02T03:04:05Z\n",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05CET",
        "Thu, 02 Jan 2026 03:04:05 GMT",
        "Fri, 02 Jan 2026 03:04:05 CET",
        "Fri, 02 Foo 2026 03:04:05 GMT",
        "Thu, 31 Jun 2026 03:04:05 GMT",
        "Thu Jan 02 2026 03:04:05 GMT+0000",
        "Fri Jan 02 2026 03:04:05",
        "\u{0662}026-01-02T03:04:05Z",
        "176732304",
        "17673230450",
        "01767323045",
        "9999999999999999999",
        "1767323045.5",
        "-1767323045",
    ];
    let numbers = [
        Bson::Int32(0),
        Bson::Int32(3600),
        Bson::Int64(-FRIDAY),
        Bson::Int64(100_000_000_000),
        Bson::Int64(i64::MAX / 100),
        Bson::Double(f64::NAN),
        Bson::Double(f64::INFINITY),
        Bson::Double(f64::NEG_INFINITY),
        "NaN".parse::<Decimal128>().unwrap().into(),
    ];
    let all: Vec<_> =
        texts.map(Bson::from).into_iter().chain(numbers).map(|value| (value, None)).collect();
    become_dates(&all);
}

#[test]
fn a_date_that_is_wrapped_in_something_comes_out_where_there_is_only_one() {
    let date = DateTime::from_millis(FRIDAY);
    let class = || Bson::from("java.util.Date");
    become_dates(&[
        (vec![class(), FRIDAY.into()].into(), Some(FRIDAY)),
        (vec![class(), date.into()].into(), Some(FRIDAY)),
        (vec![Bson::Int32(1_767_323_045)].into(), Some(FRIDAY)),
        (doc! { "$date": "2026-01-02T03:04:05.678Z" }.into(), Some(FRIDAY + 678)),
        (doc! { "$date": FRIDAY }.into(), Some(FRIDAY)),
        (doc! { "$date": { "$numberLong": FRIDAY.to_string() } }.into(), Some(FRIDAY)),
        (bson::Timestamp { time: 1_767_323_045, increment: 7 }.into(), Some(FRIDAY)),
    ]);
}

#[test]
fn what_is_wrapped_in_something_that_has_no_single_meaning_is_left_alone() {
    let date = DateTime::from_millis(FRIDAY);
    let wrapped: [Bson; 12] = [
        Vec::<Bson>::new().into(),
        vec![Bson::from("java.util.Date")].into(),
        vec![Bson::from(date), date.into()].into(),
        vec![Bson::from(FRIDAY), FRIDAY.into()].into(),
        vec![Bson::from(FRIDAY), Bson::Null].into(),
        vec![Bson::Int32(7)].into(),
        vec![Bson::Array(vec![FRIDAY.into()])].into(),
        doc! {}.into(),
        doc! { "$date": "yesterday" }.into(),
        doc! { "$date": { "$numberLong": "soon" } }.into(),
        doc! { "$date": FRIDAY, "more": 1 }.into(),
        doc! { "date": FRIDAY }.into(),
    ];
    let db = with_expiries(&wrapped.map(|value| (value, None)));
    // The driver reads no document that looks like a date and is none.
    let types = || {
        ["array", "object"].map(|kind| db.count("sessions", doc! { "expires": { "$type": kind } }))
    };
    let before = types();
    let report = db.sessionctl(&["fix", "expiry", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!((&report["matched"], types()), (&0.into(), before));
}

#[test]
fn other_types_are_no_business_of_fix_expiry() {
    let db = with_expiries(&[
        (Bson::Null, None),
        (vec!["2026-01-02T03:04:05Z"].into(), None),
        (doc! { "at": "2026-01-02T03:04:05Z" }.into(), None),
        (true.into(), None),
    ]);
    let before = db.find("sessions", doc! {});
    let report = db.sessionctl(&["fix", "expiry", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(report["matched"], 0);
    assert_eq!(db.find("sessions", doc! {}), before);
}

#[test]
fn nothing_is_mended_without_a_confirmation_and_a_dry_run_changes_nothing() {
    let db =
        with_expiries(&[("2026-01-02T03:04:05Z".into(), None), (at(600).to_string().into(), None)]);
    db.insert("sessions", [connect_mongo("over", "2020-01-01T00:00:00Z")]);
    let before = db.find("sessions", doc! {});
    let namespace = format!("{}.sessions", db.name);
    let refused = db.sessionctl(&["fix", "expiry"]).exits(3).says("--yes").says(&namespace);
    refused.says("2 sessions").says("note: after the fix, 2 of these sessions are expired");
    let dry = db.sessionctl(&["fix", "expiry", "--dry-run", "-o", "json"]).exits(1).json();
    assert_eq!((&dry["matched"], &dry["mended"]), (&2.into(), &serde_json::Value::Null));
    assert_eq!(db.find("sessions", doc! {}), before);
    db.command(&["fix", "expiry"]).on_terminal(&[("[y/N]", "n\n")]).exits(3);
    assert_eq!(db.find("sessions", doc! {}), before);
    db.command(&["fix", "expiry"]).on_terminal(&[("[y/N]", "y\n")]).exits(1);
    assert_eq!(db.count("sessions", doc! { "expires": { "$type": "date" } }), 3);
}

#[test]
fn what_was_mended_is_archived_as_it_was_and_can_be_restored() {
    let db = with_expiries(&[("2026-01-02T03:04:05Z".into(), None), (1_767_323_045.into(), None)]);
    let by_id = |db: &Db| -> BTreeMap<String, Document> {
        let all = db.find("sessions", doc! {}).into_iter();
        all.map(|document| (document.get_str("_id").unwrap().to_owned(), document)).collect()
    };
    let before = by_id(&db);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.bson.zst");
    let file = file.to_str().unwrap();
    let run = db.sessionctl(&["fix", "expiry", "--yes", "--archive", file, "-o", "json"]);
    let report = run.exits(0).json();
    assert_eq!((&report["mended"], &report["archived"]), (&2.into(), &2.into()));
    assert_ne!(by_id(&db), before);
    let all_but_one = doc! { "q": { "_id": { "$ne": "whole" } }, "limit": 0 };
    db.run(doc! { "delete": "sessions", "deletes": [all_but_one] });
    db.sessionctl(&["restore", file, "--yes"]).exits(0);
    assert_eq!(by_id(&db), before);
}

#[test]
fn a_session_that_its_store_writes_meanwhile_is_left_alone() {
    let db = Db::new();
    let text = "2026-01-02T03:04:05Z";
    let many = (0..2000).map(|at| connect_mongo(&format!("s{at:04}"), text));
    db.insert("sessions", many);
    // No document shows which store writes here.
    let layout = ["--layout", "connect-mongo-json", "--rate", "500"];
    let running =
        db.command(&[&["fix", "expiry", "--yes", "-o", "json"], &layout[..]].concat()).start();
    eventually("it had mended one", || {
        db.count("sessions", doc! { "expires": { "$type": "date" } }) > 0
    });
    let renewed = at(3600);
    db.update("sessions", doc! { "_id": "s1999" }, doc! { "$set": { "expires": renewed } });
    let report = running.wait().exits(0).json();
    assert_eq!(expiry(&db, "s1999"), renewed.into());
    assert_eq!(report["mended"], 1999);
    let friday = DateTime::from_millis(FRIDAY);
    assert_eq!(db.count("sessions", doc! { "expires": friday }), 1999);
}

#[test]
fn a_layout_without_a_date_says_that_it_cannot() {
    let db = Db::new();
    let laravel =
        doc! { "_id": "AAAAAAAAAAAAAAAAAAAAAA", "payload": "YTowOnt9", "last_activity": 1 };
    db.insert("sessions", [laravel]);
    let fix = |arguments: &[&str]| {
        let laravel = ["--layout", "laravel-database", "--yes"];
        db.sessionctl(&[&["fix"], arguments, &laravel].concat()).exits(1).fails_in_one_sentence()
    };
    fix(&["expiry", "--lifetime", "2h"]).says("is not a date");
    fix(&["endless", "--lifetime", "1h"]).says("no expiry that can be written");
    db.sessionctl(&["fix", "endless", "--yes"]).exits(2).fails_in_one_sentence().says("--lifetime");
}

fn endless(id: &str, more: Document) -> Document {
    let mut document = connect_mongo(id, at(0));
    document.remove("expires");
    with(document, more)
}

#[test]
fn an_endless_session_ends_a_lifetime_after_its_last_touch_its_creation_or_now() {
    let db = Db::new();
    let (touched, created) = (at(-5 * 86_400), at(-9 * 86_400));
    db.insert(
        "sessions",
        [
            endless("touched", doc! { "updatedAt": touched, "createdAt": created }),
            endless("modified", doc! { "lastModified": touched, "updatedAt": created }),
            endless("created", doc! { "createdAt": created }),
            endless("neither", doc! { "updatedAt": "yesterday" }),
            connect_mongo("live", at(600)),
            connect_mongo("dead", at(-600)),
        ],
    );
    let before = at(0);
    let command = ["fix", "endless", "--lifetime", "7d", "--yes", "-o", "json"];
    let report = db
        .sessionctl(&command)
        .exits(0)
        .says("after the fix, 1 of these sessions is expired")
        .json();
    assert_eq!((&report["matched"], &report["mended"]), (&4.into(), &4.into()));
    let week = |date: DateTime| DateTime::from_millis(date.timestamp_millis() + 7 * 86_400_000);
    let date = |id: &str| *expiry(&db, id).as_datetime().unwrap();
    assert_eq!(date("touched"), week(touched));
    assert_eq!(date("modified"), week(touched));
    assert_eq!(date("created"), week(created));
    assert!(date("neither") >= week(before) && date("neither") <= week(at(0)));
    for (id, about) in [("live", 600_i64), ("dead", -600)] {
        assert!((date(id).timestamp_millis() - at(about).timestamp_millis()).abs() < 60_000);
    }
    assert_eq!(db.sessionctl(&command).exits(0).json()["matched"], 0);
}

#[test]
fn an_endless_session_gets_its_expiry_where_its_store_keeps_it() {
    // Layouts with a null or missing expiry that never ends, and the field that says when.
    for (layout, id, field) in [
        ("express-mongodb-1", "_id", "expiresAt"),
        ("express-mongodb-legacy", "sid", "expires"),
        ("express-session-object", "_id", "expires"),
    ] {
        let db = Db::new();
        let (endless, live) = ("AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB");
        let mut document = session(layout, endless, Bson::Null);
        // A null ends a session at once in express-mongodb 1.0, and elsewhere cannot be read.
        if layout != "express-mongodb-legacy" {
            document.remove(field);
        }
        db.insert("sessions", [document, session(layout, live, at(600))]);
        let command = ["fix", "endless", "--lifetime", "1h", "--yes", "-o", "json"];
        let report = db.sessionctl(&command).exits(0).json();
        assert_eq!(report["mended"], 1, "{layout}: {report}");
        let mended = db.one("sessions", id, endless);
        assert!(mended.get_datetime(field).is_ok(), "{layout}: {mended}");
        let listed = db.sessionctl(&["list", "--endless", "-o", "json"]).exits(0).json();
        assert_eq!(listed, serde_json::json!([]), "{layout}");
    }
}

#[test]
fn an_expiry_in_seconds_is_written_as_its_store_writes_it() {
    let db = Db::new();
    let value = Binary { subtype: BinarySubtype::Generic, bytes: b"{}".to_vec() };
    let beaker = |id: &str, expiration: Bson| {
        doc! { "_id": format!("{id}:session"), "value": &value, "expiration": expiration }
    };
    let soon = at(600).timestamp_millis() as f64 / 1000.0;
    db.insert("sessions", [beaker("endless", Bson::Null), beaker("live", soon.into())]);
    let command = ["fix", "endless", "--lifetime", "1h", "--yes", "-o", "json"];
    let before = at(3600).timestamp_millis() as f64 / 1000.0;
    assert_eq!(db.sessionctl(&command).exits(0).json()["mended"], 1);
    let expiration = |id: &str| db.one("sessions", "_id", id).get_f64("expiration").unwrap();
    let hour = before..=at(3600).timestamp_millis() as f64 / 1000.0;
    assert!(hour.contains(&expiration("endless:session")), "{hour:?}");
    assert!((expiration("live:session") - soon).abs() < f64::EPSILON);
    // It is still known whose sessions these are.
    let states = db.sessionctl(&["list", "-o", "json"]).exits(0).json();
    let states: Vec<_> = states.as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(states, ["live", "live"]);
}

#[test]
fn a_text_that_is_not_utf8_or_an_expiry_that_is_there_twice_blocks_no_other_session() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("text", "2026-01-02T03:04:05Z")]);
    db.insert_broken("sessions", connect_mongo("bad", "2026-01-02T03:04:05Z?"));
    db.insert_broken("sessions", connect_mongo("worse", "?"));
    // An update by a pipeline would set both, and mongod 6.0.5 would end.
    let fields = [("expires", Bson::from("1767323045")), ("more", 1.into()), ("again", 2.into())];
    let mut twice = connect_mongo("twice", Bson::Null);
    twice.remove("expires");
    twice.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    db.insert_renamed("sessions", &twice, "again", "expires");
    let before = db.one("sessions", "_id", "twice");

    let fix = ["fix", "expiry", "--yes", "--layout", "connect-mongo-json"];
    db.sessionctl(&fix).exits(1).says("could not fix 3 expiries");
    assert_eq!(expiry(&db, "text"), DateTime::from_millis(FRIDAY).into());
    assert_eq!(db.one("sessions", "_id", "twice"), before);
    // Documents that are no sessions are none of its business.
    db.insert("sessions", [doc! { "_id": 7, "expires": "never" }]);
    db.sessionctl(&fix).exits(1).says("could not fix 3 expiries");
}
