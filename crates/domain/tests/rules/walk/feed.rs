//! What the feed tells on every way through the rules: it is read from the timeline alone, and agrees with the case.

use std::collections::{BTreeMap, HashSet};

use domain::{
    CancellationState, Case, CaseFeed, DeferReason, EventName, FeedEvent, FeedEventType, FundsKind, Reversal, ReversalState,
    decide,
};

use super::commands::{ONE_REFUND, World};
use super::explore::{Edge, LATER, Walk};
use crate::invariants::Step;

/// A line's name and details.
type Line = (&'static str, BTreeMap<String, String>);

/// What a step adds to the timeline and to the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Added {
    lines: Vec<Line>,
    /// Credits of the payment itself, not of its refunds.
    credits: usize,
}

impl Added {
    pub(super) fn by(step: &Step<'_>) -> Self {
        let change = step.decision.change.as_ref();
        let owned = |(name, text): (&str, String)| (name.to_owned(), text);
        let events = change.iter().flat_map(|change| &change.events);
        let credits = change.iter().flat_map(|change| &change.entries);
        Self {
            lines: events.map(|event| (event.kind.name(), event.kind.details().into_iter().map(owned).collect())).collect(),
            credits: credits.filter(|entry| entry.kind.gives() && entry.refund.is_none()).count(),
        }
    }
}

/// What was told on one way to a state.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Heard {
    feed: CaseFeed,
    /// How many lines there were, as far as it matters.
    lines: i32,
    cancelled: u8,
    returned: u8,
    deferred: u8,
}

fn read(feed: &mut CaseFeed, lines: &[Line]) -> Vec<FeedEvent> {
    lines.iter().flat_map(|(name, details)| feed.read(name, details)).collect()
}

fn count(events: &[FeedEvent], of: FeedEventType) -> u8 {
    u8::try_from(events.iter().filter(|event| event.event_type == of).count()).unwrap()
}

/// Lines that are read without those before them tell the same, where they say so.
fn is_independent(heard: &Heard, lines: &[Line], told: &[FeedEvent]) -> bool {
    let depends = CaseFeed::depends_on_earlier(heard.lines + 1, lines.iter().map(|(name, _)| *name));
    depends || read(&mut CaseFeed::default(), lines) == told
}

/// Data has no member that the page does not name.
fn is_on_the_page(event: &FeedEvent) -> bool {
    let rows = FeedEventType::TABLE;
    let row = rows.iter().find(|row| row.event_type == event.event_type).unwrap();
    let mut names = event.details.keys().map(String::as_str).chain(event.amount.map(|_| "amount"));
    names.all(|name| row.data.contains(&name))
}

fn is_parked(case: &Case) -> bool {
    let reversal = matches!(case.reversal, Some(Reversal { state: ReversalState::Parked { .. }, .. }));
    reversal || case.has_parked_deferral()
}

fn is_refused(case: &Case) -> bool {
    matches!(case.cancellation.as_ref().map(|known| known.state), Some(CancellationState::Refused { .. }))
}

fn waits_after_a_look(case: &Case) -> bool {
    let untried = case.deferral.as_ref().is_none_or(|deferral| deferral.attempts == 0);
    case.defer_reason().is_some_and(|reason| reason != DeferReason::LookupFailed || !untried)
}

/// What has to hold after one step, and whether it does.
fn claims(
    (before, after): (&Case, &Case),
    adds: &Added,
    (funds, next, told): (FundsKind, &Heard, &[FeedEvent]),
) -> [(&'static str, bool); 11] {
    let of = |event_type| count(told, event_type);
    let lines_named = |wanted: EventName| adds.lines.iter().filter(|(name, _)| *name == wanted.as_str()).count();
    let late = if before.is_closed() { lines_named(EventName::PaymentRecorded) + lines_named(EventName::Succeeded) } else { 0 };
    let returned = usize::from(of(FeedEventType::MoneyReturned));
    let by_hand = of(FeedEventType::ReversalResolved) > 0;
    let credits_are_told = if by_hand { returned >= adds.credits } else { returned == adds.credits };
    let ends = after.reversal.as_ref().is_some_and(|reversal| !reversal.is_unfinished());
    let core_gave_back = adds.lines.iter().any(|(_, details)| details.get("outcome").is_some_and(|outcome| outcome == "done"));
    [
        ("a cancelled case has one payment.cancelled", !after.is_cancelled() || next.cancelled == 1),
        ("a payment is cancelled once", next.cancelled <= 1),
        ("each credit of the ledger is told", funds == FundsKind::Http || credits_are_told),
        ("money goes back once", next.returned <= 1),
        ("money is told where a reversal ends", returned == 0 || ends),
        ("what the core gave back is told", !core_gave_back || next.returned == 1),
        ("a late payment is told", usize::from(of(FeedEventType::PaymentClosedLate)) == late),
        ("a refusal is told", is_refused(before) || !is_refused(after) || of(FeedEventType::CancellationRefused) == 1),
        ("what is parked is told", is_parked(before) || !is_parked(after) || of(FeedEventType::ReversalParked) == 1),
        ("what waits was told", !waits_after_a_look(after) || next.deferred > 0),
        ("the page names all data", told.iter().all(is_on_the_page)),
    ]
}

impl Walk<'_> {
    /// Follows the feed on every way. Gives how many states there are with what was told, and the first claim that does not hold.
    fn follow_feed(&self, funds: FundsKind) -> Result<usize, String> {
        let mut seen: Vec<HashSet<Heard>> = vec![HashSet::new(); self.states.len()];
        seen[0].insert(Heard::default());
        let (mut queue, mut place) = (vec![(0, Heard::default())], 0);
        while let Some((from, heard)) = queue.get(place).cloned() {
            for edge in &self.edges[from] {
                let next = self.hear(funds, (from, &heard), edge).map_err(|broken| {
                    let case = &self.states[from].case;
                    format!("{broken}: {}\n{:?}\n{case:#?}\n{heard:#?}", self.in_words(from, edge.command), edge.adds)
                })?;
                if seen[edge.to].insert(next.clone()) {
                    queue.push((edge.to, next));
                }
            }
            place += 1;
        }
        Ok(place)
    }

    fn hear(&self, funds: FundsKind, (from, heard): (usize, &Heard), edge: &Edge) -> Result<Heard, &'static str> {
        let lines = &edge.adds.lines;
        let mut next = heard.clone();
        let told = read(&mut next.feed, lines);
        next.lines = (heard.lines + i32::try_from(lines.len()).unwrap()).min(3);
        next.cancelled += count(&told, FeedEventType::PaymentCancelled);
        next.returned = (next.returned + count(&told, FeedEventType::MoneyReturned)).min(2);
        next.deferred = (next.deferred + count(&told, FeedEventType::CancellationDeferred)).min(1);
        if edge.command == LATER {
            return Ok(next);
        }
        if !is_independent(heard, lines, &told) {
            return Err("lines that depend on no others are read alone");
        }
        let cases = (&self.states[from].case, &self.states[edge.to].case);
        match claims(cases, &edge.adds, (funds, &next, &told)).into_iter().find(|(_, holds)| !holds) {
            Some((claim, _)) => Err(claim),
            None => Ok(next),
        }
    }
}

fn follow(world: &World) {
    let walk = Walk::through(world, decide).unwrap_or_else(|broken| panic!("{broken}"));
    let ways = walk.follow_feed(world.policy.funds).unwrap_or_else(|broken| panic!("{broken}"));
    println!("{} states, {ways} with what was told", walk.states.len());
    assert!(ways > walk.states.len());
}

#[test]
fn f95_the_feed_agrees_with_every_case_of_the_ledger() {
    follow(&World::with_ledger());
}

#[test]
fn f95_the_feed_agrees_with_every_case_of_a_wallet_core() {
    follow(&World::with_core(2, ONE_REFUND));
}

#[test]
fn f95_the_feed_agrees_with_every_case_whose_payment_is_at_the_core() {
    follow(&World::with_payments_at_core(1, ONE_REFUND));
}
