//! Payloads of PHP 8.2 and Symfony 7.1, and bytes that pretend to be.

use super::*;
use crate::model::payload::get;
use crate::model::payload::samples::{payload, payloads, refuses_truncated, survives_damage};
use serde_json::{Value, json};

const PAYLOADS: &str = include_str!("../../../../tests/payloads/php.txt");
const SYMFONY_TOKEN: &str =
    "Symfony\\Component\\Security\\Core\\Authentication\\Token\\UsernamePasswordToken";

fn read(name: &str) -> Value {
    value(&payload(PAYLOADS, name)).unwrap()
}

fn read_session(name: &str) -> Value {
    session(&payload(PAYLOADS, name)).unwrap()
}

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    value(bytes.as_ref()).unwrap_err().to_string()
}

#[test]
fn symfony_sessions_decode_under_the_php_handler_and_under_php_serialize() {
    for handler in ["php", "php_serialize"] {
        let known = format!("symfony-mongodbsessionhandler-7-{handler}");
        let user = json!({
            "_sf2_attributes": {
                "_csrf/https-authenticate": "q3J9x0mZ",
                "_security_main": {"u": "asa@example.se", "roles": ["ROLE_ADMIN"]},
                "user_id": 42,
                "name": "Åsa Łuczak 🎉",
                "cart": [{"sku": "本-42", "qty": 1, "price": 7.5}],
            },
            "_symfony_flashes": {"success": ["Välkommen!"]},
            "_sf2_meta": {"u": 1_795_440_701, "c": 1_795_440_601, "l": 0},
        });
        assert_eq!(read_session(&format!("{known}/0")), user);
        let visitor = read_session(&format!("{known}/1"));
        assert_eq!(visitor["_sf2_attributes"], json!({"views": 1}));
        assert_eq!(visitor["_symfony_flashes"], json!([]));
    }
}

#[test]
fn laravel_payloads_decode_and_name_the_user() {
    for store in ["laravel-mongodb-5.4", "laravel-mongodb-database-driver"] {
        let user = read(&format!("{store}/0"));
        let login = "login_web_59ba36addc2b2f9401580f014c7f58ea4e30989d";
        assert_eq!(user[login], "64f1c0ffee0ddba11c0ffee0");
        assert_eq!(user["name"], "Åsa Łuczak 🎉");
        assert_eq!(user["_previous"], json!({"url": "http://localhost/home"}));
        assert_eq!(user, read_session(&format!("{store}/0")));
        let visitor = read(&format!("{store}/1"));
        assert_eq!(visitor["_flash"], json!({"old": [], "new": []}));
        assert_eq!(visitor.get(login), None);
    }
}

#[test]
fn all_three_handlers_write_the_same_session() {
    let expected = json!({
        "_sf2_attributes": {
            "_security_main": {
                "$class": SYMFONY_TOKEN,
                "0": null,
                "1": "main",
                "2": [
                    {
                        "$class": "App\\Entity\\User",
                        "id": 42,
                        "email": "åsa@example.se",
                        "roles": ["ROLE_ADMIN"],
                        "password": "2y-10-x",
                    },
                    true, null, [], ["ROLE_ADMIN"],
                ],
            },
            "_security.main.target_path": "http://localhost/a|b",
            "name": "Åsa",
        },
        "_symfony_flashes": [],
        "_sf2_meta": {"u": 1_795_440_701, "c": 1_795_440_601, "l": 0},
    });
    for handler in ["php", "php_serialize", "php_binary"] {
        assert_eq!(read_session(&format!("session_{handler}")), expected);
    }
}

/// The user paths of the layout `symfony` below the token, as `AbstractToken::__serialize` nests:
/// `[..., [user, authenticated, null, attributes, roles]]` (symfony/security-core 7.1).
fn symfony_user(token: &Value) -> Option<&Value> {
    let identifiers =
        ["", ".userIdentifier", ".identifier", ".username", ".email", ".login", ".uuid", ".id"];
    let users = ["2.2.0", "2.0", "1.0"];
    let mut paths = users.iter().flat_map(|user| identifiers.map(|name| format!("{user}{name}")));
    paths.find_map(|path| get(token, &path).filter(|user| user.is_string() || user.is_number()))
}

#[test]
fn a_symfony_token_names_its_user_under_plain_paths() {
    let user = |token: &Value| symfony_user(token).map(Value::to_string);
    let session = read_session("session_php");
    let token = get(&session, "_sf2_attributes._security_*").unwrap();
    assert_eq!(symfony_user(token), Some(&json!("åsa@example.se")));
    assert_eq!(symfony_user(&read("token_entity")), Some(&json!("åsa@example.se")));
    assert_eq!(symfony_user(&read("token_memory")), Some(&json!("asa")));
    assert_eq!(symfony_user(&read("token_switch")), Some(&json!("bob")));
    assert_eq!(user(&json!({"0": "main", "1": [{"id": 42}, true, null, [], []]})).unwrap(), "42");
    assert_eq!(user(&json!({"0": "main", "1": ["asa", true, null]})).unwrap(), "\"asa\"");
    assert_eq!(user(&json!({"2": []})), None);
}

#[test]
fn an_empty_session_is_an_empty_object() {
    for bytes in ["", "a:0:{}"] {
        assert_eq!(session(bytes.as_bytes()).unwrap(), json!({}));
    }
}

#[test]
fn a_variable_ends_at_the_first_bar_and_its_value_may_hold_more() {
    let bytes = br#"url|s:9:"a|b:1;c|d";n|i:7;"#;
    assert_eq!(session(bytes).unwrap(), json!({"url": "a|b:1;c|d", "n": 7}));
}

#[test]
fn an_undefined_variable_of_php_binary_is_null() {
    assert_eq!(session(b"\x81a\x01bi:7;").unwrap(), json!({"a": null, "b": 7}));
}

#[test]
fn text_of_a_visitor_does_not_change_the_handler() {
    let binary = b"\x01ns:8:\"x|s:1:\"a\";";
    assert_eq!(session(binary).unwrap(), json!({"n": "x|s:1:\"a"}));
}

#[test]
fn references_between_variables_share_their_numbers() {
    let expected = json!({
        "first": {"$class": "stdClass", "self": {"$ref": 1}, "list": [{"$ref": 1}]},
        "second": {"$ref": 1},
        "n": 1,
    });
    assert_eq!(read_session("session_refs"), expected);
}

#[test]
fn scalars_keep_their_values() {
    let expected = json!([
        null, true, false, -7, i64::MAX, 0.1, 1e25, "Infinity", "-Infinity", "NaN", "Åsa Łuczak 🎉",
        {"$binary": "//4="}, -0.0, 7.0,
    ]);
    assert_eq!(read("scalars"), expected);
    assert_eq!(value(br#"S:3:"\66o\6f";"#).unwrap(), json!("foo"));
}

#[test]
fn arrays_are_lists_only_if_their_keys_count_from_zero() {
    let expected = json!({
        "list": ["a", "b"],
        "sparse": {"1": "x", "2": "y"},
        "mixed": {"0": "z", "k": "v"},
        "empty": [],
        "deep": [[["x"]]],
        "\\xffkey": 1,
    });
    assert_eq!(read("maps"), expected);
}

#[test]
fn objects_show_their_class_and_plain_names() {
    let expected = json!([
        {"$class": "App\\Kid", "x": 1, "p": "prot", "pub": true, "App\\Kid::x": 2, "d": null},
        {"$class": "App\\Old", "$data": "a|b:1;}x"},
        {"$class": "App\\Custom", "name": "Łuczak", "n": 3},
        "App\\Suit::Hearts",
        "App\\Suit::Hearts",
        {"$class": "stdClass"},
    ]);
    assert_eq!(read("objects"), expected);
}

#[test]
fn references_repeat_scalars_and_never_unfold_cycles() {
    let expected = json!({
        "shared": {"a": "shared text", "b": "shared text"},
        "o": {"$class": "stdClass", "self": {"$ref": 4}, "list": [{"$ref": 4}]},
        "o2": {"$ref": 4},
    });
    assert_eq!(read("refs"), expected);
}

#[test]
fn dates_become_moments_unless_their_zone_is_an_abbreviation() {
    let dates = read("dates");
    assert_eq!(dates["dt"], "2026-11-23T09:00:00.500Z");
    assert_eq!(dates["im"], "2026-11-23T08:00:00.000Z");
    assert_eq!(dates["utc"], "2026-11-23T10:00:00.000Z");
    assert_eq!(dates["z"]["timezone"], "CEST");
}

#[test]
fn a_token_is_unfolded_once_and_only_if_it_is_whole() {
    let inner = r#"a:1:{s:11:"_security_b";s:6:"a:0:{}";}"#;
    let outer = format!(r#"a:1:{{s:11:"_security_a";s:{}:"{inner}";}}"#, inner.len());
    let shown = value(outer.as_bytes()).unwrap();
    assert_eq!(shown, json!({"_security_a": {"_security_b": "a:0:{}"}}));
    let broken = br#"a:2:{s:11:"_security_a";s:6:"a:9:{}";s:1:"b";s:6:"a:0:{}";}"#;
    assert_eq!(value(broken).unwrap(), json!({"_security_a": "a:9:{}", "b": "a:0:{}"}));
}

#[test]
fn errors_say_where() {
    assert_eq!(refusal("a:2:{i:0;i:1;}"), "php: expected 's', found '}' at byte 13");
    assert_eq!(refusal("s:900:\"x\";"), "php: length 900 is past the end at byte 7");
    assert_eq!(refusal("a:1:{i:0;x:1;}"), "php: unknown value type 'x' at byte 9");
    assert_eq!(refusal("i:1;i:2;"), "php: extra bytes after the end of the value at byte 4");
    assert_eq!(refusal("a:1:{i:0;R:9;}"), "php: reference to unknown value 9 at byte 11");
    assert_eq!(refusal("i:1e3;"), "php: expected a number at byte 2");
    let error = session(b"a|i:1;b|x").unwrap_err();
    assert_eq!(error.to_string(), "php: unknown value type 'x' at byte 8");
}

#[test]
fn counts_that_lie_allocate_nothing() {
    for bytes in ["a:18446744073709551615:{", "O:1:\"A\":9999999999:{", "S:9999999999:\"a"] {
        assert!(value(bytes.as_bytes()).is_err());
        assert!(session(bytes.as_bytes()).is_err());
    }
    assert!(session(&vec![0; 16 << 20]).is_err());
    assert!(session(&vec![b'|'; 16 << 20]).is_err());
}

#[test]
fn nesting_is_refused_before_the_stack_ends() {
    let deep = |depth| "a:1:{i:0;".repeat(depth) + "N;" + &"}".repeat(depth);
    assert!(value(deep(99).as_bytes()).is_ok());
    assert!(refusal(deep(100)).starts_with("php: nested more than 100 deep"));
    assert!(refusal(deep(100_000)).starts_with("php: nested more than 100 deep"));
    let objects = "O:1:\"A\":1:{s:1:\"a\";".repeat(100_000);
    assert!(refusal(objects).starts_with("php: nested more than 100 deep"));
}

#[test]
fn references_to_long_text_run_out_of_budget() {
    let text = "x".repeat(10_000);
    let references: Vec<String> = (1..=1000).map(|index| format!("i:{index};R:2;")).collect();
    let bomb = format!("a:1001:{{i:0;s:10000:\"{text}\";{}}}", references.concat());
    assert!(refusal(bomb).starts_with("php: references expand to many times the payload's size"));
}

#[test]
fn truncated_values_are_refused() {
    // A session of the php handler may end after any variable.
    let by_name = |line: &&str| !line.starts_with("session") && !line.contains("handler-7-php/");
    let values: Vec<&str> = PAYLOADS.lines().filter(by_name).collect();
    refuses_truncated(payloads(&values.join("\n")), value);
}

fn seeds() -> Vec<Vec<u8>> {
    payloads(PAYLOADS).map(|(_, bytes)| bytes).collect()
}

#[test]
fn no_mutation_makes_it_panic_or_grow() {
    survives_damage(&seeds(), value);
    survives_damage(&seeds(), session);
}

#[test]
fn every_payload_decodes() {
    for (name, bytes) in payloads(PAYLOADS) {
        assert!(session(&bytes).or_else(|_| value(&bytes)).is_ok(), "{name}");
    }
}
