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

/// One question about a collection.
struct Check {
    /// Scripts rely on it, so it must not change.
    name: &'static str,
    answer: fn(&Facts) -> Result<Finding, Unknown>,
    /// The [names](super::Remedy::name) of the remedies that the check may return.
    remedies: &'static [&'static str],
}

const fn check(
    name: &'static str,
    answer: fn(&Facts) -> Result<Finding, Unknown>,
    remedies: &'static [&'static str],
) -> Check {
    Check { name, answer, remedies }
}

/// All checks, in the order of reports.
const CHECKS: &[Check] = &[
    check("server", server::product, &[]),
    check("version", server::version, &[]),
    check("collection", server::collection, &["examine", "uncap"]),
    check("login", access::login, &["grant-roles"]),
    check("layout", access::layout, &["name-layout", "detect-layout"]),
    check("foreign", documents::foreign, &[]),
    check("ttl-index", ttl::index, &["index-install", "index-replace", "sweep"]),
    check("ttl-seconds", ttl_faults::seconds, &["index-replace", "drop-index"]),
    check("ttl-compound", ttl_faults::compound, &[]),
    check("ttl-partial", ttl_faults::partial, &["index-replace"]),
    check("ttl-several", ttl_faults::several, &["drop-index"]),
    check("ttl-options", ttl_faults::options, &["index-replace"]),
    check("index-build", ttl_faults::build, &[]),
    check("ttl-monitor", ttl::monitor, &["set-parameter"]),
    check("ttl-interval", ttl::interval, &["set-parameter"]),
    check("expired", ttl::deleting, &["purge-expired"]),
    check("expiry-type", expiry::wrong_type, &["fix-expiry", "purge-malformed"]),
    check("expiry-unusable", expiry::unusable, &["purge-malformed"]),
    check("expiry-array", expiry::arrays, &["reduce-arrays"]),
    check("endless", expiry::endless, &["fix-endless"]),
    check("expiry-far", expiry::far, &[]),
    check("expiry-ancient", expiry::ancient, &["purge-expired"]),
    check("expiry-burst", expiry::burst, &[]),
    check(
        "expiry-check",
        documents::read_check,
        &["purge-expired", "index-install", "index-replace", "sweep"],
    ),
    check("anonymous", documents::anonymous, &[]),
    check("document-size", documents::size, &["purge-session"]),
    check("disk", documents::disk, &["compact"]),
    check("id-index", access::id_index, &["create-index"]),
    check("user-index", access::user_index, &["create-index"]),
    check("unique-index", access::unique_index, &["drop-index"]),
    check("clock-here", server::local_clock, &["set-clock"]),
    check("clock-members", server::member_clocks, &[]),
    check("replication", server::lag, &[]),
];

/// The findings of all checks.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().map(|check| check.find(facts)).collect()
}

/// Every remedy that [`examine`] may return: the check, and the [name](super::Remedy::name) of the
/// remedy. A test sets up each fault, runs the command and checks the result.
pub fn remedies() -> impl Iterator<Item = (&'static str, &'static str)> {
    CHECKS.iter().flat_map(|check| check.remedies.iter().map(|remedy| (check.name, *remedy)))
}

impl Check {
    fn find(&self, facts: &Facts) -> Finding {
        let found = (self.answer)(facts).unwrap_or_else(Finding::from);
        let mut found = Finding { check: self.name, ..found };
        if let Some(remedy) = &found.remedy {
            let (check, name) = (self.name, remedy.name());
            debug_assert!(self.remedies.contains(&name), "{check} does not declare {name}");
            // If the collection itself is faulty, the server would refuse the command, so that must
            // be fixed first. Nothing is written with a guessed layout, so it must be named first.
            let is_certain = facts.layout_to_name().is_none();
            if remedy.writes_here() && !(facts.is_ordinary() && is_certain) {
                found.remedy = None;
            }
        }
        found
    }
}
