//! Time slots: the server groups by fine ones, and the report shows coarse ones.

use std::collections::BTreeMap;

use bson::{Bson, DateTime, doc};

use super::figures::{Share, Span};
use crate::model::session::State;

/// Milliseconds in an hour.
pub(super) const HOUR: i64 = 3_600_000;
/// The first hour of a slot that has no beginning.
pub(super) const EVER: i64 = -1_000_000_000;
/// The number of hours of growth in the report.
const GROWTH: i64 = 24;
/// The maximum number of slots of future expiries in the report, besides the one without an end.
const MOST: i64 = 14;
/// Each hour up to this many from now has its own slot.
const HOURLY: i64 = 48;

/// The number of sessions in a time slot, from `from` until before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The beginning; `None` if it has none.
    pub from: Option<DateTime>,
    /// The end; `None` if it has none.
    pub to: Option<DateTime>,
    /// The number of sessions.
    pub sessions: u64,
}

/// Hours, grouped more coarsely the further they are from zero. A slot is known by its first hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    /// The first hours of slots below zero, beginning at zero; everything below them is in
    /// [`EVER`].
    below: &'static [i64],
    /// Up to this hour, a slot has this many hours.
    even: &'static [(i64, i64)],
    /// The first hours of the slots after these; the last slot has no end.
    above: &'static [i64],
}

/// Hours until the expiry: by the hour for two days, by the day for sixty, by thirty days for two
/// years.
pub(super) const EXPIRIES: Grid = Grid {
    below: &[-1, -24, -7 * 24, -30 * 24, -365 * 24],
    even: &[(HOURLY, 1), (60 * 24, 24), (720 * 24, 30 * 24)],
    above: &[720 * 24],
};

/// Hours of age: by the hour for a day.
pub(super) const AGES: Grid = Grid {
    // A clock that is ahead creates sessions in the future.
    below: &[],
    even: &[(GROWTH, 1)],
    above: &[24, 7 * 24, 30 * 24, 90 * 24, 365 * 24],
};

impl Grid {
    /// The first hours of its outermost slots.
    pub(super) fn reach(&self) -> (i64, i64) {
        let first = self.below.last().copied().unwrap_or(0);
        (first, self.above.last().copied().unwrap_or(0))
    }

    /// The slot in which the hour `hour` is.
    pub(super) fn slot_of(&self, hour: i64) -> i64 {
        if hour < 0 {
            let earliest = if self.below.is_empty() { 0 } else { EVER };
            return self.below.iter().find(|at| hour >= **at).copied().unwrap_or(earliest);
        }
        let even = self.even.iter().find(|(limit, _)| hour < *limit);
        let above = || self.above.iter().rfind(|at| hour >= **at).copied().unwrap_or(hour);
        even.map_or_else(above, |(_, step)| hour - hour % step)
    }

    /// The expression of the slot in which the hour `hour` is.
    pub(super) fn slot(&self, hour: &str) -> Bson {
        let above = self.above.split_last().map_or(Bson::Null, |(last, others)| {
            others
                .iter()
                .zip(self.above.iter().skip(1))
                .rfold((*last).into(), |rest, (at, next)| {
                    doc! { "$cond": [{ "$lt": [hour, *next] }, *at, rest] }.into()
                })
        });
        let ahead = self.even.iter().rfold(above, |rest, (limit, step)| {
            let first = match step {
                1 => Bson::String(hour.to_owned()),
                step => doc! { "$subtract": [hour, { "$mod": [hour, *step] }] }.into(),
            };
            doc! { "$cond": [{ "$lt": [hour, *limit] }, first, rest] }.into()
        });
        let earliest = if self.below.is_empty() { 0 } else { EVER };
        let behind = self.below.iter().rfold(earliest.into(), |rest: Bson, at| {
            doc! { "$cond": [{ "$gte": [hour, *at] }, *at, rest] }.into()
        });
        doc! { "$cond": [{ "$gte": [hour, 0] }, ahead, behind] }.into()
    }
}

/// Sessions in one state whose expiry and creation are in the same slots.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// `None` for foreign documents.
    pub(super) state: Option<State>,
    pub(super) share: Share,
    pub(super) expires: Span,
    /// The first hour from now of the slot.
    pub(super) expires_in: Option<i64>,
    pub(super) created: Span,
    /// The first hour of age of the slot.
    pub(super) age: Option<i64>,
    pub(super) touched: Span,
}

impl Group {
    /// Foreign documents, of which only the number is known.
    pub(super) fn foreign(share: Share) -> Self {
        Self {
            state: None,
            share,
            expires: Span::default(),
            expires_in: None,
            created: Span::default(),
            age: None,
            touched: Span::default(),
        }
    }

    /// Adds sessions with the same state and slots.
    pub(super) fn add(&mut self, more: &Self) {
        self.share.add(more.share);
        self.expires.add(more.expires);
        self.created.add(more.created);
        self.touched.add(more.touched);
    }
}

/// The sessions of each slot.
#[derive(Debug, Default)]
pub(super) struct Histograms {
    expiries: BTreeMap<i64, u64>,
    ages: BTreeMap<i64, u64>,
}

impl Histograms {
    pub(super) fn add(&mut self, group: &Group) {
        let sessions = group.share.sessions;
        if let Some(hour) = group.expires_in {
            *self.expiries.entry(hour).or_default() += sessions;
        }
        if let Some(age) = group.age {
            *self.ages.entry(age).or_default() += sessions;
        }
    }

    /// Whether the creation time of any session is known.
    pub(super) fn has_ages(&self) -> bool {
        !self.ages.is_empty()
    }

    pub(super) fn ages(&self, now: DateTime) -> Vec<Slot> {
        if !self.has_ages() {
            return Vec::new();
        }
        let starts: Vec<i64> = [0, 1].into_iter().chain(AGES.above.iter().copied()).collect();
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        let slot = |(from, to): (i64, Option<i64>)| Slot {
            from: to.map(|to| hours(now, -to)),
            to: Some(hours(now, -from)),
            sessions: sum(&self.ages, from, to),
        };
        starts.iter().copied().zip(ends).map(slot).collect()
    }

    pub(super) fn growth(&self, now: DateTime) -> Vec<Slot> {
        if !self.has_ages() {
            return Vec::new();
        }
        let slot = |age: i64| Slot {
            from: Some(hours(now, -age - 1)),
            to: Some(hours(now, -age)),
            sessions: sum(&self.ages, age, Some(age + 1)),
        };
        (0..GROWTH).rev().map(slot).collect()
    }

    /// The slots of the past, then equal slots up to the last session.
    pub(super) fn expiries(&self, now: DateTime) -> Vec<Slot> {
        let (Some((first, _)), Some((last, _))) =
            (self.expiries.first_key_value(), self.expiries.last_key_value())
        else {
            return Vec::new();
        };
        let mut starts = Vec::new();
        if *first < 0 {
            let past = [EVER].into_iter().chain(EXPIRIES.below.iter().rev().copied());
            starts.extend(past.filter(|start| start >= first));
        }
        let limit = EXPIRIES.above[0];
        if *last >= 0 {
            let step = step(*last);
            let count = (*last).min(limit - 1) / step + 1;
            starts.extend((0..count).map(|at| at * step));
            starts.push(count * step);
        } else {
            starts.push(0);
        }
        let mut slots: Vec<Slot> = starts
            .windows(2)
            .map(|pair| Slot {
                from: (pair[0] > EVER).then(|| hours(now, pair[0])),
                to: Some(hours(now, pair[1])),
                sessions: sum(&self.expiries, pair[0], Some(pair[1])),
            })
            .collect();
        let end = starts.last().copied().unwrap_or(0);
        let beyond = sum(&self.expiries, end, None);
        if beyond > 0 {
            slots.push(Slot { from: Some(hours(now, end)), to: None, sessions: beyond });
        }
        slots
    }

    /// The next two days, by hours.
    pub(super) fn coming(&self, now: DateTime) -> Vec<Slot> {
        if self.expiries.is_empty() {
            return Vec::new();
        }
        let slot = |hour: i64| Slot {
            from: Some(hours(now, hour)),
            to: Some(hours(now, hour + 1)),
            sessions: sum(&self.expiries, hour, Some(hour + 1)),
        };
        (0..HOURLY).map(slot).collect()
    }
}

/// The number of hours per slot, so that there are not too many slots, and each consists of whole
/// slots of the grid.
fn step(last: i64) -> i64 {
    let steps: &[i64] = match last {
        ..HOURLY => &[1, 2, 3, 4],
        HOURLY..1440 => &[24, 48, 72, 120],
        _ => &[720, 1440],
    };
    let last = last.min(EXPIRIES.above[0] - 1);
    let fits = |step: &&i64| last / **step < MOST;
    steps.iter().find(fits).or(steps.last()).copied().unwrap_or(1)
}

fn sum(slots: &BTreeMap<i64, u64>, from: i64, to: Option<i64>) -> u64 {
    match to {
        Some(to) => slots.range(from..to).map(|(_, sessions)| sessions).sum(),
        None => slots.range(from..).map(|(_, sessions)| sessions).sum(),
    }
}

fn hours(now: DateTime, hours: i64) -> DateTime {
    DateTime::from_millis(now.timestamp_millis().saturating_add(hours * HOUR))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: DateTime = DateTime::from_millis(1_795_428_000_000);

    fn histograms(expiries: &[(i64, u64)]) -> Histograms {
        Histograms { expiries: expiries.iter().copied().collect(), ages: BTreeMap::new() }
    }

    fn hours_of(slots: &[Slot]) -> Vec<(Option<i64>, Option<i64>, u64)> {
        let hour = |date: DateTime| (date.timestamp_millis() - NOW.timestamp_millis()) / HOUR;
        slots.iter().map(|slot| (slot.from.map(hour), slot.to.map(hour), slot.sessions)).collect()
    }

    #[test]
    fn slots_are_as_fine_as_the_time_that_they_cover_is_short() {
        let slots = histograms(&[(-1, 5), (0, 1), (1, 2), (3, 4)]).expiries(NOW);
        let hour = |from, sessions| (Some(from), Some(from + 1), sessions);
        let wanted = [hour(-1, 5), hour(0, 1), hour(1, 2), hour(2, 0), hour(3, 4)];
        assert_eq!(hours_of(&slots), wanted);

        let slots = hours_of(&histograms(&[(5, 1), (29 * 24, 2)]).expiries(NOW));
        assert_eq!(slots.len(), 10, "{slots:?}");
        assert_eq!(slots[9], (Some(648), Some(720), 2));
    }

    #[test]
    fn what_is_long_past_has_no_beginning_and_what_is_far_no_end() {
        let slots = hours_of(&histograms(&[(EVER, 7), (720 * 24, 3)]).expiries(NOW));
        assert_eq!(slots.first(), Some(&(None, Some(-365 * 24), 7)));
        assert_eq!(slots.last(), Some(&(Some(720 * 24), None, 3)));
        let past = hours_of(&histograms(&[(-24, 2)]).expiries(NOW));
        assert_eq!(past, [(Some(-24), Some(-1), 2), (Some(-1), Some(0), 0)]);
        assert_eq!(histograms(&[]).expiries(NOW), []);
    }

    proptest! {
        #[test]
        fn no_session_is_lost_between_slots_and_there_are_not_many(
            hours in prop::collection::btree_map(0_usize..143, 1_u64..1000, 0..40),
        ) {
            // Every first hour of the grid.
            let even = EXPIRIES.even.iter().scan(0, |start, (limit, step)| {
                let hours: Vec<i64> = (*start..*limit).step_by(*step as usize).collect();
                *start = *limit;
                Some(hours)
            });
            let starts: Vec<i64> = [EVER]
                .into_iter()
                .chain(EXPIRIES.below.iter().rev().copied())
                .chain(even.flatten())
                .chain(EXPIRIES.above.iter().copied())
                .collect();
            let at = |(index, sessions): (usize, u64)| {
                (starts[index.min(starts.len() - 1)], sessions)
            };
            let expiries: BTreeMap<i64, u64> = hours.into_iter().map(at).collect();
            let all: u64 = expiries.values().sum();
            let slots = Histograms { expiries, ages: BTreeMap::new() }.expiries(NOW);
            prop_assert_eq!(slots.iter().map(|slot| slot.sessions).sum::<u64>(), all);
            prop_assert!(slots.len() <= 6 + MOST as usize + 1, "{:?}", slots);
            for pair in slots.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
        }
    }
}
