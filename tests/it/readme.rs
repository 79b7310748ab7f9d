//! README.md tells the truth: its examples are run, and its tables compared with the program.
//!
//! Each console block starts on a freshly seeded `test.sessions`. What differs from run to run
//! (times, seconds) is not compared. `UPDATE=1 cargo test` writes what was printed into the README.

use std::path::{Path, PathBuf};

use bson::{Bson, DateTime, Document, doc};
use sessionctl::Layout;
use sessionctl::mongod::Options;

use crate::support::{Db, Program, at, own_server};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

pub fn read() -> String {
    std::fs::read_to_string(path()).unwrap()
}

/// Replaces a part of the README if that was asked for, or fails.
#[track_caller]
fn renew_or_fail(wrong: &str, right: &str) {
    // The tests of this file run side by side.
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    assert!(
        std::env::var_os("UPDATE").is_some(),
        "README.md says\n{wrong}\nand should say\n{right}\n`UPDATE=1 cargo test` renews it"
    );
    let _writing = WRITING.lock();
    std::fs::write(path(), read().replace(wrong, right)).unwrap();
}

#[test]
fn every_example_of_the_readme_prints_what_the_readme_says() {
    let server = own_server(Options::default());
    let mut db = Db::on(&server.uri());
    db.name = "test".to_owned();
    let readme = read();
    let blocks: Vec<&str> = readme
        .split("```console\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    assert!(blocks.len() >= 6, "where have the examples gone?");
    for block in blocks {
        seed(&db);
        let here = tempfile::tempdir().unwrap();
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let printed: String = commands
            .map(|command| format!("$ {command}\n{}", shell(command, &server.uri(), here.path())))
            .collect();
        if comparable(&printed) != comparable(block) {
            renew_or_fail(block, &printed);
        }
    }
}

#[test]
fn the_table_of_layouts_is_that_of_the_known_ones() {
    let list = |texts: &[String]| texts.join(", ");
    let row = |layout: &Layout| {
        let index = layout.ttl_index.as_ref().map_or("none", |index| index.name.as_str());
        format!(
            "| `{}` | {} | `{}` | `{}` | `{index}` |\n",
            layout.name,
            list(&layout.stores),
            layout.collections.join("`, `"),
            layout.expiry_path().unwrap_or("none"),
        )
    };
    let head =
        "| layout | written by | usual collection | expiry | TTL index |\n|---|---|---|---|---|\n";
    let wanted: String = Layout::known().iter().map(row).collect();
    let readme = read();
    let (_, rest) = readme.split_once(head).expect("the table's head");
    let found = rest.split("\n\n").next().unwrap().trim_start_matches('\n');
    let found = if found.starts_with('|') { format!("{found}\n") } else { String::new() };
    if found != wanted {
        renew_or_fail(&format!("{head}{found}"), &format!("{head}{wanted}"));
    }
}

#[test]
fn the_librarys_example_is_the_one_that_its_documentation_compiles() {
    let source = include_str!("../../src/lib.rs");
    let readme = read();
    let (_, rest) = readme.split_once("```rust\n").unwrap();
    for line in rest.split_once("```").unwrap().0.lines() {
        assert!(source.contains(format!("//! {line}").trim_end()), "not in src/lib.rs: {line}");
    }
}

/// Runs a command line as a user of a shell would, with both outputs in the order they come.
fn shell(command: &str, uri: &str, here: &Path) -> String {
    let program = Program::shell(&format!("exec 2>&1\n{command}"));
    program.env("SESSIONCTL_URI", uri).at(here).run().stdout
}

/// Without what differs from run to run: instants, and seconds with a fraction.
fn comparable(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let is_instant = bare.len() >= 20 && bare.as_bytes()[4] == b'-' && bare.ends_with('Z');
        let is_decimal = bare.contains('.') && bare.parse::<f64>().is_ok();
        if is_instant || is_decimal { word.replace(bare, "[..]") } else { word.to_owned() }
    };
    text.split_inclusive([' ', '"', ',', '\n']).map(word).collect()
}

/// Fills `test.sessions` as connect-mongo would have: first what the real library wrote, then many
/// more of the same kind. Instants lie half an hour or half a day off, so that "in 3d" stays so.
fn seed(db: &Db) {
    db.runtime.block_on(db.collection("sessions").drop().into_future()).unwrap();
    let fixture = include_str!("../fixtures/connect-mongo-json/connect-mongo-5-default.json");
    let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap();
    let written = fixture["documents"].as_array().unwrap().iter().map(document);
    let offsets = [13 * DAY + DAY / 2, 2 * DAY + DAY / 2, -(3 * DAY + DAY / 2), 29 * DAY + DAY / 2];
    let mut sessions: Vec<Document> = written
        .zip(offsets)
        .map(|(mut session, offset)| {
            session.insert("expires", at(offset));
            session
        })
        .collect();
    sessions.extend((0..236).map(generated));
    db.insert("sessions", sessions);
}

fn document(json: &serde_json::Value) -> Document {
    match Bson::try_from(json.clone()).unwrap() {
        Bson::Document(document) => document,
        other => panic!("not a document: {other}"),
    }
}

/// The same at every start, but for the dates.
fn generated(number: i64) -> Document {
    // Ids look as random as real ones, by the constants of a well-known generator.
    let mut state = number as u64;
    let id: String = (0..32)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                    [(state >> 58) as usize],
            )
        })
        .collect();
    let cookie = r#""cookie":{"originalMaxAge":1209600000,"httpOnly":true,"path":"/"}"#;
    let session = match number % 3 {
        0 => format!(r#"{{{cookie},"userId":{},"views":{}}}"#, 1000 + number % 25, number % 40),
        _ => format!(r#"{{{cookie},"views":{}}}"#, number % 40),
    };
    let hours = (number * 37) % 900 - 564;
    let expires = at(hours * HOUR + HOUR / 2);
    match number {
        // Left by a script that wrote the date as text, and one that forgot it.
        100..103 => doc! { "_id": id, "expires": text(expires), "session": session },
        103..105 => doc! { "_id": id, "session": session },
        _ => doc! { "_id": id, "expires": expires, "session": session },
    }
}

/// Always as long: the README shows how many bytes such a session has.
fn text(time: DateTime) -> String {
    sessionctl::payload::time(time).unwrap()
}
