//! Replication lag: how far the members of a replica set are behind their primary.
//!
//! Code that writes a lot checks it regularly, and pauses while the members catch up.

use std::fmt;
use std::time::Duration;

use bson::{Bson, Document, doc};

use futures_util::future::join_all;
use mongodb::options::ServerAddress;

use crate::error::{Error, Result};
use crate::server::connection::{Connection, Topology};

/// How far the members are behind.
#[derive(Debug, Clone)]
pub enum Lag {
    /// There is no replica set, so nothing can fall behind.
    Standalone,
    /// The lag that the primary reports.
    Behind(Followers),
    /// The lag is unknown. If the error [is transient](Error::is_transient), a retry may help; else
    /// a privilege is missing ([`Error::Unauthorized`]), or this deployment does not report it
    /// ([`Error::Unsupported`]), such as a sharded cluster whose shards do not know the login.
    Unknown(Error),
}

/// The members that follow a primary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followers {
    /// How far the slowest member is behind. Members that are delayed on purpose and
    /// [absent](Self::absent) members do not count; hidden members do. In whole seconds before
    /// MongoDB 5.
    ///
    /// After an idle period, the first write makes the lag look as long as that period (at most 10
    /// s) until it has been replicated.
    pub behind: Duration,
    /// The slowest member. `None` if no member counts.
    pub slowest: Option<Member>,
    /// Data-bearing members that currently cannot follow: waiting for them could take forever.
    pub absent: Vec<Member>,
    /// Whether it is known which members are delayed on purpose. Without the privilege for
    /// `replSetGetConfig` it is not, and they count like the others.
    pub delays_known: bool,
}

/// A member of a replica set. Displayed as `host:port`, with its state unless it is a secondary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `host:port`.
    pub name: String,
    /// Its state, such as `down` or `recovering`.
    pub state: &'static str,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            SECONDARY => f.write_str(&self.name),
            state => write!(f, "{} ({state})", self.name),
        }
    }
}

impl Connection {
    /// Reads the lag from the primary. This takes three short commands, so call it about once a
    /// second. On a replica set it requires the privilege for `replSetGetStatus` on the cluster,
    /// and uses `replSetGetConfig` if allowed. The role `clusterMonitor` includes both.
    ///
    /// On a sharded cluster, it is the longest lag of all shards. The router does not know it, so the
    /// shards are read directly: that requires the privilege for `listShards`, and the same user with
    /// those privileges on each shard.
    ///
    /// A member that stops responding counts until the primary considers it down (10 s).
    pub async fn lag(&self) -> Lag {
        match self.followers().await {
            Ok(Some(followers)) => Lag::Behind(followers),
            Ok(None) => Lag::Standalone,
            Err(error) => Lag::Unknown(error),
        }
    }

    async fn followers(&self) -> Result<Option<Followers>> {
        // Any login may run `hello`. The other commands reveal a standalone only to those with the
        // privilege.
        match self.hello().await?.kind {
            Topology::Standalone => return Ok(None),
            Topology::ReplicaSet => {}
            Topology::Sharded => return self.followers_of_shards().await.map(Some),
        }
        self.followers_of_set().await.map(Some)
    }

    async fn followers_of_set(&self) -> Result<Followers> {
        let status = self.admin("replSetGetStatus").await?;
        // Only the configuration shows which members are delayed on purpose. It requires its own
        // privilege, and the lag is useful without it.
        let config = match self.admin("replSetGetConfig").await {
            Ok(config) => Some(config),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => None,
        };
        match followers(&status, config.as_ref()) {
            ReplicaStatus::Followers(followers) => Ok(followers),
            ReplicaStatus::NoPrimary => {
                Err(Error::NoPrimary { address: self.address().to_owned() })
            }
            ReplicaStatus::Foreign => {
                let why = "the server does not report its replication lag";
                Err(Error::Unsupported(why.into()))
            }
        }
    }

    /// The members of all shards. The slowest decides.
    async fn followers_of_shards(&self) -> Result<Followers> {
        if let Some(refusal) = self.known_shards().refusal() {
            return Err(refusal);
        }
        let shards = match self.admin("listShards").await {
            Ok(reply) => shards(&reply)?,
            Err(error) if error.is_transient() || matches!(error, Error::Unauthorized { .. }) => {
                return Err(error);
            }
            Err(error) => {
                let why = format!("the router does not list its shards: {error}");
                return Err(Error::Unsupported(why));
            }
        };
        let hosts: Vec<_> = shards.iter().map(|shard| shard.host.clone()).collect();
        self.known_shards().retain(&hosts);
        let read = join_all(shards.iter().map(|shard| self.followers_of_shard(shard))).await;
        let mut all = Followers { delays_known: true, ..Followers::default() };
        for followers in read {
            match followers {
                Ok(followers) => all.add(followers),
                Err(error) => {
                    if !error.is_transient() {
                        self.known_shards().refuse(&error);
                    }
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    async fn followers_of_shard(&self, shard: &Shard) -> Result<Followers> {
        let open = || self.to_set(&shard.set, shard.members.clone());
        let connection = self.known_shards().connection(&shard.host, open)?;
        let Shard { name, .. } = shard;
        connection.followers_of_set().await.map_err(|error| match error {
            Error::Authentication(_) => Error::Unsupported(format!(
                "the shard {name} refuses this login: its users are not those of the router, so the \
                 user must exist there too, with the role clusterMonitor"
            )),
            Error::Unauthorized { .. } => Error::Unsupported(format!(
                "the login lacks the right replSetGetStatus on the shard {name}"
            )),
            error => error,
        })
    }

    /// Runs a command without arguments on the database `admin` of the primary.
    async fn admin(&self, name: &str) -> Result<Document> {
        self.run_on_admin(name, doc! { name: 1 }).await
    }
}

impl Followers {
    /// Adds those of another shard.
    fn add(&mut self, other: Self) {
        if self.slowest.is_none() || other.behind > self.behind {
            (self.behind, self.slowest) = (other.behind, other.slowest.or(self.slowest.take()));
        }
        self.absent.extend(other.absent);
        self.delays_known &= other.delays_known;
    }
}

/// A shard, as `listShards` describes it.
#[derive(Debug, Clone)]
struct Shard {
    name: String,
    /// The name of its replica set, a slash, and its members.
    host: String,
    set: String,
    members: Vec<ServerAddress>,
}

fn shards(reply: &Document) -> Result<Vec<Shard>> {
    let unreadable = || Error::Unsupported("the router's list of shards cannot be read".into());
    let shards = reply.get_array("shards").map_err(|_| unreadable())?;
    let shard = |shard: &Bson| {
        let shard = shard.as_document()?;
        let (name, host) = (shard.get_str("_id").ok()?, shard.get_str("host").ok()?);
        let (set, members) = host.split_once('/')?;
        let members = members.split(',').map(|member| ServerAddress::parse(member).ok());
        Some(Shard {
            name: name.to_owned(),
            host: host.to_owned(),
            set: set.to_owned(),
            members: members.collect::<Option<_>>()?,
        })
    };
    shards.iter().map(|one| shard(one).ok_or_else(unreadable)).collect()
}

/// The contents of a status.
#[derive(Debug, PartialEq, Eq)]
enum ReplicaStatus {
    Followers(Followers),
    NoPrimary,
    /// The reply does not have MongoDB's format.
    Foreign,
}

const SECONDARY: &str = "secondary";

/// Reads the replies to `replSetGetStatus` and, if available, `replSetGetConfig`.
fn followers(status: &Document, config: Option<&Document>) -> ReplicaStatus {
    let Ok(members) = status.get_array("members") else {
        return ReplicaStatus::Foreign;
    };
    let members: Vec<_> = members.iter().filter_map(Bson::as_document).collect();
    // During an election there is no primary to compare with.
    let Some(primary) = members.iter().find(|member| state(member) == 1) else {
        return ReplicaStatus::NoPrimary;
    };
    let config = config.and_then(Configured::of);
    let mut found = Followers { delays_known: config.is_some(), ..Followers::default() };
    for member in &members {
        let name = member.get_str("name").unwrap_or_default();
        let counts = config.as_ref().is_none_or(|config| !config.is_exempt(name));
        let state = match state(member) {
            1 | 7 => continue,
            _ if !counts => continue,
            2 => SECONDARY,
            // Far behind, or just started.
            3 => "recovering",
            0 => "starting",
            5 => "in its initial sync",
            8 => "down",
            9 => "rolling back",
            10 => "removed",
            _ => "in an unknown state",
        };
        let follows = matches!(state, SECONDARY | "recovering");
        let member_is = |state| Member { name: name.to_owned(), state };
        match behind(primary, member).filter(|_| follows) {
            Some(behind) if found.slowest.is_none() || behind > found.behind => {
                (found.behind, found.slowest) = (behind, Some(member_is(state)));
            }
            Some(_) => {}
            None => found.absent.push(member_is(if follows { "starting" } else { state })),
        }
    }
    ReplicaStatus::Followers(found)
}

/// The member's state as a number. A member that does not respond is down, whatever its last state.
/// (<https://www.mongodb.com/docs/manual/reference/replica-states/>)
fn state(member: &Document) -> i64 {
    match number(member, "health") {
        Some(0) => 8,
        _ => number(member, "state").unwrap_or(6),
    }
}

/// How far a member is behind the primary. `None` if the member has no data yet.
fn behind(primary: &Document, member: &Document) -> Option<Duration> {
    // Both dates come from the clock of a primary, so they can be compared. The first has
    // milliseconds and exists since MongoDB 5; the second has whole seconds.
    ["lastAppliedWallTime", "optimeDate"].iter().find_map(|field| {
        let at =
            |member: &Document| member.get_datetime(field).ok().map(|at| at.timestamp_millis());
        // The primary reports 1970 for a member that has applied nothing or does not respond.
        let (ahead, behind) = (at(primary)?, at(member).filter(|millis| *millis > 0)?);
        Some(Duration::from_millis(u64::try_from(ahead.saturating_sub(behind)).unwrap_or(0)))
    })
}

/// The members that never count, because of the configuration.
struct Configured(Vec<String>);

impl Configured {
    fn of(reply: &Document) -> Option<Self> {
        let members = reply.get_document("config").ok()?.get_array("members").ok()?;
        let exempt = |member: &&Document| {
            // Called slaveDelay before MongoDB 5.
            let delay = number(member, "secondaryDelaySecs").or(number(member, "slaveDelay"));
            delay.is_some_and(|seconds| seconds > 0)
                || member.get_bool("arbiterOnly").unwrap_or(false)
        };
        let exempt = members.iter().filter_map(Bson::as_document).filter(exempt);
        Some(Self(
            exempt.filter_map(|member| Some(member.get_str("host").ok()?.to_owned())).collect(),
        ))
    }

    fn is_exempt(&self, name: &str) -> bool {
        self.0.iter().any(|host| host == name)
    }
}

fn number(document: &Document, field: &str) -> Option<i64> {
    match document.get(field)? {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        Bson::Double(number) => Some(*number as i64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened from the reply of MongoDB 6.0.5 for a set whose second member had been suspended
    /// for two seconds; the third is delayed by an hour.
    const STATUS: &str = r#"{
        "set": "rig", "date": {"$date": "2026-11-24T20:46:00.140Z"}, "myState": 1, "members": [
        {"_id": 0, "name": "127.0.0.1:38875", "health": 1.0, "state": 1, "stateStr": "PRIMARY",
         "optimeDate": {"$date": "2026-11-24T20:46:00Z"},
         "lastAppliedWallTime": {"$date": "2026-11-24T20:46:00.133Z"}, "self": true},
        {"_id": 1, "name": "127.0.0.1:34843", "health": 1.0, "state": 2, "stateStr": "SECONDARY",
         "optimeDate": {"$date": "2026-11-24T20:45:57Z"},
         "lastAppliedWallTime": {"$date": "2026-11-24T20:45:57.918Z"}},
        {"_id": 2, "name": "127.0.0.1:34291", "health": 1.0, "state": 2, "stateStr": "SECONDARY",
         "optimeDate": {"$date": "2026-11-24T19:45:56Z"},
         "lastAppliedWallTime": {"$date": "2026-11-24T19:45:56.918Z"}},
        {"_id": 3, "name": "127.0.0.1:39963", "health": 1.0, "state": 7, "stateStr": "ARBITER"},
        {"_id": 4, "name": "127.0.0.1:39667", "health": 1.0, "state": 2, "stateStr": "SECONDARY",
         "optimeDate": {"$date": "2026-11-24T20:46:00Z"},
         "lastAppliedWallTime": {"$date": "2026-11-24T20:46:00.140Z"}}],
        "ok": 1.0}"#;

    const CONFIG: &str = r#"{"config": {"_id": "rig", "version": 1, "term": 1, "members": [
        {"_id": 0, "host": "127.0.0.1:38875", "arbiterOnly": false, "hidden": false, "priority": 1.0,
         "secondaryDelaySecs": 0, "votes": 1},
        {"_id": 1, "host": "127.0.0.1:34843", "arbiterOnly": false, "hidden": true, "priority": 0.0,
         "secondaryDelaySecs": 0, "votes": 1},
        {"_id": 2, "host": "127.0.0.1:34291", "arbiterOnly": false, "hidden": true, "priority": 0.0,
         "secondaryDelaySecs": 3600, "votes": 0},
        {"_id": 3, "host": "127.0.0.1:39963", "arbiterOnly": true, "hidden": false, "priority": 0.0,
         "secondaryDelaySecs": 0, "votes": 1},
        {"_id": 4, "host": "127.0.0.1:39667", "arbiterOnly": false, "hidden": false, "priority": 1.0,
         "secondaryDelaySecs": 0, "votes": 1}]}, "ok": 1.0}"#;

    const HIDDEN: usize = 1;
    const DELAYED: usize = 2;
    const ARBITER: usize = 3;

    fn recorded(json: &str) -> Document {
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        let Ok(Bson::Document(document)) = Bson::try_from(json) else { panic!() };
        document
    }

    fn with_member(index: usize, change: Document) -> Document {
        let mut status = recorded(STATUS);
        let members = status.get_array_mut("members").unwrap();
        members[index].as_document_mut().unwrap().extend(change);
        status
    }

    /// A member that has not answered for a while, as the primary shows it (6.0.5).
    fn unreachable() -> Document {
        let never = bson::DateTime::from_millis(0);
        doc! { "health": 0.0, "state": 8, "stateStr": "(not reachable/healthy)", "optimeDate": never }
    }

    #[track_caller]
    fn read(status: &Document, config: Option<&Document>) -> Followers {
        match followers(status, config) {
            ReplicaStatus::Followers(followers) => followers,
            other => panic!("{other:?}"),
        }
    }

    fn shown(members: impl IntoIterator<Item = Member>) -> Vec<String> {
        members.into_iter().map(|member| member.to_string()).collect()
    }

    #[test]
    fn the_slowest_counts_even_if_hidden_and_the_delayed_and_the_arbiter_do_not() {
        let followers = read(&recorded(STATUS), Some(&recorded(CONFIG)));
        assert_eq!(followers.behind, Duration::from_millis(2215));
        assert_eq!(shown(followers.slowest), ["127.0.0.1:34843"]);
        assert!(followers.absent.is_empty() && followers.delays_known);
    }

    #[test]
    fn without_the_config_a_delayed_member_counts_and_that_is_said() {
        let followers = read(&recorded(STATUS), None);
        assert_eq!(followers.behind, Duration::from_millis(3_603_215));
        assert_eq!(shown(followers.slowest), ["127.0.0.1:34291"]);
        assert!(!followers.delays_known);
    }

    #[test]
    fn a_member_that_is_down_does_not_count_and_is_named() {
        let status = with_member(HIDDEN, unreachable());
        let followers = read(&status, Some(&recorded(CONFIG)));
        assert_eq!(
            followers.behind,
            Duration::ZERO,
            "one ahead of the primary's own word is not behind"
        );
        assert_eq!(shown(followers.slowest), ["127.0.0.1:39667"]);
        assert_eq!(shown(followers.absent), ["127.0.0.1:34843 (down)"]);
    }

    #[test]
    fn a_delayed_member_or_an_arbiter_that_is_down_is_not_missed() {
        for index in [DELAYED, ARBITER] {
            let followers = read(&with_member(index, unreachable()), Some(&recorded(CONFIG)));
            assert!(followers.absent.is_empty(), "{followers:?}");
        }
    }

    #[test]
    fn a_recovering_member_counts_and_one_in_its_initial_sync_does_not() {
        let config = recorded(CONFIG);
        let recovering = read(&with_member(HIDDEN, doc! { "state": 3 }), Some(&config));
        assert_eq!(recovering.behind, Duration::from_millis(2215));
        assert_eq!(shown(recovering.slowest), ["127.0.0.1:34843 (recovering)"]);
        let syncing = read(&with_member(HIDDEN, doc! { "state": 5 }), Some(&config));
        assert_eq!(syncing.behind, Duration::ZERO);
        assert_eq!(shown(syncing.absent), ["127.0.0.1:34843 (in its initial sync)"]);
    }

    #[test]
    fn before_mongodb_5_the_dates_are_whole_seconds_and_the_delay_has_its_old_name() {
        let (mut status, mut config) = (recorded(STATUS), recorded(CONFIG));
        for member in status.get_array_mut("members").unwrap() {
            member.as_document_mut().unwrap().remove("lastAppliedWallTime");
        }
        let members = config.get_document_mut("config").unwrap().get_array_mut("members").unwrap();
        for member in members {
            let member = member.as_document_mut().unwrap();
            let delay = member.remove("secondaryDelaySecs").unwrap();
            member.insert("slaveDelay", delay);
        }
        assert_eq!(read(&status, Some(&config)).behind, Duration::from_secs(3));
    }

    #[test]
    fn a_member_that_has_nothing_yet_is_absent_rather_than_half_a_century_behind() {
        let never = bson::DateTime::from_millis(0);
        let nothing = doc! { "lastAppliedWallTime": never, "optimeDate": never };
        let followers = read(&with_member(HIDDEN, nothing), Some(&recorded(CONFIG)));
        assert_eq!(followers.behind, Duration::ZERO);
        assert_eq!(shown(followers.absent), ["127.0.0.1:34843 (starting)"]);
    }

    #[test]
    fn a_primary_alone_has_nobody_behind_it() {
        let mut status = recorded(STATUS);
        status.get_array_mut("members").unwrap().truncate(1);
        let followers = read(&status, Some(&recorded(CONFIG)));
        assert_eq!((followers.behind, followers.slowest), (Duration::ZERO, None));
    }

    #[test]
    fn without_a_primary_or_members_nothing_is_known() {
        let status = with_member(0, doc! { "state": 2 });
        assert_eq!(followers(&status, None), ReplicaStatus::NoPrimary);
        let status = with_member(0, unreachable());
        assert_eq!(followers(&status, None), ReplicaStatus::NoPrimary);
        assert_eq!(followers(&doc! { "ok": 1 }, None), ReplicaStatus::Foreign);
    }
}
