//! The driver's sessions (`lsid`, unrelated to web sessions), reused across commands. For a command
//! without one, the driver creates a session and returns it in a separate task. With one update in
//! flight that takes a fifth of our CPU time; with many in flight, nothing measurable.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::Document;
use mongodb::ClientSession;

use super::handle::Handle;

/// Servers drop idle sessions after 30 minutes; the lowest possible setting is one minute.
const KEPT: Duration = Duration::from_secs(20);

/// The sessions of one client that no command is using.
#[derive(Debug)]
pub(super) struct LogicalSessions {
    idle: Mutex<Vec<(Instant, ClientSession)>>,
    known: Known,
}

/// Whether the servers support sessions, according to their heartbeats. It does not hold the
/// sessions: a listener that did would keep its own client alive.
#[derive(Debug, Clone, Default)]
pub(super) struct Known(Arc<AtomicBool>);

impl Known {
    /// Updates the state from the reply to a heartbeat.
    pub(super) fn update(&self, hello: &Document) {
        if has_data(hello) {
            let knows = hello.contains_key("logicalSessionTimeoutMinutes");
            self.0.store(knows, Ordering::Relaxed);
        }
    }
}

impl LogicalSessions {
    pub(super) fn new(known: Known) -> Self {
        Self { idle: Mutex::default(), known }
    }

    /// A session for one command, or `None` if the driver should manage its own.
    pub(super) async fn take(&self, client: &Handle) -> Option<ClientSession> {
        if !self.known.0.load(Ordering::Relaxed) {
            return None;
        }
        if let Some(session) = self.idle() {
            return Some(session);
        }
        client.start_session().await.ok()
    }

    /// Keeps a session whose command succeeded. After a failure, the server may still be using it.
    pub(super) fn keep(&self, session: Option<ClientSession>) {
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
        // The sessions below it have been idle even longer.
        idle.clear();
        None
    }
}

fn has_data(hello: &Document) -> bool {
    // Arbiters and starting members are no evidence about the members that take commands.
    ["isWritablePrimary", "ismaster", "secondary"]
        .iter()
        .any(|role| hello.get_bool(role).unwrap_or(false))
}
