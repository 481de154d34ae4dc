//! Compares sorted transactions with the cases, and with the day's statement, side by side.

use std::collections::{BTreeMap, VecDeque};
use std::io;

use ::ports::{ListedTransaction, LocatedFinding, Page, SettlementStore, SortedTransactions, SourceLine, UnavailableError};
use domain::{
    Case, ClearingDay, Examination, Finding, LineClass, ListedKind, PaymentRequestId, Scope, examine, fee_differs, listed_twice,
    missing, not_known,
};

use super::forms::FamiliarForms;
use super::reading::{Contents, ReadFile};
use super::{Findings, MissingSearch, ReconcileError};
use crate::settlement::PAGE;

/// The cases of a closed day, in the order of their ids.
struct DayCases<'a> {
    days: &'a dyn SettlementStore,
    day: ClearingDay,
    page: VecDeque<Case>,
    after: Option<String>,
    at_end: bool,
}

impl<'a> DayCases<'a> {
    fn of(days: &'a dyn SettlementStore, day: ClearingDay) -> Self {
        Self { days, day, page: VecDeque::new(), after: None, at_end: false }
    }

    /// The next case if `takes` wants it; it stays the next one otherwise.
    async fn next_if(&mut self, takes: impl Fn(&Case) -> bool) -> Result<Option<Case>, UnavailableError> {
        if self.page.is_empty() && !self.at_end {
            let page = Page { limit: PAGE, after: self.after.take() };
            self.page = self.days.accounted(self.day, &page).await?.into();
            self.at_end = self.page.is_empty();
            self.after = self.page.back().map(|case| case.id.to_string());
        }
        Ok(if self.page.front().is_some_and(takes) { self.page.pop_front() } else { None })
    }
}

/// Compares all that was read.
pub(super) async fn compare(
    days: &dyn SettlementStore,
    (scope, search): (Scope, &MissingSearch),
    contents: Contents,
    found: &mut Findings<'_>,
) -> Result<(), ReconcileError> {
    let Contents { sorter, files, forms, .. } = contents;
    let forms = forms.familiar(days).await?;
    let statement = match search {
        MissingSearch::ClosedDay { day, .. } => Some(DayCases::of(days, *day)),
        MissingSearch::CancelledOnly | MissingSearch::NoAmounts | MissingSearch::NoDay | MissingSearch::OpenDay { .. } => None,
    };
    let mut comparison = Comparison { days, scope, files, forms, statement, found, last_settling: None };
    let mut sorted = sorter.sorted()?;
    let mut next_begun = None;
    loop {
        let batch = comparison.next_batch(&mut sorted, &mut next_begun)?;
        if batch.is_empty() {
            break;
        }
        comparison.compare(&batch).await?;
        comparison.found.observer.compared(batch.len() as u64);
    }
    comparison.find_missing_until(None).await
}

struct Comparison<'a, 'b> {
    days: &'a dyn SettlementStore,
    scope: Scope,
    files: Vec<ReadFile>,
    forms: FamiliarForms,
    statement: Option<DayCases<'a>>,
    found: &'a mut Findings<'b>,
    /// The payment or refund that was the last to be listed as settling.
    last_settling: Option<(PaymentRequestId, ListedKind)>,
}

impl Comparison<'_, '_> {
    /// About a page of transactions, all of a payment's together. What is listed again is a finding at once. `next_begun` keeps the first
    /// transaction of the next batch.
    fn next_batch(
        &mut self,
        sorted: &mut SortedTransactions,
        next_begun: &mut Option<ListedTransaction>,
    ) -> io::Result<Vec<ListedTransaction>> {
        let mut batch: Vec<_> = next_begun.take().into_iter().collect();
        while let Some(next) = sorted.next().transpose()? {
            if batch.len() >= PAGE as usize && batch.last().is_some_and(|last| last.id != next.id) {
                *next_begun = Some(next);
                return Ok(batch);
            }
            if let Some(settling) = next.settling() {
                if self.last_settling.as_ref() == Some(&settling) {
                    self.add(&next, &listed_twice(&next.listed))?;
                }
                self.last_settling = Some(settling);
            }
            batch.push(next);
        }
        Ok(batch)
    }

    fn add(&mut self, transaction: &ListedTransaction, finding: &Finding) -> io::Result<()> {
        let source = Some(SourceLine { file: &self.files[transaction.file].name, line: transaction.line });
        self.found.add(&LocatedFinding { id: Some(&transaction.id), finding, source, why: None })
    }

    async fn compare(&mut self, batch: &[ListedTransaction]) -> Result<(), ReconcileError> {
        let payments: Vec<_> = batch.chunk_by(|one, next| one.id == next.id).collect();
        let ids: Vec<_> = payments.iter().filter_map(|of_one| Some(of_one.first()?.id.clone())).collect();
        let cases = self.days.find_all(&ids).await?;
        let cases: BTreeMap<_, _> = cases.into_iter().map(|case| (case.id.clone(), case)).collect();
        for (id, of_one) in ids.iter().zip(payments) {
            self.find_missing_until(Some(id)).await?;
            let settling = of_one.iter().filter(|transaction| self.files[transaction.file].lists_amounts);
            let kinds: Vec<_> = settling.map(|transaction| transaction.listed.kind.clone()).collect();
            self.find_missing_of(id, &kinds).await?;
            let case = cases.get(id);
            of_one.iter().try_for_each(|transaction| self.examine(case, transaction))?;
            case.map_or(Ok(()), |case| self.compare_fees(case, of_one))?;
        }
        Ok(())
    }

    fn examine(&mut self, case: Option<&Case>, transaction: &ListedTransaction) -> io::Result<()> {
        let Examination { class, findings } = examine(case, &transaction.listed, self.scope);
        self.found.lines.add(class);
        let is_odd = class == LineClass::Unknown && self.scope == Scope::CancelledOnly && !self.forms.have(&transaction.id);
        let odd = is_odd.then(|| not_known(&transaction.listed));
        findings.iter().chain(&odd).try_for_each(|finding| self.add(transaction, finding))
    }

    /// A payment has fees of several kinds, with a line for each. Files of fees say in parts what files of amounts say as a whole.
    fn compare_fees(&mut self, case: &Case, of_one: &[ListedTransaction]) -> io::Result<()> {
        if self.scope == Scope::CancelledOnly {
            return Ok(());
        }
        for lists_amounts in [true, false] {
            let is_of = |line: &&ListedTransaction| {
                line.listed.kind == ListedKind::Payment && self.files[line.file].lists_amounts == lists_amounts
            };
            let with_fee: Vec<_> = of_one.iter().filter(is_of).filter(|line| line.listed.fee.is_some()).collect();
            let fees: Vec<_> = with_fee.iter().filter_map(|line| line.listed.fee).collect();
            let differs = with_fee.first().zip(fee_differs(case, &fees));
            differs.map_or(Ok(()), |(first, differs)| self.add(first, &differs))?;
        }
        Ok(())
    }

    /// Finds all that settled, stands before `id`, and is in no file; `None` goes on to the day's end.
    async fn find_missing_until(&mut self, id: Option<&PaymentRequestId>) -> Result<(), ReconcileError> {
        let Some(statement) = &mut self.statement else { return Ok(()) };
        while let Some(case) = statement.next_if(|case| id.is_none_or(|id| case.id < *id)).await? {
            self.found.add_missing(&case, statement.day, &[])?;
        }
        Ok(())
    }

    /// Finds what settled of that payment and is not among what the files list of it.
    async fn find_missing_of(&mut self, id: &PaymentRequestId, listed: &[ListedKind]) -> Result<(), ReconcileError> {
        let Some(statement) = &mut self.statement else { return Ok(()) };
        if let Some(case) = statement.next_if(|case| case.id == *id).await? {
            self.found.add_missing(&case, statement.day, listed)?;
        }
        Ok(())
    }
}

impl Findings<'_> {
    fn add_missing(&mut self, case: &Case, day: ClearingDay, listed: &[ListedKind]) -> io::Result<()> {
        for finding in missing(case, day, listed) {
            self.add(&LocatedFinding { id: Some(&case.id), finding: &finding, source: None, why: None })?;
        }
        Ok(())
    }
}
