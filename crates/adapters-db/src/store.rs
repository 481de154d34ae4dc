//! The cases in a database, as the port promises them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::result::Error as DieselError;
use domain::{AccountId, Case, Command, Currency, PaymentRequestId, Policy};
use metrics::counter;
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedReversal, Page, ReceivedCommand, ReversalFilter,
    UnavailableError,
};
use tracing::{error, warn};

use crate::batch::{BatchResult, LoadedRows, decide_all};
use crate::dialect::Dialect;
use crate::leases::lease_due;
use crate::pool::{Connections, blocking, unavailable};
use crate::reads::{HalfBalance, Reads};
use crate::rows::{EntryRow, EventRow};

/// A batch that failed is replayed one by one, but only for so long: past it, its callers are no longer waiting.
const REPLAY_WITHIN: Duration = Duration::from_secs(3);

/// The cases in one database.
pub(crate) struct SqlStore<C: Dialect> {
    pub(crate) policy: Arc<Policy>,
    /// As many connections as batches can be committed at once.
    pub(crate) writers: Connections<C>,
    pub(crate) readers: Connections<C>,
}

impl<C: Dialect> SqlStore<C> {
    pub(crate) fn new(policy: Policy, writers: Connections<C>, readers: Connections<C>) -> Self {
        Self { policy: Arc::new(policy), writers, readers }
    }
}

type Outcomes = Vec<Result<Decided, UnavailableError>>;

/// One batch in one transaction: lock, load, decide, record, commit.
fn decide_batch<C: Dialect>(connection: &mut C, policy: &Policy, batch: &[ReceivedCommand]) -> Result<Outcomes, DieselError> {
    let ids: BTreeSet<_> = batch.iter().map(|asked| asked.command.id.as_str().to_owned()).collect();
    let opens = batch.iter().filter(|asked| asked.command.action.opens_case());
    let opening: BTreeSet<_> = opens.map(|asked| asked.command.id.as_str().to_owned()).collect();
    let (ids, opening) = (Vec::from_iter(ids), Vec::from_iter(opening));
    let (outcomes, metrics) = in_transaction(connection, |connection| {
        let found = connection.lock_and_load(&ids, &opening)?;
        let now = connection.clock()?;
        let received: Vec<Command> = batch.iter().map(|asked| asked.as_received(now)).collect();
        let BatchResult { outcomes, writes, metrics } = decide_all(policy, found, &received);
        if !writes.is_empty() {
            connection.write(&writes)?;
        }
        Ok((outcomes, metrics))
    })?;
    metrics.committed(batch);
    Ok(outcomes)
}

/// A transaction that may write, and whose failure is told by its first cause: a full disk or a lost server makes the rollback
/// fail as well, and diesel would tell of nothing else.
pub(crate) fn in_transaction<C: Dialect, T>(
    connection: &mut C,
    work: impl FnOnce(&mut C) -> Result<T, DieselError>,
) -> Result<T, DieselError> {
    let mut cause = None;
    let done = connection.writing(|connection| {
        work(connection).map_err(|error| {
            cause = Some(error);
            DieselError::RollbackTransaction
        })
    });
    done.map_err(|error| cause.unwrap_or(error))
}

/// Decides a batch, and one by one what fails together, so that one command's trouble is its own. It is safe whatever the failure
/// was: what was rolled back is decided for the first time, and what was committed without our hearing of it is read back.
fn decide_or_replay<C: Dialect>(pool: &Connections<C>, policy: &Policy, batch: &[ReceivedCommand]) -> Outcomes {
    let begun = Instant::now();
    let reason = match pool.take().map(|mut connection| decide_batch(&mut *connection, policy, batch)) {
        Ok(Ok(outcomes)) => return outcomes,
        Ok(Err(error)) => unavailable(&error),
        Err(unreachable) => return vec![Err(unreachable); batch.len()],
    };
    warn!(error = %reason, size = batch.len(), "a batch failed and is replayed one by one");
    counter!("rescind_batch_replays_total").increment(1);
    let mut in_trouble = BTreeSet::new();
    let mut alone = |asked: &ReceivedCommand| {
        // What a case cannot do now it cannot do a moment later: its repeats must not use up the time of the others.
        if begun.elapsed() > REPLAY_WITHIN || in_trouble.contains(&asked.command.id) {
            return Err(reason.clone());
        }
        // A connection of its own: the last one may be lost.
        let decided = decide_batch(&mut *pool.take()?, policy, std::slice::from_ref(asked));
        let outcome = decided.map_err(|error| {
            in_trouble.insert(asked.command.id.clone());
            unavailable(&error)
        });
        outcome?.pop().unwrap_or_else(|| Err(UnavailableError::because("a batch of one had no answer")))
    };
    batch.iter().map(&mut alone).collect()
}

/// The cases that can be read. One that cannot must not hide the others from whoever has to act on them.
pub(crate) fn readable(found: LoadedRows, otherwise: &'static str) -> Vec<Case> {
    let readable = |(id, _, case): (String, _, Result<Case, _>)| {
        case.inspect_err(|inconsistent| error!(payment_request_id = %id, error = %inconsistent, "{otherwise}")).ok()
    };
    found.into_cases().into_iter().filter_map(readable).collect()
}

/// A page of cases, which is shorter than its limit only where the list ends: in the place of one that cannot be read stands the next.
fn listed<C: Reads>(
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
        cases.extend(readable(connection.load(&ids)?, "left out of a list"));
        if is_last || cases.len() >= limit as usize {
            return Ok(cases);
        }
    }
}

pub(crate) fn inconsistent(inconsistent: impl std::fmt::Display) -> UnavailableError {
    UnavailableError::because(inconsistent.to_string())
}

/// What is given less what is taken, by currency.
fn balances(halves: &[HalfBalance]) -> Result<BTreeMap<Currency, i128>, UnavailableError> {
    let mut balances: BTreeMap<_, i128> = BTreeMap::new();
    for half in halves {
        let currency = Currency::parse(&half.currency).map_err(inconsistent)?;
        let sum = (i128::from(half.high) << 32) + i128::from(half.low);
        let gives = matches!(half.kind.as_str(), "credit" | "release");
        *balances.entry(currency).or_default() += if gives { sum } else { -sum };
    }
    Ok(balances)
}

/// Reads one state of the database, with however many queries.
pub(crate) async fn read<C, T, W>(pool: &Connections<C>, work: W) -> Result<T, UnavailableError>
where
    C: Dialect,
    T: Send + 'static,
    W: FnOnce(&mut C) -> Result<T, DieselError> + Send + 'static,
{
    let pool = pool.clone();
    blocking(move || pool.take()?.reading(work).map_err(|error| unavailable(&error))).await
}

#[async_trait]
impl<C: Dialect + Reads> CancellationStore for SqlStore<C> {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Outcomes {
        let (pool, policy, size) = (self.writers.clone(), Arc::clone(&self.policy), batch.len());
        let decided = blocking(move || Ok(decide_or_replay(&pool, &policy, &batch))).await;
        decided.unwrap_or_else(|unavailable| vec![Err(unavailable); size])
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        let (pool, policy) = (self.writers.clone(), Arc::clone(&self.policy));
        blocking(move || lease_due(&pool, &policy, now, limit)).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        let id = id.as_str().to_owned();
        let (found, timeline) =
            read(&self.readers, move |connection| Ok((connection.load(std::slice::from_ref(&id))?, connection.timeline(&id)?)))
                .await?;
        let case = found.into_cases().pop().map(|(_, _, case)| case.map_err(inconsistent)).transpose()?;
        let Some(case) = case.filter(|case| !case.is_unknown()) else { return Ok(None) };
        let entries = timeline.into_iter().map(|row| EventRow::into_entry(row).map_err(inconsistent));
        Ok(Some(CaseFile { case, timeline: entries.collect::<Result<_, _>>()? }))
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        let (account, limit) = (account.as_str().to_owned(), i64::from(page.limit));
        // Positions are ours; what is none stands after everything, and its page is empty.
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
        read(&self.readers, move |connection| listed(connection, page, |connection, page| connection.reversal_ids(filter, page)))
            .await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let page = page.clone();
        read(&self.readers, move |connection| listed(connection, page, C::deferred_ids)).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        let (deferred, reversal_request, oldest) = read(&self.readers, |connection| {
            Ok((connection.count_deferred()?, connection.count_unfinished()?, connection.oldest_open()?))
        })
        .await?;
        let count = |state: &str| reversal_request.iter().find(|(of, _)| of == state).map_or(0, |(_, count)| *count);
        let oldest_open = oldest.map(|(id, opened_at)| {
            let id = PaymentRequestId::parse(id).map_err(inconsistent)?;
            let opened_at = DateTime::from_timestamp_micros(opened_at).ok_or_else(|| inconsistent("opened_at"))?;
            Ok::<_, UnavailableError>((id, opened_at))
        });
        let whole = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(Backlog {
            deferred: whole(deferred),
            open: whole(count("open")),
            parked: whole(count("parked")),
            oldest_open: oldest_open.transpose()?,
        })
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        let pool = self.writers.clone();
        for pool in [&self.readers, &self.writers] {
            pool.observe();
        }
        let check = |connection: &mut C| connection.check_writable().and_then(|()| connection.clock());
        blocking(move || check(&mut *pool.take()?).map_err(|error| unavailable(&error))).await
    }
}
