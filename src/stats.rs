//! What is in a collection, in numbers: states, sizes, ages, when sessions expire, who has them.
//! The server reads every session once and groups; what it sends is a few hundred lines to add up.

use std::time::Duration;

use bson::{DateTime, Document, RawDocument, doc};

use crate::error::Result;
use crate::session::State;
use crate::store::{Store, documents};

mod grid;
mod pass;
mod users;

pub use grid::Slot;
pub use users::Users;

use pass::Line;

/// What is to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Look at so many sessions, taken at random; `None` is all of them.
    pub sample: Option<u64>,
    /// How many of the users with the most sessions are named.
    pub top: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { sample: None, top: 10 }
    }
}

/// The sessions of a collection in numbers. Where a date or a user is unknown of every session,
/// what is made from it is `None` or empty.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The instant that decides the states, and from which ages and slots count.
    pub now: DateTime,
    /// How many sessions the collection has, if only a sample of them was looked at.
    pub sampled_of: Option<u64>,
    /// In the order of [`State::ALL`].
    pub states: [Share; 4],
    /// The expiries.
    pub expires: Span,
    /// The expired session that has waited longest to be removed.
    pub oldest_expired: Option<DateTime>,
    /// The next live session to be over.
    pub next_expiry: Option<DateTime>,
    /// When sessions were made, by [`Stats::created_by`].
    pub created: Span,
    /// Where the creation was found; `None` if nowhere.
    pub created_by: Option<CreatedBy>,
    /// When sessions were last touched.
    pub touched: Span,
    /// How many sessions expire in which time from now; from the past on, without gaps.
    pub expiries: Vec<Slot>,
    /// The same for each of the next 48 hours.
    pub coming: Vec<Slot>,
    /// How old the sessions are, by [`Stats::created_by`]; from the youngest on.
    pub ages: Vec<Slot>,
    /// How many of the sessions were made in each of the last 24 hours, the present one last.
    pub growth: Vec<Slot>,
    /// Who has them; `None` where the layout does not say.
    pub users: Option<Users>,
}

/// Some of the sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub sessions: u64,
    /// Their BSON size, uncompressed.
    pub bytes: u64,
    /// The size of the largest of them.
    pub largest: u64,
}

impl Share {
    fn add(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.bytes += more.bytes;
        self.largest = self.largest.max(more.largest);
    }

    /// The mean size in bytes, if there is a session.
    pub fn mean(&self) -> Option<u64> {
        self.bytes.checked_div(self.sessions)
    }
}

/// The dates of sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Span {
    /// How many sessions have one.
    pub sessions: u64,
    /// The first.
    pub earliest: Option<DateTime>,
    /// The last.
    pub latest: Option<DateTime>,
    sum: f64,
}

impl Span {
    fn add(&mut self, more: Self) {
        self.sessions += more.sessions;
        self.earliest = self.earliest.into_iter().chain(more.earliest).min();
        self.latest = self.latest.into_iter().chain(more.latest).max();
        self.sum += more.sum;
    }

    /// How long ago they are on average, seen from `now`.
    pub fn mean_age(&self, now: DateTime) -> Option<Duration> {
        let mean = (self.sessions > 0).then(|| self.sum / self.sessions as f64)?;
        let millis = now.timestamp_millis() as f64 - mean;
        Some(Duration::from_millis(millis.max(0.0) as u64))
    }
}

/// Where the creation of a session is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreatedBy {
    /// The store writes it down.
    Date,
    /// The `_id` is an `ObjectId`, which tells when it was made.
    Id,
    /// Nowhere: the last touch has to stand for it.
    Touch,
}

impl CreatedBy {
    /// The word for it in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "created",
            Self::Id => "id",
            Self::Touch => "touched",
        }
    }
}

impl Stats {
    fn empty(now: DateTime) -> Self {
        Self {
            now,
            sampled_of: None,
            states: [Share::default(); 4],
            expires: Span::default(),
            oldest_expired: None,
            next_expiry: None,
            created: Span::default(),
            created_by: None,
            touched: Span::default(),
            expiries: Vec::new(),
            coming: Vec::new(),
            ages: Vec::new(),
            growth: Vec::new(),
            users: None,
        }
    }

    /// The sessions in `state`.
    pub fn of(&self, state: State) -> Share {
        let at = State::ALL.iter().position(|one| *one == state);
        at.map_or_else(Share::default, |at| self.states[at])
    }

    /// All that were looked at.
    pub fn all(&self) -> Share {
        let mut all = Share::default();
        self.states.iter().for_each(|share| all.add(*share));
        all
    }

    fn add(&mut self, line: &Line, tally: &mut grid::Tally) {
        if let Some(at) = State::ALL.iter().position(|state| *state == line.state) {
            self.states[at].add(line.share);
        }
        self.expires.add(line.expires);
        match line.state {
            State::Expired => {
                let earliest = self.oldest_expired.into_iter().chain(line.expires.earliest);
                self.oldest_expired = earliest.min();
            }
            State::Live => {
                let earliest = self.next_expiry.into_iter().chain(line.expires.earliest);
                self.next_expiry = earliest.min();
            }
            State::Endless | State::Malformed => {}
        }
        self.touched.add(line.touched);
        tally.add(line);
    }

    fn end(&mut self, tally: &grid::Tally) {
        self.expiries = tally.expiries(self.now);
        self.coming = tally.coming(self.now);
        self.created_by = tally.created_by();
        self.created = tally.created();
        self.ages = tally.ages(self.now);
        self.growth = tally.growth(self.now);
    }
}

impl Store {
    /// What is in the collection, seen from `now`, which is the server's and decides the states.
    ///
    /// # Errors
    /// What the connection meets.
    pub async fn stats(&self, options: &Options, now: DateTime) -> Result<Stats> {
        let Some(user) = self.layout().user_fact() else {
            if self.layout().user.is_empty() {
                return self.pass(options, now, None).await;
            }
            let decoded = Users::decoded(self, now, options.sample, options.top);
            let (stats, decoded) = tokio::join!(self.pass(options, now, None), decoded);
            return Ok(Stats { users: Some(decoded?), ..stats? });
        };
        self.pass(options, now, Some(users::pipeline(user, options.top))).await
    }

    async fn pass(
        &self,
        options: &Options,
        now: DateTime,
        users: Option<Vec<Document>>,
    ) -> Result<Stats> {
        let mut pipeline = Vec::new();
        if let Some(size) = options.sample {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            pipeline.push(doc! { "$sample": { "size": size } });
        }
        let both = users.is_some();
        pipeline.extend(pass::pipeline(self.layout(), now, users));
        let mut stats = Stats::empty(now);
        let mut tally = grid::Tally::default();
        let mut batches = self.aggregate(pipeline).await?;
        while let Some(batch) = batches.next().await? {
            for found in documents(&batch) {
                if !both {
                    stats.add(&Line::read(found), &mut tally);
                    continue;
                }
                for line in inside(found, "lines") {
                    stats.add(&Line::read(line), &mut tally);
                }
                let read = |line| Users::read(self.layout(), line, options.top);
                stats.users = inside(found, "users").next().map(read);
            }
        }
        stats.end(&tally);
        if options.sample.is_some() {
            stats.sampled_of = Some(self.count(doc! {}).await?);
        }
        Ok(stats)
    }
}

fn inside<'a>(found: &'a RawDocument, key: &str) -> impl Iterator<Item = &'a RawDocument> {
    let lines = found.get_array(key).ok().into_iter().flatten();
    lines.filter_map(|line| line.ok()?.as_document())
}
