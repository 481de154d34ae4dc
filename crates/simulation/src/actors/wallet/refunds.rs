//! What follows a payment: refunds, and questions that are asked again.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{
    Action, CommandReply, Disposition, Payment, PaymentStatus, RefundRequest, RefundRequestId, RefundResult, ReportedResult,
};
use tokio::time::sleep;

use super::{PaymentPlan, announce, checks, millis, report, submit_until_answered, takes, yen};
use crate::cluster::Cluster;
use crate::faults::FaultKind;
use crate::recorder::lock;
use crate::terms::FundsAt;

/// After a success was reported: refunds, and what a wallet asks again.
pub(super) async fn afterwards(cluster: &Arc<Cluster>, plan: &mut PaymentPlan, (payment, at): (&Payment, DateTime<Utc>)) {
    let whole = payment.amount.minor();
    if plan.random.chance(1_200) {
        sleep(millis(&mut plan.random, 8_000)).await;
        let part = if plan.random.chance(4_000) { whole } else { (whole / 2).max(1) };
        refund(cluster, plan, (1, part, whole)).await;
        if plan.random.chance(3_000) {
            refund(cluster, plan, (2, whole - part + 1, whole)).await;
        }
    }
    let by_core = cluster.world.terms.funds == FundsAt::Core && refunds_by_itself(cluster, plan, whole);
    let again = if by_core { 6 } else { u32::from(plan.random.chance(1_200)) };
    for _ in 0..again {
        sleep(millis(&mut plan.random, 60_000 / u64::from(again))).await;
        announce(cluster, plan, payment).await;
        report(cluster, plan, (ReportedResult::Succeeded, at)).await;
    }
    if by_core {
        refund(cluster, plan, (3, whole, whole)).await;
    }
}

/// The core's own staff refunds, without a word to anybody.
fn refunds_by_itself(cluster: &Cluster, plan: &mut PaymentPlan, whole: i64) -> bool {
    let Some(how) = cluster.world.strikes(FaultKind::CoreRefunds, &plan.id) else { return false };
    let mut books = lock(&cluster.world.books);
    let known = books.of(&plan.id);
    let amount = if how.is_multiple_of(2) { whole } else { (whole / 2).max(1) };
    if known.closed.is_none() && known.kept() >= amount {
        known.refunded += amount;
    }
    true
}

async fn refund(cluster: &Arc<Cluster>, plan: &mut PaymentPlan, (number, part, whole): (u32, i64, i64)) {
    let (Some(amount), Ok(id)) = (yen(part), RefundRequestId::parse(format!("r{number}-{}", plan.id))) else { return };
    cluster.world.recorder.count("refunds");
    let action = Action::Refund(RefundRequest { id: id.clone(), amount });
    let reply = submit_until_answered(cluster, (&plan.id, &action), &mut plan.random, 10).await;
    let Some(reply) = reply else { return };
    let broken = lock(&cluster.world.promises).of(&plan.id).refund_hears(reply, (part, whole));
    checks(cluster, &plan.id, broken);
    if reply != CommandReply::Done(Disposition::Proceed) {
        return;
    }
    sleep(millis(&mut plan.random, 15_000)).await;
    let result =
        if plan.random.chance(7_500) && moves(cluster, plan, part) { ReportedResult::Succeeded } else { ReportedResult::Failed };
    let action = Action::RefundResult(RefundResult { id, result, completed_at: cluster.world.time.now() });
    submit_until_answered(cluster, (&plan.id, &action), &mut plan.random, 60).await;
}

/// The core moves a refund, where enough is left.
fn moves(cluster: &Cluster, plan: &PaymentPlan, part: i64) -> bool {
    if cluster.world.terms.funds == FundsAt::Ledger {
        return true;
    }
    let mut books = lock(&cluster.world.books);
    let known = books.of(&plan.id);
    let enough = known.kept() >= part && known.closed.is_none();
    if enough {
        known.refunded += part;
    }
    enough
}

/// Where the payments are at the core nobody announces them: Rescind has to ask.
pub(super) async fn only_moves_money(cluster: &Arc<Cluster>, plan: &mut PaymentPlan, payment: &Payment) {
    let (id, whole) = (plan.id.clone(), payment.amount.minor());
    if lock(&cluster.world.books).find(&id).is_some_and(|known| known.closed.is_some()) {
        return;
    }
    lock(&cluster.world.promises).of(&id).begins((payment.acquirer_id.clone(), payment.initiated_at), false);
    lock(&cluster.world.books).of(&id).payment = Some(payment.clone());
    sleep(millis(&mut plan.random, 8_000)).await;
    let completed_at = cluster.world.time.now();
    if plan.random.chance(1_500) {
        lock(&cluster.world.books).set_status(&id, PaymentStatus::Failed { completed_at, reason: None });
        return;
    }
    takes(cluster, &id, whole);
    lock(&cluster.world.books).set_status(&id, PaymentStatus::Succeeded { completed_at, fee: yen(3) });
    refunds_by_itself(cluster, plan, whole);
    if plan.random.chance(1_500) {
        sleep(millis(&mut plan.random, 8_000)).await;
        let part = if plan.random.chance(4_000) { whole } else { (whole / 2).max(1) };
        let begins = {
            let mut books = lock(&cluster.world.books);
            let known = books.of(&id);
            known.refund_running = known.closed.is_none() && known.kept() >= part;
            known.refund_running
        };
        if begins {
            sleep(millis(&mut plan.random, 9_000)).await;
            moves(cluster, plan, part);
            lock(&cluster.world.books).of(&id).refund_running = false;
        }
    }
}
