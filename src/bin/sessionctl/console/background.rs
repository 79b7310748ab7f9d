//! Output that is written by a thread of its own: a reader that stops reading holds up nobody else. What
//! does not fit into memory meanwhile is dropped and counted.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes may wait for the reader.
const MOST_BYTES: usize = 1 << 20;
/// How long the end of the program waits for the reader.
const MOMENT: Duration = Duration::from_millis(500);

/// A queue of texts to be written. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Background(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    texts: VecDeque<Vec<u8>>,
    /// The length of these and of the one that is being written.
    bytes: usize,
    dropped: u64,
    /// Why the last text could not be written.
    failed: Option<io::ErrorKind>,
}

impl Background {
    /// Starts a thread that writes to the file behind `to`. Once there is room again after some texts were
    /// dropped, it calls `on_dropped` with their number.
    pub fn start(to: &impl AsFd, on_dropped: impl Fn(u64) + Send + 'static) -> io::Result<Self> {
        // Not through `io::stderr`: a panic elsewhere would wait for its lock.
        let mut file = File::from(to.as_fd().try_clone_to_owned()?);
        let background = Self::default();
        let Self(shared) = background.clone();
        let work = move || loop {
            let text = shared.next();
            let written = file.write_all(&text);
            if let Some(dropped) = shared.take_dropped() {
                on_dropped(dropped);
            }
            shared.finish(text.len(), written.err());
        };
        thread::Builder::new().name("output".to_owned()).spawn(work)?;
        Ok(background)
    }

    /// Waits a moment until everything is written.
    pub fn drain(&self) {
        let Self(shared) = self;
        let is_busy = |queue: &mut Queue| queue.bytes > 0;
        drop(shared.changed.wait_timeout_while(shared.queue(), MOMENT, is_busy));
    }
}

/// Each text is written as a whole. An error is that of an earlier one.
impl Write for Background {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let Self(shared) = self;
        let mut queue = shared.queue();
        if queue.bytes > 0 && queue.bytes + text.len() > MOST_BYTES {
            queue.dropped += 1;
        } else {
            queue.bytes += text.len();
            queue.texts.push_back(text.to_vec());
            shared.changed.notify_all();
        }
        queue.failed.take().map_or(Ok(text.len()), |kind| Err(kind.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Vec<u8> {
        let is_empty = |queue: &mut Queue| queue.texts.is_empty();
        let waited = self.changed.wait_while(self.queue(), is_empty);
        waited.unwrap_or_else(PoisonError::into_inner).texts.pop_front().unwrap_or_default()
    }

    /// How many were dropped, once everything else is written.
    fn take_dropped(&self) -> Option<u64> {
        let mut queue = self.queue();
        let is_over = queue.texts.is_empty() && queue.dropped > 0;
        is_over.then(|| std::mem::take(&mut queue.dropped))
    }

    fn finish(&self, bytes: usize, error: Option<io::Error>) {
        let mut queue = self.queue();
        queue.bytes -= bytes;
        queue.failed = error.map(|error| error.kind());
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for_and_what_it_missed_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let (sender, dropped) = channel();
        let mut background =
            Background::start(&writer, move |lines| sender.send(lines).unwrap_or_default())
                .unwrap();
        let line = [&[b'x'; 99][..], b"\n"].concat();
        let began = Instant::now();
        for _ in 0..20_000 {
            background.write_all(&line).unwrap();
        }
        background.drain();
        assert!(began.elapsed() < Duration::from_secs(20) && dropped.try_recv().is_err());
        drop(writer);
        let read = thread::spawn(move || BufReader::new(reader).lines().take(1000).count());
        assert_eq!(read.join().unwrap(), 1000);
        // The reader is gone, which the next text reports.
        let lost = dropped.recv().unwrap();
        assert!((1..20_000).contains(&lost), "{lost}");
        background.drain();
        let error = background.write_all(b"last\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
