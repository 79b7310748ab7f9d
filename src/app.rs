//! The API for web applications.

pub mod builder;
pub mod by_user;
#[cfg(feature = "express-cookie")]
pub mod express_cookie;
#[cfg(feature = "tower-sessions")]
pub mod tower_sessions;
