//! Cancels that were received while the payment could not be looked up are decided once the wallet core answers.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::ports::{LeasedLookup, Payments};
use chrono::TimeDelta;
use domain::{Action, Answer, CancelReply, LookupEnd};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tracing::{debug, error, info, warn};

use super::attempt::attempt_inline;
use super::contradiction::report_contradiction;
use super::lookup::{look_up, lookup_attempt};
use super::supervise::stops_within;
use crate::Ports;

/// How often it is looked for lookups that are due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many lookups are leased at once.
const AT_ONCE: u32 = 64;
/// Over how long the lookups are spread that a core which answers again makes due. It is not asked more often than that.
const HASTEN_WITHIN: Duration = Duration::from_secs(10);
/// How many of them one transaction makes due.
const HASTENED_AT_ONCE: u32 = 500;

/// Makes the lookups that are due, each by itself, until it has to stop. The first that succeeds after others had failed makes all that
/// wait due soon.
pub(super) async fn decide_deferred(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    let Some(payments) = ports.core.as_ref().and_then(|core| core.payments.clone()) else { return };
    let mut hastened_at: Option<Instant> = None;
    loop {
        let pause = if lease_and_spawn(&ports, &payments).await.is_break() { LOOK_EVERY } else { Duration::ZERO };
        if stops_within(&mut stop, pause).await {
            return;
        }
        let now = ports.clock.instant();
        ports.lookup_health.tell(now);
        let may_hasten = hastened_at.is_none_or(|hastened_at| now.saturating_duration_since(hastened_at) >= HASTEN_WITHIN);
        if may_hasten && ports.lookup_health.take_recovered() {
            hastened_at = Some(now);
            hasten(&ports).await;
        }
    }
}

/// Breaks where nothing more is due, or nothing more can be begun now.
async fn lease_and_spawn(ports: &Arc<Ports>, payments: &Arc<dyn Payments>) -> ControlFlow<()> {
    let free = u32::try_from(ports.lookups_of_worker.available_permits()).unwrap_or(AT_ONCE).min(AT_ONCE);
    if free == 0 {
        return ControlFlow::Break(());
    }
    let leased = match ports.store.lease_lookups(ports.clock.now(), free).await {
        Ok(leased) => leased,
        Err(error) => {
            warn!(%error, "the lookups that are due could not be leased (they are looked for again soon)");
            return ControlFlow::Break(());
        }
    };
    let is_last = leased.len() < free as usize;
    for lookup in leased {
        if let Ok(permit) = Arc::clone(&ports.lookups_of_worker).try_acquire_owned() {
            spawn_lookup(ports, payments, (lookup, permit));
        }
    }
    if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// A panic in one of them leaves the others to be decided.
fn spawn_lookup(ports: &Arc<Ports>, payments: &Arc<dyn Payments>, (lookup, permit): (LeasedLookup, OwnedSemaphorePermit)) {
    let deciding = ports.runtime.spawn(decide_again(Arc::clone(ports), Arc::clone(payments), lookup));
    ports.runtime.spawn(async move {
        if let Err(died) = deciding.await {
            error!(error = %died, "a deferred cancel was not decided: its task ended by a panic (report this as a defect)");
        }
        drop(permit);
    });
}

async fn decide_again(ports: Arc<Ports>, payments: Arc<dyn Payments>, LeasedLookup { id, attempt }: LeasedLookup) {
    let lookup = look_up(&ports, payments.as_ref(), &id).await;
    let end = LookupEnd { lookup, attempt: lookup_attempt(&id, attempt) };
    let ended = ports.lanes.submit_patiently::<CancelReply>(ports.received(id.clone(), Action::DecideDeferred(end))).await;
    if let Ok(decided) = &ended {
        report_contradiction(&id, decided);
    }
    let (rule, answer) = match ended {
        Ok(decided) => (
            decided.rule,
            match decided.reply {
                CancelReply::ReversalPending { attempt: Some(attempt) } => Some(attempt_inline(&ports, &id, attempt).await),
                CancelReply::Answered(Answer::Pending) | CancelReply::LookUp { .. } => return,
                CancelReply::ReversalPending { attempt: None } => None,
                CancelReply::Answered(answer) => Some(answer),
            },
        ),
        Err(error) => {
            warn!(payment_request_id = %id, %error, "a deferred cancel was not decided (it is looked up again soon)");
            return;
        }
    };
    ports.lookup_health.decides(ports.clock.instant());
    debug!(payment_request_id = %id, rule = rule.map(domain::Rule::name), ?answer, "a deferred cancel was decided after a lookup");
}

/// The core answers again: nobody waits for the end of a long pause.
async fn hasten(ports: &Ports) {
    let within = TimeDelta::from_std(HASTEN_WITHIN).unwrap_or_default();
    let mut all = 0;
    loop {
        match ports.store.hasten_lookups(ports.clock.now(), within, HASTENED_AT_ONCE).await {
            Ok(hastened) => {
                all += hastened;
                if hastened < HASTENED_AT_ONCE {
                    break;
                }
            }
            Err(error) => {
                warn!(%error, "the lookups that wait could not be made due (each comes at its own time)");
                break;
            }
        }
    }
    if all > 0 {
        info!(waiting = all, "the wallet core answers lookups again: the deferred cancels are looked up within 10 s");
    }
}
