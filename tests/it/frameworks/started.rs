//! Both examples, started by the command that their users type.

use bson::{Document, doc};

use crate::express::Browser;
use crate::support::{Db, Running};

/// Starts an example on this database; where it listens.
fn start(example: &str, db: &Db, uri: &str) -> (Running, u16) {
    let program = crate::axum_example::example(example).env("SESSIONCTL_URI", uri).env("PORT", "0");
    let mut running = program.env("SESSIONCTL_COLLECTION", "members").start();
    running.await_printed("http://127.0.0.1:");
    let printed = running.await_printed(" ");
    assert!(printed.contains(&format!("the sessions are in {}.members at ", db.name)), "{printed}");
    let port = printed.rsplit("127.0.0.1:").next().unwrap().split(' ').next().unwrap();
    (running, port.parse().unwrap())
}

/// Logs in and out; `session` is what the database has of that meanwhile.
fn logs_in_and_out(example: &str, session: Document) {
    let db = Db::new();
    let server = db.server.trim_end_matches('/');
    let (mut running, port) = start(example, &db, &format!("{server}/{}", db.name));
    let browser = Browser::new();
    assert!(browser.page(port, "/").contains(r#"name="password""#));
    let login =
        |password| browser.tries(port, "/login", &[("user", "alice"), ("password", password)]);
    assert!(!login("builder"), "the password of another");
    assert!(login("wonderland"));
    assert!(browser.page(port, "/").contains("<strong>alice</strong>, logged in with 1 "));
    assert_eq!((db.count("members", session), db.count("members", doc! {})), (1, 1));
    let expiry =
        db.indexes("members").into_iter().find(|index| index.contains_key("expireAfterSeconds"));
    assert!(expiry.is_some(), "{example}");
    browser.send(port, "/logout", &[]);
    assert!(browser.get(port, "/me")["user"].is_null());
    assert_eq!(db.count("members", doc! {}), 0, "{example}");
    // A server that ends waits for its connections.
    drop(browser);
    running.signal("INT");
    running.wait().exits(0);
}

#[test]
fn the_example_of_axum_login_starts_logs_in_and_out_and_ends() {
    logs_in_and_out(
        "axum_login",
        doc! { "session.auth.user_id": "alice", "session.ip": "127.0.0.1" },
    );
}

#[test]
fn the_example_of_actix_starts_logs_in_and_out_and_ends() {
    logs_in_and_out("actix", doc! { "session.user": "alice", "session.views": 2 });
}
