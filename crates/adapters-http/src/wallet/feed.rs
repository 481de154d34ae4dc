//! The feed of events.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::{get, web};
use domain::FeedEventType;
use ports::{FeedCursor, FeedError, FeedPage, PublishedEvent};
use serde::{Deserialize, Serialize};
use tracing::error;
use use_cases::ReadFeedError;
use utoipa::{IntoParams, ToSchema};

use super::amounts::Amount;
use super::callers::Caller;
use super::extractors::{InQuery, limit_of};
use super::problem::{ApiError, QueryProblems, StaleCursorProblem};
use super::schemas::{FeedEventTypeText, Identifier};
use super::state::WalletApi;
use crate::timestamps;

/// The longest wait of one call, in seconds.
const LONGEST_WAIT: u64 = 30;

/// From where, and for how long.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FeedQuery {
    /// The largest number of events; 100 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// A cursor as it was given; without it, from the beginning.
    #[param(pattern = "^[0-9a-f.-]+$", min_length = 1, max_length = 256)]
    after: Option<String>,
    /// For how long to wait for the next event where there is none: `0s` to `30s`, `0s` by default.
    #[param(pattern = "^([0-9]|[12][0-9]|30)s$")]
    wait: Option<String>,
}

/// Some events, in their order.
#[derive(Serialize, ToSchema)]
pub(super) struct EventPage {
    events: Vec<FeedEventView>,
    /// What to pass as `after`; also where there are no events.
    #[schema(pattern = "^[0-9a-f.-]+$", max_length = 256)]
    cursor: String,
}

/// An event of the feed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FeedEventView {
    /// Leads to the event after this one.
    #[schema(pattern = "^[0-9a-f.-]+$", max_length = 256)]
    cursor: String,
    /// When it was decided.
    #[schema(format = DateTime)]
    at: String,
    #[schema(value_type = FeedEventTypeText)]
    r#type: &'static str,
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    data: FeedEventData,
}

/// What else is known of an event, by its type.
#[derive(Serialize, ToSchema)]
struct FeedEventData {
    /// With `money.returned`: how much, unless an operator gave it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    amount: Option<Amount>,
    /// Texts by name.
    #[serde(flatten)]
    details: BTreeMap<String, String>,
}

/// What happened to payments and cancels: every event once, in an order that never changes.
#[utoipa::path(
    tag = "events",
    params(FeedQuery),
    responses(
        (status = 200, body = EventPage, description = "The events after the cursor; none where the wait is over"),
        StaleCursorProblem,
        QueryProblems
    )
)]
#[get("/wallet/v1/events")]
pub(super) async fn events(
    _: Caller,
    query: InQuery<FeedQuery>,
    api: web::Data<WalletApi>,
) -> Result<web::Json<EventPage>, ApiError> {
    let FeedQuery { limit, after, wait } = query.0;
    let limit = limit_of(limit)?;
    let after = after.as_deref().map(FeedCursor::parse).transpose();
    let after = after.map_err(|invalid| ApiError::not_acceptable(format!("after: {invalid}")))?;
    let wait = wait.as_deref().map_or(Some(Duration::ZERO), parse_wait);
    let wait = wait.ok_or_else(|| ApiError::not_acceptable(format!("wait: must be 0s to {LONGEST_WAIT}s")))?;
    let read = tokio::time::timeout(wait + api.call_budget, api.feed.read(after, limit, wait)).await;
    match read {
        Ok(Ok(page)) => Ok(web::Json(page.into())),
        Ok(Err(ReadFeedError::Feed(foreign @ FeedError::Foreign { .. }))) => Err(ApiError::stale_cursor(foreign.to_string())),
        Ok(Err(ReadFeedError::Feed(FeedError::Unavailable(unavailable)))) => {
            error!(error = %unavailable, "the store did not answer a reader of the feed");
            Err(ApiError::unavailable("the store does not answer; repeat the call"))
        }
        Ok(Err(many @ ReadFeedError::TooManyWaiters)) => Err(ApiError::unavailable(format!("{many}; repeat the call later"))),
        Err(_too_slow) => Err(ApiError::unavailable("the store does not answer; repeat the call")),
    }
}

fn parse_wait(text: &str) -> Option<Duration> {
    let digits =
        text.strip_suffix('s').filter(|digits| digits.len() <= 2 && digits.bytes().all(|digit| digit.is_ascii_digit()))?;
    digits.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT).map(Duration::from_secs)
}

impl From<FeedPage> for EventPage {
    fn from(page: FeedPage) -> Self {
        Self { events: page.events.into_iter().map(FeedEventView::from).collect(), cursor: page.cursor.to_string() }
    }
}

impl From<PublishedEvent> for FeedEventView {
    fn from(PublishedEvent { cursor, at, payment_request_id, event }: PublishedEvent) -> Self {
        Self {
            cursor: cursor.to_string(),
            at: timestamps::format(at),
            r#type: FeedEventType::as_str(event.event_type),
            payment_request_id: payment_request_id.to_string(),
            data: FeedEventData { amount: event.amount.map(Amount::from), details: event.details },
        }
    }
}
