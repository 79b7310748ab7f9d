//! Which sessions a selection chooses: users, exceptions, conditions, instants and `--keep`. The
//! remaining documents are compared with an independent implementation in the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc, spec::BinarySubtype};
use serde_json::{Value, json};
use sessionctl::archive::Reader;
use sessionctl::query::Condition;
use sessionctl::{Except, Key, Query, Selection, State, Users};

use crate::support::{Db, Run, at, connect_mongo, long_id, with};

mod language;

/// How a store writes payloads.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    Json,
    Document,
    MessagePack,
}

const FORMS: [Form; 3] = [Form::Json, Form::Document, Form::MessagePack];

impl Form {
    fn session(self, id: &str, expires: DateTime, payload: &Value) -> Document {
        match self {
            Self::Json => doc! { "_id": id, "expires": expires, "session": payload.to_string() },
            Self::Document => {
                doc! { "_id": id, "expires": expires, "session": Bson::try_from(payload.clone()).unwrap() }
            }
            Self::MessagePack => {
                let expiry = [2030, 1, 0, 0, 0, 0, 0, 0, 0];
                let bytes = rmp_serde::to_vec(&(0_i128, payload, expiry)).unwrap();
                let data = bson::Binary { subtype: BinarySubtype::Generic, bytes };
                doc! { "_id": id, "data": data, "expireAt": expires }
            }
        }
    }

    fn payload(self, session: &Document) -> Value {
        match self {
            Self::Json => serde_json::from_str(session.get_str("session").unwrap()).unwrap(),
            Self::Document => session.get("session").unwrap().clone().into_relaxed_extjson(),
            Self::MessagePack => {
                let bytes = session.get_binary_generic("data").unwrap();
                let (_, payload, _): (i128, Value, Value) = rmp_serde::from_slice(bytes).unwrap();
                payload
            }
        }
    }

    /// Those of the collection by their `_id`s.
    fn payloads(self, db: &Db) -> BTreeMap<String, Value> {
        let all = db.find("sessions", doc! {});
        let one = |session: &Document| {
            (session.get_str("_id").unwrap().to_owned(), self.payload(session))
        };
        all.iter().map(one).collect()
    }

    /// Sessions with values of many kinds at the same paths.
    fn seeded(self, count: usize) -> Db {
        let totals = [json!(4), json!(5), json!("5.0"), json!(99.5), json!("many"), json!(null)];
        let roles = [json!("admin"), json!("staff"), json!(["admin"]), json!(7), json!("Admin 2")];
        // Beside a network of 8 bits, and one of 32, are those of one bit fewer and one more.
        let ips = ["203.0.113.9", "10.1.2.3", "::ffff:10.9.9.9", "2001:db8::7", "unknown"];
        let near = ["10.200.1.1", "11.1.2.3", "2001:db9::7", "2001:db8:8000::7"];
        let times = [json!("2026-01-05T10:00:00Z"), json!(1_767_600_000), json!("2026-03-01")];
        let db = Db::new();
        // Each list in its own cycle, and sometimes nothing.
        let session = |number: usize| {
            let mut payload = json!({ "cookie": { "path": "/", "originalMaxAge": 3_600_000 } });
            let mut put = |name: &str, values: &[Value], cycle: usize| {
                if let Some(value) = values.get(number % (values.len() + cycle)) {
                    payload[name] = value.clone();
                }
            };
            put("total", &totals, 1);
            put("role", &roles, 2);
            put("since", &times, 2);
            put(
                "ip",
                &[&ips[..], &near].concat().iter().map(|ip| json!(ip)).collect::<Vec<_>>(),
                3,
            );
            if number.is_multiple_of(4) {
                payload["mfa"] = json!({ "ok": number.is_multiple_of(8) });
            }
            self.session(&long_id(&format!("{number:04}-")), at(3600), &payload)
        };
        db.insert("sessions", (0..count).map(session));
        db
    }
}

/// The whole ids of the rows of a list.
#[track_caller]
fn listed(run: &Run) -> BTreeSet<String> {
    let rows = run.json();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(id).collect()
}

fn in_network(text: &str) -> bool {
    let text = text.strip_prefix("::ffff:").unwrap_or(text);
    text.parse::<Ipv4Addr>().is_ok_and(|ip| ip.octets()[0] == 10)
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

type Test = fn(&Value) -> bool;

/// Expressions, and what each means.
const CONDITIONS: [(&str, Test); 15] = [
    ("role=admin", |one| one["role"] == "admin"),
    ("role!=admin", |one| one["role"] != "admin"),
    ("role=[\"admin\"]", |one| one["role"] == json!(["admin"])),
    ("role~(?i)^admin", |one| {
        one["role"].as_str().is_some_and(|role| role.to_lowercase().starts_with("admin"))
    }),
    ("total<5", |one| number(&one["total"]).is_some_and(|total| total < 5.0)),
    ("total <= 5", |one| number(&one["total"]).is_some_and(|total| total <= 5.0)),
    ("total>5", |one| number(&one["total"]).is_some_and(|total| total > 5.0)),
    ("total>=5", |one| number(&one["total"]).is_some_and(|total| total >= 5.0)),
    ("since<2026-02-01", |one| {
        one["since"] == "2026-01-05T10:00:00Z" || one["since"] == json!(1_767_600_000)
    }),
    ("since>=2026-02-01T00:00:00+01:00", |one| one["since"] == "2026-03-01"),
    ("ip in 10.0.0.0/8", |one| one["ip"].as_str().is_some_and(in_network)),
    ("ip in 2001:db8::/32", |one| one["ip"].as_str().is_some_and(|ip| ip.starts_with("2001:db8:"))),
    ("mfa", |one| one.get("mfa").is_some()),
    ("!mfa", |one| one.get("mfa").is_none()),
    ("mfa.ok!=true", |one| one["mfa"]["ok"] != true),
];

#[test]
fn each_condition_selects_what_it_says_in_every_form_of_a_payload() {
    for form in FORMS {
        let db = form.seeded(120);
        let all = form.payloads(&db);
        for (expression, holds) in CONDITIONS {
            let wanted: BTreeSet<String> =
                all.iter().filter(|(_, one)| holds(one)).map(|(id, _)| id.clone()).collect();
            assert!(!wanted.is_empty() && wanted.len() < all.len(), "{form:?} {expression}");
            let run = db.sessionctl(&["list", "--full-ids", "-o", "json", "--where", expression]);
            assert_eq!(listed(&run.exits(0)), wanted, "{form:?} {expression}");
        }
        let all_of =
            ["--where", "total>=5", "--where", "role!=admin", "--where", "ip in 10.0.0.0/8"];
        db.sessionctl(&[&["purge", "--yes"], &all_of[..]].concat()).exits(0);
        let left: Vec<_> = all
            .iter()
            .filter(|(_, one)| {
                !(number(&one["total"]).is_some_and(|total| total >= 5.0)
                    && one["role"] != "admin"
                    && one["ip"].as_str().is_some_and(in_network))
            })
            .map(|(id, _)| id.clone())
            .collect();
        assert!(left.len() < all.len());
        assert_eq!(db.ids("sessions"), left, "{form:?}");
    }
}

#[test]
fn a_condition_that_no_session_can_decide_is_an_error_and_changes_nothing() {
    let db = Form::Json.seeded(40);
    for (expression, what) in [
        ("rloe=admin", "no session has a value at rloe"),
        ("rloe!=admin", "no session has a value at rloe"),
        ("cookie.path<5", "no session has a number at cookie.path"),
        ("cookie.path in 10.0.0.0/8", "no session has an IP address at cookie.path"),
        ("cookie~x", "no session has a text at cookie"),
    ] {
        for command in [&["list"][..], &["purge", "--yes"], &["expire", "--dry-run"]] {
            let arguments = [command, &["--where", expression]].concat();
            db.sessionctl(&arguments).exits(1).fails_in_one_sentence().says(what);
        }
    }
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 40);
}

/// A session as connect-mongo writes it, of this user.
fn of_user(id: &str, user: impl Into<Value>) -> Document {
    let payload = json!({ "cookie": { "path": "/" }, "userId": user.into() });
    with(connect_mongo(&long_id(id), at(3600)), doc! { "session": payload.to_string() })
}

fn live(db: &Db) -> Vec<String> {
    let live = db.find("sessions", doc! { "expires": { "$gt": at(0) } });
    let mut ids: Vec<_> = live.iter().map(|one| one.get_str("_id").unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn thousands_of_listed_users_are_logged_out_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (list, unmatched) = (folder.path().join("leaked.txt"), folder.path().join("unmatched.txt"));
    let (list_path, unmatched_path) = (list.to_str().unwrap(), unmatched.to_str().unwrap());
    // Every third of those who have sessions is listed, and many who have none.
    let names = |number: u32| match number % 2 {
        0 => Value::from(number),
        _ => Value::from(format!("user-{number}@example.org")),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let listed: Vec<String> = (0..3000).step_by(3).map(|number| text(&names(number))).collect();
    let others: Vec<String> = (3000..7000).map(|number| text(&names(number))).collect();
    fs::write(&list, [&others[..], &listed[..]].concat().join("\r\n")).unwrap();
    for form in [Form::Json, Form::Document] {
        let db = Db::new();
        let session = |number: u32| {
            let payload = json!({ "cookie": { "path": "/" }, "userId": names(number / 2) });
            form.session(&long_id(&format!("{number:05}-")), at(3600), &payload)
        };
        db.insert("sessions", (0..2000).map(session));
        let wanted: Vec<String> = form
            .payloads(&db)
            .into_iter()
            .filter(|(_, one)| !listed.contains(&text(&one["userId"])))
            .map(|(id, _)| id)
            .collect();
        assert_eq!(wanted.len(), 2000 - 668);
        let selected = ["--users-from", list_path];
        let run = db.sessionctl(&[&["list", "-o", "ndjson"], &selected[..]].concat()).exits(0);
        assert_eq!(run.stdout.lines().count(), 668);
        run.says("note: 4,666 of 5,000 users have no matching session");
        let how = ["--unmatched", unmatched_path, "--yes"];
        db.sessionctl(&[&["expire"], &selected[..], &how].concat()).exits(0);
        assert_eq!(live(&db), wanted, "{form:?}");
        let missing = fs::read_to_string(&unmatched).unwrap();
        let missing: BTreeSet<&str> = missing.lines().collect();
        let met: BTreeSet<&str> = listed.iter().take(334).map(String::as_str).collect();
        assert_eq!(missing.len(), 4666);
        assert!(missing.is_disjoint(&met));
        assert_eq!(fs::metadata(&unmatched).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&unmatched).unwrap();
    }
}

#[test]
fn several_users_may_be_named_and_a_list_may_come_through_stdin() {
    let db = Db::new();
    db.insert("sessions", ["a", "b", "c", "d"].map(|name| of_user(name, name)));
    let two = ["list", "--full-ids", "-o", "json", "--user", "a", "--user", "c"];
    let ids = |names: &[&str]| names.iter().map(|name| long_id(name)).collect::<BTreeSet<_>>();
    assert_eq!(listed(&db.sessionctl(&two).exits(0)), ids(&["a", "c"]));
    let run =
        db.command(&["purge", "--users-from", "-", "--user", "a", "--yes"]).stdin("d\n\n").run();
    run.exits(0).prints("deleted 2 sessions of the users from stdin and 1 more");
    assert_eq!(db.ids("sessions"), [long_id("b"), long_id("c")]);
    let empty = db.command(&["purge", "--users-from", "-", "--yes"]).stdin("\n \n").run().exits(1);
    empty.fails_in_one_sentence().says("stdin contains no users");
    let both = db.command(&["purge", "--users-from", "-", "-", "--yes"]).stdin("b").run().exits(2);
    both.says("stdin cannot provide both the ids and the users");
    db.sessionctl(&["list", "--users-from", "/nowhere/leaked.txt"]).exits(1);
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn users_in_a_field_of_their_own_are_found_by_its_index_some_thousand_at_a_time() {
    let db = Db::new();
    let session = |number: u32| {
        let owner = if number < 100 { format!("user-{number}") } else { format!("other-{number}") };
        with(of_user(&format!("{number:04}-"), 1), doc! { "owner": owner })
    };
    db.insert("sessions", (0..400).map(session));
    db.create_index("sessions", doc! { "key": { "owner": 1 }, "name": "owner_1" });
    let users: Vec<String> = (0..12_000).map(|number| format!("user-{number}")).collect();
    let purge = ["purge", "--users-from", "-", "--user-path", "/owner"];
    let plan = [&purge[..], &["--dry-run", "-o", "json"]].concat();
    let run = db.command(&plan).stdin(users.join("\n")).run().exits(0);
    assert_eq!(run.json()["plan"], "IXSCAN owner_1");
    assert_eq!(run.json()["matched"], 100);
    db.command(&[&purge[..], &["--yes"]].concat()).stdin(users.join("\n")).run().exits(0);
    assert_eq!(db.count("sessions", doc! {}), 300);
    assert_eq!(db.count("sessions", doc! { "owner": { "$regex": "^user-" } }), 0);
}

#[test]
fn everywhere_but_this_session_is_one_command() {
    let db = Db::new();
    db.insert("sessions", ["one-one-", "one-two-", "one-three-"].map(|id| of_user(id, 42)));
    db.insert("sessions", [of_user("two-one-", 7)]);
    let here = long_id("one-two-");
    let run = db.sessionctl(&["expire", "--user", "42", "--except", &here, "--yes"]).exits(0);
    let run = run.prints("expired 2 sessions of user 42 in ");
    run.prints(", except those with the id one-two-0000..., in ");
    assert_eq!(live(&db), [here.clone(), long_id("two-one-")]);
    // A session that was to be spared under a wrong name would be ended under its own.
    let run = db.sessionctl(&["purge", "--user", "42", "--except", "one-twi-", "--yes"]).exits(1);
    run.fails_in_one_sentence().says("1 id of --except matches no session");
    assert_eq!(db.count("sessions", doc! {}), 4);
    let short = db.sessionctl(&["purge", "--user", "42", "--except", &here[..10], "--yes"]);
    short.exits(0);
    assert_eq!(db.ids("sessions"), [here, long_id("two-one-")]);
}

#[test]
fn users_that_are_spared_stay_with_those_of_whom_nobody_can_say() {
    let db = Db::new();
    let users = [json!(42), json!("asa"), json!("bo")];
    db.insert(
        "sessions",
        users.into_iter().enumerate().map(|(at, user)| of_user(&format!("{at}"), user)),
    );
    let broken = |id: &str| with(of_user(id, 1), doc! { "session": "{\"cookie\":{},\"userId\":" });
    db.insert("sessions", [broken("broken"), connect_mongo(&long_id("dead"), at(-60))]);
    let anonymous = with(of_user("nobody", 1), doc! { "session": "{\"cookie\":{}}" });
    db.insert("sessions", [anonymous]);
    let purge = ["purge", "--live", "--except-user", "42", "--except-users-from", "-", "--yes"];
    db.command(&purge).stdin("asa\n").run().exits(0);
    let left = ["0", "1", "broken", "dead"].map(long_id);
    assert_eq!(db.ids("sessions"), left);
    // Windows of the expiry are not read, so they must not be used either.
    db.sessionctl(&["purge", "--expired", "--except-user", "42"]).exits(0);
    assert_eq!(db.ids("sessions"), left);
    db.sessionctl(&["purge", "--expired", "--except", &left[3]]).exits(0);
    assert_eq!(db.ids("sessions"), left);
    db.sessionctl(&["purge", "--expired", "--except-user", "asa"]).exits(0);
    assert_eq!(db.ids("sessions"), left[..3]);
}

#[test]
fn exceptions_alone_and_what_contradicts_itself_are_usage_errors() {
    let db = Db::new();
    db.insert("sessions", [of_user("a", 42)]);
    for wrong in [
        &["--keep", "3"][..],
        &["--except", "aaaaaaaa"],
        &["--except-user", "42"],
        &["--keep", "0", "--live"],
        &["--anonymous", "--user", "42"],
        &["--anonymous", "--keep", "2"],
        &["--all", "--keep", "2"],
        &["--all", "--except-user", "2"],
        &["--user", ""],
        &["--active", "1h", "--idle", "2h"],
        &["--created-after", "2026-02-01", "--created-before", "2026-01-01"],
        &["--touched-before", "2026-02-01", "--touched-after", "2026-03-01"],
        &["--where", "a<"],
        &["--where", "a~("],
        &["--where", "a in here"],
        &["--touch-slack", "1h", "--live"],
    ] {
        for command in [&["list"][..], &["purge", "--yes"], &["expire", "--yes"]] {
            db.sessionctl(&[command, wrong].concat()).exits(2);
        }
    }
    assert_eq!(live(&db).len(), 1);
}

/// Sessions of express-mongodb 1, which stores the last touch.
fn touched(id: &str, user: Option<&str>, seconds: i64) -> Document {
    let mut payload = doc! { "cookie": { "path": "/" } };
    payload.extend(user.map(|user| ("userId".to_owned(), Bson::from(user))));
    doc! { "_id": long_id(id), "session": payload, "expiresAt": at(3600), "updatedAt": at(seconds) }
}

#[test]
fn each_users_newest_sessions_are_kept_and_sessions_without_a_user() {
    let db = Db::new();
    let mut sessions = vec![touched("nobody", None, -900), touched("also nobody", None, -1)];
    // Of four users 1 to 4 sessions, in no order.
    for user in 1..=4_i64 {
        for number in 0..user {
            let (name, id) = (format!("u{user}"), format!("{user}-{number}-"));
            sessions.push(touched(&id, Some(&name), -(number * 7 + user) % 11 * 60));
        }
    }
    // The same instant: the `_id` decides.
    sessions.extend(["even-a", "even-b", "even-c"].map(|id| touched(id, Some("even"), -77)));
    sessions.push(with(touched("5-old", Some("u3"), -1), doc! { "expiresAt": at(-5) }));
    let instant = sessions[sessions.len() - 2].get_datetime("updatedAt").unwrap().to_owned();
    let alike = sessions.len() - 4..sessions.len() - 1;
    sessions[alike].iter_mut().for_each(|one| _ = one.insert("updatedAt", instant));
    db.insert("sessions", sessions);
    let all = db.find("sessions", doc! {});
    let kept = |live_only: bool| {
        let mut by_user: BTreeMap<&str, Vec<(DateTime, &str)>> = BTreeMap::new();
        let mut kept = BTreeSet::new();
        for one in &all {
            let id = one.get_str("_id").unwrap();
            let is_live = *one.get_datetime("expiresAt").unwrap() > at(0);
            match one.get_document("session").unwrap().get_str("userId") {
                Ok(user) if is_live => {
                    let touched = *one.get_datetime("updatedAt").unwrap();
                    by_user.entry(user).or_default().push((touched, id));
                }
                Ok(_) if !live_only => {}
                _ => _ = kept.insert(id.to_owned()),
            }
        }
        for sessions in by_user.values_mut() {
            sessions.sort();
            kept.extend(sessions.iter().rev().take(2).map(|(_, id)| (*id).to_owned()));
        }
        kept.into_iter().collect::<Vec<_>>()
    };
    let wanted = kept(true);
    assert_eq!(wanted.len(), 2 + 1 + 2 * 4 + 1);
    let keep = ["--live", "--keep", "2"];
    let run = db.sessionctl(&[&["list", "--full-ids", "-o", "json"], &keep[..]].concat()).exits(0);
    let ended: BTreeSet<_> = all
        .iter()
        .map(|one| one.get_str("_id").unwrap().to_owned())
        .filter(|id| !wanted.contains(id))
        .collect();
    assert_eq!(listed(&run), ended);
    let run = db.sessionctl(&[&["purge", "--yes"], &keep[..]].concat()).exits(0);
    run.prints("keeping each user's 2 most recent sessions");
    assert_eq!(db.ids("sessions"), wanted);
}

#[test]
fn a_session_that_was_touched_after_it_was_ranked_is_kept() {
    let db = Db::new();
    db.insert("sessions", ["a", "b", "c"].map(|id| touched(id, Some("asa"), -60)));
    let held = db.hold_deletes();
    let purge = db.command(&["purge", "--live", "--keep", "1", "--yes", "-o", "json"]).start();
    held.wait_for_a_delete();
    db.update("sessions", doc! { "_id": long_id("a") }, doc! { "$set": { "updatedAt": at(0) } });
    drop(held);
    let run = purge.wait().exits(0);
    assert_eq!(db.ids("sessions"), [long_id("a"), long_id("c")]);
    assert_eq!(
        (run.json()["deleted"].clone(), run.json()["renewed"].clone()),
        (json!(1), json!(1))
    );
}

/// With many users, the filter of a write names none: it repeats what was read.
#[test]
fn a_session_that_changed_hands_between_the_read_and_the_write_is_spared() {
    let large = json!("x".repeat(5_000_000));
    for (owner, payload) in [
        (Some("bo"), json!({ "cookie": {} })),
        (None, json!({ "cookie": {}, "userId": "bo" })),
        // Too large to be repeated in the write.
        (None, json!({ "cookie": {}, "userId": "bo", "large": large })),
    ] {
        let db = Db::new();
        let more = |owner: Option<&str>, payload: &Value| {
            let mut more = doc! { "session": payload.to_string() };
            more.extend(owner.map(|owner| ("owner".to_owned(), Bson::from(owner))));
            more
        };
        db.insert("sessions", ["one", "two"].map(|id| with(of_user(id, 1), more(owner, &payload))));
        let held = db.hold_deletes();
        let path: &[&str] = if owner.is_some() { &["--user-path", "/owner"] } else { &[] };
        let purge = [&["purge", "--yes", "--user", "asa", "--user", "bo"], path].concat();
        let purge = db.command(&purge).start();
        held.wait_for_a_delete();
        let mut other = payload.clone();
        if owner.is_none() {
            other["userId"] = json!("cy");
        }
        let change = doc! { "$set": more(owner.map(|_| "cy"), &other) };
        db.update("sessions", doc! { "_id": long_id("one") }, change);
        drop(held);
        purge.wait().exits(0);
        assert_eq!(db.ids("sessions"), [long_id("one")], "{owner:?}");
    }
}

/// The whole document is the payload, and an update of one field of it is a log-in.
#[test]
fn a_session_of_a_flat_layout_that_logs_in_between_the_read_and_the_write_lives() {
    let db = Db::new();
    let guest = |id: &str| doc! { "_id": id, "expires": at(600), "cookie": { "path": "/" } };
    db.insert("sessions", ["one", "two"].map(guest));
    let held = db.hold_deletes();
    let purge = ["purge", "--layout", "sessionstore", "--live", "--where", "!passport", "--yes"];
    let purge = db.command(&purge).start();
    held.wait_for_a_delete();
    let log_in = doc! { "$set": { "passport": { "user": 42 } } };
    db.update("sessions", doc! { "_id": "one" }, log_in);
    drop(held);
    purge.wait().exits(0).prints("1 session was renewed");
    assert_eq!(db.ids("sessions"), ["one"]);
}

/// A session of 70 KB is repeated in its delete like any other.
#[test]
fn a_large_session_that_is_saved_after_it_was_archived_is_archived_again() {
    let db = Db::new();
    let cart = |items: &str| json!({ "cookie": {}, "cart": items.repeat(70_000) }).to_string();
    let large = with(connect_mongo("large", at(600)), doc! { "session": cart("a") });
    db.insert("sessions", [large]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.bson");
    let held = db.hold_deletes();
    let purge = ["purge", "--live", "--yes", "--archive", path.to_str().unwrap()];
    let purge = db.command(&purge).start();
    held.wait_for_a_delete();
    db.update("sessions", doc! { "_id": "large" }, doc! { "$set": { "session": cart("b") } });
    drop(held);
    purge.wait().exits(0);
    let archived: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
    let carts: Vec<_> = archived.iter().map(|one| one.get_str("session").unwrap()).collect();
    assert!(carts == [cart("a"), cart("b")], "the delete took what the archive does not have");
    assert_eq!(db.count("sessions", doc! {}), 0);
}

#[test]
fn instants_select_by_the_dates_that_are_stored() {
    let db = Db::new();
    let session = |number: i64| {
        let dates = doc! { "lastModified": at(-number * 600), "createdAt": at(-number * 3600) };
        with(of_user(&format!("{number}"), 42), dates)
    };
    db.insert("sessions", (0..6).map(session));
    db.insert("sessions", [of_user("undated", 42)]);
    for (flags, wanted) in [
        (&["--touched-before", "-29m"][..], "345"),
        (&["--touched-after", "-31m"], "0123"),
        (&["--touched-after", "-31m", "--touched-before", "-9m"], "123"),
        (&["--created-before", "-150m"], "345"),
        (&["--created-after", "-150m"], "012"),
        (&["--active", "25m"], "012"),
        (&["--active", "25m", "--older", "30m"], "12"),
    ] {
        let list = ["list", "--layout", "connect-mongo-json", "--full-ids", "-o", "json"];
        let run = db.sessionctl(&[&list[..], flags].concat()).exits(0);
        let found: String = listed(&run).iter().filter_map(|id| id.chars().next()).collect();
        // Readers take a touch that follows from the expiry, too, if the payload has its lifetime.
        assert_eq!(found, wanted, "{flags:?}");
    }
    db.sessionctl(&["purge", "--active", "25m", "--created-after", "-90m", "--yes"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 5);
}

#[test]
fn sessions_without_a_user_are_ended_only_if_the_place_of_users_is_known() {
    let db = Db::new();
    let nobody = |id: &str| with(of_user(id, 1), doc! { "session": "{\"cookie\":{},\"cart\":[]}" });
    let broken = with(of_user("broken", 1), doc! { "session": "{\"cookie\":" });
    db.insert("sessions", [of_user("known", 42), nobody("one"), nobody("two"), broken]);
    let list = ["list", "--anonymous", "--full-ids", "-o", "json"];
    let run = db
        .sessionctl(&list)
        .exits(0)
        .says("1 session cannot be checked, because the payload cannot be decoded");
    assert_eq!(listed(&run), ["one", "two"].map(long_id).into());
    for command in ["expire", "purge"] {
        let run = db.sessionctl(&[command, "--anonymous", "--yes"]).exits(1);
        run.fails_in_one_sentence().says("--user-path");
    }
    // The question shows what the payloads have, so that a user among it is noticed.
    let run = db.sessionctl(&["purge", "--anonymous", "--user-path", "userId"]).exits(3);
    run.says("cart (2), cookie (2)").says("2 sessions without a user");
    db.sessionctl(&["purge", "--anonymous", "--user-path", "userId", "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ["broken", "known"].map(long_id));
    let run = db.sessionctl(&["purge", "--anonymous", "--user-path", "nobody", "--yes"]).exits(1);
    run.says("no session has a user at nobody");
}

#[test]
fn the_numbers_of_a_selection_are_those_of_its_sessions() {
    let db = Db::new();
    let sessions = (0..30).map(|number| {
        let expires = at(if number % 3 == 0 { -7200 } else { number * 3600 });
        let dates = doc! { "lastModified": at(-600), "createdAt": at(-90_000), "expires": expires };
        with(of_user(&format!("{number:02}"), number % 4), dates)
    });
    db.insert("sessions", sessions);
    let whole = db.sessionctl(&["stats", "-o", "json"]).exits(0).json();
    // Checked one by one, all sessions give the same numbers as the server's grouping.
    let mut judged = db.sessionctl(&["stats", "-o", "json", "--older", "1h"]).exits(0).json();
    judged["now"] = whole["now"].clone();
    for slots in ["expiries", "coming", "ages", "growth"] {
        let counts = |row: &Value| -> Vec<u64> {
            let slots = row[slots].as_array().unwrap().iter();
            slots.map(|slot| slot["sessions"].as_u64().unwrap()).collect()
        };
        assert_eq!(counts(&judged), counts(&whole), "{slots}");
        judged[slots] = whole[slots].clone();
    }
    assert_eq!(judged, whole);
    let some = ["stats", "-o", "json", "--live", "--user", "1", "--user", "2"];
    let some = db.sessionctl(&some).exits(0).says("live sessions of users 1, 2").json();
    let is_meant = |number: &i64| matches!(number % 4, 1 | 2) && number % 3 != 0;
    assert_eq!(some["live"], (0..30).filter(is_meant).count());
    assert_eq!((&some["expired"], &some["users"]), (&json!(0), &json!(2)));
    db.sessionctl(&["stats", "--sample", "5", "--live"]).exits(2);
}

/// As where documents come from an archive, and no server is asked.
#[test]
fn the_library_decides_alone_what_the_server_decides_with_it() {
    let db = Db::new();
    let sessions = (0..40_i64).map(|number| {
        let dates = doc! { "lastModified": at(-number * 60), "createdAt": at(-number * 3600) };
        let expires = at(if number % 5 == 0 { -60 } else { number * 600 });
        with(with(of_user(&format!("{number:02}"), number % 3), dates), doc! { "expires": expires })
    });
    db.insert("sessions", sessions);
    let mut endless = of_user("endless", 2);
    endless.remove("expires");
    db.insert("sessions", [endless, doc! { "_id": "foreign", "cart": [] }]);
    let (store, now) = (db.store("connect-mongo-json"), at(0));
    let documents: Vec<_> = db.find("sessions", doc! {});
    let hour = std::time::Duration::from_secs(3600);
    let users = |users: &[&str]| Some(users.iter().copied().collect::<Users>());
    let queries = [
        Query::default(),
        Query::state(State::Expired),
        Query::state(State::Endless),
        Query::of("2"),
        Query { users: users(&["0", "2"]), ..Query::state(State::Live) },
        Query { anonymous: true, ..Query::default() },
        Query { payload: vec![Condition::equals("userId", "1")], ..Query::default() },
        Query { expires_before: Some(at(3000)), expires_after: Some(at(1000)), ..Query::default() },
        Query {
            touched_after: Some(at(-1000)),
            created_before: Some(at(-9000)),
            ..Query::default()
        },
        Query { idle: Some(hour / 4), older: Some(hour * 20), ..Query::default() },
        Query { active: Some(hour / 4), users: users(&["1"]), ..Query::default() },
    ];
    for query in queries {
        let but = ["07", "11"].map(|id| Key::from(&*long_id(id)));
        let except = Except { keys: but.into(), users: "0".into() };
        let mut selection = Selection::new(query, now);
        for _ in 0..2 {
            let holds = |one: &&Document| {
                let raw = RawDocumentBuf::try_from(*one).unwrap();
                selection.holds(store.layouts(), &raw)
            };
            let held: Vec<_> = documents.iter().filter(holds).cloned().collect();
            let filter = selection.predicate(store.layouts()).unwrap();
            let judged = |one: &Document| {
                let raw = RawDocumentBuf::try_from(one).unwrap();
                selection.session(store.layouts(), &raw).is_some()
            };
            let mut found = db.find("sessions", filter);
            found.retain(judged);
            assert_eq!(found, held, "{selection:?}");
            selection.except = except.clone();
        }
    }
}

#[test]
fn the_users_of_a_selection_are_counted_exactly_in_little_memory() {
    let db = Db::new();
    let sessions = (0..200_i64).map(|n| of_user(&format!("{n:03}"), n * n % 73));
    db.insert("sessions", sessions.chain([of_user("nobody", Value::Null)]));
    let store = db.store("connect-mongo-json");
    let selection = Selection::new(Query::state(State::Live), at(0));
    let stats = |users| {
        let options = sessionctl::stats::Options { top: 5, users, ..Default::default() };
        db.runtime.block_on(store.stats_of(&selection, &options)).unwrap().0
    };
    let (at_once, in_passes) = (stats(1000), stats(10));
    assert_eq!(at_once, in_passes);
    let users = in_passes.users.unwrap();
    assert_eq!((users.distinct, users.top.len(), users.anonymous), (37, 5, 1), "{users:?}");
}

#[test]
fn values_that_a_condition_cannot_compare_are_counted() {
    let db = Db::new();
    let seen = |id: &str, last: Value| {
        let session = json!({ "cookie": {}, "userId": 42, "lastSeen": last }).to_string();
        with(of_user(id, 42), doc! { "session": session })
    };
    let sessions = [
        seen("old", json!("2020-01-01T00:00:00Z")),
        seen("new", json!("2999-01-01T00:00:00Z")),
        seen("never", json!("never")),
        seen("list", json!([1])),
        // No value at all.
        seen("null", Value::Null),
        of_user("missing", 42),
    ];
    db.insert("sessions", sessions);
    let old = ["--where", "lastSeen<-7d"];
    let list = [&["list", "--full-ids", "-o", "json"], &old[..]].concat();
    let run = db.sessionctl(&list).exits(0).says("2 sessions cannot be checked");
    assert_eq!(listed(&run), [long_id("old")].into());
    // Another condition decides.
    let other = [&list[..], &["--where", "userId=7"]].concat();
    db.sessionctl(&other).exits(0).never_shows("cannot be checked");
    let run = db.sessionctl(&[&["purge", "--dry-run"], &old[..]].concat()).exits(0);
    run.says("2 sessions cannot be checked");
}
