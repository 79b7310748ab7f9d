//! The program, run as a user would run it.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::run::Run;
use super::running::Running;

/// sessionctl with arguments, an environment and an input.
pub struct Program {
    pub(super) command: Command,
    stdin: Option<Vec<u8>>,
    stdout: Option<Stdio>,
    stderr: Option<Stdio>,
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
        // Set to have each test's time reported; with it everything would be built again.
        cargo.command.env_remove("RUSTC_BOOTSTRAP");
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
        Self { command, stdin: None, stdout: None, stderr: None }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(input.into());
        self
    }

    /// Starts it, to be watched and stopped.
    pub fn start(self) -> Running {
        let what = self.to_string();
        Running::of(what, self.spawn())
    }

    /// Prints into this file, or this end of a pipe.
    pub fn stdout(mut self, file: impl Into<Stdio>) -> Self {
        self.stdout = Some(file.into());
        self
    }

    /// Says everything into this end of a pipe.
    pub fn stderr(mut self, file: impl Into<Stdio>) -> Self {
        self.stderr = Some(file.into());
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
        let stderr = self.stderr.take().unwrap_or_else(Stdio::piped);
        self.command.stdin(stdin).stdout(stdout).stderr(stderr);
        let mut child = self.command.spawn().unwrap();
        if let (Some(input), Some(mut pipe)) = (self.stdin, child.stdin.take()) {
            // A program that does not read its input closes the pipe.
            let _ = pipe.write_all(&input);
        }
        child
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Path::new(self.command.get_program()).file_name().unwrap_or_default();
        f.write_str(&name.to_string_lossy())?;
        self.command.get_args().try_for_each(|word| write!(f, " {}", word.to_string_lossy()))
    }
}
