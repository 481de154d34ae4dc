//! Alipay+: it asks again until it has a final answer, and sometimes far more often.

use std::sync::Arc;
use std::time::Duration;

use domain::{AcquirerId, Answer, PaymentRequestId};
use tokio::time::{sleep, timeout};

use crate::callback::{WireMessage, request_body};
use crate::cluster::Cluster;
use crate::faults::FaultKind;
use crate::node::SignedAnswer;
use crate::random::Random;
use crate::recorder::lock;
use crate::violations::ViolationKind;

/// How long Alipay+ waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);
/// After how many seconds it asks again, as in the protocol's only published schedule.
const ASKS_AGAIN: [u64; 6] = [4, 4, 30, 60, 60, 60];
/// How many requests a storm has.
const STORM: u64 = 90;

/// One request for one acquirer: what is heard of its answer.
pub(crate) async fn ask(
    cluster: &Arc<Cluster>,
    (id, acquirer): (&PaymentRequestId, &AcquirerId),
    random: &mut Random,
) -> Option<Answer> {
    let world = &cluster.world;
    world.recorder.count("cancels");
    cluster.touches(id);
    let is_real = random.chance(200);
    if is_real {
        world.recorder.count("cancels with real signatures");
    }
    let node = cluster.pick(random)?;
    if world.strikes(FaultKind::LostRequest, id).is_some() {
        sleep(PATIENCE).await;
        return None;
    }
    let keys = cluster.keys.set(is_real);
    let request = WireMessage::sign(request_body(id, acquirer), world.time.now(), keys.signer_of_alipayplus.as_ref()).await?;
    let answered = timeout(PATIENCE, node.answer(&request, keys)).await.ok().flatten();
    let Some(signed) = answered.filter(|_| !node.life.is_over()) else {
        world.trace(format_args!("a+ {acquirer} {id} no answer of p{}", node.number));
        return None;
    };
    if !signed.message.is_signed(keys.verifier_of_alipayplus.as_ref(), world.time.now()) {
        world.violates(ViolationKind::SignatureWrong, id, "the answer's signature is wrong".to_owned());
    }
    hears(cluster, (id, acquirer), &signed);
    world.strikes(FaultKind::LostAnswer, id).is_none().then_some(signed.answer)
}

/// Compares an answer with everything that was told before. It counts also where it gets lost on its way.
fn hears(cluster: &Cluster, (id, acquirer): (&PaymentRequestId, &AcquirerId), signed: &SignedAnswer) {
    let SignedAnswer { answer, code, by_rule, message: _ } = signed;
    cluster.world.trace(format_args!("a+ {acquirer} {id} {code}"));
    cluster.world.recorder.count(match answer {
        Answer::Cancelled => "answers S",
        Answer::Refused(_) => "answers F",
        Answer::Pending => "answers U",
    });
    let (receipt, recorded) = {
        let rules = lock(&cluster.world.rules);
        let page = rules.page(id);
        let cancel = page.and_then(|page| page.cancel.as_ref()).filter(|cancel| cancel.acquirer == *acquirer);
        (cancel.map(|cancel| cancel.received), page.and_then(|page| page.paid.as_ref()).map(|paid| paid.amount.minor()))
    };
    let broken = lock(&cluster.world.promises).of(id).answers(acquirer, (*answer, code), receipt);
    let (changed_amount, forgotten) = {
        let books = lock(&cluster.world.books);
        let known = books.find(id);
        // Once a lookup agrees with what is recorded again, the rules decide.
        let named = known.and_then(|known| known.named_last);
        let differs = recorded.zip(named).is_some_and(|(recorded, named)| recorded != named);
        (differs && *answer != Answer::Pending && *by_rule, known.is_some_and(|known| known.forgotten))
    };
    // Rule 1 records nothing: where the core denies a payment afterwards, nobody can know that its acquirer is another one.
    let follows = |kind| matches!(kind, ViolationKind::AnswerChanged | ViolationKind::AcquirerSwapped);
    let broken = broken.filter(|(kind, _)| !forgotten || !follows(*kind));
    if let Some((kind, text)) = broken {
        cluster.world.violates(kind, id, text);
    }
    if changed_amount {
        cluster.world.violates(ViolationKind::AmountChanged, id, format!("{code} stands on one of two amounts"));
    }
}

/// Asks until there is a final answer, or the schedule is over.
pub(crate) async fn ask_until_final(cluster: Arc<Cluster>, id: PaymentRequestId, acquirer: AcquirerId, mut random: Random) {
    if cluster.world.strikes(FaultKind::Storm, &id).is_some() {
        storms(&cluster, (&id, &acquirer), &mut random).await;
    }
    for pause in ASKS_AGAIN {
        if cluster.world.strikes(FaultKind::Duplicate, &id).is_some() {
            let (cluster, id, acquirer) = (Arc::clone(&cluster), id.clone(), acquirer.clone());
            let mut random = Random::of(random.next(), "duplicate");
            tokio::spawn(async move { ask(&cluster, (&id, &acquirer), &mut random).await });
        }
        match ask(&cluster, (&id, &acquirer), &mut random).await {
            Some(Answer::Cancelled | Answer::Refused(_)) => {
                lock(&cluster.told).push((id, acquirer));
                return;
            }
            Some(Answer::Pending) | None => sleep(Duration::from_secs(pause)).await,
        }
    }
}

/// Many requests at once.
async fn storms(cluster: &Arc<Cluster>, (id, acquirer): (&PaymentRequestId, &AcquirerId), random: &mut Random) {
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..STORM {
        let (cluster, id, acquirer) = (Arc::clone(cluster), id.clone(), acquirer.clone());
        let mut random = Random::of(random.next(), "storm");
        asking.spawn(async move { ask(&cluster, (&id, &acquirer), &mut random).await });
    }
    while asking.join_next().await.is_some() {}
}
