//! `sessionctl doctor`: each fault is made on a real server and found, and is gone once the command
//! that the doctor named was run. What mongosh would do the driver does here.

use bson::{Bson, Document, doc};
use serde_json::Value;

use crate::support::{
    Db, LAYOUTS, Program, Run, at, becomes, connect_mongo, session, type_on_terminal, with,
};

mod commands;
mod documents;
mod expiry;
mod forms;
mod indexes;
mod rights;
mod server;

const LIVE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "BBBBBBBBBBBBBBBBBBBBBB";

/// All findings.
#[track_caller]
fn examine(db: &Db) -> Vec<Value> {
    let run = db.sessionctl(&["doctor", "-o", "json"]);
    assert!(matches!(run.code, Some(0 | 4)), "{run:#?}");
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let has_failed = findings.iter().any(|finding| finding["outcome"] == "fail");
    assert_eq!(run.code, Some(if has_failed { 4 } else { 0 }), "{run:#?}");
    findings
}

/// What one check found.
#[track_caller]
fn finding(db: &Db, check: &str) -> Value {
    let findings = examine(db);
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("no {check} in {findings:#?}")).clone()
}

/// It finds a fault, of which it says this.
#[track_caller]
fn finds(db: &Db, check: &str, outcome: &str, what: &str) -> Value {
    let finding = finding(db, check);
    assert_eq!(finding["outcome"], outcome, "{finding:#}");
    let said = format!("{} | {}", finding["what"], finding["meaning"]);
    assert!(said.contains(what), "{finding:#}");
    assert!(finding["meaning"].is_string(), "{finding:#}");
    finding
}

#[track_caller]
fn passes(db: &Db, check: &str) {
    let finding = finding(db, check);
    assert_eq!(finding["outcome"], "pass", "{finding:#}");
}

/// The command of a finding, with the database's name taken out.
#[track_caller]
fn mend(db: &Db, finding: &Value) -> String {
    let mend = finding["mend"].as_str().unwrap_or_else(|| panic!("{finding:#}"));
    mend.replace(&format!("-d {} ", db.name), "-d DB ").replace(&db.name, "DB")
}

/// Waits until a check comes out so.
#[track_caller]
fn await_outcome(db: &Db, check: &str, outcome: &str) -> Value {
    let what = format!("the outcome of {check} was {outcome}");
    becomes(&what, || finding(db, check), |finding| finding["outcome"] == outcome)
}

/// Types the exact command of a finding, and answers its question.
#[track_caller]
fn run_mend(db: &Db, finding: &Value) {
    let mend = finding["mend"].as_str().unwrap();
    assert!(mend.starts_with("sessionctl "), "{mend}");
    let program = Program::shell(mend).env("SESSIONCTL_URI", &db.uri);
    type_on_terminal(program, mend, &format!("{}.sessions", db.name), &[]).exits(0);
}

fn shell(db: &Db, line: &str) -> Run {
    Program::shell(line).env("SESSIONCTL_URI", &db.uri).run()
}

/// The JavaScript that a finding gives to mongosh, as a shell would hand it over.
#[track_caller]
fn script(db: &Db, finding: &Value) -> String {
    let mend = finding["mend"].as_str().unwrap_or_else(|| panic!("{finding:#}"));
    let words = shell(db, &format!("mongosh() {{ printf '%s\\n' \"$@\"; }}; {mend}")).stdout;
    let words: Vec<_> = words.lines().collect();
    let [uri, "--eval", script] = words.as_slice() else { panic!("{words:?}") };
    assert!(uri.starts_with("mongodb://127.0.0.1:"), "{words:?}");
    script.replace(&format!("db.getSiblingDB(\"{}\")", db.name), "DB")
}

/// A session of connect-mongo that is alive, and its TTL index.
fn healthy(db: &Db) {
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    ttl(db, doc! {});
}

/// The TTL index of connect-mongo, but for this.
fn ttl(db: &Db, but: Document) {
    let spec = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
    db.create_index("sessions", with(spec, but));
}

#[test]
fn of_a_healthy_collection_nothing_fails_and_of_each_layout_it_says_what_is_missing() {
    for (layout, ..) in LAYOUTS {
        let db = Db::new();
        db.insert("sessions", [session(layout, LIVE, at(600))]);
        let found = finds(&db, "ttl-index", "fail", "grows forever");
        assert_eq!(mend(&db, &found), "sessionctl index install -d DB -c sessions");
        run_mend(&db, &found);
        passes(&db, "ttl-index");
        if layout == "express-mongodb-legacy" {
            db.create_index(
                "sessions",
                doc! { "key": { "sid": 1 }, "name": "sid_1", "unique": true },
            );
        }
        db.sessionctl(&["doctor"]).exits(0);
    }
}
