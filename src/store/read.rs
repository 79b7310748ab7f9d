//! Reads sessions in batches, in storage order or sorted, and counts them.

use std::time::Duration;

use bson::raw::{RawDocumentBuf, cstr};
use bson::{Bson, Document, doc, rawdoc};
use mongodb::options::{
    AggregateOptions, Collation, FindOptions, Hint, ReadPreference, SelectionCriteria,
};

use super::collection::Store;
use crate::error::{Error, Result};
use crate::model::filter::Filter;
use crate::model::raw::Raw;
use crate::server::cursor::{Batches, Query, RawQuery};
use crate::server::flavour::Topology;
use crate::server::reply::{affected, documents};

/// Documents per batch of a cursor: large enough to be as fast as the driver's default, small
/// enough that a million sessions need no more memory than a thousand.
const READ_BATCH: u32 = 1000;

/// The order of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// By expiry; sessions without one come last.
    Expires,
    /// By last touch.
    Touched,
    /// By creation.
    Created,
    /// By the size of the document.
    Bytes,
    /// By the id.
    Id,
}

/// The options of reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The order; storage order is fastest.
    pub sort: Option<SortKey>,
    /// Whether to reverse the order.
    pub reverse: bool,
    /// The maximum number of sessions; 0 is all.
    pub limit: u64,
    /// The time limit on the server; used if nothing is sorted.
    pub within: Option<Duration>,
    /// Whether to read in storage order even if an index finds the documents; used if nothing is
    /// sorted.
    pub stored: bool,
}

impl Store {
    /// The number of sessions that match `filter`.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn count(&self, filter: impl Into<Filter>) -> Result<u64> {
        let filter = filter.into();
        // Without a filter, the server knows the number; with one, it must count. The number from a
        // router includes orphaned documents (SERVER-3645).
        if filter.is_everything() && self.connection().topology().await? != Topology::Sharded {
            let reply = self.run("count", doc! { "count": &self.collection }).await?;
            return Ok(affected(&reply, "n"));
        }
        let mut counted = self.aggregate_where(filter, vec![doc! { "$count": "n" }]).await?;
        let Some(batch) = counted.next().await? else { return Ok(0) };
        let count = documents(&batch)
            .next()
            .map(|row| row.get_i32("n").map_or_else(|_| row.get_i64("n").unwrap_or(0), i64::from));
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// The raw documents that match `filter`, in batches as the server sends them.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn read(&self, filter: impl Into<Filter>, reading: &Reading) -> Result<Batches> {
        let filter = filter.into();
        let Some(sort) = reading.sort else {
            return self.find(filter, reading, None, READ_BATCH).await;
        };
        const KEY: &str = "__sessionctl_key";
        let direction = if reading.reverse { -1 } else { 1 };
        let mut pipeline = vec![
            doc! { "$addFields": { KEY: self.sort_key(sort) } },
            // Sessions without the date come last in either direction.
            doc! { "$addFields": { format!("{KEY}_none"): { "$lte": [format!("${KEY}"), Bson::Null] } } },
            doc! { "$sort": { format!("{KEY}_none"): 1, KEY: direction } },
        ];
        if reading.limit > 0 {
            pipeline.push(doc! { "$limit": i64::try_from(reading.limit).unwrap_or(i64::MAX) });
        }
        pipeline.push(doc! { "$unset": [KEY, format!("{KEY}_none")] });
        self.aggregate_where(filter, pipeline).await
    }

    /// The results of these stages for the documents that match `filter`.
    async fn aggregate_where(&self, filter: Filter, mut stages: Vec<Document>) -> Result<Batches> {
        let filter = match filter.plain() {
            Ok(filter) => {
                stages.insert(0, doc! { "$match": filter });
                return self.aggregate(stages).await;
            }
            Err(keyed) => raw(&keyed)?,
        };
        let mut matching = Raw::new();
        matching.document("$match", &filter);
        let stages: Vec<_> = stages.iter().map(raw_document).collect::<Result<_>>()?;
        let stages = std::iter::once(matching.done()).chain(stages).collect::<Vec<_>>();
        let mut parts = Raw::new();
        parts.documents("pipeline", stages.iter().map(|stage| &**stage));
        let mut command = joined(&rawdoc! { "aggregate": &*self.collection }, &parts.done());
        command.append(cstr!("allowDiskUse"), true);
        command.append(cstr!("cursor"), rawdoc! {});
        self.read_raw("aggregate", command, READ_BATCH).await
    }

    /// The whole documents that match `filter`, in batches of `size`.
    pub(crate) async fn read_whole(&self, filter: impl Into<Filter>, size: u32) -> Result<Batches> {
        self.find(filter.into(), &Reading::default(), None, size).await
    }

    /// The `_id`s that match `filter`, in batches of `size`, with the fields of `also`.
    pub(crate) async fn read_ids(
        &self,
        filter: impl Into<Filter>,
        also: &[&str],
        size: u32,
    ) -> Result<Batches> {
        self.find(filter.into(), &Reading::default(), Some(ids_and(also)), size).await
    }

    /// The same documents in storage order, even if an index finds them: whole, or the `_id`s with
    /// the fields of `also`.
    pub(crate) async fn read_stored(
        &self,
        filter: impl Into<Filter>,
        also: Option<&[&str]>,
        size: u32,
    ) -> Result<Batches> {
        let reading = Reading { stored: true, ..Reading::default() };
        self.find(filter.into(), &reading, also.map(ids_and), size).await
    }

    /// The `_id`s of the last sessions stored, the newest first, within this time on the server.
    pub(crate) async fn read_newest_ids(&self, limit: u64, within: Duration) -> Result<Batches> {
        let newest = Reading { reverse: true, limit, within: Some(within), ..Reading::default() };
        self.find(Filter::default(), &newest, Some(doc! { "_id": 1 }), READ_BATCH).await
    }

    /// Reads without a sort: in the order of the index that the server chooses, or as documents are stored.
    async fn find(
        &self,
        filter: Filter,
        reading: &Reading,
        projection: Option<Document>,
        size: u32,
    ) -> Result<Batches> {
        let filter = match filter.plain() {
            Ok(filter) => filter,
            Err(keyed) => return self.find_keyed(&keyed, reading, projection.as_ref(), size).await,
        };
        let mut options = FindOptions::default();
        options.projection = projection;
        options.max_time = reading.within;
        options.limit = i64::try_from(reading.limit).ok().filter(|limit| *limit > 0);
        options.comment = Some(self.comment.as_str().into());
        options.batch_size = Some(size);
        options.sort = reading.reverse.then(|| doc! { "$natural": -1 });
        options.hint = reading.stored.then(|| Hint::Keys(doc! { "$natural": 1 }));
        options.selection_criteria = self.criteria();
        self.connection.query(&self.collection, Query::Find(filter, Box::new(options))).await
    }

    /// Where reads go; `None` is where the connection string says.
    fn criteria(&self) -> Option<SelectionCriteria> {
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        self.from_primary.then_some(primary)
    }

    /// The same for a filter with keys, whose bytes the driver would change.
    async fn find_keyed(
        &self,
        filter: &Filter,
        reading: &Reading,
        projection: Option<&Document>,
        size: u32,
    ) -> Result<Batches> {
        let mut parts = Raw::new();
        parts.document("filter", &raw(filter)?);
        if let Some(projection) = projection {
            parts.document("projection", &raw_document(projection)?);
        }
        let command = rawdoc! { "find": &*self.collection };
        let mut command = joined(&command, &parts.done());
        if reading.reverse {
            command.append(cstr!("sort"), rawdoc! { "$natural": -1 });
        }
        if reading.stored {
            command.append(cstr!("hint"), rawdoc! { "$natural": 1 });
        }
        if let Some(limit) = i64::try_from(reading.limit).ok().filter(|limit| *limit > 0) {
            command.append(cstr!("limit"), limit);
        }
        if let Some(within) = reading.within {
            let millis = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
            command.append(cstr!("maxTimeMS"), millis);
        }
        command.append(cstr!("batchSize"), i64::from(size));
        self.read_raw("find", command, size).await
    }

    /// The documents that this command finds, a `find` or an `aggregate`.
    pub(crate) async fn read_raw(
        &self,
        name: &'static str,
        mut command: RawDocumentBuf,
        size: u32,
    ) -> Result<Batches> {
        command.append(cstr!("comment"), self.comment.as_str());
        let comment = self.comment.clone();
        let query = || {
            let (command, comment) = (command.clone(), comment.clone());
            let primary = self.from_primary;
            Query::Raw(RawQuery { name, command, batch_size: size, comment, primary })
        };
        // The driver repeats its own reads once, but not a bare command.
        match self.connection.query(&self.collection, query()).await {
            Err(error) if error.is_transient() => {
                self.connection.query(&self.collection, query()).await
            }
            batches => batches,
        }
    }

    /// The share of documents that match `filter`, estimated from `size` random documents. `within` limits
    /// the time on the server.
    pub(crate) async fn share(&self, filter: Document, size: u32, within: Duration) -> Result<f64> {
        let stages = [
            doc! { "$sample": { "size": size } },
            doc! { "$match": filter },
            doc! { "$group": { "_id": null, "n": { "$sum": 1.0 } } },
        ];
        let mut counted = self.aggregate_with(stages.into(), None, Some(within)).await?;
        let Some(batch) = counted.next().await? else { return Ok(0.0) };
        let count = documents(&batch).next().and_then(|row| row.get_f64("n").ok());
        Ok(count.unwrap_or(0.0) / f64::from(size))
    }

    /// This many whole documents, chosen at random.
    pub(crate) async fn sample(&self, size: u64) -> Result<Batches> {
        // As the first stage, for which the server uses a random cursor instead of reading
        // everything.
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.aggregate(vec![doc! { "$sample": { "size": size } }]).await
    }

    fn sort_key(&self, sort: SortKey) -> Bson {
        match sort {
            SortKey::Expires => self.layouts.expiry_fact(),
            SortKey::Touched => self.layouts.instant_fact(|layout| &layout.touched),
            SortKey::Created => self.layouts.instant_fact(|layout| &layout.created),
            SortKey::Bytes => doc! { "$bsonSize": "$$ROOT" }.into(),
            SortKey::Id => self.layouts.fact(|layout| format!("${}", layout.id.path).into()),
        }
    }

    pub(crate) async fn aggregate(&self, pipeline: Vec<Document>) -> Result<Batches> {
        self.aggregate_with(pipeline, None, None).await
    }

    /// The same, with text compared byte by byte, whatever the collation of the collection. Indexes
    /// on text cannot be used then.
    pub(crate) async fn aggregate_by_bytes(&self, pipeline: Vec<Document>) -> Result<Batches> {
        let simple = || Collation::builder().locale("simple".to_owned()).build();
        let is_collated = self.is_collated().await?;
        self.aggregate_with(pipeline, is_collated.then(simple), None).await
    }

    async fn aggregate_with(
        &self,
        pipeline: Vec<Document>,
        collation: Option<Collation>,
        within: Option<Duration>,
    ) -> Result<Batches> {
        let mut options = AggregateOptions::default();
        options.max_time = within;
        // Without this, a sort of more than 100 MB fails.
        options.allow_disk_use = Some(true);
        options.collation = collation;
        options.comment = Some(self.comment.as_str().into());
        options.batch_size = Some(READ_BATCH);
        options.selection_criteria = self.criteria();
        self.connection.query(&self.collection, Query::Aggregate(pipeline, Box::new(options))).await
    }
}

fn ids_and(also: &[&str]) -> Document {
    let paths = ["_id"].iter().chain(also);
    paths.map(|path| ((*path).to_owned(), Bson::Int32(1))).collect()
}

fn raw(filter: &Filter) -> Result<RawDocumentBuf> {
    filter.raw().ok_or_else(unsendable)
}

pub(crate) fn raw_document(document: &Document) -> Result<RawDocumentBuf> {
    RawDocumentBuf::try_from(document).map_err(|_| unsendable())
}

fn unsendable() -> Error {
    Error::Unsupported("the name of a field contains a zero byte".into())
}

/// The fields of both documents in one.
pub(crate) fn joined(one: &bson::RawDocument, other: &bson::RawDocument) -> RawDocumentBuf {
    let mut both = Raw::new();
    both.extend(one);
    both.extend(other);
    both.done()
}
