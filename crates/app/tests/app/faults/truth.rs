//! What is true of a run: where the money is, and whether what was heard agrees with it.

use domain::{Answer, Entry, Inquiry, Reversal, ReversalState};
use ports::{Backlog, CaseFile, Page};

use crate::faults::core::Effect;
use crate::faults::process::Money;
use crate::faults::world::{PAID, World};

/// What was taken from the user, and what came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) taken: i64,
    pub(crate) refunded: i64,
    pub(crate) given_back: i64,
    /// How many entries gave it back.
    pub(crate) credits: usize,
}

impl World {
    /// Where its reversal stands.
    pub(crate) async fn reversal(&self) -> Option<Reversal> {
        self.file().await.and_then(|file| file.case.reversal)
    }

    /// Whether an operator has to decide about its reversal.
    pub(crate) async fn is_parked(&self) -> bool {
        self.reversal().await.is_some_and(|reversal| matches!(reversal.state, ReversalState::Parked { .. }))
    }

    /// Whether its reversal is done.
    pub(crate) async fn is_done(&self) -> bool {
        self.reversal().await.is_some_and(|reversal| matches!(reversal.state, ReversalState::Done { .. }))
    }

    pub(crate) async fn file(&self) -> Option<CaseFile> {
        self.cases.find(&self.id).await.unwrap()
    }

    /// Where the money is, by the core's journal or by the ledger's entries.
    pub(crate) async fn moved(&self) -> Moved {
        let effects = match self.around.money {
            Money::Ledger => self.entries().await.into_iter().map(|entry| effect(&entry)).collect(),
            Money::Core | Money::CoreWithPayments => self.around.core.journal(&self.id),
        };
        let mut moved = Moved { taken: 0, refunded: 0, given_back: 0, credits: 0 };
        for effect in effects {
            match effect {
                Effect::Taken(amount) => moved.taken += amount,
                Effect::Refunded(amount) => moved.refunded += amount,
                Effect::GivenBack(amount) => {
                    moved.given_back += amount;
                    moved.credits += 1;
                }
            }
        }
        moved
    }

    async fn entries(&self) -> Vec<Entry> {
        let account = domain::AccountId::parse("user-1").unwrap();
        let statement = self.cases.account(&account, &Page { limit: u32::MAX, after: None }).await.unwrap();
        let of_case = statement.entries.into_iter().filter(|posted| posted.payment_request_id == self.id);
        of_case.map(|posted| posted.entry).collect()
    }

    /// Waits until the plan is over, every process lives, and nothing is deferred, open or parked.
    pub(crate) async fn comes_to_rest(&self) {
        self.waits_until("at rest", async || {
            // A process that died is started again when it is looked for.
            let died = (0..self.processes()).map(|number| self.process(number)).any(|process| process.life.has_ended());
            if died || self.cases.backlog().await.unwrap() != Backlog::default() {
                return false;
            }
            let is_over = self.around.plan.is_over();
            // How many calls a run has depends on what met in it. Where it had fewer than were planned for, a repeat brings the rest.
            if !is_over && !self.final_answers().is_empty() {
                self.asks_once(0).await;
            }
            is_over
        })
        .await;
    }

    /// Holds what was heard and what moved against each other, once everything is at rest.
    pub(crate) async fn is_right(&self) {
        let moved = self.moved().await;
        let answers = self.final_answers();
        let first = *answers.first().expect("Alipay+ was answered");
        assert!(answers.iter().all(|answer| *answer == first), "answers differ: {answers:?}");
        let before = self.file().await.expect("a case");
        for process in (0..self.processes()).chain(0..self.processes()) {
            assert_eq!(self.is_cancelled(process).await, first, "a repeat is answered as before");
        }
        assert_eq!(self.file().await.as_ref(), Some(&before), "a repeat writes nothing");
        assert_eq!(self.moved().await, moved, "a repeat moves nothing");
        match first {
            Answer::Refused(_) => {
                assert_eq!((moved.credits, before.case.inquiry()), (0, Inquiry::Paid), "refused, and not given back");
                assert!(moved.refunded > 0 && moved.refunded < moved.taken, "{moved:?}");
            }
            Answer::Cancelled => {
                assert_eq!(moved.refunded + moved.given_back, moved.taken, "all of it is back, and no more: {moved:?}");
                assert!(moved.credits <= 1 && moved.taken <= PAID, "{moved:?}");
                let reversal = before.case.reversal.as_ref().map(|reversal| &reversal.state);
                assert!(matches!(reversal, None | Some(ReversalState::Done { .. })), "{reversal:?}");
                let closed = before.case.inquiry() == Inquiry::Closed;
                assert!(closed || moved.refunded == PAID, "{:?}", before.case);
            }
            Answer::Pending => unreachable!("only final answers are looked at"),
        }
    }
}

fn effect(entry: &Entry) -> Effect {
    let minor = entry.amount.minor();
    match (entry.kind.gives(), &entry.refund) {
        (false, _) => Effect::Taken(minor),
        (true, Some(_)) => Effect::Refunded(minor),
        (true, None) => Effect::GivenBack(minor),
    }
}
