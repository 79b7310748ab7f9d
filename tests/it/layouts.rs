//! Documents that real libraries wrote, read back; and generated documents.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use bson::{Bson, DateTime, Document, RawDocumentBuf, doc, oid::ObjectId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sessionctl::layout::detect::{Certainty, Sample, detect};
use sessionctl::payload::Payload;
use sessionctl::{Layout, State};

use crate::support::{Db, now};

/// 2026-11-23T13:20:00Z, about when the libraries wrote the fixtures.
const WRITTEN: i64 = 1_795_440_000_000;
/// Where each layout keeps its expiry.
const LAYOUTS: [(&str, &str); 5] = [
    ("connect-mongo-json", "expires"),
    ("express-session-object", "expires"),
    ("express-mongodb-legacy", "expires"),
    ("express-mongodb-1", "expiresAt"),
    ("tower-sessions", "expireAt"),
];

/// The documents and indexes of one store, with its dates moved to today.
struct Fixture {
    name: String,
    layout: &'static str,
    expiry: &'static str,
    documents: Vec<Document>,
    indexes: Vec<Document>,
}

impl Fixture {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut all = Vec::new();
        for (layout, expiry) in LAYOUTS {
            for entry in std::fs::read_dir(root.join(layout)).unwrap() {
                all.push(Self::read(&entry.unwrap().path(), layout, expiry));
            }
        }
        assert_eq!(all.len(), 15, "every file of the five layouts");
        all
    }

    fn read(path: &Path, layout: &'static str, expiry: &'static str) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = |key: &str| -> Vec<Document> {
            let list = file[key].as_array().unwrap().iter();
            let document = |value: &serde_json::Value| match Bson::try_from(value.clone()) {
                Ok(Bson::Document(document)) => document,
                other => panic!("{other:?}"),
            };
            list.map(document).collect()
        };
        let mut documents = list("documents");
        let later = now().timestamp_millis() - WRITTEN;
        for value in documents.iter_mut().flat_map(|document| document.iter_mut()) {
            if let (_, Bson::DateTime(date)) = value {
                *date = DateTime::from_millis(date.timestamp_millis() + later);
            }
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Self { name, layout, expiry, documents, indexes: list("indexes") }
    }

    fn is_encrypted(&self) -> bool {
        self.name.contains("crypto") || self.name.contains("secret")
    }

    /// In a separate database, indexes first, as the store would create them.
    fn load(&self) -> Db {
        let db = Db::new();
        for index in &self.indexes {
            let mut index = index.clone();
            index.remove("v");
            if index.get("name") != Some(&Bson::from("_id_")) {
                db.run(doc! { "createIndexes": "sessions", "indexes": [index] });
            }
        }
        db.insert("sessions", self.documents.clone());
        db
    }

    fn id(&self, document: &Document) -> String {
        let path = if self.layout == "express-mongodb-legacy" { "sid" } else { "_id" };
        document.get_str(path).unwrap().to_owned()
    }

    /// Who is logged in, as the fixtures' makers chose it.
    fn users(&self) -> Vec<Option<&'static str>> {
        const USERS: [Option<&str>; 4] = [
            Some("64f1c0ffee0ddba11c0ffee0"),
            None,
            Some("u_8f14e45f"),
            Some("5f9d88b8c9e77c0017d1a2b3"),
        ];
        match self.layout {
            _ if self.is_encrypted() => vec![None; 4],
            "tower-sessions" => vec![Some("42"), None, Some("u_8f14e45f")],
            _ if self.name.starts_with("fastify") => vec![Some("42"), None],
            _ => USERS.to_vec(),
        }
    }
}

fn rfc3339(date: DateTime) -> String {
    sessionctl::payload::time(date).unwrap()
}

#[test]
fn every_fixture_is_recognised_as_the_layout_of_its_store() {
    for fixture in Fixture::all() {
        let db = fixture.load();
        let ids: Vec<_> = fixture.documents.iter().map(|document| fixture.id(document)).collect();
        let mut arguments = vec!["inspect", "-o", "json", "--"];
        arguments.extend(ids.iter().map(String::as_str));
        let run = db.sessionctl(&arguments).exits(0);
        assert_eq!(run.stderr, "", "{}", fixture.name);
        let rows = run.json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), ids.len(), "{}", fixture.name);
        assert!(
            rows.iter().all(|row| row["layout"] == fixture.layout),
            "{}: {rows:?}",
            fixture.name
        );
        let said = format!("has the layout {}", fixture.layout);
        db.sessionctl(&["list", "-v"]).exits(0).says(&said);
    }
}

#[test]
fn every_fixture_alone_is_enough_to_delete_by() {
    for fixture in Fixture::all() {
        let documents = fixture.documents.iter();
        let sample = Sample {
            namespace: "shop.other".into(),
            documents: documents.map(|one| RawDocumentBuf::try_from(one).unwrap()).collect(),
            indexes: Vec::new(),
        };
        let verdict = detect(&sample, Layout::known());
        assert_eq!(verdict.certainty, Certainty::Certain, "{}: {verdict}", fixture.name);
        assert_eq!(
            verdict.certain().map(|layouts| layouts.name()),
            Some(fixture.layout.to_owned())
        );
    }
}

#[test]
fn every_fixture_is_listed_with_its_own_expiry_and_users() {
    for fixture in Fixture::all() {
        let db = fixture.load();
        let rows = db.sessionctl(&["list", "--full-ids", "-o", "json"]).exits(0).json();
        let rows = rows.as_array().unwrap();
        assert_eq!(rows.len(), fixture.documents.len(), "{}", fixture.name);
        for ((row, document), user) in rows.iter().zip(&fixture.documents).zip(fixture.users()) {
            let place = format!("{} {row}", fixture.name);
            let expiry = document.get_datetime(fixture.expiry).ok().copied();
            let state = match expiry {
                None => "endless",
                Some(date) if date < now() => "expired",
                Some(_) => "live",
            };
            assert_eq!(row["id"], fixture.id(document), "{place}");
            assert_eq!(row["state"], state, "{place}");
            assert_eq!(row["expires"].as_str(), expiry.map(rfc3339).as_deref(), "{place}");
            assert_eq!(row["user"].as_str(), user, "{place}");
            let bytes = RawDocumentBuf::try_from(document).unwrap().as_bytes().len();
            assert_eq!(row["bytes"], bytes, "{place}");
            let touched = ["lastModified", "updatedAt", "lastAccess"]
                .iter()
                .find_map(|path| document.get_datetime(path).ok().copied());
            let touched = touched.or_else(|| derived_touch(document));
            assert_eq!(row["touched"].as_str(), touched.map(rfc3339).as_deref(), "{place}");
        }
    }
}

/// What connect-mongo's expiry says of the last touch: it is that much earlier.
fn derived_touch(document: &Document) -> Option<bson::DateTime> {
    let session = match document.get("session")? {
        Bson::String(text) => serde_json::from_str(text).ok()?,
        session => session.clone().into_relaxed_extjson(),
    };
    let lifetime = session["cookie"]["originalMaxAge"].as_f64()? as i64;
    let expiry = document.get_datetime("expires").ok()?.timestamp_millis();
    Some(bson::DateTime::from_millis(expiry - lifetime)).filter(|touched| *touched <= now())
}

#[test]
fn the_four_states_of_every_fixture_add_up_to_the_collection() {
    for fixture in Fixture::all() {
        let db = fixture.load();
        let mut seen = Vec::new();
        for state in ["--expired", "--live", "--endless", "--malformed"] {
            let rows = db.sessionctl(&["list", state, "-o", "json"]).exits(0).json();
            for row in rows.as_array().unwrap() {
                assert_eq!(format!("--{}", row["state"].as_str().unwrap()), state);
                seen.push(row["id"].as_str().unwrap().to_owned());
            }
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{}", fixture.name);
        assert_eq!(seen.len() as u64, db.count("sessions", doc! {}), "{}", fixture.name);
    }
}

#[test]
fn the_payload_of_every_fixture_is_decoded_and_what_is_encrypted_is_called_so() {
    for fixture in Fixture::all() {
        let db = fixture.load();
        let first = fixture.id(&fixture.documents[0]);
        let run = db.sessionctl(&["inspect", "--reveal", "-o", "json", "--", &first]).exits(0);
        let row = &run.json()[0];
        if fixture.is_encrypted() {
            assert!(row["payload"].is_null(), "{}: {row}", fixture.name);
            let error = row["payload_error"].as_str().unwrap();
            assert!(error.starts_with("encrypted"), "{}: {error}", fixture.name);
            continue;
        }
        assert!(row["payload_error"].is_null(), "{}: {row}", fixture.name);
        assert_eq!(row["payload"]["user"]["name"], "Åsa Łuczak 🎉", "{}", fixture.name);
        if !fixture.name.starts_with("fastify") {
            let cart = row["payload"]["cart"].to_string();
            assert!(cart.contains("本-42") && cart.contains("total"), "{}: {cart}", fixture.name);
        }
    }
}

#[test]
fn the_users_of_a_fixture_are_found_by_their_id() {
    for fixture in Fixture::all() {
        let db = fixture.load();
        for (document, user) in fixture.documents.iter().zip(fixture.users()) {
            let Some(user) = user else { continue };
            let run = db.sessionctl(&["list", "--full-ids", "--user", user, "-o", "json"]).exits(0);
            let rows = run.json();
            assert_eq!(rows.as_array().map(Vec::len), Some(1), "{} {user}", fixture.name);
            assert_eq!(rows[0]["id"], fixture.id(document), "{}", fixture.name);
        }
    }
}

/// Any value in place of a date; `None` is a missing field.
fn expiry_near(cutoff: i64) -> impl Strategy<Value = Option<Bson>> {
    let date = |millis: i64| Bson::DateTime(DateTime::from_millis(millis));
    let leaf = prop_oneof![
        6 => (-2_i64..=2).prop_map(move |off| date(cutoff + off)),
        2 => (-100_000_000_i64..=100_000_000).prop_map(move |off| date(cutoff + off)),
        1 => prop::sample::select(vec![i64::MIN, -1, 0, i64::MAX]).prop_map(date),
        3 => Just(Bson::Null),
        1 => Just(Bson::Undefined),
        1 => Just(Bson::MinKey),
        1 => Just(Bson::MaxKey),
        1 => any::<bool>().prop_map(Bson::Boolean),
        1 => "[a-z0-9:-]{0,24}".prop_map(Bson::String),
        1 => Just(Bson::String("2020-01-01T00:00:00Z".into())),
        1 => any::<i32>().prop_map(Bson::Int32),
        1 => Just(Bson::Int64(cutoff - 1)),
        1 => prop::sample::select(vec![f64::NAN, f64::NEG_INFINITY, 0.5, cutoff as f64])
            .prop_map(Bson::Double),
        1 => Just(Bson::ObjectId(ObjectId::new())),
        1 => Just(Bson::Timestamp(bson::Timestamp { time: 1, increment: 1 })),
        1 => Just(Bson::Document(doc! {})),
        1 => Just(Bson::Document(doc! { "$date": 1 })),
        1 => Just(Bson::Document(doc! { "at": DateTime::from_millis(cutoff - 5) })),
    ];
    let array = prop::collection::vec(leaf.clone(), 0..4).prop_map(Bson::Array);
    let nested =
        prop::collection::vec(prop_oneof![leaf.clone(), array.clone()], 0..3).prop_map(Bson::Array);
    prop_oneof![1 => Just(None), 8 => leaf.prop_map(Some), 4 => array.prop_map(Some), 2 => nested.prop_map(Some)]
}

/// This layout, and every document is a session of it: what these tests are about is its expiry.
fn of_any_document(layout: &Layout) -> Layout {
    let mut layout = layout.clone();
    layout.detect.require.clear();
    layout.detect.forbid.clear();
    layout.detect.prefixed = false;
    layout.id.suffix.clear();
    layout
}

/// What the server's four filters say of `documents`, by `_id`.
fn judged(db: &Db, layout: &Layout, documents: &[Document], cutoff: DateTime) -> Vec<Vec<State>> {
    db.run(doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] });
    db.insert("sessions", documents.to_vec());
    let mut states = vec![Vec::new(); documents.len()];
    let stats = crate::stats::of(db, "sessions", layout, cutoff);
    crate::stats::agrees(&stats, layout, documents, cutoff);
    for state in State::ALL {
        let found = db.find("sessions", layout.filter(state, cutoff));
        assert_eq!(stats.of(state).sessions, found.len() as u64, "{} {state}", layout.name);
        for found in found {
            states[found.get_i32("_id").unwrap() as usize].push(state);
        }
    }
    states
}

/// Each document with these values at `path` has exactly one state, the same in every command.
fn each_has_one_state(
    db: &Db,
    layout: &Layout,
    path: &str,
    cutoff: DateTime,
    expiries: &impl Strategy<Value = Vec<Option<Bson>>>,
) {
    let layout = &of_any_document(layout);
    let mut runner = TestRunner::new(Config {
        cases: 3,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(expiries, |expiries| {
        let document = |(number, expiry): (usize, Option<Bson>)| {
            let mut document = doc! { "_id": number as i32 };
            document.extend(expiry.map(|expiry| (path.to_owned(), expiry)));
            document
        };
        let documents: Vec<_> = expiries.into_iter().enumerate().map(document).collect();
        for (document, states) in documents.iter().zip(judged(db, layout, &documents, cutoff)) {
            let raw = RawDocumentBuf::try_from(document).unwrap();
            let decoded = layout.session(&raw, &Payload::Absent, cutoff);
            prop_assert_eq!(states, vec![decoded.state], "{} {}", layout.name, document);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{:?} {error}", layout.expiry));
}

#[test]
fn the_server_and_the_decoder_give_every_document_the_same_one_state() {
    let cutoff = now();
    let db = Db::new();
    let expiries = prop::collection::vec(expiry_near(cutoff.timestamp_millis()), 300);
    for (name, path) in LAYOUTS {
        each_has_one_state(&db, Layout::named(name).unwrap(), path, cutoff, &expiries);
    }
}

/// Any value in place of a number, many of them near `limit`.
fn number_near(limit: i64) -> impl Strategy<Value = Option<Bson>> {
    let decimal = |text: String| Bson::Decimal128(text.parse().unwrap());
    // Decimals are compared as doubles; no store writes nanoseconds so.
    let exact = limit.min(1 << 52);
    let leaf = prop_oneof![
        6 => (-2_i64..=2).prop_map(move |off| Bson::Int64(limit.saturating_add(off))),
        4 => (-2_i32..=2).prop_map(move |off| Bson::Double(limit as f64 + f64::from(off) / 2.0)),
        2 => (-2_i64..=2).prop_map(move |off| decimal((exact + off).to_string())),
        1 => Just(decimal(format!("{exact}.5"))),
        1 => Just(decimal("NaN".into())),
        1 => any::<i32>().prop_map(Bson::Int32),
        1 => any::<i64>().prop_map(Bson::Int64),
        1 => prop::sample::select(vec![f64::NAN, f64::NEG_INFINITY, f64::INFINITY, 0.5])
            .prop_map(Bson::Double),
        3 => Just(Bson::Null),
        3 => any::<bool>().prop_map(Bson::Boolean),
        1 => Just(Bson::String(limit.to_string())),
        1 => Just(Bson::DateTime(DateTime::from_millis(limit))),
    ];
    let array = prop::collection::vec(leaf.clone(), 0..4).prop_map(Bson::Array);
    prop_oneof![1 => Just(None), 8 => leaf.prop_map(Some), 4 => array.prop_map(Some)]
}

#[test]
fn an_operators_layout_with_numbers_or_flags_splits_a_collection_as_exactly() {
    let cutoff = now();
    let db = Db::new();
    for (rule, limit) in [
        ("kind = \"number\"\nunit = \"ms\"", cutoff.timestamp_millis()),
        ("kind = \"number\"\nunit = \"s\"", cutoff.timestamp_millis() / 1000),
        ("kind = \"number\"\nunit = \"ns\"", cutoff.timestamp_millis() * 1_000_000),
        ("kind = \"number\"\nunit = \"s\"\nlifetime = 60", cutoff.timestamp_millis() / 1000 - 60),
        ("kind = \"flag\"\nover = true", 0),
        ("kind = \"none\"", 0),
    ] {
        let layout = ruled(rule);
        let expiries = prop::collection::vec(number_near(limit), 400);
        each_has_one_state(&db, &layout, "expires", cutoff, &expiries);
    }
}

/// Any value in place of text with an expiry.
fn text_near(cutoff: i64) -> impl Strategy<Value = Option<Bson>> {
    let said = |millis: i64| sessionctl::payload::time(DateTime::from_millis(millis)).unwrap();
    let near = (-2_i64..=2).prop_map(move |off| cutoff + off * 500).boxed();
    let rfc = near.clone().prop_map(said);
    let zoned = |text: String, zone: &str| text.replace('Z', zone);
    let text = prop_oneof![
        6 => rfc.clone(),
        2 => rfc.clone().prop_map(|text| text.replace('T', " ")),
        2 => rfc.clone().prop_map(move |text| zoned(text, "456789Z")),
        2 => rfc.clone().prop_map(move |text| zoned(text, "+01:00")),
        2 => rfc.prop_map(move |text| zoned(text, "-0130")),
        3 => near.clone().prop_map(|millis| millis.to_string()),
        3 => near.prop_map(|millis| (millis / 1000).to_string()),
        2 => (-3_i64..=3).prop_map(|number| number.to_string()),
        3 => prop::sample::select(vec![
            "", "-", "+5", "007", "-0", "1e3", "99999999999999999999", "9223372036854775807",
            "2026-02-30T00:00:00Z", "2024-02-29T23:59:59Z", "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "2026-1-01T00:00:00Z",
            "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+15:00",
            "2026-01-01T00:00:00.1234567890Z", "2026-01-01T00:00:00Z\n", "2026-01-01",
            "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00 Z", "Åsa", "１",
        ]).prop_map(str::to_owned),
    ];
    let inside = prop_oneof![
        3 => text.clone(),
        4 => text.clone().prop_map(|text| format!("{{\"id\":\"ö\",\"expiry\":\"{text}\",\"data\":{{}}}}")),
        1 => Just("{\"id\":\"x\",\"expiry\":null}".to_owned()),
        1 => text.prop_map(|text| format!("\"expiry\":\"{text}")),
    ];
    prop_oneof![
        8 => inside.prop_map(|text| Some(Bson::String(text))),
        3 => number_near(cutoff),
        3 => expiry_near(cutoff),
        1 => number_near(0),
    ]
}

#[test]
fn an_expiry_as_text_or_a_number_that_may_mean_never_splits_a_collection_as_exactly() {
    let cutoff = now();
    let millis = cutoff.timestamp_millis();
    let db = Db::new();
    for rule in [
        "kind = \"date\"\ntext = true",
        "kind = \"date\"\ntext = true\nlifetime = 1",
        "kind = \"date\"\ntext = true\nafter = '\"expiry\":\"'",
        "kind = \"number\"\nunit = \"ms\"\ntext = true",
        "kind = \"number\"\nunit = \"s\"\ntext = true\nnever_up_to = 0",
        "kind = \"number\"\nunit = \"ms\"\nnever_up_to = 0",
        "kind = \"number\"\nunit = \"s\"\nnever_up_to = -1\nlifetime = 60",
    ] {
        let layout = ruled(rule);
        let expiries = prop::collection::vec(text_near(millis), 400);
        each_has_one_state(&db, &layout, "expires", cutoff, &expiries);
    }
}

#[test]
fn a_lifetime_that_is_text_or_means_never_splits_a_collection_as_exactly() {
    let cutoff = now();
    let millis = cutoff.timestamp_millis();
    let db = Db::new();
    for rule in [
        "kind = \"date\"\nlifetime_path = \"life\"\nlifetime_unit = \"s\"\nlifetime_text = true",
        "kind = \"date\"\nlifetime_path = \"life\"\nlifetime_unit = \"ms\"\nnever_up_to = -1",
        "kind = \"date\"\nlifetime_path = \"life\"\nlifetime_unit = \"ms\"\nlifetime_text = true\nnever_up_to = 0",
    ] {
        let layout = of_any_document(&ruled(rule));
        let values = (expiry_near(millis), text_near(0));
        let rows = prop::collection::vec(values, 400);
        let mut runner = TestRunner::new(Config {
            cases: 3,
            max_shrink_iters: 200,
            failure_persistence: None,
            ..Config::default()
        });
        let outcome = runner.run(&rows, |rows| {
            let document = |(number, (date, life)): (usize, (Option<Bson>, Option<Bson>))| {
                let mut document = doc! { "_id": number as i32 };
                document.extend(date.map(|date| ("expires".to_owned(), date)));
                document.extend(life.map(|life| ("life".to_owned(), life)));
                document
            };
            let documents: Vec<_> = rows.into_iter().enumerate().map(document).collect();
            for (document, states) in documents.iter().zip(judged(&db, &layout, &documents, cutoff))
            {
                let raw = RawDocumentBuf::try_from(document).unwrap();
                let decoded = layout.session(&raw, &Payload::Absent, cutoff);
                prop_assert_eq!(states, vec![decoded.state], "{}", document);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{:?} {error}", layout.expiry));
    }
}

/// A layout with this rule for its expiry, and nothing that ends a session.
fn ruled(rule: &str) -> Layout {
    let source = Layout::source("connect-mongo-json").unwrap();
    let source = source.replace("set = { expires = \"past\" }", "");
    Layout::from_toml(&source.replace("kind = \"date\"", rule)).unwrap()
}

/// The paths by which a layout's rules decide.
fn deciding(layout: &Layout) -> Vec<String> {
    let rules = layout.expiry.iter();
    rules
        .flat_map(|rule| [rule.path.clone(), rule.lifetime_path.clone()])
        .flatten()
        .map(String::from)
        .collect()
}

/// Sets a value at a dotted path.
fn set_at(document: &mut Document, path: &str, value: Bson) {
    match path.split_once('.') {
        None => drop(document.insert(path, value)),
        Some((outer, rest)) => {
            let mut inner = document.get_document(outer).cloned().unwrap_or_default();
            set_at(&mut inner, rest, value);
            document.insert(outer, inner);
        }
    }
}

#[test]
fn the_states_of_every_layout_split_any_collection_whatever_its_fields_contain() {
    let cutoff = now();
    let millis = cutoff.timestamp_millis();
    let db = Db::new();
    let anything = prop_oneof![
        4 => expiry_near(millis),
        2 => number_near(millis),
        1 => number_near(millis / 1000),
        1 => number_near(millis * 1_000_000),
        1 => number_near(1000),
    ];
    let rows = prop::collection::vec(prop::collection::vec(anything, 3), 150);
    for layout in Layout::known() {
        let layout = of_any_document(layout).resolved(Some(Duration::from_secs(60)), &[]);
        let paths = deciding(&layout);
        let mut runner = TestRunner::new(Config {
            cases: 2,
            max_shrink_iters: 100,
            failure_persistence: None,
            ..Config::default()
        });
        let outcome = runner.run(&rows, |rows| {
            let document = |(number, values): (usize, Vec<Option<Bson>>)| {
                let mut document = doc! { "_id": number as i32 };
                for (path, value) in paths.iter().zip(values) {
                    if let Some(value) = value {
                        set_at(&mut document, path, value);
                    }
                }
                document
            };
            let documents: Vec<_> = rows.into_iter().enumerate().map(document).collect();
            for (document, states) in documents.iter().zip(judged(&db, &layout, &documents, cutoff))
            {
                let raw = RawDocumentBuf::try_from(document).unwrap();
                let decoded = layout.session(&raw, &Payload::Absent, cutoff);
                prop_assert_eq!(states, vec![decoded.state], "{} {}", layout.name, document);
            }
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{}: {error}", layout.name));
    }
}
