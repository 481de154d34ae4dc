//! What is counted, in one list, and the recorder that counts it. `docs/operate/metrics.md` shows the same list, and a test compares the two.

use std::time::Duration;

use domain::{CancellationStateName, ReversalOutcomeName, ReversalStateName, Rule};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use crate::output::CliError;

/// How often what was measured is put into its buckets while /metrics is not read: until then each value takes memory of its own.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// From a repeat on an idle machine to what an operator has paid by hand after days.
const MONEY_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0, 86400.0];
/// From a repeat on an idle machine to Alipay+'s patience.
const ANSWER_BUCKETS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0];
/// From a commit on a fast disk to the database's own patience.
const WORK_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0];
/// From a core beside it to the longest timeout.
const CORE: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 30.0, 60.0];
/// From one command to the most that share a commit.
const BATCH: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    /// With the upper ends of its buckets.
    Histogram(&'static [f64]),
}

/// Every metric: its name, its kind with its unit, and what it says.
const METRICS: &[(&str, Kind, Unit, &str)] = &[
    ("rescind_answers_total", Kind::Counter, Unit::Count, "Signed answers to Alipay+, by result_status and result_code."),
    (
        "rescind_answers_unsigned_total",
        Kind::Counter,
        Unit::Count,
        "Requests at the callback that got no signed answer, by HTTP status.",
    ),
    ("rescind_http_connections", Kind::Gauge, Unit::Count, "Open connections, by listener."),
    ("rescind_http_connections_closed_total", Kind::Counter, Unit::Count, "Connections that ended, by listener and reason."),
    (
        "rescind_answers_out_of_time_total",
        Kind::Counter,
        Unit::Count,
        "Cancels answered U because the answer budget ended; their work went on.",
    ),
    (
        "rescind_answer_seconds",
        Kind::Histogram(ANSWER_BUCKETS),
        Unit::Seconds,
        "From the arrival of a well-signed cancel's head until its answer is signed.",
    ),
    (
        "rescind_time_to_money_seconds",
        Kind::Histogram(MONEY_BUCKETS),
        Unit::Seconds,
        "From the first byte of the first cancel, or from the debit where that came later, until the commit by which the reversal is done.",
    ),
    ("rescind_repeats_total", Kind::Counter, Unit::Count, "Cancels that were given a recorded answer again."),
    (
        "rescind_decisions_total",
        Kind::Counter,
        Unit::Count,
        "Decisions about cancels, by rule; a cancel that waits, or is looked up again, is decided more than once.",
    ),
    (
        "rescind_open_reversals",
        Kind::Gauge,
        Unit::Count,
        "Reversals that are tried until the money is back, in all processes together.",
    ),
    (
        "rescind_parked_reversals",
        Kind::Gauge,
        Unit::Count,
        "Reversals and deferred cancels that an operator has to decide about, in all processes together.",
    ),
    (
        "rescind_oldest_open_reversal_seconds",
        Kind::Gauge,
        Unit::Seconds,
        "For how long the oldest open reversal is open; 0 where none is.",
    ),
    (
        "rescind_deferred_cancels",
        Kind::Gauge,
        Unit::Count,
        "Cancels that cannot be decided yet and are not parked, in all processes together.",
    ),
    (
        "rescind_oldest_deferred_cancel_seconds",
        Kind::Gauge,
        Unit::Seconds,
        "For how long the oldest deferred cancel waits for a lookup of its payment; 0 where none waits.",
    ),
    (
        "rescind_feed_oldest_writer_seconds",
        Kind::Gauge,
        Unit::Seconds,
        "For how long this process has seen the oldest open writer of the database's server; 0 where none is open.",
    ),
    ("rescind_reversal_attempts_total", Kind::Counter, Unit::Count, "Attempts to give money back that ended, by outcome."),
    (
        "rescind_contradictions_total",
        Kind::Counter,
        Unit::Count,
        "Contradictions of the wallet core that deferred a cancel or parked a reversal, by end.",
    ),
    ("rescind_payment_lookups_total", Kind::Counter, Unit::Count, "Payments that the wallet core was asked for, by outcome."),
    ("rescind_wallet_core_seconds", Kind::Histogram(CORE), Unit::Seconds, "How long calls of the wallet core took, by call."),
    ("rescind_commands_waiting", Kind::Gauge, Unit::Count, "Commands that wait in this process's lanes for the next batch."),
    ("rescind_commands_not_decided_total", Kind::Counter, Unit::Count, "Commands that were not decided, by reason."),
    ("rescind_batch_commands", Kind::Histogram(BATCH), Unit::Count, "How many commands shared a commit."),
    (
        "rescind_batch_seconds",
        Kind::Histogram(WORK_BUCKETS),
        Unit::Seconds,
        "How long a batch took, from the lane to the commit.",
    ),
    ("rescind_batch_replays_total", Kind::Counter, Unit::Count, "Batches that failed and were decided again one by one."),
    ("rescind_database_connections", Kind::Gauge, Unit::Count, "Open connections to the database, by pool and state."),
    (
        "rescind_database_connection_wait_seconds",
        Kind::Histogram(WORK_BUCKETS),
        Unit::Seconds,
        "How long a connection was waited for, by pool.",
    ),
    (
        "rescind_database_connections_given_up_total",
        Kind::Counter,
        Unit::Count,
        "Connections that were closed because no answer came over them in time.",
    ),
    (
        "rescind_database_histories_total",
        Kind::Counter,
        Unit::Count,
        "How often the database had another history than before, such as after a failover.",
    ),
    (
        "rescind_answers_restored_total",
        Kind::Counter,
        Unit::Count,
        "Answers that the database had forgotten, by outcome: recorded again, or another one now.",
    ),
    (
        "rescind_database_clock_ahead_seconds",
        Kind::Gauge,
        Unit::Seconds,
        "How far the database's clock is ahead of this process's.",
    ),
    (
        "rescind_request_times_apart_total",
        Kind::Counter,
        Unit::Count,
        "Verified requests whose Request-Time is more than 5 minutes from this process's clock.",
    ),
    ("rescind_ready", Kind::Gauge, Unit::Count, "1 where /readyz says yes, else 0."),
    ("rescind_build_info", Kind::Gauge, Unit::Count, "Always 1, by version."),
];

/// Starts counting, once in a process, and returns what renders the counts. Answers have one of `codes`: a status and a code.
pub(crate) fn start(codes: &[(&'static str, &'static str)]) -> Result<impl Fn() -> String + Send + Sync + 'static, CliError> {
    let cannot = |error: &dyn std::fmt::Display| CliError::new(format!("metrics cannot start: {error}"));
    let mut builder = PrometheusBuilder::new();
    for (name, kind, _, _) in METRICS {
        if let Kind::Histogram(buckets) = kind {
            let name = Matcher::Full((*name).to_owned());
            builder = builder.set_buckets_for_metric(name, buckets).map_err(|error| cannot(&error))?;
        }
    }
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| cannot(&error))?;
    for (name, kind, unit, help) in METRICS {
        match kind {
            Kind::Counter => describe_counter!(*name, *unit, *help),
            Kind::Gauge => describe_gauge!(*name, *unit, *help),
            Kind::Histogram(_) => describe_histogram!(*name, *unit, *help),
        }
    }
    count_from_zero(codes);
    gauge!("rescind_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let of_upkeep = handle.clone();
    tokio::spawn(async move {
        let mut turns = tokio::time::interval(UPKEEP_EVERY);
        loop {
            turns.tick().await;
            of_upkeep.run_upkeep();
        }
    });
    Ok(move || handle.render())
}

/// An alert on a counter's growth does not see the step from no series to 1. So each series that can be there is there from the beginning.
fn count_from_zero(codes: &[(&'static str, &'static str)]) {
    for (result_status, result_code) in codes.iter().copied() {
        counter!("rescind_answers_total", "result_status" => result_status, "result_code" => result_code).absolute(0);
    }
    for status in ["400", "404", "408", "413", "429", "503"] {
        counter!("rescind_answers_unsigned_total", "status" => status).absolute(0);
    }
    for reason in ["overloaded", "stopping", "unavailable"] {
        counter!("rescind_commands_not_decided_total", "reason" => reason).absolute(0);
    }
    for outcome in ReversalOutcomeName::ALL.iter().map(|outcome| outcome.as_str()).chain(["not-begun"]) {
        counter!("rescind_reversal_attempts_total", "outcome" => outcome).absolute(0);
    }
    for outcome in ["found", "not-found", "unavailable", "not-begun"] {
        counter!("rescind_payment_lookups_total", "outcome" => outcome).absolute(0);
    }
    for row in &Rule::TABLE {
        counter!("rescind_decisions_total", "rule" => row.name).absolute(0);
    }
    for outcome in ["restored", "contradicted"] {
        counter!("rescind_answers_restored_total", "outcome" => outcome).absolute(0);
    }
    for end in [CancellationStateName::Deferred.as_str(), ReversalStateName::Parked.as_str()] {
        counter!("rescind_contradictions_total", "end" => end).absolute(0);
    }
    for name in [
        "rescind_answers_out_of_time_total",
        "rescind_batch_replays_total",
        "rescind_repeats_total",
        "rescind_request_times_apart_total",
        "rescind_database_connections_given_up_total",
        "rescind_database_histories_total",
    ] {
        counter!(name).absolute(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_metric_as_it_is_described() {
        let row = |(name, kind, _, help): &(&str, Kind, Unit, &str)| {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            format!("| `{name}` | {kind} | {help} |")
        };
        let page = include_str!("../../../docs/operate/metrics.md");
        let listed: Vec<_> = page.lines().filter(|line| line.starts_with("| `rescind_")).collect();
        assert_eq!(listed, METRICS.iter().map(row).collect::<Vec<_>>());
    }
}
