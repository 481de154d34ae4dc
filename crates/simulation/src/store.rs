//! The store as one process reaches it: it fails by the seed, and everything that it commits is compared with the rule book.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Action, Case, Command, CommandReply, LeaseReply, PaymentRequestId, Policy, Reply};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, ReceivedCommand,
    ReversalFilter, UnavailableError,
};

use crate::faults::FaultKind;
use crate::life::Life;
use crate::recorder::lock;
use crate::time::timer_now;
use crate::violations::ViolationKind;
use crate::world::World;

/// How many commands are decided in one transaction at most, in every deployment.
pub(crate) const BATCH: usize = 8;

type Outcome = Result<Decided, UnavailableError>;

/// A store that a process reaches.
pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn CancellationStore>,
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
    pub(crate) policy: Policy,
    /// Which process it is.
    pub(crate) number: usize,
}

fn lost(why: &str) -> UnavailableError {
    UnavailableError::because(why)
}

/// Two replies are the same where they say the same to the caller; why something is a conflict is for people.
fn is_same(one: Reply, other: Reply) -> bool {
    matches!((one, other), (Reply::Command(CommandReply::Conflict(_)), Reply::Command(CommandReply::Conflict(_)))) || one == other
}

impl WatchedStore {
    /// The store takes its time, and sometimes far too much of it.
    async fn takes_time(&self) {
        self.life.goes_on().await;
        let number = self.number;
        self.world.takes(1, 6).await;
        if let Some(how) = self.world.strikes(FaultKind::SlowStore, &number) {
            tokio::time::sleep(Duration::from_millis(50 + how % 1_450)).await;
        }
        if let Some(how) = self.world.strikes(FaultKind::FrozenStore, &number) {
            tokio::time::sleep(Duration::from_millis(2_500 + how % 5_500)).await;
        }
        self.life.goes_on().await;
    }

    /// Compares what was committed with the rule book, in the order of the batch.
    fn compare(&self, commands: &[Command], outcomes: &[Outcome]) {
        for (command, outcome) in commands.iter().zip(outcomes) {
            let Ok(decided) = outcome else {
                self.world.violates(ViolationKind::RuleBook, &command.id, "the store did not decide".to_owned());
                continue;
            };
            let expected = lock(&self.world.rules).replies(&self.policy, command, decided.reply);
            self.world.trace(format_args!("p{} {} {} -> {:?}", self.number, command.id, name(command), decided.reply));
            if !is_same(expected, decided.reply) {
                let text = format!("{}: {:?}, and the rule book says {expected:?}", name(command), decided.reply);
                self.world.violates(ViolationKind::RuleBook, &command.id, text);
            }
        }
    }

    async fn dies(&self) -> ! {
        self.life.end();
        std::future::pending().await
    }

    fn read_fails(&self) -> Result<(), UnavailableError> {
        let failed = self.world.strikes(FaultKind::FailedRead, &self.number);
        failed.map_or(Ok(()), |_| Err(lost("the question got lost")))
    }
}

/// A command's name in the trace.
fn name(command: &Command) -> &'static str {
    match &command.action {
        Action::Cancel(_) => "cancel",
        Action::Pay(_) => "pay",
        Action::Result(_) => "result",
        Action::Refund(_) => "refund",
        Action::RefundResult(_) => "refund-result",
        Action::LeaseAttempt => "lease",
        Action::CompleteAttempt(_) => "attempt-end",
        Action::LeaseLookup => "lease-lookup",
        Action::DecideDeferred(_) => "lookup-end",
        Action::LookUpBy(_) => "look-up-by",
        Action::Retry { .. } => "retry",
        Action::Park { .. } => "park",
        Action::Resolve { .. } => "resolve",
        Action::Approve { .. } => "approve",
        Action::Settle(_) => "settle",
        Action::Adopt(_) => "adopt",
    }
}

#[async_trait]
impl CancellationStore for WatchedStore {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Outcome> {
        let (world, number, size) = (&self.world, self.number, batch.len());
        if size > BATCH {
            world.violates(ViolationKind::Unbounded, &number, format!("a batch of {size} commands"));
        }
        self.takes_time().await;
        if world.strikes(FaultKind::LostBeforeCommit, &number).is_some() {
            return vec![Err(lost("the connection was lost before the commit")); size];
        }
        if world.strikes(FaultKind::KillBeforeCommit, &number).is_some() {
            self.dies().await;
        }
        let commands: Vec<_> = batch.iter().map(|received| received.as_received(timer_now(), None)).collect();
        world.recorder.count("commits");
        let outcomes = self.inner.decide(batch).await;
        self.compare(&commands, &outcomes);
        if world.strikes(FaultKind::KillAfterCommit, &number).is_some() {
            self.dies().await;
        }
        if world.strikes(FaultKind::LostAfterCommit, &number).is_some() {
            return vec![Err(lost("the connection was lost after the commit")); size];
        }
        self.life.goes_on().await;
        outcomes
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.life.goes_on().await;
        let leased = self.inner.lease_due(now, limit).await?;
        for LeasedReversal { request, attempt } in &leased {
            let command = Command { id: request.id.clone(), at: now, action: Action::LeaseAttempt };
            let reply = Reply::Lease(LeaseReply::Leased(*attempt));
            self.compare(&[command], &[Ok(Decided { reply, rule: None, parks: false })]);
        }
        if !leased.is_empty() && self.world.strikes(FaultKind::LostLease, &self.number).is_some() {
            return Err(lost("the connection was lost after the leases"));
        }
        Ok(leased)
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.life.goes_on().await;
        let leased = self.inner.lease_lookups(now, limit).await?;
        for LeasedLookup { id, attempt } in &leased {
            let command = Command { id: id.clone(), at: now, action: Action::LeaseLookup };
            let reply = Reply::Lease(LeaseReply::Leased(*attempt));
            self.compare(&[command], &[Ok(Decided { reply, rule: None, parks: false })]);
        }
        if !leased.is_empty() && self.world.strikes(FaultKind::LostLease, &self.number).is_some() {
            return Err(lost("the connection was lost after the leases"));
        }
        Ok(leased)
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.life.goes_on().await;
        self.inner.hasten_lookups(now, within, limit).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.takes_time().await;
        self.read_fails()?;
        self.inner.find(id).await
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.inner.account(account, page).await
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.life.goes_on().await;
        self.read_fails()?;
        self.inner.reversals(filter, page).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.life.goes_on().await;
        self.inner.deferred(page).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.life.goes_on().await;
        self.inner.backlog().await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.life.goes_on().await;
        self.inner.check().await
    }
}
