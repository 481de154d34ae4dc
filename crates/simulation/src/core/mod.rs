//! The wallet core: idempotent by id, with books of its own, and with faults.

mod books;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{CorePayment, PaymentRequestId, ReversalOutcome, ReversalRequest};
use ports::{FundsGateway, Payments, UnavailableError};

pub(crate) use books::{Books, CoreAccount};

use crate::faults::FaultKind;
use crate::life::Life;
use crate::plants::Plant;
use crate::recorder::lock;
use crate::world::World;

/// How many attempts one process may have running: 256 of cancels and 256 of the worker; for all processes of a deployment.
const MOST_ATTEMPTS: usize = 3 * 512;
/// How many lookups before a cancel one process may have running, with those of its deferred cancels.
const MOST_LOOKUPS: usize = 3 * (256 + 64);

/// The core as one process reaches it.
#[derive(Debug)]
pub(crate) struct CoreClient {
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

fn unknown(why: &str) -> ReversalOutcome {
    ReversalOutcome::Unknown(why.to_owned())
}

#[async_trait]
impl FundsGateway for CoreClient {
    async fn reverse(&self, request: &ReversalRequest) -> ReversalOutcome {
        let (world, id) = (&self.world, &request.id);
        self.life.goes_on().await;
        world.enters("core", MOST_ATTEMPTS);
        world.recorder.count("calls of the core");
        world.takes(2, 40).await;
        if world.strikes(FaultKind::KillAtCore, id).is_some() {
            self.life.end();
        }
        self.life.goes_on().await;
        let outcome = self.reverse_or_fail(id).await;
        world.leaves("core");
        self.life.goes_on().await;
        world.trace(format_args!("core {id} {}", outcome.name().as_str()));
        lock(&world.promises).core_ended(id, &outcome);
        outcome
    }
}

impl CoreClient {
    async fn reverse_or_fail(&self, id: &PaymentRequestId) -> ReversalOutcome {
        let world = &self.world;
        let strikes = |kind| world.strikes(kind, id);
        if lock(&world.books).of(id).fails_for_ever || strikes(FaultKind::CoreFailsForEver).is_some() {
            lock(&world.books).of(id).fails_for_ever = true;
            return unknown("the core answers 500");
        }
        if let Some(how) = strikes(FaultKind::CoreDelays) {
            tokio::time::sleep(Duration::from_millis(300 + how % 2_500)).await;
        }
        if strikes(FaultKind::CoreFails).is_some() {
            return unknown("the core cannot be reached");
        }
        if strikes(FaultKind::CoreRefuses).is_some() {
            return ReversalOutcome::Impossible("the account is closed".to_owned());
        }
        let ended = self.end(id);
        if let Some(how) = strikes(FaultKind::CoreFreezes) {
            tokio::time::sleep(Duration::from_millis(2_500 + how % 4_000)).await;
            return unknown("the core did not answer in time");
        }
        if strikes(FaultKind::CoreLosesAnswer).is_some() {
            return unknown("the answer of the core broke off");
        }
        ended
    }

    /// What the core does and says, where it does anything.
    fn end(&self, id: &PaymentRequestId) -> ReversalOutcome {
        let (world, mut books) = (&self.world, lock(&self.world.books));
        let known = books.of(id);
        if known.kept() > 0 && known.closed.is_none() && world.strikes(FaultKind::CoreLies, id).is_some() {
            known.lied = true;
            known.closed = Some(ReversalOutcome::NothingToDo);
            return ReversalOutcome::NothingToDo;
        }
        let gave_back = matches!(known.closed, Some(ReversalOutcome::Done | ReversalOutcome::NothingToDo));
        if gave_back && (known.contradicted || world.strikes(FaultKind::CoreContradicts, id).is_some()) {
            known.contradicted = true;
            return ReversalOutcome::PartlyRefunded(None);
        }
        if world.plant == Some(Plant::CoreGivesTwice) && known.closed == Some(ReversalOutcome::Done) {
            known.reversed += known.taken;
        }
        known.reverse()
    }
}

#[async_trait]
impl Payments for CoreClient {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        let world = &self.world;
        self.life.goes_on().await;
        world.enters("lookup", MOST_LOOKUPS);
        world.recorder.count("lookups");
        world.takes(2, 30).await;
        if let Some(how) = world.strikes(FaultKind::LookupDelays, id) {
            tokio::time::sleep(Duration::from_millis(500 + how % 5_000)).await;
        }
        world.leaves("lookup");
        self.life.goes_on().await;
        let found = self.name(id);
        let says = found.as_ref().map_or("unavailable", |found| if found.is_some() { "found" } else { "not found" });
        world.trace(format_args!("lookup {id} {says}"));
        found
    }
}

impl CoreClient {
    fn name(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        let world = &self.world;
        let strikes = |kind| world.strikes(kind, id).is_some();
        let is_recorded = lock(&world.rules).page(id).is_some_and(|page| page.paid.is_some());
        let mut books = lock(&world.books);
        let known = books.of(id);
        if known.lookup_fails_for_ever || strikes(FaultKind::LookupFailsForEver) {
            known.lookup_fails_for_ever = true;
            return Err(UnavailableError::because("the core answers 500"));
        }
        if strikes(FaultKind::LookupFails) {
            return Err(UnavailableError::because("the core cannot be asked"));
        }
        let Some(mut payment) = known.payment.clone() else { return Ok(None) };
        if strikes(FaultKind::CoreForgets) {
            known.forgotten = true;
            return Ok(None);
        }
        // A first answer that is wrong, or was lost, contradicts nothing that Rescind could know.
        if is_recorded
            && strikes(FaultKind::CoreChangesAmount)
            && let Ok(half) = domain::Money::new(payment.amount.minor().div_euclid(2).max(1), payment.amount.currency())
        {
            payment.amount = half;
        }
        known.named_last = Some(payment.amount.minor());
        Ok(Some(CorePayment { payment, refunded: known.refunded, refund_running: known.refund_running }))
    }
}
