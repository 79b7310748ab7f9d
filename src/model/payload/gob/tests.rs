use serde_json::json;

use super::*;
use crate::model::payload::samples::{hex, stored, survives_damage};

/// What Go 1.19 wrote of `map[interface{}]interface{}{"v": ...}`, in the order of the fixture.
fn values() -> impl Iterator<Item = Value> {
    let payloads = stored("go-gob", "value");
    payloads.into_iter().skip(3).take(24).map(|bytes| gob(&bytes).unwrap()["v"].take())
}

#[test]
fn gofiber_sessions_are_read_whole() {
    let payloads = stored("gofiber-storage-mongodb-v2-gob", "value");
    assert_eq!(
        gob(&payloads[0]).unwrap(),
        json!({ "user_id": 42, "name": "Åsa Łuczak 🎉", "csrf": "q3J9" })
    );
    assert_eq!(gob(&payloads[1]).unwrap(), json!({ "views": 1 }));
}

#[test]
fn scs_sessions_are_read_whole() {
    let payloads = stored("go-gob", "value");
    assert_eq!(
        gob(&payloads[0]).unwrap(),
        json!({ "Deadline": "2026-11-23T10:00:00.123Z", "Values": { "user_id": 42 } })
    );
    assert_eq!(
        gob(&payloads[1]).unwrap()["Values"],
        json!({ "authenticatedUserID": 7, "flash": "Välkommen! 🎉", "role": "admin" })
    );
    assert_eq!(gob(&payloads[2]).unwrap(), json!({ "Deadline": "2026-11-23T09:00:00.000Z" }));
}

#[test]
fn values_of_every_kind_are_read() {
    let expected = [
        json!(-42),
        json!([0, 1, -1, 127, -128, i64::MAX, i64::MIN]),
        json!(-128),
        json!(u64::MAX),
        json!(true),
        json!("Åsa"),
        json!([0.0, 1.5, -17.0, std::f64::consts::PI, "-Infinity", "NaN"]),
        json!("(1-2i)"),
        json!({ "$binary": "AP9h" }),
        json!(""),
        json!("2026-11-23T10:00:00.123Z"),
        json!("2026-11-23T09:00:00.000Z"),
        json!("2026-11-23T08:59:59.000Z"),
        json!("0001-01-01T00:00:00.000Z"),
        json!(["a", "b"]),
        json!("0102030405060708090a0b0c"),
        json!({ "a": "b" }),
        json!("admin"),
        json!(3),
        json!(-(1_i64 << 40)),
    ];
    for (value, expected) in values().zip(expected) {
        assert_eq!(value, expected);
    }
}

#[test]
fn structs_are_shown_with_their_class_and_without_zero_fields() {
    let structs: Vec<Value> = values().skip(20).collect();
    assert_eq!(
        structs[0],
        json!({
            "$class": "main.Cart",
            "Sku": "本-42",
            "Price": 7.5,
            "Tags": ["x"],
            "Next": { "Sku": "n", "Where": {} },
            "Where": { "X": 1 },
            "Any": { "$class": "main.Point", "Y": 2 },
            "Raw": { "$binary": "cg==" },
            "Seen": "2026-11-23T10:00:00.123Z",
        })
    );
    assert_eq!(structs[1], json!([{ "X": 1, "Y": 2 }, {}]));
    assert_eq!(
        structs[2],
        json!({ "$class": "*main.Deep", "Kids": [{}, { "Kids": [{ "M": { "-1": { "X": 3, "Y": 4 } } }] }] })
    );
    let cart = json!({
        "$class": "main.Cart",
        "Sku": "x",
        "Where": {},
        "Any": { "p": { "$class": "main.Point", "X": 5, "Y": 6 } },
    });
    assert_eq!(structs[3], json!({ "list": [1, "two", null, cart] }));
}

#[test]
fn what_stands_alone_is_read_too() {
    let read: Vec<_> = stored("go-gob", "value")[27..].iter().map(|bytes| gob(bytes)).collect();
    assert_eq!(read[0], Ok(json!({ "1": "a" })));
    assert_eq!(
        read[1],
        Ok(
            json!({ "$pairs": [{ "key": { "$class": "main.Point", "X": 1, "Y": 2 }, "value": "a" }] })
        )
    );
    assert_eq!((&read[2], &read[3]), (&Ok(json!(7)), &Ok(json!("x"))));
    let two = read[4].clone().unwrap_err().to_string();
    assert_eq!(two, "gob: extra bytes after the end of the value at byte 4");
    assert_eq!((&read[5], &read[6]), (&Ok(json!([true, false, true])), &Ok(json!({}))));
}

#[test]
fn what_is_not_encrypted_looks_like_gob() {
    for payload in stored("go-gob", "value").iter().take(29) {
        assert!(looks_like_gob(payload));
    }
    assert!(!looks_like_gob(b""));
    assert!(!looks_like_gob(&[0; 64]));
    assert!(!looks_like_gob(b"{\"user_id\":42}"));
}

#[test]
fn hostile_bytes_are_errors_that_say_where() {
    let error = |bytes: &[u8]| gob(bytes).unwrap_err().to_string();
    assert_eq!(error(b""), "gob: unexpected end at byte 0");
    assert_eq!(error(&[0x05, 0x04]), "gob: length is past the end at byte 0");
    assert_eq!(error(&[0xf0, 1, 2]), "gob: invalid number length 16 at byte 1");
    assert_eq!(error(&[0x03, 0x04, 0x00, 0xf8]), "gob: length 8 is past the end at byte 4");
    assert_eq!(error(&hex("05 0c 00 fc7fffffff")), "gob: length is past the end at byte 3");
    assert_eq!(error(&hex("03 ff84 00")), "gob: type 66 was never defined at byte 4");
    assert_eq!(error(&vec![0; 16 << 20]), "gob: type 0 was never defined at byte 3");
}

#[test]
fn deep_nesting_is_an_error() {
    // Type 65 is a slice of itself; then 65 inside of 65.
    let mut deep = hex("0b ff81 02 01 02 ff82 00 01 ff82 00 00");
    deep[0] = u8::try_from(deep.len() - 1).unwrap();
    deep.extend(hex("fe8000 ff82 00"));
    deep.extend([1; 0x8000]);
    assert!(
        gob(&deep).unwrap_err().reason.contains("nested more than 100 deep"),
        "{:?}",
        gob(&deep)
    );
}

#[test]
fn damage_is_survived() {
    let mut seeds = stored("go-gob", "value");
    seeds.extend(stored("gofiber-storage-mongodb-v2-gob", "value"));
    survives_damage(&seeds, gob);
}
