//! Reads small files that the operator names: connection strings, layouts, settings.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No connection string, layout or configuration is larger; `/dev/zero` never ends.
const LARGEST: u64 = 1 << 20;
/// Long enough for a program behind a pipe, as in `--uri-file <(vault read ...)`.
const PATIENCE: Duration = Duration::from_secs(10);

/// The text of a small file, which may be a pipe.
///
/// # Errors
/// If the file cannot be read or is larger than 1 MiB, or if a pipe sends nothing for 10 seconds.
pub fn read_text(path: &Path) -> io::Result<String> {
    read_within(path, PATIENCE)
}

fn read_within(path: &Path, patience: Duration) -> io::Result<String> {
    let (done, result) = mpsc::channel();
    let path = path.to_owned();
    // Opening a pipe without a writer blocks forever, so another thread does it.
    thread::spawn(move || done.send(read(&path)));
    result.recv_timeout(patience).unwrap_or_else(|_| {
        Err(io::Error::other(format!("no data within {} s", patience.as_secs())))
    })
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    match text.len() as u64 > LARGEST {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_an_end_and_a_pipe_without_a_writer_are_errors() {
        let error = read_within(Path::new("/dev/zero"), PATIENCE).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 1 MiB");
        let folder = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = folder.path().join(name);
            let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
            path
        };
        let error = read_within(&pipe("silent"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().starts_with("no data within"), "{error}");
        let path = pipe("written");
        let writer = thread::spawn({
            let path = path.clone();
            move || std::fs::write(path, "name = \"x\"\n").unwrap()
        });
        assert_eq!(read_within(&path, PATIENCE).unwrap(), "name = \"x\"\n");
        writer.join().unwrap();
    }
}
