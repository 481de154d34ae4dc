//! What only a database server has: transactions of strangers that are open for long.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use domain::Answer;

use crate::faults::core::MemoryCore;
use crate::faults::every_fault::Stage;
use crate::faults::places::{Engine, Place, psql};
use crate::faults::world::{PAID, World};

/// A stranger's transaction.
struct Stranger {
    psql: Child,
    says: ChildStdin,
    hears: BufReader<ChildStdout>,
}

impl Stranger {
    /// Begins a transaction with these statements, and keeps it open.
    fn begins(world: &World, statements: &str) -> Self {
        let Place::Server(url) = &*world.around.place else { unreachable!("PostgreSQL") };
        let mut psql = psql(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (says, hears) = (psql.stdin.take().unwrap(), BufReader::new(psql.stdout.take().unwrap()));
        let mut stranger = Self { psql, says, hears };
        stranger.does(&format!("begin; {statements}"));
        stranger
    }

    /// Returns once it is done.
    fn does(&mut self, statements: &str) {
        writeln!(self.says, "{statements}; select 'it is done';").unwrap();
        let mut line = String::new();
        while line.trim() != "it is done" {
            line.clear();
            assert_ne!(self.hears.read_line(&mut line).unwrap(), 0, "psql failed");
        }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

/// Others are paid and cancelled; the worker gives half of them back.
async fn others_go_on(world: &World) {
    for n in 0..10 {
        let other = world.another(&format!("b-{n}"));
        other.has_paid(0).await;
        if n % 2 == 0 {
            other.is_cancelled_in_vain(0).await;
            other.around.core.feels(&other.id, None);
            other.waits_until("done", async || other.is_done().await).await;
        }
        assert_eq!(other.is_cancelled(0).await, Answer::Cancelled);
    }
}

async fn ends_well(low: &World) {
    low.comes_to_rest().await;
    assert_eq!((low.moved().await.credits, low.moved().await.given_back), (1, PAID));
    assert_eq!(low.is_cancelled(0).await, Answer::Cancelled);
    low.is_right().await;
}

#[test]
fn f22_a_case_that_a_stranger_locks_is_passed_over_and_not_lost() {
    Stage::undisturbed(Engine::Postgres, 1).plays(MemoryCore::default(), async |world| {
        let low = world.another("a-low");
        low.has_paid(0).await;
        low.is_cancelled_in_vain(0).await;
        let mut stranger = Stranger::begins(&low, "select 1 from cases where payment_request_id = 'a-low' for update");
        low.around.core.feels(&low.id, None);
        others_go_on(world).await;
        stranger.does("commit");
        ends_well(&low).await;
    });
}

#[test]
fn f22_a_low_id_that_is_committed_late_is_not_lost() {
    Stage::undisturbed(Engine::Postgres, 1).plays(MemoryCore::default(), async |world| {
        let low = world.another("a-low");
        low.has_paid(0).await;
        let received = low.around.clock.begins().timestamp_micros();
        // As Rescind itself would write it, and before everything that others write from now on.
        let mut stranger = Stranger::begins(
            &low,
            &format!(
                "update cases set (cancellation, cancel_acquirer_id, first_received_at, cancelled_at, fee_value, fee_currency)
                     = ('open', 'acquirer-1', {received}, {received}, null, null) where payment_request_id = 'a-low';
                 insert into reversals
                     (bucket, payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at)
                     select bucket, 'a-low', 'refund', 1000, 'JPY', {received}, 0, 'open', {received}
                     from cases where payment_request_id = 'a-low'"
            ),
        );
        others_go_on(world).await;
        assert_eq!(low.moved().await.given_back, 0, "nobody can know of it yet");
        stranger.does("commit");
        ends_well(&low).await;
    });
}
