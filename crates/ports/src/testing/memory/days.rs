//! Closed days in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Action, Case, ClearingDay, CommandReply, DayClosing, PaymentRequestId, Refund, RefundRequestId, Reply};

use super::store::{Kept, MemoryStore};
use crate::{ClosedDay, DuePosition, Page, SettlementStore, Step, StepOutcome, UnavailableError};

/// When what completed of a case that a closing has to account for: the payment, and each refund. A step counts each of them, as the
/// tables of a database do.
fn due_at(case: &Case, closing: &DayClosing) -> impl Iterator<Item = DateTime<Utc>> {
    let payment = case.completed_at().filter(|_| case.payment_is_due(closing));
    let refunds = case.refunds.iter().filter(|refund| refund.is_due(closing)).filter_map(Refund::completed_at);
    refunds.chain(payment)
}

impl Kept {
    fn due(&self, closing: &DayClosing, step: &Step) -> BTreeSet<DuePosition> {
        let positions = |case: &Case| -> Vec<_> {
            due_at(case, closing).map(|completed_at| DuePosition { completed_at, id: case.id.clone() }).collect()
        };
        let due = self.cases.values().flat_map(|file| positions(&file.case));
        let due: BTreeSet<_> = due.filter(|position| step.after.as_ref().is_none_or(|after| position > after)).collect();
        due.into_iter().take(step.limit as usize).collect()
    }
}

#[async_trait]
impl SettlementStore for MemoryStore {
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError> {
        Ok(self.kept().days.get(&day).and_then(|begun| begun.closed.clone()))
    }

    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError> {
        let kept = self.kept();
        let closed = kept.days.range(..day).rev().filter(|(_, begun)| begun.closed.is_some());
        Ok(DayClosing::following(day, closed.map(|(closed, _)| *closed)))
    }

    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Result<StepOutcome, UnavailableError> {
        let mut kept = self.kept();
        if kept.days.entry(closing.day).or_default().closed.is_some() {
            return Ok(StepOutcome::Closed);
        }
        let due = kept.due(closing, step);
        let at = self.own_now().map_or(step.at, |own_now| step.at.min(own_now));
        let command = |position: &DuePosition| domain::Command { id: position.id.clone(), at, action: Action::Settle(*closing) };
        for position in &due {
            let Some(file) = kept.cases.get(&position.id) else { continue };
            if kept.damaged.contains(&position.id) {
                return Err(UnavailableError::because("the case is damaged"));
            }
            if let Reply::Command(CommandReply::Conflict(why)) =
                domain::decide(&self.policy, &file.case, &command(position)).reply
            {
                return Ok(StepOutcome::Blocked { id: position.id.clone(), why });
            }
        }
        for position in &due {
            let _ = kept.decide(&self.policy, &command(position))?;
        }
        let begun = kept.days.entry(closing.day).or_default();
        begun.revision += i64::from(!due.is_empty());
        Ok(StepOutcome::Taken { last: due.into_iter().next_back(), revision: begun.revision })
    }

    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let accounts = |case: &Case| {
            let payment = case.settlement.is_some_and(|settlement| settlement.day() == day);
            payment || case.refunds.iter().any(|refund| refund.settled_on == Some(day))
        };
        Ok(self.page_of_cases(page, accounts))
    }

    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError> {
        let mut kept = self.kept();
        let begun = kept.days.entry(closed.statement.day).or_default();
        let closes = begun.closed.is_none() && begun.revision == revision;
        if closes {
            begun.closed = Some(closed.clone());
        }
        Ok(closes)
    }

    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError> {
        let kept = self.kept();
        let payment = |case: &Case| case.completed_at().filter(|_| case.settlement.is_none());
        let refund = |refund: &Refund| refund.completed_at().filter(|_| refund.settled_on.is_none());
        let of_case = |case: &Case| payment(case).into_iter().chain(case.refunds.iter().filter_map(refund)).collect::<Vec<_>>();
        let is_open = |day: &ClearingDay| kept.days.get(day).is_none_or(|begun| begun.closed.is_none());
        let accounted_by = |completed_at| {
            let from = std::iter::successors(Some(ClearingDay::of(completed_at)), |day| Some(day.next()));
            from.take_while(|by| *by < day).find(is_open)
        };
        let days: BTreeSet<_> = kept.cases.values().flat_map(|file| of_case(&file.case)).filter_map(accounted_by).collect();
        Ok(days.into_iter().collect())
    }

    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError> {
        let kept = self.kept();
        Ok(ids.iter().filter_map(|id| kept.cases.get(id)).map(|file| file.case.clone()).collect())
    }

    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError> {
        let refunded = |case: &Case| case.refunds.iter().any(|refund| ids.contains(&refund.id));
        Ok(self.page_of_cases(&Page { limit: u32::MAX, after: None }, refunded))
    }
}
