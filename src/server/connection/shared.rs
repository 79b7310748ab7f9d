//! A connection through the client of an application, whose pool it shares.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::options::{
    Acknowledgment, DatabaseOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Database, ServerInfo};

use super::clients::Clients;
use super::deadline::{Limits, Troubles, Waits};
use super::heartbeats::Heartbeats;
use super::logical::Known;
use super::{ADMIN, Asked, Connection};
use crate::error::{Error, Result};
use crate::server::flavour::Flavour;
use crate::server::scene::Scene;

/// The driver's default for selecting a server. What the application chose is not known.
const SELECTION: Duration = Duration::from_secs(30);
/// The servers, as long as none has answered.
const UNKNOWN: &str = "the servers of the application's client";

impl Connection {
    /// A connection through the client of the application, to the database `name`. It shares the
    /// client's pool and opens no connections of its own. One command is sent, to find out what the
    /// servers are.
    ///
    /// Sessions are always read from the primary, with the read concern `local`, whatever the client
    /// does otherwise: a session that was just written must be found, and one that was just destroyed
    /// must not. Writes use the client's write concern, except deletes, which wait for a majority.
    /// Time limits of the client, such as `serverSelectionTimeout`, apply.
    ///
    /// # Errors
    /// [`Error::UnfitClient`] if the client does not wait for the server to acknowledge a write
    /// (`w: 0`), or reads from secondaries only. [`Error::NotPrimary`] if it is a direct connection to
    /// a secondary. Otherwise if no server answers.
    pub async fn from_client(client: &Client, name: &str) -> Result<Self> {
        Self::from_database(&client.database(name)).await
    }

    /// The same, with the client, the name, and the options of a database.
    ///
    /// # Errors
    /// As for [`from_client`](Self::from_client).
    pub async fn from_database(database: &Database) -> Result<Self> {
        check(database.selection_criteria(), database.write_concern())?;
        let options = options(database);
        let (hello, servers) = greet(database.client()).await?;
        let (known, flavour) = (Known::default(), Flavour::default());
        known.update(&hello);
        flavour.greeted(&hello);
        let address = servers.join(",");
        let asked = Asked {
            address: address.clone(),
            hosts: servers.clone(),
            login: None,
            app_name: None,
            within: None,
            reads_elsewhere: false,
            ignored: Vec::new(),
        };
        Self::read_writable(&hello, &address)?;
        Ok(Self {
            database: database.name().into(),
            clients: Arc::new(Clients::shared(database.client().clone(), options, known)),
            asked: Arc::new(asked),
            heartbeats: Heartbeats::of_others(servers),
            waits: Waits { limits: Limits::new(None, SELECTION), troubles: Troubles::default() },
            flavour,
            spread: Arc::default(),
            shards: Arc::default(),
        })
    }
}

fn check(reads: Option<&SelectionCriteria>, writes: Option<&WriteConcern>) -> Result<()> {
    if writes.is_some_and(|writes| writes.w == Some(Acknowledgment::Nodes(0))) {
        let why = "its write concern is w: 0, so that nobody would notice that a session was not \
                   written; set a write concern of w: 1 or higher on the database for sessions";
        return Err(Error::UnfitClient(why));
    }
    match reads {
        Some(SelectionCriteria::ReadPreference(ReadPreference::Secondary { .. })) => {
            let why = "its read preference is secondary, but a session must be read from the \
                       primary: a secondary may still have one that was destroyed; set the read \
                       preference primary on the database for sessions";
            Err(Error::UnfitClient(why))
        }
        _ => Ok(()),
    }
}

/// What commands must not inherit from the client.
fn options(database: &Database) -> DatabaseOptions {
    let mut options = DatabaseOptions::default();
    options.selection_criteria = Some(ReadPreference::Primary.into());
    options.write_concern = database.write_concern().cloned();
    // Not every server accepts a read concern, so only another one is replaced.
    options.read_concern = database.read_concern().map(|_| ReadConcern::local());
    options
}

/// The reply of a server that accepts writes, and the addresses of all servers that answer.
async fn greet(client: &Client) -> Result<(Document, Vec<String>)> {
    let (admin, began) = (client.database(ADMIN), Instant::now());
    let hello = admin.run_command(doc! { "hello": 1 }).await.map_err(|error| {
        let (command, namespace, address) = ("hello", ADMIN, UNKNOWN);
        let within = began.elapsed();
        Scene { command, namespace, address, within, obstacle: None }.error(error)
    })?;
    let servers: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let seen = servers.clone();
    // The driver shows the servers of a client only to such a criterion.
    let any = move |server: &ServerInfo<'_>| {
        let address = server.address().to_string();
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(address);
        true
    };
    let any = SelectionCriteria::Predicate(Arc::new(any));
    // The addresses are only for messages, so an error of this one does no harm.
    let _ = admin.run_command(doc! { "hello": 1 }).selection_criteria(any).await;
    let servers = servers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((hello, servers.into_iter().collect()))
}
