//! The program, run as a user would run it.

use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;

use super::Run;
use super::waiting::{LONG, POLL};

/// sessionctl with arguments, an environment and an input.
pub struct Program {
    pub(super) command: Command,
    stdin: Option<Vec<u8>>,
    stdout: Option<Stdio>,
}

impl Program {
    pub fn new(arguments: &[&str]) -> Self {
        Self::of(Command::new(env!("CARGO_BIN_EXE_sessionctl")), arguments)
    }

    /// A line of shell, with sessionctl in its PATH.
    pub fn shell(line: &str) -> Self {
        let folder = Path::new(env!("CARGO_BIN_EXE_sessionctl")).parent().unwrap();
        let mut path = folder.as_os_str().to_owned();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut shell = Self::of(Command::new("sh"), &["-c", line]);
        shell.command.env("PATH", path);
        shell
    }

    /// Cargo itself, without what it tells its tests: build scripts would take that for a change.
    pub fn cargo(arguments: &[&str]) -> Self {
        let mut cargo = Self::of(Command::new(env!("CARGO")), arguments);
        let told =
            |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
        for (name, _) in std::env::vars().filter(|(name, _)| told(name)) {
            cargo.command.env_remove(name);
        }
        cargo
    }

    /// Runs it in this folder.
    pub fn at(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    fn of(mut command: Command, arguments: &[&str]) -> Self {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SESSIONCTL_") && name != "SESSIONCTL_MONGOD" {
                command.env_remove(name);
            }
        }
        command.args(arguments).env_remove("NO_COLOR");
        Self { command, stdin: None, stdout: None }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Starts it, to be watched and told to stop.
    pub fn start(self) -> Running {
        Running { child: Some(self.spawn()) }
    }

    /// Prints into this file, or this end of a pipe.
    pub fn stdout(mut self, file: impl Into<Stdio>) -> Self {
        self.stdout = Some(file.into());
        self
    }

    /// Runs it to its end, with neither stdin nor a terminal unless an input was given.
    pub fn run(self) -> Run {
        self.start().wait()
    }

    /// Starts it, with its output piped.
    pub fn spawn(mut self) -> Child {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let stdout = self.stdout.take().unwrap_or_else(Stdio::piped);
        self.command.stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        if let (Some(input), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A program that does not read its input closes the pipe.
            let _ = pipe.write_all(&input);
        }
        child
    }
}

/// A program under way; it does not outlive its test.
pub struct Running {
    pub(super) child: Option<Child>,
}

impl Running {
    pub fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    pub fn signal(&mut self, name: &str) {
        signal(self.child(), name);
    }

    /// Ends it as a service is ended, which is no failure.
    #[track_caller]
    pub fn end(mut self) -> Run {
        self.signal("TERM");
        self.wait().exits(0)
    }

    pub fn has_ended(&mut self) -> bool {
        self.child().try_wait().unwrap().is_some()
    }

    /// Waits for its end, not for ever.
    #[track_caller]
    pub fn wait(mut self) -> Run {
        let began = Instant::now();
        let mut child = self.child.take().unwrap();
        // Read meanwhile, or a full pipe would hold it up.
        let readers = (drain(child.stdout.take()), drain(child.stderr.take()));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LONG {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it did not end: {:?}", readers.1.join());
            }
            thread::sleep(POLL);
        };
        Run {
            code: status.code(),
            signal: status.signal(),
            took: began.elapsed(),
            stdout: readers.0.join().unwrap(),
            stderr: readers.1.join().unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Sends a signal, by its name, to a child of ours.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}
