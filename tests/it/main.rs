//! What sessionctl does to a real MongoDB. Tests are named as sentences, and look in the database
//! rather than at our own report.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/patience.rs"]
mod patience;
#[path = "../rig/replica.rs"]
mod rig;
mod support;

mod axum_example;
mod bad_input;
mod clock;
mod demo;
mod deploy;
mod doctor;
mod expire;
mod express;
mod faults;
mod fix;
mod index;
mod inspect;
mod lag;
mod layouts;
mod lease;
mod list;
mod mongod;
mod output;
mod packages;
mod purge;
mod purge_options;
mod readme;
mod replica;
mod restore;
mod rights;
mod selection;
mod service;
mod smoke;
mod soak;
mod stats;
mod store;
mod stores;
mod sweep;
mod top;
mod tower_store;
mod watch;
