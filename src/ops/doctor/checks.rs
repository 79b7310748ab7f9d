//! The checks: pure functions from facts to findings.

use super::Finding;
use super::facts::{Facts, Place};
use crate::model::layout::Layout;

mod access;
mod documents;
mod expiry;
mod server;
mod ttl;
mod ttl_faults;

type Check = fn(&Facts) -> Finding;

/// All of them, in the order in which they are reported.
const CHECKS: &[Check] = &[
    server::product,
    server::version,
    server::collection,
    access::login,
    access::layout_of_all,
    ttl::index,
    ttl_faults::seconds,
    ttl_faults::compound,
    ttl_faults::partial,
    ttl_faults::several,
    ttl_faults::name,
    ttl_faults::build,
    ttl::monitor,
    ttl::interval,
    ttl::deleting,
    expiry::unusable_type,
    expiry::dead,
    expiry::arrays,
    expiry::endless,
    expiry::far,
    expiry::ancient,
    expiry::burst,
    documents::read_check,
    documents::anonymous,
    documents::size,
    documents::disk,
    access::id_index,
    access::user_index,
    server::local_clock,
    server::member_clocks,
    server::lag,
];

/// What every check finds.
pub fn examine(facts: &Facts) -> Vec<Finding> {
    CHECKS.iter().map(|check| check(facts)).collect()
}

/// The layout, or what a check says that cannot do without.
fn layout<'a>(facts: &'a Facts, check: &'static str) -> Result<&'a Layout, Finding> {
    facts.layout.as_ref().ok_or_else(|| {
        let why = match &facts.looked {
            Err(error) => error.to_string(),
            Ok(looked) if looked.at == 0 => {
                "it is empty, so nothing says which store writes it; say it with --layout"
                    .to_owned()
            }
            Ok(_) => "it is not known which store writes here; say it with --layout".to_owned(),
        };
        Finding::unknown(check, why)
    })
}

/// Why a collection of this kind has no indexes that act.
fn without_indexes(facts: &Facts, check: &'static str) -> Option<Finding> {
    match &facts.place {
        Ok(Place::View(_)) => Some(Finding::unknown(check, "a view has no indexes of its own")),
        _ => None,
    }
}

/// What several checks of one kind share: an early answer is the answer.
fn settle(outcome: Result<Finding, Finding>) -> Finding {
    outcome.unwrap_or_else(|early| early)
}
