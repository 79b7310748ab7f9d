//! The doctor: finds the reasons why sessions do not expire or are slow to find, with their impact
//! and remedy.
//!
//! Facts are gathered first, each separately, so that a missing right makes only one of them
//! unknown. Pure checks then evaluate them: [`examine`].

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
