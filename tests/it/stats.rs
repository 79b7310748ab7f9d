//! `stats`: the numbers of a collection, against what the decoder and `list` say of its sessions.

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use serde_json::Value;
use sessionctl::payload::Payload;
use sessionctl::stats::{Options, Slot, Stats};
use sessionctl::{Connection, Layout, Session, State};

use crate::support::{Db, at, connect_mongo, long_id, session, with};

/// What the library counts in a collection, by `layout` and seen from `now`.
pub fn of(db: &Db, collection: &str, layout: &Layout, now: DateTime) -> Stats {
    db.runtime.block_on(async {
        let connection = Connection::open(&db.uri, Some(&db.name)).await.unwrap();
        let store = connection.store(collection, layout.clone());
        store.stats(&Options::default(), now).await.unwrap()
    })
}

/// The numbers equal the sums over the decoded `documents`.
#[track_caller]
pub fn agrees(stats: &Stats, layout: &Layout, documents: &[Document], now: DateTime) {
    let decode = |document: &Document| {
        let raw = RawDocumentBuf::try_from(document).unwrap();
        layout.session(&raw, &Payload::Absent, now)
    };
    let sessions: Vec<Session> = documents.iter().map(decode).collect();
    for state in State::ALL {
        let of_state = || sessions.iter().filter(|session| session.state == state);
        let share = stats.of(state);
        assert_eq!(share.sessions, of_state().count() as u64, "{} {state}", layout.name);
        assert_eq!(share.bytes, of_state().map(|session| session.bytes).sum::<u64>());
        assert_eq!(share.largest, of_state().map(|session| session.bytes).max().unwrap_or(0));
    }
    let expiries = |state: State| {
        let of_state = sessions.iter().filter(move |session| session.state == state);
        of_state.filter_map(|session| session.expires)
    };
    let place = &layout.name;
    same(stats.oldest_expired, expiries(State::Expired).min(), place);
    same(stats.next_expiry, expiries(State::Live).min(), place);
    same(stats.expires.latest, sessions.iter().filter_map(|session| session.expires).max(), place);
    same(
        stats.touched.earliest,
        sessions.iter().filter_map(|session| session.touched).min(),
        place,
    );
    same(stats.touched.latest, sessions.iter().filter_map(|session| session.touched).max(), place);
    let dated = sessions.iter().filter(|session| session.expires.is_some()).count() as u64;
    assert_eq!(sum(&stats.expiries), dated, "{place} {:?}", stats.expiries);
    for slot in &stats.expiries {
        let within = |time: DateTime| {
            slot.from.is_none_or(|from| time >= from) && slot.to.is_none_or(|to| time < to)
        };
        let count = sessions.iter().filter(|session| session.expires.is_some_and(within)).count();
        assert_eq!(slot.sessions, count as u64, "{place} {slot:?}");
    }
}

fn sum(slots: &[Slot]) -> u64 {
    slots.iter().map(|slot| slot.sessions).sum()
}

/// To the millisecond, but for what is beyond the integers of a double: 280,000 years.
#[track_caller]
fn same(counted: Option<DateTime>, decoded: Option<DateTime>, place: &str) {
    let millis = |date: Option<DateTime>| date.map(|date| date.timestamp_millis() as f64);
    match (millis(counted), millis(decoded)) {
        (Some(one), Some(other)) if other.abs() > 9e15 && (one / other - 1.0).abs() < 1e-9 => {}
        (one, other) => assert_eq!(one, other, "{place}"),
    }
}

fn numbers(db: &Db, arguments: &[&str]) -> Value {
    db.sessionctl(&[&["stats", "-o", "json"], arguments].concat()).exits(0).json()
}

#[test]
fn states_and_sizes_are_those_of_the_documents() {
    let db = Db::new();
    let mut endless = connect_mongo("endless", 0);
    endless.remove("expires");
    let documents = [
        connect_mongo("expired-a", at(-7200)),
        connect_mongo("expired-b", at(-60)),
        connect_mongo("live", at(3700)),
        endless,
        connect_mongo("text", "tomorrow"),
    ];
    let sizes: Vec<u64> = documents
        .iter()
        .map(|one| RawDocumentBuf::try_from(one).unwrap().as_bytes().len() as u64)
        .collect();
    db.insert("sessions", documents);
    let row = numbers(&db, &[]);
    let states = ["sessions", "expired", "live", "endless", "malformed"].map(|key| &row[key]);
    assert_eq!(states, [5, 2, 1, 1, 1], "{row}");
    assert_eq!(row["bytes"], sizes.iter().sum::<u64>());
    assert_eq!(row["expired_bytes"], sizes[0] + sizes[1]);
    assert_eq!(row["largest_bytes"], *sizes.iter().max().unwrap());
    assert_eq!(row["layout"], "connect-mongo-json");
    assert_eq!((&row["users"], &row["anonymous"]), (&1.into(), &0.into()));
    assert_eq!(row["top_users"], serde_json::json!([{ "user": "42", "sessions": 5 }]));
    let absent = ["sampled_of", "oldest_touched", "created_by", "oldest_created"];
    assert!(absent.iter().all(|key| row[key].is_null()), "{row}");
}

/// The look before the pass sees nothing of these: they lie in the middle.
#[test]
fn what_the_look_did_not_see_is_counted_all_the_same() {
    let middles: [Document; 4] = [
        doc! { "lastModified": at(-500) },
        doc! { "expires": [at(-90), at(90)] },
        doc! { "expires": Bson::Null },
        doc! { "createdAt": at(-3600), "updatedAt": at(-7200) },
    ];
    let layout = Layout::named("connect-mongo-json").unwrap();
    let now = at(0);
    for middle in middles {
        let db = Db::new();
        let usual = |n: i64| connect_mongo(&format!("{n}"), at(n * 60 - 9000));
        let mut documents: Vec<_> = (0..300).map(usual).collect();
        documents[150].extend(middle.clone());
        db.insert("sessions", documents.clone());
        let stats = of(&db, "sessions", layout, now);
        agrees(&stats, layout, &documents, now);
    }
}

#[test]
fn growth_and_ages_come_from_the_best_date_that_there_is() {
    let hours = |hours: i64| at(-hours * 3600 - 1800);
    let id = |n: usize, hours_ago: i64| {
        let seconds = hours(hours_ago).timestamp_millis() / 1000;
        ObjectId::parse_str(format!("{seconds:08x}{n:016x}")).unwrap()
    };
    let ages = [0, 0, 5, 30, 24 * 40];
    let made = |by: &str| -> Vec<Document> {
        let document = |(n, age): (usize, &i64)| {
            let name = long_id(&format!("{n:03}-"));
            match by {
                "created" => with(connect_mongo(&name, at(60)), doc! { "createdAt": hours(*age) }),
                "touched" => with(connect_mongo(&name, at(60)), doc! { "updatedAt": hours(*age) }),
                _ => with(
                    session("express-mongodb-legacy", &name, at(60)),
                    doc! { "_id": id(n, *age) },
                ),
            }
        };
        ages.iter().enumerate().map(document).collect()
    };
    for by in ["created", "touched", "id"] {
        let db = Db::new();
        db.insert("sessions", made(by));
        let row = numbers(&db, &[]);
        assert_eq!(row["created_by"], by, "{row}");
        let counts = |key: &str| -> Vec<u64> {
            let slots = row[key].as_array().unwrap();
            slots.iter().map(|slot| slot["sessions"].as_u64().unwrap()).collect()
        };
        assert_eq!(counts("ages"), [2, 1, 1, 0, 1, 0, 0], "{by}");
        let growth = counts("growth");
        assert_eq!((growth.len(), growth[23], growth[18]), (24, 2, 1), "{by} {growth:?}");
        assert_eq!(growth.iter().sum::<u64>(), 3);
    }
}

#[test]
fn users_are_counted_by_the_server_or_else_decoded() {
    let ids = |n: u64| long_id(&format!("{n:02}"));
    let owner = |n: u64| if n < 12 { Bson::from(format!("u{}", n % 3)) } else { Bson::from("") };
    let as_text = |n: u64| {
        let payload = serde_json::json!({ "cookie": {}, "userId": owner(n) });
        with(connect_mongo(&ids(n), at(60)), doc! { "session": payload.to_string() })
    };
    let as_document = |n: u64| {
        let payload = doc! { "cookie": { "path": "/" }, "userId": owner(n) };
        with(session("express-session-object", &ids(n), at(60)), doc! { "session": payload })
    };
    for make in [&as_text as &dyn Fn(u64) -> Document, &as_document] {
        let db = Db::new();
        db.insert("sessions", (0..20).map(make));
        let row = numbers(&db, &["--top", "2"]);
        let counts = ["users", "anonymous", "unreadable", "users_of"].map(|key| &row[key]);
        assert_eq!(counts, [3, 8, 0, 20], "{row}");
        assert_eq!(row["users_sampled"], false);
        assert_eq!(row["users_estimated"], false);
        let top =
            serde_json::json!([{ "user": "u0", "sessions": 4 }, { "user": "u1", "sessions": 4 }]);
        assert_eq!(row["top_users"], top);
        assert_eq!(numbers(&db, &["--top", "0"])["top_users"], serde_json::json!([]));
    }
}

/// As `users` counts them, by text, whatever the application stored.
#[test]
fn a_user_of_several_types_is_one_user() {
    use bson::spec::BinarySubtype::{Generic, UuidOld};
    let (id, uuid) = (ObjectId::new(), bson::Uuid::new());
    let binary = |subtype| Bson::from(bson::Binary { subtype, bytes: uuid.bytes().to_vec() });
    let seven = Bson::Decimal128("7".parse().unwrap());
    let cases: [(&str, Vec<Bson>); 6] = [
        ("7", vec![7.into(), 7_i64.into(), 7.0.into(), "7".into(), seven]),
        (&id.to_hex(), vec![id.into(), id.to_hex().into()]),
        // The server has no text for these.
        (&uuid.to_string(), vec![uuid.into(), uuid.to_string().into()]),
        (&uuid.to_string(), vec![binary(Generic), binary(UuidOld)]),
        ("7.5", vec![7.5.into(), "7.5".into()]),
        ("NaN", vec![f64::NAN.into(), "NaN".into()]),
    ];
    for (user, values) in cases {
        let db = Db::new();
        let count = values.len();
        let session = |(n, value): (usize, Bson)| {
            let payload = doc! { "cookie": { "path": "/" }, "userId": value };
            let id = long_id(&format!("{n:02}"));
            with(session("express-session-object", &id, at(60)), doc! { "session": payload })
        };
        db.insert("sessions", values.into_iter().chain([Bson::Null]).enumerate().map(session));
        let row = numbers(&db, &[]);
        assert_eq!((&row["users"], &row["anonymous"]), (&1.into(), &1.into()), "{row}");
        let one = serde_json::json!([{ "user": user, "sessions": count }]);
        assert_eq!(row["top_users"], one);
        assert_eq!((&row["users_sampled"], &row["live"]), (&false.into(), &(count + 1).into()));
        let users = db.sessionctl(&["users", "-o", "json"]).exits(0).json();
        assert_eq!((&users[0]["user"], &users[0]["sessions"]), (&user.into(), &count.into()));
        assert_eq!(users.as_array().unwrap().len(), 1, "{users}");
    }
}

/// 30,000 sessions with the user in the payload: a tenth of one user, and a fifth without a user.
fn many_users() -> Db {
    let db = Db::new();
    db.insert(
        "sessions",
        (0..30_000).map(|n| {
            let user = match n % 10 {
                0 => "most".to_owned(),
                1 | 2 => String::new(),
                _ => format!("u{n}"),
            };
            let payload = serde_json::json!({ "cookie": {}, "userId": user });
            let id = long_id(&format!("{n:06}"));
            with(connect_mongo(&id, at(3600)), doc! { "session": payload.to_string() })
        }),
    );
    db
}

#[test]
fn users_that_must_be_decoded_are_counted_in_all_sessions() {
    let db = many_users();
    let store = db.store("connect-mongo-json");
    // On a busy machine the usual time may be too short.
    let decoding = std::time::Duration::from_secs(3600);
    let options = sessionctl::stats::Options { top: 1, decoding, ..Default::default() };
    let stats = db.runtime.block_on(store.stats(&options, crate::support::now())).unwrap();
    let users = stats.users.unwrap();
    let counts = (users.distinct, users.anonymous, users.unreadable, users.looked_at);
    assert_eq!(counts, (21_001, 6000, 0, 30_000));
    assert!(!users.sampled && !users.estimated, "{users:?}");
    assert_eq!(users.top, [("most".to_owned(), 3000)]);
}

#[test]
fn where_decoding_all_takes_too_long_the_counts_are_scaled_up_and_say_so() {
    let db = many_users();
    let store = db.store("connect-mongo-json");
    let options = sessionctl::stats::Options {
        top: 1,
        decoding: std::time::Duration::ZERO,
        ..Default::default()
    };
    let stats = db.runtime.block_on(store.stats(&options, crate::support::now())).unwrap();
    let users = stats.users.unwrap();
    assert!(users.sampled && users.estimated, "{users:?}");
    assert_eq!(users.sessions, 30_000);
    assert!((10_000..30_000).contains(&users.looked_at), "{users:?}");
    // Six standard deviations of a sample of 10,000, and more.
    let (user, sessions) = &users.top[0];
    assert_eq!(user, "most");
    assert!((2300..3700).contains(sessions), "{users:?}");
    assert!((5000..7000).contains(&users.anonymous), "{users:?}");
}

#[test]
fn a_sample_says_that_it_is_one() {
    for layout in ["connect-mongo-json", "express-session-object"] {
        let db = Db::new();
        db.insert(
            "sessions",
            (0..500).map(|n| session(layout, &long_id(&format!("{n:03}-")), at(60))),
        );
        let run = db.sessionctl(&["stats", "--sample", "100", "-o", "json"]).exits(0);
        let row = run.says("a random sample: 100 sessions of 500").json();
        let counts = ["sessions", "live", "sampled_of", "users_of"].map(|key| &row[key]);
        assert_eq!(counts, [100, 100, 500, 100], "{row}");
        assert_eq!(row["users_sampled"], true, "{row}");
        let table = db.sessionctl(&["stats", "--sample", "100", "-q"]).exits(0);
        assert!(table.stdout.contains("100 sessions, a sample of 500"), "{table:?}");
        assert_eq!(table.stderr, "");
    }
    Db::new().sessionctl(&["stats", "--sample", "0"]).exits(2);
}

#[test]
fn an_empty_collection_has_numbers_too() {
    let db = Db::new();
    db.run(doc! { "create": "sessions" });
    let row = numbers(&db, &[]);
    assert_eq!(
        (&row["sessions"], &row["bytes"], &row["expired"]),
        (&0.into(), &0.into(), &0.into())
    );
    assert!(row["layout"].is_null() && row["mean_bytes"].is_null() && row["users"].is_null());
    assert_eq!(row["namespace"], format!("{}.sessions", db.name));
    db.sessionctl(&["stats"]).exits(0).says("has no documents");
    let named = numbers(&db, &["--layout", "better-auth"]);
    assert_eq!(
        (&named["sessions"], &named["layout"]),
        (&0.into(), &"better-auth".into()),
        "{named}"
    );
    let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&row), keys(&named));
    db.sessionctl(&["stats", "-c", "nowhere"]).exits(1).fails_in_one_sentence();
}

#[test]
fn a_terminal_sees_blocks_where_it_has_them_and_nothing_hostile() {
    let db = Db::new();
    let hostile = "\u{1b}[31mred\u{202e}\r\n".repeat(20);
    let payload = serde_json::json!({ "cookie": {}, "userId": hostile }).to_string();
    let sessions = (0..30).map(|n| {
        let more = doc! { "session": &payload, "lastModified": at(-n * 3600) };
        with(connect_mongo(&long_id(&format!("{n:03}-")), at(n * 7200 - 20_000)), more)
    });
    db.insert("sessions", sessions);
    let plain = db.sessionctl(&["stats"]).exits(0).shows_nothing_hostile().stdout;
    assert!(plain.is_ascii() && plain.contains("####"), "{plain}");
    assert!(plain.lines().all(|line| line.len() <= 80), "{plain}");
    assert!(plain.contains("\\u001b[31mred\\u202e"), "{plain}");

    let screen = |variables: &[(&str, &str)], columns: usize| {
        let mut program = db.command(&["stats", "--color", "never"]).env("LC_ALL", "");
        for (name, value) in variables {
            program = program.env(name, value);
        }
        let shell = format!("stty rows 24 cols {columns}; exec $sessionctl");
        program.typed_on_terminal(&shell, &[]).exits(0).stdout
    };
    for columns in [64, 80, 200] {
        let blocks = screen(&[("LANG", "C.UTF-8")], columns);
        assert!(blocks.contains("██") && !blocks.contains("##"), "{blocks}");
        assert!(blocks.lines().all(|line| line.trim_end().chars().count() <= columns), "{blocks}");
        assert!(!blocks.contains('\u{1b}') && !blocks.contains('\u{202e}'), "{blocks:?}");
    }
    let ascii = screen(&[("LANG", "C")], 80);
    assert!(ascii.is_ascii() && ascii.contains("####"), "{ascii}");
}

#[test]
fn numbers_beyond_all_dates_are_counted_with_the_others() {
    let db = Db::new();
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let expiries = [
        decimal("Infinity"),
        decimal("9E+400"),
        decimal("-9E+400"),
        decimal("NaN"),
        Bson::Double(f64::INFINITY),
        Bson::Int64(i64::MAX),
        Bson::Int64(1),
    ];
    let session = |(at, expires): (usize, Bson)| {
        doc! { "_id": long_id(&at.to_string()), "session": "{}", "expires": expires }
    };
    db.insert("sessions", expiries.into_iter().enumerate().map(session));
    let row = numbers(&db, &["--layout", "connect-mongodb"]);
    let states = ["expired", "live", "endless", "malformed"].map(|key| row[key].as_u64().unwrap());
    assert_eq!(states, [2, 4, 0, 1], "{row}");
}
