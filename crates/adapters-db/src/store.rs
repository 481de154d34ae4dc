//! The cases in a database, as the port promises them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use domain::{AccountId, Case, Command, Currency, Outcome, PaymentRequestId, Terms};
use ports::{Asked, CancellationStore, CaseFile, Page, ReversalFilter, Statement, Unavailable};
use tracing::warn;

use crate::batch::{Found, decide_all};
use crate::dialect::Dialect;
use crate::pool::{Connections, run};
use crate::reads::{HalfBalance, Reads};
use crate::rows::{EntryRow, EventRow};

/// A batch that failed is replayed one by one, but only for so long: past it, its callers are no longer waiting.
const REPLAY_WITHIN: Duration = Duration::from_secs(3);

/// The cases in one database.
pub(crate) struct SqlStore<C: Dialect> {
    terms: Arc<Terms>,
    /// As many connections as batches can be committed at once.
    writers: Connections<C>,
    readers: Connections<C>,
}

impl<C: Dialect> SqlStore<C> {
    pub(crate) fn new(terms: Terms, writers: Connections<C>, readers: Connections<C>) -> Self {
        Self { terms: Arc::new(terms), writers, readers }
    }
}

type Outcomes = Vec<Result<Outcome, Unavailable>>;

/// One batch in one transaction: lock, load, decide, record, commit.
fn decide_batch<C: Dialect>(connection: &mut C, terms: &Terms, batch: &[Asked]) -> Result<Outcomes, DieselError> {
    let ids: BTreeSet<_> = batch.iter().map(|asked| asked.command.id.as_str().to_owned()).collect();
    let opens = batch.iter().filter(|asked| asked.command.action.opens_case());
    let opening: BTreeSet<_> = opens.map(|asked| asked.command.id.as_str().to_owned()).collect();
    let (ids, opening) = (Vec::from_iter(ids), Vec::from_iter(opening));
    connection.writing(|connection| {
        let found = connection.lock_and_load(&ids, &opening)?;
        let received: Vec<Command> = match connection.clock()? {
            Some(now) => batch.iter().map(|asked| asked.as_received(now)).collect(),
            None => batch.iter().map(|asked| asked.command.clone()).collect(),
        };
        let (outcomes, writes) = decide_all(terms, found, &received);
        if !writes.is_empty() {
            connection.write(&writes)?;
        }
        Ok(outcomes)
    })
}

fn unavailable(error: &DieselError) -> Unavailable {
    Unavailable::because(format!("database: {error}"))
}

/// Whether the connection is at fault and not what was asked of it.
fn is_lost(error: &DieselError) -> bool {
    let DieselError::DatabaseError(kind, _) = error else { return false };
    matches!(kind, DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand)
}

/// Decides a batch, and one by one what fails together, so that one command's trouble is its own.
fn decide_or_replay<C: Dialect>(connection: &mut C, terms: &Terms, batch: &[Asked]) -> Outcomes {
    let begun = Instant::now();
    let error = match decide_batch(connection, terms, batch) {
        Ok(outcomes) => return outcomes,
        Err(error) => error,
    };
    if batch.len() == 1 || is_lost(&error) {
        return batch.iter().map(|_| Err(unavailable(&error))).collect();
    }
    warn!(%error, size = batch.len(), "a batch failed and is replayed one by one");
    let alone = |asked| {
        if begun.elapsed() > REPLAY_WITHIN {
            return Err(unavailable(&error));
        }
        let decided = decide_batch(connection, terms, std::slice::from_ref(asked));
        let outcome = decided.map_err(|error| unavailable(&error))?.pop();
        outcome.unwrap_or_else(|| Err(Unavailable::because("a batch of one had no answer")))
    };
    batch.iter().map(alone).collect()
}

fn cases(found: Found) -> Result<Vec<Case>, Unavailable> {
    let case = |(_, _, case): (_, _, Result<Case, _>)| case.map_err(inconsistent);
    found.into_cases().into_iter().map(case).collect()
}

fn inconsistent(inconsistent: impl std::fmt::Display) -> Unavailable {
    Unavailable::because(inconsistent.to_string())
}

/// What is given less what is taken, by currency.
fn balances(halves: &[HalfBalance]) -> Result<BTreeMap<Currency, i128>, Unavailable> {
    let mut balances: BTreeMap<_, i128> = BTreeMap::new();
    for half in halves {
        let currency = Currency::parse(&half.currency).map_err(inconsistent)?;
        let sum = (i128::from(half.high) << 32) + i128::from(half.low);
        let gives = matches!(half.kind.as_str(), "credit" | "release");
        *balances.entry(currency).or_default() += if gives { sum } else { -sum };
    }
    Ok(balances)
}

#[async_trait]
impl<C: Dialect + Reads> CancellationStore for SqlStore<C> {
    async fn decide(&self, batch: Vec<Asked>) -> Outcomes {
        let (terms, size) = (Arc::clone(&self.terms), batch.len());
        let decided = run(self.writers.clone(), move |connection: &mut C| Ok(decide_or_replay(connection, &terms, &batch)));
        decided.await.unwrap_or_else(|unavailable| vec![Err(unavailable); size])
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, Unavailable> {
        let id = id.as_str().to_owned();
        run(self.readers.clone(), move |connection: &mut C| {
            let read =
                connection.transaction(|connection| Ok((connection.load(std::slice::from_ref(&id))?, connection.timeline(&id)?)));
            let (found, timeline) = read.map_err(|error| unavailable(&error))?;
            let Some(case) = cases(found)?.pop().filter(|case| !case.is_unknown()) else { return Ok(None) };
            let entries = timeline.into_iter().map(|row| EventRow::into_entry(row).map_err(inconsistent));
            Ok(Some(CaseFile { case, timeline: entries.collect::<Result<_, _>>()? }))
        })
        .await
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<Statement, Unavailable> {
        let (account, limit) = (account.as_str().to_owned(), i64::from(page.limit));
        // Positions are ours; what is none stands after everything, and its page is empty.
        let after = page.after.as_deref().map_or(0, |after| after.parse().unwrap_or(i64::MAX));
        run(self.readers.clone(), move |connection: &mut C| {
            let read = connection
                .transaction(|connection| Ok((connection.half_balances(&account)?, connection.entries(&account, after, limit)?)));
            let (halves, entries) = read.map_err(|error| unavailable(&error))?;
            let posted = entries.into_iter().map(|row| EntryRow::into_posted(row).map_err(inconsistent));
            Ok(Statement { balances: balances(&halves)?, entries: posted.collect::<Result<_, _>>()? })
        })
        .await
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, Unavailable> {
        let page = page.clone();
        run(self.readers.clone(), move |connection: &mut C| {
            let read = connection.reversal_ids(filter, &page).and_then(|ids| connection.load(&ids));
            cases(read.map_err(|error| unavailable(&error))?)
        })
        .await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, Unavailable> {
        let page = page.clone();
        run(self.readers.clone(), move |connection: &mut C| {
            let read = connection.deferred_ids(&page).and_then(|ids| connection.load(&ids));
            cases(read.map_err(|error| unavailable(&error))?)
        })
        .await
    }

    async fn check(&self) -> Result<(), Unavailable> {
        run(self.writers.clone(), |connection: &mut C| {
            connection.batch_execute("select 1 from cases limit 0").map_err(|error| unavailable(&error))
        })
        .await
    }
}
