//! With a login that may do little, everything else is unknown, and nothing is an error.

use sessionctl::mongod::{Mongod, Options};

use super::*;
use crate::support::own_server;

fn guarded() -> (Mongod, Db) {
    let server = own_server(Options { args: vec!["--auth".to_owned()], ..Options::default() });
    Db::on(&server.uri()).admin(doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
    let db = Db::on(&as_user(&server, "root"));
    (server, db)
}

fn as_user(server: &Mongod, user: &str) -> String {
    format!("mongodb://{user}:{user}@{}/?authSource=admin", server.address())
}

fn examine_as(db: &Db, uri: &str, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["doctor", "-o", "json"], arguments].concat();
    let run = db.command(&arguments).env("SESSIONCTL_URI", uri).run();
    assert!(matches!(run.code, Some(0 | 4)), "{run:#?}");
    let login = uri.split("//").nth(1).unwrap().split('@').next().unwrap();
    let run = run.never_shows(&format!("{login}@"));
    run.json()["findings"].as_array().unwrap().clone()
}

fn with_outcome<'a>(findings: &'a [Value], outcome: &str) -> Vec<&'a str> {
    let found = findings.iter().filter(|finding| finding["outcome"] == outcome);
    found.map(|finding| finding["check"].as_str().unwrap()).collect()
}

#[test]
fn with_a_read_only_login_what_it_may_not_see_is_unknown_until_it_has_the_role() {
    let (server, db) = guarded();
    healthy(&db);
    let role = doc! { "role": "read", "db": &db.name };
    db.admin(doc! { "createUser": "reader", "pwd": "reader", "roles": [role] });
    let uri = as_user(&server, "reader");
    let findings = examine_as(&db, &uri, &[]);
    assert_eq!(with_outcome(&findings, "unknown"), ["ttl-monitor", "ttl-interval"]);
    let unknown = findings.iter().find(|finding| finding["check"] == "ttl-monitor").unwrap();
    assert_eq!(unknown["what"], "not authorized to run getParameter on admin");
    let login = findings.iter().find(|finding| finding["check"] == "login").unwrap();
    assert_eq!(login["outcome"], "warn");
    let what =
        "reader may run: list; not: expire, fix, purge, restore, index install, index remove";
    assert_eq!(login["what"], what);
    let mend = login["mend"].as_str().unwrap();
    let wanted = "--username ADMINISTRATOR --eval 'db.getSiblingDB(\"admin\").grantRolesToUser(\"reader\", \
                  [{role: \"clusterMonitor\", db: \"admin\"}])'";
    assert!(mend.starts_with("mongosh 'mongodb://127.0.0.1:") && mend.ends_with(wanted), "{mend}");
    let roles = doc! { "role": "clusterMonitor", "db": "admin" };
    db.admin(doc! { "grantRolesToUser": "reader", "roles": [roles] });
    let findings = examine_as(&db, &uri, &[]);
    assert_eq!(with_outcome(&findings, "unknown"), [""; 0]);
    assert!(with_outcome(&findings, "pass").contains(&"login"));
}

#[test]
fn with_a_login_that_may_only_find_the_documents_are_still_checked() {
    let (server, db) = guarded();
    db.insert("sessions", [connect_mongo(LIVE, at(600)), connect_mongo(OTHER, Bson::Null)]);
    let resource = doc! { "db": &db.name, "collection": "sessions" };
    let privilege = doc! { "resource": resource, "actions": ["find"] };
    db.admin(doc! { "createRole": "finder", "privileges": [privilege], "roles": [] });
    db.admin(doc! { "createUser": "finder", "pwd": "finder", "roles": ["finder"] });
    let findings = examine_as(&db, &as_user(&server, "finder"), &[]);
    assert!(with_outcome(&findings, "fail").contains(&"expiry-unusable"), "{findings:#?}");
    let unknown = with_outcome(&findings, "unknown");
    for check in ["ttl-index", "ttl-seconds", "ttl-monitor", "index-build", "disk"] {
        assert!(unknown.contains(&check), "{check} in {unknown:?}");
    }
}

#[test]
fn with_a_login_that_may_do_nothing_everything_about_the_collection_is_unknown() {
    let (server, db) = guarded();
    healthy(&db);
    db.admin(doc! { "createUser": "nobody", "pwd": "nobody", "roles": [] });
    let findings = examine_as(&db, &as_user(&server, "nobody"), &[]);
    assert_eq!(with_outcome(&findings, "fail"), [""; 0]);
    let judged = ["server", "version", "login", "clock-here", "clock-members", "replication"];
    for finding in &findings {
        let known = judged.contains(&finding["check"].as_str().unwrap());
        assert_eq!(finding["outcome"] != "unknown", known, "{finding}");
        assert!(!finding["what"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_missing_login_on_a_server_that_requires_one_is_reported() {
    let (server, db) = guarded();
    healthy(&db);
    let findings = examine_as(&db, &format!("mongodb://{}", server.address()), &[]);
    let login = findings.iter().find(|finding| finding["check"] == "login").unwrap();
    assert_eq!(login["outcome"], "warn", "{login}");
    assert_eq!(login["what"], "the server requires a login, and the connection string has none");
}

#[test]
fn a_connection_string_with_a_password_is_omitted_with_a_note() {
    let (server, db) = guarded();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let uri = as_user(&server, "root");
    let run = Program::new(&["doctor", "--uri", &uri, "-d", &db.name]).run().exits(4);
    let run =
        run.says("the commands below omit --uri").never_shows("root:root").never_shows("root@");
    let wanted = format!("$ sessionctl index install -d {} -c sessions\n", db.name);
    assert!(run.stdout.contains(&wanted), "{run:#?}");
}
