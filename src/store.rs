//! The session store: what express-mongodb offers (get, set, touch, destroy, all, length, clear and
//! a clear interval), for every layout that can be written, and the reading that the commands do.

mod collection;
mod compare;
pub(crate) mod encode;
mod expiry;
mod ids;
pub(crate) mod observe;
mod prefixes;
mod read;
pub(crate) mod roundtrip;
mod sessions;
mod setting;
mod version;

pub use crate::server::cursor::Batches;
pub use crate::server::reply::documents;
pub(crate) use collection::AfterWrite;
pub(crate) use collection::Identity;
pub use collection::Store;
pub use expiry::{DEFAULT_LIFETIME, Expiry};
pub use ids::{Resolved, Resolver};
pub use read::{Reading, SortKey};
pub(crate) use read::{joined, raw_document};
pub(crate) use sessions::{MAJORITY_WITHIN, unconfirmed};
#[cfg(any(
    feature = "actix-session",
    feature = "tower-sessions",
    feature = "tower-sessions-014"
))]
pub(crate) use setting::Mode;
pub use version::{SetIfUnchanged, Version, Versioned};
