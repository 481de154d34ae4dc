//! Compares sorted transactions with the cases, and with the days' statements, side by side.

use std::collections::{BTreeMap, VecDeque};

use domain::{Case, ClearingDay, Finding, ListedKind, PaymentRequestId, Scope, examine, listed_twice, missing};
use ports::{Page, SettlementStore, UnavailableError};

use super::check::{CheckError, Contents, progress};
use super::report::{Report, SourceLine};
use super::sorting::{Sorted, Transaction};

/// How many transactions, or cases, are in memory at once.
const PAGE: usize = 1_000;

/// The cases of a closed day, in the order of their ids.
struct OfDay<'a> {
    days: &'a dyn SettlementStore,
    day: ClearingDay,
    page: VecDeque<Case>,
    after: Option<String>,
    at_end: bool,
}

impl OfDay<'_> {
    /// The next case if `takes` wants it; it stays the next one otherwise.
    async fn next_if(&mut self, takes: impl Fn(&Case) -> bool) -> Result<Option<Case>, UnavailableError> {
        if self.page.is_empty() && !self.at_end {
            let page = Page { limit: PAGE as u32, after: self.after.take() };
            self.page = self.days.accounted(self.day, &page).await?.into();
            self.at_end = self.page.is_empty();
            self.after = self.page.back().map(|case| case.id.to_string());
        }
        Ok(if self.page.front().is_some_and(takes) { self.page.pop_front() } else { None })
    }
}

/// Compares everything that was read.
pub(super) async fn compare(
    days: &dyn SettlementStore,
    (scope, closed): (Scope, Option<ClearingDay>),
    contents: Contents,
    report: &mut Report,
) -> Result<(), CheckError> {
    let Contents { sorter, files, lines, .. } = contents;
    let of_day = |day: ClearingDay| OfDay { days, day, page: VecDeque::new(), after: None, at_end: false };
    let statement = closed.map(of_day);
    let mut comparison = Comparison { days, scope, files, statement, report, last_settling: None };
    let bar = progress(lines, "comparing {bar:40} {pos}/{len}  {eta}");
    let mut sorted = sorter.finish()?;
    let mut begun = None;
    loop {
        let batch = comparison.next_batch(&mut sorted, &mut begun)?;
        if batch.is_empty() {
            break;
        }
        comparison.compare(&batch).await?;
        bar.inc(batch.len() as u64);
    }
    comparison.miss_until(None).await?;
    bar.finish_and_clear();
    Ok(())
}

struct Comparison<'a> {
    days: &'a dyn SettlementStore,
    scope: Scope,
    files: Vec<(String, bool)>,
    statement: Option<OfDay<'a>>,
    report: &'a mut Report,
    /// What the line said that was the last to say that something settles.
    last_settling: Option<(PaymentRequestId, ListedKind)>,
}

impl Comparison<'_> {
    /// About a page of transactions, all of a payment's together. What is listed again is told of. `begun` keeps the first
    /// transaction of the next batch.
    fn next_batch(&mut self, sorted: &mut Sorted, begun: &mut Option<Transaction>) -> Result<Vec<Transaction>, CheckError> {
        let mut batch: Vec<_> = begun.take().into_iter().collect();
        while let Some(next) = sorted.next()? {
            if batch.len() >= PAGE && batch.last().is_some_and(|last| last.id != next.id) {
                *begun = Some(next);
                return Ok(batch);
            }
            if let Some(settling) = next.settling() {
                if self.last_settling.as_ref() == Some(&settling) {
                    self.found(&next, &listed_twice(&next.listed))?;
                }
                self.last_settling = Some(settling);
            }
            batch.push(next);
        }
        Ok(batch)
    }

    fn found(&mut self, transaction: &Transaction, finding: &Finding) -> Result<(), CheckError> {
        let place = SourceLine { file: &self.files[transaction.file].0, line: transaction.line };
        Ok(self.report.add(Some(&transaction.id), finding, Some(place))?)
    }

    async fn compare(&mut self, batch: &[Transaction]) -> Result<(), CheckError> {
        let payments: Vec<_> = batch.chunk_by(|one, next| one.id == next.id).collect();
        let ids: Vec<_> = payments.iter().filter_map(|of_one| Some(of_one.first()?.id.clone())).collect();
        let cases = self.days.find_all(&ids).await?;
        let cases: BTreeMap<_, _> = cases.into_iter().map(|case| (case.id.clone(), case)).collect();
        for (id, of_one) in ids.iter().zip(payments) {
            self.miss_until(Some(id)).await?;
            let told = of_one.iter().filter(|transaction| self.files[transaction.file].1);
            let kinds: Vec<_> = told.map(|transaction| transaction.listed.kind.clone()).collect();
            self.miss_of(id, &kinds).await?;
            for transaction in of_one {
                for finding in examine(cases.get(id), &transaction.listed, self.scope) {
                    self.found(transaction, &finding)?;
                }
            }
        }
        Ok(())
    }

    /// Tells of all that settled, stands before `id`, and is in no file.
    async fn miss_until(&mut self, id: Option<&PaymentRequestId>) -> Result<(), CheckError> {
        let Some(statement) = &mut self.statement else { return Ok(()) };
        while let Some(case) = statement.next_if(|case| id.is_none_or(|id| case.id < *id)).await? {
            for finding in missing(&case, statement.day, &[]) {
                self.report.add(Some(&case.id), &finding, None)?;
            }
        }
        Ok(())
    }

    /// Tells of what settled of that payment and is not among what the files list of it.
    async fn miss_of(&mut self, id: &PaymentRequestId, listed: &[ListedKind]) -> Result<(), CheckError> {
        let Some(statement) = &mut self.statement else { return Ok(()) };
        if let Some(case) = statement.next_if(|case| case.id == *id).await? {
            for finding in missing(&case, statement.day, listed) {
                self.report.add(Some(&case.id), &finding, None)?;
            }
        }
        Ok(())
    }
}
