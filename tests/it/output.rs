//! Output, and failures to print it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use bson::doc;
use snapbox::{assert_data_eq, file};

use crate::support::{Db, Program, at, connect_mongo, long_id, with};

const COMMANDS: [&str; 20] = [
    "list",
    "users",
    "inspect",
    "expire",
    "purge",
    "restore",
    "copy",
    "audit",
    "sweep",
    "index",
    "doctor",
    "fix",
    "stats",
    "top",
    "collections",
    "layouts",
    "deploy",
    "demo",
    "completions",
    "help",
];

/// What `--help` prints where there is no terminal to ask for its width.
fn help(arguments: &[&str]) -> String {
    Program::new(arguments).env("COLUMNS", "100").run().exits(0).stdout
}

#[test]
fn the_help_of_the_program_and_of_each_command_is_what_it_was() {
    assert_data_eq!(help(&["--help"]), file!["snapshots/help.txt"]);
    for command in COMMANDS {
        let path = format!("tests/it/snapshots/help-{command}.txt");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        assert_data_eq!(help(&[command, "--help"]), snapbox::Data::read_from(&path, None));
    }
}

#[test]
fn every_command_has_a_snapshot_of_its_help() {
    let program = help(&["--help"]);
    let commands: Vec<_> = program
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(commands, COMMANDS);
}

/// Sessions whose relative times stay the same while a test runs.
fn sample() -> Db {
    let db = Db::new();
    let day = 86_400;
    let far = |days: i64| at(days * day + 3600);
    let user = |name: &str| doc! { "session": serde_json::json!({ "cookie": {}, "userId": name }).to_string() };
    db.insert(
        "sessions",
        [
            with(
                connect_mongo(&long_id("7ZQOhQlxWzrhLkva"), far(13)),
                doc! { "lastModified": far(-5) },
            ),
            with(connect_mongo(&long_id("PIaWmuF-mhYwpLvV"), far(-40)), user("Åsa 王小明")),
            with(connect_mongo("short", "never"), user(&"long-name-".repeat(12))),
        ],
    );
    db
}

#[test]
fn a_table_of_sessions_is_what_it_was() {
    let db = sample();
    assert_data_eq!(db.sessionctl(&["list"]).exits(0).stdout, file!["snapshots/list.txt"]);
}

#[test]
fn a_session_shown_whole_is_what_it_was() {
    let db = sample();
    let shown = db.sessionctl(&["inspect", "7ZQOhQlxWzrh"]).exits(0).stdout;
    let shown = shown.replace(&db.name, "DB");
    assert_data_eq!(shown, file!["snapshots/inspect.txt"]);
}

#[test]
fn the_table_of_layouts_is_what_it_was() {
    let shown = Program::new(&["layouts"]).run().exits(0).stdout;
    assert_data_eq!(shown, file!["snapshots/layouts.txt"]);
}

#[test]
fn the_record_of_a_layout_is_one_that_can_be_used() {
    for layout in sessionctl::Layout::known() {
        let shown = Program::new(&["layouts", "show", &layout.name]).run().exits(0).stdout;
        assert_eq!(&sessionctl::Layout::from_toml(&shown).unwrap(), layout);
    }
}

/// The output on a terminal of this width.
fn on_columns(program: Program, columns: usize) -> Vec<String> {
    let shell = format!("stty rows 24 cols {columns}; exec $sessionctl");
    let shown = program.typed_on_terminal(&shell, &[]).exits(0).stdout;
    shown.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn a_narrow_table_leaves_columns_away_and_cuts_no_number_and_no_id() {
    let db = Db::new();
    let payload = doc! { "session": format!("{{\"userId\":\"{}\"}}", "long-name-".repeat(9)) };
    let sessions = (0..1234).map(|n| connect_mongo(&long_id(&format!("{n:06}-x")), at(6000)));
    db.insert("sessions", sessions.map(|session| with(session, payload.clone())));
    let list = |columns| on_columns(db.command(&["list", "-q", "--color", "never"]), columns);
    for columns in [20, 40, 60, 80, 100] {
        let lines = list(columns);
        assert_eq!(lines.len(), 51, "{lines:?}");
        assert!(lines.iter().all(|line| line.chars().count() <= columns), "{lines:?}");
        for (n, line) in lines[1..51].iter().enumerate() {
            assert!(line.starts_with(&format!("{n:06}-x0000")), "{line}");
            let cut: Vec<_> = line.split("  ").filter(|text| text.contains('…')).collect();
            assert!(cut.iter().all(|text| text.trim().starts_with("long-name")), "{line}");
        }
    }
    assert_eq!(list(60)[0].split_whitespace().last(), Some("USER"));
    assert_eq!(list(100)[0].split_whitespace().last(), Some("BYTES"));

    let collections = db.command(&["collections", "--color", "never"]);
    let lines = on_columns(collections, 60);
    let row = lines.iter().find(|line| line.starts_with(&db.name)).unwrap();
    assert!(row.contains("  1,234  ") && row.chars().count() <= 60, "{lines:?}");

    for line in on_columns(Program::new(&["layouts", "--color", "never"]), 60) {
        assert!(line.chars().count() <= 60, "{line}");
        assert!(!line.split("  ").next().unwrap().contains('…'), "{line}");
    }
}

fn many(count: i32) -> Db {
    let db = Db::new();
    db.insert(
        "sessions",
        (0..count).map(|n| connect_mongo(&long_id(&format!("{n:06}-x")), at(60))),
    );
    db
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let db = many(3);
    // So that a purge has nothing else to say.
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in [
        &["list"][..],
        &["list", "-o", "json"],
        &["list", "-o", "ndjson"],
        &["list", "-o", "csv"],
        &["inspect", "000000-x"],
        &["inspect", "--raw", "000000-x", "-q"],
        &["purge", "--expired", "-o", "json"],
        &["stats"],
        &["stats", "-o", "json"],
        &["layouts"],
        &["layouts", "show", "connect-mongo-json"],
        &["completions", "bash"],
        &["--help"],
        &["list", "--help"],
        &["--version"],
    ] {
        let run = db.command(arguments).stdout(full()).run();
        assert_eq!(run.code, Some(1), "{arguments:?} {run:?}");
        run.fails_in_one_sentence().says("could not write to stdout");
    }
}

#[test]
fn a_reader_who_has_seen_enough_ends_it_quietly() {
    let db = many(5000);
    for arguments in [
        &["list", "--limit", "0"][..],
        &["list", "-o", "json"],
        &["list", "-o", "ndjson"],
        &["list", "-o", "csv"],
    ] {
        let mut child = db.command(arguments).spawn();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    }
    for arguments in
        [&["--help"][..], &["layouts"], &["completions", "bash"], &["inspect", "000001-x"]]
    {
        let mut child = db.command(arguments).spawn();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), &*said), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn purge_finishes_what_it_began_though_nobody_reads_its_report() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    let mut child = db.command(&["purge", "--expired"]).spawn();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn a_closed_stderr_changes_no_exit_code() {
    let db = many(60);
    for (arguments, code) in [
        (&["list"][..], 0),
        (&["inspect", "--raw", "000001-x"], 0),
        (&["list", "no-such-id"], 1),
        (&["list", "--layout", "none"], 2),
        (&["list", "--nonsense"], 2),
        (&["purge"], 2),
        (&["purge", "--live"], 3),
    ] {
        let mut child = db.command(arguments).spawn();
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(db.count("sessions", doc! {}), 60);
}
