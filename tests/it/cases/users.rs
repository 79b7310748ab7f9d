//! Where applications put the user.

use super::*;

/// The places of common tutorials; a tenant such as `account.id` is not one of them.
#[test]
fn a_user_is_found_wherever_tutorials_put_it() {
    let case = Case::load("express-users-elsewhere");
    assert_eq!(case.states(&[]), json!({ "live": 14 }));
    let users = case.users(&[]);
    assert_eq!(users.get("bob"), Some(&13), "{users:?}");
}

/// One of them has bob at a place that no user is looked for: that is an answer, not silence.
#[test]
fn a_value_that_stands_at_another_place_is_named_instead_of_left_logged_in() {
    let case = Case::load("express-users-elsewhere");
    case.run(&["list", "--user", "bob"]).exits(0).says("account.id");
    let run = case.run(&["expire", "--user", "bob", "--yes"]).exits(1).says("account.id");
    assert!(run.stderr.contains("--user-path"), "{run:#?}");
}

#[test]
fn a_user_path_replaces_the_places_of_the_layout() {
    let case = Case::load("express-users-elsewhere");
    let users = case.users(&["--user-path", "account.id"]);
    assert_eq!((users.get("bob"), users.get("-")), (Some(&1), Some(&13)), "{users:?}");
}

#[test]
fn every_form_of_a_user_is_read() {
    let case = Case::load("express-users-many-forms");
    assert_eq!(case.states(&[]), json!({ "live": 15 }));
    let users = case.users(&[]);
    assert!(users.get("42").is_some_and(|sessions| *sessions >= 8), "{users:?}");
    assert_eq!(users.get("xuka"), Some(&1), "{users:?}");
    assert_eq!(users.get("142"), Some(&1), "{users:?}");
}
