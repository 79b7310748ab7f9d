//! The driver's own sessions (`lsid`, nothing of the web's), kept from one command to the next. For a
//! command that brings none the driver makes one and gives it back in a task of its own. With one
//! update in flight that is a fifth of the processor time on this side; with many in flight, nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::Document;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{Acknowledgment, ClientOptions};
use mongodb::{Client, ClientSession};

/// A server forgets them after half an hour, or a minute at the least that it can be told.
const KEPT: Duration = Duration::from_secs(20);

/// Those that no command has at the moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogicalSessions {
    idle: Arc<Mutex<Vec<(Instant, ClientSession)>>>,
    /// Whether the servers know them, as their heartbeats say.
    known: Arc<AtomicBool>,
}

impl LogicalSessions {
    /// Has the heartbeats listened to. Where writes are not acknowledged the driver takes none.
    pub(crate) fn listen(&self, options: &mut ClientOptions) {
        let acknowledged = options.write_concern.as_ref().and_then(|concern| concern.w.as_ref());
        if matches!(acknowledged, Some(Acknowledgment::Nodes(0))) {
            return;
        }
        let known = Arc::clone(&self.known);
        options.sdam_event_handler = Some(EventHandler::callback(move |event| {
            if let SdamEvent::ServerHeartbeatSucceeded(heartbeat) = event
                && has_data(&heartbeat.reply)
            {
                // A server that names no timeout has no sessions.
                let knows = heartbeat.reply.contains_key("logicalSessionTimeoutMinutes");
                // Nothing else is published with it: a command that sees it late lets the driver
                // see to a session.
                known.store(knows, Ordering::Relaxed);
            }
        }));
    }

    /// One for a command, or none where the driver is to see to it.
    pub(crate) async fn take(&self, client: &Client) -> Option<ClientSession> {
        if !self.known.load(Ordering::Relaxed) {
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
