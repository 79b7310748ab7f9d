//! `cargo bench`: measures what must be fast, as ratios to the simplest way of doing the same in
//! the same run. `cargo bench -- list` runs the named sections, each on its own server. If a ratio is worse
//! than promised (`promises.rs`) by more than its spread, the exit code is 1.
//!
//! `order` takes hours, and `latency` and `recipes` print times rather than ratios: they run only if they
//! are named.
//!
//! `SESSIONCTL_BENCH_SESSIONS` changes how many sessions there are (1,000,000),
//! `SESSIONCTL_BENCH_ROUNDS` how often each side of a ratio is measured (5).

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod copy;
mod get;
mod latency;
mod list;
mod order;
#[path = "../rig/patience.rs"]
mod patience;
mod peer;
mod promises;
mod purge;
mod ratios;
mod recipes;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../rig/replica.rs"]
mod replica;
mod server;
mod stats;
mod tower;
#[path = "../peer/src/work.rs"]
mod work;

use std::process::ExitCode;

use ratios::Ratios;
use server::Server;

/// Fills its own server and measures.
type Section = fn(&Server, &Ratios);

/// What a section is measured on.
type Deployment = fn() -> Server;

const SECTIONS: &[(&str, Deployment, Section)] = &[
    ("list", Server::standalone, list::measure),
    ("stats", Server::standalone, stats::measure),
    ("purge", Server::standalone, purge::measure),
    ("archive", Server::standalone, purge::measure_archive),
    ("walk", Server::standalone, purge::measure_walk),
    ("foreign", Server::standalone, purge::measure_foreign),
    ("gentle", Server::standalone, purge::measure_gentleness),
    ("latency", Server::standalone, latency::measure),
    ("latency", Server::replica_set, latency::measure),
    ("copy", Server::standalone, copy::measure),
    ("replica", Server::replica_set, purge::measure_replica_set),
    ("large", Server::standalone, purge::measure_large),
    ("order", Server::standalone, order::measure),
    ("recipes", Server::standalone, recipes::measure),
    ("tower", Server::standalone, tower::measure),
    ("touch", Server::standalone, tower::measure_touch_after),
    ("get", Server::standalone, get::measure),
];

/// These take long, or print no ratios.
const ONLY_IF_NAMED: [&str; 3] = ["latency", "order", "recipes"];

fn main() -> ExitCode {
    if latency::is_reader() {
        return ExitCode::SUCCESS;
    }
    // Cargo itself adds `--bench`.
    let named: Vec<String> = std::env::args().skip(1).filter(|name| name != "--bench").collect();
    let is_section = |name: &&String| SECTIONS.iter().any(|(section, ..)| section == name);
    if let Some(unknown) = named.iter().find(|name| !is_section(name)) {
        let sections: Vec<&str> = SECTIONS.iter().map(|(section, ..)| *section).collect();
        println!("there is no section {unknown}, only {}", sections.join(", "));
        return ExitCode::FAILURE;
    }
    let mut missed = Vec::new();
    for (section, start, measure) in SECTIONS {
        let is_asked_for = named.is_empty() && !ONLY_IF_NAMED.contains(section);
        if is_asked_for || named.iter().any(|name| name == section) {
            let server = start();
            let ratios = Ratios::of(section);
            measure(&server, &ratios);
            missed.extend(ratios.missed());
        }
    }
    if missed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nmissed by more than the spread:");
    missed.iter().for_each(|line| println!("  {line}"));
    ExitCode::FAILURE
}

/// A number from the environment.
fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name)
        .map_or(default, |number| number.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}
