//! A replica set of real servers on this machine, for the tests and the benchmarks: its primary can
//! be moved, killed and held, and everything dies with this process.
//!
//! It speaks through the driver, which is why it is not part of `src/mongod.rs`.

use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bson::oid::ObjectId;
use bson::{Bson, Document, doc};
use mongodb::Client;
use sessionctl::mongod::{Mongod, Options, find_or_fetch};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

use crate::patience::limit;

const NAME: &str = "rig";
/// How long anything may take on a quiet machine.
const LONG: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);

/// What a member is to the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It may become the primary.
    Electable,
    /// It has the data and a vote, and clients do not see it.
    Hidden,
    /// Hidden, without a vote (a majority would wait for it), and so far behind on purpose.
    Delayed(Duration),
    /// It has a vote and no data.
    Arbiter,
}

/// A running replica set. Dropping it kills its servers and removes their data.
pub struct ReplicaSet {
    members: Vec<Member>,
    runtime: Runtime,
    /// `user:password@` where logins are needed.
    login: &'static str,
    /// The members' own password.
    _key: Option<NamedTempFile>,
}

struct Member {
    role: Role,
    server: Mongod,
    /// To this member and no other.
    client: Client,
    paused: bool,
}

impl ReplicaSet {
    /// A set of `count` equal members, with names and values for `--setParameter`.
    pub fn start(count: usize, parameters: &[(&str, &str)]) -> Self {
        Self::of(&vec![Role::Electable; count], parameters, &[])
    }

    /// A set of these members, with further arguments of `mongod`. The first is the primary, and
    /// every member is healthy.
    pub fn of(roles: &[Role], parameters: &[(&str, &str)], args: &[&str]) -> Self {
        let set = Self::uninitiated(roles, parameters, args);
        set.initiate();
        // It would wait for its election timeout first. Until it has read its config it refuses.
        wait("the first member is the primary", || {
            let _ = set.try_admin(0, doc! { "replSetStepUp": 1 });
            set.leads(0).is_some()
        });
        set.await_replication();
        set
    }

    /// A set of `count` equal members that demands logins, and knows `root` with the password `root`;
    /// [`uri`](Self::uri) has it.
    pub fn guarded(count: usize) -> Self {
        // mongod takes no key file that others may read, and a temporary file is its owner's alone.
        let mut key = NamedTempFile::new().unwrap_or_else(|error| panic!("a key file: {error}"));
        writeln!(key, "{}", "rig".repeat(8)).unwrap_or_else(|error| panic!("a key file: {error}"));
        let args = ["--auth", "--keyFile", &key.path().to_string_lossy()];
        let mut set = Self::uninitiated(&vec![Role::Electable; count], &[], &args);
        set._key = Some(key);
        // Without a login a local client may initiate a set and make its first user, no more.
        set.initiate();
        let primary = set.primary();
        set.admin(primary, doc! { "createUser": "root", "pwd": "root", "roles": ["root"] });
        set.login = "root:root@";
        for index in 0..count {
            set.members[index].client = connect(&set.runtime, &set.direct_uri(index));
        }
        set.await_replication();
        set
    }

    fn uninitiated(roles: &[Role], parameters: &[(&str, &str)], args: &[&str]) -> Self {
        assert_eq!(roles.first(), Some(&Role::Electable), "the first member is to be the primary");
        let binary = find_or_fetch(&mut |_| {})
            .unwrap_or_else(|error| panic!("a replica set needs a mongod: {error}"));
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let options = Options {
            replica_set: Some(NAME.to_owned()),
            parameters: parameters.iter().map(pair).collect(),
            args: args.iter().map(|argument| (*argument).to_owned()).collect(),
            ..Options::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap_or_else(|error| panic!("a runtime: {error}"));
        let servers = start_servers(&binary, &options, roles.len());
        let members = roles.iter().zip(servers).map(|(role, server)| {
            let client = connect(&runtime, &format!("{}/?directConnection=true", server.uri()));
            Member { role: *role, server, client, paused: false }
        });
        let members = members.collect();
        Self { members, runtime, login: "", _key: None }
    }

    fn initiate(&self) {
        let members = self.members.iter().enumerate().map(|(index, member)| {
            let mut config = doc! { "_id": index as i32, "host": member.server.address() };
            config.extend(match member.role {
                Role::Electable => doc! {},
                Role::Hidden => doc! { "priority": 0, "hidden": true },
                Role::Delayed(by) => {
                    let by = by.as_secs() as i64;
                    doc! { "priority": 0, "votes": 0, "hidden": true, "secondaryDelaySecs": by }
                }
                Role::Arbiter => doc! { "arbiterOnly": true },
            });
            Bson::Document(config)
        });
        let config = doc! {
            "_id": NAME,
            "members": members.collect::<Vec<_>>(),
            "settings": {
                "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 200,
                "heartbeatTimeoutSecs": 5,
                // One that is held holds nobody else.
                "chainingAllowed": false,
            },
        };
        self.admin(0, doc! { "replSetInitiate": config });
    }

    /// A member that has just been initiated is healthy a second before it begins to follow.
    fn await_replication(&self) {
        self.await_health();
        let follows = |member: &&Member| matches!(member.role, Role::Electable | Role::Hidden);
        let all = self.members.iter().filter(follows).count() as i32;
        let note = doc! {
            "appendOplogNote": 1, "data": { "rig": "ready" },
            "writeConcern": { "w": all, "wtimeout": limit(LONG).as_millis() as i64 },
        };
        let reply = self.admin(self.primary(), note);
        assert!(!reply.contains_key("writeConcernError"), "{reply}");
    }

    /// The connection string, with all members that clients may see.
    pub fn uri(&self) -> String {
        let seen = self.members.iter().filter(|member| member.role == Role::Electable);
        let hosts: Vec<_> = seen.map(|member| member.server.address()).collect();
        format!("mongodb://{}{}/?replicaSet={NAME}", self.login, hosts.join(","))
    }

    /// The connection string of one member alone.
    pub fn direct_uri(&self, index: usize) -> String {
        let address = self.members[index].server.address();
        format!("mongodb://{}{address}/?directConnection=true", self.login)
    }

    /// The member that is the primary, as soon as there is one.
    pub fn primary(&self) -> usize {
        let mut found = None;
        wait("there is a primary", || {
            // One that was paused or cut off believes it still is; the later election counts.
            let leading = (0..self.members.len())
                .filter_map(|index| self.leads(index).map(|election| (election, index)));
            found = leading.max().map(|(_, index)| index);
            found.is_some()
        });
        found.unwrap_or_default()
    }

    /// Makes the primary a secondary for ten seconds, and returns the new primary.
    pub fn step_down(&self) -> usize {
        let old = self.primary();
        let command = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        // On a busy machine the others may not catch up in time.
        wait("the primary stepped down", || self.try_admin(old, command.clone()).is_some());
        let mut new = old;
        wait("another member is the primary", || {
            new = self.primary();
            new != old
        });
        new
    }

    /// Kills the primary (SIGKILL) and returns which it was; the others elect another within about
    /// three seconds.
    pub fn kill_primary(&mut self) -> usize {
        let primary = self.primary();
        self.members[primary].server.kill();
        primary
    }

    /// Starts a member again, and waits until it follows or leads.
    pub fn restart(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.server.restart().unwrap_or_else(|error| panic!("member {index}: {error}"));
        member.paused = false;
        self.await_health_of(&[index]);
    }

    /// Suspends a member (SIGSTOP). The others hold it for healthy for some five seconds more.
    pub fn pause(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.server.pause().unwrap_or_else(|error| panic!("member {index}: {error}"));
        member.paused = true;
    }

    /// Wakes a member up (SIGCONT).
    pub fn resume(&mut self, index: usize) {
        let member = &mut self.members[index];
        member.server.resume().unwrap_or_else(|error| panic!("member {index}: {error}"));
        member.paused = false;
    }

    /// Makes a secondary stay where it is, healthy, until [`catch_up`](Self::catch_up). Needs the
    /// parameter `enableTestCommands`.
    pub fn fall_behind(&self, index: usize) {
        self.admin(index, doc! { "configureFailPoint": "rsSyncApplyStop", "mode": "alwaysOn" });
    }

    /// Ends [`fall_behind`](Self::fall_behind).
    pub fn catch_up(&self, index: usize) {
        self.admin(index, doc! { "configureFailPoint": "rsSyncApplyStop", "mode": "off" });
    }

    /// A member's server.
    pub fn server(&mut self, index: usize) -> &mut Mongod {
        &mut self.members[index].server
    }

    /// Waits until there is a primary that sees every member lead, follow or vote.
    pub fn await_health(&self) {
        self.await_health_of(&(0..self.members.len()).collect::<Vec<_>>());
    }

    fn await_health_of(&self, indexes: &[usize]) {
        // One that followed a dead primary further than the new one is in ROLLBACK for minutes.
        wait_for(5 * LONG, "the members are healthy", || {
            let primary = self.primary();
            let status = self.try_admin(primary, doc! { "replSetGetStatus": 1 });
            let members = status.as_ref().and_then(|status| status.get_array("members").ok());
            let healthy = |index: &usize| {
                let address = self.members[*index].server.address();
                members.into_iter().flatten().filter_map(Bson::as_document).any(|member| {
                    member.get_str("name").is_ok_and(|name| name == address)
                        && matches!(
                            member.get_str("stateStr"),
                            Ok("PRIMARY" | "SECONDARY" | "ARBITER")
                        )
                })
            };
            indexes.iter().all(healthy)
        });
    }

    /// The election that made it the primary, if it believes it is.
    fn leads(&self, index: usize) -> Option<ObjectId> {
        let hello = self.try_admin(index, doc! { "hello": 1 })?;
        let leads = hello.get_bool("isWritablePrimary").unwrap_or(false);
        hello.get_object_id("electionId").ok().filter(|_| leads)
    }

    /// A command on the database `admin` of one member, which succeeds.
    pub fn admin(&self, index: usize, command: Document) -> Document {
        let database = self.members[index].client.database("admin");
        let reply = self.runtime.block_on(database.run_command(command).into_future());
        reply.unwrap_or_else(|error| panic!("member {index}: {error}"))
    }

    fn try_admin(&self, index: usize, command: Document) -> Option<Document> {
        let member = &self.members[index];
        // A dead one is soon known for dead, a paused one would never answer.
        let database = member.client.database("admin");
        let asked = (!member.paused && is_open(member.server.port()))
            .then(|| self.runtime.block_on(database.run_command(command).into_future()));
        asked?.ok()
    }
}

fn connect(runtime: &Runtime, uri: &str) -> Client {
    let client = runtime.block_on(Client::with_uri_str(uri));
    client.unwrap_or_else(|error| panic!("a client: {error}"))
}

/// Starts them all at once.
fn start_servers(binary: &Path, options: &Options, count: usize) -> Vec<Mongod> {
    thread::scope(|scope| {
        let start = || Mongod::start(binary, options.clone());
        let starting: Vec<_> = (0..count).map(|_| scope.spawn(start)).collect();
        let servers = starting.into_iter().map(|server| match server.join() {
            Ok(Ok(server)) => server,
            Ok(Err(error)) => panic!("mongod: {error}"),
            Err(panic) => std::panic::resume_unwind(panic),
        });
        servers.collect()
    })
}

fn is_open(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits until it is true, not for ever.
#[track_caller]
fn wait(what: &str, is_true: impl FnMut() -> bool) {
    wait_for(LONG, what, is_true);
}

#[track_caller]
fn wait_for(usual: Duration, what: &str, mut is_true: impl FnMut() -> bool) {
    let (began, limit) = (Instant::now(), limit(usual));
    while !is_true() {
        assert!(began.elapsed() < limit, "waited {} s until {what}", limit.as_secs());
        thread::sleep(POLL);
    }
}
