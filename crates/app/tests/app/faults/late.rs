//! Successes and announcements that come after the cancel, or were never reported.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{Answer, CommandReply, Disposition, Inquiry};
use tokio::sync::Semaphore;

use crate::faults::core::MemoryCore;
use crate::faults::every_fault::{Stage, on_every_store, undisturbed};
use crate::faults::places::Engine;
use crate::faults::plan::every_fault;
use crate::faults::process::Money;
use crate::faults::world::{PAID, World};

const REVERSED: Option<CommandReply> = Some(CommandReply::Done(Disposition::Reversed));

/// The user's confirmation arrives long after the cancel: it is given back once, and the payment stays cancelled.
async fn succeeds_after_the_cancel(world: &World, later: TimeDelta) {
    assert!(world.is_announced(0).await);
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    world.jumps(later);
    world.takes();
    assert_eq!(world.succeeds(0).await, REVERSED);
    world.comes_to_rest().await;
    assert_eq!((world.moved().await.credits, world.moved().await.given_back), (1, PAID));
    assert_eq!(world.file().await.map(|file| file.case.inquiry()), Some(Inquiry::Closed));
}

async fn succeeds_a_day_later(world: &World) {
    succeeds_after_the_cancel(world, TimeDelta::hours(24)).await;
}

on_every_store!(f01_a_success_a_day_after_the_cancel_is_given_back, 1, [ledger, core], every_fault(), succeeds_a_day_later);

fn at_any_time_later(engine: Engine) {
    for money in [Money::Ledger, Money::Core] {
        Stage { money, ..Stage::undisturbed(engine, 1) }.plays(MemoryCore::default(), async |world| {
            for later in [1, 999, 60_000, 3_600_000, 24 * 3_600_000] {
                let world = world.another(&format!("later-{later}"));
                succeeds_after_the_cancel(&world, TimeDelta::milliseconds(later)).await;
                world.is_right().await;
            }
        });
    }
}

undisturbed!(f01_a_success_is_given_back_however_late_it_comes, at_any_time_later);

/// The wallet that asks after the cancel hears that it must not take the money; one that did so all the same gets it given back.
async fn pays_after_the_cancel(world: &World) {
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    assert!(!world.is_announced(0).await, "closed");
    assert_eq!(world.file().await.map(|file| file.case.inquiry()), Some(Inquiry::Closed));
    assert_eq!(world.moved().await.taken, 0);
    world.takes();
    assert_eq!(world.succeeds(0).await, REVERSED);
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.given_back, PAID);
}

on_every_store!(f02_a_pay_after_the_cancel_is_closed, 1, [ledger, core], every_fault(), pays_after_the_cancel);

/// The confirmation and the cancel come at once: whichever is first, nothing is left taken.
async fn confirms_while_it_is_cancelled(world: &World) {
    assert!(world.is_announced(0).await);
    world.takes();
    let (answer, reply) = tokio::join!(world.is_cancelled(0), world.succeeds(1));
    assert_eq!(answer, Answer::Cancelled);
    assert!(matches!(reply, Some(CommandReply::Done(Disposition::Stands | Disposition::Reversed))), "{reply:?}");
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.given_back, PAID);
}

on_every_store!(
    f02_a_result_that_races_the_cancel_is_given_back,
    2,
    [ledger, core],
    every_fault(),
    confirms_while_it_is_cancelled
);

/// The core that keeps the payments was asked to undo one that it had not heard of, and takes nothing for it any more.
async fn pays_the_core_after_the_cancel(world: &World) {
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    assert!(world.pays(0).await);
    assert_eq!(world.moved().await.taken, 0);
}

on_every_store!(
    f02_a_core_that_was_told_takes_nothing_any_more,
    1,
    [core_with_payments],
    every_fault(),
    pays_the_core_after_the_cancel
);

/// The wallet takes the money and dies before it says so.
async fn dies_while_it_pays(world: &World) {
    assert!(world.pays(0).await);
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    let moved = world.moved().await;
    assert_eq!(moved.taken, moved.given_back);
    assert_eq!(moved.credits, usize::from(world.around.money != Money::Ledger));
}

on_every_store!(
    f36_a_payment_that_dies_half_way_is_given_back,
    1,
    [ledger, core, core_with_payments],
    every_fault(),
    dies_while_it_pays
);

/// Nobody has heard of the payment: S, and it is remembered.
async fn is_unknown(world: &World) {
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    if world.around.money != Money::CoreWithPayments {
        assert!(!world.is_announced(0).await, "closed");
    }
    assert_eq!(world.moved().await.credits, 0);
}

on_every_store!(f36_a_cancel_of_an_unknown_id_is_remembered, 1, [ledger, core, core_with_payments], every_fault(), is_unknown);

/// The core has said "nothing to do", and before that arrives the payment succeeds.
fn on_its_way_back(engine: Engine) {
    let lets_out = Arc::new(Semaphore::new(0));
    let core = MemoryCore::that_holds(&lets_out);
    Stage::undisturbed(engine, 1).plays(core, async |world| {
        assert!(world.is_announced(0).await);
        let late_success = async {
            world.waits_until("asked", async || world.around.core.calls(&world.id) == 1).await;
            world.takes();
            assert_eq!(world.succeeds(0).await, REVERSED);
            lets_out.add_permits(1000);
        };
        let (answer, ()) = tokio::join!(world.asks_once(0), late_success);
        assert!(answer == Some(Answer::Pending) || world.moved().await.given_back == PAID, "S of an answer that was out of date");
        world.comes_to_rest().await;
        assert_eq!(world.moved().await.given_back, PAID);
        assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
        world.is_right().await;
    });
}

undisturbed!(f01_a_success_while_nothing_to_do_is_on_its_way_is_given_back, on_its_way_back);
