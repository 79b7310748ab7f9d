//! The store as `SessionStore` of tower-sessions, for each version of tower-sessions-core: their
//! traits are the same, but different ones for the compiler.

use std::collections::HashMap;

use bson::DateTime;
use serde_json::Value;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

use crate::app::builder::StoreBuilder;
use crate::model::layout::Layout;
use crate::model::payload::has_dotted_key;
use crate::model::payload::msgpack::TowerExpiry;
use crate::store::encode::{Content, Whole, is_tower, tower_record};
use crate::store::{Expiry, Mode, Store};

/// How many ids `create` tries. Ids have 128 random bits and never collide; if all are refused, the
/// cause is another unique index.
pub(super) const MOST_IDS: u32 = 8;

/// A builder with the options of tower-sessions-mongodb-store: its layout, and its collection
/// `sessions`.
pub fn builder() -> StoreBuilder {
    Store::builder().layout("tower-sessions")
}

/// The document to write for a record: its id as text and as a number, its data and its expiry.
pub(super) fn whole<'a>(
    layout: &Layout,
    (id, number): (&'a str, i128),
    data: &HashMap<String, Value>,
    expiry: OffsetDateTime,
) -> Whole<'a> {
    let unix_nanos = expiry.unix_timestamp_nanos();
    let payload = match is_tower(layout) {
        true => {
            let ahead = expiry.offset().whole_seconds();
            Content::Encoded(tower_record(number, data, TowerExpiry { unix_nanos, ahead }))
        }
        false => {
            let data = data.iter().map(|(key, value)| (key.clone(), value.clone()));
            Content::Value(Value::Object(data.collect()))
        }
    };
    let millis = i64::try_from(unix_nanos / 1_000_000).unwrap_or(i64::MAX);
    Whole { id: id.into(), payload, expiry: Expiry::At(DateTime::from_millis(millis)) }
}

/// Warns of a log-in of axum-login whose user the store does not find: its log-outs elsewhere and
/// limits would do nothing, without an error.
pub(super) fn warn_of_unfound_user(layout: &Layout, data: &HashMap<String, Value>) {
    // The application chooses the key; what is under it is always the same.
    let is_login = |value: &Value| {
        value.get("auth_hash").is_some() && value.get("user_id").is_some_and(|id| !id.is_null())
    };
    let Some((key, _)) = data.iter().find(|(_, value)| is_login(value)) else { return };
    let is_below = |path: &str, key: &String| {
        path.strip_prefix(key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // The server cannot search for a key with a dot, unless the library knows that there is one.
    let is_found = |path: &str, key: &String| {
        let is_searched = layout.payload.is_document() && key.contains('.');
        is_below(path, key) && (!is_searched || has_dotted_key(path))
    };
    if layout.user.iter().any(|place| data.keys().any(|key| is_found(place.path(), key))) {
        return;
    }
    let path = format!("{key}.user_id");
    let remedy = match layout.payload.is_document() && key.contains('.') && !has_dotted_key(&path) {
        true => {
            "choose a data key without a dot, and name it with StoreBuilder::user_path".to_owned()
        }
        false => format!("call StoreBuilder::user_path(\"{path}\")"),
    };
    tracing::warn!(
        layout = %layout.name,
        "a user logs in whom sessions_of, destroy_all_of and limits do not find: {remedy}"
    );
}

/// Which sessions `save` writes.
pub(super) fn saved(store: &Store) -> Mode {
    // No upsert: it would resurrect a session that a logout deleted during the request.
    if store.save_only_live { Mode::Live } else { Mode::Existing }
}

/// The expiry of the document. The payload's expiry is used for its nanoseconds, unless another
/// tool changed the document's.
pub(super) fn expiry_date(expires: Option<DateTime>, in_payload: Option<i128>) -> OffsetDateTime {
    let last = PrimitiveDateTime::MAX.assume_offset(UtcOffset::UTC);
    let Some(expires) = expires.map(DateTime::timestamp_millis) else { return last };
    let nanos = match in_payload {
        Some(nanos) if nanos / 1_000_000 == i128::from(expires) => nanos,
        _ => i128::from(expires) * 1_000_000,
    };
    OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(last)
}

/// Implements the traits of one version of tower-sessions-core.
macro_rules! implement {
    ($core:ident) => {
        use std::time::Duration;

        use async_trait::async_trait;
        use bson::RawDocument;
        use $core::session::{Id, Record};
        use $core::session_store::{Error, Result};
        use $core::{ExpiredDeletion, SessionStore};

        use crate::app::log::log;
        use crate::app::tower::{MOST_IDS, expiry_date, saved, warn_of_unfound_user, whole};
        use crate::error;
        use crate::ops::sweep::Sweep;
        use crate::store::encode::{Whole, tower};
        use crate::store::{Mode, Store};

        fn of<'a>(store: &Store, id: &'a str, record: &Record) -> Whole<'a> {
            whole(store.layout(), (id, record.id.0), &record.data, record.expiry_date)
        }

        #[async_trait]
        impl SessionStore for Store {
            /// Creates a session. If the id is taken, generates another and stores it in `record`.
            ///
            /// # Errors
            /// `Backend` if a command cannot be sent or the server rejects it. `Encode` if the layout
            /// cannot represent the record.
            async fn create(&self, record: &mut Record) -> Result<()> {
                // Each log-in gets a new id.
                warn_of_unfound_user(self.layout(), &record.data);
                for _ in 0..MOST_IDS {
                    let id = record.id.to_string();
                    if self.put(of(self, &id, record), Mode::New).await?.inserted {
                        return Ok(());
                    }
                    // Overwriting would give the session of one visitor to another.
                    record.id = Id::default();
                }
                Err(Error::Backend("the server accepts no new session id".to_owned()))
            }

            /// Overwrites an existing session, in one round trip, or two if nothing in it changed. Does
            /// nothing if the session was deleted.
            ///
            /// # Errors
            /// As for `create`.
            async fn save(&self, record: &Record) -> Result<()> {
                let id = record.id.to_string();
                self.put(of(self, &id, record), saved(self)).await?;
                Ok(())
            }

            /// The session, if it has not expired by the server's clock, in one round trip. A session
            /// that never expires gets the end of the year 9999 as its expiry.
            ///
            /// # Errors
            /// `Backend` if a command cannot be sent or the server rejects it. `Decode` if the payload
            /// cannot be decoded.
            async fn load(&self, id: &Id) -> Result<Option<Record>> {
                let record = |session: &RawDocument, now| {
                    let (_, expires) = self.layout().state_at(session, now);
                    let (data, nanos) = tower::data(self.layout(), session)?;
                    let data = data.into_iter().collect();
                    Ok(Record { id: *id, data, expiry_date: expiry_date(expires, nanos) })
                };
                Ok(self.read_live(&id.to_string(), false, record).await?)
            }

            /// Deletes the session, and waits up to 5 seconds until a majority has confirmed it. A delete
            /// that is not confirmed by then is logged, and no error: axum-login deletes the old id
            /// at each log-in, and while a replica set has no majority nobody could log in.
            ///
            /// # Errors
            /// `Backend` if a command cannot be sent or the server rejects it.
            async fn delete(&self, id: &Id) -> Result<()> {
                Ok(self.destroy_soon(&id.to_string()).await?)
            }
        }

        #[async_trait]
        impl ExpiredDeletion for Store {
            /// [`Store::clear_expired`], without its count.
            ///
            /// # Errors
            /// `Backend` if a command cannot be sent or the server rejects it.
            async fn delete_expired(&self) -> Result<()> {
                self.clear_expired().await?;
                Ok(())
            }

            /// Deletes expired sessions now and then every `period`, forever. If the server is
            /// unreachable it waits, and after any other error it retries a period (at least half a
            /// second) later. Counts and errors are logged with `tracing`. If this future is dropped or
            /// its task aborted, the current batch is still finished.
            ///
            /// # Errors
            /// Never: it does not return.
            async fn continuously_delete_expired(self, period: Duration) -> Result<()> {
                let _guard = self.sweep(Sweep { interval: period, ..Sweep::default() }, log);
                std::future::pending().await
            }
        }

        impl From<error::Error> for Error {
            fn from(error: error::Error) -> Self {
                match error {
                    error::Error::Document(_) => Self::Decode(error.to_string()),
                    error::Error::Unsupported(_) => Self::Encode(error.to_string()),
                    error => Self::Backend(error.to_string()),
                }
            }
        }
    };
}
pub(super) use implement;
