//! For whoever runs the process: whether it lives, and whether it wants work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, get, web};
use ports::{Page, Unavailable};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wallet::WalletApi;

/// The most that deferred cancels are counted to: beyond it the number tells nothing more.
const COUNTED: u32 = 1000;

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

/// Whether the process wants more work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    ready: bool,
    /// How many cancels cannot be decided yet: a number, or `1000+`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    deferred: Option<Count>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Count {
    Exact(usize),
    AtLeast(String),
}

/// Answers as long as the process lives.
#[utoipa::path(tag = "operations", security(()), responses((status = 200, body = String, description = "`ok`")))]
#[get("/livez")]
pub(crate) async fn livez() -> &'static str {
    "ok"
}

/// Whether more work should be sent here.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses((status = 200, body = Ready, description = "Yes"), (status = 503, body = Ready, description = "No"))
)]
#[get("/readyz")]
pub(crate) async fn readyz(api: web::Data<WalletApi>) -> HttpResponse {
    let (status, ready) = match deferred(&api).await {
        Ok(deferred) => (StatusCode::OK, Ready { ready: true, deferred: Some(deferred), reason: None }),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, Ready { ready: false, deferred: None, reason: Some(reason) }),
    };
    HttpResponse::build(status).json(ready)
}

/// How many cancels are deferred, or why the process is not ready.
async fn deferred(api: &WalletApi) -> Result<Count, String> {
    if api.readiness.is_stopping() {
        return Err("stopping".to_owned());
    }
    let asked = async {
        api.store.check().await?;
        api.store.deferred(&Page { limit: COUNTED, after: None }).await
    };
    let answered = tokio::time::timeout(api.call_budget, asked).await;
    let cases = answered.unwrap_or_else(|_| Err(Unavailable::because("no answer in time")));
    let counted = cases.map_err(|unavailable| format!("database: {unavailable}"))?.len();
    Ok(if counted < COUNTED as usize { Count::Exact(counted) } else { Count::AtLeast(format!("{COUNTED}+")) })
}
