//! Wallet cores that hold their answers back, or are away.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use domain::{ReversalOutcome, ReversalRequest};
use ports::FundsGateway;
use tokio::sync::Semaphore;

/// A core that holds every attempt whose id begins with "held" until it is let, and then gives the next of its answers.
pub(crate) struct HoldingCore {
    pub(crate) lets: Semaphore,
    /// The ids of all attempts, in the order they were begun.
    pub(crate) begun: Mutex<Vec<String>>,
    /// The answers to held attempts, the next one last; without one, the money goes back.
    pub(crate) answers: Mutex<Vec<ReversalOutcome>>,
}

#[async_trait]
impl FundsGateway for HoldingCore {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        self.begun.lock().unwrap().push(reversal_request.id.to_string());
        if reversal_request.id.as_str().starts_with("held") {
            self.lets.acquire().await.unwrap().forget();
            return self.answers.lock().unwrap().pop().unwrap_or(ReversalOutcome::Done);
        }
        ReversalOutcome::Done
    }
}

/// A core that is away until it is back, and counts what it gave back.
#[derive(Default)]
pub(crate) struct AwayCore {
    pub(crate) is_back: AtomicBool,
    pub(crate) calls: AtomicU32,
    pub(crate) given_back: AtomicU32,
}

#[async_trait]
impl FundsGateway for AwayCore {
    async fn reverse(&self, _: &ReversalRequest) -> ReversalOutcome {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if !self.is_back.load(Ordering::Relaxed) {
            return ReversalOutcome::Unknown("no connection".to_owned());
        }
        self.given_back.fetch_add(1, Ordering::Relaxed);
        ReversalOutcome::Done
    }
}
