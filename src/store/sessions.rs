//! The operations of a web application that write no whole sessions: express-session's get, touch,
//! destroy, all, length and clear.

use std::time::{Duration, Instant};

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, DateTime, Document, doc};
use mongodb::Collection;
use mongodb::options::{
    Acknowledgment, FindOneOptions, ReadPreference, SelectionCriteria, WriteConcern,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::collection::Store;
use super::encode::Touch;
use super::expiry::Expiry;
use super::read::Reading;
use super::roundtrip;
use super::setting::Put;
use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::filter::{all, exactly};
use crate::model::key::Key;
use crate::model::layout::is_id;
use crate::model::session::{SessionId, State};
use crate::server::connection::{Asking, Handle, LONGEST_READ, Servers};
use crate::server::flavour::Feature;
use crate::server::reply::{affected, documents};

/// How many seconds a delete waits for a majority. Without a limit, a replica set that has lost its
/// majority of data-bearing members would hold each log-out, and its connection, until one is back.
pub(crate) const MAJORITY_WITHIN: u32 = 5;

/// The result of a find whose reply includes the server's clock.
enum Sent {
    Live(RawDocumentBuf, DateTime),
    /// There is no such session, or it has expired.
    Nothing,
    /// The server omitted the clock.
    WithoutClock,
}

impl Store {
    /// The payload of the session `id`, or `None` if it does not exist, has expired, or has an expiry
    /// that the store cannot read. One round trip, with the index on the id: the reply contains the
    /// server's clock, which alone decides.
    ///
    /// The payload is any type that serde can deserialize. If the store keeps BSON, an `ObjectId`,
    /// a date or bytes are types of `bson`. In a [`Value`], they are relaxed Extended JSON, such as
    /// `{"$oid": ...}`, and get their type back when the value is set again.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached; [`Error::Document`] if the payload does
    /// not decode into `T`.
    pub async fn get<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>> {
        let payload =
            |session: &RawDocument, _| typed(roundtrip::value(self.layouts.of(session), session)?);
        self.read_live(id, false, payload).await
    }

    /// What `read` makes of the whole session `id` and the server's clock, if it has not expired.
    pub(crate) async fn read_live<T>(
        &self,
        id: &str,
        primary: bool,
        read: impl FnOnce(&RawDocument, DateTime) -> Result<T>,
    ) -> Result<Option<T>> {
        let reading = async {
            let found = self.find_of_live(id, None, primary || self.from_primary).await?;
            if let (Some(after), Some((session, now))) = (&self.after_write, &found)
                && let Some(user) = self.layouts.of(session).glance(session, *now).user
            {
                after.found(id, &user);
            }
            found.map(|(session, now)| read(&session, now)).transpose()
        };
        self.observed("get", reading).await
    }

    /// The session `id` or `part` of it, which includes the fields of the expiry, if it has not expired,
    /// and the server's clock. Uses the read preference of the connection string, unless it must be
    /// the primary.
    pub(super) async fn find_of_live(
        &self,
        id: &str,
        part: Option<Document>,
        primary: bool,
    ) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        let flavour = self.connection.flavour();
        if flavour.lacks(Feature::NowInFind) {
            return self.find_after_clock(id, primary).await;
        }
        match self.find_with_clock(id, part, primary).await {
            Ok(Sent::Live(session, now)) => Ok(Some((session, now))),
            Ok(Sent::Nothing) => Ok(None),
            Ok(Sent::WithoutClock) => {
                flavour.note(Feature::NowInFind);
                self.find_after_clock(id, primary).await
            }
            Err(error) if flavour.learns(Feature::NowInFind, &error) => {
                self.find_after_clock(id, primary).await
            }
            Err(error) => Err(error),
        }
    }

    /// The same if the server cannot include its clock: the clock is read before, so that a session
    /// that expires in between is still found.
    async fn find_after_clock(
        &self,
        id: &str,
        primary: bool,
    ) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        let now = self.connection.hello().await?.now;
        let found = self.find_one(self.candidate(id), None, primary).await?;
        let path = &self.layout().id.path;
        let is_it = |session: &RawDocumentBuf| match find(session, path) {
            Found::One(RawBsonRef::String(found)) => found == id,
            _ => true,
        };
        let is_session = |found: &RawDocumentBuf| self.layouts.describes(found) && is_it(found);
        let found = found.filter(is_session).filter(|session| self.lives(session, now));
        Ok(found.map(|found| (found, now)))
    }

    fn lives(&self, session: &RawDocument, now: DateTime) -> bool {
        let (state, _) = self.layouts.of(session).state_at(session, now);
        matches!(state, State::Live | State::Endless)
    }

    async fn find_with_clock(
        &self,
        id: &str,
        part: Option<Document>,
        primary: bool,
    ) -> Result<Sent> {
        let path = &self.layout().id.path;
        // A part does not show whether it is of a session.
        let (which, is_whole) = match part {
            None => (self.candidate(id), true),
            Some(_) => (self.named(id), false),
        };
        let session = part.map_or_else(|| "$$ROOT".into(), Bson::from);
        let projection =
            doc! { "_id": 0, "session": session, "now": "$$NOW", "id": format!("${path}") };
        let found = self.find_one(which, Some(projection), primary).await?;
        // With a collation, another id may be equal.
        let is_other = |row: &RawDocumentBuf| row.get_str("id").is_ok_and(|found| found != id);
        let Some(row) = found.filter(|row| !is_other(row)) else { return Ok(Sent::Nothing) };
        let Ok(session) = row.get_document("session") else { return Ok(Sent::WithoutClock) };
        let Ok(now) = row.get_datetime("now") else { return Ok(Sent::WithoutClock) };
        let is_session = !is_whole || self.layouts.describes(session);
        Ok(match is_session && self.lives(session, now) {
            true => Sent::Live(session.to_owned(), now),
            false => Sent::Nothing,
        })
    }

    async fn find_one(
        &self,
        which: Document,
        projection: Option<Document>,
        primary: bool,
    ) -> Result<Option<RawDocumentBuf>> {
        let mut options = FindOneOptions::default();
        options.projection = projection;
        if self.connection.cuts("find") {
            options.max_time = Some(LONGEST_READ);
        }
        options.selection_criteria =
            primary.then_some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.comment = Some(self.comment.as_str().into());
        let servers = if primary { Servers::Primary } else { Servers::Readable };
        let found =
            self.connection.ask_again(self.asking("find", servers), |client, mut session| {
                let collection = self.collection_of(&client);
                let (which, options) = (which.clone(), options.clone());
                async move {
                    let find = collection.find_one(which).with_options(options);
                    let found = match &mut session {
                        Some(session) => find.session(session).await,
                        None => find.await,
                    };
                    (found, session)
                }
            });
        Ok(found.await?.1)
    }

    /// The filter of the session `id`. It does not check first whether the collection has a
    /// collation, by which "1" may equal "01", because that would cost a round trip.
    pub(super) fn named(&self, id: &str) -> Document {
        all(vec![self.with_id(id), self.layouts.membership()])
    }

    /// The query of an update of the session `id`, and the condition that the update itself contains:
    /// `also`, and the rest of [`Store::named`]. A query for only an `_id` has the fastest plan: with the
    /// membership in the query, an update takes mongod 6.0.5 twice as long.
    pub(super) fn in_update(
        &self,
        id: &str,
        also: Option<Document>,
    ) -> (Document, Option<Document>) {
        let layout = self.layout();
        // A condition that does not hold writes such a field as it is, and with it the documents on the way.
        let is_inside = layout.touched_fields().any(|path| path.contains('.'));
        if layout.id.path != "_id" || is_inside {
            return (self.named(id), also);
        }
        let is_text = doc! { "$eq": [{ "$type": "$_id" }, "string"] };
        let mut all = vec![is_text.into(), is_id(id).into(), self.layouts.membership_fact()];
        all.extend(also.map(Bson::from));
        (doc! { "_id": id }, Some(doc! { "$and": all }))
    }

    /// The filter of all documents with this id, sessions or not.
    pub(super) fn with_id(&self, id: &str) -> Document {
        exactly(&self.layout().id.path, &id.into())
    }

    /// The filter of the document that may be the session `id`. A query for only an `_id` has the
    /// fastest plan, and no second document has it.
    fn candidate(&self, id: &str) -> Document {
        if self.layout().id.path == "_id" {
            doc! { "_id": id }
        } else {
            self.named(id)
        }
    }

    /// The `_id`s of the session `id`, from the primary: without a unique index on the id, there may
    /// be several.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn keys_of(&self, id: &str) -> Result<Vec<Key>> {
        let mut batches = self.clone().on_primary().read_ids(self.named(id), &[], 100).await?;
        let mut keys = Vec::new();
        while let Some(batch) = batches.next().await? {
            keys.extend(documents(&batch).filter_map(Key::of));
        }
        Ok(keys)
    }

    /// The fields of the expiry of the session `id`, from the primary.
    pub(super) async fn find_expiry(&self, id: &str) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        self.find_of_live(id, Some(self.layout().expiry_fields()), true).await
    }

    /// Gives the session `id` a new expiry. Returns `false`, and changes nothing, for a session that
    /// [`Store::get`] does not return because it is gone, expired or malformed: the update contains the
    /// condition that the session has not expired, and never inserts.
    ///
    /// With [`Store::touch_after`], the session is read first, and not changed if it was written
    /// recently. This follows from the difference between its expiry and the new one, both by the
    /// server's clock.
    ///
    /// One round trip. There is a second one if the session is read first and then written, or if
    /// nothing changed, to distinguish an expired session from one that already had this
    /// expiry.
    ///
    /// The payload does not change. In the layout of tower-sessions, it repeats the expiry from the
    /// last save. That copy is not used: tower-sessions-mongodb-store 0.11 ignores it
    /// (`src/lib.rs`, `load`), and tower-sessions replaces it before it saves the record
    /// (tower-sessions-core 0.11 and 0.15, `src/session.rs`).
    ///
    /// # Errors
    /// As for [`Store::set`].
    pub async fn touch(&self, id: &str, expiry: Expiry) -> Result<bool> {
        self.observed("touch", self.touch_if_live(id, expiry)).await
    }

    async fn touch_if_live(&self, id: &str, expiry: Expiry) -> Result<bool> {
        let (layout, touch, after) = (self.layout(), Touch(expiry), self.touch_after);
        if !after.is_zero() {
            let Some((session, now)) = self.find_expiry(id).await? else { return Ok(false) };
            if touch.is_needless(layout, &session, now, after) {
                return Ok(true);
            }
        }
        let mut done = self.touch_decided(id, touch).await;
        if self.lacks_clock(&done) {
            done = self.touch_decided(id, touch).await;
        }
        Ok(done?.matched)
    }

    async fn touch_decided(&self, id: &str, touch: Touch) -> Result<Put> {
        let done = self.touch_once(id, touch).await?;
        match self.is_undecided(done) {
            true => self.touch_plainly(id, touch).await,
            false => Ok(done),
        }
    }

    async fn touch_once(&self, id: &str, touch: Touch) -> Result<Put> {
        let (layout, began) = (self.layout(), Instant::now());
        let clock = self.clock(Touch::needs_now(layout)).await?;
        let (query, condition) = match self.has_clock() {
            true => self.in_update(id, Some(layout.lives())),
            false => (self.if_live(self.named(id), clock, began), None),
        };
        self.update(query, touch.update(layout, clock, condition)?, false, None).await
    }

    /// The same with the whole condition in the query, so that the reply shows whether it held.
    async fn touch_plainly(&self, id: &str, touch: Touch) -> Result<Put> {
        let layout = self.layout();
        let clock = self.clock(Touch::needs_now(layout)).await?;
        let query = all(vec![self.named(id), self.lives_in_query()]);
        self.update(query, touch.update(layout, clock, None)?, false, None).await
    }

    /// The same store, whose touches write only if the last write is older than `after`, so that an
    /// application that touches a session at each request writes rarely. This is connect-mongo's
    /// `touchAfter` (`src/lib/MongoStore.ts`), which is in seconds there.
    ///
    /// A session can expire up to `after` earlier than its last touch implies, so choose `after` as a
    /// small part of the lifetime.
    #[must_use]
    pub fn touch_after(mut self, after: Duration) -> Self {
        self.touch_after = after;
        self
    }

    /// The same store, whose `save` of tower-sessions and `update` of actix-session write only
    /// sessions that have not expired at the time of the write. See
    /// [`StoreBuilder::save_only_live`](crate::StoreBuilder::save_only_live).
    #[must_use]
    pub fn save_only_live(mut self, only_live: bool) -> Self {
        self.save_only_live = only_live;
        self
    }

    pub(super) fn asking<'a>(&'a self, command: &'a str, servers: Servers<'a>) -> Asking<'a> {
        Asking { servers, ..Asking::to_primary(command, &self.collection) }
    }

    pub(super) fn collection_of(&self, client: &Handle) -> Collection<RawDocumentBuf> {
        client.database(self.connection.database()).collection(&self.collection)
    }

    /// Deletes the session `id`, and returns whether it existed. Waits up to 5 seconds for a
    /// majority: if a failover rolled back a logout, the session could log in again.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached. With the [code](Error::code) 64, the
    /// session is deleted, but no majority confirmed that in time.
    pub async fn destroy(&self, id: &str) -> Result<bool> {
        self.observed("destroy", async { self.destroy_one(id).await.map_err(unconfirmed) }).await
    }

    /// The same for frameworks: that no majority has confirmed it yet is no error.
    #[cfg(any(
        feature = "actix-session",
        feature = "tower-sessions",
        feature = "tower-sessions-014"
    ))]
    pub(crate) async fn destroy_soon(&self, id: &str) -> Result<()> {
        match self.destroy(id).await {
            // It was logged as a failure of `destroy`.
            Err(error) if error.is_unconfirmed() => Ok(()),
            done => done.map(drop),
        }
    }

    async fn destroy_one(&self, id: &str) -> Result<bool> {
        if let Some(after) = &self.after_write {
            after.forget(id);
        }
        let query = self.named(id);
        if self.layout().id.path != "_id" {
            // Without a unique index, there may be two.
            return match self.delete_all(query.clone()).await {
                // The driver repeats no delete of many. Whether the first attempt deleted anything
                // is unknown, unless it was refused.
                Err(error) if may_succeed_again(&error) => {
                    Ok(self.delete_all(query).await? > 0 || !error.is_refusal())
                }
                deleted => Ok(deleted? > 0),
            };
        }
        let comment = Bson::from(self.comment.as_str());
        let asking = self.asking("delete", Servers::Primary);
        let deleted = self.connection.ask_repeatable(asking, |client, mut session| {
            let collection = self.collection_of(&client);
            let (query, comment) = (query.clone(), comment.clone());
            async move {
                let delete = collection.delete_one(query).write_concern(majority());
                let delete = delete.comment(comment);
                let deleted = match &mut session {
                    Some(session) => delete.session(session).await,
                    None => delete.await,
                };
                (deleted, session)
            }
        });
        Ok(deleted.await?.1.deleted_count > 0)
    }

    /// Deletes all sessions, but no foreign documents, and returns how many there were. For more
    /// than a few thousand sessions, [`purge`](crate::purge) loads the server less.
    ///
    /// # Errors
    /// As for [`Store::destroy`].
    pub async fn clear(&self) -> Result<u64> {
        let cleared =
            async { self.delete_all(self.layouts.membership()).await.map_err(unconfirmed) };
        self.observed("clear", cleared).await
    }

    async fn delete_all(&self, query: Document) -> Result<u64> {
        let command = doc! {
            "delete": &self.collection,
            "deletes": [{ "q": query, "limit": 0 }],
            "comment": &self.comment,
            "writeConcern": { "w": "majority", "wtimeout": 1000 * i64::from(MAJORITY_WITHIN) },
        };
        Ok(affected(&self.run("delete", command).await?, "n"))
    }

    /// All sessions that have not expired, with their ids.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached, or if a payload does not decode into `T`.
    pub async fn all<T: DeserializeOwned>(&self) -> Result<Vec<(SessionId, T)>> {
        self.observed("all", self.read_all()).await
    }

    async fn read_all<T: DeserializeOwned>(&self) -> Result<Vec<(SessionId, T)>> {
        let now = self.now().await?;
        let mut batches = self.read(self.not_over(now), &Reading::default()).await?;
        let mut all = Vec::new();
        while let Some(batch) = batches.next().await? {
            for document in documents(&batch) {
                let layout = self.layouts.of(document);
                if let Ok(payload) = roundtrip::value(layout, document) {
                    all.push((layout.id_of(document), typed(payload)?));
                }
            }
        }
        Ok(all)
    }

    /// The number of sessions that have not expired.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn length(&self) -> Result<u64> {
        let counted = async { self.count(self.not_over(self.now().await?)).await };
        self.observed("length", counted).await
    }

    fn not_over(&self, now: DateTime) -> Document {
        let states = [State::Live, State::Endless];
        let either = doc! { "$or": states.map(|state| self.layouts.filter(state, now)).to_vec() };
        all(vec![self.layouts.membership(), either])
    }
}

/// Whether to repeat a delete at once: it met a change of the primary, or lost its connection. If no
/// server can be selected, the driver has already waited for one.
fn may_succeed_again(error: &Error) -> bool {
    let is_unsent = error.is_refusal() && error.code().is_none();
    error.is_transient() && !error.is_unconfirmed() && !is_unsent
}

fn majority() -> WriteConcern {
    let within = Duration::from_secs(MAJORITY_WITHIN.into());
    WriteConcern::builder().w(Acknowledgment::Majority).w_timeout(within).build()
}

/// The same error, which says that the delete itself is done. The server only says that it waited.
pub(crate) fn unconfirmed(error: Error) -> Error {
    let is_unconfirmed = error.is_unconfirmed();
    match error {
        Error::Server { code, name, source, .. } if is_unconfirmed => {
            let message = format!(
                "the delete is done, but a majority of the replica set did not confirm it within \
                 {MAJORITY_WITHIN} s"
            );
            Error::Server { code, name, message, source }
        }
        error => error,
    }
}

pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::Document(mismatch(&error.to_string())))
}

/// serde's error about a payload of another type, without the value that it quotes.
fn mismatch(said: &str) -> String {
    let expected = said.rfind("expected ").map(|at| &said[at..]);
    let missing = said.starts_with("missing field").then_some(said);
    let what = missing.or(expected).map(|what| format!(", {what}")).unwrap_or_default();
    format!("the payload is of another type{what}")
}
