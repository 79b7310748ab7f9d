//! `expire --hold`: what comes back is ended until the time is over. With real applications, through a
//! step-down: express/held.rs.

use std::time::Duration;

use bson::{Document, doc};
use serde_json::Value;

use crate::rig::ReplicaSet;
use crate::support::{Db, Program, Running, at, becomes, eventually, long_id, now};

fn of(id: &str, user: &str, seconds: i64) -> Document {
    let session = format!("{{\"cookie\":{{\"path\":\"/\"}},\"userId\":\"{user}\"}}");
    doc! { "_id": long_id(id), "expires": at(seconds), "session": session }
}

fn is_over(id: &str) -> Document {
    doc! { "_id": long_id(id), "expires": { "$lt": now() } }
}

/// The first pass of a sweeper may have deleted what is over.
fn is_live(id: &str) -> Document {
    doc! { "_id": long_id(id), "expires": { "$gt": now() } }
}

#[test]
fn without_a_change_stream_a_scan_ends_what_came_back_until_the_time_is_over() {
    let db = Db::new();
    db.insert("sessions", [of("one", "asa", 600), of("other", "bo", 600)]);
    let audit = tempfile::NamedTempFile::new().unwrap();
    let audit = audit.path().to_str().unwrap();
    let hold = ["expire", "--user", "asa", "--hold", "1h", "--yes", "--audit", audit];
    let mut hold = db.command(&hold).start();
    hold.await_said("holding for 1h; sessions are found by a scan every");
    db.await_count("sessions", is_over("one"), 1);
    db.insert("sessions", [of("two", "asa", 600)]);
    db.await_count("sessions", is_over("two"), 1);
    hold.signal("TERM");
    let run = hold.wait().exits(143);
    run.prints("expired 2 sessions of user asa").prints("1 of them during the hold");
    assert_eq!(db.count("sessions", is_over("other")), 0);
    let lines = std::fs::read_to_string(audit).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let batches: Vec<_> = lines.iter().filter(|line| line["event"] == "batch").collect();
    assert_eq!(batches.len(), 2, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["result"]["expired"]), (&"ended".into(), &2.into()));

    let run = db.sessionctl(&["expire", "--user", "asa", "--hold", "1s", "--yes"]).exits(0);
    run.prints("0 of them during the hold");
}

#[test]
fn a_session_that_is_written_back_is_ended_again_whoever_is_held() {
    let set = ReplicaSet::start(1, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    db.insert("sessions", [of("one", "asa", 600), of("other", "bo", 600)]);
    let users = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(users.path(), "asa\ncy\n").unwrap();
    let users = users.path().to_str().unwrap();
    let hold = ["expire", "--users-from", users, "--hold", "1h", "--yes", "-o", "json"];
    let mut hold = db.command(&hold).start();
    hold.await_said("within a second");
    db.await_count("sessions", is_over("one"), 1);
    for _ in 0..3 {
        // As a request in flight does.
        let renewed = doc! { "$set": { "expires": at(600) } };
        db.update("sessions", doc! { "_id": long_id("one") }, renewed);
        db.await_count("sessions", is_over("one"), 1);
    }
    db.insert("sessions", [of("cy", "cy", 600)]);
    db.await_count("sessions", is_over("cy"), 1);
    // What is created while no change stream can be read is ended after that.
    let lost = doc! { "failCommands": ["aggregate", "getMore"], "errorCode": 11602 };
    let failing = db.fail_commands("alwaysOn", lost);
    hold.await_said("retrying until the server is back");
    db.insert("sessions", [of("meanwhile", "cy", 600)]);
    drop(failing);
    db.await_count("sessions", is_over("meanwhile"), 1);
    assert_eq!(db.count("sessions", is_over("other")), 0);
    hold.signal("INT");
    let report = hold.wait().exits(130).json();
    assert_eq!((&report["expired"], &report["reappeared"]), (&6.into(), &5.into()));
    assert_eq!(report["stopped"], "signal");

    // Dropped, there is nothing to hold any more.
    let hold = ["expire", "--user", "asa", "--hold", "1h", "--yes"];
    let mut hold = db.command(&hold).start();
    hold.await_said("within a second");
    let sessions = db.collection("sessions");
    db.runtime.block_on(sessions.drop().into_future()).unwrap();
    hold.wait().exits(1).says("was dropped meanwhile");
}

#[test]
fn a_sweeper_holds_the_users_of_a_file_and_reads_it_again_when_it_changes() {
    let set = ReplicaSet::start(1, &[]);
    let db = Db::on(&set.uri());
    let folder = tempfile::tempdir().unwrap();
    let (config, held) = (folder.path().join("sweep.toml"), folder.path().join("held.txt"));
    let text =
        format!("interval = 1\n[collections.\"{}.sessions\"]\nhold = \"held.txt\"\n", db.name);
    std::fs::write(&config, text).unwrap();
    let metrics = folder.path().join("metrics.prom");
    let other = ["sweep", "--config", config.to_str().unwrap()];
    let arguments = [&other[..], &["--metrics-file", metrics.to_str().unwrap()]].concat();
    // A list without users is a mistake.
    std::fs::write(&held, "\n").unwrap();
    db.command(&arguments).run().exits(1).says("contains no users");

    std::fs::write(&held, "asa\n").unwrap();
    db.insert("sessions", [of("one", "asa", 600), of("other", "bo", 600)]);
    let mut sweep = db.command(&arguments).start();
    sweep.await_said("holding 1 user of");
    db.await_count("sessions", is_live("one"), 0);
    let ended = || -> Option<u64> {
        let text = std::fs::read_to_string(&metrics).ok()?;
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with("sessionctl_held_sessions_ended_total{"))?;
        assert!(line.contains(&format!("namespace=\"{}.sessions\"", db.name)), "{line}");
        line.rsplit_once(' ')?.1.parse().ok()
    };
    becomes("the session that was ended is counted", ended, |ended| *ended == Some(1));
    let mut second = db.command(&other).start();
    second.await_said("standing by");
    db.insert("sessions", [of("two", "asa", 600)]);
    db.await_count("sessions", is_live("two"), 0);
    assert_eq!(db.count("sessions", is_live("other")), 1);
    becomes("the second is counted, too", ended, |ended| *ended == Some(2));

    std::fs::write(&held, "bo\n").unwrap();
    db.await_count("sessions", is_live("other"), 0);
    db.insert("sessions", [of("free", "asa", 600), of("three", "bo", 600)]);
    db.await_count("sessions", is_live("three"), 0);
    assert_eq!(db.count("sessions", is_live("free")), 1);

    // A sweeper that stands by looks at the list every ten seconds.
    std::thread::sleep(Duration::from_secs(12));
    std::fs::write(&held, "").unwrap();
    sweep.await_said("continuing with the previous users");
    db.insert("sessions", [of("four", "bo", 600)]);
    db.await_count("sessions", is_live("four"), 0);
    let run = sweep.end();
    assert_eq!(run.stderr.matches("contains no users").count(), 1, "{run:?}");
    // Whoever has the lease by now holds them.
    second.await_said("continuing with the previous users");
    db.insert("sessions", [of("five", "bo", 600)]);
    db.await_count("sessions", is_live("five"), 0);
    assert_eq!(db.count("sessions", is_live("free")), 1);
    assert!(!second.end().stderr.contains("holding"));
}

/// The server refuses to end the session `stuck`.
fn refuse_to_end(db: &Db, stuck: &str) {
    let valid =
        doc! { "$or": [{ "_id": { "$ne": long_id(stuck) } }, { "expires": { "$gt": at(60) } }] };
    db.run(doc! { "collMod": "sessions", "validator": valid });
}

#[test]
fn a_session_that_cannot_be_ended_during_a_hold_fails_the_command_and_counts_once() {
    let db = Db::new();
    db.insert("sessions", [of("one", "asa", 600)]);
    refuse_to_end(&db, "stuck");
    let hold = ["expire", "--user", "asa", "--hold", "1h", "--yes"];
    let mut hold = db.command(&hold).start();
    hold.await_said("holding for 1h");
    db.await_count("sessions", is_over("one"), 1);
    // Scans come to the session that cannot be ended again and again.
    for next in ["two", "three"] {
        db.insert(
            "sessions",
            [of("stuck", "asa", 600), of(next, "asa", 600)].into_iter().filter(|session| {
                next == "two" || session.get_str("_id").unwrap() != long_id("stuck")
            }),
        );
        db.await_count("sessions", is_over(next), 1);
    }
    hold.signal("TERM");
    let run = hold.wait().exits(1).says("refused 1 session").says("Document failed validation");
    run.prints("1 session could not be changed");
    assert_eq!(db.count("sessions", is_live("stuck")), 1);
}

/// A sweeper that holds the users `asa` and `bo`, with an audit file and a control file.
struct Held {
    _folder: tempfile::TempDir,
    config: String,
    audit: String,
    control: String,
}

impl Held {
    fn new(db: &Db) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (config, audit, control) = (path("sweep.toml"), path("audit"), path("control"));
        let text =
            format!("interval = 1\n[collections.\"{}.sessions\"]\nhold = \"held\"\n", db.name);
        std::fs::write(&config, text).unwrap();
        std::fs::write(path("held"), "asa\nbo\n").unwrap();
        Self { _folder: folder, config, audit, control }
    }

    fn start(&self, db: &Db) -> Running {
        let sweep = ["sweep", "--no-lease", "--config", &self.config, "--audit", &self.audit];
        db.command(&[&sweep[..], &["--control", &self.control]].concat()).start()
    }

    /// The lines of the audit file about holds.
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.audit).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let lines: Vec<Value> = lines.collect();
        let is_hold = |line: &&Value| line["command"] == "hold";
        let runs: Vec<_> = lines.iter().filter(is_hold).map(|line| line["run"].clone()).collect();
        lines.into_iter().filter(|line| runs.contains(&line["run"])).collect()
    }
}

#[test]
fn a_sweeper_records_whom_it_holds_and_says_what_it_cannot_end() {
    let db = Db::new();
    db.insert("sessions", [of("one", "asa", 600), of("stuck", "bo", 600)]);
    refuse_to_end(&db, "stuck");
    let held = Held::new(&db);
    std::fs::write(&held.control, "pause\n").unwrap();
    let mut sweep = held.start(&db);
    sweep.await_said("holding 2 users of");
    // Paused, nobody is logged out, and a line says that it will be done.
    becomes("the hold was recorded", || held.lines().len(), |lines| *lines == 1);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(db.count("sessions", is_live("one")), 1);
    std::fs::write(&held.control, "continue\n").unwrap();
    db.await_count("sessions", is_live("one"), 0);
    sweep.await_said("refused to end 1 session of held users");
    db.insert("sessions", [of("two", "asa", 600)]);
    db.await_count("sessions", is_live("two"), 0);
    let run = sweep.end().says("Document failed validation");
    assert_eq!(run.stderr.matches("refused to end").count(), 1, "{run:?}");
    let lines = held.lines();
    assert_eq!((&lines[0]["event"], &lines[0]["selection"]["users"]), (&"began".into(), &2.into()));
    let names_asa = |line: &&Value| line["sessions"][0]["user"] == "asa";
    assert_eq!(lines.iter().filter(names_asa).count(), 2, "{lines:?}");
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["stopped"]), (&"ended".into(), &"signal".into()), "{last}");
}

#[test]
fn a_sweeper_that_cannot_record_whom_it_logs_out_logs_nobody_out() {
    let db = Db::new();
    db.insert("sessions", [of("one", "asa", 600)]);
    let held = Held::new(&db);
    std::fs::create_dir(&held.audit).unwrap();
    held.start(&db).wait().exits(1).says("could not write to the audit file");
    assert_eq!(db.count("sessions", is_live("one")), 1);
}

/// Its last word must not be that everything was ended.
#[test]
fn a_hold_whose_time_is_over_while_the_server_is_away_fails() {
    let set = ReplicaSet::start(1, &[("enableTestCommands", "1")]);
    let db = Db::on(&set.uri());
    // On a busy machine the time may be over before anything fails.
    for seconds in ["3s", "15s", "60s"] {
        db.insert("sessions", [of(&format!("{seconds}-"), "asa", 600)]);
        let hold = ["expire", "--user", "asa", "--hold", seconds, "--yes", "-o", "json"];
        let mut hold = db.command(&hold).start();
        hold.await_said("within a second");
        let away = doc! { "failCommands": ["aggregate", "getMore"], "errorCode": 11602 };
        let failing = db.fail_commands("alwaysOn", away);
        eventually("it has ended", || hold.has_ended());
        drop(failing);
        let run = hold.wait();
        if !run.stderr.contains("retrying until the server is back") {
            continue;
        }
        let run = run.exits(1).says("the hold ended while");
        assert_eq!(run.json()["stopped"], "error");
        return;
    }
    panic!("the server was never away");
}

#[test]
fn a_hold_is_refused_where_it_would_not_hold() {
    let db = Db::new();
    db.insert("sessions", [of("one", "asa", 600)]);
    let asa = ["expire", "--user", "asa", "--hold"];
    for more in [
        &["1h", "--keep", "1", "--yes"][..],
        &["1h", "--dry-run"],
        &["1h", "-c", "sessions", "-c", "others", "--yes"],
        &["0", "--yes"],
    ] {
        db.sessionctl(&[&asa, more].concat()).exits(2);
    }
    // Without a terminal nobody can be asked.
    db.sessionctl(&[&asa[..], &["1h"]].concat()).exits(3).fails_in_one_sentence();
    assert_eq!(db.count("sessions", is_over("one")), 0);
    let nothing = Db::new();
    nothing.run(doc! { "create": "sessions" });
    let run = nothing.sessionctl(&[&asa[..], &["1h", "--yes"]].concat()).exits(1);
    run.fails_in_one_sentence().says("its layout is unknown");
}

#[test]
fn a_single_pass_does_not_ignore_that_users_are_to_be_held() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("sweep.toml");
    std::fs::write(folder.path().join("held"), "asa\n").unwrap();
    std::fs::write(&config, "[collections.\"app.sessions\"]\nhold = \"held\"\n").unwrap();
    let config = ["--config", config.to_str().unwrap()];
    for command in
        [&["sweep", "--once"][..], &["deploy", "cron"], &["deploy", "kubernetes", "--cron"]]
    {
        let run = Program::new(&[command, &config].concat()).run().exits(2);
        run.fails_in_one_sentence().says("line 2: app.sessions: hold cannot be used with --once");
    }
    for command in [&["sweep", "--check-config"][..], &["deploy", "kubernetes"]] {
        Program::new(&[command, &config].concat()).run().exits(0);
    }
}
