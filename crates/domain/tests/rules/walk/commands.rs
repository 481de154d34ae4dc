//! What may happen to one case, at each moment of its life.

use chrono::TimeDelta;
use domain::{
    Action, Cancel, Command, CorePayment, FundsKind, Lookup, LookupAttempt, LookupEnd, PayResult, Payment, PaymentId,
    PaymentRequestId, PaymentStatus, Policy, ReportedResult, ReversalOutcome,
};

use crate::fixtures::{
    ACQUIRER, NOON, OTHER_ACQUIRER, acquirer, at, closing, closing_of, good, jpy, park, payment, policy, refund_ended, refund_of,
    retry,
};

/// In the period; the lease of the moment before is over; one minute after the period's end, at 00:31 UTC+8; an hour later.
pub(super) const MOMENTS: [&str; 4] =
    ["2026-03-01T12:01:00Z", "2026-03-01T12:01:05Z", "2026-03-01T16:31:00Z", "2026-03-01T17:31:00Z"];
pub(super) const ID: &str = "20200101234567890132";

/// What is walked, and how far.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) policy: Policy,
    /// Payments are looked up at the wallet core, which answers a cancel's lookup in any way it can.
    pub(super) looks_up: bool,
    /// Attempts beyond this number are looked at, but not followed.
    pub(super) attempts: u32,
    /// Ids and amounts of the refunds that the wallet may want, of a payment of 2.
    pub(super) refunds: &'static [(&'static str, i64)],
}

pub(super) const ONE_REFUND: &[(&str, i64)] = &[("r1", 1), ("r1", 2)];
pub(super) const TWO_REFUNDS: &[(&str, i64)] = &[("r1", 1), ("r1", 2), ("r2", 1)];

impl World {
    pub(super) fn with_ledger() -> Self {
        Self { policy: policy(FundsKind::Ledger), looks_up: false, attempts: 1, refunds: TWO_REFUNDS }
    }

    pub(super) fn with_core(attempts: u32, refunds: &'static [(&'static str, i64)]) -> Self {
        Self { policy: policy(FundsKind::Http), looks_up: false, attempts, refunds }
    }

    pub(super) fn with_payments_at_core(attempts: u32, refunds: &'static [(&'static str, i64)]) -> Self {
        Self { looks_up: true, ..Self::with_core(attempts, refunds) }
    }

    /// Everything that may be asked at a moment, the ends of attempts last and in the order of their numbers.
    pub(super) fn commands(&self, moment: usize) -> Commands {
        let now = at(MOMENTS[moment]);
        let mut all: Vec<Command> = self.actions().into_iter().map(|action| command(now, action)).collect();
        let first = at(MOMENTS[0]);
        if moment > 1 {
            all.extend(self.late(now - first).into_iter().map(|action| command(first, action)));
        }
        let before_ends = all.len();
        let ends = (1..=self.attempts).flat_map(|attempt| outcomes().map(|outcome| closing(attempt, outcome)));
        all.extend(ends.map(|action| command(now, action)));
        Commands { all, before_ends }
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = vec![Action::Pay(whole()), success(), failure(), Action::LeaseAttempt, retry(), resolve()];
        actions.push(park());
        if self.policy.four_eyes {
            actions.extend(["ann", "bob"].map(|by| Action::Approve { by: by.into() }));
        }
        actions.extend([Action::Settle(closing_of("2026-03-01")), Action::Settle(closing_of("2026-03-02"))]);
        actions.extend(self.refunds.iter().map(|(id, minor)| refund_of(id, *minor)));
        let mut ids: Vec<_> = self.refunds.iter().map(|(id, _)| *id).collect();
        ids.dedup();
        let ends = [ReportedResult::Succeeded, ReportedResult::Failed];
        actions.extend(ids.iter().flat_map(|id| ends.map(|end| refund_ended(id, end))));
        let cancels = |id| self.lookups().into_iter().map(move |lookup| Action::Cancel(Cancel::now(acquirer(id), lookup)));
        actions.extend([ACQUIRER, OTHER_ACQUIRER].into_iter().flat_map(cancels));
        actions.push(Action::Park { note: "look into it".into(), by: "ann".into() });
        if self.looks_up {
            let decided = self.lookups().into_iter().filter(|lookup| *lookup != Lookup::NotYet);
            let ended = |lookup| Action::DecideDeferred(LookupEnd { lookup, attempt: LookupAttempt::FIRST });
            actions.push(Action::LeaseLookup);
            actions.extend(decided.map(ended));
        }
        actions
    }

    /// Cancels that came in the first moment, and are decided beside repeats that came later.
    fn late(&self, waited: TimeDelta) -> Vec<Action> {
        let lookup = if self.looks_up { found(whole_succeeded(), 0) } else { Lookup::Recorded };
        let cancel = |id| Action::Cancel(Cancel { waited, ..Cancel::now(acquirer(id), lookup.clone()) });
        [ACQUIRER, OTHER_ACQUIRER].map(cancel).into()
    }

    fn lookups(&self) -> Vec<Lookup> {
        if !self.looks_up {
            return vec![Lookup::Recorded];
        }
        let running = CorePayment { payment: whole_succeeded(), refunded: 0, refund_running: true };
        vec![
            Lookup::NotYet,
            Lookup::Recorded,
            Lookup::Failed("no answer".into()),
            found(whole(), 0),
            found(Payment { status: PaymentStatus::Failed { completed_at: at(NOON) }, ..whole() }, 0),
            found(whole_succeeded(), 0),
            found(whole_succeeded(), 1),
            found(whole_succeeded(), 2),
            found(Payment { amount: jpy(3), ..whole_succeeded() }, 0),
            Lookup::Found(Box::new(running)),
        ]
    }
}

/// The commands of one moment.
pub(super) struct Commands {
    all: Vec<Command>,
    before_ends: usize,
}

impl Commands {
    /// Those that can come where so many attempts were begun.
    pub(super) fn after(&self, attempts: u32) -> &[Command] {
        &self.all[..self.before_ends + outcomes().len() * attempts as usize]
    }
}

fn command(at: chrono::DateTime<chrono::Utc>, action: Action) -> Command {
    Command { id: good(PaymentRequestId::parse(ID)), at, action }
}

fn outcomes() -> [ReversalOutcome; 6] {
    [
        ReversalOutcome::Done,
        ReversalOutcome::NothingToDo,
        ReversalOutcome::PartlyRefunded(None),
        ReversalOutcome::FullyRefunded,
        ReversalOutcome::Impossible("no".into()),
        ReversalOutcome::Unknown("no".into()),
    ]
}

fn whole() -> Payment {
    Payment { amount: jpy(2), ..payment() }
}

fn whole_succeeded() -> Payment {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    Payment { payment_id, status: PaymentStatus::Succeeded { completed_at: at(NOON), fee: Some(jpy(1)) }, ..whole() }
}

fn found(payment: Payment, refunded: i64) -> Lookup {
    Lookup::Found(Box::new(CorePayment { payment, refunded, refund_running: false }))
}

fn success() -> Action {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    Action::Result(PayResult { result: ReportedResult::Succeeded, completed_at: at(NOON), payment_id, fee: Some(jpy(1)) })
}

fn failure() -> Action {
    Action::Result(PayResult { result: ReportedResult::Failed, completed_at: at(NOON), payment_id: None, fee: None })
}

fn resolve() -> Action {
    Action::Resolve { note: "paid by hand".into(), by: "ann".into() }
}

/// A command in the words of a trace.
pub(super) fn in_words(command: &Command) -> String {
    let what = match &command.action {
        Action::Cancel(cancel) => {
            let who = if cancel.acquirer_id.as_str() == ACQUIRER { "A" } else { "B" };
            let waited = if cancel.waited.is_zero() { "" } else { ", decided late" };
            format!("cancel by {who}, lookup {}{waited}", lookup_in_words(&cancel.lookup))
        }
        Action::Pay(_) => "pay".into(),
        Action::Result(result) => format!("payment {:?}", result.result),
        Action::Refund(refund) => format!("refund {} of {}", refund.id, refund.amount),
        Action::RefundResult(result) => format!("refund {} {:?}", result.id, result.result),
        Action::LeaseAttempt => "a worker asks for the next attempt".into(),
        Action::CompleteAttempt(end) => format!("attempt {} ends: {}", end.attempt, end.outcome.name()),
        Action::LeaseLookup => "a worker asks for the next lookup".into(),
        Action::DecideDeferred(end) => format!("lookup of a worker {}", lookup_in_words(&end.lookup)),
        Action::LookUpBy(_) => "the next lookup comes sooner".into(),
        Action::Retry { .. } => "retry".into(),
        Action::Park { .. } => "park".into(),
        Action::Resolve { .. } => "resolve".into(),
        Action::Approve { .. } => "approve".into(),
        Action::Settle(closing) => format!("close {}", closing.day),
        Action::Adopt(_) => "adopt".into(),
    };
    format!("{} {what}", command.at.format("%H:%M:%S"))
}

fn lookup_in_words(lookup: &Lookup) -> String {
    match lookup {
        Lookup::Recorded => "finds nothing new".into(),
        Lookup::NotYet => "to come".into(),
        Lookup::Failed(_) => "failed".into(),
        Lookup::Found(found) => {
            let running = if found.refund_running { ", a refund running" } else { "" };
            let CorePayment { payment, refunded, .. } = &**found;
            format!("finds {} of {}, {refunded} refunded{running}", payment.status.name(), payment.amount)
        }
    }
}
