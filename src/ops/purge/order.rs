//! Which of two orders is faster here: that of an index, or that in which the server stores the
//! documents.
//!
//! Where a collection is larger than the server's cache, every delete along the expiry or the `_id`
//! reads another page from the disk, while the stored order reads each page once. Measured on mongod
//! 6.0.5: 7,700 sessions per second along the expiry, 33,600 in the stored order. Where the collection
//! fits, or few sessions match, the index is as fast or much faster. Nothing that a server reports tells
//! beforehand which of them it is, so a long purge tries both and keeps the faster one.
//!
//! Where many sessions match, the stored order comes first: it is about as fast where the collection fits
//! into the cache, and with a cache of its size already took 12 s where the expiry took 42 s. A gentle
//! purge, which is steered by what other clients feel, keeps it even if it is no faster: along the index, a
//! page that is changed again and again is written again and again, and the threads that do so compete with
//! reads. For 800,000 of a million sessions that fit into the cache, mongod 6.0.5 spent 3.7 s on that along
//! the expiry, and 1.5 s in the stored order; 99 of 100 reads took at most 14 ms and 5.5 ms (batches of 500,
//! two cores).

use std::time::Duration;

/// How many times as fast the other order must be. Changing over is not free: batches in flight are
/// finished first.
const MARGIN: f64 = 1.25;
/// How long an order is used before the other one is tried, in trial lengths: the first time, later, and at
/// most. Each trial in vain doubles it: where a collection is larger than the cache, a second along the index
/// changes pages that are changed again later.
const FIRST: u32 = 2;
const LONG: u32 = 30;
const LONGEST: u32 = 600;
/// From this share of the collection on, the stored order comes first. A delete takes longer than reading the
/// seven documents beside the session then (mongod 6.0.5: 0.8 us each, all in the cache).
const LARGE_SHARE: f64 = 0.125;
/// A gentle purge tries the index once a session in storage order costs this many times as much as before:
/// that trial disturbs others.
const WORSE: f64 = 2.0;
/// How long one read in the stored order may take at least, and as a multiple of the slowest so far. A slower
/// one is among documents that do not match, where an index would find the next session at once.
const PATIENCE: Duration = Duration::from_secs(3);
const SLOWER: u32 = 5;
/// How long it may take where no index leads to the rest, so that the only other way is another scan.
const SCANNING: Duration = Duration::from_secs(60);

/// In which order the sessions are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Along an index: on the expiry, on `_id`, or the one that the server chooses.
    Index,
    /// In storage order (`$natural`).
    Stored,
}

/// The work of a purge so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Sessions that were written.
    pub(super) done: u64,
    /// How long it took, without the waits of the throttling.
    pub(super) busy: Duration,
}

/// Alternates between the orders: long in the faster one, and briefly in the other.
#[derive(Debug)]
pub(super) struct Orders {
    /// The share of the collection that matches, once it is known.
    share: Option<f64>,
    trial: Duration,
    better: Order,
    is_trial: bool,
    /// The work before this stretch, and how long the stretch is.
    before: Work,
    length: Duration,
    /// How long the better order works until the next trial.
    long: Duration,
    /// Seconds per session in the last stretch of the better order.
    cost: f64,
}

impl Orders {
    /// A trial takes this long.
    pub(super) fn new(trial: Duration) -> Self {
        Self {
            share: None,
            trial,
            better: Order::Index,
            is_trial: false,
            before: Work::default(),
            length: trial * FIRST,
            long: trial * LONG,
            cost: f64::INFINITY,
        }
    }

    /// The order of this stretch.
    pub(super) fn order(&self) -> Order {
        match (self.better, self.is_trial) {
            (Order::Index, false) | (Order::Stored, true) => Order::Index,
            (Order::Index, true) | (Order::Stored, false) => Order::Stored,
        }
    }

    /// The order that is faster, as far as it is known.
    pub(super) fn better(&self) -> Order {
        self.better
    }

    /// The share of the collection that matches, once it is known.
    pub(super) fn share(&self) -> Option<f64> {
        self.share
    }

    /// Notes the share, and how long finding it `took`: that is not work. If it is large, the first stretch
    /// is over, and the stored order is next.
    pub(super) fn learn(&mut self, share: f64, took: Duration) {
        self.share = Some(share);
        self.before.busy += took;
        if self.is_large() {
            self.length = Duration::ZERO;
        }
    }

    fn is_large(&self) -> bool {
        self.share.is_some_and(|share| share >= LARGE_SHARE)
    }

    /// Whether this stretch is over, so that [`Orders::turn`] is due once nothing is in flight.
    pub(super) fn is_over(&self, work: Work) -> bool {
        work.busy.saturating_sub(self.before.busy) >= self.length
    }

    /// How long the next read in the stored order may take, if the slowest so far took this long.
    /// `is_indexed` is whether an index leads to the rest.
    pub(super) fn patience(&self, is_indexed: bool, slowest: Duration) -> Duration {
        match self.is_trial || is_indexed {
            true => PATIENCE.max(slowest * SLOWER),
            false => SCANNING,
        }
    }

    /// Begins the next stretch.
    pub(super) fn turn(&mut self, work: Work, gentle: bool) {
        let busy = work.busy.saturating_sub(self.before.busy);
        let cost = match work.done - self.before.done {
            0 => f64::INFINITY,
            done => busy.as_secs_f64() / done as f64,
        };
        let is_first = self.cost.is_infinite() && !self.is_trial && self.better == Order::Index;
        let keeps = gentle && self.is_large() && self.better == Order::Stored;
        let stays = keeps && !self.is_trial && cost < self.cost * WORSE;
        if stays {
            // Compared to the best so far, or a slow decline would never be noticed.
            self.cost = cost.min(self.cost);
        } else if !self.is_trial {
            self.cost = cost;
        } else if cost * MARGIN < self.cost {
            (self.better, self.long) = (self.order(), self.trial * LONG);
        } else {
            self.long = (self.long * 2).min(self.trial * LONGEST);
        }
        if is_first && self.is_large() {
            // What the stored order costs is not known yet.
            (self.better, self.cost) = (Order::Stored, f64::INFINITY);
        } else {
            self.is_trial = !self.is_trial && !stays;
        }
        self.length = if self.is_trial { self.trial } else { self.long };
        self.before = work;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The orders of a purge of this share of the collection.
    fn orders(share: f64) -> Orders {
        let mut orders = Orders::new(Duration::from_secs(1));
        orders.learn(share, Duration::ZERO);
        orders
    }

    /// Works until the stretch is over, at this pace; returns the order in which it worked.
    fn stretch(orders: &mut Orders, work: &mut Work, each: [u64; 2], gentle: bool) -> Order {
        let order = orders.order();
        let each = Duration::from_micros(each[usize::from(order == Order::Stored)]);
        while !orders.is_over(*work) {
            work.done += 1000;
            work.busy += each * 1000;
        }
        orders.turn(*work, gentle);
        order
    }

    fn stretches(share: f64, each: [u64; 2]) -> Vec<Order> {
        let (mut orders, mut work) = (orders(share), Work::default());
        (0..5).map(|_| stretch(&mut orders, &mut work, each, false)).collect()
    }

    #[test]
    fn the_first_stretch_is_along_the_index_until_the_share_is_known() {
        let mut orders = Orders::new(Duration::from_secs(1));
        let at = |millis| Work { done: 10, busy: Duration::from_millis(millis) };
        assert!(!orders.is_over(at(1999)) && orders.is_over(at(2000)));
        assert_eq!(orders.order(), Order::Index);
        orders.learn(0.1, Duration::from_millis(500));
        assert!(!orders.is_over(at(2499)) && orders.is_over(at(2500)));
        orders.learn(0.3, Duration::ZERO);
        assert!(orders.is_over(at(100)));
        orders.turn(at(100), false);
        assert_eq!(orders.order(), Order::Stored);
        assert!(!orders.is_over(at(30_099)) && orders.is_over(at(30_100)));
    }

    #[test]
    fn at_full_speed_the_stored_order_comes_first_where_many_match_and_the_index_is_tried() {
        use Order::{Index, Stored};
        assert_eq!(stretches(0.3, [10, 20]), [Index, Stored, Index, Index, Stored]);
    }

    #[test]
    fn a_gentle_purge_prefers_the_stored_order_where_many_sessions_match() {
        use Order::{Index, Stored};
        let stretches = |share, each: [[u64; 2]; 2]| {
            let (mut orders, mut work) = (orders(share), Work::default());
            let mut next = |each| stretch(&mut orders, &mut work, each, true);
            let first = [next(each[0]), next(each[0]), next(each[0])];
            (first, [next(each[1]), next(each[1]), next(each[1])])
        };
        // No trial of the index, although it would be faster.
        assert_eq!(stretches(0.3, [[10, 20]; 2]), ([Index, Stored, Stored], [Stored; 3]));
        // Unless the rest of the stored documents has few sessions that match.
        let changed = stretches(0.3, [[10, 20], [10, 90]]);
        assert_eq!(changed, ([Index, Stored, Stored], [Stored, Index, Index]));
        // Where few match, the faster order is kept, as by any purge.
        let few = stretches(0.1, [[10, 20]; 2]);
        assert_eq!(few, ([Index, Stored, Index], [Stored, Index, Stored]));
    }

    #[test]
    fn a_gentle_purge_tries_the_index_when_the_stored_order_has_slowly_become_expensive() {
        let (mut orders, mut work) = (orders(0.3), Work::default());
        let costs = [20, 20, 28, 36, 50, 70];
        let took = costs.map(|cost| stretch(&mut orders, &mut work, [10, cost], true));
        use Order::{Index, Stored};
        assert_eq!(took, [Index, Stored, Stored, Stored, Stored, Index]);
    }

    #[test]
    fn a_read_is_given_up_sooner_where_an_index_leads_to_the_rest() {
        let mut orders = Orders::new(Duration::from_secs(1));
        let seconds = Duration::from_secs;
        assert_eq!(orders.patience(true, seconds(0)), seconds(3));
        assert_eq!(orders.patience(true, seconds(2)), seconds(10));
        assert_eq!(orders.patience(false, seconds(2)), seconds(60));
        orders.is_trial = true;
        assert_eq!(orders.patience(false, seconds(0)), seconds(3));
    }

    #[test]
    fn the_index_is_kept_where_the_stored_order_is_about_as_fast() {
        use Order::{Index, Stored};
        assert_eq!(stretches(0.1, [10, 9]), [Index, Stored, Index, Stored, Index]);
        assert_eq!(stretches(0.1, [10, 90]), [Index, Stored, Index, Stored, Index]);
    }

    #[test]
    fn the_stored_order_is_kept_where_it_is_much_faster() {
        use Order::{Index, Stored};
        assert_eq!(stretches(0.1, [100, 30]), [Index, Stored, Stored, Index, Stored]);
    }

    #[test]
    fn an_order_that_becomes_slow_is_left() {
        let (mut orders, mut work) = (orders(0.1), Work::default());
        for _ in 0..4 {
            stretch(&mut orders, &mut work, [100, 30], false);
        }
        assert_eq!(orders.better, Order::Stored);
        // The rest of the stored documents has few sessions that match.
        for _ in 0..3 {
            stretch(&mut orders, &mut work, [100, 3000], false);
        }
        assert_eq!(orders.better, Order::Index);
    }

    #[test]
    fn trials_in_vain_become_rare() {
        let (mut orders, mut work) = (orders(0.1), Work::default());
        let mut took = Vec::new();
        for _ in 0..8 {
            let before = work.busy;
            stretch(&mut orders, &mut work, [10, 20], false);
            took.push((work.busy - before).as_secs());
        }
        // The index, and then trials and the index in turn.
        assert_eq!(took[1..], [1, 60, 1, 120, 1, 240, 1]);
    }

    #[test]
    fn a_trial_that_deletes_nothing_loses() {
        let (mut orders, mut work) = (orders(0.1), Work::default());
        for _ in 0..2 {
            stretch(&mut orders, &mut work, [100, 30], false);
        }
        work.busy += Duration::from_secs(60);
        assert!(orders.is_over(work));
        orders.turn(work, false);
        assert_eq!(orders.order(), Order::Index);
    }
}
