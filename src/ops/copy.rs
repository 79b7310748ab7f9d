//! Copying sessions into another collection, in the same layout byte for byte or in another one, in
//! batches that the caller pulls. Nothing is deleted or changed at the source.
//!
//! A session that the target does not have is inserted; one that it has is replaced only if the
//! target's is older. So a copy can be interrupted at any point and repeated.
//!
//! A [`CopyPlan`] is a plain value; [`Store::copy_to`](crate::Store::copy_to) begins it.

mod convert;
mod dialect;
mod following;
mod ledger;
mod mirror;
mod overwrite;
mod run;
mod spec;
mod target;
mod write;

pub use convert::{Converter, Loss, TARGETS};
pub use following::{Event, Following};
pub use ledger::LEDGERS;
pub use run::Copying;
pub use spec::{Changes, Copied, CopyPlan, Step};
