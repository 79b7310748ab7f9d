//! Checks of the login's rights, the layout, and the indexes for lookups.

use super::script::{self, text};
use crate::error::{Certainty, Error, Need};
use crate::model::layout::{Layouts, UserPlace};
use crate::ops::doctor::facts::{Facts, Rights};
use crate::ops::doctor::finding::{Finding, Unknown};
use crate::ops::doctor::remedy::{Remedy, Task};
use crate::ops::sweep::LEASES;

/// The rights that each command needs on the collection.
const NEEDS: &[(&str, &[&str])] = &[
    ("list", &["find", "listIndexes"]),
    ("expire", &["find", "listIndexes", "update"]),
    ("fix", &["find", "listIndexes", "update"]),
    ("purge", &["find", "listIndexes", "remove"]),
    ("restore", &["insert"]),
    ("index install", &["find", "listIndexes", "createIndex", "collMod"]),
    ("index remove", &["find", "listIndexes", "dropIndex"]),
];
/// The rights that the doctor needs, on the collection and on the cluster.
const LOOKS: &[&str] = &["find", "listIndexes", "collStats"];
const LOOKS_ON_CLUSTER: &[&str] = &["serverStatus", "getParameter"];
const LOOKS_ON_MEMBERS: &[&str] = &["replSetGetStatus", "replSetGetConfig"];

/// The rights of this login.
pub(super) fn login(facts: &Facts) -> Result<Finding, Unknown> {
    let rights = facts.rights.as_ref()?;
    let Some((user, database)) = &rights.user else {
        if matches!(facts.indexes, Err(Error::Unauthorized { .. })) {
            let what = "the server requires a login, and the connection string has none";
            let meaning = "most checks stay unknown: add a user to the connection string";
            return Ok(Finding::warn(what, meaning));
        }
        let what = "the server requires no login: every client has all rights";
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
        "some checks stay unknown, because this login lacks: {}. An administrator runs the command: \
         replace ADMINISTRATOR with that user",
        missing.join(", ")
    );
    let script = format!(
        "db.getSiblingDB({}).grantRolesToUser({}, [{}])",
        text(database),
        text(user),
        roles.join(", ")
    );
    Ok(Finding::warn(what, meaning).remedy(script::run(Task::GrantRoles, script)))
}

fn may(rights: &Rights, action: &str, facts: &Facts) -> bool {
    rights.may(action, &facts.database, &facts.collection)
}

/// Which store writes to the collection, and whether it is the only one.
pub(super) fn layout(facts: &Facts) -> Result<Finding, Unknown> {
    let looked = facts.looked.as_ref();
    if facts.layout.is_none()
        && let Ok(looked) = looked
        && looked.at > 0
    {
        let what = match looked.at {
            1 => "the document examined matches no known layout".to_owned(),
            at => format!("the {at} documents examined match no known layout"),
        };
        let meaning = "this collection may not hold sessions; no command reads or changes a document here, and \
                       no other check of sessions is possible";
        return Ok(Finding::fail(what, meaning).needs(Need::Layout));
    }
    let layout = facts.known_layout()?;
    let looked = looked?;
    let (at, strangers) = (looked.at, looked.strangers);
    let name = &facts.layouts.as_ref().map_or_else(|| layout.name.clone(), Layouts::name);
    if strangers == 0 {
        let named = "commands that write require the layout named";
        return Ok(match &looked.verdict {
            Some(verdict) if verdict.certainty == Certainty::Weak => {
                let what = format!(
                    "{at} documents fit {name}, but documents of other programs fit it too"
                );
                let meaning = format!(
                    "{named}: check with `list` that these are sessions, then run the command"
                );
                Finding::warn(what, meaning).remedy(Remedy::NameLayout)
            }
            Some(verdict) if verdict.certainty == Certainty::Ambiguous => {
                let meaning = format!(
                    "{named}: check which of them the application uses, then run the command"
                );
                Finding::warn(verdict.to_string(), meaning).remedy(Remedy::NameLayout)
            }
            _ => Finding::pass(format!("all documents examined have the layout {name}")),
        });
    }
    if strangers == at {
        let what = format!("none of the {at} documents examined has the layout {name}");
        let meaning = "no finding about sessions applies to these documents";
        return Ok(Finding::fail(what, meaning).remedy(Remedy::DetectLayout));
    }
    let what = format!("{strangers} of {at} documents examined do not have the layout {name}");
    Ok(match looked.other.as_ref().filter(|(other, _)| other.name != *name) {
        Some((other, count)) => {
            let what = format!("{what}; {count} of them look like {}", other.name);
            let meaning = "a command that writes changes only the sessions of the named layout";
            Finding::warn(what, meaning).needs(Need::Layout)
        }
        None => {
            let meaning = "they are not sessions: no command reads or changes them";
            match facts.layout_to_name() {
                None => Finding::warn(what, meaning),
                Some(_) => {
                    let then = "to get the commands that fix other findings, examine it again with \
                                the layout named";
                    Finding::warn(what, format!("{meaning}; {then}")).remedy(Remedy::NameLayout)
                }
            }
        }
    })
}

/// Every request looks up its session.
pub(super) fn id_index(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let path = &layout.id.path;
    if path == "_id" {
        return Ok(Finding::pass("the store finds a session by _id"));
    }
    if facts.usable_indexes()?.iter().any(|index| index.leads_along(path)) {
        return Ok(Finding::pass(format!(
            "the store finds a session by {path}, which has an index"
        )));
    }
    let what = format!("the store finds a session by {path}, which has no index");
    let meaning =
        "every request scans the whole collection: the site slows down with every session";
    // Unique, because ids are unique, and because stores that create this index make it unique. If
    // other documents lack the field, a unique index would refuse the second of them. The index has
    // the store's name, because otherwise the store's own `createIndex` would fail at its next
    // start (85).
    let is_unique = facts.survey.as_ref().is_ok_and(|survey| survey.foreign == 0);
    let options = is_unique.then(|| "unique: true".to_owned());
    let name = layout.id.index.as_ref().map(|name| format!("name: {}", text(name)));
    let options = options.into_iter().chain(name).collect::<Vec<_>>().join(", ");
    let options = if options.is_empty() { options } else { format!(", {{{options}}}") };
    let script = format!("createIndex({{\"{path}\": 1}}{options})");
    Ok(Finding::fail(what, meaning).remedy(script::on_collection(
        facts,
        Task::CreateIndex,
        &script,
    )))
}

/// Logging a user out looks up the user's sessions.
pub(super) fn user_index(facts: &Facts) -> Result<Finding, Unknown> {
    let layout = facts.known_layout()?;
    let Some(UserPlace::Field(path)) = layout.user.first() else {
        return Ok(Finding::pass("the user is in the payload, which has no index"));
    };
    if facts.usable_indexes()?.iter().any(|index| index.leads_along(path)) {
        return Ok(Finding::pass(format!("sessions are found by {path} through an index")));
    }
    let what = format!("{path}, the user of a session, has no index");
    let meaning = "listing a user's sessions, or logging a user out everywhere, scans the whole \
                   collection";
    let name = layout.user_index.as_ref().map(|name| format!(", {{name: {}}}", text(name)));
    let script = format!("createIndex({{\"{path}\": 1}}{})", name.unwrap_or_default());
    Ok(Finding::warn(what, meaning).remedy(script::on_collection(
        facts,
        Task::CreateIndex,
        &script,
    )))
}

/// A unique index on a field that sessions lack accepts one session, and refuses the second.
pub(super) fn unique_index(facts: &Facts) -> Result<Finding, Unknown> {
    facts.known_layout()?;
    facts.usable_indexes()?;
    let Some(index) = facts.looked.as_ref()?.null_indexes.first() else {
        return Ok(Finding::pass("no unique index is on a field that sessions lack"));
    };
    let (name, fields) = (&index.name, &index.fields);
    let what = format!("the unique index {name} is on {fields}, which no session has");
    let refused = "the server refuses the second session with E11000 (duplicate key, null), so only \
                   one visitor gets a session";
    Ok(match index.serves_others {
        true => {
            let meaning = format!(
                "{refused}; other documents have the field: make the index partial, or move them to \
                 a collection of their own"
            );
            Finding::fail(what, meaning)
        }
        false => {
            let meaning = format!("{refused}; drop the index unless another program needs it");
            Finding::fail(what, meaning).remedy(script::drop_index(facts, name))
        }
    })
}
