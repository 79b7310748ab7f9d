//! How long the commands of `help recipes` take: each once, on a million sessions of a hundred thousand
//! users, with their addresses and user agents in JSON text. What was logged out, kept and undone is
//! compared with a reading of all documents by code of its own.
//!
//! `cargo bench -- recipes`, on a quiet machine; it takes some minutes, so it runs only if it is named.
//! The times go into the last section of `help recipes`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use bson::raw::RawDocumentBuf;
use bson::{DateTime, doc};
use serde_json::Value;

use crate::ratios::{Ratios, timed};
use crate::server::Server;

/// How many sessions a user has, on average.
const EACH: u32 = 10;
const LEAKED: u32 = 3000;

pub fn measure(server: &Server, ratios: &Ratios) {
    seed(server);
    // What expires by itself meanwhile is left out of each comparison.
    let after_all = now() + 3_600_000;
    let live = |server: &Server| live(server, after_all);
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (leaked, unmatched) = (path("leaked.txt"), path("unmatched.txt"));
    let (audit, undo, gone) = (path("audit.ndjson"), path("undo.bson.zst"), path("gone.ndjson"));
    let users: BTreeSet<String> = (0..LEAKED).map(|number| (number * 7).to_string()).collect();
    let users: Vec<String> = users.into_iter().collect();
    fs::write(&leaked, users.join("\n")).expect("a list");
    let run = |arguments: &[&str]| {
        let took = timed(|| server.sessionctl(arguments));
        let shown = arguments.join(" ").replace(&*folder.path().to_string_lossy(), "");
        ratios.amount(&shown.replace(" /", " "), took.as_secs_f64(), "s", None);
    };
    let leaked_and_live = |live: &BTreeMap<String, Vec<Session>>| {
        users.iter().filter_map(|user| live.get(user)).map(Vec::len).sum::<usize>()
    };

    run(&["collections"]);
    run(&["stats"]);
    run(&["list", "--live", "--sort", "expires", "-n", "5"]);
    run(&["list", "--live", "--user", "1010"]);
    run(&["list", "--live", "--user", "1010", "--columns", "id,expires,ip,agent"]);
    run(&["list", "--live", "--users-from", &leaked, "-o", "csv", "--columns", "user,state"]);
    run(&["users", "--live", "-n", "3"]);
    run(&["users", "--live", "--min-sessions", "3", "-n", "3"]);
    run(&["list", "--live", "--where", "ip in 203.0.113.0/24"]);
    run(&["list", "--live", "--keep", "3", "-n", "5"]);

    let before = live(server);
    assert!(leaked_and_live(&before) > 0);
    let of_leaked =
        ["expire", "--users-from", &leaked, "--live", "--audit", &audit, "--archive", &undo];
    run(&[&of_leaked[..], &["--unmatched", &unmatched, "--yes", "-q"]].concat());
    let after = live(server);
    assert_eq!(leaked_and_live(&after), 0);
    assert_eq!(of_others(&after, &users), of_others(&before, &users), "nobody else is logged out");
    run(&["audit", &audit, "--users", "-q", "-o", "csv"]);
    run(&["restore", &undo, "--audit", &audit, "--yes", "-q"]);
    assert_eq!(live(server), before, "all is as before");

    let mine = before.get("1016").and_then(|sessions| sessions.first()).expect("a session");
    run(&["expire", "--user", "1010", "--yes", "-q"]);
    run(&["expire", "--user", "1016", "--live", "--except", &mine.id, "--yes", "-q"]);
    let after = live(server);
    assert!(!after.contains_key("1010") && after["1016"] == std::slice::from_ref(mine));
    run(&["expire", "--live", "--where", "ip in 203.0.113.0/24", "--yes", "-q"]);
    let is_of_network = |session: &Session| session.ip.starts_with("203.0.113.");
    assert!(!live(server).values().flatten().any(is_of_network));
    let before = live(server);
    run(&["expire", "--live", "--keep", "3", "--yes", "-q"]);
    let newest: BTreeMap<String, Vec<Session>> = before
        .into_iter()
        .map(|(user, mut sessions)| {
            sessions.drain(..sessions.len().saturating_sub(3));
            (user, sessions)
        })
        .collect();
    assert_eq!(live(server), newest, "each user keeps the three newest");
    run(&["purge", "--expired", "--archive", &gone, "--yes", "-q"]);
    let left = server.wait(count(server, after_all));
    assert_eq!(left, newest.values().map(Vec::len).sum::<usize>() as u64);
    run(&["restore", &gone, "--yes", "-q"]);
    assert_eq!(server.wait(count(server, 0)), u64::from(Server::sessions()));
    run(&["purge", "--expired", "--every-collection", "-q"]);
}

/// How many sessions expire after this time.
async fn count(server: &Server, time: i64) -> u64 {
    let later = doc! { "expires": { "$gt": DateTime::from_millis(time) } };
    server.collection("sessions").count_documents(later).await.expect("a count")
}

/// A session that lives, as this code reads it. They are in the order of their last touch.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
struct Session {
    expires: i64,
    id: String,
    ip: String,
}

/// Every session that expires after this time, by its user.
fn live(server: &Server, time: i64) -> BTreeMap<String, Vec<Session>> {
    let sessions = server.collection("sessions");
    let mut found: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    server.wait(async {
        let mut cursor = sessions.find(doc! {}).await.expect("find");
        while cursor.advance().await.expect("advance") {
            let document = cursor.current();
            let expires = document.get_datetime("expires").expect("expires").timestamp_millis();
            if expires <= time {
                continue;
            }
            let text = document.get_str("session").expect("session");
            let payload: Value = serde_json::from_str(text).expect("JSON");
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            found.entry(text(&payload["passport"]["user"])).or_default().push(Session {
                expires,
                id: document.get_str("_id").expect("_id").to_owned(),
                ip: text(&payload["ip"]),
            });
        }
    });
    let ordered =
        |one: &Session, other: &Session| (one.expires, &one.id).cmp(&(other.expires, &other.id));
    found.values_mut().for_each(|sessions| sessions.sort_by(ordered));
    found
}

fn of_others(live: &BTreeMap<String, Vec<Session>>, users: &[String]) -> usize {
    let all: usize = live.values().map(Vec::len).sum();
    all - users.iter().filter_map(|user| live.get(user)).map(Vec::len).sum::<usize>()
}

fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "samples need only be about now")]
    DateTime::now().timestamp_millis()
}

/// One in four is expired. All have the same lifetime, so the expiry orders them as their last touch.
fn seed(server: &Server) {
    const DAY: u64 = 86_400_000;
    let (all, now) = (Server::sessions(), now());
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let sessions = server.collection("sessions");
    for chunk in (0..all).collect::<Vec<_>>().chunks(5000) {
        let session = |_: &u32| {
            let (dice, user) = (next(), next() % u64::from((all / EACH).max(1)));
            let expires = now + (dice % (12 * DAY)) as i64 - 3 * DAY as i64;
            let (a, b, version) = (dice % 8, dice / 8 % 256, 100 + dice / 4096 % 30);
            let json = format!(
                r#"{{"cookie":{{"originalMaxAge":1209600000,"httpOnly":true,"path":"/"}},"passport":{{"user":"{user}"}},"ip":"203.0.{}.{b}","agent":"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"}}"#,
                112 + a
            );
            let document = doc! {
                "_id": format!("{dice:016x}{:016x}", next()),
                "expires": DateTime::from_millis(expires),
                "session": json,
            };
            RawDocumentBuf::try_from(&document).expect("a document")
        };
        let documents: Vec<_> = chunk.iter().map(session).collect();
        server.wait(sessions.insert_many(documents).into_future()).expect("insert");
    }
    let index = doc! { "key": { "expires": 1 }, "name": "expires_1" };
    server.command("test", doc! { "createIndexes": "sessions", "indexes": [index] });
}
