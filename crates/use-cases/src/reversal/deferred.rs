//! Cancels that were received while the payment could not be looked up are decided once the wallet core answers.

use std::sync::Arc;
use std::time::Duration;

use ::ports::{Page, Payments};
use domain::{Action, Cancel, CancelReply, Cancellation, Case};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use super::attempt::attempt_inline;
use super::lookup::look_up;
use super::supervise::stops_within;
use crate::Ports;

/// How often the core is asked again about payments that it could not name.
const LOOK_UP_EVERY: Duration = Duration::from_secs(1);
/// How many deferred cases are looked up at once.
const AT_ONCE: u32 = 64;

/// Looks every deferred case up again, page by page and round and round. Those of a page are looked up at once, so that a slow one
/// delays the others by no more than its own timeout.
pub(super) async fn decide_deferred(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    let Some(payments) = ports.core.as_ref().and_then(|core| core.payments.clone()) else { return };
    let mut after: Option<String> = None;
    loop {
        // Between two pages of one round there is nothing to wait for.
        let pause = if after.is_none() { LOOK_UP_EVERY } else { Duration::ZERO };
        if stops_within(&mut stop, pause).await {
            return;
        }
        let page = Page { limit: AT_ONCE, after: after.take() };
        let cases = ports.store.deferred(&page).await.unwrap_or_else(|error| {
            warn!(%error, "the deferred cancels could not be listed (they are looked for again soon)");
            Vec::new()
        });
        after = cases.last().filter(|_| cases.len() >= AT_ONCE as usize).map(|case| case.id.to_string());
        let mut running = JoinSet::new();
        for case in cases {
            running.spawn(decide_again(Arc::clone(&ports), Arc::clone(&payments), case));
        }
        // One by one: a panic in one of them leaves the others of the page to be decided.
        while let Some(ended) = running.join_next().await {
            if let Err(died) = ended {
                error!(error = %died, "a deferred cancel was not decided: its task ended by a panic (report this as a defect)");
            }
        }
    }
}

async fn decide_again(ports: Arc<Ports>, payments: Arc<dyn Payments>, case: Case) {
    // What waits for the clocks is not decided by asking the core, once it has named the payment.
    let waits_for_clocks = case.cancellation.as_ref().is_some_and(Cancellation::is_of_doubtful_time) && case.payment.is_some();
    let Some(Cancellation { acquirer_id, .. }) = case.cancellation.filter(|_| !waits_for_clocks) else { return };
    let Some(lookup) = look_up(ports.clock.as_ref(), payments.as_ref(), &case.id).await else { return };
    let cancel = ports.received(case.id.clone(), Action::Cancel(Cancel::now(acquirer_id, lookup)));
    match ports.lanes.submit::<CancelReply>(cancel).await {
        Ok(decided) => {
            let answer = match decided.reply {
                CancelReply::ReversalPending { attempt: Some(attempt) } => Some(attempt_inline(&ports, &case.id, attempt).await),
                CancelReply::ReversalPending { attempt: None } => None,
                CancelReply::Answered(answer) => Some(answer),
            };
            let rule = decided.rule.map(domain::Rule::name);
            info!(payment_request_id = %case.id, rule, ?answer, "a deferred cancel was looked up again");
        }
        Err(error) => {
            warn!(payment_request_id = %case.id, %error, "a deferred cancel was not decided (it is looked up again soon)");
        }
    }
}
