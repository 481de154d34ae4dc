//! What has to be true when a window has come to its end, by the books of everybody and past all of Rescind's own words.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{AccountId, Answer, CancellationState, Case, FinalAnswer, Inquiry, PaymentRequestId, PaymentStatus};
use domain::{ReversalOutcomeName, ReversalState};
use ports::{Page, ReversalFilter};

use crate::actors::operators::{listed, resolve};
use crate::actors::settlement::Stated;
use crate::cluster::Cluster;
use crate::random::Random;
use crate::recorder::lock;
use crate::rulebook::Ended;
use crate::terms::FundsAt;
use crate::violations::ViolationKind;

/// Whether everything that can end by itself has ended.
pub(crate) async fn is_quiet(cluster: &Cluster) -> bool {
    let open = listed(cluster, ReversalFilter::Open).await;
    let page = Page { limit: u32::MAX, after: None };
    let deferred = cluster.cases().deferred(&page).await.unwrap_or_default();
    open.iter().chain(&deferred).all(|case| cluster.world.never_ends(&case.id) || asks_for_ever(case))
}

/// What is open or deferred minutes after the last fault: an operator must be able to end what never ends by itself.
pub(crate) async fn everything_is_final(cluster: &Arc<Cluster>, random: &mut Random) {
    let page = Page { limit: u32::MAX, after: None };
    let deferred = cluster.cases().deferred(&page).await.unwrap_or_default();
    for case in listed(cluster, ReversalFilter::Open).await.into_iter().chain(deferred) {
        let id = &case.id;
        if asks_for_ever(&case) {
            let text = "the cancel of another acquirer is looked up every second".to_owned();
            cluster.world.violates(ViolationKind::AsksForEver, id, text);
        } else if !cluster.world.never_ends(id) {
            cluster.world.violates(ViolationKind::NotFinal, id, format!("{:?} minutes after the last fault", stands(&case)));
        } else if !resolve(cluster, id, random).await {
            let text = format!("it never ends by itself, and an operator cannot end it: {:?}", stands(&case));
            cluster.world.violates(ViolationKind::NoDoor, id, text);
        }
    }
}

/// Whether the payment of a cancel that waits for a lookup is known to be another acquirer's, so that no lookup ever decides it.
fn asks_for_ever(case: &Case) -> bool {
    let waits = case.cancellation.as_ref().is_some_and(domain::Cancellation::waits_for_lookup);
    waits && case.payment.as_ref().is_some_and(|payment| case.received_from(&payment.acquirer_id).is_none())
}

fn stands(case: &Case) -> (Option<CancellationState>, Option<ReversalState>) {
    (case.cancellation.as_ref().map(|known| known.state), case.reversal.as_ref().map(|known| known.state.clone()))
}

/// Everything that the window touched, one by one.
pub(crate) async fn each_case_is_right(cluster: &Arc<Cluster>) {
    let touched = std::mem::take(&mut *lock(&cluster.touched));
    for id in &touched {
        let case = cluster.cases().find(id).await.ok().flatten().map(|file| file.case);
        inquire(cluster, id, case.as_ref());
        if cluster.world.terms.funds != FundsAt::Ledger {
            money_is_right(cluster, id, case.as_ref());
        }
        if let Some(case) = &case {
            fee_is_waived(cluster, case);
        }
    }
}

/// Somebody inquires about a payment.
pub(crate) fn inquire(cluster: &Cluster, id: &PaymentRequestId, case: Option<&Case>) {
    let world = &cluster.world;
    world.recorder.count("inquiries");
    let inquiry = case.map_or(Inquiry::Unknown, Case::inquiry);
    // Of what nobody has recorded the wallet API has no inquiry.
    let exists = case.is_some()
        && lock(&world.books).find(id).is_some_and(|known| known.payment.is_some())
        && world.terms.funds == FundsAt::CoreWithPayments;
    let (broken, told_success) = {
        let mut promises = lock(&world.promises);
        let page = promises.of(id);
        (page.inquiry_hears(inquiry, exists), page.is_told_success())
    };
    if let Some((kind, text)) = broken {
        world.violates(kind, id, text);
    }
    let refunded = case.and_then(|case| case.cancellation.as_ref()).map(|known| known.state);
    let refunded = matches!(refunded, Some(CancellationState::AlreadyRefunded { .. }));
    if told_success && inquiry != Inquiry::Closed && !refunded {
        world.violates(ViolationKind::SuccessUntrue, id, format!("S was answered, and an inquiry says {inquiry:?}"));
    }
}

/// The core's own books against what was told.
fn money_is_right(cluster: &Cluster, id: &PaymentRequestId, case: Option<&Case>) {
    let world = &cluster.world;
    let Some(known) = lock(&world.books).find(id).cloned() else { return };
    if known.kept() < 0 {
        world.violates(ViolationKind::MoneyTwice, id, format!("{} more was given back than taken", -known.kept()));
    }
    let promises = lock(&world.promises).find(id).cloned().unwrap_or_default();
    let parked = case.and_then(|case| case.reversal.as_ref());
    // What was resolved by hand, an operator has looked at.
    let parked = parked.is_some_and(|known| match known.state {
        ReversalState::Parked { .. } | ReversalState::Open { .. } | ReversalState::Done { by_hand: true, .. } => true,
        ReversalState::Done { by_hand: false, .. } => false,
    });
    let told_success = promises.is_told_success();
    let after_success = |(outcome, told): &(ReversalOutcomeName, bool)| {
        *told && matches!(outcome, ReversalOutcomeName::PartlyRefunded | ReversalOutcomeName::FullyRefunded)
    };
    if known.contradicted && !parked && promises.outcomes.last().is_some_and(after_success) {
        let text = "the core contradicts an S that was answered, and nobody has it on a list".to_owned();
        world.violates(ViolationKind::ContradictionClosed, id, text);
    }
    if told_success && !parked && promises.succeeded && known.lied {
        let text = "the wallet's success and the core's word contradict each other, and S stands".to_owned();
        world.violates(ViolationKind::TwoBooks, id, text);
    }
    if told_success && known.kept() > 0 && !parked && !known.lied {
        world.violates(ViolationKind::MoneyKept, id, format!("S was answered, and {} are kept", known.kept()));
    }
}

fn fee_is_waived(cluster: &Cluster, case: &Case) {
    let cancelled = case.cancellation.as_ref().map(|known| known.state);
    let fee =
        case.payment.as_ref().is_some_and(|payment| matches!(payment.status, PaymentStatus::Succeeded { fee: Some(_), .. }));
    if fee && matches!(cancelled, Some(CancellationState::Cancelled { answer: FinalAnswer::Cancelled, .. })) {
        cluster.world.violates(ViolationKind::FeeKept, &case.id, "it is cancelled and costs a fee".to_owned());
    }
}

/// The embedded ledger against what was taken and given back by the rule book.
pub(crate) async fn ledger_is_right(cluster: &Cluster) {
    let expected = lock(&cluster.world.rules).balances();
    for (account, expected) in expected {
        let Ok(account_id) = AccountId::parse(account.clone()) else { continue };
        let page = Page { limit: 1, after: None };
        let stated = cluster.cases().account(&account_id, &page).await;
        let balance: i128 = stated.map(|stated| stated.balances.values().sum()).unwrap_or_default();
        if balance != expected && cluster.world.terms.funds == FundsAt::Ledger {
            let kind = if balance > expected { ViolationKind::MoneyTwice } else { ViolationKind::MoneyKept };
            cluster.world.violates(kind, &account, format!("the ledger has {balance}, and it must be {expected}"));
        }
    }
}

/// When all days are closed, everything that succeeded is in one statement, but for what is cancelled.
pub(crate) fn everything_is_stated(cluster: &Cluster, stated: &Stated, until: DateTime<Utc>) {
    let world = &cluster.world;
    for day in stated.open_days() {
        let blocked = {
            let rules = lock(&world.rules);
            let mut deferred = rules.pages().filter(|(_, page)| page.is_deferred());
            deferred.any(|(id, _)| world.never_ends(id))
        };
        if !blocked {
            world.violates(ViolationKind::DayNotClosed, &day, "nothing holds it up, and it is open".to_owned());
        }
    }
    if !stated.open_days().is_empty() {
        return;
    }
    let missing: Vec<_> = {
        let rules = lock(&world.rules);
        let settles = rules.pages().filter(|(_, page)| page.taken_at().is_some_and(|at| at < until) && !page.is_cancelled());
        let payments = settles.map(|(id, _)| id.to_string());
        let refunds = rules.pages().flat_map(|(_, page)| &page.refunds);
        let refunds = refunds.filter(|refund| matches!(refund.ended, Ended::Well(at) if at < until));
        payments.chain(refunds.map(|refund| refund.id.to_string())).filter(|line| !stated.has(line)).collect()
    };
    for line in missing {
        world.violates(ViolationKind::NotStated, &line, "it succeeded and is in no statement".to_owned());
    }
}

/// Whether Alipay+ would still hear U, and nobody could do anything about it.
pub(crate) async fn answer_must_be_final(cluster: &Cluster, id: &PaymentRequestId, answer: Option<Answer>) {
    let case = cluster.cases().find(id).await.ok().flatten().map(|file| file.case);
    let parked = case.as_ref().and_then(|case| case.reversal.as_ref());
    let parked = parked.is_some_and(|known| matches!(known.state, ReversalState::Parked { .. }))
        || case.as_ref().is_some_and(Case::has_parked_deferral);
    let is_final = matches!(answer, Some(Answer::Cancelled | Answer::Refused(_)));
    let endless = case.as_ref().is_some_and(asks_for_ever);
    if !is_final && !parked && !endless && !cluster.world.never_ends(id) {
        let text = format!("Alipay+ hears {answer:?} minutes after the last fault: {:?}", case.as_ref().map(stands));
        cluster.world.violates(ViolationKind::NotFinal, id, text);
    }
}
