//! What a sweeper says of itself: `--check-config` before it starts, and `/status` while it runs.

use bson::doc;
use serde_json::{Value, json};

use crate::support::{Db, Program, at, becomes, connect_mongo};
use crate::watch::{address, get};

/// A folder with a configuration file of this text.
fn config(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sweep.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// At an address where nobody answers: a check contacts no server.
fn check(arguments: &[&str]) -> Program {
    let all = [&["sweep", "--check-config"], arguments].concat();
    Program::new(&all).env("SESSIONCTL_URI", "mongodb://u:secret@127.0.0.1:1/shop")
}

#[test]
fn check_config_prints_the_settings_in_force_and_contacts_no_server() {
    let (folder, path) = config(
        "interval = \"5m\"\nhold = \"users\"\n[collections.\"a.s\"]\nrate = 2000\n[collections.\"b.s\"]\ninterval = 30\n",
    );
    std::fs::write(folder.path().join("users"), "42\n").unwrap();
    let run = check(&["--config", &path, "--lease", "9s", "-o", "json"]).run().exits(0).soon();
    let all = run.json();
    let key = |at: usize, key: &str| all[at][key].clone();
    assert_eq!((key(0, "namespace"), key(1, "namespace")), (json!("a.s"), json!("b.s")));
    assert_eq!((key(0, "interval"), key(1, "interval")), (json!(300.0), json!(30.0)));
    assert_eq!((key(0, "rate"), key(1, "rate")), (json!(2000), Value::Null));
    assert_eq!(key(0, "lease"), json!(9.0));
    assert_eq!(key(1, "hold"), json!(folder.path().join("users").to_str().unwrap()));
    run.says("note: the configuration is valid").never_shows("secret");
    // Without a file, the options are what is in force; a person sees those that have a value.
    let run = check(&["-c", "web", "--grace", "10m", "--no-lease"]).run().exits(0);
    run.prints("shop.web").prints("600").never_shows("lease").never_shows("secret");
    check(&["-c", "web", "-q"]).run().exits(0).never_shows("web");
}

#[test]
fn a_variable_holds_where_the_file_says_nothing() {
    let (folder, path) = config(
        "[collections.\"a.s\"]\n[collections.\"b.s\"]\ngrace = 5\ninterval = 7\nmax_latency = \"off\"\n\
         lifetime = 8\nuser_path = \"own\"\nlayout = \"tower-sessions\"\n",
    );
    let layout = include_str!("../../src/model/layout/known/express-mongodb-legacy.toml");
    let layout_file = folder.path().join("own.toml");
    std::fs::write(&layout_file, layout.replace("express-mongodb-legacy", "our-own")).unwrap();
    let check = check(&["--config", &path, "-o", "json"])
        .env("SESSIONCTL_GRACE", "10m")
        .env("SESSIONCTL_INTERVAL", "30")
        .env("SESSIONCTL_MAX_LATENCY", "20ms")
        .env("SESSIONCTL_LIFETIME", "1h")
        .env("SESSIONCTL_USER_PATH", "uid,/user")
        .env("SESSIONCTL_LAYOUT_FILE", layout_file.to_str().unwrap());
    let all = check.run().exits(0).json();
    let of = |at: usize| {
        let keys =
            ["grace", "interval", "max_latency", "lifetime", "user_path", "layout", "layout_file"];
        Value::Array(keys.iter().map(|key| all[at][key].clone()).collect())
    };
    let file = layout_file.to_str().unwrap();
    let paths = ["uid", "/user"];
    assert_eq!(of(0), json!([600.0, 30.0, "20ms", 3600.0, paths, "our-own", file]));
    assert_eq!(of(1), json!([5.0, 7.0, "off", 8.0, ["own"], "tower-sessions", null]));
}

#[test]
fn check_config_names_the_file_the_line_and_the_key_of_a_fault() {
    let (_folder, path) = config("interval = 60\n[collections.\"a.s\"]\ngrace = \"soon\"\n");
    let file = || check(&["--config", &path]);
    let run = file().run().exits(2).fails_in_one_sentence();
    run.says(&format!("{path}: line 3: a.s: grace: "));
    // A list of users that cannot be read, or a folder that is not there, is no usage error.
    std::fs::write(&path, "hold = \"users\"\n[collections.\"a.s\"]\n").unwrap();
    file().run().exits(1).fails_in_one_sentence().says("users");
    let gone = "[collections.\"a.s\"]\narchive = \"/nowhere/%Y.bson\"\n";
    std::fs::write(&path, gone).unwrap();
    file().run().exits(1).fails_in_one_sentence().says("/nowhere is not a folder");
    // A folder that depends on the date need not exist today, but the rest of it does.
    let dated =
        |folder: &str| format!("[collections.\"a.s\"]\narchive = \"{folder}/%Y/%m.bson\"\n");
    std::fs::write(&path, dated(std::env::temp_dir().to_str().unwrap())).unwrap();
    file().run().exits(0);
    std::fs::write(&path, dated("/nowhere")).unwrap();
    file().run().exits(1).fails_in_one_sentence().says("/nowhere is not a folder");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    // Its own memory is a file that a process can open, but not read from the beginning.
    for (option, file, why) in [
        ("--control", folder, "it is not a regular file"),
        ("--control", "/proc/self/mem", "/proc/self/mem: "),
        ("--audit", folder, "it is a folder"),
    ] {
        let run = check(&["-c", "web", option, file]).run();
        run.exits(1).fails_in_one_sentence().says(why);
    }
    check(&["--config", "/nowhere.toml"]).run().exits(2).says("/nowhere.toml");
    check(&["--idle", "30d"]).run().exits(3).says("--yes");
    let uri = check(&[]).env("SESSIONCTL_URI", "mongodb://here:port").run();
    uri.exits(1).fails_in_one_sentence();
}

#[test]
fn status_shows_what_a_sweep_does_how_far_it_is_and_what_is_in_force() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(600))]);
    db.insert("sessions", (0..30).map(|number| connect_mongo(&format!("dead-{number}"), at(-60))));
    let address = address();
    let arguments =
        ["sweep", "--interval", "1", "--rate", "10000", "--batch-size", "10", "--jobs", "1"];
    let held = db.hold_deletes();
    let sweep = db.command(&[&arguments[..], &["--metrics", &address]].concat()).start();
    held.wait_for_a_delete();
    let page = || -> Value {
        let (code, text) = get(&address, "/status").unwrap();
        assert_eq!(code, 200);
        assert!(!text.contains("dead-") && !text.contains("live"), "{text}");
        serde_json::from_str(&text).unwrap()
    };
    let status = page();
    let one = &status["namespaces"][0];
    assert_eq!(one["namespace"], format!("{}.sessions", db.name));
    assert_eq!(one["state"], "sweeping");
    assert_eq!((&one["pass"]["deleted"], &one["pass"]["left"]), (&json!(0), &json!(30)));
    assert_eq!((&one["lease"]["held"], &one["passes"]), (&json!(true), &json!([])));
    assert_eq!((&one["config"]["rate"], &one["config"]["batch_size"]), (&json!(10000), &json!(10)));
    let since = one["since"].as_str().unwrap().to_owned();
    assert!(status["started"].as_str().unwrap() <= since.as_str(), "{status}");
    drop(held);
    let passed = |seen: &Value| seen["namespaces"][0]["passes"][0].is_object();
    let status = becomes("the first pass was over", page, passed);
    let one = &status["namespaces"][0];
    assert_eq!(one["deleted"], 30);
    let first = one["passes"].as_array().unwrap().last().unwrap();
    assert_eq!((&first["deleted"], &first["stopped"]), (&json!(30), &Value::Null));
    // A second sweeper shows who has the lease instead.
    let other = crate::watch::address();
    let second = db.command(&["sweep", "--interval", "1", "--metrics", &other]).start();
    let page = || get(&other, "/status").map(|(_, text)| text).unwrap_or_default();
    let text = becomes("it stood by", page, |text| text.contains("standing by"));
    let status: Value = serde_json::from_str(&text).unwrap();
    let lease = &status["namespaces"][0]["lease"];
    assert_eq!(lease["held"], false);
    let lease_there = db.find("sessionctl_leases", doc! {}).remove(0);
    let holder = lease_there.get_str("holder").unwrap();
    assert_eq!(lease["holder"], holder.rsplit_once(':').unwrap().0);
    second.end();
    sweep.end();
}

#[test]
fn a_reload_with_other_settings_keeps_what_was_done_before() {
    let db = Db::new();
    db.insert("sessions", (0..120).map(|number| connect_mongo(&format!("dead-{number}"), at(-60))));
    let text = |interval: u32, rate: u32| {
        let common = format!("interval = {interval}\nrate = {rate}\nbatch_size = 1\njobs = 1\n");
        format!("{common}[collections.\"{}.sessions\"]\n", db.name)
    };
    let (_folder, path) = config(&text(60, 4));
    let address = address();
    let arguments = ["sweep", "--config", &path, "--metrics", &address];
    let mut sweep = Program::new(&arguments).env("SESSIONCTL_URI", &db.uri).start();
    let mut most = 0;
    let mut page = || -> Value {
        let text = get(&address, "/status").map(|(_, text)| text).unwrap_or_default();
        let page: Value = serde_json::from_str(&text).unwrap_or_default();
        let deleted = page["deleted"].as_u64().unwrap_or(most);
        assert!(deleted >= most, "{deleted} after {most}: {text}");
        most = deleted;
        page
    };
    becomes("some were deleted", &mut page, |page| page["deleted"].as_u64() >= Some(2));
    // The time that the pass waits is counted meanwhile, too.
    let (_, metrics) = get(&address, "/metrics").unwrap();
    let waited = metrics.lines().find(|line| line.contains("cause=\"rate\"")).unwrap().to_owned();
    std::fs::write(&path, text(59, 10_000)).unwrap();
    sweep.signal("HUP");
    let page = becomes("all were deleted", &mut page, |page| {
        page["namespaces"][0]["passes"].as_array().is_some_and(|passes| passes.len() == 2)
    });
    let one = &page["namespaces"][0];
    assert_eq!(one["passes"][1]["stopped"], "reload", "{one}");
    assert_eq!((&page["deleted"], &one["deleted"]), (&json!(120), &json!(120)));
    assert_eq!(one["config"]["interval"], 59.0);
    let (_, metrics) = get(&address, "/metrics").unwrap();
    let deleted =
        metrics.lines().find(|line| line.starts_with("sessionctl_sessions_deleted_total"));
    assert!(deleted.unwrap().ends_with("} 120"), "{deleted:?}");
    assert!(!waited.ends_with(" 0.0"), "{waited}");
    sweep.end();
}
