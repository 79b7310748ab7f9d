//! Ids, as typed: whole, short, through stdin, wrong.

use bson::{doc, oid::ObjectId};
use serde_json::Value;

use crate::support::{Db, at, connect_mongo, flask, long_id, now, session, with};

/// Sessions that begin with these, of 32 characters.
fn sessions(names: &[&str]) -> Db {
    let db = Db::new();
    db.insert("sessions", names.iter().map(|name| connect_mongo(&long_id(name), at(60))));
    db
}

/// In the order of the text: ids are looked up by an index.
fn ids(rows: &Value) -> Vec<String> {
    let mut ids: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

#[test]
fn whom_an_encrypted_session_belongs_to_is_said_to_be_unknown() {
    let db = Db::new();
    let kruptein = r#"{"hmac":"aa","ct":"bb","at":"cc","salt":"dd","iv":"ee"}"#;
    let kruptein = doc! { "session": kruptein };
    db.insert("sessions", [connect_mongo("open", at(60))]);
    db.insert("sessions", [with(connect_mongo("shut", at(60)), kruptein)]);
    let blind = "warning: --user and --where cannot search 1 session of 2 examined: encrypted";
    for command in [&["list", "--user", "7"][..], &["purge", "--where", "userId=7", "--yes"]] {
        db.sessionctl(command).exits(0).says(blind);
    }
    db.sessionctl(&["list", "--live"]).exits(0).never_shows("warning");
}

#[test]
fn a_whole_id_and_a_prefix_of_eight_characters_name_a_session() {
    let db = sessions(&["alpha-one", "alpha-two", "beta-one"]);
    for typed in [long_id("alpha-one").as_str(), "alpha-one", "alpha-o"] {
        let list = db.sessionctl(&["list", "-o", "json", typed]);
        let inspect = db.sessionctl(&["inspect", "-o", "json", typed]);
        if typed.len() < 8 {
            list.exits(1).says("has the id");
            assert_eq!(inspect.exits(1).says("has the id").json(), serde_json::json!([]));
        } else {
            assert_eq!(ids(&list.exits(0).json()), ["alpha-one000"]);
            assert_eq!(ids(&inspect.exits(0).json()), ["alpha-one000"]);
        }
    }
}

#[test]
fn ids_are_alternatives_and_a_session_named_twice_is_one() {
    let db = sessions(&["alpha-one", "alpha-two", "beta-one"]);
    let run =
        db.sessionctl(&["list", "-o", "json", "alpha-one", "beta-one", "beta-one0", "--live"]);
    assert_eq!(ids(&run.exits(0).json()), ["alpha-one000", "beta-one0000"]);
    let run = db.sessionctl(&["list", "-o", "json", "alpha-one", "beta-one", "--expired"]);
    assert_eq!(ids(&run.exits(0).json()), [""; 0]);
}

#[test]
fn an_ambiguous_prefix_does_nothing_at_all() {
    let db = sessions(&["alpha-one-1", "alpha-one-2", "beta-one"]);
    let before = db.find("sessions", doc! {});
    for command in ["list", "inspect"] {
        let run = db.sessionctl(&[command, "beta-one", "alpha-one"]).exits(1);
        let run = run.fails_in_one_sentence().says("alpha-one matches more than one");
        assert_eq!(run.stdout, "");
    }
    for command in ["purge", "expire"] {
        let run = db.sessionctl(&[command, "--yes", "beta-one", "alpha-one"]).exits(1);
        run.fails_in_one_sentence().says("more than one session id");
    }
    assert_eq!(db.find("sessions", doc! {}), before);
}

#[test]
fn a_whole_id_that_begins_another_is_not_ambiguous() {
    let db = Db::new();
    db.insert(
        "sessions",
        [connect_mongo("alpha-one", at(60)), connect_mongo("alpha-one-more", at(60))],
    );
    let run = db.sessionctl(&["list", "--full-ids", "-o", "json", "alpha-one"]).exits(0);
    assert_eq!(ids(&run.json()), ["alpha-one"]);
}

/// Nothing but a unique index prevents two requests at once from writing the same session twice.
#[test]
fn all_documents_with_the_same_id_are_one_session() {
    let (id, other) = (long_id("twice-"), long_id("other-"));
    let numbered: Vec<String> = (0..20).map(|number| format!("twenty{number:02}")).collect();
    let prefixes: Vec<&str> = numbered.iter().map(String::as_str).collect();
    let stored = format!("session:{id}");
    // Many prefixes are looked up together.
    for typed in [&[&*id][..], &[&*stored], &["twice-00"], &prefixes] {
        let db = Db::new();
        let named: Vec<_> = match typed.len() {
            1 => vec![id.clone()],
            _ => numbered.iter().map(|name| long_id(name)).collect(),
        };
        let both = named.iter().flat_map(|id| [flask(id, at(600)), flask(id, at(700))]);
        db.insert("sessions", both.chain([flask(&other, at(600))]));
        let found = db.sessionctl(&[&["inspect", "-o", "json"], typed].concat()).exits(0).json();
        assert_eq!(found.as_array().unwrap().len(), 2 * typed.len(), "{typed:?}");
        let spared = ["list", "-o", "json", "--live", "--except", typed[0]];
        let spared = db.sessionctl(&spared).exits(0).json();
        assert_eq!(spared.as_array().unwrap().len(), 2 * typed.len() - 1, "{typed:?}");
        db.sessionctl(&[&["purge", "--yes"], typed].concat()).exits(0);
        let left = db.find("sessions", doc! {});
        assert_eq!(left.len(), 1, "{typed:?}");
        assert_eq!(left[0].get_str("id").unwrap(), format!("session:{other}"));
    }
    let db = Db::new();
    let of = |id: &str| session("express-mongodb-legacy", id, at(600));
    db.insert("sessions", [of(&id), of(&id), of(&other)]);
    db.sessionctl(&["expire", &id, "--yes"]).exits(0);
    let over = db.find("sessions", doc! { "expires": { "$lt": now() } });
    let over: Vec<_> = over.iter().map(|one| one.get_str("sid").unwrap()).collect();
    assert_eq!(over, [&*id, &*id]);
}

#[test]
fn unknown_ids_are_named_in_short_and_the_others_are_done() {
    let db = sessions(&["alpha-one", "beta-one"]);
    let unknown = long_id("gamma-one-secret-");
    for command in ["list", "inspect"] {
        let run = db.sessionctl(&[command, "-o", "json", "alpha-one", &unknown]).exits(1);
        assert_eq!(ids(&run.json()), ["alpha-one000"]);
        let run = run.fails_in_one_sentence().says("gamma-one-se...");
        run.never_shows("gamma-one-sec");
    }
    let run = db.sessionctl(&["purge", "--yes", "alpha-one", &unknown]).exits(1);
    run.says("gamma-one-se...").never_shows("gamma-one-sec");
    assert_eq!(db.ids("sessions"), [long_id("beta-one")]);
}

#[test]
fn ids_come_through_stdin_one_a_line() {
    let db = sessions(&["-alpha-one", "--beta-one", "gamma-one"]);
    let input = "-alpha-one\r\n\n  --beta-one  \n";
    let run = db.command(&["list", "-o", "json", "-"]).stdin(input).run().exits(0);
    assert_eq!(ids(&run.json()), ["--beta-one00", "-alpha-one00"]);
    let run = db.command(&["list", "-o", "json", "-", "gamma-one"]).stdin("-alpha-one").run();
    assert_eq!(ids(&run.exits(0).json()), ["-alpha-one00", "gamma-one000"]);
    let run = db.command(&["inspect", "-o", "json", "-"]).stdin("").run().exits(0);
    assert_eq!(run.stdout, "[]\n");
    let run = db.command(&["purge", "--yes", "-"]).stdin("").run();
    assert_eq!(db.count("sessions", doc! {}), 3, "{run:?}");
}

#[test]
fn stdin_that_is_no_text_is_an_error_and_no_panic() {
    let db = sessions(&["alpha-one"]);
    let run = db.command(&["list", "-"]).stdin([0xFF, 0xFE, b'\n']).run().exits(1);
    run.fails_in_one_sentence().says("could not read ids from stdin");
}

#[test]
fn stdin_cannot_give_both_the_ids_and_the_connection_string() {
    let db = sessions(&["alpha-one"]);
    let run = db.command(&["list", "-", "--uri", "-"]).stdin("x").run().exits(2);
    run.fails_in_one_sentence().says("both the ids and the connection string");
}

#[test]
fn an_id_that_begins_with_a_hyphen_goes_after_two_of_them() {
    for id in ["-3FhWn2_q9ZkLkvaGwkpcSgvFQS0ZtwN", "--FhWn2_q9ZkLkvaGwkpcSgvFQS0ZtwN"] {
        let db = Db::new();
        db.insert("sessions", [connect_mongo(id, at(60))]);
        for command in ["list", "inspect", "purge", "expire"] {
            let run = db.sessionctl(&[command, id]).exits(2).fails_in_one_sentence();
            let run = run.says("begins with - after --").never_shows(&id[8..]);
            assert_eq!(run.stdout, "");
        }
        assert_eq!(db.count("sessions", doc! {}), 1);
        let run = db.sessionctl(&["inspect", "-o", "json", "--", id]).exits(0);
        assert_eq!(ids(&run.json()), [&id[..12]]);
        // A hyphen swallows no option that comes before.
        db.sessionctl(&["purge", "--dry-run", "--", id]).exits(0);
        assert_eq!(db.count("sessions", doc! {}), 1);
    }
}

#[test]
fn a_misspelt_option_is_still_called_by_its_name() {
    let db = sessions(&["alpha-one"]);
    db.sessionctl(&["list", "--expierd"]).exits(2).says("--expired");
}

#[test]
fn a_prefix_is_never_a_pattern() {
    let db = sessions(&["alpha-one", "alpha-two"]);
    for pattern in
        [".*......", "^alpha-one", "alpha-o.e", "[a]lpha-one", "alpha-one$", "{\"$ne\":1}"]
    {
        let run = db.sessionctl(&["list", "-o", "json", "--", pattern]).exits(1);
        assert_eq!(run.says("has the id").stdout, "[]\n", "{pattern}");
    }
}

#[test]
fn the_short_form_of_every_row_names_its_session() {
    let db = Db::new();
    let names = [
        "7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN",
        "PCsaD56NfGtaTx59C5w6Lw",
        "ab12",
        "xyz",
        "Åsa-Åsa-Åsa",
    ];
    db.insert("sessions", names.map(|id| connect_mongo(id, at(60))));
    let short = ids(&db.sessionctl(&["list", "-o", "json"]).exits(0).json());
    assert_eq!(short, ["7ZQOhQlxWzrh", "PCsaD56NfGt", "ab", "x", "Åsa-Å"]);
    for (short, full) in short.iter().zip(names) {
        let run = db.sessionctl(&["inspect", "--full-ids", "-o", "json", "--", short]).exits(0);
        assert_eq!(ids(&run.json()), [full]);
    }
}

/// Each short id that is shown, and that `inspect` finds one session by it.
#[track_caller]
fn leads_back(db: &Db, arguments: &[&str]) -> Vec<String> {
    let rows = db.sessionctl(&[&["list", "-o", "json"], arguments].concat()).exits(0).json();
    let shown = ids(&rows);
    for id in &shown {
        let run = db.sessionctl(&["inspect", "--full-ids", "-o", "json", "--", id]).exits(0);
        let full = ids(&run.json());
        assert!(matches!(full.as_slice(), [full] if full.starts_with(id)), "{id} {full:?}");
    }
    shown
}

#[test]
fn ids_that_begin_alike_are_lengthened_until_each_leads_back_to_its_session() {
    let db = Db::new();
    // A hash spreads the numbers as random ids are spread.
    let id =
        |n: u64| format!("shop-prod-eu:{:016x}{n:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    db.insert("sessions", (1..=300).map(|n| connect_mongo(&id(n), at(60))));
    db.insert("sessions", [connect_mongo(&long_id("alone"), at(60))]);
    let shown = leads_back(&db, &["--limit", "20", "--reverse"]);
    assert_eq!(shown.len(), 20);
    assert!(shown.contains(&"alone0000000".to_owned()), "{shown:?}");
    assert!(shown.iter().all(|id| id.len() <= 22), "never more than half: {shown:?}");

    let all: Vec<String> = (1..=300).map(id).chain([long_id("alone")]).collect();
    for format in ["ndjson", "csv", "table"] {
        let run = db.sessionctl(&["list", "--limit", "0", "-o", format]).exits(0);
        let is_unique = |shown: &str| all.iter().filter(|id| id.starts_with(shown)).count() == 1;
        let word = |line: &str| {
            let id = line.trim_start_matches("{\"id\":\"");
            id.split(['"', ',', ' ']).next().unwrap().to_owned()
        };
        let lines = run.stdout.lines().skip(usize::from(format != "ndjson"));
        let unique = lines.map(word).filter(|id| is_unique(id)).count();
        assert_eq!(unique, all.len(), "{format}");
    }
}

#[test]
fn the_user_before_an_id_is_not_counted_even_where_one_row_is_shown() {
    let db = Db::new();
    let user = "28dd2c7955ce926456240b2f";
    let payload = format!("{{\"cookie\":{{}},\"userId\":\"{user}\"}}");
    let ids = ["db87cee52504ca5732bad49ddb1d5b85", "db87cee5ffffca5732bad49ddb1d5b85"];
    let sessions = ids.map(|id| connect_mongo(&format!("{user}.{id}"), at(60)));
    db.insert("sessions", sessions.map(|session| with(session, doc! { "session": &payload })));
    let one = leads_back(&db, &["--limit", "1"]);
    assert_eq!(one, [format!("{user}.db87cee5250")]);
    assert_eq!(leads_back(&db, &[]).len(), 2);
}

#[test]
fn a_short_prefix_is_looked_for_among_ids_of_any_type() {
    let db = Db::new();
    let legacy = |sid: bson::Bson| {
        let data = doc! { "cookie": {}, "userId": 42 };
        doc! { "_id": ObjectId::new(), "sid": sid, "data": data, "lastAccess": at(0), "expires": at(60) }
    };
    let sids = ["abcd".into(), 7.into(), bson::Bson::Null, vec!["abcd"].into(), doc! {}.into()];
    db.insert("sessions", sids.map(legacy));
    db.insert("sessions", (0..60).map(|n| legacy(long_id(&format!("other-{n}")).into())));
    let run = db.sessionctl(&["inspect", "-o", "json", "ab"]);
    assert!(run.stderr.contains("more than one") || run.code == Some(0), "{run:?}");
    db.sessionctl(&["inspect", "zz"]).exits(1).says("has the id");
}

#[test]
fn sessions_whose_id_is_a_field_of_their_own_are_found_by_it() {
    let db = Db::new();
    let data = doc! { "cookie": {}, "userId": 42 };
    let session = doc! { "_id": ObjectId::new(), "sid": long_id("alpha-one"), "data": data, "lastAccess": at(0), "expires": null };
    db.insert("sessions", [session.clone()]);
    let run = db.sessionctl(&["inspect", "-o", "json", "alpha-one"]).exits(0);
    assert_eq!(ids(&run.json()), ["alpha-one000"]);
    let key = session.get_object_id("_id").unwrap().to_hex();
    db.sessionctl(&["inspect", &key]).exits(1).says("has the id");
}
