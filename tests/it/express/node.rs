//! tests/node/server.js: one process for most Express applications, as loading the stores takes node
//! most of a second, and there are a hundred of them.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::NodeStore;
use crate::support::{Db, Tool};

/// An Express application whose sessions are in the collection `sessions` of a database.
pub struct Express {
    pub port: u16,
    /// Where it needs a process of its own.
    own: Option<Tool>,
}

static SHARED: Mutex<Option<Tool>> = Mutex::new(None);

impl Express {
    /// With cookies that live so many milliseconds, or as long as the browser.
    pub fn start(db: &Db, store: NodeStore, max_age: Option<i64>) -> Self {
        Self::ordered(db, store, json!({ "maxAge": max_age }))
    }

    /// The same with ids that tower-sessions can have, too.
    pub fn with_short_ids(db: &Db, store: NodeStore, max_age: i64) -> Self {
        Self::ordered(db, store, json!({ "maxAge": max_age, "genid": true }))
    }

    fn ordered(db: &Db, store: NodeStore, mut order: Value) -> Self {
        order["store"] = store.name.into();
        order["uri"] = db.server.as_str().into();
        order["db"] = db.name.as_str().into();
        // mongoose has one connection in a process.
        if store.layout == "express-mongodb-legacy" {
            let mut node = Tool::start("node-server", &[]);
            let port = node.ask(&order.to_string()).parse().unwrap();
            return Self { port, own: Some(node) };
        }
        Self::shared(&order)
    }

    /// The applications of tests/node/logins.js, on one port.
    pub fn logins(db: &Db) -> Self {
        Self::shared(&json!({ "logins": true, "uri": db.server, "db": db.name }))
    }

    fn shared(order: &Value) -> Self {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed is not asked again.
        let mut node = shared.take().unwrap_or_else(|| Tool::start("node-server", &[]));
        let port = node.ask(&order.to_string()).parse().unwrap();
        *shared = Some(node);
        Self { port, own: None }
    }
}

impl Drop for Express {
    fn drop(&mut self) {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if self.own.is_none()
            && !std::thread::panicking()
            && let Some(mut node) = shared.take()
        {
            node.ask(&json!({ "end": self.port }).to_string());
            *shared = Some(node);
        }
    }
}
