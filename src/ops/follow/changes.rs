//! The change stream of a collection. After a failover it resumes where it was, so that no change is lost
//! or repeated, as long as the server's oplog still contains that place.

use std::time::Duration;

use bson::{Document, RawDocument, doc};
use mongodb::options::{AggregateOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::raw_batch_cursor::RawBatch;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};
use crate::server::backoff::{Backoff, may_pass};
use crate::server::cursor::{Batches, Query};
use crate::server::reply::documents;
use crate::store::Store;

/// How long the server waits for a change before it sends an empty batch.
const AWAIT: Duration = Duration::from_secs(1);
/// Events per batch.
const BATCH: u32 = 1000;
/// The longest pause while the server is unreachable: changes are reported soon after it is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The place in the oplog is gone (`ChangeStreamHistoryLost`, `CappedPositionLost`), or there is an event
/// that the server cannot send (`ChangeStreamFatalError`, `BSONObjectTooLarge`).
const LOST: [i32; 4] = [286, 136, 280, 10334];
/// Errors after which a change stream can be resumed, in addition to the transient ones; from the
/// drivers' "change streams" specification: `StaleShardVersion`, `FailedToSatisfyReadPreference`, `StaleEpoch`,
/// `RetryChangeStream`, `StaleConfig`.
const RESUMABLE: [i32; 5] = [63, 133, 150, 234, 13388];

/// What the events of a change stream contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Details {
    /// The documents.
    Documents,
    /// Only the `_id`s: the server need not look the documents up, and events are small.
    Keys,
}

/// `CursorNotFound`.
const CURSOR_NOT_FOUND: i32 = 43;

/// A change stream.
#[derive(Debug)]
pub(super) struct Changes {
    store: Store,
    details: Details,
    /// Whether the server knows the documents before and after each change.
    pub(super) has_images: bool,
    batches: Option<Batches>,
    /// Where it resumes.
    token: Option<Document>,
    backoff: Backoff,
    pause: Option<Duration>,
    /// Why it could not resume where it was.
    lost: Option<Error>,
    /// Whether the server only forgot the cursor, as it does after ten minutes without a request.
    is_forgotten: bool,
}

/// What a change stream reports.
#[derive(Debug)]
pub(super) enum Heard {
    /// These changes, in order.
    Batch(RawBatch),
    /// Nothing for a second.
    Idle,
    /// It was interrupted, and resumed where it was.
    Resumed,
    /// It could not resume where it was: changes are lost, and it continues from now.
    Lost(Error),
    /// The server is unreachable. The next attempt follows after this pause.
    Away(Error, Duration),
}

impl Changes {
    /// Opens the stream, from now on.
    ///
    /// # Errors
    /// If the server does not support change streams, refuses this one, or cannot be reached.
    pub(super) async fn open(store: &Store, details: Details) -> Result<Self> {
        let mut changes = Self {
            store: store.clone(),
            details,
            has_images: details == Details::Documents && store.has_images().await,
            batches: None,
            token: None,
            backoff: Backoff::new(LONGEST_PAUSE),
            pause: None,
            lost: None,
            is_forgotten: false,
        };
        let batches = changes.begin();
        changes.batches = Some(batches.await?);
        Ok(changes)
    }

    fn begin(&self) -> impl Future<Output = Result<Batches>> + use<> {
        // Without images, the server looks the document up when it sends the event.
        let mut stage = match self.details {
            Details::Keys => doc! {},
            Details::Documents if self.has_images => doc! {
                "fullDocument": "whenAvailable", "fullDocumentBeforeChange": "whenAvailable",
            },
            Details::Documents => doc! { "fullDocument": "updateLookup" },
        };
        if let Some(token) = &self.token {
            stage.insert("resumeAfter", token.clone());
        }
        let mut options = AggregateOptions::default();
        options.max_await_time = Some(AWAIT);
        options.batch_size = Some(BATCH);
        options.comment = Some(self.store.comment().into());
        // Change streams support no other read concern, whatever the connection string says. A secondary
        // would report changes later.
        options.read_concern = Some(ReadConcern::majority());
        options.selection_criteria =
            Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let mut stages = vec![doc! { "$changeStream": stage }];
        if self.details == Details::Keys {
            let unused = doc! { "fullDocument": 0, "updateDescription": 0 };
            stages.push(doc! { "$project": unused });
        }
        let query = Query::Aggregate(stages, Box::new(options));
        let store = self.store.clone();
        async move { store.connection().query(store.name(), query).await }
    }

    /// The next step; `None` if it was cancelled first.
    ///
    /// # Errors
    /// An error that does not go away by itself.
    pub(super) async fn next(&mut self, cancel: &CancellationToken) -> Result<Option<Heard>> {
        loop {
            if let Some(pause) = self.pause.take() {
                cancel.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
            let Some(batches) = &mut self.batches else {
                match cancel.run_until_cancelled(self.begin()).await {
                    None => return Ok(None),
                    Some(Ok(batches)) => {
                        self.batches = Some(batches);
                        self.backoff.reset();
                        if std::mem::take(&mut self.is_forgotten) && self.token.is_some() {
                            // Nothing was missed: a slow copy must not begin again each time.
                            continue;
                        }
                        let lost = self.lost.take().or_else(|| self.token.is_none().then(no_place));
                        return Ok(Some(lost.map_or(Heard::Resumed, Heard::Lost)));
                    }
                    Some(Err(error)) => match self.unopened(error)? {
                        Some(heard) => return Ok(Some(heard)),
                        None => continue,
                    },
                }
            };
            match cancel.run_until_cancelled(batches.next_reply()).await {
                None => return Ok(None),
                Some(Ok(Some(batch))) => {
                    self.token = token(&batch).or(self.token.take());
                    let is_idle = documents(&batch).next().is_none();
                    return Ok(Some(if is_idle { Heard::Idle } else { Heard::Batch(batch) }));
                }
                // The server ended it; most often it can be resumed immediately.
                Some(Ok(None)) => self.batches = None,
                Some(Err(error)) if error.code() == Some(CURSOR_NOT_FOUND) => {
                    (self.batches, self.is_forgotten) = (None, true);
                }
                Some(Err(error)) if goes_on_after(&error) => self.batches = None,
                Some(Err(error)) => {
                    self.batches = None;
                    self.lose(error)?;
                }
            }
        }
    }

    /// What to report after a failed attempt to reopen it; nothing if the next attempt follows at once.
    fn unopened(&mut self, error: Error) -> Result<Option<Heard>> {
        if goes_on_after(&error) {
            self.is_forgotten = false;
            let pause = self.backoff.next();
            self.pause = Some(pause);
            return Ok(Some(Heard::Away(error, pause)));
        }
        self.lose(error).map(|()| None)
    }

    /// Gives up the place where it was, and continues from now.
    fn lose(&mut self, error: Error) -> Result<()> {
        self.is_forgotten = false;
        let is_lost = error.code().is_some_and(|code| LOST.contains(&code));
        // A stream that starts now cannot have lost anything: the error would repeat forever.
        if !is_lost || self.lost.is_some() {
            return Err(error);
        }
        (self.token, self.lost) = (None, Some(error));
        Ok(())
    }
}

fn goes_on_after(error: &Error) -> bool {
    may_pass(error) || error.code().is_some_and(|code| RESUMABLE.contains(&code))
}

fn no_place() -> Error {
    Error::Unsupported("the server did not say where the change stream was".to_owned())
}

/// The place after a batch. If the server does not report it, it is that of the last event.
fn token(batch: &RawBatch) -> Option<Document> {
    let decoded = |raw: &RawDocument| Document::try_from(raw).ok();
    let cursor = batch.as_raw_document().get_document("cursor").ok()?;
    if let Ok(token) = cursor.get_document("postBatchResumeToken") {
        return decoded(token);
    }
    documents(batch).last().and_then(|event| decoded(event.get_document("_id").ok()?))
}

/// The change stream of the collection, or why there is none.
pub(super) async fn changes(store: &Store, details: Details) -> Result<(Option<Changes>, String)> {
    match Changes::open(store, details).await {
        Ok(changes) => Ok((Some(changes), String::new())),
        Err(error) if error.code().is_none() || may_pass(&error) => Err(error),
        Err(Error::Server { code: NO_REPLICA_SET, .. }) => {
            Ok((None, "a standalone server has no change streams".to_owned()))
        }
        Err(error) => Ok((None, error.to_string())),
    }
}

/// The error of a standalone server that is asked for a change stream.
const NO_REPLICA_SET: i32 = 40573;
