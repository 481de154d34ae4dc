//! Random histories, given to a store and to the one in memory alike.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    AccountId, Action, AttemptEnd, CaseState, Command, DayClosing, Jitter, Lookup, LookupAttempt, LookupEnd, PaymentKind, Policy,
    ReportedResult, ReversalOutcome,
};

use crate::testing::contracts::store::Subject;
use crate::testing::{MemoryStore, Wallet, core_policy, day, id, ledger_policy, moment};
use crate::{CancellationStore, CaseSearch, FoundCases, Page, ReceivedCommand, ReversalFilter, Search, SearchPage};

contract! {
    #[doc(hidden)]
    ($) __cases_histories! in (cases::histories)

    /// A store decides every history as the one in memory does, and reads back what was decided, to the microsecond.
    async fn histories_read_back_as_they_were_decided(subject: &impl Subject) {
        let four_eyes = Policy { four_eyes: true, ..core_policy() };
        for (seed, policy) in [(1, ledger_policy()), (2, core_policy()), (3, four_eyes)] {
            let (mut dice, searching) = (Dice(seed), subject.open_search(policy.clone()));
            for history in 0..12 {
                let (memory, prefix) = one_history(subject, &policy, (&mut dice, history)).await;
                same_searches(&searching, &memory, &prefix).await;
            }
        }
    }
}

/// A small generator (`SplitMix64`): the same histories on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let place = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices[place]
    }
}

fn some_action(dice: &mut Dice) -> Action {
    let outcomes = [
        ReversalOutcome::Done,
        ReversalOutcome::NothingToDo,
        ReversalOutcome::PartlyRefunded(Some(Wallet::yen(400)).filter(|_| dice.below(2) == 0)),
        ReversalOutcome::FullyRefunded,
    ];
    match dice.below(17) {
        15..=16 => Action::Approve { by: dice.one_of(&["operator", "another – ¥"]).to_owned() },
        12 => Action::LeaseLookup,
        13 => Action::LookUpBy(moment(0)),
        14 => Action::DecideDeferred(LookupEnd {
            lookup: Lookup::Failed("timeout\n\u{1F4B8}".to_owned()),
            attempt: LookupAttempt::FIRST,
        }),
        8 => Action::LeaseAttempt,
        11 => Action::Park { note: "the core's team looks – ¥".to_owned(), by: "operator".to_owned() },
        9..=10 => Action::Settle(DayClosing { first: day(0), day: day(0) }),
        0 => Action::Retry { by: "operator".to_owned() },
        1 => Action::Resolve { note: "by \"hand\" – ¥".to_owned(), by: "operator".to_owned() },
        kind => {
            let outcome = match kind {
                2 => ReversalOutcome::Impossible("the account is closed".to_owned()),
                3 | 4 => ReversalOutcome::Unknown("timeout\n\u{1F4B8}".to_owned()),
                _ => outcomes[usize::try_from(dice.below(4)).unwrap_or_default()].clone(),
            };
            let attempt = u32::try_from(dice.below(3)).unwrap_or_default() + 1;
            Action::CompleteAttempt(AttemptEnd { attempt, outcome, jitter: Jitter(7) })
        }
    }
}

fn some_command(dice: &mut Dice, step: i64) -> ReceivedCommand {
    let mut wallet = Wallet::of(dice.one_of(&["a", "B", "b", "~", "a-2", "9"]));
    wallet.at += TimeDelta::microseconds(step * 1_500_001) + dice.one_of(&[TimeDelta::zero(), TimeDelta::hours(13)]);
    let result = dice.one_of(&[ReportedResult::Succeeded, ReportedResult::Succeeded, ReportedResult::Failed]);
    let refund = dice.one_of(&["r1", "r2"]);
    match dice.below(12) {
        0..=2 => wallet.announces(dice.one_of(&[PaymentKind::Payment, PaymentKind::Payment, PaymentKind::Authorization])),
        3..=4 => wallet.reports(result),
        5 => wallet.refunds(refund, dice.one_of(&[400, 600, 1000])),
        6 => wallet.reports_refund(refund, result),
        7..=9 => {
            let lookup = match dice.below(5) {
                0 => Lookup::Failed("no answer".to_owned()),
                1 => Lookup::NotYet,
                _ => Lookup::Recorded,
            };
            wallet.is_cancelled_by(dice.one_of(&["acquirer-1", "acquirer-1", "acquirer-1", "acquirer-2"]), lookup)
        }
        _ => wallet.does(some_action(dice)),
    }
}

/// Every history has ids of its own, because the cases of earlier histories are still kept.
fn renamed(received: ReceivedCommand, prefix: &str) -> ReceivedCommand {
    let id = id(&format!("{prefix}{}", received.command.id));
    ReceivedCommand { command: Command { id, ..received.command }, ..received }
}

async fn one_history(subject: &impl Subject, policy: &Policy, (dice, history): (&mut Dice, u32)) -> (MemoryStore, String) {
    let memory = MemoryStore::new(policy.clone());
    let store = subject.open(policy.clone());
    let prefix = format!("{:?}-{}-{history}-", policy.funds, policy.four_eyes);
    for step in 0..25 {
        let size = dice.one_of(&[1, 1, 2, 7]);
        let batch: Vec<_> = (0..size).map(|_| renamed(some_command(dice, step), &prefix)).collect();
        let ids: Vec<_> = batch.iter().map(|received| received.command.id.clone()).collect();
        assert_eq!(store.decide(batch.clone()).await, memory.decide(batch.clone()).await, "{batch:#?}");
        for id in &ids {
            assert_eq!(store.find(id).await, memory.find(id).await, "after {batch:#?}");
        }
    }
    same_lists(&store, &memory, &prefix).await;
    (memory, prefix)
}

async fn same_searches(searching: &Arc<dyn CaseSearch>, memory: &MemoryStore, prefix: &str) {
    let page = SearchPage { limit: 1000, after: None };
    for state in CaseState::ALL {
        let search = Search { state: Some(*state), ..Search::default() };
        let FoundCases::Page { cases, .. } = searching.search(&search, &page).await.unwrap() else { unreachable!() };
        let FoundCases::Page { cases: expected, .. } = memory.search(&search, &page).await.unwrap() else { unreachable!() };
        let of_history: Vec<_> = cases.into_iter().filter(|case| case.id.as_str().starts_with(prefix)).collect();
        assert_eq!(of_history, expected, "{state}");
    }
}

async fn same_lists(store: &Arc<dyn CancellationStore>, memory: &MemoryStore, prefix: &str) {
    let page = Page { limit: 1000, after: None };
    let of_history =
        |cases: Vec<domain::Case>| cases.into_iter().filter(|case| case.id.as_str().starts_with(prefix)).collect::<Vec<_>>();
    for filter in [ReversalFilter::Open, ReversalFilter::Parked] {
        let kept = store.reversals(filter, &page).await.map(of_history);
        assert_eq!(kept, memory.reversals(filter, &page).await);
    }
    assert_eq!(store.deferred(&page).await.map(of_history), memory.deferred(&page).await);
    let account = AccountId::parse("user-1").unwrap();
    let entries = |statement: crate::AccountStatement| {
        let of_history = statement.entries.into_iter().filter(|posted| posted.payment_request_id.as_str().starts_with(prefix));
        of_history.map(|posted| (posted.payment_request_id, posted.entry)).collect::<Vec<_>>()
    };
    let kept = store.account(&account, &page).await.map(entries);
    assert_eq!(kept, memory.account(&account, &page).await.map(entries));
}
