//! Whether the process wants work: not while it stops, nor while money waits for too long or the clocks disagree.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{CLOCKS_APART, PaymentRequestId, REQUEST_TIME_APART};
use ports::{Backlog, UnavailableError, UnavailableKind};
use serde::Serialize;
use use_cases::{FeedReaders, NoCommits, Ports};
use utoipa::ToSchema;

use crate::timestamps;
use crate::wallet::Caller;

/// How long the database may take to say what waits; shorter than the usual timeout of a probe.
pub(super) const LOOK_WITHIN: Duration = Duration::from_secs(2);
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
    pub(crate) feed: Arc<FeedReaders>,
    pub(crate) readiness: Readiness,
    /// How long a reversal may be open, and a deferred cancel wait for a lookup.
    pub(crate) oldest_open_reversal: TimeDelta,
    /// Whether commits have to wait for a standby.
    pub(crate) requires_standby: bool,
    /// How long a call may take.
    pub(crate) call_budget: Duration,
    pub(crate) metrics: RenderedMetrics,
}

/// Why a process does not want work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UnreadyReason {
    Stopping,
    /// With what the database or its connection says.
    Database(UnavailableError),
    /// With what the database says: it has no room for more.
    DiskFull(UnavailableError),
    /// Batches find no room; with since when none succeeded.
    DiskFullFor(Duration),
    /// Batches fail; with since when none succeeded.
    NoCommits(Duration),
    /// With for how long a batch has been running.
    SlowBatch(Duration),
    /// Commits wait for no standby, and have to.
    NoStandby,
    /// With how far the two clocks are apart.
    Clocks(TimeDelta),
    /// With how far this one is ahead of the times that requests say.
    ClockWrong(TimeDelta),
    /// With the reversal and since when it is open.
    Reversals(PaymentRequestId, DateTime<Utc>),
    /// With the payment and since when its cancel waits for a lookup.
    Deferred(PaymentRequestId, DateTime<Utc>),
}

/// The kind of reason, as anybody may know it: it names nobody and nothing.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum ReasonCode {
    Stopping,
    Database,
    Disk,
    Commits,
    Batches,
    Standby,
    Clocks,
    Reversals,
    Deferred,
}

impl UnreadyReason {
    fn code(&self) -> ReasonCode {
        match self {
            Self::Stopping => ReasonCode::Stopping,
            Self::Database(_) => ReasonCode::Database,
            Self::DiskFull(_) | Self::DiskFullFor(_) => ReasonCode::Disk,
            Self::NoCommits(_) => ReasonCode::Commits,
            Self::SlowBatch(_) => ReasonCode::Batches,
            Self::NoStandby => ReasonCode::Standby,
            Self::Clocks(_) | Self::ClockWrong(_) => ReasonCode::Clocks,
            Self::Reversals(..) => ReasonCode::Reversals,
            Self::Deferred(..) => ReasonCode::Deferred,
        }
    }

    /// The reason in words. They may name a payment or a server, so they are for callers with a token.
    fn details(&self) -> String {
        match self {
            Self::Stopping => "stopping: accepted work is finished first".to_owned(),
            Self::Database(unavailable) => format!("database: {unavailable}"),
            Self::DiskFull(unavailable) => format!("disk: {unavailable}"),
            Self::DiskFullFor(lasts) => format!("disk: {}", none_succeeded(*lasts)),
            Self::NoCommits(lasts) => format!("commits: {}", none_succeeded(*lasts)),
            Self::SlowBatch(lasts) => format!("batches: one has been running for {} s", lasts.as_secs()),
            Self::NoStandby => {
                "standby: the server does not wait for one, and database.synchronous_standby requires it".to_owned()
            }
            Self::Clocks(apart) => format!("clocks: this one and the database's are {} s apart", apart.num_seconds()),
            Self::ClockWrong(ahead) => {
                let direction = if *ahead > TimeDelta::zero() { "ahead of" } else { "behind" };
                let apart = ahead.abs().num_seconds();
                format!("clocks: this one is {apart} s {direction} the Request-Times of the last requests")
            }
            Self::Deferred(id, since) => {
                format!("deferred: {id} has waited for a lookup since {}", timestamps::format(*since))
            }
            Self::Reversals(id, opened_at) => {
                format!("reversals: {id} has been open since {}", timestamps::format(*opened_at))
            }
        }
    }
}

fn none_succeeded(lasts: Duration) -> String {
    format!("none of the commits of the last {} s succeeded", lasts.as_secs())
}

/// What was found when the process was looked at.
#[derive(Default)]
pub(super) struct ReadinessReport {
    /// Why the process is not ready; empty where it is.
    pub(super) reasons: Vec<UnreadyReason>,
    /// Where the database answered.
    pub(super) backlog: Option<Backlog>,
    /// How far the database's clock is ahead of this process's.
    pub(super) database_clock_ahead: Option<TimeDelta>,
    /// The age of the oldest open reversal.
    pub(super) oldest_open_for: Option<TimeDelta>,
    /// The age of the deferred cancel that has waited longest for a lookup.
    pub(super) oldest_deferred_for: Option<TimeDelta>,
}

/// Whether the process wants more work. To a caller with a token also why, in words, and what waits in all processes together; that is absent
/// where the database does not answer.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReadinessBody {
    ready: bool,
    /// Why it is not ready.
    reasons: Vec<ReasonCode>,
    /// With a token only: the same reasons in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    details: Option<Vec<String>>,
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
    /// The deferred cancel that has waited longest for a lookup; absent where none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    oldest_deferred: Option<OldestDeferred>,
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

/// The deferred cancel that has waited longest for a lookup of its payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OldestDeferred {
    #[schema(min_length = 1, max_length = 64)]
    payment_request_id: String,
    #[schema(format = DateTime)]
    since: String,
}

/// Whether more work should be sent here.
#[utoipa::path(
    tag = "operations",
    security((), ("bearer" = [])),
    responses(
        (status = 200, body = ReadinessBody, description = "Send work here"),
        (status = 503, body = ReadinessBody, description = "Do not; `reasons` says why")
    )
)]
#[get("/readyz")]
pub(crate) async fn readyz(operations: web::Data<Operations>, request: HttpRequest) -> HttpResponse {
    let report = operations.report().await;
    let is_ready = report.reasons.is_empty();
    let reasons = report.reasons.iter().map(UnreadyReason::code).collect();
    let body = ReadinessBody { ready: is_ready, reasons, ..ReadinessBody::default() };
    let body = if Caller::of(&request).is_some() { body.with_details(&report) } else { body };
    HttpResponse::build(if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }).json(body)
}

impl Operations {
    /// Looks at the process and its database.
    pub(super) async fn report(&self) -> ReadinessReport {
        let unready = |reason| ReadinessReport { reasons: vec![reason], ..ReadinessReport::default() };
        if self.readiness.is_stopping() {
            return unready(UnreadyReason::Stopping);
        }
        let store = &self.ports.store;
        let looking = async { Ok((store.check().await?, store.backlog().await?)) };
        let looked = tokio::time::timeout(LOOK_WITHIN.min(self.call_budget), looking).await;
        let (database_clock, backlog) = match looked.unwrap_or_else(|_| Err(UnavailableError::because("no answer in time"))) {
            Ok(found) => found,
            Err(unavailable) => return unready(unanswered(unavailable)),
        };
        self.ports.lanes.store_commits(COMMITS_WITHIN);
        let now = self.ports.clock.now();
        let database_clock_ahead = database_clock.map(|clock| clock - now);
        let oldest_open_for = backlog.oldest_open.as_ref().map(|(_, opened_at)| now - *opened_at);
        let oldest_deferred_for = backlog.oldest_deferred.as_ref().map(|(_, since)| now - *since);
        let clocks = clocks_apart(database_clock_ahead);
        let clocks = clocks.or_else(|| clock_wrong(self.ports.request_times.clock_ahead(self.ports.clock.as_ref())));
        let reasons = self.no_commits().into_iter().chain(self.no_standby()).chain(clocks);
        let reasons = reasons.chain(too_old(&backlog, self.oldest_open_reversal, now)).collect();
        ReadinessReport { reasons, backlog: Some(backlog), database_clock_ahead, oldest_open_for, oldest_deferred_for }
    }

    /// What is asked for is not committed. That the database answers says little: a commit may wait for a standby, or for room.
    fn no_commits(&self) -> Option<UnreadyReason> {
        let lanes = &self.ports.lanes;
        if let Some(NoCommits { lasts, is_full }) = lanes.no_commits().filter(|none| none.lasts >= COMMITS_WITHIN) {
            let reason = if is_full { UnreadyReason::DiskFullFor } else { UnreadyReason::NoCommits };
            return Some(reason(lasts));
        }
        let oldest = lanes.oldest_batch();
        (oldest >= COMMITS_WITHIN).then_some(UnreadyReason::SlowBatch(oldest))
    }

    fn no_standby(&self) -> Option<UnreadyReason> {
        let waits = self.ports.store.state().waits_for_standby;
        (self.requires_standby && waits == Some(false)).then_some(UnreadyReason::NoStandby)
    }
}

/// Why the database could not be looked at.
fn unanswered(unavailable: UnavailableError) -> UnreadyReason {
    match unavailable.kind() {
        UnavailableKind::StoreFull => UnreadyReason::DiskFull(unavailable),
        UnavailableKind::Store | UnavailableKind::Alone => UnreadyReason::Database(unavailable),
    }
}

fn clocks_apart(database_clock_ahead: Option<TimeDelta>) -> Option<UnreadyReason> {
    let apart = database_clock_ahead?.abs();
    (apart > CLOCKS_APART).then_some(UnreadyReason::Clocks(apart))
}

/// Alipay+'s clock against ours. One header proves nothing, and this is the median of many.
fn clock_wrong(ahead: Option<TimeDelta>) -> Option<UnreadyReason> {
    ahead.filter(|ahead| ahead.abs() > REQUEST_TIME_APART).map(UnreadyReason::ClockWrong)
}

/// What is open, or waits for a lookup, for too long needs an operator, whichever side is at fault.
fn too_old(backlog: &Backlog, limit: TimeDelta, now: DateTime<Utc>) -> impl Iterator<Item = UnreadyReason> {
    let is_too_old = |(_, since): &(PaymentRequestId, DateTime<Utc>)| now - *since > limit;
    let open = backlog.oldest_open.clone().filter(is_too_old).map(|(id, opened_at)| UnreadyReason::Reversals(id, opened_at));
    let deferred = backlog.oldest_deferred.clone().filter(is_too_old).map(|(id, since)| UnreadyReason::Deferred(id, since));
    open.into_iter().chain(deferred)
}

impl ReadinessBody {
    fn with_details(self, ReadinessReport { reasons, backlog, .. }: &ReadinessReport) -> Self {
        let count = |count: fn(&Backlog) -> u64| backlog.as_ref().map(count);
        let oldest = backlog.as_ref().and_then(|backlog| backlog.oldest_open.as_ref());
        let oldest_open_reversal = oldest
            .map(|(id, opened_at)| OldestReversal { reversal_id: id.to_string(), opened_at: timestamps::format(*opened_at) });
        let waits_longest = backlog.as_ref().and_then(|backlog| backlog.oldest_deferred.as_ref());
        let oldest_deferred = waits_longest
            .map(|(id, since)| OldestDeferred { payment_request_id: id.to_string(), since: timestamps::format(*since) });
        Self {
            oldest_deferred,
            details: Some(reasons.iter().map(UnreadyReason::details).collect()),
            deferred: count(|backlog| backlog.deferred),
            open_reversals: count(|backlog| backlog.open),
            parked_reversals: count(|backlog| backlog.parked),
            oldest_open_reversal,
            ..self
        }
    }
}
