//! The clear-interval loop: purge what is expired, again and again, whatever happens to the server
//! meanwhile, and however many others do the same.
//!
//! express-mongodb's `clear_interval` and connect-mongo's `autoRemove: 'interval'` delete by the
//! application's clock, without acknowledgement, from every process. This one goes by the server's
//! clock, in batches, counts what it does, and is told when to stop; of any number of sweepers the
//! one with the lease works.

mod archive_rotation;
mod event;
mod lease;
mod lease_task;
mod measure;
mod pass;
mod run;
mod schedule;
mod settings;

pub use crate::server::backoff::may_pass;
pub use archive_rotation::archive_path;
pub use event::{Backlog, Event, Pass};
pub use lease::{LEASES, Terms};
pub use measure::MOST_COUNTED;
pub use run::ClearInterval;
pub use settings::{Control, Sweep, Target};
