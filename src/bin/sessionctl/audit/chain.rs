//! The chain of an audit file: each line has the SHA-256 of the line before it, so that a changed
//! or removed line is noticed.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::time::{Duration, Instant};

use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The key of the digest of the line before.
pub const PREVIOUS: &str = "prev";
/// The key of the digest of the last record, in a record that follows a torn line.
pub const WHOLE: &str = "prev_whole";
/// How many lines before a torn one are searched for a record.
const MOST_TORN: u32 = 100;
/// How long to wait for another process that appends, and how often to check.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);
/// How many bytes of the tail are read at a time.
const PIECE: u64 = 64 << 10;

/// The SHA-256 of some bytes, in hexadecimal digits; of a line, without its end.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The part of an id's digest that is recorded: enough to identify a session, and useless for
/// logging in.
pub fn short_digest(text: &str) -> String {
    let mut digest = digest(text.as_bytes());
    digest.truncate(16);
    digest
}

/// The number and the digest of the lines of a file or stdin, in constant memory.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    count: u64,
    hash: Sha256,
}

impl Lines {
    /// Adds a line, without its line end.
    pub fn add(&mut self, line: &str) {
        self.count += 1;
        self.hash.update(line);
        self.hash.update("\n");
    }

    /// The number of lines, and the digest that `sha256sum` prints for them.
    pub fn digest(self) -> Value {
        json!({ "lines": self.count, "sha256": hexadecimal(&self.hash.finalize()) })
    }
}

/// The end of the file, which the next line follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// The digest of the last line; `None` in an empty file.
    pub digest: Option<String>,
    /// Whether the last line has no line end, for example because the disk was full.
    pub is_torn: bool,
    /// If the last line is no record, and so has no digest of the line before it: the digest of the last
    /// record, if there is one.
    pub whole: Option<Option<String>>,
}

/// Reads the end of a file.
pub fn tail(mut file: &File) -> io::Result<Tail> {
    let length = file.seek(SeekFrom::End(0))?;
    let Some((last, mut from)) = line_before(file, length)? else { return Ok(Tail::default()) };
    let mut tail = Tail {
        digest: Some(digest(&last.text)),
        is_torn: !last.is_ended,
        whole: (!is_record(&last.text)).then_some(None),
    };
    // In a file of other lines there is none to be found.
    for _ in 0..MOST_TORN {
        if tail.whole != Some(None) || from == 0 {
            return Ok(tail);
        }
        let Some((line, begin)) = line_before(file, from)? else { return Ok(tail) };
        if is_record(&line.text) {
            tail.whole = Some(Some(digest(&line.text)));
        }
        from = begin;
    }
    Ok(Tail { whole: tail.whole.filter(Option::is_some), ..tail })
}

/// A line of a file, without its end.
struct Line {
    text: Vec<u8>,
    is_ended: bool,
}

/// The line before this place in the file, and where it begins.
fn line_before(mut file: &File, place: u64) -> io::Result<Option<(Line, u64)>> {
    let mut text: Vec<u8> = Vec::new();
    let mut from = place;
    while from > 0 {
        let piece = from.min(PIECE);
        from -= piece;
        let mut bytes = vec![0; usize::try_from(piece).unwrap_or_default()];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut bytes)?;
        bytes.extend(text);
        text = bytes;
        // The last byte may be the line end of the last line.
        let before = &text[..text.len() - 1];
        if let Some(at) = before.iter().rposition(|byte| *byte == b'\n') {
            text.drain(..=at);
            from += at as u64 + 1;
            break;
        }
    }
    let is_ended = text.pop_if(|byte| *byte == b'\n').is_some();
    Ok((place > 0).then_some((Line { text, is_ended }, from)))
}

/// Whether a line was written whole.
fn is_record(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(line).is_ok()
}

/// A file that no other process appends to while this value exists.
pub struct Locked<'a>(&'a File);

impl<'a> Locked<'a> {
    /// Waits until another process has appended its line, which takes a moment. If the lock stays,
    /// that is an error.
    pub fn new(file: &'a File) -> io::Result<Self> {
        let since = Instant::now();
        loop {
            match fs4::FileExt::try_lock(file) {
                Ok(()) => return Ok(Self(file)),
                Err(fs4::TryLockError::Error(error)) => return Err(error),
                Err(fs4::TryLockError::WouldBlock) if since.elapsed() > PATIENCE => {
                    return Err(io::Error::other("another process keeps it locked"));
                }
                Err(fs4::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = fs4::FileExt::unlock(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_tail_is_the_last_line_however_long_it_is_and_whether_or_not_it_ends() {
        let long = "x".repeat(200_000);
        let cases = [
            ("", None, false),
            ("a\n", Some("a"), false),
            ("a", Some("a"), true),
            ("a\nb\n", Some("b"), false),
            ("a\nb", Some("b"), true),
            ("a\n\n", Some(""), false),
            ("\n", Some(""), false),
            (&format!("a\n{long}\n"), Some(&*long), false),
            (&format!("{long}\n{long}b"), Some(&*format!("{long}b")), true),
        ];
        for (text, last, is_torn) in cases {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let digest = last.map(|last| digest(last.as_bytes()));
            let tail = tail(&file).unwrap();
            assert_eq!((tail.digest, tail.is_torn), (digest, is_torn), "{text:.20}");
        }
    }

    #[test]
    fn a_digest_is_what_sha256sum_prints() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(b"abc"), abc);
        assert_eq!(short_digest("abc"), abc[..16]);
    }
}
