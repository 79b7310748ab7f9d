//! README.md and the help topics are right: their examples are run, and their tables compared with the
//! program.
//!
//! Each console block starts on a freshly seeded `test.sessions`. What differs from run to run
//! (times, seconds) is not compared. `UPDATE=1 cargo test` writes what was printed into the text.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bson::{Bson, DateTime, Document, doc};
use sessionctl::Layout;
use sessionctl::mongod::Options;

use crate::support::{Db, Program, at, own_server};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Where a help topic is.
pub fn topic(name: &str) -> PathBuf {
    let file = format!("src/bin/sessionctl/help/{name}.md");
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The code blocks of a text in one language.
pub fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split_once("```").unwrap().0).collect()
}

/// Replaces a part of a text if that was asked for, or fails.
#[track_caller]
pub fn renew_or_fail(path: &Path, wrong: &str, right: &str) {
    // The tests of this file run side by side.
    static WRITING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    assert!(
        std::env::var_os("UPDATE").is_some(),
        "{} says\n{wrong}\nand should say\n{right}\n`UPDATE=1 cargo test` renews it",
        path.display()
    );
    let _writing = WRITING.lock();
    std::fs::write(path, read(path).replacen(wrong, right, 1)).unwrap();
}

#[test]
fn the_readme_is_short_enough_to_be_read() {
    let lines = read(&readme()).lines().count();
    assert!(lines <= 350, "README.md has {lines} lines; what is not essential is a help topic");
}

#[test]
fn every_example_of_the_readme_prints_what_the_readme_says() {
    let server = own_server(Options::default());
    assert!(examples_of(&readme(), &server.uri()) >= 6, "where have the examples gone?");
}

#[test]
fn every_example_of_the_help_topics_prints_what_the_topic_says() {
    let topics = std::fs::read_dir(topic("recipes").parent().unwrap()).unwrap();
    let topics = topics.map(|entry| entry.unwrap().path());
    let topics = topics.filter(|path| path.extension().is_some_and(|it| it == "md"));
    let server = own_server(Options::default());
    let examples: usize = topics.map(|path| examples_of(&path, &server.uri())).sum();
    assert!(examples >= 15, "where have the examples gone?");
}

/// Runs the console blocks of a text, and gives their number.
#[track_caller]
fn examples_of(path: &Path, uri: &str) -> usize {
    let text = read(path);
    let blocks = blocks(&text, "console");
    let mut db = Db::on(uri);
    db.name = "test".to_owned();
    for block in &blocks {
        seed(&db);
        let here = tempfile::tempdir().unwrap();
        let commands = block.lines().filter_map(|line| line.strip_prefix("$ "));
        let printed: String = commands
            .map(|command| format!("$ {command}\n{}", shell(command, uri, here.path())))
            .collect();
        if comparable(&printed) != comparable(block) {
            renew_or_fail(path, block, &printed);
        }
    }
    blocks.len()
}

#[test]
fn the_table_of_layouts_is_that_of_the_known_ones() {
    let list = |texts: &[String]| texts.join(", ");
    let row = |layout: &Layout| {
        let logout = if layout.is_ended_by_expiry() { "expire" } else { "purge" };
        format!(
            "| `{}` | {} | `{}` | `{logout}` |\n",
            layout.name,
            list(&layout.stores),
            layout.collections.join("`, `"),
        )
    };
    let head = "| layout | written by | usual collection | logout |\n|---|---|---|---|\n";
    let wanted: String = Layout::known().iter().map(row).collect();
    let path = topic("layouts");
    let text = read(&path);
    let (_, rest) = text.split_once(head).expect("the table's head");
    let found = rest.split("\n\n").next().unwrap().trim_start_matches('\n');
    let found = if found.starts_with('|') { format!("{found}\n") } else { String::new() };
    if found != wanted {
        renew_or_fail(&path, &format!("{head}{found}"), &format!("{head}{wanted}"));
    }
}

#[test]
fn every_weak_layout_is_listed_as_weak() {
    let text = read(&topic("layouts"));
    let section = text.split("## ").find(|part| part.starts_with("Weak layouts")).unwrap();
    for layout in Layout::known().iter().filter(|layout| layout.detect.weak.is_some()) {
        assert!(section.contains(&format!("`{}`", layout.name)), "{}", layout.name);
    }
}

#[test]
fn the_librarys_example_is_the_one_that_its_documentation_compiles() {
    let source = include_str!("../../src/lib.rs");
    for line in blocks(&read(&readme()), "rust")[0].lines() {
        assert!(source.contains(format!("//! {line}").trim_end()), "not in src/lib.rs: {line}");
    }
}

/// Runs a command line as a user of a shell would, with both outputs in the order they come.
fn shell(command: &str, uri: &str, here: &Path) -> String {
    let tools = tempfile::tempdir().unwrap();
    put_jq_into(tools.path());
    let tools = tools.path().display();
    let program = Program::shell(&format!("PATH={tools}:$PATH; exec 2>&1\n{command}"));
    program.env("SESSIONCTL_URI", uri).at(here).run().stdout
}

/// The installed jq, or one that is fetched.
fn put_jq_into(folder: &Path) {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
    // Without this folder in PATH, or it would be taken for the installed one.
    let script =
        format!("#!/bin/sh\nPATH=${{PATH#*:}} exec bash '{}' jq \"$@\"\n", tools.display());
    put_program(&folder.join("jq"), &script);
}

/// Writes a script that can be run.
pub fn put_program(path: &Path, script: &str) {
    std::fs::write(path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
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
pub fn seed(db: &Db) {
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
