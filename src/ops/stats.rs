//! What is in a collection, in numbers: states, sizes, ages, when sessions expire, who has them.
//! The server reads every session once and groups; what it sends is a few hundred lines to add up.

use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc};

use crate::error::Result;
use crate::model::session::State;
use crate::server::reply::documents;
use crate::store::{Reading, Store};

mod grid;
mod pass;
mod users;

pub use grid::Slot;
pub use users::Users;

use pass::{Line, Pass};

/// How many of the first sessions, and of the last, are looked at before the pass.
const LOOK: u64 = 100;

/// What a server before 5.2 says to `$topN`.
const UNKNOWN_ACCUMULATOR: i32 = 15952;

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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub earliest: Option<DateTime>,
    /// The last.
    pub latest: Option<DateTime>,
}

impl Span {
    fn add(&mut self, more: Self) {
        self.earliest = self.earliest.into_iter().chain(more.earliest).min();
        self.latest = self.latest.into_iter().chain(more.latest).max();
    }

    fn later(self, millis: i64) -> Self {
        let later =
            |date: DateTime| DateTime::from_millis(date.timestamp_millis().saturating_add(millis));
        Self { earliest: self.earliest.map(later), latest: self.latest.map(later) }
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
    /// Of no session at all.
    pub fn of_nothing(now: DateTime) -> Self {
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
        self.created.add(line.created);
        self.touched.add(line.touched);
        tally.add(line);
    }

    fn end(&mut self, tally: &grid::Tally, created_by: Option<CreatedBy>) {
        self.expiries = tally.expiries(self.now);
        self.coming = tally.coming(self.now);
        self.created_by = created_by.filter(|_| tally.has_ages());
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
        if let Some(user) = self.layout().user_fact() {
            let users = users::pipeline(user, options.top);
            match self.pass(options, now, Some(&users)).await {
                Err(error) if error.code() == Some(UNKNOWN_ACCUMULATOR) => {}
                stats => return stats,
            }
        } else if self.layout().user.is_empty() {
            return self.pass(options, now, None).await;
        }
        let decoded = Users::decoded(self, now, options);
        let (stats, decoded) = tokio::join!(self.pass(options, now, None), decoded);
        Ok(Stats { users: Some(decoded?), ..stats? })
    }

    async fn pass(
        &self,
        options: &Options,
        now: DateTime,
        users: Option<&[Document]>,
    ) -> Result<Stats> {
        let looked_at = self.look().await?;
        let pass = Pass::after_a_look(self.layout(), now, &looked_at);
        let stats = match self.carry_out(&pass, options, now, users).await? {
            Some(stats) => Some(stats),
            None => self.carry_out(&pass.thoroughly(), options, now, users).await?,
        };
        let mut stats = stats.unwrap_or_else(|| Stats::of_nothing(now));
        if options.sample.is_some() {
            stats.sampled_of = Some(self.count(doc! {}).await?);
        }
        Ok(stats)
    }

    /// The first sessions and the last.
    async fn look(&self) -> Result<Vec<RawDocumentBuf>> {
        let mut found = Vec::new();
        for reverse in [false, true] {
            let reading = Reading { reverse, limit: LOOK, ..Reading::default() };
            let mut batches = self.read(Document::new(), &reading).await?;
            while let Some(batch) = batches.next().await? {
                found.extend(documents(&batch).map(ToOwned::to_owned));
            }
        }
        Ok(found)
    }

    /// `None` if it takes the thorough pass to tell.
    async fn carry_out(
        &self,
        pass: &Pass<'_>,
        options: &Options,
        now: DateTime,
        users: Option<&[Document]>,
    ) -> Result<Option<Stats>> {
        let mut pipeline = Vec::new();
        if let Some(size) = options.sample {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            pipeline.push(doc! { "$sample": { "size": size } });
        }
        pipeline.extend(pass.pipeline(users.map(<[Document]>::to_vec)));
        let mut stats = Stats::of_nothing(now);
        let mut tally = grid::Tally::default();
        let mut odd = false;
        let mut take = |stats: &mut Stats, line: &RawDocument| match pass.read(line) {
            Some(line) => stats.add(&line, &mut tally),
            None => odd = true,
        };
        let mut batches = self.aggregate(pipeline).await?;
        while let Some(batch) = batches.next().await? {
            for found in documents(&batch) {
                if users.is_none() {
                    take(&mut stats, found);
                    continue;
                }
                inside(found, "lines").for_each(|line| take(&mut stats, line));
                let read = |line| Users::read(self.layout(), line, options);
                stats.users = inside(found, "users").next().map(read);
            }
        }
        stats.end(&tally, pass.created_by());
        Ok((!odd).then_some(stats))
    }
}

fn inside<'a>(found: &'a RawDocument, key: &str) -> impl Iterator<Item = &'a RawDocument> {
    let lines = found.get_array(key).ok().into_iter().flatten();
    lines.filter_map(|line| line.ok()?.as_document())
}
