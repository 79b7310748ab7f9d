//! What sessionctl does to a real MongoDB. Tests are named as sentences, and look in the database
//! rather than at our own report.
//!
//! They mostly wait, so `.cargo/config.toml` runs more of them at once than there are cores.
//! `tests/rig/busy.sh` runs them three times beside three busy loops.
//! `SESSIONCTL_TEST_PATIENCE` scales every limit: the default of 3 suits a busy machine, 1 is strict.
//! `SESSIONCTL_LONG_TESTS=1` runs the long forms of the tests that have one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../rig/patience.rs"]
mod patience;
#[path = "../rig/personalities.rs"]
mod personalities;
#[path = "../rig/personality.rs"]
mod personality;
#[path = "../rig/proxy.rs"]
mod proxy;
#[path = "../rig/replica.rs"]
mod rig;
mod support;

mod api;
mod audit;
mod axum_example;
mod bad_input;
mod cases;
mod chosen;
mod clock;
mod collation;
mod control;
mod copy;
mod demo;
mod deploy;
mod devices;
mod doctor;
mod earlier;
mod expire;
mod express;
mod faults;
mod fix;
mod follow;
mod frameworks;
mod help;
mod hold;
mod index;
mod inspect;
mod keys;
mod lag;
mod latency;
mod layouts;
mod lease;
mod list;
mod mongod;
mod network;
mod oracle;
mod order;
mod output;
mod packages;
mod purge;
mod purge_options;
mod python;
mod readme;
mod replica;
mod reports;
mod restore;
mod rights;
mod selection;
mod servers;
mod service;
mod several;
mod smoke;
mod soak;
mod stats;
mod status;
mod store;
mod stores;
mod sweep;
mod top;
mod touched;
mod tower_store;
mod undo;
mod uris;
mod users;
mod vanishing;
mod walls;
mod watch;
