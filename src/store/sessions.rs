//! The operations of a web application: express-session's get, set, touch, destroy, all, length and
//! clear, and two variants of set: only if the session exists, or only if it does not.

use std::time::{Duration, Instant};

use bson::raw::{RawBsonRef, RawDocument, RawDocumentBuf};
use bson::{Bson, DateTime, Document, doc};
use mongodb::options::{
    FindOneOptions, ReadPreference, SelectionCriteria, UpdateModifications, WriteConcern,
};
use mongodb::results::UpdateResult;
use mongodb::{Client, Collection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::collection::Store;
use super::encode::{Content, Touch, Whole};
use super::expiry::Expiry;
use super::read::Reading;
use super::roundtrip;
use crate::error::{Error, Result};
use crate::model::document::{Found, find};
use crate::model::filter::{all, any, exactly};
use crate::model::layout::Clock;
use crate::model::session::{SessionId, State};
use crate::server::connection::{Asking, LONGEST_READ, Servers};
use crate::server::flavour::Feature;
use crate::server::reply::{affected, documents};

/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;
/// An update would replace a session by what is no document.
const NO_DOCUMENT: i32 = 40228;

/// The result of a find whose reply includes the server's clock.
enum Sent {
    Live(RawDocumentBuf, DateTime),
    /// There is no such session, or it is over.
    Nothing,
    /// The server omitted the clock.
    WithoutClock,
}

impl Store {
    /// The payload of the session `id`, or `None` if it does not exist, is over, or has an expiry
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
        let Some((session, _)) = self.find_live(id).await? else { return Ok(None) };
        typed(roundtrip::value(self.layouts.of(&session), &session)?).map(Some)
    }

    /// The whole session `id` if it is not over, and the server's clock.
    pub(crate) async fn find_live(&self, id: &str) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        self.find_of_live(id, "$$ROOT".into(), false).await
    }

    /// The result of the expression `part` for the session `id` if it is not over, and the server's
    /// clock. `part` must include the fields of the expiry. Uses the read preference of the
    /// connection string, unless it must be the primary.
    async fn find_of_live(
        &self,
        id: &str,
        part: Bson,
        primary: bool,
    ) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        let flavour = self.connection.flavour();
        if flavour.lacks(Feature::NowInFind) {
            return self.find_after_clock(id, primary).await;
        }
        match self.find_with_clock(id, part, primary).await {
            Ok(Sent::WithoutClock) if flavour.note(Feature::NowInFind) => {
                self.find_after_clock(id, primary).await
            }
            Err(error) if flavour.learns(Feature::NowInFind, &error) => {
                self.find_after_clock(id, primary).await
            }
            Ok(Sent::Live(session, now)) => Ok(Some((session, now))),
            Ok(Sent::Nothing | Sent::WithoutClock) => Ok(None),
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
        let found = self.find_one(id, None, primary).await?;
        let path = &self.layout().id.path;
        let is_it = |session: &RawDocumentBuf| match find(session, path) {
            Found::One(RawBsonRef::String(found)) => found == id,
            _ => true,
        };
        Ok(found.filter(is_it).filter(|session| self.lives(session, now)).map(|found| (found, now)))
    }

    fn lives(&self, session: &RawDocument, now: DateTime) -> bool {
        let (state, _) = self.layouts.of(session).state_at(session, now);
        matches!(state, State::Live | State::Endless)
    }

    async fn find_with_clock(&self, id: &str, part: Bson, primary: bool) -> Result<Sent> {
        let path = &self.layout().id.path;
        let projection =
            doc! { "_id": 0, "session": part, "now": "$$NOW", "id": format!("${path}") };
        let found = self.find_one(id, Some(projection), primary).await?;
        // With a collation, another id may be equal.
        let is_other = |row: &RawDocumentBuf| row.get_str("id").is_ok_and(|found| found != id);
        let Some(row) = found.filter(|row| !is_other(row)) else { return Ok(Sent::Nothing) };
        let Ok(session) = row.get_document("session") else { return Ok(Sent::WithoutClock) };
        let Ok(now) = row.get_datetime("now") else { return Ok(Sent::WithoutClock) };
        Ok(match self.lives(session, now) {
            true => Sent::Live(session.to_owned(), now),
            false => Sent::Nothing,
        })
    }

    async fn find_one(
        &self,
        id: &str,
        projection: Option<Document>,
        primary: bool,
    ) -> Result<Option<RawDocumentBuf>> {
        let path = &self.layout().id.path;
        // A query for only an `_id` has the fastest plan.
        let which = if path == "_id" {
            doc! { "_id": id }
        } else {
            self.named(id)
        };
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
    fn named(&self, id: &str) -> Document {
        exactly(&self.layout().id.path, &id.into())
    }

    /// The fields of the expiry of the session `id`, from the primary.
    async fn find_expiry(&self, id: &str) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        self.find_of_live(id, self.layout().expiry_fields().into(), true).await
    }

    /// Writes the session `id`, new or not, as the store of this layout would: connect-mongo's
    /// `set` is such an upsert (`src/lib/MongoStore.ts`). A request that was in flight when the
    /// session was destroyed resurrects it; [`Store::set_existing`] does not.
    ///
    /// The payload is any type that serde can serialize, including the types of `bson`. If the
    /// layout is one of express-session's stores and `payload` has no cookie, one is added, because
    /// express-session requires it.
    ///
    /// One round trip, or two if the payload contains the expiry, to read the server's clock first:
    /// for [`Expiry::After`] in the layout of tower-sessions, and for all but [`Expiry::Never`] in
    /// those of express-session without a cookie. An added cookie contains the lifetime from now,
    /// so that Express renews the session by the same lifetime.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layout cannot be written, cannot keep a session forever, or has no
    /// form for this payload; or if the server refuses the command or cannot be reached.
    pub async fn set<T: Serialize>(&self, id: &str, payload: &T, expiry: Expiry) -> Result<()> {
        loop {
            let whole = whole(id, payload, expiry)?;
            let clock = self.clock(whole.needs_now(self.layout())).await?;
            let update = whole.update(self.layout(), clock)?;
            let done = self.update(self.named(id), update, true).await;
            if !self.lacks_clock(&done) {
                return done.map(drop);
            }
        }
    }

    /// Writes the session `id` only if it exists and is not over; returns `false` otherwise. A
    /// session that was destroyed or expired in the meantime stays so: a request in flight cannot
    /// log a user in again.
    ///
    /// # Errors
    /// As for [`Store::set`].
    pub async fn set_existing<T: Serialize>(
        &self,
        id: &str,
        payload: &T,
        expiry: Expiry,
    ) -> Result<bool> {
        let done = self.replace(whole(id, payload, expiry)?, true).await?;
        self.lived(id, &done).await
    }

    /// Writes an existing session; with `only_live`, only one that is not over.
    pub(crate) async fn replace(&self, whole: Whole<'_>, only_live: bool) -> Result<UpdateResult> {
        loop {
            let began = Instant::now();
            let (mut query, whole) = (self.named(whole.id), whole.clone());
            let clock = self.clock(whole.needs_now(self.layout())).await?;
            let update = match only_live {
                true if self.has_clock() => whole.replacement(self.layout(), clock)?,
                true => {
                    query = self.if_live(query, clock, began);
                    whole.update(self.layout(), clock)?
                }
                false => whole.update(self.layout(), clock)?,
            };
            let done = self.update(query, update, false).await;
            if !self.lacks_clock(&done) {
                return done;
            }
        }
    }

    /// Whether the server has a clock in updates, as far as is known.
    fn has_clock(&self) -> bool {
        !self.connection.flavour().lacks(Feature::NowInUpdate)
    }

    /// Whether a write failed because the server has no clock in updates. Then it must be repeated
    /// with a clock that was read before.
    fn lacks_clock<T>(&self, done: &Result<T>) -> bool {
        let flavour = self.connection.flavour();
        done.as_ref().err().is_some_and(|error| flavour.learns(Feature::NowInUpdate, error))
    }

    /// The same query for a session that is live by a clock that was requested at `began`. The
    /// reply may have been in transit for all of that time, and the update may take as long again,
    /// so both are added: a session that expires meanwhile is not revived.
    fn if_live(&self, query: Document, clock: Clock, began: Instant) -> Document {
        let Clock::At(now) = clock else { return query };
        let margin = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let then = DateTime::from_millis(now.timestamp_millis().saturating_add(margin));
        let layout = self.layout();
        let lives =
            any(vec![layout.filter(State::Live, then), layout.filter(State::Endless, then)]);
        all(vec![query, lives])
    }

    /// Whether the session was not over when the update ran.
    async fn lived(&self, id: &str, done: &UpdateResult) -> Result<bool> {
        match (done.matched_count, done.modified_count) {
            (0, _) => Ok(false),
            // The query had the condition.
            _ if !self.has_clock() => Ok(true),
            // It was over, or already had these values.
            (_, 0) => Ok(self.find_expiry(id).await?.is_some()),
            _ => Ok(true),
        }
    }

    /// Writes the session `id` only if no session has that id, not even one that is over; otherwise
    /// changes nothing and returns `false`.
    ///
    /// For layouts whose id is not `_id`, this requires the unique index on the id, which
    /// [`StoreBuilder::ttl_index`](crate::StoreBuilder::ttl_index) creates.
    ///
    /// # Errors
    /// As for [`Store::set`].
    pub async fn set_new<T: Serialize>(
        &self,
        id: &str,
        payload: &T,
        expiry: Expiry,
    ) -> Result<bool> {
        self.insert(whole(id, payload, expiry)?).await
    }

    pub(crate) async fn insert(&self, whole: Whole<'_>) -> Result<bool> {
        let id = whole.id;
        let now = match whole.depends_on_now(self.layout()) {
            true => self.connection.writable().await?,
            false => DateTime::MIN,
        };
        let insertion = whole.insertion(self.layout(), now)?;
        match self.update(self.named(id), insertion.into(), true).await {
            Ok(done) => Ok(done.upserted_id.is_some()),
            // Of two concurrent upserts of one id, the unique index accepted the other.
            Err(error) if error.code() == Some(DUPLICATE_KEY) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn clock(&self, must_be_known: bool) -> Result<Clock> {
        Ok(match must_be_known || !self.has_clock() {
            true => Clock::At(self.connection.writable().await?),
            false => Clock::Server,
        })
    }

    /// Gives the session `id` a new expiry, and returns whether it is not over. A session that
    /// [`Store::get`] does not return, because it is gone, over or malformed, is not changed: the
    /// update contains the condition that the session is not over, and never inserts.
    ///
    /// With [`Store::touch_after`], the session is read first, and not changed if it was written
    /// recently. This follows from the difference between its expiry and the new one, both by the
    /// server's clock.
    ///
    /// One round trip. There is a second one if the session is read first and then written, or if
    /// nothing changed, to distinguish a session that is over from one that already had this
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
        let (layout, touch, after) = (self.layout(), Touch(expiry), self.touch_after);
        if !after.is_zero() {
            let Some((session, now)) = self.find_expiry(id).await? else { return Ok(false) };
            if touch.is_needless(layout, &session, now, after) {
                return Ok(true);
            }
        }
        loop {
            let began = Instant::now();
            let clock = self.clock(Touch::needs_now(layout)).await?;
            let (query, update) = match self.has_clock() {
                true => (self.named(id), touch.update(layout, clock)?),
                false => (self.if_live(self.named(id), clock, began), touch.plain(layout, clock)?),
            };
            let done = self.update(query, update, false).await;
            if !self.lacks_clock(&done) {
                return self.lived(id, &done?).await;
            }
        }
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

    /// The same store, whose `save` of tower-sessions writes only sessions that are not over at the
    /// time of the write. See
    /// [`StoreBuilder::save_only_live`](crate::StoreBuilder::save_only_live).
    #[must_use]
    pub fn save_only_live(mut self, only_live: bool) -> Self {
        self.save_only_live = only_live;
        self
    }

    async fn update(
        &self,
        query: Document,
        update: UpdateModifications,
        upsert: bool,
    ) -> Result<UpdateResult> {
        let comment = Bson::from(self.comment.as_str());
        let asking = self.asking("update", Servers::Primary);
        let done = self.connection.ask_repeatable(asking, |client, mut session| {
            let collection = self.collection_of(&client);
            let (query, update, comment) = (query.clone(), update.clone(), comment.clone());
            async move {
                // The driver repeats this if a primary is lost, which it does not do for a bare
                // command.
                let update = collection.update_one(query, update).upsert(upsert).comment(comment);
                let done = match &mut session {
                    Some(session) => update.session(session).await,
                    None => update.await,
                };
                (done, session)
            }
        });
        match done.await {
            Ok((_, done)) => Ok(done),
            Err(error) if error.code() == Some(NO_DOCUMENT) => {
                let what = "a field occurs twice in it, so that no update can change it: delete it";
                Err(Error::Document(what.to_owned()))
            }
            Err(error) => Err(error),
        }
    }

    fn asking<'a>(&'a self, command: &'a str, servers: Servers<'a>) -> Asking<'a> {
        Asking { servers, ..Asking::to_primary(command, &self.collection) }
    }

    fn collection_of(&self, client: &Client) -> Collection<RawDocumentBuf> {
        client.database(self.connection.database()).collection(&self.collection)
    }

    /// Deletes the session `id`, and returns whether it existed. Waits for a majority: if a
    /// failover rolled back a logout, the session could log in again.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn destroy(&self, id: &str) -> Result<bool> {
        let query = self.named(id);
        if self.layout().id.path != "_id" {
            // Without a unique index, there may be two.
            return Ok(self.delete_all(query).await? > 0);
        }
        let comment = Bson::from(self.comment.as_str());
        let asking = self.asking("delete", Servers::Primary);
        let deleted = self.connection.ask_repeatable(asking, |client, mut session| {
            let collection = self.collection_of(&client);
            let (query, comment) = (query.clone(), comment.clone());
            async move {
                let delete = collection.delete_one(query).write_concern(WriteConcern::majority());
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
    /// than a few thousand sessions, [`crate::ops::purge`] loads the server less.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn clear(&self) -> Result<u64> {
        self.delete_all(self.layouts.membership()).await
    }

    async fn delete_all(&self, query: Document) -> Result<u64> {
        let command = doc! {
            "delete": &self.collection,
            "deletes": [{ "q": query, "limit": 0 }],
            "comment": &self.comment,
            "writeConcern": { "w": "majority" },
        };
        Ok(affected(&self.run("delete", command).await?, "n"))
    }

    /// All sessions that are not over, with their ids.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached, or if a payload does not decode into `T`.
    pub async fn all<T: DeserializeOwned>(&self) -> Result<Vec<(SessionId, T)>> {
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

    /// The number of sessions that are not over.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn length(&self) -> Result<u64> {
        let now = self.now().await?;
        self.count(self.not_over(now)).await
    }

    fn not_over(&self, now: DateTime) -> Document {
        let states = [State::Live, State::Endless];
        let either = doc! { "$or": states.map(|state| self.layouts.filter(state, now)).to_vec() };
        all(vec![self.layouts.membership(), either])
    }
}

fn whole<'a, T: Serialize>(id: &'a str, payload: &T, expiry: Expiry) -> Result<Whole<'a>> {
    // Via BSON, because JSON alone would lose its types. Values that only JSON can represent are
    // serialized as JSON.
    let payload = match bson::serialize_to_bson(payload) {
        Ok(payload) if !is_finite(&payload) => {
            let what = "the payload has a number that is not finite, which no session store \
                        accepts";
            return Err(Error::Unsupported(what.to_owned()));
        }
        Ok(payload) => payload.into_relaxed_extjson(),
        Err(_) => serde_json::to_value(payload)
            .map_err(|error| Error::Unsupported(format!("the payload is not JSON: {error}")))?,
    };
    Ok(Whole { id, payload: Content::Value(payload), expiry })
}

fn is_finite(payload: &Bson) -> bool {
    match payload {
        Bson::Double(number) => number.is_finite(),
        Bson::Array(values) => values.iter().all(is_finite),
        Bson::Document(fields) => fields.values().all(is_finite),
        _ => true,
    }
}

fn typed<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::Document(mismatch(&error.to_string())))
}

/// serde's error about a payload of another type, without the value that it quotes.
fn mismatch(said: &str) -> String {
    let expected = said.rfind("expected ").map(|at| &said[at..]);
    let missing = said.starts_with("missing field").then_some(said);
    let what = missing.or(expected).map(|what| format!(", {what}")).unwrap_or_default();
    format!("the payload is of another type{what}")
}
