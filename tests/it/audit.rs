//! The audit file: who was logged out, and that no line of it is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bson::doc;
use serde_json::{Value, json};

use crate::support::{Db, Program, at, connect_mongo, long_id, with};

/// A session of `user`.
fn of(user: &str, id: &str, seconds: i64) -> bson::Document {
    let session = json!({ "cookie": {}, "userId": user }).to_string();
    with(connect_mongo(&long_id(id), at(seconds)), doc! { "session": session })
}

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl File {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.ndjson");
        Self { _folder: folder, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn events(&self) -> Vec<String> {
        self.lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect()
    }
}

/// The SHA-256 of each line of `text`, as coreutils have it.
fn sums(text: &str) -> Vec<String> {
    let script = r#"while IFS= read -r line; do printf %s "$line" | sha256sum; done"#;
    let run = Program::shell(script).stdin(text).run().exits(0);
    run.stdout.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// Each line has the digest of the one before; the digest of the last.
#[track_caller]
fn is_chained(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let sums = sums(&text);
    for (at, line) in text.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        let before = at.checked_sub(1).map(|before| sums[before].as_str());
        assert_eq!(line["prev"].as_str(), before, "line {at}");
    }
    sums.last().unwrap().clone()
}

fn verify(file: &File, more: &[&str]) -> crate::support::Run {
    Program::new(&[&["audit", file.name()], more].concat()).run()
}

#[test]
fn the_audit_file_names_everybody_who_was_logged_out() {
    let db = Db::new();
    let file = File::new();
    let users = 3000;
    db.insert("sessions", (0..users).map(|n| of(&format!("leaked{n}"), &format!("{n}-"), 3600)));
    // One user has two, one session has no user, and one is over already.
    db.insert("sessions", [of("leaked7", "second-", 3600), of("gone", "gone-", -60)]);
    let nobody = doc! { "session": r#"{"cookie":{}}"# };
    db.insert("sessions", [with(connect_mongo(&long_id("nobody-"), at(3600)), nobody)]);
    db.sessionctl(&["expire", "--live", "--yes", "--audit", file.name()]).exits(0);
    assert_eq!(db.count("sessions", doc! { "expires": { "$gt": at(0) } }), 0);

    let events = file.events();
    assert_eq!((&*events[0], &**events.last().unwrap()), ("began", "ended"));
    assert!(events.len() > 4 && events[1..events.len() - 1].iter().all(|event| event == "batch"));
    let head = is_chained(&file.path);
    // Compared with the documents: the digest of each id is recorded with its user.
    let mut seen: BTreeMap<String, BTreeSet<(Option<String>, u64)>> = BTreeMap::new();
    for batch in file.lines().iter().filter(|line| line["event"] == "batch") {
        for group in batch["sessions"].as_array().unwrap() {
            let user = group["user"].as_str().map(str::to_owned);
            for id in group["ids"].as_array().unwrap() {
                let number = batch["number"].as_u64().unwrap();
                seen.entry(id.as_str().unwrap().to_owned())
                    .or_default()
                    .insert((user.clone(), number));
            }
        }
    }
    assert_eq!(seen.len(), users + 2);
    let some = ["0-", "1234-", "2999-", "second-", "nobody-"];
    let ids: String = some.iter().map(|id| long_id(id) + "\n").collect();
    let wanted = [Some("leaked0"), Some("leaked1234"), Some("leaked2999"), Some("leaked7"), None];
    for (sum, user) in sums(&ids).iter().zip(wanted) {
        let found = &seen[&sum[..16]];
        assert_eq!(found.len(), 1);
        assert_eq!(found.iter().next().unwrap().0.as_deref(), user);
    }
    // No id is in it.
    let text = fs::read_to_string(&file.path).unwrap();
    assert!(!text.contains("000000000000000000000"), "{text:.300}");

    let run = verify(&file, &["-o", "json"]).exits(0);
    let report = run.json();
    assert_eq!(report["head"], head.as_str());
    assert_eq!((&report["faults"], &report["unchained"]), (&json!([]), &json!(0)));
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    assert_eq!((&runs[0]["users"], &runs[0]["done"]), (&json!(users), &json!(users + 2)));
    assert_eq!((&runs[0]["command"], &runs[0]["outcome"]), (&json!("expire"), &json!("done")));
    assert_eq!(runs[0]["selection"], json!({ "state": "live" }));
    let run = verify(&file, &["--users", "-o", "ndjson"]).exits(0).says("the chain is intact");
    let named: BTreeMap<String, u64> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter_map(|row| Some((row["user"].as_str()?.to_owned(), row["sessions"].as_u64()?)))
        .collect();
    let wanted = (0..users).map(|n| (format!("leaked{n}"), if n == 7 { 2 } else { 1 }));
    assert_eq!(named, wanted.collect());
    let run = verify(&file, &["--user", "leaked7", "--users", "-o", "csv"]).exits(0);
    assert!(run.stdout.lines().nth(1).unwrap().ends_with(",leaked7,2"), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 2);
    let run = verify(&file, &["--user", "gone", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 1);
    verify(&file, &[]).exits(0).prints("expire").prints(&format!("head {head}"));
}

#[test]
fn a_restore_that_restores_nothing_names_no_user() {
    let db = Db::new();
    let (file, folder) = (File::new(), tempfile::tempdir().unwrap());
    let archive = folder.path().join("gone.ndjson");
    let archive = archive.to_str().unwrap();
    db.insert("sessions", [of("asa", "1-", 3600), of("asa", "2-", 3600), of("cy", "3-", 3600)]);
    db.sessionctl(&["purge", "--user", "asa", "--archive", archive, "--yes"]).exits(0);
    let restore = ["restore", archive, "--audit", file.name(), "--yes"];
    db.sessionctl(&restore).exits(0).prints("restored 2 sessions");
    let users = || verify(&file, &["--users", "-o", "csv"]).exits(0).stdout.lines().count() - 1;
    assert_eq!(users(), 1);
    db.sessionctl(&restore).exits(0).prints("nothing to restore from");
    assert_eq!(users(), 1);
    verify(&file, &["--user", "cy"]).exits(0).says("no run contains sessions of user cy");
}

#[test]
fn a_file_that_is_not_an_audit_file_is_not_called_intact() {
    let file = File::new();
    fs::write(&file.path, "some other file\n").unwrap();
    verify(&file, &[]).exits(1).says("it is not an audit file");
    fs::write(&file.path, "").unwrap();
    verify(&file, &[]).exits(0).prints("the file is empty");
}

#[test]
fn a_changed_or_removed_line_is_noticed() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..6).map(|n| of("u", &format!("{n}-"), 3600)));
    for id in ["0-000000", "1-000000", "2-000000"] {
        db.sessionctl(&["expire", id, "--yes", "--audit", file.name()]).exits(0);
    }
    let head = is_chained(&file.path);
    verify(&file, &["--head", &head]).exits(0);
    verify(&file, &["--head", &head[..16]]).exits(0);
    let text = fs::read_to_string(&file.path).unwrap();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 9);
    let with_lines = |lines: &[String]| {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        fs::write(&file.path, text).unwrap();
    };
    for at in 0..lines.len() {
        let mut cut = lines.clone();
        cut.remove(at);
        with_lines(&cut);
        let run = verify(&file, &["--head", &head]).exits(4).says("error: ");
        run.prints(if at == 8 { "the chain is" } else { "the chain is broken" });
        let mut changed = lines.clone();
        changed[at] = changed[at].replacen("u", "v", 1);
        with_lines(&changed);
        verify(&file, &["--head", &head, "-o", "json"]).exits(4);
        if at < 8 {
            verify(&file, &[]).exits(4).says("does not follow the line before it");
        }
    }
    // Further lines do not repair it.
    let mut cut = lines.clone();
    cut.remove(4);
    with_lines(&cut);
    db.sessionctl(&["expire", "3-000000", "--yes", "--audit", file.name()]).exits(0);
    verify(&file, &[]).exits(4).says("line 5: ");
    verify(&file, &["--head", "xyz"]).exits(2);
    Program::new(&["audit", "/nowhere/audit"]).run().exits(1).fails_in_one_sentence();
}

#[test]
fn a_run_that_matched_nothing_leaves_a_line() {
    let db = Db::new();
    let file = File::new();
    let expire = |arguments: &[&str]| {
        let all = [&["expire", "--yes", "--audit", file.name()], arguments].concat();
        db.sessionctl(&all)
    };
    db.run(doc! { "create": "empty" });
    expire(&["--user", "asa", "-c", "empty"]).exits(0);
    assert_eq!(file.events(), ["nothing"]);
    db.insert("sessions", [of("bo", "b-", 3600)]);
    // A user is counted first, so nothing is begun.
    let run =
        db.sessionctl(&["expire", "--user", "asa", "--yes", "--dry-run", "--audit", file.name()]);
    run.exits(0);
    assert_eq!(file.events().len(), 1);
    expire(&["--user", "asa"]).exits(0);
    let lines = file.lines();
    let last = lines.last().unwrap();
    assert!(last["event"] == "nothing" || last["event"] == "ended", "{last}");
    assert_eq!(last["result"]["expired"], 0);
    is_chained(&file.path);
    let run = verify(&file, &["-o", "json"]).exits(0);
    let runs = run.json()["runs"].clone();
    assert_eq!(runs[0]["outcome"], "nothing matched");
    assert_eq!(runs[1]["selection"]["user"], "asa");
    assert_eq!([&runs[0]["done"], &runs[1]["done"]], [0, 0]);
}

/// The replies to the updates are lost, and the last attempt fails, too.
#[test]
fn a_batch_whose_outcome_is_unknown_is_on_record() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", [of("asa", "0-", 3600), of("bo", "1-", 3600)]);
    let data = doc! { "failCommands": ["update"], "closeConnection": true };
    let failing = db.fail_commands("alwaysOn", data);
    let expire = ["expire", "--live", "--yes", "--audit", file.name(), "-o", "json"];
    let run = db.sessionctl(&expire).exits(1);
    drop(failing);
    assert_eq!(run.json()["exact"], false);
    let batch = file.lines().into_iter().find(|line| line["event"] == "batch").unwrap();
    assert_eq!((&batch["done"], &batch["exact"]), (&json!(0), &json!(false)), "{batch}");
    let users =
        batch["sessions"].as_array().unwrap().iter().map(|group| group["user"].as_str().unwrap());
    assert_eq!(users.collect::<BTreeSet<_>>(), ["asa", "bo"].into());
}

#[test]
fn ids_from_stdin_are_counted_and_have_a_digest() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..4).map(|n| of("u", &format!("{n}-"), 3600)));
    let ids = format!("{}\n{}\n", long_id("1-"), long_id("2-"));
    let expire = ["expire", "-", "--yes", "--audit", file.name(), "0-000000"];
    db.command(&expire).stdin(ids.clone()).run().exits(0);
    let sum = Program::shell("sha256sum").stdin(ids).run().exits(0).stdout;
    let sum = sum.split(' ').next().unwrap();
    let selection = &file.lines()[0]["selection"];
    assert_eq!(selection["stdin"], json!({ "lines": 2, "sha256": sum }));
    assert_eq!(selection["ids"], json!(["-", "0-00..."]));
    assert_eq!(db.count("sessions", doc! { "expires": { "$lt": at(0) } }), 3);
}

#[test]
fn ranges_of_what_is_expired_are_written_down_with_their_bounds() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..25).map(|n| of("u", &format!("{n}-"), -1000 + n)));
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let purge = ["purge", "--expired", "--yes", "--batch-size", "10", "--audit", file.name()];
    db.sessionctl(&purge).exits(0);
    assert_eq!(db.ids("sessions").len(), 0);
    let lines = file.lines();
    let batches: Vec<_> = lines.iter().filter(|line| line["event"] == "batch").collect();
    let done: u64 = batches.iter().map(|batch| batch["done"].as_u64().unwrap()).sum();
    assert_eq!(done, 25);
    for batch in &batches {
        assert_eq!(batch["sessions"], Value::Null);
        assert!(batch["window"]["expires"]["$lt"].as_str().unwrap().ends_with('Z'), "{batch}");
    }
    // Without the index they are found by their ids, which are no business of the file.
    db.insert("walked", (0..25).map(|n| of("u", &format!("{n}-"), -1000 + n)));
    db.sessionctl(&[&purge[..], &["-c", "walked"]].concat()).exits(0);
    let text = fs::read_to_string(&file.path).unwrap();
    assert!(!text.contains("0000000000000000000"), "{text}");
    assert!(file.lines().iter().any(|line| line["window"]["_id"]["$gte"].is_string()));
    is_chained(&file.path);
    let run = verify(&file, &["-o", "json"]).exits(0);
    assert_eq!(run.json()["runs"][1]["users"], Value::Null);
    assert_eq!(run.json()["runs"][1]["done"], 25);
}

#[test]
fn many_processes_append_to_one_chain_and_lines_of_an_earlier_version_are_accepted() {
    let db = Db::new();
    let file = File::new();
    let earlier = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/earlier/0.1.0/audit.ndjson");
    let mut text = fs::read_to_string(earlier).unwrap();
    // A line that a full disk cut off stays in the chain.
    text.push_str("{\"event\":\"beg");
    fs::write(&file.path, &text).unwrap();
    db.insert("sessions", (0..8).map(|n| of("u", &format!("{n}-"), 3600)));
    let running: Vec<_> = (0..8)
        .map(|n| {
            let id = format!("{n}-000000");
            db.command(&["expire", &id, "--yes", "--audit", file.name()]).start()
        })
        .collect();
    running.into_iter().for_each(|one| drop(one.wait().exits(0)));
    let text = fs::read_to_string(&file.path).unwrap();
    let sums = sums(&text);
    assert_eq!(sums.len(), 5 + 8 * 3);
    for (at, line) in text.lines().enumerate().skip(5) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["prev"], sums[at - 1].as_str());
    }
    let run = verify(&file, &["-o", "json"]).exits(0);
    let report = run.json();
    assert_eq!((&report["unchained"], &report["faults"]), (&json!(4), &json!([])));
    assert_eq!(report["runs"].as_array().unwrap().len(), 2 + 8);
}

#[test]
fn a_line_that_the_disk_cut_off_is_reported_with_its_number() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", ["asa", "bo", "cy"].map(|user| of(user, &format!("{user}-"), 3600)));
    for user in ["asa", "bo", "cy"] {
        db.sessionctl(&["expire", "--user", user, "--yes", "--audit", file.name()]).exits(0);
        // The disk is full in the middle of bo's batch.
        if user == "bo" {
            let text = fs::read_to_string(&file.path).unwrap();
            let until: usize = text.split_inclusive('\n').take(4).map(str::len).sum();
            fs::write(&file.path, &text[..until + 40]).unwrap();
        }
    }
    for format in ["table", "json", "csv"] {
        let run = verify(&file, &["-o", format]).exits(0);
        run.says("warning: line 5 is not readable, as after a full disk");
        let quiet = verify(&file, &["-o", format, "-q"]).exits(0);
        assert_eq!(quiet.stderr, "");
    }
    verify(&file, &[]).prints("8 lines, 1 of them not readable; the chain is intact");
    let text = fs::read_to_string(&file.path).unwrap();
    let without: Vec<_> = text.lines().enumerate().filter(|(at, _)| *at != 3).collect();
    let without: Vec<_> = without.into_iter().map(|(_, line)| line).collect();
    fs::write(&file.path, without.join("\n")).unwrap();
    verify(&file, &[]).exits(4).says("line 5: does not follow the last record before");
    fs::write(&file.path, &text).unwrap();
    let report = verify(&file, &["-o", "json"]).json();
    assert_eq!((&report["unreadable"], &report["lines"]), (&json!(1), &json!(8)));
    let run = verify(&file, &["--user", "bo"]).exits(0);
    run.says("no run contains sessions of user bo").says("line 5 is not readable");
    let text = fs::read_to_string(&file.path).unwrap();
    let records = text.lines().take(2).chain(["{"; 6]);
    fs::write(&file.path, records.collect::<Vec<_>>().join("\n")).unwrap();
    verify(&file, &[]).says("warning: lines 3, 4, 5, 6, 7, 8 are not readable");
}

#[test]
fn runs_that_name_no_users_may_be_of_anybody() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..5).map(|n| of("asa", &format!("{n}-"), -1000)));
    db.insert("sessions", [of("bo", "bo-", 3600)]);
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    db.sessionctl(&["expire", "--user", "bo", "--yes", "--audit", file.name()]).exits(0);
    verify(&file, &["--user", "bo"]).exits(0).never_shows("did not record users");
    for _ in 0..2 {
        db.sessionctl(&["purge", "--expired", "--yes", "--audit", file.name()]).exits(0);
    }
    let sentence = "no run contains sessions of user asa; 1 run did not record users";
    verify(&file, &["--user", "asa"]).exits(0).says(sentence);
    // The sessions of another run are theirs, and the other run is mentioned all the same.
    let run = verify(&file, &["--user", "bo", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout.lines().count(), 2);
    run.says("note: 1 run did not record users");
    verify(&file, &["--user", "asa", "-q"]).exits(0).never_shows("did not record");
}

#[test]
fn what_cannot_be_written_down_is_not_gone_on_with() {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..400).map(|n| of(&format!("u{n}"), &format!("{n}-"), 3600)));
    // The disk is full after some lines.
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; sessionctl expire --live --yes --batch-size 10 --jobs 2 --uri '{}' \
         -d {} --audit {} -o json",
        db.uri,
        db.name,
        file.name()
    );
    let run = Program::shell(&script).run().exits(1).says("could not write to the audit file");
    assert_eq!(run.json()["stopped"], "error");
    let ended = db.count("sessions", doc! { "expires": { "$lt": at(0) } });
    assert_eq!(run.json()["expired"], ended);
    let text = fs::read_to_string(&file.path).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let written: u64 = lines.filter_map(|line| line["done"].as_u64()).sum();
    // The batch that could not be written, and those in flight beside it.
    assert!(ended > written && ended <= written + 40, "{ended} {written}");
    assert!(ended < 400);
}

#[test]
fn each_pass_of_a_sweeper_is_a_run_of_the_audit_file_and_one_that_cannot_be_written_deletes_nothing()
 {
    let db = Db::new();
    let file = File::new();
    db.insert("sessions", (0..30).map(|n| of("asa", &format!("{n}-"), -60)));
    db.insert("sessions", [of("asa", "live-", 3600)]);
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let sweep = ["sweep", "--once", "--no-lease", "-q", "--audit"];
    let nowhere = file.path.with_file_name("none").join("audit");
    db.sessionctl(&[&sweep[..], &[nowhere.to_str().unwrap()]].concat()).exits(1).says("audit file");
    assert_eq!(db.count("sessions", doc! {}), 31);
    for _ in 0..2 {
        db.sessionctl(&[&sweep[..], &[file.name()]].concat()).exits(0);
    }
    assert_eq!(db.count("sessions", doc! {}), 1);
    assert_eq!(file.events(), ["began", "batch", "ended", "began", "ended"]);
    is_chained(&file.path);
    let lines = file.lines();
    assert_eq!(
        (&lines[0]["command"], &lines[0]["selection"]),
        (&json!("sweep"), &json!({ "state": "expired" }))
    );
    assert_eq!(
        (&lines[2]["result"]["deleted"], &lines[4]["result"]["deleted"]),
        (&json!(30), &json!(0))
    );
    // Nobody was logged in any more: how many, and which range of the expiry.
    assert_eq!(lines[1]["done"], 30);
}
