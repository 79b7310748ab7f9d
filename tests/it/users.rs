//! `users`: one row a user, against what the test itself wrote.

use std::collections::{BTreeMap, BTreeSet};

use bson::oid::ObjectId;
use bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use sessionctl::users::Options;
use sessionctl::{Layout, Query, Selection, State};

use crate::support::{Db, Run, at, connect_mongo, long_id, with};

/// A session as the test wrote it.
struct Written {
    user: Option<String>,
    expires: i64,
    touched: i64,
    ip: Option<String>,
    agent: String,
}

/// Sessions of many users, which differ in everything.
fn written(count: usize) -> Vec<Written> {
    let mut random: u64 = 88_172_645_463_325_252;
    let mut next = |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let now = at(0).timestamp_millis();
    let session = |_| {
        // Low numbers have more sessions; names differ in length.
        let number = next(40) * next(40);
        let user = format!("user-{number}-{}", "x".repeat((number % 7) as usize));
        // Within an hour of now there is no expiry, so that a slow test counts the same as live.
        let away = 1000 * (next(20_000) as i64 + 3600);
        let expires = if next(2) == 0 { now + away } else { now - away };
        Written {
            user: (next(10) > 0).then_some(user),
            expires,
            touched: expires.min(now) - 1000 * next(100_000) as i64 - 1000,
            ip: (next(4) > 0).then(|| format!("203.0.113.{}", next(5))),
            agent: format!("agent/{}", next(3)),
        }
    };
    (0..count).map(session).collect()
}

/// As connect-mongo writes it: the last touch follows from the expiry.
fn express((number, session): (usize, &Written)) -> Document {
    let mut payload = json!({
        "cookie": { "originalMaxAge": session.expires - session.touched, "path": "/" },
        "userAgent": session.agent,
    });
    let object = payload.as_object_mut().unwrap();
    object.extend(session.user.as_ref().map(|user| ("userId".to_owned(), json!(user))));
    object.extend(session.ip.as_ref().map(|ip| ("ip".to_owned(), json!(ip))));
    let expires = DateTime::from_millis(session.expires);
    with(
        connect_mongo(&long_id(&format!("{number}-")), expires),
        doc! { "session": payload.to_string() },
    )
}

#[derive(Default)]
struct Line {
    sessions: u64,
    live: u64,
    first: Option<i64>,
    last: Option<i64>,
    ips: BTreeSet<String>,
    agents: BTreeSet<String>,
}

/// The rows that these sessions add up to at `now`, in order.
fn rows<'a>(sessions: impl Iterator<Item = &'a Written>, now: i64) -> Vec<Value> {
    let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
    for session in sessions {
        let Some(user) = &session.user else { continue };
        let line = lines.entry(user).or_default();
        line.sessions += 1;
        line.live += u64::from(session.expires >= now);
        line.first = line.first.into_iter().chain([session.touched]).min();
        line.last = line.last.max(Some(session.touched));
        line.ips.extend(session.ip.clone());
        line.agents.insert(session.agent.clone());
    }
    let mut lines: Vec<_> = lines.into_iter().collect();
    // Stable, so names stay in order.
    lines.sort_by_key(|(_, line)| std::cmp::Reverse(line.sessions));
    let time = |millis: Option<i64>| {
        let date = DateTime::from_millis(millis.unwrap());
        sessionctl::payload::time(date)
    };
    let row = |(user, line): (&str, Line)| {
        json!({
            "user": user, "sessions": line.sessions, "live": line.live,
            "first_seen": time(line.first), "last_seen": time(line.last),
            "ips": Some(line.ips.len()).filter(|count| *count > 0), "agents": line.agents.len(),
        })
    };
    lines.into_iter().map(row).collect()
}

fn lines(run: &Run) -> Vec<Value> {
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn same(seen: &[Value], wanted: &[Value]) {
    assert_eq!(seen.len(), wanted.len());
    for (seen, wanted) in seen.iter().zip(wanted) {
        assert_eq!(seen, wanted);
    }
}

#[test]
fn each_user_has_one_row_that_counts_all_sessions_exactly() {
    let db = Db::new();
    let sessions = written(5000);
    db.insert("sessions", sessions.iter().enumerate().map(express));
    let now = at(0).timestamp_millis();
    let all = rows(sessions.iter(), now);
    let run = db.sessionctl(&["users", "-o", "ndjson"]).exits(0);
    let nobody = sessions.iter().filter(|session| session.user.is_none()).count();
    let run = run.says(&format!("note: {nobody} sessions have no user"));
    let seen = lines(&run);
    assert!(seen.len() > 200);
    same(&seen, &all);

    let run = db.sessionctl(&["users", "-o", "json", "-n", "3", "-q"]).exits(0);
    same(run.json().as_array().unwrap(), &all[..3]);
    let many = |row: &&Value| row["sessions"].as_u64() >= Some(30);
    let many = all.iter().filter(many).count();
    let run = db.sessionctl(&["users", "-o", "csv", "--min-sessions", "30"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 1 + many);
    assert!(run.stdout.starts_with("user,sessions,live,first_seen,last_seen,ips,agents\n"));

    // Exactly the selected sessions are counted.
    let is_selected =
        |session: &&Written| session.ip.as_deref() == Some("203.0.113.2") && session.user.is_some();
    let selected = rows(sessions.iter().filter(is_selected), now);
    let run = db.sessionctl(&["users", "-o", "ndjson", "-q", "--where", "ip=203.0.113.2"]).exits(0);
    same(&lines(&run), &selected);
    let user = all[0]["user"].as_str().unwrap();
    let run = db.sessionctl(&["users", "-o", "ndjson", "--user", user]).exits(0);
    same(&lines(&run), &all[..1]);

    let run = db.sessionctl(&["users"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 51);
    run.says(&format!("showing 50 of {} users; --limit 0 shows all", all.len()));
}

#[test]
fn users_that_do_not_fit_into_memory_are_counted_in_several_passes() {
    let db = Db::new();
    let sessions = written(5000);
    db.insert("sessions", sessions.iter().enumerate().map(express));
    let layout = Layout::named("connect-mongo-json").unwrap();
    let store = db.store(&layout.name);
    let now = at(0);
    let users = |options: Options| {
        let selection = Selection::new(Query::state(State::Live), now);
        let mut looked_at = 0;
        let users = store.users(&selection, &options, |more| looked_at += more);
        let users = db.runtime.block_on(users).unwrap();
        assert_eq!(looked_at, users.sessions * u64::from(users.passes));
        users
    };
    let whole = users(Options::default());
    let live = |session: &&Written| session.expires >= now.timestamp_millis();
    assert_eq!(whole.sessions, sessions.iter().filter(live).count() as u64);
    assert_eq!((whole.passes, whole.found), (1, whole.users.len() as u64));
    let wanted = rows(sessions.iter().filter(live), now.timestamp_millis());
    let seen: Vec<_> =
        whole.users.iter().map(|user| (&*user.user, user.sessions, user.ips)).collect();
    let wanted: Vec<_> = wanted
        .iter()
        .map(|row| {
            (row["user"].as_str().unwrap(), row["sessions"].as_u64().unwrap(), row["ips"].as_u64())
        })
        .collect();
    assert_eq!(seen, wanted);

    let in_parts = users(Options { memory: 10_000, ..Options::default() });
    assert!(in_parts.passes > 3, "{}", in_parts.passes);
    assert_eq!(in_parts.users, whole.users);
    assert_eq!(
        (in_parts.sessions, in_parts.anonymous, in_parts.found),
        (whole.sessions, whole.anonymous, whole.found)
    );
    let few = users(Options { memory: 10_000, limit: Some(5), min_sessions: 2 });
    assert_eq!(few.users, whole.users[..5]);
    assert_eq!(few.found, whole.users.iter().filter(|user| user.sessions >= 2).count() as u64);
}

#[test]
fn no_session_with_a_user_is_an_error_rather_than_an_empty_result() {
    let db = Db::new();
    let elsewhere = doc! { "session": json!({ "cookie": {}, "account": { "id": 7 } }).to_string() };
    db.insert("sessions", [with(connect_mongo(&long_id("a"), at(60)), elsewhere)]);
    let run = db.sessionctl(&["users"]).exits(1).fails_in_one_sentence();
    run.says("no session has a user at").says("--user-path account.id");
    let run = db.sessionctl(&["users", "--user-path", "account.id", "-o", "ndjson"]).exits(0);
    assert_eq!((lines(&run)[0]["user"].as_str(), lines(&run).len()), (Some("7"), 1));
    db.sessionctl(&["users", "--user", "8"]).exits(1).says("no session has a user at");
    // If some sessions have a user, an empty result is valid.
    db.insert("sessions", [connect_mongo(&long_id("b"), at(60))]);
    let run = db.sessionctl(&["users", "--expired", "-o", "json"]).exits(0);
    assert_eq!(run.stdout, "[]\n");
    db.sessionctl(&["users", "--user", "8"]).exits(0);
    db.sessionctl(&["users", "-c", "none"]).exits(1);
    let broken = doc! { "session": "Z2FyYmFnZSB0aGF0IGlzIG5vdCBKU09O" };
    db.insert("sessions", [with(connect_mongo(&long_id("c"), at(60)), broken)]);
    db.sessionctl(&["users"]).exits(0).says("1 session has a payload that cannot be decoded");
}

#[test]
fn a_user_in_a_field_is_seen_from_the_creation_to_the_last_touch() {
    let db = Db::new();
    let user = ObjectId::new();
    let session = |created: i64, touched: i64, ip: &str| {
        doc! {
            "_id": ObjectId::new(), "token": ObjectId::new().to_hex(), "userId": user,
            "expiresAt": at(3600), "createdAt": at(created), "updatedAt": at(touched),
            "ipAddress": ip, "userAgent": "\u{1b}[2J",
        }
    };
    let sessions = [session(-900, -30, "a"), session(-500, -400, "b"), session(-700, -600, "a")];
    let time =
        |at: usize, key: &str| sessionctl::payload::time(*sessions[at].get_datetime(key).unwrap());
    let (first, last) = (time(0, "createdAt"), time(0, "updatedAt"));
    db.insert("session", sessions.clone());
    let run = db.sessionctl(&["users", "-c", "session", "-o", "json"]).exits(0);
    let wanted = json!([{
        "user": user.to_hex(), "sessions": 3, "live": 3, "first_seen": first, "last_seen": last,
        "ips": 2, "agents": 1,
    }]);
    assert_eq!(run.json(), wanted);
    db.sessionctl(&["users", "-c", "session"]).exits(0).shows_nothing_hostile().prints("IPS");
    let authjs = doc! { "sessionToken": long_id("s"), "userId": user, "expires": at(60) };
    db.insert("authjs", [authjs]);
    let run = db.sessionctl(&["users", "-c", "authjs"]).exits(0);
    assert!(run.stdout.starts_with("USER") && !run.stdout.contains("IPS"), "{run:#?}");
    let run = db.sessionctl(&["users", "-c", "authjs", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout.lines().nth(1).unwrap(), format!("{},1,1,,,,", user.to_hex()));
}

#[test]
fn a_selection_without_users_is_not_a_collection_without_users() {
    let db = Db::new();
    let nobody = doc! { "session": json!({ "cookie": {} }).to_string() };
    // More than are sampled.
    let anonymous = (0..150).map(|n| connect_mongo(&long_id(&format!("{n:03}")), at(60)));
    db.insert("sessions", anonymous.map(|session| with(session, nobody.clone())));
    for command in [&["users", "--live"][..], &["users"]] {
        db.sessionctl(command).exits(1).says("no session has a user at");
    }
    db.insert("sessions", [connect_mongo(&long_id("known"), at(-60))]);
    for selection in ["--anonymous", "--live"] {
        let run = db.sessionctl(&["users", selection, "-o", "json"]).exits(0);
        assert_eq!(run.says("150 sessions have no user").stdout, "[]\n");
        let run = db.sessionctl(&["stats", selection, "-o", "json"]).exits(0);
        assert_eq!(run.json()["anonymous"], 150);
        let run = db.sessionctl(&["stats", selection]).exits(0).never_shows("users are unknown");
        run.prints("0 users with 0 sessions, 150 anonymous");
    }
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": { "_id": long_id("known") }, "limit": 1 }] });
    let run = db.sessionctl(&["stats", "--live", "-o", "json"]).exits(0);
    assert_eq!(run.says("no session has a user at").json()["anonymous"], Value::Null);
}
