//! The program, on the same documents: what it prints is JSON and CSV without a whole id or a raw escape,
//! and its numbers and its sweep are the oracle's.

use std::collections::BTreeMap;

use bson::DateTime;
use serde_json::Value as Json;
use sessionctl::{Layout, State};

use super::generator::{Generator, Random, originals};
use super::value::{Fields, Value, bytes_of, fields_of, key_of};
use super::{LIFETIME, Rules, insert, seed, stored};
use crate::stores::quiet_uri;
use crate::support::{Db, at};

/// A date, text in a date's place, numbers in three units, a lifetime beside the date, arrays, text before
/// the id.
const LAYOUTS: [&str; 8] = [
    "connect-mongo-json",
    "oak-sessions",
    "jetty",
    "scs",
    "laminas",
    "spring-jackson",
    "keyv",
    "foal",
];

/// Around half an hour from now: nothing comes to its end while the program runs.
fn documents(rules: &Rules, seed: u64) -> Vec<Fields> {
    let id = rules.record["id"]["path"].as_str().unwrap();
    let mut generator = Generator {
        random: Random(seed),
        originals: originals(&rules.name),
        paths: rules.paths(),
        id,
        cutoff: at(1800).timestamp_millis(),
        lifetime: LIFETIME,
        number: seed << 20,
        with_large: false,
    };
    (0..150).map(|_| generator.document()).collect()
}

/// How many are in each state, and foreign.
fn counted(rules: &Rules, documents: &[Fields], now: DateTime) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for document in documents {
        let state = rules.state(document, now.timestamp_millis());
        let name = state.map_or("foreign", State::name);
        *counts.entry(name.to_owned()).or_default() += 1;
    }
    counts
}

fn states(rows: &[Json]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row["state"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn what_the_program_prints_and_sweeps_is_what_the_oracle_says() {
    for (number, name) in LAYOUTS.into_iter().enumerate() {
        let db = Db::on(&quiet_uri());
        let mut rules = Rules::all().into_iter().find(|rules| rules.name == name).unwrap();
        rules.given = Some(LIFETIME);
        let seed = seed() + 1000 + number as u64;
        insert(&db, "sessions", &documents(&rules, seed));
        let there: Vec<Fields> =
            stored(&db, "sessions").iter().map(|bytes| fields_of(bytes)).collect();
        let wanted = counted(&rules, &there, at(0));
        let lifetime = LIFETIME.to_string();
        let run = |arguments: &[&str]| {
            let with = ["--layout", name, "--lifetime", &lifetime];
            db.sessionctl(&[arguments, &with].concat()).exits(0).shows_nothing_hostile()
        };
        let place = format!("{name} seed {seed}");

        let rows = run(&["list", "-o", "json"]).json();
        let mut listed = states(rows.as_array().unwrap());
        let foreign = run(&["list", "--foreign", "-o", "json"]).json();
        listed.extend(states(foreign.as_array().unwrap()));
        assert_eq!(listed, wanted, "{place}");
        let stats = run(&["stats", "-o", "json"]).json();
        for (state, count) in &wanted {
            assert_eq!(stats[state], *count, "{place} {state}");
        }
        let lines = run(&["list", "-o", "ndjson"]);
        assert_eq!(lines.stdout.lines().count(), rows.as_array().unwrap().len(), "{place}");
        for line in lines.stdout.lines() {
            serde_json::from_str::<Json>(line).unwrap();
        }
        let csv = run(&["list", "-o", "csv"]);
        let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
        let records: Vec<_> = reader.records().map(|record| record.unwrap()).collect();
        assert_eq!(records.len(), rows.as_array().unwrap().len(), "{place}");
        assert!(records.iter().all(|record| record.len() == 7), "{place}");

        // None of the outputs has a whole id.
        let layout = Layout::named(name).unwrap();
        for document in &there {
            let id = document.iter().find(|(own, _)| own == layout.id.path.as_bytes());
            if let Some((_, Value::Text(id))) = id
                && let Ok(id) = std::str::from_utf8(id)
                // One that is its store's, not some text in its place.
                && id.len() >= 24
                && id.bytes().rev().take(16).all(|byte| byte.is_ascii_digit())
            {
                for output in [&lines.stdout, &csv.stdout] {
                    assert!(!output.contains(id), "{place} shows {id}");
                }
            }
        }

        let dry = run(&["purge", "--expired", "--dry-run", "-o", "json"]).json();
        let expired = wanted.get("expired").copied().unwrap_or(0);
        assert_eq!(dry["matched"], expired, "{place}");
        let is_left = |document: &Fields| {
            rules.state(document, at(0).timestamp_millis()) != Some(State::Expired)
        };
        let mut wanted: Vec<_> = stored(&db, "sessions")
            .iter()
            .map(|bytes| fields_of(bytes))
            .filter(is_left)
            .map(|document| (key_of(&document), bytes_of(&document)))
            .collect();
        run(&["sweep", "--once"]);
        let mut left: Vec<_> = stored(&db, "sessions")
            .iter()
            .map(|bytes| (key_of(&fields_of(bytes)), bytes.clone()))
            .collect();
        wanted.sort();
        left.sort();
        assert!(left == wanted, "{place}: {} left, not {}", left.len(), wanted.len());
    }
}
