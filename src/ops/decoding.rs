//! Decoding on all cores: payloads take longer to decode than the server takes to send them.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mongodb::raw_batch_cursor::RawBatch;

use crate::error::{Error, Result};
use crate::store::Batches;

/// The maximum number of bytes that wait for decoding or are being decoded, plus one batch: a batch
/// of large sessions has 16 MB.
const MOST_BYTES: usize = 16 << 20;

/// The batches that are decoded at a time: one more than there are cores, so that no core waits for
/// a read, within the limit of bytes.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    bytes: usize,
    batches: usize,
}

impl InFlight {
    /// Whether another batch may be read.
    pub(crate) fn has_room(&self) -> bool {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.batches <= cores && self.bytes < MOST_BYTES
    }

    /// Adds a batch, and returns its size in bytes.
    pub(crate) fn add(&mut self, batch: &RawBatch) -> usize {
        let bytes = batch.as_raw_document().as_bytes().len();
        self.batches += 1;
        self.bytes += bytes;
        bytes
    }

    /// Removes a finished batch of this many bytes.
    pub(crate) fn remove(&mut self, bytes: usize) {
        self.batches -= 1;
        self.bytes -= bytes;
    }
}

/// Passes each batch to `look` on its own thread, on all cores, and each result to `add`, in any
/// order. Ends early if `add` returns `false`.
pub(crate) async fn decode<T: Send + 'static>(
    mut batches: Batches,
    look: impl Fn(&RawBatch) -> T + Clone + Send + 'static,
    mut add: impl FnMut(T) -> bool,
) -> Result<()> {
    let mut in_flight = InFlight::default();
    let mut looking = FuturesUnordered::new();
    let mut has_more = true;
    loop {
        while has_more && in_flight.has_room() {
            match batches.next().await? {
                Some(batch) => {
                    let (look, bytes) = (look.clone(), in_flight.add(&batch));
                    looking.push(tokio::task::spawn_blocking(move || (bytes, look(&batch))));
                }
                None => has_more = false,
            }
        }
        match looking.next().await {
            Some(Ok((bytes, found))) => {
                in_flight.remove(bytes);
                if !add(found) {
                    return Ok(());
                }
            }
            // It panicked, and its message was printed.
            Some(Err(_)) => return Err(Error::lost_task()),
            None => return Ok(()),
        }
    }
}
