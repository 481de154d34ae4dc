//! What a case asks of the wallet behind the callback: three calls make payments and see the money, three more may be left out.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::money::Money;
use crate::suite::verdict::CaseError;

/// What is said of a case that needs a call which a driver leaves out.
const NOT_DRIVEN: &str = "the wallet's driver has no such call";

/// The wallet's own side. A wallet writes these calls once for itself; each is repeated here until the wallet has answered, as its
/// own pay flow would.
#[async_trait]
pub(crate) trait WalletDriver: Send + Sync {
    /// Says that a payment is about to be debited. MUST be answered `proceed` where it may be, `closed` where it is cancelled.
    async fn announce(&self, payment: &Payment) -> Result<String, CaseError>;

    /// Says how a payment ended: `S`, in which case the wallet has taken the money, or `F`. MUST be answered `stands`, or `reversed`
    /// where the payment is cancelled and the money goes back.
    async fn report(&self, payment: &Payment, status: &str) -> Result<String, CaseError>;

    /// Where the payment's money is now. MUST NOT answer from memory of what it was told, but from where the money is booked.
    async fn money(&self, payment: &Payment) -> Result<Money, CaseError>;

    /// Whether the wallet did not take the money of a payment because it knew of the cancel before. Nothing is booked then.
    fn was_not_taken(&self, _: &Payment) -> bool {
        false
    }

    /// Says that the wallet is about to refund. MUST be answered `proceed` or `refused`.
    async fn refund(&self, _: &Payment, _: &Refund) -> Result<String, CaseError> {
        Err(CaseError::NotRun(NOT_DRIVEN.to_owned()))
    }

    /// Says how a refund ended: `S`, in which case the wallet has given the money back, or `F`.
    async fn report_refund(&self, _: &Payment, _: &Refund, _: &str) -> Result<String, CaseError> {
        Err(CaseError::NotRun(NOT_DRIVEN.to_owned()))
    }

    /// What `inquiryPayment` says of the payment: status and code, such as `F ORDER_IS_CLOSED`.
    async fn inquiry(&self, _: &Payment) -> Result<String, CaseError> {
        Err(CaseError::NotRun(NOT_DRIVEN.to_owned()))
    }
}

/// A payment that a case makes.
#[derive(Debug, Clone)]
pub(crate) struct Payment {
    pub(crate) payment_request_id: String,
    pub(crate) acquirer_id: String,
    pub(crate) psp_id: String,
    pub(crate) account: String,
    /// In the currency's smallest unit.
    pub(crate) amount: i64,
    pub(crate) currency: &'static str,
    /// Held instead of debited.
    pub(crate) authorization: bool,
    /// As it is told, with any offset.
    pub(crate) initiated_at: String,
    /// When it ends, if it does.
    pub(crate) completed_at: DateTime<Utc>,
}

/// A refund that a case has the wallet make on its own.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) refund_request_id: String,
    pub(crate) amount: i64,
}
