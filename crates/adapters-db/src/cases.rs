//! The cases in a database, as the port promises them.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::Error as DieselError;
use domain::{AccountId, Case, Currency, EntryKind, PaymentInquiry, PaymentRequestId, ReversalStateName};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, LeasedLookup, LeasedReversal, Page, ReceivedCommand, ReversalFilter,
    StoreState, UnavailableError,
};

use crate::batch::{Outcomes, decide_or_replay};
use crate::engine::{Engine, SqlConnection};
use crate::inquiries::{InquiryReplies, inquire_all};
use crate::leases::{hasten_lookups, lease_due, lease_lookups};
use crate::pool::{Loan, unavailable};
use crate::rows::{CaseKey, EntryRow, EventRow, InconsistentRowError, RowRef, inconsistent};
use crate::store::SqlStore;
use crate::tables::{CaseTables, HalfBalance};
use crate::transaction::{in_transaction, read};

/// A page of cases. It is shorter than its limit only where the list ends: the next case stands in for one that cannot be read.
fn listed<C: CaseTables>(
    connection: &mut C,
    Page { limit, mut after }: Page,
    ids_of: impl Fn(&mut C, &Page) -> Result<Vec<String>, DieselError>,
) -> Result<Vec<Case>, DieselError> {
    let mut cases = Vec::new();
    loop {
        let missing = limit.saturating_sub(u32::try_from(cases.len()).unwrap_or(limit));
        let ids = ids_of(connection, &Page { limit: missing, after })?;
        let is_last = ids.len() < missing as usize;
        after = ids.last().cloned();
        cases.extend(connection.load(&CaseKey::of_all(&ids))?.into_readable("it is left out of a list"));
        if is_last || cases.len() >= limit as usize {
            return Ok(cases);
        }
    }
}

/// What was given less what was taken, by currency.
fn balances(halves: &[HalfBalance]) -> Result<BTreeMap<Currency, i128>, UnavailableError> {
    let mut balances: BTreeMap<_, i128> = BTreeMap::new();
    for half in halves {
        let currency = Currency::parse(&half.currency).map_err(inconsistent)?;
        let sum = (i128::from(half.high) << 32) + i128::from(half.low);
        let change = match EntryKind::parse(&half.kind) {
            Some(EntryKind::Credit | EntryKind::Release) => sum,
            Some(EntryKind::Debit | EntryKind::Hold) => -sum,
            None => return Err(inconsistent(format!("ledger_entries has entries of the unknown kind {}", half.kind))),
        };
        *balances.entry(currency).or_default() += change;
    }
    Ok(balances)
}

/// How long a look at the database may take: who asks whether it is well does not wait as long as who needs it.
const CHECKED_WITHIN: Duration = Duration::from_secs(2);

/// Commits something that is nothing, and asks what time it is.
fn check<C: SqlConnection>(engine: &Engine<C>, loan: &mut Loan<C>) -> Result<Option<DateTime<Utc>>, DieselError> {
    in_transaction(loan, |connection, session| {
        session.check((engine.session_now)(connection)?.as_ref())?;
        (engine.check_writable)(connection, session.history.is_full())?;
        (session.fence)(connection)?;
        (engine.clock)(connection)
    })
    .inspect(|_| loan.parts().1.history.set_full(false))
}

#[async_trait]
impl<C: SqlConnection> CancellationStore for SqlStore<C> {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Outcomes {
        let (store, size) = (self.clone(), batch.len());
        let decided = self.writers.blocking(move |deadline| Ok(decide_or_replay(&store, &batch, deadline))).await;
        decided.unwrap_or_else(|unavailable| vec![Err(unavailable); size])
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        let store = self.clone();
        self.writers.blocking(move |deadline| lease_due(&store, now, limit, deadline)).await
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        let store = self.clone();
        self.writers.blocking(move |deadline| lease_lookups(&store, now, limit, deadline)).await
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        let store = self.clone();
        self.writers.blocking(move |deadline| hasten_lookups(&store, (now, within), limit, deadline)).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        let id = id.clone();
        let found = read(&self.readers, move |connection| {
            let key = CaseKey::from(&id);
            Ok((connection.load(&[key])?, connection.timeline(key)?))
        });
        let (rows, timeline) = found.await?;
        let case = rows.into_cases().pop().map(|loaded| loaded.case.map_err(inconsistent)).transpose()?;
        let Some(case) = case.filter(|case| !case.is_unknown()) else { return Ok(None) };
        let lines = timeline.into_iter().map(EventRow::into_entries).collect::<Result<Vec<_>, _>>().map_err(inconsistent)?;
        Ok(Some(CaseFile { case, timeline: lines.into_iter().flatten().collect() }))
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> InquiryReplies {
        let (store, size) = (self.clone(), batch.len());
        let answered = self.readers.blocking(move |deadline| inquire_all(&store, &batch, deadline)).await;
        answered.unwrap_or_else(|unavailable| vec![Err(unavailable); size])
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        let (account, limit) = (account.as_str().to_owned(), i64::from(page.limit));
        // A position is one that we gave; anything else stands after all entries, and its page is empty.
        let after = page.after.as_deref().map_or(0, |after| after.parse().unwrap_or(i64::MAX));
        let (halves, entries) = read(&self.readers, move |connection| {
            Ok((connection.half_balances(&account)?, connection.entries(&account, after, limit)?))
        })
        .await?;
        let posted = entries.into_iter().map(|row| EntryRow::into_posted(row).map_err(inconsistent));
        Ok(AccountStatement { balances: balances(&halves)?, entries: posted.collect::<Result<_, _>>()? })
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let page = page.clone();
        let ids = move |connection: &mut C, page: &Page| {
            let mut ids = connection.reversal_ids(filter, page)?;
            if filter == ReversalFilter::Parked {
                ids.extend(connection.parked_deferral_ids(page)?);
                ids.sort();
                ids.truncate(page.limit as usize);
            }
            Ok(ids)
        };
        read(&self.readers, move |connection| listed(connection, page, ids)).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let page = page.clone();
        read(&self.readers, move |connection| listed(connection, page, |connection, page| connection.deferred_ids(page))).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        let (counts, unfinished, oldest, oldest_deferred) = read(&self.readers, |connection| {
            let (counts, unfinished) = (connection.count_deferred()?, connection.count_unfinished()?);
            Ok((counts, unfinished, connection.oldest_open()?, connection.oldest_deferred()?))
        })
        .await?;
        let count = |state: ReversalStateName| {
            let counted = unfinished.iter().find(|(of, _)| of == state.as_str());
            counted.map_or(0, |(_, count)| *count)
        };
        let since = |table, column, (id, since): (String, i64)| {
            let row = RowRef { table, id: &id };
            let (id, since) = (row.parsed("payment_request_id", PaymentRequestId::parse(row.id))?, row.moment(column, since)?);
            Ok::<_, InconsistentRowError>((id, since))
        };
        let oldest_open = oldest.map(|oldest| since("reversals", "opened_at", oldest));
        let oldest_deferred = oldest_deferred.map(|oldest| since("deferrals", "since", oldest));
        let whole = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Backlog {
            deferred: whole(counts.deferred - counts.parked),
            open: whole(count(ReversalStateName::Open)),
            parked: whole(count(ReversalStateName::Parked) + counts.parked),
            oldest_open: oldest_open.transpose().map_err(inconsistent)?,
            oldest_deferred: oldest_deferred.transpose().map_err(inconsistent)?,
        })
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        for pool in [&self.readers, &self.writers] {
            pool.observe();
        }
        let (engine, pool) = (self.engine, self.writers.patient(CHECKED_WITHIN));
        let from = pool.clone();
        pool.blocking(move |deadline| check(engine, &mut from.take(deadline)?).map_err(|error| unavailable(&error))).await
    }

    fn state(&self) -> StoreState {
        self.writers.history.state()
    }
}
