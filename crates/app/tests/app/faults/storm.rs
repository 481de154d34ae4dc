//! A hundred times as many cancels as usual, and a core that says nothing.

use std::time::Duration;

use domain::Answer;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::faults::core::{MemoryCore, Mood};
use crate::faults::every_fault::Stage;
use crate::faults::places::Engine;
use crate::faults::world::World;

/// Alipay+ waits for so long.
const ALIPAYPLUS_WAITS: Duration = Duration::from_secs(8);
/// How many cancels come at once; more than the process calls the core for at the same time.
const STORM: usize = 400;

/// Everybody is answered U before Alipay+ gives up, nobody F; and all are given back when the core is there again.
fn all_at_once(engine: Engine) {
    Stage::undisturbed(engine, 1).plays(MemoryCore::default(), async |world| {
        let mut storm = JoinSet::new();
        for n in 0..STORM {
            let case = world.another(&format!("storm-{n}"));
            case.has_paid(0).await;
            case.around.core.feels(&case.id, Some(Mood::Hangs));
            storm.spawn(is_asked_once(case));
        }
        let cases = storm.join_all().await;
        for (case, answer, waited) in &cases {
            assert_eq!(*answer, Some(Answer::Pending), "{}", case.id);
            assert!(*waited < ALIPAYPLUS_WAITS, "{}: {waited:?}", case.id);
            case.around.core.feels(&case.id, None);
        }
        world.comes_to_rest().await;
        for (case, ..) in &cases {
            assert_eq!(case.is_cancelled(0).await, Answer::Cancelled, "{}", case.id);
            assert_eq!(case.moved().await.credits, 1, "{}", case.id);
        }
    });
}

async fn is_asked_once(case: World) -> (World, Option<Answer>, Duration) {
    let begun = Instant::now();
    let answer = case.asks_once(0).await;
    let waited = begun.elapsed();
    (case, answer, waited)
}

// Where time is the test's own, so that a busy machine is no slow service.
#[test]
fn f40_a_storm_on_a_silent_core_is_answered_in_time_in_memory() {
    all_at_once(Engine::Memory);
}

#[test]
fn f40_a_storm_on_a_silent_core_is_answered_in_time_on_sqlite() {
    all_at_once(Engine::Sqlite);
}
