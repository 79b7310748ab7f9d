//! Follows a selection, through a change stream or by comparing scans.

use std::collections::VecDeque;
use std::time::Duration;

use bson::DateTime;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::changes::{Changes, Details, Heard, changes};
use super::clock::{Clock, interval};
use super::event::Notice;
use super::judge::Judge;
use super::scan::{Scan, Unseen, check};
use super::seen::Seen;
use super::step::{Means, Step};
use crate::error::{Error, Result};
use crate::model::selection::Selection;
use crate::model::session::Session;
use crate::server::backoff::{Backoff, may_pass};
use crate::server::reply::documents;
use crate::store::{Identity, Store};

/// The changes of a selection. It remembers at most about 64 MB of sessions.
#[derive(Debug)]
pub struct Following {
    judge: Judge,
    source: Source,
    scan: Option<Scan>,
    unseen: Option<Unseen>,
    /// Whether a scan is due or running.
    scans: bool,
    /// Whether the differences that a scan finds are reported; not in the first scan.
    tells: bool,
    began: bool,
    is_away: bool,
    queue: VecDeque<Step>,
    /// The error that ends it once the queue is empty.
    over: Option<Error>,
    backoff: Backoff,
    pause: Option<Duration>,
    cancel: CancellationToken,
}

#[derive(Debug)]
enum Source {
    Stream(Box<Changes>),
    Scans {
        why: String,
        every: Duration,
        due: Instant,
        /// The identity of the collection at the first scan.
        identity: Option<Identity>,
    },
}

impl Store {
    /// Follows the sessions of `selection`: those that match it, and those that matched it until
    /// they changed. Only changes from now on are reported.
    ///
    /// # Errors
    /// As for [`Selection::filter`](crate::Selection::filter); [`Error::Unsupported`] for a selection that keeps the most recent sessions of each user; and if the command cannot be sent or the server rejects it.
    pub async fn follow(
        &self,
        selection: Selection,
        cancel: CancellationToken,
    ) -> Result<Following> {
        check(self, &selection)?;
        let clock = Clock::read(self).await?;
        let (changes, why) = changes(self, Details::Documents).await?;
        let (store, seen) = (self.clone().for_run("follow"), Seen::default());
        let judge = Judge { store, selection, clock, seen };
        Ok(Following::new(judge, changes, why, cancel))
    }
}

impl Following {
    fn new(
        mut judge: Judge,
        changes: Option<Changes>,
        why: String,
        cancel: CancellationToken,
    ) -> Self {
        let (every, due) = (Duration::ZERO, Instant::now());
        let (source, scans) = match changes {
            Some(changes) => {
                // The events contain the documents before each change, so they need not be read.
                judge.seen.is_complete = !changes.has_images;
                (Source::Stream(Box::new(changes)), judge.seen.is_complete)
            }
            None => (Source::Scans { why, every, due, identity: None }, true),
        };
        let mut following = Self {
            judge,
            source,
            scan: None,
            unseen: None,
            scans,
            tells: false,
            began: false,
            is_away: false,
            queue: VecDeque::new(),
            over: None,
            backoff: Backoff::new(Duration::from_secs(5)),
            pause: None,
            cancel,
        };
        if !scans {
            following.begin();
        }
        following
    }

    /// The next step; `None` after cancellation.
    ///
    /// # Errors
    /// An error that cannot go away by itself. [`Error::CollectionChanged`] if the collection was dropped or
    /// renamed. [`Error::Unsupported`] if there is no change stream and too many sessions to compare.
    pub async fn next(&mut self) -> Result<Option<Step>> {
        let cancel = self.cancel.clone();
        loop {
            if let Some(step) = self.queue.pop_front() {
                return Ok(Some(step));
            }
            if let Some(error) = &self.over {
                return Err(error.clone());
            }
            // Nothing is written, so it can stop at any point.
            match cancel.run_until_cancelled(self.advance()).await {
                None => return Ok(None),
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(error),
            }
        }
    }

    /// Whether all selected sessions are remembered. If not, removals of unknown sessions are reported,
    /// too.
    pub fn is_complete(&self) -> bool {
        self.judge.seen.is_complete
    }

    /// The server's clock.
    pub fn now(&self) -> DateTime {
        self.judge.clock.now()
    }

    /// Up to `most` of the sessions whose documents are remembered.
    pub fn remembered(&self, most: usize) -> Vec<Session> {
        let documents = self.judge.seen.documents().take(most);
        documents.filter_map(|document| self.judge.session(document, self.now())).collect()
    }

    async fn advance(&mut self) -> Result<()> {
        if let Some(pause) = self.pause.take() {
            sleep(pause).await;
        }
        if self.scans {
            return match self.advance_scan().await {
                Err(error) if may_pass(&error) && self.began => {
                    // The next scan finds what this one missed.
                    (self.scan, self.unseen, self.is_away) = (None, None, true);
                    let pause = self.backoff.next();
                    self.pause = Some(pause);
                    self.queue.push_back(Step::Away { error, pause });
                    Ok(())
                }
                ended => ended,
            };
        }
        match &mut self.source {
            Source::Stream(changes) => {
                let heard = changes.next(&self.cancel).await?;
                self.hear(heard.unwrap_or(Heard::Idle)).await;
                Ok(())
            }
            Source::Scans { due, .. } => {
                let next = (*due).min(Instant::now() + Duration::from_secs(1));
                sleep_until(next).await;
                self.scans = next == *due;
                self.queue.push_back(Step::Idle);
                Ok(())
            }
        }
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Idle => self.queue.push_back(Step::Idle),
            Heard::Away(error, pause) => self.queue.push_back(Step::Away { error, pause }),
            Heard::Resumed => {
                self.judge.clock = Clock::read(&self.judge.store).await.unwrap_or(self.judge.clock);
                self.queue.push_back(Step::Resumed);
            }
            Heard::Lost(error) => {
                self.queue.push_back(Step::Lost(error));
                // If sessions were forgotten, a scan cannot tell new sessions from old ones.
                (self.tells, self.scans) =
                    (self.judge.seen.is_complete, self.judge.seen.is_complete);
            }
            Heard::Batch(batch) => {
                for event in documents(&batch) {
                    match Notice::of(event) {
                        Notice::Document(changed) => {
                            let event = self.judge.judge(&changed);
                            self.queue.extend(event.map(|event| Step::Event(Box::new(event))));
                        }
                        Notice::Over(fate) => {
                            self.over = Some(self.judge.store.changed(fate));
                            return;
                        }
                        Notice::Other => {}
                    }
                }
            }
        }
    }
}

/// Scans.
impl Following {
    async fn begin_scan(&mut self) -> Result<()> {
        if let Source::Scans { identity: identity @ None, .. } = &mut self.source {
            *identity = Some(self.judge.store.identity().await?);
        }
        let store = self.judge.store.clone();
        self.scan = Some(Scan::begin(&store, self.judge.selection()).await?);
        self.judge.seen.scan += 1;
        Ok(())
    }

    async fn advance_scan(&mut self) -> Result<()> {
        let mut events = Vec::new();
        if let Some(unseen) = &mut self.unseen {
            match unseen.next(&self.judge.store).await? {
                Some((keys, there)) => self.judge.look_again(keys, &there, &mut events),
                None => return self.end_scan(),
            }
        } else {
            let Some(scan) = &mut self.scan else { return self.begin_scan().await };
            match scan.next().await? {
                Some(batch) => self.judge.compare(&batch, &mut events),
                None => return self.end_reading().await,
            }
            if !self.judge.seen.is_complete && !self.began {
                // The memory is full.
                return self.end_scan();
            }
        }
        if self.tells {
            let steps = events.into_iter().map(|event| Step::Event(Box::new(event)));
            self.queue.extend(steps);
        }
        Ok(())
    }

    /// Everything was read. Sessions that were not found are looked up next.
    async fn end_reading(&mut self) -> Result<()> {
        let took = self.scan.take().map_or(Duration::ZERO, |scan| scan.began.elapsed());
        self.set_interval(took);
        if let Source::Scans { identity: Some(identity), .. } = &self.source {
            self.judge.store.still_is(identity).await?;
        }
        if !self.tells {
            return self.end_scan();
        }
        self.unseen = Some(Unseen::of(&self.judge.seen.unseen()));
        Ok(())
    }

    fn end_scan(&mut self) -> Result<()> {
        (self.scan, self.unseen, self.scans) = (None, None, false);
        if let Source::Scans { every, due, .. } = &mut self.source {
            if !self.judge.seen.is_complete {
                let what = "without a change stream all selected sessions are compared from one scan \
                            to the next, and there are too many of them";
                return Err(Error::Unsupported(what.to_owned()));
            }
            *due = Instant::now() + *every;
            self.tells = true;
        }
        if !self.began {
            self.begin();
        }
        self.backoff.reset();
        if std::mem::take(&mut self.is_away) {
            self.queue.push_back(Step::Resumed);
        }
        Ok(())
    }

    /// Sets the interval between scans, and reports it if scans have become much slower.
    fn set_interval(&mut self, took: Duration) {
        if let Source::Scans { every, why, .. } = &mut self.source
            && interval(took) > *every * 2
        {
            *every = interval(took);
            if self.began {
                let (every, why) = (*every, why.clone());
                self.queue.push_back(Step::Began(Means::Scans { every, why }));
            }
        }
    }

    fn begin(&mut self) {
        self.began = true;
        self.queue.push_back(Step::Began(match &self.source {
            Source::Stream(_) => Means::Stream,
            Source::Scans { every, why, .. } => Means::Scans { every: *every, why: why.clone() },
        }));
    }
}
