//! The rule book as a model of its own, written from the pages and not from the code: what every command must be replied. It sees the
//! commands in the order in which the store committed them.

mod cancel;
mod duty;
mod page;
mod wallet;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Action, ClearingDay, Command, CommandReply, DayClosing, Disposition, PaymentRequestId, Policy, Reply};

pub(crate) use page::{CasePage, Ended, too_late};

/// All cases of a deployment as they must be.
#[derive(Debug, Default)]
pub(crate) struct RuleBook(BTreeMap<PaymentRequestId, CasePage>);

impl RuleBook {
    /// The reply that the rule book gives, which takes its page on. `said` is what the store replied: it counts where the book cannot tell
    /// whether anything stands in the timeline since a resolution was asked for.
    pub(crate) fn replies(&mut self, policy: &Policy, command: &Command, said: Reply) -> Reply {
        let Command { id, at, action } = command;
        let mut page = self.0.get(id).cloned().unwrap_or_default();
        let reply = match action {
            Action::Cancel(cancel) => page.cancels(policy, cancel, *at).into(),
            Action::Pay(payment) => page.pays(payment).into(),
            Action::Result(result) => page.ends(policy, result, *at).into(),
            Action::Refund(refund) => page.refunds(refund).into(),
            Action::RefundResult(result) => page.ends_refund(policy, result, *at).into(),
            Action::CompleteAttempt(end) => page.completes(policy, end, *at).into(),
            Action::LeaseAttempt => page.leases(policy, *at).into(),
            Action::LeaseLookup => page.leases_lookup().into(),
            Action::DecideDeferred(end) => page.is_looked_up(policy, end, *at).into(),
            // When it is due is not looked at here.
            Action::LookUpBy(_) => CommandReply::Done(Disposition::Stands).into(),
            Action::Retry { .. } => page.retries(policy, *at).into(),
            Action::Park { .. } => page.parks(*at).into(),
            Action::Resolve { by, .. } => page.resolves(policy, by).into(),
            Action::Approve { by } => page.approves(by, said).into(),
            // A day's steps are not single commands here: see `states`.
            Action::Settle(_) | Action::Adopt(_) => CommandReply::Done(Disposition::Stands).into(),
        };
        page.forgets_what_was_asked(action);
        if page.paid.is_some() || page.cancel.is_some() {
            self.0.insert(id.clone(), page);
        }
        reply
    }

    /// What is known of this payment request.
    pub(crate) fn page(&self, id: &PaymentRequestId) -> Option<&CasePage> {
        self.0.get(id)
    }

    pub(crate) fn pages(&self) -> impl Iterator<Item = (&PaymentRequestId, &CasePage)> {
        self.0.iter()
    }

    /// A step of a closing assigned everything that is due until `last`.
    pub(crate) fn states(&mut self, closing: &DayClosing, last: &(DateTime<Utc>, PaymentRequestId)) {
        for (id, page) in &mut self.0 {
            let due_at = page.due_at(closing);
            if due_at.is_some_and(|at| (at, id) <= (last.0, &last.1)) {
                page.account(closing);
            }
        }
    }

    /// What is left with the merchants' side, by account: what the ledger has to say, negated.
    pub(crate) fn balances(&self) -> BTreeMap<String, i128> {
        let mut balances: BTreeMap<String, i128> = BTreeMap::new();
        for page in self.0.values() {
            if let Some(paid) = page.paid.as_ref().filter(|_| page.taken_at().is_some()) {
                let back = if page.is_cancelled() { paid.amount.minor() } else { page.refunded(false) };
                let change = i128::from(back) - i128::from(paid.amount.minor());
                *balances.entry(paid.account.to_string()).or_default() += change;
            }
        }
        balances
    }
}

impl CasePage {
    /// When the first of what is due completed.
    fn due_at(&self, closing: &DayClosing) -> Option<DateTime<Utc>> {
        let within = |at: &DateTime<Utc>| (closing.first..=closing.day).contains(&ClearingDay::of(*at));
        let payment = self.taken_at().filter(|_| self.accounted.is_none()).filter(within);
        let refunds = self.refunds.iter().filter(|refund| !refund.stated).filter_map(|refund| match refund.ended {
            Ended::Well(at) => Some(at).filter(within),
            Ended::NotYet | Ended::Badly => None,
        });
        payment.into_iter().chain(refunds).min()
    }

    fn account(&mut self, closing: &DayClosing) {
        let within = |at: DateTime<Utc>| (closing.first..=closing.day).contains(&ClearingDay::of(at));
        if self.accounted.is_none() && self.taken_at().is_some_and(within) {
            self.accounted = Some((closing.day, !self.is_cancelled()));
        }
        for refund in &mut self.refunds {
            if let Ended::Well(at) = refund.ended {
                refund.stated |= within(at);
            }
        }
    }
}
