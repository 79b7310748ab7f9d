//! Payloads of several kinds in one collection.

use super::*;

#[test]
fn text_that_was_encoded_twice_is_read_and_ciphertext_is_counted() {
    let case = Case::load("connect-mongo-mixed-crypto");
    assert_eq!(case.layout(), "connect-mongo-json");
    assert_eq!(case.states(&[]), json!({ "expired": 1, "live": 5 }));
    let users = case.users(&[]);
    assert_eq!((users.get("u1"), users.get("u2")), (Some(&1), Some(&1)), "{users:?}");
    case.run(&["list", "--user", "u1"]).exits(0).says("encrypted");
}

/// Moving or dropping one store's sessions would log their users out.
#[test]
fn sessions_of_two_stores_that_expire_alike_are_no_danger_to_each_other() {
    let case = Case::load("mixed-express-object-and-json");
    let doctor = case.run(&["doctor"]);
    for text in ["deleteMany", "$merge", "(foreign)"] {
        assert!(!doctor.stdout.contains(text), "{text}: {doctor:#?}");
    }
}
