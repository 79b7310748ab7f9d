//! The driver's own sessions (`lsid`, nothing of the web's), kept from one command to the next. For a
//! command that brings none the driver makes one and gives it back in a task of its own. With one
//! update in flight that is a fifth of the processor time on this side; with many in flight, nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::Document;
use mongodb::{Client, ClientSession};

/// A server forgets them after half an hour, or a minute at the least that it can be told.
const KEPT: Duration = Duration::from_secs(20);

/// Those that no command has at the moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogicalSessions {
    idle: Arc<Mutex<Vec<(Instant, ClientSession)>>>,
    known: Known,
}

/// Whether the servers know them, as their heartbeats say. It goes without the sessions: a listener
/// that has those keeps its own client alive.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<AtomicBool>);

impl Known {
    /// Learns from the reply to a heartbeat.
    pub(super) fn heed(&self, hello: &Document) {
        if has_data(hello) {
            let knows = hello.contains_key("logicalSessionTimeoutMinutes");
            self.0.store(knows, Ordering::Relaxed);
        }
    }
}

impl LogicalSessions {
    /// To be told of heartbeats.
    pub(super) fn known(&self) -> Known {
        self.known.clone()
    }

    /// One for a command, or none where the driver is to see to it.
    pub(crate) async fn take(&self, client: &Client) -> Option<ClientSession> {
        if !self.known.0.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(session) = self.idle() {
            return Some(session);
        }
        // As the driver's own are, whose commands do not wait for each other.
        client.start_session().causal_consistency(false).await.ok()
    }

    /// Keeps one whose command went well. Of the others nobody knows what the server still does.
    pub(crate) fn keep(&self, session: Option<ClientSession>) {
        if let Some(session) = session {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((Instant::now(), session));
        }
    }

    fn idle(&self) -> Option<ClientSession> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, session) = idle.pop()?;
        if since.elapsed() < KEPT {
            return Some(session);
        }
        // Those below it have waited for longer.
        idle.clear();
        None
    }
}

fn has_data(hello: &Document) -> bool {
    // Arbiters and members that are starting tell nothing about those that take commands.
    ["isWritablePrimary", "ismaster", "secondary"]
        .iter()
        .any(|role| hello.get_bool(role).unwrap_or(false))
}
