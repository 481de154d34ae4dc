//! The wallet: it announces payments, moves money at its core, reports results and refunds. Where the payments are at the core, it only
//! moves money.

mod refunds;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AccountId, AcquirerId, Action, CommandReply, Currency, Disposition, Money, PayResult, Payment, PaymentId, PaymentKind,
    PaymentRequestId, PaymentStatus, ReportedResult,
};
use tokio::time::sleep;

use super::alipayplus::ask_until_final;
use super::inquiries::inquire_often;
use crate::cluster::{Cluster, LaterCancel};
use crate::faults::FaultKind;
use crate::promises::Broken;
use crate::random::Random;
use crate::recorder::lock;
use crate::terms::FundsAt;

/// One payment request with all that its user, its wallet and Alipay+ will do.
pub(crate) struct PaymentPlan {
    pub(crate) id: PaymentRequestId,
    pub(crate) acquirer: AcquirerId,
    pub(crate) random: Random,
}

/// The two acquirers.
pub(crate) const ACQUIRERS: [&str; 2] = ["acquirer-a", "acquirer-b"];

/// An acquirer by its place in the list.
pub(crate) fn acquirer(place: usize) -> Option<AcquirerId> {
    AcquirerId::parse(ACQUIRERS[place % ACQUIRERS.len()]).ok()
}

/// An amount in yen.
pub(crate) fn yen(minor: i64) -> Option<Money> {
    Money::new(minor, Currency::parse("JPY").ok()?).ok()
}

fn millis(random: &mut Random, most: u64) -> Duration {
    Duration::from_millis(random.within(20, most))
}

/// Sends a command until it is answered, or too often.
pub(crate) async fn submit_until_answered(
    cluster: &Arc<Cluster>,
    (id, action): (&PaymentRequestId, &Action),
    random: &mut Random,
    tries: u32,
) -> Option<CommandReply> {
    for _ in 0..tries {
        cluster.world.recorder.count("wallets' commands");
        let node = cluster.pick(random)?;
        let reply = node.submit(id, action.clone()).await.filter(|_| !node.life.is_over());
        if reply.is_some() {
            return reply;
        }
        sleep(millis(random, 2_000)).await;
    }
    None
}

fn checks(cluster: &Cluster, id: &PaymentRequestId, broken: Broken) {
    if let Some((kind, text)) = broken {
        cluster.world.violates(kind, id, text);
    }
}

/// Everything about one payment request.
pub(crate) async fn pays(cluster: Arc<Cluster>, mut plan: PaymentPlan) {
    sleep(millis(&mut plan.random, 60_000)).await;
    cluster.touches(&plan.id);
    plan_cancels(&cluster, &mut plan);
    if plan.random.chance(1_000) {
        // It never reaches the wallet, or long after its cancel.
        if plan.random.chance(5_000) {
            return;
        }
        sleep(millis(&mut plan.random, 40_000)).await;
    }
    let Some(payment) = draw_payment(&cluster, &mut plan) else { return };
    cluster.world.recorder.count("payments");
    match cluster.world.terms.funds {
        FundsAt::Ledger | FundsAt::Core => announces(&cluster, &mut plan, &payment).await,
        FundsAt::CoreWithPayments => refunds::only_moves_money(&cluster, &mut plan, &payment).await,
    }
}

fn draw_payment(cluster: &Cluster, plan: &mut PaymentPlan) -> Option<Payment> {
    let random = &mut plan.random;
    Some(Payment {
        acquirer_id: plan.acquirer.clone(),
        account: AccountId::parse(format!("user-{}", random.below(40))).ok()?,
        amount: yen(i64::try_from(random.within(100, 90_000)).unwrap_or(100))?,
        settlement_amount: if random.chance(500) { yen(77) } else { None },
        kind: if random.chance(1_500) { PaymentKind::Authorization } else { PaymentKind::Payment },
        initiated_at: cluster.world.time.now(),
        payment_id: None,
        status: PaymentStatus::InProgress,
    })
}

/// When Alipay+ will cancel, if it will.
fn plan_cancels(cluster: &Arc<Cluster>, plan: &mut PaymentPlan) {
    let random = &mut plan.random;
    let (id, acquirer_id) = (plan.id.clone(), plan.acquirer.clone());
    if random.chance(600) {
        let not_before = cluster.world.time.now() + chrono::TimeDelta::hours(i64::try_from(random.within(1, 30)).unwrap_or(1));
        lock(&cluster.later).push(LaterCancel { id, acquirer: acquirer_id, not_before });
        return;
    }
    if random.chance(2_500) {
        let asker = if random.chance(1_000) { acquirer(random.next() as usize) } else { Some(acquirer_id.clone()) };
        let (cluster, id, random) = (Arc::clone(cluster), id.clone(), Random::of(random.next(), "inquiries"));
        tokio::spawn(async move {
            if let Some(asker) = asker {
                inquire_often(cluster, (id, asker), random).await;
            }
        });
    }
    if random.chance(900)
        && let Some(other) = acquirer(usize::from(acquirer_id.as_str() == ACQUIRERS[0]))
    {
        spawn_cancel(cluster, (id.clone(), other), random);
    }
    if random.chance(6_000) {
        spawn_cancel(cluster, (id, acquirer_id), random);
    } else {
        lock(&cluster.uncancelled).push((id, acquirer_id));
    }
}

fn spawn_cancel(cluster: &Arc<Cluster>, (id, acquirer): (PaymentRequestId, AcquirerId), random: &mut Random) {
    let (cluster, pause, random) = (Arc::clone(cluster), millis(random, 25_000), Random::of(random.next(), "cancel"));
    tokio::spawn(async move {
        sleep(pause).await;
        ask_until_final(cluster, id, acquirer, random).await;
    });
}

async fn announces(cluster: &Arc<Cluster>, plan: &mut PaymentPlan, payment: &Payment) {
    let id = plan.id.clone();
    lock(&cluster.world.promises).of(&id).begins((payment.acquirer_id.clone(), payment.initiated_at), true);
    if cluster.world.terms.funds == FundsAt::Core {
        lock(&cluster.world.books).of(&id).payment = Some(payment.clone());
    }
    let goes_on = |reply| reply == Some(CommandReply::Done(Disposition::Proceed));
    if !goes_on(announce(cluster, plan, payment).await) {
        return;
    }
    sleep(millis(&mut plan.random, 8_000)).await;
    if plan.random.chance(1_000) && !goes_on(announce(cluster, plan, payment).await) {
        return;
    }
    let fails = plan.random.chance(1_200);
    if !fails || plan.random.chance(500) {
        takes(cluster, &id, payment.amount.minor());
    }
    sleep(millis(&mut plan.random, 12_000)).await;
    if cluster.world.strikes(FaultKind::LostResult, &id).is_some() {
        return;
    }
    if fails {
        report(cluster, plan, (ReportedResult::Failed, cluster.world.time.now())).await;
        if !plan.random.chance(1_500) {
            return;
        }
        takes(cluster, &id, payment.amount.minor());
    }
    let at = cluster.world.time.now();
    let reply = report(cluster, plan, (ReportedResult::Succeeded, at)).await;
    if cluster.world.strikes(FaultKind::RepeatedResult, &id).is_some() {
        report(cluster, plan, (ReportedResult::Succeeded, at)).await;
    }
    if reply.is_some() {
        refunds::afterwards(cluster, plan, (payment, at)).await;
    }
}

/// The core debits, once.
fn takes(cluster: &Cluster, id: &PaymentRequestId, amount: i64) {
    if cluster.world.terms.funds != FundsAt::Ledger {
        let mut books = lock(&cluster.world.books);
        let known = books.of(id);
        if known.taken == 0 {
            known.take(amount);
        }
    }
}

async fn announce(cluster: &Arc<Cluster>, plan: &mut PaymentPlan, payment: &Payment) -> Option<CommandReply> {
    let action = Action::Pay(payment.clone());
    let reply = submit_until_answered(cluster, (&plan.id, &action), &mut plan.random, 8).await;
    if let Some(reply) = reply {
        let broken = lock(&cluster.world.promises).of(&plan.id).pay_hears(reply);
        checks(cluster, &plan.id, broken);
    }
    reply
}

async fn report(
    cluster: &Arc<Cluster>,
    plan: &mut PaymentPlan,
    (result, completed_at): (ReportedResult, DateTime<Utc>),
) -> Option<CommandReply> {
    let success = result == ReportedResult::Succeeded;
    let action = Action::Result(PayResult {
        result,
        completed_at,
        payment_id: PaymentId::parse(format!("own-{}", plan.id)).ok(),
        fee: if success { yen(3) } else { None },
        reason: None,
    });
    let reply = submit_until_answered(cluster, (&plan.id, &action), &mut plan.random, 60).await;
    if let Some(reply) = reply {
        let broken = lock(&cluster.world.promises).of(&plan.id).result_hears(reply, success);
        checks(cluster, &plan.id, broken);
    }
    reply
}
