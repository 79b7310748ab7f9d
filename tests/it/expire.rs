//! `sessionctl expire`: the store refuses the session, and the document stays.

use bson::{Document, doc};

use crate::support::{Db, LAYOUTS, at, now, session};

const IDS: [&str; 3] =
    ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBB", "CCCCCCCCCCCCCCCCCCCCCC"];

/// What the store itself asks for when it reads the session `id`, and what it then lets pass.
pub fn read_by_its_store(db: &Db, layout: &str, id: &str) -> Option<Document> {
    let by_expires = doc! { "_id": id, "$or": [{ "expires": { "$exists": false } }, { "expires": { "$gt": now() } }] };
    let query = match layout {
        // connect-mongo src/lib/MongoStore.ts get
        "connect-mongo-json" | "express-session-object" => by_expires,
        // express-mongodb 0.0.4: !session.expires || new Date < session.expires
        "express-mongodb-legacy" => {
            doc! { "sid": id, "$or": [{ "expires": null }, { "expires": { "$gt": now() } }] }
        }
        "express-mongodb-1" => {
            doc! { "_id": id, "$or": [{ "expiresAt": { "$exists": false } }, { "expiresAt": { "$gt": now() } }] }
        }
        // tower-sessions-mongodb-store load
        "tower-sessions" => doc! { "_id": id, "expireAt": { "$gt": now() } },
        _ => panic!("{layout}"),
    };
    db.find("sessions", query).into_iter().next()
}

#[test]
fn after_expire_no_store_lets_the_session_in_and_the_document_stays() {
    for (layout, id, expires) in LAYOUTS {
        let db = Db::new();
        let lives = [at(600), at(601), at(-600)];
        db.insert("sessions", IDS.iter().zip(lives).map(|(id, at)| session(layout, id, at)));
        let before = db.one("sessions", id, IDS[0]);
        assert!(read_by_its_store(&db, layout, IDS[0]).is_some(), "{layout}");

        let run = db.sessionctl(&["expire", IDS[0], "--yes", "-o", "json"]).exits(0).json();
        assert_eq!(run["expired"], 1, "{layout}");
        assert!(read_by_its_store(&db, layout, IDS[0]).is_none(), "{layout}");
        assert!(read_by_its_store(&db, layout, IDS[1]).is_some(), "{layout}");

        // Nothing but the expiry has changed.
        let mut after = db.one("sessions", id, IDS[0]);
        assert!(after.get_datetime(expires).unwrap() < &at(0), "{layout}");
        after.insert(expires, before.get(expires).unwrap());
        assert_eq!(after, before, "{layout}");
        assert_eq!(db.count("sessions", doc! {}), 3);
    }
}

#[test]
fn sessions_that_have_expired_already_are_distinguished_from_unknown_ones() {
    let db = Db::new();
    let of = |n: i64, user: &str, expires| {
        let payload = format!(r#"{{"cookie":{{}},"username":"{user}"}}"#);
        doc! { "_id": format!("{n}{}", IDS[0]), "session": payload, "expires": expires }
    };
    db.insert("sessions", [of(1, "old", at(-60)), of(2, "old", at(-5)), of(3, "new", at(600))]);
    let expire = |user| db.sessionctl(&["expire", "--user", user, "--yes"]).exits(0);
    let namespace = format!("{}.sessions", db.name);
    let old = "2 sessions of user old have already expired";
    expire("old").prints(&format!("nothing to expire in {namespace}: {old}"));
    expire("nobody").prints(&format!("no sessions of user nobody in {namespace}"));
    expire("new").prints("expired 1 session of user new");
    expire("new").prints("1 session of user new has already expired");
    db.sessionctl(&["expire", "--expired", "--yes"]).exits(2).says("purge --expired");
}

#[test]
fn what_is_expired_already_is_left_as_it_is() {
    let db = Db::new();
    let sessions = [at(600), at(-7), at(-600)];
    let layout = "connect-mongo-json";
    db.insert("sessions", IDS.iter().zip(sessions).map(|(id, at)| session(layout, id, at)));
    let before = db.find("sessions", doc! { "_id": { "$ne": IDS[0] } });
    let run = db.sessionctl(&["expire", "--all", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!((&run["matched"], &run["expired"]), (&1.into(), &1.into()));
    assert_eq!(db.find("sessions", doc! { "_id": { "$ne": IDS[0] } }), before);
    let run = db.sessionctl(&["expire", "--all", "-o", "json"]).exits(0).json();
    assert_eq!(run["expired"], 0, "a second time there is nothing to do, and nothing is asked");
}

#[test]
fn endless_and_malformed_sessions_can_be_ended() {
    let db = Db::new();
    let mut endless = session("connect-mongo-json", "endless", at(0));
    endless.remove("expires");
    let malformed = session("connect-mongo-json", "malformed", "2020-01-01");
    db.insert("sessions", [endless, malformed, session("connect-mongo-json", "live", at(600))]);
    db.sessionctl(&["expire", "--endless", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! { "expires": { "$lt": now() } }), 1);
    db.sessionctl(&["expire", "--malformed", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! { "expires": { "$lt": now() } }), 2);
    assert_eq!(db.count("sessions", doc! { "_id": "live", "expires": { "$gt": now() } }), 1);
}

#[test]
fn ending_sessions_wants_a_confirmation() {
    let db = Db::new();
    db.insert("sessions", [session("connect-mongo-json", "live", at(600))]);
    let before = db.find("sessions", doc! {});
    db.sessionctl(&["expire", "--user", "42"])
        .exits(3)
        .says("expire 1 session of user 42 in ")
        .says("--yes");
    assert_eq!(db.find("sessions", doc! {}), before);
    let asked = db.command(&["expire", "--user", "42"]);
    asked.on_terminal(&[("[y/N]", "n\r")]).exits(3);
    assert_eq!(db.find("sessions", doc! {}), before);
    let asked = db.command(&["expire", "--user", "42"]);
    asked.on_terminal(&[("[y/N]", "y\r")]).exits(0);
    assert_ne!(db.find("sessions", doc! {}), before);
}

#[test]
fn the_report_says_expired_where_purge_says_deleted() {
    let db = Db::new();
    db.insert("sessions", [session("connect-mongo-json", "live", at(600))]);
    let keys = "namespace layout cutoff matched expired exact archived renewed reappeared batches seconds stopped";
    let report = |arguments: &[&str]| {
        let report = db.sessionctl(arguments).exits(0).json();
        let found: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
        (found.join(" "), report)
    };
    let (found, dry) = report(&["expire", "--live", "--dry-run", "-o", "json"]);
    assert_eq!(found, format!("{keys} strategy plan estimate sample"));
    assert!(dry["expired"].is_null());
    let (found, wet) = report(&["expire", "--live", "--yes", "-o", "json"]);
    assert_eq!((&*found, &wet["expired"]), (keys, &1.into()));
}

#[test]
fn where_the_store_does_not_look_at_the_expiry_only_purge_helps() {
    let db = Db::new();
    db.insert("sessions", [session("connect-mongo-json", "live", at(600))]);
    let before = db.find("sessions", doc! {});
    let record = db.sessionctl(&["layouts", "show", "connect-mongo-json"]).exits(0).stdout;
    let record = record.replace("checks_expiry_on_read = true", "checks_expiry_on_read = false");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), record).unwrap();
    let layout = file.path().to_str().unwrap();
    db.sessionctl(&["expire", "--live", "--yes", "--layout-file", layout])
        .exits(1)
        .says("can still log in")
        .says("purge");
    assert_eq!(db.find("sessions", doc! {}), before);
    db.sessionctl(&["purge", "--live", "--yes", "--layout-file", layout]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn what_may_log_a_user_in_although_the_session_has_ended_is_said_once() {
    let db = Db::new();
    db.insert("sessions", IDS.map(|id| session("connect-mongo-json", id, at(600))));
    let record = db.sessionctl(&["layouts", "show", "connect-mongo-json"]).exits(0).stdout;
    let survives = |what: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let line = format!("survives = \"{what}\"\n[id]");
        std::fs::write(file.path(), record.replacen("[id]", &line, 1)).unwrap();
        file
    };
    let file = survives("a remember-me cookie logs the user in");
    let run = |arguments: &[&str], file: &tempfile::NamedTempFile| {
        let layout = ["--layout-file", file.path().to_str().unwrap()];
        db.sessionctl(&[arguments, &layout].concat())
    };
    for command in [
        &["inspect", IDS[0]][..],
        &["expire", "--user", "42", "--dry-run"],
        &["expire", IDS[0], IDS[1], "--yes"],
        &["purge", "--user", "42", "--yes"],
    ] {
        let run = run(command, &file).exits(0);
        let said =
            "note: ending a session may not end the login: a remember-me cookie logs the user in";
        assert_eq!(run.stderr.matches(said).count(), 1, "{run:#?}");
    }
    db.insert("sessions", [session("connect-mongo-json", IDS[0], at(-600))]);
    let silent = run(&["purge", "--expired"], &file).exits(0);
    assert!(!silent.stderr.contains("login"), "{silent:#?}");
    run(&["list"], &survives(" ")).exits(1).says("survives: it is empty");
    let known = db.sessionctl(&["layouts", "show", "better-auth"]).exits(0);
    known.prints("survives = \"with cookieCache, a signed cookie");
}
