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
