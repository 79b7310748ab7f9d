//! Sessions as they are created, renewed, ended and removed: through a change stream if the server
//! supports one, else by comparing scans.

mod changes;
mod clock;
mod event;
mod hold;
mod judge;
mod run;
mod scan;
mod seen;
mod step;
mod watch;

pub use hold::{Due, Holding};
pub use run::Following;
pub use step::{Change, Event, Means, Step};

pub(in crate::ops) use clock::Clock;
pub(in crate::ops) use scan::check;
pub(in crate::ops) use watch::{Noticed, Watch};
