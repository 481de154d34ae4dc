//! Whether the process wants work: not while it stops, nor while money waits for too long or the clocks disagree.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use ports::{Backlog, UnavailableError, UnavailableKind};
use serde::Serialize;
use use_cases::{NoCommits, Ports};
use utoipa::ToSchema;

use crate::timestamps;

/// The largest difference between the clocks of process and database. Beyond it, it is uncertain which cancels are in time.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);
/// How long the database may take to say what waits; shorter than the usual timeout of a probe.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// For how long commits may be asked for without one that succeeds, and a batch may go on.
const COMMITS_WITHIN: Duration = Duration::from_secs(3);

/// Renders what this process counted, in Prometheus' text format.
pub type RenderedMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Whether the process wants more work. Clones speak of the same process.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    stopping: Arc<AtomicBool>,
}

impl Readiness {
    /// A process that wants work.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `/readyz` answers 503, so that no more work is sent here.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// What the operations' endpoints look at.
pub(crate) struct Operations {
    pub(crate) ports: Arc<Ports>,
    pub(crate) readiness: Readiness,
    /// How long a reversal may be open.
    pub(crate) oldest_open_reversal: TimeDelta,
    /// Whether commits have to wait for a standby.
    pub(crate) requires_standby: bool,
    /// How long a call may take.
    pub(crate) call_budget: Duration,
    pub(crate) metrics: RenderedMetrics,
}

/// What was found when the process was looked at.
#[derive(Default)]
pub(super) struct ReadinessReport {
    /// Why the process is not ready; `None` where it is.
    pub(super) reason: Option<String>,
    /// Where the database answered.
    pub(super) backlog: Option<Backlog>,
    /// How far the database's clock is ahead of this process's.
    pub(super) database_clock_ahead: Option<TimeDelta>,
    /// The age of the oldest open reversal.
    pub(super) oldest_open_for: Option<TimeDelta>,
}

/// Whether the process wants more work, and what waits in all processes together. What waits is absent where the database does not
/// answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadinessBody {
    ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Cancels that cannot be decided yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deferred: Option<u64>,
    /// Reversals that are tried until the money is back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    open_reversals: Option<u64>,
    /// Reversals that wait for an operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    parked_reversals: Option<u64>,
    /// The open reversal that has waited longest; absent where none is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    oldest_open_reversal: Option<OldestReversal>,
}

/// The open reversal that has waited longest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OldestReversal {
    /// The same as `paymentRequestId`.
    #[schema(min_length = 1, max_length = 64)]
    reversal_id: String,
    #[schema(format = DateTime)]
    opened_at: String,
}

/// Whether more work should be sent here.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses(
        (status = 200, body = ReadinessBody, description = "Send work here"),
        (status = 503, body = ReadinessBody, description = "Do not; `reason` says why")
    )
)]
#[get("/readyz")]
pub(crate) async fn readyz(operations: web::Data<Operations>) -> HttpResponse {
    let body = ReadinessBody::from(operations.report().await);
    let status = if body.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(body)
}

impl Operations {
    /// Looks at the process and its database.
    pub(super) async fn report(&self) -> ReadinessReport {
        let unready = |reason| ReadinessReport { reason: Some(reason), ..ReadinessReport::default() };
        if self.readiness.is_stopping() {
            return unready("stopping".to_owned());
        }
        let store = &self.ports.store;
        let looking = async { Ok((store.check().await?, store.backlog().await?)) };
        let looked = tokio::time::timeout(LOOK_WITHIN.min(self.call_budget), looking).await;
        let (database_clock, backlog) = match looked.unwrap_or_else(|_| Err(UnavailableError::because("no answer in time"))) {
            Ok(found) => found,
            Err(unavailable) => return unready(unanswered(&unavailable)),
        };
        self.ports.lanes.store_commits(COMMITS_WITHIN);
        let now = self.ports.clock.now();
        let database_clock_ahead = database_clock.map(|clock| clock - now);
        let oldest_open_for = backlog.oldest_open.as_ref().map(|(_, opened_at)| now - *opened_at);
        let reason = (self.no_commits())
            .or_else(|| self.no_standby())
            .or_else(|| clocks_apart(database_clock_ahead))
            .or_else(|| too_old(&backlog, self.oldest_open_reversal, now));
        ReadinessReport { reason, backlog: Some(backlog), database_clock_ahead, oldest_open_for }
    }
}

impl Operations {
    /// What is asked for is not committed. That the database answers says little: a commit may wait for a standby, or for room.
    fn no_commits(&self) -> Option<String> {
        let lanes = &self.ports.lanes;
        if let Some(NoCommits { lasts, is_full }) = lanes.no_commits().filter(|none| none.lasts >= COMMITS_WITHIN) {
            let kind = if is_full { "disk" } else { "commits" };
            return Some(format!("{kind}: none of the commits of the last {} s succeeded", lasts.as_secs()));
        }
        let oldest = lanes.oldest_batch();
        (oldest >= COMMITS_WITHIN).then(|| format!("batches: one has been running for {} s", oldest.as_secs()))
    }

    fn no_standby(&self) -> Option<String> {
        let waits = self.ports.store.state().waits_for_standby;
        (self.requires_standby && waits == Some(false))
            .then(|| "standby: the server does not wait for one, and database.synchronous_standby requires it".to_owned())
    }
}

/// Why the database could not be looked at.
fn unanswered(unavailable: &UnavailableError) -> String {
    match unavailable.kind() {
        UnavailableKind::StoreFull => format!("disk: {unavailable}"),
        UnavailableKind::Store | UnavailableKind::Alone => format!("database: {unavailable}"),
    }
}

fn clocks_apart(database_clock_ahead: Option<TimeDelta>) -> Option<String> {
    let apart = database_clock_ahead?.abs();
    (apart > CLOCKS_APART).then(|| format!("clocks: this one and the database's are {} s apart", apart.num_seconds()))
}

/// A reversal that is open for too long needs an operator, whichever side is at fault.
fn too_old(backlog: &Backlog, limit: TimeDelta, now: DateTime<Utc>) -> Option<String> {
    let (id, opened_at) = backlog.oldest_open.as_ref().filter(|(_, opened_at)| now - *opened_at > limit)?;
    Some(format!("reversals: {id} has been open since {}", timestamps::format(*opened_at)))
}

impl From<ReadinessReport> for ReadinessBody {
    fn from(ReadinessReport { reason, backlog, .. }: ReadinessReport) -> Self {
        let count = |count: fn(&Backlog) -> u64| backlog.as_ref().map(count);
        let oldest = backlog.as_ref().and_then(|backlog| backlog.oldest_open.as_ref());
        let oldest_open_reversal = oldest
            .map(|(id, opened_at)| OldestReversal { reversal_id: id.to_string(), opened_at: timestamps::format(*opened_at) });
        Self {
            ready: reason.is_none(),
            deferred: count(|backlog| backlog.deferred),
            open_reversals: count(|backlog| backlog.open),
            parked_reversals: count(|backlog| backlog.parked),
            oldest_open_reversal,
            reason,
        }
    }
}
