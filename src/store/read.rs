//! Reading sessions in batches, in the order in which they are stored or a sorted one, and counting them.

use std::time::Duration;

use bson::{Bson, Document, doc};
use mongodb::options::{AggregateOptions, Collation, FindOptions};

use super::collection::Store;
use crate::error::Result;
use crate::server::cursor::{Batches, Query};
use crate::server::reply::{affected, documents};

/// Documents a batch of a cursor: large enough to be as fast as the driver's default, small enough
/// that a million sessions need no more memory than a thousand.
const READ_BATCH: u32 = 1000;

/// In which order sessions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// By expiry; those without one come last.
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

/// How sessions are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// The order; the natural one is fastest.
    pub sort: Option<SortKey>,
    /// The other way round.
    pub reverse: bool,
    /// At most so many; 0 is all.
    pub limit: u64,
    /// The server gives it up after so long; used where nothing is sorted.
    pub within: Option<Duration>,
}

impl Store {
    /// How many sessions match `filter`.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn count(&self, filter: Document) -> Result<u64> {
        // Without a filter the server knows the number; with one it must be counted exactly.
        if filter.is_empty() {
            let reply = self.run("count", doc! { "count": &self.collection }).await?;
            return Ok(affected(&reply, "n"));
        }
        let pipeline = [doc! { "$match": filter }, doc! { "$count": "n" }];
        let mut counted = self.aggregate(pipeline.into()).await?;
        let Some(batch) = counted.next().await? else { return Ok(0) };
        let count = documents(&batch)
            .next()
            .map(|row| row.get_i32("n").map_or_else(|_| row.get_i64("n").unwrap_or(0), i64::from));
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// The raw documents that match `filter`, in batches as the server sends them.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn read(&self, filter: Document, reading: &Reading) -> Result<Batches> {
        let Some(sort) = reading.sort else {
            return self.find(filter, reading, None, READ_BATCH).await;
        };
        const KEY: &str = "__sessionctl_key";
        let direction = if reading.reverse { -1 } else { 1 };
        let mut pipeline = vec![
            doc! { "$match": filter },
            doc! { "$addFields": { KEY: self.sort_key(sort) } },
            // Sessions without the date come last in either direction.
            doc! { "$addFields": { format!("{KEY}_none"): { "$lte": [format!("${KEY}"), Bson::Null] } } },
            doc! { "$sort": { format!("{KEY}_none"): 1, KEY: direction } },
        ];
        if reading.limit > 0 {
            pipeline.push(doc! { "$limit": i64::try_from(reading.limit).unwrap_or(i64::MAX) });
        }
        pipeline.push(doc! { "$unset": [KEY, format!("{KEY}_none")] });
        self.aggregate(pipeline).await
    }

    /// The whole documents that match `filter`, in batches of `size`.
    pub(crate) async fn read_whole(&self, filter: Document, size: u32) -> Result<Batches> {
        self.find(filter, &Reading::default(), None, size).await
    }

    /// The `_id`s that match `filter`, in batches of `size`, with the fields of `also`.
    pub(crate) async fn read_ids(
        &self,
        filter: Document,
        also: &[&str],
        size: u32,
    ) -> Result<Batches> {
        let paths = ["_id"].iter().chain(also);
        let projection = paths.map(|path| ((*path).to_owned(), Bson::Int32(1))).collect();
        self.find(filter, &Reading::default(), Some(projection), size).await
    }

    /// The `_id`s of the last that were stored, the newest first; the server may take so long.
    pub(crate) async fn read_newest_ids(&self, limit: u64, within: Duration) -> Result<Batches> {
        let newest = Reading { reverse: true, limit, within: Some(within), sort: None };
        self.find(Document::new(), &newest, Some(doc! { "_id": 1 }), READ_BATCH).await
    }

    /// Reads as it is stored, which no sort holds up.
    async fn find(
        &self,
        filter: Document,
        reading: &Reading,
        projection: Option<Document>,
        size: u32,
    ) -> Result<Batches> {
        let mut options = FindOptions::default();
        options.projection = projection;
        options.max_time = reading.within;
        options.limit = i64::try_from(reading.limit).ok().filter(|limit| *limit > 0);
        options.comment = Some(self.comment.as_str().into());
        options.batch_size = Some(size);
        options.sort = reading.reverse.then(|| doc! { "$natural": -1 });
        self.connection.query(&self.collection, Query::Find(filter, options)).await
    }

    /// So many whole documents, taken at random.
    pub(crate) async fn sample(&self, size: u64) -> Result<Batches> {
        // First in its pipeline, where the server takes a random cursor instead of reading everything.
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
        self.aggregate_with(pipeline, None).await
    }

    /// The same, where text is compared as it is, whatever the collection's collation; no index on text
    /// is of use then.
    pub(crate) async fn aggregate_by_bytes(&self, pipeline: Vec<Document>) -> Result<Batches> {
        let simple = || Collation::builder().locale("simple".to_owned()).build();
        let is_collated = self.is_collated().await?;
        self.aggregate_with(pipeline, is_collated.then(simple)).await
    }

    async fn aggregate_with(
        &self,
        pipeline: Vec<Document>,
        collation: Option<Collation>,
    ) -> Result<Batches> {
        let mut options = AggregateOptions::default();
        // A sort of more than 100 MB fails without it.
        options.allow_disk_use = Some(true);
        options.collation = collation;
        options.comment = Some(self.comment.as_str().into());
        options.batch_size = Some(READ_BATCH);
        self.connection.query(&self.collection, Query::Aggregate(pipeline, options)).await
    }
}
