//! The time limits for replies. The driver has no socket timeout: if a firewall drops a reply, the
//! driver waits forever, because its heartbeats use other connections.
//!
//! A fixed limit would abort long commands. So if a reply is late, the server is asked over another
//! connection whether the command is still running.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::SelectionCriteria;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::clients::{Clients, Link};

/// For a server that cannot report its running commands, the limit is `maxTimeMS` plus this.
const BEYOND_MAX_TIME: Duration = Duration::from_secs(10);
/// A reply is late after this time at the latest.
const LATE: Duration = Duration::from_secs(10);
/// The range of limits that a connection string can set.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// When the remains of a lost command are finally dropped.
const ABANDONED: Duration = Duration::from_secs(600);

/// The time limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a reply may take before the server is asked. Short commands never take that long.
    patience: Duration,
    /// How long the server may take to report whether it is running a command.
    answer: Duration,
    /// How often it is asked while the command is running, and while it is not.
    working: Duration,
    idle: Duration,
    /// How long a reply may be in transit after the command ended, or a request before it began. A
    /// batch of 16 MB takes that long at 8 Mbit/s.
    small_transfer: Duration,
    large_transfer: Duration,
    /// How long a server may not answer at all.
    no_answer: Duration,
    /// The limit for a server that cannot report its running commands.
    blind: Duration,
}

impl Limits {
    /// `socket_timeout` is the first limit, and a short one shortens the others. By default, the
    /// first limit follows from `selection`, the time for selecting a server.
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

    /// Batches of documents may be large; all other replies are small.
    fn transfer(&self, command: &str) -> Duration {
        match command {
            "find" | "aggregate" | "getMore" | "insert" => self.large_transfer,
            _ => self.small_transfer,
        }
    }
}

/// The time limits of a connection, and its overdue replies.
#[derive(Debug, Clone)]
pub(super) struct Waits {
    pub(super) limits: Limits,
    pub(super) troubles: Troubles,
}

/// A command that waits for its reply. Values that only a late reply needs are created later.
#[derive(Clone, Copy)]
pub(super) struct Pending<'a> {
    pub(super) command: &'a str,
    /// What identifies it among the operations of a server.
    pub(super) operation: &'a (dyn Fn() -> Document + Sync),
    /// Its `maxTimeMS`.
    pub(super) max_time: Option<Duration>,
    /// The servers that may be running it.
    pub(super) servers: &'a (dyn Fn() -> Vec<Option<SelectionCriteria>> + Sync),
}

/// For how long the server has not answered or has not been running the command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost(pub(super) Duration);

/// The server's answer about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Working,
    Idle,
    /// It cannot report it.
    Unable,
    /// It does not answer.
    Silent,
}

/// The current trouble with a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Troubles(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The commands with overdue replies, by the time since when they are.
    overdue: Mutex<BTreeMap<Instant, String>>,
    /// How many replies are late, overdue or not, and when one last was.
    late: AtomicUsize,
    last_late: Mutex<Option<Instant>>,
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

    /// Whether a reply is late, or was so a moment ago: its command may have been sent again.
    pub(super) fn has_late(&self) -> bool {
        self.0.late.load(Ordering::Relaxed) > 0
            || lock(&self.0.last_late).is_some_and(|last| last.elapsed() < LATE * 2)
    }

    pub(super) fn failed(&self) -> Option<String> {
        lock(&self.0.failed).clone()
    }

    /// Records that a command failed, or got its reply.
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

/// A future of the driver. It must not be dropped (RUST-937): if nothing waits for it any more, it
/// continues detached.
pub(super) struct Undropped<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Undropped<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }

    fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Detaches it, together with its client, which is no longer used.
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

/// A command that waits for its reply over `link`.
struct Awaited<'a, T: Send + 'static> {
    clients: &'a Arc<Clients>,
    link: &'a Arc<Link>,
    patience: Duration,
    work: Undropped<T>,
}

impl<T: Send + 'static> Drop for Awaited<'_, T> {
    /// An application with a shorter limit gives the command up before it is known to be lost. If no
    /// reply comes then either, its client is replaced all the same: otherwise each request would meet
    /// the dead connections. The server is not asked whether the command is running: at worst, a pool
    /// is opened that was not necessary.
    fn drop(&mut self) {
        let (mut work, patience) = (self.work.take(), self.patience);
        if let (Some(_), Ok(runtime)) = (&work.0, Handle::try_current()) {
            let (clients, link) = (self.clients.clone(), self.link.clone());
            runtime.spawn(async move {
                tokio::select! {
                    biased;
                    _ = &mut work => {}
                    () = sleep(patience) => {
                        clients.replace(&link);
                        work.abandon();
                    }
                }
            });
        }
    }
}

/// Waits for the result of `work`, which sends a command over `link`. If the reply is lost, `work`
/// continues detached, and `clients` gets another client.
pub(super) async fn reply<T: Send + 'static>(
    clients: &Arc<Clients>,
    waits: &Waits,
    link: &Arc<Link>,
    pending: Pending<'_>,
    work: Undropped<T>,
) -> Result<T, Lost> {
    let (began, patience) = (Instant::now(), waits.limits.patience);
    let mut awaited = Awaited { clients, link, patience, work };
    tokio::select! {
        biased;
        reply = &mut awaited.work => return Ok(reply),
        () = sleep(patience.min(LATE)) => {}
    }
    // Boxed, so that the future of the common case stays small.
    match Box::pin(late(clients, waits, pending, began, &mut awaited.work)).await {
        Ok(reply) => Ok(reply),
        Err(lost) => {
            clients.replace(link);
            awaited.work.take().abandon();
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
    // The time since when the command has not been seen.
    let mut since = began;
    let mut listed = Listed::new(troubles);
    let mut second = None;
    tokio::select! {
        biased;
        reply = &mut *work => return Ok(reply),
        () = sleep(limits.patience.saturating_sub(began.elapsed())) => {}
    }
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

/// An entry among the overdue replies, for as long as the command waits.
struct Listed<'a> {
    troubles: &'a Troubles,
    since: Option<Instant>,
}

impl<'a> Listed<'a> {
    fn new(troubles: &'a Troubles) -> Self {
        troubles.0.late.fetch_add(1, Ordering::Relaxed);
        Self { troubles, since: None }
    }

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
        *lock(&self.troubles.0.last_late) = Some(Instant::now());
        self.troubles.0.late.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Asks the servers that may be running a command whether one does.
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
    let Ok(mut session) = link.client.start_session().await else {
        return Sign::Unable;
    };
    let own = doc! { "lsid.id": session.id().get("id") };
    // A login may list its own operations without a privilege. The list must contain this question
    // itself. Otherwise, the server does not report sessions, and a missing command means nothing.
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
