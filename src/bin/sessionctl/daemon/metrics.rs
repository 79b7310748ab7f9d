//! The metrics of a sweep, in Prometheus' text format.

mod page;
mod swept;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bson::DateTime;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;
use sessionctl::purge::{Latency, Throttled};

use crate::console::text::{neutral, without_password};
use swept::{Backlog, Swept, Totals};

/// The content type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The result of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassResult {
    /// It was complete.
    Ok,
    /// It failed.
    Error,
    /// It was stopped.
    Stopped,
}

/// The metrics of all namespaces. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Swept>>>);

impl Metrics {
    /// Sets the interval of the namespace.
    pub fn describe(&self, namespace: &str, interval: Duration) {
        self.with(namespace, |swept| swept.interval = Some(interval));
    }

    /// Counts a deleted batch.
    pub fn batch(&self, namespace: &str, layout: Option<&str>, took: Duration, deleted: u64) {
        self.count(namespace, layout, |counts| {
            counts.deleted = counts.deleted.saturating_add(deleted);
            counts.batches += 1;
            counts.took.observe(took.as_secs_f64());
        });
    }

    /// Counts a pass.
    pub fn passed(&self, namespace: &str, layout: Option<&str>, result: PassResult) {
        self.count(namespace, layout, |counts| counts.passes[result as usize] += 1);
    }

    /// Adds the time that a pass waited.
    pub fn throttled(&self, namespace: &str, layout: Option<&str>, waited: Throttled) {
        self.count(namespace, layout, |Totals { throttled, .. }| *throttled += waited);
    }

    /// Sets what reads of other clients took during a pass; a pass that did not measure it changes nothing.
    pub fn latency(&self, namespace: &str, latency: Option<Latency>) {
        if let Some(latency) = latency {
            self.with(namespace, |swept| swept.latency = Some(latency));
        }
    }

    /// Sets the number of expired sessions, and the age of the oldest; `None` if they are no longer
    /// known.
    pub fn backlog(
        &self,
        namespace: &str,
        layout: Option<&str>,
        expired: Option<(u64, Option<Duration>)>,
    ) {
        let layout = label(layout.unwrap_or_default());
        self.with(namespace, |swept| {
            swept.backlog = expired.map(|(sessions, oldest)| {
                let oldest = oldest.or((sessions == 0).then_some(Duration::ZERO));
                Backlog { layout, sessions, oldest }
            });
        });
    }

    /// Sets the lag of the slowest member.
    pub fn lag(&self, namespace: &str, lag: Option<Duration>) {
        self.with(namespace, |swept| swept.lag = lag);
    }

    /// Sets the difference of the local clock and the server's; `None` if it is no longer known.
    pub fn skew(&self, namespace: &str, seconds: Option<f64>) {
        self.with(namespace, |swept| swept.skew = seconds);
    }

    /// Sets whether this process holds the lease.
    pub fn lease(&self, namespace: &str, held: bool) {
        self.with(namespace, |swept| swept.held = Some(held));
    }

    /// Sets the end of the last complete pass, by the server's clock.
    pub fn succeeded(&self, namespace: &str, at: DateTime) {
        self.with(namespace, |swept| swept.succeeded = Some(at));
    }

    /// Counts sessions of held users that were ended. A namespace without held users has no such counter.
    pub fn logged_out(&self, namespace: &str, sessions: u64) {
        self.with(namespace, |swept| {
            let before = swept.logged_out.unwrap_or_default();
            swept.logged_out = Some(before.saturating_add(sessions));
        });
    }

    /// Removes a namespace that is no longer swept.
    pub fn forget(&self, namespace: &str) {
        self.lock().remove(&label(namespace));
    }

    /// All metrics as text.
    pub fn encode(&self) -> String {
        let mut registry = Registry::with_prefix("sessionctl");
        registry.register_collector(Box::new(self.clone()));
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode_registry(&mut text, &registry);
        text
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Swept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, namespace: &str, change: impl FnOnce(&mut Swept)) {
        change(self.lock().entry(label(namespace)).or_default());
    }

    fn count(&self, namespace: &str, layout: Option<&str>, change: impl FnOnce(&mut Totals)) {
        self.with(namespace, |swept| {
            let layout = label(layout.unwrap_or_default());
            // A pass that failed before it detected the layout has no layout.
            swept.backlog.take_if(|backlog| !layout.is_empty() && backlog.layout != layout);
            change(swept.layouts.entry(layout).or_default());
        });
    }
}

/// Names may contain anything, because other people create collections and layout files.
fn label(text: &str) -> String {
    neutral(&without_password(text)).into_owned()
}

impl Collector for Metrics {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        page::write(encoder, &self.lock())
    }
}

#[cfg(test)]
mod tests {
    use super::swept::BUCKETS;
    use super::*;

    const NAMESPACE: &str = "app.sessions";
    const LAYOUT: Option<&str> = Some("connect-mongo");

    fn filled() -> Metrics {
        let metrics = Metrics::default();
        metrics.describe(NAMESPACE, Duration::from_secs(60));
        metrics.batch(NAMESPACE, LAYOUT, Duration::from_millis(20), 1000);
        metrics.batch(NAMESPACE, LAYOUT, Duration::from_secs(90), 500);
        metrics.passed(NAMESPACE, LAYOUT, PassResult::Stopped);
        let waited = Throttled { lag: Duration::from_millis(1500), ..Throttled::default() };
        metrics.throttled(NAMESPACE, LAYOUT, waited);
        metrics.throttled(NAMESPACE, LAYOUT, waited);
        metrics.backlog(NAMESPACE, LAYOUT, Some((7, Some(Duration::from_secs(300)))));
        metrics.lag(NAMESPACE, Some(Duration::from_secs(2)));
        metrics.skew(NAMESPACE, Some(-0.25));
        metrics.lease(NAMESPACE, true);
        metrics.succeeded(NAMESPACE, DateTime::from_millis(1_795_428_000_500));
        metrics.logged_out(NAMESPACE, 0);
        metrics.logged_out(NAMESPACE, 3);
        metrics
    }

    /// The samples of one family, without the name.
    fn samples(metrics: &Metrics, family: &str) -> Vec<String> {
        let text = metrics.encode();
        assert!(text.contains(&format!("# TYPE {family} ")), "no {family} in\n{text}");
        let of_it =
            |line: &str| line.strip_prefix(family)?.starts_with('{').then(|| line.to_owned());
        text.lines().filter_map(of_it).map(|line| line[family.len()..].to_owned()).collect()
    }

    #[test]
    fn every_metric_has_its_name_its_type_and_its_labels() {
        let expected = "\
# TYPE sessionctl_build_info gauge
sessionctl_build_info{version=\"VERSION\"} 1
# TYPE sessionctl_sweep_interval_seconds gauge
sessionctl_sweep_interval_seconds{namespace=\"app.sessions\"} 60.0
# TYPE sessionctl_sessions_deleted_total counter
sessionctl_sessions_deleted_total{namespace=\"app.sessions\",layout=\"connect-mongo\"} 1500
# TYPE sessionctl_held_sessions_ended_total counter
sessionctl_held_sessions_ended_total{namespace=\"app.sessions\"} 3
# TYPE sessionctl_passes_total counter
sessionctl_passes_total{namespace=\"app.sessions\",layout=\"connect-mongo\",result=\"ok\"} 0
sessionctl_passes_total{namespace=\"app.sessions\",layout=\"connect-mongo\",result=\"error\"} 0
sessionctl_passes_total{namespace=\"app.sessions\",layout=\"connect-mongo\",result=\"stopped\"} 1
# TYPE sessionctl_batch_duration_seconds histogram
sessionctl_batch_duration_seconds_sum{namespace=\"app.sessions\",layout=\"connect-mongo\"} 90.02
sessionctl_batch_duration_seconds_count{namespace=\"app.sessions\",layout=\"connect-mongo\"} 2
sessionctl_batch_duration_seconds_bucket{le=\"0.01\",namespace=\"app.sessions\",layout=\"connect-mongo\"} 0
sessionctl_batch_duration_seconds_bucket{le=\"0.025\",namespace=\"app.sessions\",layout=\"connect-mongo\"} 1
sessionctl_batch_duration_seconds_bucket{le=\"60.0\",namespace=\"app.sessions\",layout=\"connect-mongo\"} 1
sessionctl_batch_duration_seconds_bucket{le=\"+Inf\",namespace=\"app.sessions\",layout=\"connect-mongo\"} 2
# TYPE sessionctl_throttled_seconds_total counter
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"rate\"} 0.0
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"rest\"} 0.0
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"lag\"} 3.0
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"overload\"} 0.0
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"latency\"} 0.0
sessionctl_throttled_seconds_total{namespace=\"app.sessions\",layout=\"connect-mongo\",cause=\"paused\"} 0.0
# TYPE sessionctl_oldest_expired_age_seconds gauge
sessionctl_oldest_expired_age_seconds{namespace=\"app.sessions\",layout=\"connect-mongo\"} 300.0
# TYPE sessionctl_backlog_sessions gauge
sessionctl_backlog_sessions{namespace=\"app.sessions\",layout=\"connect-mongo\"} 7
# TYPE sessionctl_replication_lag_seconds gauge
sessionctl_replication_lag_seconds{namespace=\"app.sessions\"} 2.0
# TYPE sessionctl_read_latency_baseline_seconds gauge
# TYPE sessionctl_read_latency_p50_seconds gauge
# TYPE sessionctl_read_latency_p99_seconds gauge
# TYPE sessionctl_clock_skew_seconds gauge
sessionctl_clock_skew_seconds{namespace=\"app.sessions\"} -0.25
# TYPE sessionctl_lease_held gauge
sessionctl_lease_held{namespace=\"app.sessions\"} 1
# TYPE sessionctl_last_success_timestamp_seconds gauge
sessionctl_last_success_timestamp_seconds{namespace=\"app.sessions\"} 1795428000.5
";
        let text = filled().encode().replace(env!("CARGO_PKG_VERSION"), "VERSION");
        let bounds = ["0.01", "0.025", "60.0", "+Inf"].map(|bound| format!("le=\"{bound}\""));
        let is_left_out = |line: &str| {
            line.starts_with("# HELP")
                || line.contains("_bucket{") && !bounds.iter().any(|bound| line.contains(bound))
        };
        let kept: Vec<&str> = text.lines().filter(|line| !is_left_out(line)).collect();
        assert_eq!(kept.join("\n") + "\n", expected);
        assert_eq!(text.matches("_bucket{").count(), BUCKETS.len() + 1);
        assert_eq!(text.matches("# HELP ").count(), text.matches("# TYPE ").count());
    }

    #[test]
    fn gauges_of_a_backlog_leave_with_the_layout_or_what_was_known_of_it() {
        for leave in [
            |metrics: &Metrics| metrics.backlog(NAMESPACE, LAYOUT, None),
            |metrics: &Metrics| metrics.passed(NAMESPACE, Some("laravel"), PassResult::Ok),
            |metrics: &Metrics| metrics.batch(NAMESPACE, Some("laravel"), Duration::ZERO, 1),
        ] {
            let metrics = filled();
            metrics.passed(NAMESPACE, None, PassResult::Error);
            assert_eq!(samples(&metrics, "sessionctl_backlog_sessions").len(), 1);
            leave(&metrics);
            assert!(samples(&metrics, "sessionctl_backlog_sessions").is_empty());
            assert!(samples(&metrics, "sessionctl_oldest_expired_age_seconds").is_empty());
            let passes = samples(&metrics, "sessionctl_passes_total").join(" ");
            assert!(passes.contains("layout=\"connect-mongo\",result=\"stopped\"} 1"), "{passes}");
        }
        let metrics = filled();
        metrics.backlog(NAMESPACE, Some("laravel"), Some((1, None)));
        let labels = "{namespace=\"app.sessions\",layout=\"laravel\"}";
        assert_eq!(samples(&metrics, "sessionctl_backlog_sessions"), [format!("{labels} 1")]);
        assert!(samples(&metrics, "sessionctl_oldest_expired_age_seconds").is_empty());
        metrics.backlog(NAMESPACE, Some("a\n"), Some((1, None)));
        metrics.passed(NAMESPACE, Some("a\n"), PassResult::Ok);
        assert_eq!(samples(&metrics, "sessionctl_backlog_sessions").len(), 1);
        metrics.lag(NAMESPACE, None);
        assert!(samples(&metrics, "sessionctl_replication_lag_seconds").is_empty());
    }

    #[test]
    fn where_nothing_is_expired_the_backlog_and_its_age_are_nought() {
        let metrics = filled();
        metrics.backlog(NAMESPACE, LAYOUT, Some((0, None)));
        let labels = "{namespace=\"app.sessions\",layout=\"connect-mongo\"}";
        assert_eq!(samples(&metrics, "sessionctl_backlog_sessions"), [format!("{labels} 0")]);
        let age = samples(&metrics, "sessionctl_oldest_expired_age_seconds");
        assert_eq!(age, [format!("{labels} 0.0")]);
    }

    #[test]
    fn a_pass_that_knew_no_layout_is_counted_and_tells_of_nothing_else() {
        let metrics = Metrics::default();
        metrics.passed("a.b", None, PassResult::Error);
        metrics.throttled("a.b", None, Throttled::default());
        let passes = samples(&metrics, "sessionctl_passes_total");
        assert_eq!(passes[1], "{namespace=\"a.b\",layout=\"\",result=\"error\"} 1");
        let page = metrics.encode();
        assert_eq!(page.matches("a.b").count(), 3, "{page}");
    }

    #[test]
    fn a_forgotten_namespace_leaves_nothing_behind() {
        let metrics = filled();
        metrics.clone().describe("shop.sessions", Duration::from_secs(5));
        metrics.forget(NAMESPACE);
        let text = metrics.encode();
        assert!(!text.contains(NAMESPACE) && text.contains("shop.sessions"), "{text}");
    }

    #[test]
    fn a_name_neither_breaks_out_of_its_label_nor_reaches_a_terminal_raw() {
        let metrics = Metrics::default();
        metrics.lease("a\"b\\c\n\u{1b}[2J mongodb://u:pw@h", false);
        let held = samples(&metrics, "sessionctl_lease_held");
        let expected = r#"{namespace="a\"b\\c\\u000a\\u001b[2J mongodb://...@h"} 0"#;
        assert_eq!(held, [expected]);
    }
}
