//! The users of a selection: one, or thousands from a list. A lookup costs the same for any number
//! of users.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::model::document::whole;

/// A set of users that is cheap to clone and to split.
#[derive(Clone)]
pub struct Users {
    /// All listed users, sorted and without duplicates.
    all: Arc<[Box<str>]>,
    /// The range of the list that is in this set.
    part: Range<usize>,
    shapes: Arc<Shapes>,
}

/// A summary of the users, which rules out most other text without comparisons.
#[derive(Clone)]
struct Shapes {
    /// For each first byte, one bit for each length; all long ones share the last bit.
    lengths: [u64; 256],
    /// Whether a value other than text can be equal to one of them.
    number_or_id: bool,
    /// Whether one of them is a number that JSON can write in several ways.
    odd_number: bool,
    /// Whether one of them can be the text of a date.
    date: bool,
}

impl Users {
    /// The number of users.
    pub fn len(&self) -> usize {
        self.part.len()
    }

    /// Whether there are no users, so that no session matches.
    pub fn is_empty(&self) -> bool {
        self.part.is_empty()
    }

    /// All users, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.all[self.part.clone()].iter().map(|user| &**user)
    }

    /// Whether `user` is one of them.
    pub fn contains(&self, user: &str) -> bool {
        self.position(user).is_some()
    }

    /// The index of `user` in the whole list, if it is in this set.
    pub(crate) fn position(&self, user: &str) -> Option<usize> {
        if !self.shapes.may_be(user) {
            return None;
        }
        let at = self.all.binary_search_by(|one| (**one).cmp(user)).ok()?;
        self.part.contains(&at).then_some(at)
    }

    /// The only user, if there is exactly one.
    pub fn only(&self) -> Option<&str> {
        self.iter().next().filter(|_| self.len() == 1)
    }

    /// The same users, split into sets of at most `most`.
    pub(crate) fn divided(&self, most: usize) -> impl Iterator<Item = Self> {
        let end = self.part.end;
        self.part
            .clone()
            .step_by(most.max(1))
            .map(move |from| Self { part: from..end.min(from + most), ..self.clone() })
    }

    /// Whether a number, an `ObjectId` or a UUID can be equal to one of them.
    pub(super) fn may_be_number_or_id(&self) -> bool {
        self.shapes.number_or_id
    }

    /// Whether a date can be equal to one of them.
    pub(super) fn may_be_date(&self) -> bool {
        self.shapes.date
    }

    /// Whether one of them may occur in the JSON `text`. This does not decode it: each string and
    /// number is compared as it is written, and the result is `true` in doubt, as for a ciphertext.
    pub(super) fn may_be_in_json(&self, text: &str) -> bool {
        // An escape may represent any character, and JSON inside a string is full of escapes.
        if !text.starts_with('{') || text.contains('\\') {
            return true;
        }
        let mut is_string = false;
        text.split('"').any(|piece| {
            is_string = !is_string;
            match is_string {
                true => self.may_be_among_numbers(piece),
                false => self.contains(piece) || ["hmac", "mac"].contains(&piece),
            }
        })
    }

    fn may_be_among_numbers(&self, piece: &str) -> bool {
        let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
        self.shapes.number_or_id
            && piece.bytes().any(|byte| byte.is_ascii_digit())
            && piece.split(|letter: char| !u8::try_from(letter).is_ok_and(is_part)).any(|number| {
                if is_plain_integer(number) {
                    return self.contains(number);
                }
                // Only a number below 2^53 is read as an integer: 42.0 and 4.2e1 are 42.
                let integer = || number.parse().ok().and_then(whole);
                (self.shapes.odd_number && number.bytes().any(|byte| byte.is_ascii_digit()))
                    || integer().is_some_and(|integer| self.contains(&integer.to_string()))
            })
    }
}

/// Whether JSON has only one way to write this number.
fn is_plain_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && text != "-0"
}

impl Shapes {
    fn of(users: &[Box<str>]) -> Self {
        let mut shapes =
            Self { lengths: [0; 256], number_or_id: false, odd_number: false, date: false };
        for user in users {
            let is_number = user.parse::<f64>().is_ok();
            let is_id = matches!(user.len(), 24 | 36) && user.is_ascii();
            if let Some((first, length)) = shape(user) {
                shapes.lengths[first] |= length;
            }
            shapes.number_or_id |= is_number || is_id;
            shapes.odd_number |= is_number && !is_plain_integer(user);
            shapes.date |= user.contains(':');
        }
        shapes
    }

    fn may_be(&self, text: &str) -> bool {
        shape(text).is_some_and(|(first, length)| self.lengths[first] & length != 0)
    }
}

fn shape(text: &str) -> Option<(usize, u64)> {
    let first = text.as_bytes().first()?;
    Some((usize::from(*first), 1 << text.len().min(63)))
}

impl<T: Into<Box<str>>> FromIterator<T> for Users {
    /// No user is called "", so empty text is dropped.
    fn from_iter<I: IntoIterator<Item = T>>(users: I) -> Self {
        let users = users.into_iter().map(Into::into).filter(|user| !user.is_empty());
        let mut all: Vec<Box<str>> = users.collect();
        all.sort_unstable();
        all.dedup();
        let (part, shapes) = (0..all.len(), Arc::new(Shapes::of(&all)));
        Self { all: all.into(), part, shapes }
    }
}

impl From<&str> for Users {
    fn from(user: &str) -> Self {
        Self::from_iter([user])
    }
}

impl From<String> for Users {
    fn from(user: String) -> Self {
        Self::from_iter([user])
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::from_iter(std::iter::empty::<&str>())
    }
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        self.all[self.part.clone()] == other.all[other.part.clone()]
    }
}

impl Eq for Users {}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len() {
            0..=8 => f.debug_set().entries(self.iter()).finish(),
            many => write!(f, "Users({many})"),
        }
    }
}

/// Which of the listed users were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Met(Vec<bool>);

impl Met {
    /// Records that `user` has a session, if it is one of `users`.
    pub fn add(&mut self, users: &Users, user: &str) {
        if let Some(at) = users.position(user) {
            if self.0.is_empty() {
                self.0 = vec![false; users.all.len()];
            }
            self.0[at] = true;
        }
    }

    /// Adds what another reader found, for the same users.
    pub fn join(&mut self, other: Self) {
        if self.0.is_empty() {
            self.0 = other.0;
            return;
        }
        self.0.iter_mut().zip(other.0).for_each(|(met, also)| *met |= also);
    }

    /// The `users` that were not found.
    pub fn missing<'a>(&self, users: &'a Users) -> impl Iterator<Item = &'a str> {
        let is_met = |at: usize| self.0.get(at).copied().unwrap_or(false);
        users.part.clone().filter(move |at| !is_met(*at)).map(|at| &*users.all[at])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::model::document::digits;

    #[test]
    fn users_are_a_set_whatever_their_order() {
        let users: Users = ["bo", "asa", "", "bo"].into_iter().collect();
        assert_eq!(users.iter().collect::<Vec<_>>(), ["asa", "bo"]);
        assert!(users.contains("bo") && !users.contains("b") && !users.contains(""));
        assert_eq!((users.only(), Users::from("bo").only()), (None, Some("bo")));
        let parts: Vec<_> = users.divided(1).collect();
        assert_eq!(parts, [Users::from("asa"), Users::from("bo")]);
        assert!(!parts[0].contains("bo"));
        let mut met = Met::default();
        met.add(&parts[1], "bo");
        met.add(&parts[0], "bo");
        assert_eq!(met.missing(&users).collect::<Vec<_>>(), ["asa"]);
    }

    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.values().for_each(|value| texts(value, found)),
            Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
            Value::String(text) => found.push(text.clone()),
            Value::Number(number) => found.push(digits(number)),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let scalars = [
            "42",
            "-0",
            "0",
            "1.50",
            "1e3",
            "42.0",
            "4.2E+1",
            "12345678901234567890123",
            "18446744073709551615",
            "\"asa\"",
            "\"42\"",
            "\"\\u0061sa\"",
            "\"a\\\"b\"",
            "null",
            "true",
            "\"\"",
            "\"åsa\"",
        ];
        let scalar = prop::sample::select(scalars.to_vec()).prop_map(str::to_owned);
        let value = scalar.prop_recursive(3, 16, 4, |inner| {
            let member = ("[a-c42]{1,3}", inner.clone())
                .prop_map(|(name, value)| format!("\"{name}\": {value}"));
            prop_oneof![
                prop::collection::vec(member, 0..4)
                    .prop_map(|all| format!("{{{}}}", all.join(","))),
                prop::collection::vec(inner, 0..4).prop_map(|all| format!("[{}]", all.join(" ,"))),
            ]
        });
        value.prop_map(|value| format!("{{\"a\":{value}}}"))
    }

    proptest! {
        /// A user that the decoded text contains is never ruled out.
        #[test]
        fn no_user_of_a_payload_is_overlooked_in_its_text(text in json()) {
            let mut found = Vec::new();
            texts(&serde_json::from_str(&text).unwrap(), &mut found);
            for user in found.iter().filter(|user| !user.is_empty()) {
                let users: Users = [user.as_str(), "nobody", "7"].into_iter().collect();
                prop_assert!(users.may_be_in_json(&text), "{user} in {text}");
            }
        }
    }

    #[test]
    fn a_text_without_the_users_is_ruled_out() {
        let users: Users = ["1042", "asa"].into_iter().collect();
        assert!(!users.may_be_in_json(r#"{"cookie":{"originalMaxAge":3600000},"userId":1043}"#));
        assert!(!users.may_be_in_json(r#"{"cart":{"total":10.42},"user":"as"}"#));
        assert!(users.may_be_in_json(r#"{"cart":{"total":1},"ids":[1,1042]}"#));
        assert!(users.may_be_in_json(r#"{"userId":1042.0}"#));
        assert!(users.may_be_in_json(r#"{"userId":1.042E3}"#));
        // A ciphertext contains anybody.
        assert!(users.may_be_in_json(r#"{"hmac":"33112ee1","ct":"f998fe06"}"#));
        assert!(users.may_be_in_json(r#"{"iv":"q3J9","value":"x","mac":"9d3c"}"#));
    }
}
