//! The clear-interval loop: purges expired sessions regularly, even if the server is temporarily
//! unreachable and other processes do the same.
//!
//! express-mongodb's `clear_interval` and connect-mongo's `autoRemove: 'interval'` delete by the
//! application's clock, without acknowledgement, from every process. This one uses the server's
//! clock, deletes in batches, counts what it deletes and can be stopped. Of any number of sweepers,
//! only the one with the lease works.

mod archive_rotation;
mod event;
mod measure;
mod pass;
mod run;
mod schedule;
mod settings;

pub use crate::ops::lease::{LEASES, Terms};
pub use crate::server::backoff::may_pass;
pub use archive_rotation::archive_path;
pub use event::{Backlog, Event, MOST_COUNTED, Pass};
pub use run::ClearInterval;
pub use settings::{Control, Sweep, Target};
