//! What goes wrong: servers, logins, collections, documents and command lines. One clear sentence,
//! the right exit code, and nothing given away.

use bson::{Bson, Document, doc};
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, Program, Run, at, connect_mongo, long_id, own_server, with};

/// What no output may ever show.
const PASSWORD: &str = "hunter2-and-more";

/// An escape sequence, a C1 control, a bidirectional override and invisible letters.
const HOSTILE: &str = "\u{1b}[31mred\u{1b}]0;owned\u{7}\r\n\u{9b}2J\u{202e}gnp.exe\u{2066}\u{7f}\u{E0041}\u{200B}a\u{200D}b";

fn without_server(arguments: &[&str], uri: &str) -> Run {
    Program::new(arguments).env("SESSIONCTL_URI", uri).run().never_shows(PASSWORD)
}

#[test]
fn a_server_that_does_not_answer_is_named_in_time() {
    let uri = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300";
    for command in [&["list"][..], &["inspect", "an-id-of-one"], &["purge", "--expired"]] {
        let run = without_server(command, uri).exits(1).fails_in_one_sentence();
        let run = run.says("no server answered at 127.0.0.1:1 within 0.3 s");
        assert_eq!(run.stdout, "");
    }
    let verbose = without_server(&["list", "-v"], uri).exits(1);
    verbose.says("no server answered").says("Server selection timeout");
}

#[test]
fn a_host_that_has_no_address_is_named() {
    let uri = format!("mongodb://ops:{PASSWORD}@nowhere.invalid/?serverSelectionTimeoutMS=300");
    let run = without_server(&["list"], &uri).exits(1).fails_in_one_sentence();
    run.says("nowhere.invalid:27017");
    without_server(&["list", "-v"], &uri).exits(1);
    let uri = format!("mongodb+srv://ops:{PASSWORD}@nowhere.invalid/?serverSelectionTimeoutMS=300");
    without_server(&["list"], &uri).exits(1).fails_in_one_sentence();
    without_server(&["list", "-v"], &uri).exits(1);
}

#[test]
fn a_connection_string_that_cannot_be_used_is_never_repeated() {
    for uri in [
        format!("http://ops:{PASSWORD}@host"),
        format!("mongodb://ops:{PASSWORD}@host:99999"),
        format!("mongodb://ops:{PASSWORD}@host:port"),
        format!("mongodb://ops:{PASSWORD}%zz@host"),
        format!("mongodb://ops:{PASSWORD}@x@host"),
        format!("mongodb://ops:{PASSWORD}/x@host"),
        format!("mongodb://ops:{PASSWORD}@host/?tls=maybe"),
        format!("mongodb://ops:{PASSWORD}@host/?{PASSWORD}=1"),
        format!("mongodb://ops:{PASSWORD}@host/?authMechanism={PASSWORD}"),
        format!("mongodb://ops:{PASSWORD}@host/?w={PASSWORD}&readPreference={PASSWORD}"),
        format!("mongodb://ops:{PASSWORD}@"),
        format!("mongodb://:{PASSWORD}@host"),
        PASSWORD.to_owned(),
        String::new(),
    ] {
        for more in [&["list"][..], &["list", "-v"]] {
            let run = without_server(more, &uri).exits(1);
            let run = run.says("invalid connection string").fails_in_one_sentence();
            assert_eq!(run.stdout, "");
            let mut typed = more.to_vec();
            typed.extend(["--uri", uri.as_str()]);
            Program::new(&typed).run().exits(1).never_shows(PASSWORD).shows_nothing_hostile();
        }
        let run = Program::new(&["list", "--uri", "-"]).stdin(uri.as_str()).run();
        run.exits(1).never_shows(PASSWORD).fails_in_one_sentence();
    }
}

#[test]
fn a_connection_string_in_the_wrong_place_is_not_repeated_with_its_password() {
    let uri = format!("mongodb://ops:{PASSWORD}@127.0.0.1:1/?serverSelectionTimeoutMS=100");
    let plain = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100";
    for (arguments, code) in [
        (&[&*uri, "list"][..], 2),
        (&["list", "-u", &uri], 2),
        (&["list", &format!("--url={uri}")], 2),
        (&["list", "--limit", &uri], 2),
        (&["list", "--idle", &uri], 2),
        (&["list", "--where", &uri], 1),
        (&["list", "--expires-before", &uri], 2),
        (&["list", "-o", &uri], 2),
        (&["list", "--uri-file", &uri], 1),
        (&["list", "--layout-file", &uri], 1),
        (&["list", "--layout", &uri], 2),
        (&["list", &uri], 1),
        (&["list", "--user", &uri], 1),
        (&["list", "-d", &uri], 1),
        (&["list", "-c", &uri], 1),
        (&["layouts", "show", &uri], 2),
        (&["completions", &uri], 2),
    ] {
        for verbose in [false, true] {
            let mut arguments = arguments.to_vec();
            if verbose {
                arguments.push("-v");
            }
            let run = without_server(&arguments, plain);
            assert_eq!((run.code, &*run.stdout), (Some(code), ""), "{arguments:?} {run:?}");
            assert!(run.stderr.starts_with("error: "), "{run:?}");
        }
    }
}

#[test]
fn the_connection_string_comes_from_a_file_or_stdin_and_a_flag_beats_a_variable() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("here", at(60))]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("uri");
    std::fs::write(&file, format!("  {}\n", db.uri)).unwrap();
    let file = file.to_str().unwrap();
    let wrong = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100";
    let list = |arguments: &[&str]| {
        let mut all = vec!["list", "-o", "json", "-d", &db.name];
        all.extend(arguments);
        Program::new(&all)
    };
    let right = |run: Run| assert_eq!(run.exits(0).json().as_array().map(Vec::len), Some(1));
    right(list(&["--uri-file", file]).run());
    right(list(&["--uri", "-"]).stdin(format!("{}\n", db.uri)).run());
    right(list(&[]).env("SESSIONCTL_URI_FILE", file).run());
    right(list(&["--uri-file", file]).env("SESSIONCTL_URI", wrong).run());
    right(list(&["--uri", &db.uri]).env("SESSIONCTL_URI_FILE", "/nowhere/uri").run());
    right(list(&["--uri", &db.uri]).env("SESSIONCTL_URI", wrong).run());
    list(&["--uri", wrong]).env("SESSIONCTL_URI_FILE", file).run().exits(1);
    list(&["--uri", wrong, "--uri-file", file]).run().exits(2).says("cannot be used together");
    let run = list(&["--uri-file", "/nowhere/uri"]).run().exits(1).fails_in_one_sentence();
    run.says("/nowhere/uri");
}

#[test]
fn a_layout_that_is_named_beats_a_layout_file_of_the_environment() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(60))]);
    let list = |arguments: &[&str]| {
        let mut all = vec!["list", "-o", "json"];
        all.extend(arguments);
        db.command(&all).env("SESSIONCTL_LAYOUT_FILE", "/nowhere/mine.toml").run()
    };
    list(&["--layout", "connect-mongo-json"]).exits(0);
    list(&["--layout", "auto"]).exits(0);
    list(&[]).exits(1).says("/nowhere/mine.toml");
    list(&["--layout", "auto", "--layout-file", "x"]).exits(2).says("cannot be used together");
}

#[test]
fn a_layout_file_and_a_named_layout_are_those_of_a_mixed_collection() {
    let db = Db::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let mine = sessionctl::Layout::source("express-session-object").unwrap();
    let mine = mine
        .replace("path = \"_id\"", "path = \"sid\"")
        .replace("require = { _id =", "require = { sid =")
        .replace("\"express-session-object\"", "\"mine\"");
    std::fs::write(&file, mine).unwrap();
    let file = file.to_str().unwrap();
    for end in [-60, 60] {
        let own = doc! {
            "sid": format!("own {end}"), "expires": at(end), "session": { "cookie": {} },
        };
        db.insert("sessions", [own, connect_mongo(&format!("builtin {end}"), at(end))]);
    }
    let purge = ["purge", "--expired", "--layout-file", file, "--layout", "connect-mongo-object"];
    db.sessionctl(&purge).exits(2);
    let purge = ["purge", "--expired", "--layout-file", file, "--layout", "connect-mongo-json"];
    db.sessionctl(&purge).exits(0).prints("deleted 2 expired sessions");
    let own = db.count("sessions", doc! { "sid": "own 60" });
    let builtin = db.count("sessions", doc! { "_id": "builtin 60" });
    assert_eq!((own, builtin, db.count("sessions", doc! {})), (1, 1, 2));
}

#[test]
fn an_empty_collection_is_purged_of_nothing_and_knows_no_id() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    // Stdin gives the connection string only once, however often it is wanted.
    let purge = ["purge", "--expired", "--uri", "-", "-o", "json"];
    let run = db.command(&purge).stdin(db.uri.as_str()).run().exits(0);
    assert_eq!((&run.json()["matched"], &run.json()["deleted"]), (&0.into(), &0.into()));
    for command in ["list", "purge", "expire", "inspect"] {
        db.sessionctl(&[command, &long_id("wanted")]).exits(1).fails_in_one_sentence();
    }
}

#[test]
fn a_variable_turns_quiet_on_and_off() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    let list = |value| db.command(&["list"]).env("SESSIONCTL_QUIET", value).run().exits(0).stderr;
    assert!(list("0").contains("has no documents") && list("false").contains("has no documents"));
    assert_eq!((list("1"), list("true")), (String::new(), String::new()));
}

/// A server that asks for a login, with one administrator and one who may read another database.
fn with_logins() -> (Mongod, Db) {
    let server = own_server(Options { args: vec!["--auth".into()], ..Options::default() });
    // The first user may be made without a login, from the same machine.
    let first = Db::on(&server.uri());
    let admin = first.client.database("admin");
    let create = |user: &str, roles: Document| {
        doc! { "createUser": user, "pwd": PASSWORD, "roles": [roles] }
    };
    let root = create("root", doc! { "role": "root", "db": "admin" });
    first.runtime.block_on(admin.run_command(root).into_future()).unwrap();
    let db = Db::on(&login(&server, "root", PASSWORD));
    let admin = db.client.database("admin");
    let support = create("support", doc! { "role": "read", "db": "elsewhere" });
    db.runtime.block_on(admin.run_command(support).into_future()).unwrap();
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    (server, db)
}

fn login(server: &Mongod, user: &str, password: &str) -> String {
    format!("mongodb://{user}:{password}@{}/?authSource=admin", server.address())
}

#[test]
fn a_login_that_is_refused_or_lacks_a_right_says_so_and_shows_no_password() {
    let (server, db) = with_logins();
    let run = |uri: &str, arguments: &[&str]| {
        let program = Program::new(arguments).env("SESSIONCTL_DB", &db.name);
        program.env("SESSIONCTL_URI", uri).run().never_shows(PASSWORD)
    };
    let right = login(&server, "root", PASSWORD);
    assert_eq!(run(&right, &["list", "-o", "json"]).exits(0).json().as_array().unwrap().len(), 2);

    let wrong = login(&server, "root", &format!("{PASSWORD}-wrong"));
    let unknown = login(&server, "nobody", PASSWORD);
    for uri in [&wrong, &unknown] {
        for command in [&["list"][..], &["purge", "--expired"]] {
            let run = run(uri, command).exits(1).fails_in_one_sentence();
            assert_eq!(run.says("authentication failed").stdout, "");
        }
        run(uri, &["list", "-v"]).exits(1);
    }

    let reader = login(&server, "support", PASSWORD);
    let denied = run(&reader, &["list"]).exits(1).fails_in_one_sentence();
    denied.says(&format!("{}.sessions", db.name)).says("not authorized to run");
    let denied = run(&reader, &["purge", "--expired"]).exits(1).fails_in_one_sentence();
    denied.says("not authorized to run").says("createRole");
    run(&reader, &["list", "-v"]).exits(1);

    let nobody = server.uri();
    run(&nobody, &["list"]).exits(1).fails_in_one_sentence();
    assert_eq!(db.ids("sessions"), ["expired", "live"]);
}

#[test]
fn a_missing_collection_is_an_error_that_names_those_that_hold_sessions() {
    let db = Db::new();
    db.insert("app_sessions", [connect_mongo("one", at(60))]);
    db.insert("orders", [doc! { "_id": 1, "total": 7 }]);
    for command in [&["list"][..], &["inspect", "an-id-of-one"], &["purge", "--expired"]] {
        let run = db.sessionctl(command).exits(1).fails_in_one_sentence();
        let run = run.says(&format!("there is no collection {}.sessions", db.name));
        let run = run.says(&format!("{}.app_sessions", db.name)).never_shows("orders");
        assert_eq!(run.stdout, "");
    }
    let nothing = Db::new();
    let run = nothing.sessionctl(&["list"]).exits(1).fails_in_one_sentence();
    run.says("there is no collection").says("-c");
}

#[test]
fn text_in_place_of_a_number_is_refused_in_plain_words() {
    let (number, large) = ("expected a whole number", "the number is too large");
    for (option, value, why) in [
        ("--limit", "ten", number),
        ("--keep", "1,000", number),
        ("--keep", "99999999999999999999", large),
    ] {
        let run = without_server(&["list", "--live", option, value], "mongodb://127.0.0.1:1");
        run.exits(2).fails_in_one_sentence().says(&format!("'{value}'")).says(why);
    }
}

#[test]
fn an_unknown_layout_is_refused_before_anything_is_asked() {
    let run = without_server(&["list", "--layout", "connect-mango"], "mongodb://127.0.0.1:1");
    let run = run.exits(2).fails_in_one_sentence();
    run.says("there is no layout named connect-mango").says("sessionctl layouts");
    // The name of a store is not that of its layouts.
    let run = without_server(&["list", "--layout", "connect-mongo"], "mongodb://127.0.0.1:1");
    let run = run.exits(2).fails_in_one_sentence();
    run.says("did you mean connect-mongo-json, express-session-object or connect-mongodb?");
    Program::new(&["layouts", "show", "nothing"]).run().exits(2).fails_in_one_sentence();
}

#[test]
fn a_layout_file_that_is_wrong_is_refused_with_the_key_and_the_line() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("one", at(60))]);
    let right = sessionctl::Layout::source("connect-mongo-json").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let path = path.to_str().unwrap();
    let list = |text: &str| {
        std::fs::write(path, text).unwrap();
        db.sessionctl(&["list", "-o", "json", "--layout-file", path])
    };
    assert_eq!(list(right).exits(0).json().as_array().unwrap().len(), 1);

    let line = right.lines().position(|line| line.starts_with("cookie")).unwrap() + 1;
    let run = list(&right.replace("cookie =", "cokie =")).exits(1).fails_in_one_sentence();
    run.says(&format!("line {line}: unknown field `cokie`")).says("mine.toml");
    let run = list(&right.replace("kind = \"date\"", "kind = \"moon\"")).exits(1);
    run.fails_in_one_sentence().says("moon");
    list("name = ").exits(1).fails_in_one_sentence().says("line 1");
    list("").exits(1).fails_in_one_sentence().says("missing field");
    let no_path = right.replace("kind = \"date\"\npath = \"expires\"", "kind = \"date\"");
    list(&no_path).exits(1).fails_in_one_sentence().says("requires a path");
    let hostile = right.replace("cookie =", "\"c\\u001b[31m\" =");
    list(&hostile).exits(1).fails_in_one_sentence().shows_nothing_hostile();

    std::fs::write(path, [0xFF, 0xFE]).unwrap();
    let run = db.sessionctl(&["list", "--layout-file", path]).exits(1);
    run.fails_in_one_sentence().says("mine.toml");
    let run = db.sessionctl(&["list", "--layout-file", "/nowhere/mine.toml"]).exits(1);
    run.fails_in_one_sentence().says("/nowhere/mine.toml");
}

#[test]
fn documents_that_fit_no_layout_are_not_taken_for_sessions() {
    let db = Db::new();
    let orders = (0..5).map(|n| doc! { "_id": n, "total": 7, "expires": at(-60) });
    db.insert("sessions", orders);
    for command in [&["list"][..], &["inspect", "an-id-of-one"], &["purge", "--expired", "--yes"]] {
        let run = db.sessionctl(command).exits(1).fails_in_one_sentence();
        assert_eq!(run.says("match no known layout").says("layouts draft").stdout, "");
    }
    assert_eq!(db.count("sessions", doc! {}), 5);
}

#[test]
fn documents_that_fit_two_layouts_are_read_with_a_warning_and_never_deleted() {
    let db = Db::new();
    let both = |id: &str, seconds: i64| {
        let mut both = connect_mongo(id, at(seconds));
        both.extend(doc! { "session_data": "x", "expire_date": at(seconds) });
        both
    };
    db.insert("sessions", [both("expired", -60), both("live", 60)]);
    let run = db.sessionctl(&["list", "-o", "json"]).exits(0).says("warning: ");
    assert_eq!(run.json().as_array().unwrap().len(), 2);
    for selection in ["--expired", "--all", "--live"] {
        let run = db.sessionctl(&["purge", selection, "--yes"]).exits(1).fails_in_one_sentence();
        let run = run.says("connect-mongo-json").says("django-mongoengine");
        assert_eq!(run.says("--layout NAME").stdout, "");
    }
    db.sessionctl(&["expire", "--live", "--yes"]).exits(1);
    assert_eq!(db.ids("sessions"), ["expired", "live"]);
    // The operator's word decides.
    db.sessionctl(&["purge", "--expired", "--layout", "django-mongoengine"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn a_mixed_collection_is_read_as_a_whole_and_never_deleted() {
    let db = Db::new();
    let old = |n: i32| connect_mongo(&format!("old-{n}"), at(-60));
    let new = |n: i32| doc! { "_id": format!("new-{n}"), "session": {}, "expiresAt": at(-60) };
    db.insert("sessions", (0..5).flat_map(|n| [old(n), new(n)]));
    let run = db.sessionctl(&["list", "-o", "json"]).exits(0).says("note: ");
    let run = run.says("connect-mongo-json (5 of 10) and express-mongodb-1 (5 of 10)");
    assert_eq!(run.json().as_array().unwrap().len(), 10);
    db.sessionctl(&["purge", "--expired"]).exits(1).says("connect-mongo-json");
    assert_eq!(db.count("sessions", doc! {}), 10);
}

#[test]
fn a_collection_with_many_strangers_is_read_by_the_one_layout_that_fits_some() {
    let db = Db::new();
    db.insert("sessions", (0..6).map(|n| connect_mongo(&format!("one-{n}"), at(60))));
    db.insert("sessions", (0..4).map(|n| doc! { "order": n }));
    let run =
        db.sessionctl(&["list", "-o", "json"]).exits(0).says("(6 of 10); ignoring the others");
    assert_eq!(run.json().as_array().unwrap().len(), 6);
}

#[test]
fn an_expiry_of_a_wrong_type_makes_a_malformed_row_and_harms_no_other() {
    let db = Db::new();
    let wrong = [
        Bson::String("2020-01-01T00:00:00Z".into()),
        Bson::Int64(1),
        Bson::Double(f64::NAN),
        Bson::Boolean(true),
        Bson::Document(doc! { "$date": 1 }),
        Bson::Array(vec![]),
        Bson::Array(vec![Bson::Null]),
        Bson::Null,
    ];
    let wrong = wrong.into_iter().enumerate();
    db.insert("sessions", wrong.map(|(n, value)| connect_mongo(&format!("wrong-{n}"), value)));
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    let rows = db.sessionctl(&["list", "-o", "json"]).exits(0).json();
    for row in &rows.as_array().unwrap()[..8] {
        assert_eq!((&row["state"], row["expires"].is_null()), (&"malformed".into(), true), "{row}");
    }
    db.sessionctl(&["purge", "--expired"]).exits(0);
    assert_eq!(db.count("sessions", doc! {}), 9);
    db.sessionctl(&["purge", "--malformed", "--yes"]).exits(0);
    assert_eq!(db.ids("sessions"), ["live"]);
}

#[test]
fn a_session_of_16_megabytes_is_a_row_like_any_other() {
    let db = Db::new();
    let id = long_id("enormous");
    let session = format!(r#"{{"cookie":{{}},"userId":42,"pad":"{}"}}"#, "x".repeat(16_777_000));
    db.insert("sessions", [with(connect_mongo(&id, at(60)), doc! { "session": session })]);
    db.insert("sessions", [connect_mongo("small", at(60))]);
    for sort in
        [&["list", "-o", "json"][..], &["list", "-o", "json", "--sort", "bytes", "--reverse"]]
    {
        let rows = db.sessionctl(sort).exits(0).json();
        assert_eq!((&rows[0]["id"], &rows[0]["user"]), (&"enormous0000".into(), &"42".into()));
        assert!(rows[0]["bytes"].as_u64().unwrap() > 16_777_000);
    }
    let run = db.sessionctl(&["inspect", "-o", "ndjson", "enormous"]).exits(0);
    assert!(run.stdout.len() > 16_777_000);
    let run = db.sessionctl(&["inspect", "--raw", "enormous"]).exits(0);
    assert!(run.stdout.len() > 16_777_000);
    db.sessionctl(&["purge", "--yes", "enormous"]).exits(0);
    assert_eq!(db.ids("sessions"), ["small"]);
}

#[test]
fn hostile_text_in_documents_reaches_no_terminal() {
    let db = Db::new();
    let session = serde_json::json!({ "cookie": {}, "userId": HOSTILE, HOSTILE: [HOSTILE] });
    let more = doc! { "session": session.to_string() };
    let id = format!("{HOSTILE}{HOSTILE}");
    db.insert("sessions", [with(connect_mongo(&id, at(60)), more)]);
    let objects =
        doc! { "_id": &id, "session": { HOSTILE: HOSTILE, "userId": HOSTILE }, "expires": at(60) };
    db.insert("objects", [objects]);
    for collection in ["sessions", "objects"] {
        for format in ["table", "json", "ndjson", "csv"] {
            for command in [
                &["list"][..],
                &["list", "--full-ids"],
                &["list", "--sort", "id", "--reverse"],
                &["inspect", "--reveal", "--full-ids", "--", &id],
                &["inspect", "--raw", "--", &id],
                &["purge", "--user", HOSTILE, "--dry-run"],
            ] {
                let mut arguments = vec!["-c", collection, "-o", format];
                arguments.extend(command);
                if format == "csv" && arguments.contains(&"--raw") {
                    continue;
                }
                let run = db.sessionctl(&arguments).exits(0).shows_nothing_hostile();
                assert!(!run.stdout.is_empty(), "{arguments:?}");
            }
        }
        // JSON says the same text.
        let rows = db.sessionctl(&["list", "-c", collection, "--full-ids", "-o", "json"]).json();
        assert_eq!((&rows[0]["id"], &rows[0]["user"]), (&id.as_str().into(), &HOSTILE.into()));
    }
    db.sessionctl(&["list", "--user", HOSTILE]).exits(0).shows_nothing_hostile();
}

#[test]
fn hostile_text_on_the_command_line_reaches_no_terminal() {
    let db = Db::new();
    db.insert(
        "sessions",
        ["one", "two"].map(|name| connect_mongo(&format!("{HOSTILE}{name}"), at(60))),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(HOSTILE.replace('/', ""));
    std::fs::write(&file, format!("'{HOSTILE}' = 1")).unwrap();
    for (arguments, code) in [
        (&["list", "-c", HOSTILE][..], 1),
        (&["list", "-d", HOSTILE], 1),
        (&["list", "--layout", HOSTILE], 2),
        (&["list", "--layout-file", HOSTILE], 1),
        (&["list", "--layout-file", file.to_str().unwrap()], 1),
        (&["list", "--uri-file", HOSTILE], 1),
        (&["list", "--uri", HOSTILE], 1),
        (&["layouts", "show", HOSTILE], 2),
        (&["inspect", "--", HOSTILE], 1),
        (&["list", &format!("{HOSTILE}-unknown")], 1),
        (&["list", "--idle", HOSTILE], 2),
        (&["list", "--expires-after", HOSTILE], 2),
        (&["list", "--where", &format!("{HOSTILE}<")], 2),
        (&["list", "--where", &format!("{HOSTILE}=x")], 1),
        (&["list", "--columns", HOSTILE], 2),
        (&["list", "-o", HOSTILE], 2),
        (&["list", &format!("--{HOSTILE}")], 2),
        (&["list", &format!("-{HOSTILE}")], 2),
        (&[HOSTILE], 2),
    ] {
        let run = db.sessionctl(arguments);
        assert_eq!((run.code, &*run.stdout), (Some(code), ""), "{arguments:?} {run:?}");
        run.shows_nothing_hostile();
    }
    assert_eq!(db.count("sessions", doc! {}), 2);
}

#[test]
fn a_hostile_collection_name_is_neutralised_where_it_is_suggested() {
    let db = Db::new();
    let name = HOSTILE.replace('\u{7f}', "");
    db.insert(&name, [connect_mongo("one", at(60))]);
    let run = db.sessionctl(&["list"]).exits(1).fails_in_one_sentence().shows_nothing_hostile();
    run.says("\\u001b[31mred");
    let run = db.sessionctl(&["list", "-c", &name, "-o", "json"]).exits(0).shows_nothing_hostile();
    assert_eq!(run.json().as_array().unwrap().len(), 1);
    db.sessionctl(&["inspect", "-c", &name, "-v", "one"]).exits(0).shows_nothing_hostile();
    db.sessionctl(&["inspect", "-c", &name, "unknown-id"]).exits(1).shows_nothing_hostile();
}

#[test]
fn text_that_is_not_utf8_is_shown_with_replacement_characters() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a-whole-session", at(60))]);
    let text = with(
        connect_mongo("broken-in-its-text", at(60)),
        doc! { "session": r#"{"cookie":{},"userId":42,"name":"?sa"}"# },
    );
    db.insert_broken("sessions", text);
    db.insert_broken("sessions", connect_mongo("broken-??-in-its-id", at(-60)));
    let object = |id: &str| doc! { "_id": id, "session": { "cookie": {}, "name": "?sa", "userId": 42, "roles": ["?"] }, "expires": at(60) };
    db.insert_broken("objects", object("broken-in-its-field"));
    for format in ["table", "ndjson", "csv"] {
        let run =
            db.sessionctl(&["list", "-o", format, "--full-ids"]).exits(0).shows_nothing_hostile();
        for id in ["a-whole-session", "broken-in-its-text", "broken-\u{FFFD}\u{FFFD}-in-its-id"] {
            assert!(run.stdout.contains(id), "{id} in {run:?}");
        }
    }
    let row = &db
        .sessionctl(&["inspect", "-c", "objects", "-o", "json", "broken-in-its-field"])
        .json()[0];
    assert_eq!(row["payload"]["roles"][0], "\u{FFFD}", "{row}");
    for (collection, id) in [("sessions", "broken-in-its-text"), ("objects", "broken-in-its-field")]
    {
        let run = db.sessionctl(&["inspect", "-c", collection, "-o", "json", id]).exits(0);
        let row = &run.json()[0];
        assert_eq!((&row["user"], &row["payload"]["name"]), (&"42".into(), &"\u{FFFD}sa".into()));
        let run = db.sessionctl(&["inspect", "--raw", "-c", collection, "-o", "json", id]).exits(1);
        let run = run.says("JSON cannot represent 1 session");
        assert!(run.stdout.contains("\u{FFFD}sa"), "{run:?}");
    }
}

#[test]
fn durations_times_and_numbers_that_are_none_are_usage_errors() {
    let uri = "mongodb://127.0.0.1:1";
    for arguments in [
        ["list", "--idle", "yesterday"],
        ["list", "--idle", "1y"],
        ["list", "--idle", "99999999999999999999"],
        ["list", "--older", ""],
        ["list", "--expires-before", "tomorrow"],
        ["list", "--expires-before", "2026-13-01"],
        ["list", "--expires-after", "7d"],
        ["list", "--limit", "many"],
        ["list", "--limit", "-1"],
        ["list", "--sort", "age"],
        ["list", "--where", "total<many"],
        ["list", "--format", "xml"],
        ["sweep", "--interval", "0"],
        ["sweep", "--interval", "-60"],
        ["purge", "--grace", "-1"],
        ["purge", "--batch-size", "-1"],
    ] {
        let run = without_server(&arguments, uri).exits(2);
        let named = format!("error: invalid value '{}' for '{}", arguments[2], arguments[1]);
        assert!(run.stderr.starts_with(&named) && run.stdout.is_empty(), "{run:?}");
    }
    for command in ["purge", "expire"] {
        let run = without_server(&[command], uri).exits(2).fails_in_one_sentence();
        run.says("no sessions selected");
    }
}

#[test]
fn a_named_layout_that_no_document_fits_is_read_with_a_warning_and_never_deleted_by() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("expired", at(-60)), connect_mongo("live", at(60))]);
    // To this store a missing number is a session that is over.
    for arguments in [
        &["purge", "--malformed", "--yes", "--layout", "django-db"][..],
        &["purge", "--expired", "--layout", "scs"],
        &["expire", "--all", "--yes", "--layout", "scs"],
        &["sweep", "--once", "--layout", "scs"],
        &["sweep", "--interval", "1", "--layout", "scs"],
    ] {
        db.sessionctl(arguments).exits(1).says("none of the 2 sampled documents");
    }
    assert_eq!(db.ids("sessions"), ["expired", "live"]);
    db.sessionctl(&["list", "--layout", "scs"])
        .exits(0)
        .says("warning: none of the 2 sampled documents");
}

/// clap keeps only the values after the subcommand.
#[test]
fn repeated_options_on_both_sides_of_the_subcommand_are_refused() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    for (arguments, option) in [
        (
            &["--user-path", "userId", "list", "--user", "42", "--user-path", "account.id"][..],
            "--user-path",
        ),
        (
            &["--user-path=userId", "purge", "--user", "42", "--user-path=account.id", "--yes"],
            "--user-path",
        ),
        (&["--layout", "auto", "list", "--layout", "connect-mongo-json"], "--layout"),
        (&["-c", "a", "list", "-c", "b"], "-c"),
        (&["-qc", "a", "list", "-c", "b"], "-c"),
        (&["-qca", "list", "-vcb"], "-c"),
        (&["-c", "a", "list", "--collection=b"], "-c"),
    ] {
        let run = db.sessionctl(arguments).exits(2).fails_in_one_sentence();
        run.says(&format!("{option} given both before and after the subcommand"));
    }
    // These are values of other options.
    db.sessionctl(&["-q", "list", "-ocsv", "-c", "sessions"]).exits(0);
    db.sessionctl(&["-d", &db.name, "list", "-qdsrc-c", "-c", "none"]).exits(1);
    let both = ["list", "--user", "42", "--user-path", "userId", "--user-path", "account.id"];
    db.sessionctl(&both).exits(0);
    db.sessionctl(&["list", "--user", "42", "--user-path", "userId,account.id"]).exits(0);
}

#[test]
fn options_that_a_command_ignores_are_refused() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60))]);
    let run = db.sessionctl(&["collections", "-c", "sessions"]).exits(2).fails_in_one_sentence();
    run.says("-c");
    db.command(&["collections"]).env("SESSIONCTL_COLLECTION", "sessions").run().exits(0);
    let run = db.sessionctl(&["inspect", "--raw", "-o", "csv", "a"]).exits(2);
    run.fails_in_one_sentence().says("csv");
}
