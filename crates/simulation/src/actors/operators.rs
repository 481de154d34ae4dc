//! Operators: they look at what is parked, have it tried again, or pay by hand.

use std::sync::Arc;
use std::time::Duration;

use domain::{Action, Case, CommandReply, Disposition, EventKind, PaymentRequestId, ReversalOutcome};
use ports::{Page, ReversalFilter};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::random::Random;
use crate::recorder::lock;
use crate::terms::FundsAt;

/// How often they look.
const LOOK_EVERY: Duration = Duration::from_secs(11);

/// The whole list of reversals.
pub(crate) async fn listed(cluster: &Cluster, filter: ReversalFilter) -> Vec<Case> {
    cluster.cases().reversals(filter, &Page { limit: u32::MAX, after: None }).await.unwrap_or_default()
}

/// Works until the window's end stops it.
pub(crate) async fn operate(cluster: Arc<Cluster>, mut random: Random) {
    loop {
        sleep(LOOK_EVERY).await;
        for case in listed(&cluster, ReversalFilter::Open).await {
            if random.chance(300) {
                let _ = submit(&cluster, (&case.id, stop()), &mut random).await;
            }
        }
        let page = Page { limit: u32::MAX, after: None };
        for case in cluster.cases().deferred(&page).await.unwrap_or_default() {
            if random.chance(300) {
                let _ = submit(&cluster, (&case.id, stop()), &mut random).await;
            }
        }
        for case in listed(&cluster, ReversalFilter::Parked).await {
            if random.chance(6_000) {
                act(&cluster, &case.id, &mut random).await;
            }
        }
    }
}

async fn act(cluster: &Arc<Cluster>, id: &PaymentRequestId, random: &mut Random) {
    cluster.touches(id);
    if random.chance(5_000) {
        let _ = submit(cluster, (id, Action::Retry { by: "operator-1".to_owned() }), random).await;
    } else {
        resolve(cluster, id, random).await;
    }
}

async fn submit(cluster: &Cluster, (id, action): (&PaymentRequestId, Action), random: &mut Random) -> Option<CommandReply> {
    cluster.world.recorder.count("operators' commands");
    cluster.pick(random)?.submit(id, action).await
}

fn stop() -> Action {
    Action::Park { note: "it takes too long".to_owned(), by: "operator-1".to_owned() }
}

/// Has another operator approve what the first one asked for; now and then the first one tries.
async fn approve(cluster: &Cluster, id: &PaymentRequestId, random: &mut Random) -> Option<CommandReply> {
    let by = |name: &str| Action::Approve { by: name.to_owned() };
    if random.chance(2_000) {
        let _ = submit(cluster, (id, by("operator-1")), random).await;
    }
    submit(cluster, (id, by("operator-2")), random).await
}

/// Pays by hand and says so, again until it is known whether it was taken note of; whether it could be ended.
pub(crate) async fn resolve(cluster: &Arc<Cluster>, id: &PaymentRequestId, random: &mut Random) -> bool {
    let mut paid = false;
    for _ in 0..20 {
        // What is parked already is not parked again, and what an attempt is at is soon free.
        let _ = submit(cluster, (id, stop()), random).await;
        let action = Action::Resolve { note: "paid by hand".to_owned(), by: "operator-1".to_owned() };
        let reply = submit(cluster, (id, action), random).await;
        let reply =
            if reply == Some(CommandReply::Done(Disposition::Requested)) { approve(cluster, id, random).await } else { reply };
        match reply {
            Some(reply) => {
                let resolved = reply == CommandReply::Done(Disposition::Resolved);
                // A call that got no answer may have been recorded after it was looked at.
                let resolved = resolved || is_resolved(cluster, id).await;
                if resolved || paid {
                    pays_by_hand(cluster, id);
                }
                if resolved || paid || !is_open(cluster, id).await {
                    return resolved || paid;
                }
            }
            // It may have been recorded.
            None => paid = paid || is_resolved(cluster, id).await,
        }
        sleep(Duration::from_secs(1)).await;
    }
    paid
}

/// Pays what is kept. Where nobody reports the payment's success, the operator also sees to it that the core takes nothing any more.
fn pays_by_hand(cluster: &Cluster, id: &PaymentRequestId) {
    let mut books = lock(&cluster.world.books);
    let known = books.of(id);
    known.by_hand += known.kept().max(0);
    if cluster.world.terms.funds == FundsAt::CoreWithPayments && known.closed.is_none() {
        known.closed = Some(ReversalOutcome::Done);
    }
}

async fn is_open(cluster: &Cluster, id: &PaymentRequestId) -> bool {
    let page = Page { limit: u32::MAX, after: None };
    let deferred = cluster.cases().deferred(&page).await.unwrap_or_default();
    listed(cluster, ReversalFilter::Open).await.iter().chain(&deferred).any(|case| case.id == *id)
}

async fn is_resolved(cluster: &Cluster, id: &PaymentRequestId) -> bool {
    let file = cluster.cases().find(id).await.ok().flatten();
    let resolved = EventKind::ReversalResolved { note: String::new(), by: String::new(), approved_by: None }.name();
    file.is_some_and(|file| file.timeline.iter().any(|line| line.what == resolved) && !file.case.has_parked_deferral())
}
