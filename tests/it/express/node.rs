//! tests/node/server.js: one process for most Express applications, as loading the stores takes node
//! most of a second, and there are a hundred of them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::NodeStore;
use crate::support::Db;

/// An Express application whose sessions are in the collection `sessions` of a database.
pub struct Express {
    pub port: u16,
    /// Where it needs a process of its own.
    own: Option<Node>,
}

static SHARED: Mutex<Option<Node>> = Mutex::new(None);

impl Express {
    /// With cookies that live so many milliseconds, or as long as the browser.
    pub fn start(db: &Db, store: NodeStore, max_age: Option<i64>) -> Self {
        let order = json!({
            "store": store.name, "uri": db.server, "db": db.name, "maxAge": max_age,
        });
        // mongoose has one connection in a process.
        if store.layout == "express-mongodb-legacy" {
            let mut node = Node::start();
            let port = node.ask(&order).parse().unwrap();
            return Self { port, own: Some(node) };
        }
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        // One that failed is not asked again.
        let mut node = shared.take().unwrap_or_else(Node::start);
        let port = node.ask(&order).parse().unwrap();
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
            node.ask(&json!({ "end": self.port }));
            *shared = Some(node);
        }
    }
}

/// The process. It ends when its stdin does.
struct Node {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    log: File,
}

impl Node {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
        let log = tempfile::tempfile().unwrap();
        let mut command = Command::new("bash");
        command.arg(script).arg("node-server");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
        let mut child = command.spawn().expect("these tests need bash");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout, log }
    }

    /// Gives it an order, and returns the line of its answer.
    fn ask(&mut self, order: &Value) -> String {
        let mut answer = String::new();
        // One that has ended answers nothing.
        let _ = writeln!(self.stdin, "{order}");
        self.stdout.read_line(&mut answer).unwrap();
        if answer.is_empty() {
            let mut said = String::new();
            self.log.rewind().unwrap();
            self.log.read_to_string(&mut said).unwrap();
            panic!("Express did not answer to {order}: {said}");
        }
        answer.trim().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
