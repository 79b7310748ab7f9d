//! `list`: order, limits, columns, selections and formats.

use std::io::Read as _;
use std::process::Child;

use bson::{Binary, Document, doc, spec::BinarySubtype};
use serde_json::{Value, json};

use crate::support::{Db, Run, at, connect_mongo, long_id, with};

mod columns;

/// The whole ids of the rows, in their order.
#[track_caller]
fn listed(db: &Db, arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["list", "--full-ids", "-o", "json"];
    all.extend(arguments);
    let rows = db.sessionctl(&all).exits(0).json();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.as_array().unwrap().iter().map(id).collect()
}

/// Sessions whose expiry, last touch and creation are `seconds` away, or all of them absent.
fn dated(id: &str, seconds: i64) -> Document {
    let more = doc! { "lastModified": at(seconds), "createdAt": at(seconds) };
    with(connect_mongo(id, at(seconds)), more)
}

fn undated(id: &str) -> Document {
    let mut document = connect_mongo(id, 0);
    document.remove("expires");
    document
}

#[test]
fn without_a_sort_sessions_come_as_they_are_stored() {
    let db = Db::new();
    db.insert("sessions", [dated("b", 20), dated("c", 30), dated("a", 10)]);
    assert_eq!(listed(&db, &[]), ["b", "c", "a"]);
    assert_eq!(listed(&db, &["--reverse"]), ["a", "c", "b"]);
}

#[test]
fn sorted_by_a_date_those_without_it_come_last_in_either_direction() {
    for key in ["expires", "touched", "created"] {
        let db = Db::new();
        let text = || bson::Bson::String("tomorrow".into());
        let texts = doc! { "expires": text(), "lastModified": text(), "createdAt": text() };
        let array = vec![at(15), at(40)];
        let arrays = doc! { "expires": &array, "lastModified": &array, "createdAt": &array };
        db.insert(
            "sessions",
            [
                with(undated("text"), texts),
                dated("b", 20),
                undated("none"),
                with(undated("array"), arrays),
                dated("a", 10),
                dated("c", 30),
            ],
        );
        let forwards = listed(&db, &["--sort", key]);
        assert_eq!(forwards[..4], ["a", "array", "b", "c"], "{key}: {forwards:?}");
        let backwards = listed(&db, &["--sort", key, "--reverse"]);
        assert_eq!(backwards[..4], ["c", "b", "array", "a"], "{key}: {backwards:?}");
        assert_eq!(listed(&db, &["--sort", key, "--limit", "2"]), ["a", "array"]);
    }
}

#[test]
fn sorting_by_touch_uses_the_first_of_the_fields_that_holds_a_date() {
    let db = Db::new();
    db.insert(
        "sessions",
        [
            with(connect_mongo("b", at(60)), doc! { "lastModified": "soon", "updatedAt": at(-20) }),
            with(
                connect_mongo("c", at(60)),
                doc! { "lastModified": at(-10), "updatedAt": at(-90) },
            ),
            with(connect_mongo("a", at(60)), doc! { "updatedAt": at(-30) }),
        ],
    );
    assert_eq!(listed(&db, &["--sort", "touched"]), ["a", "b", "c"]);
}

#[test]
fn sessions_are_sorted_by_size_and_by_id() {
    let db = Db::new();
    let padded = |id: &str, size: usize| with(dated(id, 60), doc! { "pad": "x".repeat(size) });
    db.insert("sessions", [padded("b", 500), padded("c", 10), padded("a", 100)]);
    assert_eq!(listed(&db, &["--sort", "bytes"]), ["c", "a", "b"]);
    assert_eq!(listed(&db, &["--sort", "bytes", "--reverse"]), ["b", "a", "c"]);
    assert_eq!(listed(&db, &["--sort", "id"]), ["a", "b", "c"]);
    assert_eq!(listed(&db, &["--sort", "id", "--reverse"]), ["c", "b", "a"]);
}

#[test]
fn a_table_shows_fifty_sessions_and_says_that_there_are_more() {
    let db = Db::new();
    db.insert("sessions", (0..51).map(|n| connect_mongo(&long_id(&format!("{n:02}")), at(60))));
    let lines = |run: &Run| run.stdout.lines().count() - 1;
    let run = db.sessionctl(&["list"]).exits(0).says("showing 50 sessions; more exist");
    assert_eq!(lines(&run), 50);
    let run = db.sessionctl(&["list", "--limit", "0"]).exits(0);
    assert_eq!((lines(&run), &*run.stderr), (51, ""));
    let run = db.sessionctl(&["list", "--limit", "51"]).exits(0);
    assert_eq!((lines(&run), &*run.stderr), (51, ""));
    let run = db.sessionctl(&["list", "-q"]).exits(0);
    assert_eq!((lines(&run), &*run.stderr), (50, ""));
    assert_eq!(listed(&db, &[]).len(), 51);
    assert_eq!(listed(&db, &["--limit", "3"]).len(), 3);
    assert_eq!(listed(&db, &["--limit", "18446744073709551615"]).len(), 51);
    assert_eq!(listed(&db, &["--sort", "id", "--limit", "18446744073709551615"]).len(), 51);
    // If the payload decides, the limit counts matching sessions.
    assert_eq!(listed(&db, &["--user", "42", "--limit", "7"]).len(), 7);
}

#[test]
fn columns_are_printed_as_asked_and_in_the_order_asked() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("first", at(60))]);
    let run = db.sessionctl(&["list", "-o", "csv", "--columns", "user,state"]).exits(0);
    assert_eq!(run.stdout, "user,state\n42,live\n");
    let run = db.sessionctl(&["list", "-o", "ndjson", "--columns", "state,user"]).exits(0);
    assert_eq!(run.stdout, "{\"state\":\"live\",\"user\":\"42\"}\n");
    let run = db.sessionctl(&["list", "--columns", "state"]).exits(0);
    assert_eq!(run.stdout, "STATE\nlive\n");
    let run = db.sessionctl(&["list", "--columns", "age"]).exits(2);
    assert_eq!(run.stdout, "");
}

/// One session of each kind, named after it.
fn of_every_kind() -> Db {
    let db = Db::new();
    let user = |name: &str, cart: i32| {
        let session = json!({ "cookie": {}, "userId": name, "cart": { "total": cart } });
        doc! { "session": session.to_string() }
    };
    let day = 86_400;
    let touched =
        |days: i64| doc! { "lastModified": at(-days * day), "createdAt": at(-2 * days * day) };
    db.insert(
        "sessions",
        [
            with(with(connect_mongo("expired", at(-2 * day)), user("asa", 0)), touched(20)),
            with(with(connect_mongo("live", at(2 * day)), user("asa", 7)), touched(1)),
            with(with(undated("endless"), user("bo", 7)), touched(10)),
            with(connect_mongo("null", bson::Bson::Null), user("cy", 0)),
            with(connect_mongo("text", "2020-01-01"), user("asa", 0)),
        ],
    );
    db
}

#[test]
fn a_state_selects_the_sessions_in_it() {
    let db = of_every_kind();
    assert_eq!(listed(&db, &["--expired"]), ["expired"]);
    assert_eq!(listed(&db, &["--live"]), ["live"]);
    assert_eq!(listed(&db, &["--endless"]), ["endless"]);
    assert_eq!(listed(&db, &["--malformed"]), ["null", "text"]);
    assert_eq!(listed(&db, &["--all"]).len(), 5);
    db.sessionctl(&["list", "--expired", "--live"]).exits(2);
    db.sessionctl(&["list", "--all", "--live"]).exits(2);
}

#[test]
fn users_and_values_select_by_the_decoded_payload() {
    let db = of_every_kind();
    assert_eq!(listed(&db, &["--user", "asa"]), ["expired", "live", "text"]);
    assert_eq!(listed(&db, &["--user", "as"]), [""; 0]);
    assert_eq!(listed(&db, &["--where", "cart.total=7"]), ["live", "endless"]);
    assert_eq!(listed(&db, &["--where", "cart={\"total\":7}"]), ["live", "endless"]);
    assert_eq!(listed(&db, &["--where", "cart.total=7", "--where", "userId=bo"]), ["endless"]);
    assert_eq!(listed(&db, &["--where", "userId=\"bo\""]), ["endless"]);
    assert_eq!(listed(&db, &["--user", "asa", "--live"]), ["live"]);
    assert_eq!(listed(&db, &["--where", "cart.total=8"]), [""; 0]);
    let run = db.sessionctl(&["list", "--where", "nothing.there=7"]).exits(1);
    run.says("no session has a value at nothing.there");
}

#[test]
fn times_select_by_the_expiry_and_never_select_sessions_without_one() {
    let db = of_every_kind();
    assert_eq!(listed(&db, &["--expires-before", "-1d"]), ["expired"]);
    assert_eq!(listed(&db, &["--expires-before", "-3d"]), [""; 0]);
    assert_eq!(listed(&db, &["--expires-after", "+1h"]), ["live"]);
    assert_eq!(listed(&db, &["--expires-after", "-7d"]), ["expired", "live"]);
    assert_eq!(listed(&db, &["--expires-after", "-3d", "--expires-before", "-1d"]), ["expired"]);
    assert_eq!(listed(&db, &["--expires-after", "2020-01-01"]), ["expired", "live"]);
    assert_eq!(listed(&db, &["--expires-before=2020-01-01T00:00:00Z"]), [""; 0]);
}

#[test]
fn ages_select_by_the_last_touch_and_the_creation() {
    let db = of_every_kind();
    assert_eq!(listed(&db, &["--idle", "7d"]), ["expired", "endless"]);
    assert_eq!(listed(&db, &["--idle", "15d"]), ["expired"]);
    assert_eq!(listed(&db, &["--older", "15d"]), ["expired", "endless"]);
    assert_eq!(listed(&db, &["--older", "3600"]), ["expired", "live", "endless"]);
    assert_eq!(listed(&db, &["--idle", "7d", "--user", "bo"]), ["endless"]);
}

#[test]
fn an_age_that_the_layout_keeps_no_date_for_is_an_error() {
    let db = Db::new();
    let data = Binary { subtype: BinarySubtype::Generic, bytes: vec![0x93, 0xc0, 0x80, 0xc0] };
    db.insert("sessions", [doc! { "_id": "a", "data": data, "expireAt": at(60) }]);
    for option in ["--idle", "--older"] {
        let run = db.sessionctl(&["list", option, "7d"]).exits(1).fails_in_one_sentence();
        let reason = "which the layout tower-sessions does not store";
        assert_eq!(run.says(reason).stdout, "");
    }
}

#[test]
fn an_age_that_no_session_has_a_date_for_is_an_error_and_those_without_one_are_counted() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60)), connect_mongo("b", at(-60))]);
    for (option, date) in [("--idle", "a last touch"), ("--older", "a creation time")] {
        let missing = format!("{option} requires {date}, which no session of {}.sessions", db.name);
        for command in [&["list"][..], &["purge", "--yes"], &["expire", "--yes"]] {
            let command = [command, &[option, "7d"]].concat();
            let run = db.sessionctl(&command).exits(1).says(&missing);
            assert_eq!(run.stdout, "", "{run:?}");
        }
    }
    assert_eq!(db.count("sessions", doc! {}), 2);

    db.insert("sessions", [dated("c", -864_000)]);
    let run = db.sessionctl(&["list", "--older", "7d"]).exits(0);
    run.says("note: 2 sessions have no creation time");
    // Only sessions that fulfil the other conditions.
    let run = db.sessionctl(&["list", "--idle", "7d", "--expired"]).exits(0);
    run.says("note: 1 session has no last touch");
    db.sessionctl(&["list", "--older", "7d", "-q"]).exits(0).never_shows("creation time");
    let run = db.sessionctl(&["purge", "--older", "7d", "--yes", "-o", "json"]).exits(0);
    assert_eq!(run.says("2 sessions have no creation time").json()["deleted"], 1);
    assert_eq!(db.ids("sessions"), ["a", "b"]);
}

#[test]
fn a_condition_on_an_expiry_that_no_session_has_is_an_error() {
    let db = Db::new();
    db.insert("sessions", [undated("a"), undated("b")]);
    for option in ["--expires-before", "--expires-after"] {
        let run = db.sessionctl(&["list", "--layout", "connect-mongo-json", option, "+1h"]);
        run.exits(1).says("requires an expiry, which no session of");
    }
    db.insert("sessions", [dated("c", 600)]);
    let run = db.sessionctl(&["list", "--full-ids", "--expires-before", "+1h"]).exits(0);
    assert!(run.says("note: 2 sessions have no expiry").stdout.contains("\nc  "));
}

#[test]
fn what_can_match_nothing_is_refused_when_it_is_typed() {
    let db = Db::new();
    db.insert("sessions", [dated("a", 600)]);
    for arguments in [
        &["--user", ""][..],
        &["--user="],
        &[""],
        &["--endless", "--expires-before", "+1h"],
        &["--malformed", "--expires-after", "-1h"],
        &["--expires-after", "+1h", "--expires-before", "+1h"],
        &["--expires-after", "2026-11-30", "--expires-before", "2026-11-01"],
        &["--expires-before", "2026-11-30T08:30:00"],
        &["--idle", "12h1d"],
    ] {
        for command in [&["list"][..], &["purge", "--yes"]] {
            db.sessionctl(&[command, arguments].concat()).exits(2);
        }
    }
    db.sessionctl(&["inspect", ""]).exits(2);
    assert_eq!(db.ids("sessions"), ["a"]);
    assert_eq!(listed(&db, &["--expires-before", "+1d12h"]), ["a"]);
}

#[test]
fn a_time_without_a_zone_is_refused_with_both_of_its_readings() {
    let db = Db::new();
    let arguments = ["list", "--expires-before", "2026-11-30T08:30:00"];
    let here = |zone: &str| db.command(&arguments).env("TZ", zone).run().exits(2);
    here("Asia/Tokyo").says("2026-11-30T08:30:00Z (UTC) or 2026-11-30T08:30:00+09:00 (Asia/Tokyo)");
    here("America/New_York").says("2026-11-30T08:30:00-05:00 (America/New_York)");
}

#[test]
fn every_format_prints_the_same_rows() {
    let db = of_every_kind();
    let json = db.sessionctl(&["list", "-o", "json"]).exits(0).json();
    let rows = json.as_array().unwrap();
    let keys: Vec<_> = rows[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["id", "state", "expires", "touched", "created", "user", "bytes"]);

    let ndjson = db.sessionctl(&["list", "-o", "ndjson"]).exits(0).stdout;
    let lines: Vec<Value> =
        ndjson.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, rows);

    let csv = db.sessionctl(&["list", "-o", "csv"]).exits(0).stdout;
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line =
        |row: &Value| row.as_object().unwrap().values().map(cell).collect::<Vec<_>>().join(",");
    let expected: Vec<_> = std::iter::once(keys.join(",")).chain(rows.iter().map(line)).collect();
    assert_eq!(csv.lines().collect::<Vec<_>>(), expected);

    let table = db.sessionctl(&["list"]).exits(0).stdout;
    for (line, row) in table.lines().skip(1).zip(rows) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[0], row["id"].as_str().unwrap());
        assert_eq!(words[1], row["state"].as_str().unwrap());
        assert_eq!(words.last().copied(), Some(row["bytes"].to_string().as_str()));
    }
    assert_eq!(table.lines().count(), rows.len() + 1);
}

#[test]
fn what_is_absent_is_null() {
    let db = Db::new();
    let mut bare = undated("bare");
    bare.insert("session", "{}");
    db.insert("sessions", [bare, connect_mongo("dated", at(60))]);
    let rows = db.sessionctl(&["list", "--full-ids", "-o", "json"]).exits(0).json();
    assert_eq!(rows[0]["id"], "bare");
    for key in ["expires", "touched", "created", "user"] {
        assert!(rows[0][key].is_null(), "{key}: {}", rows[0]);
    }
}

#[test]
fn an_empty_collection_has_no_rows_and_is_fine() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    let print = |format| db.sessionctl(&["list", "-o", format]).exits(0).stdout;
    assert_eq!(print("json"), "[]\n");
    assert_eq!(print("ndjson"), "");
    assert_eq!(print("csv"), "id,state,expires,touched,created,user,bytes\n");
    assert_eq!(print("table"), "");
    db.sessionctl(&["list", "--live", "--user", "42"]).exits(0);
    // But an id that was named is not there.
    db.sessionctl(&["list", &long_id("wanted")]).exits(1).says("has the id");
}

#[test]
fn an_empty_selection_has_no_rows_and_is_fine() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("live", at(60))]);
    let print = |format| db.sessionctl(&["list", "--expired", "-o", format]).exits(0).stdout;
    assert_eq!(print("json"), "[]\n");
    assert_eq!(print("ndjson"), "");
    assert_eq!(print("csv"), "id,state,expires,touched,created,user,bytes\n");
    assert_eq!(print("table"), "");
}

#[test]
fn a_list_into_a_file_shows_on_the_terminal_how_far_it_is() {
    let db = Db::new();
    db.insert("sessions", (0..6000).map(|n| dated(&format!("session-{n}"), n)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sessions.csv");
    // Long enough to be drawn twice.
    let data =
        doc! { "failCommands": ["find", "getMore"], "blockConnection": true, "blockTimeMS": 1000 };
    let slow = db.fail_commands("alwaysOn", data);
    let listed = |arguments: &[&str]| {
        let shell = format!("$sessionctl >{}", file.display());
        let run = db.command(&[&["list", "-o", "csv"], arguments].concat());
        (run.typed_on_terminal(&shell, &[]).exits(0).stdout, std::fs::read_to_string(&file))
    };
    let (screen, rows) = listed(&[]);
    assert!(screen.contains(" of 6,000  ") && screen.contains(" left"), "{screen}");
    assert_eq!(rows.unwrap().lines().count(), 6001);
    let (screen, _) = listed(&["--limit", "20"]);
    assert!(screen.contains(" of 20  "), "{screen}");
    // The number of matches would require reading them.
    let (screen, _) = listed(&["--live"]);
    assert!(screen.contains("/s") && !screen.contains(" left"), "{screen}");
    drop(slow);
    assert_eq!(listed(&["-q"]).0, "");
}

/// The most memory that the program had resident when it had printed nearly all of `lines` lines, and
/// what it has itself then, without the pages of its file, of which a debug build has some 30 MB. In kB.
fn peak(mut child: Child, lines: usize) -> (u64, u64) {
    let mut stdout = child.stdout.take().unwrap();
    let (mut seen, mut buffer) = (0, [0; 1 << 16]);
    // The pipe holds no more than 64 kB, so with 2,000 lines to come it cannot have ended.
    while seen < lines - 2000 {
        let read = stdout.read(&mut buffer).unwrap();
        assert!(read > 0, "it ended after {seen} lines");
        seen += buffer[..read].iter().filter(|byte| **byte == b'\n').count();
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let kilobytes = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    while stdout.read(&mut buffer).unwrap() > 0 {}
    assert!(child.wait().unwrap().success());
    (kilobytes("VmHWM:"), kilobytes("RssAnon:"))
}

#[test]
fn a_long_list_needs_no_more_memory_than_a_short_one() {
    let db = Db::new();
    let fill = |collection: &str, count: i32| {
        let cookie = r#"{"cookie":{"originalMaxAge":null,"expires":null,"path":"/"},"userId":42}"#;
        db.run(doc! { "aggregate": 1, "cursor": {}, "pipeline": [
            { "$documents": [{ "n": { "$range": [0, count] } }] },
            { "$unwind": "$n" },
            { "$project": {
                "_id": { "$concat": ["session-of-a-visitor-", { "$toString": "$n" }] },
                "expires": at(3600),
                "session": { "$literal": cookie },
            } },
            { "$out": collection },
        ] });
        db.command(&["list", "-o", "ndjson", "-c", collection]).spawn()
    };
    let (short, _) = peak(fill("short", 20_000), 20_000);
    let (long, own) = peak(fill("long", 200_000), 200_000);
    assert!(long < short + 4_000, "20,000 sessions: {short} kB, 200,000: {long} kB");
    assert!(own < 14_000, "{own} kB");
}

/// Rows after the first thousand are written where they are read, unless a limit counts them.
#[test]
fn a_row_is_the_same_whichever_thread_writes_it() {
    let db = Db::new();
    let user = |at: i32| ["åsa\u{9b}", "=1+1", "a\"b\\c", "42"][at as usize % 4];
    let session = |at: i32| {
        // The first rows decide that ids are lengthened: those of the last begin alike, too.
        let id = format!("tenant:{:02}-{at:026}", at % 7);
        let expires = at_or_none(at);
        let payload = json!({ "cookie": {}, "passport": { "user": user(at) } }).to_string();
        let mut session = doc! { "_id": id, "session": payload };
        session.extend(expires.map(|expires| ("expires".to_owned(), expires.into())));
        session
    };
    db.insert("sessions", (0..2500).map(session));
    for format in ["ndjson", "json", "csv"] {
        for columns in [&[][..], &["--columns", "user,id,payload.passport.user,bytes"]] {
            let list = |more: &[&str]| {
                let list = [&["list", "-o", format], columns, more].concat();
                db.sessionctl(&list).exits(0).stdout
            };
            let (free, limited) = (list(&[]), list(&["--limit", "5000"]));
            assert!(free.lines().count() >= 2500, "{format}: {}", free.lines().count());
            let differs = free.lines().zip(limited.lines()).find(|(one, other)| one != other);
            assert_eq!(differs, None, "{format}");
            assert_eq!(free.len(), limited.len(), "{format}");
        }
    }
}

fn at_or_none(number: i32) -> Option<bson::DateTime> {
    (number % 5 > 0).then(|| at(i64::from(number - 1250) * 3600))
}

#[test]
fn an_order_by_a_date_that_no_session_has_is_an_error_and_those_without_it_are_counted() {
    let db = Db::new();
    let data = Binary { subtype: BinarySubtype::Generic, bytes: vec![0x93, 0xc0, 0x80, 0xc0] };
    db.insert("sessions", [doc! { "_id": "a", "data": data, "expireAt": at(60) }]);
    for key in ["touched", "created"] {
        let run = db.sessionctl(&["list", "--sort", key]).exits(1).fails_in_one_sentence();
        let run = run.says(&format!("--sort {key} requires"));
        assert_eq!(run.says("which the layout tower-sessions does not store").stdout, "");
    }

    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", at(60)), undated("b")]);
    // From an expiry, the last touch would be derived.
    for (key, date) in [("touched", "a last touch"), ("created", "a creation time")] {
        let missing = format!("--sort {key} requires {date}, which no selected session has");
        for format in ["table", "ndjson"] {
            let list = ["list", "--endless", "--sort", key, "-o", format];
            let run = db.sessionctl(&list).exits(1).says(&missing);
            assert_eq!(run.stdout, "", "{run:?}");
        }
    }
    db.insert("sessions", [dated("c", -864_000)]);
    for format in ["table", "csv"] {
        let run = db.sessionctl(&["list", "--sort", "created", "-o", format]).exits(0);
        run.says("note: 2 sessions have no creation time and come last");
    }
    let run = db.sessionctl(&["list", "--sort", "expires"]).exits(0);
    run.says("note: 1 session has no expiry and comes last");
    // The others are not selected.
    db.sessionctl(&["list", "--sort", "created", "--older", "1h"])
        .exits(0)
        .never_shows("come last");
    let run = db.sessionctl(&["list", "--sort", "expires", "--endless"]).exits(1);
    run.says("--sort expires requires an expiry, which no selected session has");
    assert_eq!(listed(&db, &["--sort", "created", "--user", "nobody"]), [""; 0]);
}

#[test]
fn a_state_and_an_expiry_that_exclude_each_other_are_refused() {
    let db = Db::new();
    db.insert("sessions", [dated("a", 600)]);
    for arguments in [
        ["--expired", "--expires-after", "+1h"],
        ["--expired", "--expires-after", "2999-01-01"],
        ["--live", "--expires-before", "-1h"],
        ["--live", "--expires-before", "1999-01-01"],
    ] {
        for command in [&["list"][..], &["purge", "--yes"], &["stats"], &["users"]] {
            let run = db.sessionctl(&[command, &arguments].concat()).exits(2);
            run.fails_in_one_sentence().says("so no session matches");
        }
    }
    assert_eq!(listed(&db, &["--live", "--expires-before", "+1h"]), ["a"]);
    assert_eq!(listed(&db, &["--expired", "--expires-after", "-1h"]), [""; 0]);
}

#[test]
fn without_users_a_limit_says_nothing_about_unmatched_ones() {
    let db = Db::new();
    db.insert("sessions", ["a", "b"].map(|id| connect_mongo(&long_id(id), at(60))));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unmatched");
    let file = file.to_str().unwrap();
    let (a, b, none) = (long_id("a"), long_id("b"), long_id("none"));
    let list = ["list", "-n", "1", "--unmatched", file];
    let run = db.sessionctl(&[&list[..], &[&a, &b, &none]].concat()).exits(1);
    run.never_shows("not all sessions were read").says("has the id none00000000...");
    assert_eq!(std::fs::read_to_string(file).unwrap(), format!("{none}\n"));
    let run = db.sessionctl(&[&list[..], &["--user", "42", "--user", "43"]].concat()).exits(1);
    run.says("not all sessions were read");
}

#[test]
fn an_expiry_that_rfc_3339_cannot_write_is_null_and_not_absent_from_the_table() {
    let db = Db::new();
    db.insert("sessions", [connect_mongo("a", bson::DateTime::from_millis(253_402_300_800_000))]);
    let row = &db.sessionctl(&["list", "-o", "json"]).exits(0).json()[0];
    assert_eq!((&row["state"], &row["expires"]), (&json!("live"), &Value::Null));
    db.sessionctl(&["list"]).exits(0).prints("in 79");
    db.sessionctl(&["help", "output"]).exits(0).prints("after the year 9999");
}
