//! Django's sessions. Since 3.1 they are written by `django.core.signing.dumps`
//! (`payload:time:signature`, with the payload in base64url without padding, and a leading `.` for
//! zlib). Before that, they are base64 of `hash:payload` (Django 2.2
//! `contrib/sessions/backends/base.py`). The payload is JSON, or a pickle if `PickleSerializer` was
//! set. Signatures are not verified, because that requires the site's key.

use base64::Engine as _;
use serde_json::Value;

use super::base64::{BASE64, BASE64_URL};
use super::inflate::inflate;
use super::reader::{Decoded, Reader};
use super::{json, pickle};

pub fn signed(text: &[u8]) -> Decoded<Value> {
    let text = text.trim_ascii();
    let mut reader = Reader::new("django", text);
    match text.iter().rposition(|byte| *byte == b':') {
        Some(end) => unpack(&mut reader, without_time(&text[..end])),
        None => legacy(&mut reader, text),
    }
}

/// Removes the time. Base64url contains no colon, so the time follows the first one.
fn without_time(signed: &[u8]) -> &[u8] {
    let end = signed.iter().position(|byte| *byte == b':');
    &signed[..end.unwrap_or(signed.len())]
}

fn unpack(reader: &mut Reader, packed: &[u8]) -> Decoded<Value> {
    let (compressed, base64) = match packed.strip_prefix(b".") {
        Some(rest) => (true, rest),
        None => (false, packed),
    };
    let bytes = BASE64_URL
        .decode(base64)
        .map_err(|error| reader.error(format!("invalid base64url: {error}")))?;
    if compressed {
        let inflated = inflate(reader, &bytes)?;
        payload(reader, &inflated)
    } else {
        payload(reader, &bytes)
    }
}

fn legacy(reader: &mut Reader, text: &[u8]) -> Decoded<Value> {
    let bytes =
        BASE64.decode(text).map_err(|error| reader.error(format!("invalid base64: {error}")))?;
    let hash = bytes.iter().position(|byte| *byte == b':');
    let hash = hash.ok_or_else(|| reader.error("neither signed nor hashed"))?;
    payload(reader, &bytes[hash + 1..])
}

fn payload(reader: &mut Reader, bytes: &[u8]) -> Decoded<Value> {
    if bytes.first() == Some(&0x80) {
        return reader.inside("pickle", bytes, pickle::read);
    }
    reader.inside("json", bytes, json::read)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use serde_json::json;

    use super::*;
    use crate::model::payload::samples::{stored, survives_damage};

    fn compressed(bytes: &[u8], level: Compression) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(bytes).unwrap();
        format!(".{}:1xVU6f:sig", BASE64_URL_SAFE_NO_PAD.encode(encoder.finish().unwrap()))
            .into_bytes()
    }

    fn reason(text: &[u8]) -> String {
        signed(text).unwrap_err().to_string()
    }

    #[test]
    fn sessions_of_django_mongodb_backend_are_read_whole() {
        let payloads = stored("django-mongodb-backend-5.2", "session_data");
        assert_eq!(
            signed(&payloads[0]).unwrap(),
            json!({
                "_auth_user_id": "64f1c0ffee0ddba11c0ffee0",
                "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
                "_auth_user_hash": "9d3c".repeat(16),
                "_csrftoken": "q3J9",
                "cart": [{ "sku": "本-42", "qty": 1 }],
                "name": "Åsa Łuczak 🎉",
            })
        );
        assert_eq!(signed(&payloads[1]).unwrap(), json!({ "views": 1 }));
    }

    #[test]
    fn sessions_of_django_mongo_sessions_are_read_whole() {
        let payloads = stored("django-mongo-sessions-0.0.4", "session_data");
        assert_eq!(signed(&payloads[0]).unwrap(), json!({ "foo": "bar" }));
        assert_eq!(signed(&payloads[1]).unwrap(), json!({}));
    }

    #[test]
    fn every_generation_of_django_is_read() {
        let payloads = stored("django-signing", "session_data");
        let session = json!({
            "_auth_user_id": "42",
            "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
            "name": "Åsa Łuczak 🎉",
            "cart": vec![json!({ "sku": "本-42", "qty": 1 }); 6],
        });
        for (index, payload) in payloads.iter().enumerate() {
            let expected = if index == 3 { json!({}) } else { session.clone() };
            assert_eq!(signed(payload).unwrap(), expected, "{index}");
        }
    }

    #[test]
    fn a_session_that_compresses_well_is_no_bomb() {
        let long = json!({ "x": "a".repeat(60_000) });
        assert_eq!(
            signed(&compressed(long.to_string().as_bytes(), Compression::best())).unwrap(),
            long
        );
    }

    #[test]
    fn a_zlib_bomb_is_an_error_that_says_so() {
        let bomb = compressed(&vec![b' '; 8 << 20], Compression::best());
        assert!(reason(&bomb).contains("zlib data expands to more than"), "{}", reason(&bomb));
        let large = compressed(&vec![b' '; 17 << 20], Compression::none());
        assert!(reason(&large).contains("zlib data expands to more than 16777216 bytes"));
    }

    #[test]
    fn json_of_millions_of_values_is_an_error() {
        let zeros = compressed(&b"0,".repeat(2 << 20), Compression::none());
        assert!(reason(&zeros).contains("too many values"));
    }

    #[test]
    fn hostile_text_is_an_error() {
        assert!(reason(b"").starts_with("django: neither signed nor hashed"));
        assert!(reason(b"\xff\xff").starts_with("django: invalid base64: "));
        assert!(reason(b"e30*:a:b").starts_with("django: invalid base64url: "));
        assert!(reason(b".e30:a:b").starts_with("django: invalid zlib data: "));
        assert_eq!(reason(b"e3s:a:b"), "json: invalid JSON at byte 2");
        assert!(
            reason(&compressed(&vec![b'['; 60_000], Compression::best()))
                .contains("nested too deeply")
        );
        assert!(reason(&vec![0; 16 << 20]).starts_with("django: invalid base64: "));
    }

    #[test]
    fn damage_is_survived() {
        let mut seeds = stored("django-signing", "session_data");
        seeds.extend(stored("django-mongodb-backend-5.2", "session_data"));
        survives_damage(&seeds, signed);
    }
}
