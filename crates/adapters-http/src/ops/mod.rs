//! For whoever runs the process: whether it lives, and whether it wants work.

mod metrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use chrono::{DateTime, TimeDelta, Utc};
use ports::{Backlog, UnavailableError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wallet::{WalletApi, time};
pub(crate) use metrics::{__path_metrics_text, metrics_text};

/// How far the clocks of process and database may be apart: past it, nobody knows whose cancels are in time.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);

/// How long a batch may take; far beyond every timeout that a database which still answers keeps.
const STUCK: Duration = Duration::from_secs(30);
/// How long the database may take to say what waits: less than whoever asks waits for.
const LOOK_WITHIN: Duration = Duration::from_secs(2);

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

    /// From now on `/readyz` answers 503, so that nobody sends work here any more.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

/// Whether the process wants more work, and what waits.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    ready: bool,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
    /// What waits, where the database could be asked.
    #[serde(flatten)]
    waiting: Option<Waiting>,
    /// How far the database's clock is ahead of this process's.
    #[serde(skip)]
    database_clock_ahead: Option<TimeDelta>,
    /// For how long the oldest open reversal is open.
    #[serde(skip)]
    oldest_open_for: Option<TimeDelta>,
}

/// What waits, in all processes together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    /// Cancels that cannot be decided yet.
    deferred: u64,
    /// Reversals that are tried until the money is back.
    open_reversals: u64,
    /// Reversals that an operator has to decide about.
    parked_reversals: u64,
    /// The open reversal that has waited longest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    oldest_open_reversal: Option<OldestReversal>,
}

/// A reversal and since when it is open.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OldestReversal {
    reversal_id: String,
    #[schema(format = DateTime)]
    opened_at: String,
}

/// Whether the process does its work. One whose batch does not end is best started anew: a server that froze keeps its connections
/// open for ever, and a new process makes new ones.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = String, description = "`ok`"), (status = 503, body = String, description = "What is stuck"))
)]
#[get("/livez")]
pub(crate) async fn livez(api: web::Data<WalletApi>) -> (String, StatusCode) {
    let oldest = api.ports.lanes.oldest_batch();
    if oldest > STUCK {
        return (format!("the database has not ended a batch for {} s", oldest.as_secs()), StatusCode::SERVICE_UNAVAILABLE);
    }
    ("ok".to_owned(), StatusCode::OK)
}

/// Whether more work should be sent here.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = Ready, description = "Yes"), (status = 503, body = Ready, description = "No"))
)]
#[get("/readyz")]
pub(crate) async fn readyz(api: web::Data<WalletApi>) -> HttpResponse {
    let ready = look(&api).await;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(ready)
}

async fn look(api: &WalletApi) -> Ready {
    let unready = |reason| Ready { reason: Some(reason), ..Ready::default() };
    if api.readiness.is_stopping() {
        return unready("stopping".to_owned());
    }
    let asked = async { Ok((api.ports.store.check().await?, api.ports.store.backlog().await?)) };
    let answered = tokio::time::timeout(LOOK_WITHIN.min(api.call_budget), asked).await;
    let (database_clock, backlog) = match answered.unwrap_or_else(|_| Err(UnavailableError::because("no answer in time"))) {
        Ok(answer) => answer,
        Err(unavailable) => return unready(format!("database: {unavailable}")),
    };
    let now = api.ports.clock.now();
    let database_clock_ahead = database_clock.map(|clock| clock - now);
    let oldest_open_for = backlog.oldest_open.as_ref().map(|(_, opened_at)| now - *opened_at);
    let reason = clocks_apart(database_clock_ahead).or_else(|| too_old(&backlog, api.oldest_open_reversal, now));
    Ready { ready: reason.is_none(), reason, waiting: Some(backlog.into()), database_clock_ahead, oldest_open_for }
}

fn clocks_apart(database_clock_ahead: Option<TimeDelta>) -> Option<String> {
    let apart = database_clock_ahead?.abs();
    (apart > CLOCKS_APART).then(|| format!("clocks: this one and the database's are {} s apart", apart.num_seconds()))
}

/// Money that is owed for too long is a reason to look here, whoever is at fault.
fn too_old(backlog: &Backlog, limit: TimeDelta, now: DateTime<Utc>) -> Option<String> {
    let (id, opened_at) = backlog.oldest_open.as_ref().filter(|(_, opened_at)| now - *opened_at > limit)?;
    Some(format!("reversals: {id} has been open since {}", time(*opened_at)))
}

impl From<Backlog> for Waiting {
    fn from(backlog: Backlog) -> Self {
        let Backlog { deferred, open, parked, oldest_open } = backlog;
        let oldest_open_reversal =
            oldest_open.map(|(id, opened_at)| OldestReversal { reversal_id: id.to_string(), opened_at: time(opened_at) });
        Self { deferred, open_reversals: open, parked_reversals: parked, oldest_open_reversal }
    }
}
