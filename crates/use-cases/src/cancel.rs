//! `cancelPayment`, between the endpoint and the store.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use ::ports::ReceivedCommand;
use domain::{Action, Answer, Cancel, CancelReply, Command, Lookup, Refusal, Rule};
use metrics::counter;
use tracing::{error, instrument, warn};

use crate::received_cancel::ReceivedCancel;
use crate::reversal::{attempt_inline, await_or_attempt, look_up_before_cancel};
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
    let decided = async {
        let answered = decide(ports, cancel.clone()).await?;
        remember(ports, &cancel, &answered);
        Ok(answered)
    };
    tokio::time::timeout_at(deadline.into(), decided).await.unwrap_or_else(|_| {
        counter!("rescind_answers_out_of_time_total").increment(1);
        warn!(payment_request_id = %id, "the cancel is answered U: the answer budget is used up (its work goes on)");
        Ok(CancelAnswer::NOT_KNOWN)
    })
}

/// In case the database forgets it. A stranger's request is recorded nowhere.
fn remember(ports: &Ports, cancel: &ReceivedCancel, answered: &CancelAnswer) {
    let is_recorded = answered.rule.is_some_and(|rule| rule != Rule::DifferentAcquirer);
    if is_recorded && ports.store.state().history.is_some() {
        ports.answered.remember(cancel, answered.answer, ports.clock.instant());
    }
}

pub(crate) async fn decide(ports: &Arc<Ports>, cancel: ReceivedCancel) -> Result<CancelAnswer, OverloadedError> {
    let ReceivedCancel { id, acquirer_id, received_at, arrived } = cancel;
    let lookup = match &ports.core {
        None => Lookup::Recorded,
        Some(core) => look_up_before_cancel(ports, core, &id).await,
    };
    let action = Action::Cancel(Cancel::now(acquirer_id.clone(), lookup));
    let received = ReceivedCommand { command: Command { id: id.clone(), at: received_at, action }, arrived };
    let decided = match ports.lanes.submit::<CancelReply>(received).await {
        Ok(decided) => decided,
        Err(SubmitError::Overloaded) => return Err(OverloadedError),
        Err(error @ (SubmitError::Stopping | SubmitError::Unavailable(_))) => {
            error!(payment_request_id = %id, %error, "the cancel is answered U: it is not known whether it was decided (Alipay+ repeats it)");
            return Ok(CancelAnswer::NOT_KNOWN);
        }
    };
    let answer = match decided.reply {
        CancelReply::Answered(answer) => {
            if answer == Answer::Refused(Refusal::PartlyRefunded) {
                warn!(payment_request_id = %id, "the cancel is refused: refunds gave a part of the payment back (an operator may have to act)");
            }
            answer
        }
        CancelReply::ReversalPending { attempt: Some(attempt) } => attempt_inline(ports, &id, attempt).await,
        CancelReply::ReversalPending { attempt: None } => await_or_attempt(ports, &id, &acquirer_id).await,
    };
    Ok(CancelAnswer { answer, rule: decided.rule })
}
