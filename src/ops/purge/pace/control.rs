//! The throttling of a running command, which an operator may change while it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::values::{MaxLatency, Pace};

/// At a limited rate, at least this many batches start per second: small ones, rather than bursts.
const STARTS_A_SECOND: u32 = 4;

/// The throttling of a running command. It may change while the command runs; clones share it.
#[derive(Debug, Clone)]
pub struct PaceControl(Arc<watch::Sender<Setting>>);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Setting {
    pace: Pace,
    paused: bool,
}

impl PaceControl {
    /// Begins with this pace, not paused.
    pub fn new(pace: Pace) -> Self {
        Self(Arc::new(watch::Sender::new(Setting { pace, paused: false })))
    }

    /// The pace now.
    pub fn pace(&self) -> Pace {
        self.0.borrow().pace
    }

    /// The number of sessions of a batch, of which usually there are this many.
    pub(in crate::ops) fn batch_size(&self, usual: u32) -> u32 {
        let share = self.pace().rate.map(|rate| (rate / STARTS_A_SECOND).max(1));
        share.map_or(usual, |share| usual.min(share))
    }

    /// Whether no batch begins.
    pub fn is_paused(&self) -> bool {
        self.0.borrow().paused
    }

    /// Lets no batch begin until [`PaceControl::resume`]. Batches in flight are finished.
    pub fn pause(&self) {
        self.set(|setting| setting.paused = true);
    }

    /// Ends a pause.
    pub fn resume(&self) {
        self.set(|setting| setting.paused = false);
    }

    /// Changes [`Pace::rate`].
    pub fn set_rate(&self, rate: Option<u32>) {
        self.set(|setting| setting.pace.rate = rate);
    }

    /// Changes [`Pace::max_latency`].
    pub fn set_max_latency(&self, max_latency: MaxLatency) {
        self.set(|setting| setting.pace.max_latency = max_latency);
    }

    fn set(&self, change: impl FnOnce(&mut Setting)) {
        self.0.send_if_modified(|setting| {
            let before = *setting;
            change(setting);
            *setting != before
        });
    }

    pub(super) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }
}

/// A view of the setting that knows whether it has changed since it was last read.
#[derive(Debug, Clone)]
pub(super) struct Changes(watch::Receiver<Setting>);

impl Changes {
    pub(super) fn is_paused(&mut self) -> bool {
        self.0.borrow_and_update().paused
    }

    /// Waits this long, or until the setting is not the one that was last read.
    pub(super) async fn sleep(mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = self.0.changed() => {}
        }
    }
}
