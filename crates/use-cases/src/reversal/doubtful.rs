//! Cancels about whose moment two clocks disagree are decided once this process's clock is known to be right.

use std::sync::Arc;
use std::time::Duration;

use ::ports::Page;
use chrono::TimeDelta;
use domain::{CancelReply, Cancellation, Case, PaymentRequestId, Witness};
use tokio::sync::watch;
use tracing::{info, warn};

use super::attempt::attempt_inline;
use super::lookup::submit_cancel;
use super::supervise::stops_within;
use crate::Ports;
use crate::doubtful_receipts::DoubtfulReceipt;
use crate::received_cancel::AskedCancel;

/// How often it is looked whether the clock is right.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked for those that another process received, or this one before it was started again.
const LIST_EVERY: u32 = 60;
const AT_ONCE: u32 = 64;

/// Decides what is in doubt, until it has to stop.
pub(super) async fn decide_doubtful(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    let mut rounds = 0;
    while !stops_within(&mut stop, LOOK_EVERY).await {
        if !ports.request_times.is_clock_right(ports.clock.as_ref()) {
            continue;
        }
        for (id, receipt) in ports.doubtful.take_all() {
            if !judge(&ports, &id, &receipt).await {
                ports.doubtful.remember(id, receipt);
            }
        }
        if rounds % LIST_EVERY == 0 {
            ask_again(&ports).await;
        }
        rounds += 1;
    }
}

/// Decides by the moment at which the cancel came on the clock as it is now; whether it is decided.
async fn judge(ports: &Arc<Ports>, id: &PaymentRequestId, receipt: &DoubtfulReceipt) -> bool {
    let DoubtfulReceipt { acquirer_id, arrived } = receipt.clone();
    let ago = TimeDelta::from_std(ports.clock.instant().saturating_duration_since(arrived)).unwrap_or_default();
    let at = ports.clock.now() - ago;
    // The clock may have been set since it was looked at.
    if !ports.request_times.is_clock_right(ports.clock.as_ref()) {
        return false;
    }
    submit(ports, AskedCancel { id: id.clone(), acquirer_id, at, arrived, witness: Witness::TrustedClocks }).await
}

/// Those whose receipt this process does not remember. Where even now is in time, they came in time.
async fn ask_again(ports: &Arc<Ports>) {
    let mut after = None;
    loop {
        let page = Page { limit: AT_ONCE, after: after.take() };
        let cases = ports.store.deferred(&page).await.unwrap_or_else(|error| {
            warn!(%error, "the deferred cancels could not be listed (they are looked for again soon)");
            Vec::new()
        });
        let last = cases.last().filter(|_| cases.len() >= AT_ONCE as usize).map(|case| case.id.to_string());
        for case in cases {
            ask_once(ports, case).await;
        }
        match last {
            Some(last) => after = Some(last),
            None => return,
        }
    }
}

async fn ask_once(ports: &Arc<Ports>, case: Case) {
    let Some(known) = case.cancellation.filter(Cancellation::is_of_doubtful_time) else { return };
    let (at, arrived) = (ports.clock.now(), ports.clock.instant());
    submit(ports, AskedCancel { id: case.id, acquirer_id: known.acquirer_id, at, arrived, witness: Witness::OurClocks }).await;
}

async fn submit(ports: &Arc<Ports>, asked: AskedCancel) -> bool {
    let id = &asked.id;
    match submit_cancel(ports, &asked).await {
        Ok(None) => false,
        Ok(Some(decided)) => {
            let rule = decided.rule.map(domain::Rule::name);
            if let CancelReply::ReversalPending { attempt: Some(attempt) } = decided.reply {
                let _ = attempt_inline(ports, id, attempt).await;
            }
            info!(payment_request_id = %id, rule, "a cancel of doubtful time was decided again");
            true
        }
        Err(error) => {
            warn!(payment_request_id = %id, %error, "a cancel of doubtful time was not decided (it is tried again soon)");
            false
        }
    }
}
