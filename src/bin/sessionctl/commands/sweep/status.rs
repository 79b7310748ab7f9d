//! `/status`: what each sweep does, since when and how far, as JSON for people and scripts. It holds
//! neither ids nor users nor secrets.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bson::DateTime;
use serde_json::{Value, json};
use sessionctl::payload::time;
use sessionctl::purge::PaceControl;
use sessionctl::sweep::{Backlog, Event, Pass};

use super::in_force::latency;
use super::log::whom;
use super::report::{Stops, report};
use crate::console::json::pretty_text;
use crate::console::text::{neutral, without_password};

/// How many passes of each namespace are kept.
const PASSES: usize = 10;

/// The state of all sweeps.
#[derive(Debug)]
pub struct Statuses {
    stops: Stops,
    started: DateTime,
    server: Mutex<Option<String>>,
    namespaces: Mutex<BTreeMap<String, Status>>,
}

/// The state of one sweep.
#[derive(Debug)]
struct Status {
    /// The settings in force.
    config: Value,
    /// What `--control` may have changed since.
    pace: Option<PaceControl>,
    state: &'static str,
    since: DateTime,
    /// Why it waits, or why the last pass failed.
    reason: Option<String>,
    layout: Option<String>,
    lease: Lease,
    pass: Option<Running>,
    backlog: Option<(Backlog, DateTime)>,
    deleted: u64,
    /// The latest first.
    passes: VecDeque<Value>,
}

#[derive(Debug, Default)]
struct Lease {
    is_used: bool,
    fence: Option<i64>,
    /// Who holds it instead.
    holder: Option<String>,
}

/// A pass under way.
#[derive(Debug)]
struct Running {
    began: DateTime,
    cutoff: DateTime,
    deleted: u64,
    batches: u64,
    /// The backlog when it began, unless there were more than are counted.
    backlog: Option<u64>,
}

/// A sweep waits for its server, its collection or its turn.
const WAITING: &str = "waiting";
const STANDING_BY: &str = "standing by";
/// A pass is under way.
const SWEEPING: &str = "sweeping";
/// It waits for the next pass.
const IDLE: &str = "idle";

impl Statuses {
    pub fn new(stops: Stops) -> Self {
        Self { stops, started: now(), server: Mutex::default(), namespaces: Mutex::default() }
    }

    /// Sets the hosts, without any credentials.
    pub fn on(&self, server: &str) {
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server.to_owned());
    }

    /// Begins a namespace with the settings in force. What was known of it stays.
    pub fn begins(&self, namespace: &str, config: Value, has_lease: bool, pace: PaceControl) {
        let mut all = self.lock();
        let status = all.entry(namespace.to_owned()).or_insert_with(Status::new);
        (status.config, status.pace) = (config, Some(pace));
        status.lease = Lease { is_used: has_lease, ..Lease::default() };
        status.turn(WAITING, Some("no server has answered yet".to_owned()));
    }

    /// Removes a namespace that is no longer swept.
    pub fn ends(&self, namespace: &str) {
        self.lock().remove(namespace);
    }

    /// Takes an event into account.
    pub fn event(&self, namespace: &str, event: &Event) {
        if let Some(status) = self.lock().get_mut(namespace) {
            status.event(event, &self.stops);
        }
    }

    /// The whole page.
    pub fn page(&self) -> String {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all = self.lock();
        let namespaces: Vec<Value> = all.iter().map(|(name, status)| status.json(name)).collect();
        pretty_text(&json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": time(self.started),
            "server": server,
            "deleted": all.values().map(|status| status.deleted).sum::<u64>(),
            "namespaces": namespaces,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Status>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    fn new() -> Self {
        Self {
            config: Value::Null,
            pace: None,
            state: WAITING,
            since: now(),
            reason: None,
            layout: None,
            lease: Lease::default(),
            pass: None,
            backlog: None,
            deleted: 0,
            passes: VecDeque::new(),
        }
    }

    fn turn(&mut self, state: &'static str, reason: Option<String>) {
        if self.state != state {
            (self.state, self.since) = (state, now());
        }
        self.reason = reason;
    }

    fn event(&mut self, event: &Event, stops: &Stops) {
        match event {
            Event::Holds(fence) => {
                self.lease = Lease { is_used: true, fence: Some(*fence), holder: None };
                self.turn(IDLE, None);
            }
            Event::Yields { to } => {
                let holder = to.as_deref().map(|holder| whom(holder).to_owned());
                self.lease = Lease { is_used: true, fence: None, holder };
                // From now on, another sweeper knows.
                (self.pass, self.backlog) = (None, None);
                self.turn(STANDING_BY, None);
            }
            Event::Begins { layout, now, cutoff } => {
                self.layout = Some(layout.clone());
                self.pass = Some(Running {
                    began: *now,
                    cutoff: *cutoff,
                    deleted: 0,
                    batches: 0,
                    // That of an earlier pass says nothing about this one.
                    backlog: self
                        .backlog
                        .filter(|(backlog, at)| !backlog.is_lower_bound() && at >= now)
                        .map(|(backlog, _)| backlog.sessions),
                });
                self.turn(SWEEPING, None);
            }
            Event::Batch { batch, .. } => {
                self.deleted += batch.done;
                if let Some(pass) = &mut self.pass {
                    pass.deleted += batch.done;
                    pass.batches += 1;
                }
            }
            Event::Measured { backlog, .. } => self.backlog = *backlog,
            Event::Passed(pass) => self.passed(pass, stops),
            Event::Waiting(error) | Event::Away { error, .. } | Event::Failed { error, .. } => {
                self.pass = None;
                self.turn(WAITING, Some(error.to_string()));
            }
            _ => {}
        }
    }

    fn passed(&mut self, pass: &Pass, stops: &Stops) {
        self.pass = None;
        let mut row = report(pass, stops).row().json();
        row["began"] = time(pass.began).into();
        row["error"] = pass.error.as_ref().map(|error| harmless(&error.to_string())).into();
        self.passes.push_front(row);
        self.passes.truncate(PASSES);
        self.turn(IDLE, pass.error.as_ref().map(ToString::to_string));
    }

    fn json(&self, namespace: &str) -> Value {
        let Lease { is_used, fence, holder } = &self.lease;
        let lease = is_used.then(|| {
            json!({
                "held": fence.is_some(),
                "fence": fence,
                "holder": holder.as_deref().map(harmless),
            })
        });
        let pass = self.pass.as_ref().map(|pass| {
            json!({
                "began": time(pass.began),
                "cutoff": time(pass.cutoff),
                "deleted": pass.deleted,
                "batches": pass.batches,
                "left": pass.backlog.map(|backlog| backlog.saturating_sub(pass.deleted)),
            })
        });
        let backlog = self.backlog.map(|(backlog, counted)| {
            json!({
                "sessions": backlog.sessions,
                "at_least": backlog.is_lower_bound(),
                "oldest": backlog.oldest.and_then(time),
                "counted": time(counted),
            })
        });
        json!({
            "namespace": harmless(namespace),
            "state": self.state,
            "since": time(self.since),
            "reason": self.reason.as_deref().map(harmless),
            "paused": self.pace.as_ref().is_some_and(PaceControl::is_paused),
            "rate": self.pace.as_ref().and_then(|pace| pace.pace().rate),
            "max_latency": self.pace.as_ref().map(|pace| latency(pace.pace().max_latency)),
            "layout": self.layout.as_deref().map(harmless),
            "lease": lease,
            "pass": pass,
            "backlog": backlog,
            "deleted": self.deleted,
            "passes": self.passes,
            "config": self.config,
        })
    }
}

/// Names may contain anything, because other people create collections and layout files.
fn harmless(text: &str) -> String {
    neutral(&without_password(text)).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "it is shown, and decides nothing")]
fn now() -> DateTime {
    DateTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::signals::Signals;

    fn unpaced() -> PaceControl {
        PaceControl::new(sessionctl::purge::Pace::default())
    }

    fn page(statuses: &Statuses) -> Value {
        serde_json::from_str(&statuses.page()).unwrap()
    }

    #[test]
    fn a_sweep_that_lost_its_lease_shows_no_pass_and_no_backlog() {
        let statuses = Statuses::new(Stops::new(&Signals::none()));
        statuses.begins("a.s", json!({ "interval": 60.0 }), true, unpaced());
        let date = DateTime::from_millis(1_795_428_000_000);
        let measured = |sessions| Event::Measured {
            layout: "x".to_owned(),
            backlog: Some((Backlog { sessions, oldest: None }, date)),
            lag: None,
        };
        let begins = Event::Begins { layout: "x".to_owned(), now: date, cutoff: date };
        for event in [Event::Holds(7), measured(40), begins] {
            statuses.event("a.s", &event);
        }
        let one = &page(&statuses)["namespaces"][0];
        assert_eq!(one["state"], "sweeping");
        assert_eq!(one["pass"]["left"], 40);
        assert_eq!(one["lease"]["fence"], 7);
        statuses.event("a.s", &Event::Yields { to: Some("web-2:17:abc".to_owned()) });
        let one = &page(&statuses)["namespaces"][0];
        assert_eq!(
            (&one["state"], &one["lease"]["holder"]),
            (&json!("standing by"), &json!("web-2:17"))
        );
        assert!(one["pass"].is_null() && one["backlog"].is_null(), "{one}");
        assert_eq!(one["config"]["interval"], 60.0);
        statuses.ends("a.s");
        assert_eq!(page(&statuses)["namespaces"], json!([]));
    }

    #[test]
    fn a_backlog_that_was_not_counted_to_its_end_says_so_and_nobody_is_told_what_is_left() {
        let statuses = Statuses::new(Stops::new(&Signals::none()));
        statuses.begins("a.s", Value::Null, false, unpaced());
        let date = DateTime::from_millis(1_795_428_000_000);
        for (sessions, at_least, left) in
            [(99_999, false, json!(99_999)), (100_000, true, Value::Null)]
        {
            let backlog = Some((Backlog { sessions, oldest: None }, date));
            let layout = "x".to_owned();
            statuses.event("a.s", &Event::Measured { layout: layout.clone(), backlog, lag: None });
            statuses.event("a.s", &Event::Begins { layout, now: date, cutoff: date });
            let one = &page(&statuses)["namespaces"][0];
            assert_eq!(
                (&one["backlog"]["at_least"], &one["pass"]["left"]),
                (&at_least.into(), &left)
            );
        }
    }

    #[test]
    fn a_backlog_that_an_earlier_pass_left_says_nothing_about_this_one() {
        let statuses = Statuses::new(Stops::new(&Signals::none()));
        statuses.begins("a.s", Value::Null, false, unpaced());
        let date = DateTime::from_millis;
        for (counted, left) in [(9_999, Value::Null), (10_000, json!(40))] {
            let backlog = Some((Backlog { sessions: 40, oldest: None }, date(counted)));
            let layout = "x".to_owned();
            statuses.event("a.s", &Event::Measured { layout: layout.clone(), backlog, lag: None });
            let now = date(10_000);
            statuses.event("a.s", &Event::Begins { layout, now, cutoff: now });
            assert_eq!(page(&statuses)["namespaces"][0]["pass"]["left"], left);
        }
    }

    #[test]
    fn a_name_brings_neither_a_password_nor_an_escape_to_the_page() {
        let statuses = Statuses::new(Stops::new(&Signals::none()));
        statuses.begins("a\u{1b}[2J mongodb://u:pw@h", Value::Null, false, unpaced());
        let text = statuses.page();
        assert!(!text.contains("pw") && !text.contains('\u{1b}'), "{text}");
    }
}
