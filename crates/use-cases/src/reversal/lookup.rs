//! Asking the wallet core for a payment that the wallet does not announce.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::ports::{Decided, Payments, ReceivedCommand};
use domain::{Action, Answer, Cancel, CancelReply, Command, Lookup, LookupAttempt, PaymentRequestId};
use metrics::{counter, histogram};
use tracing::{info, warn};

use super::attempt::jitter_of;
use crate::received_cancel::AskedCancel;
use crate::{Ports, SubmitError};

/// How often lookups that fail are told of in the log, all of them in one line.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What lookups have come to lately. A core that is away fails them by the thousand: they are told of together.
#[derive(Debug, Default)]
pub(crate) struct LookupHealth(Mutex<LookupCounts>);

#[derive(Debug, Default)]
struct LookupCounts {
    /// The last lookup failed.
    is_failing: bool,
    /// A lookup succeeded after others had failed, and nobody has acted on it.
    has_recovered: bool,
    /// Since the last line of the log.
    failed: u64,
    /// Deferred cancels that a lookup decided, since the last line.
    decided: u64,
    last_error: String,
    told_at: Option<Instant>,
}

impl LookupHealth {
    fn counts(&self) -> MutexGuard<'_, LookupCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, error: &str, now: Instant) {
        let mut counts = self.counts();
        counts.is_failing = true;
        counts.failed += 1;
        error.clone_into(&mut counts.last_error);
        counts.tell(now);
    }

    fn succeeds(&self) {
        let mut counts = self.counts();
        counts.has_recovered |= counts.is_failing;
        counts.is_failing = false;
    }

    /// A lookup decided a deferred cancel.
    pub(super) fn decides(&self, now: Instant) {
        let mut counts = self.counts();
        counts.decided += 1;
        counts.tell(now);
    }

    /// Tells what was counted, if it is time.
    pub(super) fn tell(&self, now: Instant) {
        self.counts().tell(now);
    }

    /// Whether a lookup succeeded after others had failed, since this was asked last.
    pub(super) fn take_recovered(&self) -> bool {
        std::mem::take(&mut self.counts().has_recovered)
    }
}

impl LookupCounts {
    fn tell(&mut self, now: Instant) {
        let is_due = self.told_at.is_none_or(|told_at| now.saturating_duration_since(told_at) >= TELL_EVERY);
        if !is_due || (self.failed, self.decided) == (0, 0) {
            return;
        }
        self.told_at = Some(now);
        let (failed, decided) = (std::mem::take(&mut self.failed), std::mem::take(&mut self.decided));
        if failed > 0 {
            let error = &self.last_error;
            warn!(failed, %error, "payments could not be looked up at the wallet core: the last one's error is given (their cancels wait and are looked up again)");
        }
        if decided > 0 {
            info!(decided, "deferred cancels were decided: the wallet core named their payments");
        }
    }
}

/// The lookup with this number, whose delay after it depends on the case and the number alone.
pub(super) fn lookup_attempt(id: &PaymentRequestId, number: u32) -> LookupAttempt {
    LookupAttempt { number, jitter: jitter_of(id, number) }
}

/// What the core says of the payment.
pub(super) async fn look_up(ports: &Ports, payments: &dyn Payments, id: &PaymentRequestId) -> Lookup {
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
