use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bson::raw::RawDocumentBuf;
use bson::spec::BinarySubtype;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::model::payload::path::get;
use crate::model::payload::samples::{documents, stored, survives_damage};

fn codecs(names: &[&str]) -> Vec<Codec> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn of_bytes(names: &[&str], bytes: &[u8]) -> Payload {
    in_bytes(&codecs(names), bytes)
}

fn value(names: &[&str], bytes: &[u8]) -> Value {
    match of_bytes(names, bytes) {
        Payload::Value(value) => value,
        other => panic!("{other:?}"),
    }
}

fn reason(names: &[&str], bytes: &[u8]) -> String {
    of_bytes(names, bytes).error().unwrap()
}

/// What `path` holds in the payload of each document of a fixture, `-` where there is nothing.
fn users(fixture: &str, field: &str, names: &[&str], path: &str) -> Vec<String> {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let read = |document: Value| {
        let document: bson::Document = serde_json::from_value(document).unwrap();
        let raw = RawDocumentBuf::try_from(&document).unwrap();
        let Found::One(value) = find(&raw, field) else { panic!("{fixture} has no {field}") };
        let payload = by_codecs(&codecs(names), value);
        let user = payload.value().and_then(|value| get(value, path)).map(shown);
        user.or(payload.error()).unwrap_or("-".to_owned())
    };
    documents(fixture).into_iter().map(read).collect()
}

#[test]
fn names_are_what_layouts_write() {
    for (name, codec) in NAMED {
        assert_eq!(name.parse(), Ok(codec));
        assert_eq!(codec.to_string(), name);
    }
    let nested: Codec = "base64>php:value".parse().unwrap();
    assert_eq!(nested, Codec::Base64(&Codec::PhpValue));
    assert_eq!(nested.to_string(), "base64>php:value");
    let error = "msgpak".parse::<Codec>().unwrap_err();
    assert!(error.starts_with("unknown codec `msgpak`, expected one of none, document"), "{error}");
    assert!("base64>document".parse::<Codec>().is_err());
}

#[test]
fn an_unknown_codec_in_a_layout_file_is_an_error_that_names_it() {
    #[derive(Debug, Deserialize)]
    struct Place {
        #[serde(rename = "codecs")]
        _codecs: Vec<Codec>,
    }
    let error = toml::from_str::<Place>("codecs = [\"json\", \"bson\"]").unwrap_err().to_string();
    assert!(error.contains("unknown codec `bson`") && error.contains("line 1"), "{error}");
}

#[test]
fn each_generation_of_flask_session_is_told_apart_and_read() {
    let flask = ["msgpack", "json", "pickle"];
    for payload in stored("flask-session-0.8-msgpack", "val") {
        assert_eq!(value(&flask, &payload)["_permanent"], true);
    }
    for payload in stored("python-pickle", "value") {
        assert!(value(&flask, &payload).is_object());
    }
    assert_eq!(value(&flask, b" {\"_user_id\":\"42\"}"), json!({ "_user_id": "42" }));
    assert_eq!(value(&flask, &[0x80]), json!({}));
    assert_eq!(value(&flask, b"\x80\x04}."), json!({}));
    assert!(reason(&flask, b"\x80\x04}").starts_with("pickle: unexpected end"));
    assert!(reason(&flask, b"{\"a\":").starts_with("json: the JSON is truncated at byte 5"));
}

#[test]
fn laravel_is_read_in_every_form() {
    let forms = ["php:value", "json", "encrypted"];
    assert_eq!(value(&forms, b"a:1:{s:7:\"user_id\";i:42;}"), json!({ "user_id": 42 }));
    assert_eq!(value(&forms, b"{\"user_id\":42}"), json!({ "user_id": 42 }));
    let sealed = BASE64_STANDARD.encode(br#"{"iv":"a","value":"b","mac":"c","tag":""}"#);
    assert_eq!(of_bytes(&forms, sealed.as_bytes()), Payload::Encrypted("laravel"));
    let forms = ["base64>php:value", "base64>json", "base64>encrypted"];
    let wrapped = BASE64_STANDARD.encode(&sealed);
    assert_eq!(of_bytes(&forms, wrapped.as_bytes()), Payload::Encrypted("laravel"));
    assert_eq!(of_bytes(&["encrypted"], wrapped.as_bytes()), Payload::Encrypted("laravel"));
    assert_eq!(value(&forms, b"eyJ1c2VyX2lkIjo0Mn0="), json!({ "user_id": 42 }));
    assert_eq!(reason(&forms[..1], b"*"), "base64: invalid base64 at byte 0");
}

#[test]
fn a_binary_of_the_old_subtype_loses_its_inner_length() {
    let bytes = b"a:1:{s:7:\"user_id\";i:42;}".to_vec();
    let binary = bson::Binary { subtype: BinarySubtype::BinaryOld, bytes };
    let raw = RawDocumentBuf::try_from(&bson::doc! { "payload": binary }).unwrap();
    assert!(raw.as_bytes().windows(8).any(|bytes| bytes == b"\x02\x19\0\0\0a:1"));
    let payload = by_codecs(&codecs(&["php:value"]), raw.get("payload").unwrap().unwrap());
    assert_eq!(payload, Payload::Value(json!({ "user_id": 42 })));
}

#[test]
fn what_no_codec_reads_says_why_and_where() {
    assert_eq!(reason(&["gob"], b"hello"), "gob: length is past the end at byte 0");
    assert_eq!(
        reason(&["php:value", "json"], b"hello"),
        "php: unknown value type 'h' at byte 0; json: invalid JSON at byte 1"
    );
    let java = stored("spring-session-jdk", "attr").swap_remove(1);
    assert_eq!(reason(&["json"], &java), format!("opaque: java, {} bytes", java.len()));
    assert_eq!(reason(&["encrypted"], b"hello"), "the payload has 5 bytes in an unknown encoding");
    let number = by_codecs(&codecs(&["json"]), RawBsonRef::Int32(7));
    assert_eq!(number.error().as_deref(), Some("the payload is an int32"));
}

/// PHP 8.2 with igbinary 3.2.13: `{"_token": "q3J9x0mZ", "user_id": 42}`.
#[test]
fn igbinary_is_opaque_wherever_php_may_be() {
    let text = b"AAAAAhQCEQZfdG9rZW4RCHEzSjl4MG1aEQd1c2VyX2lkBio=";
    let bytes = BASE64_STANDARD.decode(text).unwrap();
    let opaque = "opaque: igbinary, 35 bytes";
    assert_eq!(reason(&["php:session"], &bytes), opaque);
    assert_eq!(reason(&["php:value", "json", "encrypted"], &bytes), opaque);
    let laravel = ["base64>php:value", "base64>json", "encrypted"];
    assert_eq!(reason(&laravel, text), opaque);
}

#[test]
fn a_session_of_php_serialize_that_breaks_off_says_where() {
    let broken = stored("symfony-mongodbsessionhandler-7-php_serialize", "data").remove(0);
    let reason = reason(&["php:session"], &broken[..100]);
    assert!(reason.starts_with("php: ") && reason.contains(" at byte "), "{reason}");
}

#[test]
fn damage_does_not_make_a_ciphertext() {
    let broken = BASE64_STANDARD.encode("a:2:{s:4:\"name\";s:24:\"Åsa Łuczak 🎉\";s:4:\"cart\"");
    let laravel = ["base64>php:value", "base64>json", "encrypted"];
    let reason = reason(&laravel, broken.as_bytes());
    assert!(reason.starts_with("php: "), "{reason}");
}

#[test]
fn the_users_of_real_stores_are_found() {
    type Case = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str);
    let cases: [Case; 28] = [
        (
            "connect-mongo-6-default",
            "session",
            &["json", "encrypted"],
            "passport.user",
            "64f1c0ffee0ddba11c0ffee0 | - | - | -",
        ),
        (
            "connect-mongo-3-secret",
            "session",
            &["json", "encrypted"],
            "passport.user",
            "encrypted (kruptein) | encrypted (kruptein) | encrypted (kruptein) | encrypted (kruptein)",
        ),
        (
            "connect-mongo-6-crypto",
            "session",
            &["json", "encrypted"],
            "passport.user",
            "encrypted (kruptein) | encrypted (kruptein) | encrypted (kruptein) | encrypted (kruptein)",
        ),
        (
            "connect-mongo-6-stringify-false",
            "session",
            &["document"],
            "passport.user",
            "64f1c0ffee0ddba11c0ffee0 | - | - | -",
        ),
        ("sanic-session-0.8", "data", &["json"], "user.id", "42 | -"),
        (
            "axum_session_mongo-0.10",
            "session",
            &["json", "encrypted"],
            "data.user_auth_session_id",
            "42 | -",
        ),
        (
            "async-mongodb-session-3.0",
            "session.data",
            &["json-in-document"],
            "user_id",
            "42 | - | -",
        ),
        (
            "tower-sessions-mongodb-store-0.11",
            "data",
            &["msgpack:tower"],
            "axum-login.data.user_id",
            "42 | - | -",
        ),
        (
            "flask-session-0.8-msgpack",
            "val",
            &["msgpack", "json", "pickle"],
            "_user_id",
            "42 | - | -",
        ),
        (
            "flask-mongoengine-1.0",
            "data",
            &["document"],
            "_user_id",
            "64f1c0ffee0ddba11c0ffee0 | -",
        ),
        ("flask-mongo-sessions-0.2.1", "d", &["pickle"], "user_id", "42 | -"),
        (
            "django-mongodb-backend-5.2",
            "session_data",
            &["django-signed"],
            "_auth_user_id",
            "64f1c0ffee0ddba11c0ffee0 | -",
        ),
        ("django-mongo-sessions-0.0.4", "session_data", &["django-signed"], "foo", "bar | -"),
        (
            "django-mongoengine-0.5-dict",
            "session_data",
            &["document", "django-signed"],
            "_auth_user_id",
            "64f1c0ffee0ddba11c0ffee0 | -",
        ),
        ("beaker-ext-mongodb-1.14", "value", &["beaker"], "user_id", "42 | -"),
        (
            "symfony-mongodbsessionhandler-7-php",
            "data",
            &["php:session"],
            "_sf2_attributes.user_id",
            "42 | -",
        ),
        (
            "symfony-mongodbsessionhandler-7-php_serialize",
            "data",
            &["php:session"],
            "_sf2_attributes._security_*.u",
            "asa@example.se | -",
        ),
        (
            "laravel-mongodb-5.4",
            "payload",
            &["php:value", "json", "encrypted"],
            "login_web_*",
            "64f1c0ffee0ddba11c0ffee0 | -",
        ),
        (
            "laravel-mongodb-database-driver",
            "payload",
            &["base64>php:value"],
            "login_web_*",
            "64f1c0ffee0ddba11c0ffee0 | -",
        ),
        (
            "spring-session-jdk",
            "attr",
            &["java"],
            "SPRING_SECURITY_CONTEXT.authentication.principal.username",
            "asa@example.se | - | -",
        ),
        (
            "mongo_session_store-mongo",
            "data",
            &["ruby-marshal"],
            "warden.user.user.key.0.0",
            "42 | -",
        ),
        ("gin-mongodriver-1.x", "data", &["securecookie"], "user_id", "42 | -"),
        ("gin-mongomgo-kidstuff", "data", &["securecookie"], "user_id", "42 | -"),
        ("gofiber-storage-mongodb-v2-gob", "value", &["gob"], "user_id", "42 | -"),
        ("koa-session-mongo-1.1", "blob", &["json"], "passport.user", "64f1c0ff | -"),
        (
            "koa-session-mongoose-3.0",
            "data",
            &["document"],
            "passport.user",
            "64f1c0ffee0ddba11c0ffee0 | - | -",
        ),
        (
            "mongoose-session-0.0",
            "session",
            &["document"],
            "passport.user",
            "64f1c0ffee0ddba11c0ffee0 | - | - | -",
        ),
        ("hapi-yar-catbox-mongodb-4.2", "value", &["document"], "user.id", "42 | -"),
    ];
    for (fixture, field, names, path, expected) in cases {
        assert_eq!(users(fixture, field, names, path).join(" | "), expected, "{fixture}");
    }
}

/// One of each that reads bytes, bare and in base64.
fn all() -> impl Iterator<Item = Codec> {
    let bare = NAMED.iter().map(|(_, codec)| codec).filter(|codec| codec.reads_bytes());
    bare.flat_map(|codec| [*codec, Codec::Base64(codec)])
}

#[test]
fn no_codec_takes_megabytes_of_the_same_byte_for_a_session() {
    for byte in [0, b'[', b'A', b'(', 0x81, 0x91, 0xff] {
        let bytes = vec![byte; 1 << 20];
        for codec in all() {
            let payload = in_bytes(&[codec], &bytes);
            assert!(payload.value().is_none(), "{codec} read {byte:#x}");
        }
    }
}

#[test]
fn sixteen_megabytes_of_zeros_are_refused_at_once() {
    let zeros = vec![0; 16 << 20];
    for codec in all() {
        let reason = in_bytes(&[codec], &zeros).error().unwrap();
        assert!(!reason.is_empty(), "{codec}");
    }
}

#[test]
fn damage_is_survived_whatever_the_codecs() {
    let mut seeds = stored("flask-session-0.8-msgpack", "val");
    seeds.extend(stored("laravel-mongodb-database-driver", "payload"));
    seeds.extend(stored("go-securecookie", "data"));
    seeds.extend(stored("beaker-ext-mongodb-1.14", "value"));
    let codecs: Vec<Codec> = all().collect();
    survives_damage(&seeds, |bytes| {
        let payload = in_bytes(&codecs, bytes);
        Ok(payload.value().cloned().or(payload.error().map(Value::from)).unwrap_or_default())
    });
}

fn of_binary(names: &[&str], bytes: &[u8]) -> Payload {
    let binary = bson::raw::RawBinaryRef { subtype: BinarySubtype::Generic, bytes };
    by_codecs(&codecs(names), RawBsonRef::Binary(binary))
}

/// What an application's own `serialize` makes of a session.
fn compressed(text: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(text).unwrap();
    let zstd = zstd::bulk::compress(text, 3).unwrap();
    [("zlib", zlib.finish().unwrap()), ("gzip", gzip.finish().unwrap()), ("zstd", zstd)]
}

#[test]
fn compressed_bytes_are_read_as_what_was_compressed() {
    for (how, bytes) in compressed(br#"{"user":"u1"}"#) {
        let value = Payload::Value(json!({ "user": "u1" }));
        assert_eq!(of_binary(&["json", "encrypted"], &bytes), value, "{how}");
    }
    for (how, bytes) in compressed(&b"no session of anybody ".repeat(9)) {
        let error = of_binary(&["json"], &bytes).error().unwrap();
        let what = format!("binary, {} bytes: compressed with {how} (json: ", bytes.len());
        assert!(error.starts_with(&what), "{error}");
    }
    for (how, mut bytes) in compressed(&b"no session of anybody ".repeat(9)) {
        bytes.truncate(20);
        let error = of_binary(&["json"], &bytes).error().unwrap();
        assert!(error.contains(&format!("compressed with {how}")), "{error}");
    }
}

#[test]
fn what_unpacks_to_many_times_its_size_is_not_unpacked() {
    for (how, bytes) in compressed(&vec![b' '; 64 << 20]) {
        let error = of_binary(&["json"], &bytes).error().unwrap();
        assert!(error.contains(&format!("{how} data expands to more than")), "{error}");
    }
}

#[test]
fn bytes_of_a_cipher_are_called_encrypted_and_others_what_they_are() {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let sealed: Vec<u8> = std::iter::once(0xff).chain((0..99).map(|_| random())).collect();
    let error = of_binary(&["json", "encrypted"], &sealed).error().unwrap();
    assert_eq!(error, "binary, 100 bytes: it looks encrypted");
    let error = of_binary(&["json"], &[0xff; 40]).error().unwrap();
    assert!(!error.contains("encrypted") && !error.contains("malformed"), "{error}");
}
