//! The rights that the createRole commands of `help rights` grant are enough, and each is needed.

use bson::{Bson, Document, RawDocumentBuf, doc};
use sessionctl::archive::Archive;
use sessionctl::mongod::Options;

use crate::readme;
use crate::rig::ReplicaSet;
use crate::support::{Db, Program, at, connect_mongo, eventually, long_id, now, own_server};

/// What the collection's index on the expiry is like before the command.
#[derive(Clone, Copy)]
enum Index {
    None,
    Plain,
    Different,
    Wanted,
    /// None, and an older copy of a session is there.
    Copied,
}

/// An archive of a session that is there and one that is not.
const ARCHIVE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/rights.bson");

/// One of two sessions that were logged out, of which one is there.
const UNDO: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/rights-undo.bson");

/// The roles of `help rights`, and every command that they allow.
const USES: &[(&str, Index, &[&str])] = &[
    ("sessionctl-read", Index::None, &["list"]),
    ("sessionctl-read", Index::None, &["list", "--user", "42", "--sort", "expires"]),
    ("sessionctl-read", Index::None, &["users", "--live"]),
    ("sessionctl-read", Index::None, &["users", "--every-collection"]),
    ("sessionctl-purge", Index::None, &["purge", "--expired", "--every-collection"]),
    ("sessionctl-read", Index::None, &["inspect", "live-00000000"]),
    ("sessionctl-read", Index::None, &["inspect", "--raw", "live-000"]),
    ("sessionctl-read", Index::None, &["stats"]),
    ("sessionctl-read", Index::None, &["stats", "--sample", "1"]),
    ("sessionctl-read", Index::None, &["layouts", "draft"]),
    ("sessionctl-read", Index::Wanted, &["index", "status"]),
    ("sessionctl-read", Index::None, &["purge", "--expired", "--dry-run"]),
    ("sessionctl-read", Index::None, &["expire", "--user", "42", "--dry-run"]),
    ("sessionctl-read", Index::None, &["restore", ARCHIVE, "--dry-run"]),
    ("sessionctl-read", Index::None, &["restore", UNDO, "--dry-run"]),
    ("sessionctl-restore", Index::None, &["restore", ARCHIVE, "--yes"]),
    ("sessionctl-restore", Index::None, &["restore", ARCHIVE, "--user", "42", "--yes"]),
    ("sessionctl-undo", Index::None, &["restore", UNDO, "--yes"]),
    ("sessionctl-copy", Index::None, &["copy", "--to-collection", "copies", "--yes"]),
    ("sessionctl-copy", Index::Copied, &["copy", "--to-collection", "copies", "--yes"]),
    ("sessionctl-collections", Index::Wanted, &["collections", "-d", "test"]),
    ("sessionctl-doctor", Index::Wanted, &["doctor", "-o", "ndjson"]),
    ("sessionctl-purge", Index::None, &["purge", "--expired"]),
    ("sessionctl-purge", Index::None, &["purge", "--user", "42", "--yes"]),
    ("sessionctl-purge", Index::None, &["purge", "live-000", "--yes"]),
    ("sessionctl-purge", Index::None, &["purge", "--all", "--yes"]),
    ("sessionctl-purge", Index::None, &["sweep", "--once", "--no-lease"]),
    ("sessionctl-sweep", Index::None, &["sweep", "--once"]),
    ("sessionctl-sweep", Index::None, &["purge", "--expired", "--every-collection"]),
    ("sessionctl-expire", Index::None, &["expire", "--user", "42", "--yes"]),
    ("sessionctl-expire", Index::None, &["expire", "live-000", "--yes"]),
    (
        "sessionctl-expire",
        Index::None,
        &["expire", "--where", "userId=42", "--verify", "1ms", "--yes"],
    ),
    ("sessionctl-expire", Index::None, &["fix", "expiry", "--yes"]),
    ("sessionctl-expire", Index::None, &["fix", "endless", "--lifetime", "1d", "--yes"]),
    ("sessionctl-index", Index::None, &["index", "install", "--yes"]),
    ("sessionctl-index", Index::None, &["index", "install", "--drain"]),
    ("sessionctl-index", Index::Plain, &["index", "install", "--yes"]),
    ("sessionctl-index", Index::Different, &["index", "replace", "--yes"]),
    ("sessionctl-index", Index::Wanted, &["index", "remove", "--yes"]),
];

/// The same of roles with `changeStream`, which only a replica set has; and what the command says when
/// it has all of them.
const ON_A_SET: [(&str, &[&str], &str); 2] = [
    ("sessionctl-follow", &["list", "--follow", "--limit", "1"], "following test.sessions"),
    ("sessionctl-hold", &["expire", "--user", "42", "--hold", "2s", "--yes"], "within a second"),
];

#[test]
fn following_and_holding_need_each_right_of_their_roles() {
    let set = ReplicaSet::guarded(1);
    let mut db = Db::on(&set.uri());
    db.name = "test".to_owned();
    prepare(&db, Index::None, None);
    let roles = roles(&readme::read(&readme::topic("rights")));
    for (name, arguments, says) in ON_A_SET {
        let role = roles.iter().find(|role| role.get_str("createRole").unwrap() == name).unwrap();
        db.admin(role.clone());
        db.admin(doc! { "createUser": name, "pwd": name, "roles": [name] });
        let uri = set.uri().replace("root:root@", &format!("{name}:{name}@"));
        let uri = format!("{uri}&authSource=admin");
        let suffices = || {
            let mut run = Program::new(arguments).env("SESSIONCTL_URI", &uri).start();
            let mut number = 0;
            eventually("it ended", || {
                number += 1;
                let id = format!("new-{name}-{}-{number}", now().timestamp_millis());
                db.insert("sessions", [connect_mongo(&id, at(3600))]);
                run.has_ended()
            });
            let run = run.wait();
            run.code == Some(0) && run.stderr.contains(says)
        };
        assert!(suffices(), "{name}");
        let privileges = role.get_array("privileges").unwrap();
        for (fewer, action) in without_one(privileges) {
            grant(&db, name, fewer);
            assert!(!suffices(), "{name} does not need the right {action}");
        }
    }
}

#[test]
fn a_missing_right_on_the_record_of_a_followed_copy_is_reported_before_the_question() {
    let set = ReplicaSet::guarded(1);
    let mut db = Db::on(&set.uri());
    db.name = "test".to_owned();
    db.insert("sessions", [connect_mongo("one", at(3600))]);
    let on = |collection: &str, actions: &[&str]| {
        doc! { "resource": { "db": "test", "collection": collection }, "actions": actions }
    };
    let mut privileges = vec![
        on("sessions", &["find", "listIndexes", "changeStream"]),
        on("copies", &["find", "listIndexes", "insert", "update", "createIndex", "remove"]),
    ];
    db.admin(doc! { "createRole": "copier", "privileges": &privileges, "roles": [] });
    db.admin(doc! { "createUser": "copier", "pwd": "copier", "roles": ["copier"] });
    let uri = set.uri().replace("root:root@", "copier:copier@");
    let uri = format!("{uri}&authSource=admin");
    let copy = ["copy", "--follow", "--to-collection", "copies"];
    let run = || Program::new(&copy).env("SESSIONCTL_URI", &uri).run();
    run().exits(1).says("lacks the right find on test.sessionctl_copies_");
    privileges.push(on("", &["find", "insert", "update", "remove", "createIndex"]));
    db.admin(doc! { "updateRole": "copier", "privileges": privileges });
    run().exits(3);
}

#[test]
fn each_role_of_the_topic_on_rights_is_enough_for_its_commands_and_no_right_can_be_left_out() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    // The first user may be made without one.
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let mut db = Db::on(&uri("root"));
    db.name = "test".to_owned();

    archive();
    let ended = undo(&db);
    let roles = roles(&readme::read(&readme::topic("rights")));
    assert_eq!(roles.len(), 12, "{roles:?}");
    for role in &roles {
        let name = role.get_str("createRole").unwrap();
        if ON_A_SET.iter().any(|(role, ..)| *role == name) {
            continue;
        }
        db.admin(role.clone());
        db.admin(doc! { "createUser": name, "pwd": name, "roles": [name] });
        let uses: Vec<_> = USES.iter().filter(|(role, ..)| *role == name).collect();
        assert!(!uses.is_empty(), "{name} is good for nothing");
        let run = |index: Index, arguments: &[&str]| {
            prepare(&db, index, Some(&ended));
            Program::new(arguments).env("SESSIONCTL_URI", &uri(name)).run()
        };
        let full: Vec<_> = uses
            .iter()
            .map(|(_, index, arguments)| run(*index, arguments).exits(0).stdout)
            .collect();
        let privileges = role.get_array("privileges").unwrap();
        for (fewer, action) in without_one(privileges) {
            grant(&db, name, fewer);
            let suffices = uses.iter().zip(&full).all(|((_, index, arguments), full)| {
                let ran = run(*index, arguments);
                assert!(!ran.stderr.contains(&format!("{name}:{name}")), "{ran:#?}");
                // What they may not look at, these pass over.
                let says_as_much = match arguments[0] {
                    "collections" => ran.stdout == *full,
                    "doctor" => outcomes(&ran.stdout) == outcomes(full),
                    _ => true,
                };
                ran.code == Some(0) && says_as_much
            });
            assert!(!suffices, "{name} does not need the right {action}");
        }
        grant(&db, name, privileges.clone());
    }
}

#[test]
fn a_restore_that_may_not_read_says_that_it_cannot_keep_a_latency_and_asks_the_server_once() {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let uri =
        |user: &str| format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address());
    let mut db = Db::on(&uri("root"));
    db.name = "test".to_owned();
    db.insert("sessions", (0..600).map(|n| connect_mongo(&format!("gone-{n}"), at(-60))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    let path = path.to_str().unwrap();
    db.sessionctl(&["purge", "--expired", "--archive", path]).exits(0);
    let insert = doc! {
        "resource": { "db": "test", "collection": "sessions" }, "actions": ["insert"],
    };
    db.admin(doc! { "createRole": "inserter", "privileges": [insert], "roles": [] });
    db.admin(doc! { "createUser": "inserter", "pwd": "inserter", "roles": ["inserter"] });
    let file = folder.path().join("control");
    std::fs::write(&file, "rate 200").unwrap();
    let arguments = ["restore", path, "--yes", "--max-latency", "5ms", "--control"];
    let program = Program::new(&[&arguments[..], &[file.to_str().unwrap()]].concat());
    let run = program.env("SESSIONCTL_URI", &uri("inserter")).run().exits(0);
    run.says("warning: cannot measure what other clients feel");
    assert_eq!(db.count("sessions", doc! {}), 600);
    // Each refusal is a line of the server's log.
    let log = db.admin(doc! { "getLog": "global" });
    let log = log.get_array("log").unwrap().iter().filter_map(Bson::as_str);
    let refused = log.filter(|line| line.contains("not authorized"));
    let refused: Vec<_> = refused.collect();
    assert_eq!(refused.len(), 1, "{refused:#?}");
}

/// The privileges of which Atlas makes custom roles, as its API names them (`actions.action` in the
/// reference of the Atlas Administration API), as far as a role here could need them.
const OF_ATLAS: [&str; 18] = [
    "FIND",
    "INSERT",
    "REMOVE",
    "UPDATE",
    "CREATE_COLLECTION",
    "CREATE_INDEX",
    "DROP_INDEX",
    "CHANGE_STREAM",
    "COLL_MOD",
    "COLL_STATS",
    "GET_PARAMETER",
    "IN_PROG",
    "LIST_COLLECTIONS",
    "LIST_DATABASES",
    "LIST_INDEXES",
    "LIST_SHARDS",
    "SERVER_STATUS",
    "BYPASS_DOCUMENT_VALIDATION",
];

/// A role as the Atlas API takes it: each action with its resources.
fn for_atlas(role: &Document) -> String {
    let mut lines = Vec::new();
    for privilege in role.get_array("privileges").unwrap() {
        let privilege = privilege.as_document().unwrap();
        let resource = privilege.get_document("resource").unwrap();
        let fields = resource.iter().map(|(name, value)| format!(r#""{name}": {value}"#));
        let resource = fields.collect::<Vec<_>>().join(", ");
        for action in privilege.get_array("actions").unwrap() {
            let name: String =
                action.as_str().unwrap().chars().fold(String::new(), |name, letter| {
                    let gap = if letter.is_ascii_uppercase() { "_" } else { "" };
                    format!("{name}{gap}{}", letter.to_ascii_uppercase())
                });
            assert!(OF_ATLAS.contains(&&*name), "Atlas has no action {name}");
            lines.push(format!(r#"  {{ "action": "{name}", "resources": [{{ {resource} }}] }}"#));
        }
    }
    let name = role.get_str("createRole").unwrap();
    let actions = lines.join(",\n");
    format!(
        "{{ \"roleName\": \"{name}\", \"inheritedRoles\": [], \"actions\": [\n{actions}\n] }}\n"
    )
}

#[test]
fn each_role_is_there_as_the_atlas_api_takes_it() {
    let path = readme::topic("rights");
    let text = readme::read(&path);
    let mark = "<!-- the roles above, for Atlas -->\n";
    let (_, rest) = text.split_once(mark).unwrap();
    let (found, _) = rest.split_once("<!-- end -->").unwrap();
    let blocks: Vec<_> = roles(&text).iter().map(for_atlas).collect();
    for block in &blocks {
        let json: serde_json::Value = serde_json::from_str(block).unwrap();
        assert!(!json["actions"].as_array().unwrap().is_empty(), "{json}");
    }
    let wanted = format!("\n```json\n{}```\n\n", blocks.join("\n"));
    if found != wanted {
        let renewed = format!("{mark}{wanted}");
        readme::renew_or_fail(&path, &format!("{mark}{found}"), &renewed);
    }
}

/// What came of each check; the words tell times and sizes, too.
fn outcomes(printed: &str) -> Vec<serde_json::Value> {
    let outcome = |line: &str| -> serde_json::Value {
        let finding: serde_json::Value = serde_json::from_str(line).unwrap();
        finding["outcome"].clone()
    };
    printed.lines().map(outcome).collect()
}

fn archive() {
    // What an earlier run left.
    let _ = std::fs::remove_file(ARCHIVE);
    let documents = ["live-00000000000", "gone-00000000000"].map(|id| connect_mongo(id, at(60)));
    let documents = documents.map(|document| RawDocumentBuf::try_from(&document).unwrap());
    let mut archive = Archive::create(ARCHIVE.as_ref()).unwrap();
    assert!(archive.write(&documents.each_ref().map(AsRef::as_ref)).unwrap().is_all());
}

/// Logs two sessions out, and gives back what became of one.
fn undo(db: &Db) -> Document {
    let _ = std::fs::remove_file(UNDO);
    db.insert("sessions", ["undo-one", "undo-two"].map(|id| connect_mongo(&long_id(id), at(3600))));
    db.sessionctl(&["expire", "undo-one", "undo-two", "--archive", UNDO, "--yes"]).exits(0);
    db.one("sessions", "_id", &long_id("undo-one"))
}

/// The createRole commands of a text, as the server takes them.
fn roles(topic: &str) -> Vec<Document> {
    let bodies = topic.split("db.createRole(").skip(1);
    bodies
        .map(|rest| {
            let body = rest.split_once("\n})").unwrap().0.to_owned() + "}";
            let json: serde_json::Value = serde_json::from_str(&body).unwrap();
            let name = json["role"].as_str().unwrap();
            let privileges = Bson::try_from(json["privileges"].clone()).unwrap();
            doc! { "createRole": name, "privileges": privileges, "roles": [] }
        })
        .collect()
}

/// The privileges without one of their actions, and that action, for each of them.
fn without_one(privileges: &[Bson]) -> Vec<(Vec<Bson>, Bson)> {
    let mut all = Vec::new();
    for (position, privilege) in privileges.iter().enumerate() {
        let actions = privilege.as_document().unwrap().get_array("actions").unwrap();
        for action in actions {
            let mut fewer = privileges.to_vec();
            let left: Vec<_> = actions.iter().filter(|other| *other != action).cloned().collect();
            fewer[position].as_document_mut().unwrap().insert("actions", left);
            all.push((fewer, action.clone()));
        }
    }
    all
}

fn grant(db: &Db, name: &str, mut privileges: Vec<Bson>) {
    // A privilege without actions is refused.
    privileges.retain(|privilege| {
        !privilege.as_document().unwrap().get_array("actions").unwrap().is_empty()
    });
    db.admin(doc! { "updateRole": name, "privileges": privileges });
}

fn prepare(db: &Db, index: Index, ended: Option<&Document>) {
    let collection = db.collection("sessions");
    db.runtime.block_on(collection.drop().into_future()).unwrap();
    let mut endless = connect_mongo("endless-00000000", at(0));
    endless.remove("expires");
    db.insert(
        "sessions",
        [
            connect_mongo("expired-00000000", at(-60)),
            connect_mongo("live-00000000000", at(3600)),
            endless,
        ],
    );
    if let Some(ended) = ended {
        db.insert("sessions", [ended.clone()]);
    }
    db.runtime.block_on(db.collection("copies").drop().into_future()).unwrap();
    let options = match index {
        Index::None => return,
        Index::Copied => return db.insert("copies", [connect_mongo("live-00000000000", at(60))]),
        Index::Plain => doc! {},
        Index::Different => doc! { "expireAfterSeconds": 86_400 },
        Index::Wanted => doc! { "expireAfterSeconds": 0 },
    };
    let mut spec = doc! { "key": { "expires": 1 }, "name": "expires_1" };
    spec.extend(options);
    db.run(doc! { "createIndexes": "sessions", "indexes": [spec] });
}
