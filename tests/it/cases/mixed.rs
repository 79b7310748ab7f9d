//! Two layouts in one collection.

use super::*;

#[test]
fn both_express_layouts_of_one_collection_are_read_without_being_named() {
    let case = Case::load("mixed-express-object-and-json");
    assert_eq!(case.states(&[]), json!({ "expired": 4, "live": 6 }));
    assert_eq!(case.users(&[]).get("u1"), Some(&10));
}

#[test]
fn purge_deletes_what_is_expired_in_both_layouts() {
    let case = Case::load("mixed-express-object-and-json");
    let report = case.run(&["purge", "--expired", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(report["deleted"], 4, "{report}");
    assert_eq!(case.count(doc! { "expires": { "$lt": now() } }), 0);
    assert_eq!(case.count(doc! {}), 6);
}

#[test]
fn a_user_is_logged_out_in_both_layouts_by_one_command() {
    let case = Case::load("mixed-express-object-and-json");
    let report = case.run(&["expire", "--user", "u1", "--yes", "-o", "json"]).exits(0).json();
    assert_eq!(report["expired"], 6, "{report}");
    assert_eq!(case.count(doc! { "expires": { "$gt": now() } }), 0);
    assert_eq!(case.count(doc! {}), 10);
}

#[test]
fn text_that_was_encoded_twice_is_read_and_ciphertext_is_counted() {
    let case = Case::load("connect-mongo-mixed-crypto");
    assert_eq!(case.layout(), "connect-mongo-json");
    assert_eq!(case.states(&[]), json!({ "expired": 1, "live": 5 }));
    let users = case.users(&[]);
    assert_eq!((users.get("u1"), users.get("u2")), (Some(&1), Some(&1)), "{users:?}");
    case.run(&["list", "--user", "u1"]).exits(0).says("encrypted");
}
