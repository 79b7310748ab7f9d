//! What a daemon shows to those who watch over it: Prometheus, Kubernetes, systemd.

pub mod http;
pub mod metrics;
pub mod notify;
pub mod textfile;
