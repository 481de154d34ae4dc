//! Reversals that cannot be done, or never end.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{Action, Answer, CommandReply, Disposition, ReversalState};

use crate::faults::core::{MemoryCore, Mood};
use crate::faults::every_fault::{Stage, on_every_store, undisturbed};
use crate::faults::places::Engine;
use crate::faults::plan::every_fault;
use crate::faults::world::{PAID, World};

/// One that is refused, one that always breaks and one that hangs, all of them due before many others.
fn poison_beside_others(engine: Engine) {
    Stage::undisturbed(engine, 1).plays(MemoryCore::default(), async |world| {
        let moods = [("a-refused", Mood::Refuses), ("a-broken", Mood::Breaks), ("a-hanging", Mood::Hangs)];
        let poisoned: Vec<_> = moods.iter().map(|(name, _)| world.another(name)).collect();
        let others: Vec<_> = (0..20).map(|n| world.another(&format!("b-{n}"))).collect();
        for case in poisoned.iter().chain(&others) {
            case.has_paid(0).await;
            case.is_cancelled_in_vain(0).await;
        }
        for (case, (_, mood)) in poisoned.iter().zip(moods) {
            case.around.core.feels(&case.id, Some(mood));
        }
        let [refused, broken, hanging] = poisoned.as_slice() else { unreachable!("three") };
        refused.waits_until("parked", async || refused.is_parked().await).await;
        hanging.waits_until("inside", async || hanging.around.core.is_inside(&hanging.id)).await;
        for case in &others {
            case.around.core.feels(&case.id, None);
        }
        for case in &others {
            case.waits_until("done", async || case.is_done().await).await;
            assert_eq!(case.is_cancelled(0).await, Answer::Cancelled);
        }
        assert!(refused.is_parked().await && !broken.is_done().await && !hanging.is_done().await);
        let backlog = world.cases.backlog().await.unwrap();
        assert_eq!((backlog.open, backlog.parked, backlog.deferred), (2, 1, 0));
        for case in &poisoned {
            case.around.core.feels(&case.id, None);
        }
        assert_eq!(
            refused.tells(0, |wallet| wallet.does(Action::Retry { by: "operator".to_owned() })).await,
            CommandReply::Done(Disposition::Reopened)
        );
        world.comes_to_rest().await;
        for case in poisoned.iter().chain(&others) {
            assert_eq!(case.is_cancelled(0).await, Answer::Cancelled);
            assert_eq!((case.moved().await.credits, case.moved().await.given_back), (1, PAID));
            case.is_right().await;
        }
    });
}

undisturbed!(f23_a_poisoned_reversal_delays_no_other, poison_beside_others);

/// Asking again and again, or a success that is reported late, does not try a parked reversal.
async fn stays_parked(world: &World) {
    assert!(world.is_announced(0).await);
    world.takes();
    world.around.core.feels(&world.id, Some(Mood::Refuses));
    world
        .waits_until("parked", async || {
            let answer = world.asks_once(0).await;
            assert!(matches!(answer, None | Some(Answer::Pending)), "{answer:?}: neither S nor F");
            world.is_parked().await
        })
        .await;
    // An attempt that was slow to come back has come back; from here on nobody asks the core.
    tokio::time::sleep(world.around.pace.slow + Duration::from_secs(1)).await;
    let calls = world.around.core.calls(&world.id);
    world.around.core.feels(&world.id, None);
    for _ in 0..3 {
        assert!(matches!(world.asks_once(0).await, None | Some(Answer::Pending)));
    }
    assert_eq!(world.succeeds(0).await, Some(CommandReply::Done(Disposition::Reversed)));
    assert!(world.is_parked().await);
    assert_eq!((world.around.core.calls(&world.id), world.moved().await.given_back), (calls, 0));
    // A lost answer to the operator looks the same as somebody else's retry.
    let reply = world.tells(0, |wallet| wallet.does(Action::Retry { by: "operator".to_owned() })).await;
    assert!(matches!(reply, CommandReply::Done(Disposition::Reopened) | CommandReply::Conflict(_)), "{reply:?}");
    world.comes_to_rest().await;
    assert_eq!(world.moved().await.given_back, PAID);
    assert_eq!(world.is_cancelled(0).await, Answer::Cancelled);
}

on_every_store!(f23_a_parked_reversal_is_revived_by_an_operator_only, 1, [core], every_fault(), stays_parked);

/// After an outcome that nobody knows, the next attempt is due within a second.
fn first_repair(engine: Engine) {
    Stage::undisturbed(engine, 1).plays(MemoryCore::default(), async |world| {
        let mut seen = 0;
        for n in 0..40 {
            let case = world.another(&format!("repair-{n}"));
            case.has_paid(0).await;
            case.is_cancelled_in_vain(0).await;
            let file = case.file().await.unwrap();
            // Neither where its end is not recorded yet.
            let Some(tried) = file.timeline.iter().find(|entry| entry.what == "reversal-tried") else { continue };
            let reversal = file.case.reversal.unwrap();
            // The worker may have been at it already, which is soon enough.
            if let (1, ReversalState::Open { next_attempt_at, lease: None, .. }) = (reversal.attempts, reversal.state) {
                assert!(next_attempt_at > tried.at && next_attempt_at <= tried.at + TimeDelta::seconds(1));
                seen += 1;
            }
            case.around.core.feels(&case.id, None);
        }
        assert!(seen > 0, "the first attempt's end was never seen");
        world.comes_to_rest().await;
    });
}

undisturbed!(the_first_repair_is_due_within_a_second, first_repair);
