//! Payloads of Ruby 3.1, and bytes that pretend to be.

use super::*;
use crate::model::payload::samples::{payload, payloads, refuses_truncated, survives_damage};
use serde_json::json;

const PAYLOADS: &str = include_str!("../../../../tests/payloads/ruby.txt");

fn read(name: &str) -> Value {
    marshal(&payload(PAYLOADS, name)).unwrap()
}

fn refusal(body: impl AsRef<[u8]>) -> String {
    marshal(&dumped(body.as_ref())).unwrap_err().to_string()
}

fn dumped(body: &[u8]) -> Vec<u8> {
    [b"\x04\x08", body].concat()
}

#[test]
fn rails_sessions_decode_and_name_the_user() {
    let expected = json!({
        "session_id": "a",
        "warden.user.user.key": [[42], "$2a$12$abcdefghijklmnopqrstuv"],
        "_csrf_token": "q3J9x0mZQ1yB6m2rVtY7s8Kd",
        "flash": {"discard": [], "flashes": {"notice": "Välkommen!"}},
        "user_id": 42,
        "name": "Åsa Łuczak 🎉",
    });
    assert_eq!(read("mongo_session_store-mongo/0"), expected);
    assert_eq!(read("mongo_session_store-mongo/1"), json!({"views": 1}));
    assert_eq!(read("rails")["warden.user.user.session"]["last_request_at"], 1_795_441_122);
}

#[test]
fn a_warden_key_may_be_an_object_id() {
    let expected = json!({
        "warden.user.user.key": [["64f1c0ffee0ddba11c0ffee0"], "$2a$12$abc"],
        "seen": "2026-11-23T13:38:42.123Z",
        "again": "64f1c0ffee0ddba11c0ffee0",
    });
    assert_eq!(read("devise"), expected);
}

#[test]
fn numbers_keep_their_values() {
    let expected = json!([
        null,
        true,
        false,
        0,
        1,
        -1,
        122,
        123,
        -123,
        -124,
        255,
        256,
        -256,
        -257,
        65_536,
        -65_536,
        1_073_741_823,
        -1_073_741_824,
        1_073_741_824,
        1_i64 << 62,
        -(1_i64 << 62),
        1_u64 << 63,
        u64::MAX,
        "18446744073709551616",
        i64::MIN,
        "-9223372036854775809",
        "1606938044258990275541962092341162602522202993782792835301376",
        1.5,
        -0.0,
        1e300,
        "Infinity",
        "-Infinity",
        "NaN",
        0.1,
    ]);
    assert_eq!(read("scalars"), expected);
}

#[test]
fn strings_symbols_classes_and_expressions_become_text() {
    let expected = json!([
        "plain", "Åsa", {"$binary": "Ymlu/w=="}, "sjis", {"$binary": "5A=="}, "sym", "sym", "Åsa",
        "Åsa", "/a+b/mix", "String", "Comparable", "ascii",
    ]);
    assert_eq!(read("strings"), expected);
}

#[test]
fn hashes_show_keys_of_any_type() {
    let expected = json!({
        "default": {"a": 1, "a#1": 2, "3": "three", "null": 0, "2.5": 1},
        "hwia": {"user_id": 42, "cart": [{"sku": "本-42", "price": 7.5}]},
        "keyed": {"$pairs": [{"key": [1, 2], "value": "pair"}]},
        "ident": {},
    });
    assert_eq!(read("hashes"), expected);
}

#[test]
fn times_are_utc_and_their_links_are_numbered_after_their_zones() {
    let time = "2026-11-23T13:38:42.123Z";
    let expected =
        json!([time, time, time, "after", "2026-11-23", "2026-11-23T08:00:00.500Z", time]);
    assert_eq!(read("times"), expected);
}

#[test]
fn links_repeat_scalars_and_never_unfold_cycles() {
    let big = "1180591620717411303424";
    let time = "2026-11-23T13:38:42.123Z";
    let expected = json!([
        "shared", "shared", [1, {"$ref": 2}], {"$ref": 2}, 1.25, 1.25, big, big,
        {"$class": "User", "id": 42, "name": "Åsa Łuczak 🎉", "me": {"$ref": 5}}, {"$ref": 5},
        time, time, "shared", "x", "/r/", "/r/", {"$ref": 5},
    ]);
    assert_eq!(read("links"), expected);
}

#[test]
fn objects_show_their_class_and_variables() {
    let expected = json!({
        "user": {"$class": "User", "id": 42, "name": "Åsa Łuczak 🎉", "me": {"$ref": 2}},
        "struct": {"$class": "Point", "x": 1, "y": "två"},
        "set": [1, "a", "b"],
        "range": {"$class": "Range", "excl": false, "begin": 1, "end": 5},
        "temp": {"$class": "Temp", "$data": "payload"},
        "temp2": {"$class": "Temp2", "$data": {"k": [1]}},
        "ext": [1],
        "safe": "<b>",
        "big": "0.125e2",
        "rat": {"$class": "Rational", "$data": [1, 3]},
        "os": {"$class": "OpenStruct", "$data": {"a": 1}},
        "last": "shared",
        "last2": "shared",
        "set2": [],
    });
    assert_eq!(read("objects"), expected);
}

#[test]
fn data_objects_and_old_modules_are_shown() {
    let data = marshal(&dumped(b"[\x08d:\x06D[\x06i\x06M\x06M@\x06")).unwrap();
    assert_eq!(data, json!([{"$class": "D", "$data": [1]}, "M", {"$ref": 1}]));
}

#[test]
fn errors_say_where() {
    assert_eq!(refusal(""), "ruby: unexpected end at byte 2");
    assert_eq!(refusal("[\x06"), "ruby: unexpected end at byte 4");
    assert_eq!(refusal("\"\x7fabc"), "ruby: length 122 is past the end at byte 4");
    assert_eq!(refusal("\x00"), "ruby: unknown value type '\\0' at byte 2");
    assert_eq!(refusal("[\x06@\x0a"), "ruby: link to unknown object 5 at byte 5");
    assert_eq!(refusal(";\x00"), "ruby: unknown symbol 0 at byte 3");
    assert_eq!(refusal(b"[\xfa"), "ruby: negative length at byte 3");
    assert_eq!(refusal("00"), "ruby: extra bytes after the end of the value at byte 3");
    assert_eq!(marshal(b"\x04\x09").unwrap_err().offset, 1);
}

#[test]
fn counts_that_lie_allocate_nothing() {
    for body in [&b"[\x04\xff\xff\xff\x7f"[..], b"{\x04\xff\xff\xff\x7f", b"l+\x04\xff\xff\xff\x7f"]
    {
        assert!(marshal(&dumped(body)).is_err());
    }
    assert!(marshal(&vec![0; 16 << 20]).is_err());
    assert!(marshal(&dumped(&vec![0; 16 << 20])).is_err());
    let number = dumped(&[&b"l+\x03\x00\x00\x40"[..], &vec![0xff; 8 << 20]].concat());
    let shown = marshal(&number).unwrap();
    assert!(shown.as_str().is_some_and(|digits| digits.len() == (16 << 20) + 2));
}

#[test]
fn nesting_is_refused_before_the_stack_ends() {
    assert!(marshal(&dumped((String::from("[\x06").repeat(99) + "0").as_bytes())).is_ok());
    let too_deep = "ruby: nested more than 100 deep";
    for part in [
        "[\x06",
        "{\x06",
        "o:\x06A\x06:\x06a",
        "U:\x06A",
        "I\"\x00\x06:\x06a",
        "I:\x00\x06I:\x06a\x06",
    ] {
        assert!(refusal(part.repeat(100_000)).starts_with(too_deep), "{part:?}");
    }
    let extended = "e:\x06A".repeat(100_000) + "[\x00";
    assert_eq!(marshal(&dumped(extended.as_bytes())).unwrap(), json!([]));
}

#[test]
fn links_to_long_text_run_out_of_budget() {
    let text = [&b"\"\x02\x10\x27"[..], &vec![b'x'; 10_000]].concat();
    let bomb = [&b"[\x02\xe9\x03"[..], &text, &b"@\x06".repeat(1000)].concat();
    assert!(refusal(bomb).starts_with("ruby: references expand to many times the payload's size"));
    let name = [&b":\x02\x10\x27"[..], &vec![b'x'; 10_000]].concat();
    let bomb = [&b"[\x02\xe9\x03"[..], &name, &b";\x00".repeat(1000)].concat();
    assert!(refusal(bomb).starts_with("ruby: references expand to many times the payload's size"));
}

#[test]
fn truncated_values_are_refused() {
    refuses_truncated(payloads(PAYLOADS), marshal);
}

fn seeds() -> Vec<Vec<u8>> {
    payloads(PAYLOADS).map(|(_, bytes)| bytes).collect()
}

#[test]
fn no_mutation_makes_it_panic_or_grow() {
    survives_damage(&seeds(), marshal);
}
