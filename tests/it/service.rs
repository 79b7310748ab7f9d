//! `sessionctl sweep` as a service: several collections, a configuration, signals, and time.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use bson::{Bson, doc};

use crate::support::{Db, Program, at, connect_mongo, session, with};

fn is_gone(db: &Db, collection: &str, id: &str) -> bool {
    db.count(collection, doc! { "_id": id }) == 0
}

/// A collection with a live session and an expired one.
fn fill(db: &Db, collection: &str) {
    let dead = format!("dead-{collection}");
    db.insert(collection, [connect_mongo("live", at(600)), connect_mongo(&dead, at(-60))]);
}

fn write(path: &Path, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A sweep by a configuration, which knows the database itself.
fn configured(db: &Db, config: &str, more: &[&str]) -> Program {
    let arguments = [&["sweep", "--config", config][..], more].concat();
    Program::new(&arguments).env("SESSIONCTL_URI", &db.uri)
}

/// In express-mongodb 1.0 a session without an expiry is kept for ever.
fn endless(id: &str, touched: i64) -> bson::Document {
    let mut document = session("express-mongodb-1", id, Bson::Null);
    document.remove("expiresAt");
    with(document, doc! { "updatedAt": at(touched) })
}

#[test]
fn several_collections_are_swept_by_one_daemon() {
    let db = Db::new();
    for collection in ["one", "two", "three"] {
        fill(&db, collection);
    }
    let arguments = ["sweep", "-c", "one", "-c", "two", "-c", "three", "--once", "-o", "ndjson"];
    let run = db.sessionctl(&arguments).exits(0);
    let row = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let mut swept: Vec<_> = run
        .stdout
        .lines()
        .map(|line| row(line)["namespace"].as_str().unwrap().to_owned())
        .collect();
    swept.sort();
    assert_eq!(swept, ["one", "three", "two"].map(|name| format!("{}.{name}", db.name)));
    for collection in ["one", "two", "three"] {
        assert_eq!(db.ids(collection), ["live"]);
    }
}

#[test]
fn no_collection_that_was_typed_is_forgotten() {
    let db = Db::new();
    fill(&db, "one");
    fill(&db, "two");
    db.sessionctl(&["-c", "one", "sweep", "-c", "two", "--once"]).exits(2).fails_in_one_sentence();
    db.sessionctl(&["-c", "one", "purge", "--expired", "-c", "two"]).exits(2);
    db.sessionctl(&["index", "install", "--drain", "-c", "one", "-c", "two"])
        .exits(2)
        .says("one collection");
    assert_eq!(db.count("one", doc! {}) + db.count("two", doc! {}), 4);
}

#[test]
fn one_collection_that_is_not_there_does_not_hold_up_the_others() {
    let db = Db::new();
    fill(&db, "one");
    let mut sweep = db.command(&["sweep", "--interval", "1", "-c", "one", "-c", "two"]).start();
    db.await_gone("one", "dead-one");
    sweep.await_said("waiting for");
    fill(&db, "two");
    db.await_gone("two", "dead-two");
    sweep.end().says(&format!("waiting for {}.two", db.name));
}

#[test]
fn what_one_sweep_cannot_go_on_with_ends_them_all() {
    let db = Db::new();
    fill(&db, "one");
    db.insert("two", [doc! { "order": 1 }]);
    let run = db.sessionctl(&["sweep", "--interval", "1", "-c", "one", "-c", "two"]).exits(1);
    run.says(&format!("could not sweep {}.two", db.name));
}

#[test]
fn a_file_says_for_each_namespace_how_it_is_swept() {
    let (db, other) = (Db::new(), Db::new());
    db.insert("sessions", [connect_mongo("new", at(-60)), connect_mongo("old", at(-7200))]);
    db.insert("more", [connect_mongo("new", at(-60)), connect_mongo("old", at(-7200))]);
    other.insert("sessions", [session("tower-sessions", "AAAAAAAAAAAAAAAAAAAAAA", at(-60))]);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "grace = \"1h\"\n[collections.\"{0}.sessions\"]\n[collections.\"{0}.more\"]\ngrace = 0\n\
         [collections.\"{1}.sessions\"]\nlayout = \"tower-sessions\"\ngrace = \"1s\"\n",
        db.name, other.name
    );
    let config = write(&folder.path().join("sweep.toml"), &text);
    configured(&db, &config, &["--once"]).run().exits(0);
    assert_eq!(db.ids("sessions"), ["new"]);
    assert_eq!(db.count("more", doc! {}), 0);
    assert_eq!(other.count("sessions", doc! {}), 0);
    // The leases are where the sessions are.
    assert_eq!(
        (db.count("sessionctl_leases", doc! {}), other.count("sessionctl_leases", doc! {})),
        (2, 1)
    );
}

#[test]
fn options_beside_a_file_that_says_it_all_are_refused_rather_than_ignored() {
    for option in
        ["--interval=5", "--grace=5", "--idle=5", "-cother", "-dapp", "--rate=5", "--layout=x"]
    {
        let run = Program::new(&["sweep", "--config", "nowhere.toml", option]).run();
        run.exits(2).fails_in_one_sentence().says("--config");
    }
    Program::new(&["sweep", "--config", "nowhere.toml"]).run().exits(2).says("nowhere.toml");
    Program::new(&["sweep", "--lease=9", "--no-lease"]).run().exits(2).fails_in_one_sentence();
}

#[test]
fn a_file_is_read_again_on_sighup_and_one_that_is_wrong_changes_nothing() {
    let db = Db::new();
    fill(&db, "one");
    fill(&db, "two");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.toml");
    let table = |name: &str| format!("[collections.\"{}.{name}\"]\n", db.name);
    let config = write(&path, &format!("interval = 1\n{}", table("one")));
    let mut sweep = configured(&db, &config, &[]).start();
    db.await_gone("one", "dead-one");

    write(&path, "interval = \"soon\"");
    sweep.signal("HUP");
    fill(&db, "three");
    db.insert("one", [connect_mongo("second", at(-60))]);
    db.await_gone("one", "second");

    write(&path, &format!("interval = 1\n{}{}grace = \"1h\"\n", table("two"), table("three")));
    sweep.signal("HUP");
    db.await_gone("two", "dead-two");
    db.insert("one", [connect_mongo("third", at(-60))]);
    // Two passes of the collection that is swept.
    for id in ["fourth", "fifth"] {
        db.insert("two", [connect_mongo(id, at(-60))]);
        db.await_gone("two", id);
    }
    assert!(!is_gone(&db, "one", "third") && !is_gone(&db, "three", "dead-three"));

    write(&path, &format!("interval = 1\n{}", table("three")));
    sweep.signal("HUP");
    db.await_gone("three", "dead-three");
    sweep.end().says("continuing with the previous settings");
}

#[test]
fn a_sweep_goes_on_though_nobody_reads_what_it_says() {
    for log in ["text", "json"] {
        let db = Db::new();
        fill(&db, "sessions");
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        // As much as the pipe holds. A write of more waits for a reader.
        writer.write_all(&[b'\n'; 1 << 16]).unwrap();
        let arguments = ["sweep", "--interval", "1", "-o", "ndjson", "--log-format", log];
        let sweep = db.command(&arguments).stdout(writer.try_clone().unwrap());
        let mut sweep = sweep.stderr(writer).start();
        for id in ["second", "third"] {
            db.insert("sessions", [connect_mongo(id, at(-60))]);
            db.await_gone("sessions", id);
        }
        sweep.signal("TERM");
        sweep.wait().soon().exits(0);
        // Nothing was cut in the middle.
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.trim(), "");
    }
}

#[test]
fn a_reader_of_the_reports_who_leaves_is_said_once_and_the_sweep_goes_on() {
    let db = Db::new();
    fill(&db, "sessions");
    let (reader, writer) = std::io::pipe().unwrap();
    let arguments = ["sweep", "--interval", "1", "-o", "ndjson"];
    let sweep = db.command(&arguments).stdout(writer).start();
    drop(reader);
    for id in ["second", "third"] {
        db.insert("sessions", [connect_mongo(id, at(-60))]);
        db.await_gone("sessions", id);
    }
    let run = sweep.end();
    assert_eq!(run.stderr.matches("the reader of stdout disconnected").count(), 1, "{run:#?}");
}

#[test]
fn a_pass_can_be_asked_for_by_sigusr1() {
    let db = Db::new();
    fill(&db, "sessions");
    let mut sweep = db.command(&["sweep", "--interval", "1h"]).start();
    db.await_gone("sessions", "dead-sessions");
    for id in ["second", "third"] {
        db.insert("sessions", [connect_mongo(id, at(-60))]);
        std::thread::sleep(Duration::from_millis(300));
        assert!(!is_gone(&db, "sessions", id));
        sweep.signal("USR1");
        db.await_gone("sessions", id);
    }
    sweep.end();
}

#[test]
fn the_idle_rule_removes_endless_sessions_that_nobody_touches_and_no_others() {
    let db = Db::new();
    db.insert(
        "sessions",
        [
            endless("endless-idle", -90_000),
            endless("endless-used", -60),
            with(
                session("express-mongodb-1", "live-idle", at(600)),
                doc! { "updatedAt": at(-90_000) },
            ),
            session("express-mongodb-1", "dead", at(-60)),
        ],
    );
    let idle = ["sweep", "--once", "--idle", "1d"];
    db.sessionctl(&idle).exits(3).says("--yes");
    assert_eq!(db.count("sessions", doc! {}), 4);
    let pass = db.sessionctl(&[&idle[..], &["--yes", "-o", "ndjson"]].concat()).exits(0).json();
    assert_eq!(pass["deleted"], 2);
    assert_eq!(db.ids("sessions"), ["endless-used", "live-idle"]);
}

#[test]
fn an_idle_rule_of_no_time_in_the_file_is_refused() {
    let db = Db::new();
    db.insert("sessions", [endless("endless", -60)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sweep.toml");
    let text = format!("idle = \"30d\"\n[collections.\"{}.sessions\"]\nidle = 0\n", db.name);
    std::fs::write(&file, text).unwrap();
    let sweep = ["sweep", "--once", "--config", file.to_str().unwrap()];
    for more in [&[][..], &["--check-config"]] {
        db.sessionctl(&[&sweep, more].concat()).exits(2).says("idle");
    }
    assert_eq!(db.ids("sessions"), ["endless"]);
}

#[test]
fn an_idle_rule_without_a_date_of_the_last_touch_is_an_error() {
    let db = Db::new();
    db.insert("sessions", [session("tower-sessions", "AAAAAAAAAAAAAAAAAAAAAA", at(600))]);
    let run = db.sessionctl(&["sweep", "--idle", "1d", "--yes"]).exits(1);
    run.fails_in_one_sentence().says("last touch");
}

#[test]
fn what_a_sweep_deletes_is_archived_first_under_the_name_of_its_day() {
    let db = Db::new();
    fill(&db, "sessions");
    let folder = tempfile::tempdir().unwrap();
    let pattern = folder.path().join("gone-%Y-%m-%d.ndjson");
    let arguments =
        ["sweep", "--interval", "1", "-o", "ndjson", "--archive", pattern.to_str().unwrap()];
    let mut sweep = db.command(&arguments).start();
    let file = || {
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert!(files.len() <= 1, "{files:?}");
        files.first().map(std::fs::DirEntry::path)
    };
    db.await_gone("sessions", "dead-sessions");
    let first = file().unwrap();
    assert!(first.to_str().unwrap().contains("gone-20"), "{first:?}");
    assert!(std::fs::read_to_string(&first).unwrap().contains("dead-sessions"));

    // After the file is moved away, the next sessions go to a new one.
    let moved = tempfile::tempdir().unwrap();
    std::fs::rename(&first, moved.path().join("moved.ndjson")).unwrap();
    db.insert("sessions", [connect_mongo("second", at(-60))]);
    db.await_gone("sessions", "second");
    assert!(std::fs::read_to_string(file().unwrap()).unwrap().contains("second"));

    // Without its folder nothing is deleted, until it is there again.
    std::fs::remove_dir_all(folder.path()).unwrap();
    db.insert("sessions", [connect_mongo("third", at(-60))]);
    sweep.await_said("sessions failed: ");
    assert!(!is_gone(&db, "sessions", "third"));
    std::fs::create_dir(folder.path()).unwrap();
    db.await_gone("sessions", "third");
    assert!(std::fs::read_to_string(file().unwrap()).unwrap().contains("third"));
    let run = sweep.end().says("sessions failed: ");
    let archived: u64 = run
        .stdout
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["archived"]
                .as_u64()
                .unwrap_or(0)
        })
        .sum();
    assert_eq!(archived, 3);
}

#[test]
fn an_archive_that_cannot_be_begun_is_an_error_at_once() {
    let db = Db::new();
    fill(&db, "sessions");
    for (archive, code) in [("/nowhere/x.bson", 1), ("x.txt", 2), ("%!.bson", 2)] {
        db.sessionctl(&["sweep", "--archive", archive]).exits(code).fails_in_one_sentence();
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn a_collection_whose_layout_changes_is_waited_for() {
    let db = Db::new();
    fill(&db, "sessions");
    let mut sweep = db.command(&["sweep", "--interval", "1"]).start();
    db.await_gone("sessions", "dead-sessions");
    // Half of them are of another store: whose is it now?
    let tower = |letter: char| {
        let id = letter.to_string().repeat(22);
        session("tower-sessions", &id, at(-60))
    };
    db.insert("sessions", ['A', 'B'].map(tower));
    sweep.await_said("waiting for");
    assert!(!sweep.has_ended());
    assert_eq!(db.count("sessions", doc! {}), 3);
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": { "_id": "live" }, "limit": 1 }] });
    db.await_count("sessions", doc! {}, 0);
    sweep.end().says("waiting for").says("changed from connect-mongo-json to tower-sessions");
}

#[test]
fn a_pass_that_outlasts_the_interval_is_said_and_followed_by_one_at_once() {
    let db = Db::new();
    db.insert("sessions", (0..30).map(|number| connect_mongo(&format!("{number:02}"), at(-60))));
    let arguments = ["sweep", "--interval", "1", "--rate", "10", "--batch-size", "1"];
    let mut sweep = db.command(&arguments).start();
    db.await_count("sessions", doc! {}, 0);
    sweep.await_said("deleted 30 expired sessions");
    let run = sweep.end().says("longer than the interval of 1 s");
    assert!(run.stderr.contains("deleted 30 expired sessions"), "{run:#?}");
}

#[test]
fn a_jitter_longer_than_the_interval_is_refused() {
    let run = Program::new(&["sweep", "--interval", "1m", "--jitter", "2m"]).run();
    run.exits(2).fails_in_one_sentence().says("jitter");
}

#[test]
fn the_configuration_of_the_topic_on_sweep_toml_is_one_that_works() {
    let db = Db::new();
    let topic = crate::readme::read(&crate::readme::topic("sweep.toml"));
    let config = crate::readme::blocks(&topic, "toml")[0];
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let config =
        config.replace("\"app.", &format!("\"{}.", db.name)).replace("/var/lib/sessionctl", here);
    let config = config.replace("\"shop.sessions", &format!("\"{}.shop", db.name));
    let config = write(&folder.path().join("sweep.toml"), &config);
    db.insert("sessions", [connect_mongo("live", at(600)), connect_mongo("dead", at(-7200))]);
    db.insert("shop", [session("tower-sessions", "AAAAAAAAAAAAAAAAAAAAAA", at(-60))]);
    configured(&db, &config, &["--once"]).run().exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
    assert_eq!(db.count("shop", doc! {}), 0);
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 2);
}
