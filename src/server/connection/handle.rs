//! A client of the driver, as commands get it.

use mongodb::options::DatabaseOptions;
use mongodb::{Client, ClientSession, Database};

/// A client of the driver. Commands get their database from here, because the client of an
/// application may have options that are not right for sessions.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    client: Client,
    options: Option<DatabaseOptions>,
}

impl Handle {
    pub(super) fn new(client: Client, options: Option<DatabaseOptions>) -> Self {
        Self { client, options }
    }

    pub(crate) fn database(&self, name: &str) -> Database {
        match &self.options {
            Some(options) => self.client.database_with_options(name, options.clone()),
            None => self.client.database(name),
        }
    }

    /// A session that, like the driver's implicit ones, does not make commands wait for each other.
    pub(super) async fn start_session(&self) -> mongodb::error::Result<ClientSession> {
        self.client.start_session().causal_consistency(false).await
    }
}
