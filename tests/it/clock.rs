//! Only the server's clock decides: a laptop whose clock is a day off deletes no live session.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use bson::doc;

use crate::support::{Db, Program, at, connect_mongo, now};

const DAY: i64 = 86_400;

/// The library that makes a program's clock wrong, built with the C compiler that Rust links with.
pub fn another_clock() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("another-clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/another-clock.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        let status = cc.status().expect("this test needs a C compiler named cc");
        assert!(status.success());
        library
    })
}

pub fn with_clock(program: Program, offset: i64) -> Program {
    program
        .env("LD_PRELOAD", another_clock().to_str().unwrap())
        .env("CLOCK_OFFSET", &offset.to_string())
}

#[test]
fn the_clock_of_the_program_can_be_made_wrong() {
    for offset in [DAY, -DAY] {
        let mut date = Command::new("date");
        date.arg("+%s").env("LD_PRELOAD", another_clock()).env("CLOCK_OFFSET", offset.to_string());
        let said = String::from_utf8(date.output().unwrap().stdout).unwrap();
        let wrong = said.trim().parse::<i64>().unwrap() - now().timestamp_millis() / 1000;
        assert!((wrong - offset).abs() < 60, "{wrong}");
    }
    // The dynamic linker itself says whose clock sessionctl reads.
    let list = Program::new(&["--version"]).env("LD_DEBUG", "bindings").env("LD_BIND_NOW", "1");
    let run = with_clock(list, DAY).run().exits(0);
    let bound = |line: &str| {
        line.contains("sessionctl")
            && line.contains("another-clock.so")
            && line.contains("clock_gettime")
    };
    assert!(run.stderr.lines().any(bound), "{:?}", run.stderr.get(..2000));
}

#[test]
fn a_client_clock_that_is_a_day_wrong_changes_nothing() {
    for offset in [DAY, -DAY] {
        let db = Db::new();
        let sessions = || {
            let hour = |hours: i64| connect_mongo(&format!("{hours:+}"), at(hours * 3600));
            [-36, -12, -1, 1, 12, 36].map(hour)
        };
        let left = ["+1", "+12", "+36"];
        let run = |arguments: &[&str]| with_clock(db.command(arguments), offset).run();

        db.insert("sessions", sessions());
        let rows = run(&["list", "-o", "json", "--live"]).exits(0).json();
        assert_eq!(rows.as_array().unwrap().len(), 3, "{offset}");
        let table = run(&["list", "--sort", "expires"]).exits(0).stdout;
        assert!(!table.contains("2d") && !table.contains("2 d"), "{table}");

        let before = at(-60).timestamp_millis();
        let report = run(&["purge", "--expired", "-o", "json"]).exits(0).json();
        assert_eq!(db.ids("sessions"), left, "{offset}");
        let cutoff: jiff::Timestamp = report["cutoff"].as_str().unwrap().parse().unwrap();
        assert!((before..before + 120_000).contains(&cutoff.as_millisecond()), "{report}");

        run(&["purge", "--all", "--yes"]).exits(0);
        db.insert("sessions", sessions());
        run(&["sweep", "--once", "-q"]).exits(0);
        assert_eq!(db.ids("sessions"), left, "{offset}");

        run(&["expire", "--expires-before", "+2h", "--yes"]).exits(0);
        assert_eq!(db.count("sessions", doc! { "_id": "+1", "expires": { "$lt": now() } }), 1);
        assert_eq!(db.count("sessions", doc! { "expires": { "$gt": now() } }), 2);
    }
}

#[test]
fn what_a_purge_decides_keeps_and_repeats_is_by_the_servers_clock_too() {
    for offset in [DAY, -DAY] {
        let db = Db::new();
        let hour = |hours: i64| connect_mongo(&format!("{hours:+}"), at(hours * 3600));
        db.insert("sessions", [-36, -12, -1, 1, 12, 36].map(hour));
        let run = |arguments: &[&str]| with_clock(db.command(arguments), offset).run();
        let purge = |more: &[&str]| run(&[&["purge", "--expired", "-o", "json"], more].concat());

        let dry = purge(&["--dry-run"]).exits(0).json();
        assert_eq!(dry["matched"], 3, "{offset} {dry}");
        for ahead in ["+1h", "+25h"] {
            purge(&["--cutoff", ahead]).exits(1).says("the cutoff is in the future");
        }
        assert_eq!(db.count("sessions", doc! {}), 6, "{offset}");
        purge(&["--cutoff", "-6h"]).exits(0);
        assert_eq!(db.ids("sessions"), ["+1", "+12", "+36", "-1"], "{offset}");

        db.insert("sessions", [-36, -12].map(hour));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bson");
        let (cutoff, archive) = (dry["cutoff"].as_str().unwrap(), path.to_str().unwrap());
        let report = purge(&["--cutoff", cutoff, "--archive", archive]).exits(0).json();
        assert_eq!((&report["cutoff"], &report["archived"]), (&dry["cutoff"], &3.into()));
        assert_eq!(db.ids("sessions"), ["+1", "+12", "+36"], "{offset}");
        assert_eq!(sessionctl::archive::Reader::open(&path).unwrap().count(), 3, "{offset}");
        run(&["restore", archive, "--yes"]).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 6, "{offset}");
    }
}

#[test]
fn a_daemon_with_a_wrong_clock_sweeps_by_the_servers() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(3600)), connect_mongo("soon", at(2))]);
    let mut sweep = with_clock(db.command(&["sweep", "--interval", "1"]), DAY).start();
    db.await_ids("sessions", &["live"]);
    sweep.signal("TERM");
    sweep.wait().exits(0);
}
