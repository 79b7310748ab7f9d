//! How it is printed, and what it repeats.

use super::*;

#[test]
fn the_table_fits_80_columns_but_for_the_commands_which_can_be_copied() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600)), connect_mongo(OTHER, at(-86_400 * 30))]);
    let run = db.sessionctl(&["doctor"]).exits(4);
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80 || line.trim_start().starts_with("$ "), "{line}");
    }
    let command = format!("         $ sessionctl index install -d {} -c sessions\n", db.name);
    assert!(run.stdout.contains(&command), "{run:#?}");
    let outcomes: Vec<_> = run.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    let first = |outcome: &str| outcomes.iter().position(|word| *word == outcome).unwrap();
    assert!(first("fail") < first("warn"), "{run:#?}");
    assert!(!outcomes.contains(&"pass"), "{run:#?}");
    assert!(run.stdout.ends_with("checks passed (-v shows them)\n"), "{run:#?}");
    assert!(run.stderr.is_empty(), "{run:#?}");
    let all = db.sessionctl(&["doctor", "-v"]).exits(4);
    let passed = all.stdout.lines().filter(|line| line.starts_with("pass ")).count();
    let wanted = format!("{passed} of ");
    assert!(passed > 20 && all.stdout.lines().last().unwrap().starts_with(&wanted), "{all:#?}");
    assert!(run.stdout.lines().last().unwrap().starts_with(&wanted), "{run:#?}");
}

#[test]
fn json_is_one_object_and_the_others_a_line_for_each_finding() {
    let db = Db::new();
    healthy(&db);
    let whole = db.sessionctl(&["doctor", "-o", "json"]).exits(0).json();
    let keys =
        |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&whole), "namespace layout documents looked_at findings");
    assert_eq!(whole["namespace"], format!("{}.sessions", db.name));
    assert_eq!((whole["documents"].as_u64(), whole["looked_at"].as_u64()), (Some(1), Some(1)));
    let findings = whole["findings"].as_array().unwrap();
    assert_eq!(keys(&findings[0]), "check outcome what meaning mend");
    let lines = db.sessionctl(&["doctor", "-o", "ndjson"]).exits(0);
    assert_eq!(lines.stdout.lines().count(), findings.len());
    let line: Value = serde_json::from_str(lines.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(keys(&line), "namespace check outcome what meaning mend");
    let csv = db.sessionctl(&["doctor", "-o", "csv"]).exits(0);
    assert!(csv.stdout.starts_with("namespace,check,outcome,what,meaning,mend\n"), "{csv:#?}");
    let mut names: Vec<_> =
        findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all, "each check has a name of its own");
}

#[test]
fn quiet_shows_failures_and_nothing_else() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let run = db.sessionctl(&["doctor", "-q"]).exits(4);
    assert!(run.stdout.starts_with("fail ") && run.stderr.is_empty(), "{run:#?}");
    assert!(!run.stdout.contains("warn ") && !run.stdout.contains("passed"), "{run:#?}");
    db.sessionctl(&["index", "install", "-q"]).exits(0);
    let run = db.sessionctl(&["doctor", "-q"]).exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
}

#[test]
fn an_empty_collection_is_one_line_and_one_of_no_known_layout_a_failure() {
    let db = Db::new();
    db.run(doc! { "create": "empty" });
    let run = db.sessionctl(&["doctor", "-c", "empty"]).exits(0);
    assert_eq!(run.stdout, format!("{}.empty is empty: there is nothing to check\n", db.name));
    db.insert("other", [doc! { "name": "x" }]);
    let run = db.sessionctl(&["doctor", "-c", "other"]).exits(4);
    assert!(
        run.stdout.contains("fail     the document examined matches no known layout"),
        "{run:#?}"
    );
    assert_eq!(run.stdout.matches("--layout").count(), 1, "{run:#?}");
}

#[test]
fn a_large_collection_is_sampled_and_the_output_says_so() {
    let db = Db::new();
    ttl_of_many(&db);
    let run = db.sessionctl(&["doctor", "--sample", "100", "-o", "json"]).exits(4).json();
    assert_eq!((run["documents"].as_u64(), run["looked_at"].as_u64()), (Some(1000), Some(100)));
    let findings = run["findings"].as_array().unwrap();
    let dead = findings.iter().find(|finding| finding["check"] == "expiry-unusable").unwrap();
    assert!(dead["what"].as_str().unwrap().contains("in a sample of 100)"), "{dead}");
    let far = findings.iter().find(|finding| finding["check"] == "expiry-far").unwrap();
    assert_eq!(far["what"], "no session expires more than two years from now, in the sample");
    let table = db.sessionctl(&["doctor", "--sample", "100"]).exits(4).stdout;
    assert!(
        table.contains("documents  1,000, of which a random sample of 100 was examined"),
        "{table}"
    );
    // A sample that is as large as the collection is none.
    let all = db.sessionctl(&["doctor", "--sample", "1000", "-o", "json"]).exits(4).json();
    assert_eq!(all["looked_at"], 1000);
}

fn ttl_of_many(db: &Db) {
    ttl(db, doc! {});
    let expires = |number: i32| if number % 2 == 0 { Bson::Null } else { at(600).into() };
    db.insert(
        "sessions",
        (0..1000).map(|it| connect_mongo(&format!("number-{it:08}"), expires(it))),
    );
}

#[test]
fn what_was_typed_is_repeated_and_a_password_never() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let uri = db.uri.clone();
    let run =
        Program::new(&["doctor", "--uri", &uri, "-d", &db.name, "-o", "ndjson"]).run().exits(4);
    let wanted = format!("sessionctl index install --uri '{uri}' -d {} -c sessions", db.name);
    assert!(run.stdout.contains(&wanted), "{run:#?}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &uri).unwrap();
    let path = file.path().display().to_string();
    let run = Program::new(&["doctor", "--uri-file", &path, "-d", &db.name, "-o", "ndjson"])
        .run()
        .exits(4);
    let wanted = format!("sessionctl index install --uri-file {path} -d {} -c sessions", db.name);
    assert!(run.stdout.contains(&wanted), "{run:#?}");
    shell(&db, &wanted).exits(0);
    passes(&db, "ttl-index");
}

#[test]
fn a_missing_collection_is_an_error_and_an_empty_one_is_not() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo(LIVE, at(600))]);
    let run = db.sessionctl(&["doctor", "-c", "nowhere"]).exits(1).fails_in_one_sentence();
    run.says("there is no collection").says(&format!("{}.sessions", db.name));
    db.run(doc! { "create": "empty" });
    let run = db.sessionctl(&["doctor", "-c", "empty", "-o", "ndjson"]).exits(0);
    let line = run.stdout.lines().find(|line| line.contains("\"ttl-index\"")).unwrap();
    assert!(line.contains("\"unknown\"") && line.contains("--layout"), "{line}");
    let named = ["doctor", "-c", "empty", "--layout", "connect-mongo-json", "-o", "ndjson"];
    let run = db.sessionctl(&named).exits(4);
    let wanted =
        format!("sessionctl index install --layout connect-mongo-json -d {} -c empty", db.name);
    assert!(run.stdout.contains(&wanted), "{run:#?}");
    shell(&db, &wanted).exits(0);
    db.sessionctl(&named).exits(0);
    assert!(!db.collections().contains(&"nowhere".to_owned()));
}

#[test]
fn names_that_a_shell_would_take_apart_are_quoted() {
    let db = Db::new();
    let name = "it's (theirs)";
    db.insert(name, [connect_mongo(LIVE, at(600))]);
    let run = db.sessionctl(&["doctor", "-c", name, "-o", "json"]).exits(4).json();
    let findings = run["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == "ttl-index").unwrap();
    run_mend(&db, found);
    assert_eq!(db.indexes(name).len(), 1);
}
