//! The store beside Express, with the real session stores of Node: on one collection, each reads,
//! renews and ends what the other wrote.

use std::path::Path;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use serde_json::Value;
use sessionctl::{Expiry, Store};

use crate::patience::limit;
use crate::support::{Db, LONG};

pub use node::Express;

mod beside_actix;
pub mod beside_axum;
mod beside_axum_login;
mod copied;
mod ending;
mod from_express;
mod from_rust;
mod held;
mod indexes;
mod logins;
mod moved;
mod node;

/// A session store of Node.
#[derive(Debug, Clone, Copy)]
pub struct NodeStore {
    /// What tests/node/server.js calls it.
    pub name: &'static str,
    pub layout: &'static str,
    /// Where the id, the payload and the expiry are.
    pub id: &'static str,
    pub payload: &'static str,
    pub expires: &'static str,
}

const CONNECT_MONGO: NodeStore = NodeStore {
    name: "connect-mongo-json",
    layout: "connect-mongo-json",
    id: "_id",
    payload: "session",
    expires: "expires",
};
const OBJECT: NodeStore =
    NodeStore { name: "connect-mongo-object", layout: "express-session-object", ..CONNECT_MONGO };

pub const NODE_STORES: [NodeStore; 5] = [
    CONNECT_MONGO,
    OBJECT,
    NodeStore { name: "connect-mongodb-session", ..OBJECT },
    NodeStore {
        name: "express-mongodb-1",
        layout: "express-mongodb-1",
        expires: "expiresAt",
        ..OBJECT
    },
    NodeStore {
        name: "express-mongodb-legacy",
        layout: "express-mongodb-legacy",
        id: "sid",
        payload: "data",
        ..OBJECT
    },
];

const HOUR_MS: i64 = 3_600_000;
const HOUR: Expiry = Expiry::After(Duration::from_secs(3600));
/// express-session's ids are 24 bytes of base64url.
const ID: &str = "rPq0Xw3Lh5kTz8cVn1dYb6mJf2gA9sEu";

/// A visitor with one cookie jar for every port of 127.0.0.1: cookies do not know ports.
pub struct Browser {
    agent: ureq::Agent,
}

const COOKIE: &str = "connect.sid";

impl Browser {
    pub fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(limit(LONG)))
            .proxy(None);
        Self { agent: config.build().into() }
    }

    #[track_caller]
    pub fn get(&self, port: u16, path: &str) -> Value {
        answer(self.agent.get(address(port, path)).call())
    }

    #[track_caller]
    pub fn post(&self, port: u16, path: &str) -> Value {
        answer(self.agent.post(address(port, path)).send_empty())
    }

    /// Sends a form, and follows where that leads.
    pub fn send(&self, port: u16, path: &str, form: &[(&str, &str)]) {
        let form = form.iter().copied();
        let response = self.agent.post(address(port, path)).send_form(form).unwrap();
        assert_eq!(response.status(), 200);
    }

    /// Sends a form, and says whether that went well: the database may be away.
    pub fn tries(&self, port: u16, path: &str, form: &[(&str, &str)]) -> bool {
        let request = self.agent.post(address(port, path));
        let response = match form.is_empty() {
            true => request.send_empty(),
            false => request.send_form(form.iter().copied()),
        };
        response.is_ok_and(|response| response.status() == 200)
    }

    /// The page to which this leads.
    #[track_caller]
    pub fn page(&self, port: u16, path: &str) -> String {
        let mut response = self.agent.get(address(port, path)).call().unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        assert_eq!(response.status(), 200, "{body}");
        body
    }

    /// Express fails there, and this is in what it says.
    #[track_caller]
    fn fails(&self, port: u16, path: &str, reason: &str) {
        let mut response = self.agent.get(address(port, path)).call().unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        assert_eq!((response.status().as_u16(), body.contains(reason)), (500, true), "{body}");
    }

    /// The cookie of the session, as it was sent.
    pub fn cookie(&self) -> Option<String> {
        let jar = self.agent.cookie_jar_lock();
        jar.get("127.0.0.1", "/", COOKIE).map(|cookie| cookie.value().to_owned())
    }

    /// Brings this cookie from now on.
    pub fn set_cookie(&self, value: &str) {
        let uri = address(0, "/").parse().unwrap();
        let cookie = ureq::Cookie::parse(format!("{COOKIE}={value}; Path=/"), &uri).unwrap();
        self.agent.cookie_jar_lock().insert(cookie, &uri).unwrap();
    }
}

fn address(port: u16, path: &str) -> String {
    format!("http://127.0.0.1:{port}{path}")
}

#[track_caller]
fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    let mut response = response.unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    assert_eq!(response.status(), 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A collection with Express on one side, the library on the other, and a visitor.
struct Site {
    node: NodeStore,
    db: Db,
    store: Store,
    express: Express,
    browser: Browser,
}

impl Site {
    fn new(node: NodeStore, max_age: Option<i64>) -> Self {
        let db = Db::new();
        let store = db.store(node.layout);
        let express = Express::start(&db, node, max_age);
        Self { node, db, store, express, browser: Browser::new() }
    }

    /// Logs the visitor in through Express; the id of the session.
    #[track_caller]
    fn log_in(&self, user: &str) -> String {
        let answer = self.browser.post(self.express.port, &format!("/login?user={user}"));
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Whom Express takes the visitor for.
    #[track_caller]
    fn home(&self) -> Value {
        self.browser.get(self.express.port, "/")
    }

    /// Gives the visitor the cookie of a session, signed by the secret of that number.
    fn hand_over(&self, id: &str, secret: u8) {
        self.browser.set_cookie(&self.signed(id, secret));
    }

    /// As express-session writes it.
    fn signed(&self, id: &str, secret: u8) -> String {
        let path = format!("/sign?id={id}&secret={secret}");
        // A separate visitor, because this must not be a request of the session.
        let value = Browser::new().get(self.express.port, &path);
        // What `encodeURIComponent` makes of base64 and a colon.
        let value = value.as_str().unwrap().replace(':', "%3A").replace('+', "%2B");
        value.replace('/', "%2F").replace('=', "%3D")
    }

    fn get(&self, id: &str) -> Option<Value> {
        self.db.runtime.block_on(self.store.get(id)).unwrap()
    }

    #[track_caller]
    fn document(&self, id: &str) -> Document {
        self.db.one("sessions", self.node.id, id)
    }

    /// The ids in the database.
    fn store_ids(&self) -> Vec<String> {
        let found = self.db.find("sessions", doc! {});
        found.iter().map(|found| found.get_str(self.node.id).unwrap().to_owned()).collect()
    }

    /// When the session in the database is over.
    #[track_caller]
    fn expires(&self, id: &str) -> DateTime {
        *self.document(id).get_datetime(self.node.expires).unwrap()
    }

    /// This many milliseconds from now, with a tolerance for a busy machine.
    #[track_caller]
    fn expires_in(&self, id: &str, millis: i64) {
        let ahead = self.expires(id).timestamp_millis() - crate::support::now().timestamp_millis();
        let is_near = (millis - 60_000..=millis + 1000).contains(&ahead);
        assert!(is_near, "{}: {ahead} and not {millis}", self.node.name);
    }

    /// Expired sessions must stay for the test: mongod would delete them within a second.
    fn drop_indexes(&self) {
        self.db.run(doc! { "dropIndexes": "sessions", "index": "*" });
    }
}

#[test]
fn the_lock_file_of_the_packages_names_versions_and_digests_and_no_registry() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let lock = std::fs::read_to_string(folder.join("package-lock.json")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    for (name, package) in lock["packages"].as_object().unwrap().iter().skip(1) {
        assert_eq!(package.get("resolved"), None, "{name}");
        assert!(package["version"].is_string() && package["integrity"].is_string(), "{name}");
    }
}
