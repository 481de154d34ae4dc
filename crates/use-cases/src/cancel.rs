//! `cancelPayment`, between the endpoint and the store.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{AcquirerId, Answer, CancelReply, DeferReason, PaymentRequestId, Refusal, Rule, Witness};
use metrics::counter;
use tracing::{error, field, instrument, warn};

use crate::doubtful_receipts::DoubtfulReceipt;
use crate::reversal::{AskedCancel, attempt_inline, await_or_attempt, report_contradiction, submit_cancel};
use crate::{Ports, SubmitError};

/// A cancel whose signature is verified.
#[derive(Debug, Clone)]
pub struct ReceivedCancel {
    /// The case.
    pub id: PaymentRequestId,
    /// The acquirer that asks.
    pub acquirer_id: AcquirerId,
    /// When the head of the HTTP request had arrived.
    pub received_at: DateTime<Utc>,
    /// The signed `Request-Time`, where it can be read.
    pub request_time: Option<DateTime<Utc>>,
    /// The same moment on the monotonic clock.
    pub arrived: Instant,
}

/// What Alipay+ is answered.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CancelAnswer {
    /// S, F or U; U also where the answer is not known in time.
    pub answer: Answer,
    /// The rule that decided; `None` where it is not known whether the cancel was decided.
    pub rule: Option<Rule>,
}

/// Too many cancels are waiting: the answer is U, and nothing was touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverloadedError;

impl fmt::Display for OverloadedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many cancels are waiting")
    }
}

impl std::error::Error for OverloadedError {}

impl CancelAnswer {
    const NOT_KNOWN: Self = Self { answer: Answer::Pending, rule: None };
}

/// Has a cancel decided and its money given back, and waits for that until `deadline` at most; what is not done by then goes on.
/// Doubt of any kind is U, so that Alipay+ asks again.
///
/// # Errors
/// [`OverloadedError`] where the queue is full.
#[instrument(level = "debug", skip_all, fields(payment_request_id = %cancel.id))]
pub async fn cancel(ports: &Arc<Ports>, cancel: ReceivedCancel, deadline: Instant) -> Result<CancelAnswer, OverloadedError> {
    let id = cancel.id.clone();
    tokio::time::timeout_at(deadline.into(), decide(ports, cancel)).await.unwrap_or_else(|_| {
        counter!("rescind_answers_out_of_time_total").increment(1);
        warn!(payment_request_id = %id, "the cancel is answered U: the answer budget is used up (its work goes on)");
        Ok(CancelAnswer::NOT_KNOWN)
    })
}

async fn decide(ports: &Arc<Ports>, cancel: ReceivedCancel) -> Result<CancelAnswer, OverloadedError> {
    let ReceivedCancel { id, acquirer_id, received_at, request_time, arrived } = cancel;
    let witness = request_time.map_or(Witness::OurClocks, Witness::RequestTime);
    let asked = AskedCancel { id, acquirer_id, at: received_at, arrived, witness };
    let decided = match submit_cancel(ports, &asked).await {
        Ok(Some(decided)) => decided,
        Ok(None) => return Ok(CancelAnswer::NOT_KNOWN),
        Err(SubmitError::Overloaded) => return Err(OverloadedError),
        Err(error @ (SubmitError::Stopping | SubmitError::Unavailable(_))) => {
            error!(payment_request_id = %asked.id, %error, "the cancel is answered U: it is not known whether it was decided (Alipay+ repeats it)");
            return Ok(CancelAnswer::NOT_KNOWN);
        }
    };
    let AskedCancel { id, acquirer_id, .. } = asked;
    report_contradiction(&id, &decided);
    if decided.rule == Some(Rule::Deferred(DeferReason::ClocksDisagree)) {
        warn!(payment_request_id = %id, request_time = request_time.map(field::display), "the cancel is deferred: a clock disagrees with its Request-Time about the period (look at the clocks)");
        ports.doubtful.remember(id.clone(), DoubtfulReceipt { acquirer_id: acquirer_id.clone(), arrived });
    }
    let answer = match decided.reply {
        CancelReply::Answered(answer) => {
            if answer == Answer::Refused(Refusal::PartlyRefunded) {
                warn!(payment_request_id = %id, "the cancel is refused: refunds gave a part of the payment back (an operator may have to act)");
            }
            answer
        }
        CancelReply::ReversalPending { attempt: Some(attempt) } => attempt_inline(ports, &id, attempt).await,
        CancelReply::ReversalPending { attempt: None } => await_or_attempt(ports, &id, &acquirer_id).await,
        CancelReply::LookUp { .. } => Answer::Pending,
    };
    Ok(CancelAnswer { answer, rule: decided.rule })
}
