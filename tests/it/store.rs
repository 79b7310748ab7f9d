//! The session store as a library: express-mongodb's get, set, touch, destroy, all, length, clear
//! and clear interval, for every layout.

use std::collections::BTreeMap;
use std::time::Duration;

use bson::spec::ElementType;
use bson::{Bson, Document, doc};
use serde_json::{Value, json};
use sessionctl::mongod::Options;
use sessionctl::{Error, Expiry};
use tower_sessions::SessionStore;

use crate::expire::read_by_its_store;
use crate::support::{Db, LAYOUTS, at, own_server, session};

mod by_user;
mod client;
mod indexes;
mod options;
mod payloads;
mod racing;
mod touching;
mod traced;
mod versions;

const ID: &str = "PCsaD56NfGtaTx59C5w6Lw";
const OTHER: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const HOUR: Expiry = Expiry::After(Duration::from_secs(3600));

/// What the server did with the collection `sessions` for the library meanwhile.
pub fn watched(db: &Db, act: impl FnOnce()) -> Vec<Document> {
    db.run(doc! { "profile": 2 });
    act();
    db.run(doc! { "profile": 0 });
    let mine = doc! { "ns": format!("{}.sessions", db.name), "appName": &db.name };
    let found = db.find("system.profile", mine);
    db.run(doc! { "drop": "system.profile" });
    found
}

fn fixture(layout: &str) -> Document {
    let files = std::fs::read_dir(format!("tests/fixtures/{layout}")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let plain = |path: &&std::path::PathBuf| !path.to_str().unwrap().contains("-3-");
    let text = std::fs::read_to_string(files.iter().rev().find(plain).unwrap()).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let Bson::Document(document) = Bson::try_from(file["documents"][0].clone()).unwrap() else {
        panic!("{layout}");
    };
    document
}

fn types(document: &Document) -> BTreeMap<String, ElementType> {
    document.iter().map(|(key, value)| (key.clone(), value.element_type())).collect()
}

#[test]
fn what_is_set_is_what_the_store_of_the_layout_reads() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let payload = json!({ "userId": 42, "cart": { "items": ["TEE"], "total": 46.98 } });
        db.runtime.block_on(store.set(ID, &payload, HOUR)).unwrap();

        let found = read_by_its_store(&db, layout, ID).unwrap_or_else(|| panic!("{layout}"));
        assert_eq!(db.count("sessions", doc! { id: ID }), 1);
        let life =
            found.get_datetime(expires).unwrap().timestamp_millis() - at(0).timestamp_millis();
        assert!((3_540_000..=3_600_000).contains(&life), "{layout}: {life}");

        let real = fixture(layout);
        let mut wanted = types(&real);
        // mongoose's version key, which it does not need to read.
        wanted.remove("__v");
        // connect-mongo writes it only where touchAfter is set.
        wanted.remove("lastModified");
        wanted.insert(expires.to_owned(), ElementType::DateTime);
        assert_eq!(types(&found), wanted, "{layout}");
        let cookie = |document: &Document| {
            let payload =
                ["session", "data"].iter().find_map(|key| document.get_document(key).ok());
            payload.map(|payload| payload.get_document("cookie").is_ok())
        };
        assert_eq!(cookie(&found), cookie(&real), "{layout}: express-session wants a cookie");

        let got: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(got["cart"], payload["cart"], "{layout}");
        assert_eq!(got["userId"], 42);
        let row = db.sessionctl(&["list", "-o", "json", "--full-ids"]).exits(0).json();
        assert_eq!((&row[0]["id"], &row[0]["state"]), (&ID.into(), &"live".into()), "{layout}");
    }
}

#[test]
fn setting_again_replaces_the_payload() {
    for (layout, _, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let got: Option<Value> = db.runtime.block_on(async {
            store.set(ID, &json!({ "visits": 1, "gone": true }), HOUR).await.unwrap();
            store.set(ID, &json!({ "visits": 2 }), HOUR).await.unwrap();
            store.get(ID).await.unwrap()
        });
        let got = got.unwrap();
        assert_eq!((&got["visits"], got.get("gone")), (&2.into(), None), "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 1, "{layout}");
    }
}

#[test]
fn touch_renews_a_session_and_never_revives_one() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let touch = |id: &'static str| db.runtime.block_on(store.touch(id, HOUR)).unwrap();
        let minute = Expiry::After(Duration::from_secs(60));
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), minute)).unwrap();
        assert!(touch(ID), "{layout}");
        let renewed = db.one("sessions", id, ID);
        assert!(renewed.get_datetime(expires).unwrap() > &at(3000), "{layout}");
        let got: Value = db.runtime.block_on(store.get(ID)).unwrap().unwrap();
        assert_eq!(got["a"], 1);

        assert!(!touch(OTHER), "{layout}: there is none");
        db.runtime.block_on(store.set(OTHER, &json!({}), Expiry::At(at(-1)))).unwrap();
        assert!(!touch(OTHER), "{layout}: it is over");
        assert!(db.one("sessions", id, OTHER).get_datetime(expires).unwrap() < &at(0), "{layout}");
        db.update("sessions", doc! { id: OTHER }, doc! { "$set": { expires: "soon" } });
        assert!(!touch(OTHER), "{layout}: it is malformed");
        assert_eq!(db.one("sessions", id, OTHER).get_str(expires).unwrap(), "soon");
    }
}

#[test]
fn what_is_over_or_malformed_is_not_got() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let get = || db.runtime.block_on(store.get::<Value>(ID)).unwrap();
        assert_eq!(get(), None);
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), Expiry::At(at(-1)))).unwrap();
        assert_eq!(get(), None, "{layout}");
        for odd in [Bson::String("2099-01-01".into()), Bson::Int32(1)] {
            db.update("sessions", doc! { id: ID }, doc! { "$set": { expires: odd } });
            assert_eq!(get(), None, "{layout}");
        }
        db.update("sessions", doc! { id: ID }, doc! { "$set": { expires: at(60) } });
        assert!(get().is_some(), "{layout}");
    }
}

#[test]
fn destroy_all_length_and_clear_do_what_express_session_expects() {
    for (layout, id, _) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let over = "CCCCCCCCCCCCCCCCCCCCCA";
        db.runtime.block_on(async {
            store.set(ID, &json!({ "n": 1 }), HOUR).await.unwrap();
            store.set(OTHER, &json!({ "n": 2 }), HOUR).await.unwrap();
            store.set(over, &json!({ "n": 3 }), Expiry::At(at(-60))).await.unwrap();
            assert_eq!(store.length().await.unwrap(), 2, "{layout}");
            let all: Vec<(_, Value)> = store.all().await.unwrap();
            let mut all: Vec<_> =
                all.iter().map(|(id, value)| (id.full(), value["n"].clone())).collect();
            all.sort_by_key(|(_, n)| n.as_u64());
            assert_eq!(all, [(ID.to_owned(), 1.into()), (OTHER.to_owned(), 2.into())], "{layout}");
            assert!(store.destroy(ID).await.unwrap());
            assert!(!store.destroy(ID).await.unwrap());
        });
        assert_eq!(db.count("sessions", doc! { id: ID }), 0);
        assert_eq!(db.count("sessions", doc! {}), 2);
        assert_eq!(db.runtime.block_on(store.clear()).unwrap(), 2, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 0);
    }
}

#[test]
fn a_session_is_kept_for_ever_in_the_way_of_its_store_or_not_at_all() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let store = db.store(layout);
        let kept = db.runtime.block_on(async {
            store.set(ID, &json!({ "a": 1 }), HOUR).await.unwrap();
            store.set(ID, &json!({ "a": 1 }), Expiry::Never).await
        });
        if layout == "tower-sessions" {
            assert!(matches!(kept, Err(Error::Unsupported(_))), "its load() finds dates only");
            continue;
        }
        kept.unwrap();
        let null = (layout == "express-mongodb-legacy").then_some(Bson::Null);
        assert_eq!(db.one("sessions", id, ID).get(expires), null.as_ref(), "{layout}");
        assert!(read_by_its_store(&db, layout, ID).is_some(), "{layout}");
        let row = db.sessionctl(&["list", "-o", "json"]);
        let got: Option<Value> = db.runtime.block_on(store.get(ID)).unwrap();
        assert!(got.is_some(), "{layout}");
        // A whole collection of endless sessions has no date that would tell its layout.
        if layout == "express-mongodb-legacy" {
            assert_eq!(row.exits(0).json()[0]["state"], "endless");
        }
    }
}

#[test]
fn the_added_cookie_has_the_lifetime_of_the_session_from_now() {
    // Express renews a session by it.
    let lifetime = |document: &Document| -> Bson {
        if let Ok(text) = document.get_str("session") {
            let payload: Value = serde_json::from_str(text).unwrap();
            return Bson::try_from(payload["cookie"]["originalMaxAge"].clone()).unwrap();
        }
        let payload = document.get_document("session").or_else(|_| document.get_document("data"));
        let cookie = payload.unwrap().get_document("cookie").unwrap();
        cookie.get("originalMaxAge").unwrap().clone()
    };
    for (layout, id, _) in LAYOUTS.iter().filter(|(layout, ..)| *layout != "tower-sessions") {
        let db = Db::new();
        let store = db.store(layout);
        let began = at(0).timestamp_millis();
        let cases = [
            (HOUR, Some(3_600_000)),
            (Expiry::At(at(3600)), Some(3_600_000)),
            (Expiry::At(at(-60)), Some(0)),
            (Expiry::Never, None),
        ];
        for (expiry, wanted) in cases {
            let payload = json!({ "a": 1 });
            db.runtime.block_on(async {
                store.clear().await.unwrap();
                store.set(ID, &payload, expiry).await.unwrap();
                assert!(store.set_new(OTHER, &payload, expiry).await.unwrap());
            });
            for set in [ID, OTHER] {
                let found = match lifetime(&db.one("sessions", id, set)) {
                    Bson::Int32(number) => Some(i64::from(number)),
                    Bson::Int64(number) => Some(number),
                    Bson::Null => None,
                    other => panic!("{layout} {other}"),
                };
                // What was an hour ahead at the beginning is less by now, in whole seconds.
                let passed = at(0).timestamp_millis() - began;
                let late = match expiry {
                    Expiry::At(_) if wanted > Some(0) => (passed + 500) / 1000 * 1000,
                    _ => 0,
                };
                let earliest = wanted.map(|wanted| wanted - late);
                assert!(
                    (earliest..=wanted).contains(&found),
                    "{layout} {expiry:?} {set} {found:?}"
                );
                assert_eq!(found.unwrap_or(0) % 1000, 0, "{layout} {expiry:?} {set}");
            }
        }
    }
}

/// The expiry inside a tower-sessions record, in milliseconds: the nine numbers of an
/// `OffsetDateTime`, with which the record ends.
fn inner_expiry(data: &[u8]) -> i64 {
    let numbers = |mut rest: &[u8]| {
        let mut numbers = Vec::new();
        while let [marker, more @ ..] = rest {
            let size = match marker {
                0..=0x7f => 0,
                0xcc..=0xce => 1 << (marker - 0xcc),
                _ => return None,
            };
            let (number, more) = more.split_at_checked(size)?;
            let number = number.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte));
            numbers.push(if size == 0 { i64::from(*marker) } else { number });
            rest = more;
        }
        (numbers.len() == 9).then_some(numbers)
    };
    let starts = (0..data.len()).rev().filter(|start| data[*start] == 0x99);
    let found = starts.map(|start| numbers(&data[start + 1..])).find_map(|numbers| numbers);
    let [year, day, hour, minute, second, nano, 0, 0, 0] = found.unwrap()[..] else { panic!() };
    let date = jiff::civil::date(year as i16, 1, 1) + jiff::Span::new().days(day - 1);
    let time = date.at(hour as i8, minute as i8, second as i8, nano as i32);
    jiff::tz::TimeZone::UTC.to_timestamp(time).unwrap().as_millisecond()
}

#[test]
fn both_expiries_of_a_tower_session_are_one_until_a_touch_changes_the_one_that_counts() {
    let db = Db::new();
    let store = db.store("tower-sessions");
    let both = || {
        let document = db.one("sessions", "_id", ID);
        let outer = document.get_datetime("expireAt").unwrap().timestamp_millis();
        (outer, inner_expiry(document.get_binary_generic("data").unwrap()))
    };
    db.insert("sessions", [fixture("tower-sessions")]);
    // What the real store wrote agrees up to the microseconds that a date does not keep.
    let (outer, inner) = both();
    assert_eq!(outer, inner);
    db.runtime.block_on(store.clear()).unwrap();
    db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
    let (outer, inner) = both();
    assert_eq!(outer, inner);

    let two = Expiry::After(Duration::from_secs(7200));
    assert!(db.runtime.block_on(store.touch(ID, two)).unwrap());
    let (touched, kept) = both();
    assert!(touched > outer + 3_500_000);
    assert_eq!(kept, inner, "a touch leaves the payload alone");
    let id = ID.parse().unwrap();
    let record = db.runtime.block_on(SessionStore::load(&store, &id)).unwrap().unwrap();
    assert_eq!(record.expiry_date.unix_timestamp_nanos() / 1_000_000, i128::from(touched));
}

#[test]
fn a_clear_interval_removes_what_expires_until_it_is_dropped() {
    let db = Db::new();
    let store = db.store("express-mongodb-1");
    let entered = db.runtime.enter();
    let guard = store.clear_interval(Duration::from_millis(100));
    let insert = |id: &str| db.insert("sessions", [session("express-mongodb-1", id, at(-1))]);
    for id in ["first", "second"] {
        insert(id);
        db.await_count("sessions", doc! {}, 0);
    }
    drop(guard);
    std::thread::sleep(Duration::from_millis(300));
    // A pass that had begun before would leave alone what expires only now.
    db.insert("sessions", [session("express-mongodb-1", "third", at(0))]);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(db.ids("sessions"), ["third"]);
    let guard = store.clear_interval(Duration::from_millis(100));
    db.await_count("sessions", doc! {}, 0);
    db.runtime.block_on(guard.stop()).unwrap();
    drop(entered);
}

#[test]
fn a_clear_interval_survives_its_server() {
    let mut server = own_server(Options::default());
    let db = Db::on(&server.uri());
    let store = db.store("express-mongodb-1");
    let entered = db.runtime.enter();
    let guard = store.clear_interval(Duration::from_millis(200));
    let insert = |id: &str| db.insert("sessions", [session("express-mongodb-1", id, at(-1))]);
    insert("first");
    db.await_count("sessions", doc! {}, 0);
    server.kill();
    std::thread::sleep(Duration::from_millis(700));
    server.restart().unwrap();
    insert("second");
    db.await_count("sessions", doc! {}, 0);
    db.runtime.block_on(guard.stop()).unwrap();
    drop(entered);
}

/// Where a document takes the place of another, an update by a pipeline compares their fields.
#[test]
fn a_payload_that_has_a_field_twice_is_not_changed_and_its_server_lives() {
    let server = own_server(Options::default());
    for layout in ["express-mongodb-1", "express-session-object"] {
        let db = Db::on(&server.uri());
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &json!({ "aa": 1, "zz": 2 }), HOUR)).unwrap();
        let session = db.find("sessions", doc! {}).remove(0);
        db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
        db.insert_misnamed("sessions", session, "zz", "aa");
        db.runtime.block_on(async {
            // With a cookie, the store need not know the time before the write.
            let payload = json!({ "aa": 3, "cookie": {} });
            for error in [
                store.set(ID, &payload, HOUR).await.unwrap_err(),
                store.set_existing(ID, &payload, HOUR).await.unwrap_err(),
            ] {
                assert!(error.to_string().contains("twice"), "{layout} {error}");
            }
        });
        assert_eq!(db.ids("sessions"), [ID], "{layout}");
    }
}

/// An update by the server's clock would end mongod 6.0.5, with an invariant of `DocumentSubDiffNode`.
#[test]
fn a_session_that_has_a_field_twice_is_not_changed_and_its_server_lives() {
    // Another test must not lose its server.
    let server = own_server(Options::default());
    for (layout, ..) in LAYOUTS {
        let db = Db::on(&server.uri());
        let store = db.store(layout);
        db.runtime.block_on(store.set(ID, &json!({ "a": 1 }), HOUR)).unwrap();
        let session = db.find("sessions", doc! {}).remove(0);
        let names: Vec<_> = session.keys().filter(|name| *name != "_id").collect();
        for name in names {
            let mut twice = session.clone();
            twice.insert("another", "field");
            twice.insert("again", session[name].clone());
            db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
            db.insert_renamed("sessions", &twice, "again", name);
            let before = db.find("sessions", doc! {});
            let case = format!("{layout}, {name}");
            db.runtime.block_on(async {
                let later = Expiry::After(Duration::from_secs(7200));
                let written = [
                    store.set(ID, &json!({ "a": 2 }), later).await,
                    store.set_existing(ID, &json!({ "a": 2 }), later).await.map(drop),
                    store.touch(ID, later).await.map(drop),
                ];
                for written in written {
                    match written {
                        // What is written without the clock may be.
                        Ok(()) => {}
                        Err(error) => {
                            assert!(error.to_string().contains("twice"), "{case} {error}");
                        }
                    }
                }
            });
            let now = db.find("sessions", doc! {});
            assert_eq!(now.len(), before.len(), "{case}");
        }
    }
}
