//! Asking the wallet core for a payment that the wallet does not announce.

use ::ports::{Clock, Payments};
use domain::{Lookup, PaymentRequestId};
use metrics::{counter, histogram};
use tracing::warn;

use crate::{Core, Ports};

/// What the core says of the payment; `None` where it cannot be asked now.
pub(super) async fn look_up(clock: &dyn Clock, payments: &dyn Payments, id: &PaymentRequestId) -> Option<Lookup> {
    let began = clock.instant();
    let found = payments.look_up(id).await;
    histogram!("rescind_wallet_core_seconds", "call" => "look-up").record(clock.instant().saturating_duration_since(began));
    let outcome = found.as_ref().map_or("unavailable", |found| if found.is_some() { "found" } else { "not-found" });
    counter!("rescind_payment_lookups_total", "outcome" => outcome).increment(1);
    match found {
        Ok(found) => Some(found.map_or(Lookup::Recorded, |found| Lookup::Found(Box::new(found)))),
        Err(error) => {
            warn!(payment_request_id = %id, %error, "the payment could not be looked up at the wallet core (its cancel is deferred)");
            None
        }
    }
}

/// What has to be known of the payment before a cancel is decided. The case is read first, because a decided case needs no lookup.
/// Where too many lookups are running the cancel is recorded without one and decided later: the user's right hangs on its receipt.
pub(crate) async fn look_up_before_cancel(ports: &Ports, core: &Core, id: &PaymentRequestId) -> Lookup {
    let Some(payments) = &core.payments else { return Lookup::Recorded };
    let Ok(_running) = ports.lookups.try_acquire() else {
        counter!("rescind_payment_lookups_total", "outcome" => "not-begun").increment(1);
        return Lookup::Failed;
    };
    match ports.store.find(id).await {
        Ok(Some(file)) if file.case.is_decided() => Lookup::Recorded,
        Ok(_) => look_up(ports.clock.as_ref(), payments.as_ref(), id).await.unwrap_or(Lookup::Failed),
        Err(error) => {
            warn!(payment_request_id = %id, %error, "the case could not be read before the lookup of its payment (its cancel is deferred)");
            Lookup::Failed
        }
    }
}
