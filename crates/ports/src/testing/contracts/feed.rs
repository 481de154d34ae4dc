//! The promises of [`EventFeed`](crate::EventFeed).

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Action, AttemptEnd, FeedEventType, Jitter, PaymentRequestId, ReversalOutcome};

use super::store::{SUCCEEDED, Subject, decided, paid};
use crate::testing::{Wallet, core_policy, ledger_policy};
use crate::{CancellationStore, EventFeed, FeedCursor, FeedError, FeedPage, PublishedEvent};

/// A feed under test, of the cases of the subject's stores.
#[async_trait]
pub trait FeedSubject: Subject {
    /// One more connection to the feed.
    fn open_feed(&self) -> Arc<dyn EventFeed>;

    /// Begins a new generation, as an operator does after a restore.
    async fn raise_generation(&self);

    /// Waits until what was committed before may be told.
    async fn catch_up(&self);
}

/// Everything from a cursor to the end, so many at once.
///
/// # Panics
/// Where the feed has no end.
pub async fn all_from(
    subject: &impl FeedSubject,
    feed: &Arc<dyn EventFeed>,
    mut after: Option<FeedCursor>,
    limit: u32,
) -> Vec<PublishedEvent> {
    subject.catch_up().await;
    let mut events = Vec::new();
    // More calls than there are commits in any of these tests.
    for _ in 0..10_000 {
        let FeedPage { events: more, cursor, is_end } = feed.read(after.as_ref(), limit).await.unwrap();
        assert!(more.len() <= limit as usize, "a page of {} of {limit}", more.len());
        events.extend(more);
        after = Some(cursor);
        if is_end {
            return events;
        }
    }
    panic!("the feed has no end");
}

/// The types of the events of one case, in their order.
#[must_use]
pub fn types_of(events: &[PublishedEvent], id: &PaymentRequestId) -> Vec<&'static str> {
    let of_case = events.iter().filter(|event| event.payment_request_id == *id);
    of_case.map(|event| event.event.event_type.as_str()).collect()
}

async fn attempt(store: &Arc<dyn CancellationStore>, wallet: &Wallet, outcome: ReversalOutcome) {
    let attempt = store.find(&wallet.id).await.unwrap().unwrap().case.reversal.unwrap().attempts;
    let end = AttemptEnd { attempt, outcome, jitter: Jitter(0) };
    let _ = decided(store, vec![wallet.does(Action::CompleteAttempt(end))]).await;
}

/// Some cases of every kind, each command in a commit of its own.
async fn some_cases(subject: &impl FeedSubject) {
    let store = subject.open(ledger_policy());
    for place in 0..7 {
        let wallet = Wallet::of(&format!("case-{place}"));
        paid(&store, &wallet).await;
        if place % 2 == 0 {
            let _ = decided(&store, vec![wallet.is_cancelled()]).await;
        }
    }
    let fenced = Wallet::of("fenced");
    let _ = decided(&store, vec![fenced.is_cancelled(), fenced.pays(), fenced.reports(SUCCEEDED)]).await;
}

contract! {
    /// Makes one test for each promise of an [`EventFeed`](crate::EventFeed). The expression makes a fresh, empty
    /// [`FeedSubject`](feed::FeedSubject) for each.
    ($) feed_contract! in (feed)

    /// A cancel of a paid payment is told in the order of its timeline, and the payment itself is nobody's business.
    async fn a_cancel_is_told_in_the_order_of_its_timeline(subject: &impl FeedSubject) {
        let (store, feed) = (subject.open(ledger_policy()), subject.open_feed());
        let wallet = Wallet::of("told");
        paid(&store, &wallet).await;
        assert!(all_from(subject, &feed, None, 100).await.is_empty());
        let _ = decided(&store, vec![wallet.is_cancelled()]).await;
        let events = all_from(subject, &feed, None, 100).await;
        assert_eq!(types_of(&events, &wallet.id), ["cancellation.received", "payment.cancelled", "money.returned"]);
        let returned = events.last().unwrap();
        assert_eq!((returned.event.amount, returned.at), (Some(Wallet::yen(1000)), wallet.at));
        let _ = decided(&store, vec![wallet.is_cancelled()]).await;
        assert_eq!(all_from(subject, &feed, None, 100).await, events, "a repeat tells nothing");
    }

    /// What is told depends on what was recorded before, in other commits.
    async fn what_a_commit_tells_depends_on_the_commits_before_it(subject: &impl FeedSubject) {
        let (ledger, core, feed) = (subject.open(ledger_policy()), subject.open(core_policy()), subject.open_feed());
        let late = Wallet::of("late");
        for command in [late.is_cancelled(), late.pays(), late.reports(SUCCEEDED)] {
            let _ = decided(&ledger, vec![command]).await;
        }
        let at_core = Wallet::of("at-core");
        let _ = decided(&core, vec![at_core.pays()]).await;
        let _ = decided(&core, vec![at_core.is_cancelled()]).await;
        attempt(&core, &at_core, ReversalOutcome::Done).await;
        let _ = decided(&core, vec![at_core.reports(SUCCEEDED)]).await;
        let _ = decided(&core, vec![at_core.does(Action::LeaseAttempt)]).await;
        attempt(&core, &at_core, ReversalOutcome::Done).await;
        let events = all_from(subject, &feed, None, 100).await;
        let of_late = ["cancellation.received", "payment.cancelled", "payment.closed-late", "payment.closed-late", "money.returned"];
        assert_eq!(types_of(&events, &late.id), of_late);
        let of_core = ["cancellation.received", "payment.cancelled", "money.returned", "payment.closed-late"];
        assert_eq!(types_of(&events, &at_core.id), of_core, "the core gave it back once");
    }

    /// In whatever steps the feed is read, it tells the same events in the same order, each once.
    async fn f22_the_same_events_come_in_pages_of_any_size(subject: &impl FeedSubject) {
        some_cases(subject).await;
        let feed = subject.open_feed();
        let all = all_from(subject, &feed, None, 1000).await;
        assert_eq!(all.len(), 4 * 3 + 2 + 3);
        for limit in [1, 2, 3, 5, 16] {
            assert_eq!(all_from(subject, &feed, None, limit).await, all, "{limit} at once");
        }
    }

    /// The cursor of any event leads to the one after it, for another reader and at a later time too.
    async fn the_cursor_of_any_event_leads_to_the_next_one(subject: &impl FeedSubject) {
        some_cases(subject).await;
        let all = all_from(subject, &subject.open_feed(), None, 1000).await;
        let store = subject.open(ledger_policy());
        let _ = decided(&store, vec![Wallet::of("later").is_cancelled()]).await;
        let feed = subject.open_feed();
        for (place, event) in all.iter().enumerate() {
            let text = event.cursor.to_string();
            assert!(text.len() <= FeedCursor::LONGEST, "{text}");
            let after = FeedCursor::parse(&text).unwrap();
            assert_eq!(after, event.cursor);
            let rest = all_from(subject, &feed, Some(after), 1000).await;
            assert_eq!(rest[..all.len() - place - 1], all[place + 1..]);
            assert_eq!(rest.len(), all.len() - place - 1 + 2, "and what came later");
        }
    }

    /// Who has read to the end reads what comes after it, and nothing twice.
    async fn who_is_at_the_end_reads_what_comes_next(subject: &impl FeedSubject) {
        let (store, feed) = (subject.open(ledger_policy()), subject.open_feed());
        subject.catch_up().await;
        let mut after = feed.read(None, 10).await.unwrap();
        assert_eq!((after.events.len(), after.is_end), (0, true));
        for place in 0..5 {
            let wallet = Wallet::of(&format!("next-{place}"));
            paid(&store, &wallet).await;
            let _ = decided(&store, vec![wallet.is_cancelled()]).await;
            let events = all_from(subject, &feed, Some(after.cursor.clone()), 10).await;
            assert_eq!(types_of(&events, &wallet.id).len(), 3);
            assert_eq!(events.len(), 3);
            after = feed.read(events.last().map(|event| &event.cursor), 10).await.unwrap();
            assert_eq!((after.events.len(), after.is_end), (0, true));
        }
    }

    /// A batch of many cases is told whole, case by case.
    async fn a_batch_of_many_cases_is_told_whole(subject: &impl FeedSubject) {
        let (store, feed) = (subject.open(ledger_policy()), subject.open_feed());
        let ids: Vec<_> = (0..60).map(|place| format!("many-{place}")).collect();
        let _ = decided(&store, ids.iter().map(|id| Wallet::of(id).is_cancelled()).collect()).await;
        let events = all_from(subject, &feed, None, 7).await;
        assert_eq!(events.len(), 120);
        for id in &ids {
            let types = types_of(&events, &Wallet::of(id).id);
            assert_eq!(types, [FeedEventType::CancellationReceived, FeedEventType::PaymentCancelled].map(FeedEventType::as_str));
        }
    }

    /// A cursor of the generation before is refused, and says which generation is now. So is one of a place that the store has not come to.
    async fn f86_a_cursor_of_before_a_restore_is_refused(subject: &impl FeedSubject) {
        some_cases(subject).await;
        let feed = subject.open_feed();
        let all = all_from(subject, &feed, None, 1000).await;
        let last = all.last().unwrap().cursor.clone();
        let mut ahead = last.clone();
        for position in &mut ahead.positions {
            position.commit += 1_000_000_000;
        }
        assert_eq!(feed.read(Some(&ahead), 10).await, Err(FeedError::Foreign { generation: last.generation }));
        subject.raise_generation().await;
        let now = last.generation + 1;
        assert_eq!(feed.read(Some(&last), 10).await, Err(FeedError::Foreign { generation: now }));
        assert_eq!(feed.read(Some(&FeedCursor::beginning(last.generation)), 10).await, Err(FeedError::Foreign { generation: now }));
        let again = all_from(subject, &feed, None, 1000).await;
        let same = |events: &[PublishedEvent]| {
            events.iter().map(|event| (event.payment_request_id.clone(), event.event.clone())).collect::<Vec<_>>()
        };
        assert_eq!(same(&again), same(&all), "the events themselves are the same");
        assert!(again.iter().all(|event| event.cursor.generation == now));
    }
}
