//! A running program: its output so far, how to stop it, and how it ended.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::Run;
use super::waiting::{LONG, eventually};
use crate::patience::limit;

/// A program under way; it does not outlive its test.
pub struct Running {
    /// Its name and arguments.
    what: String,
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
    is_over: bool,
}

impl Running {
    pub(super) fn of(what: String, mut child: Child) -> Self {
        // Read meanwhile, or a full pipe would hold it up.
        let stdout = Pipe::read(child.stdout.take());
        let stderr = Pipe::read(child.stderr.take());
        Self { what, child, stdout, stderr, is_over: false }
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn signal(&mut self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Ends it as a service is ended, which is no failure.
    #[track_caller]
    pub fn end(mut self) -> Run {
        self.signal("TERM");
        self.wait().exits(0)
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// On a terminal, types this. The keyboard stays until the program has ended.
    pub fn types(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it would catch each of the signals that end a program: before, they kill it.
    #[track_caller]
    pub fn await_signals(&mut self) {
        const INT: u64 = 1 << 1;
        const TERM: u64 = 1 << 14;
        let path = format!("/proc/{}/status", self.child.id());
        let what = format!("{} caught signals", self.what);
        eventually(&what, || {
            let status = std::fs::read_to_string(&path).unwrap_or_default();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            caught.unwrap_or(0) & (INT | TERM) == INT | TERM
        });
    }

    /// What it has printed so far.
    pub fn printed(&self) -> String {
        self.stdout.so_far()
    }

    /// Waits until it has said this on stderr, after what was waited for before.
    #[track_caller]
    pub fn await_said(&mut self, text: &str) {
        Self::await_text(&self.what, &mut self.stderr, &mut self.child, text);
    }

    /// Waits until it has printed this, after what was waited for before, and returns what it has
    /// printed so far.
    #[track_caller]
    pub fn await_printed(&mut self, text: &str) -> String {
        Self::await_text(&self.what, &mut self.stdout, &mut self.child, text);
        self.stdout.so_far()
    }

    #[track_caller]
    fn await_text(what: &str, pipe: &mut Pipe, child: &mut Child, text: &str) {
        let began = Instant::now();
        loop {
            // Asked before, as it may print something and end.
            let has_ended = child.try_wait().unwrap().is_some() && pipe.is_closed();
            if pipe.find(text) {
                return;
            }
            let seen = || String::from_utf8_lossy(&pipe.bytes()[pipe.looked_at..]).into_owned();
            assert!(!has_ended, "{what} ended before it said {text:?}: {:?}", seen());
            let limit = limit(LONG);
            assert!(
                began.elapsed() < limit,
                "waited {} s until {what} said {text:?}; it said {:?}",
                limit.as_secs(),
                seen()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, not for ever.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let began = Instant::now();
        let limit = limit(LONG);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let waited = began.elapsed();
            // What it has said by then is printed when this is dropped.
            assert!(waited < limit, "waited {} s for the end of {}", limit.as_secs(), self.what);
            // Most runs take some ten milliseconds, and there are thousands.
            let pause = waited / 8;
            thread::sleep(pause.clamp(Duration::from_millis(1), Duration::from_millis(20)));
        };
        let took = began.elapsed();
        self.is_over = true;
        Run {
            what: self.what.clone(),
            code: status.code(),
            signal: status.signal(),
            took,
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            tell(&format!(
                "{} was under way. It had printed {:?} and said {:?}\n",
                self.what,
                self.stdout.so_far(),
                self.stderr.so_far()
            ));
        }
    }
}

#[expect(clippy::print_stderr, reason = "cargo test shows it beside the failure")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// What comes out of a pipe, read as it comes.
#[derive(Default)]
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<thread::JoinHandle<()>>,
    /// How much of it was waited for already.
    looked_at: usize,
}

impl Pipe {
    fn read(pipe: Option<impl Read + Send + 'static>) -> Self {
        let Some(mut pipe) = pipe else { return Self::default() };
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let read = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut some = [0; 1 << 14];
            while let Ok(count @ 1..) = pipe.read(&mut some) {
                read.lock().unwrap().extend_from_slice(&some[..count]);
            }
        });
        Self { bytes, reader: Some(reader), looked_at: 0 }
    }

    fn bytes(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().unwrap()
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn is_closed(&self) -> bool {
        self.reader.as_ref().is_none_or(thread::JoinHandle::is_finished)
    }

    /// Whether this comes next, and passes over it.
    fn find(&mut self, text: &str) -> bool {
        let found = {
            let bytes = self.bytes();
            let rest = &bytes[self.looked_at..];
            rest.windows(text.len()).position(|window| window == text.as_bytes())
        };
        self.looked_at += found.map_or(0, |position| position + text.len());
        found.is_some()
    }

    /// Everything, when its other end is closed.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}
