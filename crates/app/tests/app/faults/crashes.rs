//! Processes, workers and callers that are gone in the middle.

use domain::Answer;

use crate::faults::core::{MemoryCore, Mood};
use crate::faults::every_fault::{Stage, on_every_store, undisturbed};
use crate::faults::places::Engine;
use crate::faults::plan::{Trouble, every_fault, on_both_sides};
use crate::faults::process::Money;
use crate::faults::world::{PAID, World};

/// A payment's whole life.
async fn is_paid_and_cancelled(world: &World) {
    world.has_paid(0).await;
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
    assert_eq!(world.moved().await.credits, 1);
}

on_every_store!(
    f14_a_process_that_dies_anywhere_leaves_nothing_behind,
    1,
    [ledger, core, core_with_payments],
    on_both_sides(Trouble::EndsTheProcess),
    is_paid_and_cancelled
);
on_every_store!(
    f15_a_caller_that_hangs_up_changes_nothing,
    1,
    [ledger, core, core_with_payments],
    on_both_sides(Trouble::LosesItsCallers),
    is_paid_and_cancelled
);
on_every_store!(
    f20_an_effect_whose_answer_is_lost_is_read_back,
    1,
    [ledger, core, core_with_payments],
    on_both_sides(Trouble::Fails),
    is_paid_and_cancelled
);
on_every_store!(
    what_is_slow_or_broken_ends_well_too,
    1,
    [ledger, core, core_with_payments],
    [on_both_sides(Trouble::IsSlow), on_both_sides(Trouble::Panics)].concat(),
    is_paid_and_cancelled
);

/// The core broke at the first try, and nobody asks again: it is the worker's.
async fn is_left_to_the_worker(world: &World) {
    world.has_paid(0).await;
    world.is_cancelled_in_vain(0).await;
    world.around.core.feels(&world.id, None);
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.credits, 1, "without anybody asking again");
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
}

on_every_store!(
    f24_a_worker_that_dies_after_claiming_loses_nothing,
    1,
    [core, core_with_payments],
    every_fault(),
    is_left_to_the_worker
);

/// The same with two workers, either of which may die.
async fn is_left_to_two_workers(world: &World) {
    assert_ne!(world.around.money, Money::Ledger);
    is_left_to_the_worker(world).await;
}

on_every_store!(f24_of_two_workers_the_other_goes_on, 2, [core], every_fault(), is_left_to_two_workers);

/// The core could not say what it knows of the payment, and nobody asks again: the worker has it decided.
async fn is_deferred(world: &World) {
    world.has_paid(0).await;
    world.around.core.feels(&world.id, Some(Mood::IsMute));
    world
        .waits_until("deferred", async || {
            let answer = world.asks_once(0).await;
            assert!(matches!(answer, None | Some(Answer::Pending)), "{answer:?} of a payment that nobody could look up");
            world.cases.backlog().await.unwrap().deferred == 1
        })
        .await;
    world.around.core.feels(&world.id, None);
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.credits, 1, "without anybody asking again");
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
}

on_every_store!(f33_a_deferred_cancel_is_decided_by_the_worker, 1, [core_with_payments], every_fault(), is_deferred);

/// Reversals are recorded in another order than that of their ids and of the moments when they are due: none is passed over by
/// a worker that has seen later ones.
async fn are_recorded_out_of_order(world: &World) {
    let names = ["c", "a", "b"].map(|name| world.another(&format!("{}-{name}", world.id)));
    let [first, low, late] = &names;
    for case in &names {
        case.has_paid(0).await;
    }
    first.is_cancelled_in_vain(0).await;
    first.around.core.feels(&first.id, None);
    first.waits_until("done", async || first.is_done().await).await;
    // Both were received before that one was.
    for case in [late, low] {
        case.is_cancelled_in_vain(1).await;
        case.around.core.feels(&case.id, None);
    }
    for case in &names {
        case.waits_until("done", async || case.is_done().await).await;
        assert_eq!(case.moved().await.credits, 1);
        assert_eq!(case.is_cancelled(1).await, Answer::Cancelled);
    }
    world.has_paid(0).await;
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
}

on_every_store!(f22_a_reversal_that_is_recorded_out_of_order_is_not_lost, 2, [core], every_fault(), are_recorded_out_of_order);

/// Once the money is back, the workers look again and again, and find nothing to do, to write or to tell.
fn is_silent_afterwards(engine: Engine) {
    Stage::undisturbed(engine, 2).plays(MemoryCore::default(), async |world| {
        world.has_paid(0).await;
        world.is_cancelled_in_vain(0).await;
        world.around.core.feels(&world.id, None);
        world.comes_to_rest().await;
        assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
        let (file, calls) = (world.file().await, world.around.core.calls(&world.id));
        let looks = || world.around.plan.calls().into_iter().filter(|call| *call == "claim_due").count();
        let before = looks();
        world.waits_until("looked at", async || looks() > before + 40).await;
        assert_eq!((world.file().await, world.around.core.calls(&world.id)), (file, calls));
        assert_eq!(world.moved().await.given_back, PAID);
        world.is_right().await;
    });
}

undisturbed!(f31_after_the_end_nothing_is_tried_or_told_any_more, is_silent_afterwards);
