//! For whoever watches many processes: what this one counted, as Prometheus reads it.

use actix_web::{HttpResponse, get, web};
use metrics::gauge;

use super::{Ready, look};
use crate::wallet::WalletApi;

/// Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What this process counted, and what waits in all processes together, as Prometheus reads it.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = String, content_type = "text/plain", description = "docs/operate/metrics.md explains each metric"))
)]
#[get("/metrics")]
pub(crate) async fn metrics_text(api: web::Data<WalletApi>) -> HttpResponse {
    let seen = look(&api).await;
    tell(&seen);
    HttpResponse::Ok().content_type(TEXT_FORMAT).body((api.metrics)())
}

/// Has the gauges say what was just looked at. What could not be seen is no number: an old one would look like a new one.
fn tell(Ready { ready, reason: _, waiting, database_clock_ahead, oldest_open_for }: &Ready) {
    let number = |count: Option<u64>| count.map_or(f64::NAN, |count| count as f64);
    let waiting = waiting.as_ref();
    gauge!("rescind_ready").set(if *ready { 1.0 } else { 0.0 });
    gauge!("rescind_deferred_cancels").set(number(waiting.map(|waiting| waiting.deferred)));
    gauge!("rescind_open_reversals").set(number(waiting.map(|waiting| waiting.open_reversals)));
    gauge!("rescind_parked_reversals").set(number(waiting.map(|waiting| waiting.parked_reversals)));
    let age = oldest_open_for.map_or(0.0, |age| age.as_seconds_f64());
    gauge!("rescind_oldest_open_reversal_seconds").set(if waiting.is_some() { age } else { f64::NAN });
    let ahead = database_clock_ahead.map_or(f64::NAN, |ahead| ahead.as_seconds_f64());
    gauge!("rescind_database_clock_ahead_seconds").set(ahead);
}
