//! What this process counted, as Prometheus reads it.

use std::time::Duration;

use actix_web::{HttpResponse, get, web};
use metrics::gauge;

use super::readiness::{LOOK_WITHIN, Operations, ReadinessReport};

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics in Prometheus' text format.
///
/// Counters are this process's; gauges of deferred cancels and reversals are the whole deployment's.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "Prometheus' text format"))
)]
#[get("/metrics")]
pub(crate) async fn metrics_text(operations: web::Data<Operations>) -> HttpResponse {
    // Both ask the database.
    let (report, oldest_writer) = tokio::join!(operations.report(), oldest_writer(&operations));
    set_gauges(&report);
    gauge!("rescind_feed_oldest_writer_seconds").set(oldest_writer.map_or(f64::NAN, |oldest| oldest.as_secs_f64()));
    HttpResponse::Ok().content_type(TEXT_FORMAT).body((operations.metrics)())
}

/// How long the feed has been waiting for one writer, where the database says so.
async fn oldest_writer(operations: &Operations) -> Option<Duration> {
    tokio::time::timeout(LOOK_WITHIN, operations.feed.feed().oldest_writer()).await.ok()?.ok()
}

/// What could not be looked up is set to NaN: an old number would look like a new one.
fn set_gauges(report: &ReadinessReport) {
    let ReadinessReport { reasons, backlog, database_clock_ahead, oldest_open_for, oldest_deferred_for } = report;
    let number = |count: Option<u64>| count.map_or(f64::NAN, |count| count as f64);
    let backlog = backlog.as_ref();
    gauge!("rescind_ready").set(if reasons.is_empty() { 1.0 } else { 0.0 });
    gauge!("rescind_deferred_cancels").set(number(backlog.map(|backlog| backlog.deferred)));
    gauge!("rescind_open_reversals").set(number(backlog.map(|backlog| backlog.open)));
    gauge!("rescind_parked_reversals").set(number(backlog.map(|backlog| backlog.parked)));
    let age = |age: &Option<chrono::TimeDelta>| {
        let seconds = age.map_or(0.0, |age| age.as_seconds_f64());
        if backlog.is_some() { seconds } else { f64::NAN }
    };
    gauge!("rescind_oldest_open_reversal_seconds").set(age(oldest_open_for));
    gauge!("rescind_oldest_deferred_cancel_seconds").set(age(oldest_deferred_for));
    let ahead = database_clock_ahead.map_or(f64::NAN, |ahead| ahead.as_seconds_f64());
    gauge!("rescind_database_clock_ahead_seconds").set(ahead);
}
