use serde_json::json;

use super::*;
use crate::model::payload::samples::{base64, stored, survives_damage};

/// What Python 3.11 wrote of one dict in protocols 0 to 5.
fn shapes() -> Vec<Value> {
    let pickles = stored("python-pickle", "value");
    pickles[..6].iter().map(|bytes| pickle(bytes).unwrap()).collect()
}

fn beaker_value(bytes: &[u8]) -> Value {
    beaker(bytes).unwrap().shown()
}

fn error(bytes: &[u8]) -> String {
    pickle(bytes).unwrap_err().to_string()
}

#[test]
fn flask_sessions_of_pickle_are_read_whole() {
    let payloads = stored("flask-mongo-sessions-0.2.1", "d");
    assert_eq!(pickle(&payloads[0]).unwrap(), json!({ "user_id": "42", "name": "Åsa" }));
    assert_eq!(pickle(&payloads[1]).unwrap(), json!({ "views": 1 }));
}

#[test]
fn beaker_sessions_are_unwrapped() {
    let payloads = stored("beaker-ext-mongodb-1.14", "value");
    assert_eq!(
        beaker_value(&payloads[0]),
        json!({
            "_domain": null,
            "_path": "/",
            "_accessed_time": 1_795_440_556.425_252_2,
            "_creation_time": 1_795_440_556.425_252_2,
            "user_id": 42,
            "name": "Åsa Łuczak 🎉",
            "roles": ["admin"],
            "csrf": "q3",
        })
    );
    assert_eq!(beaker_value(&payloads[1])["views"], 1);
}

#[test]
fn beaker_sessions_may_be_json_plain_or_encrypted() {
    let json = b"\x80\x02U\x14eyJ1c2VyX2lkIjo0Mn0=.";
    assert_eq!(beaker_value(json), json!({ "user_id": 42 }));
    assert_eq!(beaker_value(b"\x80\x02}U\x01kK\x07s."), json!({ "k": 7 }));
    let nonce_and_ciphertext = b"\x80\x02U\x20q3J9x0mZQ1yB6m2rVtY7sw==8Kdq3J9x.";
    assert_eq!(beaker(nonce_and_ciphertext), Ok(Sealed::Encrypted));
    assert_eq!(beaker(b"\x80\x02U\x03a-b.").unwrap_err().reason, "the session is not base64");
}

#[test]
fn beakers_json_is_compressed() {
    let payloads = stored("beaker-ext-mongodb-1.14-json", "value");
    let session = beaker_value(&payloads[0]);
    assert_eq!((&session["user_id"], &session["roles"]), (&json!(42), &json!(["admin"])));
    assert_eq!(beaker_value(&payloads[1])["views"], 1);
}

#[test]
fn plain_values_are_the_same_in_every_protocol() {
    for shapes in shapes() {
        assert_eq!(shapes["user_id"], "42");
        assert_eq!(shapes["name"], "Åsa Łuczak 🎉");
        assert_eq!(shapes["escapes"], "a\\b\n\0'\"");
        assert_eq!(shapes["none"], Value::Null);
        assert_eq!((&shapes["yes"], &shapes["no"]), (&json!(true), &json!(false)));
        assert_eq!(shapes["floats"], json!([1.5, "Infinity", "NaN"]));
        assert_eq!(shapes["bytes"], json!({ "$binary": "AP9hYmM=" }));
        assert_eq!(shapes["empty"], json!({ "$binary": "" }));
        assert_eq!(shapes["bytearray"], json!({ "$binary": "eHl6" }));
        assert_eq!(shapes["tuples"], json!([[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]));
        assert_eq!(shapes["sets"], json!([[1], [2]]));
        assert_eq!(shapes["shared"], json!([["s"], ["s"]]));
        assert_eq!(
            shapes["keys"],
            json!({ "1": "a", "null": "b", "2.5": "d", "$pairs": [{ "key": [1, 2], "value": "c" }] })
        );
        assert_eq!(shapes["long_text"], "x".repeat(300));
    }
}

#[test]
fn integers_beyond_64_bits_are_text() {
    for shapes in shapes() {
        assert_eq!(
            shapes["ints"],
            json!([
                0,
                255,
                256,
                65_535,
                65_536,
                -1,
                1_i64 << 31,
                -(1_i64 << 31),
                i64::MAX,
                i64::MIN,
                u64::MAX,
                "18446744073709551616",
                "-18446744073709551616",
                "1180591620717411303424",
            ])
        );
    }
    let mut huge = b"\x80\x02\x8a\x48".to_vec();
    huge.extend([0; 71]);
    huge.extend(b"\x01.");
    assert_eq!(pickle(&huge).unwrap(), format!("0x01{}", "00".repeat(71)));
}

#[test]
fn dates_are_utc_where_their_zone_is_known() {
    for shapes in shapes() {
        assert_eq!(shapes["naive"], "2026-11-23T10:00:00.123");
        assert_eq!(shapes["aware"], "2026-11-23T10:00:00.000Z");
        assert_eq!(shapes["ahead"], "2026-11-23T04:30:00.000Z");
        assert_eq!(shapes["fold"], "2026-10-25T02:30:00.000");
        assert_eq!(shapes["zone"], "2026-11-23T10:00:00.000[Europe/Stockholm]");
        assert_eq!(shapes["date"], "2026-11-23");
        assert_eq!(shapes["time"], "10:30:00");
        assert_eq!(shapes["delta"], "PT24H2.000003S");
    }
}

#[test]
fn known_classes_are_values() {
    for shapes in shapes() {
        assert_eq!(shapes["decimal"], "7.50");
        assert_eq!(shapes["uuid"], "12345678-9abc-def0-1234-56789abcdef0");
        assert_eq!(shapes["small_uuid"], "00000000-0000-0000-0000-000000000005");
        assert_eq!(shapes["oid"], "000102030405060708090a0b");
        assert_eq!(shapes["ordered"], json!({ "b": 1, "a": 2 }));
        assert_eq!(shapes["default"], json!({ "k": [1] }));
        assert_eq!(shapes["counter"], json!({ "a": 2, "b": 1 }));
        assert_eq!(shapes["deque"], json!([1, 2]));
        assert_eq!(shapes["complex"], "1-2j");
    }
}

#[test]
fn other_classes_are_shown_by_name_with_their_fields() {
    for shapes in shapes() {
        assert_eq!(
            shapes["cart"],
            json!({ "$class": "shop.Cart", "items": ["本-42"], "total": "7.50" })
        );
        assert_eq!(shapes["colour"], json!({ "$class": "shop.Colour", "$args": [1] }));
        assert_eq!(shapes["bag"], json!({ "$class": "shop.Bag", "note": "hi", "x": 1 }));
        assert_eq!(shapes["row"], json!({ "$class": "shop.Row", "$items": [1, 2] }));
        assert_eq!(shapes["class"], json!({ "$class": "shop.Cart" }));
    }
    let shapes = &shapes()[4];
    assert_eq!(shapes["slots"], json!({ "$class": "shop.Slotted", "a": 1, "b": 2 }));
    assert_eq!(shapes["kw"], json!({ "$class": "shop.Kw", "$args": [[1], { "k": 2 }] }));
}

#[test]
fn what_contains_itself_is_a_reference_to_its_level() {
    for payload in &stored("python-pickle", "value")[6..] {
        assert_eq!(
            pickle(payload).unwrap(),
            json!({ "self": [1, { "$ref": 1 }], "d": { "$ref": 0 } })
        );
    }
}

#[test]
fn strings_of_python_2_are_text_if_they_can_be() {
    assert_eq!(
        pickle(b"(dp0\nS'k\\xc3\\xa5\\n'\np1\nS\"\\xff\"\np2\ns.").unwrap(),
        json!({ "kå\n": { "$binary": "/w==" } })
    );
    assert_eq!(pickle(b"(I01\nI00\nL-7L\nF2.5\nl.").unwrap(), json!([true, false, -7, 2.5]));
    let date = b"cdatetime\ndatetime\n(S'\\x07\\xea\\x0b\\x17\\n\\x00\\x00\\x00\\x00\\x00'\ntR.";
    assert_eq!(pickle(date).unwrap(), "2026-11-23T10:00:00.000");
    let pytz = b"\x80\x02cdatetime\ndatetime\nU\x0a\x07\xea\x0b\x17\x0a\0\0\0\0\0cpytz\n_p\n(U\x10Europe/StockholmM\x10\x0eK\0U\x03CETtR\x86R.";
    assert_eq!(pickle(pytz).unwrap(), "2026-11-23T09:00:00.000Z");
    let ordered = b"ccollections\nOrderedDict\n((lp0\n(lp1\nS'b'\naI1\naatR.";
    assert_eq!(pickle(ordered).unwrap(), json!({ "b": 1 }));
}

#[test]
fn rare_opcodes_are_understood() {
    assert_eq!(
        pickle(b"(ishop\nOld\n(dS'a'\nI1\nsb.").unwrap(),
        json!({ "$class": "shop.Old", "a": 1 })
    );
    assert_eq!(
        pickle(b"(cshop\nOld\nK\x07o.").unwrap(),
        json!({ "$class": "shop.Old", "$args": [7] })
    );
    assert_eq!(pickle(b"Pkey\n.").unwrap(), json!({ "$persistent": "key" }));
    assert_eq!(pickle(b"\x82\x05)\x81.").unwrap(), json!({ "$class": "copyreg.extension 5" }));
    assert_eq!(pickle(b"((K\x01K\x02K\x0320t.").unwrap(), json!([1, 2, 3]));
    assert_eq!(pickle(b"(K\x01K\x0212K\x05.").unwrap_err().reason, "the stack is empty");
}

#[test]
fn nothing_is_executed() {
    let shell = b"cos\nsystem\n(S'touch /tmp/owned'\ntR.";
    assert_eq!(
        pickle(shell).unwrap(),
        json!({ "$class": "os.system", "$args": ["touch /tmp/owned"] })
    );
    let called = b"\x80\x04cbuiltins\ngetattr\ncos\nsystem\nX\x01\0\0\0x\x86R)R.";
    let shown = pickle(called).unwrap();
    assert_eq!(shown["$class"]["$class"], "builtins.getattr");
}

#[test]
fn a_field_cannot_pass_itself_off_as_the_class() {
    let forged = b"\x80\x02cos\nsystem\n)\x81}U\x06$classU\x04safesb.";
    let shown = pickle(forged).unwrap();
    assert_eq!(shown, json!({ "$class": "os.system", "$class#1": "safe" }));
}

#[test]
fn hostile_bytes_are_errors_that_say_where() {
    assert_eq!(error(b""), "pickle: unexpected end at byte 0");
    assert_eq!(error(b"\x80\x09"), "pickle: unsupported protocol 9 at byte 2");
    assert_eq!(error(b"\x80\x04\xff"), "pickle: unknown opcode 0xff at byte 3");
    assert_eq!(error(b"\x80\x04."), "pickle: the stack is empty at byte 3");
    assert_eq!(error(b"\x80\x04N.N"), "pickle: extra bytes after the end of the value at byte 4");
    assert_eq!(error(b"B\xff\xff\xff\xffx"), "pickle: length 4294967295 is past the end at byte 5");
    assert!(error(b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffx").contains("is past the end"));
    assert_eq!(error(b"h\x07."), "pickle: memo 7 was never set at byte 2");
    assert_eq!(
        error(b"K\x01K\x02a."),
        "pickle: an item is added to a value that is not a list at byte 5"
    );
    assert_eq!(error(b"}(K\x01u."), "pickle: a key without a value at byte 5");
    assert_eq!(error(b"\x97."), "pickle: a buffer is stored outside the pickle at byte 1");
    assert_eq!(error(&vec![0; 16 << 20]), "pickle: unknown opcode 0x00 at byte 1");
}

#[test]
fn deep_nesting_is_an_error() {
    let mut lists = vec![b']'; 100_000];
    lists.extend(vec![b'a'; 99_999]);
    lists.push(b'.');
    assert!(error(&lists).contains("nested more than 100 deep"));
    let mut tuples = vec![b')'];
    tuples.extend(vec![0x85; 100_000]);
    tuples.push(b'.');
    assert!(error(&tuples).contains("nested more than 100 deep"));
    let mut objects = b"cshop\nA\n".to_vec();
    objects.extend(b")\x81".repeat(100_000));
    objects.push(b'.');
    assert!(error(&objects).contains("too many values"));
}

#[test]
fn a_bomb_of_doubling_lists_is_an_error() {
    let mut bomb = b"\x80\x02]q\0".to_vec();
    for level in 0..60_u8 {
        bomb.extend([b']', b'q', level + 1, b'(', b'h', level, b'h', level, b'e']);
    }
    bomb.push(b'.');
    assert!(error(&bomb).contains("too many values"));
}

#[test]
fn bytes_that_make_many_values_are_an_error() {
    for opcode in [b'N', b']', b'(', b'2', 0x94] {
        let mut many = vec![b'N'];
        many.extend(vec![opcode; 2 << 20]);
        assert!(error(&many).contains("too many values"), "{opcode}");
    }
}

#[test]
fn a_large_argument_shared_by_many_calls_is_an_error() {
    let large = "å".repeat(1 << 14);
    let bombs: [&[u8]; 3] = [
        b"c_codecs\nencode\nh\0\x85R0",
        b"cdecimal\nDecimal\nh\0\x85R",
        b"cdatetime\ndate\nh\0\x85R",
    ];
    for call in bombs {
        let mut bomb = b"\x80\x02(X\0\x80\0\0".to_vec();
        bomb.extend(large.as_bytes());
        bomb.extend(b"q\0");
        bomb.extend(call.repeat(2_500));
        bomb.extend(b"l.");
        assert!(pickle(&bomb).is_err());
    }
}

#[test]
fn damage_is_survived() {
    let mut seeds = stored("python-pickle", "value");
    seeds.extend(stored("flask-mongo-sessions-0.2.1", "d"));
    seeds.push(b"(ishop\nOld\n(dS'a'\nI1\nsbPkey\n\x82\x05)\x81h\x07.".to_vec());
    survives_damage(&seeds, pickle);
    let mut sealed = stored("beaker-ext-mongodb-1.14", "value");
    sealed.extend(stored("beaker-ext-mongodb-1.14-json", "value"));
    sealed.push(base64("gAJVFGV5SjFjMlZ5WDJsa0lqbzBNbjA9Lg=="));
    survives_damage(&sealed, |bytes| beaker(bytes).map(Sealed::shown));
}
