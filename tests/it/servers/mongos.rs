//! Behind the routers of a sharded cluster: clocks that are wrong, and writes that a chunk migration
//! applies twice or not to every session.

use bson::doc;
use sessionctl::{Connection, Layout};

use super::{Other, living, sessions};
use crate::personalities::MONGOS;
use crate::personality::{Line, Migration, Personality, Refusal, Trait};
use crate::support::{at, becomes, now};

const HOUR: i64 = 3_600_000;
const NO_RIGHT: Refusal = Refusal { code: 13, name: "Unauthorized", message: "not authorized" };

/// A router that shows no clock but its own.
static ALONE: Personality = Personality {
    name: "a router alone",
    lines: &[
        Line(Trait::Hello(r#"{"msg": "isdbgrid"}"#), "cluster_hello_cmd.cpp"),
        Line(Trait::OwnClock, "cluster_hello_cmd.cpp"),
        Line(Trait::Refuses(&["aggregate"], "$collStats", NO_RIGHT), "a login without the right"),
    ],
};

/// The same, which passes on the cluster time.
static WITH_CLUSTER_TIME: Personality = Personality {
    name: "a router with cluster time",
    lines: &[
        Line(Trait::Hello(r#"{"msg": "isdbgrid"}"#), "cluster_hello_cmd.cpp"),
        Line(Trait::OwnClock, "cluster_hello_cmd.cpp"),
        Line(Trait::ClusterTime, "src/mongo/rpc/metadata"),
        Line(Trait::Refuses(&["aggregate"], "$collStats", NO_RIGHT), "a login without the right"),
    ],
};

/// The same, whose shards report their clocks.
static WITH_SHARDS: Personality = Personality {
    name: "a router with shards",
    lines: &[
        Line(Trait::Hello(r#"{"msg": "isdbgrid"}"#), "cluster_hello_cmd.cpp"),
        Line(Trait::OwnClock, "cluster_hello_cmd.cpp"),
    ],
};

/// What every command that ends expired sessions leaves.
fn spares_what_lives(cluster: &Other) {
    let db = &cluster.db;
    db.insert("sessions", sessions(20, 100));
    let purge = cluster.command(&["purge", "--expired"]).run().exits(0);
    assert_eq!((living(db), db.count("sessions", doc! {})), (100, 100), "{purge:?}");
    purge.says("the clocks of the cluster differ by");
    db.insert("sessions", sessions(20, 0));
    let sweep = cluster.command(&["sweep", "--once", "--no-lease"]).run().exits(0);
    assert_eq!((living(db), db.count("sessions", doc! {})), (100, 100), "{sweep:?}");
    sweep.says("the clocks of the cluster differ by");
}

#[test]
fn a_router_whose_clock_is_ahead_ends_no_session_that_lives_by_the_cluster_time() {
    let cluster = Other::new(&WITH_CLUSTER_TIME);
    cluster.servers[0].set_clock(HOUR);
    spares_what_lives(&cluster);
}

#[test]
fn a_router_whose_clock_is_ahead_ends_no_session_that_lives_by_the_clocks_of_the_shards() {
    let cluster = Other::new(&WITH_SHARDS);
    cluster.servers[0].set_clock(HOUR);
    spares_what_lives(&cluster);
}

#[test]
fn of_two_routers_the_earlier_decides_whichever_answers() {
    for ahead in [0, 1] {
        let cluster = Other::of(&[&ALONE, &ALONE]);
        cluster.servers[ahead].set_clock(HOUR);
        spares_what_lives(&cluster);
    }
}

#[test]
fn a_router_that_is_behind_ends_nothing_early_and_only_waits() {
    let cluster = Other::new(&MONGOS);
    cluster.servers[0].set_clock(-HOUR);
    cluster.db.insert("sessions", sessions(20, 10));
    cluster.command(&["purge", "--expired"]).run().exits(0);
    assert_eq!(cluster.db.count("sessions", doc! {}), 30);
    cluster.servers[0].set_clock(0);
    let purge = cluster.command(&["purge", "--expired"]).run().exits(0);
    assert_eq!(living(&cluster.db), 10, "{purge:?}");
    assert_eq!(cluster.db.count("sessions", doc! {}), 10, "{purge:?}");
    purge.never_shows("clocks");
}

#[test]
fn two_sweepers_behind_routers_with_different_clocks_never_both_hold_the_lease() {
    let cluster = Other::of(&[&MONGOS, &MONGOS]);
    cluster.servers[1].set_clock(HOUR);
    cluster.db.insert("sessions", sessions(5, 5));
    let arguments = ["sweep", "--interval", "1", "--lease", "2"];
    let sweep = |server: usize| {
        let uri = cluster.uri_of(&[&cluster.servers[server]]);
        cluster.command(&arguments).env("SESSIONCTL_URI", &uri).start()
    };
    let lease = || {
        let leases = cluster.db.find("sessionctl_leases", doc! {});
        leases.into_iter().find(|lease| lease.contains_key("holder"))
    };
    let first = sweep(0);
    becomes("somebody has the lease", &lease, Option::is_some);
    let mut second = sweep(1);
    second.await_said("standing by");
    // Longer than the lease lasts without a renewal.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(4);
    while std::time::Instant::now() < until {
        let lease = lease().unwrap();
        assert_eq!(lease.get_i64("fence").unwrap(), 1, "{lease}");
        let left =
            lease.get_datetime("until").unwrap().timestamp_millis() - now().timestamp_millis();
        assert!(left <= 2000, "the clock of the shard decides, not a router's: {lease}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    first.end();
    becomes("the other one has the lease", &lease, |lease| {
        lease.as_ref().is_some_and(|lease| lease.get_i64("fence").is_ok_and(|fence| fence == 2))
    });
    second.end();
    assert_eq!(living(&cluster.db), 5);
}

#[test]
fn a_limit_on_the_lag_is_refused_where_the_router_lists_no_shards_with_what_holds_instead() {
    let cluster = Other::new(&MONGOS);
    cluster.db.insert("sessions", sessions(5, 5));
    let purge = cluster.command(&["purge", "--expired", "--max-lag", "5s"]).run().exits(1);
    purge
        .says("the router does not list its shards")
        .says("each batch waits for a majority")
        .fails_in_one_sentence();
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
}

#[test]
fn a_router_that_is_down_does_not_hold_up_a_purge() {
    let mut cluster = Other::of(&[&MONGOS, &MONGOS]);
    cluster.db.insert("sessions", sessions(20, 10));
    let uri = cluster.uri();
    drop(cluster.servers.pop());
    let purge = cluster.command(&["purge", "--expired"]).env("SESSIONCTL_URI", &uri);
    purge.run().exits(0);
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
}

#[test]
fn a_write_that_a_migration_applies_twice_is_no_exact_count() {
    let cluster = Other::new(&MONGOS);
    cluster.db.insert("sessions", sessions(20, 10));
    cluster.servers[0].migrate(Some(Migration::Twice));
    let report = cluster.command(&["purge", "--expired", "-o", "json"]).run().exits(0).json();
    assert_eq!(report["exact"], false, "{report}");
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
    cluster.db.insert("sessions", sessions(20, 0));
    let purge = cluster.command(&["purge", "--expired"]).run().exits(0);
    purge.prints("deleted about ");
}

#[test]
fn a_log_out_that_a_migration_makes_miss_a_session_is_repeated_without_being_asked_to() {
    let cluster = Other::new(&MONGOS);
    let session = |id: &str| {
        let mut session = crate::support::connect_mongo(id, at(3600));
        session.insert("session", r#"{"cookie":{},"passport":{"user":"u1"}}"#);
        session
    };
    cluster.db.insert("sessions", ["first-0001", "first-0002", "moved-0003"].map(session));
    cluster.servers[0].migrate(Some(Migration::Misses("moved")));
    let arguments = ["purge", "--user", "u1", "--yes"];
    let purge = cluster.command(&arguments).start();
    cluster.db.await_ids("sessions", &["moved-0003"]);
    cluster.servers[0].migrate(None);
    let purge = purge.wait().exits(0);
    assert_eq!(cluster.db.count("sessions", doc! {}), 0, "{purge:?}");
}

#[test]
fn a_count_of_all_documents_leaves_out_what_migrations_left_behind() {
    let cluster = Other::new(&MONGOS);
    cluster.db.insert("sessions", sessions(3, 4));
    let report = cluster.command(&["purge", "--all", "--dry-run", "-o", "json"]).run().exits(0);
    assert_eq!(report.json()["matched"], 7);
    let everything = cluster.db.runtime.block_on(async {
        let connection = Connection::open(&cluster.uri(), Some(&cluster.db.name)).await.unwrap();
        let layout = Layout::named("connect-mongo-json").unwrap().clone();
        // The first command of the connection, before it is known that this is a router.
        connection.store("sessions", layout).count(doc! {}).await.unwrap()
    });
    assert_eq!(everything, 7);
}
