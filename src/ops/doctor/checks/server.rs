//! Checks of the server, the kind of collection, and the clocks.

use std::time::Duration;

use bson::DateTime;

use super::script::{self, text};
use crate::model::humanize::lasting;
use crate::ops::doctor::facts::{Facts, Place, Skew};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::{Remedy, Task};
use crate::server::connection::Topology;
use crate::server::flavour::Product;
use crate::server::replication::{Lag, Member};

/// How a product that is not MongoDB differs from it; `None` for MongoDB.
fn difference(product: Product) -> Option<&'static str> {
    Some(match product {
        Product::MongoDb => return None,
        Product::AzureDocumentDb => {
            "its TTL is not that of MongoDB: run `sweep` if the check `expired` fails"
        }
        Product::CosmosDb => {
            "with request units, its TTL uses only _ts (the last write) and a field ttl, unless the \
             account has EnableTtlOnCustomPath: run `sweep` to delete sessions by their own expiry"
        }
        Product::AmazonDocumentDb => {
            "its TTL deletes when it has time, hours late under load, and each delete is billed: run \
             `sweep` if expired sessions must be deleted sooner"
        }
        Product::FerretDb => {
            "its oldest versions create TTL indexes but delete nothing with them: run `sweep` if the \
             check `expired` fails"
        }
    })
}

/// What orphaned documents do to the TTL monitor of 7.0 and 8.0 on shards.
const HELD_UP: &str = "orphaned documents can hold up its TTL monitor (SERVER-92779): run `sweep` if \
                       the check `expired` fails";

/// When the support of a MongoDB version ends: year, month, day.
const ENDS: &[((u32, u32), &str)] = &[
    ((4, 2), "2023-04-30"),
    ((4, 4), "2024-02-29"),
    ((5, 0), "2024-10-31"),
    ((6, 0), "2025-07-31"),
    ((7, 0), "2027-08-31"),
    ((8, 0), "2029-10-31"),
    ((8, 1), "2025-09-30"),
    ((8, 2), "2026-07-31"),
];

/// A larger difference of clocks matters. Sessions live for at least minutes, and NTP keeps
/// machines within milliseconds.
const APART_MS: i64 = 2000;
/// A member that is further behind slows down everything that waits for a majority, such as our
/// deletes.
const BEHIND: Duration = Duration::from_secs(60);

/// Whether the server is MongoDB.
pub(super) fn product(facts: &Facts) -> Result<Finding, Unknown> {
    let version = facts.version.as_ref()?;
    let kind = match facts.kind {
        Topology::Standalone => "a standalone",
        Topology::ReplicaSet if facts.writable => "a replica set",
        Topology::ReplicaSet => "a secondary, which runs no TTL monitor",
        Topology::Sharded => "a sharded cluster",
    };
    let lacks = match facts.lacks.as_slice() {
        [] => String::new(),
        lacks => format!(", without {}", lacks.join(", ")),
    };
    Ok(match difference(version.product) {
        Some(meaning) => {
            let name = version.product.name();
            let what = format!("{name}, compatible with MongoDB {}{lacks}", version.text);
            Finding::warn(what, meaning)
        }
        None => {
            let what = format!("MongoDB {}, {kind}{lacks}", version.text);
            let holds_up = matches!(version.number, [7 | 8, 0, _]);
            match facts.kind == Topology::Sharded && holds_up {
                true => Finding::warn(what, HELD_UP),
                false => Finding::pass(what),
            }
        }
    })
}

/// Whether the version still gets fixes.
pub(super) fn version(facts: &Facts) -> Result<Finding, Unknown> {
    let version = facts.version.as_ref()?;
    if version.product != Product::MongoDb {
        return Err(Unknown::because("this server is not MongoDB, so its version is not checked"));
    }
    let [major, minor, _] = version.number;
    let text = &version.text;
    // The rapid releases of 5 to 7 end with their major version, at the latest.
    let series = if (5..8).contains(&major) { (major, 0) } else { (major, minor) };
    let known = ENDS.iter().find(|(of, _)| series <= *of);
    let at = |date: &str| DateTime::parse_rfc3339_str(format!("{date}T00:00:00Z")).ok();
    Ok(match known {
        Some((_, end)) if at(end).is_some_and(|end| end < facts.now) => {
            let what = format!("MongoDB {text} has been end-of-life since {end}");
            let meaning = "TTL bugs and security holes remain unfixed: upgrade one major version at \
                           a time";
            Finding::warn(what, meaning)
        }
        Some((_, end)) => Finding::pass(format!("MongoDB {text} is supported until {end}")),
        None => Finding::pass(format!("MongoDB {text} is newer than this list of versions")),
    })
}

/// Whether sessions can be deleted from this kind of collection.
pub(super) fn collection(facts: &Facts) -> Result<Finding, Unknown> {
    let name = &facts.collection;
    Ok(match facts.place()? {
        Place::Collection => Finding::pass(format!("{name} is an ordinary collection")),
        Place::Capped => {
            let what = format!("{name} is capped");
            let meaning = format!(
                "it takes no TTL index, and when it is full each login deletes the oldest \
                 session, in use or not. Stop the application and run the command: it keeps the \
                 capped collection as {}, and copies its sessions into an ordinary one. Then run \
                 `doctor` again: the new collection has no indexes",
                kept(facts)
            );
            Finding::fail(what, meaning).remedy(uncapping(facts))
        }
        Place::View(on) => {
            let of = on.as_ref().map(|on| format!(" of {on}")).unwrap_or_default();
            let meaning = "nothing can be deleted from a view, and it has no indexes: run \
                           `doctor` on the collection behind it";
            let remedy = on.clone().map(|collection| Remedy::Examine { collection });
            Finding { remedy, ..Finding::fail(format!("{name} is a view{of}"), meaning) }
        }
        Place::TimeSeries => {
            let what = format!("{name} is a time-series collection");
            let meaning = "single documents cannot be updated or deleted there, so sessions are neither \
                           renewed nor ended: let the application use an ordinary collection";
            Finding::fail(what, meaning)
        }
    })
}

/// The name under which a capped collection is kept.
fn kept(facts: &Facts) -> String {
    format!("{}_capped", facts.collection)
}

/// The collection is renamed first and then copied, so that nothing is lost if the script stops in
/// between, and a session that an application writes meanwhile is not overwritten.
fn uncapping(facts: &Facts) -> Remedy {
    let kept = kept(facts);
    let (here, there) =
        (script::collection(facts, &facts.collection), script::collection(facts, &kept));
    let (kept, name) = (text(&kept), text(&facts.collection));
    script::run(
        Task::Uncap,
        format!(
            "{here}.renameCollection({kept}); \
             {there}.aggregate([{{$merge: {{into: {name}, whenMatched: \"keepExisting\"}}}}])"
        ),
    )
}

/// Whether this machine's clock agrees with the server's.
pub(super) fn local_clock(facts: &Facts) -> Result<Finding, Unknown> {
    let clocks = facts.clocks.as_ref()?;
    if !clocks.local.exceeds(APART_MS) {
        return Ok(Finding::pass("this machine and the server agree on the time"));
    }
    let what = format!("the clock of this machine is {}", apart(clocks.local, "the server's"));
    let meaning = "sessionctl uses the server's clock, but an application on this machine uses \
                   the machine's clock, and ends sessions too early or too late";
    Ok(Finding::warn(what, meaning).remedy(Remedy::SetClock))
}

fn apart(skew: Skew, whose: &str) -> String {
    // Rounded to the nearest second.
    let seconds = (skew.ahead.unsigned_abs() + 500) / 1000;
    let by = lasting(Duration::from_secs(seconds));
    match skew.ahead > 0 {
        true => format!("{by} ahead of {whose}"),
        false => format!("{by} behind {whose}"),
    }
}

/// Whether the members that may become the primary agree with it.
pub(super) fn member_clocks(facts: &Facts) -> Result<Finding, Unknown> {
    let clocks = facts.clocks.as_ref()?;
    if let Some(spread) = &clocks.spread {
        let meaning = "the earliest decides what sessionctl ends; applications see sessions expire too \
                       early or too late: synchronize the clocks";
        return Ok(Finding::warn(spread.to_string(), meaning));
    }
    let off = |(_, skew): &&(String, Skew)| skew.exceeds(APART_MS);
    if let Some((name, skew)) = clocks.members.iter().find(off) {
        let what = format!("the clock of {name} is {}", apart(*skew, "the primary's"));
        let meaning = "if it becomes the primary, sessions expire too early or too late: synchronize \
                       its clock, for example with `timedatectl set-ntp true` there";
        return Ok(Finding::warn(what, meaning));
    }
    if !clocks.silent.is_empty() {
        return Err(Unknown::because(format!("no answer from {}", clocks.silent.join(", "))));
    }
    Ok(Finding::pass(match (facts.kind, clocks.members.len()) {
        (Topology::Standalone, _) => "not a replica set: there are no other clocks".to_owned(),
        (Topology::Sharded, _) => "the clocks of the cluster agree".to_owned(),
        (_, 0) => "there are no other members".to_owned(),
        (_, count) => format!("the primary and {count} other members agree on the time"),
    }))
}

/// Whether all members keep up.
pub(super) fn lag(facts: &Facts) -> Result<Finding, Unknown> {
    let followers = match &facts.lag {
        Lag::Standalone => return Ok(Finding::pass("not a replica set")),
        Lag::Unknown(error) => return Err(error.into()),
        Lag::Behind(followers) => followers,
    };
    let names =
        |members: &[Member]| members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !followers.absent.is_empty() {
        let what = format!("members that do not replicate: {}", names(&followers.absent));
        let meaning = "writes wait for a majority of the members: if too many are lost, they wait \
                       forever";
        return Ok(Finding::warn(what, meaning));
    }
    Ok(match &followers.slowest {
        Some(slowest) if followers.behind > BEHIND => {
            let what = format!("{slowest} is {} behind", lasting(followers.behind));
            let meaning = "applications that read from it still see deleted sessions, so that \
                           logged-out users seem logged in: let heavy writers such as `purge` \
                           wait for it";
            Finding::warn(what, meaning)
        }
        _ => Finding::pass("all members keep up"),
    })
}
