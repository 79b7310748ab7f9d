//! The checks: pure functions from facts to findings.

use super::facts::Facts;
use super::finding::{Finding, Unknown};

mod access;
mod documents;
mod evidence;
mod expiry;
mod script;
mod server;
mod ttl;
mod ttl_faults;

type Check = fn(&Facts) -> Result<Finding, Unknown>;

/// All of them, in the order in which they are reported. Scripts go by the names: they stay.
const CHECKS: &[(&str, Check)] = &[
    ("server", server::product),
    ("version", server::version),
    ("collection", server::collection),
    ("login", access::login),
    ("layout", access::layout),
    ("ttl-index", ttl::index),
    ("ttl-seconds", ttl_faults::seconds),
    ("ttl-compound", ttl_faults::compound),
    ("ttl-partial", ttl_faults::partial),
    ("ttl-several", ttl_faults::several),
    ("ttl-options", ttl_faults::options),
    ("index-build", ttl_faults::build),
    ("ttl-monitor", ttl::monitor),
    ("ttl-interval", ttl::interval),
    ("expired", ttl::deleting),
    ("expiry-type", expiry::wrong_type),
    ("expiry-unusable", expiry::unusable),
    ("expiry-array", expiry::arrays),
    ("endless", expiry::endless),
    ("expiry-far", expiry::far),
    ("expiry-ancient", expiry::ancient),
    ("expiry-burst", expiry::burst),
    ("expiry-check", documents::read_check),
    ("anonymous", documents::anonymous),
    ("document-size", documents::size),
    ("disk", documents::disk),
    ("id-index", access::id_index),
    ("user-index", access::user_index),
    ("clock-here", server::local_clock),
    ("clock-members", server::member_clocks),
    ("replication", server::lag),
];

/// What every check finds.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let finding = |(name, check): &(&'static str, Check)| {
        let finding = check(facts).unwrap_or_else(Finding::from);
        Finding { check: name, ..finding }
    };
    CHECKS.iter().map(finding).collect()
}
