//! The worker: it makes the attempts that are due, whichever process opened the reversals.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::warn;

use super::attempt::spawn_attempt;
use super::deferred::decide_deferred;
use super::doubtful::decide_doubtful;
use super::supervise::{stops_within, supervise};
use crate::Ports;

/// How often the worker looks for what is due: soon enough that the first repair of an unknown outcome begins within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How many reversals are leased at once.
const AT_ONCE: u32 = 64;

/// Gives back what is due, each reversal by itself, and decides deferred cancels again, until it has to stop. Any number of
/// processes may run it. With the embedded ledger there is nothing to give back, and only the clocks are waited for.
pub async fn run_worker(ports: Arc<Ports>, stop: watch::Receiver<bool>) {
    let judging = supervise(stop.clone(), || decide_doubtful(Arc::clone(&ports), stop.clone()));
    if ports.core.is_none() {
        return judging.await;
    }
    let reversing = supervise(stop.clone(), || reverse_what_is_due(Arc::clone(&ports), stop.clone()));
    let deciding = supervise(stop.clone(), || decide_deferred(Arc::clone(&ports), stop.clone()));
    tokio::join!(reversing, deciding, judging);
}

async fn reverse_what_is_due(ports: Arc<Ports>, mut stop: watch::Receiver<bool>) {
    loop {
        let pause = if lease_and_spawn(&ports).await.is_break() { LOOK_EVERY } else { Duration::ZERO };
        if stops_within(&mut stop, pause).await {
            return;
        }
    }
}

/// Breaks where nothing more is due, or nothing more can be begun now.
async fn lease_and_spawn(ports: &Arc<Ports>) -> ControlFlow<()> {
    let free = u32::try_from(ports.attempts_of_worker.available_permits()).unwrap_or(AT_ONCE).min(AT_ONCE);
    if free == 0 {
        return ControlFlow::Break(());
    }
    let leased = match ports.store.lease_due(ports.clock.now(), free).await {
        Ok(leased) => leased,
        Err(error) => {
            warn!(%error, "the reversals that are due could not be leased (they are looked for again soon)");
            return ControlFlow::Break(());
        }
    };
    let is_last = leased.len() < free as usize;
    for reversal in leased {
        spawn_attempt(ports, &ports.attempts_of_worker, reversal);
    }
    if is_last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
