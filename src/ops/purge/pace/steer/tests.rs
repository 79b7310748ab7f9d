use super::*;

const MOST: Load = Load { jobs: 2, size: 5000, rest: 0.0 };

/// A server whose reads take longer the more sessions are in flight.
struct Server {
    /// What a read takes without any load, in milliseconds, and how much all of them add.
    idle: f64,
    load: f64,
    random: u64,
}

impl Server {
    fn new() -> Self {
        Self { idle: 0.7, load: 6.0, random: 7 }
    }

    /// From 0 to 1, the same numbers in each run.
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.random >> 33) as f64 / f64::from(1_u32 << 31)
    }

    /// How long a read takes beside this load. A few meet much of it, and most meet little.
    fn read(&mut self, load: Load) -> Duration {
        let sessions = load.jobs as f64 * f64::from(load.size) / (1.0 + load.rest);
        let share = sessions / (f64::from(MOST.size) * MOST.jobs as f64);
        let (luck, usual) = (self.random().powi(4), 0.8 + 0.4 * self.random());
        Duration::from_secs_f64((self.idle * usual + self.load * share.sqrt() * luck) / 1000.0)
    }
}

/// A command that is steered beside that server.
struct Run {
    steering: Steering,
    server: Server,
    now: Duration,
}

impl Run {
    fn new(max: MaxLatency) -> Self {
        let mut server = Server::new();
        let mut steering = Steering::new(max, 0.1);
        let nothing = Load { size: 0, ..MOST };
        steering.quiet((0..30).map(|_| server.read(nothing)).collect());
        Self { steering, server, now: Duration::ZERO }
    }

    /// Goes on for this long, with 50 probes a second; the levels, and what reads took.
    fn go(&mut self, time: Duration) -> (Vec<f64>, Vec<Duration>) {
        let (end, mut levels, mut reads) = (self.now + time, Vec::new(), Vec::new());
        while self.now < end {
            self.now += millis(20);
            let took = self.server.read(self.steering.load(MOST, 0.0));
            self.steering.probe(self.now, took);
            levels.push(self.steering.level);
            reads.push(took);
        }
        (levels, reads)
    }
}

fn share_above(reads: &[Duration], goal: Duration) -> f64 {
    reads.iter().filter(|took| **took > goal).count() as f64 / reads.len() as f64
}

fn mean(levels: &[f64]) -> f64 {
    levels.iter().sum::<f64>() / levels.len() as f64
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_lower_level_has_fewer_batches_in_flight_then_smaller_ones_and_rests_only_at_last() {
    let load = |level| Steering::new(MaxLatency::Auto, level).load(MOST, 0.0);
    assert_eq!(load(1.0), MOST);
    assert_eq!(load(0.5), Load { jobs: 1, size: 5000, rest: 0.0 });
    assert_eq!(load(0.1), Load { jobs: 1, size: 1000, rest: 0.0 });
    let least = load(0.001);
    assert_eq!((least.jobs, least.size), (1, 100));
    assert!((least.rest - 9.0).abs() < 0.01, "{least:?}");
    // Of a batch that takes no time worth mentioning, a part is hardly better: rests begin before.
    let fast = Steering::new(MaxLatency::Auto, 0.1).load(MOST, 30_000.0);
    assert!(fast.jobs == 1 && fast.size == 1224 && (fast.rest - 0.22).abs() < 0.01, "{fast:?}");
}

#[test]
fn after_a_slow_read_no_batch_begins_for_a_moment_but_not_again_and_again() {
    let mut run = Run::new(MaxLatency::Auto);
    run.go(seconds(5));
    let goal = run.steering.goal().unwrap();
    let mut aside = 0;
    for tick in 0..500 {
        run.now += millis(20);
        let took = if tick % 4 == 0 { goal * 2 } else { goal / 4 };
        run.steering.probe(run.now, took);
        aside += u32::from(run.steering.steps_aside(run.now + millis(10)));
    }
    assert!((120..=180).contains(&aside), "{aside} of 500");
}

#[test]
fn what_was_typed_is_an_upper_bound() {
    let typed = Load { jobs: 1, size: 10, rest: 0.5 };
    for level in [1.0, 0.1, LOWEST] {
        let load = Steering::new(MaxLatency::Auto, level).load(typed, 0.0);
        assert!(load.jobs == 1 && load.size <= 10, "{load:?}");
        assert!((0.5..=LONGEST_REST).contains(&load.rest), "{load:?}");
    }
    assert_eq!(Steering::new(MaxLatency::Auto, 1.0).load(typed, 0.0), typed);
}

#[test]
fn the_automatic_goal_is_half_as_much_again_or_two_milliseconds_more() {
    let goal = |usual| {
        let mut steering = Steering::new(MaxLatency::Auto, 1.0);
        steering.quiet(vec![millis(usual); 20]);
        steering.goal()
    };
    assert_eq!((goal(1), goal(40)), (Some(millis(3)), Some(millis(60))));
    assert_eq!(Steering::new(MaxLatency::Auto, 1.0).goal(), None);
    assert_eq!(Steering::new(MaxLatency::Within(millis(5)), 1.0).goal(), Some(millis(5)));
}

#[test]
fn reads_stay_near_the_goal_and_the_level_does_not_swing() {
    for max in [MaxLatency::Auto, MaxLatency::Within(millis(2))] {
        let mut run = Run::new(max);
        run.go(seconds(5));
        let goal = run.steering.goal().unwrap();
        let (levels, reads) = run.go(seconds(60));
        let above = share_above(&reads, goal);
        assert!(
            (0.002..0.025).contains(&above),
            "{max:?}: {above} of the reads are above {goal:?}"
        );
        // Seconds in a row differ little: it does not stop and go.
        let seconds: Vec<f64> = levels.chunks(50).map(mean).collect();
        let swings = seconds.windows(2).filter(|two| !(0.5..2.0).contains(&(two[1] / two[0])));
        assert_eq!(swings.count(), 0, "{max:?}: {seconds:?}");
    }
}

#[test]
fn a_server_that_is_not_disturbed_is_used_fully_within_two_seconds() {
    let mut run = Run::new(MaxLatency::Auto);
    run.server.load = 0.5;
    run.go(seconds(2));
    let (levels, _) = run.go(seconds(10));
    assert!(mean(&levels) > 0.99, "{}", mean(&levels));
}

#[test]
fn the_pace_follows_a_slow_server_within_two_seconds_both_ways() {
    for (idle, load) in [(9.0, 6.0), (0.7, 600.0), (5.0, 60.0)] {
        let mut run = Run::new(MaxLatency::Auto);
        run.go(seconds(5));
        let (before, _) = run.go(seconds(10));
        (run.server.idle, run.server.load) = (idle, load);
        run.go(seconds(2));
        let (slow, _) = run.go(seconds(10));
        (run.server.idle, run.server.load) = (0.7, 6.0);
        run.go(seconds(2));
        let (after, _) = run.go(seconds(5));
        let (before, slow, after) = (mean(&before), mean(&slow), mean(&after));
        assert!(slow < before / 10.0, "{idle} {load}: {before} {slow}");
        assert!(after > before / 3.0, "{idle} {load}: {before} {slow} {after}");
    }
}

#[test]
fn a_pause_for_the_baseline_is_no_reason_to_grow() {
    let mut run = Run::new(MaxLatency::Auto);
    run.go(seconds(5));
    for _ in 0..20 {
        let (before, _) = run.go(seconds(3));
        let nothing = Load { size: 0, ..MOST };
        run.steering.quiet((0..16).map(|_| run.server.read(nothing)).collect());
        // Nothing is in flight at first.
        for _ in 0..5 {
            run.now += millis(20);
            let took = run.server.read(nothing);
            run.steering.probe(run.now, took);
        }
        let (after, _) = run.go(millis(500));
        let most = before.last().unwrap() * 1.3;
        assert!(after.iter().all(|level| *level <= most), "{:?} {after:?}", before.last());
    }
}

#[test]
fn a_read_that_does_not_end_counts_before_it_ends() {
    let mut run = Run::new(MaxLatency::Auto);
    run.go(seconds(5));
    let before = run.steering.level;
    for tick in 1..=75 {
        run.steering.probe(run.now + millis(20) * tick, millis(20) * tick);
    }
    assert!(run.steering.level < before / 20.0, "{before} {}", run.steering.level);
}

#[test]
fn the_baseline_follows_the_site_slowly_and_a_moment_hardly_at_all() {
    let mut steering = Steering::new(MaxLatency::Auto, 1.0);
    steering.quiet(vec![millis(10); 20]);
    steering.quiet(vec![millis(500); 20]);
    assert!(steering.baseline() <= Some(millis(11)));
    for _ in 0..40 {
        steering.quiet(vec![millis(30); 20]);
    }
    let usual = steering.baseline().unwrap();
    assert!((millis(28)..millis(31)).contains(&usual), "{usual:?}");
    for _ in 0..12 {
        steering.quiet(vec![millis(10); 20]);
    }
    assert!(steering.baseline() < Some(millis(11)));
}

#[test]
fn a_site_that_is_slow_by_itself_slows_a_purge_down_for_a_while_only() {
    let mut run = Run::new(MaxLatency::Auto);
    run.go(seconds(5));
    run.server.idle = 9.0;
    let (levels, _) = run.go(seconds(5));
    assert!(levels.last().is_some_and(|level| *level < LOW), "{levels:?}");
    for _ in 0..10 {
        run.go(seconds(3));
        let nothing = Load { size: 0, ..MOST };
        let quiet = (0..16).map(|_| run.server.read(nothing)).collect();
        run.steering.quiet(quiet);
    }
    let (levels, _) = run.go(seconds(5));
    assert!(mean(&levels) > 0.1, "{}", mean(&levels));
}

#[test]
fn signs_of_the_server_lower_the_level_but_not_at_once_again() {
    let mut steering = Steering::new(MaxLatency::Auto, 1.0);
    steering.strained(seconds(1));
    steering.strained(seconds(1) + millis(10));
    assert_eq!(steering.level, CUTS[1]);
    steering.strained(seconds(2));
    assert_eq!(steering.level, CUTS[1] * CUTS[1]);
}

#[test]
fn the_effort_counts_batches_that_are_too_small_and_too_few() {
    let effort = |jobs, size| Load { jobs, size, rest: 0.0 }.effort(MOST);
    assert_eq!(effort(2, 5000), 1.0);
    assert!((0.7..0.8).contains(&effort(1, 5000)));
    assert!((0.6..0.7).contains(&effort(1, 500)), "{}", effort(1, 500));
}

#[test]
fn signs_of_the_server_alone_do_not_hold_a_purge_up_for_good() {
    let mut steering = Steering::new(MaxLatency::Auto, 1.0);
    for second in 1..1000 {
        steering.strained(seconds(second));
    }
    assert_eq!(steering.level, LOW);
    steering.quiet(vec![millis(1); 20]);
    for tick in 0..3 {
        assert_eq!(steering.level, LOW, "one slow read is no reason");
        steering.probe(seconds(2000) + millis(20) * tick, millis(500));
    }
    assert!(steering.level < LOW);
}

#[test]
fn a_goal_below_what_reads_take_anyway_is_a_little_more_than_that() {
    let mut run = Run::new(MaxLatency::Within(Duration::from_micros(100)));
    let usual = run.steering.baseline().unwrap();
    assert_eq!(run.steering.goal(), Some(usual.mul_f64(FLOOR)));
    assert!(run.steering.follows());
    // A server that is not disturbed is used.
    run.server.load = 0.0;
    run.go(seconds(20));
    let (levels, _) = run.go(seconds(10));
    assert!(mean(&levels) > 0.5, "{}", mean(&levels));
    run.steering.set(MaxLatency::Within(millis(5)));
    assert!(run.steering.goal() == Some(millis(5)) && !run.steering.follows());
}
