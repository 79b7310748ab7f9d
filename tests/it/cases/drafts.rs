//! Drafts of collections whose stores were unknown when they were reported.

use super::*;

/// The states by a draft of the case's collection.
fn drafted(name: &str, more: &[&str]) -> Value {
    let case = Case::load(name);
    let draft = case.run(&["layouts", "draft"]).exits(0);
    let path =
        std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("draft-{name}.toml"));
    std::fs::write(&path, &draft.stdout).unwrap();
    let given = ["--layout-file", path.to_str().unwrap()];
    case.states(&[&given, more].concat())
}

#[test]
fn a_draft_gives_the_states_of_a_case_whose_layout_was_written_by_hand() {
    let two = json!({ "expired": 2, "live": 2 });
    for (name, states) in [
        ("aiohttp-session-key-field", &two),
        ("catbox-1-stored", &two),
        ("chat-ui-sessions", &two),
        ("keyv-mongo-sessions", &two),
        ("lucia2-mongoose-ms", &two),
        ("prisma-session-store", &two),
        ("session-mongoose-ttl", &two),
        ("session-mongoose", &json!({ "expired": 2, "live": 2, "endless": 2 })),
        ("yii2-session", &two),
        ("zend-laminas", &two),
    ] {
        assert_eq!(drafted(name, &[]), *states, "{name}");
    }
}

/// Nothing in the collection says the lifetime, so the draft does not either.
#[test]
fn a_draft_without_a_lifetime_calls_no_session_live_or_endless() {
    let case = Case::load("laravel4-jenssegers");
    let draft = case.run(&["layouts", "draft"]).exits(0);
    let path = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("draft-laravel4.toml");
    std::fs::write(&path, &draft.stdout).unwrap();
    case.run(&["list", "--layout-file", path.to_str().unwrap()]).exits(1).says("--lifetime");
    let states = drafted("laravel4-jenssegers", &["--lifetime", "2h"]);
    assert_eq!(states, json!({ "expired": 3, "live": 1 }));
}

#[test]
fn accounts_have_no_draft() {
    Case::load("payload-users").run(&["layouts", "draft"]).exits(1).says("accounts");
}
