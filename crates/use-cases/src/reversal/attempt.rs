//! One attempt to give money back: the intent is committed already, the core is called outside of any transaction, and what came of
//! it is committed afterwards.

use std::sync::Arc;
use std::time::Duration;

use ::ports::LeasedReversal;
use domain::{
    AcquirerId, Action, Answer, AttemptEnd, Cancel, CancelReply, Cancellation, Jitter, Lookup, PaymentRequestId, ReversalOutcome,
    ReversalState, ReversalStateName,
};
use metrics::{counter, histogram};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tracing::{error, info, instrument, warn};

use super::contradiction::count;
use crate::Ports;
use crate::stable_hash::stable_hash;

/// After how long a cancel looks whether an attempt that is not its own has ended. It looks half as often each time, down to the
/// second of these: many that wait for long must not keep the database from those that decide.
const WATCH_EVERY: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];

#[instrument(skip_all, fields(payment_request_id = %leased.request.id, attempt = leased.attempt))]
async fn attempt(ports: &Ports, leased: LeasedReversal) -> Answer {
    let Some(core) = &ports.core else { return Answer::Pending };
    let began = ports.clock.instant();
    let outcome = core.funds.reverse(&leased.request).await;
    histogram!("rescind_wallet_core_seconds", "call" => "give-back")
        .record(ports.clock.instant().saturating_duration_since(began));
    counter!("rescind_reversal_attempts_total", "outcome" => outcome.name().as_str()).increment(1);
    complete_attempt(ports, (leased.request.id, leased.attempt), outcome).await
}

/// The part of the next attempt's delay that spreads a backlog. It depends on the reversal and on the attempt alone: every process
/// says the same, and a run that is repeated repeats it.
pub(super) fn jitter_of(id: &PaymentRequestId, attempt: u32) -> Jitter {
    let hash = stable_hash(&[id.as_str().as_bytes(), &attempt.to_be_bytes()]);
    Jitter(u32::try_from(hash >> 32).unwrap_or_default())
}

/// Records what came of an attempt.
async fn complete_attempt(ports: &Ports, (id, attempt): (PaymentRequestId, u32), outcome: ReversalOutcome) -> Answer {
    let end = AttemptEnd { attempt, outcome: outcome.clone(), jitter: jitter_of(&id, attempt) };
    match ports.lanes.submit_patiently::<Answer>(ports.received(id.clone(), Action::CompleteAttempt(end))).await {
        Ok(decided) => {
            log_outcome((&id, attempt), &outcome, decided.parks);
            decided.reply
        }
        Err(error) => {
            // The lease ends by time, and the core tells the next attempt what this one did.
            let outcome = outcome.name().as_str();
            warn!(payment_request_id = %id, attempt, outcome, %error, "the end of an attempt was not recorded (the next attempt asks again)");
            Answer::Pending
        }
    }
}

/// An operator has to hear of money that only a person can give back, and of a cancel that refunds came before.
fn log_outcome((id, attempt): (&PaymentRequestId, u32), outcome: &ReversalOutcome, parks: bool) {
    match outcome {
        ReversalOutcome::Unknown(met) => {
            warn!(payment_request_id = %id, attempt, met, "it is not known whether the money is back (the core is asked again)");
        }
        ReversalOutcome::Impossible(reason) => {
            error!(payment_request_id = %id, attempt, reason, "the reversal is parked: the wallet core cannot give the money back (an operator has to decide)");
        }
        ReversalOutcome::NothingToDo | ReversalOutcome::PartlyRefunded(_) if parks => {
            count(ReversalStateName::Parked.as_str());
            let outcome = outcome.name().as_str();
            error!(payment_request_id = %id, attempt, outcome, "the reversal is parked: what the wallet core says contradicts what was told (an operator has to decide)");
        }
        ReversalOutcome::PartlyRefunded(_) => {
            error!(payment_request_id = %id, attempt, "the wallet core gave nothing back: refunds had given a part back (an operator may have to act)");
        }
        ReversalOutcome::NothingToDo => {
            info!(payment_request_id = %id, attempt, "the wallet core has nothing to give back (where the payment is known to have succeeded, it is asked once more)");
        }
        ReversalOutcome::Done | ReversalOutcome::FullyRefunded => {
            let outcome = outcome.name().as_str();
            info!(payment_request_id = %id, attempt, outcome, "the wallet core has confirmed the reversal");
        }
    }
}

/// Begins a leased attempt as a task that outlives its caller; `None` where too many are running.
pub(super) fn spawn_attempt(ports: &Arc<Ports>, permits: &Arc<Semaphore>, leased: LeasedReversal) -> Option<JoinHandle<Answer>> {
    let permit = Arc::clone(permits).try_acquire_owned().ok()?;
    let of_task = Arc::clone(ports);
    Some(ports.runtime.spawn(async move {
        let answer = attempt(&of_task, leased).await;
        drop(permit);
        answer
    }))
}

/// Makes the attempt that a cancel's commit leased to it. One that cannot be begun is given back to the worker.
pub(crate) async fn attempt_inline(ports: &Arc<Ports>, id: &PaymentRequestId, attempt: u32) -> Answer {
    let request = match ports.store.find(id).await {
        Ok(file) => file.and_then(|file| file.case.reversal_request()),
        Err(error) => {
            warn!(payment_request_id = %id, %error, "the reversal could not be read (the worker makes its attempt)");
            None
        }
    };
    let spawned =
        request.and_then(|request| spawn_attempt(ports, &ports.attempts_of_cancels, LeasedReversal { request, attempt }));
    let Some(running) = spawned else {
        counter!("rescind_reversal_attempts_total", "outcome" => "not-begun").increment(1);
        let met = ReversalOutcome::Unknown("the wallet core was not asked".to_owned());
        return complete_attempt(ports, (id.clone(), attempt), met).await;
    };
    running.await.unwrap_or(Answer::Pending)
}

/// Waits while another caller holds the lease, and makes the next attempt where that one did not end the reversal. It may wait for
/// long: its caller has a deadline.
pub(crate) async fn await_or_attempt(ports: &Arc<Ports>, id: &PaymentRequestId, acquirer_id: &AcquirerId) -> Answer {
    loop {
        if let Some(answer) = await_lease_end(ports, id).await {
            return answer;
        }
        let cancel = Cancel::now(acquirer_id.clone(), Lookup::NotYet);
        let decided = ports.lanes.submit::<CancelReply>(ports.received(id.clone(), Action::Cancel(cancel))).await;
        match decided.map(|decided| decided.reply) {
            Ok(CancelReply::Answered(answer)) => return answer,
            Ok(CancelReply::ReversalPending { attempt: Some(attempt) }) => return attempt_inline(ports, id, attempt).await,
            // What is cancelled needs no lookup; Alipay+ asks again where that has changed.
            Ok(CancelReply::LookUp { .. }) => return Answer::Pending,
            Ok(CancelReply::ReversalPending { attempt: None }) => {}
            Err(error) => {
                warn!(payment_request_id = %id, %error, "the cancel is answered U: its reversal could not be resumed (Alipay+ repeats it)");
                return Answer::Pending;
            }
        }
    }
}

/// Waits until no attempt is running: the answer, which is U where an operator has to decide; `None` where the money is
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
        // A core that contradicts a success is asked again when that is due, and not at once.
        let now = ports.clock.now();
        if file.case.reversal.as_ref().is_some_and(|reversal| reversal.waits_for_second_word() && !reversal.is_due(now)) {
            continue;
        }
        match file.case.reversal.map(|reversal| reversal.state) {
            Some(ReversalState::Open { lease: Some(lease), .. }) if now < lease.until => {}
            Some(ReversalState::Open { .. } | ReversalState::Done { .. }) => return None,
            Some(ReversalState::Parked { .. }) | None => return Some(Answer::Pending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_attempts_of_a_backlog_are_spread_evenly() {
        for attempt in 1..=12 {
            let mut sixteenths = [0_u32; 16];
            for n in 0..1_600 {
                let id = PaymentRequestId::parse(format!("20261127190741800100188770238{n:08}")).unwrap();
                sixteenths[(jitter_of(&id, attempt).0 >> 28) as usize] += 1;
            }
            // 100 in each as the mean of a random spread: five standard deviations are 49.
            assert!(sixteenths.iter().all(|count| (51..=149).contains(count)), "attempt {attempt}: {sixteenths:?}");
        }
    }

    #[test]
    fn the_attempts_of_one_reversal_are_spread_too() {
        let id = PaymentRequestId::parse("p").unwrap();
        let jitters: std::collections::BTreeSet<_> = (1..=64).map(|attempt| jitter_of(&id, attempt).0 >> 24).collect();
        assert!(jitters.len() > 40, "{jitters:?}");
    }
}
