//! The wallet core: where the users' money is, and where a wallet that leaves its pay flow as it is keeps its payments.

use async_trait::async_trait;
use domain::{CorePayment, PaymentRequestId, ReversalOutcome, ReversalRequest};

use crate::UnavailableError;

/// Gives money back.
#[async_trait]
pub trait FundsGateway: Send + Sync {
    /// Asks the core to make sure that nothing of the payment is left debited or held.
    ///
    /// - It is called again with the same id until the core has said how it ends. Many calls MUST do no more than one.
    /// - [`ReversalOutcome::Done`] and [`ReversalOutcome::NothingToDo`] MUST mean that nothing of the payment is left debited or held,
    ///   and that nothing will be: the core undoes a debit that comes later, too.
    /// - [`ReversalOutcome::NothingToDo`] MUST mean that nothing of the payment was ever debited or held. What lapsed, was released or was
    ///   given back before is [`ReversalOutcome::Done`].
    /// - Every other end MUST be the one that the core said, and no other.
    /// - What is not certain MUST be [`ReversalOutcome::Unknown`]: a timeout, a connection that closed after the request was sent, half
    ///   an answer, an answer outside of the contract. The next call MUST NOT suffer from it.
    /// - It MUST end within a time of its own. The text of an unknown outcome MUST NOT hold keys, tokens or bodies.
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome;
}

/// Knows the wallet's payments, where they are not announced.
#[async_trait]
pub trait Payments: Send + Sync {
    /// The payment as the core has it now. `None` is an answer of the core itself: it has never heard of the payment.
    ///
    /// - What is not certain MUST be [`UnavailableError`]: all that makes a reversal's outcome unknown, and an answer that may come from
    ///   something between here and the core. The next call MUST NOT suffer from it.
    /// - A lookup MUST NOT change anything.
    /// - It MUST end within a time of its own. The error's text MUST NOT hold keys, tokens or bodies.
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError>;
}
