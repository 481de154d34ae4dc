//! A wallet core in memory, whose journal is the truth about the money.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use domain::{CorePayment, Payment, PaymentRequestId, ReversalOutcome, ReversalRequest};
use ports::{FundsGateway, Payments, UnavailableError};
use tokio::sync::Semaphore;

use crate::faults::plan::held;

/// One movement on a user's account; an entry is never changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The payment took this much.
    Taken(i64),
    /// A refund of the wallet's own gave this much.
    Refunded(i64),
    /// A reversal gave this much.
    GivenBack(i64),
}

/// What the core says of a case, however often it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// "Impossible"; nothing moves.
    Refuses,
    /// It breaks before it does anything.
    Breaks,
    /// It does not say what it knows of a payment.
    IsMute,
    /// It says "done" and does nothing: a promise broken, which the checks have to find.
    Lies,
    /// It gives the money back twice: another promise broken.
    GivesTwice,
    /// It takes the call and says nothing until its mood changes.
    Hangs,
}

#[derive(Default)]
struct Books {
    journal: Vec<(PaymentRequestId, Effect)>,
    payments: BTreeMap<PaymentRequestId, Payment>,
    moods: BTreeMap<PaymentRequestId, Mood>,
    calls: BTreeMap<PaymentRequestId, u32>,
    inside: BTreeMap<PaymentRequestId, u32>,
    most_inside: u32,
}

/// The core. It undoes what is there when it is asked, and what comes later only when it is asked again, unless it keeps the
/// payments itself.
#[derive(Default)]
pub(crate) struct MemoryCore {
    books: Mutex<Books>,
    /// Answers stay in the core, effects done, until they are let out.
    holds: Option<Arc<Semaphore>>,
}

impl MemoryCore {
    /// Keeps its answers back until the semaphore lets them out.
    pub(crate) fn that_holds(lets_out: &Arc<Semaphore>) -> Self {
        Self { holds: Some(Arc::clone(lets_out)), ..Self::default() }
    }

    /// The wallet takes money for a payment.
    pub(crate) fn takes(&self, id: &PaymentRequestId, amount: i64) {
        held(&self.books).journal.push((id.clone(), Effect::Taken(amount)));
    }

    /// The core keeps this payment, and takes its money unless it was asked before to undo it.
    pub(crate) fn keeps(&self, id: &PaymentRequestId, payment: Payment) {
        let mut books = held(&self.books);
        if !books.calls.contains_key(id) {
            books.journal.push((id.clone(), Effect::Taken(payment.amount.minor())));
            books.payments.insert(id.clone(), payment);
        }
    }

    /// The wallet refunds on its own.
    pub(crate) fn refunds(&self, id: &PaymentRequestId, amount: i64) {
        held(&self.books).journal.push((id.clone(), Effect::Refunded(amount)));
    }

    pub(crate) fn feels(&self, id: &PaymentRequestId, mood: Option<Mood>) {
        let mut books = held(&self.books);
        match mood {
            Some(mood) => books.moods.insert(id.clone(), mood),
            None => books.moods.remove(id),
        };
    }

    /// The journal's entries of a case.
    pub(crate) fn journal(&self, id: &PaymentRequestId) -> Vec<Effect> {
        held(&self.books).journal_of(id)
    }

    /// How many calls about a case came.
    pub(crate) fn calls(&self, id: &PaymentRequestId) -> u32 {
        held(&self.books).calls.get(id).copied().unwrap_or_default()
    }

    /// Whether a call about the case is inside.
    pub(crate) fn is_inside(&self, id: &PaymentRequestId) -> bool {
        held(&self.books).inside.get(id).is_some_and(|inside| *inside > 0)
    }

    /// How many calls were inside for one case at once, at most.
    pub(crate) fn most_inside(&self) -> u32 {
        held(&self.books).most_inside
    }
}

impl Books {
    fn journal_of(&self, id: &PaymentRequestId) -> Vec<Effect> {
        self.journal.iter().filter(|(of, _)| of == id).map(|(_, effect)| *effect).collect()
    }

    fn reverse(&mut self, id: &PaymentRequestId) -> ReversalOutcome {
        match self.moods.get(id) {
            Some(Mood::Refuses) => return ReversalOutcome::Impossible("the account is closed".to_owned()),
            Some(Mood::Breaks) => return ReversalOutcome::Unknown("the core broke".to_owned()),
            Some(Mood::Lies) => return ReversalOutcome::Done,
            Some(Mood::GivesTwice) => {
                self.journal.extend([(id.clone(), Effect::GivenBack(1000)), (id.clone(), Effect::GivenBack(1000))]);
                return ReversalOutcome::Done;
            }
            Some(Mood::Hangs | Mood::IsMute) | None => {}
        }
        let [mut taken, mut refunded, mut given] = [0, 0, 0];
        for effect in self.journal_of(id) {
            match effect {
                Effect::Taken(amount) => taken += amount,
                Effect::Refunded(amount) => refunded += amount,
                Effect::GivenBack(amount) => given += amount,
            }
        }
        match taken - refunded - given {
            0 if taken == 0 => ReversalOutcome::NothingToDo,
            0 if given == 0 => ReversalOutcome::FullyRefunded,
            0 => ReversalOutcome::Done,
            _ if refunded > 0 => ReversalOutcome::PartlyRefunded(None),
            left => {
                self.journal.push((id.clone(), Effect::GivenBack(left)));
                ReversalOutcome::Done
            }
        }
    }
}

/// One call inside the core; it is outside again however it ends.
struct Inside<'a>(&'a MemoryCore, &'a PaymentRequestId);

impl<'a> Inside<'a> {
    fn comes(core: &'a MemoryCore, id: &'a PaymentRequestId) -> Self {
        let mut books = held(&core.books);
        *books.calls.entry(id.clone()).or_default() += 1;
        let inside = books.inside.entry(id.clone()).or_default();
        *inside += 1;
        let now = *inside;
        books.most_inside = books.most_inside.max(now);
        Self(core, id)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        if let Some(inside) = held(&self.0.books).inside.get_mut(self.1) {
            *inside -= 1;
        }
    }
}

#[async_trait]
impl FundsGateway for MemoryCore {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        let _inside = Inside::comes(self, &reversal_request.id);
        // Others come in meanwhile, if anybody may.
        tokio::task::yield_now().await;
        while held(&self.books).moods.get(&reversal_request.id) == Some(&Mood::Hangs) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let outcome = held(&self.books).reverse(&reversal_request.id);
        if let Some(lets_out) = &self.holds {
            lets_out.acquire().await.unwrap().forget();
        }
        outcome
    }
}

#[async_trait]
impl Payments for MemoryCore {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        let books = held(&self.books);
        if books.moods.get(id) == Some(&Mood::IsMute) {
            return Err(UnavailableError::because("the core says nothing"));
        }
        let payment = books.payments.get(id).cloned();
        Ok(payment.map(|payment| CorePayment { payment, refunded: 0, refund_running: false }))
    }
}
