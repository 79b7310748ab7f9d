//! Recognizes and masks the parts of a payload that look like secrets.

use serde_json::Value;

/// Replaces a secret.
const MASK: &str = "********";

/// Parts of names that indicate a secret, in lower case without `_`, `-` and `.`.
const SECRET_NAMES: [&str; 22] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "csrf",
    "xsrf",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "authhash",
    "sessionhash",
    "credential",
    "signature",
    "bearer",
    "jwt",
    "otp",
    "salt",
    "nonce",
    "verifier",
];

/// Replaces every value whose name looks like that of a secret with asterisks, at any depth.
pub fn mask(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if is_secret(name) { cover(value) } else { mask(value) }
            }
        }
        Value::Array(array) => array.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Masks all values inside a secret. Its structure stays visible.
fn cover(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(cover),
        Value::Array(array) => array.iter_mut().for_each(cover),
        Value::Null | Value::Bool(_) => {}
        Value::String(_) | Value::Number(_) => *value = MASK.into(),
    }
}

fn is_secret(name: &str) -> bool {
    let plain: String = name
        .chars()
        .filter(|letter| !matches!(letter, '_' | '-' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    SECRET_NAMES.iter().any(|secret| plain.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_at_any_depth_and_nothing_else() {
        let mut value = json!({
            "csrfSecret": "q3J9", "user": { "name": "Åsa", "api_key": "k", "_csrf_token": ["a", 1] },
            "passport": { "user": "64f1" }, "accessToken": { "value": "x", "expires": null },
        });
        mask(&mut value);
        assert_eq!(
            value,
            json!({
                "csrfSecret": MASK, "user": { "name": "Åsa", "api_key": MASK, "_csrf_token": [MASK, MASK] },
                "passport": { "user": "64f1" }, "accessToken": { "value": MASK, "expires": null },
            })
        );
    }
}
