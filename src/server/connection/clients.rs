//! The driver's client of a connection. It is replaced if a reply is lost: whatever cut that
//! connection may have cut the others of its pool, and the driver has no socket timeout.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mongodb::options::{ClientOptions, Credential, DatabaseOptions, ServerAddress, Tls};
use mongodb::{Client, ClientSession};

use super::handle::Handle;
use super::logical::{Known, LogicalSessions};
use crate::server::flavour::{Feature, Flavour};

/// A client of the driver, with the sessions that its commands reuse.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) client: Handle,
    sessions: LogicalSessions,
    /// Whether its driver repeats writes, as far as the connection can change that.
    repeats_writes: bool,
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
    /// What another client of the same login needs; `None` for the client of an application.
    login: Option<Login>,
    /// Creates another client with the same options, apart from the size of its pool.
    make: Arc<Make>,
    /// The maximum size of a pool, if not that of the options.
    pool: Option<u32>,
    current: Mutex<Arc<Link>>,
    /// Shared by all waiting commands, and dropped with the last of them.
    second: Mutex<Weak<Link>>,
}

/// The options of a client that servers beside those of the connection string need too.
#[derive(Clone)]
pub(super) struct Login {
    credential: Option<Credential>,
    tls: Option<Tls>,
    app_name: Option<String>,
    connect_timeout: Option<Duration>,
}

impl Login {
    /// The options of a client for other servers, which are a replica set.
    pub(super) fn to_set(&self, name: &str, hosts: Vec<ServerAddress>) -> ClientOptions {
        let Self { credential, tls, app_name, connect_timeout } = self.clone();
        let mut options = ClientOptions::builder().hosts(hosts).build();
        options.repl_set_name = Some(name.to_owned());
        (options.credential, options.tls, options.app_name) = (credential, tls, app_name);
        options.connect_timeout = connect_timeout;
        options
    }
}

type Make = dyn Fn(Option<u32>) -> mongodb::error::Result<Link> + Send + Sync;

impl Clients {
    pub(super) fn new(
        options: ClientOptions,
        known: Known,
        flavour: Flavour,
    ) -> mongodb::error::Result<Self> {
        let login = Login {
            credential: options.credential.clone(),
            tls: options.tls.clone(),
            app_name: options.app_name.clone(),
            connect_timeout: options.connect_timeout,
        };
        let make = Arc::new(move |pool: Option<u32>| {
            let mut options = options.clone();
            options.max_pool_size = pool.or(options.max_pool_size);
            options.min_pool_size = options.min_pool_size.filter(|_| pool.is_none());
            let repeats_writes = !flavour.lacks(Feature::RetryableWrites);
            if !repeats_writes {
                options.retry_writes = Some(false);
            }
            let client = Handle::new(Client::with_options(options)?, None);
            Ok(Link { client, sessions: LogicalSessions::new(known.clone()), repeats_writes })
        });
        Self::made_by(Some(login), make, None)
    }

    fn made_by(
        login: Option<Login>,
        make: Arc<Make>,
        pool: Option<u32>,
    ) -> mongodb::error::Result<Self> {
        let current = Mutex::new(Arc::new(make(pool)?));
        Ok(Self { login, make, pool, current, second: Mutex::default() })
    }

    /// Clients with a pool of one connection, which never waits for the commands of the others.
    pub(super) fn apart(&self) -> mongodb::error::Result<Self> {
        Self::made_by(self.login.clone(), self.make.clone(), Some(1))
    }

    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The application's own client. It is never replaced: its pool is the application's.
    pub(super) fn shared(client: Client, options: DatabaseOptions, known: Known) -> Self {
        let client = Handle::new(client, Some(options));
        let link = move || Link {
            client: client.clone(),
            sessions: LogicalSessions::new(known.clone()),
            repeats_writes: false,
        };
        let current = Mutex::new(Arc::new(link()));
        let make: Arc<Make> = Arc::new(move |_| Ok(link()));
        Self { login: None, make, pool: None, current, second: Mutex::default() }
    }

    pub(super) fn current(&self) -> Arc<Link> {
        lock(&self.current).clone()
    }

    /// Makes the next command use a client that does not repeat writes. Does nothing if another
    /// command has already done so.
    pub(super) fn renew(&self) {
        let current = self.current();
        if current.repeats_writes {
            self.forget_second();
            self.replace(&current);
        }
    }

    /// A client with separate connections, to ask about a running command.
    pub(super) fn second(&self) -> mongodb::error::Result<Arc<Link>> {
        let mut second = lock(&self.second);
        match second.upgrade() {
            Some(link) => Ok(link),
            None => {
                let link = Arc::new((self.make)(self.pool)?);
                *second = Arc::downgrade(&link);
                Ok(link)
            }
        }
    }

    /// Drops the second client, which does not answer either: the next question uses a new one.
    pub(super) fn forget_second(&self) {
        *lock(&self.second) = Weak::new();
    }

    /// Replaces `old`, unless another command has already done so. Commands that are running on it
    /// finish there.
    pub(super) fn replace(&self, old: &Arc<Link>) {
        let second = lock(&self.second).upgrade();
        let mut current = lock(&self.current);
        if Arc::ptr_eq(&current, old)
            && let Some(new) = second.or_else(|| (self.make)(self.pool).ok().map(Arc::new))
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

/// Without the options, which contain the password.
impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").finish_non_exhaustive()
    }
}
