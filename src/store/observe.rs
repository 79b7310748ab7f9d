//! What an application sees of each operation with the feature `tracing`: a span `session` with the
//! operation and the namespace, and in it an event with the duration and the outcome. Neither has an
//! id, a user or a payload.

use crate::error::{Error, Result};
use crate::store::collection::Store;

/// How many sessions an operation found or changed.
pub(crate) trait Outcome {
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only spans report it"))]
    fn sessions(&self) -> u64;
}

impl Outcome for bool {
    fn sessions(&self) -> u64 {
        u64::from(*self)
    }
}

impl Outcome for u64 {
    fn sessions(&self) -> u64 {
        *self
    }
}

impl<T> Outcome for Option<T> {
    fn sessions(&self) -> u64 {
        u64::from(self.is_some())
    }
}

impl<T> Outcome for Vec<T> {
    fn sessions(&self) -> u64 {
        self.len() as u64
    }
}

impl Store {
    /// An operation that is reported. It is boxed, because the futures of a purge are large, and each
    /// future around one by value would double that on the stack.
    #[cfg(feature = "tracing")]
    pub(crate) fn observed<T: Outcome>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> impl Future<Output = Result<T>> {
        let span = tracing::info_span!("session", operation, namespace = self.namespace());
        let work = Box::pin(work);
        let observed = async move {
            let began = std::time::Instant::now();
            let done = work.await;
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &done {
                Ok(done) => tracing::debug!(milliseconds, sessions = done.sessions(), "done"),
                Err(error) => tracing::warn!(milliseconds, %error, "failed"),
            }
            done
        };
        tracing::Instrument::instrument(observed, span)
    }

    /// The operation itself.
    #[cfg(not(feature = "tracing"))]
    pub(crate) fn observed<T: Outcome, F: Future<Output = Result<T>>>(
        &self,
        _: &'static str,
        work: F,
    ) -> F {
        work
    }
}

/// Runs `work` in a task of its own: it continues if this future is dropped, as when a browser closes
/// its connection and the application gives up the request.
pub(crate) async fn in_task<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    // If it panicked, its message was printed.
    let lost = |_| Err(Error::lost_task());
    tokio::spawn(in_span(work)).await.unwrap_or_else(lost)
}

/// The same future, in the current span.
#[cfg(feature = "tracing")]
fn in_span<F: Future>(work: F) -> impl Future<Output = F::Output> {
    tracing::Instrument::in_current_span(work)
}

/// The same future.
#[cfg(not(feature = "tracing"))]
fn in_span<F: Future>(work: F) -> F {
    work
}
