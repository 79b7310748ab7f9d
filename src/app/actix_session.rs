//! The `SessionStore` of actix-session 0.11, for every layout that can be written, except that of
//! tower-sessions, whose ids are shorter.
//!
//! ```no_run
//! # async fn example() -> sessionctl::Result<()> {
//! let (store, _) = sessionctl::Store::builder()
//!     .uri("mongodb://localhost:27017/shop")
//!     .layout("express-mongodb-1")
//!     .user_path("actix_identity.user_id")
//!     .ttl_index(true)
//!     .open()
//!     .await?;
//! // App::new().wrap(SessionMiddleware::new(store.clone(), key.clone()))
//! # drop(store);
//! # Ok(())
//! # }
//! ```
//!
//! Each entry of the session is a field of the payload, as an Express application would store it:
//! `session.insert("user", "alice")` becomes `{ user: "alice" }`. With the layouts of
//! express-session's stores, `load` also returns their `cookie`.
//!
//! The user of actix-identity is under the key `actix_identity.user_id`. The server cannot search for a
//! key with a dot: `sessions_of` and the like read every session. If there are many, give
//! `IdentityMiddleware` another key, and name it with `user_path`.
//!
//! `cargo run --example actix` runs an application (`tests/examples/actix`), which can share its logins
//! with an Express application.
//!
//! Differences from the stores of actix-session:
//!
//! - The server's clock decides whether a session has expired, and the lifetime counts from it.
//! - `save` never overwrites an existing session.
//! - `update` never creates a session. If the session was deleted while a request was running (a
//!   logout), it does nothing, and the next `load` returns `None`; the Redis store of actix-session
//!   logs such a user in again. With [`save_only_live`](crate::StoreBuilder::save_only_live) the same
//!   holds for an expired session.
//! - A session whose payload cannot be decoded, for example because it is encrypted, is an error and
//!   stays as it is.
//! - `delete` waits up to 5 seconds until a majority has confirmed it.

use std::collections::HashMap;
use std::time::Duration;

use actix_session::storage::{
    LoadError, SaveError, SessionKey, SessionStore, UpdateError, generate_session_key,
};
use actix_web::cookie::time;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::store::encode::{Content, Whole};
use crate::store::{Expiry, Mode, Store};

/// How many ids `save` tries. They have 64 random characters and never collide; if all are refused,
/// the cause is another unique index.
const MOST_IDS: u32 = 8;

/// The entries of a session, each as JSON.
type State = HashMap<String, String>;

fn payload(state: &State) -> Result<Content, anyhow::Error> {
    let entry = |(key, json): (&String, &String)| Ok((key.clone(), serde_json::from_str(json)?));
    let entries = state.iter().map(entry).collect::<Result<Map<_, _>, serde_json::Error>>()?;
    Ok(Content::Value(Value::Object(entries)))
}

fn expiry(ttl: &time::Duration) -> Expiry {
    Expiry::After(Duration::try_from(*ttl).unwrap_or_default())
}

impl SessionStore for Store {
    /// The entries of the session, if it has not expired by the server's clock, in one round trip.
    ///
    /// # Errors
    /// `Other`, also if the payload cannot be decoded or is not an object: after `Deserialization`,
    /// the middleware would go on with an empty session, and overwrite this one.
    async fn load(&self, session_key: &SessionKey) -> Result<Option<State>, LoadError> {
        let found = self.get::<Map<String, Value>>(session_key.as_ref()).await;
        let found = found.map_err(|error| LoadError::Other(error.into()))?;
        Ok(found.map(|entries| {
            entries.into_iter().map(|(key, value)| (key, value.to_string())).collect()
        }))
    }

    /// Creates a session under a new key.
    ///
    /// # Errors
    /// `Serialization` if the layout cannot represent the entries. `Other` if a command cannot be
    /// sent or the server rejects it.
    async fn save(&self, state: State, ttl: &time::Duration) -> Result<SessionKey, SaveError> {
        let (payload, expiry) = (payload(&state).map_err(SaveError::Serialization)?, expiry(ttl));
        for _ in 0..MOST_IDS {
            let key = generate_session_key();
            let whole = Whole { id: key.as_ref().into(), payload: payload.clone(), expiry };
            let put = self.put(whole, Mode::New).await.map_err(|error| match error {
                Error::Unsupported(_) => SaveError::Serialization(error.into()),
                error => SaveError::Other(error.into()),
            });
            if put?.inserted {
                return Ok(key);
            }
        }
        Err(SaveError::Other(anyhow::anyhow!("the server accepts no new session id")))
    }

    /// Overwrites an existing session. Does nothing if the session was deleted.
    ///
    /// # Errors
    /// As for `save`.
    async fn update(
        &self,
        session_key: SessionKey,
        state: State,
        ttl: &time::Duration,
    ) -> Result<SessionKey, UpdateError> {
        let payload = payload(&state).map_err(UpdateError::Serialization)?;
        let whole = Whole { id: session_key.as_ref().into(), payload, expiry: expiry(ttl) };
        // No upsert: it would resurrect a session that a logout deleted during the request.
        let mode = if self.save_only_live { Mode::Live } else { Mode::Existing };
        self.put(whole, mode).await.map_err(|error| match error {
            Error::Unsupported(_) => UpdateError::Serialization(error.into()),
            error => UpdateError::Other(error.into()),
        })?;
        Ok(session_key)
    }

    /// Renews the session, unless it has expired. With
    /// [`touch_after`](crate::StoreBuilder::touch_after), it skips one that was written recently.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it.
    async fn update_ttl(
        &self,
        session_key: &SessionKey,
        ttl: &time::Duration,
    ) -> Result<(), anyhow::Error> {
        self.touch(session_key.as_ref(), expiry(ttl)).await?;
        Ok(())
    }

    /// Deletes the session, and waits up to 5 seconds until a majority has confirmed it. A delete that is
    /// not confirmed by then is logged, and no error: the middleware would keep the cookie.
    ///
    /// # Errors
    /// If a command cannot be sent or the server rejects it.
    async fn delete(&self, session_key: &SessionKey) -> Result<(), anyhow::Error> {
        Ok(self.destroy_soon(session_key.as_ref()).await?)
    }
}
