//! What an application sees of the passes that purge expired sessions, with the feature `tracing`.

#[cfg(feature = "tracing")]
use crate::error::Error;
use crate::ops::sweep::Event;
#[cfg(feature = "tracing")]
use crate::ops::sweep::Pass;

/// Logs the outcome of a pass.
#[cfg(feature = "tracing")]
pub(super) fn log(event: Event) {
    match event {
        Event::Passed(Pass { namespace, deleted, error: None, .. }) => {
            tracing::info!(namespace, deleted, "deleted expired sessions");
        }
        Event::Passed(Pass { namespace, deleted, error: Some(error), .. }) => {
            tracing::warn!(namespace, deleted, %error, "deleted some of the expired sessions");
        }
        // Not that there is no collection: it is created with the first session.
        Event::Waiting(error) if !matches!(error, Error::NoCollection { .. }) => {
            tracing::warn!(%error, "deleted no expired sessions");
        }
        Event::Away { error, .. } => {
            tracing::warn!(%error, "could not delete expired sessions yet");
        }
        Event::Failed { error, .. } => {
            tracing::error!(%error, "could not delete expired sessions");
        }
        _ => {}
    }
}

/// Without the feature, nothing is logged: an application can call `Store::sweep` instead.
#[cfg(not(feature = "tracing"))]
pub(super) fn log(_: Event) {}
