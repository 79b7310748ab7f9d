//! What other clients feel of a purge: another process reads one session 200 times a second, beside
//! nothing, one `deleteMany`, `purge` at full speed, and `purge` as it is by default.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bson::raw::RawDocumentBuf;
use bson::{DateTime, Document, doc};
use mongodb::Client;
use tokio::runtime::Builder;

use crate::purge::{delete_many, expired, now};
use crate::ratios::{Ratios, timed};
use crate::server::Server;
use crate::setting;

/// If this variable is set, the benchmark is the other process, and this is its server.
const READER: &str = "SESSIONCTL_BENCH_READER";
/// The time between two reads: 200 a second.
const EVERY: Duration = Duration::from_millis(5);
/// How long it reads before anything else happens, and beside nothing.
const BEFORE: Duration = Duration::from_secs(1);
const ALONE: Duration = Duration::from_secs(10);
/// How often `purge` reads a session per second.
const PROBES: f64 = 50.0;

const FULL: &[&str] = &["purge", "--expired", "-q", "--max-latency", "off"];
const AUTO: &[&str] = &["purge", "--expired", "-q", "--max-latency", "auto"];
/// A goal that is always met: what the probe, the careful start and storage order take.
const PROBED: &[&str] = &["purge", "--expired", "-q", "--max-latency", "1m"];

/// One way to delete: its name, and what it does.
type Way = (&'static str, fn(&Server));

const WAYS: [Way; 5] = [
    ("nothing", |_| std::thread::sleep(ALONE)),
    ("one deleteMany", delete_many),
    ("purge --max-latency off", |server| server.sessionctl(FULL)),
    ("purge --max-latency auto", |server| server.sessionctl(AUTO)),
    ("purge --max-latency 1m", |server| server.sessionctl(PROBED)),
];

/// What the other process found in one round, in milliseconds, and how long the work took in seconds.
#[derive(Clone, Copy)]
struct Felt {
    median: f64,
    most: f64,
    took: f64,
}

pub fn measure(server: &Server, ratios: &Ratios) {
    let rounds = setting("SESSIONCTL_BENCH_ROUNDS", 3).max(1);
    server.fill("master", Server::sessions());
    let mut felt: [Vec<Felt>; WAYS.len()] = Default::default();
    for _ in 0..rounds {
        for (way, felt) in WAYS.iter().zip(&mut felt) {
            felt.push(one(server, *way));
        }
    }
    println!("reads of another process, medians of {rounds} rounds (lowest to highest)");
    for ((name, _), felt) in WAYS.iter().zip(&felt) {
        let [median, most, took] = [
            spread(felt, |felt| felt.median),
            spread(felt, |felt| felt.most),
            spread(felt, |felt| felt.took),
        ];
        println!("{name:<26} p50 {median} ms, p99 {most} ms, took {took} s");
    }
    let [alone, _, full, auto, probed] = &felt;
    // Half as long again as without a purge, or 2 ms longer.
    let allowed = |alone: &Felt| (alone.most * 1.5).max(alone.most + 2.0);
    let each = |ratio: &dyn Fn(usize) -> f64| (0..felt[0].len()).map(ratio).collect::<Vec<_>>();
    let slowness = each(&|round| auto[round].most / allowed(&alone[round]));
    ratios.rounds("p99 of a read beside auto / what is allowed", 1.0, &slowness);
    let time = each(&|round| auto[round].took / full[round].took);
    ratios.rounds("time of purge, auto / full speed", 2.5, &time);
    let probes = each(&|round| probed[round].took / full[round].took);
    ratios.rounds("time of purge, steered and never slow / full speed", f64::NAN, &probes);
    let share = PROBES * sorted(alone, |felt| felt.median)[alone.len() / 2] / 10.0;
    println!("probes take at most {share:.2} % of the time of one core");
}

fn one(server: &Server, (name, way): Way) -> Felt {
    server.copy("master", "sessions", true);
    let mut reader = Reader::start(server);
    std::thread::sleep(BEFORE);
    reader.mark();
    // Others expire meanwhile.
    let cutoff = now();
    let took = timed(|| way(server)).as_secs_f64();
    let (median, most) = reader.end();
    assert!(
        name == "nothing" || expired(server, cutoff) == 0,
        "{name}: an expired session is left"
    );
    println!("  {name}: p50 {median:.2} ms, p99 {most:.2} ms, took {took:.1} s");
    Felt { median, most, took }
}

fn sorted(felt: &[Felt], value: fn(&Felt) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = felt.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn spread(felt: &[Felt], value: fn(&Felt) -> f64) -> String {
    let values = sorted(felt, value);
    let (first, last) = (values[0], values[values.len() - 1]);
    format!("{:.2} ({first:.2} to {last:.2})", values[values.len() / 2])
}

/// The other process. A line on its stdin begins the measurement, and the end of stdin ends it.
struct Reader(Child);

impl Reader {
    fn start(server: &Server) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.env(READER, server.uri()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("another process");
        let mut ready = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::with_capacity(1, stdout).read_line(&mut ready).expect("a line");
        assert_eq!(ready, "ready\n");
        Self(child)
    }

    fn mark(&mut self) {
        let stdin = self.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"begin\n").expect("a write");
    }

    /// The median and the 99th percentile, in milliseconds.
    fn end(mut self) -> (f64, f64) {
        drop(self.0.stdin.take());
        let mut text = String::new();
        let mut stdout = self.0.stdout.take().expect("a pipe");
        stdout.read_to_string(&mut text).expect("figures");
        assert!(self.0.wait().expect("an exit code").success());
        let mut numbers = text.split_whitespace().map(|text| text.parse().expect("a number"));
        (numbers.next().expect("a median"), numbers.next().expect("a percentile"))
    }
}

/// Whether this is the other process, which then does its work.
pub fn is_reader() -> bool {
    let Ok(uri) = std::env::var(READER) else { return false };
    static BEGUN: AtomicBool = AtomicBool::new(false);
    static ENDED: AtomicBool = AtomicBool::new(false);
    std::thread::spawn(|| {
        let mut line = String::new();
        while std::io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            BEGUN.store(true, Ordering::Relaxed);
        }
        ENDED.store(true, Ordering::Relaxed);
    });
    // One thread, so that the reads wait for no other thread of their own process.
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut took = runtime.block_on(read(&uri, &BEGUN, &ENDED));
    took.sort_unstable();
    let at = |share: usize| took[took.len() * share / 100].as_secs_f64() * 1000.0;
    println!("{} {}", at(50), at(99));
    true
}

/// Reads a live session at a steady rate; how long each read took. A read that is late delays the next
/// ones, which count from when they were due.
async fn read(uri: &str, begun: &AtomicBool, ended: &AtomicBool) -> Vec<Duration> {
    let client = Client::with_uri_str(uri).await.expect("a client");
    let sessions = client.database("test").collection::<RawDocumentBuf>("sessions");
    // One that does not expire meanwhile.
    let later = DateTime::from_millis(now().timestamp_millis() + 86_400_000);
    let live = sessions.find_one(doc! { "expires": { "$gt": later } }).await.expect("a session");
    let live = Document::try_from(live.expect("a live session")).expect("a document");
    let this = doc! { "_id": live.get("_id").expect("an id").clone() };
    sessions.find_one(this.clone()).await.expect("a read");
    println!("ready");
    let (mut due, mut took) = (Instant::now(), Vec::new());
    while !ended.load(Ordering::Relaxed) {
        due += EVERY;
        tokio::time::sleep(due.saturating_duration_since(Instant::now())).await;
        // A timer is up to a millisecond late, which is no fault of the server.
        let began = Instant::now().min(due + Duration::from_millis(2));
        assert!(sessions.find_one(this.clone()).await.expect("a read").is_some());
        if begun.load(Ordering::Relaxed) {
            took.push(began.elapsed());
        }
    }
    took
}
