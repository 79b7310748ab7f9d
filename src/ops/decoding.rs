//! Decoding on all cores: payloads take longer to decode than the server takes to send them.

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use mongodb::raw_batch_cursor::RawBatch;

use crate::error::{Error, Result};
use crate::store::Batches;

/// Gives each batch to `look` on a thread of its own, as many at a time as there are cores, and what that
/// comes to `add`, in any order. Ends early where `add` says that it is enough.
pub(crate) async fn decode<T: Send + 'static>(
    mut batches: Batches,
    look: impl Fn(&RawBatch) -> T + Clone + Send + 'static,
    mut add: impl FnMut(T) -> bool,
) -> Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut looking = FuturesUnordered::new();
    let mut has_more = true;
    loop {
        // One more than there are cores, so that none waits for a batch to be read.
        while has_more && looking.len() <= cores {
            match batches.next().await? {
                Some(batch) => {
                    let look = look.clone();
                    looking.push(tokio::task::spawn_blocking(move || look(&batch)));
                }
                None => has_more = false,
            }
        }
        match looking.next().await {
            Some(Ok(found)) => {
                if !add(found) {
                    return Ok(());
                }
            }
            // It panicked, and said so itself.
            Some(Err(_)) => return Err(Error::Unsupported("a batch was lost".into())),
            None => return Ok(()),
        }
    }
}
