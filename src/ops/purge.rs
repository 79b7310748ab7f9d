//! Deletes or ends the sessions of a selection, in batches that the caller pulls. The caller
//! controls progress, limits and interruption, and may stop between any two batches.
//!
//! Several batches are in flight at a time. Every write repeats the whole predicate, so that a
//! session renewed between the read and the write survives. It also names its index as a hint.
//!
//! A [`Purge`] is a plain value; [`Store::plan`](crate::Store::plan) shows how its sessions are
//! found, and [`Store::purge`](crate::Store::purge) starts it.

mod batch;
mod candidates;
mod cost;
mod count;
mod ids;
mod order;
mod pace;
mod plan;
mod reading;
mod run;
mod source;
mod spec;
mod windows;
mod write;

pub use crate::server::connection::MOST_IN_FLIGHT as MOST_JOBS;
pub use batch::{Batch, Step};
pub use cost::Cost;
pub use count::Counted;
pub use order::Order;
pub use pace::{Cause, Latency, MaxLatency, Pace, PaceControl, Throttled};
pub(in crate::ops) use pace::{Gate, Load};
pub use plan::Plan;
pub use run::Purging;
pub use spec::{Action, Purge, Strategy};
