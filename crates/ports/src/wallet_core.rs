//! The wallet core: where the users' money is, and where a wallet that leaves its pay flow as it is keeps its payments.

use async_trait::async_trait;
use domain::{CorePayment, PaymentRequestId, ReversalOutcome, ReversalRequest};

use crate::UnavailableError;

/// Gives money back.
#[async_trait]
pub trait FundsGateway: Send + Sync {
    /// Asks the core to see to it that nothing of the payment is left debited or held.
    ///
    /// - It is asked again and again with the same id until it has said how it ends; asking often MUST do no more than asking once.
    /// - [`ReversalOutcome::Done`] and [`ReversalOutcome::NothingToDo`] MUST mean that nothing of the payment is left debited or held, and that
    ///   nothing will be: a debit that comes later is undone by the core too.
    /// - Whatever is not certain MUST be [`ReversalOutcome::Unknown`]: a timeout, a connection that closed after the request was sent, a
    ///   half answer, an answer outside of the contract.
    /// - It MUST end within a time of its own. What it says of an unknown outcome MUST NOT hold keys, tokens or bodies.
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome;
}

/// Knows the wallet's payments, where they are not announced.
#[async_trait]
pub trait Payments: Send + Sync {
    /// The payment as the core has it now; `None` where it has never heard of it, and knows that for certain.
    ///
    /// It MUST end within a time of its own.
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError>;
}
