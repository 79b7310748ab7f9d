//! Lets the server narrow down the candidates for a user or a value in the payload. Candidates are
//! decoded and checked, so these filters may match too much, but never too little.

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Bson, DateTime, Decimal128, Document, doc};

use super::condition::{Condition, Test};
use super::elsewhere::{is_json, names_a_user};
use super::users::Users;
use crate::model::layout::{Layout, UserPlace};
use crate::model::payload::{Codec, has_dotted_key};

/// The maximum number of users for regular expressions, each of which scans all the text.
const EXPRESSIONS: usize = 4;
/// The maximum number of users times places in a document; each has up to four values.
const VALUES: usize = 10_000;
/// The maximum number of users in one filter on user fields; each has up to four values.
pub(crate) const MOST_USERS: usize = 5000;

/// The characters with a meaning in regular expressions that JSON does not escape.
const SPECIAL: &str = ".-$()[]{}|*?^";
/// The maximum number of combinations of the lengths of what may be escaped.
const MOST_WAYS: usize = 10_000;

/// Candidates for the sessions of `users`; `None` if the server cannot search for them, or if
/// decoding every session is faster because there are many users.
pub(super) fn users(layout: &Layout, users: &Users) -> Option<Document> {
    let mut clauses = Vec::new();
    let mut in_payload = Vec::new();
    for place in &layout.user {
        match place {
            UserPlace::Field(path) => clauses.push(path),
            UserPlace::Payload(path) => in_payload.push(path.as_str()),
        }
    }
    if users.len() > MOST_USERS {
        return None;
    }
    let prefix = &layout.user_prefix;
    let values = || {
        let values = users.iter().flat_map(|user| values(&format!("{prefix}{user}"), user));
        values.collect::<Vec<_>>()
    };
    let mut clauses: Vec<_> =
        clauses.into_iter().map(|path| doc! { path: { "$in": values() } }).collect();
    if !in_payload.is_empty() {
        let is_few = match is_json(&layout.payload.codecs) {
            true => users.len() <= EXPRESSIONS,
            false => users.len().saturating_mul(in_payload.len()) <= VALUES,
        };
        let users: Vec<_> = users.iter().filter(|_| is_few).collect();
        if !is_few {
            return None;
        }
        clauses.extend(payload(layout, &in_payload, &users)?);
        clauses.extend(is_json(&layout.payload.codecs).then(|| other_fields(layout)).flatten());
    }
    Some(doc! { "$or": clauses })
}

/// Candidates for the sessions that fulfil a condition.
pub(super) fn condition(layout: &Layout, condition: &Condition) -> Option<Document> {
    match &condition.test {
        Test::Equals(wanted) => value(layout, &condition.path, wanted),
        _ if condition.needs_value() => name(layout, &condition.path),
        _ => None,
    }
}

/// Candidates for the sessions with any value at `path` of the payload.
fn name(layout: &Layout, path: &str) -> Option<Document> {
    let codecs = layout.payload.codecs.as_slice();
    if is_json(codecs) {
        // A name may contain dots, end with a `*`, or be the index of an array.
        let is_name = |name: &&str| !name.contains('*') && name.parse::<usize>().is_err();
        let longest = path.split('.').filter(is_name).max_by_key(|name| name.len())?;
        return payload(layout, &[path], &[longest]).map(|clauses| doc! { "$or": clauses });
    }
    let is_plain = !path.contains(['.', '*', '$', '\0']) && !path.is_empty();
    match (&layout.payload.path, codecs) {
        (Some(field), [Codec::Document]) if is_plain => {
            Some(doc! { format!("{field}.{path}"): { "$exists": true } })
        }
        (None, [Codec::Flat]) if is_plain => Some(doc! { path: { "$exists": true } }),
        _ => None,
    }
}

/// Candidates for the sessions with `value` at `path` of the payload.
fn value(layout: &Layout, path: &str, value: &str) -> Option<Document> {
    // JSON can write objects, arrays and fractional numbers in many ways.
    if value.starts_with(['{', '[', '"']) || (value.parse::<f64>().is_ok() && !is_whole(value)) {
        return None;
    }
    // A key of a document may contain a dot, which the server would not find.
    if layout.payload.is_document() && path.contains('.') {
        return None;
    }
    payload(layout, &[path], &[value]).map(|clauses| doc! { "$or": clauses })
}

/// Whether the payload is text in which the server finds a user in any place, and sessions with
/// unknown fields beside it are returned, too.
pub(super) fn is_in_text(layout: &Layout) -> bool {
    is_json(&layout.payload.codecs) && layout.user_needs_payload() && other_fields(layout).is_some()
}

/// The documents with fields that the layout does not know: an application may have stored a user
/// there. `None` if the layout has nested fields, beside which there may be unknown ones.
fn other_fields(layout: &Layout) -> Option<Document> {
    let dates = layout.touched.iter().chain(&layout.created).map(|date| &date.path);
    let rules = layout
        .expiry
        .iter()
        .flat_map(|rule| [&rule.path, &rule.lifetime_path, &rule.only_null].into_iter().flatten());
    let own = [&layout.id.path].into_iter().chain(&layout.payload.path).chain(dates).chain(rules);
    let own: Vec<&str> = own.map(|path| &**path).collect();
    if own.iter().any(|path| path.contains('.')) {
        return None;
    }
    // Fields that the store writes as well and that do not look like a user, such as an address.
    let required = layout.detect.require.keys().map(|path| &**path);
    let required = required.filter(|name| !names_a_user(&[(*name).to_owned()], false));
    // The field of the user itself is searched by value.
    let users = layout.user.iter().filter_map(|place| match place {
        UserPlace::Field(path) => Some(&**path),
        UserPlace::Payload(_) => None,
    });
    let known = ["_id", "__v"].into_iter().chain(own).chain(required).chain(users);
    let known = known.map(|name| (name.to_owned(), Bson::from(doc! {})));
    let known: Document = known.filter(|(name, _)| !name.contains('.')).collect();
    let only_known = doc! { "$jsonSchema": { "properties": known, "additionalProperties": false } };
    Some(doc! { "$nor": [only_known] })
}

/// Candidates for one of these texts at one of these paths.
fn payload(layout: &Layout, paths: &[&str], texts: &[&str]) -> Option<Vec<Document>> {
    let Some(field) = &layout.payload.path else {
        return (layout.payload.codecs == [Codec::Flat]).then(|| at(None, paths, texts))?;
    };
    let codecs = layout.payload.codecs.as_slice();
    if codecs == [Codec::Document] {
        at(Some(field), paths, texts)
    } else if is_json(codecs) {
        let has_text = |text: &&str| Some(doc! { field: { "$regex": pattern(text)? } });
        // The server cannot search binary data and base64, so it sends whatever does not begin with
        // a brace. A comparison is cheaper than a regular expression, and with a collation it
        // matches more.
        let is_no_object = doc! { field: { "$not": { "$gte": "{", "$lt": "|" } } };
        // A ciphertext may be an object. With a collation that ignores quotes, the last letter still
        // ends the range.
        let is_ciphertext = [("hmac", "hmad"), ("ct", "cu"), ("iv", "iw")];
        let is_ciphertext = is_ciphertext.map(|(name, end)| {
            let range = doc! { "$gte": format!("{{\"{name}\""), "$lt": format!("{{\"{end}") };
            Some(doc! { field: range })
        });
        let others = [Some(is_no_object)].into_iter().chain(is_ciphertext);
        texts.iter().map(has_text).chain(others).collect()
    } else {
        None
    }
}

/// One of the values at one of these paths of a document.
fn at(field: Option<&str>, paths: &[&str], texts: &[&str]) -> Option<Vec<Document>> {
    // The server cannot match a name with `*`, or a key that contains a dot.
    if paths.iter().any(|path| path.contains('*') || has_dotted_key(path)) {
        return None;
    }
    let values: Vec<_> = texts.iter().flat_map(|text| values(text, text)).collect();
    let full =
        |path: &str| field.map_or_else(|| path.to_owned(), |field| format!("{field}.{path}"));
    // Most documents have only one or two of the root fields, so each root is checked once instead
    // of once per path below it.
    let mut roots: Vec<(&str, Vec<Document>)> = Vec::new();
    for path in paths {
        let root = path.split_once('.').map_or(*path, |(root, _)| root);
        let clause = doc! { full(path): { "$in": &values } };
        match roots.iter_mut().find(|(known, _)| *known == root) {
            Some((_, clauses)) => clauses.push(clause),
            None => roots.push((root, vec![clause])),
        }
    }
    let clause = |(root, mut clauses): (&str, Vec<Document>)| match clauses.len() {
        1 => clauses.remove(0),
        _ => doc! { full(root): { "$exists": true }, "$or": clauses },
    };
    Some(roots.into_iter().map(clause).collect())
}

/// Every value whose text is `own`, or for a string `text`: the server compares numbers of all
/// types, but a string only with a string.
fn values(text: &str, own: &str) -> Vec<Bson> {
    let mut values = vec![Bson::String(text.to_owned())];
    if own != text {
        values.push(Bson::String(own.to_owned()));
    }
    values.extend(own.parse::<i64>().map(Bson::Int64));
    values.extend(own.parse::<f64>().map(Bson::Double));
    values.extend(own.parse::<Decimal128>().map(Bson::Decimal128));
    values.extend(own.parse::<bool>().map(Bson::Boolean));
    values.extend((own == "null").then_some(Bson::Null));
    values.extend(ObjectId::parse_str(own).map(Bson::ObjectId));
    values.extend(DateTime::parse_rfc3339_str(own).map(Bson::DateTime));
    if let Ok(uuid) = bson::Uuid::parse_str(own) {
        use BinarySubtype::{Generic, Md5, UserDefined, Uuid, UuidOld};
        // Old drivers wrote UUIDs as another type, and Node.js writes a `Buffer` as `Generic`.
        for subtype in [Uuid, UuidOld, Generic, Md5, UserDefined(0x80)] {
            values.push(Bson::Binary(bson::Binary { subtype, bytes: uuid.bytes().to_vec() }));
        }
    }
    values
}

fn is_whole(number: &str) -> bool {
    number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// A regular expression for `text` inside JSON; `None` if every text matches. It allows anything for
/// a character that may be written as an escape, such as the `+` that .NET escapes: up to fourteen
/// characters, for a pair of surrogates in JSON that was encoded twice.
///
/// There is one quantifier for a run of such characters, none at either end, and no more of them
/// than [`MOST_WAYS`] allows: what is left out only makes more texts match. PCRE tries all
/// combinations of the lengths, and mongod 6.0 takes a search that it gives up for no match.
fn pattern(text: &str) -> Option<String> {
    let (mut pattern, mut open, mut ways) = (String::with_capacity(text.len() + 8), 0_usize, 1);
    for letter in text.trim_matches(may_be_escaped).chars() {
        if may_be_escaped(letter) {
            open += 1;
            continue;
        }
        if open > 0 {
            ways *= 1 + 13 * open;
            if ways > MOST_WAYS {
                break;
            }
            pattern += &format!(".{{{open},{}}}", 14 * open);
            open = 0;
        }
        if SPECIAL.contains(letter) {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    if let Some(exponent) = with_exponent(text) {
        pattern.push('|');
        pattern.push_str(&exponent);
    }
    (!pattern.is_empty()).then_some(pattern)
}

fn may_be_escaped(letter: char) -> bool {
    !letter.is_ascii_alphanumeric() && !"_ :@,~%".contains(letter) && !SPECIAL.contains(letter)
}

/// The same for a whole number as Java writes a large double: `4.2E1`. Without an exponent, as in
/// `42.0`, it begins with the digits.
fn with_exponent(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    // Larger numbers are not read as integers.
    if !(2..=16).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (first, rest) = digits.split_at(1);
    let fraction = match rest.trim_end_matches('0') {
        "" => "(?:\\.0+)?".to_owned(),
        rest => format!("\\.{rest}0*"),
    };
    let sign = if digits.len() < text.len() { "\\-" } else { "" };
    Some(format!("{sign}{first}{fraction}[eE]\\+?0*{}", rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_may_escape_is_left_open() {
        let pattern = |text: &str| super::pattern(text).unwrap_or_default();
        assert_eq!(pattern("a.b@example.se"), "a\\.b@example\\.se");
        assert_eq!(pattern("Åsa/\"x+"), "sa.{2,28}x");
        assert_eq!(pattern("Дмитрий Иванович Петров"), " .{8,112} ");
        assert_eq!(pattern("Дмитрий"), "");
        // Beyond the limit, the rest is left out.
        assert_eq!(pattern(&format!("a{}b", "я".repeat(5000))), "a");
        assert_eq!(pattern(&"я-".repeat(9)), "\\-.{1,14}\\-.{1,14}\\-.{1,14}\\-");
    }

    #[test]
    fn a_whole_number_is_found_in_every_spelling() {
        for (number, spellings) in [
            ("42", &["42", "42.0", "4.2e1", "4.20E+01"][..]),
            ("-42", &["-42.0", "-4.2E1"]),
            ("12345678", &["12345678", "1.2345678E7"]),
            ("10000000", &["10000000.0", "1.0E7", "1e7", "1e+07"]),
            ("7", &["7", "7.0", "7e0"]),
        ] {
            let pattern = regex::Regex::new(&pattern(number).unwrap()).unwrap();
            assert!(spellings.iter().all(|spelling| pattern.is_match(spelling)), "{pattern}");
        }
        assert_eq!(pattern("a42").unwrap(), "a42");
        assert_eq!(pattern("42-1").unwrap(), "42\\-1");
    }

    #[test]
    fn a_user_in_the_document_is_found_by_its_index_whatever_its_type() {
        let layout = Layout::named("parse-server").unwrap();
        let filter = users(layout, &"Xq81hEJ0kQ".into()).unwrap();
        assert_eq!(
            filter,
            doc! { "$or": [{ "_p_user": { "$in": ["_User$Xq81hEJ0kQ", "Xq81hEJ0kQ"] } }] }
        );
    }

    /// Those in quotes or base64 do not begin with a brace.
    #[test]
    fn a_ciphertext_that_is_an_object_is_a_candidate() {
        let layout = Layout::named("connect-mongo-json").unwrap();
        for filter in [users(layout, &"asa".into()), value(layout, "role", "admin")] {
            let filter = filter.unwrap();
            for (from, to) in [("{\"hmac\"", "{\"hmad"), ("{\"ct\"", "{\"cu"), ("{\"iv\"", "{\"iw")]
            {
                let range = doc! { "session": { "$gte": from, "$lt": to } };
                assert!(filter.get_array("$or").unwrap().contains(&range.into()), "{filter}");
            }
        }
    }

    #[test]
    fn payloads_that_the_server_cannot_read_are_not_searched_there() {
        for name in ["tower-sessions", "flask-session", "symfony", "laravel-database", "django-db"]
        {
            let layout = Layout::named(name).unwrap();
            assert_eq!(value(layout, "views", "1"), None, "{name}");
        }
    }

    #[test]
    fn numbers_with_many_spellings_are_not_searched_for() {
        let layout = Layout::named("connect-mongo-json").unwrap();
        assert_eq!(value(layout, "total", "1e3"), None);
        assert_eq!(value(layout, "total", "46.98"), None);
        assert!(value(layout, "total", "42").is_some());
    }
}
