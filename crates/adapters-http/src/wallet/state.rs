//! What the handlers work with, and the two things they do: record a command and read.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use chrono::TimeDelta;
use domain::{Action, Command, CommandReply, Disposition, PaymentRequestId, PspId, REFUNDED_ELSEWHERE};
use ports::{ReceivedCommand, SettlementStore, UnavailableError};
use tracing::{debug, error, info, warn};
use use_cases::{FeedReaders, Ports, SubmitError};

use super::callers::{Caller, Role, Tokens};
use super::problem::ApiError;
use super::responses::DispositionBody;
use crate::ops::{Readiness, RenderedMetrics};

/// How a command is answered.
pub(super) type CommandResponse = Result<web::Json<DispositionBody>, ApiError>;

/// What the wallet API works with.
pub struct WalletApi {
    /// This wallet's id at Alipay+; payments of another are refused.
    pub psp_id: PspId,
    /// How long a call waits for its answer; what was recorded meanwhile stays recorded.
    pub call_budget: Duration,
    /// Who may call.
    pub tokens: Tokens,
    /// Decides commands and answers questions.
    pub ports: Arc<Ports>,
    /// The readers of the feed of events.
    pub feed: Arc<FeedReaders>,
    /// Where closed days are looked up.
    pub days: Arc<dyn SettlementStore>,
    /// How long a reversal may be open; past it, the process is unready.
    pub oldest_open_reversal: TimeDelta,
    /// Whether the process is unready while commits wait for no standby.
    pub requires_standby: bool,
    /// Whether the process wants more work.
    pub readiness: Readiness,
    /// Renders what was counted, in Prometheus' text format.
    pub metrics: RenderedMetrics,
}

impl WalletApi {
    /// Has a command decided within the call's budget.
    pub(super) async fn record(&self, caller: &Caller, id: PaymentRequestId, action: Action) -> CommandResponse {
        let command = Command { id: id.clone(), at: self.ports.clock.now(), action };
        let received = ReceivedCommand { command, arrived: self.ports.clock.instant() };
        let submitted = tokio::time::timeout(self.call_budget, use_cases::submit(&self.ports.lanes, received)).await;
        let Ok(reply) = submitted else {
            warn!(payment_request_id = %id, "a command has no answer within the call's budget: its work goes on");
            return Err(may_be_recorded());
        };
        let (disposition, reason) = disposition(reply)?;
        log(caller, &id, disposition);
        Ok(web::Json(DispositionBody::of(disposition, reason)))
    }

    /// Waits for the store's answer within the call's budget.
    pub(super) async fn read<T>(&self, query: impl Future<Output = Result<T, UnavailableError>>) -> Result<T, ApiError> {
        let read = tokio::time::timeout(self.call_budget, query).await;
        read.unwrap_or_else(|_| Err(UnavailableError::because("no answer within the call's budget"))).map_err(|unavailable| {
            error!(error = %unavailable, "the store did not answer a question of the wallet API");
            ApiError::unavailable("the store does not answer; repeat the call")
        })
    }
}

/// How the caller goes on, with the reason where there is one to tell.
fn disposition(reply: Result<CommandReply, SubmitError>) -> Result<(Disposition, Option<&'static str>), ApiError> {
    match reply {
        Ok(CommandReply::Done(disposition)) => Ok((disposition, None)),
        Ok(CommandReply::RefundedElsewhere) => Ok((Disposition::Refused, Some(REFUNDED_ELSEWHERE))),
        Ok(CommandReply::NotFound { fenced: _ }) => Err(ApiError::not_found("no such payment, refund or reversal is recorded")),
        Ok(CommandReply::Conflict(why)) => Err(ApiError::conflict(why)),
        Ok(CommandReply::PaymentsAreTheCores) => Err(ApiError::payments_are_the_cores()),
        Err(SubmitError::Overloaded | SubmitError::Stopping) => {
            Err(ApiError::unavailable("nothing was recorded; repeat the call"))
        }
        Err(SubmitError::Unavailable(_)) => Err(may_be_recorded()),
    }
}

fn may_be_recorded() -> ApiError {
    ApiError::unavailable("it is not known whether this was recorded; repeat the call")
}

/// An operator's command is rare and matters; the pay flow's are many.
fn log(Caller { name, role }: &Caller, id: &PaymentRequestId, disposition: Disposition) {
    match role {
        Role::Pay => debug!(payment_request_id = %id, caller = %name, ?disposition, "the wallet's command was decided"),
        Role::Operator => info!(payment_request_id = %id, caller = %name, ?disposition, "an operator's command was decided"),
    }
}
