//! The driver's client behind a connection. It is replaced when a reply does not come: whatever cut
//! that connection off may have cut off the others of its pool, and the driver has no socket timeout.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mongodb::options::ClientOptions;
use mongodb::{Client, ClientSession};

use super::logical::{Known, LogicalSessions};

/// A client of the driver, with the sessions that its commands reuse.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) client: Client,
    sessions: LogicalSessions,
}

impl Link {
    /// A session for one command, or `None` if the driver should manage its own.
    pub(super) async fn session(&self) -> Option<ClientSession> {
        self.sessions.take(&self.client).await
    }

    pub(crate) fn give_back(&self, session: Option<ClientSession>) {
        self.sessions.keep(session);
    }
}

/// The current client, and a second one while a reply is overdue.
pub(super) struct Clients {
    /// Makes another client of the same options.
    make: Box<dyn Fn() -> mongodb::error::Result<Link> + Send + Sync>,
    current: Mutex<Arc<Link>>,
    /// Shared by all commands that wait, and gone with the last of them.
    second: Mutex<Weak<Link>>,
}

impl Clients {
    pub(super) fn new(options: ClientOptions, known: Known) -> mongodb::error::Result<Self> {
        let make = Box::new(move || {
            let client = Client::with_options(options.clone())?;
            Ok(Link { client, sessions: LogicalSessions::new(known.clone()) })
        });
        let current = Mutex::new(Arc::new(make()?));
        Ok(Self { make, current, second: Mutex::default() })
    }

    pub(super) fn current(&self) -> Arc<Link> {
        lock(&self.current).clone()
    }

    /// A client with connections of its own, to ask what became of a command.
    pub(super) fn second(&self) -> mongodb::error::Result<Arc<Link>> {
        let mut second = lock(&self.second);
        match second.upgrade() {
            Some(link) => Ok(link),
            None => {
                let link = Arc::new((self.make)()?);
                *second = Arc::downgrade(&link);
                Ok(link)
            }
        }
    }

    /// The second client does not answer either: the next question goes out over another one.
    pub(super) fn forget_second(&self) {
        *lock(&self.second) = Weak::new();
    }

    /// Replaces `old`, unless another command has done so already. Commands that are under way on it
    /// finish there.
    pub(super) fn replace(&self, old: &Arc<Link>) {
        let second = lock(&self.second).upgrade();
        let mut current = lock(&self.current);
        if Arc::ptr_eq(&current, old)
            && let Some(new) = second.or_else(|| (self.make)().ok().map(Arc::new))
        {
            *current = new;
            drop(current);
            self.forget_second();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without the options, which hold the password.
impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
