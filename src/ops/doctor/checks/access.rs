//! Who may look, which store it is, and whether what is asked for is found by an index.

use bson::{Bson, Document, doc};

use crate::error::Certainty;
use crate::error::Error;
use crate::model::layout::{Layout, UserPlace};
use crate::ops::doctor::Finding;
use crate::ops::doctor::facts::{Facts, Rights};
use crate::ops::doctor::mend::text;
use crate::ops::sweep::LEASES;

use super::ttl::indexes;
use super::{layout, settle, without_indexes};

/// What each command needs on the collection.
const NEEDS: &[(&str, &[&str])] = &[
    ("list", &["find", "listIndexes"]),
    ("expire", &["find", "listIndexes", "update"]),
    ("fix", &["find", "listIndexes", "update"]),
    ("purge", &["find", "listIndexes", "remove"]),
    ("restore", &["insert"]),
    ("index install", &["find", "listIndexes", "createIndex", "collMod"]),
    ("index remove", &["find", "listIndexes", "dropIndex"]),
];
/// What the doctor looks at, on the collection and on the cluster.
const LOOKS: &[&str] = &["find", "listIndexes", "collStats"];
const LOOKS_ON_CLUSTER: &[&str] = &["serverStatus", "getParameter"];
const LOOKS_ON_MEMBERS: &[&str] = &["replSetGetStatus", "replSetGetConfig"];

/// What this login may do.
pub(super) fn login(facts: &Facts) -> Finding {
    const CHECK: &str = "login";
    let rights = match &facts.rights {
        Ok(rights) => rights,
        Err(error) => return Finding::unread(CHECK, error),
    };
    let Some((user, database)) = &rights.user else {
        if matches!(facts.indexes, Err(Error::Unauthorized { .. })) {
            let what = "the server asks for a login, and none was given";
            let meaning = "nearly every check stays unknown: give a user in the connection string";
            return Finding::warn(CHECK, what, meaning);
        }
        return Finding::pass(CHECK, "the server asks for no login: everybody may do everything");
    };
    let on_collection = |action: &&&str| may(rights, action, facts);
    let (can, cannot): (Vec<_>, Vec<_>) =
        NEEDS.iter().partition(|(_, actions)| actions.iter().all(|action| on_collection(&action)));
    let names =
        |of: Vec<&(&str, &[&str])>| of.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let may_not = match cannot.is_empty() {
        true => String::new(),
        false => format!("; not: {}", names(cannot)),
    };
    let may = if can.is_empty() { "nothing".to_owned() } else { names(can) };
    let what = format!("{user} may run: {may}{may_not}");
    let mut lacks: Vec<_> = LOOKS.iter().filter(|action| !on_collection(action)).copied().collect();
    if !rights.may("find", &facts.commands.database, LEASES) {
        lacks.push("find on sessionctl_leases");
    }
    let members = match facts.kind {
        crate::server::connection::Kind::ReplicaSet => LOOKS_ON_MEMBERS,
        _ => &[],
    };
    let on_cluster = LOOKS_ON_CLUSTER.iter().chain(members);
    let lacks_on_cluster: Vec<_> =
        on_cluster.filter(|action| !rights.may_on_cluster(action)).copied().collect();
    if lacks.is_empty() && lacks_on_cluster.is_empty() {
        return Finding::pass(CHECK, what);
    }
    let mut roles = Vec::new();
    if !lacks.is_empty() {
        let role = format!("{{role: \"read\", db: {}}}", text(&facts.commands.database));
        roles.push(role);
    }
    if !lacks_on_cluster.is_empty() {
        roles.push("{role: \"clusterMonitor\", db: \"admin\"}".to_owned());
    }
    let missing: Vec<_> = lacks.into_iter().chain(lacks_on_cluster).collect();
    let meaning = format!(
        "some checks stay unknown, for want of: {}; the command is for an administrator",
        missing.join(", ")
    );
    let script = format!(
        "db.getSiblingDB({}).grantRolesToUser({}, [{}])",
        text(database),
        text(user),
        roles.join(", ")
    );
    Finding::warn(CHECK, what, meaning).mend(facts.commands.without_login().mongosh(&script))
}

fn may(rights: &Rights, action: &str, facts: &Facts) -> bool {
    rights.may(action, &facts.commands.database, &facts.commands.collection)
}

/// Whether all documents are of one store.
pub(super) fn layout_of_all(facts: &Facts) -> Finding {
    settle(layout_or(facts))
}

fn layout_or(facts: &Facts) -> Result<Finding, Finding> {
    const CHECK: &str = "layout";
    let layout = layout(facts, CHECK)?;
    let looked = facts.looked.as_ref().map_err(|error| Finding::unread(CHECK, error))?;
    let (name, at) = (&layout.name, looked.at);
    if looked.strangers == 0 {
        let verdict = looked.verdict.as_ref().filter(|_| !facts.is_named);
        let weak = verdict.is_some_and(|verdict| verdict.certainty == Certainty::Weak);
        return Ok(match weak {
            true => {
                let what = format!("{at} documents fit {name}, as those of other programs would");
                let meaning = "what deletes wants --layout, lest it deletes what are no sessions";
                Finding::warn(CHECK, what, meaning).mend(facts.commands.sessionctl("doctor", ""))
            }
            false => match verdict.filter(|verdict| verdict.certainty == Certainty::Ambiguous) {
                Some(verdict) => {
                    let what = verdict.to_string();
                    let meaning = "what deletes wants --layout; say which of them it is";
                    Finding::warn(CHECK, what, meaning)
                        .mend(facts.commands.sessionctl("doctor", ""))
                }
                None => Finding::pass(CHECK, format!("the documents looked at are all of {name}")),
            },
        });
    }
    let strangers = looked.strangers;
    if strangers == at {
        return Ok(misnamed(facts, layout, at));
    }
    let meaning = "what one store makes of another's session is chance: it may read it, refuse it or \
                   keep it for ever";
    Ok(match looked.other.as_ref().filter(|(other, _)| other.name != *name) {
        Some((other, count)) => {
            let what = format!(
                "{strangers} of {at} documents looked at are not of {name}; {count} of them look like {}",
                other.name
            );
            Finding::warn(CHECK, what, meaning).mend(moving(facts, other))
        }
        None => {
            let what = format!("{strangers} of {at} documents looked at are not of {name}");
            Finding::warn(CHECK, what, meaning)
        }
    })
}

/// No document is of the layout that was named.
fn misnamed(facts: &Facts, layout: &Layout, at: u64) -> Finding {
    let what = format!("none of {at} documents looked at is of {}", layout.name);
    let meaning = "by a layout that is not theirs every session can be taken for expired; nothing \
                   that is said here of the documents is to be trusted";
    let mut commands = facts.commands.clone();
    commands.forget(&["--layout", "--layout-file"]);
    Finding::fail("layout", what, meaning).mend(commands.sessionctl("doctor", ""))
}

/// Gives the other store's sessions a collection of their own.
fn moving(facts: &Facts, other: &Layout) -> String {
    let commands = &facts.commands;
    let filter = Bson::Document(filter(other)).into_relaxed_extjson();
    let into = format!("{}_{}", commands.collection, other.name.replace('-', "_"));
    let here = commands.script_of(&commands.collection);
    commands.mongosh(&format!(
        "{here}.aggregate([{{$match: {filter}}}, {{$merge: {{into: {}}}}}]); {here}.deleteMany({filter})",
        text(&into)
    ))
}

/// What the documents of a layout have, as a filter.
fn filter(layout: &Layout) -> Document {
    let mut filter = Document::new();
    for (path, types) in &layout.detect.require {
        let names: Vec<Bson> =
            types.iter().filter_map(|kind| bson::serialize_to_bson(kind).ok()).collect();
        filter.insert(path, doc! { "$type": names });
    }
    for path in &layout.detect.forbid {
        filter.insert(path, doc! { "$exists": false });
    }
    filter
}

/// Every request looks its session up.
pub(super) fn id_index(facts: &Facts) -> Finding {
    const CHECK: &str = "id-index";
    settle(layout(facts, CHECK).and_then(|layout| {
        let path = &layout.id.path;
        if path == "_id" {
            return Ok(Finding::pass(CHECK, "sessions are looked up by _id"));
        }
        if let Some(early) = without_indexes(facts, CHECK) {
            return Err(early);
        }
        if indexes(facts, CHECK)?.iter().any(|index| index.leads_along(path)) {
            return Ok(Finding::pass(
                CHECK,
                format!("sessions are looked up by an index on {path}"),
            ));
        }
        let what = format!("sessions are looked up by {path}, and no index leads there");
        let meaning = "every request reads the whole collection: the site gets slower with every \
                       session";
        // An id is given to one session only, and those stores that make this index make it so.
        let name = layout.id.index.as_ref().map(|name| format!(", name: {}", text(name)));
        let name = name.unwrap_or_default();
        let script = format!("createIndex({{\"{path}\": 1}}, {{unique: true{name}}})");
        Ok(Finding::fail(CHECK, what, meaning).mend(facts.commands.on_collection(&script)))
    }))
}

/// A user's sessions are looked up to log that user out.
pub(super) fn user_index(facts: &Facts) -> Finding {
    const CHECK: &str = "user-index";
    settle(layout(facts, CHECK).and_then(|layout| {
        let Some(UserPlace::Field(path)) = layout.user.first() else {
            return Ok(Finding::pass(CHECK, "the user is in the payload, where no index leads"));
        };
        if let Some(early) = without_indexes(facts, CHECK) {
            return Err(early);
        }
        if indexes(facts, CHECK)?.iter().any(|index| index.leads_along(path)) {
            return Ok(Finding::pass(CHECK, format!("an index leads to the sessions of a {path}")));
        }
        let what = format!("no index leads to the sessions of a {path}");
        let meaning = "listing a user's sessions, or logging a user out everywhere, reads the whole \
                       collection";
        let name = layout.user_index.as_ref().map(|name| format!(", {{name: {}}}", text(name)));
        let script = format!("createIndex({{\"{path}\": 1}}{})", name.unwrap_or_default());
        Ok(Finding::warn(CHECK, what, meaning).mend(facts.commands.on_collection(&script)))
    }))
}
