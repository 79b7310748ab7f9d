//! Servers of other kinds: a real `mongod` that behaves as they do (tests/rig/personality.rs).

use bson::{Document, doc};

use crate::personality::{Disguise, Personality};
use crate::support::{Db, Program, at, connect_mongo};

mod busy;
mod doctor;
mod matrix;
mod mongos;
mod plain;
mod scale;
mod shards;

/// A database, and servers of another kind through which the program reaches it.
pub struct Other {
    pub db: Db,
    pub servers: Vec<Disguise>,
}

impl Other {
    pub fn new(personality: &'static Personality) -> Self {
        Self::of(&[personality])
    }

    pub fn of(personalities: &[&'static Personality]) -> Self {
        let db = Db::new();
        let address = db.server.trim_start_matches("mongodb://");
        let servers = personalities.iter().map(|one| Disguise::start(one, address)).collect();
        Self { db, servers }
    }

    /// A server that is what it seems.
    pub fn real(uri: &str) -> Self {
        Self { db: Db::on(uri), servers: Vec::new() }
    }

    /// The connection string of these servers.
    pub fn uri_of(&self, servers: &[&Disguise]) -> String {
        let hosts: Vec<_> = servers.iter().map(|server| server.address().to_string()).collect();
        let address = self.db.server.trim_start_matches("mongodb://");
        self.db.uri.replace(address, &hosts.join(","))
    }

    pub fn uri(&self) -> String {
        if self.servers.is_empty() {
            return self.db.uri.clone();
        }
        self.uri_of(&self.servers.iter().collect::<Vec<_>>())
    }

    pub fn command(&self, arguments: &[&str]) -> Program {
        self.db.command(arguments).env("SESSIONCTL_URI", &self.uri())
    }
}

/// Sessions that expired a while ago, and sessions that live for some minutes.
pub fn sessions(dead: usize, live: usize) -> Vec<Document> {
    let dead = (0..dead).map(|n| connect_mongo(&format!("dead-{n:04}"), at(-60 - n as i64)));
    let live = (0..live).map(|n| connect_mongo(&format!("live-{n:04}"), at(300 + 27 * n as i64)));
    dead.chain(live).collect()
}

/// How many of the sessions that live are there.
pub fn living(db: &Db) -> u64 {
    db.count("sessions", doc! { "_id": { "$regex": "^live-" } })
}
