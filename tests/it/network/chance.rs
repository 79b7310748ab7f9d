//! Every command through a proxy that damages messages at random: the command ends, and its report
//! matches the database. `SESSIONCTL_LONG_TESTS=1 cargo test --test it network::chance -- --nocapture`
//! runs ten thousand seeds. Seeds that fail are named at the end, and run alone with
//! `SESSIONCTL_TEST_SEED=N` or `SESSIONCTL_TEST_SEED=FIRST..END`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bson::doc;
use serde_json::Value;

use super::{HASTE, Way, dead, sessions};
use crate::proxy::Random;
use crate::support::{Run, connect_mongo};

const DEAD: u64 = 30;
const LIVE: u64 = 20;
/// How many run side by side. They mostly wait: a run takes 0.1 s of a processor and 3 s of time.
const SIDE_BY_SIDE: usize = 6;
const SIDE_BY_SIDE_IN_LONG_TESTS: usize = 20;

/// Each is run in turn.
const COMMANDS: [&str; 16] = [
    "list",
    "inspect",
    "stats",
    "collections",
    "doctor",
    "expire",
    "purge by walk",
    "purge by windows",
    "purge by ids",
    "purge with archive",
    "restore",
    "fix",
    "index install",
    "index remove",
    "sweep once",
    "daemon",
];

fn is_long() -> bool {
    std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1")
}

#[test]
fn whatever_happens_to_a_message_a_command_ends_and_reports_what_happened() {
    let seeds = seeds();
    let began = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let seen: Mutex<BTreeMap<(&str, String), u64>> = Mutex::default();
    let slowest = Mutex::new((Duration::ZERO, 0, ""));
    let failed: Mutex<Vec<(u64, &str)>> = Mutex::default();
    thread::scope(|scope| {
        let side_by_side = if is_long() { SIDE_BY_SIDE_IN_LONG_TESTS } else { SIDE_BY_SIDE };
        for _ in 0..side_by_side {
            scope.spawn(|| {
                let way = Way::new(HASTE);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        break;
                    }
                    let command = COMMANDS[(seed % COMMANDS.len() as u64) as usize];
                    let started = Instant::now();
                    // One that fails keeps none of the others from running.
                    let Ok(came_to) = catch_unwind(AssertUnwindSafe(|| run(&way, seed, command)))
                    else {
                        failed.lock().unwrap().push((seed, command));
                        continue;
                    };
                    *seen.lock().unwrap().entry((command, came_to)).or_default() += 1;
                    let took = (started.elapsed(), seed, command);
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = (*slowest).max(took);
                    if seed % 1000 == 999 {
                        tell(&format!("seed {seed} after {:?}", began.elapsed()));
                    }
                }
            });
        }
    });
    let (count, took) = (seeds.end - seeds.start, began.elapsed());
    let slowest = slowest.lock().unwrap();
    tell(&format!(
        "{count} runs in {took:?}, the slowest {slowest:?}: {:#?}",
        seen.lock().unwrap()
    ));
    let failed = failed.lock().unwrap();
    assert!(failed.is_empty(), "{} of {count} seeds failed: {failed:?}", failed.len());
}

fn seeds() -> Range<u64> {
    let Ok(given) = std::env::var("SESSIONCTL_TEST_SEED") else {
        return if is_long() { 0..10_000 } else { 0..48 };
    };
    let number = |text: &str| text.parse::<u64>().unwrap();
    match given.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&given)..number(&given) + 1,
    }
}

#[expect(clippy::print_stdout, reason = "cargo test shows it with --nocapture")]
fn tell(figures: &str) {
    println!("{figures}");
}

/// What a seed came to.
fn run(way: &Way, seed: u64, command: &'static str) -> String {
    let mut random = Random(seed.wrapping_mul(0x2545_F491_4F6C_DD1D));
    let (db, case) = (&way.db, format!("seed {seed}, {command}"));
    // A message of the run before could come late.
    way.proxy.clear();
    way.proxy.cut();
    db.run(doc! { "dropDatabase": 1 });
    db.insert("sessions", sessions(DEAD as usize, LIVE as usize));
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.bson");
    let file = archive.to_str().unwrap();
    match command {
        "purge by windows" | "index remove" => {
            let lasts = (command == "index remove").then_some(0);
            let mut index = doc! { "key": { "expires": 1 }, "name": "expires_1" };
            index.extend(lasts.map(|seconds| ("expireAfterSeconds".to_owned(), seconds.into())));
            if command == "index remove" {
                // The server would delete expired sessions.
                db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
                db.insert("sessions", sessions(0, (DEAD + LIVE) as usize));
            }
            db.create_index("sessions", index);
        }
        "restore" => {
            let run = db.sessionctl(&["purge", "--expired", "--archive", file]);
            run.exits(0);
        }
        "fix" => db.insert(
            "sessions",
            (0..DEAD).map(|n| connect_mongo(&format!("text-{n}"), "2036-01-02T03:04:05Z")),
        ),
        _ => {}
    }
    // Few messages in some runs, many in others.
    // A doctor asks some forty questions, and waits for each that is lost.
    let (least, most) = if command == "doctor" { (5, 15) } else { (20, 200) };
    way.proxy.chance(seed, least + random.below(most));
    let batch = (5 + random.below(20)).to_string();
    let json = ["-o", "json"];
    let purge = ["purge", "--expired", "--batch-size", &batch, "-o", "json"];
    let ids: Vec<_> = (0..10).map(|n| format!("dead-{n:04}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let arguments: Vec<&str> = match command {
        "list" => [&["list"][..], &json].concat(),
        "inspect" => [&["inspect", "live-0003"][..], &json].concat(),
        "stats" => [&["stats"][..], &json].concat(),
        "collections" => [&["collections"][..], &json].concat(),
        "doctor" => [&["doctor"][..], &json].concat(),
        "expire" => [&["expire", "--user", "42", "--yes"][..], &json].concat(),
        "purge by walk" | "purge by windows" => purge.to_vec(),
        "purge by ids" => [&["purge", "--yes"][..], &ids, &json].concat(),
        "purge with archive" => [&purge[..], &["--archive", file]].concat(),
        "restore" => [&["restore", file, "--yes", "--batch-size", &batch][..], &json].concat(),
        "fix" => [&["fix", "expiry", "--yes"][..], &json].concat(),
        "index install" => [&["index", "install", "--yes", "--no-drain"][..], &json].concat(),
        "index remove" => [&["index", "remove", "--yes"][..], &json].concat(),
        "sweep once" => vec!["sweep", "--once", "-o", "json"],
        _ => vec!["sweep", "--interval", "1", "-o", "ndjson"],
    };
    let mut running = way.command(&arguments).start();
    if command == "daemon" {
        thread::sleep(Duration::from_millis(random.below(1500)));
        way.proxy.clear();
        // It continues after any fault.
        db.await_count("sessions", doc! {}, LIVE);
        running.signal("TERM");
        return ended(&running.wait(), &case);
    }
    let run = running.wait();
    let hits = way.proxy.hits();
    let case = format!("{case}, {:?}", &hits[hits.len().saturating_sub(6)..]);
    check(way, &run, command, &archive, &case);
    ended(&run, &case)
}

/// A command that failed says so in one sentence.
fn ended(run: &Run, case: &str) -> String {
    assert!(run.signal.is_none() && !run.stderr.contains("panicked"), "{case}: {run:#?}");
    let code = run.code.unwrap();
    let errors = run.stderr.lines().filter(|line| line.starts_with("error: ")).count();
    assert!([0, 1, 4].contains(&code), "{case}: {run:#?}");
    assert_eq!(errors, usize::from(code == 1), "{case}: {run:#?}");
    format!("exit {code}")
}

/// Compares the report with the database.
fn check(way: &Way, run: &Run, command: &str, archive: &Path, case: &str) {
    let db = &way.db;
    let there = db.count("sessions", doc! {});
    let live = db.count("sessions", doc! { "_id": { "$regex": "^live-" } });
    let is_well = matches!(run.code, Some(0 | 4));
    let report = || serde_json::from_str::<Value>(run.stdout.lines().next().unwrap_or_default());
    let whole = || serde_json::from_str::<Value>(&run.stdout);
    let report = match (whole(), report()) {
        (Ok(whole), _) => whole,
        (Err(_), Ok(first)) => first,
        (Err(_), Err(_)) => {
            assert!(!is_well || command.starts_with("sweep"), "{case}: {run:#?}");
            Value::Null
        }
    };
    // How many a report says that it changed, and how many were.
    let counts = |key: &str, changed: u64| {
        let Some(said) = report[key].as_u64() else {
            // It printed nothing, so nothing wrong.
            return;
        };
        assert!(said <= changed, "{case}: said {said}, not {changed}: {run:#?}");
        if report["exact"] == true {
            assert_eq!(said, changed, "{case}: {run:#?}");
        }
    };
    match command {
        "list" if is_well => {
            assert_eq!(report.as_array().unwrap().len() as u64, DEAD + LIVE, "{case}: {run:#?}");
        }
        "inspect" if is_well => assert_eq!(report[0]["state"], "live", "{case}: {run:#?}"),
        "stats" if is_well => {
            let told = (&report["expired"], &report["live"]);
            assert_eq!(told, (&DEAD.into(), &LIVE.into()), "{case}: {run:#?}");
        }
        "collections" if is_well => {
            let documents = &report[0]["documents"];
            assert!(documents.is_null() || *documents == DEAD + LIVE, "{case}: {run:#?}");
        }
        "expire" => {
            // The dead ones are of that user, too, and may be expired once more.
            let ended = dead(db) - DEAD;
            let said = report["expired"].as_u64().unwrap_or(0);
            let exactly = said == ended || said == ended + DEAD;
            assert!(said <= ended + DEAD, "{case}: {run:#?}");
            assert!(report["exact"] != true || exactly, "{case}: {run:#?}");
            assert!(!is_well || dead(db) == DEAD + LIVE, "{case}: {run:#?}");
        }
        "purge by walk" | "purge by windows" | "purge with archive" | "sweep once" => {
            counts("deleted", DEAD + LIVE - there);
            assert!(!is_well || dead(db) == 0 || command == "sweep once", "{case}: {run:#?}");
            if archive.exists() {
                let kept = sessionctl::archive::Reader::open(archive).map_or(0, Iterator::count);
                assert!(kept as u64 >= DEAD + LIVE - there, "{case}: {run:#?}");
            }
        }
        "purge by ids" => {
            counts("deleted", DEAD + LIVE - there);
            assert!(!is_well || there == DEAD + LIVE - 10, "{case}: {run:#?}");
        }
        "restore" => {
            counts("restored", there - LIVE);
            assert!(!is_well || there == DEAD + LIVE, "{case}: {run:#?}");
        }
        "fix" => {
            let left = db.count("sessions", doc! { "expires": { "$type": "string" } });
            counts("mended", DEAD - left);
            assert!(!is_well || left == 0, "{case}: {run:#?}");
        }
        "index install" if is_well => {
            assert_eq!(db.indexes("sessions").len(), 1, "{case}: {run:#?}");
        }
        "index remove" if is_well => {
            assert_eq!(db.indexes("sessions").len(), 0, "{case}: {run:#?}");
        }
        _ => {}
    }
    if command != "index remove" {
        assert_eq!(live, LIVE, "{case}: {run:#?}");
    }
}
