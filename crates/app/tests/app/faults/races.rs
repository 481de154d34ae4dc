//! Cancels that race each other, and refunds.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Answer, CommandReply, Disposition, Refusal, ReversalState};
use tokio::sync::Semaphore;

use crate::faults::core::{MemoryCore, Mood};
use crate::faults::every_fault::{Stage, on_every_store, undisturbed};
use crate::faults::places::Engine;
use crate::faults::plan::every_fault;
use crate::faults::world::{PAID, World};

/// Some cancels one after another, and some at once.
async fn is_cancelled_again_and_again(world: &World) {
    world.has_paid(0).await;
    for process in [0, 1, 0] {
        assert_eq!(world.is_cancelled(process).await, Answer::Cancelled);
    }
    let at_once = tokio::join!(world.is_cancelled(0), world.is_cancelled(1), world.is_cancelled(0), world.is_cancelled(1));
    assert_eq!(at_once, (Answer::Cancelled, Answer::Cancelled, Answer::Cancelled, Answer::Cancelled));
    assert_eq!(world.moved().await.credits, 1);
}

on_every_store!(f04_repeats_give_back_once, 2, [ledger, core, core_with_payments], every_fault(), is_cancelled_again_and_again);

/// A cancel, a refund of a part and another cancel at once: either the refund is refused, or the cancels are.
async fn races_a_refund(world: &World, refund: i64) {
    world.has_paid(0).await;
    let (one, refunded, other) = tokio::join!(world.is_cancelled(0), world.refunds(1, refund), world.is_cancelled(1));
    let moved = world.moved().await;
    assert!(moved.refunded + moved.given_back <= moved.taken, "{moved:?}");
    let expected = match (refunded, refund) {
        (true, ..PAID) => Answer::Refused(Refusal::PartlyRefunded),
        (true | false, _) => Answer::Cancelled,
    };
    assert_eq!((one, other), (expected, expected), "refunded: {refunded}");
}

async fn races_a_refund_of_a_part(world: &World) {
    races_a_refund(world, 600).await;
}

async fn races_a_refund_of_all(world: &World) {
    races_a_refund(world, PAID).await;
}

on_every_store!(f06_a_refund_of_a_part_never_adds_to_a_cancel, 2, [ledger, core], every_fault(), races_a_refund_of_a_part);
on_every_store!(f06_a_refund_of_all_never_adds_to_a_cancel, 2, [ledger, core], every_fault(), races_a_refund_of_all);

/// A refund that is announced first defers the cancel until its result is known.
async fn is_refunded_while_cancelled(world: &World) {
    world.has_paid(0).await;
    let (refunded, answer) = tokio::join!(world.refunds(0, 600), world.is_cancelled(0));
    let expected = if refunded { Answer::Refused(Refusal::PartlyRefunded) } else { Answer::Cancelled };
    assert_eq!(answer, expected);
}

on_every_store!(f06_a_running_refund_decides_the_cancel, 1, [ledger, core], every_fault(), is_refunded_while_cancelled);

/// The first cancel is inside the core; all others come meanwhile, at both processes.
fn one_crosses(engine: Engine) {
    let lets_out = Arc::new(Semaphore::new(0));
    let core = MemoryCore::that_holds(&lets_out);
    // The core takes its time: nobody's lease ends meanwhile.
    let stage = Stage { lease: Some(TimeDelta::minutes(10)), ..Stage::undisturbed(engine, 2) };
    stage.plays(core, async |world| {
        world.has_paid(0).await;
        let others = async {
            world.waits_until("inside", async || world.around.core.calls(&world.id) == 1).await;
            let finds = || world.around.plan.calls().into_iter().filter(|call| *call == "find").count();
            let lets = async {
                // The others watch the case by now, and the worker has looked for work.
                world.waits_until("watched", async || finds() > 12).await;
                assert_eq!(world.around.core.calls(&world.id), 1);
                lets_out.add_permits(1000);
            };
            let c = |process| world.is_cancelled(process);
            tokio::join!(c(0), c(1), c(0), c(1), c(0), c(1), c(0), c(1), lets)
        };
        let (first, others) = tokio::join!(world.is_cancelled(0), others);
        let answers = [first, others.0, others.1, others.2, others.3, others.4, others.5, others.6, others.7];
        assert_eq!(answers, [Answer::Cancelled; 9]);
        assert_eq!((world.around.core.calls(&world.id), world.around.core.most_inside()), (1, 1));
        assert_eq!(world.moved().await.credits, 1);
        world.comes_to_rest().await;
        world.is_right().await;
        assert_eq!(world.around.core.calls(&world.id), 1, "an answered cancel never crosses again");
    });
}

undisturbed!(f07_of_concurrent_cancels_one_call_crosses, one_crosses);

/// Many cancels at once, with each fault: one call more crosses only with an attempt of its own, which was committed.
async fn crosses_once_an_attempt(world: &World) {
    world.has_paid(0).await;
    let c = |process| world.is_cancelled(process);
    let answers = tokio::join!(c(0), c(1), c(0), c(1), c(0), c(1));
    assert_eq!(answers, [(); 6].map(|()| Answer::Cancelled).into());
    world.comes_to_rest().await;
    let attempts = world.reversal().await.map_or(0, |reversal| reversal.attempts);
    assert!((1..=attempts).contains(&world.around.core.calls(&world.id)), "{attempts} attempts");
    assert_eq!(world.moved().await.credits, 1);
}

on_every_store!(
    f07_each_call_that_crosses_has_an_attempt_of_its_own,
    2,
    [core, core_with_payments],
    every_fault(),
    crosses_once_an_attempt
);

/// While the core is being called, the intent stands there for everybody, and nobody is kept from the case.
fn is_committed_first(engine: Engine) {
    let stage = Stage { lease: Some(TimeDelta::minutes(10)), ..Stage::undisturbed(engine, 2) };
    stage.plays(MemoryCore::default(), async |world| {
        world.has_paid(0).await;
        world.around.core.feels(&world.id, Some(Mood::Hangs));
        let meanwhile = async {
            world.waits_until("inside", async || world.around.core.is_inside(&world.id)).await;
            let reversal = world.reversal().await.expect("the intent is committed");
            assert!(matches!(reversal.state, ReversalState::Open { lease: Some(_), .. }), "{reversal:?}");
            assert_eq!(reversal.attempts, 1);
            // These lock the case.
            assert_eq!(world.succeeds(1).await, Some(CommandReply::Done(Disposition::Reversed)));
            assert!(!world.refunds(1, 1).await, "refused");
            assert!(world.around.core.is_inside(&world.id), "they waited for nobody");
            world.around.core.feels(&world.id, None);
        };
        let (answer, ()) = tokio::join!(world.is_cancelled(0), meanwhile);
        assert_eq!(answer, Answer::Cancelled);
        world.comes_to_rest().await;
        world.is_right().await;
    });
}

undisturbed!(f09_the_intent_is_committed_and_unlocked_before_the_core_is_called, is_committed_first);

/// The same request at two processes in the same millisecond.
async fn comes_twice_at_once(world: &World) {
    world.has_paid(0).await;
    let (one, other) = tokio::join!(world.is_cancelled(0), world.is_cancelled(1));
    assert_eq!((one, other), (Answer::Cancelled, Answer::Cancelled));
    assert_eq!(world.moved().await.credits, 1);
}

on_every_store!(f47_two_processes_answer_alike, 2, [ledger, core, core_with_payments], every_fault(), comes_twice_at_once);

/// The same of a payment that nobody knows yet, and that is announced in that very moment.
async fn is_announced_and_cancelled_at_once(world: &World) {
    let (may, one, other) = tokio::join!(world.pays(0), world.is_cancelled(0), world.is_cancelled(1));
    if may {
        world.succeeds(0).await;
    }
    assert_eq!((one, other), (Answer::Cancelled, Answer::Cancelled));
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.given_back, world.moved().await.taken);
}

on_every_store!(
    f47_a_payment_announced_at_that_moment_is_given_back,
    2,
    [ledger, core],
    every_fault(),
    is_announced_and_cancelled_at_once
);
