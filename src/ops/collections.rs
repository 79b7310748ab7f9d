//! Finds the collections of a database that hold sessions, and their layouts.

use bson::raw::RawDocumentBuf;
use bson::{Bson, Document, RawDocument, doc};

use mongodb::options::{AggregateOptions, Hint};

use crate::error::{Certainty, Error, Result};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::detect::{Sample, Verdict, detect};
use crate::model::layout::{Layout, Layouts};
use crate::model::shape::shape_of;
use crate::ops::index::{self, TtlState};
use crate::server::connection::Connection;
use crate::server::cursor::Query;
use crate::server::reply::{affected, documents};

mod choice;

pub use choice::{Choice, Purpose};

/// How many documents a draft is based on: enough to contain a field that one session in a hundred
/// has.
const DRAFT_SAMPLE: i64 = 500;
/// The most bytes of a sample that are kept whole. Of the documents beyond, only the shape is.
const MOST_WHOLE: usize = 16 << 20;

/// A collection that holds sessions, or accounts with sessions inside.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Its layout, or those of a mixed collection, with the certainty.
    pub verdict: Verdict,
    /// The number of documents, if this login may read it.
    pub documents: Option<u64>,
    /// Their size in bytes, uncompressed.
    pub bytes: Option<u64>,
    /// The state of the TTL index that the most likely layout needs.
    pub ttl: Option<TtlState>,
}

impl Connection {
    /// Samples a collection to detect its layout.
    async fn sample(&self, collection: &str, purpose: Purpose, size: i64) -> Result<Sample> {
        let Some(indexes) = self.indexes(collection).await? else {
            return Err(self.no_collection(collection).await);
        };
        let mut sample = self.sample_shapes(collection, indexes, purpose, size).await?;
        let is_all = (sample.documents.len() as i64) < size;
        if purpose == Purpose::Reading && !is_all {
            // The newest documents may be of another store than the oldest.
            let last = Some(Hint::Keys(doc! { "$natural": -1 }));
            // A view has no storage order.
            let Ok(last) = self.picked(collection, doc! { "$limit": size }, last, shape_of).await
            else {
                return Ok(sample);
            };
            for document in last {
                if !sample.documents.contains(&document) {
                    sample.documents.push(document);
                }
            }
        }
        Ok(sample)
    }

    /// A record for the documents of `collection`, guessed from some hundreds of them, and the
    /// result of detecting a built-in layout.
    ///
    /// # Errors
    /// [`Error::NoCollection`], the errors of [`Sample::draft`], or if the server refuses the command or
    /// cannot be reached.
    pub async fn draft_layout(&self, collection: &str) -> Result<(String, Verdict)> {
        let Some(indexes) = self.indexes(collection).await? else {
            return Err(self.no_collection(collection).await);
        };
        let now = self.hello().await?.now;
        let sample = self.sample_with(collection, indexes, Purpose::Changing, DRAFT_SAMPLE).await?;
        Ok((sample.draft(now)?, detect(&sample, Layout::known())))
    }

    pub(crate) async fn no_collection(&self, collection: &str) -> Error {
        Error::NoCollection {
            namespace: self.namespace(collection),
            session_collections: self.session_collections().await.unwrap_or_default(),
        }
    }

    /// Checks that the collection exists.
    ///
    /// # Errors
    /// [`Error::NoCollection`], which names the existing session collections.
    pub(crate) async fn exists(&self, collection: &str) -> Result<()> {
        match self.indexes(collection).await? {
            Some(_) => Ok(()),
            None => Err(self.no_collection(collection).await),
        }
    }

    /// The same if only fields and their types matter: values are shortened, so that a hundred
    /// sessions of 16 MB stay small.
    async fn sample_shapes(
        &self,
        collection: &str,
        indexes: Vec<IndexSpec>,
        purpose: Purpose,
        size: i64,
    ) -> Result<Sample> {
        self.sample_of(collection, indexes, (purpose, size), shape_of).await
    }

    pub(crate) async fn sample_with(
        &self,
        collection: &str,
        indexes: Vec<IndexSpec>,
        purpose: Purpose,
        size: i64,
    ) -> Result<Sample> {
        let mut left = MOST_WHOLE;
        let part = move |document: &RawDocument| match left.checked_sub(document.as_bytes().len()) {
            Some(rest) => {
                left = rest;
                document.to_owned()
            }
            None => shape_of(document),
        };
        self.sample_of(collection, indexes, (purpose, size), part).await
    }

    async fn sample_of(
        &self,
        collection: &str,
        indexes: Vec<IndexSpec>,
        (purpose, size): (Purpose, i64),
        part: impl FnMut(&RawDocument) -> RawDocumentBuf,
    ) -> Result<Sample> {
        let pick = match purpose {
            Purpose::Reading => doc! { "$limit": size },
            Purpose::Changing => doc! { "$sample": { "size": size } },
        };
        let documents = self.picked(collection, pick, None, part).await?;
        Ok(Sample { namespace: self.namespace(collection), documents, indexes })
    }

    async fn picked(
        &self,
        collection: &str,
        pick: Document,
        hint: Option<Hint>,
        mut part: impl FnMut(&RawDocument) -> RawDocumentBuf,
    ) -> Result<Vec<RawDocumentBuf>> {
        let mut options = AggregateOptions::default();
        options.hint = hint;
        let mut batches =
            self.query(collection, Query::Aggregate(vec![pick], Box::new(options))).await?;
        let mut picked = Vec::new();
        while let Some(batch) = batches.next().await? {
            picked.extend(documents(&batch).map(&mut part));
        }
        Ok(picked)
    }

    /// The namespaces of this database whose documents are sessions.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn session_collections(&self) -> Result<Vec<String>> {
        // Enough to detect a layout, but few enough for a database of a thousand collections,
        // because this only adds a hint to an error.
        const LOOK: i64 = 5;
        let mut found = Vec::new();
        for name in self.collections().await? {
            if let Ok(verdict) = self.judge(&name, (Purpose::Reading, LOOK), None).await
                && verdict.1.is_sessions()
            {
                found.push(verdict.1.namespace);
            }
        }
        Ok(found)
    }

    /// With the operator's layout first, then the built-in ones.
    async fn judge(
        &self,
        collection: &str,
        (purpose, look): (Purpose, i64),
        own: Option<&Layouts>,
    ) -> Result<(Vec<IndexSpec>, Verdict)> {
        let indexes = self.indexes(collection).await?.unwrap_or_default();
        let sample = self.sample_with(collection, indexes.clone(), purpose, look).await?;
        let by_own = own.map(|own| detect(&sample, &own.iter().cloned().collect::<Vec<_>>()));
        let whole =
            |verdict: &Verdict| matches!(verdict.certainty, Certainty::Certain | Certainty::Weak);
        let verdict = by_own.filter(whole).unwrap_or_else(|| detect(&sample, Layout::known()));
        Ok((indexes, verdict))
    }

    /// The collections of this database that this login may see, in order.
    async fn collections(&self) -> Result<Vec<String>> {
        let more = doc! {
            "nameOnly": true, "authorizedCollections": true, "cursor": { "batchSize": 100_000 },
        };
        let listed = self.list_collections(doc! { "type": "collection" }, more).await?;
        let name = |entry: Document| entry.get_str("name").map(str::to_owned).ok();
        let mut names: Vec<_> = listed.into_iter().filter_map(name).collect();
        names.retain(|name| !name.starts_with("system."));
        names.sort();
        Ok(names)
    }

    /// The databases that this login may see, except the server's own.
    async fn databases(&self) -> Result<Vec<String>> {
        let command = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": true };
        let admin = self.on("admin");
        let reply = admin.run("listDatabases", "", command).await?;
        let databases = reply.get_array("databases").cloned().unwrap_or_default();
        let name = |entry: &Bson| entry.as_document()?.get_str("name").map(str::to_owned).ok();
        let mut names: Vec<_> = databases.iter().filter_map(name).collect();
        names.retain(|name| !["admin", "config", "local"].contains(&name.as_str()));
        Ok(names)
    }

    /// Every collection that holds sessions: of this database, or of all that this login may see; and an
    /// [`Error::Unauthorized`] for each that it sees but may not read. The layouts `own` take precedence
    /// over built-in ones.
    ///
    /// # Errors
    /// If the server refuses a command for another reason, or cannot be reached.
    pub async fn survey(
        &self,
        all_databases: bool,
        own: Option<&Layouts>,
    ) -> Result<(Vec<Surveyed>, Vec<Error>)> {
        // As many as commands that write look at, so that both see the same.
        const LOOK: i64 = 100;
        let databases = match all_databases {
            true => self.databases().await?,
            false => vec![self.database().to_owned()],
        };
        let (mut found, mut unread) = (Vec::new(), Vec::new());
        for database in databases {
            let connection = self.on(&database);
            for collection in connection.collections().await? {
                let look = (Purpose::Changing, LOOK);
                match connection.judge(&collection, look, own).await {
                    Ok((indexes, verdict)) => {
                        if verdict.is_sessions() || verdict.accounts.is_some() {
                            found.push(connection.surveyed(&collection, &indexes, verdict).await?);
                        }
                    }
                    // A sweeper may write its lease there, and no more.
                    Err(Error::Unauthorized { .. }) if collection.starts_with("sessionctl_") => {}
                    Err(error @ Error::Unauthorized { .. }) => unread.push(error),
                    // It was dropped meanwhile.
                    Err(_) if matches!(connection.indexes(&collection).await, Ok(None)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((found, unread))
    }

    async fn surveyed(
        &self,
        collection: &str,
        indexes: &[IndexSpec],
        verdict: Verdict,
    ) -> Result<Surveyed> {
        // Without the right to collStats the sizes stay unknown. The count comes from the server's
        // metadata, which is free, but may be wrong after a crash.
        let stats = self.run("collStats", collection, doc! { "collStats": collection }).await;
        let stats = match stats {
            Err(error) if error.is_transient() => return Err(error),
            stats => stats.ok(),
        };
        let number = |field| stats.as_ref().map(|stats| affected(stats, field));
        let builds = stats.as_ref().map(index::builds).unwrap_or_default();
        let layout = verdict.likeliest();
        Ok(Surveyed {
            documents: number("count"),
            bytes: number("size"),
            ttl: layout.map(|layout| index::status(layout, indexes, None).during(&builds).state),
            verdict,
        })
    }
}
