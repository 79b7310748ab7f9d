//! tower-sessions-mongodb-store 0.11 with version 2 of the driver, in its own process: tests/peer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The running peer. It ends with its input.
pub struct Peer {
    child: Child,
    told: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Builds it, starts it, and opens its store in a database.
    pub fn start(uri: &str, database: &str) -> Self {
        let mut child = Command::new(build())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer");
        let told = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its answers"));
        let mut peer = Self { child, told, answers };
        peer.tell(&format!("open {uri} {database}"));
        peer
    }

    /// Runs `work` (`load`, `save` or `touch`) for this many sessions, with this many tasks in
    /// flight.
    pub fn run(&mut self, work: &str, sessions: u32, tasks: u32) -> Duration {
        self.tell(&format!("{work} {sessions} {tasks}"))
    }

    fn tell(&mut self, line: &str) -> Duration {
        let told = self.told.as_mut().expect("it is told until it is dropped");
        writeln!(told, "{line}").expect("a peer that listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        let micros = answer.trim().parse();
        Duration::from_micros(micros.unwrap_or_else(|_| panic!("the peer failed at {line}")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.told.take());
        let _ = self.child.wait();
    }
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("peer");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/Cargo.toml");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo");
    assert!(status.success(), "the peer does not build");
    target.join("release/peer")
}
