//! The documents: whose they are, how large, and of which store.

use sessionctl::mongod::Options;

use super::*;
use crate::stores::quiet_uri;
use crate::support::{eventually, own_server};

#[test]
fn sessions_without_a_user_are_found() {
    let db = Db::new();
    healthy(&db);
    let nobody = doc! { "session": "{\"cookie\":{},\"views\":1}" };
    let anonymous = (0..30)
        .map(|number| connect_mongo(&format!("session-number-{number:08}"), at(600)))
        .map(|session| with(session, nobody.clone()));
    db.insert("sessions", anonymous);
    let found = finds(&db, "anonymous", "warn", "saveUninitialized: false");
    assert!(found["mend"].is_null(), "nothing but the application can: {found}");
    let user = doc! { "$set": { "session": "{\"cookie\":{},\"userId\":42}" } };
    let updates = doc! { "q": {}, "u": user, "multi": true };
    db.run(doc! { "update": "sessions", "updates": [updates] });
    passes(&db, "anonymous");
}

#[test]
fn users_are_where_the_operator_says_also_in_a_layout_that_was_detected() {
    let db = Db::new();
    healthy(&db);
    let elsewhere = doc! { "session": "{\"cookie\":{},\"account\":{\"number\":42}}" };
    let sessions = (0..30).map(|n| connect_mongo(&format!("session-number-{n:08}"), at(600)));
    db.insert("sessions", sessions.map(|session| with(session, elsewhere.clone())));
    finds(&db, "anonymous", "warn", "have no user");
    let doctor = ["doctor", "-o", "ndjson", "--user-path", "account.number"];
    let run = db.sessionctl(&[&doctor[..], &["--user-path", "userId"]].concat()).exits(0);
    let findings = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let anonymous: Vec<_> = findings.filter(|finding| finding["check"] == "anonymous").collect();
    assert_eq!(anonymous[0]["outcome"], "pass", "{anonymous:?}");
}

#[test]
fn a_document_that_can_hardly_grow_any_more_is_found_and_its_id_not_given_away() {
    let db = Db::new();
    healthy(&db);
    let id = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";
    let session = format!("{{\"cookie\":{{}},\"cart\":\"{}\"}}", "x".repeat(31 << 19));
    db.insert("sessions", [with(connect_mongo(id, at(600)), doc! { "session": session })]);
    let found = finds(&db, "document-size", "fail", "the largest 16.3 MB");
    assert_eq!(mend(&db, &found), "sessionctl purge -d DB -c sessions -- 7ZQOhQlxWzrh");
    db.sessionctl(&["doctor"]).exits(4).never_shows(id);
    run_mend(&db, &found);
    passes(&db, "document-size");
    assert_eq!(db.ids("sessions"), [LIVE]);
}

/// Deletes much of what was written, so that the file has room.
pub fn leave_free_space(db: &Db) {
    // Bytes that do not compress.
    let mut state = 1_u64;
    let mut noise = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    for number in 0..48 {
        let bytes: Vec<u8> = (0..1 << 20).map(|_| noise()).collect();
        let binary = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes };
        let session = connect_mongo(&format!("session-number-{number:08}"), at(600));
        db.insert("sessions", [with(session, doc! { "noise": binary })]);
    }
    db.admin(doc! { "fsync": 1 });
    passes(db, "disk");
    let gone = doc! { "q": { "noise": { "$exists": true } }, "limit": 0 };
    db.run(doc! { "delete": "sessions", "deletes": [gone] });
    eventually("the space that deletes left was found", || {
        db.admin(doc! { "fsync": 1 });
        finding(db, "disk")["outcome"] == "warn"
    });
}

#[test]
fn space_that_only_new_sessions_would_fill_is_found() {
    let server = own_server(Options::default());
    let db = Db::on(&server.uri());
    healthy(&db);
    leave_free_space(&db);
    let found = finds(&db, "disk", "warn", "compact gives it back to the system");
    assert_eq!(script(&db, &found), "DB.runCommand({compact: \"sessions\"})");
    db.run(doc! { "compact": "sessions" });
    passes(&db, "disk");
}

#[test]
fn sessions_of_two_stores_in_one_collection_are_found() {
    let db = Db::new();
    healthy(&db);
    let named = |at: usize| format!("session-number-{at:08}");
    db.insert("sessions", (0..30).map(|number| connect_mongo(&named(number), at(600))));
    db.insert(
        "sessions",
        (0..3).map(|number| session("tower-sessions", &named(100 + number), at(600))),
    );
    let found = finds(&db, "layout", "warn", "3 of them look like tower-sessions");
    // Moving these away would log their users out.
    assert!(found["mend"].is_null(), "{found}");
}

/// The server asks of no document whose it is.
#[test]
fn documents_that_a_ttl_index_deletes_although_they_are_no_sessions_are_found() {
    let db = Db::on(&quiet_uri());
    let named = |number: usize| format!("session-number-{number:08}");
    db.insert("sessions", (0..60).map(|number| connect_mongo(&named(number), at(600))));
    let tokens = |expires: bson::DateTime| {
        (0..3).map(move |number| doc! { "_id": format!("{expires} {number}"), "expires": expires })
    };
    db.insert("sessions", tokens(at(-60)).chain(tokens(at(600))));
    // A sweeper asks; an index would not.
    let found = finds(&db, "ttl-index", "fail", "grows forever");
    assert_eq!(mend(&db, &found), "sessionctl sweep -d DB -c sessions --interval 60");
    assert_eq!(finding(&db, "foreign")["outcome"], "pass");
    ttl(&db, doc! {});
    let found = finds(&db, "foreign", "warn", "6 documents that are not sessions have a date");
    assert!(found["meaning"].as_str().unwrap().contains("by the index expires_1"), "{found}");
    assert!(found["mend"].is_null(), "{found}");
}

#[test]
fn a_session_of_another_store_does_not_vouch_for_documents_beside_it() {
    let db = Db::on(&quiet_uri());
    healthy(&db);
    let named = |number: usize| format!("session-number-{number:08}");
    db.insert("sessions", (0..85).map(|number| connect_mongo(&named(number), at(600))));
    let user = bson::oid::ObjectId::new();
    let authjs =
        |number: usize| doc! { "sessionToken": named(number), "userId": user, "expires": at(600) };
    db.insert("sessions", (0..4).map(authjs));
    let found = finding(&db, "foreign");
    assert_eq!(found["outcome"], "pass", "{found}");
    assert!(found["what"].as_str().unwrap().contains("such as authjs"), "{found}");
    let token =
        |number: i64| doc! { "_id": format!("token {number}"), "expires": at(600 + number) };
    db.insert("sessions", (0..3).map(token));
    let said = "7 documents that are not sessions of connect-mongo-json have a date in expires";
    let found = finds(&db, "foreign", "warn", said);
    assert!(found["meaning"].as_str().unwrap().contains("unless they are sessions of authjs"));
}

/// They are in the collection, and in no count.
#[test]
fn credentials_of_programs_make_no_sample_of_a_whole_count() {
    let db = Db::new();
    let token = |number: i64, online: bool, expires: Bson| {
        let id = format!("token-number-{number:08}");
        doc! { "id": id, "shop": "a.myshopify.com", "isOnline": online, "expires": expires }
    };
    db.insert("sessions", (0..60).map(|number| token(number, false, Bson::Null)));
    let expires = |number: i64| if number < 70 { at(-86_400) } else { at(600) };
    db.insert("sessions", (60..100).map(|number| token(number, true, expires(number).into())));
    let found = finds(&db, "expired", "fail", "10 sessions expired, the oldest 24 hours ago");
    assert!(!found["what"].as_str().unwrap().contains("sample"), "{found}");
    let whole = db.sessionctl(&["doctor"]).exits(4).never_shows("sample");
    assert!(whole.stdout.contains("documents  100\n"), "{whole:#?}");
    let part = db.sessionctl(&["doctor", "--sample", "50"]).exits(4).stdout;
    assert!(part.contains("documents  100, of which a random sample of 50 was examined"), "{part}");
}

#[test]
fn a_layout_that_many_programs_share_must_be_confirmed() {
    let db = Db::new();
    let value = bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: vec![0x80] };
    db.insert("sessions", [doc! { "key": LIVE, "value": value, "exp": at(600) }]);
    let found = finds(&db, "layout", "warn", "--layout");
    assert_eq!(mend(&db, &found), "sessionctl doctor --layout fiber -d DB -c sessions");
    // Nothing is written by a guess: every other command comes when the layout is named.
    assert!(finding(&db, "ttl-index")["mend"].is_null());
    let run = shell(&db, &format!("{} -o ndjson", found["mend"].as_str().unwrap()));
    let printed = run.stdout;
    let line = printed.lines().find(|line| line.contains("\"layout\"")).unwrap();
    assert!(line.contains("\"outcome\":\"pass\""), "{line}");
    let index = printed.lines().find(|line| line.contains("\"ttl-index\"")).unwrap();
    let index: Value = serde_json::from_str(index).unwrap();
    assert_eq!(mend(&db, &index), "sessionctl index install --layout fiber -d DB -c sessions");
    run_mend(&db, &index);
    passes(&db, "ttl-index");
}
