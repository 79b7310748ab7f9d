//! What a web application does with its sessions: express-session's get, set, touch, destroy, all,
//! length and clear, and two ways to set: only if the session exists, or only if it does not.

use std::time::Duration;

use bson::raw::RawDocumentBuf;
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
use crate::model::filter::{all, exactly};
use crate::model::layout::Clock;
use crate::model::session::{SessionId, State};
use crate::server::connection::{Asking, Servers};
use crate::server::reply::{affected, documents};

/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;

impl Store {
    /// The payload of the session `id`, or `None` if there is none, or it is over, or its expiry is
    /// not readable by the store. One round trip, along the index on the id: the server sends
    /// its clock along, and that alone decides.
    ///
    /// The payload is any type that serde reads. Where the store keeps BSON, an `ObjectId`, a date or
    /// bytes come as the types of `bson`; in a [`Value`] they are relaxed Extended JSON, such as
    /// `{"$oid": ...}`, and are what they were when that is set again.
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

    /// What `part`, an expression, makes of the session `id` if it is not over, and the server's
    /// clock. Read where the connection string says, unless it must be the primary. The fields of the
    /// expiry must be among it.
    async fn find_of_live(
        &self,
        id: &str,
        part: Bson,
        primary: bool,
    ) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        let path = &self.layout().id.path;
        // The fastest plan is for an `_id` and nothing else.
        let which = if path == "_id" {
            doc! { "_id": id }
        } else {
            self.named(id)
        };
        let mut options = FindOneOptions::default();
        options.projection =
            Some(doc! { "_id": 0, "session": part, "now": "$$NOW", "id": format!("${path}") });
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
        let (_, found) = found.await?;
        // With a collation, another id may be equal.
        let is_other = |row: &RawDocumentBuf| row.get_str("id").is_ok_and(|found| found != id);
        let Some(row) = found.filter(|row| !is_other(row)) else { return Ok(None) };
        let (Ok(session), Ok(now)) = (row.get_document("session"), row.get_datetime("now")) else {
            return Ok(None);
        };
        let (state, _) = self.layouts.of(session).state_at(session, now);
        Ok(matches!(state, State::Live | State::Endless).then(|| (session.to_owned(), now)))
    }

    /// The filter of the session `id`. Whether the collection has a collation, by which "1" may equal
    /// "01", is not asked for first: that would cost a round trip.
    fn named(&self, id: &str) -> Document {
        exactly(&self.layout().id.path, &id.into())
    }

    /// What there is of the expiry of the session `id`, as the primary knows it.
    async fn find_expiry(&self, id: &str) -> Result<Option<(RawDocumentBuf, DateTime)>> {
        self.find_of_live(id, self.layout().expiry_fields().into(), true).await
    }

    /// Writes the session `id`, new or not, as the store of this layout would: connect-mongo's `set`
    /// is such an upsert (`src/lib/MongoStore.ts`). A request that was under way when the session was
    /// destroyed resurrects it; [`Store::set_existing`] does not.
    ///
    /// The payload is any type that serde writes, with the types of `bson` among it. Where the store of the layout is
    /// express-session's, the cookie that it cannot do without is added if `payload` has none.
    ///
    /// One round trip, or two where the payload holds the expiry ([`Expiry::After`] in tower-sessions'
    /// layout, and any but [`Expiry::Never`] in express-session's without a cookie): then the server
    /// is asked for its clock. A cookie that is added says how long the session lives from now, so
    /// that Express renews it by the same lifetime.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the layout cannot be written, cannot keep a session forever, or has no
    /// form for this payload; or if the server refuses the command or cannot be reached.
    pub async fn set<T: Serialize>(&self, id: &str, payload: &T, expiry: Expiry) -> Result<()> {
        let whole = whole(id, payload, expiry)?;
        let clock = self.clock(whole.needs_now(self.layout())).await?;
        let update = whole.update(self.layout(), clock)?;
        self.update(self.named(id), update, true).await.map(drop)
    }

    /// Writes the session `id` only if a session exists that is not over; `false` means that there was
    /// none. A session that was destroyed, or is over, meanwhile stays so: no logged-out user is
    /// logged in again by a request that was still under way.
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

    /// Writes a session that is there, and, if so asked, only one that is not over.
    pub(crate) async fn replace(&self, whole: Whole<'_>, only_live: bool) -> Result<UpdateResult> {
        let query = self.named(whole.id);
        let clock = self.clock(whole.needs_now(self.layout())).await?;
        let update = match only_live {
            true => whole.replacement(self.layout(), clock)?,
            false => whole.update(self.layout(), clock)?,
        };
        self.update(query, update, false).await
    }

    /// Whether the session lived that an update was to change.
    async fn lived(&self, id: &str, done: &UpdateResult) -> Result<bool> {
        match (done.matched_count, done.modified_count) {
            (0, _) => Ok(false),
            // It was over, or just so already.
            (_, 0) => Ok(self.find_expiry(id).await?.is_some()),
            _ => Ok(true),
        }
    }

    /// Writes the session `id` only if there is none of that id, not even one that is over; `false`
    /// means that there was one, which is not changed.
    ///
    /// For layouts whose id is not `_id` this is only as certain as the unique index on the id, which
    /// [`StoreBuilder::ttl_index`](crate::StoreBuilder::ttl_index) makes.
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
        let query = self.named(whole.id);
        let now = match whole.depends_on_now(self.layout()) {
            true => self.connection.primary_now().await?,
            false => DateTime::MIN,
        };
        let insertion = whole.insertion(self.layout(), now)?;
        match self.update(query, insertion.into(), true).await {
            Ok(done) => Ok(done.upserted_id.is_some()),
            // Two upserts of one id at the same time: the unique index let the other in.
            Err(error) if error.code() == Some(DUPLICATE_KEY) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn clock(&self, must_be_known: bool) -> Result<Clock> {
        Ok(match must_be_known {
            true => Clock::At(self.connection.primary_now().await?),
            false => Clock::Server,
        })
    }

    /// Gives the session `id` a new expiry; `true` if it lives. A session that [`Store::get`] does not
    /// give, because it is gone, over or malformed, stays so, and that is `false`: the update carries
    /// the condition that the session lives, and never inserts.
    ///
    /// With [`Store::touch_after`] the session is read first, and left as it is if it was written
    /// lately. The distance of its expiry from the new one shows that, both by the server's
    /// clock.
    ///
    /// One round trip, and another where the session is read first and written, or where nothing
    /// changed, to distinguish a session that is over from one that already had this expiry.
    ///
    /// The payload stays as it is. In tower-sessions' layout it repeats the expiry, as it was when the
    /// session was saved; that copy is not used, neither by tower-sessions-mongodb-store 0.11
    /// (`src/lib.rs`, `load`) nor by tower-sessions, which gives the record a new one before it saves it
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
        let clock = self.clock(Touch::needs_now(layout)).await?;
        let update = touch.update(layout, clock)?;
        let done = self.update(self.named(id), update, false).await?;
        self.lived(id, &done).await
    }

    /// The same store, whose touches write only if the last write is older than `after`: an
    /// application that touches a session at each request then writes only now and then.
    /// connect-mongo's `touchAfter` (`src/lib/MongoStore.ts`), which is in seconds there.
    ///
    /// A session can expire up to `after` earlier than its last touch implies, so choose `after` as a
    /// small part of the lifetime.
    #[must_use]
    pub fn touch_after(mut self, after: Duration) -> Self {
        self.touch_after = after;
        self
    }

    /// The same store, whose tower-sessions `save` writes only sessions that are not over when the
    /// server carries it out. See [`StoreBuilder::save_only_live`](crate::StoreBuilder::save_only_live).
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
        let done =
            self.connection.ask(self.asking("update", Servers::Primary), |client, mut session| {
                let collection = self.collection_of(&client);
                async move {
                    // The driver repeats it where a primary is lost, which it does not for a bare command.
                    let update =
                        collection.update_one(query, update).upsert(upsert).comment(comment);
                    let done = match &mut session {
                        Some(session) => update.session(session).await,
                        None => update.await,
                    };
                    (done, session)
                }
            });
        Ok(done.await?.1)
    }

    fn asking<'a>(&'a self, command: &'a str, servers: Servers<'a>) -> Asking<'a> {
        Asking { servers, ..Asking::to_primary(command, &self.collection) }
    }

    fn collection_of(&self, client: &Client) -> Collection<RawDocumentBuf> {
        client.database(self.connection.database()).collection(&self.collection)
    }

    /// Deletes the session `id`; whether there was one. Waits until a majority has it: a logout that
    /// is rolled back after a failover would log in again.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn destroy(&self, id: &str) -> Result<bool> {
        let query = self.named(id);
        if self.layout().id.path != "_id" {
            // There may be two where no unique index forbids it.
            return Ok(self.delete_all(query).await? > 0);
        }
        let comment = Bson::from(self.comment.as_str());
        let deleted =
            self.connection.ask(self.asking("delete", Servers::Primary), |client, mut session| {
                let collection = self.collection_of(&client);
                async move {
                    let delete =
                        collection.delete_one(query).write_concern(WriteConcern::majority());
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

    /// Deletes every session, and no document that is none; how many there were. For more than a few thousand sessions
    /// [`crate::ops::purge`] is the gentle way.
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

    /// How many sessions are not over.
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
    // By way of BSON, whose types JSON alone would lose; what only JSON holds is taken as such.
    let payload = match bson::serialize_to_bson(payload) {
        Ok(payload) if !is_finite(&payload) => {
            let what = "a number of the payload is not finite, which no session store keeps";
            return Err(Error::Unsupported(what.to_owned()));
        }
        Ok(payload) => payload.into_relaxed_extjson(),
        Err(_) => serde_json::to_value(payload)
            .map_err(|error| Error::Unsupported(format!("the payload is no JSON: {error}")))?,
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

/// Serde's error about a payload of another type, without the value that it quotes.
fn mismatch(said: &str) -> String {
    let expected = said.rfind("expected ").map(|at| &said[at..]);
    let missing = said.starts_with("missing field").then_some(said);
    let what = missing.or(expected).map(|what| format!(", {what}")).unwrap_or_default();
    format!("the payload is of another type{what}")
}
