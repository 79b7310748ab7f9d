//! A tool of tests/deploy/tools.sh that goes on until its stdin ends, and prints lines.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The process; it does not outlive its test.
pub struct Tool {
    name: String,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    log: File,
}

impl Tool {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/tools.sh");
        let log = tempfile::tempfile().unwrap();
        let mut command = Command::new("bash");
        command.arg(script).arg(name).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log.try_clone().unwrap());
        let mut child = command.spawn().expect("these tests need bash");
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { name: name.to_owned(), child, stdin, stdout, log }
    }

    /// Gives it a line, and returns the line that it answers.
    pub fn ask(&mut self, line: &str) -> String {
        // One that has ended answers nothing.
        let _ = writeln!(self.stdin, "{line}");
        self.line()
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            self.log.rewind().unwrap();
            self.log.read_to_string(&mut said).unwrap();
            panic!("{} ended: {said}", self.name);
        }
        line.trim().to_owned()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
