//! Asking the wallet core for a payment that the wallet does not announce.

use ::ports::{Decided, Payments, ReceivedCommand};
use domain::{Action, Answer, Cancel, CancelReply, Command, Lookup, LookupAttempt, PaymentRequestId};
use metrics::{counter, histogram};

use super::attempt::jitter_of;
use crate::received_cancel::AskedCancel;
use crate::{Ports, SubmitError};

/// The lookup with this number, whose delay after it depends on the case and the number alone.
pub(super) fn lookup_attempt(id: &PaymentRequestId, number: u32) -> LookupAttempt {
    LookupAttempt { number, jitter: jitter_of(id, number) }
}

/// What the core says of the payment.
pub(crate) async fn look_up(ports: &Ports, payments: &dyn Payments, id: &PaymentRequestId) -> Lookup {
    let began = ports.clock.instant();
    let found = payments.look_up(id).await;
    let now = ports.clock.instant();
    histogram!("rescind_wallet_core_seconds", "call" => "look-up").record(now.saturating_duration_since(began));
    let outcome = found.as_ref().map_or("unavailable", |found| if found.is_some() { "found" } else { "not-found" });
    counter!("rescind_payment_lookups_total", "outcome" => outcome).increment(1);
    match found {
        Ok(found) => {
            ports.lookup_health.succeeds();
            found.map_or(Lookup::Recorded, |found| Lookup::Found(Box::new(found)))
        }
        Err(error) => {
            let error = error.to_string();
            ports.lookup_health.fails(&error, now);
            Lookup::Failed(error)
        }
    }
}

/// Has a cancel decided. Where its payment has to be looked up the receipt is recorded first: the user's right hangs on it, however long a
/// lookup takes. `None` where the receipt is recorded and nothing is decided yet.
pub(crate) async fn submit_cancel(ports: &Ports, asked: &AskedCancel) -> Result<Option<Decided<CancelReply>>, SubmitError> {
    let has_lookup = ports.core.as_ref().is_some_and(|core| core.payments.is_some());
    let first = if has_lookup { Lookup::NotYet } else { Lookup::Recorded };
    let received = submit_once(ports, asked, (first, LookupAttempt::FIRST)).await?;
    let CancelReply::LookUp { attempt } = received.reply else { return Ok(Some(received)) };
    ports.remember(asked, Answer::Pending);
    let Some(looked_up) = look_up_for_cancel(ports, &asked.id, attempt).await else { return Ok(None) };
    match submit_once(ports, asked, looked_up).await {
        // Too much at once is no reason to say that nothing was touched: the receipt is recorded.
        Err(SubmitError::Overloaded) => Ok(None),
        decided => decided.map(Some),
    }
}

async fn submit_once(
    ports: &Ports,
    asked: &AskedCancel,
    (lookup, attempt): (Lookup, LookupAttempt),
) -> Result<Decided<CancelReply>, SubmitError> {
    let AskedCancel { id, acquirer_id, at, arrived, witness } = asked;
    let cancel = Cancel { attempt, witness: *witness, ..Cancel::now(acquirer_id.clone(), lookup) };
    let command = Command { id: id.clone(), at: *at, action: Action::Cancel(cancel) };
    ports.lanes.submit(ReceivedCommand { command, arrived: *arrived }).await
}

/// Looks up the payment of a cancel whose receipt is recorded. `None` where too many lookups are running: a worker makes this one.
async fn look_up_for_cancel(ports: &Ports, id: &PaymentRequestId, number: u32) -> Option<(Lookup, LookupAttempt)> {
    let payments = ports.core.as_ref()?.payments.as_ref()?;
    let Ok(_running) = ports.lookups_of_cancels.try_acquire() else {
        counter!("rescind_payment_lookups_total", "outcome" => "not-begun").increment(1);
        return None;
    };
    Some((look_up(ports, payments.as_ref(), id).await, lookup_attempt(id, number)))
}
