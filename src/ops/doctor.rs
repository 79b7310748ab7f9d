//! The doctor: every reason why the sessions of a collection will not expire, or will be slow, what
//! it means, and what mends it.
//!
//! Facts are gathered first, each by itself, so that a missing right makes one of them unknown and
//! no more. What they mean is decided by checks that are pure: [`examine`].

mod checks;
mod facts;
mod finding;
mod gather;
mod remedy;
mod survey;
#[cfg(test)]
mod tests;

pub use checks::{examine, remedies};
pub use facts::{
    Clocks, Fact, Facts, Looked, Monitor, NullIndex, Passes, Place, Rights, Skew, Stats, Sweeper,
    Version,
};
pub use finding::{Finding, Outcome};
pub use gather::Doctor;
pub(crate) use gather::{monitor, oldest_along, server_status, sweeper};
pub use remedy::{Remedy, Task};
pub use survey::Survey;
