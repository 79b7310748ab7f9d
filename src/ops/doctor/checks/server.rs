//! What the server and the collection are, and whether the members agree on the time.

use bson::DateTime;

use crate::ops::doctor::Finding;
use crate::ops::doctor::facts::{Facts, Place, Skew, Version};
use crate::ops::doctor::words::lasting;
use crate::server::connection::Topology;
use crate::server::replication::Lag;

/// Servers that speak MongoDB's protocol and are not MongoDB.
struct Product {
    name: &'static str,
    /// A host of theirs ends so.
    hosts: &'static [&'static str],
    /// Keys of their reply to `buildInfo`.
    keys: &'static [&'static str],
    /// What is different there.
    meaning: &'static str,
}

const PRODUCTS: &[Product] = &[
    Product {
        name: "Azure Cosmos DB",
        hosts: &[".cosmos.azure.com"],
        keys: &["_t"],
        meaning: "by request units it deletes by _ts, the last write, alone, and its ttl field: \
                  only sweep ends sessions by their own expiry",
    },
    Product {
        name: "Amazon DocumentDB",
        hosts: &[".docdb.amazonaws.com", ".docdb-elastic.amazonaws.com"],
        keys: &[],
        meaning: "its TTL deletes as well as it can, hours late under load, and each delete is \
                  billed: what is expired stays longer than with MongoDB",
    },
    Product {
        name: "FerretDB",
        hosts: &[],
        keys: &["ferretdb", "ferretdbVersion", "ferretdbFeatures"],
        meaning: "TTL indexes are made, and the oldest versions delete nothing by them: see whether \
                  the check expired passes",
    },
];

/// When MongoDB ended its support of a version: year, month, day.
const ENDS: &[((u32, u32), &str)] = &[
    ((4, 2), "2023-04-30"),
    ((4, 4), "2024-02-29"),
    ((5, 0), "2024-10-31"),
    ((6, 0), "2025-07-31"),
    ((7, 0), "2027-08-31"),
    ((8, 0), "2029-10-31"),
];

/// Further apart than this, clocks matter: two seconds.
const APART_MS: i64 = 2000;
/// A member that is further behind slows everything down that waits for a majority.
const BEHIND: std::time::Duration = std::time::Duration::from_secs(60);

/// Whether it is MongoDB.
pub(super) fn product(facts: &Facts) -> Finding {
    const CHECK: &str = "server";
    let version = match &facts.version {
        Ok(version) => version,
        Err(error) => return Finding::unread(CHECK, error),
    };
    let kind = match facts.kind {
        Topology::Standalone => "a standalone",
        Topology::ReplicaSet if facts.writable => "a replica set",
        Topology::ReplicaSet => "a secondary, which deletes nothing by itself",
        Topology::Sharded => "a sharded cluster",
    };
    match PRODUCTS.iter().find(|product| product.is(version)) {
        None => Finding::pass(CHECK, format!("MongoDB {}, {kind}", version.text)),
        Some(product) => {
            let what = format!("{}, which speaks like MongoDB {}", product.name, version.text);
            let mend = facts.commands.sessionctl("sweep", "--interval 60");
            Finding::warn(CHECK, what, product.meaning).mend(mend)
        }
    }
}

impl Product {
    fn is(&self, version: &Version) -> bool {
        let host = |host: &String| {
            let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            self.hosts.iter().any(|end| name.to_ascii_lowercase().ends_with(end))
        };
        version.hosts.iter().any(host)
            || version.keys.iter().any(|key| self.keys.contains(&key.as_str()))
    }
}

/// Whether the version still gets fixes.
pub(super) fn version(facts: &Facts) -> Finding {
    const CHECK: &str = "version";
    let version = match &facts.version {
        Ok(version) => version,
        Err(error) => return Finding::unread(CHECK, error),
    };
    if PRODUCTS.iter().any(|product| product.is(version)) {
        return Finding::unknown(CHECK, "a server that is not MongoDB has versions of its own");
    }
    let [major, minor, _] = version.number;
    let text = &version.text;
    // From 5.0 on the releases between two major ones end with the one they began with, at the latest.
    let series = if major >= 5 { (major, 0) } else { (major, minor) };
    let known = ENDS.iter().find(|(of, _)| series <= *of);
    let at = |date: &str| DateTime::parse_rfc3339_str(format!("{date}T00:00:00Z")).ok();
    match known {
        Some((_, end)) if at(end).is_some_and(|end| end < facts.now) => {
            let what = format!("MongoDB {text} gets no fixes since {end}");
            let meaning = "faults of its TTL deleting, and holes, stay: upgrade one major version at \
                           a time";
            Finding::warn(CHECK, what, meaning)
        }
        Some((_, end)) => Finding::pass(CHECK, format!("MongoDB {text} gets fixes until {end}")),
        None => Finding::pass(CHECK, format!("MongoDB {text} is newer than what is known here")),
    }
}

/// Whether sessions can be deleted from such a collection.
pub(super) fn collection(facts: &Facts) -> Finding {
    const CHECK: &str = "collection";
    let capped = facts.stats.as_ref().is_ok_and(|stats| stats.capped);
    let commands = &facts.commands;
    let name = &commands.collection;
    match &facts.place {
        Ok(Place::Capped) => capped_finding(facts),
        _ if capped => capped_finding(facts),
        Err(error) => Finding::unread(CHECK, error),
        Ok(Place::Collection) => {
            Finding::pass(CHECK, format!("{name} is a collection of documents"))
        }
        Ok(Place::View(on)) => {
            let what = match on {
                Some(on) => format!("{name} is a view of {on}"),
                None => format!("{name} is a view"),
            };
            let meaning = "nothing can be deleted from a view, and it has no indexes: look at what it \
                           is a view of";
            let finding = Finding::fail(CHECK, what, meaning);
            match on {
                Some(on) => finding.mend(commands.sessionctl_on(on, "doctor", "")),
                None => finding,
            }
        }
        Ok(Place::TimeSeries) => {
            let what = format!("{name} is a time-series collection");
            let meaning = "a single session can be neither changed nor deleted there";
            Finding::fail(CHECK, what, meaning).mend(copying(facts))
        }
    }
}

fn capped_finding(facts: &Facts) -> Finding {
    let what = format!("{} is capped", facts.commands.collection);
    let meaning = "it takes no TTL index, and when it is full each login ends the oldest session, \
                   whoever is working with it";
    Finding::fail("collection", what, meaning).mend(copying(facts))
}

/// Puts the documents into a collection that takes the place of this one.
fn copying(facts: &Facts) -> String {
    let commands = &facts.commands;
    let copy = format!("{}_copy", commands.collection);
    let (here, there) = (commands.script_of(&commands.collection), commands.script_of(&copy));
    let (copy, name) = (
        crate::ops::doctor::mend::text(&copy),
        crate::ops::doctor::mend::text(&commands.collection),
    );
    commands.mongosh(&format!(
        "{here}.aggregate([{{$out: {copy}}}]); {here}.drop(); {there}.renameCollection({name})"
    ))
}

/// Whether this machine's clock is that of the server.
pub(super) fn local_clock(facts: &Facts) -> Finding {
    const CHECK: &str = "clock-here";
    let clocks = match &facts.clocks {
        Ok(clocks) => clocks,
        Err(error) => return Finding::unread(CHECK, error),
    };
    if !clocks.local.exceeds(APART_MS) {
        return Finding::pass(CHECK, "this machine and the server agree on the time");
    }
    let what = format!("the clock of this machine is {}", apart(clocks.local, "the server's"));
    let meaning = "sessionctl goes by the server's clock; an application on this machine goes by \
                   this one, and ends its sessions too early or too late";
    Finding::warn(CHECK, what, meaning).mend("timedatectl set-ntp true".to_owned())
}

fn apart(skew: Skew, whose: &str) -> String {
    // To the nearest second.
    let seconds = (skew.ahead.unsigned_abs() + 500) / 1000;
    let by = lasting(std::time::Duration::from_secs(seconds));
    match skew.ahead > 0 {
        true => format!("{by} ahead of {whose}"),
        false => format!("{by} behind {whose}"),
    }
}

/// Whether those who may become the primary agree with it.
pub(super) fn member_clocks(facts: &Facts) -> Finding {
    const CHECK: &str = "clock-members";
    let clocks = match &facts.clocks {
        Ok(clocks) => clocks,
        Err(error) => return Finding::unread(CHECK, error),
    };
    let off = |(_, skew): &&(String, Skew)| skew.exceeds(APART_MS);
    if let Some((name, skew)) = clocks.members.iter().find(off) {
        let what = format!("the clock of {name} is {}", apart(*skew, "the primary's"));
        let meaning = "when it becomes the primary, sessions expire too early or too late";
        return Finding::warn(CHECK, what, meaning).mend("timedatectl set-ntp true".to_owned());
    }
    if !clocks.silent.is_empty() {
        return Finding::unknown(CHECK, format!("no answer from {}", clocks.silent.join(", ")));
    }
    Finding::pass(
        CHECK,
        match (facts.kind, clocks.members.len()) {
            (Topology::Standalone, _) => "there is one server only".to_owned(),
            (_, 0) => "there are no members to be compared".to_owned(),
            (_, count) => format!("the primary and {count} other members agree on the time"),
        },
    )
}

/// Whether all members follow.
pub(super) fn lag(facts: &Facts) -> Finding {
    const CHECK: &str = "replication";
    let followers = match &facts.lag {
        Lag::Standalone => return Finding::pass(CHECK, "nothing is replicated"),
        Lag::Unknown(error) => return Finding::unread(CHECK, error),
        Lag::Behind(followers) => followers,
    };
    let names = |members: &[crate::server::replication::Member]| {
        members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    if !followers.absent.is_empty() {
        let what = format!("these members do not follow: {}", names(&followers.absent));
        let meaning = "deletes wait for a majority of the members: with one more away they wait for \
                       ever";
        return Finding::warn(CHECK, what, meaning);
    }
    match &followers.slowest {
        Some(slowest) if followers.behind > BEHIND => {
            let what = format!("{slowest} is {} behind", lasting(followers.behind));
            let meaning = "what is deleted, and who is logged out, is still there for whoever reads \
                           from it";
            let mend = facts.commands.sessionctl("purge --expired", "--max-lag 10s --yes");
            Finding::warn(CHECK, what, meaning).mend(mend)
        }
        _ => Finding::pass(CHECK, "all members follow"),
    }
}
