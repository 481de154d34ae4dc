//! Whether the process lives.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{get, web};

use super::readiness::Operations;

/// How long a batch may take; far beyond every timeout of a database that still answers.
const STUCK: Duration = Duration::from_secs(30);

/// Whether the process does its work.
///
/// Restart a process that answers 503: its database connections are frozen, and a new process makes new ones.
#[utoipa::path(
    tag = "operations",
    security(()),
    responses(
        (status = 200, body = String, description = "`ok`"),
        (status = 503, body = String, description = "A batch does not end; the text says for how long")
    )
)]
#[get("/livez")]
pub(crate) async fn livez(operations: web::Data<Operations>) -> (String, StatusCode) {
    let oldest = operations.ports.lanes.oldest_batch();
    if oldest > STUCK {
        return (format!("the database has not ended a batch for {} s", oldest.as_secs()), StatusCode::SERVICE_UNAVAILABLE);
    }
    ("ok".to_owned(), StatusCode::OK)
}
