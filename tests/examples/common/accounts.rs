//! The users of the examples `axum_login` and `actix`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// The accounts by name. A real application keeps them in its database, with passwords hashed by
/// argon2 or scrypt: SHA-256 is too fast for passwords, but needs no further crate here.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<HashMap<String, User>>);

#[derive(Clone)]
pub struct User {
    pub name: String,
    pub password_hash: Vec<u8>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The frameworks log users.
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Accounts {
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let account = |(name, password): (&str, &str)| {
            let user = User { name: name.to_owned(), password_hash: hash(password) };
            (name.to_owned(), user)
        };
        Self(Arc::new(users.into_iter().map(account).collect()))
    }

    pub fn find(&self, name: &str) -> Option<User> {
        self.0.get(name).cloned()
    }

    /// The user, if this is the password.
    pub fn check(&self, name: &str, password: &str) -> Option<User> {
        self.find(name).filter(|user| user.password_hash == hash(password))
    }
}

fn hash(password: &str) -> Vec<u8> {
    Sha256::digest(password).to_vec()
}
