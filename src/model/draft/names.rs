//! What the names of fields reveal about their meaning.

/// The words of a name in lowercase: `expiresAt`, `expire_date`, `_sessionid`.
fn words(path: &str) -> Vec<String> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && was_small) {
            words.push(String::new());
        }
        was_small = letter.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has(path: &str, wanted: &[&str]) -> bool {
    words(path).iter().any(|word| wanted.contains(&word.as_str()))
}

const EXPIRIES: [&str; 10] = [
    "exp",
    "expire",
    "expires",
    "expiry",
    "expired",
    "expiration",
    "until",
    "ttl",
    "deadline",
    "eol",
];
const TOUCHES: [&str; 13] = [
    "touched", "touch", "modified", "updated", "update", "last", "accessed", "access", "used",
    "activity", "active", "seen", "renewed",
];
const CREATIONS: [&str; 7] =
    ["created", "create", "creation", "start", "started", "begin", "issued"];
const LIFETIMES: [&str; 11] = [
    "ttl", "lifetime", "timeout", "maxage", "max", "interval", "idle", "duration", "seconds",
    "life", "validity",
];

/// Whether a time with this name is the end of a session.
pub(super) fn is_expiry(path: &str) -> bool {
    let runs_together = ["expiresat", "expireat", "expiresin", "validuntil", "goodtill"];
    has(path, &EXPIRIES) || has(path, &runs_together)
}

/// Whether a time with this name changes with each request.
pub(super) fn is_touch(path: &str) -> bool {
    let alone = ["time", "stored", "timestamp", "ts", "mtime", "lastaccess", "lastmodified"];
    (has(path, &TOUCHES) || has(path, &alone) || has(path, &["updatedat", "usedat"]))
        && !is_creation(path)
        && !is_expiry(path)
}

/// Whether a time with this name is the start of a session.
pub(super) fn is_creation(path: &str) -> bool {
    has(path, &CREATIONS) || has(path, &["createdat", "ctime"])
}

/// Whether a number with this name is the lifetime of a session.
pub(super) fn is_lifetime(path: &str) -> bool {
    has(path, &LIFETIMES) && !has(path, &["attempts", "count"])
}

/// The unit in a name, such as `intervalSeconds` or `accessedMillis`.
pub(super) fn says_seconds(path: &str) -> bool {
    has(path, &["seconds", "secs", "sec", "s"])
}

pub(super) fn says_millis(path: &str) -> bool {
    has(path, &["millis", "ms", "milliseconds"])
}

/// How well a name fits the id of a session; `None` if it does not.
pub(super) fn id_rank(path: &str) -> Option<usize> {
    const IDS: [&str; 9] = [
        "sid",
        "sessionid",
        "sessiontoken",
        "sessionkey",
        "sessionidhash",
        "key",
        "token",
        "id",
        "guid",
    ];
    let name: String = words(path).concat();
    IDS.iter().position(|id| *id == name)
}

/// How well a name fits the payload of a session; `None` if it does not.
pub(super) fn payload_rank(path: &str) -> Option<usize> {
    const PAYLOADS: [&str; 18] = [
        "session",
        "data",
        "payload",
        "sessiondata",
        "sess",
        "val",
        "value",
        "attrs",
        "attr",
        "attributes",
        "blob",
        "object",
        "content",
        "state",
        "sessionstate",
        "body",
        "d",
        "context",
    ];
    let name: String = words(path).concat();
    PAYLOADS.iter().position(|payload| *payload == name)
}

/// Whether a boolean with this name marks a session as valid or over.
pub(super) fn is_flag(path: &str) -> bool {
    has(path, &["valid", "revoked", "expired", "invalidated", "active", "ended", "closed"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instant_means_is_told_by_its_name() {
        for name in ["expires", "expiresAt", "expire_date", "exp", "valid_until", "data._expire"] {
            assert!(is_expiry(name) && !is_touch(name), "{name}");
        }
        for name in ["lastAccess", "updatedAt", "last_activity", "modified", "usedAt", "time"] {
            assert!(is_touch(name) && !is_expiry(name), "{name}");
        }
        for name in ["createdAt", "creation_date", "start_timestamp"] {
            assert!(is_creation(name) && !is_touch(name), "{name}");
        }
        for name in ["user", "experience", "context", "exported"] {
            assert!(!is_expiry(name) && !is_touch(name) && !is_creation(name), "{name}");
        }
    }
}
