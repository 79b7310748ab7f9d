//! A session, independent of its store: an id, a state, dates, and perhaps a user.

use std::fmt;

use bson::{Bson, DateTime, oid::ObjectId, spec::BinarySubtype};

/// Whether a session can still log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Its expiry is before the cutoff.
    Expired,
    /// Its expiry is usable and not before the cutoff.
    Live,
    /// The store keeps it forever.
    Endless,
    /// Neither the store nor a TTL index can act on its expiry: nothing deletes it automatically.
    Malformed,
}

impl State {
    /// All states, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Expired, Self::Live, Self::Endless, Self::Malformed];

    /// Its name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Live => "live",
            Self::Endless => "endless",
            Self::Malformed => "malformed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The id by which a store looks a session up. It is as good as a password for many stores, so
/// `Debug` and `Display` give the short form; [`SessionId::full`] is the only way to all of it.
#[derive(Clone, PartialEq)]
pub struct SessionId {
    value: Bson,
    /// The length of the prefix that the store adds to every id, such as `session:`, in bytes.
    fixed: usize,
}

/// The number of characters of an id to show.
const SHOWN: usize = 12;

impl SessionId {
    /// The id `value` of a store that adds `prefix` to every id.
    pub fn new(value: Bson, prefix: &str) -> Self {
        let fixed = match &value {
            // Comparing with empty text is slow: glibc's AVX-512 `memcmp` reads from its dangling
            // pointer, and the processor must suppress the fault.
            _ if prefix.is_empty() => 0,
            Bson::String(text) if text.starts_with(prefix) => prefix.len(),
            Bson::Binary(binary) if binary.bytes.starts_with(prefix.as_bytes()) => prefix.len(),
            _ => 0,
        };
        Self { value, fixed }
    }

    /// The value in the document.
    pub fn value(&self) -> &Bson {
        &self.value
    }

    /// The whole id: text unchanged; an `ObjectId`, a UUID or other bytes in hexadecimal digits.
    pub fn full(&self) -> String {
        match &self.value {
            Bson::String(text) => text.clone(),
            Bson::ObjectId(id) => id.to_hex(),
            Bson::Binary(binary) => match std::str::from_utf8(&binary.bytes) {
                Ok(text) if is_plain(text) => text.to_owned(),
                _ if binary.subtype == BinarySubtype::Uuid => {
                    binary.to_uuid().map_or_else(|_| hex(&binary.bytes), |uuid| uuid.to_string())
                }
                _ => hex(&binary.bytes),
            },
            Bson::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// Twelve characters after the store's fixed prefix, but at most half of the rest: enough to
    /// identify a session, but not to log in with it.
    pub fn short(&self) -> String {
        if let Bson::String(text) = &self.value {
            return shorten(text.get(self.fixed..).unwrap_or(text));
        }
        let full = self.full();
        shorten(full.get(self.fixed..).unwrap_or(&full))
    }

    /// The short form of the id of a session of `user`, which can be lengthened until it is unique.
    /// If the id begins with the user, which is not secret, the twelve characters come after it.
    pub fn shortened(self, user: Option<&str>) -> ShortId {
        let (fixed, text) = match self.value {
            Bson::String(text) => (self.fixed, text),
            _ => (self.fixed, self.full()),
        };
        let start = if text.is_char_boundary(fixed) { fixed } else { 0 };
        let own = &text[start..];
        let known = user.filter(|user| own.starts_with(user)).map_or(0, str::len);
        let secret = &own[known..];
        let most = known + width_of(secret, secret.chars().count() / 2);
        let shown = (known + width_of(secret, SHOWN)).min(most);
        ShortId { text, start, shown, most }
    }
}

/// The beginning of an id, as shown in rows. It contains the rest, so that it can be lengthened;
/// `Debug` and `Display` do not reveal that.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortId {
    text: String,
    /// Where the id begins after the store's prefix.
    start: usize,
    /// The number of bytes shown.
    shown: usize,
    /// The maximum number of bytes shown: half of what follows the prefix, or the user.
    most: usize,
}

/// How many characters are shown after the part that an id shares with another one: enough to
/// identify one of a billion sessions.
const APART: usize = 8;

impl ShortId {
    /// The visible part.
    pub fn as_str(&self) -> &str {
        &self.text[self.start..self.start + self.shown]
    }

    /// Lengthens ids that begin alike until each is unique, up to its maximum. Returns the length
    /// of the longest one that was lengthened, in bytes.
    pub fn tell_apart(mut ids: Vec<&mut Self>) -> Option<usize> {
        ids.sort_unstable_by(|one, other| one.own().cmp(other.own()));
        let (mut with_last, mut longest) = (0, None);
        for at in 0..ids.len() {
            let next = ids.get(at + 1).map(|next| shared(ids[at].own(), next.own()));
            let with_next = next.unwrap_or(0);
            let id = &mut ids[at];
            let before = id.shown;
            id.show_beyond(with_last.max(with_next));
            longest = longest.max(Some(id.shown).filter(|shown| *shown > before));
            with_last = with_next;
        }
        longest
    }

    /// Shows at least this many bytes, such as the length of another id that had to be lengthened.
    pub fn show_as_much(&mut self, bytes: usize) {
        let own = self.own();
        let bytes = (0..=bytes.min(own.len())).rfind(|at| own.is_char_boundary(*at)).unwrap_or(0);
        self.shown = self.shown.max(bytes.min(self.most));
    }

    fn show_beyond(&mut self, shared: usize) {
        if shared >= self.shown {
            let wanted = shared + width_of(&self.own()[shared..], APART);
            self.shown = self.shown.max(wanted.min(self.most));
        }
    }

    fn own(&self) -> &str {
        &self.text[self.start..]
    }
}

/// The length of the first `characters` characters of `text`, in bytes.
fn width_of(text: &str, characters: usize) -> usize {
    if text.is_ascii() {
        return characters.min(text.len());
    }
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

/// The length of the common prefix of two texts, in bytes of whole characters.
fn shared(one: &str, other: &str) -> usize {
    let letters = one.chars().zip(other.chars());
    letters.take_while(|(one, other)| one == other).map(|(letter, _)| letter.len_utf8()).sum()
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortId({}...)", self.as_str())
    }
}

/// The first twelve characters of `text`, or its first half if that is less.
pub fn shorten(text: &str) -> String {
    if text.is_ascii() {
        return text[..SHOWN.min(text.len() / 2)].to_owned();
    }
    let half = text.chars().count() / 2;
    text.chars().take(SHOWN.min(half)).collect()
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.short())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({}...)", self.short())
    }
}

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        Self::new(Bson::String(text.to_owned()), "")
    }
}

impl From<ObjectId> for SessionId {
    fn from(id: ObjectId) -> Self {
        Self::new(Bson::ObjectId(id), "")
    }
}

/// What is known about a session without its payload.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Session {
    /// The id by which the store looks it up.
    pub id: SessionId,
    /// Its state at the cutoff.
    pub state: State,
    /// The time after which the store treats it as over; the earliest, if there are several.
    pub expires: Option<DateTime>,
    /// When the store last wrote or touched it.
    pub touched: Option<DateTime>,
    /// When the store created it.
    pub created: Option<DateTime>,
    /// The user, as text: a string, a number, an `ObjectId` or a UUID in the document.
    pub user: Option<String>,
    /// BSON size of the document, in bytes.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_twelve_characters_and_never_more_than_half() {
        let id = |text: &str| SessionId::from(text).short();
        assert_eq!(id("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN"), "7ZQOhQlxWzrh");
        assert_eq!(id("PCsaD56NfGtaTx59C5w6Lw"), "PCsaD56NfGt");
        assert_eq!(id("abc"), "a");
        assert_eq!(id("a"), "");
    }

    #[test]
    fn the_fixed_prefix_is_not_counted() {
        let value = Bson::String("session:0123456789abcdefghijklmnopqrstuv".into());
        assert_eq!(SessionId::new(value, "session:").short(), "0123456789ab");
    }

    fn short(id: &str, user: Option<&str>) -> ShortId {
        SessionId::from(id).shortened(user)
    }

    #[test]
    fn an_id_that_begins_with_its_user_shows_characters_after_that() {
        let id = "u4711.db87cee52504ca5732bad49ddb1d5b85";
        assert_eq!(short(id, Some("u4711")).as_str(), "u4711.db87cee5250");
        assert_eq!(short(id, Some("u4712")).as_str(), "u4711.db87ce");
        assert_eq!(short(id, None).as_str(), SessionId::from(id).short());
        assert_eq!(short("u1.abcdefg", Some("u1")).as_str(), "u1.abc");
        assert_eq!(short("u1", Some("u1")).as_str(), "u1");
        let value = Bson::String("session:u1.0123456789abcdef".into());
        let id = SessionId::new(value, "session:").shortened(Some("u1"));
        assert_eq!(id.as_str(), "u1.0123456");
    }

    #[test]
    fn ids_that_begin_alike_are_lengthened_and_others_are_not() {
        let mut ids = [
            short("tenant-eu-west:1f0c2b7a9d4e5f6071829304", None),
            short("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN", None),
            short("tenant-eu-west:1f9c2b7a9d4e5f6071829304", None),
            short("ÅsaÅsaÅsaÅsaÅsaÅsaÅsaÅsaÅ", None),
            short("ÅsaÅsaÅsaÅsaÅsaÅsaÅsaÅsaÄ", None),
        ];
        assert_eq!(ShortId::tell_apart(ids.iter_mut().collect()), Some(19));
        assert_eq!(ShortId::tell_apart(ids.iter_mut().collect()), None);
        let shown: Vec<_> = ids.iter().map(ShortId::as_str).collect();
        // The last two differ too late: never more than half.
        let wanted = [
            "tenant-eu-west:1f0c",
            "7ZQOhQlxWzrh",
            "tenant-eu-west:1f9c",
            "ÅsaÅsaÅsaÅsa",
            "ÅsaÅsaÅsaÅsa",
        ];
        assert_eq!(shown, wanted);
        assert_eq!(format!("{:?}", ids[1]), "ShortId(7ZQOhQlxWzrh...)");
    }

    #[test]
    fn debugging_an_id_does_not_give_it_away() {
        let id = SessionId::from("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN");
        assert_eq!(format!("{id:?}"), "SessionId(7ZQOhQlxWzrh...)");
    }
}
