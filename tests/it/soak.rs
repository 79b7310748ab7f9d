//! A sweep while everything around it fails: the server is restarted, the primary steps down, the
//! holder of the lease is killed, and applications write all the time.
//!
//! With `SESSIONCTL_LONG_TESTS=1` for a quarter of an hour. It prints what it saw with `--nocapture`.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::Client;
use mongodb::options::{Acknowledgment, WriteConcern};

use crate::patience::limit;
use crate::rig::ReplicaSet;
use crate::support::{Db, Running, at, becomes, connect_mongo};

const INTERVAL: Duration = Duration::from_secs(2);
const LEASE: Duration = Duration::from_secs(4);
/// What a pass adds to that.
const SLACK: Duration = Duration::from_secs(3);
const SWEEPERS: usize = 3;
/// How many sessions stay alive, renewed again and again.
const LIVE: usize = 500;

/// How often each fault happens, and how long it is quiet in between.
fn rounds() -> (usize, Duration) {
    match std::env::var_os("SESSIONCTL_LONG_TESTS").is_some_and(|value| value == "1") {
        true => (10, Duration::from_secs(30)),
        false => (1, Duration::from_secs(4)),
    }
}

/// An application: it writes short sessions and renews long ones, as long as it may.
struct Application {
    ends: Arc<AtomicBool>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Seen {
    written: u64,
    renewed: u64,
    /// When no write or look went through, and how long.
    outages: Vec<(Instant, Duration)>,
    /// The worst age of an expired session beyond what the outages explain.
    worst: Duration,
    /// And with them.
    oldest: Duration,
    missing: Vec<String>,
}

impl Application {
    fn start(uri: &str, database: &str) -> Self {
        let (ends, seen) =
            (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Seen::default())));
        let (uri, database) = (format!("{uri}&serverSelectionTimeoutMS=2000"), database.to_owned());
        let (told, sees) = (Arc::clone(&ends), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(write(&uri, &database, &told, &sees));
        });
        Self { ends, seen, thread: Some(thread) }
    }

    fn end(mut self) -> Seen {
        self.ends.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn live(number: usize) -> String {
    format!("live-{number:04}")
}

async fn write(uri: &str, database: &str, ends: &AtomicBool, seen: &Mutex<Seen>) {
    let client = Client::with_uri_str(uri).await.unwrap();
    let sessions = client.database(database).collection::<Document>("sessions");
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
    let mut number = 0_u64;
    let mut good = Instant::now();
    while !ends.load(Ordering::SeqCst) {
        number += 1;
        // It expires while the sweepers run, and a session that is renewed at the last moment.
        let short = connect_mongo(&format!("short-{number:07}"), at(1));
        let renewed = live(usize::try_from(number).unwrap() % LIVE);
        let done = async {
            sessions.insert_one(short).write_concern(majority.clone()).await?;
            let update = doc! { "$set": { "expires": at(600) } };
            let renewal = sessions.update_one(doc! { "_id": &renewed }, update);
            let found = renewal.write_concern(majority.clone()).await?.matched_count;
            let oldest = sessions.find_one(doc! {}).sort(doc! { "expires": 1 }).await?;
            Ok::<_, mongodb::error::Error>((found, oldest))
        };
        // An insert that failed may have gone through; another is as good.
        if let Ok((found, oldest)) = done.await {
            let mut seen = seen.lock().unwrap();
            if good.elapsed() > Duration::from_millis(500) {
                seen.outages.push((Instant::now(), good.elapsed()));
            }
            good = Instant::now();
            seen.written += 1;
            seen.renewed += found;
            if found == 0 {
                seen.missing.push(renewed);
            }
            if let Some(oldest) = oldest {
                let expires = oldest.get_datetime("expires").unwrap().timestamp_millis();
                let age = u64::try_from(at(0).timestamp_millis() - expires).unwrap_or(0);
                seen.look(Duration::from_millis(age));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Seen {
    /// A look at the oldest expired session.
    fn look(&mut self, age: Duration) {
        let since = Instant::now().checked_sub(age);
        let outage: Duration = self
            .outages
            .iter()
            .filter(|(ended, _)| since.is_none_or(|since| *ended >= since))
            .map(|(_, lasted)| *lasted)
            .sum();
        self.oldest = self.oldest.max(age);
        self.worst = self.worst.max(age.saturating_sub(outage));
    }
}

/// What a process holds.
fn held_by(pid: u32) -> Option<(u64, usize)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes = resident.trim().trim_end_matches(" kB").parse().ok()?;
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some((kilobytes, files))
}

struct Sweepers {
    uri: String,
    running: Vec<Running>,
    /// Memory in kilobytes and open files of each, since its tenth second.
    held: BTreeMap<u32, Vec<(u64, usize)>>,
}

impl Sweepers {
    fn start_one(&mut self, db: &Db) {
        let (interval, lease) = (INTERVAL.as_secs().to_string(), LEASE.as_secs().to_string());
        let arguments =
            ["sweep", "-q", "--interval", &interval, "--lease", &lease, "--jitter", "200ms"];
        self.running.push(db.command(&arguments).env("SESSIONCTL_URI", &self.uri).start());
    }

    fn look(&mut self) {
        for sweep in &mut self.running {
            let pid = sweep.child().id();
            self.held.entry(pid).or_default().extend(held_by(pid));
        }
    }

    /// Kills the one with the lease, and starts another in its place.
    fn kill_holder(&mut self, db: &Db) {
        let lease = db.find("sessionctl_leases", doc! {}).pop().unwrap();
        let holder = lease.get_str("holder").unwrap_or_default().to_owned();
        let pid: u32 = holder.split(':').nth(1).and_then(|pid| pid.parse().ok()).unwrap_or(0);
        let position = self.running.iter_mut().position(|sweep| sweep.child().id() == pid);
        let Some(position) = position else { panic!("{lease} is nobody's") };
        let mut sweep = self.running.swap_remove(position);
        sweep.signal("KILL");
        sweep.child().wait().unwrap();
        self.start_one(db);
    }
}

#[test]
fn a_sweep_is_left_alone_while_everything_around_it_fails() {
    let (rounds, quiet) = rounds();
    let mut set = ReplicaSet::start(3, &[]);
    let db = Db::on(&set.uri());
    db.insert("sessions", (0..LIVE).map(|number| connect_mongo(&live(number), at(600))));
    db.create_index("sessions", doc! { "key": { "expires": 1 }, "name": "expires_1" });
    let uri = format!("{}&serverSelectionTimeoutMS=1000", db.uri);
    let mut sweepers = Sweepers { uri, running: Vec::new(), held: BTreeMap::new() };
    (0..SWEEPERS).for_each(|_| sweepers.start_one(&db));
    let application = Application::start(&set.uri(), &db.name);
    let began = Instant::now();
    let rest = |sweepers: &mut Sweepers| {
        let until = Instant::now() + quiet;
        while Instant::now() < until {
            thread::sleep(Duration::from_secs(1));
            sweepers.look();
        }
    };
    rest(&mut sweepers);
    for _ in 0..rounds {
        let primary = set.kill_primary();
        thread::sleep(Duration::from_secs(1));
        set.restart(primary);
        rest(&mut sweepers);
        set.step_down();
        rest(&mut sweepers);
        sweepers.kill_holder(&db);
        rest(&mut sweepers);
    }
    let lasted = began.elapsed();
    let seen = application.end();
    // What expires last is swept, too.
    thread::sleep(Duration::from_secs(1));
    let expired = || db.count("sessions", doc! { "expires": { "$lt": at(0) } });
    let left = becomes("all that had expired was swept", expired, |left| *left == 0);
    let alive = db.count("sessions", doc! { "_id": { "$regex": "^live-" } });
    for mut sweep in sweepers.running {
        assert!(!sweep.has_ended(), "{:#?}", sweep.wait());
        sweep.end();
    }
    let outages: Duration = seen.outages.iter().map(|(_, lasted)| *lasted).sum();
    print(&format!(
        "{} s, {rounds} kills of the primary, step-downs and kills of the holder; {} sessions written, \
         {} renewals, no writing for {} s in all; oldest expired {:?}, {:?} beyond the outages\n",
        lasted.as_secs(),
        seen.written,
        seen.renewed,
        outages.as_secs(),
        seen.oldest,
        seen.worst
    ));
    assert_eq!(seen.missing, Vec::<String>::new(), "live sessions were lost");
    assert_eq!((alive, left), (LIVE as u64, 0));
    assert!(seen.worst < INTERVAL + LEASE + limit(SLACK), "{:?}", seen.worst);
    for (pid, held) in &sweepers.held {
        assert_flat(*pid, held);
    }
}

/// Neither memory nor files grow from the first half to the second.
fn assert_flat(pid: u32, held: &[(u64, usize)]) {
    // Its first seconds are those in which it opens what it needs.
    let Some(held) = held.get(5..).filter(|held| held.len() >= 10) else { return };
    let (first, second) = held.split_at(held.len() / 2);
    let most = |some: &[(u64, usize)]| {
        (
            some.iter().map(|held| held.0).max().unwrap(),
            some.iter().map(|held| held.1).max().unwrap(),
        )
    };
    let (before, after) = (most(first), most(second));
    print(&format!("sweeper {pid}, {} s: {before:?} then {after:?} kB and files\n", held.len()));
    assert!(after.0 <= before.0 + before.0 / 4, "memory grows: {before:?} {after:?}");
    assert!(after.1 <= before.1 + 4, "files stay open: {before:?} {after:?}");
}

fn print(text: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(text.as_bytes());
}
