//! Control of a running command: `--control`, and keys on a terminal.
//!
//! With `SESSIONCTL_LONG_TESTS=1`, a purge is paused for a minute rather than a second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bson::{Document, doc};
use serde_json::Value;
use sessionctl::purge::{Cause, Purge, Step};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::{Db, Program, Running, at, becomes, connect_mongo};
use crate::watch::{address, get};

/// A control file in a folder of its own.
struct File {
    _folder: TempDir,
    path: PathBuf,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        std::fs::write(&path, text).unwrap();
        Self { _folder: folder, path }
    }

    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn says(&self, text: &str) {
        std::fs::write(&self.path, text).unwrap();
    }
}

/// A collection with this number of expired sessions.
fn expired(count: usize) -> Db {
    let db = Db::new();
    db.insert("sessions", (0..count).map(|at_| connect_mongo(&format!("gone-{at_:027}"), at(-60))));
    db.insert("sessions", [connect_mongo("live", at(3600))]);
    db
}

fn left(db: &Db) -> u64 {
    db.count("sessions", doc! {})
}

/// Nothing changes for a while.
#[track_caller]
fn stands_still(db: &Db) -> u64 {
    // A batch in flight is finished first.
    let mut before = left(db);
    becomes(
        "the batches in flight were over",
        || std::mem::replace(&mut before, left(db)) == before,
        |same| *same,
    );
    let is_long = std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1");
    std::thread::sleep(Duration::from_secs(if is_long { 60 } else { 1 }));
    assert_eq!(left(db), before);
    before
}

/// Small batches, one after the other.
const SLOW: [&str; 6] = ["--batch-size", "10", "--jobs", "1", "--rate", "100"];

fn purge(db: &Db, file: &File, more: &[&str]) -> Running {
    let arguments = ["purge", "--expired", "-y", "-o", "json", "--control", file.path()];
    db.command(&[&arguments, more].concat()).start()
}

#[test]
fn a_purge_that_is_paused_goes_on_exactly() {
    let (db, file) = (expired(1000), File::new("# by hand\npause\n"));
    let mut purging = purge(&db, &file, &SLOW);
    purging.await_said("paused");
    assert_eq!(stands_still(&db), 1001);
    file.says("continue");
    purging.await_said("continuing");
    becomes("it went on", || left(&db), |left| *left < 1001);
    file.says("pause");
    purging.await_said("paused");
    let before = stands_still(&db);
    assert!((2..1001).contains(&before), "{before} left");
    file.says("rate off\ncontinue\n");
    let run = purging.wait().exits(0);
    let report = run.json();
    assert_eq!((&report["deleted"], &report["exact"]), (&1000.into(), &true.into()), "{report}");
    assert_eq!((&report["stopped"], left(&db)), (&Value::Null, 1));
    run.says("no limit on sessions per second");
}

#[test]
fn a_wrong_line_is_reported_once_and_the_others_are_obeyed() {
    let (db, file) = (expired(500), File::new("pause"));
    let mut purging = purge(&db, &file, &SLOW);
    purging.await_said("paused");
    file.says("pause\nfaster\nrate 7\n");
    purging.await_said("limited to 7 sessions per second");
    purging.await_said("ignoring line 2: expected pause, continue, rate N");
    file.says("faster\nrate 90000\n");
    purging.await_said("limited to 90,000");
    file.says("continue\nfaster\n");
    let run = purging.wait().exits(0);
    assert_eq!(run.stderr.matches("ignoring line").count(), 1, "{run:?}");
    assert_eq!(left(&db), 1);
}

#[test]
fn stop_ends_a_purge_as_a_time_limit_does() {
    let (db, file) = (expired(1000), File::new(""));
    let mut purging = purge(&db, &file, &SLOW);
    becomes("it had begun", || left(&db), |left| *left < 1001);
    file.says("stop\n");
    purging.await_said("stopping");
    let run = purging.wait().exits(5);
    let report = run.json();
    assert_eq!(report["stopped"], "operator", "{report}");
    // What it reports is what is gone.
    let (deleted, left) = (report["deleted"].as_u64().unwrap(), left(&db));
    assert!(deleted > 0 && left > 1, "{report}");
    assert_eq!(deleted + left, 1001);
    run.says("stopped by the operator");
    // A file that says so from the beginning stops the next run before it changes anything.
    let run = purge(&db, &file, &[]).wait().exits(5);
    assert_eq!(db.count("sessions", doc! {}), left, "{run:?}");
}

#[test]
fn a_restore_at_a_limited_rate_is_in_small_batches() {
    let (db, file) = (expired(60), File::new("rate 40"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bson");
    let path = path.to_str().unwrap();
    db.sessionctl(&["purge", "--expired", "--archive", path]).exits(0);
    let arguments = ["restore", path, "--yes", "-o", "json", "--control", file.path()];
    let report = db.sessionctl(&arguments).exits(0).json();
    assert_eq!((&report["restored"], &report["batches"]), (&60.into(), &6.into()));
    assert_eq!(left(&db), 61);
}

#[test]
fn what_was_asked_for_in_one_collection_holds_in_the_next() {
    let db = Db::new();
    for name in ["a", "b"] {
        db.insert(name, (0..30).map(|n| connect_mongo(&format!("gone-{n}"), at(-60))));
    }
    let file = File::new("pause\nrate 20");
    let arguments = ["purge", "--expired", "-c", "a", "-c", "b", "-y", "-v", "--control"];
    let mut purging = db.command(&[&arguments[..], &[file.path()]].concat()).start();
    purging.await_said("paused");
    file.says("continue");
    let run = purging.wait().exits(0);
    assert_eq!(run.stderr.matches("(rate)").count(), 2, "{run:?}");
    assert_eq!(db.count("a", doc! {}) + db.count("b", doc! {}), 0);
}

/// The same for every command that writes many sessions: paused, nothing changes; stopped, it exits with 5.
#[test]
fn every_command_that_writes_many_sessions_can_be_paused_and_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("x.bson");
    let archive = archive.to_str().unwrap();
    let commands: [(&str, &[&str]); 5] = [
        ("expire", &["expire", "--live", "--yes"]),
        ("fix", &["fix", "expiry", "--yes"]),
        ("restore", &["restore", archive, "--yes"]),
        ("copy", &["copy", "--to-collection", "copies", "--yes"]),
        ("index", &["index", "install", "--drain"]),
    ];
    let db = Db::new();
    let sessions: Vec<Document> = (0..40)
        .map(|at_| connect_mongo(&format!("gone-{at_}"), at(-60)))
        .chain((0..40).map(|at_| connect_mongo(&format!("live-{at_}"), at(3600))))
        .collect();
    db.insert("sessions", sessions);
    db.insert("sessions", [connect_mongo("text", "2026-01-02T03:04:05Z")]);
    let all = db.command(&["purge", "--malformed", "--archive", archive, "--yes"]).run().exits(0);
    all.prints("deleted 1 ");
    db.insert("sessions", [connect_mongo("other", "2026-01-02T03:04:05Z")]);
    let before = db.find("sessions", doc! {});
    for (name, arguments) in commands {
        let file = File::new("pause");
        let arguments = [arguments, &["--control", file.path()]].concat();
        let mut running = db.command(&arguments).start();
        running.await_said("paused");
        std::thread::sleep(Duration::from_millis(300));
        assert!(!running.has_ended(), "{name}");
        file.says("stop");
        let run = running.wait().exits(5);
        let run = run.never_shows("error:");
        assert_eq!(db.find("sessions", doc! {}), before, "{name}");
        assert_eq!(db.count("copies", doc! {}), 0, "{run:?}");
    }
    assert!(db.indexes("sessions").is_empty());
}

#[test]
fn a_control_file_that_can_never_be_read_is_refused_before_anything_is_changed() {
    let db = expired(3);
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, why) in [
        (pipe.as_path(), "it is not a regular file"),
        (Path::new("/nowhere/control"), "its folder does not exist"),
        (folder.path(), "it is not a regular file"),
    ] {
        let path = path.to_str().unwrap();
        let run = db.sessionctl(&["purge", "--expired", "--control", path]);
        run.exits(1).fails_in_one_sentence().says(why).says(path);
        assert_eq!(left(&db), 4);
        // Whether it would purge first or not.
        for drain in ["--drain", "--no-drain"] {
            let run = db.sessionctl(&["index", "install", drain, "--control", path]);
            run.exits(1).fails_in_one_sentence().says(why).says(path);
        }
        assert!(db.indexes("sessions").is_empty());
    }
}

#[test]
fn a_sweeper_is_paused_and_stopped_by_its_control_file() {
    let (db, file) = (expired(30), File::new("pause"));
    let address = address();
    let arguments = ["sweep", "--interval", "1", "--metrics", &address, "--control", file.path()];
    let mut sweep = db.command(&arguments).start();
    // The sweeper obeys an existing file from the start, and reports it.
    sweep.await_said("paused");
    let one = |key: &str| -> Value {
        let status = get(&address, "/status").map(|(_, text)| text).unwrap_or_default();
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        status["namespaces"][0][key].clone()
    };
    becomes("a pass had begun", || one("state"), |state| state == "sweeping");
    assert_eq!(one("paused"), true);
    assert_eq!(stands_still(&db), 31);
    file.says("continue\nrate 5000");
    db.await_ids("sessions", &["live"]);
    becomes("the rate was in force", || one("rate"), |rate| rate == 5000);
    assert_eq!(one("max_latency"), "auto");
    file.says("max-latency off");
    becomes("the latency was in force", || one("max_latency"), |latency| latency == "off");
    assert_eq!(one("config")["max_latency"], "auto");
    file.says("stop");
    sweep.wait().exits(0).says("stopped by the operator");
}

/// On a terminal, where the modes are printed before and after.
fn on_terminal(db: &Db, more: &[&str]) -> Running {
    let arguments = ["purge", "--expired", "-y"];
    let program: Program = db.command(&[&arguments, more].concat());
    // Ctrl-C reaches the shell as well, which is to go on.
    let line =
        "trap : INT QUIT; echo before $(stty -g); $sessionctl; echo code $?; echo after $(stty -g)";
    program.start_on_terminal(line)
}

/// It ended so, and the terminal has the modes that it had before.
#[track_caller]
fn gives_back(running: Running, code: i32) -> String {
    let screen = running.wait().stdout;
    let modes = |word: &str| {
        let line = screen.lines().find_map(|line| line.trim().strip_prefix(word));
        line.unwrap_or_else(|| panic!("no {word:?} in {screen}")).to_owned()
    };
    assert_eq!(modes("before "), modes("after "));
    assert_eq!(modes("code "), code.to_string(), "{screen}");
    screen
}

#[test]
fn keys_pause_slow_down_and_stop_a_purge_on_a_terminal() {
    let db = expired(3000);
    let mut running = on_terminal(&db, &SLOW);
    running.await_printed("? keys");
    running.types("p");
    running.await_printed("paused: p continues");
    let before = stands_still(&db);
    running.types("p");
    becomes("it went on", || left(&db), |left| *left < before);
    running.types("?");
    running.await_printed("q stops");
    running.types("-");
    running.await_printed("limited to 67 sessions per second");
    running.types("+");
    running.await_printed("limited to 100 sessions per second");
    // What is pasted is no key.
    running.types("sessionctl purge");
    // Until the paste is read, a key that follows it is a part of it.
    let explained = |running: &Running| running.printed().matches("q stops").count();
    let before = explained(&running);
    becomes(
        "a key after the paste was read",
        || {
            running.types("?");
            std::thread::sleep(Duration::from_millis(200));
            explained(&running)
        },
        |count| *count > before,
    );
    running.types("p");
    running.await_printed("paused: p continues");
    running.types("q");
    let screen = gives_back(running, 5);
    assert!(screen.contains("stopped by the operator"), "{screen}");
    assert!(left(&db) > 1);
}

#[test]
fn a_terminal_is_given_back_when_a_signal_or_the_end_comes_while_keys_are_read() {
    for (key, code) in [("\u{3}", 130), ("\u{1c}", 131), ("", 0)] {
        let db = expired(if key.is_empty() { 200 } else { 3000 });
        let mut running = on_terminal(&db, &SLOW);
        running.await_printed("? keys");
        running.types(key);
        gives_back(running, code);
    }
}

#[test]
fn a_pause_that_comes_while_sessions_are_read_lets_none_of_them_be_written() {
    let db = expired(1000);
    let purge = Purge { jobs: Some(1), batch_size: Some(100), ..Purge::expired(at(0), at(0)) };
    let mut purging =
        db.store("connect-mongo-json").purge(purge, CancellationToken::new()).unwrap();
    let control = purging.control();
    // It reads as long as that fails.
    let failing = doc! { "failCommands": ["find"], "errorCode": 91 };
    let failing = db.fail_commands("alwaysOn", failing);
    std::thread::scope(|scope| {
        let step = scope.spawn(|| db.runtime.block_on(purging.next()));
        failing.wait(1);
        control.pause();
        failing.end();
        let step = step.join().unwrap().unwrap();
        assert!(matches!(step, Some(Step::Paused(Cause::Paused))), "{step:?}");
    });
    assert_eq!(left(&db), 1001);
    control.resume();
    while db.runtime.block_on(purging.next()).unwrap().is_some() {}
    assert!(purging.is_finished());
    assert_eq!(left(&db), 1);
}

#[test]
fn keys_work_again_when_a_shell_brings_the_command_back_to_the_foreground() {
    let db = expired(3000);
    // Unlike others, this shell sends no SIGCONT to a job that runs.
    let line = "bash -c \"set -m; echo before \\$(stty -g); $sessionctl; echo stopped; bg; sleep 1; \
                echo returning; fg; echo code \\$?; echo after \\$(stty -g)\"";
    let arguments = [&["purge", "--expired", "-y"], &SLOW[..]].concat();
    let mut running = db.command(&arguments).start_on_terminal(line);
    running.await_printed("? keys");
    running.types("\u{1a}");
    running.await_printed("returning");
    // The shell prints the command before it gives it the terminal, and a key that is typed earlier is for
    // the shell.
    running.await_printed("--expired");
    std::thread::sleep(Duration::from_millis(300));
    running.types("?");
    running.await_printed("q stops");
    running.types("q");
    gives_back(running, 5);
}

#[test]
fn a_command_that_ends_in_the_background_reports_and_leaves_the_terminal_alone() {
    let db = expired(400);
    // The process of the subshell becomes the command.
    let line =
        "set -m; (sh -c 'echo pid $PPID.'; exec $sessionctl); echo stopped; bg; wait; echo over";
    let arguments = [&["purge", "--expired", "-y"], &SLOW[..]].concat();
    let mut running = db.command(&arguments).start_on_terminal(line);
    let screen = running.await_printed("? keys");
    let pid = screen.split_once("pid ").unwrap().1.split_once('.').unwrap().0.to_owned();
    // It cannot give the terminal back before that.
    assert!(Command::new("kill").args(["-s", "STOP", &pid]).status().unwrap().success());
    running.await_printed("stopped");
    let screen = running.wait().stdout;
    let before = screen.split_once("over").map(|(before, _)| before);
    assert!(before.unwrap().contains("deleted 400 expired sessions"), "{screen}");
    assert_eq!(left(&db), 1);
}

#[test]
fn a_file_that_says_stop_is_obeyed_before_the_question() {
    let (db, file) = (expired(3), File::new("stop"));
    let arguments = ["expire", "--live", "--control", file.path()];
    let line = "echo before $(stty -g); $sessionctl; echo code $?; echo after $(stty -g)";
    let running = db.command(&arguments).start_on_terminal(line);
    let screen = gives_back(running, 5);
    assert!(!screen.contains("Expire 1 live session"), "{screen}");
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 1);
}

#[test]
fn a_short_command_leaves_what_is_typed_meanwhile_to_the_shell() {
    let db = expired(20);
    let delay = doc! { "failCommands": ["delete"], "blockConnection": true, "blockTimeMS": 1500 };
    let held = db.fail_commands(doc! { "times": 1 }, delay);
    let line = "$sessionctl; read answer; echo the shell got $answer";
    let mut running = db.command(&["purge", "--expired", "-y"]).start_on_terminal(line);
    held.wait(1);
    // Before the keys are read, and an incomplete line at that time.
    running.types("qp");
    let left = becomes("the delete was over", || left(&db), |left| *left == 1);
    assert_eq!(left, 1);
    running.types("\r");
    running.await_printed("the shell got qp");
    running.wait().exits(0);
}
