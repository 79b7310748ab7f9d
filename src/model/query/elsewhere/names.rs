//! Whether the names on the path to a value suggest a user.

/// Names of a user.
const USERS: [&str; 26] = [
    "user",
    "login",
    "account",
    "member",
    "email",
    "mail",
    "uid",
    "sub",
    "subject",
    "customer",
    "principal",
    "owner",
    "profile",
    "person",
    "identity",
    "username",
    "userid",
    "upn",
    "admin",
    "employee",
    "student",
    "player",
    "staff",
    "nick",
    "nickname",
    "useremail",
];

/// Names of the part of a user that identifies it.
const IDENTITIES: [&str; 20] = [
    "id",
    "ids",
    "oid",
    "$oid",
    "uuid",
    "guid",
    "uid",
    "sub",
    "pk",
    "key",
    "no",
    "nr",
    "number",
    "ref",
    "reference",
    "code",
    "name",
    "handle",
    "slug",
    "value",
];

/// Names that contain such a word, but mean something else.
const OTHERS: [&str; 39] = [
    "agent", "role", "roles", "type", "kind", "status", "state", "locale", "lang", "language",
    "country", "city", "time", "date", "at", "expires", "expiry", "count", "attempts", "total",
    "balance", "score", "points", "age", "ip", "token", "csrf", "password", "hash", "secret",
    "url", "uri", "page", "level", "version", "plan", "theme", "group", "last",
];

/// Whether a place with these names seems to hold a user. A number must be called an id, because
/// equal numbers are common.
pub(in crate::model::query) fn names_a_user(names: &[String], is_number: bool) -> bool {
    let is_index = |name: &&String| name.parse::<usize>().is_ok();
    let mut names = names.iter().rev().filter(|name| !is_index(name)).map(|name| words(name));
    let Some(last) = names.next() else { return false };
    let has_other = |words: &[String]| words.iter().any(|word| OTHERS.contains(&word.as_str()));
    let is_user = |words: &[String]| words.iter().any(|word| is_user(word)) && !has_other(words);
    let is_identity = |word: &String| IDENTITIES.contains(&word.as_str());
    if is_user(&last) {
        return !is_number || last.iter().all(|word| is_user_or_its_id(word) || is_identity(word));
    }
    !has_other(&last)
        && last.iter().any(is_identity)
        && (!is_number || last.iter().all(is_identity))
        && names.any(|words| is_user(&words))
}

/// The words of a name such as `loggedInUser`, `user_id` or `X-Account-No`, in lowercase.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for letter in name.chars() {
        let is_new = letter.is_uppercase() && was_small;
        if (is_new || !(letter.is_alphanumeric() || letter == '$'))
            && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        was_small = letter.is_lowercase();
        if let Some(word) = words.last_mut()
            && (letter.is_alphanumeric() || letter == '$')
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_user(word: &str) -> bool {
    // `loggedinuser`, whose words have no separators.
    is_user_or_its_id(word) || (word.contains("user") && !word.contains("agent"))
}

/// `customer`, `customers`, `customerid`.
fn is_user_or_its_id(word: &str) -> bool {
    let rest = |user: &&str| word.strip_prefix(*user);
    let is_its = |rest: &str| rest.is_empty() || rest == "s" || IDENTITIES.contains(&rest);
    USERS.iter().filter_map(rest).any(is_its)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, is_number: bool) -> bool {
        names_a_user(&path.split('.').map(str::to_owned).collect::<Vec<_>>(), is_number)
    }

    #[test]
    fn a_place_is_judged_by_its_names() {
        for path in [
            "account.id",
            "user",
            "loggedInUser",
            "loggedinuser",
            "profile.displayName",
            "sub",
            "claims.sub",
            "emails.0.value",
            "customerid",
            "X-Account-No",
            "principal.name",
            "auth.login",
            "OWNER_ID",
            "passport.user.email",
            "members.0",
            "userEmail",
        ] {
            assert!(names(path, false), "{path}");
        }
        for path in ["account.id", "userId", "customerid", "user", "members.0", "user.uid"] {
            assert!(names(path, true), "{path}");
        }
        for path in [
            "cart.total",
            "cookie.path",
            "userAgent",
            "user.role",
            "user.roles.0",
            "views",
            "id",
            "subtotal",
            "user.friends.0",
            "loginCount",
            "csrf.id",
            "personalization",
            "name",
        ] {
            assert!(!names(path, false), "{path}");
        }
        for path in ["loginAttempts", "user.age", "accountBalance", "user.visits", "profileViews"] {
            assert!(!names(path, true), "{path}");
        }
    }
}
