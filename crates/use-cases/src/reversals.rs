//! Giving the money back. The handler of a cancel and the worker both come to [`attempt`].

use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::ports::{LeasedReversal, Page, Payments};
use domain::{
    AcquirerId, Action, Answer, Cancel, Cancellation, Case, Jitter, Lookup, Outcome, PaymentRequestId, ReversalOutcome,
    ReversalState,
};
use metrics::{counter, histogram};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::{error, info, instrument, warn};

use crate::Ports;

/// How often the worker looks for what is due: soon enough that the first repair of an unknown outcome begins within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often the core is asked again about payments that it could not name.
const ASK_AGAIN_EVERY: Duration = Duration::from_secs(1);
/// How many reversals are claimed at once, and how many deferred cases are asked about.
const AT_ONCE: u32 = 64;
/// After how long a cancel looks whether somebody else's attempt has ended. It looks half as often each time, down to the second of
/// these: many that wait for long must not keep the database from those that decide.
const WATCH_EVERY: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];

/// Makes one attempt: the intent is committed already, the core is called outside of any transaction, and what came of it is
/// committed afterwards.
#[instrument(skip_all, fields(payment_request_id = %claim.reversal_request.id, attempt = claim.attempt))]
async fn attempt(ports: &Ports, claim: LeasedReversal) -> Answer {
    let Some(core) = &ports.core else { return Answer::Pending };
    let begun = Instant::now();
    let outcome = core.funds.reverse(&claim.reversal_request).await;
    histogram!("rescind_wallet_core_seconds", "call" => "give-back").record(begun.elapsed());
    counter!("rescind_reversal_attempts_total", "outcome" => outcome.name()).increment(1);
    complete_attempt(ports, (claim.reversal_request.id, claim.attempt), outcome).await
}

/// Records what came of an attempt.
async fn complete_attempt(ports: &Ports, (id, attempt): (PaymentRequestId, u32), outcome: ReversalOutcome) -> Answer {
    let jitter = Jitter(u32::try_from(RandomState::new().hash_one(attempt) >> 32).unwrap_or_default());
    let close = ports.asked(id.clone(), Action::CompleteAttempt { attempt, outcome: outcome.clone(), jitter });
    match ports.lanes.submit_patiently(close).await {
        Ok(Outcome::Answered(answer)) => {
            log_outcome(&id, attempt, &outcome);
            answer
        }
        Ok(
            other @ (Outcome::ReversalPending { .. }
            | Outcome::DispositionBody(_)
            | Outcome::NotFound { .. }
            | Outcome::Conflict(_)),
        ) => {
            error!(payment_request_id = %id, outcome = ?other, "the store answered the end of an attempt with something else");
            Answer::Pending
        }
        Err(not_decided) => {
            // The lease ends by time, and the next attempt is told what this one was.
            let outcome = outcome.name();
            warn!(payment_request_id = %id, attempt, outcome, error = %not_decided, "the end of an attempt was not recorded");
            Answer::Pending
        }
    }
}

/// An operator has to hear of money that only a person can give back, and of a cancel that refunds came before.
fn log_outcome(id: &PaymentRequestId, attempt: u32, outcome: &ReversalOutcome) {
    match outcome {
        ReversalOutcome::Unknown(met) => {
            warn!(payment_request_id = %id, attempt, met, "it is not known whether the money is back")
        }
        ReversalOutcome::Impossible(reason) => {
            error!(payment_request_id = %id, attempt, reason, "the wallet core cannot give the money back: an operator has to decide");
        }
        ReversalOutcome::PartlyRefunded => {
            error!(payment_request_id = %id, attempt, "refunds gave a part back, and the wallet core left it at that");
        }
        ReversalOutcome::Done | ReversalOutcome::NothingToDo | ReversalOutcome::FullyRefunded => {
            info!(payment_request_id = %id, attempt, outcome = outcome.name(), "the wallet core has answered for the money");
        }
    }
}

/// Begins a claimed attempt as a task that outlives its caller; `None` where too many are going on.
fn spawn_attempt(ports: &Arc<Ports>, permits: &Arc<Semaphore>, claim: LeasedReversal) -> Option<JoinHandle<Answer>> {
    let permit = Arc::clone(permits).try_acquire_owned().ok()?;
    let of_task = Arc::clone(ports);
    Some(ports.runtime.spawn(async move {
        let answer = attempt(&of_task, claim).await;
        drop(permit);
        answer
    }))
}

/// Makes the attempt that a cancel's commit leased to it. One that cannot be begun is given back, for the worker to make soon.
pub(crate) async fn attempt_inline(ports: &Arc<Ports>, id: &PaymentRequestId, attempt: u32) -> Answer {
    let reversal_request = match ports.store.find(id).await {
        Ok(file) => file.and_then(|file| file.case.reversal_request()),
        Err(unavailable) => {
            warn!(payment_request_id = %id, error = %unavailable, "the reversal could not be read and is left to the worker");
            None
        }
    };
    let begun = reversal_request.and_then(|reversal_request| {
        spawn_attempt(ports, &ports.attempts_of_cancels, LeasedReversal { reversal_request, attempt })
    });
    let Some(begun) = begun else {
        counter!("rescind_reversal_attempts_total", "outcome" => "not-begun").increment(1);
        let met = ReversalOutcome::Unknown("the wallet core was not asked".to_owned());
        return complete_attempt(ports, (id.clone(), attempt), met).await;
    };
    begun.await.unwrap_or(Answer::Pending)
}

/// Waits while somebody else is at it, and makes the next attempt where that one did not end the reversal. It may wait for long:
/// its caller has a deadline.
pub(crate) async fn await_or_attempt(ports: &Arc<Ports>, id: &PaymentRequestId, acquirer_id: &AcquirerId) -> Answer {
    loop {
        if let Some(answer) = await_lease_end(ports, id).await {
            return answer;
        }
        let cancel = Cancel::now(acquirer_id.clone(), Lookup::Recorded);
        match ports.lanes.submit(ports.asked(id.clone(), Action::Cancel(cancel))).await {
            Ok(Outcome::Answered(answer)) => return answer,
            Ok(Outcome::ReversalPending { attempt: Some(attempt) }) => return attempt_inline(ports, id, attempt).await,
            Ok(Outcome::ReversalPending { attempt: None }) => {}
            Ok(outcome @ (Outcome::DispositionBody(_) | Outcome::NotFound { .. } | Outcome::Conflict(_))) => {
                error!(payment_request_id = %id, ?outcome, "the store answered a cancel with something else");
                return Answer::Pending;
            }
            Err(not_decided) => {
                warn!(payment_request_id = %id, error = %not_decided, "the cancel could not be resumed");
                return Answer::Pending;
            }
        }
    }
}

/// Waits until nobody is at the reversal any more: the answer, which is U where an operator has to decide; `None` where the money is
/// still not back.
async fn await_lease_end(ports: &Ports, id: &PaymentRequestId) -> Option<Answer> {
    let [mut pause, longest] = WATCH_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
        let Ok(Some(file)) = ports.store.find(id).await else { continue };
        if let Some(answer) = file.case.cancellation.as_ref().and_then(Cancellation::final_answer) {
            return Some(answer.into());
        }
        match file.case.reversal.map(|reversal| reversal.state) {
            Some(ReversalState::Open { lease: Some(lease), .. }) if ports.clock.now() < lease.until => {}
            Some(ReversalState::Open { .. } | ReversalState::Done { .. }) => return None,
            Some(ReversalState::Parked { .. }) | None => return Some(Answer::Pending),
        }
    }
}

/// The worker: gives back whatever is due, each reversal by itself, and asks again about deferred cancels, until it is told to
/// stop. Any number of processes may run it.
pub async fn work(ports: Arc<Ports>, stop: watch::Receiver<bool>) {
    let returning = supervise(stop.clone(), || give_back_what_is_due(Arc::clone(&ports), stop.clone()));
    let deciding = supervise(stop.clone(), || decide_what_was_deferred(Arc::clone(&ports), stop.clone()));
    tokio::join!(returning, deciding);
}

/// Runs a loop until it ends by itself. A panic in an adapter costs it a turn, not the process its worker.
async fn supervise<F>(mut stop: watch::Receiver<bool>, begin: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    // A set, because its task ends with whoever waits for it.
    let mut running = JoinSet::new();
    running.spawn(begin());
    while let Some(Err(died)) = running.join_next().await {
        error!(error = %died, "a loop of the worker died and begins anew");
        if stops_within(&mut stop, LOOK_EVERY).await {
            return;
        }
        running.spawn(begin());
    }
}

async fn give_back_what_is_due(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    loop {
        let pause = if lease_and_spawn(&ports).await.is_break() { LOOK_EVERY } else { Duration::ZERO };
        if stops_within(&mut stop, pause).await {
            return;
        }
    }
}

/// Whether the worker is told to stop, now or during the pause. A sender that is gone says so as well.
async fn stops_within(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

/// Breaks where nothing more is due, or nothing more can be begun now.
async fn lease_and_spawn(ports: &Arc<Ports>) -> ControlFlow<()> {
    let free = u32::try_from(ports.attempts_of_worker.available_permits()).unwrap_or(AT_ONCE).min(AT_ONCE);
    if free == 0 {
        return ControlFlow::Break(());
    }
    let claims = match ports.store.lease_due(ports.clock.now(), free).await {
        Ok(claims) => claims,
        Err(unavailable) => {
            warn!(error = %unavailable, "what is due could not be claimed");
            return ControlFlow::Break(());
        }
    };
    let is_last = claims.len() < free as usize;
    for claim in claims {
        spawn_attempt(ports, &ports.attempts_of_worker, claim);
    }
    if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Asks the core again about every deferred case, page by page and round and round. Those of a page are asked about at once, so
/// that a slow one holds up the others by no more than its own timeout.
async fn decide_what_was_deferred(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    let Some(payments) = ports.core.as_ref().and_then(|core| core.payments.clone()) else { return };
    let mut after: Option<String> = None;
    loop {
        // Between two pages of one round there is nothing to wait for.
        let pause = if after.is_none() { ASK_AGAIN_EVERY } else { Duration::ZERO };
        if stops_within(&mut stop, pause).await {
            return;
        }
        let page = Page { limit: AT_ONCE, after: after.take() };
        let cases = ports.store.deferred(&page).await.unwrap_or_else(|unavailable| {
            warn!(error = %unavailable, "deferred cases could not be listed");
            Vec::new()
        });
        after = cases.last().filter(|_| cases.len() >= AT_ONCE as usize).map(|case| case.id.to_string());
        let mut asked = JoinSet::new();
        for case in cases {
            asked.spawn(decide_again(Arc::clone(&ports), Arc::clone(&payments), case));
        }
        // One by one: of a page in which one dies, the others are decided all the same.
        while let Some(ended) = asked.join_next().await {
            if let Err(died) = ended {
                error!(error = %died, "a deferred case was not looked at: its task died");
            }
        }
    }
}

async fn decide_again(ports: Arc<Ports>, payments: Arc<dyn Payments>, case: Case) {
    let Some(Cancellation { acquirer_id, .. }) = case.cancellation else { return };
    let Some(lookup) = look_up(payments.as_ref(), &case.id).await else { return };
    let cancel = ports.asked(case.id.clone(), Action::Cancel(Cancel::now(acquirer_id, lookup)));
    match ports.lanes.submit(cancel).await {
        Ok(Outcome::ReversalPending { attempt: Some(attempt) }) => {
            let answer = attempt_inline(&ports, &case.id, attempt).await;
            info!(payment_request_id = %case.id, ?answer, "a deferred cancel is decided");
        }
        Ok(outcome) => info!(payment_request_id = %case.id, ?outcome, "a deferred cancel was looked at again"),
        Err(not_decided) => warn!(payment_request_id = %case.id, error = %not_decided, "a deferred cancel was not decided"),
    }
}

/// What the core says of the payment; `None` where it cannot be asked now.
async fn look_up(payments: &dyn Payments, id: &PaymentRequestId) -> Option<Lookup> {
    let begun = Instant::now();
    let found = payments.look_up(id).await;
    histogram!("rescind_wallet_core_seconds", "call" => "look-up").record(begun.elapsed());
    let outcome = found.as_ref().map_or("unavailable", |found| if found.is_some() { "found" } else { "not-found" });
    counter!("rescind_payment_lookups_total", "outcome" => outcome).increment(1);
    match found {
        Ok(found) => Some(found.map_or(Lookup::Recorded, |found| Lookup::Found(Box::new(found)))),
        Err(unavailable) => {
            warn!(payment_request_id = %id, error = %unavailable, "the payment could not be looked up");
            None
        }
    }
}

/// What has to be known of the payment before a cancel is decided. The case is read first: what is decided needs no lookup. Where too
/// many are asking, the cancel is recorded without, and asked about later: its receipt is what the user's right hangs on.
pub(crate) async fn lookup_before_cancel(ports: &Ports, id: &PaymentRequestId) -> Lookup {
    let Some(payments) = ports.core.as_ref().and_then(|core| core.payments.as_ref()) else { return Lookup::Recorded };
    let Ok(_asking) = ports.lookups.try_acquire() else {
        counter!("rescind_payment_lookups_total", "outcome" => "not-begun").increment(1);
        return Lookup::Failed;
    };
    match ports.store.find(id).await {
        Ok(Some(file)) if file.case.is_decided() => Lookup::Recorded,
        Ok(_) => look_up(payments.as_ref(), id).await.unwrap_or(Lookup::Failed),
        Err(unavailable) => {
            warn!(payment_request_id = %id, error = %unavailable, "the case could not be read before its payment is looked up");
            Lookup::Failed
        }
    }
}
