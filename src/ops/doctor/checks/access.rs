//! Who may look, which store it is, and whether what is asked for is found by an index.

use bson::{Bson, Document, doc};

use super::script::{self, text};
use crate::error::{Certainty, Error};
use crate::model::layout::{Layout, Layouts, UserPlace};
use crate::ops::doctor::facts::{Facts, Rights};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::Remedy;
use crate::ops::sweep::LEASES;

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
pub(super) fn login(facts: &Facts) -> Result<Finding, Unknown> {
    let rights = facts.rights.as_ref()?;
    let Some((user, database)) = &rights.user else {
        if matches!(facts.indexes, Err(Error::Unauthorized { .. })) {
            let what = "the server asks for a login, and none was given";
            let meaning = "nearly every check stays unknown: give a user in the connection string";
            return Ok(Finding::warn(what, meaning));
        }
        let what = "the server asks for no login: everybody may do everything";
        return Ok(Finding::pass(what));
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
    if !rights.may("find", &facts.database, LEASES) {
        lacks.push("find on sessionctl_leases");
    }
    let members = match facts.kind {
        crate::server::connection::Topology::ReplicaSet => LOOKS_ON_MEMBERS,
        _ => &[],
    };
    let on_cluster = LOOKS_ON_CLUSTER.iter().chain(members);
    let lacks_on_cluster: Vec<_> =
        on_cluster.filter(|action| !rights.may_on_cluster(action)).copied().collect();
    if lacks.is_empty() && lacks_on_cluster.is_empty() {
        return Ok(Finding::pass(what));
    }
    let mut roles = Vec::new();
    if !lacks.is_empty() {
        let role = format!("{{role: \"read\", db: {}}}", text(&facts.database));
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
    Ok(Finding::warn(what, meaning).remedy(Remedy::Script { script, by_administrator: true }))
}

fn may(rights: &Rights, action: &str, facts: &Facts) -> bool {
    rights.may(action, &facts.database, &facts.collection)
}

/// Whether all documents are of one store.
pub(super) fn layout(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let looked = facts.looked.as_ref()?;
    let (at, strangers) = (looked.at, looked.strangers);
    let name = &facts.layouts.as_ref().map_or_else(|| layout.name.clone(), Layouts::name);
    if strangers == 0 {
        let named = "what deletes wants the layout named";
        return Ok(match &looked.verdict {
            Some(verdict) if verdict.certainty == Certainty::Weak => {
                let what = format!("{at} documents fit {name}, as those of other programs would");
                let meaning = format!("{named}, lest it deletes what are no sessions");
                Finding::warn(what, meaning).remedy(Remedy::NameLayout)
            }
            Some(verdict) if verdict.certainty == Certainty::Ambiguous => {
                let meaning = format!("{named}; say which of them it is");
                Finding::warn(verdict.to_string(), meaning).remedy(Remedy::NameLayout)
            }
            _ => Finding::pass(format!("the documents looked at are all of {name}")),
        });
    }
    if strangers == at {
        let what = format!("none of {at} documents looked at is of {name}");
        let meaning = "by a layout that is not theirs every session can be taken for expired; \
                       nothing that is said here of the documents is to be trusted";
        return Ok(Finding::fail(what, meaning).remedy(Remedy::DetectLayout));
    }
    let what = format!("{strangers} of {at} documents looked at are not of {name}");
    let meaning = "what one store makes of another's session is chance: it may read it, refuse it or \
                   keep it for ever";
    Ok(match looked.other.as_ref().filter(|(other, _)| other.name != *name) {
        Some((other, count)) => {
            let what = format!("{what}; {count} of them look like {}", other.name);
            Finding::warn(what, meaning).remedy(moving(facts, other))
        }
        None => Finding::warn(what, meaning),
    })
}

/// Gives the other store's sessions a collection of their own. Copied and deleted by one filter: what
/// it does not match stays.
fn moving(facts: &Facts, other: &Layout) -> Remedy {
    let filter = Bson::Document(filter(other)).into_relaxed_extjson();
    let into = format!("{}_{}", facts.collection, other.name.replace('-', "_"));
    let (here, into) = (script::collection(facts, &facts.collection), text(&into));
    script::run(format!(
        "{here}.aggregate([{{$match: {filter}}}, {{$merge: {{into: {into}}}}}]); {here}.deleteMany({filter})"
    ))
}

/// What the documents of a layout have, as a filter.
fn filter(layout: &Layout) -> Document {
    let mut filter = Document::new();
    for (path, types) in &layout.detect.require {
        let names: Vec<String> = types.iter().map(ToString::to_string).collect();
        filter.insert(path, doc! { "$type": names });
    }
    for path in &layout.detect.forbid {
        filter.insert(path, doc! { "$exists": false });
    }
    filter
}

/// Every request looks its session up.
pub(super) fn id_index(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let path = &layout.id.path;
    if path == "_id" {
        return Ok(Finding::pass("sessions are looked up by _id"));
    }
    if facts.usable_indexes()?.iter().any(|index| index.leads_along(path)) {
        return Ok(Finding::pass(format!("sessions are looked up by an index on {path}")));
    }
    let what = format!("sessions are looked up by {path}, and no index leads there");
    let meaning =
        "every request reads the whole collection: the site gets slower with every session";
    // An id is given to one session only, and those stores that make this index make it so. Under
    // another name theirs would be refused at their next start (85).
    let name = layout.id.index.as_ref().map(|name| format!(", name: {}", text(name)));
    let name = name.unwrap_or_default();
    let script = format!("createIndex({{\"{path}\": 1}}, {{unique: true{name}}})");
    Ok(Finding::fail(what, meaning).remedy(script::on_collection(facts, &script)))
}

/// A user's sessions are looked up to log that user out.
pub(super) fn user_index(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let Some(UserPlace::Field(path)) = layout.user.first() else {
        return Ok(Finding::pass("the user is in the payload, where no index leads"));
    };
    if facts.usable_indexes()?.iter().any(|index| index.leads_along(path)) {
        return Ok(Finding::pass(format!("an index leads to the sessions of a {path}")));
    }
    let what = format!("no index leads to the sessions of a {path}");
    let meaning = "listing a user's sessions, or logging a user out everywhere, reads the whole \
                   collection";
    let name = layout.user_index.as_ref().map(|name| format!(", {{name: {}}}", text(name)));
    let script = format!("createIndex({{\"{path}\": 1}}{})", name.unwrap_or_default());
    Ok(Finding::warn(what, meaning).remedy(script::on_collection(facts, &script)))
}
