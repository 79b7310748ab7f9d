//! `--max-lag` on a sharded cluster: the lag of the members of each shard, which the router does not
//! report. The shard is a replica set; the sessions are behind the router alone.

use std::time::Duration;

use bson::{Document, doc};
use sessionctl::mongod::Options;
use sessionctl::replication::Lag;
use sessionctl::{Connection, Error};

use super::{Other, sessions};
use crate::lag::{followers, wait_for_member};
use crate::personalities::MONGOS;
use crate::personality::Answering;
use crate::rig::ReplicaSet;
use crate::support::{Db, own_server};

/// Answers `listShards` alone, with this.
fn lists(reply: Document) -> Answering {
    Box::new(move |command| command.contains_key("listShards").then(|| reply.clone()))
}

/// The reply of a cluster whose shards are these sets.
fn shards(sets: &[&ReplicaSet]) -> Document {
    let shard = |(number, set): (usize, &&ReplicaSet)| {
        let uri = set.uri();
        let hosts = uri.split(['/', '@']).find(|part| part.contains("127.0.0.1")).unwrap();
        doc! { "_id": format!("shard{number}"), "host": format!("rig/{hosts}"), "state": 1 }
    };
    let shards: Vec<_> = sets.iter().enumerate().map(shard).collect();
    doc! { "shards": shards, "ok": 1.0 }
}

fn purge(cluster: &Other) -> crate::support::Program {
    cluster.command(&["purge", "--expired", "--max-lag", "1s"])
}

#[test]
fn a_member_of_any_shard_that_falls_behind_holds_a_purge_up_until_it_has_caught_up() {
    let parameters = [("enableTestCommands", "1")];
    let mut slow = ReplicaSet::start(3, &parameters);
    let fast = ReplicaSet::start(1, &parameters);
    let cluster = Other::new(&MONGOS);
    cluster.db.insert("sessions", sessions(20, 10));
    cluster.servers[0].answer(lists(shards(&[&fast, &slow])));
    slow.fall_behind(2);
    let address = slow.server(2).address();
    wait_for_member(&Db::on(&slow.uri()), &address, Duration::from_secs(2));
    let mut run = purge(&cluster).start();
    run.await_said("paused: a replica set member is");
    assert_eq!(cluster.db.count("sessions", doc! {}), 30);
    slow.catch_up(2);
    run.wait().exits(0);
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
    // The library names the member.
    let uri = cluster.uri();
    let name = &cluster.db.name;
    let lag = cluster
        .db
        .runtime
        .block_on(async { Connection::open(&uri, Some(name)).await.unwrap().lag().await });
    assert!(matches!(&lag, Lag::Behind(seen) if seen.delays_known && seen.slowest.is_some()));
    assert!(followers(&Db::on(&slow.uri())).absent.is_empty());
}

#[test]
fn without_the_right_to_list_the_shards_it_is_refused_and_the_right_is_named() {
    let cluster = Other::new(&MONGOS);
    cluster.db.insert("sessions", sessions(5, 5));
    cluster.servers[0].answer(lists(doc! {
        "ok": 0.0, "code": 13, "codeName": "Unauthorized",
        "errmsg": "not authorized on admin to execute command { listShards: 1 }",
    }));
    purge(&cluster)
        .run()
        .exits(1)
        .says("not authorized to run listShards on admin")
        .says("grant the role clusterMonitor")
        .fails_in_one_sentence();
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
}

#[test]
fn a_login_that_a_shard_does_not_know_is_refused_and_the_shard_is_named() {
    let shard = ReplicaSet::guarded(1);
    let router = own_server(Options::default());
    let db = Db::on(&router.uri());
    db.admin(doc! { "createUser": "ops", "pwd": "ops", "roles": ["root"] });
    let mut cluster = Other::real(&router.uri());
    let disguise = crate::personality::Disguise::start(&MONGOS, &router.address());
    disguise.answer(lists(shards(&[&shard])));
    cluster.servers.push(disguise);
    cluster.db.insert("sessions", sessions(5, 5));
    let uri = format!("mongodb://ops:ops@{}/?authSource=admin", cluster.servers[0].address());
    let run = || purge(&cluster).env("SESSIONCTL_URI", &uri).env("SESSIONCTL_DB", &cluster.db.name);
    run()
        .run()
        .exits(1)
        .says("the shard shard0 refuses this login")
        .says("with the role clusterMonitor")
        .fails_in_one_sentence();
    assert_eq!(cluster.db.count("sessions", doc! {}), 10);
    // One that may log in there, but not look.
    let there = Db::on(&shard.uri());
    there.admin(doc! { "createUser": "ops", "pwd": "ops", "roles": [] });
    run().run().exits(1).says("lacks the right replSetGetStatus on the shard shard0");
    there.admin(doc! { "grantRolesToUser": "ops", "roles": ["clusterMonitor"] });
    run().run().exits(0);
    assert_eq!(cluster.db.count("sessions", doc! {}), 5);
    let refused = cluster.db.runtime.block_on(async {
        let uri = uri.replace("ops:ops", "ops:wrong");
        Connection::open(&uri, None).await.unwrap().lag().await
    });
    assert!(matches!(refused, Lag::Unknown(Error::Authentication(_))), "{refused:?}");
}
