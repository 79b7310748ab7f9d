//! Stores that were unknown, or whose expiry was misread.

use super::*;

/// The states and users of a case, by the layout that is found without being named.
#[track_caller]
fn reads(name: &str, states: &Value, users: &[(&str, u64)]) -> Case {
    let case = Case::load(name);
    assert_eq!(case.states(&[]), *states, "{name}");
    let seen = case.users(&[]);
    for (user, sessions) in users {
        assert_eq!(seen.get(*user), Some(sessions), "{name} {seen:?}");
    }
    case
}

#[test]
fn sessions_of_prisma_are_read() {
    reads("prisma-session-store", &json!({ "expired": 2, "live": 2 }), &[("u1", 2)]);
}

#[test]
fn sessions_of_chat_ui_are_read() {
    let user = "8613985ec49eb8f757ae6439";
    reads("chat-ui-sessions", &json!({ "expired": 2, "live": 2 }), &[(user, 2)]);
}

#[test]
fn yii_counts_seconds_from_1970() {
    let case = reads("yii2-session", &json!({ "expired": 2, "live": 2 }), &[("1", 2)]);
    let doctor = case.run(&["doctor"]);
    assert!(doctor.stdout.contains("TTL index"), "{doctor:#?}");
}

#[test]
fn sessions_of_laminas_live_as_long_as_each_says() {
    reads("zend-laminas", &json!({ "expired": 2, "live": 2 }), &[]);
}

#[test]
fn a_lifetime_that_laminas_wrote_as_text_is_a_number_all_the_same() {
    reads("zend-lifetime-text", &json!({ "expired": 2, "live": 2 }), &[]);
}

/// Jetty writes 0 for a session without a limit.
#[test]
fn an_expiry_of_zero_means_never_to_jetty() {
    let case = reads("jetty-nosql", &json!({ "expired": 2, "live": 2, "endless": 1 }), &[]);
    case.run(&["purge", "--expired", "--yes"]).exits(0);
    assert_eq!(case.count(doc! {}), 3);
    assert_eq!(case.count(doc! { "expiry": { "$lte": 0 } }), 1);
}

#[test]
fn sessions_in_keyv_differ_from_its_other_keys_only_by_name() {
    let case = Case::load("keyv-mongo-sessions");
    case.run(&["purge", "--expired", "--yes"]).exits(1);
    assert_eq!(case.ids().len(), 4);
    assert_eq!(case.states(&["--layout", "keyv"]), json!({ "expired": 2, "live": 2 }));
}

#[test]
fn both_forms_of_session_mongoose_are_read() {
    let user = "28dd2c7955ce926456240b2f";
    let states = json!({ "expired": 2, "live": 2, "endless": 2 });
    reads("session-mongoose", &states, &[(user, 3)]);
    reads("session-mongoose-ttl", &json!({ "expired": 2, "live": 2 }), &[]);
}

#[test]
fn lucia_2_ends_a_session_by_its_idle_expiry() {
    let user = "a420671ad3a24c1";
    reads("lucia2-mongoose-ms", &json!({ "expired": 2, "live": 2 }), &[(user, 2)]);
}

/// No lifetime is in these documents: without one nothing may be called endless, live or expired.
#[test]
fn laravel_4_says_no_lifetime_so_the_operator_does() {
    let case = Case::load("laravel4-jenssegers");
    let commands: [&[&str]; 6] = [
        &["list"],
        &["stats"],
        &["purge", "--expired", "--yes"],
        &["purge", "--endless", "--yes"],
        &["fix", "expiry", "--yes"],
        &["sweep", "--once"],
    ];
    for command in commands {
        let run = case.run(command).exits(1).says("--lifetime");
        assert!(run.stdout.is_empty(), "{run:#?}");
    }
    let doctor = case.run(&["doctor", "-v"]);
    assert!(!doctor.stdout.contains("never end"), "{doctor:#?}");
    assert_eq!(case.count(doc! {}), 4);
    assert_eq!(case.states(&["--lifetime", "2h"]), json!({ "expired": 3, "live": 1 }));
    // An index that the operator made says it, too.
    case.run(&["index", "install", "--no-drain", "--yes", "--lifetime", "2h"]).exits(0);
    assert_eq!(case.states(&[]), json!({ "expired": 3, "live": 1 }));
}

#[test]
fn the_key_of_aiohttp_may_be_in_its_own_field() {
    reads("aiohttp-session-key-field", &json!({ "expired": 2, "live": 2 }), &[("u0", 2)]);
}

#[test]
fn catbox_1_ends_a_session_after_its_own_time_to_live() {
    reads("catbox-1-stored", &json!({ "expired": 2, "live": 2 }), &[]);
}

#[test]
fn milliseconds_of_connect_mongodb_are_an_expiry_that_no_index_ends() {
    let states = json!({ "expired": 3, "live": 2, "endless": 1 });
    let case = reads("connect-mongodb-epoch-ms", &states, &[("user0", 4)]);
    let doctor = case.run(&["doctor"]);
    assert!(doctor.stdout.contains("TTL index"), "{doctor:#?}");
}

#[test]
fn a_user_of_authjs_may_be_text() {
    let user = "94f6d7e04a4d452035300f18";
    let case = reads("nextauth-string-user", &json!({ "expired": 2, "live": 2 }), &[(user, 2)]);
    assert_eq!(case.layout(), "authjs");
}

#[test]
fn sessions_of_connect_mongo_without_any_expiry_never_end() {
    let case = reads("connect-mongo-no-expires", &json!({ "endless": 6 }), &[("u7", 1), ("-", 5)]);
    let doctor = case.run(&["doctor"]).exits(4);
    assert!(doctor.stdout.contains("never"), "{doctor:#?}");
}

/// Jackson wrote `["java.util.Date", ms]`: no index acts on it, and Spring itself cannot read it.
#[test]
fn an_array_of_a_class_and_milliseconds_is_mended_as_one_date() {
    let case = Case::load("spring-expireat-array");
    assert_eq!(case.layout(), "spring-jackson");
    assert_eq!(case.states(&[]), json!({ "malformed": 3 }));
    assert_eq!(case.users(&[]).get("user1"), Some(&1));
    case.run(&["fix", "expiry", "--yes"]).exits(0);
    assert_eq!(case.count(doc! { "expireAt": { "$type": "date" } }), 3);
    for document in &case.documents {
        let millis = document.get_array("expireAt").unwrap()[1].as_i64().unwrap();
        let mended = doc! { "_id": document.get("_id"), "expireAt": DateTime::from_millis(millis) };
        assert_eq!(case.count(mended), 1);
    }
}

#[test]
fn a_symfony_collection_without_any_expiry_is_not_deleted_as_expired() {
    let case = Case::load("symfony-pre-27-only");
    case.run(&["purge", "--expired", "--yes"]);
    case.run(&["purge", "--expired", "--yes", "--layout", "symfony"]);
    assert_eq!(case.ids().len(), 3);
}

#[test]
fn each_short_id_leads_back_to_its_session() {
    let case = Case::load("express-genid-long-prefix");
    let rows = case.run(&["list", "-o", "json"]).exits(0).json();
    let shown: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(shown.len(), 5);
    for id in shown {
        let full = case
            .documents
            .iter()
            .filter(|document| document.get_str("_id").unwrap().starts_with(id));
        assert_eq!(full.count(), 1, "{id}");
        // At most half of what follows the user's own digits.
        assert!(id.len() <= 25 + 16, "{id}");
        case.run(&["inspect", id]).exits(0);
    }
}

/// A migration for SQL made it, and every session is null to it.
#[test]
fn a_unique_index_on_a_field_that_no_session_has_is_found() {
    let case = Case::load("laravel-id-null-index");
    let doctor = case.run(&["doctor"]).exits(4);
    for text in ["id_1", "unique", "E11000"] {
        assert!(doctor.stdout.contains(text), "{text}: {doctor:#?}");
    }
    // By Laravel's default lifetime somebody might be logged out.
    assert!(!doctor.stdout.contains("sweep"), "{doctor:#?}");
}

#[test]
fn an_index_that_lets_expired_sessions_stay_for_a_day_may_be_the_applications_own() {
    let case = Case::load("express-ttl-plus-n");
    let doctor = case.run(&["doctor"]);
    assert!(doctor.stdout.contains("expiresAfterSeconds"), "{doctor:#?}");
    assert!(!doctor.stdout.contains("$ sessionctl index"), "{doctor:#?}");
}

/// `fix expiry` reads them; purging what is malformed would delete them.
#[test]
fn what_can_be_mended_is_not_offered_to_be_deleted() {
    let case = Case::load("spring-expireat-array");
    let doctor = case.run(&["doctor"]).exits(4);
    assert!(doctor.stdout.contains("sessionctl fix expiry"), "{doctor:#?}");
    assert!(!doctor.stdout.contains("purge"), "{doctor:#?}");
}

/// Caches keep their own values in the same form.
#[test]
fn no_delete_is_suggested_with_a_guessed_layout() {
    let case = Case::load("keyv-mongo-sessions");
    let doctor = case.run(&["doctor"]).exits(4);
    assert!(doctor.stdout.contains("$ sessionctl doctor --layout keyv"), "{doctor:#?}");
    assert_eq!(doctor.stdout.matches("$ sessionctl").count(), 1, "{doctor:#?}");
}
