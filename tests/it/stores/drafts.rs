//! `layouts draft`, on every store's documents as if none of them were known: the draft loads as it is, and
//! by it each session is in the state that it has by its own layout.

use std::time::Duration;

use bson::{DateTime, RawDocumentBuf};
use sessionctl::index::IndexSpec;
use sessionctl::layout::detect::Sample;
use sessionctl::{Layout, State};

use super::*;

/// Fixtures by whose draft sessions are in other states than by their own layout, and why.
const OTHERWISE: [(&str, &str); 2] = [
    (
        "accounts-mongo-sessions-0.34",
        "a flag alone ends its sessions, and is only a comment of the draft",
    ),
    (
        "graylog-7.0",
        "its 8 hours in milliseconds may be 333 days in seconds, by which fewer are expired",
    ),
];

fn sample(fixture: &Fixture) -> Sample {
    let mut documents = fixture.documents.clone();
    // Jetty's number for a session without a limit, which is no time to be moved.
    for document in documents.iter_mut().filter(|_| fixture.layout == "jetty") {
        if document.get_i64("expiry").is_ok_and(|expiry| expiry < 1_000_000_000_000) {
            document.insert("expiry", 0_i64);
        }
    }
    Sample {
        namespace: format!("app.{}", fixture.collection),
        documents: documents.iter().map(|one| RawDocumentBuf::try_from(one).unwrap()).collect(),
        indexes: fixture.indexes.iter().cloned().map(IndexSpec).collect(),
    }
}

fn states(layout: &Layout, sample: &Sample, now: i64) -> Vec<Option<State>> {
    let at = DateTime::from_millis(now);
    let state = |document: &RawDocumentBuf| {
        layout.describes(document).then(|| layout.glance(document, at).state)
    };
    sample.documents.iter().map(state).collect()
}

/// The first difference between the states by the draft and those by the store's own layout.
fn difference(fixture: &Fixture) -> Option<String> {
    let sample = sample(fixture);
    let now = now().timestamp_millis();
    let text = sample.draft(DateTime::from_millis(now)).unwrap();
    let draft = Layout::from_toml(&text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    // Where only the operator knows the lifetime, both are told the same.
    let given = text
        .contains("until then, commands that need a state fail")
        .then(|| Duration::from_secs(7200));
    let draft = draft.resolved(given, &sample.indexes);
    let own = fixture.record().clone().resolved(given, &sample.indexes);
    for later in [0, HOUR, DAY, 15 * DAY, 100 * DAY] {
        let (by_draft, by_own) =
            (states(&draft, &sample, now + later), states(&own, &sample, now + later));
        if by_draft != by_own {
            let hours = later / HOUR;
            return Some(format!("after {hours} h {by_draft:?} instead of {by_own:?}\n{text}"));
        }
    }
    None
}

#[test]
fn by_the_draft_of_every_fixture_sessions_are_in_the_states_of_their_own_layout() {
    let fixtures = Fixture::all();
    assert_eq!(fixtures.len(), 78, "every file of every layout");
    for fixture in &fixtures {
        let known = OTHERWISE.iter().find(|(name, _)| *name == fixture.name);
        match (difference(fixture), known) {
            (Some(difference), None) => panic!("{}: {difference}", fixture.name),
            (None, Some((_, why))) => panic!("{} agrees, although {why}", fixture.name),
            _ => {}
        }
    }
}

/// `layouts draft` on the collections of public reports whose stores were unknown: what the draft says
/// without a change, by the commands that operators use.
#[test]
fn what_layouts_draft_prints_is_ready_for_layout_file() {
    for layout in ["express-session-object", "yii2", "koa-session-mongoose", "scs", "fiber"] {
        let fixture = Fixture::one(layout);
        let db = fixture.db();
        let draft = fixture.auto(&db, &["layouts", "draft"]).exits(0);
        let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("draft-{layout}.toml"));
        std::fs::write(&path, &draft.stdout).unwrap();
        let by = |arguments: &[&str]| {
            let row = fixture.auto(&db, arguments).exits(0).json();
            ["expired", "live", "endless", "malformed", "foreign"].map(|state| row[state].clone())
        };
        let file = path.to_str().unwrap();
        let by_draft = by(&["stats", "-o", "json", "--layout-file", file]);
        assert_eq!(by_draft, by(&["stats", "-o", "json", "--layout", layout]), "{}", draft.stdout);
        let ids = |arguments: &[&str]| {
            let rows = fixture.auto(&db, arguments).exits(0).json();
            rows.as_array().unwrap().iter().map(|row| row["id"].clone()).collect::<Vec<_>>()
        };
        let listed = ids(&["list", "--full-ids", "-o", "json", "--layout-file", file]);
        assert_eq!(
            listed,
            ids(&["list", "--full-ids", "-o", "json", "--layout", layout]),
            "{layout}"
        );
    }
}

#[test]
fn a_draft_has_nothing_to_go_by_in_an_empty_collection() {
    let db = Db::on(&quiet_uri());
    db.command(&["layouts", "draft"]).run().exits(1).says("no collection");
    db.insert("sessions", [doc! { "_id": 1 }]);
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
    db.command(&["layouts", "draft"]).run().exits(1).says("empty");
}

#[test]
fn a_draft_prints_no_value_of_a_session_and_no_control_character() {
    let db = Db::on(&quiet_uri());
    let session = |number: i32| {
        doc! {
            "_id": format!("topsecret{number}abcdefghijklmnop"),
            "session": { "user": format!("hushed{number}"), "a\u{1b}[31m\n": 1, "b\nname = \"x\"": {} },
            "evil\nname = \"x\"": 1,
            "expires": now(),
        }
    };
    db.insert("sessions", (0..30).map(session));
    let run = db.command(&["layouts", "draft"]).run().exits(0);
    for secret in ["topsecret", "hushed", "\u{1b}", "\nname = \"x\""] {
        assert!(!run.stdout.contains(secret), "{}", run.stdout);
    }
    Layout::from_toml(&run.stdout).unwrap();
}
