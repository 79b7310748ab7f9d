//! The session store: what express-mongodb offers (get, set, touch, destroy, all, length, clear and
//! a clear interval), for every layout that can be written, and the reading that the commands do.

mod collection;
pub(crate) mod encode;
mod expiry;
mod ids;
mod read;
pub(crate) mod roundtrip;
mod sessions;

pub use crate::server::cursor::Batches;
pub use crate::server::reply::documents;
pub use collection::Store;
pub use expiry::{DEFAULT_LIFETIME, Expiry};
pub use ids::Resolved;
pub use read::{Reading, SortKey};
