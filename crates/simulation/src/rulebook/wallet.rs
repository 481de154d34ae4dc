//! The table of the wallet's commands.

use chrono::{DateTime, Utc};
use domain::{CommandReply, Disposition, OtherAcquirer, PayResult, Payment, Policy, RefundRequest, RefundResult, ReportedResult};

use super::page::{CasePage, Elsewhere, Ended, PaidPage, RefundPage, too_late};

/// Every conflict is one here: why it is one is for people.
const CONFLICT: CommandReply = CommandReply::Conflict("");

const fn done(disposition: Disposition) -> CommandReply {
    CommandReply::Done(disposition)
}

impl PaidPage {
    fn is_same_as(&self, payment: &Payment) -> bool {
        let Self { acquirer, account, amount, settles, kind, initiated, .. } = self;
        let apart = (*initiated - payment.initiated_at).num_microseconds().map_or(u64::MAX, i64::unsigned_abs);
        (acquirer, account, amount) == (&payment.acquirer_id, &payment.account, &payment.amount)
            && (settles, kind) == (&payment.settlement_amount, &payment.kind)
            && apart < 1_000_000
            && too_late(*initiated) == too_late(payment.initiated_at)
    }
}

impl CasePage {
    fn goes_on(&mut self, closed: bool) -> CommandReply {
        self.told |= closed;
        done(if closed { Disposition::Closed } else { Disposition::Proceed })
    }

    pub(super) fn pays(&mut self, payment: &Payment) -> CommandReply {
        let closed = self.is_closed();
        match &self.paid {
            Some(paid) if paid.is_same_as(payment) => self.goes_on(closed),
            Some(_) => CONFLICT,
            None if self.is_strange(&payment.acquirer_id) => CONFLICT,
            None => {
                self.paid = Some(PaidPage::of(payment));
                self.goes_on(closed)
            }
        }
    }

    pub(super) fn ends(&mut self, policy: &Policy, result: &PayResult, at: DateTime<Utc>) -> CommandReply {
        debug_assert_eq!(policy.results.other_acquirer, OtherAcquirer::ParamIllegal);
        let closed = self.is_closed();
        let stands = done(if closed { Disposition::Reversed } else { Disposition::Stands });
        let fenced = self.cancel.is_some();
        let Some(paid) = &mut self.paid else { return CommandReply::NotFound { fenced } };
        let again = (paid.ended, result.result) == (Ended::Badly, ReportedResult::Succeeded);
        if paid.own_id.is_some() && result.payment_id.is_some() && paid.own_id != result.payment_id && !again {
            return CONFLICT;
        }
        match (paid.ended, result.result) {
            (Ended::Well(_), ReportedResult::Failed) => CONFLICT,
            (Ended::Well(_), ReportedResult::Succeeded) => {
                self.told |= closed;
                stands
            }
            (Ended::Badly, ReportedResult::Failed) => done(Disposition::Stands),
            (Ended::NotYet, ReportedResult::Failed) => {
                paid.own_id = result.payment_id.clone();
                paid.ended = Ended::Badly;
                done(Disposition::Stands)
            }
            (Ended::NotYet | Ended::Badly, ReportedResult::Succeeded) => {
                paid.own_id = result.payment_id.clone().or(paid.own_id.take());
                paid.ended = Ended::Well(result.completed_at.max(paid.initiated));
                if closed {
                    self.gives_back(policy, at);
                }
                self.told |= closed;
                stands
            }
        }
    }

    pub(super) fn refunds(&mut self, request: &RefundRequest) -> CommandReply {
        let fenced = self.cancel.is_some();
        let Some(paid) = &self.paid else { return CommandReply::NotFound { fenced } };
        if let Some(known) = self.refunds.iter().find(|known| known.id == request.id) {
            return match known.ended {
                _ if known.amount != request.amount => CONFLICT,
                Ended::Badly => done(Disposition::Refused),
                Ended::NotYet | Ended::Well(_) => done(Disposition::Proceed),
            };
        }
        let left = paid.amount.minor() - self.refunded(true);
        let fits = request.amount.currency() == paid.amount.currency() && request.amount.minor() <= left;
        if self.taken_at().is_none() || self.is_cancelled() || self.is_deferred() || !fits {
            return done(Disposition::Refused);
        }
        let allowed = match self.elsewhere {
            None => left,
            Some(Elsewhere::Everything | Elsewhere::Something) => 0,
            Some(Elsewhere::Much(elsewhere)) => left - elsewhere,
        };
        if request.amount.minor() > allowed {
            return CommandReply::RefundedElsewhere;
        }
        let RefundRequest { id, amount } = request.clone();
        self.refunds.push(RefundPage { id, amount, ended: Ended::NotYet, stated: false });
        done(Disposition::Proceed)
    }

    pub(super) fn ends_refund(&mut self, policy: &Policy, result: &RefundResult, at: DateTime<Utc>) -> CommandReply {
        let fenced = self.paid.is_none() && self.cancel.is_some();
        let Some(known) = self.refunds.iter_mut().find(|known| known.id == result.id) else {
            return CommandReply::NotFound { fenced };
        };
        match (known.ended, result.result) {
            (Ended::Well(_), ReportedResult::Succeeded) | (Ended::Badly, ReportedResult::Failed) => {
                return done(Disposition::Stands);
            }
            (Ended::Well(_), ReportedResult::Failed) | (Ended::Badly, ReportedResult::Succeeded) => return CONFLICT,
            (Ended::NotYet, ReportedResult::Succeeded) => known.ended = Ended::Well(result.completed_at),
            (Ended::NotYet, ReportedResult::Failed) => known.ended = Ended::Badly,
        }
        self.decides_deferred(policy, at);
        done(Disposition::Stands)
    }
}
