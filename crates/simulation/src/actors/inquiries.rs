//! Alipay+ inquires: before, during and after a cancel, for any acquirer.

use std::sync::Arc;
use std::time::Duration;

use domain::{AcquirerId, FinalAnswer, InquiryRule, PaymentRequestId, PaymentStatus};
use tokio::time::{sleep, timeout};

use crate::cluster::Cluster;
use crate::faults::FaultKind;
use crate::random::Random;
use crate::recorder::lock;
use crate::terms::FundsAt;
use crate::violations::ViolationKind;

/// How long Alipay+ waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Inquires several times while a payment goes its way.
pub(crate) async fn inquire_often(cluster: Arc<Cluster>, (id, acquirer): (PaymentRequestId, AcquirerId), mut random: Random) {
    for _ in 0..random.within(1, 6) {
        sleep(Duration::from_millis(random.below(12_000))).await;
        inquire(&cluster, (&id, &acquirer), &mut random).await;
    }
}

/// What is known before an inquiry is sent. Its answer comes later.
struct KnownBefore {
    /// S was answered, and cancelled the payment.
    is_cancelled: bool,
    /// The payment is recorded, or at the core, for the acquirer that asks.
    is_own: bool,
}

impl KnownBefore {
    fn of(cluster: &Cluster, (id, acquirer): (&PaymentRequestId, &AcquirerId)) -> Self {
        let world = &cluster.world;
        let told_success = lock(&world.promises).find(id).is_some_and(|page| page.is_told_success());
        let (is_cancelled, recorded) = {
            let rules = lock(&world.rules);
            let page = rules.page(id);
            let cancelled = page.is_some_and(|page| page.is_cancelled() && page.answer() == Some(FinalAnswer::Cancelled));
            let own = page.and_then(|page| page.paid.as_ref()).is_some_and(|paid| paid.acquirer == *acquirer);
            (told_success && cancelled, own)
        };
        let at_core = world.terms.funds == FundsAt::CoreWithPayments
            && lock(&world.books)
                .find(id)
                .and_then(|known| known.payment.as_ref())
                .is_some_and(|own| own.acquirer_id == *acquirer);
        Self { is_cancelled, is_own: recorded || at_core }
    }
}

/// One inquiry, whose answer is compared with everything that was told before it was sent.
pub(crate) async fn inquire(cluster: &Arc<Cluster>, (id, acquirer): (&PaymentRequestId, &AcquirerId), random: &mut Random) {
    let world = &cluster.world;
    world.recorder.count("inquiries");
    cluster.touches(id);
    let Some(node) = cluster.pick(random) else { return };
    if world.strikes(FaultKind::LostRequest, id).is_some() {
        return;
    }
    let before = KnownBefore::of(cluster, (id, acquirer));
    let answered = timeout(PATIENCE, node.inquire(id, acquirer)).await.ok().flatten();
    let Some(rule) = answered.filter(|_| !node.life.is_over()) else {
        world.trace(format_args!("a+ {acquirer} {id} inquires, no answer of p{}", node.number));
        return;
    };
    world.trace(format_args!("a+ {acquirer} {id} inquires: {}", rule.name()));
    if let Some((kind, text)) = broken(cluster, (id, acquirer), (&before, &rule)) {
        world.violates(kind, id, text);
    }
}

fn broken(
    cluster: &Cluster,
    (id, acquirer): (&PaymentRequestId, &AcquirerId),
    (before, rule): (&KnownBefore, &InquiryRule),
) -> Option<(ViolationKind, String)> {
    let world = &cluster.world;
    let (is_strange, is_answered, has_succeeded) = {
        let rules = lock(&world.rules);
        let page = rules.page(id);
        let strange = page.is_some_and(|page| page.is_strange(acquirer));
        (strange, page.is_some_and(|page| page.answer().is_some()), page.is_some_and(|page| page.taken_at().is_some()))
    };
    let (forgotten, at_core) = {
        let books = lock(&world.books);
        let known = books.find(id);
        let succeeded = |known: &crate::core::CoreAccount| {
            known.payment.as_ref().is_some_and(|own| matches!(own.status, PaymentStatus::Succeeded { .. }))
        };
        (known.is_some_and(|known| known.forgotten), known.is_some_and(succeeded))
    };
    if before.is_cancelled && !is_strange && *rule != InquiryRule::Cancelled {
        return Some((ViolationKind::SuccessUntrue, format!("S was answered, and an inquiry says {}", rule.name())));
    }
    match rule {
        InquiryRule::Cancelled if !is_answered => {
            Some((ViolationKind::InquiryUntrue, "an inquiry says closed, and no cancel is answered for good".to_owned()))
        }
        InquiryRule::Paid(_) if !has_succeeded && !at_core => {
            Some((ViolationKind::InquiryUntrue, "an inquiry says paid, and the payment has not succeeded".to_owned()))
        }
        InquiryRule::NeverReceived | InquiryRule::DifferentAcquirer if before.is_own && !is_strange && !forgotten => {
            Some((ViolationKind::InquiryDenies, format!("the payment is {acquirer}'s, and an inquiry says {}", rule.name())))
        }
        InquiryRule::DifferentAcquirer
        | InquiryRule::CancelPending
        | InquiryRule::Cancelled
        | InquiryRule::Paid(_)
        | InquiryRule::InDoubt
        | InquiryRule::InProgress
        | InquiryRule::Failed(_)
        | InquiryRule::NeverReceived => None,
    }
}
