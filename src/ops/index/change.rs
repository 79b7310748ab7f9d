//! From the existing indexes to the wanted TTL index, one change at a time. Each change follows
//! from the existing indexes: an interrupted change is continued by running it again.

use std::time::Duration;

use bson::doc;

use super::build::builds;
use super::status::{TtlIndexes, TtlState, TtlStatus, status};
use crate::error::{Error, Need, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::Layout;
use crate::store::Store;

/// Before server 5.1 `collMod` refuses to convert a plain index (`InvalidOptions`).
const CANNOT_CONVERT: i32 = 72;
/// `NamespaceExists`: another process created the collection first.
const NAMESPACE_EXISTS: i32 = 48;
/// `IndexNotFound`.
const INDEX_NOT_FOUND: i32 = 27;
/// The temporary TTL index that works while a plain index is replaced, on such a server.
pub const STAND_IN: &str = "sessionctl_stand_in";
/// More changes than ever needed to reach the wanted index.
const MOST_CHANGES: u32 = 8;

/// The goal of the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aim {
    /// The wanted TTL index exists; a different index is not changed.
    Install,
    /// The wanted TTL index exists, in place of any different index.
    Replace,
}

/// One change of the indexes, which the server applies completely or not at all.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An index is built, which can take a long time.
    Build(IndexSpec),
    /// A listed index is created again: if the server is still building it, it answers when the
    /// build is complete.
    Await(IndexSpec),
    /// An index gets another `expireAfterSeconds`, or its first.
    Convert(IndexSpec),
    /// The index of this name is dropped.
    Drop(String),
}

/// The result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The index existed.
    Already,
    /// It was created.
    Created,
    /// The index in its place was converted.
    Converted,
}

/// Running changes, pulled one by one: the caller can report what it waits for.
#[derive(Debug, Clone)]
pub struct Changing {
    store: Store,
    aim: Aim,
    lifetime: Option<Duration>,
    /// Whether the server makes a plain index a TTL index in place.
    converts: bool,
    done: Installed,
    /// Whether the wanted index is known to be complete.
    complete: bool,
    changes: u32,
}

impl Changing {
    /// The next step; `None` once the wanted index exists.
    ///
    /// # Errors
    /// [`Error::IndexDiffers`] if another index is in its place and must not be replaced.
    pub async fn next(&self) -> Result<Option<Change>> {
        if self.changes == MOST_CHANGES {
            let what = "the server accepts changes to the index, but does not apply them";
            return Err(Error::Unsupported(what.to_owned()));
        }
        self.after(&self.store.indexes().await?)
    }

    /// The rights that the remaining changes require.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn rights(&self) -> Result<Vec<&'static str>> {
        Ok(match self.next().await? {
            None => Vec::new(),
            Some(Change::Build(_) | Change::Await(_)) => vec!["createIndex"],
            Some(Change::Convert(_)) => vec!["collMod"],
            Some(Change::Drop(_)) => vec!["dropIndex", "createIndex"],
        })
    }

    fn after(&self, indexes: &[IndexSpec]) -> Result<Option<Change>> {
        let layout = self.store.layouts().of_index()?;
        let stands_in = indexes.iter().any(IndexSpec::stands_in);
        let TtlStatus { state, wanted, found, reason, need } =
            status(layout, indexes, self.lifetime);
        Ok(match (state, wanted.map(IndexSpec), found) {
            (TtlState::Installed, _, Some(found)) if !self.complete => Some(Change::Await(found)),
            (TtlState::Installed, ..) => stands_in.then(|| Change::Drop(STAND_IN.to_owned())),
            (TtlState::Missing, Some(wanted), None) => Some(Change::Build(wanted)),
            (TtlState::Missing, Some(wanted), Some(plain)) => {
                Some(self.exchange(wanted, &plain, stands_in))
            }
            (TtlState::Differs, Some(wanted), Some(found)) if self.aim == Aim::Replace => {
                let ttl = layout.ttl_index.as_ref();
                Some(match ttl.is_some_and(|ttl| found.has_shape_of(ttl)) {
                    true => Change::Convert(wanted),
                    false => Change::Drop(found.name().to_owned()),
                })
            }
            (_, _, found) => {
                return Err(self.in_the_way(found.as_ref(), reason.unwrap_or_default(), need));
            }
        })
    }

    /// The steps from a plain index to the TTL index. If in-place conversion is not possible, a
    /// temporary TTL index takes its place. It has the opposite direction, because the server
    /// refuses a second index with the same key.
    fn exchange(&self, wanted: IndexSpec, plain: &IndexSpec, stands_in: bool) -> Change {
        match (self.converts, stands_in) {
            (true, _) => Change::Convert(wanted),
            (false, true) => Change::Drop(plain.name().to_owned()),
            (false, false) => Change::Build(wanted.turned()),
        }
    }

    /// Applies a change.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn apply(&mut self, change: &Change) -> Result<()> {
        self.changes += 1;
        match change {
            Change::Build(spec) => {
                self.store.build(spec).await?;
                self.complete = !spec.stands_in();
                if self.done == Installed::Already {
                    self.done = Installed::Created;
                }
            }
            Change::Await(spec) => {
                self.store.build(spec).await?;
                self.complete = true;
            }
            Change::Convert(wanted) => {
                match self.store.convert(wanted).await {
                    Err(error) if self.converts && error.code() == Some(CANNOT_CONVERT) => {
                        self.converts = false;
                    }
                    // It refuses an index that is still being built.
                    converted => {
                        converted?;
                        self.complete = true;
                    }
                }
                self.done = Installed::Converted;
            }
            Change::Drop(name) => match self.store.index_remove(name).await {
                // Another process, which makes the same changes, dropped it first.
                Err(error) if error.code() == Some(INDEX_NOT_FOUND) => {}
                dropped => dropped?,
            },
        }
        Ok(())
    }

    /// The result so far.
    pub fn done(&self) -> Installed {
        self.done
    }

    fn in_the_way(&self, found: Option<&IndexSpec>, what: String, need: Option<Need>) -> Error {
        match (found, need) {
            (Some(found), _) => Error::IndexDiffers(format!(
                "the index {} of {} is not the one that {} needs",
                found.name(),
                self.store.namespace(),
                self.store.layouts().name()
            )),
            (None, Some(need)) => Error::Needs { what, need },
            (None, None) => Error::Unsupported(what),
        }
    }
}

impl IndexSpec {
    /// The same index in the other direction, as its temporary replacement.
    fn turned(&self) -> Self {
        let mut spec = self.0.clone();
        if let Ok(key) = spec.get_document_mut("key") {
            for (_, direction) in key.iter_mut() {
                *direction = direction.as_i32().map_or(-1, |direction| -direction).into();
            }
        }
        spec.insert("name", STAND_IN);
        Self(spec)
    }

    /// Whether it is the temporary index.
    pub(super) fn stands_in(&self) -> bool {
        self.name() == STAND_IN
    }
}

impl Store {
    /// The state of the TTL index.
    ///
    /// # Errors
    /// If the server refuses to list the indexes, or cannot be reached.
    pub async fn index_status(&self, lifetime: Option<Duration>) -> Result<TtlStatus> {
        let indexes = self.indexes().await?;
        self.status_by(self.layouts().of_index()?, &indexes, lifetime).await
    }

    /// The same of one of its layouts, by its indexes.
    pub(crate) async fn status_by(
        &self,
        layout: &Layout,
        indexes: &[IndexSpec],
        lifetime: Option<Duration>,
    ) -> Result<TtlStatus> {
        let status = status(layout, indexes, lifetime);
        if status.state != TtlState::Installed {
            return Ok(status);
        }
        match self.run("collStats", doc! { "collStats": self.name() }).await {
            Ok(stats) => Ok(status.during(&builds(&stats))),
            // A login without this right, or a server without this command, does not show whether the
            // index is complete.
            Err(error @ (Error::Unauthorized { .. } | Error::Server { .. }))
                if !error.is_transient() =>
            {
                let reason = format!("whether the index is complete is unknown: {error}");
                Ok(TtlStatus { reason: Some(reason), ..status })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is an index of this name, or the server is building it.
    ///
    /// # Errors
    /// If the server refuses to list the indexes, or cannot be reached.
    pub async fn has_index(&self, name: &str) -> Result<bool> {
        Ok(self.indexes().await?.iter().any(|index| index.name() == name))
    }

    /// The TTL indexes that a removal drops, and others that may delete the same sessions.
    ///
    /// # Errors
    /// If the server refuses to list the indexes, or cannot be reached.
    pub async fn ttl_indexes(&self) -> Result<TtlIndexes> {
        Ok(TtlIndexes::of(self.layouts().of_index()?, &self.indexes().await?))
    }

    /// Prepares the changes: nothing is done before the first change is applied.
    pub fn index_changing(&self, aim: Aim, lifetime: Option<Duration>) -> Changing {
        let (store, done) = (self.clone(), Installed::Already);
        Changing { store, aim, lifetime, converts: true, done, complete: false, changes: 0 }
    }

    /// Creates the collection if it does not exist, and the unique index on the id where that is another
    /// field than `_id`.
    ///
    /// # Errors
    /// If the server refuses a command, such as for two sessions of one id, or cannot be reached.
    pub(crate) async fn make_id_index(&self) -> Result<()> {
        if self.connection().indexes(self.name()).await?.is_none() {
            // The indexes of a missing collection cannot be listed, and so cannot be compared.
            let created = self.run("create", doc! { "create": self.name() }).await;
            match created {
                Err(error) if error.code() == Some(NAMESPACE_EXISTS) => {}
                created => drop(created?),
            }
        }
        for layout in self.layouts().iter() {
            let id = &layout.id;
            if id.path == "_id" {
                continue;
            }
            // The name that the original store uses: with another one, its own `createIndex` fails
            // (85).
            let name = id.index.clone().unwrap_or_else(|| format!("{}_1", id.path));
            // Without a unique index, two concurrent first requests of one session can insert two
            // documents, because the upsert uses a field other than `_id`.
            let index = doc! { "name": name, "key": { &id.path: 1 }, "unique": true };
            let command = doc! {
                "createIndexes": self.name(), "indexes": [index], "comment": self.comment(),
            };
            self.run("createIndexes", command).await?;
        }
        Ok(())
    }

    /// Creates the indexes by which the sessions of a user are found, unless others find them. The
    /// collection exists.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if no index can find the user of a session. Any other error if the
    /// server refuses a command or cannot be reached.
    pub(crate) async fn make_user_index(&self) -> Result<()> {
        for layout in self.layouts().iter() {
            let paths = layout.user_index_paths()?;
            let indexes = self.indexes().await?;
            for path in &paths {
                if indexes.iter().any(|index| index.leads_along(path)) {
                    continue;
                }
                let own = layout.user_index.clone().filter(|_| paths.len() == 1);
                let name = own.unwrap_or_else(|| format!("{path}_1"));
                let index = doc! { "name": name, "key": { path: 1 } };
                let command = doc! {
                    "createIndexes": self.name(), "indexes": [index], "comment": self.comment(),
                };
                self.run("createIndexes", command).await?;
            }
        }
        Ok(())
    }

    /// Creates the TTL index, or converts the plain one in its place. Afterwards, the server
    /// deletes expired sessions by itself.
    ///
    /// # Errors
    /// [`Error::IndexDiffers`] if another index is in its place: it is not changed.
    pub(crate) async fn index_install(&self, lifetime: Option<Duration>) -> Result<Installed> {
        let mut changing = self.index_changing(Aim::Install, lifetime);
        while let Some(change) = changing.next().await? {
            changing.apply(&change).await?;
        }
        Ok(changing.done())
    }

    /// Drops the index named `name`.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn index_remove(&self, name: &str) -> Result<()> {
        let command = doc! { "dropIndexes": self.name(), "index": name };
        self.run("dropIndexes", command).await.map(drop)
    }

    async fn build(&self, spec: &IndexSpec) -> Result<()> {
        let mut spec = spec.0.clone();
        // Older servers list this option, but refuse it in a command.
        spec.remove("ns");
        let command = doc! {
            "createIndexes": self.name(), "indexes": [spec], "comment": self.comment(),
        };
        self.run("createIndexes", command).await.map(drop)
    }

    /// By name: with two indexes on a key, `collMod` refuses to choose (181).
    async fn convert(&self, wanted: &IndexSpec) -> Result<()> {
        let command = doc! {
            "collMod": self.name(),
            "index": {
                "name": wanted.name(),
                "expireAfterSeconds": wanted.0.get("expireAfterSeconds"),
            },
        };
        self.run("collMod", command).await.map(drop)
    }
}
