//! `cancelPayment`, between the endpoint and the store.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use domain::{Answer, CancelReply, DeferReason, Refusal, Rule, Witness};
use metrics::counter;
use tracing::{error, field, instrument, warn};

use crate::doubtful_receipts::DoubtfulReceipt;
use crate::received_cancel::{AskedCancel, ReceivedCancel};
use crate::reversal::{attempt_inline, await_or_attempt, report_contradiction, submit_cancel};
use crate::{Ports, SubmitError};

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
    let asked = AskedCancel::from(cancel);
    let answered = decide_asked(ports, &asked).await?;
    // A stranger's request is recorded nowhere.
    if answered.rule.is_some_and(|rule| rule != Rule::DifferentAcquirer) {
        ports.remember(&asked, answered.answer);
    }
    Ok(answered)
}

/// Has a cancel decided, and gives its money back.
pub(crate) async fn decide_asked(ports: &Arc<Ports>, asked: &AskedCancel) -> Result<CancelAnswer, OverloadedError> {
    let decided = match submit_cancel(ports, asked).await {
        Ok(Some(decided)) => decided,
        Ok(None) => return Ok(CancelAnswer::NOT_KNOWN),
        Err(SubmitError::Overloaded) => return Err(OverloadedError),
        Err(error @ (SubmitError::Stopping | SubmitError::Unavailable(_))) => {
            error!(payment_request_id = %asked.id, %error, "the cancel is answered U: it is not known whether it was decided (Alipay+ repeats it)");
            return Ok(CancelAnswer::NOT_KNOWN);
        }
    };
    let AskedCancel { id, acquirer_id, at: _, arrived, witness } = asked;
    report_contradiction(id, &decided);
    if decided.rule == Some(Rule::Deferred(DeferReason::ClocksDisagree)) {
        let request_time = match witness {
            Witness::RequestTime(at) => Some(field::display(at)),
            Witness::OurClocks | Witness::TrustedClocks => None,
        };
        warn!(payment_request_id = %id, request_time, "the cancel is deferred: a clock disagrees with its Request-Time about the period (look at the clocks)");
        ports.doubtful.remember(id.clone(), DoubtfulReceipt { acquirer_id: acquirer_id.clone(), arrived: *arrived });
    }
    let answer = match decided.reply {
        CancelReply::Answered(answer) => {
            if answer == Answer::Refused(Refusal::PartlyRefunded) {
                warn!(payment_request_id = %id, "the cancel is refused: refunds gave a part of the payment back (an operator may have to act)");
            }
            answer
        }
        CancelReply::ReversalPending { attempt: Some(attempt) } => attempt_inline(ports, id, attempt).await,
        CancelReply::ReversalPending { attempt: None } => await_or_attempt(ports, id, acquirer_id).await,
        CancelReply::LookUp { .. } => Answer::Pending,
    };
    Ok(CancelAnswer { answer, rule: decided.rule })
}
