//! Payloads of JDK 17, and bytes that pretend to be.

use super::*;
use crate::model::payload::samples::{payload, payloads, refuses_truncated, survives_damage};
use serde_json::json;

const PAYLOADS: &str = include_str!("../../../../tests/payloads/java.txt");

/// `[Ljava.lang.Object;` described, without its handle's uses: handle 0.
const OBJECTS: &[u8] =
    b"\x72\x00\x13[Ljava.lang.Object;\x90\xce\x58\x9f\x10\x73\x29\x6c\x02\x00\x00\x78\x70";
const HANDLE_0: &[u8] = b"\x71\x00\x7e\x00\x00";

fn read(name: &str) -> Value {
    serialized(&payload(PAYLOADS, name)).unwrap()
}

fn stream(parts: &[&[u8]]) -> Vec<u8> {
    [&b"\xac\xed\x00\x05"[..], &parts.concat()].concat()
}

fn refusal(parts: &[&[u8]]) -> String {
    serialized(&stream(parts)).unwrap_err().to_string()
}

#[test]
fn spring_sessions_decode_and_name_the_user() {
    let session = read("spring-session-jdk/0");
    assert_eq!(session["displayName"], "Åsa Łuczak 🎉");
    assert_eq!(session["roles"], json!(["admin", "editor"]));
    assert_eq!(session["loginAt"], "2026-11-23T10:00:00.000Z");
    assert_eq!(session["userId"], 42);
    assert_eq!(session["cart"], json!([{"sku": "本-42", "qty": 1, "price": 7.5}]));
    let authentication = &session["SPRING_SECURITY_CONTEXT"]["authentication"];
    assert_eq!(
        authentication["principal"],
        json!({
            "$class": "org.springframework.security.core.userdetails.User",
            "accountNonExpired": true,
            "accountNonLocked": true,
            "credentialsNonExpired": true,
            "enabled": true,
            "authorities": [{"$ref": 27}],
            "password": null,
            "username": "asa@example.se",
        })
    );
    assert_eq!(authentication["authorities"][0]["role"], "ROLE_ADMIN");
    assert_eq!(read("spring-session-jdk/1"), json!({"views": 1}));
    assert_eq!(read("spring-session-jdk/2"), json!({}));
}

#[test]
fn boxes_and_small_values_look_like_what_they_mean() {
    let expected = json!({
        "int": 42, "long": 1_i64 << 60, "short": 3, "byte": -4, "double": 7.5, "float": 0.1,
        "nan": "NaN", "bool": true, "char": "Å", "null": null,
        "big": "-123456789012345678901234567890", "small": 10, "zero": 0, "dec": "-12.50",
        "tiny": "0.005", "e": "1E+3", "atomic": 5, "ab": true, "ai": 6,
        "uuid": "89e602bc-50b6-412e-bef8-2a751bacba11", "locale": "sv_SE", "lang": "en",
        "uri": "http://x/å", "enum": "ADMIN", "enum2": "EDITOR", "enum3": "ADMIN",
        "class": "java.lang.String", "emoji": "Åsa 🎉 \0nul",
    });
    assert_eq!(read("boxed"), expected);
}

#[test]
fn lists_and_sets_become_arrays() {
    let lists = read("lists");
    let of_two =
        ["array", "linked", "lhs", "treeset", "deque", "vector", "cow", "unl", "unc", "sync"];
    for name in of_two {
        assert_eq!(lists[name], json!(["a", "b"]), "{name}");
    }
    for (name, expected) in [
        ("aslist", json!(["a", 1])),
        ("hashset", json!(["one"])),
        ("stack", json!([])),
        ("pq", json!([1, 2])),
        ("uns", json!(["u"])),
        ("syncmap", json!({"k": 1})),
        ("single", json!(["s"])),
        ("singleset", json!(["s"])),
        ("empty", json!([])),
        ("emptyset", json!([])),
        ("of", json!(["x", "y"])),
        ("of1", json!(["x"])),
        ("setof", json!(["x"])),
        ("stream", json!([1, 2, 3, 4])),
        ("tolist", json!(["q", null])),
        ("sets", json!(["k"])),
        ("keyset", json!([])),
        ("skipset", json!(["k"])),
        ("enumset", json!(["ADMIN", "EDITOR"])),
        ("again", json!({"$ref": 5})),
        ("items", json!({"$class": "app.Gen$Items", "$items": ["i1"], "version": 2})),
    ] {
        assert_eq!(lists[name], expected, "{name}");
    }
}

#[test]
fn maps_become_objects() {
    let maps = read("maps");
    for name in ["hash", "table", "conc", "unm", "sm", "of", "ident"] {
        assert_eq!(maps[name], json!({"k": 1}), "{name}");
    }
    for (name, expected) in [
        ("tree", json!({"a": 1, "b": 2})),
        ("skip", json!({"a": 1})),
        ("props", json!({"pk": "pv"})),
        ("enummap", json!({"ADMIN": 1})),
        ("em", json!({})),
        ("of0", json!({})),
        ("intkeys", json!({"1": "one"})),
        ("enumkey", json!({"ADMIN": 1})),
        ("listkey", json!({"$pairs": [{"key": [1], "value": 1}]})),
        ("nullkey", json!({"null": 1})),
        ("cart", json!({"$class": "app.Gen$Cart", "$items": {"sku": ["本-42"]}, "owner": "åsa"})),
    ] {
        assert_eq!(maps[name], expected, "{name}");
    }
}

#[test]
fn objects_show_the_fields_of_their_ancestry() {
    let objects = read("objects");
    let kid = json!({
        "$class": "app.Gen$Kid",
        "b": -1, "c": "Å", "d": "NaN", "f": 1.5, "l": 1_i64 << 40, "sh": -300, "x": 1, "z": true,
        "s": "base",
        "app.Gen$Kid::x": 2,
        "bytes": {"$binary": "/wE="},
        "chars": "aÅ",
        "ds": ["Infinity", 0.5],
        "grid": [[1], [2, 3]],
        "ints": [1, 2, 3],
        "self": {"$ref": 14},
        "strs": ["p", null, "q"],
    });
    assert_eq!(objects["kid"], kid);
    assert_eq!(objects["again"], json!({"$ref": 14}));
    assert_eq!(objects["rec"], json!({"$class": "app.Gen$Pt", "x": 1, "name": "två"}));
    assert_eq!(objects["objs"], json!([1, "a", null]));
}

#[test]
fn what_a_class_wrote_itself_is_under_data() {
    let objects = read("objects");
    assert_eq!(objects["ext"]["$data"][1], "inside");
    let written = json!({
        "$class": "app.Gen$Wr",
        "a": 3,
        "$data": [{"$binary": "AAAACQ=="}, "extra"],
    });
    assert_eq!(objects["wr"], written);
    let proxy = json!({
        "$class": "Proxy(app.Gen$Greeter)",
        "h": {"$class": "app.Gen$H", "tag": "handler"},
    });
    assert_eq!(objects["proxy"], proxy);
}

#[test]
fn dates_with_a_zone_are_utc_and_others_stay_local() {
    let expected = json!({
        "date": "2026-11-23T13:38:42.123Z",
        "sql": "2026-11-23T13:38:42.123Z",
        "sqld": "2026-11-23T13:38:42.000Z",
        "cal": "2026-11-23T13:38:42.123Z",
        "instant": "2026-11-23T13:38:42.123Z",
        "neg": "1969-12-31T23:59:59.999Z",
        "duration": "PT1M30.5S",
        "dneg": "-PT1.5S",
        "period": "P1Y2M3D",
        "ld": "2026-11-23",
        "lt": "10:05:06.007",
        "lt0": "10:00:00",
        "ldt": "2026-11-23T10:30:00",
        "zdt": "2026-11-23T09:30:00.000Z",
        "odt": "2026-11-23T08:30:00.005Z",
        "ot": "10:30:00-03:00",
        "zid": "Europe/Stockholm",
        "zo": "+05:30",
        "zos": "+00:01:01",
        "year": "2026",
        "ym": "2026-11",
        "md": "--11-23",
        "utc": "Z",
        "zutc": "1970-01-01T00:00:00.000Z",
        "same": "1970-01-01T00:00:00.000Z",
    });
    assert_eq!(read("times"), expected);
}

#[test]
fn a_stream_of_several_values_is_an_array() {
    let parts: &[&[u8]] = &[b"\x77\x01\x07", b"\x74\x00\x01a", b"\x79", b"\x70"];
    assert_eq!(serialized(&stream(parts)).unwrap(), json!([{"$binary": "Bw=="}, "a", null]));
}

#[test]
fn long_strings_long_blocks_and_class_descriptions_decode() {
    let long = b"\x7c\x00\x00\x00\x00\x00\x00\x00\x02ab";
    assert_eq!(serialized(&stream(&[long])).unwrap(), json!("ab"));
    let block = b"\x7a\x00\x00\x00\x02ab";
    assert_eq!(serialized(&stream(&[block])).unwrap(), json!({"$binary": "YWI="}));
    assert_eq!(serialized(&stream(&[OBJECTS])).unwrap(), json!("[Ljava.lang.Object;"));
}

#[test]
fn a_reset_forgets_the_handles() {
    let error = refusal(&[b"\x74\x00\x01a", b"\x79", HANDLE_0]);
    assert_eq!(error, "java: unknown handle 0x7e0000 at byte 10");
}

#[test]
fn errors_say_where() {
    assert_eq!(refusal(&[]), "java: unexpected end at byte 4");
    assert_eq!(refusal(&[b"\x74\x00\x09abc"]), "java: length 9 is past the end at byte 7");
    assert_eq!(refusal(&[b"\x42"]), "java: unknown type code 0x42 at byte 4");
    assert_eq!(refusal(&[b"\x73\x70"]), "java: expected a class at byte 5");
    assert_eq!(refusal(&[b"\x7b"]), "java: an exception stopped the writer at byte 4");
    assert_eq!(refusal(&[b"\x74\x00\x01\xff"]), "java: not modified UTF-8 at byte 7");
    let external = b"\x73\x72\x00\x01E\0\0\0\0\0\0\0\0\x04\x00\x00\x78\x70";
    let error = refusal(&[external]);
    assert_eq!(error, "java: externalized data can only be read by its class at byte 22");
    assert_eq!(serialized(b"\xac\xed\x00\x04").unwrap_err().offset, 3);
}

#[test]
fn counts_that_lie_allocate_nothing() {
    let bytes_class = b"\x75\x72\x00\x02[B\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70\x7f\xff\xff\xff";
    assert!(refusal(&[bytes_class]).contains("length 2147483647 is past the end"));
    assert!(refusal(&[b"\x75", OBJECTS, b"\x7f\xff\xff\xff"]).contains("unexpected end"));
    assert!(refusal(&[b"\x75", OBJECTS, b"\xff\xff\xff\xff"]).contains("negative length"));
    assert!(refusal(&[b"\x7c\xff\xff\xff\xff\xff\xff\xff\xff"]).contains("is past the end"));
    assert!(refusal(&[b"\x7d\x7f\xff\xff\xff"]).contains("past the end"));
    assert!(serialized(&vec![0; 16 << 20]).is_err());
    assert!(serialized(&stream(&[&vec![0; 16 << 20]])).is_err());
}

#[test]
fn nesting_is_refused_before_the_stack_ends() {
    let too_deep = "java: nested more than 100 deep";
    let array = [b"\x75", HANDLE_0, b"\0\0\0\x01"].concat();
    let deep = |depth| [b"\x75", OBJECTS, b"\0\0\0\x01", &array.repeat(depth)].concat();
    assert!(serialized(&stream(&[&deep(97), b"\x70"])).is_ok());
    assert!(refusal(&[&deep(100_000)]).starts_with(too_deep));
    let parents = b"\x72\x00\x01A\0\0\0\0\0\0\0\0\x02\x00\x00\x78".repeat(100_000);
    assert!(refusal(&[&parents]).starts_with(too_deep));
    let annotations = b"\x72\x00\x01A\0\0\0\0\0\0\0\0\x02\x00\x00".repeat(100_000);
    assert!(refusal(&[&annotations]).starts_with(too_deep));
    let constants = b"\x7e\x72\x00\x01A\0\0\0\0\0\0\0\0\x12\x00\x00\x78\x70".repeat(100_000);
    assert!(refusal(&[&constants]).starts_with(too_deep));
}

#[test]
fn an_ancestry_built_from_references_cannot_grow_for_ever() {
    let first = b"\x72\x00\x01A\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70";
    let mut bytes = stream(&[first]);
    for parent in 0..1000_u32 {
        bytes.extend(b"\x72\x00\x01A\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x71");
        bytes.extend((BASE_HANDLE + parent).to_be_bytes());
    }
    let error = serialized(&bytes).unwrap_err();
    assert!(error.to_string().starts_with("java: too many superclasses"));
}

#[test]
fn a_class_cannot_be_its_own_parent() {
    let class = b"\x72\x00\x01A\0\0\0\0\0\0\0\0\x02\x00\x00\x78";
    assert!(refusal(&[class, HANDLE_0]).starts_with("java: expected a class"));
}

#[test]
fn references_to_long_names_run_out_of_budget() {
    let text = [&b"\x74\x27\x10"[..], &vec![b'x'; 10_000]].concat();
    let error = refusal(&[&text, &HANDLE_0.repeat(1000)]);
    assert!(error.starts_with("java: references expand to many times the payload's size"));
    let name = vec![b'x'; 10_000];
    let class = [&b"\x72\x27\x10"[..], &name, b"\0\0\0\0\0\0\0\0\x02\x00\x00\x78\x70"].concat();
    for tag in [b"\x73", b"\x76"] {
        let objects = [&tag[..], HANDLE_0].concat().repeat(1000);
        let error = refusal(&[&class, &objects]);
        assert!(error.starts_with("java: references expand to many times the payload's size"));
    }
}

#[test]
fn truncated_values_are_refused() {
    refuses_truncated(payloads(PAYLOADS), serialized);
}

fn seeds() -> Vec<Vec<u8>> {
    payloads(PAYLOADS).map(|(_, bytes)| bytes).collect()
}

#[test]
fn no_mutation_makes_it_panic_or_grow() {
    survives_damage(&seeds(), serialized);
}

#[test]
fn millions_of_empty_blocks_are_refused() {
    let mut stream = vec![0xac, 0xed, 0, 5];
    stream.extend([tag::BLOCK, 0].repeat(5 << 20));
    let error = serialized(&stream).unwrap_err();
    assert!(error.to_string().contains("too many values"), "{error}");
}
