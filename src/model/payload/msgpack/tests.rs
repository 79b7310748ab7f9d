use serde_json::{Map, Value, json};

use super::*;
use crate::model::payload::samples::{hex, stored, survives_damage};

/// msgspec 0.22: aware and naive datetimes, date, bytes, integers of every width, floats.
const MSGSPEC: &str = "
        8ca85f757365725f6964a23432a26174d7ff1d6f28006b040ea0a36f6c64c70cff00000000ffffffff7e36b500a56e61697665b3323032
        362d31312d32335431303a30303a3030a464617465aa323032362d31312d3233a3726177c40500ff616263a16e9b01ffd0dfccc8d1ff38
        ce00011170d2fffeee90cf0000010000000000d3ffffff0000000000cfffffffffffffffffd38000000000000000a16693cb3ff8000000
        000000cb7ff8000000000000cb7ff0000000000000a175d92430303030303030302d303030302d303030302d303030302d303030303030
        303030303035a164a4312e3530a173920102a17492c3c0";

/// msgpack-python 1.2: keys that are no text, ext type 5, a float of 32 bits, a timestamp in the
/// year 36812.
const KEYS: &str = "8a01a163c0a162cb4004000000000000a164c4016ba165920102a166a165c7030578797aa3663332ca3dcccccd
        a161dc001000000000000000000000000000000000a3666172c70cff000000050000010000000000a16dde000101c3";

fn user_path(path: &str, bytes: &[u8]) -> Value {
    map(bytes).unwrap().pointer(path).cloned().unwrap_or_default()
}

#[test]
fn flask_sessions_are_read_whole() {
    let payloads = stored("flask-session-0.8-msgpack", "val");
    assert_eq!(
        map(&payloads[0]).unwrap(),
        json!({
            "_permanent": true,
            "_user_id": "42",
            "_fresh": true,
            "_id": "a3f1".repeat(16),
            "user": { "id": 42, "name": "Åsa Łuczak 🎉", "roles": ["admin", "editor"] },
            "cart": [{ "sku": "本-42", "qty": 1, "price": 7.5 }],
            "csrf_token": "2c26b46b68ffc68ff99b453c1d30413413422d70",
            "_flashes": [["info", "Välkommen!"]],
            "login_at": "2026-11-23T10:00:00.000Z",
        })
    );
    assert_eq!(
        map(&payloads[1]).unwrap(),
        json!({ "_permanent": true, "views": 1, "next": "/checkout?x=1" })
    );
    assert_eq!(user_path("/user_id", &payloads[2]), "5f9d88b8c9e77c0017d1a2b3");
    assert_eq!(user_path("/lastPage", &payloads[2]), "/конто");
}

#[test]
fn what_msgspec_writes_is_read() {
    assert_eq!(
        map(&hex(MSGSPEC)).unwrap(),
        json!({
            "_user_id": "42",
            "at": "2026-11-23T10:00:00.123Z",
            "old": "1901-01-01T00:00:00.000Z",
            "naive": "2026-11-23T10:00:00",
            "date": "2026-11-23",
            "raw": { "$binary": "AP9hYmM=" },
            "n": [1, -1, -33, 200, -200, 70_000, -70_000, 1_u64 << 40, -(1_i64 << 40), u64::MAX, i64::MIN],
            "f": [1.5, "NaN", "Infinity"],
            "u": "00000000-0000-0000-0000-000000000005",
            "d": "1.50",
            "s": [1, 2],
            "t": [true, null],
        })
    );
}

#[test]
fn keys_become_text_and_unknown_ext_types_stay_binary() {
    assert_eq!(
        map(&hex(KEYS)).unwrap(),
        json!({
            "1": "c",
            "null": "b",
            "2.5": "d",
            "$pairs": [
                { "key": { "$binary": "aw==" }, "value": "e" }, { "key": [1, 2], "value": "f" },
            ],
            "e": { "$ext": 5, "$data": { "$binary": "eHl6" } },
            "f32": 0.1,
            "a": vec![0; 16],
            "far": { "$ext": -1, "$data": { "$binary": "AAAABQAAAQAAAAAA" } },
            "m": { "1": true },
        })
    );
}

#[test]
fn tower_records_are_read_whole() {
    let payloads = stored("tower-sessions-mongodb-store-0.11", "data");
    assert_eq!(
        tower(&payloads[0]).unwrap(),
        json!({
            "csrf_token": "q3J9x0mZQ1yB6m2rVtY7s8Kd",
            "cart": { "items": [{ "sku": "本-42", "qty": 1, "price": 7.5 }], "total": 7.5 },
            "axum-login.data": { "user_id": 42, "auth_hash": [104, 97, 115, 104] },
            "user": { "id": 42, "name": "Åsa Łuczak 🎉", "roles": ["admin", "editor"] },
            "flash": [["info", "Välkommen!"]],
        })
    );
    assert_eq!(tower(&payloads[1]).unwrap(), json!({ "views": 1 }));
    assert_eq!(
        tower(&payloads[2]).unwrap(),
        json!({ "lastPage": "/конто", "user_id": "u_8f14e45f" })
    );
}

#[test]
fn tower_records_know_their_expiry_and_id() {
    let payloads = stored("tower-sessions-mongodb-store-0.11", "data");
    let ids = stored("tower-sessions-mongodb-store-0.11", "_id");
    let expiries = [1_796_650_319_745, 1_795_444_319_745, 1_795_429_919_745];
    for ((payload, id), expiry) in payloads.iter().zip(&ids).zip(expiries) {
        assert_eq!(tower_record(payload).unwrap().expiry.as_millisecond(), expiry);
        assert_eq!(
            tower_id(std::str::from_utf8(id).unwrap()),
            Some(tower_record(payload).unwrap().id)
        );
    }
    assert_eq!(tower_id("-____________________w"), Some(-5));
    assert_eq!(tower_id("short"), None);
}

fn utc(unix_nanos: i128) -> TowerExpiry {
    TowerExpiry { unix_nanos, ahead: 0 }
}

#[test]
fn an_encoded_tower_record_has_the_bytes_the_library_wrote() {
    for payload in stored("tower-sessions-mongodb-store-0.11", "data") {
        let record = tower_record(&payload).unwrap();
        assert_eq!(
            encode_tower(record.id, &record.data, utc(record.expiry.as_nanosecond())),
            payload
        );
    }
}

#[test]
fn a_tower_record_survives_encoding_with_lengths_and_numbers_of_every_width() {
    let numbers = [
        0,
        127,
        128,
        255,
        256,
        65_535,
        65_536,
        1 << 32,
        -1,
        -32,
        -33,
        -128,
        -129,
        -40_000,
        i64::MIN,
    ];
    let texts: Vec<String> =
        [0, 31, 32, 255, 256, 70_000].into_iter().map(|n| "x".repeat(n)).collect();
    let data = json!({ "n": numbers, "t": texts, "f": [0.0, 1.0, -7.5], "z": null, "many": vec![1; 70_000] });
    let Value::Object(data) = data else { unreachable!() };
    let bytes = encode_tower(i128::MIN, &data, utc(-1));
    let record = tower_record(&bytes).unwrap();
    assert_eq!((record.id, record.data), (i128::MIN, data));
    assert_eq!(record.expiry.as_nanosecond(), -1);
    assert_eq!(
        tower_record(&encode_tower(1, &Map::new(), utc(i128::MAX))).unwrap().expiry.as_second(),
        253_402_207_200
    );
}

#[test]
fn an_expiry_with_an_offset_is_counted_in_utc() {
    let mut bytes = encode_tower(1, &Map::new(), utc(0));
    let ahead = bytes.len() - 3;
    bytes[ahead] = 2;
    assert_eq!(tower_record(&bytes).unwrap().expiry.as_millisecond(), -7_200_000);
    for ahead in [19_800, -12_600, -1] {
        let expiry = TowerExpiry { unix_nanos: 1, ahead };
        let bytes = encode_tower(1, &Map::new(), expiry);
        assert_eq!(tower_record(&bytes).unwrap().expiry.as_nanosecond(), 1, "{ahead}");
    }
}

#[test]
fn hostile_bytes_are_errors_that_say_where() {
    let errors = |bytes: &[u8]| map(bytes).unwrap_err().to_string();
    assert_eq!(errors(&[]), "msgpack: unexpected end at byte 0");
    assert_eq!(errors(&[0xc1]), "msgpack: 0xc1 is never used in MessagePack at byte 1");
    assert_eq!(
        errors(&[0xdf, 255, 255, 255, 255]),
        "msgpack: count 4294967295 is past the end at byte 5"
    );
    assert_eq!(
        errors(&[0xc6, 255, 255, 255, 255]),
        "msgpack: length 4294967295 is past the end at byte 5"
    );
    assert_eq!(errors(&[0x91; 100_000]), "msgpack: nested more than 100 deep at byte 101");
    assert_eq!(
        errors(&vec![0; 16 << 20]),
        "msgpack: extra bytes after the end of the value at byte 1"
    );
    assert_eq!(errors(&[0x81; 100_000]), "msgpack: nested more than 100 deep at byte 101");
}

#[test]
fn damage_is_survived() {
    let mut seeds = stored("flask-session-0.8-msgpack", "val");
    seeds.extend([hex(MSGSPEC), hex(KEYS)]);
    survives_damage(&seeds, map);
    survives_damage(&stored("tower-sessions-mongodb-store-0.11", "data"), tower);
}
