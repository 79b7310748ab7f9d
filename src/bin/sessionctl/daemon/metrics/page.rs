//! The metrics as text.
//!
//! The format is 0.0.4, not that of `OpenMetrics`: the node exporter's textfile collector accepts
//! nothing else. It requires the full name of a counter in `# TYPE`, no `info` type and no `# EOF`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeMetric as _, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use sessionctl::purge::Throttled;

use super::swept::{Backlog, Swept, Totals};

/// Writes all families.
pub(super) fn write(
    encoder: DescriptorEncoder<'_>,
    swept: &BTreeMap<String, Swept>,
) -> fmt::Result {
    let mut page = Page { encoder, swept };
    page.build_info()?;
    page.settings()?;
    page.counts()?;
    page.states()
}

type Labels<'a, const N: usize> = [(&'static str, &'a str); N];

/// The families, one after the other: the format requires the series of a family to be together.
struct Page<'e, 's> {
    encoder: DescriptorEncoder<'e>,
    swept: &'s BTreeMap<String, Swept>,
}

impl Page<'_, '_> {
    fn build_info(&mut self) -> fmt::Result {
        let help = "The version of sessionctl.";
        let mut family = self.family("build_info", help, MetricType::Gauge)?;
        sample(&mut family, &[("version", env!("CARGO_PKG_VERSION"))], &1_u64)
    }

    fn settings(&mut self) -> fmt::Result {
        let help = "Time between the starts of two passes.";
        self.gauge("sweep_interval_seconds", help, |swept| swept.interval.map(seconds))
    }

    fn counts(&mut self) -> fmt::Result {
        let help = "Sessions deleted.";
        self.counter("sessions_deleted_total", help, |labels, counts, family| {
            if is_told(labels, counts.batches > 0) {
                sample(family, &labels, &counts.deleted)?;
            }
            Ok(())
        })?;
        let help = "Sessions of held users that were expired or deleted.";
        self.of_namespace("held_sessions_ended_total", help, MetricType::Counter, |swept| {
            swept.logged_out
        })?;
        let help = "Passes by result: ok, error, or stopped by a signal or a lost lease.";
        self.counter("passes_total", help, |[namespace, layout], counts, family| {
            for (result, passes) in ["ok", "error", "stopped"].into_iter().zip(counts.passes) {
                sample(family, &[namespace, layout, ("result", result)], &passes)?;
            }
            Ok(())
        })?;
        let help = "Time to delete a batch.";
        self.each(
            "batch_duration_seconds",
            help,
            MetricType::Histogram,
            |labels, counts, family| {
                if is_told(labels, counts.batches > 0) {
                    counts.took.encode(family.encode_family(&labels)?)?;
                }
                Ok(())
            },
        )?;
        let help = "Time that passes waited, by cause: rate limit, sleep after a batch (rest), replication lag, server overload, latency of other clients, or a pause.";
        self.counter("throttled_seconds_total", help, |labels, counts, family| {
            let Throttled { rate, rest, lag, overload, latency, paused } = counts.throttled;
            let causes = [
                ("rate", rate),
                ("rest", rest),
                ("lag", lag),
                ("overload", overload),
                ("latency", latency),
                ("paused", paused),
            ];
            if is_told(labels, counts.throttled != Throttled::default()) {
                let [namespace, layout] = labels;
                for (cause, waited) in causes {
                    sample(family, &[namespace, layout, ("cause", cause)], &seconds(waited))?;
                }
            }
            Ok(())
        })
    }

    fn states(&mut self) -> fmt::Result {
        let help = "Time since the oldest expired session expired; 0 if no session is expired.";
        self.backlog("oldest_expired_age_seconds", help, |backlog| backlog.oldest.map(seconds))?;
        let help = "Expired sessions that are not deleted yet, counted up to 100000.";
        self.backlog("backlog_sessions", help, |backlog| Some(backlog.sessions))?;
        let help = "Lag of the slowest replica set member behind the primary.";
        self.gauge("replication_lag_seconds", help, |swept| swept.lag.map(seconds))?;
        let help = "Latency that 90 % of reads did not exceed before the last long pass.";
        self.gauge("read_latency_baseline_seconds", help, |swept| {
            swept.latency?.baseline.map(seconds)
        })?;
        let help = "Median latency of reads during the last long pass.";
        self.gauge("read_latency_p50_seconds", help, |swept| {
            swept.latency?.during.map(|(median, _)| seconds(median))
        })?;
        let help = "99th percentile of the latency of reads during the last long pass.";
        self.gauge("read_latency_p99_seconds", help, |swept| {
            swept.latency?.during.map(|(_, most)| seconds(most))
        })?;
        let help = "Local clock minus the server's clock.";
        self.gauge("clock_skew_seconds", help, |swept| swept.skew)?;
        let help = "1 if this process holds the lease of the namespace, else 0.";
        self.gauge("lease_held", help, |swept| swept.held.map(u64::from))?;
        let help = "End of the last successful pass, by the server's clock.";
        self.gauge("last_success_timestamp_seconds", help, |swept| {
            swept.succeeded.map(|at| at.timestamp_millis() as f64 / 1000.0)
        })
    }

    fn gauge<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&Swept) -> Option<V>,
    ) -> fmt::Result {
        self.of_namespace(name, help, MetricType::Gauge, value)
    }

    fn of_namespace<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        value: impl Fn(&Swept) -> Option<V>,
    ) -> fmt::Result {
        let swept = self.swept;
        let mut family = self.family(name, help, kind)?;
        for (namespace, swept) in swept {
            if let Some(value) = value(swept) {
                sample(&mut family, &[("namespace", namespace)], &value)?;
            }
        }
        Ok(())
    }

    fn backlog<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&Backlog) -> Option<V>,
    ) -> fmt::Result {
        let swept = self.swept;
        let mut family = self.family(name, help, MetricType::Gauge)?;
        for (namespace, swept) in swept {
            if let Some(backlog) = &swept.backlog
                && let Some(value) = value(backlog)
            {
                let labels = [("namespace", namespace.as_str()), ("layout", &*backlog.layout)];
                sample(&mut family, &labels, &value)?;
            }
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        samples: impl Fn(Labels<'_, 2>, &Totals, &mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.each(name, help, MetricType::Counter, samples)
    }

    fn each(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        samples: impl Fn(Labels<'_, 2>, &Totals, &mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let swept = self.swept;
        let mut family = self.family(name, help, kind)?;
        for (namespace, swept) in swept {
            for (layout, counts) in &swept.layouts {
                samples([("namespace", namespace), ("layout", layout)], counts, &mut family)?;
            }
        }
        Ok(())
    }

    fn family<'a>(
        &'a mut self,
        name: &'a str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'a>, fmt::Error> {
        self.encoder.encode_descriptor(name, help, None, kind)
    }
}

/// The counts of a layout begin at 0, so that the first one is an increase, too. Without a layout,
/// there was probably only a failed pass.
fn is_told([_, (_, layout)]: Labels<'_, 2>, has_begun: bool) -> bool {
    has_begun || !layout.is_empty()
}

/// A counter is written like a gauge, because otherwise its name would get a second `_total`.
fn sample<const N: usize>(
    family: &mut MetricEncoder<'_>,
    labels: &Labels<'_, N>,
    value: &impl EncodeGaugeValue,
) -> fmt::Result {
    family.encode_family(labels)?.encode_gauge(value)
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
