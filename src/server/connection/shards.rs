//! What is known of the shards of a cluster: one connection each, and why they cannot be read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;

/// The shards of a cluster, once they are needed, with a connection to each.
#[derive(Debug)]
pub(in crate::server) struct Shards<C>(Mutex<Known<C>>);

#[derive(Debug)]
struct Known<C> {
    /// Each shard as `listShards` describes it, and the connection to it.
    open: Vec<(String, C)>,
    refusal: Option<Error>,
}

impl<C> Default for Shards<C> {
    fn default() -> Self {
        Self(Mutex::new(Known { open: Vec::new(), refusal: None }))
    }
}

impl<C: Clone> Shards<C> {
    fn lock(&self) -> MutexGuard<'_, Known<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection to a shard, which is opened by `open` if there is none.
    pub(in crate::server) fn connection(
        &self,
        host: &str,
        open: impl FnOnce() -> Result<C, Error>,
    ) -> Result<C, Error> {
        let mut known = self.lock();
        if let Some((_, connection)) = known.open.iter().find(|(of, _)| of == host) {
            return Ok(connection.clone());
        }
        let connection = open()?;
        known.open.push((host.to_owned(), connection.clone()));
        Ok(connection)
    }

    /// Keeps the connections to these shards only.
    pub(in crate::server) fn retain(&self, hosts: &[String]) {
        self.lock().open.retain(|(host, _)| hosts.contains(host));
    }

    /// Why the shards cannot be read. It is remembered, because each attempt to log in to a shard
    /// without a user there is a failed login in its log.
    pub(in crate::server) fn refusal(&self) -> Option<Error> {
        self.lock().refusal.clone()
    }

    pub(in crate::server) fn refuse(&self, error: &Error) {
        let mut known = self.lock();
        known.open.clear();
        known.refusal = Some(error.clone());
    }
}
