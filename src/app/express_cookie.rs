//! The cookie of express-session: `s:`, the session id, a dot, and the HMAC of the id.
//!
//! With the secret of the Express application, a user who logged in there is logged in here, and
//! vice versa:
//!
//! ```
//! use sessionctl::express_cookie::ExpressCookie;
//!
//! let cookie = ExpressCookie::new("keyboard cat");
//! // What a browser sends.
//! let header = "theme=dark; connect.sid=s%3A7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN.\
//!               J7%2FzlTw0x5yxUIXGwjML43MEa%2BPqYVCyBcWyHjvNKyw";
//! assert_eq!(cookie.id([header]).as_deref(), Some("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN"));
//! // What the browser receives. Set attributes as on any cookie of the crate `cookie`.
//! let mut sent = cookie.set("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN");
//! sent.set_secure(true);
//! assert!(sent.to_string().ends_with("; HttpOnly; Secure; Path=/"));
//! ```
//!
//! The source is express-session 1.19 (`index.js`, `getcookie` and `setcookie`), which signs with
//! cookie-signature 1.0 (`index.js`) and creates ids with uid-safe 2.1.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
pub use cookie;
use cookie::Cookie;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

/// The default name of express-session's cookie.
pub const USUAL_NAME: &str = "connect.sid";

/// The number of random bytes in an id.
const ID_BYTES: usize = 24;

/// The characters that JavaScript's `encodeURIComponent` escapes.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Signs and verifies the cookie of one Express application.
#[derive(Clone)]
pub struct ExpressCookie {
    name: String,
    signing: Hmac<Sha256>,
    retired: Vec<Hmac<Sha256>>,
}

impl ExpressCookie {
    /// The cookie `connect.sid`, signed with `secret`: in Express `session({ secret })`, or the
    /// first of several secrets.
    pub fn new(secret: &str) -> Self {
        Self { name: USUAL_NAME.to_owned(), signing: keyed(secret), retired: Vec::new() }
    }

    /// Also accepts cookies signed with this secret: in Express, any but the first of `session({
    /// secret: [...] })`.
    #[must_use]
    pub fn or(mut self, retired: &str) -> Self {
        self.retired.push(keyed(retired));
        self
    }

    /// The cookie's name: in Express `session({ name })`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The id from the `Cookie` headers of a request, if it was signed with one of the secrets. If
    /// several cookies have the name, the first counts, as in Express.
    pub fn id<'a>(&self, headers: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let mut pairs = headers.into_iter().flat_map(Cookie::split_parse).flatten();
        let cookie = pairs.find(|pair| pair.name() == self.name)?;
        let value = percent_decode_str(cookie.value_trimmed()).decode_utf8().ok()?;
        self.unsign(&value).map(str::to_owned)
    }

    /// The id from `s:<id>.<hmac>`, if it was signed with one of the secrets. The comparison takes
    /// constant time.
    pub fn unsign<'a>(&self, value: &'a str) -> Option<&'a str> {
        let (id, signature) = value.strip_prefix("s:")?.rsplit_once('.')?;
        let signature = STANDARD_NO_PAD.decode(signature).ok()?;
        let signs =
            |key: &&Hmac<Sha256>| (*key).clone().chain_update(id).verify_slice(&signature).is_ok();
        std::iter::once(&self.signing).chain(&self.retired).find(signs).map(|_| id)
    }

    /// `s:<id>.<hmac>`, before cookie escaping.
    pub fn sign(&self, id: &str) -> String {
        let signature = self.signing.clone().chain_update(id).finalize().into_bytes();
        // cookie-signature strips the padding.
        format!("s:{id}.{}", STANDARD_NO_PAD.encode(signature))
    }

    /// The cookie of the session `id`, for a `Set-Cookie` header: valid for the whole site until
    /// the browser is closed, and hidden from scripts. This is express-session's default. If the
    /// application sets `maxAge`, `secure`, `sameSite` or `domain`, set them on the returned
    /// cookie, and store them in the session's `cookie`, with which Express issues it again.
    pub fn set(&self, id: &str) -> Cookie<'static> {
        let value = utf8_percent_encode(&self.sign(id), COMPONENT).to_string();
        Cookie::build((self.name.clone(), value)).path("/").http_only(true).build()
    }

    /// The cookie that deletes the session cookie in the browser, for a `Set-Cookie` header. If the
    /// session cookie has a `domain`, set it here too.
    pub fn removal(&self) -> Cookie<'static> {
        let mut cookie = Cookie::build((self.name.clone(), "")).path("/").build();
        cookie.make_removal();
        cookie
    }
}

impl std::fmt::Debug for ExpressCookie {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExpressCookie").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A new id like those of express-session: 24 random bytes as 32 characters of base64url.
pub fn new_id() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; ID_BYTES]>())
}

fn keyed(secret: &str) -> Hmac<Sha256> {
    // HMAC accepts keys of any length (RFC 2104).
    Hmac::new_from_slice(secret.as_bytes())
        .unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Id, secret, and what cookie-signature 1.0.7 and cookie 0.7.2 make of them.
    const OF_EXPRESS: [(&str, &str, &str); 3] = [
        (
            "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN",
            "keyboard cat",
            "connect.sid=s%3A7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN.J7%2FzlTw0x5yxUIXGwjML43MEa%2BPqYVCyBcWyHjvNKyw",
        ),
        (
            "-_a.b.c é/+",
            "geheim ü",
            "connect.sid=s%3A-_a.b.c%20%C3%A9%2F%2B.MdLQU98NRYt6FkotO9nX%2FoWeqQbhTeSd1%2F6WcBhZu8g",
        ),
        (
            "tmSuTTVSzBR6M41vUqQBaqXgNfbLtW3i",
            "old secret",
            "connect.sid=s%3AtmSuTTVSzBR6M41vUqQBaqXgNfbLtW3i.U34YE7fIZzTvFXwXaCUyY%2Fjk8cAqg6lJi9CUzk%2BZR4M",
        ),
    ];

    #[test]
    fn a_cookie_is_signed_and_escaped_as_express_does_it() {
        for (id, secret, pair) in OF_EXPRESS {
            let cookie = ExpressCookie::new(secret);
            assert_eq!(cookie.set(id).stripped().to_string(), pair);
            assert_eq!(cookie.set(id).to_string(), format!("{pair}; HttpOnly; Path=/"));
            assert_eq!(cookie.id([pair]).as_deref(), Some(id));
        }
    }

    #[test]
    fn only_an_unchanged_cookie_of_a_known_secret_has_an_id() {
        let [(id, secret, pair), (_, other, _), _] = OF_EXPRESS;
        let cookie = ExpressCookie::new(secret);
        assert_eq!(ExpressCookie::new(other).id([pair]), None);
        assert_eq!(ExpressCookie::new("").id([pair]), None);
        let signed = cookie.sign(id);
        assert_eq!(cookie.unsign(&signed), Some(id));
        for wrong in [
            signed.replacen('7', "8", 1),
            signed.replace("s:", ""),
            signed.replace("s:", "j:"),
            format!("{signed}="),
            format!("{signed}A"),
            signed[..signed.len() - 1].to_owned(),
            signed.replace("J7/", "J7_"),
            format!("s:{id}."),
            format!("s:{id}"),
            "s:".to_owned(),
            String::new(),
        ] {
            assert_eq!(cookie.unsign(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_retired_secret_signed_still_counts_and_the_first_signs() {
        let [(id, retired, pair), (_, secret, _), _] = OF_EXPRESS;
        let cookie = ExpressCookie::new(secret).or("another").or(retired);
        assert_eq!(cookie.id([pair]).as_deref(), Some(id));
        assert_eq!(ExpressCookie::new(secret).unsign(&cookie.sign(id)), Some(id));
        assert_eq!(ExpressCookie::new(retired).unsign(&cookie.sign(id)), None);
    }

    #[test]
    fn the_first_cookie_of_the_name_counts_in_any_header() {
        let [(id, secret, pair), (_, _, other), _] = OF_EXPRESS;
        let cookie = ExpressCookie::new(secret);
        let id_in = |headers: &[&str]| cookie.id(headers.iter().copied());
        assert_eq!(id_in(&["a=b; c", &format!("connect.sid2=x; {pair};d=e")]).as_deref(), Some(id));
        assert_eq!(id_in(&[&format!("{other}; {pair}")]), None, "as in Express");
        assert_eq!(
            id_in(&[&pair.replace("connect.sid=", "connect.sid=\"").replace("Kyw", "Kyw\"")])
                .as_deref(),
            Some(id)
        );
        assert_eq!(id_in(&[]), None);
        assert_eq!(id_in(&["connect.sid=s%3A%FF.x"]), None);
        let named = cookie.clone().named("sid");
        assert_eq!(named.id([pair]), None);
        assert_eq!(named.id([pair.trim_start_matches("connect.")]).as_deref(), Some(id));
    }

    #[test]
    fn no_secret_is_shown() {
        let shown = format!("{:?}", ExpressCookie::new("keyboard cat").or("old cat"));
        assert_eq!(shown, r#"ExpressCookie { name: "connect.sid", .. }"#);
    }

    #[test]
    fn a_removal_is_over_long_ago() {
        let removal = ExpressCookie::new("keyboard cat").removal().to_string();
        assert!(removal.starts_with("connect.sid=; Path=/; Max-Age=0; Expires="), "{removal}");
    }

    #[test]
    fn new_ids_look_like_those_of_express_and_are_each_another() {
        let ids: std::collections::HashSet<String> = (0..100).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 100);
        let is_plain = |id: &String| {
            id.len() == 32 && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        assert!(ids.iter().all(is_plain));
    }
}
