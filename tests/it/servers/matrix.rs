//! The same tasks against each server: what works where. The suite runs the tasks of each server that
//! another way depends on. The long form runs all, and compares them with the table of `help servers`:
//!
//!     SESSIONCTL_LONG_TESTS=1 cargo test --test it servers::matrix
//!
//! `UPDATE=1` beside it writes the table.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use bson::doc;
use serde_json::{Value, json};
use sessionctl::{Connection, Expiry, Layout};
use tempfile::TempDir;
use time::OffsetDateTime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};

use super::{Other, living, sessions};
use crate::personalities::{
    COSMOS, DOCUMENTDB, ELASTIC, FERRETDB, MONGODB_8, MONGOS, MONGOS_7, VCORE,
};
use crate::personality::{Line, Personality};
use crate::readme::{read, renew_or_fail, topic};
use crate::support::{Tool, at, connect_mongo, now};

/// A task, and what is done for it.
type Task = (&'static str, fn(&Other));

const TASKS: [Task; 14] = [
    ("list, users, inspect", reads),
    ("stats", stats),
    ("doctor", doctor),
    ("collections", collections),
    ("purge along an index", purges_windows),
    ("purge by ids", purges_ids),
    ("purge by a scan", purges_by_walk),
    ("archive and restore", archives),
    ("expire", expires),
    ("fix", fixes),
    ("sweep with a lease", sweeps),
    ("index", indexes),
    ("the library's store", stores),
    ("destroying a session with the library", destroys),
];

fn collection(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    server.db.insert("sessions", sessions(60, 20));
}

fn indexed(server: &Other) {
    collection(server);
    server.db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
}

fn reads(server: &Other) {
    collection(server);
    let json = |arguments: &[&str]| server.command(arguments).run().exits(0).json();
    assert_eq!(json(&["list", "-o", "json"]).as_array().unwrap().len(), 80);
    let live = json(&["list", "--live", "--sort", "expires", "-o", "json"]);
    assert_eq!(live.as_array().unwrap().len(), 20);
    assert_eq!(json(&["users", "-o", "json"])[0]["sessions"], 80);
    assert_eq!(json(&["inspect", "live-0003", "-o", "json"])[0]["state"], "live");
}

fn stats(server: &Other) {
    collection(server);
    let stats = server.command(&["stats", "-o", "json"]).run().exits(0).json();
    assert_eq!((&stats["expired"], &stats["live"]), (&json!(60), &json!(20)), "{stats}");
    assert_ne!(stats["bytes"], json!(0), "{stats}");
    assert_eq!(stats["users"], 1, "{stats}");
}

fn doctor(server: &Other) {
    indexed(server);
    let run = server.command(&["doctor", "-v"]).run();
    assert!(matches!(run.code, Some(0 | 4)), "{run:?}");
    run.prints("60");
}

fn collections(server: &Other) {
    collection(server);
    let found = server.command(&["collections", "-o", "json"]).run().exits(0).json();
    assert_eq!(found[0]["layout"], "connect-mongo-json", "{found}");
}

fn purged(server: &Other) {
    assert_eq!((living(&server.db), server.db.count("sessions", doc! {})), (20, 20));
}

fn purges_windows(server: &Other) {
    indexed(server);
    server.command(&["purge", "--expired", "--batch-size", "20"]).run().exits(0);
    purged(server);
}

fn purges_ids(server: &Other) {
    collection(server);
    server.command(&["purge", "live-0001", "live-0002", "--yes"]).run().exits(0);
    assert_eq!(living(&server.db), 18);
}

fn purges_by_walk(server: &Other) {
    collection(server);
    server.command(&["purge", "--expired", "--batch-size", "20"]).run().exits(0);
    purged(server);
}

fn archives(server: &Other) {
    collection(server);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.bson");
    let file = file.to_str().unwrap();
    server.command(&["purge", "--expired", "--archive", file]).run().exits(0);
    purged(server);
    server.command(&["restore", file, "--yes"]).run().exits(0);
    assert_eq!(server.db.count("sessions", doc! {}), 80);
}

fn expires(server: &Other) {
    collection(server);
    server.command(&["expire", "--user", "42", "--yes"]).run().exits(0);
    assert_eq!(server.db.count("sessions", doc! { "expires": { "$gt": now() } }), 0);
    assert_eq!(server.db.count("sessions", doc! {}), 80);
}

fn fixes(server: &Other) {
    collection(server);
    let texts = ["2036-01-02T03:04:05Z", "Wed, 02 Jan 2036 03:04:05 GMT", "2082855845"];
    let text = |(n, text): (usize, &str)| connect_mongo(&format!("text-{n:04}"), text);
    server.db.insert("sessions", texts.into_iter().enumerate().map(text));
    server.command(&["fix", "expiry", "--yes"]).run().exits(0);
    let date = bson::DateTime::from_millis(2_082_855_845_000);
    let fixed = server.db.find("sessions", doc! { "_id": { "$regex": "^text-" } });
    let dates: Vec<_> = fixed.iter().map(|one| *one.get_datetime("expires").unwrap()).collect();
    assert_eq!(dates, [date; 3]);
}

fn sweeps(server: &Other) {
    indexed(server);
    server.command(&["sweep", "--once"]).run().exits(0);
    purged(server);
    let lease = server.db.find("sessionctl_leases", doc! {});
    assert_eq!(lease.len(), 1, "{lease:?}");
    assert!(!lease[0].contains_key("holder"), "{lease:?}");
}

fn indexes(server: &Other) {
    collection(server);
    server.command(&["index", "install", "--yes"]).run().exits(0);
    let status = server.command(&["index", "status", "-o", "json"]).run().exits(0).json();
    assert_eq!(status["state"], "installed", "{status}");
}

fn store(server: &Other, act: impl AsyncFnOnce(sessionctl::Store)) {
    let uri = server.uri();
    server.db.runtime.block_on(async {
        let connection = Connection::open(&uri, Some(&server.db.name)).await.unwrap();
        let layout = Layout::named("express-session-object").unwrap().clone();
        act(connection.store("own", layout)).await;
    });
}

fn stores(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    let minute = std::time::Duration::from_secs(60);
    store(server, async |store| {
        let payload = json!({ "user": "ada" });
        store.set("one", &payload, Expiry::After(minute)).await.unwrap();
        let got: Value = store.get("one").await.unwrap().unwrap();
        assert_eq!(got["user"], "ada");
        assert!(store.touch("one", Expiry::After(2 * minute)).await.unwrap());
        assert!(!store.touch("none", Expiry::After(minute)).await.unwrap());
        let other = json!({ "user": "bob" });
        assert!(store.set_existing("one", &other, Expiry::After(minute)).await.unwrap());
        assert!(!store.set_existing("none", &other, Expiry::After(minute)).await.unwrap());
        assert!(!store.set_new("one", &payload, Expiry::After(minute)).await.unwrap());
    });
    let over = crate::support::with(
        server.db.one("own", "_id", "one"),
        doc! {
            "_id": "over", "expires": at(-1),
        },
    );
    server.db.insert("own", [over.clone()]);
    store(server, async |store| {
        assert!(store.get::<Value>("over").await.unwrap().is_none());
        assert!(!store.touch("over", Expiry::After(minute)).await.unwrap());
        let payload = json!({ "user": "eve" });
        assert!(!store.set_existing("over", &payload, Expiry::After(minute)).await.unwrap());
    });
    assert_eq!(server.db.one("own", "_id", "over"), over, "what is over stays over");
    assert_eq!(server.db.count("own", doc! { "_id": "none" }), 0);
}

fn destroys(server: &Other) {
    server.db.run(doc! { "dropDatabase": 1 });
    store(server, async |store| {
        store.set("one", &json!({}), Expiry::Never).await.unwrap();
        assert!(store.destroy("one").await.unwrap());
        assert!(!store.destroy("one").await.unwrap());
    });
    assert_eq!(server.db.count("own", doc! {}), 0);
}

/// Each of the first requests meets what the server lacks before any of them has learnt it.
#[test]
fn many_first_requests_at_a_time_all_work_around_what_the_server_lacks() {
    const MANY: usize = 16;
    for personality in [&DOCUMENTDB, &COSMOS, &FERRETDB] {
        let server = Other::new(personality);
        let hour = Expiry::After(std::time::Duration::from_secs(3600));
        let ids: Vec<_> = (0..MANY).map(|number| format!("session-{number:04}")).collect();
        let name = personality.name;
        for round in 0..4 {
            // Each store is new, and meets the server for the first time.
            store(&server, async |store| {
                let payload = json!({ "user": "ada" });
                let (store, payload) = (&store, &payload);
                let tasks = ids.iter().map(|id| async move {
                    match round {
                        0 => store.set(id, payload, hour).await.map(|()| true),
                        1 => store.get::<Value>(id).await.map(|found| found.is_some()),
                        2 => store.touch(id, hour).await,
                        _ => store.destroy(id).await,
                    }
                });
                for done in futures_util::future::join_all(tasks).await {
                    assert!(done.unwrap(), "{name} {round}");
                }
            });
        }
        assert_eq!(server.db.count("own", doc! {}), 0, "{name}");
    }
}

/// Amazon `DocumentDB` has neither the clock nor the stage that a save tries.
#[test]
fn a_server_without_pipelines_refuses_only_the_first_save() {
    let server = Other::new(&DOCUMENTDB);
    store(&server, async |store| {
        let expiry_date = OffsetDateTime::now_utc() + std::time::Duration::from_secs(3600);
        let mut record = Record { id: Id::default(), data: HashMap::new(), expiry_date };
        SessionStore::create(&store, &mut record).await.unwrap();
        let before = server.servers[0].refused();
        for number in 0..4 {
            record.data.insert("n".to_owned(), number.into());
            SessionStore::save(&store, &record).await.unwrap();
        }
        assert_eq!(server.servers[0].refused() - before, 1);
    });
    let sessions = server.db.find("own", doc! {});
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].get_document("session").unwrap().get_i32("n").unwrap(), 3);
}

/// A server of the table, and the tasks that the suite runs on it.
struct Server {
    personality: &'static Personality,
    core: &'static [&'static str],
}

/// `SecantusDB` is a server by other people, written in Python. In 0.7.0b3, `{$gte: [DATE, "$$NOW"]}` is
/// true of any date in an update, so that the library's store revives expired sessions there.
static SECANTUS: Personality = Personality { name: "SecantusDB 0.7.0b3", lines: &[] };

const SERVERS: [Server; 9] = [
    Server { personality: &MONGOS_7, core: &["purge along an index"] },
    Server { personality: &MONGOS, core: &["sweep with a lease"] },
    Server { personality: &MONGODB_8, core: &["list, users, inspect"] },
    Server {
        personality: &DOCUMENTDB,
        core: &[
            "stats",
            "doctor",
            "collections",
            "fix",
            "sweep with a lease",
            "the library's store",
            "destroying a session with the library",
        ],
    },
    Server { personality: &ELASTIC, core: &["expire"] },
    Server { personality: &COSMOS, core: &["doctor", "destroying a session with the library"] },
    Server {
        personality: &VCORE,
        core: &["purge along an index", "sweep with a lease", "the library's store"],
    },
    Server { personality: &FERRETDB, core: &["sweep with a lease", "the library's store"] },
    Server { personality: &SECANTUS, core: &["stats", "the library's store"] },
];

const MARKS: [&str; 2] = ["<!-- what works where -->\n", "<!-- end -->"];
const HEAD: &str = "| server | works | fails | does without |\n|---|---|---|---|\n";

/// The generated part of `help servers`.
fn table() -> String {
    let text = read(&topic("servers"));
    let (_, rest) = text.split_once(MARKS[0]).expect("the table's mark");
    rest.split_once(MARKS[1]).expect("the end of the table").0.to_owned()
}

/// The row of a server, and the tasks that fail by it.
fn row(table: &str, name: &str) -> Option<(String, Vec<String>)> {
    let row = table.lines().find(|line| line.starts_with(&format!("| {name} |")))?;
    let fails = row.split('|').nth(3)?.trim();
    Some((format!("{row}\n"), fails.split("; ").map(str::to_owned).collect()))
}

#[test]
fn each_line_of_a_personality_names_its_source() {
    for Server { personality, .. } in SERVERS {
        let sourced = personality.lines.iter().all(|Line(_, source)| source.len() > 5);
        assert!(sourced, "{}", personality.name);
    }
}

#[test]
fn the_table_of_servers_has_each_server_and_each_task() {
    let table = table();
    let tasks: Vec<_> = TASKS.iter().map(|(name, _)| *name).collect();
    let tasks = format!("The tasks are: {}.\n\n", tasks.join("; "));
    let (found, rows) = table.split_once(HEAD).expect("the table's head");
    if found != tasks {
        renew_or_fail(&topic("servers"), found, &tasks);
    }
    let named: Vec<_> = rows.lines().map(|row| row.split(" | ").next().unwrap()).collect();
    let servers = SERVERS.map(|server| format!("| {}", server.personality.name));
    if named != servers {
        let rows_of =
            |name: &String| rows.lines().find(|row| row.starts_with(&format!("{name} |")));
        let renewed = servers.iter().map(|name| {
            rows_of(name)
                .map_or_else(|| format!("{name} | - | - | - |\n"), |row| format!("{row}\n"))
        });
        let renewed: String = renewed.collect();
        renew_or_fail(&topic("servers"), &format!("{HEAD}{rows}"), &format!("{HEAD}{renewed}"));
    }
    for Server { core, .. } in SERVERS {
        assert!(core.iter().all(|name| TASKS.iter().any(|(task, _)| task == name)), "{core:?}");
    }
}

/// The tasks among these that do not work, and why.
fn failures(server: &Other, runs: impl Fn(&'static str) -> bool) -> Vec<(&'static str, String)> {
    let mut failures = Vec::new();
    for (name, task) in TASKS.into_iter().filter(|(name, _)| runs(name)) {
        if let Err(why) = catch_unwind(AssertUnwindSafe(|| task(server))) {
            let why = why.downcast_ref::<String>().cloned();
            failures.push((name, why.unwrap_or_else(|| "a panic".to_owned())));
        }
    }
    failures
}

/// What commands found the server to lack.
fn lacking(server: &Other) -> String {
    indexed(server);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("a.bson");
    let file = file.to_str().unwrap();
    let commands: [&[&str]; 6] = [
        &["stats"],
        &["doctor"],
        &["collections"],
        &["purge", "--expired", "--archive", file],
        &["restore", file, "--yes"],
        &["sweep", "--once"],
    ];
    let mut found = BTreeSet::new();
    for command in commands {
        let said = server.command(&[command, &["-v"]].concat()).run().stderr;
        let lacks = said.lines().filter(|line| line.contains("the server is "));
        let lacks = lacks.filter_map(|line| line.split_once(", without ")).map(|(_, lacks)| lacks);
        found.extend(lacks.flat_map(|lacks| lacks.split(", ")).map(str::to_owned));
    }
    store(server, async |store| {
        let _ = store.get::<Value>("none").await;
        let _ = store.touch("none", Expiry::After(std::time::Duration::from_secs(60))).await;
        let _ = store.destroy("none").await;
        found.extend(store.connection().flavour().lacking().into_iter().map(str::to_owned));
    });
    let found: Vec<_> = found.iter().map(|one| format!("`{one}`")).collect();
    found.join(", ")
}

/// Runs the tasks of a server, and compares them with its row.
#[expect(clippy::print_stdout, reason = "cargo test shows it with --nocapture")]
#[track_caller]
fn agrees_with_the_table(personality: &'static Personality, server: &Other) {
    let of = |one: &&Server| one.personality.name == personality.name;
    let core = SERVERS.iter().find(of).expect("a server of the table").core;
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
    let failures = failures(server, |task| is_long || core.contains(&task));
    let failing: Vec<_> = failures.iter().map(|(name, _)| *name).collect();
    let (row, fails) = row(&table(), personality.name).expect("its row");
    if is_long {
        let works = match (TASKS.len() - failing.len(), TASKS.len()) {
            (works, all) if works == all => "all".to_owned(),
            (works, all) => format!("{works} of {all}"),
        };
        let shown = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let (fails, lacks) = (shown(failing.join("; ")), shown(lacking(server)));
        let right = format!("| {} | {works} | {fails} | {lacks} |\n", personality.name);
        println!("{right}{failures:#?}");
        if row != right {
            renew_or_fail(&topic("servers"), &row, &right);
        }
        return;
    }
    for task in core {
        let is_said_to_fail = fails.iter().any(|fails| fails == task);
        assert_eq!(failing.contains(task), is_said_to_fail, "{task}: {row}{failures:#?}");
    }
}

#[track_caller]
fn works_as_the_table_says(personality: &'static Personality) {
    agrees_with_the_table(personality, &Other::new(personality));
}

#[test]
fn secantusdb_does_what_the_table_says() {
    let mut server = Tool::start("secantus-server", &[]);
    let port = server.line();
    agrees_with_the_table(&SECANTUS, &Other::real(&format!("mongodb://127.0.0.1:{port}")));
}

#[test]
fn a_mongos_of_7_0_does_what_the_table_says() {
    works_as_the_table_says(&MONGOS_7);
}

#[test]
fn a_mongos_of_8_0_does_what_the_table_says() {
    works_as_the_table_says(&MONGOS);
}

#[test]
fn mongodb_8_with_a_default_time_limit_does_what_the_table_says() {
    works_as_the_table_says(&MONGODB_8);
}

#[test]
fn amazon_documentdb_does_what_the_table_says() {
    works_as_the_table_says(&DOCUMENTDB);
}

#[test]
fn an_elastic_cluster_does_what_the_table_says() {
    works_as_the_table_says(&ELASTIC);
}

#[test]
fn cosmos_db_does_what_the_table_says() {
    works_as_the_table_says(&COSMOS);
}

#[test]
fn azure_documentdb_does_what_the_table_says() {
    works_as_the_table_says(&VCORE);
}

#[test]
fn ferretdb_does_what_the_table_says() {
    works_as_the_table_says(&FERRETDB);
}
