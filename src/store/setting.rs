//! Writes whole sessions: express-session's set, and its variants: only a session that exists, only
//! one that does not, and only one that nobody changed meanwhile.

use std::time::Instant;

use bson::{Bson, DateTime, Document, doc};
use mongodb::options::{Collation, UpdateModifications, UpdateOptions};
use serde::Serialize;

use super::collection::Store;
use super::encode::{Content, Whole};
use super::expiry::Expiry;
use super::observe::{Outcome, in_task};
use super::version::Version;
use crate::error::{Error, Result};
use crate::model::filter::{all, any};
use crate::model::layout::Clock;
use crate::model::session::State;
use crate::server::connection::Servers;
use crate::server::flavour::Feature;

/// `DuplicateKey`.
const DUPLICATE_KEY: i32 = 11000;
/// An update would replace a session by what is no document.
const NO_DOCUMENT: i32 = 40228;

/// Which sessions a write applies to.
#[derive(Debug, Clone)]
pub(crate) enum Mode {
    /// The session, new or not.
    Any,
    /// An existing one, even if it has expired.
    #[cfg_attr(
        not(any(
            feature = "actix-session",
            feature = "tower-sessions",
            feature = "tower-sessions-014"
        )),
        expect(dead_code, reason = "only their stores save like this")
    )]
    Existing,
    /// One that has not expired.
    Live,
    /// One that has not expired, and whose payload is still this one.
    Unchanged(Version),
    /// A new one.
    New,
}

impl Mode {
    fn name(&self) -> &'static str {
        match self {
            Self::Any => "set",
            Self::Existing => "save",
            Self::Live => "set_existing",
            Self::Unchanged(_) => "set_if_unchanged",
            Self::New => "set_new",
        }
    }

    fn may_insert(&self) -> bool {
        matches!(self, Self::Any | Self::New)
    }
}

/// The result of a write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Put {
    pub(super) matched: bool,
    pub(super) modified: bool,
    pub(crate) inserted: bool,
}

impl Outcome for Put {
    fn sessions(&self) -> u64 {
        u64::from(self.matched || self.inserted)
    }
}

impl Store {
    /// Writes the session `id`, new or not, as the store of this layout would: connect-mongo's
    /// `set` is such an upsert (`src/lib/MongoStore.ts`). A request that was in flight when the
    /// session was destroyed resurrects it; [`Store::set_existing`] does not.
    ///
    /// The payload is any type that serde can serialize, including the types of `bson`. If the
    /// layout is one of express-session's stores and `payload` has no `cookie` that is an object, one
    /// is added, because express-session requires it. The added one has no `secure`, `sameSite` or
    /// `domain`: Express issues the browser's cookie again without them, so a site that uses these
    /// attributes must include a `cookie` object with them in the payload.
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
        self.put(whole(id, payload, expiry)?, Mode::Any).await.map(drop)
    }

    /// Writes the session `id` only if it exists and has not expired; returns `false` otherwise. A
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
        Ok(self.put(whole(id, payload, expiry)?, Mode::Live).await?.matched)
    }

    /// Writes a session. If the store limits the sessions of each user, this includes the deletion
    /// of the surplus.
    pub(crate) async fn put(&self, whole: Whole<'_>, mode: Mode) -> Result<Put> {
        self.observed(mode.name(), self.put_within_limit(whole, mode)).await
    }

    async fn put_within_limit(&self, whole: Whole<'_>, mode: Mode) -> Result<Put> {
        let Some(after) = &self.after_write else { return self.put_alone(whole, mode).await };
        let Some(user) = whole.user(self.layout()) else {
            after.forget(&whole.id);
            return self.put_alone(whole, mode).await;
        };
        // Unless the write brings the session back: a log-in elsewhere may have deleted it as surplus.
        let is_known = after.has_followed(&whole.id, &user);
        if is_known && !mode.may_insert() {
            return self.put_alone(whole, mode).await;
        }
        let (store, after, whole) = (self.clone(), after.clone(), whole.into_owned());
        let id = whole.id.clone();
        // In its own task: if the request is given up after the write, the rest still follows.
        in_task(async move {
            let is_new = matches!(mode, Mode::New);
            let done = store.put_alone(whole, mode).await?;
            if done.inserted || (done.matched && !is_new && !is_known) {
                // Its failure was reported. The session is written, and a caller who took that for
                // failed would write it again.
                match after.run(store, user.clone()).await {
                    Ok(()) => after.followed(&id, &user),
                    Err(_) => after.failed(&id),
                }
            }
            Ok(done)
        })
        .await
    }

    async fn put_alone(&self, whole: Whole<'_>, mode: Mode) -> Result<Put> {
        if matches!(mode, Mode::New) {
            return self.insert(whole).await;
        }
        let collation = match &mode {
            // Under a collation, a changed payload may count as equal.
            Mode::Unchanged(_) => self.is_collated().await?.then(simple),
            _ => None,
        };
        let mut done = self.put_decided(whole.clone(), &mode, collation.clone()).await;
        if self.lacks_clock(&done) {
            done = self.put_decided(whole.clone(), &mode, collation.clone()).await;
        }
        match done {
            // Another upsert inserted the session first.
            Err(error) if matches!(mode, Mode::Any) && error.code() == Some(DUPLICATE_KEY) => {
                self.put_once(whole, &mode, collation).await
            }
            Err(error @ (Error::Document(_) | Error::Server { .. }))
                if matches!(mode, Mode::Existing) && !error.is_transient() =>
            {
                self.put_plainly(whole, &mode, collation).await
            }
            done => done,
        }
    }

    /// Writes a session, for a second time if the first reply does not show whether the condition held. A
    /// read would not show it either: another request may have renewed the session in between.
    async fn put_decided(
        &self,
        whole: Whole<'_>,
        mode: &Mode,
        collation: Option<Collation>,
    ) -> Result<Put> {
        let done = self.put_once(whole.clone(), mode, collation.clone()).await?;
        match self.is_undecided(done) && !matches!(mode, Mode::Any) {
            true => self.put_plainly(whole, mode, collation).await,
            false => Ok(done),
        }
    }

    async fn put_once(
        &self,
        whole: Whole<'_>,
        mode: &Mode,
        collation: Option<Collation>,
    ) -> Result<Put> {
        let (layout, began) = (self.layout(), Instant::now());
        let clock = self.clock(whole.needs_now(layout)).await?;
        let named = || self.named(&whole.id);
        let (query, condition) = match mode {
            Mode::Any => (all(vec![self.with_id(&whole.id), layout.membership_of_upsert()]), None),
            Mode::Existing if self.is_found_by_key() => {
                (doc! { "_id": &*whole.id }, Some(layout.is_surely_session(&whole.id)))
            }
            Mode::Existing | Mode::New => (named(), None),
            Mode::Live if self.has_clock() => self.in_update(&whole.id, Some(layout.lives())),
            Mode::Live => (self.if_live(named(), clock, began), None),
            Mode::Unchanged(version) => {
                let query = all(vec![named(), version.condition()?]);
                match self.has_clock() {
                    true => (query, Some(layout.lives())),
                    false => (self.if_live(query, clock, began), None),
                }
            }
        };
        let update = whole.update(layout, clock, condition)?;
        self.update(query, update, matches!(mode, Mode::Any), collation).await
    }

    /// The same with the whole condition in the query, so that the reply shows whether it held. The update
    /// of an existing session does without a condition in a pipeline: some servers lack a part of it, and
    /// none applies one to a document in which a field occurs twice.
    async fn put_plainly(
        &self,
        whole: Whole<'_>,
        mode: &Mode,
        collation: Option<Collation>,
    ) -> Result<Put> {
        let clock = self.clock(whole.needs_now(self.layout())).await?;
        let mut query = vec![self.named(&whole.id)];
        match mode {
            Mode::Live => query.push(self.lives_in_query()),
            Mode::Unchanged(version) => query.extend([version.condition()?, self.lives_in_query()]),
            Mode::Any | Mode::Existing | Mode::New => {}
        }
        self.update(all(query), whole.update(self.layout(), clock, None)?, false, collation).await
    }

    /// Whether a session is found by an `_id` alone, and the update contains the rest of the condition.
    fn is_found_by_key(&self) -> bool {
        self.layout().id.path == "_id" && self.has_clock()
    }

    /// Whether the server has a clock in updates, as far as is known.
    pub(super) fn has_clock(&self) -> bool {
        !self.connection.flavour().lacks(Feature::NowInUpdate)
    }

    /// Whether a write failed because the server has no clock in updates. Then it must be repeated
    /// with a clock that was read before.
    pub(super) fn lacks_clock<T>(&self, done: &Result<T>) -> bool {
        let flavour = self.connection.flavour();
        done.as_ref().err().is_some_and(|error| flavour.learns(Feature::NowInUpdate, error))
    }

    /// The same query for a session that is live by a clock that was requested at `began`. The
    /// reply may have been in transit for all of that time, and the update may take as long again,
    /// so both are added: a session that expires meanwhile is not revived.
    pub(super) fn if_live(&self, query: Document, clock: Clock, began: Instant) -> Document {
        let Clock::At(now) = clock else { return query };
        let margin = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let then = DateTime::from_millis(now.timestamp_millis().saturating_add(margin));
        let layout = self.layout();
        let lives =
            any(vec![layout.filter(State::Live, then), layout.filter(State::Endless, then)]);
        all(vec![query, lives])
    }

    /// Whether an update that contains its condition does not show whether it held: the session already had
    /// these values, or it had expired or was none. Without a clock, the query has the condition.
    pub(super) fn is_undecided(&self, done: Put) -> bool {
        done.matched && !done.modified && self.has_clock()
    }

    /// The filter of sessions that are live by the server's clock.
    pub(super) fn lives_in_query(&self) -> Document {
        doc! { "$expr": self.layout().lives() }
    }

    /// Writes the session `id` only if no session has that id, not even an expired one; otherwise
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
        Ok(self.put(whole(id, payload, expiry)?, Mode::New).await?.inserted)
    }

    async fn insert(&self, whole: Whole<'_>) -> Result<Put> {
        // A document that is no session has taken the id as well.
        let query = self.with_id(&whole.id);
        let now = match whole.depends_on_now(self.layout()) {
            true => self.connection.writable().await?,
            false => DateTime::MIN,
        };
        let insertion = whole.insertion(self.layout(), now)?;
        match self.update(query, insertion.into(), true, None).await {
            // Of two concurrent upserts of one id, the unique index accepted the other.
            Err(error) if error.code() == Some(DUPLICATE_KEY) => Ok(Put::default()),
            done => done,
        }
    }

    pub(super) async fn clock(&self, must_be_known: bool) -> Result<Clock> {
        Ok(match must_be_known || !self.has_clock() {
            true => Clock::At(self.connection.writable().await?),
            false => Clock::Server,
        })
    }

    pub(super) async fn update(
        &self,
        query: Document,
        update: UpdateModifications,
        upsert: bool,
        collation: Option<Collation>,
    ) -> Result<Put> {
        let mut options = UpdateOptions::default();
        options.upsert = Some(upsert);
        options.collation = collation;
        options.comment = Some(self.comment.as_str().into());
        let asking = self.asking("update", Servers::Primary);
        let done = self.connection.ask_repeatable(asking, |client, mut session| {
            let collection = self.collection_of(&client);
            let (query, update, options) = (query.clone(), update.clone(), options.clone());
            async move {
                // The driver repeats this if a primary is lost, which it does not do for a bare
                // command.
                let update = collection.update_one(query, update).with_options(options);
                let done = match &mut session {
                    Some(session) => update.session(session).await,
                    None => update.await,
                };
                (done, session)
            }
        });
        match done.await {
            Ok((_, done)) => Ok(Put {
                matched: done.matched_count > 0,
                modified: done.modified_count > 0,
                inserted: done.upserted_id.is_some(),
            }),
            Err(error) if error.code() == Some(NO_DOCUMENT) => {
                let what = "a field occurs twice in it, so that no update can change it: delete it";
                Err(Error::Document(what.to_owned()))
            }
            Err(error) => Err(error),
        }
    }
}

fn simple() -> Collation {
    Collation::builder().locale("simple".to_owned()).build()
}

pub(super) fn whole<'a, T: Serialize>(
    id: &'a str,
    payload: &T,
    expiry: Expiry,
) -> Result<Whole<'a>> {
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
    Ok(Whole { id: id.into(), payload: Content::Value(payload), expiry })
}

fn is_finite(payload: &Bson) -> bool {
    match payload {
        Bson::Double(number) => number.is_finite(),
        Bson::Array(values) => values.iter().all(is_finite),
        Bson::Document(fields) => fields.values().all(is_finite),
        _ => true,
    }
}
