//! The interfaces of a daemon to Prometheus, Kubernetes and systemd.

pub mod http;
pub mod metrics;
pub mod notify;
pub mod textfile;
