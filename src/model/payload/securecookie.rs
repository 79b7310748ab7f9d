//! gorilla/securecookie (`securecookie.go`): base64url of `timestamp|value|mac`. The value is
//! base64url of gob or JSON, either of them optionally encrypted with AES. Used by gin-contrib's
//! mongodriver and mongomgo, and by kidstuff/mongostore. The mac is not verified, because that
//! requires the site's key.

use base64::Engine as _;
use serde_json::Value;

use super::base64::BASE64_URL;
use super::reader::{Decoded, Reader};
use super::sealed::Sealed;
use super::{gob, json};

pub fn securecookie(text: &[u8]) -> Decoded<Sealed> {
    let mut reader = Reader::new("securecookie", text);
    let value = unseal(&reader)?;
    if gob::looks_like_gob(&value) {
        return reader.inside("gob", &value, gob::read).map(Sealed::Value);
    }
    // Neither gob nor JSON: with a block key, the value looks random without that key.
    Ok(match reader.inside("json", &value, json::read) {
        Ok(value @ Value::Object(_)) => Sealed::Value(value),
        _ => Sealed::Encrypted,
    })
}

/// The value in a cookie, without the timestamp before it (seconds since 1970).
fn unseal(whole: &Reader) -> Decoded<Vec<u8>> {
    let sealed = BASE64_URL
        .decode(whole.rest().trim_ascii())
        .map_err(|error| whole.error(format!("invalid base64url: {error}")))?;
    let mut reader = Reader::new("securecookie", &sealed);
    if !reader.until(b'|')?.iter().all(u8::is_ascii_digit) {
        return Err(reader.error("the timestamp is missing"));
    }
    BASE64_URL
        .decode(reader.until(b'|')?)
        .map_err(|error| reader.error(format!("invalid base64url inside: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::payload::samples::{stored, survives_damage};

    fn shown(text: &[u8]) -> Value {
        securecookie(text).unwrap().shown()
    }

    #[test]
    fn gin_sessions_are_read_whole() {
        for store in ["gin-mongodriver-1.x", "gin-mongomgo-kidstuff"] {
            let payloads = stored(store, "data");
            assert_eq!(
                shown(&payloads[0]),
                json!({ "user": "Åsa Łuczak 🎉", "user_id": 42, "modified": "2026-11-23T13:36:07.537Z" })
            );
            assert_eq!(shown(&payloads[1]), json!({ "count": 1 }));
        }
    }

    #[test]
    fn an_encrypted_value_is_no_error() {
        let payloads = stored("go-securecookie", "data");
        assert_eq!(shown(&payloads[0]), json!({ "user_id": 42 }));
        assert_eq!(securecookie(&payloads[1]).unwrap(), Sealed::Encrypted);
        assert_eq!(shown(&payloads[2]), json!({ "user_id": 42 }));
    }

    #[test]
    fn what_is_no_cookie_is_an_error() {
        let reason = |text: &[u8]| securecookie(text).unwrap_err().to_string();
        assert!(reason(b"\xff").starts_with("securecookie: invalid base64url: "));
        assert_eq!(reason(b"MTIz"), "securecookie: '|' is missing at byte 0");
        assert_eq!(reason(b"YXxifGM="), "securecookie: the timestamp is missing at byte 2");
        assert_eq!(reason(b""), "securecookie: '|' is missing at byte 0");
    }

    #[test]
    fn a_damaged_gob_is_an_error_rather_than_encrypted() {
        let mut cookie = b"1|".to_vec();
        let whole = unseal(&Reader::new("", &stored("go-securecookie", "data")[0])).unwrap();
        cookie.extend(BASE64_URL.encode(&whole[..whole.len() - 3]).bytes());
        cookie.extend(b"|mac");
        let error = securecookie(BASE64_URL.encode(cookie).as_bytes()).unwrap_err();
        assert_eq!(error.codec, "gob");
    }

    #[test]
    fn damage_is_survived() {
        let mut seeds = stored("gin-mongodriver-1.x", "data");
        seeds.extend(stored("go-securecookie", "data"));
        survives_damage(&seeds, |text| securecookie(text).map(Sealed::shown));
    }
}
