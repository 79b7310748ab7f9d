//! The three uses that must always work.

use bson::doc;

use crate::support::{Db, at, connect_mongo};

#[test]
fn purge_expired_without_a_terminal_asks_nothing_and_deletes_only_the_expired() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    db.sessionctl(&["purge", "--expired"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn list_shows_each_session_with_its_state() {
    let db = Db::new();
    db.insert(
        "sessions",
        [connect_mongo("expired-0000", at(-60)), connect_mongo("live-00000", at(60))],
    );
    let rows = db.sessionctl(&["list", "-o", "json"]).exits(0).json();
    assert_eq!(rows[0]["state"], "expired");
    assert_eq!(rows[1]["state"], "live");
    assert_eq!(db.count("sessions", doc! {}), 2);
}
