//! What only the application can compute: names of sessions that reveal no id, and tokens of forms.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::{Error, Result};

/// As long as a digest of SHA-256: a shorter key could be guessed more easily than the digest.
const LEAST_KEY: usize = 32;
/// 128 bits, which no two sessions of a user share.
const HANDLE: usize = 16;
const NONCE: usize = 16;

/// HMAC-SHA256 with the key of the application. Each use has a label, so that what is computed for
/// one is worthless for the other.
#[derive(Clone)]
pub(super) struct Keyed(Hmac<Sha256>);

impl Keyed {
    pub(super) fn new(key: &[u8]) -> Result<Self> {
        if key.len() < LEAST_KEY {
            let what = format!("the key must have at least {LEAST_KEY} bytes");
            return Err(Error::Unsupported(what));
        }
        let keyed = Hmac::new_from_slice(key)
            .unwrap_or_else(|_| unreachable!("HMAC accepts keys of any length"));
        Ok(Self(keyed))
    }

    /// The name of the session `id` on the page.
    pub(super) fn handle(&self, id: &str) -> String {
        let digest = self.labelled(b"sessionctl devices: handle\0").chain_update(id).finalize();
        BASE64.encode(&digest.into_bytes()[..HANDLE])
    }

    /// A token for the session `id`. With a nonce, compression of the page reveals nothing about it.
    pub(super) fn token(&self, id: &str) -> String {
        let nonce = rand::random::<[u8; NONCE]>();
        let digest = self.for_token(&nonce, id).finalize().into_bytes();
        BASE64.encode([nonce.as_slice(), digest.as_slice()].concat())
    }

    /// Whether it is a token for the session `id`; the comparison takes the same time for all.
    pub(super) fn is_token(&self, id: &str, token: &str) -> bool {
        let Ok(bytes) = BASE64.decode(token) else { return false };
        let Some((nonce, digest)) = bytes.split_first_chunk::<NONCE>() else { return false };
        self.for_token(nonce, id).verify_slice(digest).is_ok()
    }

    /// The proof that a form of the session `id` ended this many sessions.
    pub(super) fn receipt(&self, id: &str, ended: u64) -> String {
        let receipt = self.labelled(b"sessionctl devices: receipt\0");
        let digest = receipt.chain_update(ended.to_be_bytes()).chain_update(id).finalize();
        BASE64.encode(&digest.into_bytes()[..HANDLE])
    }

    fn for_token(&self, nonce: &[u8; NONCE], id: &str) -> Hmac<Sha256> {
        self.labelled(b"sessionctl devices: token\0").chain_update(nonce).chain_update(id)
    }

    fn labelled(&self, label: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(label)
    }
}

impl fmt::Debug for Keyed {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN";

    fn keyed(byte: u8) -> Keyed {
        Keyed::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn a_handle_depends_on_the_id_and_the_key_and_on_nothing_else() {
        let handle = keyed(1).handle(ID);
        assert_eq!(handle, keyed(1).handle(ID));
        assert_ne!(handle, keyed(2).handle(ID));
        assert_ne!(handle, keyed(1).handle(&ID[1..]));
        assert_eq!(handle.len(), 22);
    }

    #[test]
    fn a_token_is_valid_for_its_session_and_key_alone() {
        let token = keyed(1).token(ID);
        assert!(keyed(1).is_token(ID, &token));
        assert_ne!(token, keyed(1).token(ID), "each one is new");
        assert!(!keyed(2).is_token(ID, &token));
        assert!(!keyed(1).is_token("another", &token));
        let other = keyed(1).token("another");
        let mixed = format!("{}{}", &token[..20], &other[20..]);
        let shorter = &token[..token.len() - 4];
        let handle = keyed(1).handle(ID);
        for wrong in ["", "AAAA", shorter, &mixed, &handle, &token.to_lowercase()] {
            assert!(!keyed(1).is_token(ID, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_short_key_is_refused_and_no_key_is_shown() {
        let error = Keyed::new(b"keyboard cat").unwrap_err();
        assert!(error.to_string().ends_with("the key must have at least 32 bytes"), "{error}");
        assert_eq!(format!("{:?}", keyed(1)), "Keyed");
    }
}
