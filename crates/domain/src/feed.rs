//! What others hear of a case: the events of the feed, read from the lines of its timeline.

use std::collections::{BTreeMap, BTreeSet};

use crate::spelling::spelled;
use crate::{DeferReason, EventName, Money, Refusal, ReversalOutcomeName};

spelled! {
    /// The type of an event of the feed. [`FeedEventType::TABLE`] says what each means.
    FeedEventType {
        /// A cancel came.
        CancellationReceived = "cancellation.received",
        /// It cannot be decided yet.
        CancellationDeferred = "cancellation.deferred",
        /// It is refused for good.
        CancellationRefused = "cancellation.refused",
        /// The payment is cancelled.
        PaymentCancelled = "payment.cancelled",
        /// What the payment took is back.
        MoneyReturned = "money.returned",
        /// An operator has to decide.
        ReversalParked = "reversal.parked",
        /// An operator ended it by hand.
        ReversalResolved = "reversal.resolved",
        /// The wallet announced the payment, or reported its success, after it was closed.
        PaymentClosedLate = "payment.closed-late",
    }
}

/// A row of the table of types in words. `docs/integrate/events.md` shows the same table, and a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedTypeRow {
    /// The type.
    pub event_type: FeedEventType,
    /// When it is told.
    pub when: &'static str,
    /// The members that its data can have.
    pub data: &'static [&'static str],
}

impl FeedEventType {
    /// Every type in words.
    pub const TABLE: [FeedTypeRow; 8] = [
        FeedTypeRow {
            event_type: Self::CancellationReceived,
            when: "a cancel came for the first time, or from one more acquirer while nobody knew whose payment it is",
            data: &["acquirerId"],
        },
        FeedTypeRow {
            event_type: Self::CancellationDeferred,
            when: "the cancel could not be decided when it came; once more where the clocks turn out to disagree about the period",
            data: &["reason", "receivedAt", "requestTime"],
        },
        FeedTypeRow {
            event_type: Self::CancellationRefused,
            when: "the cancel is refused for good; also after `payment.cancelled`, where the wallet core says that refunds gave a part back",
            data: &["reason", "resultCode"],
        },
        FeedTypeRow {
            event_type: Self::PaymentCancelled,
            when: "the payment is cancelled, and what it took goes back",
            data: &["rule"],
        },
        FeedTypeRow {
            event_type: Self::MoneyReturned,
            when: "what the payment took is back: once for each credit of the ledger, once for a payment of the wallet core, and never where nothing had been taken or refunds had given it back",
            data: &["amount", "by"],
        },
        FeedTypeRow {
            event_type: Self::ReversalParked,
            when: "an operator has to decide about the money, or about a deferred cancel",
            data: &["reason", "by"],
        },
        FeedTypeRow {
            event_type: Self::ReversalResolved,
            when: "an operator ended what was parked, by hand",
            data: &["note", "by"],
        },
        FeedTypeRow {
            event_type: Self::PaymentClosedLate,
            when: "the wallet announced the payment, or it succeeded, after it was closed",
            data: &["met"],
        },
    ];
}

/// One event of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// Its type.
    pub event_type: FeedEventType,
    /// How much went back, where that is known.
    pub amount: Option<Money>,
    /// What else is worth knowing, by name.
    pub details: BTreeMap<String, String>,
}

/// What a timeline has told so far, as far as later lines depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Fact {
    Succeeded,
    /// The wallet hears that the payment is closed.
    Closed,
    /// A reversal ended, so that the cancel has its final answer.
    Answered,
    Returned,
    /// An operator ended a deferred cancel; whether it is cancelled follows.
    EndedByHand,
}

/// The timeline of one case as it is read from its beginning, line by line. Names that are not known here, as a later version may write
/// them, say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CaseFeed {
    facts: BTreeSet<Fact>,
    amount: Option<Money>,
    /// How the last attempt ended, since the reversal was opened.
    tried: Option<ReversalOutcomeName>,
    by: Option<String>,
}

impl CaseFeed {
    /// Whether the events of these lines depend on the lines before them. `number` is the first one's, counted from 1 within its case.
    #[must_use]
    pub fn depends_on_earlier<'a>(number: i32, mut names: impl Iterator<Item = &'a str>) -> bool {
        // The first line has none before it, and the second tells of a success what every payment does.
        let is_of_late_payment = |name| match name {
            EventName::PaymentRecorded => number > 1,
            EventName::Succeeded => number > 2,
            EventName::ReversalDone | EventName::ReversalResolved => true,
            EventName::Failed
            | EventName::RefundReserved
            | EventName::RefundSucceeded
            | EventName::RefundFailed
            | EventName::CancelReceived
            | EventName::Deferred
            | EventName::ClocksDisagree
            | EventName::Cancelled
            | EventName::Refused
            | EventName::ReversalOpened
            | EventName::ReversalTried
            | EventName::RefundedElsewhere
            | EventName::ReversalParked
            | EventName::SettingsAdopted
            | EventName::Settled => false,
        };
        let mut opened = false;
        names.any(|name| {
            let name = EventName::parse(name);
            opened = opened || name == Some(EventName::ReversalOpened);
            // What is opened and done in one commit is the ledger's, which says all of it there.
            let is_of_ledger = opened && name == Some(EventName::ReversalDone);
            number > 1 && !is_of_ledger && name.is_some_and(is_of_late_payment)
        })
    }

    /// Reads the next line. Gives the events that it tells, in their order.
    pub fn read(&mut self, name: &str, details: &BTreeMap<String, String>) -> Vec<FeedEvent> {
        let told = |event_type| vec![FeedEvent { event_type, amount: None, details: details.clone() }];
        let Some(name) = EventName::parse(name) else { return vec![] };
        match name {
            EventName::CancelReceived => told(FeedEventType::CancellationReceived),
            EventName::Deferred => told(FeedEventType::CancellationDeferred),
            EventName::ClocksDisagree => {
                let reason = ("reason".to_owned(), DeferReason::ClocksDisagree.to_string());
                let details = details.clone().into_iter().chain([reason]).collect();
                vec![FeedEvent { event_type: FeedEventType::CancellationDeferred, amount: None, details }]
            }
            EventName::Refused => told(FeedEventType::CancellationRefused),
            EventName::Cancelled => {
                self.facts.insert(Fact::Closed);
                let by_hand = self.facts.contains(&Fact::EndedByHand).then(|| self.returned_by_hand()).flatten();
                told(FeedEventType::PaymentCancelled).into_iter().chain(by_hand).collect()
            }
            EventName::ReversalParked => told(FeedEventType::ReversalParked),
            EventName::ReversalResolved => {
                self.by = details.get("by").cloned();
                self.facts.insert(Fact::EndedByHand);
                let returned = self.facts.contains(&Fact::Closed).then(|| self.returned_by_hand()).flatten();
                told(FeedEventType::ReversalResolved).into_iter().chain(returned).collect()
            }
            EventName::PaymentRecorded => {
                self.know_amount(details);
                self.late(name)
            }
            EventName::Succeeded => {
                self.facts.insert(Fact::Succeeded);
                self.late(name)
            }
            EventName::ReversalOpened => {
                self.know_amount(details);
                self.tried = None;
                vec![]
            }
            EventName::ReversalTried => {
                self.tried = details.get("outcome").and_then(|outcome| ReversalOutcomeName::parse(outcome));
                vec![]
            }
            EventName::ReversalDone => self.done(),
            EventName::Failed
            | EventName::RefundReserved
            | EventName::RefundSucceeded
            | EventName::RefundFailed
            | EventName::RefundedElsewhere
            | EventName::SettingsAdopted
            | EventName::Settled => vec![],
        }
    }

    fn know_amount(&mut self, details: &BTreeMap<String, String>) {
        let said = details.get("amount").and_then(|amount| amount.split_once(' '));
        let said = said.and_then(|(value, currency)| Money::parse(value, currency).ok());
        self.amount = said.or(self.amount);
    }

    /// What the wallet does with a payment that it was told, or would be told, is closed.
    fn late(&self, met: EventName) -> Vec<FeedEvent> {
        let late = FeedEvent {
            event_type: FeedEventType::PaymentClosedLate,
            amount: None,
            details: BTreeMap::from([("met".to_owned(), met.to_string())]),
        };
        self.facts.contains(&Fact::Closed).then_some(late).into_iter().collect()
    }

    /// A reversal ends, as its last attempt said; the ledger needs none.
    fn done(&mut self) -> Vec<FeedEvent> {
        let was_answered = !self.facts.insert(Fact::Answered);
        match self.tried {
            // Each one is a credit of its own.
            None => vec![self.returned()],
            Some(ReversalOutcomeName::Done) if self.facts.contains(&Fact::Returned) => vec![],
            Some(ReversalOutcomeName::Done) => vec![self.returned()],
            Some(ReversalOutcomeName::PartlyRefunded) => {
                self.facts.remove(&Fact::Closed);
                let refusal = Refusal::PartlyRefunded;
                let details = [("reason", refusal.name().to_string()), ("resultCode", refusal.code().to_string())];
                let details = details.map(|(name, text)| (name.to_owned(), text)).into();
                vec![FeedEvent { event_type: FeedEventType::CancellationRefused, amount: None, details }]
            }
            Some(ReversalOutcomeName::FullyRefunded) => {
                // A payment that was taken and refunded stands, and settles; one that was not stays closed.
                if self.facts.contains(&Fact::Succeeded) && !was_answered {
                    self.facts.remove(&Fact::Closed);
                }
                vec![]
            }
            Some(ReversalOutcomeName::NothingToDo | ReversalOutcomeName::Impossible | ReversalOutcomeName::Unknown) => vec![],
        }
    }

    fn returned(&mut self) -> FeedEvent {
        self.facts.insert(Fact::Returned);
        FeedEvent { event_type: FeedEventType::MoneyReturned, amount: self.amount, details: BTreeMap::new() }
    }

    /// What an operator gave back: how much of it refunds had left, nobody says.
    fn returned_by_hand(&mut self) -> Option<FeedEvent> {
        let is_first = self.facts.contains(&Fact::Succeeded) && self.facts.insert(Fact::Returned);
        let details = self.by.iter().map(|by| ("by".to_owned(), by.clone())).collect();
        is_first.then_some(FeedEvent { event_type: FeedEventType::MoneyReturned, amount: None, details })
    }
}
