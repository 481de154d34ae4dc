//! A wallet core in memory with its adapter in one, as it should be and with one promise broken.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use domain::{CorePayment, PaymentKind, PaymentRequestId, PaymentStatus, ReversalOutcome, ReversalRequest};
use ports::testing::contracts::wallet_core::{CoreSubject, CoreTrouble, FundsSubject, PaymentsSubject};
use ports::testing::{async_trait, moment};
use ports::{FundsGateway, Payments, UnavailableError};

const SECRET: &str = "SECRET";
const TIME_LIMIT: Duration = Duration::from_millis(20);

/// Which promise is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    GivesBackAgain,
    LeavesHolds,
    ForgetsReversals,
    CallsEveryEndDone,
    TakesSilenceForDone,
    TakesTroubleForDone,
    QuotesBodies,
    MixesUpPayments,
    CallsEveryPaymentPaid,
    LeavesOutRefunds,
    ClosesWhatIsLookedUp,
}

#[derive(Clone)]
pub(crate) struct Core {
    lie: Lie,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    payments: BTreeMap<PaymentRequestId, CorePayment>,
    left: BTreeMap<PaymentRequestId, i64>,
    reversed: BTreeSet<PaymentRequestId>,
    answers: VecDeque<ReversalOutcome>,
    trouble: Option<CoreTrouble>,
}

impl Core {
    pub(crate) fn that(lie: Lie) -> Self {
        Self { lie, books: Arc::default() }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    fn reversed(&self, id: &PaymentRequestId) -> ReversalOutcome {
        let mut books = self.books();
        let Some(payment) = books.payments.get(id).cloned() else {
            books.reversed.insert(id.clone());
            return ReversalOutcome::NothingToDo;
        };
        let amount = payment.payment.amount.minor();
        if books.reversed.insert(id.clone()) || self.lie == Lie::GivesBackAgain {
            let is_left = self.lie == Lie::LeavesHolds && payment.payment.kind == PaymentKind::Authorization;
            *books.left.entry(id.clone()).or_default() -= if is_left { 0 } else { amount };
        }
        ReversalOutcome::Done
    }

    /// What the call meets, and whether the core has done what it was asked for.
    async fn met(&self) -> Option<(CoreTrouble, String)> {
        let trouble = self.books().trouble.take()?;
        if trouble == CoreTrouble::Silence {
            tokio::time::sleep(TIME_LIMIT).await;
        }
        let body = if self.lie == Lie::QuotesBodies { SECRET } else { "…" };
        Some((trouble, format!("{trouble:?}: {body}")))
    }

    fn takes_for_an_answer(&self, trouble: CoreTrouble) -> bool {
        let liar = if trouble == CoreTrouble::Silence { Lie::TakesSilenceForDone } else { Lie::TakesTroubleForDone };
        self.lie == liar
    }
}

#[async_trait]
impl CoreSubject for Core {
    async fn keep(&self, id: &PaymentRequestId, payment: &CorePayment) {
        let mut books = self.books();
        let is_undone = books.reversed.contains(id) && self.lie != Lie::ForgetsReversals;
        books.left.insert(id.clone(), if is_undone { 0 } else { payment.payment.amount.minor() });
        books.payments.insert(id.clone(), payment.clone());
    }

    async fn disturb(&self, trouble: CoreTrouble) {
        self.books().trouble = Some(trouble);
    }

    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.to_owned()]
    }
}

#[async_trait]
impl FundsGateway for Core {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        if let Some((trouble, met)) = self.met().await {
            if matches!(trouble, CoreTrouble::LostAnswer | CoreTrouble::HalfAnswer) {
                let _ = self.reversed(&reversal_request.id);
            }
            return if self.takes_for_an_answer(trouble) { ReversalOutcome::Done } else { ReversalOutcome::Unknown(met) };
        }
        let said = self.books().answers.pop_front();
        if let Some(outcome) = said {
            return if self.lie == Lie::CallsEveryEndDone { ReversalOutcome::Done } else { outcome };
        }
        if self.lie == Lie::MixesUpPayments { ReversalOutcome::Done } else { self.reversed(&reversal_request.id) }
    }
}

#[async_trait]
impl Payments for Core {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        if let Some((trouble, met)) = self.met().await {
            return if self.takes_for_an_answer(trouble) { Ok(None) } else { Err(UnavailableError::because(met)) };
        }
        let mut books = self.books();
        let of_any = books.payments.values().next().filter(|_| self.lie == Lie::MixesUpPayments);
        let mut found = of_any.or_else(|| books.payments.get(id)).cloned();
        match (&mut found, self.lie) {
            (Some(payment), Lie::CallsEveryPaymentPaid) => {
                payment.payment.status = PaymentStatus::Succeeded { completed_at: moment(2), fee: None };
            }
            (Some(payment), Lie::LeavesOutRefunds) => payment.refunded = 0,
            (Some(_), Lie::ClosesWhatIsLookedUp) => drop(books.payments.remove(id)),
            _ => {}
        }
        Ok(found)
    }
}

#[async_trait]
impl FundsSubject for Core {
    fn funds(&self) -> Arc<dyn FundsGateway> {
        Arc::new(self.clone())
    }

    async fn left(&self, id: &PaymentRequestId) -> i64 {
        self.books().left.get(id).copied().unwrap_or_default()
    }

    async fn answer_next(&self, outcome: ReversalOutcome) {
        self.books().answers.push_back(outcome);
    }
}

#[async_trait]
impl PaymentsSubject for Core {
    fn payments(&self) -> Arc<dyn Payments> {
        Arc::new(self.clone())
    }
}

mod funds {
    ports::funds_contract!(super::Core::that(super::Lie::None));
}

mod payments {
    ports::payments_contract!(super::Core::that(super::Lie::None));
}
