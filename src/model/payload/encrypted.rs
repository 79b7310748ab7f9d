//! Recognizes ciphertexts. Only the name of what encrypted them can be shown.
//!
//! connect-mongo 3 `secret`: JSON text of JSON text `{hmac, ct, at, aad, iv}`. kruptein 3.0.8
//! (connect-mongo 6) and 3.4.0 (5.1): base64 of a DER sequence, `MII...`. connect-mongo 6
//! `createWebCryptoAdapter`, and `axum_session` with a `database_key`: base64 of nonce, ciphertext
//! and tag without a header. Laravel `SESSION_ENCRYPT`: base64 of JSON `{iv, value, mac, tag}`.
//! Both of connect-mongo's methods can also write hexadecimal digits, and kruptein raw bytes as
//! characters (`encodeas`).

use serde_json::Value;

use super::base64::either;
use super::reader::Reader;
use super::sealed::Sealed;
use super::securecookie::securecookie;
use super::{json, pickle};

/// The minimum size of a ciphertext: a nonce of 12 bytes, a tag of 16, and one byte.
const SHORTEST: usize = 29;

/// The members of an object that is a ciphertext. Laravel's are text.
pub const KRUPTEIN: [&str; 2] = ["hmac", "ct"];
pub const LARAVEL: [&str; 3] = ["iv", "value", "mac"];

/// The method that encrypted `bytes`, if they are encrypted.
pub fn encryption(bytes: &[u8]) -> Option<&'static str> {
    if bytes.first() == Some(&0x80) {
        return (pickle::beaker(bytes) == Ok(Sealed::Encrypted)).then_some("beaker");
    }
    let text = bytes.trim_ascii();
    match json::read(&mut Reader::new("encrypted", text)) {
        Ok(value) if is_kruptein(&value) => return Some("kruptein"),
        Ok(Value::String(inner)) => return encryption(inner.as_bytes()),
        Ok(_) => return None,
        Err(_) => {}
    }
    match securecookie(text) {
        Ok(Sealed::Encrypted) => return Some("securecookie"),
        Ok(Sealed::Value(_)) => return None,
        Err(_) => {}
    }
    if is_der_in_letters(text) {
        return Some("kruptein");
    }
    // Before base64, because some hexadecimal texts are valid base64 too.
    let bytes = from_hex(text).or_else(|| either(text))?;
    if bytes.starts_with(b"{") {
        return is_laravel(&bytes).then_some("laravel");
    }
    if bytes.len() < SHORTEST {
        return None;
    }
    if bytes.is_ascii() {
        // Laravel's `database` driver always wraps the payload in base64.
        return encryption(&bytes).filter(|how| *how == "laravel");
    }
    match bytes.as_slice() {
        [0x30, 0x81 | 0x82, ..] => Some("kruptein"),
        _ => Some("AES"),
    }
}

/// Whether the bytes are as diverse as random ones. Those of an encoding are not.
pub fn looks_random(bytes: &[u8]) -> bool {
    // Fewer bytes prove nothing.
    const ENOUGH: usize = 64;
    if bytes.len() < ENOUGH || std::str::from_utf8(bytes).is_ok() {
        return false;
    }
    // Among more bytes, nearly every value occurs in any case.
    let bytes = &bytes[..bytes.len().min(256)];
    let mut seen = [false; 256];
    bytes.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let distinct = seen.into_iter().filter(|seen| *seen).count();
    // The distinct values expected among as many random bytes, less a margin for chance.
    let expected = 256.0 * (1.0 - (255.0_f64 / 256.0).powf(bytes.len() as f64));
    distinct as f64 > expected * 0.8
}

/// Whether `text` is a DER sequence whose bytes were stored as characters: one by one (Node's
/// `latin1`), or with U+FFFD for what is not UTF-8, which the application cannot read back.
fn is_der_in_letters(text: &[u8]) -> bool {
    let sequence = text.strip_prefix(b"0").unwrap_or_default();
    ["\u{81}", "\u{82}", "\u{fffd}"].iter().any(|length| sequence.starts_with(length.as_bytes()))
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8; 2]| Some(digit(pair[0])? << 4 | digit(pair[1])?);
    let (pairs, rest) = text.as_chunks::<2>();
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Whether a JSON value is a ciphertext: as a string, or as an object that consists of one.
pub fn is_ciphertext(value: &Value) -> bool {
    match value {
        Value::String(inner) => encryption(inner.as_bytes()).is_some(),
        value => is_kruptein(value) || is_laravel_value(value),
    }
}

fn is_kruptein(value: &Value) -> bool {
    KRUPTEIN.iter().all(|key| value.get(key).is_some())
}

fn is_laravel(text: &[u8]) -> bool {
    json::read(&mut Reader::new("encrypted", text)).is_ok_and(|value| is_laravel_value(&value))
}

fn is_laravel_value(value: &Value) -> bool {
    LARAVEL.iter().all(|key| value[*key].is_string())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::model::payload::samples::{stored, survives_damage};

    fn seeds() -> Vec<Vec<u8>> {
        let mut seeds = stored("connect-mongo-3-secret", "session");
        seeds.extend(stored("connect-mongo-6-crypto", "session"));
        seeds.extend(stored("connect-mongo-6-crypto-hex", "session"));
        seeds.extend(stored("go-securecookie", "data"));
        seeds
    }

    #[test]
    fn what_real_stores_encrypted_is_named() {
        for fixture in [
            "connect-mongo-3-secret",
            "connect-mongo-6-crypto",
            "connect-mongo-5-crypto-stringify-false",
        ] {
            for payload in stored(fixture, "session") {
                assert_eq!(encryption(&payload), Some("kruptein"), "{fixture}");
            }
        }
        let hex = stored("connect-mongo-6-crypto-hex", "session");
        let named: Vec<_> = hex.iter().map(|payload| encryption(payload)).collect();
        assert_eq!(named, [Some("kruptein"), Some("kruptein"), Some("AES"), Some("AES")]);
        assert_eq!(encryption(&stored("go-securecookie", "data")[1]), Some("securecookie"));
        let laravel = br#"{"iv":"q3J9x0mZQ1yB6m2rVtY7sw==","value":"x","mac":"9d3c","tag":""}"#;
        assert_eq!(encryption(BASE64_STANDARD.encode(laravel).as_bytes()), Some("laravel"));
        let random: Vec<u8> = (0..64).map(|n: u8| n.wrapping_mul(167)).collect();
        assert_eq!(encryption(BASE64_STANDARD.encode(&random).as_bytes()), Some("AES"));
        assert_eq!(encryption(BASE64_URL_SAFE_NO_PAD.encode(&random).as_bytes()), Some("AES"));
        let beaker = b"\x80\x02U\x20q3J9x0mZQ1yB6m2rVtY7sw==8Kdq3J9x.";
        assert_eq!(encryption(beaker), Some("beaker"));
    }

    /// kruptein 3.4.0 with `encodeas: "latin1"`, and what `"utf8"` leaves.
    #[test]
    fn bytes_written_as_letters_are_a_ciphertext_too() {
        let latin1 = "0\u{82}\u{1}4\u{4}+Ö\u{9b}º¦eÁüÏ\u{98}PUv\u{1d}\t¦Ïæ\u{8e}K¿~[\u{8}¦\u{1b}é";
        assert_eq!(encryption(latin1.as_bytes()), Some("kruptein"));
        let lossy = String::from_utf8_lossy(b"0\x82\x01|\x04#0\xacBE\x8f\xee\x92Vs\x97H]{");
        assert_eq!(encryption(lossy.as_bytes()), Some("kruptein"));
        assert_eq!(encryption(b"0"), None);
        assert_eq!(encryption("0å".as_bytes()), None);
    }

    #[test]
    fn random_bytes_are_told_from_those_of_an_encoding() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        for length in [64, 100, 300, 5000] {
            let bytes: Vec<u8> = (0..length).map(|_| random()).collect();
            assert!(looks_random(&bytes), "{length}");
        }
        for (fixture, field) in [
            ("tower-sessions-mongodb-store-0.11", "data"),
            ("flask-session-0.8-msgpack", "val"),
            ("spring-session-jdk", "attr"),
            ("scs-mongodbstore", "object"),
            ("beaker-ext-mongodb-1.14", "value"),
        ] {
            for payload in stored(fixture, field) {
                assert!(!looks_random(&payload), "{fixture}");
            }
        }
    }

    #[test]
    fn what_is_not_encrypted_is_not_said_to_be() {
        let broken = br#"{"cookie":{"originalMaxAge":null"#;
        let serialized = BASE64_STANDARD.encode(br#"a:1:{s:7:"user_id";s:12:"64f1c0ffee0d";}"#);
        let hex = b"7b22636f6f6b6965223a7b7d2c2276696577733a317d7b22636f6f6b6965223a7b7d";
        let plain: [&[u8]; 7] =
            [b"", b"hello", broken, b"{}", serialized.as_bytes(), hex, &b"[".repeat(100_000)];
        for bytes in plain {
            assert_eq!(encryption(bytes), None);
        }
        assert_eq!(encryption(&stored("go-securecookie", "data")[0]), None);
        assert_eq!(encryption(&stored("beaker-ext-mongodb-1.14", "value")[0]), None);
        assert_eq!(encryption(&vec![0; 16 << 20]), None);
    }

    #[test]
    fn damage_is_survived() {
        survives_damage(&seeds(), |bytes| Ok(encryption(bytes).into()));
    }
}
