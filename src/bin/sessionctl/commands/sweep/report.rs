//! The report of a pass, with the true reason if it ended early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sessionctl::sweep::Pass;

use crate::commands::apply::{Report, Verb};
use crate::console::signals::Signals;
use crate::context::words::Words;

/// What ends passes early, besides an error of their own and a lost lease. Clones share it.
#[derive(Debug, Clone)]
pub struct Stops {
    signals: Signals,
    failed: Arc<AtomicBool>,
}

impl Stops {
    pub fn new(signals: &Signals) -> Self {
        Self { signals: signals.clone(), failed: Arc::default() }
    }

    /// Records, before a sweep is cancelled, that the sweeper ends because of a failure.
    pub fn fails(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Why a pass was cancelled.
    pub fn why(&self) -> &'static str {
        match self.signals.stopped() {
            Some((why, _)) => why,
            None if self.failed.load(Ordering::SeqCst) => "failure",
            // Nothing else cancels a sweep: its settings changed, or it was removed from the file.
            None => "reload",
        }
    }
}

/// The report of a pass, the same for the log, `/status` and the audit file.
pub fn report(pass: &Pass, stops: &Stops) -> Report {
    let stopped = match pass {
        Pass { error: Some(_), .. } => Some("error"),
        Pass { lost_lease: true, .. } => Some("lease"),
        Pass { interrupted: true, .. } => Some(stops.why()),
        _ => None,
    };
    Report {
        words: Words::of_kind("expired"),
        done: Some(pass.deleted),
        exact: Some(pass.exact),
        may_count_twice: pass.may_count_twice,
        archived: pass.archived,
        renewed: pass.spared,
        batches: pass.batches,
        took: pass.took,
        stopped,
        ..Report::new(Verb::PURGE, pass.namespace.clone(), pass.layout.clone(), pass.cutoff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_was_stopped_by_whatever_was_first_to_cancel_it() {
        let signals = Signals::none();
        let stops = Stops::new(&signals);
        assert_eq!(stops.why(), "reload");
        stops.clone().fails();
        assert_eq!(stops.why(), "failure");
        signals.stop();
        assert_eq!(stops.why(), "operator");
    }
}
