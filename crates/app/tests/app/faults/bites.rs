//! The checks find what they are for: each meets a promise that is broken on purpose.

use crate::faults::core::{MemoryCore, Mood};
use crate::faults::every_fault::{Stage, with_fault};
use crate::faults::places::Engine;
use crate::faults::plan::every_fault;
use crate::faults::world::World;

fn with_a_core_that(mood: Mood) {
    Stage::undisturbed(Engine::Memory, 1).plays(MemoryCore::default(), async |world| {
        world.has_paid(0).await;
        world.around.core.feels(&world.id, Some(mood));
        let _answer = world.is_cancelled(0).await;
        world.comes_to_rest().await;
        world.is_right().await;
    });
}

#[test]
#[should_panic(expected = "S before the money was back")]
fn a_core_that_lies_is_found_out() {
    with_a_core_that(Mood::Lies);
}

#[test]
#[should_panic(expected = "all of it is back, and no more")]
fn money_given_twice_is_found_out() {
    with_a_core_that(Mood::GivesTwice);
}

#[test]
#[should_panic(expected = "never at rest")]
fn a_reversal_that_nobody_goes_on_with_is_found_out() {
    Stage::undisturbed(Engine::Memory, 1).plays(MemoryCore::default(), async |world: &World| {
        world.has_paid(0).await;
        world.process(0).loses_its_worker();
        world.is_cancelled_in_vain(0).await;
        world.around.core.feels(&world.id, None);
        world.comes_to_rest().await;
    });
}

#[test]
#[should_panic(expected = "every planned fault took place")]
fn a_fault_that_never_takes_place_is_found_out() {
    crate::faults::every_fault::took_place(2, 1);
}

/// A run may have fewer calls than the one before it, which the faults were planned by.
#[test]
fn a_fault_after_the_last_call_takes_place_at_a_repeat() {
    for fault in every_fault() {
        let hit = with_fault(Stage::undisturbed(Engine::Memory, 1), (100, fault), async |world: &World| {
            world.has_paid(0).await;
            let _answer = world.is_cancelled(0).await;
        });
        assert_eq!(hit, 1, "{fault:?}");
    }
}
