//! The statistics of a collection: states, sizes, ages, expiries and users. The server reads every
//! session once and groups them; it returns a few hundred lines to add up. If it cannot read the
//! users, it sends the sessions, and all of the statistics are counted here.

use std::time::Instant;

use bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc};

use crate::error::{Error, Result};
use crate::model::session::State;
use crate::ops::decoding::decode;
use crate::server::flavour::Feature;
use crate::server::reply::documents;
use crate::store::{Reading, Store};

mod aggregation;
mod counts;
mod figures;
mod grid;
mod selected;
mod users;

pub use figures::{CreatedBy, Options, Share, Span};
pub use grid::Slot;
pub use users::Users;

use aggregation::Aggregation;
use counts::{Counts, Part, counting};
use grid::{Group, Histograms};

/// How many of the first and of the last sessions are examined before the pass.
const LOOK: u64 = 100;
/// The maximum size of these sessions, except the last one.
const LOOK_BYTES: usize = 4 << 20;

/// The error of a server before 5.2 for `$topN`.
const UNKNOWN_ACCUMULATOR: i32 = 15952;

/// The statistics of a collection. If a date or the user is unknown for every session, the values
/// based on it are `None` or empty.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The time at which states are evaluated, and from which ages and slots count.
    pub now: DateTime,
    /// How many sessions the collection has, if only a sample of them was examined.
    pub sampled_of: Option<u64>,
    /// The sessions in each state, in the order of [`State::ALL`].
    pub states: [Share; 4],
    /// The foreign documents.
    pub foreign: Share,
    /// The expiries.
    pub expires: Span,
    /// The oldest expiry of an expired session.
    pub oldest_expired: Option<DateTime>,
    /// The next expiry of a live session.
    pub next_expiry: Option<DateTime>,
    /// The first and the last creation, by [`Stats::created_by`].
    pub created: Span,
    /// The source of the creation time; `None` if there is none.
    pub created_by: Option<CreatedBy>,
    /// The first and the last touch.
    pub touched: Span,
    /// How many sessions expire in each time slot, beginning in the past, without gaps.
    pub expiries: Vec<Slot>,
    /// The same for each of the next 48 hours.
    pub coming: Vec<Slot>,
    /// How many sessions have each age, by [`Stats::created_by`], the youngest first.
    pub ages: Vec<Slot>,
    /// How many of the sessions were created in each of the last 24 hours, the current one last.
    pub growth: Vec<Slot>,
    /// The users; `None` if the layout has none.
    pub users: Option<Users>,
}

impl Stats {
    /// The statistics of an empty collection.
    pub fn of_nothing(now: DateTime) -> Self {
        Self {
            now,
            sampled_of: None,
            states: [Share::default(); 4],
            foreign: Share::default(),
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

    /// All sessions that were examined.
    pub fn all(&self) -> Share {
        let mut all = Share::default();
        self.states.iter().for_each(|share| all.add(*share));
        all
    }

    fn add(&mut self, group: &Group, histograms: &mut Histograms) {
        let Some(group_state) = group.state else {
            self.foreign.add(group.share);
            return;
        };
        if let Some(at) = State::ALL.iter().position(|state| *state == group_state) {
            self.states[at].add(group.share);
        }
        self.expires.add(group.expires);
        match group_state {
            State::Expired => {
                let earliest = self.oldest_expired.into_iter().chain(group.expires.earliest);
                self.oldest_expired = earliest.min();
            }
            State::Live => {
                let earliest = self.next_expiry.into_iter().chain(group.expires.earliest);
                self.next_expiry = earliest.min();
            }
            State::Endless | State::Malformed => {}
        }
        self.created.add(group.created);
        self.touched.add(group.touched);
        histograms.add(group);
    }

    /// The statistics of sessions that were counted here, without their users.
    fn of_counts(counts: &Counts, now: DateTime, by: Option<CreatedBy>) -> Self {
        let mut stats = Self::of_nothing(now);
        let mut histograms = Histograms::default();
        counts.groups().for_each(|group| stats.add(group, &mut histograms));
        stats.end(&histograms, by);
        stats
    }

    fn end(&mut self, histograms: &Histograms, created_by: Option<CreatedBy>) {
        self.expiries = histograms.expiries(self.now);
        self.coming = histograms.coming(self.now);
        self.created_by = created_by.filter(|_| histograms.has_ages());
        self.ages = histograms.ages(self.now);
        self.growth = histograms.growth(self.now);
    }
}

impl Store {
    /// The statistics of the collection. `now` is the server's time, at which states are evaluated.
    ///
    /// # Errors
    /// If the server refuses the command or cannot be reached.
    pub async fn stats(&self, options: &Options, now: DateTime) -> Result<Stats> {
        let flavour = self.connection().flavour();
        if let Some(user) = self.layouts().user_fact() {
            let users = users::pipeline(self.layouts(), user, options.top);
            let stats = match flavour.lacks(Feature::Facet) {
                true => None,
                false => Some(self.counted(options, now, Some(&users)).await),
            };
            match stats {
                None => {}
                Some(Err(error)) if error.code() == Some(UNKNOWN_ACCUMULATOR) => {}
                Some(Err(error)) if flavour.learns(Feature::Facet, &error) => {}
                // The server cannot compare these users.
                Some(Ok(stats)) if stats.users.is_none() && stats.all().sessions > 0 => {}
                Some(stats) => return stats,
            }
        } else if self.layouts().iter().all(|layout| layout.user.is_empty()) {
            return self.counted(options, now, None).await;
        }
        if options.sample.is_none()
            && let Some(stats) = self.decoded(options, now).await?
        {
            return Ok(stats);
        }
        let users = Users::sampled(self, now, options);
        let (stats, users) = tokio::join!(self.counted(options, now, None), users);
        let stats = stats?;
        let users = users?.scaled(stats.all().sessions);
        Ok(Stats { users: Some(users), ..stats })
    }

    /// Counts everything here; `None` if that takes too long.
    async fn decoded(&self, options: &Options, now: DateTime) -> Result<Option<Stats>> {
        let by = self.created_by(now).await?;
        let began = Instant::now();
        let count = self.count(Document::new()).await?;
        let batches = self.read(Document::new(), &Reading::default()).await?;
        let mut counts = Counts::default();
        let mut is_in_time = true;
        decode(batches, counting(self, now, by), |part: Part| {
            counts.join(part);
            is_in_time = !counts.takes_too_long(began.elapsed(), count, options.decoding)
                && counts.users.len() <= options.users;
            is_in_time
        })
        .await?;
        if !is_in_time {
            return Ok(None);
        }
        let stats = Stats::of_counts(&counts, now, by);
        Ok(Some(Stats { users: Some(Users::of(counts, options.top)), ..stats }))
    }

    async fn counted(
        &self,
        options: &Options,
        now: DateTime,
        users: Option<&[Document]>,
    ) -> Result<Stats> {
        let looked_at = self.first_and_last().await?;
        // In most collections, all documents have the same fields, so the cheap aggregation is
        // enough. If not, the thorough one reads the collection a second time.
        let mut quick = Aggregation::after_a_look(self.layouts(), now, &looked_at);
        let flavour = self.connection().flavour();
        if flavour.lacks(Feature::BsonSize) {
            quick = quick.without_sizes();
        }
        let stats = match self.aggregated(&quick, options, now, users).await {
            Err(error) if flavour.learns(Feature::BsonSize, &error) => {
                quick = quick.without_sizes();
                self.aggregated(&quick, options, now, users).await?
            }
            stats => stats?,
        };
        let stats = match stats {
            Some(stats) => Some(stats),
            None => self.aggregated(&quick.thoroughly(), options, now, users).await?,
        };
        let mut stats = stats.ok_or_else(|| {
            Error::Unsupported("the server sent numbers of sessions that cannot be read".to_owned())
        })?;
        if options.sample.is_some() {
            stats.sampled_of = Some(self.count(doc! {}).await?);
        }
        Ok(stats)
    }

    /// The source of the creation time, from some sessions.
    async fn created_by(&self, now: DateTime) -> Result<Option<CreatedBy>> {
        let looked_at = self.first_and_last().await?;
        Ok(Aggregation::after_a_look(self.layouts(), now, &looked_at).created_by())
    }

    /// The first sessions and the last.
    async fn first_and_last(&self) -> Result<Vec<RawDocumentBuf>> {
        let mut found = Vec::new();
        for reverse in [false, true] {
            let reading = Reading { reverse, limit: LOOK, ..Reading::default() };
            let mut batches = self.read(Document::new(), &reading).await?;
            let mut bytes = 0;
            while bytes < LOOK_BYTES
                && let Some(batch) = batches.next().await?
            {
                for document in documents(&batch) {
                    if bytes < LOOK_BYTES {
                        bytes += document.as_bytes().len();
                        found.push(document.to_owned());
                    }
                }
            }
        }
        Ok(found)
    }

    /// `None` if only the thorough aggregation decides.
    async fn aggregated(
        &self,
        aggregation: &Aggregation<'_>,
        options: &Options,
        now: DateTime,
        users: Option<&[Document]>,
    ) -> Result<Option<Stats>> {
        let mut pipeline = Vec::new();
        if let Some(size) = options.sample {
            let size = i64::try_from(size).unwrap_or(i64::MAX);
            // This must be the first stage: later, `$sample` would sort the collection.
            pipeline.push(doc! { "$sample": { "size": size } });
        }
        pipeline.extend(aggregation.pipeline(users.map(<[Document]>::to_vec)));
        let mut stats = Stats::of_nothing(now);
        let mut histograms = Histograms::default();
        let mut odd = false;
        let mut take = |stats: &mut Stats, line: &RawDocument| match aggregation.read(line) {
            Some(group) => stats.add(&group, &mut histograms),
            None => odd = true,
        };
        let mut batches = self.aggregate_by_bytes(pipeline).await?;
        while let Some(batch) = batches.next().await? {
            for found in documents(&batch) {
                if users.is_none() {
                    take(&mut stats, found);
                    continue;
                }
                inside(found, "lines").for_each(|line| take(&mut stats, line));
                let read = |line| Users::read(self.layout(), line, options);
                stats.users = inside(found, "users").next().and_then(read);
            }
        }
        stats.end(&histograms, aggregation.created_by());
        Ok((!odd).then_some(stats))
    }
}

fn inside<'a>(found: &'a RawDocument, key: &str) -> impl Iterator<Item = &'a RawDocument> {
    let lines = found.get_array(key).ok().into_iter().flatten();
    lines.filter_map(|line| line.ok()?.as_document())
}
