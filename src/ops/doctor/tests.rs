//! Tests the checks with facts that no available server reports: replies of other products and
//! versions, and indexes that MongoDB 6.0.5 no longer accepts.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};

use super::*;
use crate::error::{Error, Need};
use crate::model::index_spec::IndexSpec;
use crate::model::layout::Layout;
use crate::model::session::State;
use crate::ops::index::Aim;
use crate::server::connection::Topology;
use crate::server::flavour::Product;
use crate::server::replication::Lag;

/// 2026-11-25T12:00:00Z.
const NOW: i64 = 1_795_608_000_000;

fn healthy() -> Facts {
    let index =
        doc! { "v": 2, "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 0 };
    Facts {
        database: "app".into(),
        collection: "sessions".into(),
        layout: Some(Layout::named("connect-mongo-json").unwrap().clone()),
        layouts: Some(Layout::named("connect-mongo-json").unwrap().clone().into()),
        lifetime: None,
        now: DateTime::from_millis(NOW),
        kind: Topology::ReplicaSet,
        writable: true,
        version: Ok(version("8.0.4")),
        lacks: Vec::new(),
        place: Ok(Place::Collection),
        indexes: Ok(vec![IndexSpec(index)]),
        stats: Ok(Stats { reusable: Some(0), ..Stats::default() }),
        monitor: Ok(Monitor { enabled: true, sleep: Duration::from_secs(60) }),
        passes: Ok(Passes { uptime: Duration::from_secs(6000), done: 100, ..Passes::default() }),
        sweeper: Ok(None),
        looked: Ok(Looked { at: 100, known: 100, ..Looked::default() }),
        survey: Ok(survey(&[(State::Live, 100)])),
        oldest: Ok(None),
        clocks: Ok(Clocks::default()),
        rights: Ok(Rights::default()),
        lag: Lag::Standalone,
    }
}

fn survey(states: &[(State, u64)]) -> Survey {
    let looked_at = states.iter().map(|(_, count)| count).sum();
    Survey {
        documents: looked_at,
        examined: looked_at,
        looked_at,
        states: states.iter().map(|(state, count)| (state.name(), *count)).collect(),
        types: [("date".to_owned(), looked_at)].into(),
        bytes: Some(300 * looked_at),
        largest: Some(("7ZQOhQlxWzrhLkvaGwkpcSgvFQS0ZtwN".into(), 400)),
        ..Survey::default()
    }
}

fn version(text: &str) -> Version {
    Version::read(&doc! { "version": text }, Product::MongoDb)
}

#[track_caller]
fn finding(facts: &Facts, check: &str) -> Finding {
    examine(facts).into_iter().find(|finding| finding.check == check).unwrap()
}

#[track_caller]
fn finds(facts: &Facts, check: &str, outcome: Outcome, said: &str) -> Finding {
    let finding = finding(facts, check);
    assert_eq!(finding.outcome, outcome, "{finding:#?}");
    assert!(format!("{} | {}", finding.what, finding.meaning).contains(said), "{finding:#?}");
    finding
}

#[test]
fn of_healthy_facts_every_check_passes() {
    for finding in examine(&healthy()) {
        assert_eq!(finding.outcome, Outcome::Pass, "{finding:#?}");
        assert!(finding.meaning.is_empty() && finding.remedy.is_none(), "{finding:#?}");
    }
}

#[test]
fn without_any_fact_every_check_is_unknown_and_none_panics() {
    let missing = || Error::Unsupported("no reason given".into());
    let facts = Facts {
        layout: None,
        version: Err(missing()),
        place: Err(missing()),
        indexes: Err(missing()),
        stats: Err(missing()),
        monitor: Err(missing()),
        passes: Err(missing()),
        sweeper: Err(missing()),
        looked: Err(missing()),
        survey: Err(missing()),
        oldest: Err(missing()),
        clocks: Err(missing()),
        rights: Err(missing()),
        lag: Lag::Unknown(missing()),
        ..healthy()
    };
    for finding in examine(&facts) {
        assert_eq!(finding.outcome, Outcome::Unknown, "{finding:#?}");
        assert_eq!(finding.what, "no reason given");
    }
    // With the layout named, nothing else is reported.
    for finding in examine(&Facts { layout: healthy().layout, ..facts }) {
        let by_layout = ["expiry-check", "id-index", "user-index"].contains(&finding.check);
        assert_eq!(finding.outcome == Outcome::Pass, by_layout, "{finding:#?}");
    }
}

#[test]
fn what_only_speaks_like_mongodb_is_named() {
    for product in
        [Product::CosmosDb, Product::AzureDocumentDb, Product::AmazonDocumentDb, Product::FerretDb]
    {
        let facts = Facts { version: Ok(Version { product, ..version("7.0.0") }), ..healthy() };
        let found = finds(&facts, "server", Outcome::Warn, product.name());
        assert_eq!(found.remedy, None, "{found:#?}");
        finds(&facts, "version", Outcome::Unknown, "its version is not checked");
    }
}

#[test]
fn the_ttl_monitor_of_7_0_and_8_0_can_be_held_up_on_shards_only() {
    for (text, held_up) in [("6.0.5", false), ("7.0.14", true), ("8.0.12", true), ("8.2.1", false)]
    {
        let facts = Facts { version: Ok(version(text)), ..healthy() };
        finds(&facts, "server", Outcome::Pass, text);
        let outcome = if held_up { Outcome::Warn } else { Outcome::Pass };
        let on_shards = Facts { kind: Topology::Sharded, ..facts };
        let found = finds(&on_shards, "server", outcome, text);
        assert_eq!(found.meaning.contains("SERVER-92779"), held_up, "{found:#?}");
    }
}

#[test]
fn a_ttl_on_the_last_write_of_cosmos_db_is_no_ttl_on_the_expiry() {
    let on_ts = doc! { "v": 2, "key": { "_ts": 1 }, "name": "_ts_1", "expireAfterSeconds": 86_400 };
    let cosmos = Version { product: Product::CosmosDb, ..version("4.2.0") };
    let facts = Facts { version: Ok(cosmos), ..indexed(on_ts) };
    let found = finds(&facts, "ttl-index", Outcome::Warn, "24 hours after their last write");
    assert!(found.meaning.contains("EnableTtlOnCustomPath"), "{found:#?}");
    assert_eq!(found.remedy, None, "the service may refuse an index on the expiry: {found:#?}");
    let found = finds(&facts, "ttl-seconds", Outcome::Warn, "after _ts, the last write");
    assert!(found.meaning.contains("whatever their own expiry"), "{found:#?}");
    // Elsewhere, _ts is an ordinary field.
    let facts = Facts { version: Ok(version("6.0.5")), ..facts };
    finds(&facts, "ttl-index", Outcome::Fail, "there is no working TTL index on expires");
}

#[test]
fn a_version_without_fixes_is_too_old_by_the_servers_clock() {
    let judged = |text: &str| {
        let version = version(text);
        finding(&Facts { version: Ok(version), ..healthy() }, "version")
    };
    for (text, outcome) in [
        ("3.6.23", Outcome::Warn),
        ("4.4.29", Outcome::Warn),
        ("5.0.31", Outcome::Warn),
        ("6.3.2", Outcome::Warn),
        ("7.0.14", Outcome::Pass),
        ("8.0.4", Outcome::Pass),
        ("8.1.2", Outcome::Warn),
        ("8.2.1", Outcome::Warn),
        ("8.3.0", Outcome::Pass),
        ("9.0.0-rc1", Outcome::Pass),
    ] {
        assert_eq!(judged(text).outcome, outcome, "{:#?}", judged(text));
    }
    let later = Facts { now: DateTime::from_millis(NOW + 4 * 365 * 86_400_000), ..healthy() };
    finds(&later, "version", Outcome::Warn, "MongoDB 8.0.4 has been end-of-life since 2029-10-31");
}

fn index(aim: Aim, drain: bool) -> Option<Remedy> {
    Some(Remedy::Index { aim, drain })
}

fn indexed(index: Document) -> Facts {
    Facts { indexes: Ok(vec![IndexSpec(index)]), ..healthy() }
}

fn with_seconds(seconds: impl Into<Bson>) -> Facts {
    indexed(
        doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": seconds.into() },
    )
}

/// Indexes that an old server stored, and a newer one still lists.
#[test]
fn seconds_of_an_odd_type_are_found() {
    let nan = with_seconds(f64::NAN);
    finds(&nan, "ttl-seconds", Outcome::Fail, "is NaN | the server deletes nothing with");
    let at_once = version("5.0.13");
    let at_once = Facts { version: Ok(at_once), ..nan };
    finds(&at_once, "ttl-seconds", Outcome::Fail, "reads it as 0");
    finds(
        &with_seconds(3600.5),
        "ttl-seconds",
        Outcome::Warn,
        "3600.5, which is not a whole number",
    );
    finds(&with_seconds(-1), "ttl-seconds", Outcome::Fail, "expires_1 is -1");
    finds(&with_seconds(3_000_000_000_i64), "ttl-seconds", Outcome::Fail, "68 years or more");
    finds(&with_seconds("60"), "ttl-seconds", Outcome::Fail, "not a number");
    for facts in [with_seconds(f64::NAN), with_seconds(-1), with_seconds("60")] {
        let found = finds(&facts, "ttl-index", Outcome::Fail, "grows forever");
        assert_eq!(found.remedy, index(Aim::Replace, false));
    }
}

#[test]
fn a_ttl_on_two_fields_is_found() {
    let facts = indexed(doc! {
        "key": { "expires": 1, "user": 1 }, "name": "both", "expireAfterSeconds": 0,
    });
    let found = finds(&facts, "ttl-compound", Outcome::Warn, "both has more than one field");
    assert_eq!(found.remedy, None, "queries may use it");
    let found = finds(&facts, "ttl-index", Outcome::Fail, "grows forever");
    assert_eq!(found.remedy, index(Aim::Install, false));
}

/// Sessions may expire between the server's own count and ours.
#[test]
fn a_count_of_all_that_is_left_is_no_sample() {
    let facets = |n: i64| doc! { "examined": [{ "n": n }], "looked_at": [{ "n": n - 40 }] };
    let layout = Layout::named("shopify").unwrap();
    let whole = Survey::read(&facets(90), layout, (100, false));
    assert_eq!((whole.is_sample(), whole.documents), (false, 90));
    assert_eq!(whole.about(10, "session"), "10 sessions");
    // What is examined and not counted is a part of the sample.
    let part = Survey::read(&facets(90), layout, (180, true));
    assert_eq!(part.about(10, "session"), "about 20 sessions (10 in a sample of 90)");
}

#[test]
fn an_index_that_skips_sessions_does_not_delete_expired_ones() {
    let layout = Layout::named("flask-session").unwrap().clone();
    let facts = |partial: Option<Document>| {
        let mut index = doc! { "key": { "expiration": 1 }, "name": "expiration_1" };
        index.insert("expireAfterSeconds", 0);
        index.extend(partial.into_iter().flatten());
        Facts { layout: Some(layout.clone()), ..indexed(index) }
    };
    for check in ["ttl-index", "expiry-check"] {
        assert_eq!(finding(&facts(None), check).outcome, Outcome::Pass, "{check}");
    }
    let partial = doc! { "partialFilterExpression": { "val": { "$exists": true } } };
    let partial = facts(Some(partial));
    finds(&partial, "ttl-index", Outcome::Fail, "that the partial index expiration_1 skips");
    finds(&partial, "expiry-check", Outcome::Warn, "nothing deletes them");
}

#[test]
fn a_large_backlog_is_drained_before_the_index_is_made() {
    let facts = Facts {
        indexes: Ok(Vec::new()),
        survey: Ok(Survey {
            documents: 100_000_000,
            sampled: true,
            ..survey(&[(State::Live, 5_000), (State::Expired, 5_000)])
        }),
        oldest: Ok(Some(DateTime::from_millis(NOW - 86_400_000 * 400))),
        ..healthy()
    };
    let found = finds(&facts, "ttl-index", Outcome::Fail, "grows forever");
    assert_eq!(found.remedy, index(Aim::Install, true));
    let said =
        "about 50,000,000 sessions (5,000 in a sample of 10,000) expired, the oldest 400 days ago";
    finds(&facts, "expired", Outcome::Fail, said);
}

#[test]
fn what_the_server_is_deleting_now_is_no_failure() {
    let late = Facts {
        survey: Ok(survey(&[(State::Expired, 10)])),
        oldest: Ok(Some(DateTime::from_millis(NOW - 86_400_000))),
        ..healthy()
    };
    finds(
        &late,
        "expired",
        Outcome::Fail,
        "100 TTL passes in 100 minutes have not deleted them, nor",
    );
    let passes = Passes { deleted_before: 5, deleted: 900, ..Passes::default() };
    let deleting = Facts { passes: Ok(passes), ..late.clone() };
    finds(&deleting, "expired", Outcome::Warn, "deleting them now");
    // The server is deleting, so these may have been ended a moment ago.
    let passes = Passes { done: 9, deleted_before: 900, deleted: 900, ..Passes::default() };
    let ended = Facts { passes: Ok(passes), ..late.clone() };
    finds(&ended, "expired", Outcome::Warn, "the TTL monitor runs within");
    let secondary = Facts { writable: false, ..late };
    finds(&secondary, "expired", Outcome::Warn, "the primary has not");
    finds(&secondary, "server", Outcome::Pass, "a secondary, which runs no TTL monitor");
}

#[test]
fn a_slow_monitor_may_be_late() {
    let facts = |sleep: u64| Facts {
        survey: Ok(survey(&[(State::Expired, 10)])),
        oldest: Ok(Some(DateTime::from_millis(NOW - 1_500_000))),
        monitor: Ok(Monitor { enabled: true, sleep: Duration::from_secs(sleep) }),
        ..healthy()
    };
    finds(&facts(60), "expired", Outcome::Fail, "the oldest 25 minutes ago");
    finds(&facts(3600), "expired", Outcome::Pass, "the oldest 25 minutes ago");
    finds(&facts(3600), "ttl-interval", Outcome::Warn, "60 minutes");
}

#[test]
fn a_lease_that_has_run_out_sweeps_nothing() {
    let facts = |until: i64| Facts {
        indexes: Ok(Vec::new()),
        sweeper: Ok(Some(Sweeper {
            holder: "ops1:7:ab".into(),
            until: DateTime::from_millis(until),
            fence: 1,
        })),
        ..healthy()
    };
    finds(
        &facts(NOW + 1),
        "ttl-index",
        Outcome::Pass,
        "the sweeper ops1:7:ab deletes expired sessions",
    );
    finds(&facts(NOW), "ttl-index", Outcome::Fail, "grows forever");
}

#[test]
fn clocks_are_apart_only_where_that_is_certain() {
    let facts = |ahead: i64, unsure: i64| {
        let skew = Skew { ahead, unsure };
        let clocks = Clocks {
            local: skew,
            members: vec![("db2:27017".into(), skew)],
            silent: vec![],
            spread: None,
        };
        Facts { clocks: Ok(clocks), ..healthy() }
    };
    finds(&facts(-90_000, 5), "clock-here", Outcome::Warn, "90 seconds behind the server's");
    finds(&facts(90_000, 5), "clock-members", Outcome::Warn, "db2:27017 is 90 seconds ahead");
    for check in ["clock-here", "clock-members"] {
        finds(&facts(1500, 5), check, Outcome::Pass, "agree");
        finds(&facts(5000, 4000), check, Outcome::Pass, "agree");
    }
    let silent = Clocks { silent: vec!["db3:27017".into()], ..Clocks::default() };
    let facts = Facts { clocks: Ok(silent), ..healthy() };
    finds(&facts, "clock-members", Outcome::Unknown, "no answer from db3:27017");
}

#[test]
fn rights_are_read_as_the_server_means_them() {
    let rights = |privileges: Bson| {
        let user = doc! { "user": "ops", "db": "admin" };
        Rights::read(&doc! { "authInfo": {
            "authenticatedUsers": [user], "authenticatedUserPrivileges": privileges,
        } })
    };
    let on =
        |resource: Document, actions: &[&str]| doc! { "resource": resource, "actions": actions };
    let some = rights(Bson::Array(vec![
        on(doc! { "db": "app", "collection": "" }, &["find"]).into(),
        on(doc! { "db": "", "collection": "sessions" }, &["remove"]).into(),
        on(doc! { "cluster": true }, &["serverStatus"]).into(),
    ]));
    assert!(some.may("find", "app", "x") && !some.may("find", "shop", "sessions"));
    assert!(some.may("remove", "shop", "sessions") && !some.may("remove", "shop", "x"));
    assert!(some.may_on_cluster("serverStatus") && !some.may_on_cluster("getParameter"));
    assert!(!some.may("serverStatus", "app", "sessions"));
    let all = rights(Bson::Array(vec![on(doc! { "anyResource": true }, &["anyAction"]).into()]));
    assert!(all.may("dropIndex", "app", "sessions") && all.may_on_cluster("getParameter"));
    let none = Rights::read(&doc! { "authInfo": { "authenticatedUsers": [] } });
    assert!(none.may("remove", "app", "sessions"), "the server asks for no login");
}

#[test]
fn by_a_layout_that_is_not_theirs_nothing_is_to_be_done() {
    let mut facts = healthy();
    facts.looked = Ok(Looked { at: 100, strangers: 100, ..Looked::default() });
    let found = finds(&facts, "layout", Outcome::Fail, "none of the 100 documents");
    assert_eq!(found.remedy, Some(Remedy::DetectLayout));
}

#[test]
fn the_indexes_of_the_store_itself_are_named_as_it_names_them() {
    let layout = Layout::named("better-auth").unwrap().clone();
    let facts = Facts { layout: Some(layout), indexes: Ok(Vec::new()), ..healthy() };
    let runs = |check, options: &str| match finding(&facts, check).remedy {
        Some(Remedy::Script { script, .. }) => assert!(script.contains(options), "{script}"),
        other => panic!("{other:?}"),
    };
    runs("id-index", r#"{"token": 1}, {unique: true, name: "session_token_uidx"}"#);
    runs("user-index", r#"{"userId": 1}, {name: "session_userId_idx"}"#);
}

#[test]
fn each_check_and_each_of_its_remedies_is_declared_once() {
    let mut all: Vec<_> = remedies().collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

/// The server refuses these there, or they would act on another collection.
#[test]
fn what_only_an_ordinary_collection_allows_is_not_named_for_another() {
    let ordinary = Facts {
        indexes: Ok(Vec::new()),
        survey: Ok(Survey { mendable: 1, ..survey(&[(State::Live, 5), (State::Expired, 5)]) }),
        oldest: Ok(Some(DateTime::from_millis(NOW - 86_400_000))),
        ..healthy()
    };
    assert!(finding(&ordinary, "ttl-index").remedy.is_some());
    for place in [Place::Capped, Place::TimeSeries, Place::View(Some("all".into()))] {
        let facts = Facts { place: Ok(place), ..ordinary.clone() };
        let named = examine(&facts).into_iter().filter_map(|found| found.remedy);
        let named: Vec<_> = named.map(|remedy| remedy.name()).collect();
        assert!(named.iter().all(|name| ["uncap", "examine"].contains(name)), "{named:?}");
    }
    // Without the right to list collections.
    let capped = Stats { capped: true, ..Stats::default() };
    let facts = Facts { stats: Ok(capped), place: Ok(Place::Collection), ..ordinary };
    assert_eq!(finding(&facts, "ttl-index").remedy, None);
}

#[test]
fn where_only_the_application_knows_the_lifetime_no_command_guesses_it() {
    let backlog = survey(&[(State::Live, 5), (State::Expired, 5)]);
    for name in ["laravel-database", "laravel4-jenssegers", "koa-session-mongoose"] {
        let layout = Layout::named(name).unwrap().clone();
        let facts = Facts {
            layout: Some(layout.clone()),
            indexes: Ok(Vec::new()),
            survey: Ok(backlog.clone()),
            oldest: Ok(Some(DateTime::from_millis(NOW - 86_400_000))),
            ..healthy()
        };
        for found in examine(&facts) {
            // A malformed expiry is malformed with every lifetime. One of these layouts expects
            // numbers, not dates.
            let guesses = |remedy: &Remedy| {
                remedy.name() != "create-index" && *remedy != Remedy::Purge(State::Malformed)
            };
            assert!(!found.remedy.as_ref().is_some_and(guesses), "{name}: {found:#?}");
        }
        let found = finds(&facts, "ttl-index", Outcome::Fail, "grows forever");
        assert_eq!(found.need, Some(Need::Lifetime), "{name}");
        let lifetime = Some(Duration::from_secs(3600));
        let layout = layout.resolved(lifetime, &[]);
        let said = Facts { layout: Some(layout), lifetime, ..facts };
        assert!(finding(&said, "ttl-index").remedy.is_some(), "{name}");
        assert!(finding(&said, "expired").remedy.is_some(), "{name}");
    }
}

#[test]
fn an_index_would_delete_what_is_no_session_so_a_sweeper_is_named() {
    let foreign = Survey { foreign: 5, foreign_dated: 2, ..survey(&[(State::Live, 100)]) };
    let facts = Facts { indexes: Ok(Vec::new()), survey: Ok(foreign.clone()), ..healthy() };
    let found = finds(&facts, "ttl-index", Outcome::Fail, "grows forever");
    assert_eq!(found.remedy, Some(Remedy::sweep(60)));
    finds(&facts, "foreign", Outcome::Pass, "2 documents that are not sessions have a date");
    let facts = Facts { survey: Ok(foreign), ..healthy() };
    finds(&facts, "foreign", Outcome::Warn, "the server deletes them by the index expires_1");
}

#[test]
fn seconds_that_an_option_of_the_application_sets_are_not_in_its_way() {
    let layout = Layout::named("express-session-object").unwrap().clone();
    let facts = |index: Document| Facts { layout: Some(layout.clone()), ..indexed(index) };
    let own = doc! { "key": { "expires": 1 }, "name": "expires_1", "expireAfterSeconds": 86_400 };
    let found = finds(&facts(own.clone()), "ttl-seconds", Outcome::Warn, "expiresAfterSeconds");
    assert_eq!(found.remedy, None);
    assert_eq!(finding(&facts(own), "ttl-options").outcome, Outcome::Pass);
    // With another name, the index is not the option of a store.
    let mine = doc! { "key": { "expires": 1 }, "name": "mine", "expireAfterSeconds": 86_400 };
    let found = finds(&facts(mine), "ttl-options", Outcome::Warn, "85 or 86");
    assert_eq!(found.remedy, index(Aim::Replace, false));
    // These are other indexes to the server: the store can create its own beside them.
    for key in [doc! { "expires": -1 }, doc! { "expires": "hashed" }] {
        let beside = facts(doc! { "key": key, "name": "mine" });
        assert_eq!(finding(&beside, "ttl-options").outcome, Outcome::Pass);
        assert_eq!(finding(&beside, "ttl-index").remedy, index(Aim::Install, false));
    }
    let descending = doc! { "key": { "expires": -1 }, "name": "mine", "expireAfterSeconds": 0 };
    assert_eq!(finding(&facts(descending), "ttl-options").outcome, Outcome::Pass);
}
