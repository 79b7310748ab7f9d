//! Writes that lose no update of another request: a session is written only if its payload is still
//! the one that was read.

use bson::RawDocument;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::collection::Store;
use super::expiry::Expiry;
use super::roundtrip;
use super::sessions::typed;
use super::setting::{Mode, whole};
use super::version::{SetIfUnchanged, Version, Versioned};
use crate::error::Result;

impl Store {
    /// Like [`get`](Self::get), with the version of the session, so that
    /// [`set_if_unchanged`](Self::set_if_unchanged) can detect writes in between. Reads from the
    /// primary.
    ///
    /// # Errors
    /// As for [`get`](Self::get). [`Unsupported`](crate::Error::Unsupported) if the layout spreads
    /// the payload over the document.
    pub async fn get_versioned<T: DeserializeOwned>(
        &self,
        id: &str,
    ) -> Result<Option<Versioned<T>>> {
        let versioned = |session: &RawDocument, _| {
            let layout = self.layouts().of(session);
            let version = Version::of(layout, session)?;
            let payload = typed(roundtrip::value(layout, session)?)?;
            Ok(Versioned { payload, version })
        };
        self.read_live(id, true, versioned).await
    }

    /// Writes the session `id` only if its payload is still the one of `version` and it is not
    /// over. Otherwise changes nothing, and returns the current session if there is one: of two
    /// requests that read the same session and change it, the second one notices the first.
    ///
    /// ```no_run
    /// use sessionctl::{Expiry, SetIfUnchanged, Store};
    ///
    /// # async fn example(store: Store, id: &str, hour: Expiry) -> sessionctl::Result<()> {
    /// let mut read = store.get_versioned::<serde_json::Value>(id).await?;
    /// while let Some(mut session) = read.take() {
    ///     session.payload["visits"] = 2.into();
    ///     match store.set_if_unchanged(id, &session.payload, &session.version, hour).await? {
    ///         SetIfUnchanged::Set(_) | SetIfUnchanged::Gone => {}
    ///         SetIfUnchanged::Changed(current) => read = Some(current),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Payloads are compared as they are stored, so this also notices writes by the stores of other
    /// frameworks. One round trip if nobody wrote in between.
    ///
    /// # Errors
    /// As for [`Store::set`].
    pub async fn set_if_unchanged<T: Serialize + DeserializeOwned>(
        &self,
        id: &str,
        payload: &T,
        version: &Version,
        expiry: Expiry,
    ) -> Result<SetIfUnchanged<T>> {
        let (whole, layout) = (whole(id, payload, expiry)?, self.layout());
        // Encoded before the write, so that the version of what is written is known.
        let clock = self.clock(whole.needs_now(layout)).await?;
        let (whole, payload) = whole.encoded(layout, clock)?;
        let done = self.put(whole, Mode::Unchanged(version.clone())).await?;
        if done.matched {
            return Ok(SetIfUnchanged::Set(version.with(&payload)));
        }
        Ok(match self.get_versioned(id).await? {
            Some(current) => SetIfUnchanged::Changed(current),
            None => SetIfUnchanged::Gone,
        })
    }
}
