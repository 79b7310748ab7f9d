//! How long a reply is waited for. The driver has no socket timeout: a reply that a firewall swallows
//! is waited for without end, while the heartbeats, on connections of their own, go on.
//!
//! A blind limit would end long work of the server. So once a reply is late, the server is asked over
//! another connection whether it works on the command.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::SelectionCriteria;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::clients::{Clients, Link};

/// How long a reply may take before anybody asks. Short commands never come that far.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to say whether it works on a command.
const ANSWER: Duration = Duration::from_secs(5);
/// How often it is asked while it does, and while it does not.
const WORKING: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(1);
/// How long a reply may be on its way when the server works on the command no longer, or not yet. A
/// batch of 16 MB takes that long at 8 Mbit/s.
const SMALL_TRANSFER: Duration = Duration::from_secs(3);
const LARGE_TRANSFER: Duration = Duration::from_secs(15);
/// How long a server may answer nothing at all.
const NO_ANSWER: Duration = Duration::from_secs(20);
/// The limit on a server that cannot say what it works on, and by how much it exceeds `maxTimeMS`.
const BLIND: Duration = Duration::from_secs(300);
const BEYOND_MAX_TIME: Duration = Duration::from_secs(10);
/// When what is left of a command is dropped for good.
const ABANDONED: Duration = Duration::from_secs(600);

/// A command whose reply is waited for. What only a late reply needs is made then.
#[derive(Clone, Copy)]
pub(super) struct Pending<'a> {
    pub(super) command: &'a str,
    /// What finds it among the operations of a server.
    pub(super) operation: &'a (dyn Fn() -> Document + Sync),
    /// Its `maxTimeMS`.
    pub(super) max_time: Option<Duration>,
    /// The servers that may work on it.
    pub(super) servers: &'a (dyn Fn() -> Vec<Option<SelectionCriteria>> + Sync),
}

/// Nobody answers, and the server does not work on it: for so long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost(pub(super) Duration);

/// What the server says of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Working,
    Idle,
    /// It cannot say.
    Unable,
    /// It says nothing.
    Silent,
}

/// The commands whose replies are overdue: since when, and their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Overdue(Arc<Mutex<BTreeMap<Instant, String>>>);

impl Overdue {
    /// The command that has waited longest.
    pub(super) fn longest(&self) -> Option<(String, Duration)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.first_key_value().map(|(since, command)| (command.clone(), since.elapsed()))
    }

    fn set(&self, since: Instant, command: Option<&str>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match command {
            Some(command) => drop(all.insert(since, command.to_owned())),
            None => drop(all.remove(&since)),
        }
    }
}

/// A future of the driver. It must not be dropped (RUST-937): where nobody waits for it any more, it
/// goes on by itself.
pub(super) struct Undropped<F: Future<Output: Send> + Send + 'static>(Option<Pin<Box<F>>>);

impl<F: Future<Output: Send> + Send + 'static> Undropped<F> {
    pub(super) fn new(future: F) -> Self {
        Self(Some(Box::pin(future)))
    }

    /// Leaves it to itself, on a client that is not used any more.
    fn abandon(mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            #[expect(clippy::disallowed_methods, reason = "nobody uses its client any more")]
            let limited = async move { tokio::time::timeout(ABANDONED, future).await.map(drop) };
            runtime.spawn(limited);
        }
    }
}

impl<F: Future<Output: Send> + Send + 'static> Future for Undropped<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<F: Future<Output: Send> + Send + 'static> Drop for Undropped<F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

/// Waits for what `work` comes to, the reply to a command that it sends over `link`. When the reply is
/// lost, `work` goes on by itself, and `clients` has another client.
pub(super) async fn reply<F>(
    clients: &Clients,
    overdue: &Overdue,
    link: &Arc<Link>,
    pending: Pending<'_>,
    work: F,
) -> Result<F::Output, Lost>
where
    F: Future<Output: Send> + Send + 'static,
{
    let began = Instant::now();
    let mut work = Undropped::new(work);
    tokio::select! {
        biased;
        reply = &mut work => return Ok(reply),
        () = sleep(PATIENCE) => {}
    }
    // Boxed, so that the way that nearly all go stays small.
    match Box::pin(late(clients, overdue, pending, began, &mut work)).await {
        Ok(reply) => Ok(reply),
        Err(lost) => {
            clients.replace(link);
            work.abandon();
            Err(lost)
        }
    }
}

async fn late<F>(
    clients: &Clients,
    overdue: &Overdue,
    pending: Pending<'_>,
    began: Instant,
    work: &mut Undropped<F>,
) -> Result<F::Output, Lost>
where
    F: Future<Output: Send> + Send + 'static,
{
    // Since when nothing was seen of the command.
    let mut since = began;
    let mut listed = Listed { overdue, since: None };
    let mut second = None;
    loop {
        if second.is_none() {
            second = clients.second().ok();
        }
        let asked = async {
            match second.clone() {
                Some(second) => sign(second, pending).await,
                None => Sign::Silent,
            }
        };
        let sign = tokio::select! {
            biased;
            reply = &mut *work => return Ok(reply),
            sign = asked => sign,
        };
        let limit = match sign {
            Sign::Working => {
                since = Instant::now();
                WORKING
            }
            Sign::Idle => PATIENCE + transfer(pending.command),
            Sign::Unable => pending.max_time.map_or(BLIND, |max| max + BEYOND_MAX_TIME),
            Sign::Silent => {
                clients.forget_second();
                second = None;
                PATIENCE + NO_ANSWER
            }
        };
        listed.set((sign != Sign::Working).then_some(since), pending.command);
        let left = limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(Lost(since.elapsed()));
        }
        let pause = if sign == Sign::Working { WORKING } else { left.min(IDLE) };
        tokio::select! {
            biased;
            reply = &mut *work => return Ok(reply),
            () = sleep(pause) => {}
        }
    }
}

/// An entry among the overdue, for as long as it is waited for.
struct Listed<'a> {
    overdue: &'a Overdue,
    since: Option<Instant>,
}

impl Listed<'_> {
    fn set(&mut self, since: Option<Instant>, command: &str) {
        if since != self.since {
            if let Some(old) = self.since.take() {
                self.overdue.set(old, None);
            }
            if let Some(since) = since {
                self.overdue.set(since, Some(command));
            }
            self.since = since;
        }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.set(None, "");
    }
}

/// Batches of documents may be large, everything else is small.
fn transfer(command: &str) -> Duration {
    match command {
        "find" | "aggregate" | "getMore" | "insert" => LARGE_TRANSFER,
        _ => SMALL_TRANSFER,
    }
}

/// Asks the servers that may work on a command whether one does.
async fn sign(link: Arc<Link>, pending: Pending<'_>) -> Sign {
    let mut sign = Sign::Idle;
    for server in (pending.servers)() {
        let operation = (pending.operation)();
        let asking = Undropped::new(is_working(link.clone(), server, operation));
        let answer = tokio::select! {
            answer = asking => answer,
            () = sleep(ANSWER) => Sign::Silent,
        };
        match answer {
            Sign::Working => return Sign::Working,
            Sign::Idle => {}
            Sign::Unable | Sign::Silent => sign = answer,
        }
    }
    sign
}

async fn is_working(
    link: Arc<Link>,
    server: Option<SelectionCriteria>,
    operation: Document,
) -> Sign {
    let Ok(mut session) = link.client.start_session().causal_consistency(false).await else {
        return Sign::Unable;
    };
    let own = doc! { "lsid.id": session.id().get("id") };
    // No privilege is needed for one's own operations. The question itself must be among them, or the
    // server does not report sessions, and that it names no other operation means nothing.
    let command = doc! {
        "currentOp": true, "$ownOps": true, "active": true, "$or": [operation, own],
    };
    let own = session.id().get("id").cloned();
    let admin = link.client.database("admin");
    let asked = admin.run_command(command).session(&mut session);
    let asked = match server {
        Some(server) => asked.selection_criteria(server),
        None => asked,
    };
    let reply = match asked.await {
        Ok(reply) => reply,
        Err(error) => {
            return match *error.kind {
                ErrorKind::Command(_) | ErrorKind::SessionsNotSupported => Sign::Unable,
                _ => Sign::Silent,
            };
        }
    };
    let operations = reply.get_array("inprog").map(Vec::as_slice).unwrap_or_default();
    let session =
        |operation: &Bson| operation.as_document()?.get_document("lsid").ok()?.get("id").cloned();
    let is_own = |operation: &&Bson| session(operation) == own;
    match (operations.len(), operations.iter().filter(is_own).count()) {
        (all, own) if all > own => Sign::Working,
        (_, 0) => Sign::Unable,
        _ => Sign::Idle,
    }
}
