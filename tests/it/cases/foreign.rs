//! Documents that are no sessions: whatever is done, they stay as they are.

use super::*;

/// Five records of a migration beside 95 sessions of Symfony.
#[test]
fn what_is_no_session_is_counted_as_foreign_and_touched_by_nothing() {
    let case = Case::load("mixed-foreign-documents");
    assert_eq!(case.layout(), "symfony");
    let states = case.states(&[]);
    assert_eq!((&states["foreign"], &states["malformed"]), (&json!(5), &Value::Null), "{states}");
    let foreign = doc! { "data": { "$exists": false } };
    let before = case.db.find(&case.collection, foreign.clone());
    assert_eq!(before.len(), 5);
    for selection in ["--malformed", "--endless", "--expired", "--all"] {
        case.run(&["purge", selection, "--yes"]).exits(0);
        case.run(&["fix", "expiry", "--yes"]);
        assert_eq!(case.db.find(&case.collection, foreign.clone()), before, "{selection}");
    }
    assert_eq!(case.count(doc! {}), 5);
}

#[test]
fn doctor_offers_no_command_for_foreign_documents() {
    let case = Case::load("mixed-foreign-documents");
    let doctor = case.run(&["doctor", "-v"]);
    assert!(!doctor.stdout.contains("--malformed"), "{doctor:#?}");
    assert!(doctor.stdout.contains("5 of 100"), "{doctor:#?}");
}

#[test]
fn list_shows_foreign_documents_only_when_asked_for_them() {
    let case = Case::load("mixed-foreign-documents");
    let rows = |arguments: &[&str]| {
        let run = case.run(&[&["list", "-o", "json"], arguments].concat()).exits(0);
        run.json().as_array().unwrap().len()
    };
    assert_eq!((rows(&[]), rows(&["--foreign"])), (95, 5));
}

/// Accounts with sessions inside: none of them is a session, whatever layout is named.
#[test]
fn accounts_with_sessions_inside_are_not_sessions() {
    let case = Case::load("payload-users");
    let ids = case.ids();
    for layout in [&[][..], &["--layout", "connect-mongo-json"], &["--layout", "better-auth"]] {
        let run = case.run(&[&["list"], layout].concat()).exits(1).says("accounts");
        assert!(run.stdout.is_empty() && run.stderr.contains("`sessions`"), "{run:#?}");
        for command in [&["purge", "--expired", "--yes"][..], &["expire", "--all", "--yes"]] {
            case.run(&[command, layout].concat()).exits(1).says("accounts");
        }
    }
    let collections = case.run(&["collections", "-o", "json"]).exits(0).json();
    let row = &collections.as_array().unwrap()[0];
    assert_eq!((&row["layout"], &row["certainty"]), (&Value::Null, &json!("accounts")), "{row}");
    assert_eq!(case.ids(), ids);
    assert_eq!(case.db.find(&case.collection, doc! {}), case.documents);
}

#[test]
fn the_nearest_layout_is_named_with_the_field_that_does_not_fit() {
    let db = Db::on(&quiet_uri());
    let session = |number: i32| {
        let expires = DateTime::from_millis(now().timestamp_millis() + 60_000);
        doc! { "_id": format!("s{number}"), "session": 7, "expires": expires }
    };
    db.insert("sessions", (0..40).map(session));
    let run = db.command(&["list"]).run().exits(1).says("layouts draft");
    let why = "nearest: connect-mongo-json, but `session` is a number in 40 of 40 documents; it \
               requires a string or binary data";
    assert!(run.stderr.contains(why), "{run:#?}");
}
