//! `cancelPayment`, between the door and the store.

use std::time::Instant;

use chrono::{DateTime, Utc};
use domain::{AcquirerId, Action, Answer, Cancel, Command, Lookup, Outcome, PaymentRequestId};
use ports::Asked;
use tracing::{error, warn};

use crate::{Lanes, NotDecided};

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

/// Has a cancel decided, and waits for that until `deadline` at most. Doubt of any kind is U, so that Alipay+ asks again.
pub async fn cancel(lanes: &Lanes, cancel: ReceivedCancel, deadline: Instant) -> CancelReply {
    let ReceivedCancel { id, acquirer_id, received_at, arrived } = cancel;
    let action = Action::Cancel(Cancel { acquirer_id, lookup: Lookup::Recorded });
    let asked = Asked { command: Command { id: id.clone(), at: received_at, action }, arrived };
    let decided = tokio::time::timeout_at(deadline.into(), lanes.submit(asked)).await;
    let outcome = match decided {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(NotDecided::Overloaded)) => return CancelReply::Overloaded,
        Ok(Err(not_decided @ (NotDecided::Stopping | NotDecided::Unavailable(_)))) => {
            error!(payment_request_id = %id, error = %not_decided, "the cancel was not decided");
            return CancelReply::Answer(Answer::Pending);
        }
        Err(_) => {
            warn!(payment_request_id = %id, "the cancel was not decided within the answer budget and goes on");
            return CancelReply::Answer(Answer::Pending);
        }
    };
    CancelReply::Answer(match outcome {
        Outcome::Answered(answer) => answer,
        Outcome::MoneyOwed { .. } => Answer::Pending,
        Outcome::Disposed(_) | Outcome::NotFound { .. } | Outcome::Conflict(_) => {
            error!(payment_request_id = %id, ?outcome, "the store answered a cancel with something else");
            Answer::Pending
        }
    })
}
