//! A wallet core that keeps the payments, which it names late, or not at all while it is away.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::{CorePayment, PaymentRequestId, ReversalOutcome, ReversalRequest};
use ports::{FundsGateway, Payments, UnavailableError};

#[derive(Default)]
pub(crate) struct PaymentsCore {
    /// Each with how long it takes to be named.
    pub(crate) payments: Mutex<BTreeMap<PaymentRequestId, (CorePayment, Duration)>>,
    pub(crate) is_away: AtomicBool,
    pub(crate) lookups: AtomicU64,
}

#[async_trait]
impl Payments for PaymentsCore {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        if self.is_away.load(Ordering::Relaxed) {
            return Err(UnavailableError::because("status 500"));
        }
        let known = self.payments.lock().unwrap().get(id).cloned();
        let Some((payment, takes)) = known else { return Ok(None) };
        tokio::time::sleep(takes).await;
        Ok(Some(payment))
    }
}

#[async_trait]
impl FundsGateway for PaymentsCore {
    async fn reverse(&self, _: &ReversalRequest) -> ReversalOutcome {
        ReversalOutcome::Done
    }
}
