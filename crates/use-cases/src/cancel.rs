//! `cancelPayment`, between the door and the store.

use std::sync::Arc;
use std::time::Instant;

use ::ports::ReceivedCommand;
use chrono::{DateTime, Utc};
use domain::{AcquirerId, Action, Answer, Cancel, Command, Outcome, PaymentRequestId, Refusal};
use metrics::counter;
use tracing::{error, instrument, warn};

use crate::reversals::{attempt_inline, await_or_attempt, lookup_before_cancel};
use crate::{Ports, SubmitError};

/// A cancel that passed the door.
#[derive(Debug, Clone)]
pub struct ReceivedCancel {
    /// The case.
    pub id: PaymentRequestId,
    /// Who asks.
    pub acquirer_id: AcquirerId,
    /// When the head of the HTTP request had arrived.
    pub received_at: DateTime<Utc>,
    /// The same moment on the monotonic clock.
    pub arrived: Instant,
}

/// What Alipay+ is told.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReply {
    /// The answer; U where it is not known in time.
    Answer(Answer),
    /// U, because too much is waiting; nothing was touched.
    Overloaded,
}

/// Has a cancel decided and its money given back, and waits for that until `deadline` at most; what is not done by then goes on.
/// Doubt of any kind is U, so that Alipay+ asks again.
#[instrument(skip_all, fields(payment_request_id = %cancel.id))]
pub async fn cancel(ports: &Arc<Ports>, cancel: ReceivedCancel, deadline: Instant) -> CancelReply {
    let id = cancel.id.clone();
    tokio::time::timeout_at(deadline.into(), reply(ports, cancel)).await.unwrap_or_else(|_| {
        counter!("rescind_answers_out_of_time_total").increment(1);
        warn!(payment_request_id = %id, "the cancel has no answer within its budget and goes on");
        CancelReply::Answer(Answer::Pending)
    })
}

async fn reply(ports: &Arc<Ports>, cancel: ReceivedCancel) -> CancelReply {
    let ReceivedCancel { id, acquirer_id, received_at, arrived } = cancel;
    let lookup = lookup_before_cancel(ports, &id).await;
    let action = Action::Cancel(Cancel::now(acquirer_id.clone(), lookup));
    let asked = ReceivedCommand { command: Command { id: id.clone(), at: received_at, action }, arrived };
    let outcome = match ports.lanes.submit(asked).await {
        Ok(outcome) => outcome,
        Err(SubmitError::Overloaded) => return CancelReply::Overloaded,
        Err(not_decided @ (SubmitError::Stopping | SubmitError::Unavailable(_))) => {
            error!(payment_request_id = %id, error = %not_decided, "the cancel was not decided");
            return CancelReply::Answer(Answer::Pending);
        }
    };
    CancelReply::Answer(match outcome {
        Outcome::Answered(answer) => {
            if answer == Answer::Refused(Refusal::PartlyRefunded) {
                warn!(payment_request_id = %id, "a payment that refunds gave a part of back was to be cancelled: an operator may have to act");
            }
            answer
        }
        Outcome::ReversalPending { attempt: Some(attempt) } => attempt_inline(ports, &id, attempt).await,
        Outcome::ReversalPending { attempt: None } => await_or_attempt(ports, &id, &acquirer_id).await,
        Outcome::DispositionBody(_) | Outcome::NotFound { .. } | Outcome::Conflict(_) => {
            error!(payment_request_id = %id, ?outcome, "the store answered a cancel with something else");
            Answer::Pending
        }
    })
}
