//! Finds secrets in a payload, by the name of a value and by the content of text.
//!
//! Payloads are shown to people and copied into tickets, so a value that may be a secret is masked.
//! Masking a harmless word is a nuisance, but a password that was shown cannot be taken back.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;
use unicode_normalization::UnicodeNormalization as _;

/// The replacement for a secret.
const MASK: &str = "********";

/// These make a name secret wherever they occur in it. Names are compared in lowercase, without
/// separators.
const SECRET_PARTS: [&str; 43] = [
    "accesskey",
    "apikey",
    "authcode",
    "authhash",
    "authorization",
    "backupcode",
    "bearer",
    "cardnumber",
    "credential",
    "creditcard",
    "csrf",
    "encryptionkey",
    "encryptkey",
    "jwt",
    "logincode",
    "masterkey",
    "mfacode",
    "nonce",
    "onetimecode",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "recoverycode",
    "resetcode",
    "salt",
    "secret",
    "securitycode",
    "sessid",
    "sessionhash",
    "sessionid",
    "sessionkey",
    "signature",
    "signingkey",
    "smscode",
    "sshkey",
    "token",
    "twofactor",
    "verifier",
    "xsrf",
];

/// Secret only as whole words of a name: `passport` and `shipping` are not secret.
const SECRET_WORDS: [&str; 14] = [
    "2fa", "cvc", "cvc2", "cvv", "cvv2", "hash", "mfa", "pass", "pin", "psk", "pw", "sid", "ssn",
    "tfa",
];

/// Secret as a whole name, and only if the value is text: Express stores an object in `cookie`, and
/// many applications store the login in `auth`.
const SECRET_TEXTS: [&str; 4] = ["auth", "cookie", "cookies", "setcookie"];

/// The keys for the name and the value of each item in a list of fields.
const NAMES_OF_FIELDS: [&str; 5] = ["name", "key", "field", "header", "label"];
const VALUES_OF_FIELDS: [&str; 4] = ["value", "val", "content", "text"];

/// How many levels of JSON text inside JSON text are searched; deeper text is masked as a whole.
const DEEPEST: usize = 8;

/// How secret the value under a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    Open,
    /// Text is secret; objects are searched.
    Text,
    Secret,
}

/// Replaces every value whose name looks secret, at any depth, and secrets inside text, with
/// asterisks.
pub fn mask(value: &mut Value) {
    mask_within(value, 0);
}

fn mask_within(value: &mut Value, depth: usize) {
    match value {
        Value::Object(map) => {
            let names_a_secret = NAMES_OF_FIELDS.iter().any(
                |key| matches!(map.get(*key), Some(Value::String(name)) if secrecy(name) != Secrecy::Open),
            );
            for (name, value) in map {
                let is_named = names_a_secret && VALUES_OF_FIELDS.contains(&name.as_str());
                mask_named(if is_named { Secrecy::Secret } else { secrecy(name) }, value, depth);
            }
        }
        Value::Array(array) => match array.as_mut_slice() {
            // A map in the form of a list of pairs.
            [Value::String(name), value] if secrecy(name) != Secrecy::Open => {
                mask_named(secrecy(name), value, depth);
            }
            values => values.iter_mut().for_each(|value| mask_within(value, depth)),
        },
        Value::String(text) => {
            if let Some(masked) = mask_text(text, depth) {
                *text = masked;
            }
        }
        _ => {}
    }
}

fn mask_named(secrecy: Secrecy, value: &mut Value, depth: usize) {
    match (secrecy, &*value) {
        (Secrecy::Open, _) | (Secrecy::Text, Value::Object(_)) => mask_within(value, depth),
        (Secrecy::Text | Secrecy::Secret, _) => cover(value),
    }
}

/// A secret's own structure stays visible, its values do not.
fn cover(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(cover),
        Value::Array(array) => array.iter_mut().for_each(cover),
        Value::Null | Value::Bool(_) => {}
        Value::String(_) | Value::Number(_) => *value = MASK.into(),
    }
}

/// The text with its secrets masked; `None` if it has none.
fn mask_text(text: &str, depth: usize) -> Option<String> {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(mut inner) = serde_json::from_str::<Value>(text)
    {
        if depth == DEEPEST {
            return Some(MASK.to_owned());
        }
        let before = inner.clone();
        mask_within(&mut inner, depth + 1);
        return (inner != before).then(|| inner.to_string());
    }
    let mut masked = text.to_owned();
    for pattern in &*SECRET_VALUES {
        let shown = |found: &Captures<'_>| {
            let end = found.name("end").map_or("", |end| end.as_str());
            format!("{}{MASK}{end}", &found["kept"])
        };
        masked = pattern.replace_all(&masked, shown).into_owned();
    }
    masked = mask_named_values(&masked);
    (masked != text).then_some(masked)
}

/// Secrets that are recognized by their form. The groups `kept` and `end` stay.
static SECRET_VALUES: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    [
        // A header: `Authorization: Bearer ...`.
        pattern(r"(?P<kept>(?-u:\b)(?i-u:bearer|basic|digest) +)[A-Za-z0-9._~+/=-]{6,}"),
        // The password of a connection string. It may hold an unescaped `@` or `/`.
        pattern(
            r#"(?P<kept>(?-u:\b)[A-Za-z][A-Za-z0-9+.-]*://[^ \t\r\n:/?#@"']*:)[^ \t\r\n"']+(?P<end>@)"#,
        ),
        // A JSON Web Token.
        pattern(r"(?P<kept>)(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),
        // The hash of a password: as `crypt` writes it (`$2b$12$...`), or Django and Werkzeug
        // (`pbkdf2_sha256$600000$...`). Symfony and Devise store it beside the user's id.
        pattern(concat!(
            r"(?P<kept>)(?:\$(?:2[abxy]?|[1567PHy]|gy|apr1|argon2(?:id?|d)|scrypt|pbkdf2[a-z0-9-]*)",
            r"|(?-u:\b)(?:pbkdf2|scrypt|bcrypt|argon2)[_:a-z0-9]*)\$(?:,?[A-Za-z0-9./+=$_-]){8,}",
        )),
    ]
});

/// Masks the value of `name=value` and `name: value`, as in an address, a form, a cookie header or
/// a line of a log. Written by hand, because a regular expression would try to match a name at
/// every position: 16 MB took a minute.
fn mask_named_values(text: &str) -> String {
    const AROUND: [char; 3] = [' ', '"', '\''];
    let mut masked = String::with_capacity(text.len());
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = text[from..].find([':', '=']) {
        let after = from + found + 1;
        let name = last_word(text[copied..after - 1].trim_end_matches(AROUND));
        let value = text[after..].trim_start_matches(AROUND);
        let begin = text.len() - value.len();
        from = after;
        // Only then is the end looked for, which may be that of the text.
        if secrecy(name) == Secrecy::Open {
            continue;
        }
        let ends = |letter: char| letter.is_whitespace() || "&;,\"'#".contains(letter);
        let end = begin + value.find(ends).unwrap_or(value.len());
        if end > begin {
            masked.push_str(&text[copied..begin]);
            masked.push_str(MASK);
            (copied, from) = (end, end);
        }
    }
    masked.push_str(&text[copied..]);
    masked
}

/// The name at the end of a text, of at most 64 characters.
fn last_word(text: &str) -> &str {
    let is_of_name = |letter: char| letter.is_alphanumeric() || "_-.".contains(letter);
    let letters = text.char_indices().rev().take(64);
    let begin = letters.take_while(|(_, letter)| is_of_name(*letter)).last();
    begin.map_or("", |(at, _)| &text[at..])
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the patterns are constant, and a test uses each")
}

fn secrecy(name: &str) -> Secrecy {
    let words = words(name);
    let plain = words.concat();
    if SECRET_TEXTS.contains(&plain.as_str()) {
        return Secrecy::Text;
    }
    let is_secret = SECRET_PARTS.iter().any(|part| plain.contains(part))
        || words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()));
    if is_secret { Secrecy::Secret } else { Secrecy::Open }
}

/// The words of a name in lower case: `apiKey`, `api_key` and `api key` have the same two.
/// Characters that only look different (such as full-width letters) and invisible marks are
/// ignored.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for letter in name.nfkc().filter(|letter| !is_invisible(*letter)) {
        let begins = letter.is_uppercase() && was_lower;
        was_lower = letter.is_lowercase();
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Whether a character shows nothing: fillers, joiners, marks of direction, variation selectors, tags and
/// annotation marks. Two texts that differ in them look the same.
pub fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn masked(mut value: Value) -> Value {
        mask(&mut value);
        value
    }

    #[test]
    fn secrets_are_masked_at_any_depth_and_nothing_else() {
        assert_eq!(
            masked(json!({
                "csrfSecret": "q3J9", "user": { "name": "Åsa", "api_key": "k", "_csrf_token": ["a", 1] },
                "passport": { "user": "64f1" }, "accessToken": { "value": "x", "expires": null },
            })),
            json!({
                "csrfSecret": MASK, "user": { "name": "Åsa", "api_key": MASK, "_csrf_token": [MASK, MASK] },
                "passport": { "user": "64f1" }, "accessToken": { "value": MASK, "expires": null },
            })
        );
    }

    /// Each colon was once followed to the end of the text, which took hours.
    #[test]
    fn a_text_of_colons_is_read_once() {
        let colons = ":".repeat(1 << 20);
        assert_eq!(mask_text(&colons, 0), None);
        let secret = mask_text(&format!("{colons}token={colons}"), 0);
        assert_eq!(secret, Some(format!("{colons}token={MASK}")));
    }

    #[test]
    fn names_of_secrets_are_known_in_any_spelling() {
        for name in [
            "pass",
            "userPass",
            "pw",
            "auth",
            "pin",
            "cardPIN",
            "ssn",
            "mfaCode",
            "2fa",
            "api key",
            "API-Key",
            "sshKey",
            "encryptionKey",
            "sessionId",
            "sid",
            "connect.sid",
            "Cookie",
            "Set-Cookie",
            "hash",
            "passwordHash",
            "cvv",
            "creditCard",
            "recoveryCodes",
            "PHPSESSID",
            "one_time_code",
            "ｐａｓｓｗｏｒｄ",
            "pass\u{200B}word",
            "to\u{AD}ken",
            "𝐬𝐞𝐜𝐫𝐞𝐭",
        ] {
            assert_eq!(masked(json!({ name: "x" })), json!({ name: MASK }), "{name}");
        }
        for name in [
            "passport",
            "shipping",
            "pinned",
            "passenger",
            "author",
            "hashtag",
            "sidebar",
            "cookieConsent",
            "compass",
            "userId",
            "email",
            "roles",
            "spinner",
            "authenticated",
            "residence",
        ] {
            assert_eq!(masked(json!({ name: "x" })), json!({ name: "x" }), "{name}");
        }
    }

    #[test]
    fn the_cookie_object_of_express_is_no_secret() {
        let session = json!({
            "cookie": { "originalMaxAge": 86_400_000, "path": "/", "httpOnly": true },
            "auth": { "userId": 7, "apiKey": "k" },
        });
        let mut shown = session.clone();
        shown["auth"]["apiKey"] = MASK.into();
        assert_eq!(masked(session), shown);
    }

    #[test]
    fn a_field_that_is_named_by_its_neighbour_is_masked() {
        assert_eq!(
            masked(json!([
                { "name": "password", "value": "x" }, { "name": "city", "value": "Bern" },
                ["token", "x"], ["city", "Bern"],
            ])),
            json!([
                { "name": "password", "value": MASK }, { "name": "city", "value": "Bern" },
                ["token", MASK], ["city", "Bern"],
            ])
        );
    }

    #[test]
    fn secrets_inside_a_text_are_masked_and_the_rest_of_it_stays() {
        for (text, shown) in [
            (r#"{"user":"a","password":"x"}"#, r#"{"user":"a","password":"********"}"#),
            (r#"[{"inner":"{\"pin\":1}"}]"#, r#"[{"inner":"{\"pin\":\"********\"}"}]"#),
            ("Bearer abc.def-123", "Bearer ********"),
            ("sent Authorization: Basic dXNlcjpwdw==", "sent Authorization: ******** ********"),
            ("/reset?token=abc123&lang=de", "/reset?token=********&lang=de"),
            ("user=a&password=x", "user=a&password=********"),
            (
                "theme=dark; connect.sid=s%3Aabc; lang=de",
                "theme=dark; connect.sid=********; lang=de",
            ),
            ("mongodb://app:s3cr/t@db:27017/shop", "mongodb://app:********@db:27017/shop"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc_-1", "jwt ********"),
            ("a: {bcrypt}$2a$10$abcdefghijklmnopqrstuv, b", "a: {bcrypt}********, b"),
        ] {
            assert_eq!(masked(json!({ "note": text })), json!({ "note": shown }), "{text}");
        }
        for text in ["https://example.com/a?page=2", "at 10:30, room: 7", "{not json", "[]", ""] {
            assert_eq!(masked(json!({ "note": text })), json!({ "note": text }));
        }
        for text in ["costs $5 or $6", "$2, $5$ and $6$", "bcrypt or scrypt", "argon2id$"] {
            assert_eq!(masked(json!({ "note": text })), json!({ "note": text }));
        }
    }

    #[test]
    fn hashes_of_passwords_are_masked_wherever_they_are() {
        for hash in [
            "$2y$13$abcdefghijklmnopqrstuuN9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92",
            "$2a$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b4dWR",
            "$5$rounds=5000$saltsalt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1",
            "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
            "$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk",
            "$P$B55D6LjfHDkINU5wF.v2BuuzO0/XPk/",
            "pbkdf2_sha256$600000$saltsaltsalt$W9/v2iGjRqPkMpn4dvjVwZ1b0fT6JHRQtX5fWcQbZzc=",
            "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuN9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaGhhc2hoYXNo",
            "pbkdf2:sha256:600000$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "scrypt:32768:8:1$salt$5f4dcc3b5aa765d61d8327deb882cf99",
        ] {
            assert_eq!(
                masked(
                    json!({ "_security_main": [1, "a@b", hash], "key": [[42], hash], "x": hash })
                ),
                json!({ "_security_main": [1, "a@b", MASK], "key": [[42], MASK], "x": MASK }),
            );
        }
    }

    #[test]
    fn json_inside_json_is_opened_only_so_deep() {
        let mut text = json!({ "password": "x" }).to_string();
        for _ in 0..DEEPEST + 1 {
            text = json!({ "v": text }).to_string();
        }
        let shown = masked(Value::String(text)).to_string();
        assert!(shown.contains(MASK) && !shown.contains("\"x"), "{shown}");
    }
}
