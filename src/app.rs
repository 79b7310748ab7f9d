//! The API for web applications.

#[cfg(feature = "actix-session")]
pub mod actix_session;
pub mod builder;
pub mod by_user;
#[cfg(feature = "devices")]
pub mod devices;
#[cfg(feature = "express-cookie")]
pub mod express_cookie;
mod log;
#[cfg(any(feature = "tower-sessions", feature = "tower-sessions-014"))]
mod tower;
#[cfg(feature = "tower-sessions")]
pub mod tower_sessions;
#[cfg(feature = "tower-sessions-014")]
pub mod tower_sessions_014;
