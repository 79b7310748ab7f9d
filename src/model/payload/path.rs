//! Paths in decoded payloads.

use serde_json::Value;

/// The value at a dotted path of a decoded payload. A name that ends in `*` matches the first name
/// with that prefix. A number is the index of an array. If an object has a key that contains dots,
/// such as `axum-login.data`, that key takes precedence.
pub fn get<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    along(path, |key| child(value, key), get)
}

/// The keys of payloads that contain a dot and hold a user: those of axum-login, of actix-identity (0.9,
/// `IdentityMiddleware`) and of Devise.
const DOTTED_KEYS: [&str; 3] =
    ["axum-login.data", "actix_identity.user_id", "warden.user.user.key"];

/// Whether a path begins with a key that contains a dot. The server takes each dot of a path for the
/// end of a name, so it finds nothing there.
pub(crate) fn has_dotted_key(path: &str) -> bool {
    DOTTED_KEYS.iter().any(|key| {
        path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Resolves `path`: finds the `child` for a key at its beginning, trying the longest first, and
/// continues with `get` for the rest.
pub(super) fn along<T>(
    path: &str,
    child: impl Fn(&str) -> Option<T>,
    get: impl Fn(T, &str) -> Option<T>,
) -> Option<T> {
    let is_end = |at: &usize| path.as_bytes().get(*at).is_none_or(|byte| *byte == b'.');
    (0..=path.len()).rev().filter(is_end).find_map(|end| {
        let child = child(&path[..end])?;
        match path.get(end + 1..) {
            Some(rest) => get(child, rest),
            None => Some(child),
        }
    })
}

fn child<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => match key.strip_suffix('*') {
            Some(start) => {
                map.iter().find(|(key, _)| key.starts_with(start)).map(|(_, value)| value)
            }
            None => map.get(key),
        },
        Value::Array(array) => array.get(key.parse::<usize>().ok()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_keys_with_dots_arrays_and_names_that_vary() {
        let value = json!({
            "axum-login.data": { "user_id": 42 },
            "login_web_59ba36": 7,
            "cart": { "items": [{ "sku": "a" }, { "sku": "b" }] },
        });
        assert_eq!(get(&value, "axum-login.data.user_id"), Some(&json!(42)));
        assert_eq!(get(&value, "login_web_*"), Some(&json!(7)));
        assert_eq!(get(&value, "cart.items.1.sku"), Some(&json!("b")));
        assert_eq!(get(&value, "cart.items.2.sku"), None);
    }

    #[test]
    fn a_path_finds_the_users_of_devise_and_symfony() {
        let devise = json!({ "warden": 1, "warden.user.user.key": [[42], "$2a$12$abc"] });
        assert_eq!(get(&devise, "warden.user.user.key.0.0"), Some(&json!(42)));
        let symfony = json!({ "_sf2_attributes": {
            "_security.main.target_path": "/",
            "_security_main": { "0": null, "1": "main", "2": [{ "email": "asa@example.se" }, true] },
        }});
        let user = get(&symfony, "_sf2_attributes._security_*.2.0.email");
        assert_eq!(user, Some(&json!("asa@example.se")));
    }
}
