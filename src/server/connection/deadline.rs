//! How long a reply is waited for. The driver has no socket timeout: a reply that a firewall swallows
//! is waited for without end, while the heartbeats, on connections of their own, go on.
//!
//! A blind limit would end long work of the server. So once a reply is late, the server is asked over
//! another connection whether it works on the command.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::SelectionCriteria;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::clients::{Clients, Link};

/// How far the limit of a server that cannot say what it works on exceeds `maxTimeMS`.
const BEYOND_MAX_TIME: Duration = Duration::from_secs(10);
/// What a connection string may ask for.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// When what is left of a command is dropped for good.
const ABANDONED: Duration = Duration::from_secs(600);

/// How long replies are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a reply may take before anybody asks. Short commands never come that far.
    patience: Duration,
    /// How long the server may take to say whether it works on a command.
    answer: Duration,
    /// How often it is asked while it does, and while it does not.
    working: Duration,
    idle: Duration,
    /// How long a reply may be on its way when the server works on the command no longer, or not
    /// yet. A batch of 16 MB takes that long at 8 Mbit/s.
    small_transfer: Duration,
    large_transfer: Duration,
    /// How long a server may answer nothing at all.
    no_answer: Duration,
    /// The limit of a server that cannot say what it works on.
    blind: Duration,
}

impl Limits {
    /// `socket_timeout` is the first of them. A short one shortens the others. `selection` is how
    /// long a server may be looked for, which is no concern of these.
    pub(super) fn new(socket_timeout: Option<Duration>, selection: Duration) -> Self {
        let socket_timeout = socket_timeout.map(|given| given.clamp(SHORTEST, LONGEST));
        let seconds = Duration::from_secs;
        let patience = (selection.saturating_add(seconds(1))).clamp(seconds(5), seconds(10));
        let patience = socket_timeout.unwrap_or(patience);
        let at_most = |most, times| seconds(most).min(patience * times);
        Self {
            patience,
            answer: at_most(5, 1),
            working: at_most(10, 2),
            idle: at_most(1, 1) / 2,
            small_transfer: at_most(3, 1),
            large_transfer: at_most(15, 3),
            no_answer: at_most(20, 4),
            blind: socket_timeout.unwrap_or(seconds(300)),
        }
    }

    /// Batches of documents may be large, everything else is small.
    fn transfer(&self, command: &str) -> Duration {
        match command {
            "find" | "aggregate" | "getMore" | "insert" => self.large_transfer,
            _ => self.small_transfer,
        }
    }
}

/// How long the replies of a connection are waited for, and which are overdue.
#[derive(Debug, Clone)]
pub(super) struct Waits {
    pub(super) limits: Limits,
    pub(super) troubles: Troubles,
}

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

/// What is wrong with a connection at the moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The commands whose replies are overdue, by the time since when.
    overdue: Mutex<BTreeMap<Instant, String>>,
    /// Why the last command failed, if it did not reach a server or got no reply.
    failed: Mutex<Option<String>>,
    has_failed: AtomicBool,
}

impl Troubles {
    /// The command that has waited longest.
    pub(super) fn overdue(&self) -> Option<(String, Duration)> {
        let all = lock(&self.0.overdue);
        all.first_key_value().map(|(since, command)| (command.clone(), since.elapsed()))
    }

    pub(super) fn failed(&self) -> Option<String> {
        lock(&self.0.failed).clone()
    }

    /// A command failed, or has its reply.
    pub(super) fn set_failed(&self, why: Option<&dyn Display>) {
        // Nearly always there is nothing to change.
        if why.is_some() || self.0.has_failed.load(Ordering::Relaxed) {
            *lock(&self.0.failed) = why.map(ToString::to_string);
            self.0.has_failed.store(why.is_some(), Ordering::Relaxed);
        }
    }

    fn set_overdue(&self, since: Instant, command: Option<&str>) {
        let mut all = lock(&self.0.overdue);
        match command {
            Some(command) => drop(all.insert(since, command.to_owned())),
            None => drop(all.remove(&since)),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A future of the driver. It must not be dropped (RUST-937): where nobody waits for it any more, it
/// goes on by itself.
pub(super) struct Undropped<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Undropped<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
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

impl<T: Send + 'static> Future for Undropped<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Undropped<T> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(future);
        }
    }
}

/// Waits for what `work` comes to, the reply to a command that it sends over `link`. When the reply is
/// lost, `work` goes on by itself, and `clients` has another client.
pub(super) async fn reply<T: Send + 'static>(
    clients: &Clients,
    waits: &Waits,
    link: &Arc<Link>,
    pending: Pending<'_>,
    mut work: Undropped<T>,
) -> Result<T, Lost> {
    let began = Instant::now();
    tokio::select! {
        biased;
        reply = &mut work => return Ok(reply),
        () = sleep(waits.limits.patience) => {}
    }
    // Boxed, so that the way that nearly all go stays small.
    match Box::pin(late(clients, waits, pending, began, &mut work)).await {
        Ok(reply) => Ok(reply),
        Err(lost) => {
            clients.replace(link);
            work.abandon();
            Err(lost)
        }
    }
}

async fn late<T: Send + 'static>(
    clients: &Clients,
    waits: &Waits,
    pending: Pending<'_>,
    began: Instant,
    work: &mut Undropped<T>,
) -> Result<T, Lost> {
    let Waits { limits, troubles } = waits;
    // Since when nothing was seen of the command.
    let mut since = began;
    let mut listed = Listed { troubles, since: None };
    let mut second = None;
    loop {
        if second.is_none() {
            second = clients.second().ok();
        }
        let asked = async {
            match second.clone() {
                Some(second) => sign(second, pending, limits.answer).await,
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
                limits.working
            }
            Sign::Idle => limits.patience + limits.transfer(pending.command),
            Sign::Unable => pending.max_time.map_or(limits.blind, |max| max + BEYOND_MAX_TIME),
            Sign::Silent => {
                clients.forget_second();
                second = None;
                limits.patience + limits.no_answer
            }
        };
        listed.set((sign != Sign::Working).then_some(since), pending.command);
        let left = limit.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(Lost(since.elapsed()));
        }
        let pause = if sign == Sign::Working { limits.working } else { left.min(limits.idle) };
        tokio::select! {
            biased;
            reply = &mut *work => return Ok(reply),
            () = sleep(pause) => {}
        }
    }
}

/// An entry among the overdue, for as long as it is waited for.
struct Listed<'a> {
    troubles: &'a Troubles,
    since: Option<Instant>,
}

impl Listed<'_> {
    fn set(&mut self, since: Option<Instant>, command: &str) {
        if since != self.since {
            if let Some(old) = self.since.take() {
                self.troubles.set_overdue(old, None);
            }
            if let Some(since) = since {
                self.troubles.set_overdue(since, Some(command));
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

/// Asks the servers that may work on a command whether one does.
async fn sign(link: Arc<Link>, pending: Pending<'_>, within: Duration) -> Sign {
    let mut sign = Sign::Idle;
    for server in (pending.servers)() {
        let operation = (pending.operation)();
        let asking = Undropped::new(is_working(link.clone(), server, operation));
        let answer = tokio::select! {
            answer = asking => answer,
            () = sleep(within) => Sign::Silent,
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
